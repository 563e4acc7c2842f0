//! What directories are read into, and the text of everything that can be wrong with one.

use super::*;
use crate::set::migration::Migration;
use crate::set::problem::{Problem, ProblemKind};
use crate::set::script::Script;
use crate::set::version::Version;
use crate::set::version::VersionOrder;
use crate::sql::TransactionMode;
use proptest::prelude::*;
use std::collections::BTreeSet;

type Files<'a> = &'a [(&'a str, &'a str)];

fn sources(files: Files<'_>) -> Vec<SourceFile> {
    files.iter().map(|(path, text)| SourceFile::new(*path, text.as_bytes().to_vec())).collect()
}

fn directory(files: Files<'_>) -> Directory {
    super::read(sources(files)).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(files: Files<'_>) -> Vec<String> {
    super::read(sources(files)).unwrap_err().iter().map(ToString::to_string).collect()
}

/// Each migration as `version name: up down verify`.
fn summary(directory: &Directory) -> Vec<String> {
    let describe = |m: &SqlMigration| {
        let scripts = [Some(m.up_script()), m.down_script(), m.verify_script()];
        let paths: Vec<_> = scripts.into_iter().flatten().map(Script::path).collect();
        format!("{} {}: {}", m.version(), m.name(), paths.join(" "))
    };
    directory.migrations.iter().map(describe).collect()
}

const UP: &str = "CREATE TABLE t ();";

#[test]
fn flat_files_of_one_version_are_one_migration_in_numeric_order() {
    let read = directory(&[
        ("10_last.sql", UP),
        ("0002_posts.up.sql", UP),
        ("2_drop_posts.down.sql", UP),
        ("002_posts.verify.sql", "SELECT true;"),
        ("1_users.sql", UP),
        ("README.md", ""),
        (".gitkeep", ""),
    ]);
    assert_eq!(read.layout, Layout::Flat);
    assert_eq!(
        summary(&read),
        [
            "1 1_users: 1_users.sql",
            "2 0002_posts: 0002_posts.up.sql 2_drop_posts.down.sql 002_posts.verify.sql",
            "10 10_last: 10_last.sql",
        ]
    );
    assert_eq!(read.notes, []);
}

#[test]
fn diesels_folders_are_read_in_the_text_order_of_their_versions_without_dashes() {
    let read = directory(&[
        ("2026-01-05-101500_b/up.sql", UP),
        ("2026-01-05-101500_b/down.sql", UP),
        ("2026-01-05-101500_b/verify.sql", UP),
        ("00000000000000_diesel_initial_setup/up.sql", UP),
        ("10_ten/up.sql", UP),
        ("2_two/up.sql", UP),
        (".keep", ""),
    ]);
    assert_eq!(read.layout, Layout::Folders);
    assert_eq!(
        summary(&read),
        [
            "00000000000000 00000000000000_diesel_initial_setup: 00000000000000_diesel_initial_setup/up.sql",
            "10 10_ten: 10_ten/up.sql",
            "2 2_two: 2_two/up.sql",
            "20260105101500 2026-01-05-101500_b: 2026-01-05-101500_b/up.sql 2026-01-05-101500_b/down.sql \
             2026-01-05-101500_b/verify.sql",
        ]
    );
}

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
        assert_eq!(first.up_script().options().transaction, Some(mode));
        assert_eq!(first.down_script().unwrap().options().transaction, Some(mode));
        assert_eq!(first.verify_script().unwrap().options().transaction, None);
        assert_eq!(second.up_script().options().transaction, None);
        assert_eq!(read.settings, ["1_a/metadata.toml"]);
    }
}

#[test]
fn prismas_folders_are_read_in_the_text_order_of_their_names_and_loose_files_are_noted() {
    let read = directory(&[
        ("20260222_move/migration.sql", UP),
        ("20260222_move/rollback.sql", UP),
        ("20260222011200_add/migration.sql", UP),
        ("20260222011200_add/down.sql", UP),
        ("20260222011200_add/verify.sql", UP),
        ("20260222011200_add/data-migration.ts", "export {}"),
        ("20260222011200_add/README.md", ""),
        ("0_init/migration.sql", UP),
        ("migration_lock.toml", "# Prisma\nprovider = \"postgresql\"\n"),
        ("initial_schema.sql", "-- not even \u{0}SQL"),
        ("add_constraints.sql", ""),
    ]);
    assert_eq!(read.layout, Layout::Prisma);
    assert_eq!(
        summary(&read),
        [
            "0_init 0_init: 0_init/migration.sql",
            "20260222011200_add 20260222011200_add: 20260222011200_add/migration.sql 20260222011200_add/down.sql \
             20260222011200_add/verify.sql",
            "20260222_move 20260222_move: 20260222_move/migration.sql 20260222_move/rollback.sql",
        ]
    );
    let notes: Vec<_> = read.notes.iter().map(|note| (note.path.as_str(), note.why)).collect();
    assert_eq!(
        notes,
        [
            ("20260222011200_add/data-migration.ts", NoteKind::InMigrationFolder),
            ("add_constraints.sql", NoteKind::BesideFolders),
            ("initial_schema.sql", NoteKind::BesideFolders),
        ]
    );
    assert_eq!(read.settings, ["migration_lock.toml"]);
}

#[test]
fn hidden_files_documentation_and_what_editors_leave_mean_nothing_in_every_layout() {
    let known = [
        ".0001_a.sql.swp",
        ".#0001_a.sql",
        "#0001_a.sql#",
        "0001_a.sql~",
        "LICENSE",
        "NOTES.txt",
        ".git/config",
    ];
    for migration in ["0001_a.sql", "0001_a/up.sql", "0001_a/migration.sql"] {
        let mut files: Vec<_> = known.iter().map(|path| (*path, "\u{0}")).collect();
        files.push((migration, UP));
        let read = directory(&files);
        assert_eq!((read.migrations.len(), read.notes.len()), (1, 0), "{migration}");
    }
}

#[test]
fn a_directory_that_is_meant_to_be_empty_is_an_empty_set() {
    for known in [".gitkeep", "README.md"] {
        assert!(Set::from(directory(&[(known, "")])).is_empty());
    }
    let prisma = Set::from(directory(&[("migration_lock.toml", "provider = \"postgresql\"")]));
    assert!(prisma.is_empty());
    assert_eq!(prisma.order(), VersionOrder::Text);
}

#[test]
fn the_header_of_each_script_is_its_own() {
    let read = directory(&[
        ("1_a.up.sql", "-- migrate: lock_timeout=5s phase=contract\nDROP TABLE t;"),
        ("1_a.down.sql", "-- no-transaction\n-- migrate: statement_timeout=0\nCREATE TABLE t ();"),
        ("1_a.verify.sql", "-- migrate: statement_timeout=1min\nSELECT true;"),
    ]);
    let migration = &read.migrations[0];
    assert_eq!(migration.up_script().options().to_string(), "lock_timeout=5s phase=contract");
    let down = migration.down_script().unwrap();
    assert_eq!(down.options().to_string(), "statement_timeout=0 transaction=none");
    assert_eq!(down.transaction(), TransactionMode::None);
    assert_eq!(migration.verify_script().unwrap().options().to_string(), "statement_timeout=1min");
}

#[test]
fn flyways_files_are_read_in_the_order_of_their_dotted_versions_and_the_repeatable_ones_last() {
    let read = directory(&[
        ("V1.10__ten.sql", UP),
        ("V1_2__two.sql", UP),
        ("U1.2__undo.sql", UP),
        ("2026/V2__in_a_folder.sql", UP),
        ("2026/empty/", ""),
        ("2026/02/deep/V2.1__deeper.sql", UP),
        ("V2__two.verify.sql", "SELECT true;"),
        ("V20260101__date.sql", "SELECT 1;"),
        ("V20260101__date.sql.conf", "# why\nexecuteInTransaction=false\nencoding=UTF-8"),
        ("V3.sql", UP),
        ("R__views.sql", UP),
        ("R__functions of old.sql", UP),
        ("R__views.down.sql", UP),
        ("flyway.toml", ""),
    ]);
    assert_eq!(read.layout, Layout::Flyway);
    assert_eq!(
        summary(&read),
        [
            "1.2 V1_2__two: V1_2__two.sql U1.2__undo.sql",
            "1.10 V1.10__ten: V1.10__ten.sql",
            "2 V2__in_a_folder: 2026/V2__in_a_folder.sql V2__two.verify.sql",
            "2.1 V2.1__deeper: 2026/02/deep/V2.1__deeper.sql",
            "3 V3: V3.sql",
            "20260101 V20260101__date: V20260101__date.sql",
            "R__functions of old R__functions of old: R__functions of old.sql",
            "R__views R__views: R__views.sql R__views.down.sql",
        ]
    );
    assert_eq!(read.migrations[5].up_script().transaction(), TransactionMode::None);
    assert_eq!(read.settings, ["V20260101__date.sql.conf"]);
    assert_eq!(read.notes.len(), 1);
}

#[test]
fn refinerys_unversioned_files_are_migrations_of_their_own() {
    let read = directory(&[("V1__a.sql", UP), ("U2__b.sql", UP), ("V3__c.sql", UP)]);
    assert_eq!(read.layout, Layout::Refinery);
    assert_eq!(summary(&read), ["1 V1__a: V1__a.sql", "2 U2__b: U2__b.sql", "3 V3__c: V3__c.sql"]);
}

#[test]
fn numbered_files_may_have_repeatable_ones_beside_them() {
    let goose = "-- +goose Up\nSELECT 1;";
    let dbmate = "-- migrate:up\nSELECT 1;";
    for (first, layout) in [(UP, Layout::Flat), (goose, Layout::Goose), (dbmate, Layout::Dbmate)] {
        let read = directory(&[("0001_a.sql", first), ("R__views.sql", UP), ("R__views.verify.sql", UP)]);
        assert_eq!(read.layout, layout);
        assert_eq!(read.migrations[1].version().to_string(), "R__views");
        assert!(read.migrations[1].verify_script().is_some());
    }
}

#[test]
fn a_file_of_two_halves_is_two_scripts_with_the_lines_of_the_file() {
    let goose = "\u{feff}-- migrate: lock_timeout=1s\r\n-- +goose Up\r\n-- +goose StatementBegin\r\nSELECT 1;\r\n-- +goose StatementEnd\r\n\
                 -- +goose DOWN\r\n-- migrate: statement_timeout=1s\r\nSELECT 2;\r\n";
    let dbmate = "-- a comment\n-- migrate: lock_timeout=1s\n-- migrate:up\nSELECT 1;\n\n-- migrate:down it goes\n\
                  -- migrate: statement_timeout=1s\nSELECT 2;\n";
    let tern = "-- migrate: lock_timeout=1s\n\n\nSELECT 1;\n\n---- create above / drop below ----\n\
                -- migrate: statement_timeout=1s\nSELECT 2;\n";
    for (text, layout) in [(goose, Layout::Goose), (dbmate, Layout::Dbmate), (tern, Layout::Tern)] {
        let read = directory(&[("1_a.sql", text)]);
        assert_eq!(read.layout, layout);
        let migration = &read.migrations[0];
        let (up, down) = (migration.up_script(), migration.down_script().unwrap());
        assert_eq!([up.text(), down.text()].concat(), text);
        assert_eq!(
            [up.options().to_string(), down.options().to_string()],
            ["lock_timeout=1s", "statement_timeout=1s"]
        );
        assert_eq!((up.part(), down.part()), (Some((0, 1)), Some((up.text().len(), 6))));
        for (script, statement, line) in [(up, "SELECT 1", 4), (down, "SELECT 2", 8)] {
            let [only] = script.statements().iter().collect::<Vec<_>>()[..] else { panic!("{script:?}") };
            assert_eq!((only.text(script.text()), only.line()), (statement, line));
            assert_eq!(script.line_column(only.range().start).line, line);
            assert_eq!(script.line_at(only.range().start).trim_end(), format!("{statement};"));
        }
        // What a history keeps of a half can be read again.
        assert_eq!(Script::of_text("kept", down.text().to_owned()).unwrap().options(), down.options());
    }
}

#[test]
fn a_down_half_that_nobody_wrote_or_that_its_tool_does_not_run_is_no_down_script() {
    for text in
        ["-- migrate:up\nSELECT 1;\n\n-- migrate:down\n;", "SELECT 1;\n---- create above / drop below ----"]
    {
        let read = directory(&[("1_a.sql", text), ("2_b.verify.sql", "SELECT 1;"), ("2_b.sql", text)]);
        assert!(read.migrations.iter().all(|m| m.down_script().is_none()), "{text}");
        assert!(read.migrations[1].verify_script().is_some());
    }
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
        let scripts = [Some(only.up_script()), only.down_script(), only.verify_script()];
        for script in scripts.map(Option::unwrap) {
            assert_eq!((script.text(), script.statements().len()), (no_op, 0));
            assert_eq!(script.transaction(), TransactionMode::Block);
        }
        let notes: Vec<_> = read.notes.iter().map(ToString::to_string).collect();
        let expected = files.iter().map(|(path, _)| match path.contains("down") {
            true => format!("`{path}`: reverting changes nothing: the down script has no statement"),
            false => format!("`{path}`: does nothing: it has comments only"),
        });
        assert_eq!(notes, expected.collect::<Vec<_>>());
    }
    for text in
        ["-- +goose Up\n-- no-op", "-- no-op\n-- migrate:up", "-- no-op\n---- create above / drop below ----"]
    {
        let read = directory(&[("1_a.sql", text)]);
        assert!(read.migrations[0].up_script().statements().is_empty(), "{text}");
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
            format!("`{path}`: counts as no down script: it is as its tool made it")
        );
    }
}

#[test]
fn terns_settings_are_noted_in_its_layout_and_in_a_flat_one() {
    for text in [UP, "SELECT 1;\n---- create above / drop below ----"] {
        let read = directory(&[("001_a.sql", text), ("tern.conf", "[database]")]);
        assert_eq!(read.notes.len(), 1, "{}", read.layout);
        assert_eq!(read.notes[0].to_string(), "`tern.conf`: settings of another tool, which are not read");
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
        let scripts = [migration.up_script(), migration.down_script().unwrap()];
        assert_eq!(scripts.map(Script::transaction), expected, "{text}");
    }
}

#[test]
fn what_is_replaced_stands_aside() {
    let read = directory(&[
        ("1_a.sql", UP),
        ("2_b.sql", UP),
        ("3_ab.sql", "-- migrate: replaces=1..2\nSELECT 1;"),
        ("4_c.sql", UP),
        ("5_abc.sql", "-- migrate: replaces=0001..4\nSELECT 1;"),
        ("6_d.sql", UP),
    ]);
    let names =
        |migrations: &[SqlMigration]| migrations.iter().map(|m| m.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&read.migrations), ["5_abc", "6_d"]);
    assert_eq!(names(&read.replaced), ["1_a", "2_b", "3_ab", "4_c"]);
    let set = Set::from(read);
    assert_eq!((set.len(), set.replaced().count()), (2, 4));
    assert_eq!(set.find(&Version::numeric("2")).map(Migration::name), Some("2_b"));
}

#[test]
fn a_static_text_is_borrowed_and_an_owned_one_is_moved() {
    let file = SourceFile::new("1_a.sql", UP.as_bytes());
    let read = super::read(vec![file]).unwrap();
    assert_eq!(read.migrations[0].up_script().text().as_ptr(), UP.as_ptr());
}

/// Directories with something wrong. The snapshot `tests/problems.txt` has the text of each.
const WRONG: &[(&str, Files<'_>)] = &[
    ("an empty directory", &[]),
    (
        "a directory of something else",
        &[("main.rs", ""), ("lib.rs", ""), ("sql/helpers.sql", ""), ("sql/more.sql", "")],
    ),
    (
        "a directory of something else with a README.md",
        &[("README.md", ""), ("Cargo.toml", ""), ("src/main.rs", "")],
    ),
    ("two layouts", &[("0001_a.sql", UP), ("0002_b.sql", UP), ("0003_c/up.sql", UP), ("0004_d/up.sql", UP)]),
    ("three layouts", &[("0001_a.sql", UP), ("0002_b/up.sql", UP), ("0003_c/migration.sql", UP)]),
    ("a numbered file beside Prisma's folders", &[("0_init/migration.sql", UP), ("0002_fix.sql", UP)]),
    (
        "bad names in the flat layout",
        &[
            ("0001_users.sql", UP),
            ("0002.sql", UP),
            ("0003_.sql", UP),
            ("0004-posts.sql", UP),
            ("0005.1_posts.sql", UP),
            ("2024-01-01_posts.sql", UP),
            ("0006_posts.dwon.sql", UP),
            ("0008_posts.undo.sql", UP),
            ("0007_posts.SQL", UP),
            ("posts.sql", UP),
            ("_posts.sql", UP),
            ("seed.sh", ""),
            ("old/0001_users.sql", UP),
            ("empty/", ""),
            ("0009_\u{7}bell.sql", UP),
            ("0010_\u{fffd}.sql", UP),
            ("123456789012345678901234567890123456789012345678901_long.sql", UP),
        ],
    ),
    (
        "bad names in folders",
        &[
            ("0001_users/up.sql", UP),
            ("_posts/up.sql", UP),
            ("R__views/up.sql", UP),
            ("123456789012345678901234567890123456789012345678901_long/up.sql", UP),
            ("0004_empty/", ""),
            ("0005_only_words/README.md", ""),
            ("0006_only_down/down.sql", UP),
            ("0006_only_down/verify.sql", UP),
        ],
    ),
    (
        "bad folders of Prisma",
        &[
            ("0_init/migration.sql", UP),
            ("0_init/rollback.sql", UP),
            ("0_init/down.sql", UP),
            ("1_empty/", ""),
            ("3_only_rollback/rollback.sql", UP),
            ("4_Case/migration.sql", UP),
            ("4_case/migration.sql", UP),
        ],
    ),
    (
        "one version twice",
        &[
            ("0001_users.sql", UP),
            ("1_people.up.sql", UP),
            ("1_people.down.sql", UP),
            ("0002_a.sql", UP),
            ("0002_a.down.sql", UP),
            ("0002_b.down.sql", UP),
            ("0003_a.verify.sql", UP),
        ],
    ),
    (
        "one version in two folders",
        &[("2024-01-01_a/up.sql", UP), ("20240101_b/up.sql", UP), ("20240101_b/down.sql", UP)],
    ),
    ("nothing but a down script", &[("0001_a/down.sql", UP)]),
    ("nothing but files that a flat layout ignores", &[("a.sql", UP), ("old/1_a.sql", UP), ("seed.sh", "")]),
    ("a numbered down script alone", &[("0001_a.down.sql", UP)]),
    ("an empty up script of diesel's", &[("0001_a/up.sql", "")]),
    (
        "invisible characters where no name can be",
        &[(
            "1_a.sql",
            "CREATE\u{a0}TABLE t ();\n\u{feff}SELECT 1; ALTER\n TABLE\u{200b}t ADD a int;\u{3000}",
        )],
    ),
    (
        "scripts without a statement",
        &[
            ("1_a.sql", ""),
            ("2_b.sql", " \r\n;\n"),
            ("3_c.sql", "\u{feff}"),
            ("3_c.verify.sql", ""),
            ("4_d.sql", "-- To be written: what takes the schema forward.\n"),
            ("5_e.sql", "-- migrate: lock_timeout=5s\n"),
        ],
    ),
    (
        "bad options",
        &[
            (
                "1_a.sql",
                "-- migrate: lock_timeuot=5s lock_timeout=5sec, statement_timeout\n\
                 -- migrate: statement_timeout=1h statement_timeout=2h\n\
                 /* migrate: phase=expand */\n\
                 --migrate:transaction=maybe phase=soon allow=Drop,,x\n\
                 CREATE TABLE t ();",
            ),
            ("1_a.verify.sql", "-- migrate: phase=expand transaction=none\nSELECT 1;"),
            ("1_a.down.sql", "-- migrate: phase=expand\nDROP TABLE t;"),
            ("2_b.sql", "-- no-transaction\n-- migrate: transaction=block\nSELECT 1;"),
            ("3_c.sql", "-- migrate: statement_timeout=100us lock_timeout=25d\nSELECT 1;"),
            ("4_d.sql", "SELECT 1;\n\n  -- migrate: lock_timeout=5s\nSELECT 2;"),
            ("5_e.sql", "-- migrate: this moves the users\nSELECT 1;"),
        ],
    ),
    (
        "SQL that can't run",
        &[
            ("1_a.sql", "SELECT 1;\nPREPARE TRANSACTION 'x';\nSELECT 'it\\'s';"),
            ("1_a.down.sql", "\\i other.sql\nCOPY t FROM stdin;\n1\n\\.\n"),
            ("1_a.verify.sql", "SELECT 1; /* no end"),
            ("2_b.sql", "SELECT $x$ and no end;\nSELECT 2;\n"),
        ],
    ),
    (
        "a transaction block asked for, and statements that refuse one",
        &[
            ("1_a/up.sql", "-- migrate: transaction=block\n\nSELECT 1;\n  VACUUM users;"),
            (
                "1_a/down.sql",
                "-- migrate: transaction=block\nDROP INDEX CONCURRENTLY IF EXISTS a_very_long_name_of_an_index_on_users_created_at;",
            ),
            ("2_b/up.sql", "CREATE INDEX CONCURRENTLY i\nON t (a);"),
            ("2_b/metadata.toml", "run_in_transaction = true"),
        ],
    ),
    (
        "settings for a transaction that ends with them",
        &[
            (
                "1_a/up.sql",
                "SET LOCAL lock_timeout = '5s';\n  set /**/ local role owner;\nCREATE INDEX CONCURRENTLY i ON t (a);",
            ),
            ("1_a/down.sql", "SET LOCAL search_path = app; SELECT 1;"),
            ("2_b/up.sql", "SELECT 1; SET LOCAL app.token = 'not shown';"),
            ("2_b/metadata.toml", "run_in_transaction = false"),
            ("3_c/up.sql", "SET LOCAL lock_timeout = '5s';\nSET lock_timeout = 0; SELECT 'VACUUM';"),
        ],
    ),
    (
        "transactions of a script's own that can't be",
        &[
            ("1_a.sql", "BEGIN;\nSELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);\nCOMMIT;"),
            ("2_b.sql", "VACUUM t;\nSTART TRANSACTION;\nSELECT 1;"),
            ("3_c.up.sql", UP),
            ("3_c.verify.sql", "SELECT 1;\nEND;\nSET TRANSACTION READ ONLY;"),
        ],
    ),
    (
        "files of two halves of three tools",
        &[
            ("1_a.sql", "-- migrate:up\nCREATE TABLE t ();\n-- migrate:down\nDROP TABLE t;"),
            ("2_b.sql", "-- +goose Up\nCREATE TABLE t ();\n-- +goose Down\nDROP TABLE t;"),
            ("3_c.sql", "CREATE TABLE t ();\n---- create above / drop below ----\nDROP TABLE t;"),
        ],
    ),
    (
        "files of two halves where there are none",
        &[
            ("1_a/up.sql", "-- migrate:up\nCREATE TABLE t ();\n-- migrate:down\nDROP TABLE t;"),
            ("2_b/up.sql", "-- +goose Up\nCREATE TABLE t ();\n-- +goose Down\nDROP TABLE t;"),
            ("3_c/up.sql", "CREATE TABLE t ();\n---- create above / drop below ----\nDROP TABLE t;"),
            ("4_d/up.sql", "-- +migrate Up\nCREATE TABLE t ();\n-- +migrate Down\nDROP TABLE t;"),
        ],
    ),
    (
        "a file of one script beside files of two halves",
        &[("1_a.sql", "-- +goose Up\nSELECT 1;"), ("2_b.sql", UP), ("3_c.up.sql", UP)],
    ),
    (
        "bad marks of goose",
        &[
            ("1_a.sql", "  -- +goose Up\nSELECT 1;\n-- +goose Up\n-- +goose Donw\nSELECT 2;"),
            ("2_b.sql", "-- +goose Down\nSELECT 1;"),
            ("3_c.sql", "-- +goose Down\nSELECT 1;\n-- +goose Up\nSELECT 2;"),
            ("4_d.sql", "SELECT 1;\n-- +goose Up\nSELECT 2;"),
            (
                "5_e.sql",
                "-- +goose Up\n-- +goose StatementBegin\nSELECT 2;\n-- +goose StatementBegin\nSELECT 2;",
            ),
            ("6_f.sql", "-- +goose Up\n-- +goose StatementEnd\n-- +goose ENVSUB ON\nSELECT ${A};"),
            ("7_g.sql", "-- +goose Up\n\n-- +goose Down\nSELECT 'it"),
            ("8_h.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n-- migrate: transaction=block\nSELECT 1;"),
            ("9_i.go", ""),
        ],
    ),
    (
        "bad marks of dbmate",
        &[
            (
                "01_a.sql",
                "-- migrate:up transaction:no\nSELECT 1;\n -- migrate:down timeout:5 and so on\nSELECT 2;",
            ),
            ("02_b.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- migrate:up\nSELECT 2;"),
            ("03_c.sql", "-- migrate:down\nSELECT 2;"),
        ],
    ),
    (
        "an order of dbmate's that is not that of the versions",
        &[("1_a.sql", "-- migrate:up\nSELECT 1;"), ("10_b.sql", "-- migrate:up\nSELECT 1;")],
    ),
    (
        "bad marks of tern",
        &[
            ("1_a.sql", "SELECT 1;\n---- create above / drop below ----\nSELECT 2;"),
            ("2_b.sql", "SELECT 1;\n-- create above / drop below\nSELECT 2;"),
            ("3_c.sql", "SELECT 1;\n  ---- create above / drop below ----\nSELECT 2;"),
            ("4_d.sql", "SELECT '{{.schema}}', '{{ template \"a.sql\" . }}';"),
            ("shared/a.sql", "SELECT 3;"),
        ],
    ),
    (
        "bad names of Flyway's",
        &[
            ("V1__a.sql", UP),
            ("V1_0__b.sql", UP),
            ("V2_c.sql", UP),
            ("V__d.sql", UP),
            ("v3__e.sql", UP),
            ("R__.sql", UP),
            ("V4.x__f.sql", UP),
            ("B5__g.sql", UP),
            ("afterMigrate.sql", UP),
            ("V6__h.java", ""),
            ("V7__i.sql.conf", "executeInTransaction=false"),
            ("deep/er/", ""),
            ("V8__j.sql", UP),
            (
                "V8__j.sql.conf",
                "executeInTransaction=maybe\nencoding=ISO-8859-1\nshouldExecute=${x}==1\nfoo=1",
            ),
            ("V9__k.sql", "-- migrate: transaction=block\nSELECT 1;"),
            ("V9__k.sql.conf", "executeInTransaction=false"),
            ("V10__l.rs", ""),
        ],
    ),
    (
        "undo scripts of Flyway's without their migration",
        &[("V1__a.sql", UP), ("U1__a.sql", UP), ("U2__b.sql", UP)],
    ),
    ("unversioned migrations of refinery's beside Flyway's files", &[("U1__a.sql", UP), ("R__b.sql", UP)]),
    ("a flat file beside Flyway's", &[("V1__a.sql", UP), ("0002_b.sql", UP)]),
    (
        "ranges that can't be replaced",
        &[
            ("5_a.sql", "-- migrate: replaces=1..5\nSELECT 1;"),
            ("6_b.sql", "-- migrate: lock_timeout=1s replaces=4..3\nSELECT 1;"),
            ("7_c.sql", "-- migrate: replaces=1..\nSELECT 1;"),
            ("7_c.down.sql", "-- migrate: replaces=1..2\nSELECT 1;"),
            ("R__d.sql", "-- migrate: replaces=1..2\nSELECT 1;"),
        ],
    ),
    ("a repeatable folder of Prisma's", &[("0_init/migration.sql", UP), ("R__views/migration.sql", UP)]),
    (
        "bad metadata",
        &[
            ("1_a/up.sql", UP),
            ("1_a/metadata.toml", "run_in_transaction = no\n"),
            ("2_b/up.sql", UP),
            (
                "2_b/metadata.toml",
                "# a comment\nowner = \"me\"\nrun_in_transaction = true\nrun_in_transaction = true\n[migration]\nrun_in_transaction = 3\n",
            ),
            ("3_c/up.sql", "\n-- migrate: transaction=block\nSELECT 1;"),
            ("3_c/metadata.toml", "run_in_transaction = false"),
        ],
    ),
    ("a lock for another database", &[("migration_lock.toml", "# Prisma\n\nprovider = \"mysql\"")]),
    ("a lock that says nothing", &[("migration_lock.toml", "# Prisma\n")]),
    ("a lock that says something else", &[("migration_lock.toml", "provider = postgresql\nversion = 3")]),
];

/// Bytes rather than text.
fn wrong_bytes() -> Vec<SourceFile> {
    vec![
        SourceFile::new("1_latin_1.sql", b"SELECT 'caf\xc3\xa9';\nSELECT 'caf\xe9';".to_vec()),
        SourceFile::new("2_utf_16.sql", b"\xff\xfeS\x00E\x00".to_vec()),
    ]
}

#[test]
fn everything_that_is_wrong_has_its_text_in_the_snapshot() {
    let mut found = String::new();
    let mut kinds = BTreeSet::new();
    let mut add = |title: &str, files: Vec<SourceFile>| {
        let problems = super::read(files).expect_err(title);
        kinds.extend(problems.iter().map(|problem| place_of(&problem.kind)));
        found += &format!("# {title}\n{problems}\n\n");
    };
    for (title, files) in WRONG {
        add(title, sources(files));
    }
    add("bytes that are not UTF-8", wrong_bytes());
    let placeholders = Reading::default().placeholders(["schema", "region"]);
    let files = sources(&[
        (
            "1_a.sql",
            "-- +goose Up\nCREATE TABLE ${schemas}.t ();\n-- +goose Down\nDROP TABLE ${schema}.t, '${region}';",
        ),
        ("2_b.sql", "-- +goose Up\n-- ${comment}\nSELECT app_${schema}, ${, \"${nobody}\";"),
    ]);
    let problems = placeholders.read(files).unwrap_err();
    kinds.extend(problems.iter().map(|problem| place_of(&problem.kind)));
    found += &format!("# bad placeholders\n{problems}\n\n");
    let too_large = ProblemKind::TooLarge { length: 2_000_000_000, limit: script::SIZE_LIMIT };
    kinds.insert(place_of(&too_large));
    found += &format!("# a script of two gigabytes\n{}\n", Problem::of_file("1_dump.sql", too_large));

    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/problems.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(snapshot, &found).unwrap();
    }
    let expected = std::fs::read_to_string(snapshot).unwrap_or_default();
    assert!(found == expected, "{snapshot} differs (UPDATE_SNAPSHOTS=1 writes it anew):\n{found}");
    let missing: Vec<usize> = (0..KINDS).filter(|place| !kinds.contains(place)).collect();
    assert_eq!(missing, [0; 0], "kinds without a case");
}

/// The variants of an enum, from its source.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = body.expect("the enum is there").lines().filter_map(|line| line.strip_prefix("    "));
    let variants = lines.filter(|line| line.starts_with(char::is_uppercase));
    variants.map(|line| line.split([' ', '(', ',']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_refusal_has_its_row_in_the_table_of_the_docs_and_every_row_its_refusal() {
    let kinds = variants(include_str!("../set/problem.rs"), "ProblemKind");
    assert_eq!(kinds.len(), KINDS);
    let faults = variants(include_str!("../sql/fault.rs"), "FaultKind");
    let refused: BTreeSet<String> = kinds.into_iter().filter(|kind| kind != "Sql").chain(faults).collect();
    let table = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrate-postgres/docs/refusals.md");
    let table = std::fs::read_to_string(table).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let named = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2));
    let (of_runs, named): (Vec<String>, Vec<String>) =
        named.map(str::to_owned).partition(|name| name.starts_with("Error::"));
    let errors = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrate-postgres/src/error/mod.rs");
    let errors = variants(&std::fs::read_to_string(errors).unwrap(), "Error");
    assert!(of_runs.iter().all(|name| errors.contains(&name["Error::".len()..])), "{of_runs:?}");
    assert!(!of_runs.is_empty());
    assert_eq!(named.iter().cloned().collect::<BTreeSet<_>>(), refused);
    assert_eq!(named.len(), refused.len(), "no refusal has two rows");
}

const KINDS: usize = 43;

/// The place of each kind in the enum: without a wildcard, so that a new kind asks for a case.
fn place_of(kind: &ProblemKind) -> usize {
    use ProblemKind as K;
    match kind {
        K::NoMigrations { .. } => 0,
        K::MixedLayouts { .. } => 1,
        K::MissingVersion { .. } => 2,
        K::MissingName { .. } => 3,
        K::OddVersion { .. } => 4,
        K::LongVersion { .. } => 5,
        K::OddCharacter { .. } => 6,
        K::UnknownEnding { .. } => 7,
        K::UnknownFile { .. } => 8,
        K::InFolder { .. } => 9,
        K::FolderWithoutUp { .. } => 10,
        K::WithoutUp { .. } => 11,
        K::DuplicateVersion { .. } => 12,
        K::DuplicateScript { .. } => 13,
        K::SameButForCase { .. } => 14,
        K::OtherTool { .. } => 15,
        K::Empty => 16,
        K::Unwritten => 17,
        K::TooLarge { .. } => 18,
        K::NotUtf8 { .. } => 19,
        K::Sql(_) => 20,
        K::UnknownOption { .. } => 21,
        K::NotAnOption { .. } => 22,
        K::BadValue { .. } => 23,
        K::DuplicateOption { .. } => 24,
        K::OptionNotHere { .. } => 25,
        K::LateOptions => 26,
        K::OptionsInBlockComment => 27,
        K::RefusesBlock { .. } => 28,
        K::ContradictsMetadata { .. } => 29,
        K::UnknownSetting { .. } => 30,
        K::DuplicateSetting { .. } => 31,
        K::MissingSetting { .. } => 32,
        K::OtherProvider { .. } => 33,
        K::BadMark { .. } => 34,
        K::OrderByName { .. } => 35,
        K::WithoutScript { .. } => 36,
        K::BadRange { .. } => 37,
        K::BadPlaceholder { .. } => 38,
        K::LocalSetting { .. } => 39,
        K::RefusesOwnBlock { .. } => 40,
        K::UnendedBlock => 41,
        K::VerifyControl { .. } => 42,
    }
}

#[test]
fn a_path_is_shown_under_its_directory() {
    let problems = super::read(sources(&[("0001_a.sql", "SELECT '")])).unwrap_err().under("db/migrations/");
    assert!(problems.to_string().starts_with("db/migrations/0001_a.sql:1:8: "), "{problems}");
    let problems = super::read(Vec::new()).unwrap_err().under("db");
    assert!(problems.to_string().starts_with("db:1:1: "), "{problems}");
}

#[test]
fn a_folder_with_several_bad_files_and_a_bad_name_is_one_problem() {
    assert_eq!(problems(&[("_posts/up.sql", UP), ("_posts/down.sql", UP)]).len(), 1);
}

#[test]
fn a_script_that_refuses_a_transaction_runs_without_one_unless_it_says_otherwise() {
    let read = directory(&[("1_a.sql", "SET lock_timeout = 0; VACUUM t;"), ("2_b.sql", "SELECT 'VACUUM';")]);
    let modes: Vec<_> = read.migrations.iter().map(|m| m.up_script().transaction()).collect();
    assert_eq!(modes, [TransactionMode::None, TransactionMode::Block]);
}

#[test]
fn a_script_with_transactions_of_its_own_is_committed_as_it_says() {
    let mode = |text: &str| directory(&[("1_a.sql", text)]).migrations[0].up_script().transaction();
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

/// A name that some tool would give, or nearly.
fn path() -> impl Strategy<Value = String> {
    let folder = "(|db/|2026-01-01_a/|R__x/|\\.git/)";
    let version = "(V|U|R|B|v|)[0-9]{0,3}([._-][0-9]{1,2})?";
    let name = "(__|_|-|)[a-z]{0,2}";
    let ending = "(\\.up|\\.down|\\.verify|\\.undo)?(\\.sql|\\.SQL|\\.sql\\.conf|\\.md|\\.go|\\.rs|\\.toml|)";
    let named = format!("{folder}{version}{name}{ending}");
    prop_oneof![
        4 => proptest::string::string_regex(&named).unwrap(),
        1 => "[1-3]_a/(up|down|verify|migration|rollback)\\.sql",
        1 => "([1-3]_a/metadata|migration_lock|flyway)\\.toml|tern\\.conf|afterMigrate\\.sql|README|[1-3]_[a-z]/",
    ]
}

fn text() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => Just(UP),
        1 => Just("-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;"),
        1 => Just("-- migrate:up\nSELECT 1;\n-- migrate:down\n"),
        1 => Just("SELECT 1;\n---- create above / drop below ----\nSELECT 2;"),
        1 => Just("-- migrate: replaces=1..2\nSELECT 1;"),
        1 => Just("provider = \"postgresql\""),
        1 => Just("run_in_transaction = false"),
        1 => Just("executeInTransaction=false"),
    ]
}

proptest! {
    /// Each file of a directory is a script, a settings file, noted, known everywhere, or part of a problem.
    #[test]
    fn no_file_is_silently_dropped(files in proptest::collection::btree_map(path(), text(), 0..6)) {
        let files: Vec<SourceFile> = files
            .into_iter()
            .filter(|(path, _)| !path.is_empty())
            .map(|(path, text)| SourceFile::new(path, text.as_bytes()))
            .collect();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let Ok(read) = super::read(files) else { return Ok(()) };
        let all = || read.migrations.iter().chain(&read.replaced);
        let mut read_paths = BTreeSet::new();
        for migration in all() {
            let scripts = [Some(migration.up_script()), migration.down_script(), migration.verify_script()];
            read_paths.extend(scripts.into_iter().flatten().map(Script::path));
        }
        read_paths.extend(read.settings.iter().map(String::as_str));
        read_paths.extend(read.notes.iter().map(|note| note.path.as_str()));
        let is_in_noted_folder = |path: &str| {
            path.split_once('/').is_some_and(|(folder, _)| read_paths.contains(format!("{folder}/").as_str()))
        };
        // Flyway's folders mean nothing themselves.
        for path in paths.iter().filter(|path| !path.ends_with('/')) {
            let is_known = place::FileLocation::of(path).is_known();
            let is_read = read_paths.contains(path.as_str()) || is_in_noted_folder(path);
            prop_assert!(is_known != is_read || is_known, "{path} of {read:?}");
        }
        let versions: Vec<_> = read.migrations.iter().map(|m| m.version().clone()).collect();
        prop_assert!(versions.windows(2).all(|pair| pair[0] < pair[1]));
    }

    /// A directory with a problem names a file of it, or the folder of one.
    #[test]
    fn every_problem_names_something_of_the_directory(files in proptest::collection::btree_map(path(), text(), 1..6)) {
        let files: Vec<SourceFile> = files.into_iter().map(|(path, text)| SourceFile::new(path, text.as_bytes())).collect();
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let Err(problems) = super::read(files) else { return Ok(()) };
        for problem in &problems {
            let named = problem.path.is_empty() || paths.iter().any(|path| path.starts_with(&problem.path));
            prop_assert!(named, "{problem}");
        }
    }

    /// The two halves of a file are all of it, and each statement stands where the file has it.
    #[test]
    fn halves_are_the_whole_file(lines in proptest::collection::vec("(SELECT [0-9];|-- +goose Down|-- +goose StatementBegin|-- +goose StatementEnd|-- a|é\r|)", 0..8)) {
        let text = format!("-- +goose Up\n{}", lines.join("\n"));
        let Ok(read) = super::read(vec![SourceFile::new("1_a.sql", text.clone().into_bytes())]) else { return Ok(()) };
        let migration = &read.migrations[0];
        let halves = [Some(migration.up_script()), migration.down_script()];
        for half in halves.into_iter().flatten() {
            let (start, _) = half.part().unwrap();
            prop_assert_eq!(&text[start..start + half.text().len()], half.text());
            for statement in half.statements().iter() {
                let at = start + statement.range().start;
                prop_assert_eq!(crate::sql::line_column(&text, at), half.line_column(statement.range().start));
                prop_assert_eq!(half.line_column(statement.range().start).line, statement.line());
            }
        }
    }

    #[test]
    fn no_file_name_makes_the_reader_panic(
        paths in proptest::collection::vec("[.0-9_VaA~#-]{0,6}(/?[a-z.0-9_\u{e9}]{0,5})?(\\.up|\\.down)?(\\.sql|/up.sql|/migration.sql|\\.toml)?", 0..6)
    ) {
        let _ = super::read(paths.into_iter().map(|path| SourceFile::new(path, UP.as_bytes())).collect());
    }

    #[test]
    fn no_script_makes_the_reader_panic(bytes: Vec<u8>, text in "(-- migrate:|[ -~\u{e9}\n]|/\\*|\\*/|=|--){0,40}") {
        let _ = super::read(vec![SourceFile::new("1_a.sql", bytes)]);
        let _ = super::read(vec![SourceFile::new("1_a/up.sql", text.clone().into_bytes())]);
        let _ = super::read(vec![
            SourceFile::new("1_a/up.sql", UP.as_bytes()),
            SourceFile::new("1_a/metadata.toml", text.into_bytes()),
        ]);
    }
}
