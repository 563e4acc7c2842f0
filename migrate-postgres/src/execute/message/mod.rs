//! Messages: several migrations' statements in one, and what each place in it belongs to.
//!
//! A simple-query message may hold `BEGIN; …; COMMIT; BEGIN; …; COMMIT`. The server runs it statement by statement,
//! answers each with a completion, and stops at the first error with everything committed before it. So a message needs
//! one round trip, and its completions tell how far it has come.

mod push;
#[cfg(test)]
mod tests;

use super::watch::At;
use migrate_core::sql;

/// The purpose of a part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Checks that the server is the one on which the lock is held.
    Server,
    /// Checks that the state of the session has not changed.
    Guard,
    /// Makes the history's table.
    Create,
    /// Begins a step's row before its transaction.
    Marker,
    /// Begins a step's transaction with a statement of its script.
    Open,
    /// Bounds the time of what comes next.
    Bound,
    /// Begins a step's transaction, or sets limits for it.
    Begin,
    /// Begins a step's row in the history.
    Record,
    /// The step's script.
    Script,
    /// Inspects the effect of the statement before it.
    Inspect,
    /// Lets what the script has deferred happen, under its settings.
    Deferred,
    /// Makes the session what it was, and ends the step's row.
    Finish,
    /// Finds the constraints that a transaction begins with deferred.
    Constraints,
    /// Commits the step's transaction.
    Commit,
    /// Ends the step's transaction with a statement of its script.
    Close,
    /// Has the server say what it has done so far.
    Flush,
    /// Sets the time that the next statement may take.
    Limit,
    /// Gives the lock back.
    Release,
}

/// A part of a message: some statements of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MessagePart {
    /// The step, as an index into the run's steps.
    pub(super) step: usize,
    /// Its purpose.
    pub(super) purpose: Purpose,
    /// The offset of its text in the message, in bytes.
    start: usize,
    /// Its length in bytes.
    bytes: usize,
    /// The number of bytes of the script before it: a byte order mark, or another part.
    skipped: usize,
    /// The number of statements before it in the message.
    before: usize,
    /// The number of its statements.
    pub(super) statements: usize,
    /// The number of statements of its script before it.
    first: usize,
}

/// A place in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// The part.
    pub(super) part: MessagePart,
    /// For a script: the byte in its text.
    pub(super) offset: Option<usize>,
}

/// Text for one simple-query message, with what each part of it is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    text: String,
    parts: Vec<MessagePart>,
    statements: usize,
}

impl Message {
    /// The message in the pieces that are sent one by one where nothing is committed: each statement of a script, what comes
    /// before its first and what comes behind its last one.
    pub(super) fn pieces(&self) -> Vec<&[MessagePart]> {
        let is_first = |part: &MessagePart| {
            matches!(part.purpose, Purpose::Begin | Purpose::Script | Purpose::Deferred | Purpose::Finish)
        };
        let starts = self.parts.iter().enumerate().filter(|(_, part)| is_first(part)).map(|(at, _)| at);
        let starts: Vec<usize> = starts.chain([self.parts.len()]).collect();
        starts.windows(2).map(|pair| &self.parts[pair[0]..pair[1]]).collect()
    }

    /// A piece of the message behind what bounds its time.
    pub(super) fn piece(&self, parts: &[MessagePart], bound: &str) -> Message {
        let mut piece = Message::default();
        for part in parts {
            if piece.parts.is_empty() {
                piece.push(part.step, Purpose::Bound, &[bound]);
            }
            let (start, before) = (piece.text.len(), piece.statements);
            let text = &self.text[part.start..part.start + part.bytes];
            piece.push_part(MessagePart { start, before, ..*part }, text);
        }
        piece
    }

    /// True if the server reports the end of the `number`th statement at once, the first being 0.
    fn is_flushed_after(&self, number: usize) -> bool {
        let is_limit = self.purpose(number + 1) == Some(Purpose::Limit);
        self.purpose(number + 1 + usize::from(is_limit)) == Some(Purpose::Flush)
    }

    /// The text to send.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// True if it contains a part of a step.
    pub(super) fn has_step(&self) -> bool {
        self.parts.iter().any(|part| {
            !matches!(part.purpose, Purpose::Server | Purpose::Guard | Purpose::Create | Purpose::Marker)
        })
    }

    /// The part that the `number`th statement belongs to, the first being 0, and its place: in the script where it is of one,
    /// else in the part.
    pub(super) fn statement(&self, number: usize) -> Option<(MessagePart, usize)> {
        let index = self.parts.partition_point(|part| part.before + part.statements <= number);
        self.parts.get(index).map(|part| (*part, part.first + number - part.before))
    }

    /// The next statement of a script behind the `number`th statement, with nothing but ours in between.
    pub(super) fn next_of_script(&self, number: usize) -> Option<(MessagePart, usize)> {
        let is_ours = |number: &usize| matches!(self.purpose(*number), Some(Purpose::Flush | Purpose::Limit));
        let next = (number..).find(|number| !is_ours(number))?;
        self.statement(next).filter(|(part, _)| part.purpose == Purpose::Script)
    }

    /// True if a statement of a script is all that the server has done since its last report.
    pub(super) fn is_alone(&self, number: usize) -> bool {
        let before = number.checked_sub(1).and_then(|before| self.purpose(before));
        self.is_flushed_after(number) && matches!(before, Some(Purpose::Flush | Purpose::Bound))
    }

    /// The purpose of the `number`th statement, the first being 0.
    pub(super) fn purpose(&self, number: usize) -> Option<Purpose> {
        self.statement(number).map(|(part, _)| part.purpose)
    }

    /// The part that the server is executing after it has reported `number` statements, and the place in its step.
    pub(super) fn underway(&self, number: usize) -> Option<(MessagePart, At)> {
        let is_flush = |number: usize| self.purpose(number) == Some(Purpose::Flush);
        // The report of a flush arrives with the next one.
        let first = number + usize::from(is_flush(number));
        let (part, place) = self.statement(first)?;
        let until = (first..self.statements).find(|number| is_flush(*number)).unwrap_or(self.statements);
        let count = |purpose| (first..until).filter(|number| self.purpose(*number) == Some(purpose)).count();
        let at = match count(Purpose::Script) {
            0 => At::Around,
            1 if until == first + 1 + count(Purpose::Limit) && part.purpose == Purpose::Script => {
                At::Statement(place + 1)
            }
            _ => At::Somewhere,
        };
        Some((part, at))
    }

    /// The place of the server's 1-based position in characters.
    pub(super) fn locate(&self, position: u32) -> Option<Spot> {
        let byte = sql::char_to_byte(&self.text, position as usize);
        let index = self.parts.partition_point(|part| part.start <= byte).checked_sub(1)?;
        let part = self.parts[index];
        // A statement that ends too early is reported at the semicolon after it.
        let inside = (byte - part.start).min(part.bytes);
        let is_of_script = matches!(part.purpose, Purpose::Script | Purpose::Open | Purpose::Close);
        let offset = is_of_script.then(|| inside + part.skipped);
        Some(Spot { part, offset })
    }
}
