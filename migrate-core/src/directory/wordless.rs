//! Scripts without a statement: said so on purpose, forgotten, or as a tool made them.

use super::layouts::marks::{self, Comment};
use crate::set::options;
use crate::sql::{self, TokenKind};

/// How the comment begins that stands in for a script which is still to be written; `migrate new` writes it.
///
/// A script with such a comment and no statement is a [problem](crate::ProblemKind::Unwritten), so that none is forgotten. A script
/// of other comments says that there is nothing to do.
pub const UNWRITTEN: &str = "To be written: ";

/// What other tools write into a new down script: sqlx's `migrate add -r` and diesel's `migration generate`.
const DOWN_TEMPLATES: [&str; 2] =
    ["Add down migration script here", "This file should undo anything in `up.sql`"];

/// Why a script has no statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wordless {
    /// It has no comment either, or none but options and the marks of tools.
    Blank,
    /// It is as `migrate new` made it.
    Unwritten,
    /// It is a down script as another tool made it, which takes nothing back.
    DownTemplate,
    /// It says in its comments that there is nothing to do, or why.
    OnPurpose,
}

/// Why a text has no statement, none where it has one.
pub(super) fn wordless(text: &str) -> Option<Wordless> {
    let mut found = Wordless::Blank;
    for token in sql::tokens(text) {
        let comment = token.text(text);
        let kind = match token.kind {
            TokenKind::LineComment => of_comment(comment),
            TokenKind::BlockComment => Wordless::OnPurpose,
            _ if token.is_trivia() || token.kind == TokenKind::Semicolon => Wordless::Blank,
            _ => return None,
        };
        found = match (found, kind) {
            (found, Wordless::Blank) => found,
            (Wordless::Unwritten, _) | (_, Wordless::Unwritten) => Wordless::Unwritten,
            (Wordless::Blank, kind) => kind,
            // A word of the author's beside a tool's is meant.
            (Wordless::DownTemplate, Wordless::DownTemplate) => Wordless::DownTemplate,
            _ => Wordless::OnPurpose,
        };
    }
    Some(found)
}

/// What a comment says of the script, if there is no other.
fn of_comment(text: &str) -> Wordless {
    let comment = Comment { start: 0, line: text.trim_end(), is_flush: true };
    let words = comment.words();
    if words.is_empty() || marks::of(comment).is_some() || options::is_directive(text) {
        Wordless::Blank
    } else if words.starts_with(UNWRITTEN.trim_end()) {
        Wordless::Unwritten
    } else if DOWN_TEMPLATES.contains(&words) {
        Wordless::DownTemplate
    } else {
        Wordless::OnPurpose
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_a_statement_tells_why() {
        for (text, expected) in [
            ("", Some(Wordless::Blank)),
            ("\u{feff} \r\n;;--\n---", Some(Wordless::Blank)),
            (
                "-- migrate: lock_timeout=1s\n--no-transaction\n-- +goose Up\n-- migrate:up",
                Some(Wordless::Blank),
            ),
            ("-- To be written: what takes the schema forward.\n", Some(Wordless::Unwritten)),
            ("-- a table\n;\n--To be written:\n-- and more", Some(Wordless::Unwritten)),
            ("-- Add down migration script here\n\n", Some(Wordless::DownTemplate)),
            ("-- This file should undo anything in `up.sql`", Some(Wordless::DownTemplate)),
            ("-- Add down migration script here\n-- nothing to take back", Some(Wordless::OnPurpose)),
            ("-- migrate: transaction=none\n-- No-op on Postgres", Some(Wordless::OnPurpose)),
            ("/* No-op */", Some(Wordless::OnPurpose)),
            ("-- no-op\nSELECT 1", None),
            ("-- To be written: tables\nCREATE TABLE t ()", None),
        ] {
            assert_eq!(wordless(text), expected, "{text:?}");
        }
    }
}
