//! Reading the header of a script.

use super::name::OptionName;
use super::{Options, is_rule_id};
use crate::set::Role;
use crate::set::approval::{Approval, ApprovedAbove};
use crate::set::problem::ProblemKind;
use crate::sql::{self, Statements, Token, TokenKind};
use std::ops::Range;

/// The parsed header of a script.
pub(crate) struct Header {
    pub(crate) options: Options,
    /// The options that it sets, each with its byte offset.
    given: Vec<(OptionName, usize)>,
    /// The approvals of `allow`, each with the byte range of its rule's id.
    approvals: Vec<(Range<usize>, Approval)>,
    /// The approvals in comments below the header.
    above: Vec<ApprovedAbove>,
    /// The faults, each with its byte offset.
    pub(crate) faults: Vec<(usize, ProblemKind)>,
}

impl Header {
    /// The byte offset of an option; 0 if absent.
    pub(crate) fn at(&self, option: OptionName) -> usize {
        self.given.iter().find(|(given, _)| *given == option).map_or(0, |(_, at)| *at)
    }

    /// The offsets of the comments below the header that approve nothing, because no statement is directly
    /// below them.
    pub(crate) fn misplaced(&self, text: &str, statements: Statements<'_>) -> Vec<usize> {
        let is_misplaced = |above: &&ApprovedAbove| above.statement(text, statements).is_none();
        self.above.iter().filter(is_misplaced).map(|above| above.comment.start).collect()
    }
}

/// Reads the approvals of a script: those in its header, and those below it.
pub(crate) fn allow_above(text: &str) -> (Vec<(Range<usize>, Approval)>, Vec<ApprovedAbove>) {
    let header = read_header(text, Role::Up);
    (header.approvals, header.above)
}

/// Reads the comments at the top of a script, and checks the rest for options that are too late.
pub(crate) fn read_header(text: &str, role: Role) -> Header {
    header_of(text, sql::tokens(text), role)
}

/// Does the same with the tokens of a text. All tokens but the first may be left out unless they are
/// comments.
pub(crate) fn header_of(text: &str, tokens: impl Iterator<Item = Token>, role: Role) -> Header {
    let mut reader = HeaderReader::new(text, role);
    let mut is_header = true;
    // A text without any option has none in the wrong place, either. Searching for one character is much
    // faster than searching for a word.
    let is_to_be_read = text.match_indices(':').any(|(colon, _)| text[..colon].ends_with("migrate"));
    for token in tokens {
        if !is_header && !is_to_be_read {
            break;
        }
        let comment = token.text(text);
        match token.kind {
            TokenKind::LineComment if is_header => reader.comment(token.start, comment),
            TokenKind::LineComment if words(comment).is_some() => reader.late(token.start, comment),
            TokenKind::BlockComment => {
                if comment.trim_start_matches(['/', '*']).trim_start().starts_with("migrate:") {
                    reader.fault(token.start, ProblemKind::OptionsInBlockComment);
                }
            }
            _ => is_header &= token.is_trivia(),
        }
    }
    reader.finish()
}

/// The text after `-- migrate:` in a comment, unless the comment is one of dbmate's marks.
pub(super) fn words(comment: &str) -> Option<&str> {
    let words = comment.strip_prefix("--")?.trim_start().strip_prefix("migrate:")?;
    let is_mark = |mark| {
        words
            .strip_prefix(mark)
            .is_some_and(|rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    (!is_mark("up") && !is_mark("down")).then_some(words)
}

struct HeaderReader<'a> {
    text: &'a str,
    role: Role,
    /// The index of the first approval of the last `allow=` in the same comment.
    allowed: Option<usize>,
    header: Header,
}

impl<'a> HeaderReader<'a> {
    fn new(text: &'a str, role: Role) -> HeaderReader<'a> {
        let header = Header {
            options: Options::NONE,
            given: Vec::new(),
            approvals: Vec::new(),
            above: Vec::new(),
            faults: Vec::new(),
        };
        HeaderReader { text, role, allowed: None, header }
    }

    fn finish(mut self) -> Header {
        self.header.options.allow =
            self.header.approvals.iter().map(|(_, approval)| approval.clone()).collect();
        self.header
    }

    /// A comment with options below the header, which may only approve findings of the statement below it.
    fn late(&mut self, at: usize, line: &str) {
        let mut reader = HeaderReader::new(self.text, self.role);
        reader.comment(at, line);
        let is_of_allow =
            |(name, _): &(OptionName, usize)| matches!(name, OptionName::Allow | OptionName::Reason);
        if reader.header.given.is_empty() || !reader.header.given.iter().all(is_of_allow) {
            self.fault(at, ProblemKind::LateOptions);
            return;
        }
        self.header.faults.append(&mut reader.header.faults);
        let approvals = std::mem::take(&mut reader.header.approvals);
        self.header.above.push(ApprovedAbove { comment: at..at + line.len(), approvals });
    }

    /// A comment from `--` to the end of its line.
    fn comment(&mut self, at: usize, line: &str) {
        self.allowed = None;
        if let Some(words) = words(line).filter(|words| !words.contains('=')) {
            // Most likely prose: report one problem, not one for each word.
            let word = words.trim();
            if !word.is_empty() {
                let start = at + line.len() - words.trim_start().len();
                self.fault(start, ProblemKind::NotAnOption { word: word.to_owned() });
            }
        } else if let Some(words) = words(line) {
            let start = at + line.len() - words.len();
            for (offset, word) in divided(words) {
                self.word(start + offset, word);
            }
        } else if is_no_transaction(line) {
            self.option(at, OptionName::Transaction, "none");
        }
    }

    fn word(&mut self, at: usize, word: &str) {
        match word.split_once('=') {
            None => self.fault(at, ProblemKind::NotAnOption { word: word.to_owned() }),
            Some((name, value)) => match OptionName::of(name) {
                None => self.fault(at, ProblemKind::UnknownOption { name: name.to_owned() }),
                Some(option) => self.option(at, option, value),
            },
        }
    }

    fn option(&mut self, at: usize, name: OptionName, value: &str) {
        let option = name.text();
        let is_repeatable = matches!(name, OptionName::Allow | OptionName::Reason);
        let first = self.header.given.iter().find(|(given, _)| *given == name && !is_repeatable);
        if let Some((_, first)) = first {
            let first_line = sql::line_column(self.text, *first).line;
            self.fault(at, ProblemKind::DuplicateOption { option, first_line });
            return;
        }
        self.header.given.push((name, at));
        if !name.belongs_in(self.role) {
            self.fault(at, ProblemKind::OptionNotHere { option, role: self.role });
        } else if self.set(name, at, value).is_none() {
            let kind = ProblemKind::BadValue { option, value: value.to_owned(), expected: name.expects() };
            self.fault(at, kind);
        }
    }

    /// Sets an option whose name is at this offset; `None` if the value is invalid.
    fn set(&mut self, name: OptionName, at: usize, value: &str) -> Option<()> {
        match name {
            OptionName::Allow => {
                let mut start = at + name.text().len() + 1;
                let first = self.header.approvals.len();
                for id in value.split(',') {
                    let rule = Some(id.replace('_', "-")).filter(|rule| is_rule_id(rule))?;
                    let approval = Approval { rule: rule.into(), reason: None };
                    self.header.approvals.push((start..start + id.len(), approval));
                    start += id.len() + 1;
                }
                self.allowed = Some(first);
            }
            OptionName::Reason => {
                let first = self.allowed.take()?;
                let reason = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'))?;
                let reason =
                    Some(reason.trim()).filter(|reason| !reason.is_empty() && !reason.contains('"'))?;
                for (_, approval) in &mut self.header.approvals[first..] {
                    approval.reason = Some(reason.to_owned().into());
                }
            }
            _ => name.set(&mut self.header.options, value)?,
        }
        Some(())
    }

    fn fault(&mut self, at: usize, kind: ProblemKind) {
        self.header.faults.push((at, kind));
    }
}

/// Divides options at white space, each with its offset. Double quotes hold white space, and so do the
/// parentheses of `batch`.
fn divided(words: &str) -> Vec<(usize, &str)> {
    let (mut divided, mut start, mut is_quoted, mut is_inside) = (Vec::new(), 0, false, false);
    for (at, character) in words.char_indices() {
        is_quoted ^= character == '"';
        match character {
            '(' if !is_quoted => is_inside = words[start..].starts_with("batch="),
            ')' if !is_quoted => is_inside = false,
            _ => {}
        }
        if character.is_whitespace() && !is_quoted && !is_inside {
            divided.push((start, &words[start..at]));
            start = at + character.len_utf8();
        }
    }
    divided.push((start, &words[start..]));
    divided.retain(|(_, word)| !word.is_empty());
    divided
}

/// Returns true if a comment holds options or sqlx's `-- no-transaction`.
pub(crate) fn is_directive(comment: &str) -> bool {
    words(comment).is_some() || is_no_transaction(comment)
}

/// sqlx looks for `-- no-transaction` at the beginning of a file and ignores what follows it.
fn is_no_transaction(line: &str) -> bool {
    let comment = line.trim_start_matches("--").trim_start();
    let rest = comment.strip_prefix("no-transaction");
    rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')))
}
