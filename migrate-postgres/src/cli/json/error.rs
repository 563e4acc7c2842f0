//! Errors as data.

use super::report::{differences, report};
use super::seconds;
use crate::cli::problem::Problem;
use crate::cli::standalone::{Incomplete, Part};
use crate::error::Error;
use migrate_core::FolderError;
use migrate_core::advice::{self, Cause, Explain, Left};
use migrate_core::engine::error::{Failure, Place};
use migrate_core::engine::{CommittedPart, Holder};
use serde_json::{Value, json};

/// An error.
pub(in crate::cli) fn error(problem: &Problem) -> Value {
    let message = advice::message(problem).to_string();
    let mut value = json!({ "kind": problem.kind(), "message": message, "left": left(problem.left()) });
    match problem {
        Problem::Migrate(error) => put_error(&mut value, error),
        Problem::Rebuilding { database, error, .. } => {
            value["emptied"] = json!(database);
            put_error(&mut value, error);
        }
        Problem::Seeding { database, error, .. } => {
            value["emptied"] = json!(database);
            put_error(&mut value, error);
        }
        Problem::Refuted(failure) => value["failure"] = self::failure(failure),
        Problem::Folder(FolderError::Problems { problems, .. }) => {
            value["problems"] = problems.iter().map(self::problem).collect();
        }
        Problem::Incomplete(migrations) => {
            value["migrations"] = migrations.iter().map(incomplete).collect();
        }
        _ => {}
    }
    value
}

/// Adds the data of an error of the library.
fn put_error(value: &mut Value, error: &Error) {
    match error {
        Error::Failed(failure) => value["failure"] = self::failure(failure),
        Error::Stopped(stopped) => {
            value["report"] = report(&stopped.committed.report);
            value["part"] = stopped.committed.part.as_ref().map_or(Value::Null, part);
        }
        Error::LockWait { waited, holder: by } => {
            value["waited_seconds"] = seconds(*waited);
            value["holder"] = holder(by);
        }
        Error::BrokenAssertions(broken) => {
            value["report"] = report(&broken.report);
            let broken = broken.assertions.broken().map(ToString::to_string);
            value["assertions"] = json!(broken.collect::<Vec<_>>());
        }
        Error::Seed(seed) => {
            value["seed"] = json!(seed.name());
            value["failure"] = failure(&seed.failure);
            value["earlier"] = json!(seed.earlier);
        }
        Error::Differs { differences, .. } => value["differences"] = self::differences(differences),
        _ => {}
    }
}

/// The migration that a run stopped at after committing some of its statements.
fn part(part: &CommittedPart) -> Value {
    json!({
        "version": part.version.as_written(),
        "name": part.name,
        "action": part.action.word(),
        "done": part.done,
        "total": part.total,
    })
}

/// A problem in a file.
fn problem(problem: &migrate_core::Problem) -> Value {
    json!({
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.kind.to_string(),
        "help": problem.help(),
    })
}

pub(in crate::cli) fn failure(failure: &Failure) -> Value {
    json!({
        "version": failure.version.as_written(),
        "name": failure.name,
        "action": failure.action.word(),
        "place": failure.place.as_ref().map(place),
        "sqlstate": failure.code,
        "cause": failure.cause.map(Cause::word),
        "message": failure.message,
        "detail": failure.detail,
        "hint": failure.hint,
        "context": failure.context,
        "schema": failure.names.schema,
        "table": failure.names.table,
        "column": failure.names.column,
        "type": failure.names.data_type,
        "constraint": failure.names.constraint,
        "blockers": failure.blockers.iter().map(holder).collect::<Vec<_>>(),
        "attempts": failure.attempts,
        "left": left(failure.left),
        "report": report(&failure.report),
    })
}

fn place(place: &Place) -> Value {
    json!({
        "path": place.path,
        "line": place.line,
        "column": place.column,
        "statement": place.statement,
        "statements": place.statements,
        "excerpt": place.excerpt,
    })
}

fn left(left: Left) -> Value {
    let (done, total) = left.counts();
    let mut value = json!({ "state": left.word() });
    for (name, count) in [("done", done), ("total", total)] {
        if let Some(count) = count {
            value[name] = json!(count);
        }
    }
    value
}

fn holder(holder: &Holder) -> Value {
    json!({
        "pid": holder.pid,
        "application": holder.application,
        "age_seconds": holder.age.map(seconds),
        "query": holder.query,
        "prepared": holder.prepared,
        "owner": holder.owner,
    })
}

fn incomplete(migration: &Incomplete) -> Value {
    let lacks: Vec<String> = migration.lacks.iter().map(Part::to_string).collect();
    json!({ "name": migration.name, "lacks": lacks })
}
