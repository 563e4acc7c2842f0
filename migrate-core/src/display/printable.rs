//! Escaping of untrusted text before it reaches a terminal or a log.
//!
//! A server's message, a script, a file name, an identifier and another session's query may contain escape
//! sequences, which clear the screen, rename the window or rewrite a line; bidirectional controls, which make
//! a line look like another one; and zero-width characters, which hide in a name. Text for people shows such
//! characters as `\u{1b}`.

use std::borrow::Cow;
use std::fmt;

/// Returns true if a terminal, an editor or a web page interprets the character instead of showing it:
/// control characters except tab and newline, bidirectional controls and line separators, zero-width
/// characters that join nothing, and noncharacters.
pub const fn is_obeyed(character: char) -> bool {
    match character {
        '\t' | '\n' => false,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{61c}' | '\u{200e}' | '\u{200f}' => true,
        '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => true,
        '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}' => true,
        _ => false,
    }
}

/// Replaces each character that a terminal interprets with `\u{…}`, and CRLF with LF.
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

/// A formatter that escapes what a terminal interprets.
pub struct Printable<'p, 'f>(pub &'p mut fmt::Formatter<'f>);

/// Formatted text that is escaped by [`printable`] when it is displayed.
pub struct Clean<'t>(pub fmt::Arguments<'t>);

impl fmt::Display for Clean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(f).write_fmt(self.0)
    }
}

/// The text of an error from `format!` arguments, escaped for terminals: for `#[error("{}", clean!("…"))]`.
#[doc(hidden)]
#[macro_export]
macro_rules! clean {
    ($($text:tt)*) => { $crate::display::printable::Clean(::std::format_args!($($text)*)) };
}

impl Printable<'_, '_> {
    /// Writes a string.
    ///
    /// # Errors
    ///
    /// As the underlying formatter.
    pub fn write_str(&mut self, text: &str) -> fmt::Result {
        fmt::Write::write_str(self, text)
    }

    /// Writes formatted text; `write!` calls this.
    ///
    /// # Errors
    ///
    /// As the underlying formatter.
    pub fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        fmt::Write::write_fmt(self, text)
    }
}

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
        assert_eq!(printable("a\u{200b}b\u{feff}c\u{2060}"), "a\\u{200b}b\\u{feff}c\\u{2060}");
        assert_eq!(clean!("{} {}", "a\u{1b}b", 1).to_string(), "a\\u{1b}b 1");
        for kept in ["ä, 漢字 and \u{1f600}", "a\tb\nc", "👩\u{200d}🚀"] {
            assert!(matches!(printable(kept), Cow::Borrowed(_)), "{kept:?}");
        }
    }
}
