//! Each way out of the steps of a run, after something was committed: the report is kept, and the state told.

use crate::support::{block_on, interrupted, migration, set_of, state_of, statement_by_statement, steps};
use async_trait::async_trait;
use migrate_core::advice::Again;
use migrate_core::engine::error::{ApplyError, Failure};
use migrate_core::engine::event::Unobserved;
use migrate_core::engine::{
    Committed, History, Locked, Locking, MemoryError, Progress, Released, Settings, run,
};
use migrate_core::history::{HistoryHead, HistoryState};
use migrate_core::plan::{Step, Up};
use migrate_core::{Left, Report, Set};
use std::time::Duration;

/// A way out of the steps.
#[derive(Clone, Copy, Debug)]
enum Way {
    Failed,
    /// Another version's failure, as of a step in a transaction.
    FailedLater,
    Contended,
    ContendedAndUnreadable,
    LockLost,
    Changed,
    ChangedAndUnreadable,
    ChangedAndRefused,
    ForeignTool,
    Crowded,
    Other,
}

const WAYS: [Way; 11] = [
    Way::Failed,
    Way::FailedLater,
    Way::Contended,
    Way::ContendedAndUnreadable,
    Way::LockLost,
    Way::Changed,
    Way::ChangedAndUnreadable,
    Way::ChangedAndRefused,
    Way::ForeignTool,
    Way::Crowded,
    Way::Other,
];

/// A history whose first step is done, and whose second one stops after its first statement.
struct Stopping {
    way: Way,
    /// The history as it is read again.
    later: Option<HistoryState>,
    loads: usize,
}

impl Stopping {
    fn read(&mut self) -> Result<HistoryState, MemoryError> {
        self.loads += 1;
        match (&self.later, self.loads) {
            (_, 0..=2) => Ok(HistoryState::EMPTY),
            (Some(later), _) => Ok(later.clone()),
            (None, _) => Err(MemoryError::NoConnection),
        }
    }

    fn error(&self, step: &Step<'_>, next: &Step<'_>) -> ApplyError<MemoryError> {
        let failure = |step: &Step<'_>| {
            let (version, name) = (step.version.clone(), step.name.clone());
            Box::new(Failure::new(version, name, step.action, "told to fail"))
        };
        match self.way {
            Way::Failed => ApplyError::Failed(failure(step)),
            Way::FailedLater => ApplyError::Failed(failure(next)),
            Way::Contended | Way::ContendedAndUnreadable => ApplyError::Contended(failure(step)),
            Way::LockLost => ApplyError::LockLost,
            Way::Changed | Way::ChangedAndUnreadable | Way::ChangedAndRefused => {
                ApplyError::HistoryChanged(MemoryError::NoConnection)
            }
            Way::ForeignTool => ApplyError::ForeignToolActive(MemoryError::NoConnection),
            Way::Crowded => ApplyError::Crowded(MemoryError::NoConnection),
            Way::Other => ApplyError::Other(MemoryError::NoConnection),
        }
    }
}

#[async_trait]
impl History for Stopping {
    type Error = MemoryError;

    async fn head(&mut self, _: &Set) -> Result<HistoryHead, MemoryError> {
        Ok(HistoryHead::NONE)
    }

    async fn load(&mut self, _: &Set) -> Result<HistoryState, MemoryError> {
        self.read()
    }

    async fn try_lock<'a>(&'a mut self, _: &'a Set) -> Result<Locking<'a, MemoryError>, MemoryError> {
        self.loads = 1;
        Ok(Locking::Acquired(Box::new(Held(self))))
    }

    async fn pause(&self, _: Duration) {}
}

struct Held<'a>(&'a mut Stopping);

#[async_trait]
impl Locked for Held<'_> {
    type Error = MemoryError;

    async fn load(&mut self) -> Result<HistoryState, MemoryError> {
        self.0.read()
    }

    async fn apply(
        &mut self,
        steps: &[Step<'_>],
        _: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError<MemoryError>> {
        let [first, second, third] = steps else { panic!("{steps:?}") };
        progress.step_started(first);
        progress.step_done(first, Duration::ZERO);
        progress.step_started(second);
        progress.statement_done(second, 1, None, true);
        Err(self.0.error(second, third))
    }

    async fn pause(&mut self, _: Duration) {}

    async fn release(self: Box<Self>) -> Result<Released, MemoryError> {
        Ok(Released::Held)
    }
}

fn three() -> Set {
    set_of([migration(1), statement_by_statement(2, "A; B;"), migration(3)])
}

/// The report and the state that an error tells.
fn told(error: &MemoryError) -> (&Report, Left) {
    match error {
        MemoryError::Failed(failure) => (&failure.report, failure.left),
        MemoryError::Stopped { committed, .. } => (&committed.report, committed.left(Left::Nothing)),
        error => panic!("{error} tells of nothing that is done"),
    }
}

fn stop(way: Way) -> MemoryError {
    let set = three();
    let later = match way {
        Way::ContendedAndUnreadable | Way::ChangedAndUnreadable => None,
        Way::ChangedAndRefused => {
            let other = set_of([migration(4), migration(5)]);
            let unknown = other.iter().next().map(|migration| interrupted(migration, 1));
            Some(HistoryState { interrupted: unknown, ..state_of([&other]) })
        }
        _ => Some(HistoryState::EMPTY),
    };
    let mut history = Stopping { way, later, loads: 0 };
    let settings = Settings { retry: Duration::from_nanos(1), ..Settings::DEFAULT };
    let retries = Settings { retry: Duration::from_secs(3600), ..Settings::DEFAULT };
    let settings = if matches!(way, Way::ContendedAndUnreadable) { retries } else { settings };
    block_on(run(&mut history, &set, &Up::all(), &settings, &mut Unobserved)).unwrap_err()
}

#[test]
fn no_way_out_of_a_run_loses_what_it_has_committed() {
    for way in WAYS {
        let error = stop(way);
        let (report, left) = told(&error);
        assert_eq!(steps(report), "+1", "{way:?}: {error}");
        let expected = match way {
            Way::FailedLater => Left::Nothing,
            _ => Left::Statements { done: 1, total: 2 },
        };
        assert_eq!(left, expected, "{way:?}: {error}");
    }
}

/// The state that an error itself leaves may be unknown; the other committed work is reported beside it.
#[test]
fn a_stopped_run_says_what_is_committed_and_how_to_go_on() {
    let committed = |way: Way| match stop(way) {
        MemoryError::Stopped { committed, .. } => committed,
        error => panic!("{error}"),
    };
    let text = |committed: &Committed, left: Left| {
        struct Text<'a>(&'a Committed, Left);
        impl std::fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.write(&mut migrate_core::display::printable::Printable(f), self.1)
            }
        }
        Text(committed, left).to_string()
    };
    let mut half = *committed(Way::Other);
    let state = "\ndatabase: 1 of the 2 statements of 2_m is done and committed; this run did one step before it: 1_m applied";
    assert!(text(&half, Left::Nothing).starts_with(state), "{}", text(&half, Left::Nothing));
    assert!(text(&half, Left::Unknown).ends_with("; what it was executing may be done, too"));
    assert_eq!((half.left(Left::Unknown), half.again()), (Left::Unknown, Again::FindsOut));
    half.part = None;
    assert_eq!((half.left(Left::Nothing), half.again()), (Left::Steps { done: 1 }, Again::WhereItStopped));
    assert!(
        text(&half, Left::Nothing).starts_with("\ndatabase: this run did one step before it stopped: 1_m")
    );
}
