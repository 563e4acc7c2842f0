//! Scripts: the text, the boundaries of the statements, and the transaction mode.

use crate::set::approval::{self, ScriptApproval};
use crate::set::options::Options;
use crate::set::placeholder::{self, Placeholder, Values};
use crate::set::problem::ProblemKind;
use crate::sql::TransactionMode;
use crate::sql::{self, Control, LineColumn, Statement, Statements, Unit};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// The text of one script with everything learned from reading it, so that a run parses no SQL.
#[derive(Clone)]
pub struct Script {
    path: Cow<'static, str>,
    text: Cow<'static, str>,
    statements: StoredStatements,
    /// `None` for no options: few scripts have any, and embedded scripts spend space in the binary on them.
    options: Option<Box<Options>>,
    part: FilePart,
    placeholders: Vec<Placeholder>,
    /// The original text, if the placeholders have been filled.
    source: Option<Box<TemplateSource>>,
}

/// The statements, in one of two representations.
#[derive(Clone)]
enum StoredStatements {
    Owned(Cow<'static, [Statement]>),
    Packed(&'static [u8]),
}

/// The text of a script before its placeholders were replaced.
#[derive(Clone, Debug)]
struct TemplateSource {
    text: Cow<'static, str>,
    /// For each value, its byte range in the filled text and the range of its placeholder.
    values: Vec<(Range<usize>, Range<usize>)>,
}

impl TemplateSource {
    /// Maps a byte offset in the filled text to the original; inside a value, to the beginning of its
    /// placeholder.
    fn offset(&self, offset: usize) -> usize {
        let before = self.values.partition_point(|(run, _)| run.start <= offset);
        match before.checked_sub(1).map(|index| &self.values[index]) {
            None => offset,
            Some((run, written)) if offset < run.end => written.start,
            Some((run, written)) => written.end + (offset - run.end),
        }
    }
}

/// The part of its file that a script occupies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilePart {
    /// The whole file.
    Whole,
    /// One half: it starts at this byte, which is the first of this line.
    Half { start: usize, line: u32 },
}

/// Omits passwords from the text, because the `Debug` form ends up in logs.
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
    /// Creates a script from its parts; [`crate::directory`] builds them from files.
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

    /// Adds the placeholders in its text, in order.
    pub(crate) fn with_placeholders(self, placeholders: Vec<Placeholder>) -> Script {
        Script { placeholders, ..self }
    }

    /// Replaces the placeholders with values. Statements, lines and columns still refer to the file, and so
    /// does [`Script::source`]. A placeholder without a value stays.
    pub fn filled(&self, values: &Values) -> Script {
        self.replaced(|placeholder| values.get(placeholder.name()).filter(|_| !self.is_batch(placeholder)))
    }

    /// Replaces `${batch}` with a condition, in a script with the option [`batch`](Options::batch). Positions
    /// still refer to the file, and a script for one batch may be turned into one for another.
    pub fn in_batch(&self, condition: &str) -> Script {
        let value = |placeholder: &Placeholder| {
            if self.is_batch(placeholder) { Some(condition) } else { self.value(placeholder) }
        };
        self.replaced(value)
    }

    /// True for `${batch}` in a script that runs in batches.
    pub(crate) fn is_batch(&self, placeholder: &Placeholder) -> bool {
        self.options().batch.is_some() && placeholder.name() == placeholder::BATCH
    }

    /// The value of a placeholder that was replaced.
    fn value(&self, placeholder: &Placeholder) -> Option<&str> {
        let values = &self.source.as_ref()?.values;
        let found = values.iter().find(|(_, written)| *written == placeholder.range());
        found.map(|(run, _)| &self.text[run.clone()])
    }

    fn replaced<'v>(&'v self, value: impl Fn(&'v Placeholder) -> Option<&'v str>) -> Script {
        let source = self.source();
        let mut text = String::with_capacity(source.len());
        let (mut done, mut placed) = (0, Vec::new());
        for placeholder in &self.placeholders {
            let Some(value) = value(placeholder) else { continue };
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
            let range = self.written_range(&statement.range());
            Statement::new(offset(range.start), offset(range.end), statement.line(), statement.refuses())
                .with_control(statement.control())
        });
        let statements = StoredStatements::Owned(Cow::Owned(statements.collect()));
        let source = Some(Box::new(TemplateSource { text: source.to_owned().into(), values: placed }));
        Script { text: text.into(), statements, source, ..self.clone() }
    }

    /// Marks the script as a part of its file: `start` is the byte offset in the file at which the text
    /// begins, and that byte is the first of `line`. The lines of its statements then refer to the file.
    pub fn in_part(self, start: usize, line: u32) -> Script {
        Script { part: FilePart::Half { start, line }, ..self }
    }

    /// Reads a script that was stored by a history and not read from a file.
    ///
    /// # Errors
    ///
    /// The fault in the text.
    pub fn of_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        Script::of_role(path, text, crate::set::Role::Down)
    }

    /// Reads an up script, which accepts options that other scripts don't.
    ///
    /// # Errors
    ///
    /// The fault in the text.
    pub fn of_up_text(path: impl Into<Cow<'static, str>>, text: String) -> Result<Script, String> {
        Script::of_role(path, text, crate::set::Role::Up)
    }

    /// Reads a script of a role.
    pub(crate) fn of_role(
        path: impl Into<Cow<'static, str>>,
        text: String,
        role: crate::set::Role,
    ) -> Result<Script, String> {
        let split = sql::split(&text);
        let header = crate::set::options::header_of(&text, split.outline.iter().copied(), role);
        if let Some((_, fault)) = header.faults.first() {
            return Err(fault.to_string());
        }
        if !header.misplaced(&text, Statements::of(&split.statements)).is_empty() {
            return Err(ProblemKind::LateOptions.to_string());
        }
        if let Some(fault) = split.faults.first() {
            return Err(fault.kind.to_string());
        }
        let placeholders = placeholder::of_script(&text, None, header.options.batch.is_some());
        let script = Script::new(path, text, split.statements, header.options);
        Ok(script.with_placeholders(placeholders.found))
    }

    /// Creates an embedded script: the text of a file or of a part of it, the byte and line at which the part
    /// starts, and the [packed](Statements::packed) statements.
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

    /// The source file, relative to the migration directory, with `/` between folders.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text to run, with placeholders replaced. If the file holds both an up and a down script, this is
    /// only this script's half.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before placeholders were replaced. Checksums cover it, and histories store it.
    pub fn source(&self) -> &str {
        self.source.as_ref().map_or(&self.text, |source| &source.text)
    }

    /// The placeholders in [`Script::source`], in order.
    pub fn placeholders(&self) -> &[Placeholder] {
        &self.placeholders
    }

    /// The byte offset and the line at which the text begins in its file, if it is not the whole file.
    pub fn part(&self) -> Option<(usize, u32)> {
        match self.part {
            FilePart::Whole => None,
            FilePart::Half { start, line } => Some((start, line)),
        }
    }

    /// The line and column in the file of a byte offset in the text.
    pub fn line_column(&self, offset: usize) -> LineColumn {
        let at = sql::line_column(self.source(), self.written_at(offset));
        match self.part {
            FilePart::Whole => at,
            FilePart::Half { line, .. } => LineColumn { line: at.line + line - 1, ..at },
        }
    }

    /// Maps a byte range of the text to [`Script::source`].
    pub(crate) fn written_range(&self, range: &Range<usize>) -> Range<usize> {
        self.written_at(range.start)..self.written_at(range.end)
    }

    fn written_at(&self, offset: usize) -> usize {
        self.source.as_ref().map_or(offset, |source| source.offset(offset))
    }

    /// The line of the file that contains a byte offset in the text.
    pub fn line_at(&self, offset: usize) -> &str {
        let line = sql::line_column(self.source(), self.written_at(offset)).line;
        self.source().lines().nth(line as usize - 1).unwrap_or_default()
    }

    /// The statements, in order; none is empty.
    pub fn statements(&self) -> Statements<'_> {
        match &self.statements {
            StoredStatements::Owned(statements) => Statements::of(statements),
            StoredStatements::Packed(bytes) => Statements::packed(bytes),
        }
    }

    /// Divides the text into pieces, each with its number of statements. The server splits the text as
    /// [`Script::statements`] does if a semicolon is inserted between the pieces.
    ///
    /// There is one piece unless a statement in the middle lacks its semicolon, as goose's `StatementEnd`
    /// permits.
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

    /// The options in its header.
    pub fn options(&self) -> &Options {
        self.options.as_deref().unwrap_or(&Options::NONE)
    }

    /// The approvals of lint rules in its header and above its statements, in order, each with its reason.
    pub fn approvals(&self) -> Vec<ScriptApproval> {
        approval::of_script(self)
    }

    /// The transaction mode: one transaction, transactions by the script's own statements, or statement by
    /// statement if the header requests it or a statement refuses a transaction block.
    pub fn transaction(&self) -> TransactionMode {
        transaction_mode(self.text(), self.options(), self.statements())
    }

    /// The units of the script, each of which is committed separately.
    pub fn units(&self) -> Vec<Unit> {
        units(self.text(), self.options(), self.statements())
    }

    /// True if the script begins, ends or otherwise controls transactions itself.
    pub fn controls_transactions(&self) -> bool {
        controls(self.statements(), |control| control != Control::Code)
    }

    /// The statements before this index that changed session settings and were not undone. A new session has
    /// to run them again before it runs the rest.
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

/// The grouping of the statements outside the script's own transaction blocks: all together, or each by
/// itself.
pub(crate) fn grouping(text: &str, options: &Options, statements: Statements<'_>) -> TransactionMode {
    options.transaction.unwrap_or_else(|| {
        let refuses = |statement: &Statement| statement.refuses().is_some();
        let ends = |statement: &Statement| statement.control().is_some_and(Control::is_end);
        match statements.iter().find(|statement| refuses(statement) || ends(statement)) {
            // After the end of goose's transaction, no transaction is left that the statement could refuse.
            Some(first) if !refuses(&first) && goose_queries(text, statements).is_some() => {
                TransactionMode::Block
            }
            _ if statements.iter().any(|statement| refuses(&statement)) => TransactionMode::None,
            _ => TransactionMode::Block,
        }
    })
}

/// The units of a script, each of which is committed separately.
pub(crate) fn units(text: &str, options: &Options, statements: Statements<'_>) -> Vec<Unit> {
    let mode = grouping(text, options, statements);
    let is_sent_in_parts = mode == TransactionMode::None || controls(statements, Control::is_end);
    let queries = if is_sent_in_parts { goose_queries(text, statements) } else { None };
    sql::units_sent(statements, mode, queries.as_deref())
}

/// The ranges of several statements that goose sends as one query: those between `StatementBegin` and
/// `StatementEnd`, if the script is one of goose's. An annotation is a comment at the beginning of a line.
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
    // A statement that refuses a transaction block must be alone, even inside such a range.
    queries.retain(|query| {
        query.len() > 1 && query.clone().all(|index| statements.at(index).refuses().is_none())
    });
    is_goose.then_some(queries)
}

/// The transaction mode of a script with these options and statements.
fn transaction_mode(text: &str, options: &Options, statements: Statements<'_>) -> TransactionMode {
    if !controls(statements, |control| control != Control::Code) {
        return grouping(text, options, statements);
    }
    match (units(text, options, statements).as_slice(), grouping(text, options, statements)) {
        // The transaction is the run's, no matter who begins and ends it.
        ([unit], TransactionMode::Block) if unit.can_record() => TransactionMode::Block,
        ([unit], _) if unit.can_record() && !unit.opening().is_empty() => TransactionMode::Block,
        (_, TransactionMode::None) => TransactionMode::None,
        _ => TransactionMode::Own,
    }
}
