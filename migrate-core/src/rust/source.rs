//! A source file: its tokens without comments and formatting, and the functions at its top.

use super::canonical::canonical;
use super::lexer::{RustFault, RustToken, RustTokenKind, rust_tokens};
use std::ops::Range;

/// A source file of Rust.
pub(crate) struct RustSource<'t> {
    text: &'t str,
    tokens: Vec<RustToken>,
    /// The indexes of the tokens that are no comments.
    code: Vec<usize>,
}

/// The reason why a function can't be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FunctionFault {
    /// It is not `pub`.
    Private,
    /// It is not `async`.
    NotAsync,
}

/// A function at the top of a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopFunction {
    /// The byte offset of its `fn`.
    pub(crate) at: usize,
    pub(crate) fault: Option<FunctionFault>,
}

impl<'t> RustSource<'t> {
    pub(crate) fn read(text: &'t str) -> Result<RustSource<'t>, (usize, RustFault)> {
        let tokens = rust_tokens(text)?;
        let code = (0..tokens.len()).filter(|index| !tokens[*index].is_comment()).collect();
        Ok(RustSource { text, tokens, code })
    }

    /// All tokens, comments included.
    pub(crate) fn tokens(&self) -> &[RustToken] {
        &self.tokens
    }

    fn word(&self, place: usize) -> &'t str {
        &self.text[self.range(place)]
    }

    fn range(&self, place: usize) -> Range<usize> {
        self.tokens[self.code[place]].range.clone()
    }

    fn kind(&self, place: usize) -> RustTokenKind {
        self.tokens[self.code[place]].kind
    }

    /// The tokens that count, one a line: see [`canonical`](super::canonical).
    pub(crate) fn canonical(&self) -> String {
        canonical((0..self.code.len()).map(|place| (self.kind(place), self.word(place))))
    }

    /// The function of a name at the top of the file.
    pub(crate) fn function(&self, name: &str) -> Option<TopFunction> {
        let (mut depth, mut item) = (0_u32, 0);
        for place in 0..self.code.len() {
            match self.kind(place) {
                RustTokenKind::Open => depth += 1,
                RustTokenKind::Close => {
                    depth -= 1;
                    // After an attribute, or the end of an item.
                    if depth == 0 && self.word(place) != ")" {
                        item = place + 1;
                    }
                }
                _ if depth > 0 => {}
                _ if self.word(place) == ";" => item = place + 1,
                _ if self.word(place) == "fn"
                    && self.code.get(place + 1).is_some_and(|_| self.word(place + 1) == name) =>
                {
                    return Some(self.top_function(item, place));
                }
                _ => {}
            }
        }
        None
    }

    fn top_function(&self, item: usize, place: usize) -> TopFunction {
        let has = |word: &str| (item..place).any(|before| self.word(before) == word);
        let fault = match (has("pub"), has("async")) {
            (_, false) => Some(FunctionFault::NotAsync),
            (false, true) => Some(FunctionFault::Private),
            (true, true) => None,
        };
        TopFunction { at: self.range(place).start, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_found_at_the_top_and_nowhere_else() {
        let of = |text: &str, name: &str| {
            RustSource::read(text)
                .map_err(|(at, fault)| format!("{at}: {fault}"))
                .unwrap()
                .function(name)
                .map(|f| f.fault)
        };
        assert_eq!(of("#[a] pub async fn up() {}", "up"), Some(None));
        assert_eq!(of("use x::{y}; pub(crate) async fn up() {}", "up"), Some(None));
        assert_eq!(of("pub fn x() {} async fn up() {}", "up"), Some(Some(FunctionFault::Private)));
        assert_eq!(of("pub async fn x() {} pub fn up() {}", "up"), Some(Some(FunctionFault::NotAsync)));
        for text in [
            "mod m { pub async fn up() {} }",
            "impl T { pub async fn up() {} }",
            "// pub async fn up() {}",
            "const S: &str = \"pub async fn up() {}\";",
        ] {
            assert_eq!(of(text, "up"), None, "{text}");
        }
        assert_eq!(of("pub async fn upper() {}", "up"), None);
    }
}
