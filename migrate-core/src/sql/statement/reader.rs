//! The reader of a statement's tokens, with the operations that the grammar needs.

use super::fragment::{Fragment, Span, is_word};
use super::name::{Name, QualifiedName, RelationRef};
use crate::sql::token::{Token, TokenKind};

/// The shapes of brackets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bracket {
    Opening,
    Closing,
}

/// A position in the tokens of a statement. Copies are cheap, so a lookahead is a copy that is discarded.
#[derive(Clone, Copy)]
pub(in crate::sql) struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Reader<'t> {
    pub(in crate::sql) const fn new(text: &'t str, tokens: &'t [Token]) -> Reader<'t> {
        Reader { text, tokens, at: 0 }
    }

    /// The next token, without taking it.
    pub(in crate::sql) fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    /// Takes the next token.
    pub(in crate::sql) fn take(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// The number of tokens taken so far: a mark for [`Reader::since`].
    pub(in crate::sql) const fn mark(&self) -> usize {
        self.at
    }

    /// The tokens taken since a mark.
    pub(in crate::sql) fn since(&self, mark: usize) -> Fragment<'t> {
        let place = self.tokens.get(mark).map_or(self.text.len(), |token| token.start);
        Fragment::new(self.text, &self.tokens[mark.min(self.at)..self.at], place)
    }

    /// The span of the tokens taken since a mark.
    pub(in crate::sql) fn span_since(&self, mark: usize) -> Span {
        self.since(mark).span()
    }

    /// The span of the last token taken.
    pub(in crate::sql) fn last_span(&self) -> Span {
        self.span_since(self.at.saturating_sub(1))
    }

    /// The text of the last token taken.
    pub(in crate::sql) fn last_token(&self) -> Option<&'t str> {
        let last = self.at.checked_sub(1)?;
        self.tokens.get(last).map(|token| self.written(*token))
    }

    /// True if no token is left.
    pub(in crate::sql) const fn is_exhausted(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// True if the statement ends here, apart from a final semicolon.
    pub(in crate::sql) fn at_end(&self) -> bool {
        self.peek().is_none_or(|token| token.kind == TokenKind::Semicolon)
    }

    pub(in crate::sql) fn written(&self, token: Token) -> &'t str {
        token.text(self.text)
    }

    /// The next token in lowercase, if it is a word. A quoted identifier is never a keyword.
    pub(in crate::sql) fn keyword(&self) -> String {
        match self.peek() {
            Some(token) if token.kind == TokenKind::Word => self.written(token).to_ascii_lowercase(),
            _ => String::new(),
        }
    }

    /// Returns true if the next token is this keyword.
    pub(in crate::sql) fn sees(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|token| is_word(self.text, token, keyword))
    }

    /// Returns true if the next token is one of these keywords.
    pub(in crate::sql) fn sees_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.sees(keyword))
    }

    /// Returns true if the next tokens are these keywords.
    pub(in crate::sql) fn sees_words(mut self, keywords: &[&str]) -> bool {
        self.words(keywords)
    }

    /// Takes the keyword if it is next.
    pub(in crate::sql) fn word(&mut self, keyword: &str) -> bool {
        let seen = self.sees(keyword);
        self.at += usize::from(seen);
        seen
    }

    /// Takes the keyword if it is next, and returns its span.
    pub(in crate::sql) fn word_span(&mut self, keyword: &str) -> Option<Span> {
        self.word(keyword).then(|| self.last_span())
    }

    /// Takes all the keywords if they are next, or else nothing.
    pub(in crate::sql) fn words(&mut self, keywords: &[&str]) -> bool {
        for (index, keyword) in keywords.iter().enumerate() {
            let is_next =
                self.tokens.get(self.at + index).is_some_and(|token| is_word(self.text, *token, keyword));
            if !is_next {
                return false;
            }
        }
        self.at += keywords.len();
        true
    }

    /// Does the same, and returns their span.
    pub(in crate::sql) fn words_span(&mut self, keywords: &[&str]) -> Option<Span> {
        let mark = self.mark();
        self.words(keywords).then(|| self.span_since(mark))
    }

    /// Takes one of the keywords if it is next.
    pub(in crate::sql) fn any(&mut self, keywords: &[&'static str]) -> Option<&'static str> {
        keywords.iter().copied().find(|keyword| self.word(keyword))
    }

    /// Returns true if the next token is this punctuation, parenthesis or operator.
    pub(in crate::sql) fn sees_sign(&self, sign: &str) -> bool {
        use TokenKind::{LeftParenthesis, Operator, Punctuation, RightParenthesis};
        match self.peek() {
            Some(token) => {
                matches!(token.kind, Punctuation | Operator | LeftParenthesis | RightParenthesis)
                    && self.written(token) == sign
            }
            None => false,
        }
    }

    /// Takes the next token if it is this sign.
    pub(in crate::sql) fn sign(&mut self, sign: &str) -> bool {
        let seen = self.sees_sign(sign);
        self.at += usize::from(seen);
        seen
    }

    /// Takes a string constant of any kind, including a `UESCAPE` after it.
    pub(in crate::sql) fn string(&mut self) -> Option<Fragment<'t>> {
        let mark = self.mark();
        let token = self.peek().filter(|token| token.kind.is_string())?;
        self.take();
        if token.kind == TokenKind::UnicodeString && self.word("UESCAPE") {
            self.take();
        }
        Some(self.since(mark))
    }

    /// Takes a name: a quoted identifier, or a word including keywords.
    pub(in crate::sql) fn name(&mut self) -> Option<Name<'t>> {
        let token = self.peek()?;
        match token.kind {
            TokenKind::Word | TokenKind::QuotedIdentifier => {
                self.take();
                Some(Name::new(self.text, token))
            }
            TokenKind::UnicodeIdentifier => {
                self.take();
                let name = Name::new(self.text, token);
                if !self.word("UESCAPE") {
                    return Some(name);
                }
                let escape = self.take();
                let mut inner = escape
                    .and_then(|token| self.written(token).strip_prefix('\'')?.strip_suffix('\''))
                    .unwrap_or_default()
                    .chars();
                // A longer string is a syntax error, and then it escapes nothing.
                let character = inner.next().filter(|_| inner.next().is_none()).unwrap_or('\0');
                Some(name.escaped_with(character, self.last_span().end))
            }
            TokenKind::Other => self.placeholder(),
            _ => None,
        }
    }

    /// Takes a `${name}` in the position of a name, which is replaced later.
    fn placeholder(&mut self) -> Option<Name<'t>> {
        let first = self.peek()?;
        let rest = &self.text[first.start..];
        let length = rest.strip_prefix("${")?.find(['}', '\n'])? + "${}".len();
        let end = first.start + length;
        if !rest[..length].ends_with('}') {
            return None;
        }
        while self.peek().is_some_and(|token| token.start < end) {
            self.take();
        }
        Some(Name::new(self.text, Token { end, ..first }))
    }

    /// Takes a name with all its qualifiers.
    pub(in crate::sql) fn qualified_name(&mut self) -> Option<QualifiedName<'t>> {
        let mut parts = vec![self.name()?];
        while self.sees_sign(".") {
            let mut ahead = *self;
            ahead.sign(".");
            let Some(part) = ahead.name() else { break };
            parts.push(part);
            *self = ahead;
        }
        Some(QualifiedName::new(parts))
    }

    /// Parses `relation_expr` of the server's grammar: `t`, `t *`, `ONLY t`, `ONLY (t)`.
    pub(in crate::sql) fn relation(&mut self) -> Option<RelationRef<'t>> {
        let mark = self.mark();
        let only = self.word("ONLY");
        let parentheses = only && self.sign("(");
        let name = self.qualified_name()?;
        if parentheses {
            self.sign(")");
        }
        self.sign("*");
        Some(RelationRef::new(only, name, self.span_since(mark)))
    }

    /// Takes a comma-separated list, up to the first item that `element` does not parse.
    pub(in crate::sql) fn list<T>(&mut self, mut element: impl FnMut(&mut Self) -> Option<T>) -> Vec<T> {
        let mut elements = Vec::new();
        loop {
            let before = *self;
            match element(self) {
                Some(taken) => elements.push(taken),
                None => {
                    *self = before;
                    return elements;
                }
            }
            if !self.sign(",") {
                return elements;
            }
        }
    }

    /// Takes names separated by commas.
    pub(in crate::sql) fn qualified_names(&mut self) -> Vec<QualifiedName<'t>> {
        self.list(Self::qualified_name)
    }

    /// Takes roles separated by commas, each with an optional `GROUP` before it.
    pub(in crate::sql) fn roles(&mut self) -> Fragment<'t> {
        let mark = self.mark();
        self.list(|reader| {
            reader.word("GROUP");
            reader.name().map(|_| ()).or_else(|| reader.string().map(|_| ()))
        });
        self.since(mark)
    }

    /// Takes a group in brackets and returns its inside. An unclosed group extends to the end.
    pub(in crate::sql) fn group(&mut self) -> Option<Fragment<'t>> {
        if self.bracket(self.at) != Some(Bracket::Opening) {
            return None;
        }
        self.at += 1;
        let mark = self.mark();
        let mut depth = 1_usize;
        while self.at < self.tokens.len() {
            match self.bracket(self.at) {
                Some(Bracket::Opening) => depth += 1,
                Some(Bracket::Closing) => depth -= 1,
                None => {}
            }
            if depth == 0 {
                let inside = self.since(mark);
                self.at += 1;
                return Some(inside);
            }
            self.at += 1;
        }
        Some(self.since(mark))
    }

    /// The bracket at an index, if any. The token's kind decides in nearly all cases, because a macro runs
    /// unoptimized.
    fn bracket(&self, at: usize) -> Option<Bracket> {
        let token = self.tokens.get(at)?;
        match token.kind {
            TokenKind::LeftParenthesis => Some(Bracket::Opening),
            TokenKind::RightParenthesis => Some(Bracket::Closing),
            TokenKind::Punctuation => match self.text.as_bytes()[token.start] {
                b'[' => Some(Bracket::Opening),
                b']' => Some(Bracket::Closing),
                _ => None,
            },
            _ => None,
        }
    }

    /// Takes the next token, or a whole group if it is a bracket.
    pub(in crate::sql) fn skip(&mut self) {
        if self.group().is_none() && self.at < self.tokens.len() {
            self.at += 1;
        }
    }

    /// Takes a list of columns: names in parentheses.
    pub(in crate::sql) fn columns(&mut self) -> Vec<Name<'t>> {
        let Some(inside) = self.group() else { return Vec::new() };
        inside.items().into_iter().filter_map(|item| item.reader().name()).collect()
    }

    /// Takes a list item: everything up to a comma outside of brackets, an unmatched closing bracket, or the
    /// end.
    pub(in crate::sql) fn item(&mut self) -> Fragment<'t> {
        self.until(|_| false)
    }

    /// Does the same, up to a token outside of brackets and of `CASE … END` for which `stop` returns true.
    pub(in crate::sql) fn until(&mut self, stop: impl Fn(&Self) -> bool) -> Fragment<'t> {
        let mark = self.mark();
        let mut cases = 0_usize;
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Semicolon | TokenKind::RightParenthesis => break,
                TokenKind::Punctuation if self.bracket(self.at) == Some(Bracket::Closing) => break,
                TokenKind::Punctuation if cases == 0 && self.written(token) == "," => break,
                TokenKind::Word if cases == 0 && stop(self) => break,
                TokenKind::Word if is_word(self.text, token, "CASE") => cases += 1,
                TokenKind::Word if is_word(self.text, token, "END") => cases = cases.saturating_sub(1),
                _ => {}
            }
            self.skip();
        }
        self.since(mark)
    }

    /// Takes everything, including commas, up to one of the keywords outside of brackets.
    pub(in crate::sql) fn until_word(&mut self, keywords: &[&str]) -> Fragment<'t> {
        let mark = self.mark();
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Semicolon => break,
                TokenKind::Word if keywords.iter().any(|keyword| is_word(self.text, token, keyword)) => break,
                _ => self.skip(),
            }
        }
        self.since(mark)
    }

    /// Takes everything, including commas, up to one of these sequences of keywords outside of brackets.
    pub(in crate::sql) fn until_words(&mut self, sequences: &[&[&str]]) -> Fragment<'t> {
        let mark = self.mark();
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Semicolon => break,
                TokenKind::Word if sequences.iter().any(|words| self.sees_words(words)) => break,
                _ => self.skip(),
            }
        }
        self.since(mark)
    }

    /// Takes everything up to the last of these keywords.
    pub(in crate::sql) fn until_last(&mut self, keyword: &str) -> Fragment<'t> {
        let mark = self.mark();
        let last =
            (self.at..self.tokens.len()).rev().find(|at| is_word(self.text, self.tokens[*at], keyword));
        self.at = last.unwrap_or(self.tokens.len());
        self.since(mark)
    }

    /// Takes the rest of the statement, including semicolons.
    pub(in crate::sql) fn rest(&mut self) -> Fragment<'t> {
        let mark = self.mark();
        let mut end = self.tokens.len();
        while end > self.at && self.tokens[end - 1].kind == TokenKind::Semicolon {
            end -= 1;
        }
        self.at = end;
        self.since(mark)
    }
}
