//! Messages: several migrations' statements in one, and what each place in it belongs to.
//!
//! A simple-query message may hold `BEGIN; …; COMMIT; BEGIN; …; COMMIT`. The server runs it statement by statement,
//! answers each with a completion, and stops at the first error with everything committed before it. So a message needs
//! one round trip, and its completions tell how far it has come.

use super::watch::{At, FLUSH};
use crate::settings::Inspect;
use migrate_core::Script;
use migrate_core::sql::{self, Control, Ending, Unit};
use std::ops::Range;

/// What a part of a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Looks whether the server is the one that the lock is held on.
    Server,
    /// Looks whether the session is what it is taken for.
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
    /// Looks at what the statement before it has done.
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
    /// What it is for.
    pub(super) purpose: Purpose,
    /// Where its text begins in the message, in bytes.
    start: usize,
    /// How many bytes it has.
    bytes: usize,
    /// How many bytes of the script stand before it: a byte order mark, or another part.
    skipped: usize,
    /// How many statements come before it in the message.
    before: usize,
    /// How many statements it has.
    pub(super) statements: usize,
    /// How many statements of its script come before it.
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
    /// An empty message with room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Message {
        Message { text: String::with_capacity(bytes), ..Message::default() }
    }

    /// Adds statements of ours.
    pub(super) fn push(&mut self, step: usize, purpose: Purpose, statements: &[impl AsRef<str>]) {
        let sql: Vec<&str> = statements.iter().map(AsRef::as_ref).collect();
        self.push_part(self.part(step, purpose, statements.len()), &sql.join(";\n"));
    }

    /// Adds statements of a step's script so that the server tells of each of them before it runs the next one, as far as
    /// `flushes` go, which it uses up, and with what is to be asked behind them.
    pub(super) fn push_followed(
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
    pub(super) fn push_limited(
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
    pub(super) fn push_inspected(
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
    pub(super) fn push_inspect(&mut self, step: usize, index: usize, inspect: &str) {
        let part = MessagePart { first: index, ..self.part(step, Purpose::Inspect, 1) };
        self.push_part(part, inspect);
    }

    /// Opens a unit's transaction as the script says, if it says so.
    pub(super) fn push_opening(&mut self, step: usize, script: &Script, unit: &Unit) {
        for &index in unit.opening() {
            self.push_statement(step, Purpose::Open, script, index);
        }
    }

    /// Ends a unit's transaction as the script says; what `AND CHAIN` begins is left to the next unit.
    pub(super) fn push_ending(&mut self, step: usize, script: &Script, unit: &Unit) {
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
    pub(super) fn push_statements(&mut self, step: usize, script: &Script, range: Range<usize>) {
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

    fn push_part(&mut self, part: MessagePart, sql: &str) {
        self.parts.push(MessagePart { bytes: sql.len(), ..part });
        self.text.push_str(sql);
        // On a line of its own: the text may end in a comment.
        self.text.push_str("\n;\n");
        self.statements += part.statements;
    }

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

    /// Whether the server tells at once that the `number`th statement is done, the first being 0.
    fn is_flushed_after(&self, number: usize) -> bool {
        let is_limit = self.purpose(number + 1) == Some(Purpose::Limit);
        self.purpose(number + 1 + usize::from(is_limit)) == Some(Purpose::Flush)
    }

    /// What is sent.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds anything of a step.
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

    /// Whether a statement of a script is all that the server has done since it has told of something.
    pub(super) fn is_alone(&self, number: usize) -> bool {
        let before = number.checked_sub(1).and_then(|before| self.purpose(before));
        self.is_flushed_after(number) && matches!(before, Some(Purpose::Flush | Purpose::Bound))
    }

    /// What the `number`th statement is for, the first being 0.
    pub(super) fn purpose(&self, number: usize) -> Option<Purpose> {
        self.statement(number).map(|(part, _)| part.purpose)
    }

    /// What the server is at when it has told of `number` statements and of no more: the part, and what of its step.
    pub(super) fn underway(&self, number: usize) -> Option<(MessagePart, At)> {
        let is_flush = |number: usize| self.purpose(number) == Some(Purpose::Flush);
        // What it says of a flush comes with what it says next.
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

    /// What the server's 1-based position in characters points at.
    pub(super) fn locate(&self, position: u32) -> Option<Spot> {
        let byte = sql::char_to_byte(&self.text, position as usize);
        let index = self.parts.partition_point(|part| part.start <= byte).checked_sub(1)?;
        let part = self.parts[index];
        // A statement that breaks off is noticed at the semicolon behind it.
        let inside = (byte - part.start).min(part.bytes);
        let is_of_script = matches!(part.purpose, Purpose::Script | Purpose::Open | Purpose::Close);
        let offset = is_of_script.then(|| inside + part.skipped);
        Some(Spot { part, offset })
    }
}

/// What is to be asked behind a statement of a script.
fn inspect_behind(inspect: Option<Inspect>, script: &Script, index: usize) -> Option<&'static str> {
    let text = script.statements().at(index).text(script.text());
    inspect.filter(|inspect| (inspect.is_called_for)(text)).map(|inspect| inspect.behind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::Options;

    fn script(text: &str) -> Script {
        Script::new("s.sql", text.to_owned(), sql::split(text).statements, Options::NONE)
    }

    fn push_script(message: &mut Message, step: usize, script: &Script) {
        message.push_followed(step, script, 0..script.statements().len(), &mut 0, None);
    }

    fn two_steps() -> Message {
        let mut message = Message::default();
        for (step, text) in ["SELECT 'ä'; SELECT 2 -- end", "\u{feff}SELECT 3"].into_iter().enumerate() {
            message.push(step, Purpose::Begin, &["BEGIN"]);
            push_script(&mut message, step, &script(text));
            message.push(step, Purpose::Commit, &["COMMIT"]);
        }
        message
    }

    #[test]
    fn every_statement_belongs_to_its_part() {
        let message = two_steps();
        let purposes: Vec<(usize, Purpose, usize)> = (0..7)
            .map(|number| {
                message.statement(number).map(|(part, place)| (part.step, part.purpose, place)).unwrap()
            })
            .collect();
        let expected = [
            (0, Purpose::Begin, 0),
            (0, Purpose::Script, 0),
            (0, Purpose::Script, 1),
            (0, Purpose::Commit, 0),
            (1, Purpose::Begin, 0),
            (1, Purpose::Script, 0),
            (1, Purpose::Commit, 0),
        ];
        assert_eq!(purposes, expected);
        assert_eq!(message.statement(7), None);
    }

    #[test]
    fn a_followed_script_is_told_of_statement_by_statement_as_far_as_the_flushes_go() {
        let text = "\u{feff}-- a comment\nSELECT 'ä'; SELECT 'two' -- no end\n; SELECT 'three'";
        let script = script(text);
        for flushes in 0..6 {
            let mut message = Message::default();
            let mut left = flushes;
            message.push_followed(0, &script, 0..3, &mut left, None);
            let parts: Vec<(MessagePart, usize)> =
                (0..).map_while(|number| message.statement(number)).collect();
            let flushed = parts.iter().filter(|(part, _)| part.purpose == Purpose::Flush).count();
            assert_eq!((flushes - left, flushed), (flushes.min(4), flushes.min(4)));
            let run = parts.iter().filter(|(part, _)| part.purpose == Purpose::Script);
            assert_eq!(run.map(|(_, place)| *place).collect::<Vec<_>>(), [0, 1, 2]);
            // The places in the script are the same, however it is cut.
            for needle in ["'ä'", "'two'", "'three'"] {
                let chars = message.text()[..message.text().find(needle).unwrap()].chars().count();
                let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
                assert_eq!(spot.offset, text.find(needle), "{needle} with {flushes}");
            }
        }
    }

    #[test]
    fn a_unit_is_sent_as_the_script_has_it_and_its_statements_keep_their_places() {
        let text = "\u{feff}CREATE TABLE ä (); BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1 -- one\n; COMMIT AND CHAIN; SELECT 2; END; SELECT 3";
        let script = script(text);
        let mut message = Message::default();
        for unit in script.units() {
            message.push_opening(0, &script, &unit);
            for range in unit.body() {
                message.push_statements(0, &script, range);
            }
            message.push_ending(0, &script, &unit);
        }
        let sent = sql::split(message.text()).statements;
        let sent: Vec<(&str, Purpose, usize)> = (0..)
            .map_while(|number| {
                let (part, place) = message.statement(number)?;
                Some((sent[number].text(message.text()), part.purpose, place))
            })
            .collect();
        let expected = [
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", Purpose::Open, 1),
            ("CREATE TABLE ä ()", Purpose::Script, 0),
            ("SELECT 1", Purpose::Script, 2),
            ("COMMIT", Purpose::Commit, 0),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", Purpose::Open, 1),
            ("SELECT 2", Purpose::Script, 4),
            ("END", Purpose::Close, 5),
            ("SELECT 3", Purpose::Script, 6),
            ("COMMIT", Purpose::Commit, 0),
        ];
        assert_eq!(sent, expected);
        for needle in ["SELECT 1", "SELECT 2", "END", "SELECT 3"] {
            let chars = message.text()[..message.text().find(needle).unwrap()].chars().count();
            let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
            assert_eq!(spot.offset, text.find(needle), "{needle}");
        }
    }

    #[test]
    fn a_statement_that_ends_without_a_semicolon_is_one_of_its_own_however_the_script_is_cut() {
        let text = "SELECT 1\nSELECT 2; SELECT 3\nSELECT 4;";
        let starts = [0, 9, 19, 28];
        let statements = starts.map(|start| migrate_core::sql::Statement::new(start, start + 8, 1, None));
        let script = Script::new("s.sql", text, statements.to_vec(), Options::NONE);
        for mut flushes in 0..7 {
            let mut message = Message::default();
            message.push_followed(0, &script, 0..4, &mut flushes, None);
            let sent = sql::split(message.text()).statements;
            assert_eq!(sent.len(), message.statements, "{}", message.text());
            let of_script = (0..).map_while(|number| message.statement(number).map(|found| (number, found)));
            let of_script = of_script.filter(|(_, (part, _))| part.purpose == Purpose::Script);
            let found: Vec<&str> = of_script.map(|(number, _)| sent[number].text(message.text())).collect();
            assert_eq!(found, ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"]);
        }
    }

    #[test]
    fn the_statement_under_way_is_known_between_two_flushes_and_nowhere_else() {
        let mut message = Message::default();
        message.push(0, Purpose::Begin, &["BEGIN", "SELECT 1"]);
        message.push_followed(0, &script("SELECT 1; SELECT 2; SELECT 3"), 0..3, &mut 2, None);
        message.push(0, Purpose::Commit, &["COMMIT"]);
        let at = |number| message.underway(number).map(|(_, at)| at);
        // BEGIN, SELECT, flush, the first statement, the others, flush, COMMIT.
        let expected = [
            At::Around,
            At::Around,
            At::Somewhere,
            At::Somewhere,
            At::Somewhere,
            At::Statement(3),
            At::Around,
            At::Around,
        ];
        let found: Vec<At> = (0..8).map_while(at).collect();
        assert_eq!(found, expected);
        let mut message = Message::default();
        message.push_followed(0, &script("SELECT 1; SELECT 2"), 0..2, &mut 3, None);
        assert_eq!(message.underway(0), Some((message.statement(1).unwrap().0, At::Statement(1))));
        assert_eq!(message.underway(2).unwrap().1, At::Statement(2));
    }

    #[test]
    fn a_position_in_characters_is_a_byte_of_its_script() {
        let message = two_steps();
        for (needle, step, offset) in [("SELECT 2", 0, 13), ("SELECT 3", 1, 3)] {
            let chars = message.text()[..message.text().find(needle).unwrap()].chars().count();
            let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
            assert_eq!((spot.part.step, spot.offset), (step, Some(offset)), "{needle}");
        }
        let commit = message.locate(u32::try_from(message.text().chars().count()).unwrap()).unwrap();
        assert_eq!((commit.part.purpose, commit.offset), (Purpose::Commit, None));
    }

    #[test]
    fn a_statement_that_a_mark_ends_gets_its_semicolon_and_keeps_its_number() {
        let text = "\u{feff}SELECT 1\n-- +goose StatementEnd\nSELECT 2;\nSELECT 'ä'\n-- +goose StatementEnd\nSELECT 4";
        let mut message = Message::default();
        message.push(0, Purpose::Begin, &["BEGIN"]);
        push_script(&mut message, 0, &script(text));
        message.push(0, Purpose::Commit, &["COMMIT"]);
        assert_eq!(sql::split(message.text()).statements.len(), 6);
        for number in 1..5 {
            let (part, place) = message.statement(number).unwrap();
            assert_eq!((part.purpose, place), (Purpose::Script, number - 1));
        }
        for statement in script(text).statements().iter() {
            let sought = statement.text(text);
            let chars = message.text()[..message.text().find(sought).unwrap()].chars().count();
            let spot = message.locate(u32::try_from(chars + 1).unwrap()).unwrap();
            assert_eq!(spot.offset, Some(statement.range().start), "{sought}");
        }
    }
}
