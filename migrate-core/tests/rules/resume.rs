//! Resuming after an interruption, and the refusals to resume.

use crate::support::{
    digest_after, interrupted, migration, set, set_of, state_of, statement_by_statement, with_text, words,
};
use migrate_core::history::{HistoryState, Interrupted, LostRows};
use migrate_core::plan::{Baseline, Down, Interruption, Plan, Policies, Redo, Refused, To, Up};
use migrate_core::{Set, Version};

fn version(number: &'static str) -> Version {
    Version::numeric(number)
}

/// The decision of a run after an interruption: the steps, or the refusal.
fn up(set: &Set, attempt: Interrupted) -> Result<Vec<String>, Interruption> {
    let state = HistoryState { interrupted: Some(attempt), ..HistoryState::EMPTY };
    match Up::all().decide(set, &state, &Policies::DEFAULT) {
        Ok(steps) => {
            assert_eq!(digest_after(&state, &steps.steps), set.digests().of_all());
            let settle = |settles: bool| if settles { "settle and " } else { "" };
            let word = |step: &migrate_core::plan::Step<'_>| {
                format!("{}{} {}", settle(step.settles.is_some()), step.action, step.version)
            };
            Ok(steps.steps.iter().map(word).collect())
        }
        Err(Refused::Interrupted { problem, .. }) => Err(problem),
        Err(refused) => panic!("{refused}"),
    }
}

/// An attempt at the first migration of a set, as recorded in its history row.
fn attempt(set: &Set, done: usize, failed: bool) -> Interrupted {
    let attempt = interrupted(set.get(0).unwrap(), done);
    if failed { attempt.failed() } else { attempt }
}

/// The same attempt in another tool's table, which has no numbered rows.
fn without_row(attempt: Interrupted) -> Interrupted {
    attempt.in_row(0)
}

#[test]
fn the_text_that_was_begun_resumes_before_anything_else() {
    let set = set_of([statement_by_statement(1, "A; B; C;"), migration(2)]);
    for failed in [true, false] {
        for done in 0..3 {
            assert_eq!(up(&set, attempt(&set, done, failed)).unwrap(), ["apply 1", "apply 2"]);
        }
    }
}

#[test]
fn a_script_that_has_a_transaction_now_resumes_only_where_its_first_statement_failed() {
    let set = set_of([with_text(1, "A; B; C;")]);
    assert_eq!(up(&set, attempt(&set, 0, true)).unwrap(), ["settle and apply 1"]);
    for (done, failed) in [(1, true), (0, false), (1, false)] {
        assert_eq!(up(&set, attempt(&set, done, failed)), Err(Interruption::Transaction), "{done} {failed}");
    }
    for (done, failed) in [(0, true), (1, true), (0, false), (1, false)] {
        let elsewhere = without_row(attempt(&set, done, failed));
        assert_eq!(up(&set, elsewhere).unwrap(), ["apply 1"], "another tool's table has no checkpoints");
    }
}

#[test]
fn an_edited_script_resumes_where_the_server_refused_a_statement_and_those_before_are_as_they_were() {
    let was = "A; B; C;";
    type Case<'a> = (&'a str, usize, bool, Option<&'a str>, &'a str, bool);
    let cases: [Case<'_>; 11] = [
        ("the first statement failed", 0, true, None, "X;", true),
        ("the first statement is in doubt", 0, false, None, "X; B; C;", false),
        ("the failed statement is corrected", 2, true, Some(was), "A; B; D;", true),
        ("so it is, and comments are new", 2, true, Some(was), "A; -- new\nB; D;", true),
        ("so it is, and one is added", 1, true, Some(was), "A; X; B; C;", true),
        ("the statement is in doubt", 2, false, Some(was), "A; B; D;", false),
        ("a statement that is done is another one", 2, true, Some(was), "A; X; D;", false),
        ("the first that is done is another one", 2, true, Some(was), "X; B; D;", false),
        ("one that is done is gone", 2, true, Some(was), "A;", false),
        ("the history kept no text", 1, true, None, "A; X;", false),
        (
            "the history kept no secret",
            1,
            true,
            Some("ALTER ROLE a PASSWORD '[redacted]'; B;"),
            "A; X;",
            false,
        ),
    ];
    let begun_set = set_of([statement_by_statement(1, was)]);
    for (case, done, failed, begun, now, resumes) in cases {
        let now = set_of([statement_by_statement(1, now)]);
        let mut attempt = attempt(&begun_set, done, failed);
        attempt.begun = begun.map(Into::into);
        let expected =
            if resumes { Ok(vec!["settle and apply 1".to_owned()]) } else { Err(Interruption::Edited) };
        assert_eq!(up(&now, attempt.clone()), expected, "{case}");
        assert_eq!(
            up(&now, without_row(attempt)),
            Err(Interruption::Edited),
            "{case}, in another tool's table"
        );
    }
}

#[test]
fn an_edited_script_that_has_a_transaction_now_resumes_only_at_its_beginning() {
    let was = set_of([statement_by_statement(1, "A; B; C;")]);
    let now = set_of([with_text(1, "A; B; D;")]);
    let begun = |done| {
        let mut attempt = attempt(&was, done, true);
        attempt.begun = Some("A; B; C;".to_owned());
        attempt
    };
    assert_eq!(up(&now, begun(0)).unwrap(), ["settle and apply 1"]);
    assert_eq!(up(&now, begun(1)), Err(Interruption::Edited));
}

#[test]
fn what_was_begun_and_is_missing_or_was_being_reverted_does_not_resume() {
    let (begun, other) = (set([1]), set([2]));
    assert_eq!(up(&other, attempt(&begun, 0, true)), Err(Interruption::Missing));
    assert_eq!(up(&begun, attempt(&begun, 0, true).reverting()), Err(Interruption::Reverting));
}

#[test]
fn a_target_before_the_interrupted_migration_is_refused_and_one_at_it_finishes_it() {
    let set = set_of([migration(1), statement_by_statement(2, "A; B;"), migration(3)]);
    let mut state = state_of([&set]);
    state.applied.truncate(1);
    state.interrupted = Some(interrupted(set.get(1).unwrap(), 1));
    let to =
        |number| Up::to(version(number)).decide(&set, &state, &Policies::DEFAULT).map(|s| words(&s.steps));
    assert!(matches!(to("1"), Err(Refused::Interrupted { problem: Interruption::Applying, .. })));
    assert_eq!(to("2").unwrap(), ["apply 2"]);
    assert_eq!(to("3").unwrap(), ["apply 2", "apply 3"]);
}

#[test]
fn an_interrupted_migration_that_is_out_of_order_goes_on_with_a_notice() {
    let set = set(1..=3);
    let mut state = state_of([&set]);
    state.applied.remove(1);
    let strict = |state: &HistoryState| Up::all().decide(&set, state, &Policies::DEFAULT);
    assert!(matches!(strict(&state), Err(Refused::OutOfOrder { .. })));
    // The policy allowed it at the beginning of the attempt.
    state.interrupted = Some(interrupted(set.get(1).unwrap(), 0).failed());
    let decided = strict(&state).unwrap();
    assert_eq!((words(&decided.steps), decided.notices.len()), (vec!["apply 2".to_owned()], 1));
    state.interrupted = Some(interrupted(set.get(2).unwrap(), 0).failed());
    assert!(
        matches!(strict(&state), Err(Refused::OutOfOrder { .. })),
        "another one's interruption allows nothing"
    );
}

#[test]
fn an_interrupted_revert_goes_on_and_an_interrupted_migration_is_finished_before_any_is_reverted() {
    let set = set(1..=2);
    let plans: [&dyn Plan; 3] = [&Down::count(1), &Redo::count(1), &To::version(version("1"))];
    for plan in plans {
        let mut state = state_of([&set]);
        let attempt = interrupted(set.get(1).unwrap(), 1);
        state.interrupted = Some(attempt.clone());
        match plan.decide(&set, &state, &Policies::DEFAULT) {
            Err(Refused::Interrupted { problem: Interruption::Applying, name, .. }) => {
                assert_eq!(name, "2_m");
            }
            other => panic!("{plan:?}: {other:?}"),
        }
        state.interrupted = Some(attempt.reverting());
        let steps = plan.decide(&set, &state, &Policies::DEFAULT).unwrap().steps;
        assert_eq!(words(&steps)[0], "revert 2", "{plan:?}");
    }
}

#[test]
fn no_plan_is_made_from_a_history_that_lost_rows() {
    let set = set(1..=2);
    let lost = LostRows::new("migrations", vec![(1, 1)], "…");
    let state = HistoryState { lost: Some(lost), ..state_of([&set]) };
    let plans: [&dyn Plan; 5] = [
        &Up::all(),
        &Down::count(1),
        &Redo::count(1),
        &Baseline::at(version("1")),
        &To::version(version("1")),
    ];
    for plan in plans {
        let refused = plan.decide(&set, &state, &Policies::DEFAULT).unwrap_err();
        assert!(matches!(refused, Refused::RowsLost { .. }), "{plan:?}: {refused}");
    }
}

#[test]
fn a_kept_down_script_without_its_password_is_not_run() {
    let (was, now) = (set(1..=2), set([1]));
    let mut state = state_of([&was]);
    let kept = |down: &str| migrate_core::history::Kept { up: None, down: Some(down.to_owned()) };
    state.applied[1].kept = Some(kept("ALTER ROLE a PASSWORD '[redacted]';"));
    let down = |state: &HistoryState| {
        Down::count(1).decide(&now, state, &Policies::DEFAULT).map(|s| words(&s.steps))
    };
    assert!(matches!(down(&state), Err(Refused::KeptDown { name, .. }) if name == "2_m"));
    state.applied[1].kept = Some(kept("DROP ROLE a;"));
    assert_eq!(down(&state).unwrap(), ["revert 2"]);
}
