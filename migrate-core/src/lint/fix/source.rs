//! The statements of a script with their comments.

use crate::directory::is_mark;
use crate::set::options::is_directive;
use crate::set::script::Script;
use crate::sql::{TokenKind, tokens};

/// A statement with the comments that belong to it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The comments above it, each line complete, without marks and the options of the header.
    pub(super) comments: String,
    /// The statement, without its semicolon.
    pub(super) text: String,
    /// The comment after its semicolon, on the same line.
    pub(super) trailing: String,
    /// The line in the file.
    pub(super) line: u32,
    /// The byte of the script at which it starts.
    pub(super) start: usize,
}

impl Source {
    /// The statement with the comments above it.
    pub(super) fn to_sql(&self) -> String {
        format!("{}{}", self.comments, self.text)
    }
}

/// The statements of a script. Comments after the last one belong to it.
pub(super) fn sources(script: &Script) -> Vec<Source> {
    let text = script.text();
    let mut sources: Vec<Source> = Vec::new();
    let mut from = 0;
    for statement in script.statements().iter() {
        let range = statement.range();
        let (trailing, comments) = divide(&text[from..range.start], sources.is_empty());
        if let Some(before) = sources.last_mut() {
            before.trailing = trailing;
        }
        sources.push(Source {
            comments,
            text: text[range.clone()].to_owned(),
            trailing: String::new(),
            line: statement.line(),
            start: range.start,
        });
        from = range.end;
    }
    if let Some(last) = sources.last_mut() {
        let (trailing, comments) = divide(&text[from..], false);
        last.trailing =
            if comments.is_empty() { trailing } else { format!("{trailing}\n{}", comments.trim_end()) };
    }
    sources
}

/// Divides the text between two statements into the comment on the line of the first one, and the comments
/// of the second.
fn divide(between: &str, is_header: bool) -> (String, String) {
    let (mut trailing, mut comments) = (String::new(), String::new());
    for token in tokens(between) {
        let comment = token.text(between).trim_end();
        match token.kind {
            // Below the header, options approve findings of the statement.
            TokenKind::LineComment if is_mark(comment) || is_header && is_directive(comment) => {}
            TokenKind::LineComment | TokenKind::BlockComment => {
                let is_same_line = !is_header && !between[..token.start].contains('\n');
                if is_same_line {
                    trailing.push(' ');
                    trailing.push_str(comment);
                } else {
                    comments.push_str(comment);
                    comments.push('\n');
                }
            }
            _ => {}
        }
    }
    (trailing, comments)
}
