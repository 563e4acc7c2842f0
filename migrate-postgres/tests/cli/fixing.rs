//! `check --fix`: the files of a folder with the safe versions of its scripts, in every layout.

use crate::snapshot::assert_snapshot;
use crate::stage::Stage;
use serde_json::Value;
use std::fs;

/// A table that is applied, and scripts after it that block.
const FILES: [(&str, &str); 6] = [
    ("0001_users.up.sql", "CREATE TABLE users (id bigint PRIMARY KEY, email text, age int);"),
    ("0001_users.down.sql", "DROP TABLE users;"),
    (
        "0002_email.up.sql",
        "-- Users sign in with it.\nALTER TABLE users ADD UNIQUE (email);\nALTER TABLE users ADD CHECK (age > 0);\n",
    ),
    (
        "0002_email.down.sql",
        "ALTER TABLE users DROP CONSTRAINT users_age_check;\nALTER TABLE users DROP CONSTRAINT users_email_key;\n",
    ),
    ("0002_email.verify.sql", "SELECT true;"),
    ("0003_phone.up.sql", "ALTER TABLE users ADD phone text;\nALTER TABLE users RENAME age TO years;\n"),
];

/// The files of the folder with their texts.
fn folder(stage: &Stage) -> String {
    let mut paths = Vec::new();
    collect(&stage.path().join("migrations"), "", &mut paths);
    paths.sort();
    paths.into_iter().map(|(path, text)| format!("==> {path}\n{text}\n")).collect()
}

fn collect(folder: &std::path::Path, prefix: &str, paths: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), paths);
        } else {
            paths.push((name, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[tokio::test]
async fn a_dangerous_script_becomes_several_migrations_and_later_ones_move_on() {
    let stage = Stage::new(&FILES).await;
    stage.done("up --to 0001");
    let before = folder(&stage);
    let shown = stage.transcript(&["check --fix", "check --since 0001 --fix --diff"]);
    assert_eq!(folder(&stage), before, "nothing is written");
    let done = stage.transcript(&["check --since 0001 --fix"]);
    assert_snapshot("fixed.txt", &format!("{shown}{done}{}", folder(&stage)));
    // The files are one valid set, which applies and is reverted.
    assert_eq!(stage.run("check --since 0001 --deny careful").code, 12, "short locks are left");
    let found: Value = serde_json::from_str(&stage.done("check --since 0001 --json").stdout).unwrap();
    let rules: Vec<&str> =
        found["findings"].as_array().unwrap().iter().filter_map(|finding| finding["rule"].as_str()).collect();
    assert!(!rules.iter().any(|rule| ["unique-builds-index", "check-scans"].contains(rule)), "{rules:?}");
    stage.done("up");
    stage.done("check --since 0001 --fix");
    let applied = folder(&stage);
    stage.done("check --since 0005 --fix");
    assert_eq!(folder(&stage), applied, "nothing is left to rewrite");
}

#[tokio::test]
async fn json_names_the_files_and_what_is_left() {
    let stage = Stage::new(&FILES).await;
    let found: Value = serde_json::from_str(&stage.done("check --since 0001 --fix --json").stdout).unwrap();
    let changes = found["files"].as_array().unwrap();
    let is_change = |kind: &str| changes.iter().filter(|change| change["change"] == kind).count();
    assert!(is_change("written") > 5 && is_change("renamed") == 1, "{found}");
    assert_eq!(found["migrations"][1]["left"][0]["rule"], "rename-column", "{found}");
}

#[tokio::test]
async fn facts_tell_which_migrations_are_applied() {
    let stage = Stage::new(&FILES).await;
    stage.write(
        "facts.json",
        "{\"format\": 1, \"server_version\": 16, \"positions\": {\"default\": \"0001\"}}",
    );
    stage.done("check --facts facts.json --fix");
    assert!(folder(&stage).contains("0003_email_constraint.up.sql"), "{}", folder(&stage));
}

#[tokio::test]
async fn only_the_command_line_and_facts_about_the_set_tell_what_is_applied() {
    let stage = Stage::new(&FILES).await;
    let before = folder(&stage);
    stage.write("migrate.toml", "[lint]\nsince = \"0001\"\n");
    assert_ne!(stage.run("check --fix").code, 0, "since in the configuration tells what is judged");
    // The facts know more than the configuration judges.
    stage.write(
        "facts.json",
        "{\"format\": 1, \"server_version\": 16, \"positions\": {\"default\": \"0003\"}}",
    );
    stage.done("check --facts facts.json --fix");
    stage.done("check --since 0001 --facts facts.json --fix");
    stage
        .write("facts.json", "{\"format\": 1, \"server_version\": 16, \"positions\": {\"other\": \"0003\"}}");
    assert_ne!(stage.run("check --facts facts.json --fix").code, 0, "they are about another set");
    assert_eq!(folder(&stage), before, "nothing is written");
}

#[cfg(unix)]
#[tokio::test]
async fn a_rewrite_that_can_not_be_written_changes_nothing() {
    let stage = Stage::new(&[]).await;
    stage.write("migrations/0001_a/up.sql", "CREATE TABLE t (a int, b int);");
    stage.write("migrations/0002_b/up.sql", "CREATE INDEX t_a ON t (a); ALTER TABLE t ADD c int;");
    stage.write("migrations/0003_c/up.sql", "SELECT 1;");
    stage.write("migrations/0003_c/.idea/workspace.xml", "");
    let before = folder(&stage);
    let refused = stage.run("check --since 0001 --fix");
    assert!(refused.code != 0 && refused.stderr.contains("0003_c/.idea"), "{}", refused.stderr);
    assert_eq!(folder(&stage), before);
    fs::remove_dir_all(stage.path().join("migrations/0003_c/.idea")).unwrap();
    // A folder in the place of a text that is written: the other texts stay as they are.
    fs::create_dir(stage.path().join("migrations/0002_b/.migrate-fix-1")).unwrap();
    assert_ne!(stage.run("check --since 0001 --fix").code, 0);
    assert!(folder(&stage).contains("0003_c/up.sql\nSELECT 1;"), "{}", folder(&stage));
    fs::remove_dir(stage.path().join("migrations/0002_b/.migrate-fix-1")).unwrap();
    stage.done("check --since 0001 --fix");
    assert!(!folder(&stage).contains(".migrate-fix"), "{}", folder(&stage));
}

/// A layout, its files, and the paths of the files behind the first migration after the rewrite.
type LayoutCase = (&'static str, &'static [File], &'static [&'static str]);

/// A path and a text.
type File = (&'static str, &'static str);

/// Each layout; the first migration is applied.
const LAYOUTS: &[LayoutCase] = &[
    (
        "folders",
        &[
            ("2025-01-01-000000_a/up.sql", "CREATE TABLE t (a int, b int);"),
            ("2025-01-01-000000_a/down.sql", "DROP TABLE t;"),
            ("2025-01-02-000000_b/up.sql", "CREATE INDEX t_a ON t (a); ALTER TABLE t ADD c int;"),
            ("2025-01-02-000000_b/down.sql", "ALTER TABLE t DROP c; DROP INDEX t_a;"),
        ],
        &[
            "2025-01-02-000000_b/down.sql",
            "2025-01-02-000000_b/up.sql",
            "2025-01-02-000001_b_then/down.sql",
            "2025-01-02-000001_b_then/up.sql",
        ],
    ),
    (
        "prisma",
        &[
            ("20250101000000_a/migration.sql", "CREATE TABLE t (a int, b int);"),
            ("20250102000000_b/migration.sql", "CREATE INDEX t_a ON t (a); ALTER TABLE t ADD c int;"),
            ("20250103000000_c/migration.sql", "SELECT 1;"),
        ],
        &[
            "20250102000000_b/migration.sql",
            "20250102000001_b_then/migration.sql",
            "20250103000000_c/migration.sql",
        ],
    ),
    (
        "flyway",
        &[
            ("V1__a.sql", "CREATE TABLE t (a int, b int);"),
            ("V2__b.sql", "CREATE INDEX t_a ON t (a); ALTER TABLE t ADD c int;"),
            ("U2__b.sql", "ALTER TABLE t DROP c; DROP INDEX t_a;"),
            ("V3__c.sql", "SELECT 1;"),
            ("R__views.sql", "SELECT 1;"),
        ],
        &["R__views.sql", "U2__b.sql", "U3__b_then.sql", "V2__b.sql", "V3__b_then.sql", "V4__c.sql"],
    ),
    (
        "flyway, with folders and settings",
        &[
            ("2023/V1__a.sql", "CREATE TABLE t (a int, b int);"),
            ("2024/q1/V2__b.sql", "CREATE INDEX t_a ON t (a); ALTER TABLE t ADD c int;"),
            ("2024/q1/V2__b.sql.conf", "executeInTransaction=true\nencoding=UTF-8\n"),
            ("undo/U2__b.sql", "ALTER TABLE t DROP c; DROP INDEX t_a;"),
            ("2024/q2/V3__c.sql", "SELECT 1;"),
            ("2024/q2/V3__c.sql.conf", "executeInTransaction=false\n"),
        ],
        &[
            "2024/q1/V2__b.sql",
            "2024/q1/V2__b.sql.conf",
            "2024/q1/V3__b_then.sql",
            "2024/q2/V4__c.sql",
            "2024/q2/V4__c.sql.conf",
            "undo/U2__b.sql",
            "undo/U3__b_then.sql",
        ],
    ),
    (
        "refinery",
        &[
            (
                "U1__a.sql",
                "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);",
            ),
            ("V2__b.sql", "CREATE INDEX p_i ON p (a);"),
            ("U3__c.sql", "ALTER TABLE p ADD CONSTRAINT p_k CHECK (a > 0);"),
        ],
        &[
            "U5__c.sql",
            "U6__c_validate.sql",
            "V2__b.sql",
            "V3__b_index.sql",
            "V4__b_attach.sql",
            "V4__b_attach.verify.sql",
        ],
    ),
    (
        "goose",
        &[
            ("00001_a.sql", "-- +goose Up\nCREATE TABLE t (a int, b int);\n-- +goose Down\nDROP TABLE t;\n"),
            (
                "00002_b.sql",
                "-- +goose Up\nCREATE INDEX t_a ON t (a);\n-- +goose StatementBegin\nDO $$ BEGIN PERFORM 1; END $$;\n-- +goose StatementEnd\n-- +goose Down\nDROP INDEX t_a;\n",
            ),
        ],
        &["00002_b.sql", "00003_b_then.sql"],
    ),
    (
        "dbmate",
        &[
            (
                "20250101_a.sql",
                "-- migrate:up\nCREATE TABLE t (a int, b int);\n-- migrate:down\nDROP TABLE t;\n",
            ),
            (
                "20250102_b.sql",
                "-- migrate:up\nALTER TABLE t ADD CHECK (a > 0);\n-- migrate:down\nALTER TABLE t DROP CONSTRAINT t_a_check;\n",
            ),
            ("20250103_c.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n"),
        ],
        &["20250102_b.sql", "20250103_b_validate.sql", "20250104_c.sql"],
    ),
    (
        "tern",
        &[
            (
                "001_a.sql",
                "CREATE TABLE t (a int, b int);\n---- create above / drop below ----\nDROP TABLE t;\n",
            ),
            (
                "002_b.sql",
                "CREATE INDEX t_a ON t (a); ALTER TABLE t ADD c int;\n---- create above / drop below ----\nALTER TABLE t DROP c; DROP INDEX t_a;\n",
            ),
        ],
        &["002_b.sql", "003_b_then.sql"],
    ),
];

#[tokio::test]
async fn each_layout_gets_its_own_files_and_stays_one_set() {
    let mut all = String::new();
    for (layout, files, expected) in LAYOUTS {
        let stage = Stage::new(files).await;
        let since = files[0].0.split('/').find(|part| part.contains("_a")).unwrap();
        let since = since.trim_end_matches(".sql");
        let applied: Vec<&str> =
            files.iter().map(|(path, _)| *path).filter(|path| path.contains("_a")).collect();
        stage.done(&format!("check --since {since} --fix"));
        stage.done(&format!("check --since {since}"));
        let shown = folder(&stage);
        let paths: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("==> ")).collect();
        let paths: Vec<&str> = paths.into_iter().filter(|path| !applied.contains(path)).collect();
        assert_eq!(paths, *expected, "{layout}: {shown}");
        stage.done("up");
        all.push_str(&format!("#### {layout}\n{shown}"));
    }
    assert_snapshot("fixed_layouts.txt", &all);
}
