//! `status`.

use super::run::noticed;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::next::{self, Next, statements_of};
use crate::cli::options::unused;
use crate::cli::page::{Page, Piece, Table, Tone};
use crate::cli::problem::Problem;
use crate::{AttemptOutcome, Error, MigrationStatus, Status, StatusRow};
use migrate_core::advice::{Advice, Again, Call, NextStep, message};
use migrate_core::backfill::BackfillState;
use migrate_core::sql;
use serde_json::json;

/// Show the state of each migration
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&["allow_out_of_order", "allow_missing", "history", "ignore_foreign_history"]),
    after_help = "Exit code 3 means that migrations are pending, 7 that the next one failed when it was last tried, 8 that one stopped between two statements.\n\nExample:\n  migrate status --json | jq '.migrations[] | select(.state != \"applied\").name'"
)]
pub(crate) struct Args {}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let snapshot = context.migrator.snapshot(&target).await?;
        let status = snapshot.status(context.migrator.set());
        let accepted = context.migrator.accepted(&snapshot);
        // A run may be refused, for example after an edit. `status` must not report success then.
        let refusal = match context.migrator.forward_steps(&snapshot.state) {
            Err(Error::Refused(refused)) => Some(Problem::from(Error::Refused(refused))),
            _ => None,
        };
        let stopped = status.rows.iter().find(|row| row.state.is_stopped());
        let text = stopped.and_then(|row| snapshot.last_text(&row.version));
        let page = Page::default().table(table(&status)).line(summary(&status));
        let page = status.notices.iter().fold(page, noticed);
        let page = stopped.into_iter().fold(page, |page, row| page.lines(story(row, text, context)));
        let data = json!({
            "set": status.set,
            "migrations": status.rows.iter().map(|row| json::status_row(row, &accepted)).collect::<Vec<_>>(),
            "pending": status.pending().count(),
            "running": status.running().map(json::running),
            "notices": json::notices(&status.notices),
        });
        let page = status
            .running()
            .into_iter()
            .fold(page, |page, running| page.line(format!("{} {running}", running.name)));
        let answer =
            Answer { exit: exit(&status), page, data, next: next(&status, stopped, context), raw: None };
        // `up` would be refused, and the way on is the revert, which is told already.
        let is_half_reverted = stopped
            .is_some_and(|row| matches!(row.state, MigrationStatus::Interrupted { reverting: true, .. }));
        Ok(match refusal {
            Some(problem) if is_half_reverted => {
                Answer { next: answer.next.clone(), ..refused(answer, &problem, context) }
            }
            Some(problem) => refused(answer, &problem, context),
            None => answer,
        })
    }
}

/// The answer for a database on which a run would be refused.
fn refused(answer: Answer, problem: &Problem, context: &Context) -> Answer {
    let what = message(problem).to_string();
    let mut data = answer.data;
    data["refusal"] = json::error(problem);
    Answer {
        exit: answer.exit.max(Exit::Refused),
        page: answer.page.toned("a run would be refused:", Tone::Bad).lines(what.lines()),
        data,
        next: next::after(problem, context),
        raw: None,
    }
}

fn exit(status: &Status) -> Exit {
    let of = |row: &StatusRow| match &row.state {
        MigrationStatus::Interrupted { last: Some(AttemptOutcome::Failed { .. }), .. }
        | MigrationStatus::Pending { last: Some(AttemptOutcome::Failed { .. }) } => Exit::Failed,
        // A settled migration resumes by itself.
        MigrationStatus::Interrupted { last: Some(AttemptOutcome::Done), .. }
        | MigrationStatus::Running(_)
        | MigrationStatus::Pending { .. }
        | MigrationStatus::Waiting { .. }
        | MigrationStatus::Outdated { .. } => Exit::Pending,
        MigrationStatus::Interrupted { .. } => Exit::InDoubt,
        MigrationStatus::Applied { .. } | MigrationStatus::Backfilling { .. } => Exit::Done,
    };
    status.rows.iter().map(of).max().unwrap_or(Exit::Done)
}

fn table(status: &Status) -> Table {
    let mut table = Table::new(["migration", "state", "at", "took", "by"]);
    for row in &status.rows {
        let name = Piece::plain(&row.name);
        let state = Piece::new(short(&row.state), tone(&row.state));
        let faint = |text: String| Piece::new(text, Tone::Faint);
        let [at, took, by] = match &row.state {
            MigrationStatus::Applied { at, took, by, .. } => {
                [Piece::time(*at), faint(format!("{took:.1?}")), faint(by.clone())]
            }
            MigrationStatus::Backfilling { at, by, .. } => {
                [Piece::time(*at), Piece::plain(""), faint(by.clone())]
            }
            _ => [Piece::plain(""), Piece::plain(""), Piece::plain("")],
        };
        table.push([name, state, at, took, by]);
    }
    table
}

/// The state in a few words; details of a failure follow below the table.
fn short(state: &MigrationStatus) -> String {
    match state {
        MigrationStatus::Pending { last: Some(AttemptOutcome::Failed { .. }) } => {
            "pending, failed".to_owned()
        }
        MigrationStatus::Pending {
            last: Some(AttemptOutcome::Unfinished { .. } | AttemptOutcome::Interrupted { .. }),
        } => "pending, interrupted".to_owned(),
        MigrationStatus::Running(running) if running.reverting => "being reverted".to_owned(),
        MigrationStatus::Running(_) => "being applied".to_owned(),
        MigrationStatus::Interrupted { statements_done, reverting, .. } => {
            let (revert, s) =
                (if *reverting { "revert " } else { "" }, if *statements_done == 1 { "" } else { "s" });
            format!("{revert}stopped after {statements_done} statement{s}")
        }
        state => state.to_string(),
    }
}

fn tone(state: &MigrationStatus) -> Tone {
    match state {
        MigrationStatus::Applied { edited: true, .. } | MigrationStatus::Applied { unknown: true, .. } => {
            Tone::Warning
        }
        MigrationStatus::Applied { .. } => Tone::Good,
        MigrationStatus::Backfilling { backfill, .. } => match backfill.state {
            BackfillState::Stopped => Tone::Bad,
            _ if backfill.quarantined > 0 => Tone::Bad,
            BackfillState::Running => Tone::Good,
            _ => Tone::Warning,
        },
        state if state.is_stopped() => Tone::Bad,
        _ => Tone::Faint,
    }
}

fn summary(status: &Status) -> String {
    let (pending, applied) = (status.pending().count(), status.applied().count());
    match (applied, pending) {
        (0, 0) => "no migrations".to_owned(),
        (applied, 0) => format!("{applied} applied, nothing pending"),
        (applied, pending) => format!("{applied} applied, {pending} pending"),
    }
}

/// Details of a migration that stopped: the statement, the reason, and what is committed.
fn story(row: &StatusRow, text: Option<&str>, context: &Context) -> Vec<String> {
    let mut lines = Vec::new();
    match &row.state {
        MigrationStatus::Pending { last: Some(outcome) } => {
            lines.push(format!("{} {}", row.name, what(outcome)));
            lines.extend(text.and_then(|text| statement(text, outcome)));
            lines.extend(more(outcome));
            lines.push(format!("database: {} left nothing behind", row.name));
        }
        MigrationStatus::Interrupted { statements_done, last: Some(outcome), reverting }
            if is_by_hand(outcome) =>
        {
            let what = if *reverting { "the revert of " } else { "" };
            let next = statements_done + 1;
            lines.push(format!("{what}{} was set by hand to resume at statement {next}", row.name));
        }
        MigrationStatus::Interrupted { statements_done, last, reverting } => {
            let is_failed = matches!(last, Some(AttemptOutcome::Failed { .. }));
            let revert = if *reverting { "the revert of " } else { "" };
            lines.extend(last.as_ref().map(|outcome| format!("{revert}{} {}", row.name, what(outcome))));
            lines.extend(last.as_ref().zip(text).and_then(|(outcome, text)| statement(text, outcome)));
            lines.extend(last.iter().flat_map(more));
            let statements = statements_of(context, row.version.as_written(), *reverting);
            let script =
                if *reverting { format!("the down script of {}", row.name) } else { row.name.clone() };
            lines.push(left(&script, *statements_done, statements, is_failed));
        }
        _ => {}
    }
    lines
}

fn what(outcome: &AttemptOutcome) -> String {
    match outcome {
        AttemptOutcome::Failed { statement: Some(statement), line: Some(line), .. } => {
            format!("{outcome}\n   |  statement {statement}, line {line}")
        }
        AttemptOutcome::Interrupted { message: Some(_), .. } => outcome.to_string(),
        AttemptOutcome::Unfinished { .. } | AttemptOutcome::Interrupted { .. } => {
            "was interrupted: its run was killed, or lost its connection".to_owned()
        }
        outcome => outcome.to_string(),
    }
}

/// True if `resolve` set the statement to resume at; the first release recorded that as a failure without a
/// message.
fn is_by_hand(outcome: &AttemptOutcome) -> bool {
    match outcome {
        AttemptOutcome::Done => true,
        AttemptOutcome::Failed { message, .. } => message.is_empty(),
        _ => false,
    }
}

/// The server's detail and hint.
fn more(outcome: &AttemptOutcome) -> Vec<String> {
    let AttemptOutcome::Failed { detail, hint, .. } = outcome else { return Vec::new() };
    let detail = detail.iter().map(|detail| format!("detail: {detail}"));
    detail.chain(hint.iter().map(|hint| format!("hint: {hint}"))).collect()
}

/// The statement that failed or was interrupted, from the text that was run, which the history stores.
fn statement(text: &str, outcome: &AttemptOutcome) -> Option<String> {
    let number = match outcome {
        AttemptOutcome::Failed { statement, .. } => usize::try_from((*statement)?).ok()?,
        AttemptOutcome::Unfinished { statements_done, .. }
        | AttemptOutcome::Interrupted { statements_done: Some(statements_done), .. } => {
            usize::try_from(*statements_done).ok()? + 1
        }
        AttemptOutcome::Interrupted { .. } | AttemptOutcome::Done => return None,
    };
    let statements = sql::split(text).statements;
    let statement = statements.get(number.checked_sub(1)?)?.text(text);
    let lines = sql::redact(statement).lines().map(|line| format!("   | {line}")).collect::<Vec<_>>();
    Some(lines.join("\n"))
}

fn left(script: &str, done: usize, statements: Option<usize>, is_failed: bool) -> String {
    let of = statements.map_or_else(
        || format!(" statement{} of {script}", if done == 1 { "" } else { "s" }),
        |statements| format!(" of the {statements} statements of {script}"),
    );
    let are = if done == 1 { "is" } else { "are" };
    let rest = if is_failed { "is not" } else { "may or may not have been done" };
    format!("database: {done}{of} {are} done and committed; statement {} {rest}", done + 1)
}

fn next(status: &Status, stopped: Option<&StatusRow>, context: &Context) -> Next {
    let up = context.invocation.command("up");
    let again = |reverting: bool| if reverting { context.invocation.command("down") } else { up.clone() };
    match stopped.map(|row| (row, &row.state)) {
        _ if status.running().is_some() => {
            Next::advice("wait for that run to end").or(context.invocation.command("status"), "checks again")
        }
        Some((_, MigrationStatus::Interrupted { last: Some(outcome), reverting, .. }))
            if is_by_hand(outcome) =>
        {
            Next::default().or(again(*reverting), "resumes there")
        }
        Some((row, MigrationStatus::Interrupted { statements_done, reverting, .. })) => {
            let statements = statements_of(context, row.version.as_written(), *reverting);
            let settle = NextStep::settle(row.version.as_written(), &row.name, *statements_done, statements);
            let settle = settle.while_reverting(*reverting);
            let advice = match row.failure(statements) {
                Some(failure) => failure.remedy().then(NextStep::Again(failure.again())),
                None if *reverting => Advice::NONE.then(NextStep::Again(Again::RevertFindsOut)),
                None => Advice::NONE.then(NextStep::Again(Again::FindsOut)),
            };
            Next::of(advice.otherwise(settle), context)
        }
        Some((row, _)) => match row.failure(None) {
            Some(failure) => Next::of(failure.advice(), context),
            None => Next::default().or(up, "runs it again"),
        },
        None if status.backfilling().next().is_some() => {
            let step = NextStep::call(Call::Backfill, "run the batches that are left");
            Next::of(Advice::of(step), context)
        }
        None if status.pending().next().is_some() => Next::default().or(up, "applies pending migrations"),
        None => Next::default(),
    }
}
