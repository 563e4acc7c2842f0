//! One script: its text, its header, its statements, and what is wrong with them.

use super::Role;
use crate::options::{self, Options, TransactionMode};
use crate::problem::{Problem, ProblemKind, Problems};
use crate::script::Script;
use crate::source::SourceFile;
use crate::sql::{self, Split, TokenKind};
use std::borrow::Cow;

/// The most bytes of a script: a message to the server may have one gibibyte (`PQ_LARGE_MESSAGE_LIMIT`), its frame and the
/// history row included.
pub(super) const SIZE_LIMIT: usize = (1 << 30) - (1 << 20);

/// The script of a file, if nothing is wrong with it.
///
/// `metadata` is what a `metadata.toml` says, and that file.
pub(super) fn read(
    file: SourceFile,
    role: Role,
    metadata: Option<&(String, TransactionMode)>,
    problems: &mut Problems,
) -> Option<Script> {
    let before = problems.len();
    let text = utf_8(&file, problems)?;
    let mut report = |offset: usize, kind| {
        let at = sql::line_column(text, offset);
        problems.push(Problem { path: file.path.clone(), line: at.line, column: at.column, kind });
    };
    if text.len() > SIZE_LIMIT {
        report(0, ProblemKind::TooLarge { length: text.len(), limit: SIZE_LIMIT });
        return None;
    }
    // Halves that go two ways would run one after the other. Nothing else that is found in such a file helps.
    let half = other_tools_halves(text).next();
    if let Some((offset, kind)) = half {
        report(offset, kind);
        return None;
    }
    let header = options::read_header(text, role);
    let split = sql::split(text);
    let is_empty = split.statements.is_empty() && split.faults.is_empty();
    if is_empty {
        let is_blank = text.chars().all(|c| c.is_whitespace() || matches!(c, '\u{feff}' | ';'));
        report(0, if is_blank { ProblemKind::Empty } else { ProblemKind::OnlyComments });
    }
    header.faults.iter().for_each(|(offset, kind)| report(*offset, kind.clone()));
    let options =
        with_metadata(header.options, role, metadata, &mut |kind| report(header.transaction_at, kind));
    if options.transaction == Some(TransactionMode::Block) {
        let asked = match metadata {
            Some((path, TransactionMode::Block)) => format!("`{path}`"),
            _ => format!("line {}", sql::line_column(text, header.transaction_at).line),
        };
        for statement in split.statements.iter().filter(|statement| statement.refuses().is_some()) {
            let statement_text = beginning(statement.text(text));
            let kind = ProblemKind::RefusesBlock { statement: statement_text, asked: asked.clone() };
            report(statement.range().start, kind);
        }
    }
    let Split { statements, faults, .. } = split;
    faults.into_iter().for_each(|fault| report(fault.offset, ProblemKind::Sql(fault.kind)));
    if problems.len() > before {
        return None;
    }
    let text = match file.bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(std::str::from_utf8(bytes).ok()?),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8(bytes).ok()?),
    };
    Some(Script::new(file.path, text, statements, options))
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

/// The transaction mode of an up or a down script may stand in its header or in `metadata.toml`.
fn with_metadata(
    options: Options,
    role: Role,
    metadata: Option<&(String, TransactionMode)>,
    report: &mut dyn FnMut(ProblemKind),
) -> Options {
    let Some((path, mode)) = metadata.filter(|_| role != Role::Verify) else { return options };
    if let Some(header) = options.transaction.filter(|header| header != mode) {
        report(ProblemKind::ContradictsMetadata {
            header: options::transaction_word(header),
            path: path.clone(),
        });
    }
    Options { transaction: Some(*mode), ..options }
}

/// The marks between the halves of other tools' files.
fn other_tools_halves(text: &str) -> impl Iterator<Item = (usize, ProblemKind)> {
    // Few texts hold such words, and the others need not be read for them.
    let marks = [("migrate", ':', ""), ("", '+', "goose"), ("", '+', "migrate"), ("create above ", '/', "")];
    let text_to_read = if marks.into_iter().any(|mark| mentions(text, mark)) { text } else { "" };
    sql::tokens(text_to_read).filter(|token| token.kind == TokenKind::LineComment).filter_map(|token| {
        let line = token.text(text).trim_end();
        let comment = line.strip_prefix("--")?.trim_start_matches('-').trim().to_ascii_lowercase();
        let starts = |mark: &str| {
            let rest = comment.strip_prefix(mark);
            rest.is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '='))
            })
        };
        let tool = if starts("migrate:up") || starts("migrate:down") {
            "dbmate"
        } else if starts("+goose up") || starts("+goose down") {
            "goose"
        } else if starts("+migrate up") || starts("+migrate down") {
            "sql-migrate"
        } else if starts("create above / drop below") {
            "tern"
        } else {
            return None;
        };
        let mend = "split it into `<version>_<name>.up.sql` and `.down.sql`, without the marks".to_owned();
        Some((token.start, ProblemKind::OtherTool { tool, what: format!("`{line}`"), mend }))
    })
}

/// Whether a text holds a sign between two words, in letters of any case.
fn mentions(text: &str, (before, sign, after): (&str, char, &str)) -> bool {
    let is =
        |part: Option<&[u8]>, word: &str| part.is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    let bytes = text.as_bytes();
    text.match_indices(sign).any(|(at, _)| {
        let next = at + sign.len_utf8();
        is(bytes.get(at.saturating_sub(before.len())..at), before)
            && is(bytes.get(next..next + after.len()), after)
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
