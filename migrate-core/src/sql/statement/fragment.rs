//! Fragments: runs of tokens, and spans of text.

use super::name::{Name, QualifiedName};
use super::parse::ParsedStatement;
use super::reader::Reader;
use crate::sql::token::{Token, TokenKind};
use std::fmt;
use std::ops::Range;

/// A byte range in the text from which a statement was parsed. Both ends are character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
}

impl Span {
    pub(super) const fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The span as a range.
    pub const fn range(self) -> Range<usize> {
        self.start..self.end
    }

    /// The text of this span in `text`, from which it was parsed.
    ///
    /// # Panics
    ///
    /// May panic if it is another text.
    pub fn text(self, text: &str) -> &str {
        &text[self.range()]
    }
}

impl From<Token> for Span {
    fn from(token: Token) -> Span {
        Span::new(token.start, token.end)
    }
}

/// A run of tokens of a statement: an expression, a query, the inside of parentheses.
///
/// Comments and white space are not tokens, but [`Fragment::text`] includes those between its tokens.
#[derive(Clone, Copy)]
pub struct Fragment<'t> {
    text: &'t str,
    tokens: &'t [Token],
    /// The position of an empty fragment.
    at: usize,
    /// True if it might be a secret, which `Debug` does not print.
    is_hidden: bool,
}

impl<'t> Fragment<'t> {
    pub(super) const fn new(text: &'t str, tokens: &'t [Token], at: usize) -> Fragment<'t> {
        Fragment { text, tokens, at, is_hidden: false }
    }

    /// Hides the text from `Debug`: only its name tells this value from a secret.
    pub(super) const fn hidden(self) -> Fragment<'t> {
        Fragment { is_hidden: true, ..self }
    }

    /// The tokens, whose positions are byte offsets in the parsed text.
    pub const fn tokens(&self) -> &'t [Token] {
        self.tokens
    }

    /// True if it has no tokens.
    pub const fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The span from its first token to its last.
    pub fn span(&self) -> Span {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => Span::new(first.start, last.end),
            _ => Span::new(self.at, self.at),
        }
    }

    /// The text from its first token to its last.
    pub fn text(&self) -> &'t str {
        self.span().text(self.text)
    }

    /// The whole text from which its tokens were read: that of the statement.
    pub(crate) const fn whole(&self) -> &'t str {
        self.text
    }

    /// The text from which its tokens were read.
    pub(in crate::sql) const fn source(&self) -> &'t str {
        self.text
    }

    /// The text of one of the statement's tokens.
    pub fn written(&self, token: Token) -> &'t str {
        token.text(self.text)
    }

    /// The name, if it consists of one unqualified name and nothing else.
    pub fn name(&self) -> Option<Name<'t>> {
        let mut reader = self.reader();
        reader.name().filter(|_| reader.is_exhausted())
    }

    /// Returns true if one of its tokens, even inside parentheses, is this keyword or this unquoted name.
    pub fn has_word(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| is_word(self.text, *token, word))
    }

    /// The functions that it calls, even inside parentheses: each name followed by a `(` that does not belong
    /// to a type. Keywords that the grammar does not accept as names (`IN`, `AND`) do not count.
    pub fn calls(&self) -> Vec<QualifiedName<'t>> {
        let mut reader = self.reader();
        let mut calls = Vec::new();
        let mut is_type = false;
        while let Some(token) = reader.peek() {
            let written = token.text(self.text);
            let Some(name) = reader.qualified_name() else {
                is_type = written == "::" || (is_type && token.kind == TokenKind::Word);
                reader.take();
                continue;
            };
            let is_call = reader.peek().is_some_and(|next| next.kind == TokenKind::LeftParenthesis);
            if is_call && !is_type && !(name.is_word() && NO_FUNCTIONS.contains(&name.folded().as_str())) {
                calls.push(name.clone());
            }
            is_type = name.is_word() && name.folded() == "as";
        }
        calls
    }

    /// The roles after the first occurrence of a keyword outside of parentheses.
    pub(in crate::sql) fn roles_behind(&self, keyword: &str) -> Option<Fragment<'t>> {
        let mut reader = self.reader();
        reader.until_word(&[keyword]);
        reader.word(keyword).then(|| reader.roles())
    }

    /// Parses it as a statement: for the body of a `WITH`, or for a query in parentheses.
    pub fn statement(&self) -> ParsedStatement<'t> {
        ParsedStatement::of_tokens(self.text, self.tokens)
    }

    /// The parts separated by commas outside of brackets. An empty fragment has none.
    pub fn items(&self) -> Vec<Fragment<'t>> {
        let mut reader = self.reader();
        let mut items = Vec::new();
        while !reader.is_exhausted() {
            items.push(reader.item());
            if !reader.sign(",") && !reader.is_exhausted() {
                reader.take();
            }
        }
        items
    }

    pub(in crate::sql) const fn reader(&self) -> Reader<'t> {
        Reader::new(self.text, self.tokens)
    }
}

/// Keywords that a parenthesis may follow and that are not functions.
const NO_FUNCTIONS: &[&str] = &[
    "all",
    "and",
    "any",
    "array",
    "as",
    "between",
    "by",
    "case",
    "cast",
    "check",
    "distinct",
    "else",
    "except",
    "exists",
    "filter",
    "from",
    "having",
    "ilike",
    "in",
    "intersect",
    "is",
    "like",
    "limit",
    "not",
    "offset",
    "on",
    "or",
    "over",
    "row",
    "select",
    "similar",
    "some",
    "then",
    "to",
    "union",
    "using",
    "values",
    "when",
    "where",
    "with",
    "within",
];

pub(super) fn is_word(text: &str, token: Token, word: &str) -> bool {
    token.kind == TokenKind::Word
        && token.end - token.start == word.len()
        && token.text(text).eq_ignore_ascii_case(word)
}

/// Fragments are equal if they have the same tokens, whatever is written between them.
impl PartialEq for Fragment<'_> {
    fn eq(&self, other: &Fragment<'_>) -> bool {
        let written = |fragment: &Fragment<'_>, at: usize| {
            let token = fragment.tokens[at];
            (token.kind, token.text(fragment.text).to_owned())
        };
        self.tokens.len() == other.tokens.len()
            && (0..self.tokens.len()).all(|at| written(self, at) == written(other, at))
    }
}

impl Eq for Fragment<'_> {}

impl fmt::Debug for Fragment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_hidden {
            return f.write_str("\"…\"");
        }
        write!(f, "{:?}", crate::sql::redact(self.text()))
    }
}
