//! Scripts: their options, their transactions, and those that do nothing.

use super::*;
use crate::sql::TransactionMode;

#[test]
fn metadata_gives_the_transaction_mode_of_the_up_and_the_down_script() {
    for (text, mode) in [
        ("run_in_transaction = false\n", TransactionMode::None),
        ("# why\r\n\r\n  run_in_transaction=true # because\r\n", TransactionMode::Block),
    ] {
        let read = directory(&[
            ("1_a/up.sql", UP),
            ("1_a/down.sql", UP),
            ("1_a/verify.sql", UP),
            ("1_a/metadata.toml", text),
            ("2_b/up.sql", UP),
        ]);
        let [first, second] = &read.migrations[..] else { panic!("{read:?}") };
        assert_eq!(first.up_script().unwrap().options().transaction, Some(mode));
        assert_eq!(first.down_script().unwrap().options().transaction, Some(mode));
        assert_eq!(first.verify_script().unwrap().options().transaction, None);
        assert_eq!(second.up_script().unwrap().options().transaction, None);
        assert_eq!(read.settings, ["1_a/metadata.toml"]);
    }
}

#[test]
fn the_header_of_each_script_is_its_own() {
    let read = directory(&[
        ("1_a.up.sql", "-- migrate: lock_timeout=5s phase=contract\nDROP TABLE t;"),
        ("1_a.down.sql", "-- no-transaction\n-- migrate: statement_timeout=0\nCREATE TABLE t ();"),
        ("1_a.verify.sql", "-- migrate: statement_timeout=1min\nSELECT true;"),
    ]);
    let migration = &read.migrations[0];
    assert_eq!(migration.up_script().unwrap().options().to_string(), "lock_timeout=5s phase=contract");
    let down = migration.down_script().unwrap();
    assert_eq!(down.options().to_string(), "statement_timeout=0 transaction=none");
    assert_eq!(down.transaction(), TransactionMode::None);
    assert_eq!(migration.verify_script().unwrap().options().to_string(), "statement_timeout=1min");
}

#[test]
fn a_script_of_comments_does_nothing_and_is_noted() {
    let no_op = "-- No-op on Postgres";
    for files in [
        &[("1_a.up.sql", no_op), ("1_a.down.sql", no_op), ("1_a.verify.sql", no_op)][..],
        &[("1_a/up.sql", no_op), ("1_a/down.sql", no_op), ("1_a/verify.sql", no_op)],
    ] {
        let read = directory(files);
        let [only] = &read.migrations[..] else { panic!("{read:?}") };
        let scripts = [only.up_script(), only.down_script(), only.verify_script()];
        for script in scripts.map(Option::unwrap) {
            assert_eq!((script.text(), script.statements().len()), (no_op, 0));
            assert_eq!(script.transaction(), TransactionMode::Block);
        }
        let notes: Vec<_> = read.notes.iter().map(ToString::to_string).collect();
        let expected = files.iter().map(|(path, _)| match path.contains("down") {
            true => format!("`{path}`: reverting changes nothing: the down script has no statement"),
            false => format!("`{path}`: does nothing: it contains only comments"),
        });
        assert_eq!(notes, expected.collect::<Vec<_>>());
    }
    for text in
        ["-- +goose Up\n-- no-op", "-- no-op\n-- migrate:up", "-- no-op\n---- create above / drop below ----"]
    {
        let read = directory(&[("1_a.sql", text)]);
        assert!(read.migrations[0].up_script().unwrap().statements().is_empty(), "{text}");
        assert_eq!(read.notes.len(), 1, "{text}");
    }
}

#[test]
fn a_down_script_that_its_tool_made_and_nobody_wrote_counts_as_none() {
    for (path, down) in [
        ("1_a.down.sql", "-- Add down migration script here\n"),
        ("1_a/down.sql", "-- This file should undo anything in `up.sql`\n"),
    ] {
        let read = directory(&[(path, down), (&path.replace("down", "up"), UP)]);
        assert!(read.migrations[0].down_script().is_none(), "{path}");
        assert_eq!(
            read.notes[0].to_string(),
            format!("`{path}`: not used as a down script: it is still its tool's stub")
        );
    }
}

#[test]
fn each_tool_has_its_own_word_for_a_script_without_a_transaction() {
    let goose = "-- +goose Up\nSELECT 1;\n-- +goose no transaction\n-- +goose Down\nSELECT 2;";
    let dbmate = "-- migrate:up\nSELECT 1;\n-- migrate:down transaction:false\nSELECT 2;";
    let tern = "---- tern: disable-tx ----\nSELECT 1;\n---- create above / drop below ----\nSELECT 2;";
    use TransactionMode::{Block, None};
    for (text, expected) in [(goose, [None, None]), (dbmate, [Block, None]), (tern, [None, Block])] {
        let read = directory(&[("1_a.sql", text)]);
        let migration = &read.migrations[0];
        let scripts = [migration.up_script().unwrap(), migration.down_script().unwrap()];
        assert_eq!(scripts.map(Script::transaction), expected, "{text}");
    }
}

#[test]
fn a_static_text_is_borrowed_and_an_owned_one_is_moved() {
    let file = SourceFile::new("1_a.sql", UP.as_bytes());
    let read = super::read(vec![file]).unwrap();
    assert_eq!(read.migrations[0].up_script().unwrap().text().as_ptr(), UP.as_ptr());
}

#[test]
fn a_script_that_refuses_a_transaction_runs_without_one_unless_it_says_otherwise() {
    let read = directory(&[("1_a.sql", "SET lock_timeout = 0; VACUUM t;"), ("2_b.sql", "SELECT 'VACUUM';")]);
    let modes: Vec<_> = read.migrations.iter().map(|m| m.up_script().unwrap().transaction()).collect();
    assert_eq!(modes, [TransactionMode::None, TransactionMode::Block]);
}

#[test]
fn a_script_with_transactions_of_its_own_is_committed_as_it_says() {
    let mode = |text: &str| directory(&[("1_a.sql", text)]).migrations[0].up_script().unwrap().transaction();
    for (text, expected) in [
        ("-- why\nBEGIN; CREATE TABLE t (); COMMIT; -- done", TransactionMode::Block),
        ("SET search_path = app; BEGIN; CREATE TABLE t (); END;", TransactionMode::Block),
        ("BEGIN; CREATE TABLE t ();", TransactionMode::Block),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; CREATE TABLE t ();", TransactionMode::Block),
        ("-- migrate: transaction=none\nBEGIN; SELECT 1; COMMIT;", TransactionMode::Block),
        ("BEGIN; CREATE TABLE t (); COMMIT; SELECT 1;", TransactionMode::Own),
        ("SELECT 1; COMMIT; SELECT 2;", TransactionMode::Own),
        ("BEGIN; CREATE TABLE t (); ROLLBACK;", TransactionMode::Own),
        ("SET TRANSACTION READ ONLY; SELECT 1;", TransactionMode::Own),
        ("BEGIN; SELECT 1; COMMIT; VACUUM t;", TransactionMode::None),
        ("-- migrate: transaction=none\nBEGIN; SELECT 1; ROLLBACK;", TransactionMode::None),
    ] {
        assert_eq!(mode(text), expected, "{text}");
    }
}

#[test]
fn a_local_setting_that_only_limits_is_told_of_where_it_has_no_effect() {
    let notes = |text: &str| directory(&[("1_a.sql", text)]).notes.iter().map(|n| n.why).collect::<Vec<_>>();
    let idle = [NoteKind::IdleLocalSetting];
    assert_eq!(notes("SET LOCAL lock_timeout = '5s'; set local \"work_mem\" = '1GB'; VACUUM t;"), idle);
    assert_eq!(notes("BEGIN; SET LOCAL lock_timeout = '5s'; COMMIT; VACUUM t;"), []);
    assert_eq!(notes("SET LOCAL lock_timeout = '5s'; SELECT 1;"), []);
}

#[test]
fn text_that_looks_like_options_is_let_be_inside_a_statement() {
    let body = "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$\n-- migrate: the rows one by one\n-- +goose Up\nSELECT 1\n$$";
    assert_eq!(directory(&[("1_a.sql", body)]).migrations.len(), 1);
}

#[test]
fn flyways_settings_of_a_script_are_known_and_those_that_would_be_ignored_are_refused() {
    let outcome = |setting: &str| {
        let files = sources(&[("V1__a.sql", UP), ("V1__a.sql.conf", setting)]);
        read(files).map(|read| read.migrations[0].up_script().unwrap().transaction()).map_err(|problems| {
            assert_eq!(problems.len(), 1, "{problems}");
            problems.to_string()
        })
    };
    for (setting, mode) in [
        ("executeInTransaction=true", TransactionMode::Block),
        ("executeInTransaction=FALSE", TransactionMode::None),
        ("encoding=utf8", TransactionMode::Block),
        ("placeholderReplacement=true", TransactionMode::Block),
        ("placeholderReplacement=false", TransactionMode::Block),
        ("shouldExecute=true", TransactionMode::Block),
    ] {
        assert_eq!(outcome(setting), Ok(mode), "{setting}");
    }
    for (setting, expected) in [
        ("executeInTransaction=maybe", "`true` or `false`"),
        ("encoding=latin1", "UTF-8"),
        ("placeholderReplacement=maybe", "`true` or `false`"),
        ("shouldExecute=false", "only `true`"),
        ("shouldExecute=${x}", "only `true`"),
        ("other=true", "executeInTransaction=false"),
    ] {
        let problem = outcome(setting).unwrap_err();
        assert!(problem.contains(expected), "{setting}: {problem}");
    }
}

#[test]
fn a_hash_in_a_string_of_a_settings_file_begins_no_comment() {
    let lock = |provider: &str| {
        problems(&[("1_a/migration.sql", UP), ("migration_lock.toml", &format!("provider = {provider}"))])
    };
    assert!(lock("\"my#sql\" # why")[0].contains("`my#sql`"), "{:?}", lock("\"my#sql\" # why"));
    let read = directory(&[
        ("1_a/migration.sql", UP),
        ("migration_lock.toml", "provider = \"postgresql\" # \"why\""),
    ]);
    assert_eq!(read.settings, ["migration_lock.toml"]);
}

#[test]
fn what_is_wrong_in_a_settings_file_has_its_line_and_column() {
    let settings = "\u{feff}# why\n  executeInTransaction=false\n\n \tcolor=red\n";
    let problems = problems(&[("V1__a.sql", UP), ("V1__a.sql.conf", settings)]);
    assert!(problems[0].starts_with("V1__a.sql.conf:4:3: `color=red`"), "{problems:?}");
    let settings = "\u{feff} color=red";
    let problems = self::problems(&[("V1__a.sql", UP), ("V1__a.sql.conf", settings)]);
    assert!(problems[0].starts_with("V1__a.sql.conf:1:"), "{problems:?}");
    assert_eq!(problems.len(), 1);
}

#[test]
fn what_is_noted_or_wrong_in_the_second_half_of_a_file_has_its_place_in_the_file() {
    let goose = |down: &str| {
        format!("-- +goose NO TRANSACTION\n-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;\n{down}\n")
    };
    let notes = |text: &str| {
        directory(&[("1_a.sql", text)]).notes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let [idle] = &notes(&goose(" SET LOCAL lock_timeout = '1s';"))[..] else { panic!("one note") };
    assert!(idle.starts_with("`1_a.sql:6:2`: has no effect"), "{idle}");
    let [invisible] = &notes(&goose("SELECT 1 AS a\u{200d}b;"))[..] else { panic!("one note") };
    assert!(invisible.starts_with("`1_a.sql:6:14`: the invisible"), "{invisible}");
    let [own] = &problems(&[("1_a.sql", &goose("BEGIN;\nVACUUM;\nCOMMIT;"))])[..] else {
        panic!("one problem")
    };
    assert!(own.starts_with("1_a.sql:7:1: ") && own.contains("BEGIN in line 6"), "{own}");
    let dbmate = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n-- migrate:down\n";
    let [again] = &notes(dbmate)[..] else { panic!("one note") };
    assert!(again.starts_with("`1_a.sql:5:1`: treated as a comment"), "{again}");
}

#[test]
fn of_a_file_that_is_divided_in_doubt_only_the_mark_is_reported() {
    let text = "-- +goose Up\n\\d t\n-- +goose Elsewhere\nSELECT 1;\n";
    let problems = problems(&[("1_a.sql", text)]);
    assert!(problems.len() == 1 && problems[0].contains("-- +goose Elsewhere"), "{problems:?}");
}

#[test]
fn each_byte_of_a_script_is_lexed_once() {
    let files: Files<'_> = &[
        (
            "1_a.up.sql",
            "-- migrate: lock_timeout=5s\n/* größe */ CREATE TABLE t (a int DEFAULT 1 NOT NULL);\n;INSERT INTO t VALUES (1), ('é;');",
        ),
        ("1_a.down.sql", "DROP TABLE t; -- Gone."),
        ("2_b.sql", "SET LOCAL lock_timeout = '1s';\nCREATE INDEX CONCURRENTLY ON t (a);\nSET ROLE app;"),
        (
            "3_c.up.sql",
            "BEGIN; UPDATE t SET a = f(a) WHERE a > 0; COMMIT; SELECT set_config('a.b', 'c', false)",
        ),
        ("3_c.down.sql", "-- Nothing to take back.\n"),
        ("4_d.sql", "SET client_encoding = 'UTF8'; INSERT INTO t VALUES ('a');"),
        ("5_e.sql", "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT a; SELECT 1; END;"),
    ];
    let sources = sources(files);
    let (lexed, read) = crate::sql::counted::during(|| super::read(sources));
    assert_eq!(read.unwrap_or_else(|problems| panic!("{problems}")).migrations.len(), 5);
    assert_eq!(lexed, files.iter().map(|(_, text)| text.len()).sum::<usize>());
}
