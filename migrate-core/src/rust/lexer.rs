//! The lexer: comments, literals, lifetimes, words and punctuation.

use std::ops::Range;

/// The kind of a token of Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RustTokenKind {
    /// A comment to the end of the line.
    LineComment,
    /// A comment between `/*` and `*/`.
    BlockComment,
    /// An identifier, a keyword or `_`.
    Word,
    /// A lifetime or a label, such as `'a`.
    Lifetime,
    /// A number, a character or a string, with its prefix and suffix.
    Literal,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// One character of punctuation; `&&` and `||` are one token.
    Punctuation,
}

/// A token of Rust and its place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RustToken {
    /// The kind.
    pub kind: RustTokenKind,
    /// The byte range.
    pub range: Range<usize>,
}

impl RustToken {
    /// True for comments.
    pub fn is_comment(&self) -> bool {
        matches!(self.kind, RustTokenKind::LineComment | RustTokenKind::BlockComment)
    }
}

/// A fault that keeps a text from being read as Rust.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RustFault {
    /// A comment, a string or a bracket without its end.
    #[error("{}", crate::clean!("this {what} has no end"))]
    Unclosed {
        /// The name of what is open.
        what: &'static str,
    },
    /// A closing bracket without its beginning.
    #[error("this bracket closes none")]
    Unopened,
    /// A character that begins no token.
    #[error("{}", crate::clean!("`{character}` begins no token of Rust"))]
    Character {
        /// The character.
        character: char,
    },
}

crate::debug_as_display!(RustFault);

/// Divides a text into its tokens, comments included.
///
/// # Errors
///
/// The first fault, with its byte offset.
///
/// # Examples
///
/// ```
/// let text = "fn up<'a>() { r#\"}\"# /* /* */ */ }";
/// let tokens = migrate_core::rust::rust_tokens(text).unwrap();
/// let texts: Vec<&str> = tokens.iter().map(|token| &text[token.range.clone()]).collect();
/// assert_eq!(texts, ["fn", "up", "<", "'a", ">", "(", ")", "{", "r#\"}\"#", "/* /* */ */", "}"]);
/// ```
pub fn rust_tokens(text: &str) -> Result<Vec<RustToken>, (usize, RustFault)> {
    let mut lexer = Lexer { text, at: 0, open: Vec::new(), tokens: Vec::new() };
    while let Some(character) = lexer.peek() {
        let start = lexer.at;
        if character.is_whitespace() || character == '\u{feff}' {
            lexer.at += character.len_utf8();
            continue;
        }
        let kind = lexer.token(character).map_err(|fault| (start, fault))?;
        lexer.tokens.push(RustToken { kind, range: start..lexer.at });
    }
    match lexer.open.first() {
        Some((_, start)) => Err((*start, RustFault::Unclosed { what: "bracket" })),
        None => Ok(lexer.tokens),
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// The brackets that are open: the character that closes each, and its place.
    open: Vec<(char, usize)>,
    tokens: Vec<RustToken>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Moves behind the token that begins here.
    fn token(&mut self, first: char) -> Result<RustTokenKind, RustFault> {
        if self.rest().starts_with("//") {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            return Ok(RustTokenKind::LineComment);
        }
        if self.rest().starts_with("/*") {
            return self.block_comment();
        }
        if first.is_ascii_digit() {
            self.number();
            return Ok(RustTokenKind::Literal);
        }
        if let Some(hashes) = raw_string(self.rest()) {
            return self.raw_string(hashes);
        }
        let prefix = ["b\"", "c\"", "\"", "b'"].into_iter().find(|prefix| self.rest().starts_with(prefix));
        if let Some(prefix) = prefix {
            self.at += prefix.len();
            return self.quoted(if prefix == "b'" { '\'' } else { '"' });
        }
        if first == '\'' {
            return self.apostrophe();
        }
        if is_word_start(first) {
            // `r#match` is a word.
            let raw = self.rest().strip_prefix("r#").is_some_and(|rest| rest.starts_with(is_word_start));
            self.at += if raw { 2 } else { 0 };
            self.word();
            return Ok(RustTokenKind::Word);
        }
        self.punctuation(first)
    }

    fn block_comment(&mut self) -> Result<RustTokenKind, RustFault> {
        let mut depth = 0_u32;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                (depth, self.at) = (depth + 1, self.at + 2);
            } else if rest.starts_with("*/") {
                (depth, self.at) = (depth - 1, self.at + 2);
            } else {
                let character = rest.chars().next().ok_or(RustFault::Unclosed { what: "comment" })?;
                self.at += character.len_utf8();
            }
            if depth == 0 {
                return Ok(RustTokenKind::BlockComment);
            }
        }
    }

    /// A number with its suffix: `1_000u64`, `0xff`, `1.5e-3`. A dot belongs to it unless a word or another dot follows.
    fn number(&mut self) {
        let is_decimal = !["0x", "0o", "0b"].iter().any(|radix| self.rest().starts_with(radix));
        self.word();
        let mut after = self.rest().chars();
        if after.next() == Some('.')
            && is_decimal
            && !after.next().is_some_and(|next| next == '.' || is_word_start(next))
        {
            self.at += 1;
            self.word();
        }
        let written = &self.text[..self.at];
        let has_sign = self.rest().strip_prefix(['+', '-']);
        if is_decimal
            && written.ends_with(['e', 'E'])
            && has_sign.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        {
            self.at += 1;
            self.word();
        }
    }

    /// A raw string with so many hashes; at its first letter.
    fn raw_string(&mut self, hashes: usize) -> Result<RustTokenKind, RustFault> {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = self.rest().find('"').unwrap_or_default() + 1;
        let length = self.rest()[begin..].find(&end).ok_or(RustFault::Unclosed { what: "string" })?;
        self.at += begin + length + end.len();
        self.word();
        Ok(RustTokenKind::Literal)
    }

    /// The rest of a string or a character behind its first quote.
    fn quoted(&mut self, quote: char) -> Result<RustTokenKind, RustFault> {
        let mut is_escaped = false;
        let end = self.rest().char_indices().find(|(_, character)| {
            let is_end = *character == quote && !is_escaped;
            is_escaped = *character == '\\' && !is_escaped;
            is_end
        });
        let what = if quote == '"' { "string" } else { "character" };
        self.at += end.ok_or(RustFault::Unclosed { what })?.0 + 1;
        self.word();
        Ok(RustTokenKind::Literal)
    }

    /// A character, or a lifetime.
    fn apostrophe(&mut self) -> Result<RustTokenKind, RustFault> {
        self.at += 1;
        let mut next = self.rest().chars();
        match (next.next(), next.next()) {
            (Some('\\'), _) | (Some(_), Some('\'')) => self.quoted('\''),
            (Some(first), _) if is_word_start(first) => {
                self.word();
                Ok(RustTokenKind::Lifetime)
            }
            _ => Err(RustFault::Unclosed { what: "character" }),
        }
    }

    fn word(&mut self) {
        let rest = self.rest();
        self.at += rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    }

    fn punctuation(&mut self, first: char) -> Result<RustTokenKind, RustFault> {
        let start = self.at;
        self.at += first.len_utf8();
        let closing = match first {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            ')' | ']' | '}' => {
                let opened = self.open.pop().filter(|(closing, _)| *closing == first);
                return opened.map(|_| RustTokenKind::Close).ok_or(RustFault::Unopened);
            }
            // `a & &b` and `a && b` are two things; of all others, only one reading is Rust.
            '&' | '|' if self.rest().starts_with(first) => {
                self.at += 1;
                return Ok(RustTokenKind::Punctuation);
            }
            '!' | '#' | '$' | '%' | '&' | '*' | '+' | ',' | '-' | '.' | '/' | ':' | ';' | '<' | '=' | '>'
            | '?' | '@' | '^' | '|' | '~' => return Ok(RustTokenKind::Punctuation),
            character => return Err(RustFault::Character { character }),
        };
        self.open.push((closing, start));
        Ok(RustTokenKind::Open)
    }
}

/// The number of hashes of a raw string that begins here: `r"`, `br#"`, `cr##"`.
fn raw_string(text: &str) -> Option<usize> {
    let rest = ["br", "cr", "r"].into_iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let body = rest.trim_start_matches('#');
    body.starts_with('"').then_some(rest.len() - body.len())
}

fn is_word_start(character: char) -> bool {
    character == '_' || character.is_alphabetic()
}

fn is_word(character: char) -> bool {
    // `é` may be written as two characters, of which the second is a mark.
    character == '_' || character.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn tokens(text: &str) -> Vec<&str> {
        let tokens = rust_tokens(text).unwrap_or_else(|(at, fault)| panic!("{at}: {fault}"));
        tokens.into_iter().map(|token| &text[token.range]).collect()
    }

    #[test]
    fn numbers_end_where_ranges_methods_and_fields_begin() {
        assert_eq!(tokens("1..2"), ["1", ".", ".", "2"]);
        assert_eq!(tokens("1.max(2)"), ["1", ".", "max", "(", "2", ")"]);
        assert_eq!(tokens("1.5e-3f64 2. 0xE+1 1e5"), ["1.5e-3f64", "2.", "0xE", "+", "1", "1e5"]);
        assert_eq!(tokens("x.0.1"), ["x", ".", "0.1"]);
    }

    #[test]
    fn quotes_of_each_kind_hide_what_is_in_them() {
        assert_eq!(tokens(r##"r#"a"b"# br"\" c"x" b'\'' '"' "\"//""##).len(), 6);
        assert_eq!(
            tokens("'a' 'a '\\'' '\\u{1F600}' 'static"),
            ["'a'", "'a", "'\\''", "'\\u{1F600}'", "'static"]
        );
        assert_eq!(tokens("r#match r \"x\""), ["r#match", "r", "\"x\""]);
    }

    #[test]
    fn a_comment_ends_where_its_own_end_is() {
        assert_eq!(tokens("/* /* */ a */ b // c\nd"), ["/* /* */ a */", "b", "// c", "d"]);
        assert_eq!(tokens("\"/*\" a"), ["\"/*\"", "a"]);
    }

    #[test]
    fn what_has_no_end_or_no_beginning_is_a_fault_with_its_place() {
        for (text, at) in [("a /* b", 2), ("a \"b", 2), ("{ (", 0), ("a )", 2), ("( ]", 2), ("r#\"a\"", 0)] {
            assert_eq!(rust_tokens(text).map_err(|(at, _)| at), Err(at), "{text}");
        }
        assert!(rust_tokens("a ` b").unwrap_err().1.to_string().contains('`'));
    }
}
