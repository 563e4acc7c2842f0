//! Rules for new columns: the cost of each clause of the definition.

use super::blocking::{Part, of_constraint};
use super::rule::{Rule, family};
use crate::sql::statement::{ColumnDefinition, DefaultClause, Span};

family! {
    Blocking, default;
    VOLATILE_DEFAULT = "volatile-default", Dangerous, "all",
        happens: "Blocks all access to the table until it is rewritten.",
        why: "A volatile default has a different value for each row. Storing the values rewrites the table under ACCESS EXCLUSIVE.",
        safe: "Add the column without the default, SET DEFAULT, then fill the rows in batches.",
        silent: "The default has one value for all rows: a constant, now(), lower('X').";
    SERIAL_COLUMN = "serial-column", Dangerous, "all",
        happens: "Blocks all access to the table while every row is numbered.",
        why: "A serial column has the default nextval(), which has a different value for each row.",
        safe: "Add a bigint column without a default, create the sequence, SET DEFAULT nextval(…), then fill the rows in batches.",
        silent: "The table is new.";
    IDENTITY_COLUMN = "identity-column", Dangerous, "all",
        happens: "Blocks all access to the table while every row is numbered.",
        why: "An identity column takes its values from a sequence.",
        safe: "Add a bigint column, fill the rows in batches, make it NOT NULL, then ADD GENERATED … AS IDENTITY.",
        silent: "The table is new.";
    STORED_GENERATED_COLUMN = "stored-generated-column", Dangerous, "all",
        happens: "Blocks all access to the table while the value of every row is computed and stored.",
        why: "The table is rewritten under ACCESS EXCLUSIVE.",
        safe: "Use a VIRTUAL column (since PostgreSQL 18), or an ordinary column that a trigger fills, and fill the existing \
               rows in batches.",
        silent: "The table is new, or the column is VIRTUAL.";
    CONSTRAINED_DOMAIN_COLUMN = "constrained-domain-column", Dangerous, "all",
        happens: "Blocks all access to the table until it is rewritten.",
        why: "A domain with a constraint is checked for every row, even if the value is null.",
        safe: "Add a column of the domain's underlying type, with a NOT VALID CHECK on the table, and validate the CHECK in a \
               later script.",
        silent: "The type is built in, or is a domain without a constraint.";
}

/// Built-in functions that defaults often call and that return one value for all rows of a statement; sorted.
/// `pg_catalog` is searched before all other schemas.
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

/// True if the functions that a default calls show that it has one value for all rows.
fn is_one_value(default: &DefaultClause<'_>) -> bool {
    default.expression.calls().iter().all(|call| {
        let is_own = call.schema().is_none_or(|schema| schema.folded() == "pg_catalog");
        is_own && ONE_VALUE.binary_search(&&*call.name().folded()).is_ok()
    })
}

/// Splits a column definition into its clauses, each as a statement that adds a column with only that clause.
pub(super) fn parts(
    text: &str,
    prefix: &str,
    table: &str,
    column: &ColumnDefinition<'_>,
    if_not_exists: bool,
) -> Vec<Part> {
    let there = if if_not_exists { "IF NOT EXISTS " } else { "" };
    let name = column.name;
    let part = |rule: &'static Rule, of_type: &str, clause: &str, span: Span| Part {
        rule,
        statement: Some(format!("{prefix}ADD COLUMN {there}{name} {of_type} {clause}")),
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
        // Without a default the new column is null, so no row has to be checked.
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
