//! The names that the server gives unnamed constraints and indexes.

use crate::sql::facts::{Facts, ObjectName, quoted};
use crate::sql::statement::{CreateIndex, Fragment, LexedStatement};
use crate::sql::{Token, TokenKind};
use std::collections::BTreeSet;

/// The maximum length of a name in bytes (`NAMEDATALEN` - 1).
const LONGEST: usize = 63;

/// The words of an expression, besides functions and types, that are not columns.
const NO_COLUMNS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "at",
    "between",
    "case",
    "cast",
    "collate",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "distinct",
    "else",
    "end",
    "escape",
    "false",
    "from",
    "ilike",
    "in",
    "interval",
    "is",
    "isnull",
    "like",
    "localtime",
    "localtimestamp",
    "not",
    "notnull",
    "null",
    "operator",
    "or",
    "row",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "then",
    "time",
    "to",
    "true",
    "unknown",
    "user",
    "when",
    "zone",
];

/// The names chosen for one script, on top of those that the facts contain.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    chosen: BTreeSet<ObjectName>,
}

impl Names {
    /// Chooses the name of a constraint without an index (`ChooseConstraintName`).
    pub(super) fn constraint(
        &mut self,
        facts: &Facts,
        table: &ObjectName,
        column: Option<&str>,
        label: &str,
    ) -> String {
        self.choose(table, column, label, |name| is_constraint(facts, name))
    }

    /// Chooses the name of an index (`ChooseRelationName`); `is_constraint` if it belongs to a constraint.
    pub(super) fn index(
        &mut self,
        facts: &Facts,
        table: &ObjectName,
        columns: Option<&str>,
        label: &str,
        of_constraint: bool,
    ) -> String {
        self.choose(table, columns, label, |name| {
            facts.relations.contains_key(name) || of_constraint && is_constraint(facts, name)
        })
    }

    fn choose(
        &mut self,
        table: &ObjectName,
        middle: Option<&str>,
        label: &str,
        is_taken: impl Fn(&ObjectName) -> bool,
    ) -> String {
        let mut number = 0;
        loop {
            let label = if number == 0 { label.to_owned() } else { format!("{label}{number}") };
            let name = ObjectName::new(table.schema.clone(), joined(&table.name, middle, &label));
            if !is_taken(&name) && self.chosen.insert(name.clone()) {
                return name.name;
            }
            number += 1;
        }
    }
}

fn is_constraint(facts: &Facts, wanted: &ObjectName) -> bool {
    facts.relations.iter().any(|(table, relation)| {
        table.schema == wanted.schema
            && relation.constraints.iter().any(|of| of.name.as_deref() == Some(&wanted.name))
    })
}

/// Joins the parts of a name; the longer of the first two is truncated (`makeObjectName`).
fn joined(first: &str, second: Option<&str>, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(second.is_some());
    let room = LONGEST.saturating_sub(overhead);
    let (mut first_length, mut second_length) = (first.len(), second.map_or(0, str::len));
    while first_length + second_length > room {
        if first_length > second_length {
            first_length -= 1;
        } else {
            second_length -= 1;
        }
    }
    let first = clipped(first, first_length);
    match second {
        Some(second) => format!("{first}_{}_{label}", clipped(second, second_length)),
        None => format!("{first}_{label}"),
    }
}

/// At most this many bytes of a name, without splitting a character (`pg_mbcliplen`).
fn clipped(name: &str, mut length: usize) -> &str {
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    &name[..length]
}

/// Joins the names of columns (`ChooseIndexNameAddition`).
pub(super) fn addition<'n>(columns: impl IntoIterator<Item = &'n str>) -> String {
    let mut addition = String::new();
    for column in columns {
        if !addition.is_empty() {
            addition.push('_');
        }
        addition.push_str(column);
        if addition.len() > LONGEST {
            break;
        }
    }
    addition
}

/// The columns that an expression of a table names, once each. Those of an unknown table are all words that
/// may be columns.
pub(super) fn columns_in(expression: Fragment<'_>, known: Option<&[&str]>) -> Vec<String> {
    let tokens = expression.tokens();
    let mut columns: Vec<String> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let name = match token.kind {
            TokenKind::Word => expression.written(*token).to_ascii_lowercase(),
            TokenKind::QuotedIdentifier => {
                let written = expression.written(*token);
                written[1..written.len() - 1].replace("\"\"", "\"")
            }
            _ => continue,
        };
        let is_call = tokens.get(at + 1).is_some_and(|next| next.kind == TokenKind::LeftParenthesis);
        let is_type = at > 0 && expression.written(tokens[at - 1]) == "::";
        let is_word = token.kind == TokenKind::Word && NO_COLUMNS.binary_search(&&*name).is_ok();
        let is_column = known.map_or(!is_word, |known| known.contains(&&*name));
        if is_column && !is_call && !is_type && !columns.contains(&name) {
            columns.push(name);
        }
    }
    columns
}

/// The names of an index's columns, as they appear in its own name; `None` if an expression has a form
/// whose name is not known.
pub(super) fn index_columns(index: &CreateIndex<'_>) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    let includes = index.include.iter().map(|column| Some(column.folded().into_owned()));
    let elements = index.elements.iter().map(|element| match element.column {
        Some(column) => Some(column.folded().into_owned()),
        None => expression_name(element.definition),
    });
    for name in elements.chain(includes) {
        let name = name?;
        // Names are unique within an index (`ChooseIndexNameColumns`).
        let unique = (0..).map(|at| if at == 0 { name.clone() } else { format!("{name}{at}") });
        names.extend(unique.into_iter().find(|name| !names.contains(name)));
    }
    Some(names)
}

/// The name of an index column that is an expression (`FigureIndexColname`): that of the function, or `expr`
/// for an operator.
fn expression_name(element: Fragment<'_>) -> Option<String> {
    let text = element.text();
    let inner = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    let lexed = LexedStatement::new(inner.unwrap_or(text));
    let expression = lexed.expression();
    let tokens = expression.tokens();
    let is_plain = |token: &Token| expression.written(*token) != "::";
    if !tokens.iter().all(is_plain)
        || ["case", "cast", "array", "row"].iter().any(|word| expression.has_word(word))
    {
        return None;
    }
    let call = expression.calls().into_iter().next().filter(|call| call.span().start == 0);
    match call {
        Some(call) if is_one_group(expression, call.parts().len() * 2 - 1) => {
            Some(call.name().folded().into_owned())
        }
        _ if tokens.iter().any(|token| token.kind == TokenKind::Operator) => Some("expr".to_owned()),
        _ => None,
    }
}

/// True if the rest of an expression is one group in parentheses.
fn is_one_group(expression: Fragment<'_>, from: usize) -> bool {
    let mut depth = 0_usize;
    let tokens = &expression.tokens()[from.min(expression.tokens().len())..];
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::LeftParenthesis => depth += 1,
            TokenKind::RightParenthesis => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1 == tokens.len();
        }
    }
    false
}

/// A name as SQL.
pub(super) fn sql(name: &str) -> String {
    quoted(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_are_no_columns_can_be_found() {
        assert!(NO_COLUMNS.is_sorted());
    }

    #[test]
    fn a_long_name_is_truncated_as_by_the_server() {
        let table = "a".repeat(50);
        let column = "b".repeat(30);
        let name = joined(&table, Some(&column), "key");
        assert_eq!(name, format!("{}_{}_key", "a".repeat(29), "b".repeat(29)));
        assert_eq!(joined("t", Some("c"), "key"), "t_c_key");
        assert_eq!(joined(&"é".repeat(40), None, "pkey"), format!("{}_pkey", "é".repeat(29)));
    }
}
