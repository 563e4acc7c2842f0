//! `new`, `check` and `completions`, which need no database.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use std::fs;

/// All files below the folder of the migrations, sorted.
fn files(stage: &Stage) -> Vec<String> {
    let folder = stage.path().join("migrations");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if !entry.path().is_dir() {
            names.push(name);
            continue;
        }
        let inner = fs::read_dir(entry.path()).unwrap();
        names.extend(inner.map(|inner| format!("{name}/{}", inner.unwrap().file_name().to_str().unwrap())));
    }
    names.sort();
    names
}

#[tokio::test]
async fn a_new_migration_follows_the_folder() {
    for (files_there, expected) in [
        (&["0009_a.up.sql"][..], &["0010_add_b.down.sql", "0010_add_b.up.sql", "0010_add_b.verify.sql"][..]),
        (&["9_a.sql"], &["10_add_b.down.sql", "10_add_b.sql", "10_add_b.verify.sql"]),
        (&["01_a/up.sql"], &["02_add_b/down.sql", "02_add_b/up.sql", "02_add_b/verify.sql"]),
        (&["0_init/migration.sql"], &["1_add_b/migration.sql", "1_add_b/rollback.sql", "1_add_b/verify.sql"]),
    ] {
        let there: Vec<(&str, &str)> = files_there.iter().map(|name| (*name, "SELECT 1;")).collect();
        let stage = Stage::new(&there).await;
        stage.done("new 'add b'");
        let made: Vec<String> =
            files(&stage).into_iter().filter(|name| !files_there.contains(&name.as_str())).collect();
        assert_eq!(made, expected);
        assert_eq!(stage.run("check").code, 5, "a stub that was not written is not forgotten");
        for name in made {
            stage.write(&format!("migrations/{name}"), "SELECT 1;");
        }
        stage.done("check");
        let status = stage.run("status");
        assert!(
            status.stdout.contains("_add_b pending\n") || status.stdout.contains("_add_b  pending\n"),
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn times_as_versions_go_on_as_times() {
    let stage = Stage::new(&[("20260105101500_a.sql", "SELECT 1;")]).await;
    stage.done("new b");
    let version = files(&stage)[1].split('_').next().unwrap().to_owned();
    assert!(version.len() == 14 && version.starts_with("20") && *version > *"20260105101500", "{version}");
    let empty = Stage::new(&[]).await;
    empty.done("new a --layout folders --versions timestamp");
    assert_eq!(files(&empty)[0].len(), "20260105101500_a/down.sql".len());
}

#[tokio::test]
async fn a_name_without_a_letter_makes_no_file() {
    let stage = Stage::new(&TABLES).await;
    let ran = stage.run("new ../..");
    assert_eq!((ran.code, files(&stage).len()), (5, TABLES.len()), "{ran:?}");
}

#[tokio::test]
async fn a_folder_is_checked_as_a_build_would() {
    let stage = Stage::new(&TABLES).await;
    let mut transcript = stage.transcript(&["check", "check --json"]);
    stage.write("migrations/0002_again.sql", "SELECT 'open;");
    stage.write("migrations/0004_none.down.sql", "BEGIN;");
    transcript += &stage.transcript(&["check", "check --json", "up", "check --folder elsewhere"]);
    assert_snapshot("check.txt", &transcript);
}

#[tokio::test]
async fn shells_complete_the_commands() {
    let stage = Stage::new(&[]).await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stage.done(&format!("completions {shell}")).stdout;
        assert!(script.contains("resolve") && script.contains("lock-wait"), "{shell}");
    }
}

#[tokio::test]
async fn every_command_has_a_help_with_an_example() {
    let stage = Stage::new(&[]).await;
    let commands = [
        "status",
        "plan",
        "preflight",
        "backup",
        "up",
        "down",
        "redo",
        "verify",
        "resolve",
        "baseline",
        "history",
        "report",
        "reset",
        "new",
        "check",
        "completions",
        "adopt",
        "drift",
        "test",
    ];
    for command in commands {
        let help = stage.done(&format!("{command} --help")).stdout;
        assert!(help.contains("Example"), "{command}: {help}");
    }
    let help = ["--help", "down -h"].map(|line| stage.done(line).stdout).concat();
    assert_snapshot("help.txt", &help);
}

#[tokio::test]
async fn the_layouts_of_other_tools_are_gone_on_with() {
    let cases = [
        ("V1_1__a.sql", "SELECT 1;", &["V1_2__b.sql", "U1_2__b.sql", "V1_2__b.verify.sql"][..]),
        ("00001_a.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n", &["00002_b.sql"]),
        ("20260105101500_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n", &["_b.sql"]),
        ("001_a.sql", "SELECT 1;\n---- create above / drop below ----\nSELECT 2;\n", &["002_b.sql"]),
        ("2026-01-05-101500_a/up.sql", "SELECT 1;", &["_b/up.sql", "_b/down.sql", "_b/verify.sql"]),
    ];
    for (there, text, expected) in cases {
        let stage = Stage::new(&[(there, text)]).await;
        let down = there.replace('V', "U");
        if down != there {
            stage.write(&format!("migrations/{down}"), "SELECT 2;");
        }
        stage.done("new b");
        let made: Vec<String> = files(&stage).into_iter().filter(|name| name.contains("_b")).collect();
        assert_eq!(made.len(), expected.len(), "{made:?}");
        assert!(expected.iter().all(|end| made.iter().any(|name| name.ends_with(end))), "{made:?}");
        for name in made {
            let path = stage.path().join("migrations").join(&name);
            let written = fs::read_to_string(&path).unwrap().lines().map(written).collect::<String>();
            fs::write(path, written).unwrap();
        }
        stage.done("check");
    }
}

/// A line of a stub with a statement in place of its comment; the marks of other tools stay.
fn written(line: &str) -> String {
    let is_comment =
        line.starts_with("-- ") && !line.starts_with("-- +goose") && !line.starts_with("-- migrate:");
    if is_comment { "SELECT 1;\n".to_owned() } else { format!("{line}\n") }
}

#[tokio::test]
async fn a_script_of_comments_does_nothing_and_check_says_so() {
    let stage = Stage::new(&TABLES).await;
    let no_op = "-- No-op on Postgres";
    stage.write("migrations/0003_none.up.sql", no_op);
    stage.write("migrations/0003_none.down.sql", no_op);
    let checked = stage.done("check").stdout;
    assert!(checked.contains("note: `0003_none.up.sql` has comments only, and does nothing"), "{checked}");
    assert!(stage.run("plan").stdout.contains("0003_none   nothing"));
    assert!(stage.done("up").stderr.contains("0003_none"));
    let status = stage.done("status").stdout;
    assert!(status.contains("nothing pending") && status.contains("0003_none   applied"), "{status}");
    assert!(stage.done("down --yes").stderr.contains("0003_none"));
    assert!(stage.done("history").stdout.contains("0003_none"));
}

#[tokio::test]
async fn a_stub_that_nobody_wrote_is_told_from_a_comment() {
    for layout in ["flat", "folders", "prisma"] {
        let stage = Stage::new(&[]).await;
        stage.done(&format!("new a --layout {layout}"));
        let refused = stage.run("check");
        let text = refused.stdout + &refused.stderr;
        assert_eq!(refused.code, 5, "{text}");
        let unwritten = text.matches("the script is not written yet: it is as `migrate new` made it").count();
        assert_eq!(unwritten, 3, "{text}");
        for name in files(&stage) {
            stage.write(&format!("migrations/{name}"), "-- nothing to do in this database");
        }
        stage.done("check");
    }
}
