//! Scripts without a statement: intentional, forgotten, or a tool's template.

use super::layouts::marks::{self, Comment};
use crate::set::options;
use crate::sql::{Token, TokenKind};

/// The first words of the comment that marks a script as a stub; `migrate new` writes it.
///
/// A script with such a comment and no statement is a [problem](crate::ProblemKind::Unwritten), so that none
/// is forgotten. A script with only other comments is one that intentionally does nothing.
pub const UNWRITTEN: &str = "To be written: ";

/// The templates that other tools write into a new down script: sqlx's `migrate add -r` and diesel's
/// `migration generate`.
const DOWN_TEMPLATES: [&str; 2] =
    ["Add down migration script here", "This file should undo anything in `up.sql`"];

/// The reason why a script has no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmptyScript {
    /// It has no comments except options and the marks of tools.
    Blank,
    /// It is still the stub made by `migrate new`.
    Unwritten,
    /// It is a down script that still holds another tool's template, which reverts nothing.
    DownTemplate,
    /// Its comments say that it does nothing, or why.
    OnPurpose,
}

/// The reason why a text has no statement; `None` if it has one. The tokens must include the comments and the
/// first token that is not a semicolon.
pub(super) fn empty_script(text: &str, tokens: &[Token]) -> Option<EmptyScript> {
    let mut found = EmptyScript::Blank;
    for token in tokens {
        let comment = token.text(text);
        let kind = match token.kind {
            TokenKind::LineComment => of_comment(comment),
            TokenKind::BlockComment => EmptyScript::OnPurpose,
            _ if token.is_trivia() || token.kind == TokenKind::Semicolon => EmptyScript::Blank,
            _ => return None,
        };
        found = match (found, kind) {
            (found, EmptyScript::Blank) => found,
            (EmptyScript::Unwritten, _) | (_, EmptyScript::Unwritten) => EmptyScript::Unwritten,
            (EmptyScript::Blank, kind) => kind,
            // A comment by the author beside a tool's template shows intent.
            (EmptyScript::DownTemplate, EmptyScript::DownTemplate) => EmptyScript::DownTemplate,
            _ => EmptyScript::OnPurpose,
        };
    }
    Some(found)
}

/// The reason that one comment gives, taken by itself.
fn of_comment(text: &str) -> EmptyScript {
    let comment = Comment { start: 0, line: text.trim_end(), is_flush: true };
    let words = comment.words();
    if words.is_empty() || marks::of(comment).is_some() || options::is_directive(text) {
        EmptyScript::Blank
    } else if words.starts_with(UNWRITTEN.trim_end()) {
        EmptyScript::Unwritten
    } else if DOWN_TEMPLATES.contains(&words) {
        EmptyScript::DownTemplate
    } else {
        EmptyScript::OnPurpose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_a_statement_tells_why() {
        for (text, expected) in [
            ("", Some(EmptyScript::Blank)),
            ("\u{feff} \r\n;;--\n---", Some(EmptyScript::Blank)),
            (
                "-- migrate: lock_timeout=1s\n--no-transaction\n-- +goose Up\n-- migrate:up",
                Some(EmptyScript::Blank),
            ),
            ("-- To be written: the statements that apply this migration.\n", Some(EmptyScript::Unwritten)),
            ("-- a table\n;\n--To be written:\n-- and more", Some(EmptyScript::Unwritten)),
            ("-- Add down migration script here\n\n", Some(EmptyScript::DownTemplate)),
            ("-- This file should undo anything in `up.sql`", Some(EmptyScript::DownTemplate)),
            (
                "-- This file should undo anything in `up.sql`\n-- Add down migration script here",
                Some(EmptyScript::DownTemplate),
            ),
            ("-- Add down migration script here\n-- nothing to take back", Some(EmptyScript::OnPurpose)),
            ("-- migrate: transaction=none\n-- No-op on Postgres", Some(EmptyScript::OnPurpose)),
            ("/* No-op */", Some(EmptyScript::OnPurpose)),
            ("-- no-op\nSELECT 1", None),
            ("-- To be written: tables\nCREATE TABLE t ()", None),
        ] {
            assert_eq!(empty_script(text, &crate::sql::split(text).outline), expected, "{text:?}");
        }
    }
}
