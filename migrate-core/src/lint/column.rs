//! Rules for new columns: the cost of each clause by itself.

use super::blocking::{Part, of_constraint};
use super::rule::{Rule, family};
use crate::sql::statement::{ColumnDefinition, DefaultClause, Span};
use std::borrow::Cow;

family! {
    VOLATILE_DEFAULT = "volatile-default", Dangerous, "all",
        happens: "Everyone who uses the table waits while it is written anew.",
        why: "A default that is another value for each row has to be stored in each row, under ACCESS EXCLUSIVE.",
        safe: "Add the column without it, SET DEFAULT, fill the rows in batches.",
        silent: "The default is one value for all rows: a constant, now(), lower('X').";
    SERIAL_COLUMN = "serial-column", Dangerous, "all",
        happens: "Everyone who uses the table waits while each row gets a number.",
        why: "A serial column has a default of nextval(), which is another value for each row.",
        safe: "Add a bigint column without a default, create the sequence, SET DEFAULT nextval(…), fill the rows in batches.",
        silent: "The table is new.";
    IDENTITY_COLUMN = "identity-column", Dangerous, "all",
        happens: "Everyone who uses the table waits while each row gets a number.",
        why: "An identity column takes its values from a sequence.",
        safe: "Add a bigint column, fill the rows in batches, make it NOT NULL, and ADD GENERATED … AS IDENTITY.",
        silent: "The table is new.";
    STORED_GENERATED_COLUMN = "stored-generated-column", Dangerous, "all",
        happens: "Everyone who uses the table waits while the value of each row is computed and stored.",
        why: "The table is written anew under ACCESS EXCLUSIVE.",
        safe: "Use a VIRTUAL column (since PostgreSQL 18), or an ordinary column that a trigger fills, and fill the rows in batches.",
        silent: "The table is new, or the column is VIRTUAL.";
    CONSTRAINED_DOMAIN_COLUMN = "constrained-domain-column", Dangerous, "all",
        happens: "Everyone who uses the table waits while it is written anew.",
        why: "A domain with a constraint has to be checked for each row, even where it is null.",
        safe: "Add a column of the type under the domain, with a CHECK NOT VALID on the table, and VALIDATE it in a later script.",
        silent: "The type is one of PostgreSQL's own, or a domain without a constraint.";
}

/// Functions of PostgreSQL's own that defaults often call, and that give one value to all rows of a statement; sorted. Its schema is
/// searched before all others.
const ONE_VALUE: [&str; 24] = [
    "array_fill",
    "coalesce",
    "concat",
    "current_setting",
    "date_trunc",
    "decode",
    "encode",
    "format",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "lower",
    "make_date",
    "make_interval",
    "md5",
    "now",
    "repeat",
    "statement_timestamp",
    "timezone",
    "to_jsonb",
    "to_timestamp",
    "transaction_timestamp",
    "upper",
];

/// True if a default is known, by the functions that it calls, to be one value for all rows.
fn is_one_value(default: &DefaultClause<'_>) -> bool {
    default.expression.calls().iter().all(|call| {
        let is_own = call.schema().is_none_or(|schema| schema.folded() == "pg_catalog");
        is_own && ONE_VALUE.binary_search(&&*call.name().folded()).is_ok()
    })
}

/// The clauses of a new column, each as a statement that adds a column with nothing else.
pub(super) fn parts<'a>(
    text: &'a str,
    prefix: &'a str,
    table: &str,
    column: &ColumnDefinition<'a>,
    if_not_exists: bool,
) -> Vec<Part<'a>> {
    let there = if if_not_exists { "IF NOT EXISTS " } else { "" };
    let name = column.name;
    let part = |rule: &'static Rule, of_type: &str, clause: &str, span: Span| Part {
        rule,
        statement: Cow::Owned(format!("{prefix}ADD COLUMN {there}{name} {of_type} {clause}")),
        span,
        subject: format!("{table}.{name}"),
    };
    let mut parts = Vec::new();
    if let Some(type_name) = &column.type_name {
        let rule = if type_name.is_serial() { &SERIAL_COLUMN } else { &CONSTRAINED_DOMAIN_COLUMN };
        parts.push(part(rule, type_name.span.text(text), "", column.span));
    }
    let clause = |rule, span: Span| part(rule, "int", span.text(text), span);
    let defaults = column.default.iter().filter(|default| !is_one_value(default));
    parts.extend(defaults.map(|default| clause(&VOLATILE_DEFAULT, default.span)));
    parts.extend(column.identity.iter().map(|identity| clause(&IDENTITY_COLUMN, identity.span)));
    parts.extend(column.generated.iter().map(|generated| clause(&STORED_GENERATED_COLUMN, generated.span)));
    for constraint in &column.constraints {
        // Only with a default is there a row to be looked up.
        let default = column.default.as_ref().map_or("", |_| "DEFAULT 1 ");
        let alone = format!("{default}{}", constraint.span.text(text));
        parts.push(part(of_constraint(constraint), "int", &alone, constraint.span));
    }
    parts
}

#[cfg(test)]
mod tests {
    #[test]
    fn functions_of_one_value_can_be_found_and_are_not_volatile() {
        assert!(super::ONE_VALUE.is_sorted());
        let volatile = crate::sql::facts::VOLATILE_FUNCTIONS;
        assert!(super::ONE_VALUE.iter().all(|name| volatile.binary_search(name).is_err()));
    }
}
