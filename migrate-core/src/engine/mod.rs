//! The engine: fast path, lock, load, plan, apply, report.

mod committed;
pub mod error;
pub mod event;
mod history;
mod memory;
mod progress;
pub mod report;
mod retry;
mod slow_threshold;
mod stepping;

pub use committed::{Committed, CommittedPart};
pub use history::{History, Holder, Locked, Locking, Released};
pub use memory::{MemoryDatabase, MemoryError, MemoryHistory};
pub use progress::Progress;
use progress::ProgressEnd;
pub use retry::Backoff;
pub use slow_threshold::SlowThreshold;
use stepping::Stepping;

use crate::engine::error::{ApplyError, RunError};
use crate::engine::event::{Activity, Event, Observer};
use crate::engine::report::Report;
use crate::history::Notice;
use crate::history::{HistoryHead, HistoryState, SetPosition};
use crate::plan::{Plan, Policies, Refused, Steps};
use crate::set::Set;
use crate::set::migration::Migration;
use std::time::{Duration, Instant};

/// The settings of a run: its waits, limits and policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The policies.
    pub policies: Policies,
    /// The time to wait for another run to end.
    pub lock_wait: Duration,
    /// The longest pause between two checks whether another run has ended.
    pub poll: Duration,
    /// The time for retrying a migration that hits lock timeouts.
    pub retry: Duration,
    /// The time after which a statement, a migration, the run or the wait for another run is reported as
    /// [`Event::Slow`]; `None` for never.
    pub slow: Option<Duration>,
    /// The time after which a migration is ended and rolled back; `None` for no limit.
    pub migration_limit: Option<Duration>,
    /// The limit of a run, counted from the moment it has the lock, without the backup; `None` for no limit.
    pub run_limit: Option<Duration>,
}

impl Settings {
    /// Waits up to 10 minutes for another run, checks at least every 500 ms, and retries a migration that
    /// hits lock timeouts for a minute. Anything over 10 s counts as slow: an ordinary schema change takes
    /// milliseconds, and after that time an orchestrator's probes have begun to fail.
    pub const DEFAULT: Settings = Settings {
        policies: Policies::DEFAULT,
        lock_wait: Duration::from_secs(600),
        poll: Duration::from_millis(500),
        retry: Duration::from_secs(60),
        slow: Some(Duration::from_secs(10)),
        migration_limit: None,
        run_limit: None,
    };
}

impl Default for Settings {
    fn default() -> Settings {
        Settings::DEFAULT
    }
}

/// The interval at which the observer is told that the run still waits.
const TELL_WAITING_EVERY: Duration = Duration::from_secs(10);

/// The delay before a wait is reported to the observer, because most waits are shorter. The holder of the
/// lock need not be known before.
pub const TELL_WAITING_AFTER: Duration = Duration::from_millis(200);

/// Takes a database from its history to the state that `plan` requests.
///
/// One read of the history's end decides whether anything has to be done. If so, the run takes the lock.
/// While another run holds it, the run keeps reading the history's end: the run that lost the race returns
/// when the winner is done.
///
/// # Errors
///
/// See [`RunError`]. Steps before a failed one stay, and the error holds their report.
///
/// # Examples
///
/// ```
/// use migrate_core::engine::{Settings, run};
/// use migrate_core::engine::event::Unobserved;
/// use migrate_core::engine::MemoryDatabase;
/// use migrate_core::plan::Up;
/// use migrate_core::{Options, Script, Set, SqlMigration, Version, sql};
/// use std::sync::Arc;
///
/// # pollster(async {
/// let text = "CREATE TABLE users ();";
/// let up = Script::new("1.sql", text, sql::split(text).statements, Options::NONE);
/// let set = Set::new("app", vec![Arc::new(SqlMigration::new(Version::numeric("1"), "1_users", up))]).unwrap();
///
/// let database = MemoryDatabase::default();
/// let report = run(&mut database.history(), &set, &Up::all(), &Settings::DEFAULT, &mut Unobserved).await.unwrap();
/// assert_eq!(report.steps.len(), 1);
/// let again = run(&mut database.history(), &set, &Up::all(), &Settings::DEFAULT, &mut Unobserved).await.unwrap();
/// assert!(again.is_noop());
/// # });
/// # fn pollster<F: Future>(future: F) -> F::Output {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) { return output; }
/// #     }
/// # }
/// ```
pub async fn run<E: RunError>(
    history: &mut dyn History<Error = E>,
    set: &Set,
    plan: &dyn Plan,
    settings: &Settings,
    observer: &mut dyn Observer,
) -> Result<Report, E> {
    let started = Instant::now();
    let mut run = Run { set, plan, settings, observer, started, waited: Duration::ZERO, announced: None };
    let report = run.take(history).await;
    match &report {
        Ok(report) => run.observer.event(&Event::Finished { report }),
        Err(error) => match error.failure() {
            Some(failure) => run.observer.event(&Event::Failed { failure }),
            None => run.observer.event(&Event::Stopped { error }),
        },
    }
    report
}

/// Decides the steps of a plan from a loaded history. An interrupted migration is finished or settled before
/// anything else, whatever the plan: otherwise the history's end would no longer show it.
///
/// # Errors
///
/// [`Refused`] if set, history and plan contradict each other.
pub fn decide<'s>(
    plan: &dyn Plan,
    set: &'s Set,
    state: &HistoryState,
    policies: &Policies,
) -> Result<Steps<'s>, Refused> {
    let mut decided = plan.decide(set, state, policies)?;
    decided.notices.splice(0..0, state.notices.iter().cloned());
    let Some((interrupted, first)) = state.interrupted.as_ref().zip(decided.steps.first_mut()) else {
        return Ok(decided);
    };
    if !first.goes_on_with(interrupted) {
        return Err(Refused::unfinished(interrupted));
    }
    *first = first.clone().resumed(interrupted);
    Ok(decided)
}

/// Decides the steps of a run. Steps that this program lacks the code of are refused before any other is taken.
fn decide_run<'s>(
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
struct Run<'r> {
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

/// Reads the database's position from the history's end, without loading the history.
///
/// # Errors
///
/// As [`History::head`].
pub async fn position<E: RunError>(
    history: &mut dyn History<Error = E>,
    set: &Set,
) -> Result<(HistoryHead, SetPosition), E> {
    let head = history.head(set).await?;
    let position = head.position(set);
    Ok((head, position))
}

#[cfg(test)]
mod tests {
    use super::event::Unobserved;
    use super::*;
    use crate::directory::source::SourceFile;
    use crate::directory::{self, Directory};
    use crate::plan::Up;
    use crate::set::embedded::{LAZY_MIGRATION, Literals, Packing};
    use crate::{DigestChain, sql};

    const FILES: [(&str, &str); 2] = [
        ("1_a.sql", "-- migrate: lock_timeout=5s\nCREATE TABLE t (a int); INSERT INTO t VALUES (1);"),
        ("2_b.sql", "CREATE INDEX CONCURRENTLY i ON t (a);"),
    ];

    /// A set as embedded by `migrate!`.
    fn embedded() -> Set {
        let file =
            |(path, text): (&'static str, &'static str)| SourceFile::new(path, text.as_bytes().to_vec());
        let Directory { migrations, layout, .. } = directory::read(FILES.map(file).to_vec()).unwrap();
        let packing = Packing::of(migrations.iter());
        let files = FILES.map(|(_, text)| text).to_vec().leak();
        let literals = Literals {
            order: layout.order(),
            files,
            packed: packing.bytes.leak(),
            code: &[],
            assertions: &[],
            seeds: &[],
        };
        let made = [LAZY_MIGRATION; FILES.len()].to_vec().leak();
        let digests = DigestChain::of(migrations.iter().map(|m| (m.version(), m.checksum())));
        let digests = digests.as_bytes().to_vec().leak();
        Set::from_static("app", Box::leak(Box::new(literals)), made, digests, "", &[], &[])
    }

    fn block_on<F: Future>(future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        loop {
            if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
        }
    }

    #[test]
    fn a_boot_lexes_nothing() {
        let database = MemoryDatabase::default();
        let boot = |set: &Set| {
            let mut history = database.history();
            block_on(run(&mut history, set, &Up::all(), &Settings::DEFAULT, &mut Unobserved)).unwrap()
        };
        let (set, again) = (embedded(), embedded());
        let (lexed, report) = sql::counted::during(|| boot(&set));
        assert_eq!((report.steps.len(), lexed), (2, 0));
        let (lexed, report) = sql::counted::during(|| boot(&again));
        assert!(report.is_noop());
        assert_eq!(lexed, 0);
    }
}
