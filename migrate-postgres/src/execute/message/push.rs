//! Adding statements to a message.

use super::{Message, MessagePart, Purpose};
use crate::execute::watch::FLUSH;
use crate::settings::Inspect;
use migrate_core::Script;
use migrate_core::sql::{Control, Ending, Unit};
use std::ops::Range;

impl Message {
    /// An empty message with room for so many bytes.
    pub(in crate::execute) fn with_capacity(bytes: usize) -> Message {
        Message { text: String::with_capacity(bytes), ..Message::default() }
    }

    /// Adds statements of ours.
    pub(in crate::execute) fn push(&mut self, step: usize, purpose: Purpose, statements: &[impl AsRef<str>]) {
        let sql: Vec<&str> = statements.iter().map(AsRef::as_ref).collect();
        self.push_part(self.part(step, purpose, statements.len()), &sql.join(";\n"));
    }

    /// Adds statements of a step's script so that the server tells of each of them before it runs the next one, as far as
    /// `flushes` go, which it uses up, and with what is to be asked behind them.
    pub(in crate::execute) fn push_followed(
        &mut self,
        step: usize,
        script: &Script,
        range: Range<usize>,
        flushes: &mut usize,
        inspect: Option<Inspect>,
    ) {
        if *flushes == 0 {
            return self.push_inspected(step, script, range, inspect);
        }
        let followed = range.len().min(flushes.saturating_sub(1));
        for index in range.clone().take(followed) {
            self.push_flush(step, flushes);
            self.push_statement(step, Purpose::Script, script, index);
            if let Some(inspect) = inspect_behind(inspect, script, index) {
                self.push_flush(step, flushes);
                self.push_inspect(step, index, inspect);
            }
        }
        if followed < range.len() {
            self.push_inspected(step, script, range.start + followed..range.end, inspect);
        }
        self.push_flush(step, flushes);
    }

    /// Adds statements of a step's script, each behind a query that sets the time that it may take, followed as far as
    /// `flushes` go, and with what is to be asked behind them.
    pub(in crate::execute) fn push_limited(
        &mut self,
        step: usize,
        script: &Script,
        range: Range<usize>,
        (limit, inspect): (&str, Option<Inspect>),
        flushes: &mut usize,
    ) {
        for index in range {
            self.push(step, Purpose::Limit, &[limit]);
            // The last one is kept for behind the script.
            if *flushes > 1 {
                self.push_flush(step, flushes);
            }
            self.push_statement(step, Purpose::Script, script, index);
            if let Some(inspect) = inspect_behind(inspect, script, index) {
                self.push_inspect(step, index, inspect);
            }
        }
        self.push_flush(step, flushes);
    }

    /// Adds statements of a step's script, with what is to be asked behind them.
    pub(in crate::execute) fn push_inspected(
        &mut self,
        step: usize,
        script: &Script,
        range: Range<usize>,
        inspect: Option<Inspect>,
    ) {
        let (mut start, end) = (range.start, range.end);
        for index in range {
            if let Some(inspect) = inspect_behind(inspect, script, index) {
                self.push_statements(step, script, start..index + 1);
                self.push_inspect(step, index, inspect);
                start = index + 1;
            }
        }
        // A script may be a comment.
        if start < end || end == 0 {
            self.push_statements(step, script, start..end);
        }
    }

    /// Adds what is asked behind a statement of a script.
    pub(in crate::execute) fn push_inspect(&mut self, step: usize, index: usize, inspect: &str) {
        let part = MessagePart { first: index, ..self.part(step, Purpose::Inspect, 1) };
        self.push_part(part, inspect);
    }

    /// Opens a unit's transaction as the script says, if it says so.
    pub(in crate::execute) fn push_opening(&mut self, step: usize, script: &Script, unit: &Unit) {
        for &index in unit.opening() {
            self.push_statement(step, Purpose::Open, script, index);
        }
    }

    /// Ends a unit's transaction as the script says; what `AND CHAIN` begins is left to the next unit.
    pub(in crate::execute) fn push_ending(&mut self, step: usize, script: &Script, unit: &Unit) {
        let last = unit.statements().end - 1;
        let chains = match script.statements().at(last).control() {
            Some(Control::Commit { chain } | Control::Rollback { chain }) => chain,
            _ => false,
        };
        match unit.ending() {
            Ending::Commit | Ending::Rollback if !chains => {
                self.push_statement(step, Purpose::Close, script, last);
            }
            Ending::Rollback => self.push(step, Purpose::Commit, &["ROLLBACK"]),
            _ => self.push(step, Purpose::Commit, &["COMMIT"]),
        }
    }

    fn push_statement(&mut self, step: usize, purpose: Purpose, script: &Script, index: usize) {
        self.push_script_part(step, purpose, script, index..index + 1, script.statements().at(index).range());
    }

    fn push_flush(&mut self, step: usize, flushes: &mut usize) {
        if let Some(left) = flushes.checked_sub(1) {
            *flushes = left;
            self.push(step, Purpose::Flush, &[FLUSH]);
        }
    }

    /// Adds statements of a script as they stand there, with a semicolon where one ends without.
    pub(in crate::execute) fn push_statements(&mut self, step: usize, script: &Script, range: Range<usize>) {
        let (text, statements) = (script.text(), script.statements());
        let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let start = if range.start == 0 { mark } else { statements.at(range.start).range().start };
        let mut first = 0;
        for (piece, count) in script.pieces() {
            let (from, to) = (first.max(range.start), (first + count).min(range.end));
            if from < to || statements.is_empty() {
                let end = if to < first + count { statements.at(to - 1).range().end } else { piece.end };
                self.push_script_part(step, Purpose::Script, script, from..to, piece.start.max(start)..end);
            }
            first += count;
        }
    }

    fn push_script_part(
        &mut self,
        step: usize,
        purpose: Purpose,
        script: &Script,
        statements: Range<usize>,
        bytes: Range<usize>,
    ) {
        let part = MessagePart {
            first: statements.start,
            skipped: bytes.start,
            ..self.part(step, purpose, statements.len())
        };
        self.push_part(part, &script.text()[bytes]);
    }

    fn part(&self, step: usize, purpose: Purpose, statements: usize) -> MessagePart {
        let (start, before) = (self.text.len(), self.statements);
        MessagePart { step, purpose, first: 0, start, bytes: 0, skipped: 0, before, statements }
    }

    pub(super) fn push_part(&mut self, part: MessagePart, sql: &str) {
        self.parts.push(MessagePart { bytes: sql.len(), ..part });
        self.text.push_str(sql);
        // On a line of its own: the text may end in a comment.
        self.text.push_str("\n;\n");
        self.statements += part.statements;
    }
}

/// The query to send after a statement of a script, if there is one.
fn inspect_behind(inspect: Option<Inspect>, script: &Script, index: usize) -> Option<&'static str> {
    let text = script.statements().at(index).text(script.text());
    inspect.filter(|inspect| (inspect.is_called_for)(text)).map(|inspect| inspect.behind)
}
