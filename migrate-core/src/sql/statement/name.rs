//! Names as written, and as the server reads them.

use super::fragment::Span;
use crate::sql::token::{Token, TokenKind};
use std::borrow::Cow;
use std::fmt;

/// The maximum length of a name in bytes; the server truncates longer ones (`NAMEDATALEN`).
const LONGEST: usize = 63;

/// A name: a quoted or unquoted identifier.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name<'t> {
    /// The identifier, without a `UESCAPE` after it.
    token: &'t str,
    kind: TokenKind,
    escape: char,
    span: Span,
}

impl<'t> Name<'t> {
    pub(in crate::sql) fn new(text: &'t str, token: Token) -> Name<'t> {
        Name { token: token.text(text), kind: token.kind, escape: '\\', span: token.into() }
    }

    pub(super) fn escaped_with(self, escape: char, end: usize) -> Name<'t> {
        Name { escape, span: Span::new(self.span.start, end), ..self }
    }

    /// The span of the name, including a `UESCAPE` after it.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The identifier as written, including quotes.
    pub const fn written(&self) -> &'t str {
        self.token
    }

    /// True if it is unquoted.
    pub fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }

    /// True if it is this keyword or this unquoted name.
    pub fn is_keyword(&self, word: &str) -> bool {
        self.is_word() && self.token.eq_ignore_ascii_case(word)
    }

    /// The name as the server reads it: without quotes; with A to Z in lowercase if it was unquoted;
    /// truncated after 63 bytes. Letters outside of ASCII stay as they are, as in a UTF-8 database.
    ///
    /// A name with an invalid escape stays as written.
    pub fn folded(&self) -> Cow<'t, str> {
        match self.kind {
            TokenKind::QuotedIdentifier => cut(undoubled(&self.token[1..self.token.len() - 1])),
            TokenKind::UnicodeIdentifier => {
                self.unescaped().map_or(Cow::Borrowed(self.token), |name| cut(Cow::Owned(name)))
            }
            _ if self.token.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                cut(Cow::Owned(self.token.to_ascii_lowercase()))
            }
            _ => cut(Cow::Borrowed(self.token)),
        }
    }

    /// The name as SQL that `to_regclass` and `parse_ident` also accept: as written, except that `U&"…"`
    /// becomes a plain quoted name. `None` if that contains an invalid escape.
    pub fn to_sql(&self) -> Option<Cow<'t, str>> {
        if self.kind != TokenKind::UnicodeIdentifier {
            return Some(Cow::Borrowed(self.token));
        }
        self.unescaped().map(|name| Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))))
    }

    /// The text that `U&"…"` stands for.
    fn unescaped(&self) -> Option<String> {
        let inner = undoubled(&self.token[3..self.token.len() - 1]);
        unescape(&inner, self.escape)
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token)
    }
}

/// A name with its qualifiers: `t`, `app.t`, `shop.app.t`; for a column `app.t.c`.
#[derive(Clone, PartialEq, Eq)]
pub struct QualifiedName<'t> {
    parts: Vec<Name<'t>>,
}

impl<'t> QualifiedName<'t> {
    /// Creates a name from its parts, of which there must be at least one.
    pub(super) const fn new(parts: Vec<Name<'t>>) -> QualifiedName<'t> {
        QualifiedName { parts }
    }

    /// All parts, ending with the name itself.
    pub fn parts(&self) -> &[Name<'t>] {
        &self.parts
    }

    /// The name without its qualifiers.
    pub fn name(&self) -> Name<'t> {
        self.parts[self.parts.len() - 1]
    }

    /// The qualifier before the name: the schema, or for a column the table.
    pub fn schema(&self) -> Option<Name<'t>> {
        self.parts.len().checked_sub(2).map(|at| self.parts[at])
    }

    /// All parts except the last: the table of a column.
    pub fn qualifier(&self) -> Option<QualifiedName<'t>> {
        let parts = self.parts[..self.parts.len() - 1].to_vec();
        (!parts.is_empty()).then_some(QualifiedName { parts })
    }

    /// True if it is a single unquoted name.
    pub fn is_word(&self) -> bool {
        self.parts.len() == 1 && self.parts[0].is_word()
    }

    /// The span from the first part to the last.
    pub fn span(&self) -> Span {
        Span::new(self.parts[0].span.start, self.name().span.end)
    }

    /// The parts as written, separated only by dots.
    pub fn written(&self) -> String {
        self.to_string()
    }

    /// The parts as the server reads them, separated by dots. Names with equal results are the same to the
    /// server, and the reverse holds unless a name contains a dot.
    pub fn folded(&self) -> String {
        let mut folded = String::new();
        for part in &self.parts {
            if !folded.is_empty() {
                folded.push('.');
            }
            folded.push_str(&part.folded());
        }
        folded
    }

    /// The name as SQL; see [`Name::to_sql`].
    pub fn to_sql(&self) -> Option<String> {
        let parts: Option<Vec<_>> = self.parts.iter().map(Name::to_sql).collect();
        Some(parts?.join("."))
    }

    /// True if it has this name, in any schema.
    pub fn is_called(&self, name: &str) -> bool {
        self.name().folded() == name
    }
}

impl fmt::Debug for QualifiedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for QualifiedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(part.token)?;
        }
        Ok(())
    }
}

/// A table or another relation, with its `ONLY` or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationRef<'t> {
    /// True for `ONLY`: children and partitions are excluded.
    pub only: bool,
    /// The relation.
    pub name: QualifiedName<'t>,
    /// The span from `ONLY` to the name, or to the `*` after it.
    pub span: Span,
}

impl<'t> RelationRef<'t> {
    pub(super) const fn new(only: bool, name: QualifiedName<'t>, span: Span) -> RelationRef<'t> {
        RelationRef { only, name, span }
    }
}

/// A text with doubled quotes turned into single ones.
fn undoubled(text: &str) -> Cow<'_, str> {
    if text.contains("\"\"") { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) }
}

/// A name truncated as by the server (`truncate_identifier`), without splitting a character.
fn cut(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.len() <= LONGEST {
        return name;
    }
    let mut end = LONGEST;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[..end]),
        Cow::Owned(mut name) => {
            name.truncate(end);
            Cow::Owned(name)
        }
    }
}

/// The text that `\0061`, `\+000061` and `\\` stand for, with any escape character. A surrogate pair is one
/// character.
pub(in crate::sql) fn unescape(text: &str, escape: char) -> Option<String> {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        rest = &rest[next.len_utf8()..];
        if next != escape {
            units.extend(next.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        if let Some(after) = rest.strip_prefix(escape) {
            units.extend(escape.encode_utf16(&mut [0; 2]).iter());
            rest = after;
            continue;
        }
        let (digits, after) = match rest.strip_prefix('+') {
            Some(long) => long.split_at_checked(6)?,
            None => rest.split_at_checked(4)?,
        };
        let code = digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(digits, 16))?
            .ok()?;
        match char::from_u32(code) {
            Some(c) => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
            None => units.push(u16::try_from(code).ok()?),
        }
        rest = after;
    }
    String::from_utf16(&units).ok()
}
