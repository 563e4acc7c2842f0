//! The files that each layout reads, and the resulting migrations.

use super::*;
use crate::set::version::{Version, VersionOrder};
use crate::sql::TransactionMode;

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
fn only_a_name_between_two_hashes_is_an_editors() {
    let read = directory(&[("0001_a.sql", UP), ("#", ""), ("a#", ""), ("#a", ""), ("#a#", "")]);
    let noted: Vec<_> = read.notes.iter().map(|note| (note.path.as_str(), note.why)).collect();
    assert_eq!(noted, ["#", "#a", "a#"].map(|name| (name, NoteKind::NotAMigration)));
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
    assert_eq!(read.migrations[5].up_script().unwrap().transaction(), TransactionMode::None);
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
        let (up, down) = (migration.up_script().unwrap(), migration.down_script().unwrap());
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
        // A half stored by a history can be read again.
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
fn terns_settings_are_noted_in_its_layout_and_in_a_flat_one() {
    for text in [UP, "SELECT 1;\n---- create above / drop below ----"] {
        let read = directory(&[("001_a.sql", text), ("tern.conf", "[database]")]);
        assert_eq!(read.notes.len(), 1, "{}", read.layout);
        assert_eq!(read.notes[0].to_string(), "`tern.conf`: another tool's settings, which are ignored");
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
        |migrations: &[FileMigration]| migrations.iter().map(|m| m.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&read.migrations), ["5_abc", "6_d"]);
    assert_eq!(names(&read.replaced), ["1_a", "2_b", "3_ab", "4_c"]);
    let set = Set::from(read);
    assert_eq!((set.len(), set.replaced().count()), (2, 4));
    assert_eq!(set.find(&Version::numeric("2")).map(Migration::name), Some("2_b"));
}

/// The layout of a directory, its migrations and the files that are noted; or its first problem.
fn outcome(files: Files<'_>) -> String {
    match read(sources(files)) {
        Ok(read) => {
            let notes: Vec<&str> = read.notes.iter().map(|note| note.path.as_str()).collect();
            format!("{}: {}; {}", read.layout, summary(&read).join(", "), notes.join(", "))
        }
        Err(problems) => problems.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn names_that_are_almost_a_layouts_are_noted_or_refused_and_none_is_taken_for_a_migration() {
    let stranger = "not a file of the Flyway layout";
    for (files, expected) in [
        (&[("V1__a.sql", UP), ("V1__a.down.sql", UP)][..], format!("V1__a.down.sql:1:1: {stranger}")),
        (&[("V1__a.sql", UP), ("R1__views.sql", UP)], format!("R1__views.sql:1:1: {stranger}")),
        (&[("V1__a.sql", UP), ("R.sql", UP)], "Flyway: 1 V1__a: V1__a.sql; R.sql".into()),
        (
            &[("V1__a.sql", UP), ("Helper.java", ""), ("Views__x.rs", ""), ("V1.java", "")],
            "Flyway: 1 V1__a: V1__a.sql; Helper.java, V1.java, Views__x.rs".into(),
        ),
        (
            &[("1_a.sql", UP), ("1_helper.rs", "pub fn help() {}"), ("3_b.rs", "pub async fn apply() {}")],
            "flat: 1 1_a: 1_a.sql; 1_helper.rs, 3_b.rs".into(),
        ),
        (
            &[("3_b.rs", "pub async fn apply() {}")],
            "3_b.rs:1:1: a migration in Rust needs a function `up`, and this file has none".into(),
        ),
        (&[("1_a.b.up.sql", UP)], "flat: 1 1_a.b: 1_a.b.up.sql; ".into()),
        (&[("x/notes.dat", "")], ".:1:1: there are no migrations here: found only `x/`".into()),
        (&[("1_a.sql", UP), ("notes.dat", "-- +goose Up\n")], "flat: 1 1_a: 1_a.sql; notes.dat".into()),
        (&[("1_a.sql", "-- +gooseberries\nSELECT 1;")], "flat: 1 1_a: 1_a.sql; ".into()),
    ] {
        assert_eq!(outcome(files), expected);
    }
}

#[test]
fn a_mark_that_asks_for_what_is_so_anyway_changes_nothing() {
    for text in
        ["-- migrate:up transaction:true\nSELECT 1;\n", "-- +goose ENVSUB OFF\n-- +goose Up\nSELECT 1;\n"]
    {
        let read = directory(&[("1_a.sql", text)]);
        assert_eq!(read.migrations[0].up_script().unwrap().options().transaction, None, "{text}");
        assert!(read.notes.is_empty(), "{text}");
    }
    let on = outcome(&[("1_a.sql", "-- +goose ENVSUB ON\n-- +goose Up\nSELECT 1;\n")]);
    assert!(on.contains("environment variables are not substituted"), "{on}");
}

#[test]
fn a_file_of_two_halves_beside_files_of_one_half_is_two_layouts() {
    let tern = ("1_a.sql", "SELECT 1;\n---- create above / drop below ----");
    let goose = ("2_b.sql", "-- +goose Up\nSELECT 1;");
    for files in
        [&[tern, ("2_b.up.sql", UP), ("2_b.down.sql", UP)][..], &[tern, goose], &[tern, ("2_b.up.sql", UP)]]
    {
        let outcome = outcome(files);
        assert!(outcome.contains("two layouts in one directory"), "{outcome}");
    }
}

#[test]
fn a_version_may_be_as_long_as_a_history_holds() {
    let outcome = |name: String| outcome(&[("V1.0.1__a.sql", UP), (&name, UP)]);
    assert!(outcome(format!("V1.{}__a.sql", "1".repeat(48))).starts_with("Flyway: "));
    assert!(outcome(format!("V1.{}__a.sql", "1".repeat(49))).contains("the version has 51 characters"));
    let views = format!("R__{}.sql", "v".repeat(60));
    let read = directory(&[("V1__a.sql", UP), (&views, UP)]);
    assert_eq!(read.migrations.len(), 2, "a name may be longer");
}
