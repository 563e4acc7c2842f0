//! Every refusal has a kind, a state and advice for each reader.

use super::*;
use crate::advice::tests::{assert_readers, assert_snapshot, other_readers};
use crate::advice::{Explain, Left};

/// One example of each variant; the compiler reports those that the list lacks.
macro_rules! each_refusal {
    ($($(#[$cfg:meta])* $pattern:pat => $($example:expr),+;)+) => {
        fn is_listed(refused: &Refused) -> bool {
            match refused {
                $($(#[$cfg])* $pattern => true,)+
            }
        }

        fn examples() -> Vec<Refused> {
            let mut examples = Vec::new();
            $($(#[$cfg])* examples.extend([$($example),+]);)+
            examples
        }
    };
}

fn version() -> Version {
    Version::numeric("0002")
}

fn name() -> String {
    "0002_b".to_owned()
}

fn edited(applied_name: &str) -> Refused {
    let [applied, now] = ["a", "b"].map(Checksum::of);
    let diff = Diff::between("a\n", "b\n");
    Refused::Edited {
        version: version(),
        name: name(),
        applied_name: applied_name.to_owned(),
        applied,
        now,
        diff,
    }
}

/// The same if the history did not store the text.
fn edited_unknown() -> Refused {
    match edited("0002_b") {
        Refused::Edited { version, name, applied_name, applied, now, .. } => {
            Refused::Edited { version, name, applied_name, applied, now, diff: Diff::default() }
        }
        other => other,
    }
}

fn waits(state: Option<BackfillState>, status: &str) -> Refused {
    Refused::BackfillUnfinished {
        version: version(),
        name: name(),
        backfill: "0001_a".to_owned(),
        backfill_version: "1".to_owned(),
        state,
        status: status.to_owned(),
        rows_left: None,
        eta: None,
    }
}

fn lost(names: &[&str]) -> Refused {
    let mut lost = LostRows::new("t", vec![(1, 2)], "SELECT 1");
    lost.names = names.iter().map(|name| (*name).to_owned()).collect();
    Refused::RowsLost { lost }
}

fn interrupted(problem: Interruption) -> Refused {
    Refused::Interrupted { version: version(), name: name(), statements_done: 1, problem }
}

each_refusal! {
    Refused::Edited { .. } => edited("0002_b"), edited("0002_of_another_set"), edited_unknown();
    Refused::OtherStatements { .. } =>
        Refused::OtherStatements { version: version(), name: name(), diff: Diff::default() },
        Refused::OtherStatements { version: version(), name: name(), diff: Diff::between("a\n", "b\n") };
    Refused::CodeMissing { .. } =>
        Refused::CodeMissing { migrations: vec![(name(), "0002_b.rs".to_owned())] },
        Refused::CodeMissing { migrations: ["0002_b", "0003_c"].map(|name| (name.to_owned(), format!("{name}.rs"))).into() };
    Refused::CodeGone { .. } => Refused::CodeGone { name: name() };
    Refused::NotApplied { .. } => Refused::NotApplied { version: version(), name: name() };
    Refused::Missing { .. } =>
        Refused::Missing { version: version(), name: name(), newest: name(), renumbered: None, is_code: false },
        Refused::Missing { version: version(), name: name(), newest: name(), renumbered: None, is_code: true },
        Refused::Missing { version: version(), name: name(), newest: name(), renumbered: Some("0003_b".to_owned()), is_code: false };
    Refused::PartlyReplaced { .. } =>
        Refused::PartlyReplaced { version: version(), name: name(), applied: name(), missing: version() };
    Refused::OutOfOrder { .. } =>
        Refused::OutOfOrder { version: version(), name: name(), after: name(), applied_as: None },
        Refused::OutOfOrder {
            version: version(),
            name: name(),
            after: name(),
            applied_as: Some(Box::new(AppliedRef { version: version(), name: name() })),
        };
    Refused::Ahead { .. } => Refused::Ahead { newer: vec![name()] };
    Refused::BackfillUnfinished { .. } =>
        Refused::BackfillUnfinished {
            version: version(),
            name: name(),
            backfill: "0001_a".to_owned(),
            backfill_version: "1".to_owned(),
            state: Some(BackfillState::Running),
            status: "43 % done".to_owned(),
            rows_left: Some(5700),
            eta: Some(Duration::from_secs(60)),
        },
        waits(Some(BackfillState::Paused), "paused at 43 %"),
        waits(Some(BackfillState::Stopped), "stopped at 43 %"),
        waits(Some(BackfillState::Cancelled), "canceled at 43 %"),
        waits(Some(BackfillState::Done), "done, 3 rows in quarantine"),
        waits(None, "not begun");
    Refused::Risky { .. } => Refused::Risky {
        risk: "very-risky",
        statements: vec![RiskyStatement::new(
            name(),
            "0002_b.sql:3:1: very-risky: the table users and its rows are deleted [drop-table]",
        )],
    };
    Refused::NoDown { .. } => Refused::NoDown { version: version(), name: name() };
    Refused::KeptDown { .. } => Refused::KeptDown { name: name(), problem: "no".to_owned() };
    Refused::UnknownVersion { .. } =>
        Refused::UnknownVersion { version: version(), last: None },
        Refused::UnknownVersion { version: version(), last: Some(name()) };
    Refused::UnknownRun { .. } =>
        Refused::UnknownRun { run: "a".to_owned(), last: None },
        Refused::UnknownRun { run: "a".to_owned(), last: Some("b".to_owned()) };
    Refused::MarkedRun { .. } => Refused::MarkedRun { run: "a".to_owned() };
    Refused::Marked { .. } => Refused::Marked { names: vec![name()] };
    Refused::NotAsShown => Refused::NotAsShown;
    Refused::NoRuns => Refused::NoRuns;
    Refused::RunBeneath { .. } =>
        Refused::RunBeneath { run: "a".to_owned(), later: 1, first: name() },
        Refused::RunBeneath { run: "a".to_owned(), later: 2, first: name() };
    Refused::RowsLost { .. } => lost(&[]), lost(&["0002_b"]), lost(&["0002_b", "0003_c"]);
    Refused::NotEmpty { .. } => Refused::NotEmpty { applied: 1, last: name() };
    Refused::NotInterrupted { .. } =>
        Refused::NotInterrupted { version: version(), name: name(), applied: true },
        Refused::NotInterrupted { version: version(), name: name(), applied: false };
    Refused::NoSuchStatement { .. } =>
        Refused::NoSuchStatement { name: name(), statement: 9, statements: 2 };
    #[cfg(feature = "histories")]
    Refused::UnusableHistory(_) => Refused::UnusableHistory(unusable());
    Refused::Interrupted { .. } =>
        interrupted(Interruption::Edited),
        interrupted(Interruption::Missing),
        interrupted(Interruption::Reverting),
        interrupted(Interruption::Applying),
        interrupted(Interruption::Transaction),
        Refused::Interrupted {
            version: version(), name: name(), statements_done: 2, problem: Interruption::Edited
        };
}

#[cfg(feature = "histories")]
fn unusable() -> crate::history::foreign::UnusableHistory {
    use crate::history::foreign::{Obstacle, Tool, UnusableHistory};
    let obstacles = vec![Obstacle::Interrupted { name: name() }, Obstacle::Missing { name: name() }];
    UnusableHistory { tool: Tool::Sqlx, table: "public._sqlx_migrations".to_owned(), obstacles }
}

#[test]
fn every_refusal_says_the_state_and_advises_each_reader_in_its_words() {
    let mut words = std::collections::BTreeSet::new();
    for refused in examples() {
        assert!(is_listed(&refused));
        words.insert(refused.kind().word());
        assert_eq!(refused.left(), Left::Nothing);
        assert!(refused.to_string().contains("; nothing was changed"), "{refused}");
        assert!(refused.to_string().contains("\nnext: "), "{refused}");
        assert_readers(&refused.advice());
    }
    assert_eq!(words.len(), if cfg!(feature = "histories") { 26 } else { 25 }, "{words:?}");
}

#[test]
fn every_refusal_has_its_text_in_the_snapshot() {
    let text = |refused: &Refused| {
        format!("# {}\n{refused}\n{}\n", refused.kind().word(), other_readers(&refused.advice()))
    };
    if cfg!(feature = "histories") {
        assert_snapshot("refusals.txt", &examples().iter().map(text).collect::<String>());
    }
}

#[test]
fn the_name_of_a_set_is_an_option_at_the_command_line() {
    let advice = edited("0002_of_another_set").advice();
    let command = advice.text(crate::advice::Words::CommandLine);
    assert!(
        command.ends_with("if these are two sets in one database, give one of them a name (`--set`)"),
        "{command}"
    );
    let library = advice.text(crate::advice::Words::Library);
    assert!(library.ends_with("give one of them a name (`migrate!(…, set = \"…\")`)"), "{library}");
}
