//! The directories that each tool accepts: a table, each row with the rule from the tool's own source.

use crate::directory::*;
use crate::set::migration::Migration;

type Files<'a> = &'a [(&'a str, &'a str)];

/// A directory that its tool accepts, the names of the migrations that the tool finds in it, and the notes.
struct Accepted {
    tool: &'static str,
    /// The rule that the tool's reader follows, and its place in the source.
    rule: &'static str,
    files: Files<'static>,
    names: &'static [&'static str],
    notes: &'static [(&'static str, NoteKind)],
}

const UP: &str = "CREATE TABLE t ();";
const GOOSE: &str = "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 2;";
const DBMATE: &str = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;";
const TERN: &str = "SELECT 1;\n---- create above / drop below ----\nSELECT 2;";

use NoteKind::{
    BesideFolders, DownDoesNothing, DownWithoutUp, Empty, EmptyDown, InMigrationFolder, NotAMigration,
    OnlyComments, RepeatedMark, Subfolder, ToolSettings,
};

const ACCEPTED: &[Accepted] = &[
    Accepted {
        tool: "sqlx",
        rule: "resolve_blocking: what does not end in .sql, has no `_` or is a folder is passed over",
        files: &[
            ("1_a.sql", UP),
            ("schema.sql", UP),
            ("seed.sh", ""),
            ("2_b.sql.disabled", UP),
            ("old/1_a.sql", UP),
            ("old/deep/", ""),
            ("empty/", ""),
            ("Makefile", ""),
        ],
        names: &["1_a"],
        notes: &[
            ("2_b.sql.disabled", NotAMigration),
            ("Makefile", NotAMigration),
            ("empty/", Subfolder),
            ("old/", Subfolder),
            ("schema.sql", NotAMigration),
            ("seed.sh", NotAMigration),
        ],
    },
    Accepted {
        tool: "sqlx",
        rule: "the description may be empty, and may have dots; the text may be empty, begin with a byte order mark or have CRLF",
        files: &[
            ("0001_.sql", "\u{feff}SELECT 1;\r\n"),
            ("0002_to_v1.2.sql", UP),
            ("0003_users.index.sql", UP),
            ("0004_x.up.sql", ""),
            ("0004_x.down.sql", ""),
            ("20260101000000_wide.sql", "-- later"),
        ],
        names: &["0001_", "0002_to_v1.2", "0003_users.index", "0004_x", "20260101000000_wide"],
        notes: &[
            ("0004_x.up.sql", Empty),
            ("0004_x.down.sql", DownDoesNothing),
            ("20260101000000_wide.sql", OnlyComments),
        ],
    },
    Accepted {
        tool: "golang-migrate",
        rule: "source/parse.go: `^([0-9]+)_(.*)\\.(down|up)\\.(.*)$`, and all else is passed over; a down file may stand alone",
        files: &[
            ("000001_a.up.sql", UP),
            ("000001_a.down.sql", "-- nothing"),
            ("000002_only.down.sql", UP),
            ("7_to.v2.up.sql", UP),
            ("000010_gap.up.sql", UP),
            ("create_users.sql", UP),
            ("migrations.go", ""),
            ("atlas.sum", ""),
        ],
        names: &["000001_a", "7_to.v2", "000010_gap"],
        notes: &[
            ("atlas.sum", NotAMigration),
            ("create_users.sql", NotAMigration),
            ("migrations.go", NotAMigration),
            ("000001_a.down.sql", DownDoesNothing),
            ("000002_only.down.sql", DownWithoutUp),
        ],
    },
    Accepted {
        tool: "diesel",
        rule: "migrations_internals: files beside the folders are passed over, and in a folder only three names are looked at",
        files: &[
            ("2026-01-01-000000_a/up.sql", UP),
            ("2026-01-01-000000_a/down.sql", ""),
            ("2026-01-01-000000_a/generate.sh", ""),
            ("2026-01-01-000000_a/schema.sql", UP),
            ("2026-01-01-000000_a/old/", ""),
            ("2026-01-02-000000_b/up.sql", UP),
            ("2026-01-02-000000_b/down.sql", "-- nothing to take back"),
            ("loose.sql", UP),
            ("0003_numbered.sql", UP),
            ("generate.sh", ""),
            ("R__views.sql", UP),
        ],
        names: &["2026-01-01-000000_a", "2026-01-02-000000_b", "R__views"],
        notes: &[
            ("2026-01-01-000000_a/generate.sh", InMigrationFolder),
            ("2026-01-01-000000_a/old/", InMigrationFolder),
            ("2026-01-01-000000_a/schema.sql", InMigrationFolder),
            ("0003_numbered.sql", BesideFolders),
            ("generate.sh", BesideFolders),
            ("loose.sql", BesideFolders),
            ("2026-01-01-000000_a/down.sql", EmptyDown),
            ("2026-01-02-000000_b/down.sql", DownDoesNothing),
        ],
    },
    Accepted {
        tool: "diesel",
        rule: "version_from_string: all before the first `_` without dashes, and no digit is asked for",
        files: &[
            ("00000000000000/up.sql", UP),
            ("2026-01-01/up.sql", UP),
            ("2026.02_dots/up.sql", UP),
            ("setup/up.sql", UP),
            (
                "setup/metadata.toml",
                "owner = \"me\"\nrun_in_transaction = true\n[extra]\nrun_in_transaction = 3\n",
            ),
        ],
        names: &["00000000000000", "2026.02_dots", "2026-01-01", "setup"],
        notes: &[],
    },
    Accepted {
        tool: "Prisma",
        rule: "list_migrations: folders only, by their whole names, and in each one only migration.sql",
        files: &[
            ("0_init/migration.sql", UP),
            ("20260101000000_a/migration.sql", "-- This is an empty migration."),
            ("20260101000000_a/rolback.sql", UP),
            ("20260101000000_a/seed.ts", ""),
            ("migration_lock.toml", "provider = \"postgresql\"\nversion = 3\n"),
            ("20260102_by_hand.sql", UP),
            ("20260103_by_hand.sql", UP),
            ("20260104_by_hand.sql", UP),
            ("V1__old.sql", UP),
            ("generate.sh", ""),
            ("R__constraints.sql", UP),
        ],
        names: &["0_init", "20260101000000_a", "R__constraints"],
        notes: &[
            ("20260101000000_a/rolback.sql", InMigrationFolder),
            ("20260101000000_a/seed.ts", InMigrationFolder),
            ("20260102_by_hand.sql", BesideFolders),
            ("20260103_by_hand.sql", BesideFolders),
            ("20260104_by_hand.sql", BesideFolders),
            ("V1__old.sql", BesideFolders),
            ("generate.sh", BesideFolders),
            ("20260101000000_a/migration.sql", OnlyComments),
        ],
    },
    Accepted {
        tool: "goose",
        rule: "collectFilesystemSources: *.sql and *.go of the folder itself; a name without a number and `_` is passed over",
        files: &[
            ("00001_a.sql", GOOSE),
            ("00002_b.sql", "-- +goose Up\n-- +goose Down\n"),
            ("00003_c.sql", "-- +goose Up\nSELECT 1;\n-- +goose Down\n-- can't be undone\n"),
            ("schema.sql", UP),
            ("helpers.go", ""),
            ("00001_a_test.go", ""),
            ("atlas.sum", ""),
            ("old/00001_a.sql", GOOSE),
        ],
        names: &["00001_a", "00002_b", "00003_c"],
        notes: &[
            ("00001_a_test.go", NotAMigration),
            ("atlas.sum", NotAMigration),
            ("helpers.go", NotAMigration),
            ("old/", Subfolder),
            ("schema.sql", NotAMigration),
            ("00002_b.sql", Empty),
            ("00002_b.sql", DownDoesNothing),
            ("00003_c.sql", DownDoesNothing),
        ],
    },
    Accepted {
        tool: "dbmate",
        rule: "FindMigrations: `^(\\d+).*\\.sql$`, all else is passed over; parseMigrationContents: the first mark of each kind counts",
        files: &[
            ("001.sql", DBMATE),
            ("002-dashes.sql", DBMATE),
            (
                "003_c.sql",
                "-- migrate:up\n\n-- migrate:down\n-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;",
            ),
            ("004_d.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n-- none"),
            ("schema.sql", UP),
            ("notes.csv", ""),
        ],
        names: &["001", "002-dashes", "003_c", "004_d"],
        notes: &[
            ("notes.csv", NotAMigration),
            ("schema.sql", NotAMigration),
            ("003_c.sql", RepeatedMark),
            ("003_c.sql", RepeatedMark),
            ("003_c.sql", Empty),
            ("004_d.sql", DownDoesNothing),
        ],
    },
    Accepted {
        tool: "Flyway",
        rule: "ResourceNameParser: what has no prefix is passed over (validateMigrationNaming is off by default)",
        files: &[
            ("V1.1__a.sql", UP),
            ("sub/V1.2__b.sql", "-- nothing"),
            ("sub/seed.sql", UP),
            ("seed.csv", ""),
            ("README", ""),
            ("R__views.sql", UP),
            ("flyway.conf", ""),
        ],
        names: &["V1.1__a", "V1.2__b", "R__views"],
        notes: &[
            ("flyway.conf", ToolSettings),
            ("seed.csv", NotAMigration),
            ("sub/seed.sql", NotAMigration),
            ("sub/V1.2__b.sql", OnlyComments),
        ],
    },
    Accepted {
        tool: "refinery",
        rule: "find_migration_files: walks down, and passes over what is not `[U|V]<version>__<name>.sql`",
        files: &[
            ("V1__a.sql", UP),
            ("U2__b.sql", UP),
            ("deep/er/V3__c.sql", ""),
            ("mod.rs", ""),
            ("schema.sql", UP),
        ],
        names: &["V1__a", "U2__b", "V3__c"],
        notes: &[("mod.rs", NotAMigration), ("schema.sql", NotAMigration), ("deep/er/V3__c.sql", Empty)],
    },
    Accepted {
        tool: "tern",
        rule: "FindMigrations: `^(\\d+)_.+\\.sql$`, all else is passed over",
        files: &[
            ("001_a.sql", TERN),
            ("002_b.sql", UP),
            ("schema.sql", UP),
            ("tern.conf", ""),
            ("load.rb", ""),
        ],
        names: &["001_a", "002_b"],
        notes: &[("load.rb", NotAMigration), ("schema.sql", NotAMigration), ("tern.conf", ToolSettings)],
    },
];

#[test]
fn what_a_tool_accepts_is_accepted_and_what_it_passes_over_is_noted() {
    for Accepted { tool, rule, files, names, notes } in ACCEPTED {
        let sources = files.iter().map(|(path, text)| SourceFile::new(*path, text.as_bytes())).collect();
        let read =
            crate::directory::read(sources).unwrap_or_else(|problems| panic!("{tool}: {rule}:\n{problems}"));
        let found: Vec<&str> = read.migrations.iter().map(Migration::name).collect();
        assert_eq!(found, *names, "{tool}: {rule}");
        let mut noted: Vec<(&str, NoteKind)> =
            read.notes.iter().map(|note| (note.path.as_str(), note.why)).collect();
        let mut expected = notes.to_vec();
        noted.sort_by_key(|(path, why)| (path.to_string(), format!("{why:?}")));
        expected.sort_by_key(|(path, why)| (path.to_string(), format!("{why:?}")));
        assert_eq!(noted, expected, "{tool}: {rule}");
    }
}

/// The tool would ignore these files, too, but each is more likely a misnamed migration than anything else.
#[test]
fn a_misnamed_migration_is_a_problem_and_not_lost() {
    for (there, text, misnamed) in [
        ("1_a.sql", UP, "0004-posts.sql"),
        ("1_a.sql", UP, "0005.sql"),
        ("1_a.sql", UP, "0006_posts.SQL"),
        ("1_a.sql", UP, "0006_posts.dwon.sql"),
        // sqlx rejects it.
        ("1_a.sql", UP, "create_posts.sql"),
        ("1_a.sql", GOOSE, "2.sql"),
        ("1_a.sql", GOOSE, "2_b.go"),
        ("V1__a.sql", UP, "V2_b.sql"),
        ("V1__a.sql", UP, "v2__b.sql"),
        ("V1__a.sql", UP, "afterMigrate.sql"),
        ("V1__a.sql", UP, "V2__b.rs"),
        ("1_a/up.sql", UP, "2_b/down.sql"),
        ("1_a/migration.sql", UP, "2_b/README.md"),
        // The intended layout is ambiguous.
        ("1_a/migration.sql", UP, "2_b.sql"),
        ("1_a/up.sql", UP, "2_b.sql"),
    ] {
        let files = vec![SourceFile::new(there, text.as_bytes()), SourceFile::new(misnamed, UP.as_bytes())];
        let problems = crate::directory::read(files).expect_err(misnamed);
        assert_eq!(problems.len(), 1, "{problems}");
    }
}

#[test]
fn many_notes_of_one_kind_are_one_notice() {
    let mut files = vec![SourceFile::new("1_a.sql", UP.as_bytes())];
    files.extend(('a'..='e').map(|name| SourceFile::new(format!("{name}.sql"), UP.as_bytes())));
    files.push(SourceFile::new("2_b.sql", "-- none".as_bytes()));
    let directory = crate::directory::read(files).unwrap();
    let notices = [
        "`a.sql`, `b.sql`, `c.sql` and 2 more: not applied: it is not named like a migration",
        "`2_b.sql`: does nothing: it contains only comments",
    ];
    assert_eq!(directory.notices(), notices);
    assert_eq!(Set::from(directory).notices().collect::<Vec<_>>(), notices);
}

#[test]
fn a_stub_can_be_left_out_and_its_directory_outlined() {
    let stub = "-- To be written: the statements that apply this migration.\n";
    let halves = format!("-- +goose Up\nSELECT 1;\n-- +goose Down\n{stub}");
    for (files, names, has_down) in [
        (&[("1_a.sql", UP), ("2_b.up.sql", stub), ("2_b.down.sql", stub)][..], &["1_a"][..], false),
        (&[("1_a.up.sql", UP), ("1_a.down.sql", stub), ("1_a.verify.sql", stub)], &["1_a"], false),
        (&[("1_a.sql", halves.as_str()), ("2_b.sql", &format!("-- +goose Up\n{stub}"))], &["1_a"], false),
    ] {
        let sources =
            || files.iter().map(|(path, text)| SourceFile::new(*path, text.as_bytes().to_vec())).collect();
        let problems = crate::directory::read(sources()).unwrap_err();
        assert!(problems.iter().all(|problem| problem.kind == crate::ProblemKind::Unwritten), "{problems}");
        let read = Reading::default().without_unwritten().read(sources()).unwrap();
        assert_eq!(read.migrations.iter().map(Migration::name).collect::<Vec<_>>(), names);
        assert_eq!(read.migrations[0].down_script().is_some(), has_down);
        assert!(read.notes.iter().all(|note| note.why == NoteKind::Unwritten), "{:?}", read.notes);
        assert_eq!(
            outline(sources()).unwrap().names.last().unwrap().as_bytes()[0],
            files.last().unwrap().0.as_bytes()[0]
        );
    }
}

#[test]
fn an_outline_lists_every_file_of_a_migration() {
    let outlined = |files: Files<'_>| {
        let sources = files.iter().map(|(path, text)| SourceFile::new(*path, text.as_bytes().to_vec()));
        let outline = outline(sources.collect()).unwrap();
        let role = |file: &MigrationFile| file.role.map_or("-".to_owned(), |role| role.to_string());
        let shown = |file: &MigrationFile| format!("{} {} {}", file.path, file.version, role(file));
        outline.files.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(
        outlined(&[
            ("2024/V1_1__a.sql", UP),
            ("2024/V1_1__a.sql.conf", ""),
            ("undo/U1.1__b.sql", UP),
            ("R__v.sql", UP),
            ("seed.sql", ""),
        ]),
        [
            "2024/V1_1__a.sql 1.1 up",
            "2024/V1_1__a.sql.conf 1.1 -",
            "R__v.sql R__v up",
            "undo/U1.1__b.sql 1.1 down",
        ]
    );
    assert_eq!(
        outlined(&[
            ("1_a/up.sql", UP),
            ("1_a/down.sql", ""),
            ("1_a/metadata.toml", ""),
            ("1_a/README.md", "")
        ]),
        ["1_a/README.md 1 -", "1_a/down.sql 1 down", "1_a/metadata.toml 1 -", "1_a/up.sql 1 up"]
    );
    assert_eq!(
        outlined(&[("01_add.up.sql", UP), ("1_drop.down.sql", UP), ("2_x.down.sql", UP), ("README.md", "")]),
        ["01_add.up.sql 1 up", "1_drop.down.sql 1 down", "2_x.down.sql 2 down"]
    );
}

#[test]
fn an_invisible_character_is_refused_where_the_server_would_and_noted_where_it_is_part_of_a_name() {
    let text = "SELECT 1;\n\u{feff}CREATE TABLE t (\n  \u{a0}id int\n);";
    let problems =
        crate::directory::read(vec![SourceFile::new("1_a.sql", text.as_bytes().to_vec())]).unwrap_err();
    assert!(
        problems.to_string().starts_with(
            "1_a.sql:2:1: this word contains the invisible character U+FEFF ZERO WIDTH NO-BREAK SPACE, the byte order mark, which the server refuses"
        ),
        "{problems}"
    );
    let text = text.replace('\u{feff}', "");
    let read = crate::directory::read(vec![SourceFile::new("1_a.sql", text.into_bytes())]).unwrap();
    assert_eq!(
        read.notices(),
        ["`1_a.sql:3:3`: the invisible character U+00A0 NO-BREAK SPACE is part of a name here"]
    );
}
