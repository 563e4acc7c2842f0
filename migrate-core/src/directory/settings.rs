//! Settings files: diesel's `metadata.toml`, Flyway's `<script>.conf` and Prisma's `migration_lock.toml`.
//!
//! Each consists of comments, blank lines and a few keys, so they are read line by line. Any other content is
//! a problem if the tool itself rejects it.

use crate::directory::source::SourceFile;
use crate::set::problem::{Problem, ProblemKind, Problems};
use crate::sql::TransactionMode;
use crate::sql::line_column;

/// A transaction mode that something other than a script's header requests.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) mode: TransactionMode,
    /// The position of the request: a file, or a line of the script.
    pub(super) place: String,
    /// The setting and its file, or the mark and its line.
    pub(super) by: String,
}

fn asked(file: &SourceFile, key: &str, mode: TransactionMode) -> Asked {
    let place = format!("`{}`", file.path);
    Asked { mode, by: format!("`{key}` in {place}"), place }
}

/// Reads the transaction mode from diesel's `metadata.toml`.
pub(super) fn run_in_transaction(file: &SourceFile, problems: &mut Problems) -> Option<Asked> {
    let key = "run_in_transaction";
    // Other fields are for programs that request them (`additional_fields`), and keys after a table header
    // belong to the table.
    let mode = read(file, &[key], None, problems, |_, value| match value {
        "true" => Ok(Some(TransactionMode::Block)),
        "false" => Ok(Some(TransactionMode::None)),
        value => {
            Err(ProblemKind::BadValue { option: key, value: value.to_owned(), expected: "`true` or `false`" })
        }
    });
    mode.map(|mode| asked(file, key, mode))
}

/// Reads the transaction mode from Flyway's `V1__a.sql.conf` (`SqlScriptMetadata`).
/// `executeInTransaction=true` is the default for scripts without a statement that refuses a transaction, so
/// it requests nothing.
pub(super) fn execute_in_transaction(file: &SourceFile, problems: &mut Problems) -> Option<Asked> {
    let keys = ["executeInTransaction", "encoding", "placeholderReplacement", "shouldExecute"];
    let expected = "`executeInTransaction=false`";
    let mode = read(file, &keys, Some(expected), problems, |key, value| {
        let bad = |expected| Err(ProblemKind::BadValue { option: key, value: value.to_owned(), expected });
        match (key, value.to_ascii_lowercase().as_str()) {
            ("executeInTransaction", "true") => Ok(None),
            ("executeInTransaction", "false") => Ok(Some(TransactionMode::None)),
            ("executeInTransaction", _) => bad("`true` or `false`"),
            ("encoding", "utf-8" | "utf8") => Ok(None),
            ("encoding", _) => bad("only `UTF-8`: save the script in that encoding"),
            ("placeholderReplacement", "true" | "false") => Ok(None),
            ("placeholderReplacement", _) => bad("`true` or `false`"),
            ("shouldExecute", "true") => Ok(None),
            _ => bad("only `true`: put scripts that run under a condition into a set of their own"),
        }
    });
    mode.map(|mode| asked(file, keys[0], mode))
}

/// Checks that Prisma's `migration_lock.toml` names PostgreSQL.
pub(super) fn check_provider(file: &SourceFile, problems: &mut Problems) {
    let key = "provider";
    let expected = "`provider = \"postgresql\"`";
    let provider = read(file, &[key], None, problems, |_, value| {
        match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            Some("postgresql" | "postgres") => Ok(Some(())),
            Some(provider) => Err(ProblemKind::OtherProvider { provider: provider.to_owned() }),
            None => Err(ProblemKind::BadValue {
                option: key,
                value: value.to_owned(),
                expected: "`\"postgresql\"`",
            }),
        }
    });
    let said_nothing = provider.is_none() && !problems.iter().any(|problem| problem.path == file.path);
    if said_nothing {
        let kind = ProblemKind::MissingSetting { key, expected };
        problems.push(Problem::of_file(file.path.clone(), kind));
    }
}

fn read<T>(
    file: &SourceFile,
    keys: &[&'static str],
    expected: Option<&'static str>,
    problems: &mut Problems,
    parse: impl Fn(&'static str, &str) -> Result<Option<T>, ProblemKind>,
) -> Option<T> {
    let text = super::script::utf_8(file, problems)?;
    let mut found = None;
    let mut set = Vec::new();
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let line = without_comment(whole.trim_start_matches('\u{feff}')).trim();
        let mut problem = |kind| {
            let indent =
                whole.len() - whole.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            let at = line_column(text, start + indent);
            problems.push(Problem { path: file.path.clone(), line: at.line, column: at.column, kind });
        };
        let (name, value) =
            line.split_once('=').map_or(("", ""), |(name, value)| (name.trim(), value.trim()));
        match keys.iter().find(|key| **key == name) {
            _ if line.is_empty() => {}
            Some(key) if set.contains(key) => problem(ProblemKind::DuplicateSetting { key }),
            Some(key) => {
                set.push(*key);
                match parse(key, value) {
                    Ok(value) => found = found.or(value),
                    Err(kind) => problem(kind),
                }
            }
            None if line.starts_with('[') && expected.is_none() => break,
            None => {
                let unknown = |expected| ProblemKind::UnknownSetting { line: line.to_owned(), expected };
                expected.map(unknown).into_iter().for_each(&mut problem);
            }
        }
        start += whole.len();
    }
    found
}

/// The line up to a `#` outside of strings.
fn without_comment(line: &str) -> &str {
    let mut in_string = false;
    for (offset, c) in line.char_indices() {
        match c {
            '"' => in_string = !in_string,
            '#' if !in_string => return &line[..offset],
            _ => {}
        }
    }
    line
}
