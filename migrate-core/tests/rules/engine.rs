//! The engine with an in-memory history.

use crate::support::{
    block_on, interrupted, migration, set, set_of, state_of, statement_by_statement, steps, take, take_with,
    with_text,
};
use migrate_core::engine::MemoryDatabase;
use migrate_core::engine::MemoryError as Error;
use migrate_core::engine::{Settings, decide, run};
use migrate_core::history::{HistoryState, Notice, SetPosition};
use migrate_core::plan::{
    Accept, Interruption, Plan, Policies, Refused, Resolution, Resolve, Step, Steps, Up,
};
use migrate_core::{Event, Set, Version};
use std::time::Duration;

fn impatient() -> Settings {
    Settings { lock_wait: Duration::from_millis(5), retry: Duration::from_secs(3600), ..Settings::DEFAULT }
}

#[test]
fn an_empty_database_gets_every_migration_once_and_in_order() {
    let (database, set) = (MemoryDatabase::default(), set([10, 9, 1]));
    assert_eq!(steps(&take(&database, &set, &Up::all()).unwrap()), "+1 +9 +10");
    assert_eq!(database.statements(), ["CREATE TABLE t1 ()", "CREATE TABLE t9 ()", "CREATE TABLE t10 ()"]);
}

#[test]
fn a_run_with_nothing_to_do_neither_locks_nor_loads() {
    let (database, set) = (MemoryDatabase::default(), set(1..=3));
    take(&database, &set, &Up::all()).unwrap();
    let (loads, locks) = (database.loads(), database.locks());
    database.set_locked(true);
    let report = take(&database, &set, &Up::all()).unwrap();
    assert!(report.is_noop());
    assert_eq!(report.to_string(), "nothing to do; at 3_m (3 applied)");
    assert_eq!((database.loads(), database.locks()), (loads, locks));
}

#[test]
fn an_older_binary_boots_on_a_newer_schema_without_lock_or_load() {
    let database = MemoryDatabase::default();
    take(&database, &set(1..=5), &Up::all()).unwrap();
    let loads = database.loads();
    let report = take(&database, &set(1..=3), &Up::all()).unwrap();
    assert_eq!(report.notices, [Notice::Ahead { newer: vec!["4_m".into(), "5_m".into()] }]);
    assert_eq!((report.applied, database.loads()), (5, loads));
}

#[test]
fn an_older_binary_refuses_a_newer_schema_where_that_is_the_policy() {
    let database = MemoryDatabase::default();
    take(&database, &set(1..=2), &Up::all()).unwrap();
    let settings =
        Settings { policies: Policies { allow_ahead: false, ..Policies::DEFAULT }, ..Settings::DEFAULT };
    let error = take_with(&database, &set([1]), &Up::all(), &settings).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Ahead { newer }) if newer == ["2_m"]));
}

#[test]
fn a_database_that_got_its_migrations_in_another_order_has_the_short_boot_too() {
    let database = MemoryDatabase::default();
    take(&database, &set([1, 3]), &Up::all()).unwrap();
    let lenient = Settings {
        policies: Policies { allow_out_of_order: true, ..Policies::DEFAULT },
        ..Settings::DEFAULT
    };
    assert_eq!(steps(&take_with(&database, &set(1..=3), &Up::all(), &lenient).unwrap()), "+2");
    let loads = database.loads();
    assert!(take(&database, &set(1..=3), &Up::all()).unwrap().is_noop());
    assert_eq!(database.loads(), loads);
}

#[test]
fn the_failure_of_the_third_of_five_keeps_the_first_two_and_reports_them() {
    let (database, set) = (MemoryDatabase::default(), set(1..=5));
    database.fail_on("t3");
    let Error::Failed(failure) = take(&database, &set, &Up::all()).unwrap_err() else {
        panic!("not a failure")
    };
    assert_eq!((steps(&failure.report), failure.name.as_str()), ("+1 +2".to_owned(), "3_m"));
    assert_eq!(database.statements().len(), 2);
    database.heal();
    assert_eq!(steps(&take(&database, &set, &Up::all()).unwrap()), "+3 +4 +5");
}

#[test]
fn a_failed_run_gives_the_lock_back() {
    let (database, set) = (MemoryDatabase::default(), set([1]));
    database.fail_on("t1");
    take(&database, &set, &Up::all()).unwrap_err();
    database.heal();
    take_with(&database, &set, &Up::all(), &impatient()).unwrap();
}

#[test]
fn a_failed_migration_that_runs_statement_by_statement_goes_on_at_its_checkpoint() {
    let set = set_of([statement_by_statement(1, "A; B; C;"), migration(2)]);
    let database = MemoryDatabase::default();
    database.fail_on("B");
    let error = take(&database, &set, &Up::all()).unwrap_err().to_string();
    assert!(error.contains("1 of the 3 statements of 1_m is done and committed"), "{error}");
    database.heal();
    take(&database, &set, &Up::all()).unwrap();
    assert_eq!(database.statements(), ["A", "B", "C", "CREATE TABLE t2 ()"]);
}

/// A plan that applies one migration, whatever the history.
#[derive(Debug)]
struct Only(&'static str);

impl Plan for Only {
    fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
        false
    }

    fn decide<'s>(&self, set: &'s Set, _: &HistoryState, _: &Policies) -> Result<Steps<'s>, Refused> {
        let migration = set.find(&Version::numeric(self.0)).unwrap();
        Ok(Steps {
            steps: vec![Step::apply(migration)],
            notices: vec![Notice::Backend("of the plan".into())],
        })
    }
}

#[test]
fn the_first_step_after_an_interruption_goes_on_where_it_stopped() {
    let set = set_of([statement_by_statement(1, "A; B; C;"), migration(2)]);
    let notices = vec![Notice::Backend("of the backend".into())];
    let mut state = HistoryState { notices, ..HistoryState::EMPTY };
    state.interrupted = Some(interrupted(set.get(0).unwrap(), 2));
    let decided = decide(&Up::all(), &set, &state, &Policies::DEFAULT).unwrap();
    let resumed: Vec<_> = decided.steps.iter().map(|step| (step.is_resumed, step.statements_done)).collect();
    assert_eq!(resumed, [(true, 2), (false, 0)]);
    let decided = decide(&Only("1"), &set, &state, &Policies::DEFAULT).unwrap();
    let notices: Vec<String> = decided.notices.iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["of the backend", "of the plan"]);
}

#[test]
fn nothing_comes_before_what_was_interrupted() {
    let set = set_of([statement_by_statement(1, "A; B; C;"), migration(2), migration(3)]);
    let mut state = state_of([&set]);
    state.applied.remove(0);
    let attempt = interrupted(set.get(0).unwrap(), 2);
    let plans: [&dyn Plan; 3] =
        [&Only("2"), &Resolve::new(Version::numeric("2"), Resolution::Reverted), &Accept::all().forced()];
    let edited = set_of([statement_by_statement(1, "A; B; C;"), migration(2), with_text(3, "X;")]);
    for plan in plans {
        state.interrupted = Some(attempt.clone());
        let refused = decide(plan, &edited, &state, &Policies::DEFAULT).unwrap_err();
        assert!(
            matches!(refused, Refused::Interrupted { problem: Interruption::Applying, .. }),
            "{plan:?}: {refused}"
        );
    }
    // Applying a migration whose revert was interrupted does not resume the attempt.
    state.interrupted = Some(attempt.reverting());
    let refused = decide(&Only("1"), &set, &state, &Policies::DEFAULT).unwrap_err();
    assert!(matches!(refused, Refused::Interrupted { problem: Interruption::Reverting, .. }), "{refused}");
    // Settling it does, in either direction.
    let settle = Resolve::new(Version::numeric("1"), Resolution::Applied);
    assert_eq!(decide(&settle, &set, &state, &Policies::DEFAULT).unwrap().steps.len(), 1);
}

#[test]
fn an_interrupted_migration_that_was_edited_since_is_refused() {
    let database = MemoryDatabase::default();
    database.fail_on("B");
    take(&database, &set_of([statement_by_statement(1, "A; B;")]), &Up::all()).unwrap_err();
    database.heal();
    let error = take(&database, &set_of([statement_by_statement(1, "A; D;")]), &Up::all()).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::Interrupted { statements_done: 1, .. })), "{error}");
}

#[test]
fn a_lock_timeout_is_tried_again_and_counted() {
    let (database, set) = (MemoryDatabase::default(), set(1..=2));
    database.contend_on("t2", 3);
    let mut retries = Vec::new();
    let mut observer = |event: &Event<'_>| {
        if let Event::Retrying { attempts, .. } = event {
            retries.push(*attempts);
        }
    };
    let report =
        block_on(run(&mut database.history(), &set, &Up::all(), &impatient(), &mut observer)).unwrap();
    assert_eq!(report.steps.iter().map(|step| step.attempts).collect::<Vec<_>>(), [1, 4]);
    assert_eq!(retries, [1, 2, 3]);
    assert_eq!(database.statements().len(), 2);
}

#[test]
fn a_lock_timeout_fails_the_run_when_its_budget_is_used_up() {
    let (database, set) = (MemoryDatabase::default(), set([1]));
    database.contend_on("t1", usize::MAX);
    let settings = Settings { retry: Duration::ZERO, ..Settings::DEFAULT };
    let error = take_with(&database, &set, &Up::all(), &settings).unwrap_err();
    assert!(matches!(error, Error::Failed(_)), "{error}");
    assert_eq!(database.statements().len(), 0);
}

#[test]
fn a_run_waits_for_somebody_elses_only_so_long() {
    let (database, set) = (MemoryDatabase::default(), set([1]));
    database.set_locked(true);
    let error = take_with(&database, &set, &Up::all(), &impatient()).unwrap_err();
    assert!(matches!(error, Error::LockWait { .. }), "{error}");
    assert_eq!(database.statements().len(), 0);
}

#[test]
fn a_run_without_a_connection_to_work_with_gives_the_lock_back_and_tries_again() {
    let (database, set) = (MemoryDatabase::default(), set(1..=2));
    database.crowd_out(3);
    let mut started = 0;
    let mut observer = |event: &Event<'_>| started += usize::from(matches!(event, Event::Started { .. }));
    let report = block_on(run(&mut database.history(), &set, &Up::all(), &Settings::DEFAULT, &mut observer));
    assert_eq!(steps(&report.unwrap()), "+1 +2");
    assert_eq!((database.locks(), started), (4, 1));
}

#[test]
fn a_run_that_never_gets_a_connection_ends_within_its_wait_and_says_why() {
    let (database, set) = (MemoryDatabase::default(), set([1]));
    database.crowd_out(usize::MAX);
    let error = take_with(&database, &set, &Up::all(), &impatient()).unwrap_err();
    assert_eq!(error.to_string(), "no connection left");
    assert!(database.locks() > 1 && database.statements().is_empty());
}

#[test]
fn a_run_that_lost_the_race_returns_when_the_winner_is_done() {
    let (winner, set) = (MemoryDatabase::default(), set([1]));
    winner.set_locked(true);
    let mut told = 0;
    let mut observer = |event: &Event<'_>| {
        if matches!(event, Event::WaitingForLock { .. }) {
            told += 1;
            winner.set_locked(false);
            take(&winner, &set, &Up::all()).unwrap();
            winner.set_locked(true);
        }
    };
    let report =
        block_on(run(&mut winner.history(), &set, &Up::all(), &Settings::DEFAULT, &mut observer)).unwrap();
    assert!(report.is_noop());
    assert_eq!((told, winner.locks()), (1, 1));
}

#[test]
fn an_edit_of_comments_alone_is_noticed_without_the_lock() {
    let database = MemoryDatabase::default();
    take(&database, &set_of([with_text(1, "SELECT 1;")]), &Up::all()).unwrap();
    let locks = database.locks();
    let report = take(&database, &set_of([with_text(1, "SELECT 1;\n-- done")]), &Up::all()).unwrap();
    assert!(matches!(report.notices.as_slice(), [Notice::EditedComments { name, .. }] if name == "1_m"));
    assert_eq!(database.locks(), locks);
}

#[test]
fn an_edit_of_substance_is_refused_with_a_diff() {
    let database = MemoryDatabase::default();
    take(&database, &set_of([with_text(1, "SELECT 1;\nSELECT 2;\n")]), &Up::all()).unwrap();
    let error = take(&database, &set_of([with_text(1, "SELECT 1;\nSELECT 3;\n")]), &Up::all()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("-SELECT 2;\n+SELECT 3;"), "{text}");
    assert!(
        matches!(error, Error::Refused(Refused::Edited { version, .. }) if version == Version::numeric("1"))
    );
}

#[test]
fn two_sets_in_one_database_do_not_see_each_other() {
    let database = MemoryDatabase::default();
    take(&database, &set([1]), &Up::all()).unwrap();
    let other = set([1]).named("library");
    assert_eq!(steps(&take(&database, &other, &Up::all()).unwrap()), "+1");
    assert_eq!(database.statements().len(), 2);
}
