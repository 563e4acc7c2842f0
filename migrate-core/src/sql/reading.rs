//! Settings that change how the server reads later statements: `standard_conforming_strings` and
//! `client_encoding`.
//!
//! A migration is sent in as few messages as possible. The server decodes a message and reads all strings in
//! it before it runs the first statement, so such a setting takes effect too late for the rest of the
//! message. In psql, which sends one statement at a time, it takes effect at once. The result would be
//! different data without any error. The splitter also assumes `standard_conforming_strings = on`. So a
//! script may change these settings, but may not contain text after them that depends on them.

use super::fault::FaultKind;
use super::statement::{
    Fragment, ParsedStatement, QualifiedName, SetParameter, SettingTarget, StatementKind,
};
use super::token::TokenKind;

const STRINGS: &str = "standard_conforming_strings";
const ENCODING: &str = "client_encoding";

/// The server's reading of the text that follows, as far as the previous statements determine it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// True if a backslash might be an escape in a plain string.
    escapes: bool,
    /// True if the text might be in an encoding other than UTF-8.
    encoded: bool,
}

impl Reading {
    /// Returns true if a script might change the settings at all. Most can't, and need no check.
    pub(super) fn may_change(script: &str) -> bool {
        ["onforming_", "ONFORMING_", "lient_encod", "LIENT_ENCOD", "names ", "NAMES ", "Names "]
            .iter()
            .any(|part| script.contains(part))
    }

    /// The first position in a statement that the server might read differently.
    pub(super) fn fault(self, statement: &ParsedStatement<'_>) -> Option<(FaultKind, usize)> {
        let all = statement.all;
        let escape = || {
            let is_plain = |kind| matches!(kind, TokenKind::String | TokenKind::NationalString);
            let mut plain = all.tokens().iter().filter(|token| is_plain(token.kind));
            plain.find(|token| all.written(**token).contains('\\')).map(|token| token.start)
        };
        let beyond_ascii = || all.text().find(|c: char| !c.is_ascii()).map(|at| all.span().start + at);
        let escape = self.escapes.then(escape).flatten().map(|at| (FaultKind::EscapesInString, at));
        let other = self.encoded.then(beyond_ascii).flatten().map(|at| (FaultKind::OtherEncoding, at));
        escape.into_iter().chain(other).min_by_key(|(_, at)| *at)
    }

    /// Applies the effect of a statement.
    pub(super) fn pass(&mut self, statement: &ParsedStatement<'_>) {
        match &statement.kind {
            StatementKind::Set(set) => self.set(set),
            StatementKind::Reset(reset) => {
                let resets = |parameter| match &reset.target {
                    SettingTarget::All => true,
                    SettingTarget::Parameter(name) => is_called(name, parameter),
                    _ => false,
                };
                self.escapes &= !resets(STRINGS);
                self.encoded &= !resets(ENCODING);
            }
            StatementKind::Discard { all: true } => *self = Reading::default(),
            _ if ["CREATE", "ALTER", "SHOW", "COMMENT"]
                .iter()
                .any(|verb| statement.verb().eq_ignore_ascii_case(verb)) => {}
            _ => {
                self.escapes |= sets_somehow(statement.all, STRINGS, is_on);
                self.encoded |= sets_somehow(statement.all, ENCODING, is_utf8);
            }
        }
    }

    fn set(&mut self, set: &SetParameter<'_>) {
        let (strings, encoding) = match &set.target {
            SettingTarget::Names => (false, true),
            SettingTarget::Parameter(name) => (is_called(name, STRINGS), is_called(name, ENCODING)),
            _ => return,
        };
        let value = set.value.tokens().first().map(|token| value_of(set.value.written(*token)));
        let is =
            |known: fn(&str) -> bool| value.as_deref().is_none_or(|value| value == "default" || known(value));
        if strings {
            self.escapes = !is(is_on);
        }
        if encoding {
            self.encoded = !is(is_utf8);
        }
    }
}

/// Returns true if a parameter has this name. Parameter names are equal in quotes and in any case.
fn is_called(parameter: &QualifiedName<'_>, name: &str) -> bool {
    parameter.folded().eq_ignore_ascii_case(name)
}

/// Returns true if a statement other than `SET` might set a parameter: with `set_config`, by an update of
/// `pg_settings`, or in a block. False if the only value beside the name is the one that changes nothing.
fn sets_somehow(statement: Fragment<'_>, name: &str, keeps: fn(&str) -> bool) -> bool {
    let lower = statement.text().to_ascii_lowercase();
    let sets = ["set_config", "pg_settings", "set "].iter().any(|word| lower.contains(word));
    if !sets || !lower.contains(name) {
        return false;
    }
    let strings = statement.tokens().iter().filter(|token| token.kind == TokenKind::String);
    let mut strings = strings.map(|token| value_of(statement.written(*token)));
    let named = strings.any(|string| string == name);
    let value = strings.next();
    !(named && lower.contains("set_config") && value.is_some_and(|value| keeps(&value)))
}

/// A value or a name without its quotes, in lowercase.
fn value_of(written: &str) -> String {
    written.trim_matches(['\'', '"']).trim().to_ascii_lowercase()
}

/// The spellings of a true boolean (manual, section 8.6).
fn is_on(value: &str) -> bool {
    matches!(value, "on" | "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "1")
}

/// The spellings of UTF-8. The server compares only letters and digits (`clean_encoding_name`).
fn is_utf8(value: &str) -> bool {
    let name: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    matches!(name.as_str(), "utf8" | "unicode")
}
