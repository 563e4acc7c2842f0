//! Positions in a text, as people and as the server count them.

use std::fmt;

/// A position in a text as editors show it. Displayed as `line:column`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineColumn {
    /// The line, starting at 1.
    pub line: u32,
    /// The character in the line, starting at 1.
    pub column: u32,
}

impl fmt::Display for LineColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Converts a byte offset to a line and a column.
///
/// A newline ends a line; a carriage return is a character of its line. A byte order mark at the beginning of
/// the text does not count. An offset inside a character stands for that character, and an offset beyond the
/// text for its end.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{LineColumn, line_column};
///
/// let text = "SELECT 'ä',\n  oops";
/// assert_eq!(line_column(text, 15), LineColumn { line: 2, column: 3 });
/// ```
pub fn line_column(text: &str, byte_offset: usize) -> LineColumn {
    let before = &text[..floor(text, byte_offset)];
    let before = before.strip_prefix('\u{FEFF}').unwrap_or(before);
    let (lines, rest) = match before.rfind('\n') {
        Some(newline) => (newlines(&before[..=newline]), &before[newline + 1..]),
        None => (0, before),
    };
    LineColumn { line: saturating(lines + 1), column: saturating(rest.chars().count() + 1) }
}

/// Converts the position in a server error, which counts characters from 1 in the text that was sent, to a
/// byte offset. A position beyond the end, as of "syntax error at end of input", gives the text's length.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::char_to_byte;
///
/// assert_eq!(char_to_byte("SELECT 'ä', oops", 13), 13);
/// ```
pub fn char_to_byte(text: &str, position: usize) -> usize {
    text.char_indices().nth(position.saturating_sub(1)).map_or(text.len(), |(offset, _)| offset)
}

/// The number of lines that end in `text`.
pub(super) fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// The last character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn saturating(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
