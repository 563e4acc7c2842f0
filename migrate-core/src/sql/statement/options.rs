//! Lists of options: `(VERBOSE, CONCURRENTLY off)`, `WITH (fillfactor = 70)`, `OPTIONS (SET host 'db')`.

use super::fragment::{Fragment, Span};
use super::reader::Reader;
use crate::sql::token::{Token, TokenKind};

/// One option in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedOption<'t> {
    /// The name, in lowercase unless quoted, as the server reads it; with its qualifier, such as
    /// `toast.autovacuum_enabled`.
    pub name: String,
    /// The value, if given.
    pub value: Option<Fragment<'t>>,
    /// The span of the whole option.
    pub span: Span,
}

impl ListedOption<'_> {
    /// The first token of the value as the server reads it: in lowercase, without quotes.
    pub fn value_text(&self) -> Option<String> {
        let value = self.value?;
        value.tokens().first().map(|token| folded(value.written(*token), *token))
    }

    /// True if the server's `defGetBoolean` reads the value as true. An absent value is true.
    pub fn is_on(&self) -> bool {
        let off = ["false", "off", "0"];
        !self.value_text().is_some_and(|value| off.iter().any(|word| value.eq_ignore_ascii_case(word)))
    }
}

/// The last option with a name, which is the one that counts.
pub(in crate::sql) fn last<'o, 't>(
    options: &'o [ListedOption<'t>],
    name: &str,
) -> Option<&'o ListedOption<'t>> {
    options.iter().rfind(|option| option.name == name)
}

/// Parses a list of options in parentheses, if one is next.
pub(super) fn options<'t>(reader: &mut Reader<'t>) -> Option<Vec<ListedOption<'t>>> {
    if !reader.sees_sign("(") {
        return None;
    }
    let inside = reader.group()?;
    Some(inside.items().into_iter().filter_map(option).collect())
}

/// Parses `WITH (…)`, if it is next.
pub(super) fn with_options<'t>(reader: &mut Reader<'t>) -> Vec<ListedOption<'t>> {
    let mut ahead = *reader;
    if !ahead.word("WITH") {
        return Vec::new();
    }
    let Some(options) = options(&mut ahead) else { return Vec::new() };
    *reader = ahead;
    options
}

/// Parses the options of a foreign object after `OPTIONS`, each without its `ADD`, `SET` or `DROP`.
pub(super) fn foreign_options<'t>(reader: &mut Reader<'t>) -> Option<Vec<ListedOption<'t>>> {
    if !reader.sees_sign("(") {
        return None;
    }
    let inside = reader.group()?;
    Some(inside.items().into_iter().filter_map(foreign_option).collect())
}

fn foreign_option(item: Fragment<'_>) -> Option<ListedOption<'_>> {
    let mut reader = item.reader();
    let mut verb = reader;
    // The verbs are names of options, too.
    if verb.any(&["ADD", "SET", "DROP"]).is_some() && verb.name().is_some() {
        reader.take();
    }
    let name = reader.name()?.folded().into_owned();
    let value = reader.rest().hidden();
    Some(ListedOption { name, value: (!value.is_empty()).then_some(value), span: item.span() })
}

fn option(item: Fragment<'_>) -> Option<ListedOption<'_>> {
    let mut reader = item.reader();
    let first = reader.take()?;
    let mut name = folded(item.written(first), first);
    while reader.sign(".") {
        let part = reader.take()?;
        name = format!("{name}.{}", folded(item.written(part), part));
    }
    reader.sign("=");
    let value = reader.rest();
    Some(ListedOption { name, value: (!value.is_empty()).then_some(value), span: item.span() })
}

/// The server's string for a token in an option list.
pub(in crate::sql) fn folded(written: &str, token: Token) -> String {
    match token.kind {
        TokenKind::QuotedIdentifier => written[1..written.len() - 1].replace("\"\"", "\""),
        TokenKind::String => written[1..written.len() - 1].replace("''", "'"),
        TokenKind::EscapeString | TokenKind::NationalString => {
            written[2..written.len() - 1].replace("''", "'")
        }
        _ => written.to_ascii_lowercase(),
    }
}
