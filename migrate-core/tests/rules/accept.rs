//! Acceptance of edits: the texts that are accepted, and those that are refused.

use crate::support::{applied, digest_after, interrupted, set_of, state_of, with_text, words};
use migrate_core::history::{Applied, HistoryState, Kept};
use migrate_core::plan::{Accept, Action, Interruption, Plan, Policies, Refused, Superseded};
use migrate_core::{Checksum, Set, SqlMigration, Version};

/// The text with which the migration of version 1 was applied.
const APPLIED: &str = "CREATE TABLE a ();\n";

fn version(number: &'static str) -> Version {
    Version::numeric(number)
}

/// A set whose first migration has this text, followed by a second and a repeatable one.
fn set(first: &str) -> Set {
    let views = SqlMigration::new(version("R__v"), "R__v", crate::support::script("R__v.sql", "VIEW 2"));
    set_of([with_text(1, first), with_text(2, "SELECT 2;"), views])
}

/// A history in which migration 1 was applied with its first text, which was stored, and the others with
/// their current texts.
fn state(set: &Set) -> HistoryState {
    let mut state = state_of([set]);
    state.applied[0] = edited(&state.applied[0], APPLIED);
    state
}

/// An applied migration with another text, which the history stored.
fn edited(applied: &Applied, then: &str) -> Applied {
    let mut applied = applied.clone();
    applied.checksum = Checksum::of(then);
    applied.kept = Some(Kept { up: Some(then.to_owned()), down: None });
    applied
}

#[test]
fn another_formatting_is_accepted_and_the_new_text_counts() {
    let set = set("create table a ();\n");
    let state = state(&set);
    let accept = Accept::new(version("1")).because("formatted");
    let steps = accept.decide(&set, &state, &Policies::DEFAULT).unwrap().steps;
    let [step] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!((step.action, step.version.clone()), (Action::Accept, version("1")));
    assert_eq!(step.reason.as_deref(), Some("formatted"));
    assert_eq!(step.checksum, set.get(0).unwrap().checksum());
    assert_eq!(step.supersedes, [Superseded { version: version("1"), checksum: Checksum::of(APPLIED) }]);
    assert!(step.payload.is_none(), "nothing is run");
    assert_eq!(digest_after(&state, &steps), set.digests().of_all());
}

#[test]
fn all_accepts_each_edit_of_a_versioned_migration_and_nothing_else() {
    let set = set("create table a ();\n");
    let mut state = state(&set);
    // A repeatable migration with another text runs again, and one that the set lacks has no text to accept.
    state.applied[2] = edited(&state.applied[2], "VIEW 1");
    state.applied.push(applied(&with_text(3, "SELECT 3;")));
    assert_eq!(words(&Accept::all().decide(&set, &state, &Policies::DEFAULT).unwrap().steps), ["accept 1"]);
    let unedited = state_of([&set]);
    assert!(Accept::all().decide(&set, &unedited, &Policies::DEFAULT).unwrap().steps.is_empty());
}

#[test]
fn other_statements_are_refused_with_a_diff_unless_forced() {
    let set = set("CREATE TABLE b ();\n");
    let state = state(&set);
    for accept in [Accept::new(version("1")), Accept::each([version("2"), version("1")]), Accept::all()] {
        match accept.decide(&set, &state, &Policies::DEFAULT) {
            Err(Refused::OtherStatements { name, diff, .. }) => {
                assert_eq!(name, "1_m");
                assert!(diff.as_str().contains("-CREATE TABLE a ();\n+CREATE TABLE b ();"), "{diff}");
            }
            other => panic!("{other:?}"),
        }
        let forced = accept.because("as it is").forced().decide(&set, &state, &Policies::DEFAULT).unwrap();
        assert_eq!(words(&forced.steps), ["accept 1"]);
        assert_eq!(forced.steps[0].reason.as_deref(), Some("as it is"));
    }
}

#[test]
fn an_edit_of_a_text_that_the_history_did_not_keep_is_refused_unless_forced() {
    let set = set("create table a ();\n");
    let mut state = state(&set);
    state.applied[0].kept = None;
    match Accept::all().decide(&set, &state, &Policies::DEFAULT) {
        Err(Refused::OtherStatements { diff, .. }) => assert_eq!(diff.as_str(), ""),
        other => panic!("{other:?}"),
    }
    assert_eq!(Accept::all().forced().decide(&set, &state, &Policies::DEFAULT).unwrap().steps.len(), 1);
}

#[test]
fn a_migration_without_an_edit_has_nothing_to_accept() {
    let set = set(APPLIED);
    let accept = Accept::each([version("1"), version("2")]);
    assert!(accept.decide(&set, &state(&set), &Policies::DEFAULT).unwrap().steps.is_empty());
}

#[test]
fn what_is_not_applied_or_not_in_the_set_has_no_text_to_accept() {
    let set = set("create table a ();\n");
    let accept = |number, state: &HistoryState| {
        Accept::new(version(number)).decide(&set, state, &Policies::DEFAULT).unwrap_err()
    };
    let mut state = state(&set);
    assert!(matches!(accept("9", &state), Refused::UnknownVersion { .. }));
    assert!(matches!(accept("2", &HistoryState::EMPTY), Refused::NotApplied { name, .. } if name == "2_m"));
    state.applied.push(applied(&with_text(3, "SELECT 3;")));
    assert!(matches!(accept("3", &state), Refused::Missing { name, .. } if name == "3_m"));
}

#[test]
fn an_interrupted_migration_is_finished_before_its_text_is_accepted_and_others_are_not_concerned() {
    let set = set("create table a ();\n");
    let mut state = state(&set);
    state.interrupted = Some(interrupted(set.get(0).unwrap(), 1));
    let refused = Accept::new(version("1")).decide(&set, &state, &Policies::DEFAULT).unwrap_err();
    assert!(matches!(refused, Refused::Interrupted { problem: Interruption::Applying, .. }), "{refused}");
    state.interrupted = Some(interrupted(set.get(1).unwrap(), 1));
    assert_eq!(Accept::new(version("1")).decide(&set, &state, &Policies::DEFAULT).unwrap().steps.len(), 1);
}
