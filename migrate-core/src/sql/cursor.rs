//! Walking over a statement's tokens as its grammar does.

use super::lexer::{Tokens, tokens};
use super::token::{Token, TokenKind};

/// A place among the tokens of a statement that the server's grammar sees, comments and white space left out.
///
/// Copies are cheap, so a look ahead is a copy that is thrown away.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    next: Option<Token>,
}

/// An option of a list such as `(VERBOSE, CONCURRENTLY off)` or `WITH (connect = false)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedOption {
    /// Folded to lower case unless it is quoted, as the server does.
    pub(super) name: String,
    /// The first token of the value, if one is given; folded like the name, quotes taken off.
    pub(super) value: Option<String>,
}

impl ListedOption {
    /// Whether the server's `defGetBoolean` takes the value for true; no value means true.
    pub(super) fn is_on(&self) -> bool {
        let off = ["false", "off", "0"];
        !self.value.as_ref().is_some_and(|value| off.iter().any(|word| value.eq_ignore_ascii_case(word)))
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut cursor = Self { text, tokens: tokens(text), next: None };
        cursor.advance();
        cursor
    }

    fn advance(&mut self) {
        self.next = self.tokens.by_ref().find(|token| !token.is_trivia());
    }

    /// The next token, which stays the next one.
    pub(super) fn peek(&self) -> Option<Token> {
        self.next
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Option<Token> {
        let token = self.next?;
        self.advance();
        Some(token)
    }

    /// Whether the statement, a last semicolon aside, ends here.
    pub(super) fn at_end(&self) -> bool {
        self.next.is_none_or(|token| token.kind == TokenKind::Semicolon)
    }

    /// A token of this statement as it is written there.
    pub(super) fn written(&self, token: Token) -> &'a str {
        token.text(self.text)
    }

    /// Whether the next token is this keyword. A quoted identifier is never a keyword.
    pub(super) fn sees(&self, keyword: &str) -> bool {
        self.next.is_some_and(|token| {
            token.kind == TokenKind::Word
                && token.end - token.start == keyword.len()
                && self.written(token).eq_ignore_ascii_case(keyword)
        })
    }

    /// Takes the keyword if it is next.
    pub(super) fn word(&mut self, keyword: &str) -> bool {
        let seen = self.sees(keyword);
        if seen {
            self.advance();
        }
        seen
    }

    /// Takes the keywords if they are next, or else nothing.
    pub(super) fn words(&mut self, keywords: &[&str]) -> bool {
        let mut ahead = self.clone();
        let seen = keywords.iter().all(|keyword| ahead.word(keyword));
        if seen {
            *self = ahead;
        }
        seen
    }

    /// Takes the next token if it is of this kind.
    pub(super) fn kind(&mut self, kind: TokenKind) -> bool {
        let seen = self.next.is_some_and(|token| token.kind == kind);
        if seen {
            self.advance();
        }
        seen
    }

    /// Takes the next token if it is written like this: punctuation or an operator.
    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let seen = self.next.is_some_and(|token| {
            matches!(token.kind, TokenKind::Punctuation | TokenKind::Operator) && self.written(token) == sign
        });
        if seen {
            self.advance();
        }
        seen
    }

    /// Takes a list of options in parentheses, if one is next.
    pub(super) fn options(&mut self) -> Option<Vec<ListedOption>> {
        let mut options = Vec::new();
        if !self.kind(TokenKind::LeftParenthesis) {
            return None;
        }
        loop {
            let name = self.folded()?;
            self.sign("=");
            let value = match self.peek()?.kind {
                TokenKind::RightParenthesis => None,
                TokenKind::Punctuation => None,
                _ => Some(self.folded()?),
            };
            options.push(ListedOption { name, value });
            let mut depth = 0_usize;
            loop {
                let token = self.take()?;
                match token.kind {
                    TokenKind::LeftParenthesis => depth += 1,
                    TokenKind::RightParenthesis if depth == 0 => return Some(options),
                    TokenKind::RightParenthesis => depth -= 1,
                    TokenKind::Punctuation if depth == 0 && self.written(token) == "," => break,
                    _ => {}
                }
            }
        }
    }

    /// Takes a token for the string that the server makes of it in an option list.
    pub(super) fn folded(&mut self) -> Option<String> {
        let token = self.take()?;
        let written = self.written(token);
        Some(match token.kind {
            TokenKind::QuotedIdentifier => written[1..written.len() - 1].replace("\"\"", "\""),
            TokenKind::String => written[1..written.len() - 1].replace("''", "'"),
            TokenKind::EscapeString | TokenKind::NationalString => {
                written[2..written.len() - 1].replace("''", "'")
            }
            _ => written.to_ascii_lowercase(),
        })
    }
}
