//! The typed form of statements: a test for each kind, and properties of any text.

/// The kind of a statement that has to be understood completely. Above the modules, which see a macro only from there on.
macro_rules! parsed_as {
    ($kind:ident, $text:expr, $look:expr) => {
        parsed($text, |statement| match statement.kind {
            StatementKind::$kind(it) => ($look)(it),
            other => panic!("{}: {other:?}", $text),
        })
    };
}

mod commands;
mod names;
mod objects;
mod properties;
mod tables;

use super::*;
use crate::sql::{LockMode, Token, tokens};
use proptest::prelude::*;

/// Parses a statement, which has to be understood completely.
fn parsed<R>(text: &str, look: impl FnOnce(ParsedStatement<'_>) -> R) -> R {
    let lexed = LexedStatement::new(text);
    let statement = lexed.parse();
    assert!(statement.is_complete(), "{text}: {statement:?}");
    look(statement)
}

fn names(names: &[Name<'_>]) -> Vec<String> {
    names.iter().map(|name| name.folded().into_owned()).collect()
}

fn qualified(names: &[QualifiedName<'_>]) -> Vec<String> {
    names.iter().map(QualifiedName::folded).collect()
}

/// The only action of an `ALTER TABLE`.
fn action<R>(change: &str, look: impl FnOnce(AlterActionKind<'_>) -> R) -> R {
    let text = format!("ALTER TABLE IF EXISTS ONLY app.t {change}");
    parsed_as!(AlterRelation, &text, |alter: AlterRelation<'_>| {
        assert!(alter.if_exists && alter.relation.only, "{text}");
        assert_eq!(alter.relation.name.folded(), "app.t");
        assert_eq!(alter.actions.len(), 1, "{text}: {alter:?}");
        assert!(alter.actions[0].is_complete, "{text}: {alter:?}");
        assert_eq!(alter.actions[0].span.text(&text), change);
        look(alter.actions.into_iter().next().unwrap().kind)
    })
}

fn added_column<R>(definition: &str, look: impl FnOnce(ColumnDefinition<'_>) -> R) -> R {
    action(&format!("ADD COLUMN {definition}"), |action| match action {
        AlterActionKind::AddColumn { column, .. } => {
            assert!(column.is_complete, "{definition}: {column:?}");
            look(*column)
        }
        other => panic!("{definition}: {other:?}"),
    })
}

fn change<R>(change: &str, look: impl FnOnce(ColumnChange<'_>) -> R) -> R {
    action(&format!("ALTER COLUMN c {change}"), |action| match action {
        AlterActionKind::AlterColumn { column: Some(column), change } => {
            assert_eq!(column.written(), "c");
            look(change)
        }
        other => panic!("{change}: {other:?}"),
    })
}

fn added_constraint<R>(definition: &str, look: impl FnOnce(Constraint<'_>) -> R) -> R {
    action(&format!("ADD {definition}"), |action| match action {
        AlterActionKind::AddConstraint(constraint) => look(*constraint),
        other => panic!("{definition}: {other:?}"),
    })
}
