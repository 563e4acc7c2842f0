//! Invisible characters outside of quotes and comments.
//!
//! To the server, every byte above 127 is part of a word (`ident_start` and `ident_cont` of `scan.l`),
//! including non-ASCII spaces. So a no-break space before a name becomes part of the name, which the server
//! accepts, and one between two keywords joins them into one unknown word, which it rejects. Only words that
//! every server rejects are refused here.

use super::{Token, TokenKind};

/// An invisible character in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invisible {
    /// The byte offset of the character.
    pub(crate) offset: usize,
    pub(crate) character: char,
    /// True if the server certainly rejects the word in this position. Elsewhere it may be a name.
    pub(crate) is_refused: bool,
}

/// Finds the invisible characters of a text, at most one per word.
#[derive(Debug, Default)]
pub(super) struct InvisibleFinder {
    pub(super) found: Vec<Invisible>,
    /// The tokens of the statement so far; two suffice to decide.
    before: Vec<Token>,
}

impl InvisibleFinder {
    /// `None` for a text that can't contain any.
    pub(super) fn of(text: &str) -> Option<InvisibleFinder> {
        (!text.is_ascii()).then(InvisibleFinder::default)
    }

    /// Examines the next token of the text.
    pub(super) fn token(&mut self, text: &str, token: Token) {
        if token.is_trivia() {
            return;
        }
        if token.kind == TokenKind::Semicolon {
            return self.before.clear();
        }
        let is_word = matches!(token.kind, TokenKind::Word | TokenKind::Number | TokenKind::Parameter);
        let word = token.text(text);
        let first = word.char_indices().find(|(_, c)| name(*c).is_some()).filter(|_| is_word);
        if let Some((at, character)) = first {
            let is_refused = match self.before.as_slice() {
                [] => true,
                [verb] => wants_keyword(verb.text(text)),
                _ => false,
            };
            self.found.push(Invisible { offset: token.start + at, character, is_refused });
        }
        if self.before.len() < 2 {
            self.before.push(token);
        }
    }
}

/// Returns true if a keyword follows this word in every form of the statement that starts with it.
fn wants_keyword(verb: &str) -> bool {
    const VERBS: [&str; 9] =
        ["ALTER", "COMMENT", "CREATE", "DELETE", "DROP", "IMPORT", "INSERT", "MERGE", "REFRESH"];
    VERBS.iter().any(|word| word.eq_ignore_ascii_case(verb))
}

/// The Unicode name of an invisible character, or of a space other than the ASCII one.
pub(crate) fn name(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{a0}' => "NO-BREAK SPACE",
        '\u{ad}' => "SOFT HYPHEN",
        '\u{34f}' => "COMBINING GRAPHEME JOINER",
        '\u{61c}' => "ARABIC LETTER MARK",
        '\u{1680}' => "OGHAM SPACE MARK",
        '\u{180e}' => "MONGOLIAN VOWEL SEPARATOR",
        '\u{2000}' => "EN QUAD",
        '\u{2001}' => "EM QUAD",
        '\u{2002}' => "EN SPACE",
        '\u{2003}' => "EM SPACE",
        '\u{2004}' => "THREE-PER-EM SPACE",
        '\u{2005}' => "FOUR-PER-EM SPACE",
        '\u{2006}' => "SIX-PER-EM SPACE",
        '\u{2007}' => "FIGURE SPACE",
        '\u{2008}' => "PUNCTUATION SPACE",
        '\u{2009}' => "THIN SPACE",
        '\u{200a}' => "HAIR SPACE",
        '\u{200b}' => "ZERO WIDTH SPACE",
        '\u{200c}' => "ZERO WIDTH NON-JOINER",
        '\u{200d}' => "ZERO WIDTH JOINER",
        '\u{200e}' => "LEFT-TO-RIGHT MARK",
        '\u{200f}' => "RIGHT-TO-LEFT MARK",
        '\u{2028}' => "LINE SEPARATOR",
        '\u{2029}' => "PARAGRAPH SEPARATOR",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "a mark of the direction of writing",
        '\u{202f}' => "NARROW NO-BREAK SPACE",
        '\u{205f}' => "MEDIUM MATHEMATICAL SPACE",
        '\u{2060}' => "WORD JOINER",
        '\u{2061}'..='\u{2064}' => "an invisible operator",
        '\u{3000}' => "IDEOGRAPHIC SPACE",
        '\u{3164}' => "HANGUL FILLER",
        '\u{feff}' => "ZERO WIDTH NO-BREAK SPACE, the byte order mark",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {

    fn found(text: &str) -> Vec<(usize, char, bool)> {
        crate::sql::split(text).invisible.into_iter().map(|i| (i.offset, i.character, i.is_refused)).collect()
    }

    #[test]
    fn a_statement_can_not_begin_with_an_invisible_character() {
        for text in [
            "CREATE\u{a0}TABLE t ();",
            "\u{200b}SELECT 1",
            "SELECT 1;\n\u{feff}SELECT 2",
            "SELECT 1;\u{3000}",
            "CREATE TABLE\u{a0}t (id int)",
            "drop table\u{2003}t",
        ] {
            let found = found(text);
            assert!(matches!(found[..], [(_, _, true)]), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn what_may_be_a_name_is_found_and_not_refused() {
        for text in [
            "CREATE TABLE t (\n\u{a0}\u{a0}id int)",
            "SELECT 1 \u{a0} FROM t",
            "SELECT 1 FROM\u{a0}t",
            "SELECT 1\u{a0}",
        ] {
            assert!(matches!(found(text)[..], [(_, '\u{a0}', false)]), "{text:?}");
        }
    }

    #[test]
    fn quotes_comments_and_letters_of_other_languages_hide_nothing() {
        for text in [
            "\u{feff}SELECT 1",
            "SELECT '\u{a0}', \"\u{200b}\", $$\u{a0}$$ -- \u{a0}\n/* \u{feff} */",
            "CREATE TABLE größe (名前 text)",
        ] {
            assert_eq!(found(text), [], "{text:?}");
        }
    }
}
