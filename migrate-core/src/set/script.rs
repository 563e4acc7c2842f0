//! A script: text, the boundaries of its statements, and how it is committed.

use crate::set::options::Options;
use crate::set::placeholder::{Placeholder, Values};
use crate::sql::TransactionMode;
use crate::sql::{self, Control, LineColumn, Statement, Statements, Unit};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// The text of one script with all that was found out about it when it was read, so that a run parses no SQL.
#[derive(Clone)]
pub struct Script {
    path: Cow<'static, str>,
    text: Cow<'static, str>,
    statements: StoredStatements,
    /// None is none: few scripts have any, and embedded scripts have room for them in the binary.
    options: Option<Box<Options>>,
    part: FilePart,
    placeholders: Vec<Placeholder>,
    /// Where the placeholders have their values: the text as it was.
    source: Option<Box<TemplateSource>>,
}

/// The statements, as they came.
#[derive(Clone)]
enum StoredStatements {
    Owned(Cow<'static, [Statement]>),
    Packed(&'static [u8]),
}

/// The text of a script before its placeholders were replaced.
#[derive(Clone, Debug)]
struct TemplateSource {
    text: Cow<'static, str>,
    /// Each value: its bytes in the text that is run, and those of its placeholder.
    values: Vec<(Range<usize>, Range<usize>)>,
}

impl TemplateSource {
    /// The byte that a byte of the text that is run comes from: within a value, the beginning of its placeholder.
    fn offset(&self, offset: usize) -> usize {
        let before = self.values.partition_point(|(run, _)| run.start <= offset);
        match before.checked_sub(1).map(|index| &self.values[index]) {
            None => offset,
            Some((run, written)) if offset < run.end => written.start,
            Some((run, written)) => written.end + (offset - run.end),
        }
    }
}

/// Where a script's text stands in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilePart {
    /// It is all of it.
    Whole,
    /// It is one half: from this byte, which is the first of this line.
    Half { start: usize, line: u32 },
}

/// Passwords are left out of the text, since this turns up in logs.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("path", &self.path)
            .field("text", &sql::redact(self.source()))
            .field("statements", &self.statements())
            .field("options", self.options())
            .finish()
    }
}

impl Script {
    /// A script from its parts; [`crate::directory`] makes them from files.
    pub fn new(
        path: impl Into<Cow<'static, str>>,
        text: impl Into<Cow<'static, str>>,
        statements: Vec<Statement>,
        options: Options,
    ) -> Script {
        let (path, text) = (path.into(), text.into());
        let (statements, options) = (StoredStatements::Owned(Cow::Owned(statements)), boxed(options));
        Script {
            path,
            text,
            statements,
            options,
            part: FilePart::Whole,
            placeholders: Vec::new(),
            source: None,
        }
    }

    /// The same with the placeholders that stand in its text, in order.
    pub(crate) fn with_placeholders(self, placeholders: Vec<Placeholder>) -> Script {
        Script { placeholders, ..self }
    }

    /// The same with values in the place of its placeholders: statements, lines and columns are still those of the file,
    /// and so is [`Script::source`]. A placeholder without a value stays.
    pub fn filled(&self, values: &Values) -> Script {
        let source = self.source();
        let mut text = String::with_capacity(source.len());
        let (mut done, mut placed) = (0, Vec::new());
        for placeholder in &self.placeholders {
            let Some(value) = values.get(placeholder.name()) else { continue };
            text.push_str(&source[done..placeholder.range().start]);
            placed.push((text.len()..text.len() + value.len(), placeholder.range()));
            text.push_str(value);
            done = placeholder.range().end;
        }
        text.push_str(&source[done..]);
        let moved = |written: usize| {
            let before = placed.iter().rev().find(|(_, placeholder)| placeholder.end <= written);
            before.map_or(written, |(value, placeholder)| value.end + (written - placeholder.end))
        };
        let offset = |written: usize| u32::try_from(moved(written)).unwrap_or(u32::MAX);
        let statements = self.statements().iter().map(|statement| {
            let range = statement.range();
            Statement::new(offset(range.start), offset(range.end), statement.line(), statement.refuses())
                .with_control(statement.control())
        });
        let statements = StoredStatements::Owned(Cow::Owned(statements.collect()));
        let source = Some(Box::new(TemplateSource { text: source.to_owned().into(), values: placed }));
        Script { text: text.into(), statements, source, ..self.clone() }
    }

    /// The same as a part of its file: `start` is the byte of the file that its text begins at, the first one of `line`.
    /// The lines of its statements are those of the file.
    pub fn in_part(self, start: usize, line: u32) -> Script {
        Script { part: FilePart::Half { start, line }, ..self }
    }

    /// Reads a script that did not come from a file: one that a history kept.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn of_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        Script::of_role(path, text, crate::set::Role::Down)
    }

    /// The same for an up script, which has options that others don't have.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn of_up_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        Script::of_role(path, text, crate::set::Role::Up)
    }

    fn of_role(
        path: impl Into<Cow<'static, str>>,
        text: String,
        role: crate::set::Role,
    ) -> Result<Script, String> {
        let split = sql::split(&text);
        let header = crate::set::options::header_of(&text, split.outline.iter().copied(), role);
        if let Some((_, fault)) = header.faults.first() {
            return Err(fault.to_string());
        }
        match split.faults.first() {
            Some(fault) => Err(fault.kind.to_string()),
            None => Ok(Script::new(path, text, split.statements, header.options)),
        }
    }

    /// An embedded one: the text of a file, or of a part of it these bytes, the first of which is the first of this line; its
    /// statements, [packed](Statements::packed).
    pub(crate) fn from_static(
        path: &'static str,
        file: &'static str,
        part: Option<(Range<usize>, u32)>,
        statements: &'static [u8],
        options: Options,
        placeholders: Vec<Placeholder>,
    ) -> Script {
        let (text, part) = match part {
            Some((range, line)) => (&file[range.clone()], FilePart::Half { start: range.start, line }),
            None => (file, FilePart::Whole),
        };
        Script {
            path: Cow::Borrowed(path),
            text: Cow::Borrowed(text),
            statements: StoredStatements::Packed(statements),
            options: boxed(options),
            part,
            placeholders,
            source: None,
        }
    }

    /// The file it came from, relative to the migration directory, with `/` between folders.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text that is run: as the file has it, or where that holds an up and a down script, this one's half of it; with values in
    /// the place of placeholders.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before placeholders were replaced: what checksums cover and histories keep.
    pub fn source(&self) -> &str {
        self.source.as_ref().map_or(&self.text, |source| &source.text)
    }

    /// The placeholders in [`Script::source`], in order.
    pub fn placeholders(&self) -> &[Placeholder] {
        &self.placeholders
    }

    /// The byte of its file that the text begins at and the line of that byte, when the text is not all of the file.
    pub fn part(&self) -> Option<(usize, u32)> {
        match self.part {
            FilePart::Whole => None,
            FilePart::Half { start, line } => Some((start, line)),
        }
    }

    /// The line and column of a byte of its text, as its file has them.
    pub fn line_column(&self, offset: usize) -> LineColumn {
        let at = sql::line_column(self.source(), self.written_at(offset));
        match self.part {
            FilePart::Whole => at,
            FilePart::Half { line, .. } => LineColumn { line: at.line + line - 1, ..at },
        }
    }

    fn written_at(&self, offset: usize) -> usize {
        self.source.as_ref().map_or(offset, |source| source.offset(offset))
    }

    /// The line of its file that a byte of its text stands in.
    pub fn line_at(&self, offset: usize) -> &str {
        let line = sql::line_column(self.source(), self.written_at(offset)).line;
        self.source().lines().nth(line as usize - 1).unwrap_or_default()
    }

    /// Its statements, in order; none is empty.
    pub fn statements(&self) -> Statements<'_> {
        match &self.statements {
            StoredStatements::Owned(statements) => Statements::of(statements),
            StoredStatements::Packed(bytes) => Statements::packed(bytes),
        }
    }

    /// The text in pieces, each with the number of its statements: the server splits it as [`Script::statements`] does when a
    /// semicolon is put between them.
    ///
    /// There is one piece, unless a statement ends without a semicolon above another one: goose's `StatementEnd` may end it.
    pub fn pieces(&self) -> Vec<(Range<usize>, usize)> {
        let mut pieces = Vec::new();
        let (mut start, mut count) = (0, 0);
        for (index, statement) in self.statements().iter().enumerate() {
            count += 1;
            let end = statement.range().end;
            let next = self.statements().get(index + 1).map(|next| next.range().start);
            let between = next.and_then(|next| self.text.get(end..next));
            if between.is_some_and(|between| !sql::has_semicolon(between)) {
                pieces.push((start..end, count));
                (start, count) = (end, 0);
            }
        }
        pieces.push((start..self.text.len(), count));
        pieces
    }

    /// What its header asks for.
    pub fn options(&self) -> &Options {
        self.options.as_deref().unwrap_or(&Options::NONE)
    }

    /// How it is committed: in one transaction, as its own statements say, or statement by statement: when its header says so,
    /// or when one of them refuses a transaction block.
    pub fn transaction(&self) -> TransactionMode {
        transaction_mode(self.text(), self.options(), self.statements())
    }

    /// The parts of it that are committed one by one.
    pub fn units(&self) -> Vec<Unit> {
        units(self.text(), self.options(), self.statements())
    }

    /// Whether it begins, ends or shapes a transaction itself.
    pub fn controls_transactions(&self) -> bool {
        controls(self.statements(), |control| control != Control::Code)
    }

    /// The statements, before the one of this index, that have set the session and are not undone again: in another session
    /// they have to be run again for the rest to run as it would have.
    pub fn settings_before(&self, index: usize) -> Vec<&str> {
        sql::settings_before(self.text(), self.statements(), &self.units(), index)
    }
}

fn boxed(options: Options) -> Option<Box<Options>> {
    (options != Options::NONE).then(|| Box::new(options))
}

fn controls(statements: Statements<'_>, is_sought: impl Fn(Control) -> bool) -> bool {
    statements.iter().any(|statement| statement.control().is_some_and(&is_sought))
}

/// How the statements outside of a script's own transaction blocks are grouped: all together, or each by itself.
pub(crate) fn grouping(text: &str, options: &Options, statements: Statements<'_>) -> TransactionMode {
    options.transaction.unwrap_or_else(|| {
        let refuses = |statement: &Statement| statement.refuses().is_some();
        let ends = |statement: &Statement| statement.control().is_some_and(Control::is_end);
        match statements.iter().find(|statement| refuses(statement) || ends(statement)) {
            // Behind the end of goose's transaction there is none that could refuse it.
            Some(first) if !refuses(&first) && goose_queries(text, statements).is_some() => {
                TransactionMode::Block
            }
            _ if statements.iter().any(|statement| refuses(&statement)) => TransactionMode::None,
            _ => TransactionMode::Block,
        }
    })
}

/// The parts of a script that are committed one by one.
pub(crate) fn units(text: &str, options: &Options, statements: Statements<'_>) -> Vec<Unit> {
    let mode = grouping(text, options, statements);
    let is_sent_in_parts = mode == TransactionMode::None || controls(statements, Control::is_end);
    let queries = if is_sent_in_parts { goose_queries(text, statements) } else { None };
    sql::units_sent(statements, mode, queries.as_deref())
}

/// What goose sends as one query though it is several statements, where the script is one of goose's: what stands between
/// `StatementBegin` and `StatementEnd`. An annotation is a comment at the beginning of a line.
fn goose_queries(text: &str, statements: Statements<'_>) -> Option<Vec<Range<usize>>> {
    let before =
        |offset: usize| statements.iter().filter(|statement| statement.range().start < offset).count();
    let (mut offset, mut begun, mut is_goose, mut queries) = (0, None, false, Vec::new());
    for line in text.split_inclusive('\n') {
        let comment = line.strip_prefix("--").unwrap_or_default().trim().to_ascii_lowercase();
        match comment.strip_prefix("+goose ").map(str::trim) {
            Some("statementbegin") => begun = Some(before(offset)),
            Some("statementend") => queries.extend(begun.take().map(|begun| begun..before(offset))),
            _ => {}
        }
        is_goose |= comment.starts_with("+goose ");
        offset += line.len();
    }
    // What refuses a block has to be alone, whatever stands around it.
    queries.retain(|query| {
        query.len() > 1 && query.clone().all(|index| statements.at(index).refuses().is_none())
    });
    is_goose.then_some(queries)
}

/// How a script is committed that asks for this and has these statements.
fn transaction_mode(text: &str, options: &Options, statements: Statements<'_>) -> TransactionMode {
    if !controls(statements, |control| control != Control::Code) {
        return grouping(text, options, statements);
    }
    match (units(text, options, statements).as_slice(), grouping(text, options, statements)) {
        // The transaction is the run's own, whoever begins and ends it.
        ([unit], TransactionMode::Block) if unit.can_record() => TransactionMode::Block,
        ([unit], _) if unit.can_record() && !unit.opening().is_empty() => TransactionMode::Block,
        (_, TransactionMode::None) => TransactionMode::None,
        _ => TransactionMode::Own,
    }
}
