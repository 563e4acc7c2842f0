//! Deployments: the migrations that belong to one, and its revert.

use crate::support::set;
use migrate_core::history::{Applied, HistoryState, Interrupted};
use migrate_core::plan::{Down, Plan, Policies, Redo, Refused, Step};
use migrate_core::{Set, Version};
use std::time::{Duration, SystemTime};

/// The migrations applied by each run; `=` before a run means that it marked them.
fn state(set: &Set, runs: &[&str]) -> HistoryState {
    let applied = set.iter().zip(runs).map(|(migration, run)| {
        let (marked, run) = run.strip_prefix('=').map_or((false, *run), |run| (true, run));
        let applied = Applied::new(migration.version().clone(), migration.name(), migration.checksum());
        let applied = applied.with_run(run, SystemTime::UNIX_EPOCH, Duration::ZERO);
        if marked { applied.as_marked() } else { applied }
    });
    HistoryState { applied: applied.collect(), ..HistoryState::EMPTY }
}

fn reverted(down: &Down, runs: &[&str]) -> Result<Vec<String>, Refused> {
    let set = set(1..=4);
    let steps = down.decide(&set, &state(&set, runs), &Policies::DEFAULT)?.steps;
    let version = |step: &Step<'_>| -> Version { step.version.clone() };
    Ok(steps.iter().map(|step| version(step).to_string()).collect())
}

#[test]
fn the_last_run_is_reverted_as_far_as_it_ran_something() {
    assert_eq!(reverted(&Down::last_run(), &["a", "b", "b"]).unwrap(), ["3", "2"]);
    assert_eq!(
        reverted(&Down::last_run(), &["=a", "=a", "a", "a"]).unwrap(),
        ["4", "3"],
        "adopted, and gone on"
    );
    assert_eq!(reverted(&Down::run("b"), &["=a", "=a", "b"]).unwrap(), ["3"]);
    assert!(reverted(&Down::last_run(), &[]).unwrap().is_empty());
}

#[test]
fn what_was_marked_is_no_deployment() {
    for (down, run) in [(Down::last_run(), "a"), (Down::run("a"), "a")] {
        match reverted(&down, &["=a", "=a"]) {
            Err(Refused::MarkedRun { run: told }) => assert_eq!(told, run),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(reverted(&Down::run("a"), &["=a", "b"]), Err(Refused::MarkedRun { .. })));
    assert!(matches!(
        reverted(&Down::last_run().including_marked(), &["=a", "=a"]),
        Err(Refused::MarkedRun { .. })
    ));
}

#[test]
fn what_was_marked_is_reverted_only_where_it_is_asked_for() {
    let to = |n: &'static str| Down::to(Version::numeric(n));
    for down in [Down::count(3), Down::all(), to("0"), to("1")] {
        match reverted(&down, &["=a", "=a", "b", "b"]) {
            Err(Refused::Marked { names }) => assert_eq!(names[0], "2_m"),
            // Version 0 does not exist.
            Err(Refused::UnknownVersion { .. }) => {}
            other => panic!("{down:?}: {other:?}"),
        }
    }
    assert_eq!(reverted(&Down::count(2), &["=a", "=a", "b", "b"]).unwrap(), ["4", "3"]);
    assert_eq!(reverted(&to("2"), &["=a", "=a", "b", "b"]).unwrap(), ["4", "3"]);
    let asked = Down::all().including_marked();
    assert_eq!(reverted(&asked, &["=a", "b"]).unwrap(), ["2", "1"]);
}

#[test]
fn a_redo_runs_nothing_over_what_was_marked_unless_it_is_asked_for() {
    let set = set(1..=4);
    let redo = |redo: Redo, runs: &[&str]| {
        redo.decide(&set, &state(&set, runs), &Policies::DEFAULT).map(|steps| steps.steps.len())
    };
    assert!(matches!(redo(Redo::count(2), &["=a", "b"]), Err(Refused::Marked { .. })));
    assert_eq!(redo(Redo::count(1), &["=a", "b"]).unwrap(), 2);
    assert_eq!(redo(Redo::count(2).including_marked(), &["=a", "b"]).unwrap(), 4);
}

#[test]
fn a_revert_of_what_was_marked_goes_on_where_it_was_interrupted() {
    let set = set(1..=2);
    let before = state(&set, &["=a", "=a"]);
    let last = &before.applied[1];
    let begun = Interrupted::new(last.version.clone(), last.name.clone(), last.checksum, 1).reverting();
    let before = HistoryState { interrupted: Some(begun), ..before };
    assert_eq!(Down::count(1).decide(&set, &before, &Policies::DEFAULT).unwrap().steps.len(), 1);
    assert!(Down::count(2).decide(&set, &before, &Policies::DEFAULT).is_err());
}

#[test]
fn a_history_that_keeps_no_runs_has_no_deployments() {
    assert!(matches!(reverted(&Down::last_run(), &["", ""]), Err(Refused::NoRuns)));
}

#[test]
fn a_run_that_others_stand_on_is_not_reverted() {
    match reverted(&Down::run("a"), &["a", "b", "c"]) {
        Err(Refused::RunBeneath { later: 2, first, .. }) => assert_eq!(first, "2_m"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(reverted(&Down::run("z"), &["a"]), Err(Refused::UnknownRun { .. })));
}

#[test]
fn repeatable_migrations_are_let_go_of_with_the_deployment_and_are_none_by_themselves() {
    use migrate_core::directory;
    use migrate_core::directory::source::SourceFile;
    let file = |path: &str, text: &str| SourceFile::new(path, text.as_bytes().to_vec());
    let files =
        vec![file("V1__a.sql", "SELECT 1"), file("U1__a.sql", "SELECT 2"), file("R__v.sql", "SELECT 3")];
    let set = Set::from(directory::read(files).unwrap());
    let words = |down: &Down, runs: &[&str]| {
        let decided = down.decide(&set, &state(&set, runs), &Policies::DEFAULT).unwrap();
        decided.steps.iter().map(|step| format!("{} {}", step.action, step.version)).collect::<Vec<_>>()
    };
    assert_eq!(words(&Down::last_run(), &["a", "a"]), ["unmark R__v", "revert 1"]);
    assert!(words(&Down::last_run(), &["a", "b"]).is_empty(), "b has changed a view only");
    assert_eq!(words(&Down::run("a"), &["a", "b"]), ["unmark R__v", "revert 1"]);
}

#[test]
fn a_run_may_be_named_by_its_beginning() {
    let runs = ["0d6f21aa", "7b30e9c4", "7b30e9c4"];
    assert_eq!(reverted(&Down::run("7b30"), &runs).unwrap(), ["3", "2"]);
    let alike = reverted(&Down::run("7b"), &["7b30e9c4", "7bff0000"]);
    assert!(matches!(alike, Err(Refused::UnknownRun { .. })), "two runs begin like that");
    assert!(matches!(reverted(&Down::run(""), &runs), Err(Refused::NoRuns)));
}
