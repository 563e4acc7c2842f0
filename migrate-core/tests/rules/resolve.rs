//! Manual resolution: the record for each answer, in each state of the migration.

use crate::support::{
    applied, digest_after, interrupted, migration, script, set_of, state_of, statement_by_statement,
    with_text,
};
use migrate_core::history::{HistoryState, Interrupted};
use migrate_core::plan::{Plan, Policies, Refused, Resolution, Resolve, Step, Superseded};
use migrate_core::{Checksum, Set, SqlMigration, Version};

/// The step that settles a version of a set, if any.
fn resolve<'s>(
    set: &'s Set,
    state: &HistoryState,
    version: &'static str,
    resolution: Resolution,
) -> Result<Option<Step<'s>>, Refused> {
    let plan = Resolve::new(Version::numeric(version), resolution).because("looked");
    let steps = plan.decide(set, state, &Policies::DEFAULT)?.steps;
    assert!(steps.len() <= 1, "{steps:?}");
    let step = steps.into_iter().next();
    if let Some(step) = &step {
        assert_eq!(step.reason.as_deref(), Some("looked"), "the history keeps the reason");
        assert!(step.payload.is_none() && step.verify.is_none(), "nothing is run");
    }
    Ok(step)
}

/// A migration of three statements that are committed one by one, with a down script of two.
fn set() -> Set {
    let down = script("1.down.sql", "DROP INDEX b; DROP INDEX a;");
    set_of([statement_by_statement(1, "A; B; C;").with_down(down)])
}

/// A history in which the set's migration was interrupted after two statements; `is_applied` says if it
/// counts as applied.
fn stopped(set: &Set, reverting: bool, is_applied: bool) -> HistoryState {
    let attempt = interrupted(set.get(0).unwrap(), 2);
    let attempt = if reverting { attempt.reverting() } else { attempt };
    let before = if is_applied { state_of([set]) } else { HistoryState::EMPTY };
    HistoryState { interrupted: Some(attempt), ..before }
}

#[test]
fn what_was_not_interrupted_is_recorded_only_where_that_changes_something() {
    let set = set_of([migration(1)]);
    let (pending, done) = (HistoryState::EMPTY, state_of([&set]));
    let edited = set_of([with_text(1, "CREATE TABLE other ();")]);
    let missing = set_of([migration(2)]);
    type Case<'a> = (&'a str, &'a Set, &'a HistoryState, Resolution, Option<&'a str>);
    let cases: [Case<'_>; 7] = [
        ("pending, and applied by hand", &set, &pending, Resolution::Applied, Some("mark 1_m")),
        ("pending, and reverted", &set, &pending, Resolution::Reverted, None),
        ("applied, and so it is", &set, &done, Resolution::Applied, None),
        ("applied with another text", &edited, &done, Resolution::Applied, None),
        ("applied, and missing from the set", &missing, &done, Resolution::Applied, None),
        ("applied, and reverted by hand", &set, &done, Resolution::Reverted, Some("unmark 1_m")),
        ("missing from the set, and reverted", &missing, &done, Resolution::Reverted, Some("unmark 1_m")),
    ];
    for (case, set, state, resolution, expected) in cases {
        let step = resolve(set, state, "1", resolution).unwrap();
        assert_eq!(step.as_ref().map(ToString::to_string).as_deref(), expected, "{case}");
        if let Some(step) = step {
            let after = digest_after(state, &[step]);
            let is_applied = resolution == Resolution::Applied;
            assert_eq!(
                after,
                if is_applied { state_of([set]) } else { HistoryState::EMPTY }.digest(),
                "{case}"
            );
        }
    }
}

#[test]
fn a_version_that_neither_the_set_nor_the_history_has_is_refused() {
    let set = set_of([migration(1)]);
    for resolution in [Resolution::Applied, Resolution::Reverted, Resolution::ResumeAt(1)] {
        let refused = resolve(&set, &HistoryState::EMPTY, "9", resolution).unwrap_err();
        assert!(matches!(refused, Refused::UnknownVersion { .. }), "{refused}");
    }
}

#[test]
fn the_new_text_of_a_repeatable_migration_takes_the_place_of_the_applied_one() {
    let views =
        |text| set_of([SqlMigration::new(Version::numeric("R__v"), "R__v", script("R__v.sql", text))]);
    let (old, new) = (views("VIEW 1"), views("VIEW 2"));
    let state = state_of([&old]);
    let step = resolve(&new, &state, "R__v", Resolution::Applied).unwrap().unwrap();
    let was = old.get(0).unwrap();
    let superseded = Superseded { version: was.version().clone(), checksum: was.checksum() };
    assert_eq!(step.supersedes, [superseded]);
    assert_eq!(digest_after(&state, &[step]), new.digests().of_all());
    assert!(resolve(&old, &state, "R__v", Resolution::Applied).unwrap().is_none(), "it is there already");
}

#[test]
fn an_interrupted_migration_that_is_applied_counts_with_the_text_that_was_begun() {
    let set = set();
    let state = stopped(&set, false, false);
    let step = resolve(&set, &state, "1", Resolution::Applied).unwrap().unwrap();
    assert_eq!(step.to_string(), "mark 1_m");
    assert!(step.up.is_some() && step.down.is_some(), "the history keeps its texts");
    let settled = step.settles.unwrap();
    assert_eq!((settled.row, settled.statements_done, settled.reverting), (7, 2, false));
    assert_eq!(digest_after(&state, &[step]), set.digests().of_all());

    let edited = set_of([statement_by_statement(1, "A; B; D;")]);
    let step = resolve(&edited, &state, "1", Resolution::Applied).unwrap().unwrap();
    assert_eq!((step.to_string().as_str(), step.checksum), ("mark 1_m", set.get(0).unwrap().checksum()));
    assert!(step.up.is_none(), "the text of the set is not the one that was begun");
    assert_eq!(digest_after(&state, &[step]), set.digests().of_all());
}

#[test]
fn an_interrupted_migration_that_is_reverted_leaves_what_counts_as_it_was() {
    let set = set();
    let state = stopped(&set, false, false);
    let step = resolve(&set, &state, "1", Resolution::Reverted).unwrap().unwrap();
    assert_eq!(step.to_string(), "unmark 1_m");
    assert!(step.up.is_some(), "the history keeps the text that was begun");
    assert!(!step.changes && step.settles.is_some());
    assert_eq!(digest_after(&state, &[step]), state.digest());
}

#[test]
fn an_interrupted_revert_is_settled_either_way() {
    let set = set();
    let state = stopped(&set, true, true);
    let stays = resolve(&set, &state, "1", Resolution::Applied).unwrap().unwrap();
    assert!(stays.settles.unwrap().reverting);
    assert_eq!((stays.changes, digest_after(&state, &[stays])), (false, set.digests().of_all()));
    let goes = resolve(&set, &state, "1", Resolution::Reverted).unwrap().unwrap();
    assert_eq!(goes.to_string(), "unmark 1_m");
    assert_eq!((goes.changes, digest_after(&state, &[goes])), (true, HistoryState::EMPTY.digest()));
}

#[test]
fn an_interrupted_migration_may_resume_at_each_statement_of_the_script_that_was_begun() {
    let set = set();
    for (reverting, statements) in [(false, 3), (true, 2)] {
        let state = stopped(&set, reverting, reverting);
        for statement in 0..5 {
            match resolve(&set, &state, "1", Resolution::ResumeAt(statement)) {
                Ok(step) => {
                    let step = step.unwrap();
                    assert_eq!((step.to_string().as_str(), step.changes), ("rewind 1_m", false));
                    let settled = step.settles.unwrap();
                    assert_eq!((settled.row, settled.statements_done), (7, statement - 1));
                    assert_eq!(settled.reverting, reverting);
                    assert!((1..=statements).contains(&statement));
                }
                Err(Refused::NoSuchStatement { statement: asked, statements: most, .. }) => {
                    assert_eq!((asked, most), (statement, statements));
                    assert!(!(1..=statements).contains(&statement), "{statement} of {statements}");
                }
                Err(refused) => panic!("{refused}"),
            }
        }
    }
}

#[test]
fn an_interrupted_migration_that_the_set_lacks_may_resume_at_any_statement_but_none() {
    let (begun, other) = (set(), set_of([migration(2)]));
    let state = stopped(&begun, false, false);
    let step = resolve(&other, &state, "1", Resolution::ResumeAt(40)).unwrap().unwrap();
    assert_eq!((step.to_string().as_str(), step.settles.unwrap().statements_done), ("rewind 1_m", 39));
    assert_eq!(step.checksum, begun.get(0).unwrap().checksum());
    let refused = resolve(&other, &state, "1", Resolution::ResumeAt(0)).unwrap_err();
    assert!(matches!(refused, Refused::NoSuchStatement { .. }), "{refused}");
}

#[test]
fn only_what_was_interrupted_may_resume() {
    let (set, missing) = (set_of([migration(1), migration(2)]), set_of([migration(2)]));
    let stopped_elsewhere = HistoryState {
        interrupted: Some(Interrupted::new(Version::numeric("2"), "2_m", Checksum::of("x"), 1)),
        ..HistoryState::EMPTY
    };
    let with_one = HistoryState { applied: vec![applied(&migration(1))], ..HistoryState::EMPTY };
    for (set, state, is_applied) in [
        (&set, &HistoryState::EMPTY, false),
        (&set, &stopped_elsewhere, false),
        (&set, &with_one, true),
        (&missing, &with_one, true),
    ] {
        match resolve(set, state, "1", Resolution::ResumeAt(1)) {
            Err(Refused::NotInterrupted { name, applied, .. }) => {
                assert_eq!((name.as_str(), applied), ("1_m", is_applied));
            }
            other => panic!("{other:?}"),
        }
    }
}
