//! One script: its text, its header, its statements, and what is wrong with them.

use super::halves::{Halves, Mark};
use super::marks;
use super::settings::Asked;
use super::wordless::{Wordless, wordless};
use super::{Note, NoteKind, Role};
use crate::options::{self, Options, TransactionMode};
use crate::placeholder::{self, Placeholder};
use crate::problem::{Problem, ProblemKind, Problems};
use crate::script::Script;
use crate::source::SourceFile;
use crate::sql::{self, Split};
use std::borrow::Cow;
use std::ops::Range;

/// The most bytes of a script: a message to the server may have one gibibyte (`PQ_LARGE_MESSAGE_LIMIT`), its frame and the
/// history row included.
pub(super) const SIZE_LIMIT: usize = (1 << 30) - (1 << 20);

/// Reads scripts, and keeps what is wrong with them.
pub(super) struct Scripts<'r> {
    /// The names of placeholders, where there may be any.
    pub(super) placeholders: Option<&'r [String]>,
    pub(super) problems: &'r mut Problems,
    /// Scripts that do nothing.
    pub(super) notes: &'r mut Vec<Note>,
}

impl Scripts<'_> {
    /// The script of a file, if nothing is wrong with it.
    ///
    /// `asked` is what a settings file says of it.
    pub(super) fn read(&mut self, file: SourceFile, role: Role, asked: Option<&Asked>) -> Option<Script> {
        let text = sized_text(&file, self.problems)?;
        // Halves that go two ways would run one after the other. Nothing else that is found in such a file helps.
        if let Some((offset, kind)) = other_tools_halves(text) {
            self.problems.push(problem(&file.path, text, offset, kind));
            return None;
        }
        let whole = 0..text.len();
        let found = self.check(&file.path, text, whole, role, asked)?;
        let text = match file.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
        };
        Some(found.script(file.path, text))
    }

    /// The up and the down script of a file that holds both.
    pub(super) fn read_halves(
        &mut self,
        file: &SourceFile,
        divide: fn(&str) -> Halves,
    ) -> Option<(Script, Option<Script>)> {
        let text = sized_text(file, self.problems)?;
        let Halves { down_at, modes: [up_mode, down_mode], faults } = divide(text);
        let before = self.problems.len();
        for (offset, mark, fault) in faults {
            self.problems.push(problem(&file.path, text, offset, ProblemKind::BadMark { mark, fault }));
        }
        // Where the file is divided in doubt, what is found in its halves says nothing.
        if self.problems.len() > before {
            return None;
        }
        let mut half = |range: Range<usize>, role, mode: Option<Mark>| {
            let asked = mode.map(|mark| asked_by(&mark, text));
            let found = self.check(&file.path, text, range.clone(), role, asked.as_ref())?;
            let line = sql::line_column(text, range.start).line;
            Some(found.script(file.path.clone(), part(file, range.clone())).in_part(range.start, line))
        };
        let down = down_at.map(|at| at..text.len());
        let up = half(0..down_at.unwrap_or(text.len()), Role::Up, up_mode);
        // What tools write into a new file, a mark with nothing below it, is no down script.
        let down = down.filter(|range| has_statement(&text[range.clone()]));
        let down = down.map(|range| half(range, Role::Down, down_mode));
        match (up, down) {
            (Some(up), None) => Some((up, None)),
            (Some(up), Some(Some(down))) => Some((up, Some(down))),
            _ => None,
        }
    }

    /// Looks at a part of a file as one script.
    fn check(
        &mut self,
        path: &str,
        file: &str,
        range: Range<usize>,
        role: Role,
        asked: Option<&Asked>,
    ) -> Option<Found> {
        let before = self.problems.len();
        let text = &file[range.clone()];
        let mut report =
            |offset: usize, kind| self.problems.push(problem(path, file, range.start + offset, kind));
        let header = options::read_header(text, role);
        let Split { mut statements, faults, .. } = sql::split(text);
        if statements.is_empty() && faults.is_empty() {
            let mut note = |why| self.notes.push(Note { path: path.to_owned(), why });
            match wordless(text) {
                Some(Wordless::Blank) => report(0, ProblemKind::Empty),
                Some(Wordless::Unwritten) => report(0, ProblemKind::Unwritten),
                Some(Wordless::DownTemplate) if role == Role::Down => note(NoteKind::UnwrittenDown),
                Some(Wordless::DownTemplate | Wordless::OnPurpose) => note(NoteKind::OnlyComments),
                None => {}
            }
        }
        header.faults.iter().for_each(|(offset, kind)| report(*offset, kind.clone()));
        let options =
            with_asked(header.options, role, asked, &mut |kind| report(header.transaction_at, kind));
        if options.transaction == Some(TransactionMode::Block) {
            let asked = match asked {
                Some(Asked { mode: TransactionMode::Block, place, .. }) => place.clone(),
                _ => format!("line {}", sql::line_column(file, range.start + header.transaction_at).line),
            };
            for statement in statements.iter().filter(|statement| statement.refuses().is_some()) {
                let statement_text = beginning(statement.text(text));
                let kind = ProblemKind::RefusesBlock { statement: statement_text, asked: asked.clone() };
                report(statement.range().start, kind);
            }
        }
        // Where quotes are not closed, what stands in them can't be told.
        let is_whole = faults.is_empty();
        faults.into_iter().for_each(|fault| report(fault.offset, ProblemKind::Sql(fault.kind)));
        let names = self.placeholders.filter(|_| is_whole);
        let placeholders = names.map(|names| placeholder::find(text, names)).unwrap_or_default();
        for (offset, text, fault) in placeholders.faults {
            report(offset, ProblemKind::BadPlaceholder { text, fault });
        }
        let lines = sql::line_column(file, range.start).line - 1;
        statements.iter_mut().for_each(|statement| *statement = statement.after_lines(lines));
        let placeholders = placeholders.found;
        (self.problems.len() == before).then_some(Found { statements, options, placeholders })
    }
}

/// What a mark asks for.
fn asked_by(mark: &Mark, text: &str) -> Asked {
    let place = format!("line {}", sql::line_column(text, mark.at).line);
    Asked { mode: mark.mode, by: format!("`{}` in {place}", mark.line), place }
}

fn has_statement(text: &str) -> bool {
    sql::tokens(text).any(|token| !token.is_trivia() && token.kind != sql::TokenKind::Semicolon)
}

/// A part of a file's text: borrowed where the file is, which may be for ever.
fn part(file: &SourceFile, range: Range<usize>) -> Cow<'static, str> {
    const CHECKED: &str = "the text was looked at before";
    match &file.bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(&bytes[range]).expect(CHECKED)),
        Cow::Owned(bytes) => Cow::Owned(std::str::from_utf8(&bytes[range]).expect(CHECKED).to_owned()),
    }
}

/// What a script consists of, besides its text.
struct Found {
    statements: Vec<sql::Statement>,
    options: Options,
    placeholders: Vec<Placeholder>,
}

impl Found {
    fn script(self, path: String, text: Cow<'static, str>) -> Script {
        Script::new(path, text, self.statements, self.options).with_placeholders(self.placeholders)
    }
}

fn problem(path: &str, text: &str, offset: usize, kind: ProblemKind) -> Problem {
    let at = sql::line_column(text, offset);
    Problem { path: path.to_owned(), line: at.line, column: at.column, kind }
}

/// The text of a script's file.
fn sized_text<'a>(file: &'a SourceFile, problems: &mut Problems) -> Option<&'a str> {
    let text = utf_8(file, problems)?;
    if text.len() > SIZE_LIMIT {
        let kind = ProblemKind::TooLarge { length: text.len(), limit: SIZE_LIMIT };
        problems.push(Problem::of_file(file.path.clone(), kind));
        return None;
    }
    Some(text)
}

/// The text of a file.
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

/// The transaction mode of an up or a down script may stand in its header, or where another tool has it.
fn with_asked(
    options: Options,
    role: Role,
    asked: Option<&Asked>,
    report: &mut dyn FnMut(ProblemKind),
) -> Options {
    let Some(asked) = asked.filter(|_| role != Role::Verify) else { return options };
    if let Some(header) = options.transaction.filter(|header| *header != asked.mode) {
        report(ProblemKind::ContradictsMetadata {
            header: options::transaction_word(header),
            other: asked.by.clone(),
        });
    }
    Options { transaction: Some(asked.mode), ..options }
}

/// The first mark between the halves of another tool's file, in a layout that has none.
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
fn beginning(statement: &str) -> String {
    let line = statement.lines().next().unwrap_or_default().trim_end();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line.to_owned(),
    }
}
