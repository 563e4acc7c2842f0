//! Text of others that reaches a terminal or a log: without the signs that a terminal obeys.
//!
//! A server's message, a script, a file's name, an identifier and another session's query may hold escape sequences, which
//! clear the screen, rename the window or write a line anew, and signs that turn the direction of writing, which let a line
//! look like another one. Where such text is put into words for people, those signs are written as `\u{1b}` is.

use std::borrow::Cow;
use std::fmt;

/// Whether a terminal or an editor obeys a character instead of showing it: control characters but for tab and newline, and
/// the signs that turn the direction of writing or begin a line.
pub const fn is_obeyed(character: char) -> bool {
    match character {
        '\t' | '\n' => false,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => false,
    }
}

/// A text with `\u{…}` in the place of each character that a terminal obeys; CRLF is LF.
///
/// # Examples
///
/// ```
/// use migrate_core::display::printable::printable;
///
/// assert_eq!(printable("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
/// assert_eq!(printable("two\nlines"), "two\nlines");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            _ if is_obeyed(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// A formatter that escapes what a terminal obeys.
pub(crate) struct Printable<'p, 'f>(pub(crate) &'p mut fmt::Formatter<'f>);

impl fmt::Write for Printable<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&printable(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_written_out_and_all_else_stays() {
        let hostile = "\u{1b}]0;x\u{7}\r\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200f}\u{2028}";
        let shown = printable(hostile);
        assert!(!shown.chars().any(is_obeyed), "{shown:?}");
        assert_eq!(shown, "\\u{1b}]0;x\\u{7}\\u{d}\\u{9b}31m\\u{7f}\\u{202e}\\u{2066}\\u{200f}\\u{2028}");
        assert_eq!(printable("a\r\nb"), "a\nb");
        for kept in ["ä, 漢字 and \u{1f600}", "a\tb\nc", "\u{200d}\u{feff}"] {
            assert!(matches!(printable(kept), Cow::Borrowed(_)), "{kept:?}");
        }
    }
}
