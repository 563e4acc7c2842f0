//! Finishing a backfill that migrations wait for, within the time that a run has for it.

use super::Migrator;
use crate::connection::target::Target;
use crate::error::Error;
use crate::observe::Listeners;
use migrate_core::Report;
use migrate_core::backfill::{BackfillRecord, BackfillState};
use migrate_core::engine::error::RunError;
use migrate_core::engine::{Committed, Settings};
use migrate_core::history::Notice;
use migrate_core::plan::{Plan, Policies};
use std::time::Duration;

impl Migrator {
    /// Takes the steps of a plan. If a migration waits for a backfill, the rest of that is run within the budget, and then
    /// what waited.
    pub(super) async fn take_steps_and_finish<T: Target + ?Sized>(
        &self,
        target: &T,
        plan: &dyn Plan,
        listeners: &mut Listeners<'_>,
    ) -> Result<Report, Error> {
        let strict = &self.settings.engine;
        if !plan.may_replan() {
            return self.take_steps(target, plan, strict, listeners).await;
        }
        // By choice a run is refused while something waits, but only after it has tried to finish that.
        let policies = Policies { require_backfills: false, ..strict.policies };
        let report = self.take_steps(target, plan, &Settings { policies, ..*strict }, listeners).await?;
        if !is_waiting(&report) {
            return Ok(report);
        }
        let has_worked = self.finish_backfills(target).await;
        if !has_worked && !strict.policies.require_backfills {
            return Ok(report);
        }
        match self.take_steps(target, plan, strict, listeners).await {
            Ok(then) => Ok(joined(report, then)),
            Err(error) if report.is_noop() => Err(error),
            Err(error) => {
                let mut committed = Committed::default();
                committed.report = report;
                Err(error.after(committed))
            }
        }
    }

    /// Runs batches within the budget. Returns false if that was not tried: there is no budget, or none of the backfills
    /// will be finished in it. An error is the runner's: it is kept beside the backfill, and the run goes on.
    async fn finish_backfills<T: Target + ?Sized>(&self, target: &T) -> bool {
        let budget = self.settings.backfills.budget;
        if budget.is_zero() {
            return false;
        }
        let Ok(records) = self.backfills(target).await else { return false };
        if !records.iter().any(|record| may_finish(record, budget)) {
            return false;
        }
        drop(self.backfill(target).until(tokio::time::sleep(budget)).await);
        true
    }
}

fn is_waiting(report: &Report) -> bool {
    report.notices.iter().any(|notice| matches!(notice, Notice::WaitsForBackfill { .. }))
}

/// True if a backfill runs, and its pace so far does not say that the rest takes longer.
fn may_finish(record: &BackfillRecord, budget: Duration) -> bool {
    record.state == BackfillState::Running && record.eta().is_none_or(|eta| eta <= budget)
}

/// The report of a run that went on after it had finished a backfill.
fn joined(before: Report, then: Report) -> Report {
    let mut joined = then;
    let mut notices = before.notices;
    notices.retain(|notice| !matches!(notice, Notice::WaitsForBackfill { .. } | Notice::BackfillBegun { .. }));
    notices.retain(|notice| !joined.notices.contains(notice));
    joined.notices.splice(..0, notices);
    joined.steps.splice(..0, before.steps);
    joined.waited += before.waited;
    joined.took += before.took;
    joined
}
