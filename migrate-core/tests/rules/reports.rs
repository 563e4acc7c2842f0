//! Reports and events of a run, for each way in which it can end; and the number of its reads.

use crate::support::{block_on, migration, set, set_of, take, take_with, with_text};
use migrate_core::engine::MemoryError as Error;
use migrate_core::engine::{History, MemoryDatabase, Settings, run};
use migrate_core::history::Notice;
use migrate_core::plan::{Baseline, Down, Plan, Policies, Refused, Up};
use migrate_core::{Event, Report, Set, Version};
use std::time::Duration;

/// A run's report, and the notices that its observer received.
fn observed(database: &MemoryDatabase, set: &Set, settings: &Settings) -> (Report, Vec<Notice>) {
    let mut told = Vec::new();
    let mut observer = |event: &Event<'_>| {
        if let Event::Noticed { notice, .. } = event {
            told.push((*notice).clone());
        }
    };
    let report = block_on(run(&mut database.history(), set, &Up::all(), settings, &mut observer)).unwrap();
    (report, told)
}

/// The set of versions 1 to 3, with an additional comment in the first.
fn commented() -> Set {
    set_of([with_text(1, "CREATE TABLE t1 (); -- more"), migration(2), migration(3)])
}

#[test]
fn a_report_names_the_set_and_where_the_database_stands_whichever_way_the_run_ends() {
    let database = MemoryDatabase::default();
    take(&database, &set(1..=2), &Up::all()).unwrap();
    let three = set(1..=3);
    for (end, set, applied, last) in [
        ("it applied something", &three, 3, "3_m"),
        ("all was applied", &three, 3, "3_m"),
        ("all but comments was applied", &commented(), 3, "3_m"),
        ("a newer release was here", &set(1..=2), 3, "3_m"),
    ] {
        let report = take(&database, set, &Up::all()).unwrap();
        assert_eq!(
            (report.set.as_str(), report.applied, report.last.as_deref()),
            ("app", applied, Some(last)),
            "{end}"
        );
        assert!(report.took > Duration::ZERO, "{end}");
        assert_eq!(report.waited, Duration::ZERO, "{end}: the lock was free");
    }
}

#[test]
fn the_observer_is_told_of_the_notices_that_are_reported() {
    let database = MemoryDatabase::default();
    take(&database, &set([1, 3]), &Up::all()).unwrap();
    let lenient = Settings {
        policies: Policies { allow_out_of_order: true, ..Policies::DEFAULT },
        ..Settings::DEFAULT
    };
    let (report, told) = observed(&database, &set(1..=3), &lenient);
    assert!(matches!(told.as_slice(), [Notice::OutOfOrder { .. }]) && told == report.notices, "{told:?}");
    let (report, told) = observed(&database, &commented(), &lenient);
    assert!(matches!(told.as_slice(), [Notice::EditedComments { .. }]) && told == report.notices, "{told:?}");
    let (report, told) = observed(&database, &set([1, 2]), &lenient);
    assert!(matches!(told.as_slice(), [Notice::Ahead { .. }]) && told == report.notices, "{told:?}");
}

#[test]
fn a_run_with_something_to_do_goes_for_the_lock_and_loads_nothing() {
    let (database, set) = (MemoryDatabase::default(), set(1..=3));
    take(&database, &set, &Up::to(Version::numeric("1"))).unwrap();
    take(&database, &set, &Up::all()).unwrap();
    assert_eq!((database.loads(), database.locks()), (0, 2));
    // Only the history tells which migrations are the last ones: it is loaded before the lock is taken, and
    // again under the lock.
    take(&database, &set, &Down::count(1)).unwrap();
    assert_eq!((database.loads(), database.locks()), (2, 3));
}

#[test]
fn a_run_reads_what_was_marked_and_does_not_revert_it() {
    let (database, set) = (MemoryDatabase::default(), set(1..=3));
    take(&database, &set, &Baseline::at(Version::numeric("2"))).unwrap();
    let error = take(&database, &set, &Down::count(1)).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Marked { .. })), "{error}");
    let state = block_on(database.history().load(&set)).unwrap();
    assert!(state.applied.iter().all(|applied| applied.marked) && state.last_row == 2);
    take(&database, &set, &Up::all()).unwrap();
    let state = block_on(database.history().load(&set)).unwrap();
    assert_eq!(state.applied.iter().map(|applied| applied.marked).collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn an_older_release_boots_with_one_look_after_a_newer_one_was_reverted_and_came_back() {
    let (database, newer) = (MemoryDatabase::default(), set(1..=4));
    for plan in [&Up::all() as &dyn Plan, &Down::count(1), &Up::all()] {
        take(&database, &newer, plan).unwrap();
    }
    let loads = database.loads();
    assert_eq!(take(&database, &set(1..=3), &Up::all()).unwrap().applied, 4);
    take(&database, &newer, &Down::count(2)).unwrap();
    take(&database, &newer, &Up::all()).unwrap();
    let since = database.loads();
    assert_eq!(take(&database, &set(1..=3), &Up::all()).unwrap().applied, 4);
    assert_eq!((loads, database.loads()), (2, since));
}

/// Waits for a lock that is never released, and counts the events meanwhile: the wait, and the slow wait.
fn told_while_waiting(settings: Settings) -> (usize, usize) {
    let database = MemoryDatabase::default();
    database.set_locked(true);
    let (mut waiting, mut slow) = (0, 0);
    let mut observer = |event: &Event<'_>| match event {
        Event::WaitingForLock { .. } => waiting += 1,
        Event::Slow { work, .. } => {
            assert_eq!(work.word(), "lock");
            slow += 1;
        }
        _ => {}
    };
    block_on(run(&mut database.history(), &set([1]), &Up::all(), &settings, &mut observer)).unwrap_err();
    (waiting, slow)
}

#[test]
fn a_wait_for_the_lock_is_told_of_when_it_is_no_longer_short_and_not_again_soon() {
    let wait =
        |millis| Settings { lock_wait: Duration::from_millis(millis), slow: None, ..Settings::DEFAULT };
    assert_eq!(told_while_waiting(wait(20)), (0, 0));
    let (waiting, slow) = told_while_waiting(Settings { slow: Some(Duration::from_millis(1)), ..wait(2000) });
    assert!(waiting == 1 && slow > 0, "{waiting} {slow}");
    assert_eq!(told_while_waiting(wait(300)).1, 0);
}

#[test]
fn a_run_that_waited_for_the_lock_reports_for_how_long() {
    // Meanwhile nothing happens; another run applies everything; another run applies everything except a
    // comment.
    for meanwhile in [None, Some(set(1..=3)), Some(commented())] {
        let database = MemoryDatabase::default();
        database.set_locked(true);
        let mut observer = |event: &Event<'_>| {
            if let Event::WaitingForLock { .. } = event {
                database.set_locked(false);
                if let Some(set) = &meanwhile {
                    take(&database, set, &Up::all()).unwrap();
                }
            }
        };
        let set = set(1..=3);
        let mut history = database.history();
        let report =
            block_on(run(&mut history, &set, &Up::all(), &Settings::DEFAULT, &mut observer)).unwrap();
        assert_eq!((report.is_noop(), report.applied), (meanwhile.is_some(), 3));
        assert!(report.waited > Duration::ZERO, "{meanwhile:?}");
    }
}

#[test]
fn a_history_that_is_not_trusted_ends_the_run_before_the_lock() {
    let database = MemoryDatabase::default();
    take(&database, &set(1..=2), &Up::all()).unwrap();
    let locks = database.locks();
    let strict =
        Settings { policies: Policies { allow_ahead: false, ..Policies::DEFAULT }, ..Settings::DEFAULT };
    let error = take_with(&database, &set([1]), &Up::all(), &strict).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Ahead { .. })), "{error}");
    assert_eq!(database.locks(), locks);
}
