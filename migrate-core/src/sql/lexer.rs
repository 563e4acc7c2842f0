//! The lexer: a rule-by-rule implementation of PostgreSQL's `src/backend/parser/scan.l`, version 15 and
//! later.
//!
//! Two things are left out because they do not move the end of a token: the meaning of escapes in a string,
//! and the server's errors about junk after a number, empty names or operators of 64 bytes.
//! `standard_conforming_strings` is assumed to be `on`, the default since 9.1: a backslash in `'…'` is an
//! ordinary character. A connection that runs scripts split here has to ensure that.

use std::iter::FusedIterator;

use super::token::{Construct, Token, TokenKind};

/// Splits `text` into tokens, including white space and comments. The tokens' ranges are contiguous, from the
/// text's first byte to its last.
///
/// Every text is accepted. Text that the server would reject becomes [`TokenKind::Other`],
/// [`TokenKind::Backslash`] or [`TokenKind::Unterminated`].
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{TokenKind, tokens};
///
/// let text = "SELECT $q$;$q$; -- done";
/// let kinds: Vec<_> = tokens(text).filter(|t| !t.is_trivia()).map(|t| (t.kind, t.text(text))).collect();
///
/// assert_eq!(
///     kinds,
///     [(TokenKind::Word, "SELECT"), (TokenKind::DollarString, "$q$;$q$"), (TokenKind::Semicolon, ";")]
/// );
/// ```
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0, signs_until: 0 }
}

/// The tokens of a text; see [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    /// Up to this offset, the text consists only of `+` and `-` cut off an operator, each of which is a
    /// token. Without it, `+-+-+-…` would be scanned once per sign.
    signs_until: usize,
}

impl Tokens<'_> {
    /// Continues at a later offset, which has to be a character boundary.
    pub(super) fn skip_to(&mut self, offset: usize) {
        debug_assert!(offset >= self.at && self.text.is_char_boundary(offset));
        self.at = offset;
    }

    /// Skips any words, numbers, commas and white space that follow, except for the last word: a quote after
    /// it may belong to it. Returns the end of the last skipped token other than white space.
    pub(super) fn skip_plain(&mut self) -> Option<usize> {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let mut at = run(bytes, start, PLAIN);
        while at > start && is(bytes[at - 1], CONTINUES_WORD) {
            at -= 1;
        }
        #[cfg(test)]
        counted::add(at - start);
        self.at = at;
        while at > start && is(bytes[at - 1], SPACE) {
            at -= 1;
        }
        (at > start).then_some(at)
    }

    fn read(&mut self, start: usize) -> (TokenKind, usize) {
        let bytes = self.text.as_bytes();
        let peek = |ahead: usize| bytes.get(start + ahead).copied();
        match bytes[start] {
            byte if is(byte, SPACE) => (TokenKind::Whitespace, run(bytes, start, SPACE)),
            b'-' if peek(1) == Some(b'-') => (TokenKind::LineComment, line_comment(bytes, start)),
            b'/' if peek(1) == Some(b'*') => ended(TokenKind::BlockComment, block_comment(bytes, start)),
            b'\'' => ended(TokenKind::String, self.plain_string(start + 1)),
            b'e' | b'E' if peek(1) == Some(b'\'') => {
                ended(TokenKind::EscapeString, self.escape_string(start + 2))
            }
            b'n' | b'N' if peek(1) == Some(b'\'') => {
                ended(TokenKind::NationalString, self.plain_string(start + 2))
            }
            b'b' | b'B' if peek(1) == Some(b'\'') => ended(TokenKind::BitString, self.bit_string(start + 2)),
            b'x' | b'X' if peek(1) == Some(b'\'') => ended(TokenKind::HexString, self.bit_string(start + 2)),
            b'u' | b'U' if peek(1) == Some(b'&') && peek(2) == Some(b'\'') => {
                ended(TokenKind::UnicodeString, self.plain_string(start + 3))
            }
            b'u' | b'U' if peek(1) == Some(b'&') && peek(2) == Some(b'"') => {
                ended(TokenKind::UnicodeIdentifier, self.identifier(start + 3))
            }
            b'"' => ended(TokenKind::QuotedIdentifier, self.identifier(start + 1)),
            0xEF if start == 0 && self.text.starts_with('\u{FEFF}') => (TokenKind::ByteOrderMark, 3),
            byte if is(byte, BEGINS_WORD) => (TokenKind::Word, run(bytes, start, CONTINUES_WORD)),
            b'0'..=b'9' => (TokenKind::Number, number(bytes, start)),
            b'.' if peek(1) == Some(b'.') => (TokenKind::Punctuation, start + 2),
            b'.' if peek(1).is_some_and(|byte| byte.is_ascii_digit()) => {
                (TokenKind::Number, number(bytes, start))
            }
            b'$' => self.dollar(start),
            b'(' => (TokenKind::LeftParenthesis, start + 1),
            b')' => (TokenKind::RightParenthesis, start + 1),
            b';' => (TokenKind::Semicolon, start + 1),
            b':' if matches!(peek(1), Some(b':' | b'=')) => (TokenKind::Punctuation, start + 2),
            b',' | b'.' | b':' | b'[' | b']' => (TokenKind::Punctuation, start + 1),
            b'\\' => (TokenKind::Backslash, start + 1),
            byte if is(byte, OPERATOR) => (TokenKind::Operator, self.operator(start)),
            // Every byte of a non-ASCII character begins a word, so this is a single ASCII character.
            _ => (TokenKind::Other, start + 1),
        }
    }

    /// The end of a string constant in which only quotes are special, starting after its opening quote.
    fn plain_string(&self, mut at: usize) -> Result<usize, Construct> {
        loop {
            at += self.text[at..].find('\'').ok_or(Construct::String)? + 1;
            match self.doubled(at).or_else(|| self.continued(at)) {
                Some(inside) => at = inside,
                None => return Ok(at),
            }
        }
    }

    /// The end of a bit string constant, starting after its opening quote. A doubled quote has no meaning in
    /// it.
    fn bit_string(&self, mut at: usize) -> Result<usize, Construct> {
        loop {
            at += self.text[at..].find('\'').ok_or(Construct::BitString)? + 1;
            match self.continued(at) {
                Some(inside) => at = inside,
                None => return Ok(at),
            }
        }
    }

    /// The end of an `E'…'`, starting after its opening quote.
    fn escape_string(&self, mut at: usize) -> Result<usize, Construct> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(at).ok_or(Construct::String)? {
                // Octal, hexadecimal and Unicode escapes are longer but contain no quote.
                b'\\' => at += 2,
                b'\'' => match self.doubled(at + 1).or_else(|| self.continued(at + 1)) {
                    Some(inside) => at = inside,
                    None => return Ok(at + 1),
                },
                _ => at += 1,
            }
        }
    }

    /// The offset at which a string constant continues if the closing quote before `at` was the first of two.
    fn doubled(&self, at: usize) -> Option<usize> {
        (self.text.as_bytes().get(at) == Some(&b'\'')).then_some(at + 1)
    }

    /// The offset at which a string constant continues after a closing quote: only line comments and white
    /// space with a newline may precede the next quote (`quotecontinue` in scan.l; manual, section 4.1.2.1).
    fn continued(&self, at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let mut end = at;
        let mut newline = false;
        loop {
            match bytes.get(end)? {
                b'\'' if newline => return Some(end + 1),
                b'\n' | b'\r' => {
                    newline = true;
                    end += 1;
                }
                byte if is(*byte, SPACE) => end += 1,
                // A comment ends at a newline or at the end of the text, after which no quote follows.
                b'-' if bytes.get(end + 1) == Some(&b'-') => end = line_comment(bytes, end),
                _ => return None,
            }
        }
    }

    /// The end of a quoted identifier, starting after its opening quote.
    fn identifier(&self, mut at: usize) -> Result<usize, Construct> {
        loop {
            at += self.text[at..].find('"').ok_or(Construct::Identifier)? + 1;
            if self.text.as_bytes().get(at) != Some(&b'"') {
                return Ok(at);
            }
            at += 1;
        }
    }

    /// `$1`, `$$…$$`, `$tag$…$tag$` or a lone dollar sign.
    fn dollar(&self, start: usize) -> (TokenKind, usize) {
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        if bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at = run(bytes, at, DIGIT);
            return (TokenKind::Parameter, junk(bytes, at));
        }
        if bytes.get(at).is_some_and(|byte| is(*byte, BEGINS_WORD)) {
            at = run(bytes, at, BEGINS_WORD | DIGIT);
        }
        if bytes.get(at) != Some(&b'$') {
            return (TokenKind::Other, start + 1);
        }
        let (delimiter, body) = (&self.text[start..=at], at + 1);
        let close = self.text[body..].find(delimiter).map(|found| body + found + delimiter.len());
        ended(TokenKind::DollarString, close.ok_or(Construct::DollarString))
    }

    /// The end of an operator: before the beginning of a comment, and before trailing `+` and `-` unless the
    /// operator contains a character that no operator of standard SQL has. According to scan.l, the purpose
    /// is "to lex '=-' as two operators, but not to forbid operator names like '?-'".
    fn operator(&mut self, start: usize) -> usize {
        if start < self.signs_until {
            return start + 1;
        }
        let bytes = self.text.as_bytes();
        let mut end = start + 1;
        let mut without_signs = start + 1;
        let mut foreign = is(bytes[start], FOREIGN_OPERATOR);
        while let Some(&byte) = bytes.get(end).filter(|byte| is(**byte, OPERATOR)) {
            if matches!((byte, bytes.get(end + 1)), (b'-', Some(b'-')) | (b'/', Some(b'*'))) {
                break;
            }
            end += 1;
            foreign |= is(byte, FOREIGN_OPERATOR);
            if !matches!(byte, b'+' | b'-') {
                without_signs = end;
            }
        }
        if foreign {
            return end;
        }
        self.signs_until = end;
        without_signs
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let start = self.at;
        if start == self.text.len() {
            return None;
        }
        let (kind, end) = self.read(start);
        let end = if matches!(kind, TokenKind::Unterminated(_)) { self.text.len() } else { end };
        #[cfg(test)]
        counted::add(end - start);
        self.at = end;
        Some(Token { kind, start, end })
    }
}

impl FusedIterator for Tokens<'_> {}

/// A counter of the bytes that were read, because each byte of a script should be read once.
#[cfg(test)]
pub(crate) mod counted {
    use std::cell::Cell;

    thread_local! {
        static BYTES: Cell<usize> = const { Cell::new(0) };
    }

    pub(super) fn add(bytes: usize) {
        BYTES.with(|count| count.set(count.get() + bytes));
    }

    /// Counts the bytes that this thread reads during a call.
    pub(crate) fn during<R>(something: impl FnOnce() -> R) -> (usize, R) {
        let before = BYTES.with(Cell::get);
        let result = something();
        (BYTES.with(Cell::get) - before, result)
    }
}

/// A token of `kind` up to the end that was found, or an unterminated one.
fn ended(kind: TokenKind, end: Result<usize, Construct>) -> (TokenKind, usize) {
    match end {
        Ok(end) => (kind, end),
        Err(construct) => (TokenKind::Unterminated(construct), usize::MAX),
    }
}

/// The end of the run of bytes from `start` that all belong to one of these kinds.
fn run(bytes: &[u8], start: usize, kinds: u8) -> usize {
    let mut at = start;
    while at < bytes.len() && KINDS[bytes[at] as usize] & kinds != 0 {
        at += 1;
    }
    at
}

/// Either character ends a line comment: scan.l treats CR LF as two newlines and a lone CR as one.
fn line_comment(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while at < bytes.len() && !is(bytes[at], NEWLINE) {
        at += 1;
    }
    at
}

/// Block comments nest, unlike C's (manual, section 4.1.5).
fn block_comment(bytes: &[u8], start: usize) -> Result<usize, Construct> {
    let mut depth = 1_usize;
    let mut at = start + 2;
    while let Some(&byte) = bytes.get(at) {
        match (byte, bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(at);
                }
            }
            _ => at += 1,
        }
    }
    Err(Construct::Comment)
}

/// The end of a number. `1..10` is `1`, `..`, `10`. Letters that follow a number directly belong to it, and
/// the server (15 and later) rejects the whole; this also reads `0x1F` as one token.
fn number(bytes: &[u8], start: usize) -> usize {
    let mut at = digits(bytes, start);
    if bytes.get(at) == Some(&b'.') && bytes.get(at + 1) != Some(&b'.') {
        at = digits(bytes, at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        match bytes.get(at + 1) {
            // `1e+` without digits is rejected, but as one token: `realfail` in scan.l.
            Some(b'+' | b'-') => at = digits(bytes, at + 2),
            Some(b'0'..=b'9') => at = digits(bytes, at + 1),
            _ => {}
        }
    }
    junk(bytes, at)
}

/// Digits, with single underscores between them as in PostgreSQL 16.
fn digits(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    loop {
        at = run(bytes, at, DIGIT);
        let grouped = bytes.get(at) == Some(&b'_') && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if at == start || !grouped {
            return at;
        }
        at += 1;
    }
}

/// The end of an identifier that directly follows a number or a parameter.
fn junk(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(byte) if is(*byte, BEGINS_WORD) => run(bytes, at, CONTINUES_WORD),
        _ => at,
    }
}

/// `space` in scan.l, plus the vertical tab that version 16 added.
const SPACE: u8 = 1;
/// `ident_start` in scan.l: every byte beyond ASCII counts, including those of a no-break space.
const BEGINS_WORD: u8 = 1 << 1;
/// `ident_cont` in scan.l: `a$b$c` is one identifier.
const CONTINUES_WORD: u8 = 1 << 2;
/// `decdigit` in scan.l.
const DIGIT: u8 = 1 << 3;
/// `op_chars` in scan.l.
const OPERATOR: u8 = 1 << 4;
/// The operator characters that standard SQL does not use.
const FOREIGN_OPERATOR: u8 = 1 << 5;
/// A character that ends neither a statement nor a string: a space, a comma, or a character of words and
/// numbers other than the dollar sign.
const PLAIN: u8 = 1 << 6;
/// `newline` in scan.l.
const NEWLINE: u8 = 1 << 7;

/// The kinds of each byte. It is a table because a macro is built without optimization, where a lookup costs
/// a fifth of the comparisons.
static KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = kinds_of(byte as u8);
        byte += 1;
    }
    kinds
};

const fn kinds_of(byte: u8) -> u8 {
    match byte {
        b' ' | b'\t' | 0x0C | 0x0B => SPACE | PLAIN,
        b'\n' | b'\r' => SPACE | PLAIN | NEWLINE,
        b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => BEGINS_WORD | CONTINUES_WORD | PLAIN,
        b'0'..=b'9' => CONTINUES_WORD | DIGIT | PLAIN,
        b'$' => CONTINUES_WORD,
        b',' => PLAIN,
        b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' => OPERATOR,
        b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'%' => OPERATOR | FOREIGN_OPERATOR,
        _ => 0,
    }
}

/// Returns true if a byte belongs to one of these kinds.
fn is(byte: u8, kinds: u8) -> bool {
    KINDS[byte as usize] & kinds != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// From any token on: only whole words, numbers, commas and white space are skipped, and the rest is
        /// read as if nothing had been skipped.
        #[test]
        fn what_is_passed_over_moves_no_token(
            text in "([a-zé_]{1,3}|[0-9]|1\\.|[ ,\n]|[eEbBnNxXuU]'|[uU]&\"|[()';$\"&.+@-]|--|/\\*|\\*/|\\$a\\$){0,24}"
        ) {
            let all: Vec<Token> = tokens(&text).collect();
            let mut before = tokens(&text);
            for index in 0..=all.len() {
                let mut tokens = before.clone();
                let passed = tokens.skip_plain();
                let rest: Vec<Token> = tokens.collect();
                let (skipped, expected) = all[index..].split_at(all.len() - index - rest.len());
                prop_assert_eq!(&rest, expected);
                let plain = |token: &Token| match token.kind {
                    TokenKind::Word | TokenKind::Number | TokenKind::Whitespace => true,
                    _ => token.text(&text) == ",",
                };
                prop_assert!(skipped.iter().all(plain));
                let last = skipped.iter().rfind(|token| !token.is_trivia());
                prop_assert_eq!(passed, last.map(|token| token.end));
                before.next();
            }
        }
    }
}
