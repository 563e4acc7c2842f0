//! Plans, as pure functions of set and history.

use crate::support::{block_on, set, set_of, steps, take, with_text};
use migrate_core::engine::MemoryDatabase;
use migrate_core::history::{Newer, Position, State};
use migrate_core::plan::{Action, Baseline, Down, Plan, Policies, Redo, Refused, Steps, To, Up};
use migrate_core::{Error, Set, Version};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn version(number: u32) -> Version {
    Version::numeric(number.to_string())
}

/// The state of a database that the given versions were applied to, one after the other.
fn state_of(versions: &[u32]) -> State {
    use migrate_core::engine::History;
    let database = MemoryDatabase::default();
    for count in 1..=versions.len() {
        let so_far = set(versions[..count].iter().copied());
        let settings = migrate_core::engine::Settings {
            policies: Policies { allow_out_of_order: true, ..Policies::DEFAULT },
            ..migrate_core::engine::Settings::DEFAULT
        };
        crate::support::take_with(&database, &so_far, &Up::ALL, &settings).unwrap();
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
        ("up", &Up::ALL, &[1, 2], &["+3", "+4"]),
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
            &Up::ALL,
            set(1..=3),
            &[1, 3],
            |r| matches!(r, R::OutOfOrder { name, after, .. } if name == "2_m" && after == "3_m"),
        ),
        (
            "a missing file",
            &Up::ALL,
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

#[test]
fn a_missing_down_is_found_before_anything_is_reverted() {
    let set = set_of([with_text(1, "A;"), crate::support::migration(2)]);
    let database = MemoryDatabase::default();
    take(&database, &set, &Up::ALL).unwrap();
    let error = take(&database, &set, &Down::count(2)).unwrap_err();
    assert!(matches!(error, Error::Refused(Refused::NoDown { ref name, .. }) if name == "1_m"), "{error}");
    assert_eq!(database.statements().len(), 2);
}

#[test]
fn an_older_binary_reverts_what_it_never_embedded() {
    let database = MemoryDatabase::default();
    take(&database, &set(1..=3), &Up::ALL).unwrap();
    let report = take(&database, &set([1]), &Down::to(version(1))).unwrap();
    assert_eq!(steps(&report), "-3 -2");
    assert_eq!(database.statements()[3..], ["DROP TABLE t3", "DROP TABLE t2"]);
}

#[test]
fn a_baseline_asked_for_twice_stands_once() {
    let (database, set) = (MemoryDatabase::default(), set(1..=3));
    assert_eq!(steps(&take(&database, &set, &Baseline::at(version(2))).unwrap()), "=1 =2");
    assert!(take(&database, &set, &Baseline::at(version(2))).unwrap().is_noop());
    assert_eq!(steps(&take(&database, &set, &Up::ALL).unwrap()), "+3");
    assert_eq!(database.statements().len(), 1);
}

#[test]
fn a_redo_takes_the_text_as_it_is_now() {
    let database = MemoryDatabase::default();
    take(&database, &set([1]), &Up::ALL).unwrap();
    let edited = set_of([
        with_text(1, "CREATE TABLE better ();").with_down(crate::support::script("d", "DROP TABLE t1;"))
    ]);
    take(&database, &edited, &Redo::count(1)).unwrap();
    assert_eq!(database.statements()[1..], ["DROP TABLE t1", "CREATE TABLE better ()"]);
}

proptest! {
    /// Whatever is applied in whatever order: going up leaves all of the set applied, and asking again does nothing.
    #[test]
    fn up_always_arrives_and_stays(all in prop::collection::btree_set(0_u32..40, 1..12), part in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let versions: Vec<u32> = all.iter().copied().collect();
        let mut seen = BTreeSet::new();
        let applied: Vec<u32> = part.iter().map(|index| versions[index.index(versions.len())]).filter(|v| seen.insert(*v)).collect();
        let (set, state) = (set(versions.clone()), state_of(&applied));
        let lenient = Policies { allow_out_of_order: true, ..Policies::DEFAULT };
        let decided = Up::ALL.decide(&set, &state, &lenient).unwrap();
        let digest = decided.steps.iter().fold(state.digest(), |digest, step| step.digest_after(digest));
        prop_assert_eq!(digest, set.digests().of_all());
        prop_assert_eq!(decided.steps.len(), versions.len() - applied.len());
        prop_assert!(decided.steps.windows(2).all(|pair| pair[0].version < pair[1].version));
        // The strict policy refuses exactly the histories with a hole.
        let in_order = versions.iter().take(applied.len()).all(|version| applied.contains(version));
        prop_assert_eq!(Up::ALL.decide(&set, &state, &Policies::DEFAULT).is_ok(), in_order);
    }

    /// What goes down comes back up: the digest of the state is that of the beginning.
    #[test]
    fn down_undoes_up(total in 1_u32..12, count in 0_usize..14) {
        let set = set(0..total);
        let state = state_of(&(0..total).collect::<Vec<_>>());
        let decided = Down::count(count).decide(&set, &state, &Policies::DEFAULT).unwrap();
        let digest = decided.steps.iter().fold(state.digest(), |digest, step| step.digest_after(digest));
        let left = (total as usize).saturating_sub(count);
        prop_assert_eq!(digest, set.digests().of_first(left));
    }

    /// The fast path may end a run only where the plan itself would have no step.
    #[test]
    fn what_is_settled_has_no_steps(total in 1_u32..8, applied in 0_u32..10, target in 0_u32..8) {
        let applied: Vec<u32> = (0..applied).collect();
        let (set, state) = (set(0..total), state_of(&applied));
        let digest = state.digest();
        let since = (applied.len() >= total as usize).then(|| applied[total as usize..].iter().map(|v| Newer { version: version(*v), name: String::new() }).collect());
        let position = migrate_core::history::Head { digest, since, interrupted: None }.position(&set);
        prop_assert!(position != Position::Other);
        let target = version(target.min(total - 1));
        let plans: [&dyn Plan; 5] = [&Up::ALL, &Up::to(target.clone()), &To::version(target.clone()), &Down::count(0), &Baseline::at(target.clone())];
        for plan in plans {
            let decided = plan.decide(&set, &state, &Policies::DEFAULT);
            if plan.is_settled(&set, &position, &Policies::DEFAULT) {
                prop_assert!(decided.unwrap().steps.is_empty(), "{:?}", plan);
            } else if plan.is_due(&set, &position) {
                prop_assert!(!decided.unwrap().steps.is_empty(), "{:?}", plan);
            }
        }
    }
}
