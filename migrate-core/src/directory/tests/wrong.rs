//! Directories with problems, each with its title in the snapshot.

use super::*;

/// Directories with problems. The snapshot `tests/problems.txt` has the text of each.
pub(super) const WRONG: &[(&str, Files<'_>)] = &[
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
            ("4_d.sql", "-- To be written: the statements that apply this migration.\n"),
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
    (
        "backfills that can't run in batches",
        &[
            ("10_none.sql", "-- migrate: batch=users(id)\nUPDATE users SET slug = lower(name);"),
            (
                "11_several.sql",
                "-- migrate: batch=users(id)\nSELECT 1;\nUPDATE users SET a = 1 WHERE ${batch};",
            ),
            ("12_other.sql", "-- migrate: batch=users(id)\nCREATE INDEX i ON users (id) WHERE ${batch};"),
            ("13_values.sql", "-- migrate: batch=users(id)\nINSERT INTO users VALUES (${batch});"),
            ("14_table.sql", "-- migrate: batch=user(id)\nUPDATE users SET a = 1 WHERE ${batch};"),
            ("15_schema.sql", "-- migrate: batch=app.users(id)\nUPDATE shop.users SET a = 1 WHERE ${batch};"),
            (
                "16_key.sql",
                "-- migrate: batch=users(id)\nUPDATE users SET a = 1,\n  \"id\" = id + 1 WHERE ${batch};",
            ),
            (
                "17_bare.sql",
                "-- migrate: transaction=none batch=users(id)\nUPDATE users SET a = 1 WHERE ${batch};",
            ),
            ("18_quoted.sql", "-- migrate: batch=users(id)\nUPDATE users SET a = 1 WHERE '${batch}';"),
            ("19_body.sql", "-- migrate: batch=users(id)\nUPDATE users SET a = $$ ${batch} $$;"),
            ("20_alone.sql", "\nUPDATE users SET a = 1 WHERE ${batch};"),
            ("21_beside.sql", "-- migrate: rows=5 pause=1s\nUPDATE users SET a = 1;"),
            ("22_values.sql", "-- migrate: rows=0 pause=2h after= batch=users(id,)\nUPDATE users SET a = 1;"),
            ("23_down.sql", UP),
            (
                "23_down.down.sql",
                "-- migrate: batch=users(id) after=10\nUPDATE users SET a = 1 WHERE ${batch};",
            ),
            ("R__view.sql", "-- migrate: batch=users after=10\nUPDATE users SET a = 1 WHERE ${batch};"),
        ],
    ),
    (
        "migrations that wait for no backfill",
        &[
            ("1_users.sql", UP),
            ("2_slugs.sql", "-- migrate: after=2 batch=users\nUPDATE users SET a = 1 WHERE ${batch};"),
            ("3_a.sql", "-- migrate: after=9\nSELECT 1;"),
            ("4_b.sql", "\n-- migrate: after=5\nSELECT 1;"),
            ("5_c.sql", "-- migrate: after=1\nSELECT 1;"),
            ("6_d.sql", "-- migrate: after=7\nSELECT 1;"),
        ],
    ),
    (
        "bad migrations in Rust",
        &[
            ("1_private.rs", "async fn up(context: &mut Context<'_>) -> Result {}"),
            ("2_blocking.rs", "// A comment.\npub fn up() {}\npub async fn down() {}\nasync fn verify() {}"),
            (
                "4_refinery.rs",
                "use barrel::migration;\n\npub fn migration() -> String {\n    String::new()\n}",
            ),
            ("5_open.rs", "pub async fn up() { \"a\\\"b }"),
            ("6_brackets.rs", "pub async fn up() { (] }"),
            (
                "7_options.rs",
                "// migrate: transaction=some lock=5s\npub async fn up() {}\n// migrate: transaction=none",
            ),
            ("13_batch.rs", "// migrate: batch=users(id) rows=5\npub async fn up() {}"),
            ("14_after.rs", "// migrate: after=12\npub async fn up() {}"),
            ("8_block.rs", "/* migrate: transaction=none */\npub async fn up() {}"),
            ("9_range.rs", "// migrate: replaces=9..10\npub async fn up() {}"),
            ("10-dash.rs", "pub async fn up() {}"),
            ("11_role.down.rs", "pub async fn down() {}"),
            ("12_twice.rs", "pub async fn up() {}"),
            ("12_twice.sql", UP),
        ],
    ),
    (
        "a folder with code that has no function up",
        &[("1_none/up.rs", "pub async fn apply() {}\nmod m { pub async fn up() {} }")],
    ),
    ("a repeatable migration in Rust", &[("1_a.sql", UP), ("R__views.rs", "pub async fn up() {}")]),
    (
        "a directory of refinery's with code only",
        &[("V1__a.rs", "pub fn migration() -> String {}"), ("mod.rs", "")],
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
    (
        "bad assertions",
        &[
            ("0001_a.sql", UP),
            ("assertions/update.sql", "UPDATE t SET a = 1;"),
            (
                "assertions/hidden.sql",
                "SELECT 1 WHERE false;\nWITH d AS (DELETE FROM t RETURNING a) SELECT * FROM d;",
            ),
            ("assertions/into.sql", "SELECT 1 INTO made;"),
            ("assertions/empty.sql", "-- Nothing yet.\n"),
            ("assertions/Case.sql", "SELECT true;"),
            ("assertions/case.sql", "SELECT true;"),
            ("assertions/notes.csv", ""),
            ("assertions/deep/", ""),
            ("assertions/up.sql", "SELECT true;"),
            ("assertions/V2__b.sql", "SELECT true;"),
            (
                "assertions/since.sql",
                "-- A comment.\n-- migrate: statement_timeout=5s since=0009\nSELECT true;",
            ),
            ("assertions/options.sql", "-- migrate: transaction=none key=a,,b since=\nSELECT true;"),
            ("assertions/open.sql", "SELECT 'x;"),
        ],
    ),
    (
        "bad seeds",
        &[
            ("0001_a.sql", "-- migrate: since=0001\nCREATE TABLE t ();"),
            // Beside the directory, they keep no migration from running.
            ("../seed.sql", "COMMIT;"),
            ("seeds/block.sql", "BEGIN;\nINSERT INTO t VALUES (1);\nCOMMIT;"),
            ("seeds/vacuum.sql", "VACUUM t;"),
            ("seeds/options.sql", "-- migrate: since=0001\nSELECT 1;"),
            ("seeds/development/rows.json", ""),
            ("seeds/development/more/", ""),
        ],
    ),
];

/// Bytes rather than text.
pub(super) fn wrong_bytes() -> Vec<SourceFile> {
    vec![
        SourceFile::new("1_latin_1.sql", b"SELECT 'caf\xc3\xa9';\nSELECT 'caf\xe9';".to_vec()),
        SourceFile::new("2_utf_16.sql", b"\xff\xfeS\x00E\x00".to_vec()),
    ]
}
