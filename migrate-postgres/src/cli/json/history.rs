//! The history as data.

use super::{seconds, time};
use crate::migrator::accepted::AcceptedRule;
use crate::{Attempt, AttemptOutcome, MigrationStatus, RunningAttempt, StatusRow};
use migrate_core::advice::Cause;
use migrate_core::backfill::BackfillRecord;
use serde_json::{Value, json};

/// The status of a migration.
pub(in crate::cli) fn status_row(row: &StatusRow, accepted: &[AcceptedRule]) -> Value {
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
pub(in crate::cli) fn running(running: &RunningAttempt) -> Value {
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
pub(in crate::cli) fn attempt(attempt: &Attempt, accepted: &[AcceptedRule]) -> Value {
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
