//! The reading of one script: its text, header and statements, and its problems.

use super::empty_script::{EmptyScript, empty_script};
use super::layouts::halves::{Halves, Mark};
use super::layouts::marks;
use super::layouts::rules::Rules;
use super::settings::Asked;
use super::{Note, NoteKind, batch};
use crate::directory::source::SourceFile;
use crate::set::Role;
use crate::set::options::{self, OptionName, Options};
use crate::set::placeholder::{self, Placeholder, Placeholders};
use crate::set::problem::{CompanionFault, Problem, ProblemKind, Problems};
use crate::set::script::{Script, grouping, units};
use crate::sql::TransactionMode;
use crate::sql::statement::LexedStatement;
use crate::sql::{self, Ending, FaultKind, Invisible, LocalSetting, Split, Statements};
use std::borrow::Cow;
use std::ops::Range;

/// The maximum size of a script in bytes. A message to the server may be one gibibyte
/// (`PQ_LARGE_MESSAGE_LIMIT`), which has to hold its frame and the history row, too.
pub(crate) const SIZE_LIMIT: usize = (1 << 30) - (1 << 20);

/// Reads scripts and collects their problems.
pub(super) struct Scripts<'r> {
    pub(super) rules: &'static Rules,
    /// The declared placeholder names, if placeholders are on.
    pub(super) placeholders: Option<&'r [String]>,
    /// True if stubs are left out instead of reported.
    pub(super) leaves_out_unwritten: bool,
    pub(super) problems: &'r mut Problems,
    /// Notes about scripts that do nothing or may surprise.
    pub(super) notes: &'r mut Vec<Note>,
}

impl Scripts<'_> {
    /// Reads the script of a file; `None` if it has a problem.
    ///
    /// `asked` is the request of a settings file for it.
    pub(super) fn read(&mut self, file: SourceFile, role: Role, asked: Option<&Asked>) -> Option<Script> {
        let text = sized_text(&file, self.problems)?;
        // An up and a down half in one file would run one after the other. Further problems in such a file
        // would not help.
        if let Some((offset, kind)) = other_tools_halves(text) {
            self.problems.push(problem(&file.path, text, offset, kind));
            return None;
        }
        let whole = 0..text.len();
        let split = sql::split(text);
        if self.is_left_out(&file.path, text, &split, role) {
            return None;
        }
        let found = self.check(&file.path, text, whole, split, role, asked)?;
        let text = match file.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
        };
        Some(found.script(file.path, text))
    }

    /// Reads the up and the down script of a file that holds both.
    pub(super) fn read_halves(
        &mut self,
        file: &SourceFile,
        divide: fn(&str) -> Halves,
    ) -> Option<(Script, Option<Script>)> {
        let text = sized_text(file, self.problems)?;
        let Halves { down_at, modes: [up_mode, down_mode], repeated, faults } = divide(text);
        let before = self.problems.len();
        for (offset, mark, fault) in faults {
            self.problems.push(problem(&file.path, text, offset, ProblemKind::BadMark { mark, fault }));
        }
        // If the division of the file is in doubt, problems in its halves mean nothing.
        if self.problems.len() > before {
            return None;
        }
        self.notes.extend(repeated.into_iter().map(|offset| Note {
            at: Some(sql::line_column(text, offset)),
            ..Note::of_file(&file.path, NoteKind::RepeatedMark)
        }));
        let split = |range: Range<usize>| (range.clone(), sql::split(&text[range]));
        let up = split(0..down_at.unwrap_or(text.len()));
        if self.is_left_out(&file.path, &text[up.0.clone()], &up.1, Role::Up) {
            return None;
        }
        let down = down_at
            .map(|at| split(at..text.len()))
            .filter(|(range, split)| !self.is_left_out(&file.path, &text[range.clone()], split, Role::Down));
        let mut half = |(range, split): (Range<usize>, Split), role, mode: Option<Mark>| {
            let asked = mode.map(|mark| asked_by(&mark, text));
            let found = self.check(&file.path, text, range.clone(), split, role, asked.as_ref())?;
            let line = sql::line_column(text, range.start).line;
            Some(found.script(file.path.clone(), part(file, range.clone())).in_part(range.start, line))
        };
        let up = half(up, Role::Up, up_mode);
        let down = down.map(|down| half(down, Role::Down, down_mode));
        match (up, down) {
            (Some(up), None) => Some((up, None)),
            (Some(up), Some(Some(down))) => Some((up, Some(down))),
            _ => None,
        }
    }

    /// Returns true if a script counts as missing, and notes it if that may surprise.
    fn is_left_out(&mut self, path: &str, text: &str, split: &Split, role: Role) -> bool {
        let why = match (empty_script(text, &split.outline), role) {
            (Some(EmptyScript::Unwritten), _) if self.leaves_out_unwritten => NoteKind::Unwritten,
            // A revert would undo nothing and still report success.
            (Some(EmptyScript::DownTemplate), Role::Down) => NoteKind::UnwrittenDown,
            (Some(EmptyScript::Blank), Role::Down) if text.is_empty() && !self.rules.runs_empty => {
                NoteKind::EmptyDown
            }
            // dbmate's template for a new file, and a half that tern does not run.
            (Some(EmptyScript::Blank), Role::Down) => return self.rules.needs_down,
            _ => return false,
        };
        self.notes.push(Note::of_file(path, why));
        true
    }

    /// Notes a script that does nothing, or reports it if that can't be intended.
    fn check_wordless(&mut self, path: &str, text: &str, split: &Split, role: Role) -> Option<ProblemKind> {
        let why = match (empty_script(text, &split.outline)?, role) {
            (EmptyScript::Unwritten, _) => return Some(ProblemKind::Unwritten),
            (EmptyScript::Blank, Role::Verify) | (_, Role::Assertion | Role::Seed) => {
                return Some(ProblemKind::Empty);
            }
            (EmptyScript::Blank, Role::Up) if text.is_empty() && !self.rules.runs_empty => {
                return Some(ProblemKind::Empty);
            }
            (_, Role::Down) => NoteKind::DownDoesNothing,
            (EmptyScript::Blank, _) => NoteKind::Empty,
            (EmptyScript::DownTemplate | EmptyScript::OnPurpose, _) => NoteKind::OnlyComments,
        };
        self.notes.push(Note::of_file(path, why));
        None
    }

    /// Reads a part of a file as one script.
    fn check(
        &mut self,
        path: &str,
        file: &str,
        range: Range<usize>,
        split: Split,
        role: Role,
        asked: Option<&Asked>,
    ) -> Option<ScriptContents> {
        let before = self.problems.len();
        let text = &file[range.clone()];
        let header = options::header_of(text, split.outline.iter().copied(), role);
        let no_statement = split.statements.is_empty() && split.faults.is_empty();
        let wrong = if no_statement { self.check_wordless(path, text, &split, role) } else { None };
        let Split { mut statements, faults, invisible, local_settings, .. } = split;
        let mut report =
            |offset: usize, kind| self.problems.push(problem(path, file, range.start + offset, kind));
        wrong.into_iter().for_each(|kind| report(0, kind));
        header.faults.iter().for_each(|(offset, kind)| report(*offset, kind.clone()));
        let transaction_at = header.at(OptionName::Transaction);
        let misplaced = header.misplaced(text, Statements::of(&statements));
        misplaced.into_iter().for_each(|offset| report(offset, ProblemKind::LateOptions));
        let options =
            with_asked(header.options.clone(), role, asked, &mut |kind| report(transaction_at, kind));
        if options.transaction == Some(TransactionMode::Block) {
            let asked = match asked {
                Some(Asked { mode: TransactionMode::Block, place, .. }) => place.clone(),
                _ => format!("line {}", sql::line_column(file, range.start + transaction_at).line),
            };
            for statement in statements.iter().filter(|statement| statement.refuses().is_some()) {
                let statement_text = beginning(statement.text(text));
                let kind = ProblemKind::RefusesBlock { statement: statement_text, asked: asked.clone() };
                report(statement.range().start, kind);
            }
        }
        let mut note = |offset: usize, why| {
            let at = Some(sql::line_column(file, range.start + offset));
            self.notes.push(Note { at, ..Note::of_file(path, why) });
        };
        let line = |offset: usize| sql::line_column(file, range.start + offset).line;
        let split = (statements.as_slice(), local_settings.as_slice());
        transactions(text, split, &options, role, line, &mut report, &mut note);
        // If a quote is not closed, its extent is unknown.
        let is_whole = faults.is_empty();
        faults.into_iter().for_each(|fault| report(fault.offset, ProblemKind::Sql(fault.kind)));
        for Invisible { offset, character, is_refused } in invisible {
            if is_refused {
                report(offset, ProblemKind::Sql(FaultKind::InvisibleCharacter { character }));
            } else {
                let at = Some(sql::line_column(file, range.start + offset));
                let why = NoteKind::InvisibleCharacter { character };
                self.notes.push(Note { at, ..Note::of_file(path, why) });
            }
        }
        let names = self.placeholders;
        let mut placeholders = match is_whole {
            true => placeholder::of_script(text, names, options.batch.is_some()),
            false => Placeholders::default(),
        };
        // Options of a backfill in another script are reported already.
        if is_whole && (role == Role::Up || header.faults.is_empty()) {
            let faults = batch::faults(text, &statements, &header, &options, names, &mut placeholders);
            faults.into_iter().for_each(|(offset, fault)| report(offset, ProblemKind::Batch(fault)));
        }
        for (offset, text, fault) in placeholders.faults {
            report(offset, ProblemKind::BadPlaceholder { text, fault });
        }
        let lines = sql::line_column(file, range.start).line - 1;
        statements.iter_mut().for_each(|statement| *statement = statement.after_lines(lines));
        let placeholders = placeholders.found;
        (self.problems.len() == before).then_some(ScriptContents { statements, options, placeholders })
    }
}

/// Checks the transactions that a script controls itself, and those that it runs in.
fn transactions(
    text: &str,
    (statements, local_settings): (&[sql::Statement], &[LocalSetting]),
    options: &Options,
    role: Role,
    line: impl Fn(usize) -> u32,
    report: &mut dyn FnMut(usize, ProblemKind),
    note: &mut dyn FnMut(usize, NoteKind),
) {
    if matches!(role, Role::Assertion | Role::Seed) {
        for statement in statements {
            let fault = companion_fault(statement, text, role);
            let at = statement.range().start;
            fault.into_iter().for_each(|fault| report(at, ProblemKind::Companion { fault }));
        }
        return;
    }
    if role == Role::Verify {
        let boundaries =
            statements.iter().filter_map(|s| Some(s).zip(s.control().filter(|c| c.is_boundary())));
        for (statement, control) in boundaries {
            report(statement.range().start, ProblemKind::VerifyControl { command: control.command() });
        }
        return;
    }
    let statements = Statements::of(statements);
    let by_statement = grouping(text, options, statements) == TransactionMode::None;
    let mut idle = None;
    for unit in units(text, options, statements).iter().filter(|_| by_statement) {
        let opened = unit.opening().first().map(|index| statements.at(*index).range().start);
        for index in unit.statements() {
            let statement = statements.at(index);
            let (at, text) = (statement.range().start, statement.text(text));
            let local = local_settings.binary_search_by_key(&index, |setting| setting.statement);
            let local = local.ok().map(|place| local_settings[place]);
            match opened {
                Some(opened) if statement.refuses().is_some() => {
                    let begun = line(opened);
                    report(at, ProblemKind::RefusesOwnBlock { statement: beginning(text), begun });
                }
                None if local.is_some_and(|setting| setting.is_limit) => idle = idle.or(Some(at)),
                None if local.is_some() => {
                    let statement = beginning(&sql::redact(text));
                    report(at, ProblemKind::LocalSetting { statement });
                }
                _ => {}
            }
        }
        if let Some(opened) = opened.filter(|_| unit.ending() == Ending::Runner && !unit.body().is_empty()) {
            report(opened, ProblemKind::UnendedBlock);
        }
    }
    if let Some(at) = idle {
        note(at, NoteKind::IdleLocalSetting);
    }
}

/// The fault of a statement in an assertion or a seed.
fn companion_fault(statement: &sql::Statement, text: &str, role: Role) -> Option<CompanionFault> {
    let statement_text = statement.text(text);
    let shown = || beginning(&sql::redact(statement_text));
    if role == Role::Assertion {
        let is_query = LexedStatement::new(statement_text).parse().is_query();
        return (!is_query).then(|| CompanionFault::NotAQuery { statement: shown() });
    }
    let boundary = statement.control().filter(|control| control.is_boundary());
    match boundary {
        Some(control) => Some(CompanionFault::Control { command: control.command() }),
        None => statement.refuses().map(|_| CompanionFault::RefusesBlock { statement: shown() }),
    }
}

/// The request of a mark.
fn asked_by(mark: &Mark, text: &str) -> Asked {
    let place = format!("line {}", sql::line_column(text, mark.at).line);
    Asked { mode: mark.mode, by: format!("`{}` in {place}", mark.line), place }
}

/// A part of a file's text: borrowed if the file is, possibly for `'static`.
fn part(file: &SourceFile, range: Range<usize>) -> Cow<'static, str> {
    const CHECKED: &str = "the text was looked at before";
    match &file.bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(&bytes[range]).expect(CHECKED)),
        Cow::Owned(bytes) => Cow::Owned(std::str::from_utf8(&bytes[range]).expect(CHECKED).to_owned()),
    }
}

/// The parts of a script other than its text.
struct ScriptContents {
    statements: Vec<sql::Statement>,
    options: Options,
    placeholders: Vec<Placeholder>,
}

impl ScriptContents {
    fn script(self, path: String, text: Cow<'static, str>) -> Script {
        Script::new(path, text, self.statements, self.options).with_placeholders(self.placeholders)
    }
}

pub(super) fn problem(path: &str, text: &str, offset: usize, kind: ProblemKind) -> Problem {
    let at = sql::line_column(text, offset);
    Problem { path: path.to_owned(), line: at.line, column: at.column, kind }
}

/// Decodes the text of a script's file and checks its size.
pub(super) fn sized_text<'a>(file: &'a SourceFile, problems: &mut Problems) -> Option<&'a str> {
    let text = utf_8(file, problems)?;
    if text.len() > SIZE_LIMIT {
        let kind = ProblemKind::TooLarge { length: text.len(), limit: SIZE_LIMIT };
        problems.push(Problem::of_file(file.path.clone(), kind));
        return None;
    }
    Some(text)
}

/// Decodes the text of a file.
pub(super) fn utf_8<'a>(file: &'a SourceFile, problems: &mut Problems) -> Option<&'a str> {
    match std::str::from_utf8(&file.bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let offset = error.valid_up_to();
            let valid = String::from_utf8_lossy(&file.bytes[..offset]);
            let at = sql::line_column(&valid, offset);
            let kind = ProblemKind::NotUtf8 { offset, byte: file.bytes[offset] };
            problems.push(Problem { path: file.path.clone(), line: at.line, column: at.column, kind });
            None
        }
    }
}

/// Merges the transaction mode from the script's header with the one from another tool's setting.
fn with_asked(
    options: Options,
    role: Role,
    asked: Option<&Asked>,
    report: &mut dyn FnMut(ProblemKind),
) -> Options {
    let Some(asked) = asked.filter(|_| matches!(role, Role::Up | Role::Down)) else { return options };
    if let Some(header) = options.transaction.filter(|header| *header != asked.mode) {
        report(ProblemKind::ContradictsMetadata {
            header: options::transaction_word(header),
            other: asked.by.clone(),
        });
    }
    Options { transaction: Some(asked.mode), ..options }
}

/// Finds the first mark of another tool's two-part file, in a layout that has none.
fn other_tools_halves(text: &str) -> Option<(usize, ProblemKind)> {
    if !marks::has_traces(text) {
        return None;
    }
    marks::comments(text).find_map(|comment| {
        let is_sql_migrates = comment.after("+migrate").is_some();
        let tool = match marks::of(comment) {
            Some(layout) => layout.tool(),
            None if is_sql_migrates => "sql-migrate",
            None => return None,
        };
        let mend = "split it into an up and a down script, without the marks".to_owned();
        Some((comment.start, ProblemKind::OtherTool { tool, what: format!("`{}`", comment.line), mend }))
    })
}

/// The first words of a statement, for a message.
pub(super) fn beginning(statement: &str) -> String {
    let line = statement.lines().next().unwrap_or_default().trim_end();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}
