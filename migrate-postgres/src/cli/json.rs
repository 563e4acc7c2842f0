//! The JSON output. `docs/cli.md` documents its schema, and the snapshots of `tests/cli` pin it.

use super::answer::Answer;
use super::context::Context;
use super::exit::Exit;
use super::next::{self, Next};
use super::problem::Problem;
use super::standalone::{Incomplete, Part};
use crate::error::Error;
use crate::migrator::accepted::AcceptedRule;
use crate::schema::catalog::Difference;
use crate::{Attempt, AttemptOutcome, MigrationStatus, Report, RunningAttempt, StatusRow, StepReport};
use migrate_core::FolderError;
use migrate_core::advice::{self, Cause, Choice, Explain, Left, NextStep, StepValue, Words};
use migrate_core::backfill::BackfillRecord;
use migrate_core::display::printable::is_obeyed;
use migrate_core::engine::error::{Failure, Place};
use migrate_core::engine::{CommittedPart, Holder};
use migrate_core::history::Notice;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// The format's version. It increases when a field changes its meaning or is removed; new fields do not
/// increase it.
const FORMAT: u32 = 1;

/// The document of a command.
pub(super) fn document(
    command: &str,
    exit: Exit,
    answer: &Result<Answer, Problem>,
    context: &Context,
) -> Value {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("format", json!(FORMAT));
    put("command", json!(command));
    put("outcome", json!(exit.word()));
    put("exit_code", json!(exit.code()));
    if let Some(dump) = context.ui.backup() {
        let restore = context.restore_command(dump);
        let file = dump.file.display().to_string();
        put("backup", json!({ "file": file, "bytes": dump.bytes, "restore": restore }));
    }
    match answer {
        Ok(answer) => {
            if let Value::Object(data) = &answer.data {
                data.iter().for_each(|(key, value)| _ = put(key, value.clone()));
            }
            put("next", next_steps(&answer.next));
            let notes = file_notes(command, context);
            if !notes.is_empty() {
                put("notes", json!(notes));
            }
        }
        Err(problem) => {
            put("error", error(problem));
            put("next", next_steps(&next::after(problem, context)));
        }
    }
    Value::Object(document)
}

/// Notes about the set's files, for the commands that show the set.
pub(super) fn file_notes<'c>(command: &str, context: &'c Context) -> Vec<&'c str> {
    let shows = matches!(command, "status" | "plan" | "up");
    context.migrator.set().notices().filter(|_| shows).collect()
}

/// A document as text without characters that a terminal would obey: JSON itself requires escapes for only
/// some of them.
pub(super) fn text(document: &Value) -> String {
    let mut text = String::new();
    for character in format!("{document:#}\n").chars() {
        match character {
            // They occur only inside strings, and each fits in one 16-bit escape.
            _ if is_obeyed(character) => _ = write!(text, "\\u{:04x}", u32::from(character)),
            _ => text.push(character),
        }
    }
    text
}

fn next_steps(next: &Next) -> Value {
    let commands = next.commands.iter().map(|(command, what)| json!({ "command": command, "does": what }));
    json!({
        "advice": next.advice,
        "library": next.library,
        "steps": next.steps.choices.iter().map(choice).collect::<Vec<_>>(),
        "then": next.steps.then.as_deref().map(step),
        "otherwise": next.steps.otherwise.as_deref().map(step),
        "commands": commands.collect::<Vec<_>>(),
    })
}

/// An option to choose from, as data.
fn choice(choice: &Choice) -> Value {
    let mut value = step(&choice.step);
    let only = choice.only.map(Words::word);
    let of = [("about", choice.about.as_deref()), ("if", choice.when.as_deref()), ("only", only)];
    for (name, text) in of.iter().filter_map(|(name, text)| Some((*name, (*text)?))) {
        value[name] = json!(text);
    }
    value
}

/// A step of advice, as data.
fn step(step: &NextStep) -> Value {
    let mut value = json!({ "step": step.word() });
    for (name, content) in step.values() {
        value[name] = match content {
            StepValue::Text(text) => json!(text),
            StepValue::Number(number) => json!(number),
            StepValue::Flag(flag) => json!(flag),
            StepValue::Settings(settings) => settings
                .into_iter()
                .map(|(setting, value)| (setting.word().to_owned(), json!(value)))
                .collect(),
        };
    }
    value
}

fn incomplete(migration: &Incomplete) -> Value {
    let lacks: Vec<String> = migration.lacks.iter().map(Part::to_string).collect();
    json!({ "name": migration.name, "lacks": lacks })
}

/// An error.
pub(super) fn error(problem: &Problem) -> Value {
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

/// The migration that a run stopped at, of which statements are committed.
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
pub(super) fn problem(problem: &migrate_core::Problem) -> Value {
    json!({
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "message": problem.kind.to_string(),
        "help": problem.help(),
    })
}

pub(super) fn failure(failure: &Failure) -> Value {
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

/// The report of a run.
pub(super) fn report(report: &Report) -> Value {
    json!({
        "set": report.set,
        "steps": report.steps.iter().map(step_report).collect::<Vec<_>>(),
        "notices": notices(&report.notices),
        "applied": report.applied,
        "last": report.last,
        "waited_seconds": seconds(report.waited),
        "took_seconds": seconds(report.took),
    })
}

fn step_report(step: &StepReport) -> Value {
    json!({
        "action": step.action.word(),
        "version": step.version.as_written(),
        "name": step.name,
        "statements": step.statements,
        "took_seconds": seconds(step.took),
        "attempts": step.attempts,
        "notices": step.notices,
        "warnings": step.warnings,
    })
}

/// The differences between two schemas.
pub(super) fn differences(differences: &[Difference]) -> Value {
    let difference = |difference: &Difference| {
        json!({
            "change": difference.change.to_string(),
            "kind": difference.object.kind().to_string(),
            "identity": difference.object.identity(),
            "diff": difference.diff,
        })
    };
    differences.iter().map(difference).collect()
}

/// Notices, which do not stop a run.
pub(super) fn notices(notices: &[Notice]) -> Value {
    notices.iter().map(ToString::to_string).collect()
}

/// The status of a migration.
pub(super) fn status_row(row: &StatusRow, accepted: &[AcceptedRule]) -> Value {
    let accepted = self::accepted(accepted, &row.name);
    let mut value = json!({ "version": row.version.as_written(), "name": row.name, "accepted": accepted });
    let mut put = |key: &str, content: Value| value[key] = content;
    match &row.state {
        MigrationStatus::Applied { at, took, by, edited, unknown } => {
            put("state", json!("applied"));
            put("at", time(*at));
            put("took_seconds", seconds(*took));
            put("by", json!(by));
            put("edited", json!(edited));
            put("unknown", json!(unknown));
        }
        MigrationStatus::Backfilling { at, by, backfill } => {
            put("state", json!("backfilling"));
            put("at", time(*at));
            put("by", json!(by));
            put("backfill", self::backfill(backfill));
        }
        MigrationStatus::Waiting { backfill } => {
            put("state", json!("waiting"));
            put("backfill", self::backfill(backfill));
        }
        MigrationStatus::Outdated { at } => {
            put("state", json!("outdated"));
            put("at", time(*at));
        }
        MigrationStatus::Running(run) => {
            put("state", json!("running"));
            put("running", running(run));
        }
        MigrationStatus::Interrupted { statements_done, last, reverting } => {
            put("state", json!("interrupted"));
            put("action", json!(if *reverting { "revert" } else { "apply" }));
            put("statements_done", json!(statements_done));
            put("last_attempt", last.as_ref().map_or(Value::Null, outcome));
        }
        MigrationStatus::Pending { last } => {
            put("state", json!("pending"));
            put("last_attempt", last.as_ref().map_or(Value::Null, outcome));
        }
    }
    value
}

/// A backfill that is not finished.
fn backfill(backfill: &BackfillRecord) -> Value {
    json!({
        "name": backfill.name,
        "relation": backfill.relation,
        "state": backfill.state.word(),
        "percent": backfill.percent(),
        "rows_done": backfill.rows_done,
        "rows_total": backfill.rows_total,
        "quarantined": backfill.quarantined,
        "eta_seconds": backfill.eta().map(seconds),
        "worker": backfill.worker,
        "reason": backfill.reason,
        "error": backfill.error,
    })
}

/// The lint rules that a migration accepts.
fn accepted(accepted: &[AcceptedRule], name: &str) -> Value {
    let own = accepted.iter().filter(|of| of.migration == name);
    own.map(|of| json!({ "rule": of.rule, "statement": of.statement, "reason": of.reason })).collect()
}

/// The migration that a run is executing.
pub(super) fn running(running: &RunningAttempt) -> Value {
    json!({
        "version": running.version.as_written(),
        "name": running.name,
        "action": if running.reverting { "revert" } else { "apply" },
        "pid": running.holder.pid,
        "application": running.holder.application,
        "statement": running.statement,
        "statements": running.statements,
        "age_seconds": running.holder.age.map(seconds),
    })
}

/// One row of the history.
pub(super) fn attempt(attempt: &Attempt, accepted: &[AcceptedRule]) -> Value {
    json!({
        "number": attempt.number,
        "version": attempt.version.as_written(),
        "name": attempt.name,
        "action": attempt.action.word(),
        "outcome": outcome(&attempt.outcome),
        "live": attempt.live,
        "started_at": time(attempt.started_at),
        "took_seconds": attempt.took.map(seconds),
        "run": attempt.run,
        "program": attempt.program,
        "by": attempt.by,
        "application": attempt.application,
        "address": attempt.address,
        "reason": attempt.reason,
        "accepted": self::accepted(accepted, &attempt.name),
        "continues": attempt.continues,
        "statements_done": attempt.statements_done,
        "notices": attempt.notices,
        "warnings": attempt.warnings,
    })
}

fn outcome(outcome: &AttemptOutcome) -> Value {
    match outcome {
        AttemptOutcome::Done => json!({ "state": "done" }),
        AttemptOutcome::Failed {
            sqlstate,
            cause,
            message,
            detail,
            hint,
            statement,
            line,
            statements_done,
        } => {
            json!({
                "state": "failed",
                "sqlstate": sqlstate,
                "cause": cause.map(Cause::word),
                "message": message,
                "detail": detail,
                "hint": hint,
                "statement": statement,
                "line": line,
                "statements_done": statements_done,
            })
        }
        AttemptOutcome::Unfinished { statements_done, statements } => json!({
            "state": "unfinished",
            "statements_done": statements_done,
            "statements": statements,
        }),
        AttemptOutcome::Interrupted { message, statements_done, statements } => json!({
            "state": "interrupted",
            "message": message,
            "statements_done": statements_done,
            "statements": statements,
        }),
    }
}

pub(super) fn seconds(duration: Duration) -> Value {
    json!(duration.as_secs_f64())
}

pub(super) fn time(time: SystemTime) -> Value {
    json!(humantime::format_rfc3339_millis(time).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::advice::{Advice, Again, Call, Setting};

    const CALLS: [fn() -> Call; 9] = [
        || Call::Run,
        || Call::Down,
        || Call::Status,
        || Call::History,
        || Call::Verify,
        || Call::Baseline,
        || Call::Adopt,
        || Call::DriftKept,
        || Call::WatchFolder,
    ];

    const AGAINS: [Again; 14] = [
        Again::ThisMigration,
        Again::ThisStatement,
        Again::VerifyScript,
        Again::FindsOut,
        Again::WhereItStopped,
        Again::AfterCommitted,
        Again::Run,
        Again::Revert,
        Again::RevertStatement,
        Again::RevertFindsOut,
        Again::RevertRest,
        Again::Request,
        Again::Verify,
        Again::Rehearsal,
    ];

    /// Parses the step in a document, as a program would.
    fn read(value: &Value) -> NextStep {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| value[name].as_u64().map(|number| usize::try_from(number).unwrap());
        match &*text("step") {
            "fix" => NextStep::fix(text("what")),
            "wait" => NextStep::wait(text("what")),
            "run_sql" if value["what"].is_null() => NextStep::sql(text("sql")),
            "run_sql" => NextStep::sql_to(text("what"), text("sql")),
            "again" => {
                let again = AGAINS.into_iter().find(|again| again.word() == text("continues_with"));
                NextStep::Again(again.unwrap())
            }
            "set" => {
                let settings = value["settings"].as_object().unwrap().iter().map(|(word, value)| {
                    let setting = Setting::ALL.into_iter().find(|setting| setting.word() == word);
                    (setting.unwrap(), value.as_str().map(str::to_owned))
                });
                NextStep::settings(settings.collect(), text("what"))
            }
            "call" => {
                let is_it = |call: &Call| call.word() == text("call");
                let call = match &*text("call") {
                    "accept" => Call::accept(text("name"), value["forced"].as_bool().unwrap()),
                    "resolve_applied" => Call::applied(text("migration")),
                    _ => CALLS.iter().map(|call| call()).find(is_it).unwrap(),
                };
                NextStep::call(call, text("what"))
            }
            "rename" => {
                NextStep::rename(text("name"), value["version"].as_str().map(str::to_owned), text("what"))
            }
            "settle" => {
                let (done, statements) = (number("done").unwrap(), number("statements"));
                let is_in_doubt = value["in_doubt"] == true;
                let settle = if is_in_doubt { NextStep::settle_in_doubt } else { NextStep::settle };
                let settle: NextStep = settle(text("version"), text("name"), done, statements);
                settle.while_reverting(value["reverting"] == true)
            }
            step => panic!("{step}"),
        }
    }

    fn steps() -> Vec<NextStep> {
        let mut steps = vec![
            NextStep::fix("correct the script"),
            NextStep::wait("wait"),
            NextStep::sql("GRANT a TO b"),
            NextStep::sql_to("trust the rows as they are", "UPDATE t"),
            NextStep::settings(
                vec![(Setting::HistorySchema, Some("ops".to_owned())), (Setting::HistoryTable, None)],
                "continue",
            ),
            NextStep::call(Call::accept("0001_a", true), "accept it"),
            NextStep::call(Call::applied("0001_a"), "record it"),
            NextStep::rename("0002_b", None, "give it another version"),
            NextStep::rename("0002_b", Some("0003".to_owned()), "rename it back"),
            NextStep::settle("0002", "0002_b", 1, None),
            NextStep::settle_in_doubt("0002", "0002_b", 1, Some(3)),
            NextStep::settle_in_doubt("0002", "0002_b", 1, Some(3)).while_reverting(true),
        ];
        steps.extend(AGAINS.map(NextStep::Again));
        steps.extend(Setting::ALL.map(|setting| NextStep::set(setting, "change it")));
        steps.extend(CALLS.map(|call| NextStep::call(call(), "call it")));
        steps
    }

    #[test]
    fn each_step_of_advice_comes_back_from_its_document() {
        for step in steps() {
            let document = super::step(&step).to_string();
            assert_eq!(read(&serde_json::from_str(&document).unwrap()), step, "{document}");
        }
    }

    #[test]
    fn a_choice_tells_its_condition_and_its_reader() {
        let advice = Advice::fix("a")
            .or_if("b is so", NextStep::fix("c"))
            .or_for(Words::Library, NextStep::fix("d"))
            .then(NextStep::Again(Again::Run));
        let next = Next { steps: advice, ..Next::default() };
        assert_eq!(
            next_steps(&next)["steps"],
            json!([
                { "step": "fix", "what": "a" },
                { "step": "fix", "what": "c", "if": "b is so" },
                { "step": "fix", "what": "d", "only": "library" },
            ])
        );
        assert_eq!(next_steps(&next)["then"], json!({ "step": "again", "continues_with": "run" }));
        assert_eq!(next_steps(&next)["otherwise"], Value::Null);
    }
}
