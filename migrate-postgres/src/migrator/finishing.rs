//! Finishing a backfill that migrations wait for, within the time that a run has for it.

use super::Migrator;
use crate::backfill::{RunnerSettings, Stop};
use crate::connection::target::Target;
use crate::error::Error;
use crate::observe::Listeners;
use migrate_core::Report;
use migrate_core::backfill::{BackfillRecord, BackfillState};
use migrate_core::engine::Committed;
use migrate_core::engine::error::RunError;
use migrate_core::history::Notice;
use migrate_core::plan::{Plan, Refused};
use std::time::{Duration, Instant};

impl Migrator {
    /// Takes the steps of a plan. If a migration waits for a backfill, the rest of that is run within the budget, and then
    /// what waited. By choice, the run is refused while something waits, but only after that.
    pub(super) async fn take_steps_and_finish<T: Target + ?Sized>(
        &self,
        target: &T,
        plan: &dyn Plan,
        listeners: &mut Listeners<'_>,
    ) -> Result<Report, Error> {
        let settings = &self.settings.engine;
        let first = self.take_steps(target, plan, settings, listeners).await;
        let (before, backfills) = match &first {
            Ok(report) => (report.clone(), waited_for(report)),
            Err(error) => (error.report().cloned().unwrap_or_default(), refused_for(error)),
        };
        // On the heap: a runner's future is large, and few runs need one.
        if backfills.is_empty()
            || !plan.may_replan()
            || !Box::pin(self.finish_backfills(target, &backfills)).await
        {
            return first;
        }
        match self.take_steps(target, plan, settings, listeners).await {
            Ok(then) => Ok(joined(before, then)),
            Err(error) if before.is_noop() => Err(error),
            Err(error) => {
                let mut committed = Committed::default();
                committed.report = before;
                Err(error.after(committed))
            }
        }
    }

    /// Runs batches within the budget. Returns false if that was not tried: there is no budget, or none of the backfills
    /// will be finished in it. An error is the runner's: it is kept beside the backfill, and the run goes on.
    async fn finish_backfills<T: Target + ?Sized>(&self, target: &T, names: &[String]) -> bool {
        let budget = self.settings.backfills.budget;
        if budget.is_zero() {
            return false;
        }
        let Ok(records) = self.backfills(target).await else { return false };
        let those =
            records.iter().filter(|record| names.contains(&record.name) && may_finish(record, budget));
        let versions: Vec<String> = those.map(|record| record.version.clone()).collect();
        if versions.is_empty() {
            return false;
        }
        let stop = Stop::when(tokio::time::sleep(budget));
        let settings = RunnerSettings { deadline: Some(Instant::now() + budget), ..RunnerSettings::DEFAULT };
        drop(self.run_backfills(target, &settings, Some(versions), stop).await);
        true
    }
}

/// The names of the backfills that migrations wait for.
fn waited_for(report: &Report) -> Vec<String> {
    let name = |notice: &Notice| match notice {
        Notice::WaitsForBackfill { backfill, .. } => Some(backfill.clone()),
        _ => None,
    };
    report.notices.iter().filter_map(name).collect()
}

/// The name of the backfill for which the run was refused, if that is the reason.
fn refused_for(error: &Error) -> Vec<String> {
    match error {
        Error::Refused(Refused::BackfillUnfinished { backfill, .. }) => vec![backfill.clone()],
        Error::Stopped(stopped) => refused_for(&stopped.error),
        _ => Vec::new(),
    }
}

/// True if a backfill runs, and its pace so far does not say that the rest takes longer.
fn may_finish(record: &BackfillRecord, budget: Duration) -> bool {
    record.state == BackfillState::Running && record.eta().is_none_or(|eta| eta <= budget)
}

/// The report of a run that went on after it had finished a backfill.
fn joined(before: Report, then: Report) -> Report {
    let mut joined = then;
    let mut notices = before.notices;
    notices
        .retain(|notice| !matches!(notice, Notice::WaitsForBackfill { .. } | Notice::BackfillBegun { .. }));
    notices.retain(|notice| !joined.notices.contains(notice));
    joined.notices.splice(..0, notices);
    joined.steps.splice(..0, before.steps);
    joined.waited += before.waited;
    joined.took += before.took;
    joined
}
