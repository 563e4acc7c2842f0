//! Messages: several migrations' statements in one, and what each place in it belongs to.
//!
//! A simple-query message may hold `BEGIN; …; COMMIT; BEGIN; …; COMMIT`. The server runs it statement by statement,
//! answers each with a completion, and stops at the first error with everything committed before it. So a message needs
//! one round trip, and its completions tell how far it has come.

use migrate_core::Script;
use migrate_core::sql;

/// What a part of a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Looks whether the server is the one that the lock is held on.
    Server,
    /// Looks whether the session is what it is taken for.
    Guard,
    /// Makes the history's table.
    Create,
    /// Begins a step's transaction.
    Begin,
    /// Begins a step's row in the history.
    Record,
    /// The step's script.
    Script,
    /// Lets what the script has deferred happen, under its settings.
    Deferred,
    /// Makes the session what it was, and ends the step's row.
    Finish,
    /// Commits the step's transaction.
    Commit,
    /// Gives the lock back.
    Release,
}

/// A part of a message: some statements of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The step, as an index into the run's steps.
    pub(super) step: usize,
    /// What it is for.
    pub(super) purpose: Purpose,
    /// Where its text begins in the message, in bytes.
    start: usize,
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
    pub(super) part: Part,
    /// For a script: the byte in its text.
    pub(super) offset: Option<usize>,
}

/// Text for one simple-query message, with what each part of it is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    text: String,
    parts: Vec<Part>,
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
        self.push_part(step, purpose, &sql.join(";\n"), 0, statements.len());
    }

    /// Adds a step's script as it is, with a semicolon where a statement ends without one.
    pub(super) fn push_script(&mut self, step: usize, script: &Script) {
        let text = script.text();
        let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let mut first = 0;
        for (range, statements) in script.pieces() {
            let skipped = range.start.max(mark);
            self.push_part(step, Purpose::Script, &text[skipped..range.end], skipped, statements);
            if let Some(part) = self.parts.last_mut() {
                part.first = first;
            }
            first += statements;
        }
    }

    fn push_part(&mut self, step: usize, purpose: Purpose, sql: &str, skipped: usize, statements: usize) {
        let start = self.text.len();
        self.parts.push(Part {
            step,
            purpose,
            start,
            skipped,
            before: self.statements,
            statements,
            first: 0,
        });
        self.text.push_str(sql);
        // On a line of its own: the text may end in a comment.
        self.text.push_str("\n;\n");
        self.statements += statements;
    }

    /// What is sent.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds anything of a step.
    pub(super) fn has_step(&self) -> bool {
        self.parts
            .iter()
            .any(|part| !matches!(part.purpose, Purpose::Server | Purpose::Guard | Purpose::Create))
    }

    /// The part that the `number`th statement belongs to, the first being 0, and its place: in the script where it is of one,
    /// else in the part.
    pub(super) fn statement(&self, number: usize) -> Option<(Part, usize)> {
        let index = self.parts.partition_point(|part| part.before + part.statements <= number);
        self.parts.get(index).map(|part| (*part, part.first + number - part.before))
    }

    /// What the `number`th statement is for, the first being 0.
    pub(super) fn purpose(&self, number: usize) -> Option<Purpose> {
        self.statement(number).map(|(part, _)| part.purpose)
    }

    /// What the server's 1-based position in characters points at.
    pub(super) fn locate(&self, position: u32) -> Option<Spot> {
        let byte = sql::char_to_byte(&self.text, position as usize);
        let index = self.parts.partition_point(|part| part.start <= byte).checked_sub(1)?;
        let part = self.parts[index];
        let offset = (part.purpose == Purpose::Script).then(|| byte - part.start + part.skipped);
        Some(Spot { part, offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::Options;

    fn script(text: &str) -> Script {
        Script::new("s.sql", text.to_owned(), sql::split(text).statements, Options::NONE)
    }

    fn two_steps() -> Message {
        let mut message = Message::default();
        for (step, text) in ["SELECT 'ä'; SELECT 2 -- end", "\u{feff}SELECT 3"].into_iter().enumerate() {
            message.push(step, Purpose::Begin, &["BEGIN"]);
            message.push_script(step, &script(text));
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
        message.push_script(0, &script(text));
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
