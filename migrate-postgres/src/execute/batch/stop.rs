//! A message that stopped at an error: the step it belongs to, its cause, and its record in the history.

use super::{BatchStopped, Built, Transactions};
use crate::error::wording::is_turned_away;
use crate::error::{ApplyError, Error};
use crate::execute::failure::{position, server_failure};
use crate::execute::history_error::{is_contention, is_of_the_text, record_failure};
use crate::execute::limits::over_limit;
use crate::execute::message::{MessagePart, Purpose};
use crate::history::is_made_meanwhile;
use crate::lock::turned_away;
use crate::sql::transaction::BEGIN;
use migrate_core::Options;
use migrate_core::advice::Cause;
use migrate_core::engine::error::Failure;
use migrate_core::plan::Step;
use std::time::Duration;

impl Transactions<'_, '_, '_, '_> {
    /// Ends what a stopped message left, and makes its error ours.
    pub(super) async fn stop(&mut self, built: &Built, stopped: BatchStopped) -> ApplyError {
        let BatchStopped { done, error } = stopped;
        if is_turned_away(&error) {
            return turned_away(error).into_apply();
        }
        let (message, age) = (&built.message, self.sent.elapsed());
        if error.as_db_error().is_none() {
            return Error::server("applying migrations", error).into_apply();
        }
        let executing = message.statement(done);
        // The statement is known if one was run. The position is in bytes if the encoding is SQL_ASCII, and
        // may then point past the statement.
        let spot = position(&error)
            .and_then(|position| message.locate(position))
            .filter(|spot| done == 0 || executing.is_none_or(|(part, _)| part == spot.part));
        let Some(part) = spot.map(|spot| spot.part).or(executing.map(|(part, _)| part)) else {
            return Error::server("applying migrations", error).into_apply();
        };
        if part.purpose == Purpose::Create {
            drop(self.context.client.batch_execute("ROLLBACK").await);
            if self.context.table.is_being_made(&error) {
                return ApplyError::ForeignToolActive(Error::server("creating the history's table", error));
            }
            if !is_contention(&error) {
                return self.context.session_info.create_error(error).into_apply();
            }
        }
        let step = &self.steps[part.step];
        let contended = is_contention(&error);
        let is_record = matches!(part.purpose, Purpose::Marker | Purpose::Record);
        if is_record {
            drop(self.context.client.batch_execute("ROLLBACK").await);
            if !contended && !is_of_the_text(&error) {
                return record_failure(&self.context, step, error);
            }
        }
        let offset = spot.and_then(|spot| spot.offset).or_else(|| {
            let of_script = |part: &MessagePart| {
                matches!(part.purpose, Purpose::Script | Purpose::Open | Purpose::Inspect)
            };
            let next = executing.filter(|(part, _)| part.purpose == Purpose::Limit);
            let executing = next.and_then(|_| message.next_of_script(done)).or(executing);
            let (part, place) = executing.filter(|(part, _)| of_script(part))?;
            Some(self.steps[part.step].script()?.statements().get(place)?.range().start)
        });
        let mut failure = server_failure(step, step.script(), offset, error);
        self.explain(&mut failure, built, part, age);
        if failure.place.is_none() {
            let path = step.script().map_or(&*step.name, |script| script.path());
            let place = around_script(part.purpose, path);
            failure.context = Some(match failure.context.take() {
                Some(context) => format!("{place}\n{context}"),
                None => place,
            });
        }
        // A session that blocks the row would also block the record of its failure.
        if !(contended && (part.purpose == Purpose::Create || is_record)) {
            self.record(step, &failure).await;
        }
        if contended {
            let options = step.script().map_or(&Options::NONE, |script| script.options());
            let waited = options.lock_timeout.unwrap_or(self.context.settings.lock_timeout);
            failure.blockers = self.monitor.suspects(self.context.client, waited).await;
        }
        let failure = Box::new(failure);
        if contended { ApplyError::Contended(failure) } else { ApplyError::Failed(failure) }
    }

    /// Distinguishes a limit from a timeout, and a timeout from a cancel by another session.
    fn explain(&self, failure: &mut Failure, built: &Built, part: MessagePart, age: Duration) {
        let settings = self.context.settings;
        if part.purpose == Purpose::Limit {
            let is_over = settings.engine.run_limit.is_some_and(|limit| self.progress.age() >= limit);
            let cause = if is_over { Cause::RunLimit } else { Cause::MigrationLimit };
            return over_limit(failure, cause, settings);
        }
        let Some(script) = self.steps[part.step].script() else { return };
        let mut timer = built.limits.timer(script, settings, age);
        timer.governs = self.governs.unwrap_or(timer.governs);
        timer.explain(failure, settings);
    }

    /// Leaves a trace of a failed attempt, in a transaction of its own. That it can't be left is no reason to hide the
    /// failure itself.
    pub(super) async fn record(&mut self, step: &Step<'_>, failure: &Failure) {
        let context = &self.context;
        if !self.around.mode.records() {
            drop(context.client.batch_execute("ROLLBACK").await);
            return;
        }
        if context.table.has_marker(step) {
            self.monitor.count(self.standing.last_row + 1, self.progress);
        }
        let mut failed = context.table.failed(context.run, *self.standing, step, failure);
        if let Some(head) = &context.session_info.head {
            // When this release stops here, an older one may have nothing to do.
            failed = format!("{failed}; {}", head.write(context.run.set));
        }
        let timeouts = context.timeouts(&Options::NONE, true).join("; ");
        // The message that creates the table may be the one that stopped.
        let create = self.around.preamble.create.as_ref().map(|create| create.join("; ") + "; ");
        let create = create.unwrap_or_default();
        let trace = format!("{BEGIN}; {timeouts}; {failed}; COMMIT");
        let mut left = context.client.batch_execute(&format!("ROLLBACK; {create}{trace}")).await;
        if left.as_ref().is_err_and(is_made_meanwhile) && !create.is_empty() {
            left = context.client.batch_execute(&format!("ROLLBACK; {trace}")).await;
        }
        match left {
            Ok(()) => self.around.preamble.create = None,
            Err(_) => drop(context.client.batch_execute("ROLLBACK").await),
        }
    }
}

/// The place of a failure outside of the script.
pub(in crate::execute) fn around_script(purpose: Purpose, path: &str) -> String {
    match purpose {
        Purpose::Server
        | Purpose::Guard
        | Purpose::Create
        | Purpose::Marker
        | Purpose::Open
        | Purpose::Bound
        | Purpose::Begin
        | Purpose::Record => {
            format!("before {path}, while writing its row in the history")
        }
        Purpose::Limit | Purpose::Deferred => {
            format!("at the end of {path}, where deferred constraints are checked")
        }
        Purpose::Commit | Purpose::Close => format!("at the COMMIT of {path}"),
        Purpose::Script
        | Purpose::Inspect
        | Purpose::Flush
        | Purpose::Finish
        | Purpose::Constraints
        | Purpose::Release => {
            format!("after {path}, while completing its row in the history")
        }
    }
}
