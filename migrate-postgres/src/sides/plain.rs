//! Plain SQL: files that make a schema in an empty database.

use crate::connection::protect;
use crate::connection::target::Target as _;
use crate::error::{Error, ScratchError};
use crate::migrator::Migrator;
use crate::schema::scratch::{PhaseCallback, Replay, ReplaySource, Replayed, Scratch};
use migrate_core::engine::error::Failure;
use migrate_core::sql::{self, FaultKind};
use migrate_core::{Options, Script, Set, SqlMigration, Version};
use std::fs;
use std::path::{Path, PathBuf};
use tokio_postgres::error::SqlState;

/// The schema of the history while plain SQL runs: no file makes a schema of this name.
const HISTORY_SCHEMA: &str = "migrate_side";

/// A file of plain SQL, split into statements.
#[derive(Clone, Debug)]
pub(super) struct PlainFile {
    pub(super) script: Script,
}

impl PlainFile {
    pub(super) fn read(path: String, text: String) -> Result<PlainFile, ScratchError> {
        let text = without_restrictions(text);
        let split = sql::split(&text);
        if let Some(fault) = split.faults.first() {
            let place = sql::line_column(&text, fault.offset);
            let is_psql = matches!(fault.kind, FaultKind::PsqlMetaCommand { .. } | FaultKind::CopyFromStdin);
            let problem = fault.kind.to_string();
            return Err(ScratchError::PlainText {
                path,
                line: place.line,
                column: place.column,
                problem,
                is_psql,
            });
        }
        // Comments in it are for people, or hints for a difference, and no options.
        Ok(PlainFile { script: Script::new(path, text, split.statements, Options::default()) })
    }
}

/// Blanks the lines `\restrict` and `\unrestrict`, which pg_dump writes around its statements for psql alone.
fn without_restrictions(text: String) -> String {
    let is_one = |line: &str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    if !text.lines().any(is_one) {
        return text;
    }
    text.split_inclusive('\n').map(|line| if is_one(line) { "\n" } else { line }).collect()
}

/// The files `*.sql` below a folder, in the order of their paths.
pub(super) fn files(folder: &Path) -> Result<Vec<PlainFile>, ScratchError> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    if paths.is_empty() {
        return Err(ScratchError::NoFiles { path: folder.to_owned() });
    }
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).map_err(|source| file_error(path, source))?;
        PlainFile::read(path.to_string_lossy().into_owned(), text)
    };
    paths.iter().map(read).collect()
}

fn file_error(path: &Path, source: std::io::Error) -> ScratchError {
    ScratchError::File { path: path.to_owned(), source }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), ScratchError> {
    let entries = fs::read_dir(folder).map_err(|source| file_error(folder, source))?;
    for entry in entries {
        let path = entry.map_err(|source| file_error(folder, source))?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
    Ok(())
}

/// Runs the files on a scratch database, and removes the history of the runs. A file that needs objects
/// of a later one is run again after it.
pub(super) async fn run(
    files: &[PlainFile],
    migrator: &Migrator,
    scratch: &Scratch,
    told: &PhaseCallback,
) -> Result<(), Error> {
    let mut waiting: Vec<(usize, &PlainFile)> = files.iter().enumerate().collect();
    while !waiting.is_empty() {
        let (mut later, mut first) = (Vec::new(), None);
        for &(index, file) in &waiting {
            match run_file(index, file, migrator, scratch, told).await {
                Ok(()) => {}
                Err(Error::Failed(failure)) if is_missing(&failure) => {
                    later.push((index, file));
                    first.get_or_insert(failure);
                }
                Err(Error::Failed(failure)) => return Err(plain(*failure).into()),
                Err(error) => return Err(error),
            }
        }
        if later.len() == waiting.len()
            && let Some(failure) = first
        {
            return Err(plain(*failure).into());
        }
        waiting = later;
    }
    let session = scratch.config().open().await?;
    let dropped = protect::ask(&session, &format!("DROP SCHEMA IF EXISTS {HISTORY_SCHEMA} CASCADE")).await;
    session.close().await;
    dropped.map(drop).map_err(|source| Error::server("removing the history of the scratch database", source))
}

/// Runs a file as the only migration of a set of its own.
async fn run_file(
    index: usize,
    file: &PlainFile,
    migrator: &Migrator,
    scratch: &Scratch,
    told: &PhaseCallback,
) -> Result<(), Error> {
    let version = || Version::numeric((index + 1).to_string());
    let migration = SqlMigration::new(version(), file.script.path().to_owned(), file.script.clone());
    let source = ReplaySource::Kept(Box::new(migration));
    let set = Set::new(format!("file {}", index + 1), Vec::new()).expect("no version twice");
    let mut migrator = migrator.over(set);
    migrator.settings.history_schema = Some(HISTORY_SCHEMA.into());
    let session = scratch.config().open().await?;
    let name = migrator.set().name().to_owned();
    let replay = Replay::on(&session, &name, vec![(version(), source)], Replayed::Applied).await;
    session.close().await;
    replay?.run(&migrator, scratch, told).await
}

/// True if a file failed because something does not exist that another file may make.
fn is_missing(failure: &Failure) -> bool {
    const MISSING: [SqlState; 6] = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_OBJECT,
        SqlState::UNDEFINED_FUNCTION,
        SqlState::UNDEFINED_COLUMN,
        SqlState::INVALID_SCHEMA_NAME,
        SqlState::INVALID_FOREIGN_KEY,
    ];
    failure.code.as_deref().is_some_and(|code| MISSING.iter().any(|missing| missing.code() == code))
}

/// The failure of a file, in words for plain SQL.
fn plain(failure: Failure) -> ScratchError {
    let Failure { name: path, place, code: sqlstate, message, detail, hint, .. } = failure;
    let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
    ScratchError::PlainSql { path, line, column, sqlstate, message, detail, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pg_dump_writes_for_psql_alone_is_blanked_and_keeps_its_line() {
        let text = "\\restrict abc\nCREATE TABLE a (id int);\n\\unrestrict abc\n";
        let file = PlainFile::read("a.sql".to_owned(), text.to_owned()).unwrap();
        assert_eq!(file.script.text(), "\nCREATE TABLE a (id int);\n\n");
        let error = PlainFile::read("a.sql".to_owned(), "SELECT 1;\n\\connect b\n".to_owned()).unwrap_err();
        assert!(
            matches!(error, ScratchError::PlainText { line: 2, column: 1, is_psql: true, .. }),
            "{error}"
        );
    }
}
