//! Comments by which other tools divide a file.
//!
//! A mark counts where it is a comment to PostgreSQL. The tools themselves look at lines alone, so for them a mark in a string or in a
//! function's body would divide the file there, and break it.

use crate::set::Layout;
use crate::sql::{self, TokenKind};

/// A comment from `--` to the end of its line.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct Comment<'a> {
    /// The byte that it begins at.
    pub(in crate::directory) start: usize,
    /// All of it, white space at its end left out.
    pub(in crate::directory) line: &'a str,
    /// Whether it is at the beginning of its line.
    pub(in crate::directory) is_flush: bool,
}

impl<'a> Comment<'a> {
    /// What it says, without dashes and white space before it.
    pub(in crate::directory) fn words(&self) -> &'a str {
        self.line.trim_start_matches('-').trim_start()
    }

    /// What follows a mark, if it begins with that mark as a whole word.
    pub(in crate::directory) fn after(&self, mark: &str) -> Option<&'a str> {
        let rest = self.words().strip_prefix(mark)?;
        let is_other_word = rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '='));
        (!is_other_word).then_some(rest)
    }
}

/// The comments of a text.
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

/// Whether a text holds a word of any mark, of sql-migrate's too. Few do, and the others need not be read for marks.
pub(in crate::directory) fn has_traces(text: &str) -> bool {
    // `-- migrate: name=value` is an option of ours, and no mark.
    let traces = [
        ("migrate", ':', "up"),
        ("migrate", ':', "down"),
        ("", '+', "goose"),
        ("", '+', "migrate"),
        ("create above ", '/', ""),
    ];
    traces.into_iter().any(|trace| mentions(text, trace))
}

/// Whether a text holds a sign between two words, in letters of any case.
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

/// The layout whose marks a file holds: that of the first mark.
pub(in crate::directory) fn layout(bytes: &[u8]) -> Option<Layout> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
    };
    if has_traces(text) { comments(text).find_map(of) } else { None }
}

/// The layout that a comment is a mark of.
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
