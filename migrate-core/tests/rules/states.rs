//! The history's end and its rows: positions, lost rows and notices.

use crate::support::{applied, interrupted, migration, set, set_of, state_of, with_text};
use migrate_core::history::{
    AppliedRef, HistoryHead, HistoryState, HistoryTail, LostRows, Notice, SetPosition,
};
use migrate_core::{Digest, Set, SqlMigration, Version};

fn version(number: &'static str) -> Version {
    Version::numeric(number)
}

fn newer(versions: &[&'static str]) -> Vec<AppliedRef> {
    versions
        .iter()
        .map(|number| AppliedRef { version: version(number), name: format!("{number}_m") })
        .collect()
}

/// The position of a database with this digest, and with these rows since the whole set was applied.
fn position(set: &Set, digest: Digest, since: Option<&[&'static str]>) -> SetPosition {
    HistoryHead { digest, since: since.map(newer), interrupted: None }.position(set)
}

/// A digest that belongs to no prefix of a set.
fn strange() -> Digest {
    set([77]).digests().of_all()
}

#[test]
fn each_beginning_of_a_set_is_a_place_and_tells_what_is_pending() {
    let set = set(1..=3);
    for applied in 0..=3 {
        let position = position(&set, set.digests().of_first(applied), None);
        assert_eq!(position, SetPosition::at(applied, 3));
        assert_eq!((position.pending(), position.is_up_to_date()), (Some(3 - applied), applied == 3));
        let end = HistoryTail { digest: set.digests().of_first(applied), ..HistoryTail::NONE };
        assert_eq!(end.position(&set), position);
    }
    assert_eq!(HistoryTail::NONE.position(&set), HistoryHead::NONE.position(&set));
}

#[test]
fn a_database_is_ahead_where_only_newer_migrations_came_after_the_whole_set() {
    let set = set(1..=3);
    let ahead = |since: &[&'static str]| position(&set, strange(), Some(since));
    let position = ahead(&["4", "5"]);
    assert_eq!(position, SetPosition::Ahead { newer: newer(&["4", "5"]) });
    assert_eq!((position.pending(), position.is_up_to_date()), (Some(0), true));
    // A migration whose text was accepted since then has two rows, and repeatable ones run again.
    assert_eq!(ahead(&["4", "4", "R__v", "5"]), SetPosition::Ahead { newer: newer(&["4", "5"]) });
    for since in [&["4", "2"][..], &["3"], &["R__v"], &[]] {
        assert_eq!(ahead(since), SetPosition::Diverged, "{since:?}");
    }
    let other = self::position(&set, strange(), None);
    assert_eq!((other.pending(), other.is_up_to_date()), (None, false));
}

#[test]
fn an_interruption_counts_unless_it_is_a_newer_releases() {
    let set = set(1..=3);
    let at = |number| {
        let digest = set.digests().of_first(2);
        HistoryHead { digest, since: None, interrupted: Some(version(number)) }.position(&set)
    };
    for number in ["1", "3"] {
        let position = at(number);
        assert_eq!(position, SetPosition::Interrupted { version: version(number) });
        assert_eq!((position.pending(), position.is_up_to_date()), (None, false));
    }
    assert_eq!(at("4"), SetPosition::at(2, 3));
}

#[test]
fn the_last_applied_migration_is_that_of_the_greatest_version_whatever_the_order() {
    let views = SqlMigration::new(version("R__v"), "R__v", crate::support::script("R__v.sql", "VIEW"));
    let mut state = HistoryState { applied: vec![applied(&views)], ..HistoryState::EMPTY };
    assert_eq!(state.last().unwrap().name, "R__v");
    state.applied.extend([9, 10, 2].map(|number| applied(&migration(number))));
    assert_eq!(state.last().unwrap().name, "10_m");
    assert_eq!(state.find(&version("2")).unwrap().name, "2_m");
    assert!(state.find(&version("3")).is_none() && HistoryState::EMPTY.last().is_none());
}

#[test]
fn an_attempt_tells_how_far_its_own_migration_came() {
    let set = set(1..=2);
    let attempt = interrupted(set.get(1).unwrap(), 3);
    assert!(!attempt.failed && !attempt.reverting);
    assert!(attempt.clone().failed().failed && attempt.clone().reverting().reverting);
    assert_eq!(attempt.clone().in_row(12).row, 12);
    let state = HistoryState { interrupted: Some(attempt), ..HistoryState::EMPTY };
    assert_eq!(state.statements_done(&version("2")), Some(3));
    assert_eq!(state.statements_done(&version("1")), None);
    assert_eq!(HistoryState::EMPTY.statements_done(&version("2")), None);
}

#[test]
fn the_names_of_lost_rows_are_those_that_make_what_the_end_says() {
    let set = set(1..=5);
    let names = |left: &[&'static str], end: Digest| {
        let mut state = state_of([&set]);
        state.applied.retain(|applied| left.iter().any(|number| applied.version == version(number)));
        LostRows::new("t", vec![(1, 2)], "remedy").of_set(&set, &state, end).names
    };
    let first = |count| set.digests().of_first(count);
    assert_eq!(names(&["1", "3"], first(3)), ["2_m"], "one from the middle");
    assert_eq!(names(&["1", "2"], first(4)), ["3_m", "4_m"], "the ones that come next");
    assert_eq!(names(&[], first(5)), ["1_m", "2_m", "3_m", "4_m", "5_m"]);
    assert_eq!(names(&["1"], strange()), [""; 0], "nothing of the set makes it");
    assert_eq!(names(&["1", "2"], first(2)), [""; 0], "nothing is missing");
    let one_later = set.get(4).map(|m| Digest::of_migration(m.version(), &m.checksum())).unwrap();
    assert_eq!(names(&["1"], first(1) + one_later), ["5_m"], "one that comes later");
}

#[test]
fn a_notice_names_a_few_and_counts_the_rest() {
    let names = |count: usize| (1..=count).map(|number| format!("{number}_m")).collect::<Vec<_>>();
    let ahead = |count| Notice::Ahead { newer: names(count) }.to_string();
    assert!(ahead(1).contains("1_m was applied"), "{}", ahead(1));
    assert!(ahead(2).contains("1_m, 2_m were applied"), "{}", ahead(2));
    assert!(ahead(5).contains("1_m, 2_m, 3_m, 4_m, 5_m were applied"), "{}", ahead(5));
    assert!(ahead(7).contains("1_m, 2_m, 3_m, 4_m, … 7_m (7 in all) were applied"), "{}", ahead(7));
}

#[test]
fn a_notice_of_deleted_rows_has_their_numbers() {
    let gone = |rows: &[(i64, i64)]| Notice::RowsGone { table: "t".into(), rows: rows.to_vec() }.to_string();
    for (rows, text) in [
        (&[(3, 3)][..], "row 3 of the history t was deleted"),
        (&[(3, 5)], "rows 3 to 5 of the history t were deleted"),
        (&[(1, 1), (3, 5)], "rows 1, 3 to 5 of the history t were deleted"),
        (&[(1, 1), (3, 3), (5, 5), (7, 7), (9, 9)], "rows 1, 3, 5, 7, 9 of the history t were deleted"),
        (
            &[(1, 1), (3, 3), (5, 5), (7, 7), (9, 9), (11, 11)],
            "rows 1, 3, 5, 7, 9, … of the history t were deleted",
        ),
    ] {
        assert!(gone(rows).contains(text), "{}", gone(rows));
    }
}

#[cfg(feature = "histories")]
#[test]
fn a_notice_of_an_adoption_counts_what_was_taken_over() {
    use migrate_core::history::foreign::Tool;
    let adopted = |count| Notice::Adopted { tool: Tool::Sqlx, table: "t".into(), count }.to_string();
    assert!(adopted(1).contains("1 migration is taken over from t of sqlx"), "{}", adopted(1));
    assert!(adopted(2).contains("2 migrations are taken over from t of sqlx"), "{}", adopted(2));
}

#[test]
fn the_digest_of_a_state_is_the_sets_whatever_the_order_of_application() {
    let set = set_of([migration(1), with_text(2, "X;"), migration(3)]);
    let mut state = state_of([&set]);
    state.applied.rotate_left(1);
    assert_eq!(state.digest(), set.digests().of_all());
    assert_eq!(HistoryState::EMPTY.digest(), Digest::EMPTY);
}
