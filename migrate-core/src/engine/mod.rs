//! The engine: fast path, lock, load, plan, apply, report.

mod committed;
pub mod error;
pub mod event;
mod history;
mod memory;
mod progress;
pub mod report;
mod retry;
mod run;
mod slow_threshold;
mod stepping;

pub use committed::{Committed, CommittedPart};
pub use history::{History, Holder, Locked, Locking, Released};
pub use memory::{MemoryDatabase, MemoryError, MemoryHistory};
pub use progress::Progress;
pub use retry::Backoff;
use run::Run;
pub use slow_threshold::SlowThreshold;

use crate::engine::error::RunError;
use crate::engine::event::Observer;
use crate::engine::report::Report;
use crate::history::{HistoryHead, HistoryState, SetPosition};
use crate::plan::{Plan, Policies, Refused, Steps};
use crate::set::Set;
use std::time::Duration;

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
    /// [`Event::Slow`](crate::engine::event::Event::Slow); `None` for never.
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
    Run::new(set, plan, settings, observer).finish(history).await
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
    use crate::set::migration::Migration as _;
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
