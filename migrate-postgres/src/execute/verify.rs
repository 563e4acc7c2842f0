//! Verify scripts.

use super::failure::{offset_of, server_failure};
use super::limits::Limits;
use super::truth::Truths;
use super::{Context, timeouts};
use crate::connection::session::Session;
use crate::history::SessionInfo;
use crate::history::settings::RunSettings;
use crate::sql::answers;
use futures_util::StreamExt;
use migrate_core::advice::Left;
use migrate_core::engine::error::{Failure, Place};
use migrate_core::plan::Step;
use migrate_core::{Migration, Script};
use std::time::Instant;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// The result of a statement of a verify script.
#[derive(Clone, Debug, Default)]
struct VerifyResult {
    rows: usize,
    /// True if the first row is a single true.
    is_true: bool,
    /// The first row, for the message.
    first: String,
}

/// Runs a step's verify script in the step's open transaction, behind a setting that may bound its time.
pub(super) async fn verify(
    context: &Context<'_>,
    step: &Step<'_>,
    bound: Option<String>,
    limits: Limits,
) -> Result<(), Box<Failure>> {
    let Some(script) = step.verify else { return Ok(()) };
    let mut before = context.timeouts(&limits.bound(script.options(), context.settings), true);
    before.extend(bound);
    let sent = Instant::now();
    let checked = check(context.client, step, script, &before).await;
    explained(checked, limits, script, context, sent)?;
    let Some(at_end) = context.inspect.and_then(|inspect| inspect.at_end) else { return Ok(()) };
    let inspected = context.client.batch_execute(at_end).await;
    inspected.map_err(|error| Box::new(server_failure(step, Some(script), None, error)))
}

/// The same outcome, with a timeout told from a limit.
fn explained(
    mut outcome: Result<(), Box<Failure>>,
    limits: Limits,
    script: &Script,
    context: &Context<'_>,
    sent: Instant,
) -> Result<(), Box<Failure>> {
    if let Err(failure) = &mut outcome {
        limits.timer(script, context.settings, sent.elapsed()).explain(failure, context.settings);
    }
    outcome
}

/// Runs a step's verify script in a transaction of its own, when what the step has done is committed.
pub(super) async fn verify_committed(
    context: &Context<'_>,
    step: &Step<'_>,
    limits: Limits,
) -> Result<(), Box<Failure>> {
    let Some(script) = step.verify else { return Ok(()) };
    let options = limits.bound(script.options(), context.settings);
    let sent = Instant::now();
    let outcome = check_read_only(context.client, step, script, context.timeouts(&options, true)).await;
    drop(context.client.batch_execute("ROLLBACK").await);
    explained(outcome, limits, script, context, sent)
}

/// Begins a read-only transaction, and runs a verify script in it.
async fn check_read_only(
    client: &Client,
    step: &Step<'_>,
    script: &Script,
    timeouts: Vec<String>,
) -> Result<(), Box<Failure>> {
    let before = std::iter::once(READ_ONLY.to_owned()).chain(timeouts).collect::<Vec<_>>();
    check(client, step, script, &before).await
}

const READ_ONLY: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

/// Runs a verify script behind statements of ours, in one message: each of its statements must return no row, or a single
/// true.
async fn check(
    client: &Client,
    step: &Step<'_>,
    script: &Script,
    before: &[String],
) -> Result<(), Box<Failure>> {
    let text = script.text().trim_start_matches('\u{feff}');
    let prefix: String = before.iter().map(|statement| format!("{statement};\n")).collect();
    let mut ours = before.len();
    let mut done = 0;
    let failed = |done: usize, error: tokio_postgres::Error| {
        let offset = offset_of(script, text, &prefix, &error)
            .or_else(|| script.statements().get(done).map(|statement| statement.range().start));
        Box::new(server_failure(step, Some(script), offset, error))
    };
    let message = format!("{prefix}{text}");
    let stream = answers::send(client, &message).await.map_err(|error| failed(done, error))?;
    let mut stream = std::pin::pin!(stream);
    let mut answer = VerifyResult::default();
    let (mut refuted, mut truths) = (None, Truths::default());
    // To the end even where it is refuted: what is left in the stream would be the answer to the next message.
    while let Some(message) = stream.next().await {
        match message.map_err(|error| failed(done, error))? {
            SimpleQueryMessage::Row(row) => answer.take(&row),
            SimpleQueryMessage::CommandComplete(_) if ours > 0 => ours -= 1,
            SimpleQueryMessage::CommandComplete(_) => {
                let answer = std::mem::take(&mut answer);
                truths.push_if(answer.rows == 1 && answer.is_true, script, done);
                let problem = answer.problem();
                refuted = refuted.or_else(|| problem.map(|problem| refutation(step, script, done, &problem)));
                done += 1;
            }
            _ => {}
        }
    }
    if let Some(refuted) = refuted {
        return Err(Box::new(refuted));
    }
    let other = truths.first_of_other_type(client).await.map_err(|error| failed(done, error))?;
    let refute = |statement| refutation(step, script, statement, "it returned a text and not a boolean");
    other.map_or(Ok(()), |statement| Err(Box::new(refute(statement))))
}

impl VerifyResult {
    fn take(&mut self, row: &SimpleQueryRow) {
        self.rows += 1;
        if self.rows == 1 {
            self.is_true = row.len() == 1 && row.get(0) == Some("t");
            let values: Vec<&str> = (0..row.len()).map(|column| row.get(column).unwrap_or("NULL")).collect();
            self.first = values.join(", ");
        }
    }

    fn problem(&self) -> Option<String> {
        match self.rows {
            0 => None,
            1 if self.is_true => None,
            1 => Some(format!("it returned ({})", self.first)),
            rows => Some(format!("it returned {rows} rows, the first ({})", self.first)),
        }
    }
}

fn refutation(step: &Step<'_>, script: &Script, index: usize, problem: &str) -> Failure {
    let message = format!("the verify script failed: {problem}; expected no row or a single true");
    let mut failure = Failure::new(step.version.clone(), step.name.clone(), step.action, message);
    if let Some(statement) = script.statements().get(index) {
        let at = script.line_column(statement.range().start);
        let line = script.line_at(statement.range().start);
        let place = Place::new(script.path(), at.line, at.column);
        failure.place = Some(place.in_statement(index + 1, script.statements().len(), line));
    }
    failure
}

/// Runs an applied migration's verify script by itself, in a transaction that is rolled back.
pub(crate) async fn verify_applied(
    session: &mut Session<'_>,
    session_info: &SessionInfo,
    settings: &RunSettings,
    migration: &dyn Migration,
) -> Result<(), Box<Failure>> {
    let step = Step::apply(migration);
    let Some(script) = step.verify else { return Ok(()) };
    session.mark("ROLLBACK");
    let timeouts = timeouts(session_info, settings, script.options(), true);
    let outcome = check_read_only(session, &step, script, timeouts).await;
    if session.batch_execute("ROLLBACK").await.is_ok() {
        session.unmark();
    }
    outcome.map_err(|mut failure| {
        failure.left = Left::Applied;
        failure
    })
}
