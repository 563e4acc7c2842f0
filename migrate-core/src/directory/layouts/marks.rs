//! Marks: the comments with which other tools divide a file.
//!
//! A mark counts only if it is a comment to PostgreSQL. The tools themselves look at single lines, so a mark
//! in a string or in a function's body would make them divide the file there, and break it.

use crate::set::Layout;
use crate::sql::{self, TokenKind};

/// A comment from `--` to the end of its line.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct Comment<'a> {
    /// The byte offset at which it begins.
    pub(in crate::directory) start: usize,
    /// Its text, without trailing white space.
    pub(in crate::directory) line: &'a str,
    /// True if it starts its line.
    pub(in crate::directory) is_flush: bool,
}

impl<'a> Comment<'a> {
    /// Its text, without the dashes and the white space after them.
    pub(in crate::directory) fn words(&self) -> &'a str {
        self.line.trim_start_matches('-').trim_start()
    }

    /// The text after a mark, if the comment starts with that mark as a whole word.
    pub(in crate::directory) fn after(&self, mark: &str) -> Option<&'a str> {
        let rest = self.words().strip_prefix(mark)?;
        let is_other_word = rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '='));
        (!is_other_word).then_some(rest)
    }
}

/// Iterates over the comments of a text.
pub(in crate::directory) fn comments(text: &str) -> impl Iterator<Item = Comment<'_>> {
    sql::tokens(text).filter(|token| token.kind == TokenKind::LineComment).map(|token| {
        let before = text[..token.start].trim_start_matches('\u{feff}');
        Comment {
            start: token.start,
            line: token.text(text).trim_end(),
            is_flush: before.is_empty() || before.ends_with('\n'),
        }
    })
}

/// Returns true if a text contains a word of any mark, including sql-migrate's. Few do; the others need not
/// be read for marks.
pub(in crate::directory) fn has_traces(text: &str) -> bool {
    // `-- migrate: name=value` is one of our options and not a mark.
    let traces = [
        ("migrate", ':', "up"),
        ("migrate", ':', "down"),
        ("", '+', "goose"),
        ("", '+', "migrate"),
        ("create above ", '/', ""),
    ];
    traces.into_iter().any(|trace| mentions(text, trace))
}

/// Returns true if a text contains a sign between two words, ignoring case.
fn mentions(text: &str, (before, sign, after): (&str, char, &str)) -> bool {
    let is =
        |part: Option<&[u8]>, word: &str| part.is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    let bytes = text.as_bytes();
    text.match_indices(sign).any(|(at, _)| {
        let next = at + sign.len_utf8();
        is(bytes.get(at.saturating_sub(before.len())..at), before)
            && is(bytes.get(next..next + after.len()), after)
    })
}

/// The layout of the first mark in a file.
pub(in crate::directory) fn layout(bytes: &[u8]) -> Option<Layout> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
    };
    if has_traces(text) { comments(text).find_map(of) } else { None }
}

/// The layout to which a mark belongs.
pub(in crate::directory) fn of(comment: Comment<'_>) -> Option<Layout> {
    let starts = |mark| comment.after(mark).is_some();
    if starts("+goose") {
        Some(Layout::Goose)
    } else if starts("migrate:up") || starts("migrate:down") {
        Some(Layout::Dbmate)
    } else if comment.words().contains("create above / drop below") {
        Some(Layout::Tern)
    } else {
        None
    }
}

/// Returns true if a comment is a mark of another tool.
pub(crate) fn is_mark(comment: &str) -> bool {
    let comment = Comment { start: 0, line: comment.trim_end(), is_flush: true };
    of(comment).is_some() || comment.words().starts_with("tern: disable-tx")
}
