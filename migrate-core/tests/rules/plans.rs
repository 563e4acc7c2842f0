//! Plans, as pure functions of set and history.

use crate::support::{self, block_on, set, set_of, steps, take, with_text};
use migrate_core::engine::MemoryDatabase;
use migrate_core::engine::MemoryError as Error;
use migrate_core::history::{AppliedRef, HistoryHead, HistoryState, SetPosition};
use migrate_core::plan::{
    Accept, Action, Adopted, Baseline, Down, Plan, Policies, Redo, Refused, Resolution, Resolve, Step, Steps,
    Superseded, To, Up,
};
use migrate_core::{Set, SqlMigration, Version};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn version(number: u32) -> Version {
    Version::numeric(number.to_string())
}

/// The state of a database with these versions applied in order.
fn state_of(versions: &[u32]) -> HistoryState {
    use migrate_core::engine::History;
    let database = MemoryDatabase::default();
    for count in 1..=versions.len() {
        let so_far = set(versions[..count].iter().copied());
        let settings = migrate_core::engine::Settings {
            policies: Policies { allow_out_of_order: true, ..Policies::DEFAULT },
            ..migrate_core::engine::Settings::DEFAULT
        };
        support::take_with(&database, &so_far, &Up::all(), &settings).unwrap();
    }
    block_on(database.history().load(&set([]))).unwrap()
}

fn words(steps: &Steps<'_>) -> Vec<String> {
    let sign = |action| match action {
        Action::Apply => "+",
        Action::Revert => "-",
        _ => "=",
    };
    steps.steps.iter().map(|step| format!("{}{}", sign(step.action), step.version)).collect()
}

fn decide(plan: &dyn Plan, set: &Set, applied: &[u32]) -> Result<Vec<String>, Refused> {
    plan.decide(set, &state_of(applied), &Policies::DEFAULT).map(|steps| words(&steps))
}

#[test]
fn each_plan_takes_the_steps_that_its_name_says() {
    let set = set(1..=4);
    type Case<'a> = (&'a str, &'a dyn Plan, &'a [u32], &'a [&'a str]);
    let cases: [Case<'_>; 14] = [
        ("up", &Up::all(), &[1, 2], &["+3", "+4"]),
        ("up to 3", &Up::to(version(3)), &[1], &["+2", "+3"]),
        ("up to 1", &Up::to(version(1)), &[1, 2], &[]),
        ("down one", &Down::count(1), &[1, 2, 3], &["-3"]),
        ("down more than there are", &Down::count(9), &[1, 2], &["-2", "-1"]),
        ("down to 1", &Down::to(version(1)), &[1, 2, 3], &["-3", "-2"]),
        ("down all", &Down::all(), &[1, 2], &["-2", "-1"]),
        ("down in the order of application", &Down::count(2), &[1, 3, 2], &["-2", "-3"]),
        ("redo one", &Redo::count(1), &[1, 2], &["-2", "+2"]),
        ("redo two", &Redo::count(2), &[1, 2], &["-2", "-1", "+1", "+2"]),
        ("to, forward", &To::version(version(3)), &[1], &["+2", "+3"]),
        ("to, backward", &To::version(version(1)), &[1, 2, 3], &["-3", "-2"]),
        ("to, there", &To::version(version(2)), &[1, 2], &[]),
        ("baseline", &Baseline::at(version(2)), &[], &["=1", "=2"]),
    ];
    for (what, plan, applied, expected) in cases {
        assert_eq!(decide(plan, &set, applied).unwrap(), expected, "{what}");
    }
}

#[test]
fn what_contradicts_the_set_is_refused_by_name() {
    use Refused as R;
    type Case<'a> = (&'a str, &'a dyn Plan, Set, &'a [u32], fn(&Refused) -> bool);
    let cases: [Case<'_>; 7] = [
        (
            "a hole",
            &Up::all(),
            set(1..=3),
            &[1, 3],
            |r| matches!(r, R::OutOfOrder { name, after, .. } if name == "2_m" && after == "3_m"),
        ),
        (
            "a missing file",
            &Up::all(),
            set([1, 3]),
            &[1, 2, 3],
            |r| matches!(r, R::Missing { name, .. } if name == "2_m"),
        ),
        ("no such target", &Up::to(version(9)), set(1..=3), &[], |r| matches!(r, R::UnknownVersion { .. })),
        ("no such version below", &Down::to(version(7)), set(1..=3), &[1], |r| {
            matches!(r, R::UnknownVersion { .. })
        }),
        ("no such baseline", &Baseline::at(version(7)), set(1..=3), &[], |r| {
            matches!(r, R::UnknownVersion { .. })
        }),
        ("a baseline over a history", &Baseline::at(version(3)), set(1..=3), &[1], |r| {
            matches!(r, R::NotEmpty { applied: 1, .. })
        }),
        ("a redo without its file", &Redo::count(1), set([1]), &[1, 2], |r| matches!(r, R::Missing { .. })),
    ];
    for (what, plan, set, applied, expected) in cases {
        let refused = decide(plan, &set, applied).unwrap_err();
        assert!(expected(&refused), "{what}: {refused:?}");
    }
}

/// The position of a database with the first `applied` migrations of a set.
fn at(set: &Set, applied: usize) -> SetPosition {
    HistoryHead { digest: set.digests().of_first(applied), ..HistoryHead::NONE }.position(set)
}

#[test]
fn one_look_tells_whether_a_plan_has_certainly_nothing_or_certainly_something_to_do() {
    let set = set(1..=3);
    // For 0 to 3 applied migrations: `=` if nothing is to be done, `!` if something is, `?` if only the
    // history tells.
    let cases: [(&dyn Plan, &str); 12] = [
        (&Up::all(), "!!!="),
        (&Up::to(version(2)), "!!=="),
        (&Up::to(version(9)), "????"),
        (&To::version(version(2)), "??=?"),
        (&Baseline::at(version(2)), "??=?"),
        (&Down::count(0), "===="),
        (&Down::count(1), "????"),
        (&Down::all(), "????"),
        (&Redo::count(0), "===="),
        (&Redo::count(1), "????"),
        (&Accept::all(), "????"),
        (&Resolve::new(version(1), Resolution::Applied), "????"),
    ];
    for (plan, expected) in cases {
        let told: String = (0..=3).map(|applied| told(plan, &set, &at(&set, applied))).collect();
        assert_eq!(told, expected, "{plan:?}");
    }
}

fn told(plan: &dyn Plan, set: &Set, position: &SetPosition) -> char {
    match (plan.surely_done(set, position, &Policies::DEFAULT), plan.surely_pending(set, position)) {
        (true, false) => '=',
        (false, true) => '!',
        (false, false) => '?',
        (true, true) => panic!("{plan:?} has nothing and something to do at {position:?}"),
    }
}

#[cfg(feature = "histories")]
#[test]
fn before_an_adoption_only_the_whole_history_tells_what_is_due() {
    use migrate_core::plan::Adopt;
    let set = set(1..=3);
    let told = |plan: Adopt| (0..=3).map(|applied| told(&plan, &set, &at(&set, applied))).collect::<String>();
    assert_eq!(told(Adopt::then(Up::all())), "?!!=");
    assert_eq!(told(Adopt::then(Down::count(1))), "????");
    assert!(Adopt::then(Up::all()).may_replan() && !Adopt::then(Down::count(1)).may_replan());
}

#[test]
fn a_plan_may_be_decided_anew_where_it_leads_to_a_place_and_not_over_a_distance() {
    let places: [&dyn Plan; 5] = [
        &Up::all(),
        &Up::to(version(1)),
        &To::version(version(1)),
        &Baseline::at(version(1)),
        &Accept::new(version(1)),
    ];
    assert!(places.iter().all(|plan| plan.may_replan()));
    let distances: [&dyn Plan; 3] =
        [&Down::count(1), &Redo::count(1), &Resolve::new(version(1), Resolution::Reverted)];
    assert!(distances.iter().all(|plan| !plan.may_replan()));
}

#[test]
fn going_to_where_the_database_stands_still_compares_it_with_the_set() {
    let edited = set_of([with_text(1, "CREATE TABLE other ();"), support::migration(2)]);
    let refused = decide(&To::version(version(2)), &edited, &[1, 2]).unwrap_err();
    assert!(matches!(refused, Refused::Edited { .. }), "{refused}");
    // Only later versions are beyond the target. Going to a version that is not applied means going forward,
    // or reverting the versions after it, which need it to exist.
    let refused = decide(&To::version(version(2)), &set(1..=3), &[1, 3]).unwrap_err();
    assert!(matches!(refused, Refused::UnknownVersion { .. }), "{refused}");
}

/// The history of a migration that was applied with this text.
fn applied_as(number: u32, text: &str) -> HistoryState {
    support::state_of([&set_of([with_text(number, text)])])
}

#[test]
fn a_migration_that_was_renumbered_is_recognized_by_its_text() {
    let up = |set: &Set, state: &HistoryState, policies: &Policies| {
        Up::all().decide(set, state, policies).map(|_| ())
    };
    let renumbered = |set: &Set, state: &HistoryState| match up(set, state, &Policies::DEFAULT) {
        Err(Refused::Missing { name, renumbered, newest, .. }) => (name, renumbered, newest),
        other => panic!("{other:?}"),
    };
    let state = applied_as(1, "CREATE TABLE a ();");
    type Case<'a> = (&'a str, Set, Option<&'a str>);
    let cases: [Case<'_>; 4] = [
        ("the same text", set_of([with_text(2, "CREATE TABLE a ();")]), Some("2_m")),
        ("another text", set_of([with_text(2, "CREATE TABLE b ();")]), None),
        (
            "the second has it",
            set_of([with_text(2, "X;"), with_text(3, "CREATE TABLE a ();"), with_text(4, "Y;")]),
            Some("3_m"),
        ),
        ("a repeatable one has it", repeatable_beside_2("CREATE TABLE a ();"), None),
    ];
    let newest = ["2_m", "2_m", "4_m", "R__v"];
    for ((case, set, expected), newest) in cases.into_iter().zip(newest) {
        let expected = ("1_m".to_owned(), expected.map(str::to_owned), newest.to_owned());
        assert_eq!(renumbered(&set, &state), expected, "{case}");
        // It would run a second time, so no policy allows that.
        let lenient = Policies { allow_missing: true, allow_out_of_order: true, ..Policies::DEFAULT };
        let allowed = up(&set, &state, &lenient);
        assert_eq!(allowed.is_ok(), expected.1.is_none(), "{case}: {allowed:?}");
    }
    // Scripts without a statement are all alike.
    let comment = "-- nothing here";
    assert_eq!(renumbered(&set_of([with_text(2, comment)]), &applied_as(1, comment)).1, None);
    // An applied migration is not another one's new version.
    let twins = set_of([with_text(1, "CREATE TABLE a ();"), with_text(2, "CREATE TABLE a ();")]);
    let second = set_of([with_text(2, "CREATE TABLE a ();")]);
    assert_eq!(renumbered(&second, &support::state_of([&twins])).1, None);
}

/// A set of a migration with version 2 and a repeatable one with this text.
fn repeatable_beside_2(text: &str) -> Set {
    let views = SqlMigration::new(Version::numeric("R__v"), "R__v", support::script("R__v.sql", text));
    set_of([with_text(2, "SELECT 2;"), views])
}

#[test]
fn a_hole_names_the_version_under_which_its_text_is_applied() {
    let hole = |state: &HistoryState| {
        let set = set_of([with_text(1, "A;"), with_text(2, "B;"), with_text(3, "C;")]);
        match Up::all().decide(&set, state, &Policies::DEFAULT) {
            Err(Refused::OutOfOrder { name, after, applied_as, .. }) => {
                (name, after, applied_as.map(|applied| applied.name))
            }
            other => panic!("{other:?}"),
        }
    };
    let sets = |texts: &[(u32, &str)]| {
        support::state_of([&set_of(texts.iter().map(|(number, text)| with_text(*number, text)))])
    };
    let named =
        |applied: Option<&str>, after: &str| ("2_m".to_owned(), after.to_owned(), applied.map(str::to_owned));
    assert_eq!(hole(&sets(&[(1, "A;"), (3, "C;")])), named(None, "3_m"));
    assert_eq!(hole(&sets(&[(1, "A;"), (3, "C;"), (4, "B;")])), named(Some("4_m"), "4_m"));
    assert_eq!(hole(&sets(&[(1, "A;"), (3, "C;"), (4, "X;")])), named(None, "4_m"));
}

#[test]
fn each_action_has_a_word_for_the_history_and_one_for_people() {
    let words = [
        (Action::Apply, "apply", "applied"),
        (Action::Revert, "revert", "reverted"),
        (Action::Mark, "mark", "marked as applied"),
        (Action::Unmark, "unmark", "marked as reverted"),
        (Action::Accept, "accept", "accepted with its new text"),
    ];
    for (action, word, past) in words {
        assert_eq!((action.word(), action.to_string().as_str(), action.past()), (word, word, past));
    }
    assert!(Action::Rewind.word() == "rewind" && !Action::Rewind.past().is_empty());
}

#[test]
fn a_step_says_what_it_does_and_whether_it_does_so_again() {
    let set = set([1]);
    let migration = set.get(0).unwrap();
    let old = |version: Version| Superseded { version, checksum: migration.checksum() };
    assert_eq!(Step::apply(migration).to_string(), "apply 1_m");
    let again = Step::apply(migration).in_place_of(vec![old(version(1))]);
    assert_eq!(again.to_string(), "apply 1_m again");
    assert_eq!(Step::mark(migration).in_place_of(vec![old(version(7))]).to_string(), "mark 1_m");
    let adopted = Step::mark(migration).adopted(Adopted::default(), "adopted from t (x)");
    assert_eq!(adopted.to_string(), "mark 1_m, adopted from t (x)");
}

#[test]
fn a_step_that_applies_has_the_scripts_that_are_run_and_those_that_are_kept() {
    let verified = support::migration(1).with_verify(support::script("1.verify.sql", "SELECT true;"));
    let set = set_of([verified]);
    let migration = set.get(0).unwrap();
    let apply = Step::apply(migration);
    let path = |script: Option<&migrate_core::Script>| script.map(|script| script.path().to_owned());
    assert_eq!(path(apply.script()).as_deref(), Some("1.sql"));
    assert_eq!(path(apply.verify).as_deref(), Some("1.verify.sql"));
    assert_eq!(path(apply.up.as_deref()).as_deref(), Some("1.sql"));
    assert_eq!(path(apply.down.as_deref()).as_deref(), Some("1.down.sql"));
    let mark = Step::mark(migration);
    assert!(mark.script().is_none() && mark.verify.is_none() && mark.up.is_some() && mark.down.is_some());
    let down = migration.down().unwrap();
    let revert = Step::revert(version(1), "1_m", migration.checksum(), down);
    assert_eq!(path(revert.script()).as_deref(), Some("1.down.sql"));
    assert_eq!(path(revert.down.as_deref()).as_deref(), Some("1.down.sql"));
    assert!(revert.up.is_none());
}

#[test]
fn a_missing_down_is_found_before_anything_is_reverted() {
    let set = set_of([with_text(1, "A;"), support::migration(2)]);
    let database = MemoryDatabase::default();
    take(&database, &set, &Up::all()).unwrap();
    let error = take(&database, &set, &Down::count(2)).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::NoDown { ref name, .. }) if name == "1_m"), "{error}");
    assert_eq!(database.statements().len(), 2);
}

#[test]
fn an_older_binary_reverts_what_it_never_embedded() {
    let database = MemoryDatabase::default();
    take(&database, &set(1..=3), &Up::all()).unwrap();
    let report = take(&database, &set([1]), &Down::to(version(1))).unwrap();
    assert_eq!(steps(&report), "-3 -2");
    assert_eq!(database.statements()[3..], ["DROP TABLE t3", "DROP TABLE t2"]);
}

#[test]
fn a_baseline_asked_for_twice_stands_once() {
    let (database, set) = (MemoryDatabase::default(), set(1..=3));
    assert_eq!(steps(&take(&database, &set, &Baseline::at(version(2))).unwrap()), "=1 =2");
    assert!(take(&database, &set, &Baseline::at(version(2))).unwrap().is_noop());
    assert_eq!(steps(&take(&database, &set, &Up::all()).unwrap()), "+3");
    assert_eq!(database.statements().len(), 1);
}

#[test]
fn a_redo_takes_the_text_as_it_is_now() {
    let database = MemoryDatabase::default();
    take(&database, &set([1]), &Up::all()).unwrap();
    let edited =
        set_of([with_text(1, "CREATE TABLE better ();").with_down(support::script("d", "DROP TABLE t1;"))]);
    take(&database, &edited, &Redo::count(1)).unwrap();
    assert_eq!(database.statements()[1..], ["DROP TABLE t1", "CREATE TABLE better ()"]);
}

proptest! {
    /// From any applied migrations in any order, going up applies the whole set, and a second run does
    /// nothing.
    #[test]
    fn up_always_arrives_and_stays(all in prop::collection::btree_set(0_u32..40, 1..12), part in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let versions: Vec<u32> = all.iter().copied().collect();
        let mut seen = BTreeSet::new();
        let applied: Vec<u32> = part.iter().map(|index| versions[index.index(versions.len())]).filter(|v| seen.insert(*v)).collect();
        let (set, state) = (set(versions.clone()), state_of(&applied));
        let lenient = Policies { allow_out_of_order: true, ..Policies::DEFAULT };
        let decided = Up::all().decide(&set, &state, &lenient).unwrap();
        let digest = decided.steps.iter().fold(state.digest(), |digest, step| step.digest_after(digest));
        prop_assert_eq!(digest, set.digests().of_all());
        prop_assert_eq!(decided.steps.len(), versions.len() - applied.len());
        prop_assert!(decided.steps.windows(2).all(|pair| pair[0].version < pair[1].version));
        // The strict policy refuses exactly the histories with a gap.
        let in_order = versions.iter().take(applied.len()).all(|version| applied.contains(version));
        prop_assert_eq!(Up::all().decide(&set, &state, &Policies::DEFAULT).is_ok(), in_order);
    }

    /// A revert can be applied again: the state then has the digest of the beginning.
    #[test]
    fn down_undoes_up(total in 1_u32..12, count in 0_usize..14) {
        let set = set(0..total);
        let state = state_of(&(0..total).collect::<Vec<_>>());
        let decided = Down::count(count).decide(&set, &state, &Policies::DEFAULT).unwrap();
        let digest = decided.steps.iter().fold(state.digest(), |digest, step| step.digest_after(digest));
        let left = (total as usize).saturating_sub(count);
        prop_assert_eq!(digest, set.digests().of_first(left));
    }

    /// The fast path may end a run only if the plan itself has no steps.
    #[test]
    fn what_is_settled_has_no_steps(total in 1_u32..8, applied in 0_u32..10, target in 0_u32..8) {
        let applied: Vec<u32> = (0..applied).collect();
        let (set, state) = (set(0..total), state_of(&applied));
        let digest = state.digest();
        let since = (applied.len() >= total as usize).then(|| applied[total as usize..].iter().map(|v| AppliedRef { version: version(*v), name: String::new() }).collect());
        let position = migrate_core::history::HistoryHead { digest, since, interrupted: None }.position(&set);
        prop_assert!(position != SetPosition::Diverged);
        let target = version(target.min(total - 1));
        let plans: [&dyn Plan; 5] = [&Up::all(), &Up::to(target.clone()), &To::version(target.clone()), &Down::count(0), &Baseline::at(target.clone())];
        for plan in plans {
            let decided = plan.decide(&set, &state, &Policies::DEFAULT);
            if plan.surely_done(&set, &position, &Policies::DEFAULT) {
                prop_assert!(decided.unwrap().steps.is_empty(), "{:?}", plan);
            } else if plan.surely_pending(&set, &position) {
                prop_assert!(!decided.unwrap().steps.is_empty(), "{:?}", plan);
            }
        }
    }
}
