//! Names, as they are written and as the server reads them.

use super::fragment::Span;
use crate::sql::token::{Token, TokenKind};
use std::borrow::Cow;
use std::fmt;

/// The most bytes of a name; the server cuts longer ones off (`NAMEDATALEN`).
const LONGEST: usize = 63;

/// A name: an identifier with or without quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name<'t> {
    /// The identifier, a `UESCAPE` behind it excluded.
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

    /// The place of the name, with the `UESCAPE` behind it.
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The identifier as it is written, quotes included.
    pub const fn written(&self) -> &'t str {
        self.token
    }

    /// Whether it is written without quotes.
    pub fn is_word(&self) -> bool {
        self.kind == TokenKind::Word
    }

    /// Whether it is this keyword, or this name without quotes.
    pub fn is_keyword(&self, word: &str) -> bool {
        self.is_word() && self.token.eq_ignore_ascii_case(word)
    }

    /// The name that the server makes of it: quotes off, the letters A to Z in lower case where there are none, cut off after 63 bytes.
    /// Letters outside of ASCII stay as they are, as in a database whose encoding is UTF-8.
    ///
    /// What has an escape that means nothing stays as it is written.
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

    /// The name as SQL that `to_regclass` and `parse_ident` read, too: as it is written, but for `U&"…"`, which is written in
    /// plain quotes. None where that has an escape that means nothing.
    pub fn to_sql(&self) -> Option<Cow<'t, str>> {
        if self.kind != TokenKind::UnicodeIdentifier {
            return Some(Cow::Borrowed(self.token));
        }
        self.unescaped().map(|name| Cow::Owned(format!("\"{}\"", name.replace('"', "\"\""))))
    }

    /// What `U&"…"` stands for.
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

/// A name with its qualifiers: `t`, `app.t`, `shop.app.t`, and of a column `app.t.c`.
#[derive(Clone, PartialEq, Eq)]
pub struct QualifiedName<'t> {
    parts: Vec<Name<'t>>,
}

impl<'t> QualifiedName<'t> {
    /// There is at least one part.
    pub(super) const fn new(parts: Vec<Name<'t>>) -> QualifiedName<'t> {
        QualifiedName { parts }
    }

    /// All parts, the name itself last.
    pub fn parts(&self) -> &[Name<'t>] {
        &self.parts
    }

    /// The name without its qualifiers.
    pub fn name(&self) -> Name<'t> {
        self.parts[self.parts.len() - 1]
    }

    /// The qualifier before the name: the schema, or of a column the table.
    pub fn schema(&self) -> Option<Name<'t>> {
        self.parts.len().checked_sub(2).map(|at| self.parts[at])
    }

    /// All but the last part: the table of a column's name.
    pub fn qualifier(&self) -> Option<QualifiedName<'t>> {
        let parts = self.parts[..self.parts.len() - 1].to_vec();
        (!parts.is_empty()).then_some(QualifiedName { parts })
    }

    /// Whether it is one name without quotes.
    pub fn is_word(&self) -> bool {
        self.parts.len() == 1 && self.parts[0].is_word()
    }

    /// The place from the first part to the last.
    pub fn span(&self) -> Span {
        Span::new(self.parts[0].span.start, self.name().span.end)
    }

    /// The parts as they are written, with nothing but dots between them.
    pub fn written(&self) -> String {
        self.to_string()
    }

    /// The parts as the server reads them, with dots between them. Names that are equal are the same to the server, and the other way
    /// round unless one holds a dot.
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

    /// Whether it is this name, in whatever schema.
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

/// A table, or what can stand for one, with what is said about its children.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationRef<'t> {
    /// Whether it says `ONLY`: its children and partitions are left out.
    pub only: bool,
    /// The relation.
    pub name: QualifiedName<'t>,
    /// From `ONLY` to the name, or to the `*` behind it.
    pub span: Span,
}

impl<'t> RelationRef<'t> {
    pub(super) const fn new(only: bool, name: QualifiedName<'t>, span: Span) -> RelationRef<'t> {
        RelationRef { only, name, span }
    }
}

/// A text in which doubled quotes stand for one.
fn undoubled(text: &str) -> Cow<'_, str> {
    if text.contains("\"\"") { Cow::Owned(text.replace("\"\"", "\"")) } else { Cow::Borrowed(text) }
}

/// A name that is cut off where the server does (`truncate_identifier`): no character is cut in two.
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

/// The text that `\0061`, `\+000061` and `\\` stand for, with any escape character. A pair of surrogates is one character.
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
