//! The tokens of one statement with their matching parentheses.

use super::is_string;
use crate::sql::statement::{Name, Span};
use crate::sql::token::{Token, TokenKind};
use std::borrow::Cow;
use std::ops::Range;

/// A statement's tokens, without comments and white space, and their nesting.
pub(super) struct Tree<'a> {
    text: &'a str,
    tokens: &'a [Token],
    /// For each bracket, round or square, the index of its partner; the number of tokens if it has none.
    partners: Vec<usize>,
}

/// Words that end an expression, unless a parenthesis turns them into functions.
const ENDS: [&str; 41] = [
    "WHERE",
    "FROM",
    "RETURNING",
    "AND",
    "OR",
    "ON",
    "ORDER",
    "GROUP",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "WINDOW",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "SET",
    "VALUES",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "FULL",
    "CROSS",
    "NATURAL",
    "FOR",
    "AS",
    "LOOP",
    "INTO",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "VALID",
    "RENAME",
    "DO",
    "USING",
];

impl<'a> Tree<'a> {
    pub(super) fn new(text: &'a str, tokens: &'a [Token]) -> Tree<'a> {
        let mut partners = vec![tokens.len(); tokens.len()];
        let mut open = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            match token.text(text) {
                "(" | "[" => open.push(index),
                ")" | "]" => {
                    if let Some(opening) = open.pop() {
                        (partners[opening], partners[index]) = (index, opening);
                    }
                }
                _ => {}
            }
        }
        Tree { text, tokens, partners }
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// A token as written; empty after the last one.
    pub(super) fn written(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |token| token.text(self.text))
    }

    /// Returns the name that a token is, with the escapes of `U&"…"` resolved.
    pub(super) fn name(&self, index: usize) -> Cow<'a, str> {
        match self.tokens.get(index) {
            Some(token) if token.kind == TokenKind::UnicodeIdentifier => {
                Name::new(self.text, *token).folded()
            }
            _ => Cow::Borrowed(self.written(index)),
        }
    }

    /// Returns the tokens at a place in the text.
    pub(super) fn at(&self, place: Span) -> Range<usize> {
        let before = |offset| self.tokens.partition_point(|token| token.start < offset);
        before(place.start)..before(place.end)
    }

    fn kind(&self, index: usize) -> Option<TokenKind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    pub(super) fn is_word(&self, index: usize) -> bool {
        self.kind(index) == Some(TokenKind::Word)
    }

    pub(super) fn is_name(&self, index: usize) -> bool {
        use TokenKind::{QuotedIdentifier, UnicodeIdentifier, Word};
        matches!(self.kind(index), Some(Word | QuotedIdentifier | UnicodeIdentifier))
    }

    pub(super) fn is_string(&self, index: usize) -> bool {
        self.kind(index).is_some_and(is_string)
    }

    pub(super) fn is_number(&self, index: usize) -> bool {
        self.kind(index) == Some(TokenKind::Number)
    }

    /// Returns true if a token is one of these keywords.
    pub(super) fn is(&self, index: usize, keywords: &[&str]) -> bool {
        self.is_word(index) && keywords.iter().any(|word| self.written(index).eq_ignore_ascii_case(word))
    }

    /// Returns true for an operator or `:=`.
    pub(super) fn is_operator(&self, index: usize) -> bool {
        self.kind(index) == Some(TokenKind::Operator) || self.written(index) == ":="
    }

    /// Returns true if a token compares its two operands.
    pub(super) fn compares(&self, index: usize) -> bool {
        let compares =
            ["=", "<>", "!=", "<", ">", "<=", ">=", "~", "~*", "!~", "!~*"].contains(&self.written(index));
        compares || self.is(index, &["IN", "LIKE", "ILIKE"])
    }

    pub(super) fn opens(&self, index: usize) -> bool {
        matches!(self.written(index), "(" | "[")
    }

    pub(super) fn closes(&self, index: usize) -> bool {
        matches!(self.written(index), ")" | "]")
    }

    /// The partner of a bracket.
    pub(super) fn partner(&self, index: usize) -> usize {
        self.partners.get(index).copied().unwrap_or(self.len())
    }

    /// The tokens between an opening bracket and its closing one.
    pub(super) fn inside(&self, opening: usize) -> Range<usize> {
        opening + 1..self.partner(opening)
    }

    /// The next token, after the closing bracket if this token opens one.
    pub(super) fn after(&self, index: usize) -> usize {
        if self.opens(index) { self.partner(index) + 1 } else { index + 1 }
    }

    /// Returns true if a keyword ends an expression.
    pub(super) fn ends_expression(&self, index: usize) -> bool {
        let is_function = self.is(index, &["LEFT", "RIGHT"]) && self.written(index + 1) == "(";
        self.is(index, &ENDS) && !is_function
    }

    /// The end of the expression that starts at a token.
    pub(super) fn expression_end(&self, from: usize) -> usize {
        let (mut at, mut cases, mut betweens) = (from, 0_usize, 0_usize);
        while at < self.len() && !self.closes(at) && self.written(at) != "," {
            if self.is(at, &["CASE"]) {
                cases += 1;
            } else if cases > 0 && self.is(at, &["END"]) {
                cases -= 1;
            } else if self.is(at, &["BETWEEN"]) {
                betweens += 1;
            } else if betweens > 0 && self.is(at, &["AND"]) {
                betweens -= 1;
            } else if cases == 0 && self.ends_expression(at) && !self.is_distinct_from(at) {
                break;
            }
            at = self.after(at);
        }
        at.min(self.len())
    }

    fn is_distinct_from(&self, index: usize) -> bool {
        self.is(index, &["FROM"]) && index > 0 && self.is(index - 1, &["DISTINCT"])
    }

    /// The end of a constant, including concatenations and casts.
    pub(super) fn constant_end(&self, from: usize) -> usize {
        let mut at = self.after(from);
        while self.is_operator(at) || self.written(at) == "::" {
            at = self.after(at + 1);
            if self.opens(at) {
                at = self.after(at);
            }
        }
        at.min(self.len())
    }

    /// The end of the list element that contains a token: its comma, its closing bracket, or the end of the
    /// statement.
    pub(super) fn element_end(&self, from: usize) -> usize {
        let mut at = from;
        while at < self.len() && !self.closes(at) && self.written(at) != "," {
            at = self.after(at);
        }
        at.min(self.len())
    }

    /// The start of the expression that ends before a token.
    pub(super) fn expression_start(&self, before: usize) -> usize {
        let (mut at, mut cases) = (before, 0_usize);
        while at > 0 {
            let last = at - 1;
            if self.opens(last) || self.written(last) == "," {
                break;
            }
            if self.is(last, &["END"]) {
                cases += 1;
            } else if cases > 0 {
                cases -= usize::from(self.is(last, &["CASE"]));
            } else if self.compares(last) || self.ends_backward(last) {
                break;
            }
            at = if self.closes(last) { self.partner(last).min(last) } else { last };
        }
        at
    }

    /// Returns true if a keyword precedes the start of an expression.
    fn ends_backward(&self, index: usize) -> bool {
        self.ends_expression(index) || self.is(index, &["BY", "DISTINCT", "NOT"])
    }

    /// The elements of a list, as ranges of tokens.
    pub(super) fn elements(&self, list: Range<usize>) -> Vec<Range<usize>> {
        let (mut elements, mut at) = (Vec::new(), list.start);
        while at < list.end {
            let mut end = at;
            while end < list.end && self.written(end) != "," {
                end = self.after(end);
            }
            elements.push(at..end.min(list.end));
            at = end + 1;
        }
        elements
    }
}
