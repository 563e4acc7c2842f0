//! A run in progress.

use super::progress::ProgressEnd;
use super::stepping::Stepping;
use super::{
    Backoff, Committed, History, Holder, Locked, Locking, Progress, Released, Settings, SlowThreshold,
    TELL_WAITING_AFTER, decide,
};
use crate::engine::error::{ApplyError, RunError};
use crate::engine::event::{Activity, Event, Observer};
use crate::engine::report::Report;
use crate::history::{HistoryState, Notice, SetPosition};
use crate::plan::{Plan, Policies, Refused, Steps};
use crate::set::Set;
use crate::set::migration::Migration;
use std::time::{Duration, Instant};

/// The interval at which the observer hears that the run is still waiting.
pub(super) const TELL_WAITING_EVERY: Duration = Duration::from_secs(10);

/// Decides the steps of a run. Steps that this program lacks the code of are refused before any other is taken.
pub(super) fn decide_run<'s>(
    plan: &dyn Plan,
    set: &'s Set,
    state: &HistoryState,
    policies: &Policies,
) -> Result<Steps<'s>, Refused> {
    let decided = decide(plan, set, state, policies)?;
    let missing = decided.steps.iter().filter_map(|step| Some((step.name.to_string(), step.missing_code()?)));
    let migrations: Vec<_> = missing.map(|(name, code)| (name, code.path().to_owned())).collect();
    if migrations.is_empty() { Ok(decided) } else { Err(Refused::CodeMissing { migrations }) }
}

/// A run in progress.
pub(super) struct Run<'r> {
    set: &'r Set,
    plan: &'r dyn Plan,
    settings: &'r Settings,
    observer: &'r mut dyn Observer,
    started: Instant,
    waited: Duration,
    /// The number of steps announced to the observer. They are not announced again when another attempt
    /// begins them.
    announced: Option<usize>,
}

/// The outcome of one attempt with the lock.
enum Turn<E> {
    /// The run has ended.
    Ended(Report),
    /// No connection was available, and nothing was done.
    Crowded(E),
}

impl<'r> Run<'r> {
    pub(super) fn new(
        set: &'r Set,
        plan: &'r dyn Plan,
        settings: &'r Settings,
        observer: &'r mut dyn Observer,
    ) -> Run<'r> {
        let started = Instant::now();
        Run { set, plan, settings, observer, started, waited: Duration::ZERO, announced: None }
    }

    /// Runs, and tells the observer how it ended.
    pub(super) async fn finish<E: RunError>(
        mut self,
        history: &mut dyn History<Error = E>,
    ) -> Result<Report, E> {
        let report = self.take(history).await;
        match &report {
            Ok(report) => self.observer.event(&Event::Finished { report }),
            Err(error) => match error.failure() {
                Some(failure) => self.observer.event(&Event::Failed { failure }),
                None => self.observer.event(&Event::Stopped { error }),
            },
        }
        report
    }
}

impl Run<'_> {
    async fn take<E: RunError>(&mut self, history: &mut dyn History<Error = E>) -> Result<Report, E> {
        let head = history.head(self.set).await?;
        let position = head.position(self.set);
        if self.surely_done(&position) {
            return Ok(self.settled(&position));
        }
        let is_interrupted = matches!(position, SetPosition::Interrupted { .. });
        // The run that works on the interrupted migration holds the lock. Once we hold it, the plan decides
        // how to continue.
        if !is_interrupted && !self.plan.surely_pending(self.set, &position) {
            // Possibly there is nothing to do, for example if only comments were edited. Then neither the
            // lock nor write access is needed.
            let state = history.load(self.set).await?;
            let decided = decide_run(self.plan, self.set, &state, &self.settings.policies)?;
            if decided.steps.is_empty() {
                return Ok(self.nothing_to_do(&state, decided));
            }
        }
        self.lock_and_apply(history).await
    }

    fn surely_done(&self, position: &SetPosition) -> bool {
        self.plan.surely_done(self.set, position, &self.settings.policies)
    }

    /// Tries to take the lock until it has it or no longer needs it.
    async fn lock_and_apply<E: RunError>(
        &mut self,
        history: &mut dyn History<Error = E>,
    ) -> Result<Report, E> {
        let (set, since) = (self.set, Instant::now());
        let mut backoff = Backoff::new(Duration::from_millis(20), self.settings.poll);
        let (mut told, mut held, mut alarm) = (None, false, SlowThreshold::new(self.settings.slow));
        loop {
            let in_the_way = match history.try_lock(set).await? {
                Locking::Acquired(locked) => {
                    self.waited = if held { since.elapsed() } else { Duration::ZERO };
                    match self.under_lock(locked).await? {
                        Turn::Ended(report) => return Ok(report),
                        Turn::Crowded(error) => Err(error),
                    }
                }
                Locking::Held(holder) => Ok(holder),
                Locking::Crowded(error) => Err(error),
            };
            held = true;
            self.waited = since.elapsed();
            if self.waited >= self.settings.lock_wait {
                return Err(match in_the_way {
                    Ok(holder) => E::lock_wait(self.waited, holder),
                    Err(error) => error,
                });
            }
            self.tell_slow(&mut alarm, &in_the_way);
            self.tell_waiting(&mut told, in_the_way);
            let most = alarm.pause(self.waited, self.settings.lock_wait - self.waited);
            history.pause(backoff.pause().min(most)).await;
            let position = history.head(set).await?.position(set);
            if self.surely_done(&position) {
                self.waited = since.elapsed();
                return Ok(self.settled(&position));
            }
        }
    }

    /// Reports a slow wait.
    fn tell_slow<E>(&mut self, alarm: &mut SlowThreshold, in_the_way: &Result<Holder, E>) {
        if alarm.is_exceeded(self.waited) {
            let blockers = in_the_way.as_ref().map_or(&[][..], std::slice::from_ref);
            self.observer.event(&Event::Slow { work: Activity::Lock, age: self.waited, blockers });
        }
    }

    /// Reports a wait, first after a delay and then periodically.
    fn tell_waiting<E: RunError>(&mut self, told: &mut Option<Instant>, in_the_way: Result<Holder, E>) {
        if told.map_or(self.waited < TELL_WAITING_AFTER, |told| told.elapsed() < TELL_WAITING_EVERY) {
            return;
        }
        *told = Some(Instant::now());
        match in_the_way {
            Ok(holder) => {
                self.observer.event(&Event::WaitingForLock { waited: self.waited, holder: &holder });
            }
            Err(error) => {
                self.observer.event(&Event::Noticed { notice: &Notice::Backend(error.fact()) });
            }
        }
    }

    async fn under_lock<E: RunError>(
        &mut self,
        mut locked: Box<dyn Locked<Error = E> + '_>,
    ) -> Result<Turn<E>, E> {
        let applied = self.apply(&mut *locked).await;
        let released = locked.release().await;
        // The reason for a failed run matters more than the loss of its lock. And if everything is done and
        // committed, a lost lock must not keep a service from booting.
        let mut report = match applied? {
            Turn::Ended(report) => report,
            crowded @ Turn::Crowded(_) => return Ok(crowded),
        };
        let notice = match released {
            Ok(Released::Held) => return Ok(Turn::Ended(report)),
            Ok(Released::Lost) => {
                "everything is done, but the lock was lost before the end, so another run may have worked at the same \
                 time; a lock is lost if its connection breaks or a script releases it (DISCARD ALL, pg_advisory_unlock_all)"
                    .to_owned()
            }
            Err(error) => format!("everything is done, but the lock could not be released: {}", error.fact()),
        };
        report.notices.push(Notice::Backend(notice));
        Ok(Turn::Ended(report))
    }

    async fn apply<E: RunError>(&mut self, locked: &mut dyn Locked<Error = E>) -> Result<Turn<E>, E> {
        let end = locked.end().map(|end| (end, end.position(self.set)));
        let before = match end {
            // Another run was faster, between the first read and the lock.
            Some((_, position)) if self.surely_done(&position) => {
                return Ok(Turn::Ended(self.settled(&position)));
            }
            Some((end, position)) if self.plan.surely_pending(self.set, &position) => {
                match position.applied() {
                    Some(applied) => HistoryState::of_beginning(self.set, applied, end),
                    None => locked.load().await?,
                }
            }
            _ => locked.load().await?,
        };
        let decided = decide_run(self.plan, self.set, &before, &self.settings.policies)?;
        if decided.steps.is_empty() {
            return Ok(Turn::Ended(self.nothing_to_do(&before, decided)));
        }
        let is_new = self.announced.replace(decided.steps.len()) != Some(decided.steps.len());
        if is_new {
            self.tell_notices(&decided);
        }
        let notices = decided.notices.clone();
        let progress = Progress::new(&mut *self.observer, decided.steps.len());
        let mut progress = progress.slow_after(self.settings.slow);
        if is_new {
            progress.start();
        }
        let mut steps = Stepping {
            set: self.set,
            plan: self.plan,
            settings: self.settings,
            decided,
            state: before.clone(),
        };
        let outcome = steps.take(locked, &mut progress).await;
        let ProgressEnd { reports, said, part } = progress.end();
        let mut report = Report {
            set: self.set.name().to_owned(),
            steps: reports,
            notices: notices.into_iter().chain(said).collect(),
            waited: self.waited,
            took: self.started.elapsed(),
            ..Report::default()
        };
        (report.applied, report.last) = applied_and_last(self.set, &before, &report);
        let committed = Committed::new(report, part);
        match outcome {
            Ok(()) => Ok(Turn::Ended(committed.report)),
            // Another attempt of the run would start after the steps that are done, and its report would lack
            // them.
            Err(ApplyError::Crowded(error)) if committed.is_nothing() => Ok(Turn::Crowded(error)),
            Err(stopped) => Err(stopped.after(committed)),
        }
    }

    fn tell_notices(&mut self, decided: &Steps<'_>) {
        for notice in &decided.notices {
            self.observer.event(&Event::Noticed { notice });
        }
    }

    fn nothing_to_do(&mut self, state: &HistoryState, decided: Steps<'_>) -> Report {
        self.tell_notices(&decided);
        Report {
            set: self.set.name().to_owned(),
            notices: decided.notices,
            applied: state.applied.len(),
            last: state.last().map(|applied| applied.name.clone()),
            waited: self.waited,
            took: self.started.elapsed(),
            ..Report::default()
        }
    }

    /// The report of a run that one read of the history's end has settled.
    fn settled(&mut self, position: &SetPosition) -> Report {
        let (applied, newer) = match position {
            SetPosition::UpToDate { applied } | SetPosition::Behind { applied, .. } => (*applied, &[][..]),
            SetPosition::Ahead { newer } => (self.set.len(), newer.as_slice()),
            SetPosition::Interrupted { .. } | SetPosition::Diverged => (0, &[][..]),
        };
        let beginning = || self.set.iter().take(applied).rev();
        let versioned = beginning().find(|migration| !migration.version().is_repeatable());
        let last = versioned.or(beginning().next()).map(|migration| migration.name().to_owned());
        let newest = newer.iter().max_by_key(|newer| &newer.version).map(|newer| newer.name.clone());
        let newer: Vec<String> = newer.iter().map(|newer| newer.name.clone()).collect();
        let mut notices = Vec::new();
        if !newer.is_empty() {
            notices.push(Notice::Ahead { newer: newer.clone() });
        }
        for notice in &notices {
            self.observer.event(&Event::Noticed { notice });
        }
        Report {
            set: self.set.name().to_owned(),
            applied: applied + newer.len(),
            last: newest.or(last),
            notices,
            waited: self.waited,
            took: self.started.elapsed(),
            ..Report::default()
        }
    }
}

/// The number of applied migrations after a run, and the name of the last one.
fn applied_and_last(set: &Set, before: &HistoryState, report: &Report) -> (usize, Option<String>) {
    use crate::plan::Action;
    let mut applied: std::collections::BTreeMap<_, &str> =
        before.applied.iter().map(|a| (a.version.clone(), a.name.as_str())).collect();
    for step in &report.steps {
        match step.action {
            Action::Revert | Action::Unmark => drop(applied.remove(&step.version)),
            Action::Apply | Action::Mark => {
                if let Some(range) = set.find(&step.version).and_then(Migration::replaces) {
                    applied.retain(|version, _| !range.contains(version));
                }
                applied.insert(step.version.clone(), &step.name);
            }
            Action::Rewind | Action::Accept => {}
        }
    }
    let versioned = applied.iter().rev().find(|(version, _)| !version.is_repeatable());
    let last = versioned.or(applied.iter().next_back()).map(|(version, name)| {
        set.find(version)
            .map_or_else(|| (*name).to_owned(), |migration: &dyn Migration| migration.name().to_owned())
    });
    (applied.len(), last)
}
