//! The two settings files: diesel's `metadata.toml` and Prisma's `migration_lock.toml`.
//!
//! Each holds comments, blank lines and one key, so they are read by line; whatever else they hold is a problem.

use crate::options::TransactionMode;
use crate::problem::{Problem, ProblemKind, Problems};
use crate::source::SourceFile;
use crate::sql::line_column;

/// What diesel's `metadata.toml` says of a migration's scripts.
pub(super) fn run_in_transaction(file: &SourceFile, problems: &mut Problems) -> Option<TransactionMode> {
    let key = "run_in_transaction";
    let expected = "`run_in_transaction = true` or `false`";
    read(file, key, expected, problems, |value| match value {
        "true" => Ok(TransactionMode::Block),
        "false" => Ok(TransactionMode::None),
        value => {
            Err(ProblemKind::BadValue { option: key, value: value.to_owned(), expected: "`true` or `false`" })
        }
    })
}

/// Whether Prisma's `migration_lock.toml` names PostgreSQL.
pub(super) fn check_provider(file: &SourceFile, problems: &mut Problems) {
    let key = "provider";
    let provider = read(file, key, "`provider = \"postgresql\"`", problems, |value| {
        match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            Some("postgresql" | "postgres") => Ok(()),
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
        let kind = ProblemKind::MissingSetting { key, expected: "`provider = \"postgresql\"`" };
        problems.push(Problem::of_file(file.path.clone(), kind));
    }
}

fn read<T>(
    file: &SourceFile,
    key: &'static str,
    expected: &'static str,
    problems: &mut Problems,
    parse: impl Fn(&str) -> Result<T, ProblemKind>,
) -> Option<T> {
    let text = super::script::utf_8(file, problems)?;
    let mut found = None;
    let mut is_set = false;
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let line = without_comment(whole.trim_start_matches('\u{feff}')).trim();
        let mut problem = |kind| {
            let indent =
                whole.len() - whole.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
            let at = line_column(text, start + indent);
            problems.push(Problem { path: file.path.clone(), line: at.line, column: at.column, kind });
        };
        match line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            _ if line.is_empty() => {}
            Some((name, _)) if name == key && is_set => problem(ProblemKind::DuplicateSetting { key }),
            Some((name, value)) if name == key => {
                is_set = true;
                match parse(value) {
                    Ok(value) => found = Some(value),
                    Err(kind) => problem(kind),
                }
            }
            _ => problem(ProblemKind::UnknownSetting { line: line.to_owned(), expected }),
        }
        start += whole.len();
    }
    found
}

/// The line up to a `#` that stands outside of a string.
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
