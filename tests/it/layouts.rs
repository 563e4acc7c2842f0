//! The directory layouts of all tools, run on a server. The fixtures in `fixtures/tools` define one schema,
//! each in its tool's layout.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Down, Error, Migrator, Set, migrate};
use migrate_tests::sets::folder_of;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrators() -> [(&'static str, Migrator); 9] {
    [
        ("sqlx", migrate!("fixtures/tools/sqlx")),
        ("golang-migrate", migrate!("fixtures/tools/golang-migrate")),
        ("refinery", migrate!("fixtures/tools/refinery")),
        ("Flyway", migrate!("fixtures/tools/flyway")),
        ("diesel", migrate!("fixtures/tools/diesel")),
        ("Prisma", migrate!("fixtures/tools/prisma")),
        ("goose", migrate!("fixtures/tools/goose")),
        ("dbmate", migrate!("fixtures/tools/dbmate")),
        ("tern", migrate!("fixtures/tools/tern")),
    ]
}

/// The objects in the schema, one per line, and the rows of its tables.
async fn schema(database: &Database) -> Vec<String> {
    let client = database.connect().await.unwrap();
    let lines = client
        .query(
            "SELECT format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) AS line
               FROM information_schema.columns WHERE table_schema = 'public'
             UNION ALL SELECT format('index %s valid %s', pg_get_indexdef(indexrelid), indisvalid)
               FROM pg_index WHERE indrelid::regclass::text IN ('users', 'posts')
             UNION ALL SELECT 'constraint ' || pg_get_constraintdef(oid) FROM pg_constraint
               WHERE conrelid::regclass::text IN ('users', 'posts')
             UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
             UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
             UNION ALL SELECT 'view ' || pg_get_viewdef(oid) FROM pg_class
               WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace
             ORDER BY line",
            &[],
        )
        .await
        .unwrap();
    lines.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_directories_of_all_tools_give_the_same_schema() {
    let mut schemas = Vec::new();
    for (tool, migrator) in migrators() {
        let database = database().await;
        let report = migrator.clone().history_schema("ops").run(database.url()).await.unwrap();
        assert_eq!(report.steps.len(), 5, "{tool}");
        let again = migrator.history_schema("ops").run(database.url()).await.unwrap();
        assert!(again.is_noop(), "{tool}");
        schemas.push((tool, schema(&database).await));
    }
    let (_, expected) = &schemas[0];
    assert!(
        expected.iter().any(|line| line.starts_with("index") && line.ends_with("valid t")),
        "{expected:?}"
    );
    assert!(expected.len() > 15, "{expected:?}");
    for (tool, schema) in &schemas {
        assert_eq!(schema, expected, "{tool}");
    }
}

#[tokio::test]
async fn what_a_directory_has_down_scripts_for_is_taken_back() {
    for (tool, migrator) in migrators() {
        let database = database().await;
        let migrator = migrator.history_schema("ops");
        migrator.run(database.url()).await.unwrap();
        let reverted = migrator.down(database.url(), Down::all()).await;
        match tool {
            "golang-migrate" | "Flyway" | "diesel" | "goose" => {
                reverted.unwrap();
                assert_eq!(schema(&database).await, [""; 0], "{tool}");
            }
            // If any of them lacks a down script, nothing is reverted.
            _ => {
                assert!(matches!(reverted, Err(Error::Refused(_))), "{tool}: {reverted:?}");
                assert!(schema(&database).await.len() > 15, "{tool}");
            }
        }
    }
}

#[tokio::test]
async fn a_failure_in_the_second_half_of_a_file_names_its_line_there() {
    let database = database().await;
    for (marks, line) in [
        (["-- +goose Up", "-- +goose Down"], 6),
        (["-- migrate:up", "-- migrate:down"], 6),
        (["-- tern", "---- create above / drop below ----"], 6),
    ] {
        let [up, down] = marks;
        let text = format!("{up}\nCREATE TABLE a (id int);\n\n{down}\nDROP TABLE a;\n  DROP TABLE äh, b;\n");
        let migrator = Migrator::new(Set::from_folder(folder_of(&[("1_a.sql", &text)]).path()).unwrap());
        migrator.run(database.url()).await.unwrap();
        let Err(Error::Failed(failure)) = migrator.down(database.url(), 1).await else { panic!("{up}") };
        let place = failure.place.unwrap();
        assert_eq!((place.path.as_str(), place.line), ("1_a.sql", line), "{up}");
        assert_eq!(place.excerpt, "  DROP TABLE äh, b;");
        let client = database.connect().await.unwrap();
        client.batch_execute("DROP TABLE a; DROP TABLE migrate_history CASCADE").await.unwrap();
    }
}

#[tokio::test]
async fn a_half_that_runs_without_a_transaction_is_kept_as_such() {
    let database = database().await;
    // Only the marker says that these commit.
    let commits = "DO $$ BEGIN CREATE TABLE b (); COMMIT; DROP TABLE b; COMMIT; END $$;";
    let goose = format!("-- +goose NO TRANSACTION\n-- +goose Up\n{commits}\n-- +goose Down\n{commits}\n");
    let older = ("1_a.sql", "-- +goose Up\nCREATE TABLE a ();");
    let newer = folder_of(&[older, ("2_b.sql", &goose)]);
    Migrator::new(Set::from_folder(newer.path()).unwrap()).run(database.url()).await.unwrap();
    let older = Migrator::new(Set::from_folder(folder_of(&[older]).path()).unwrap());
    older.down(database.url(), 1).await.unwrap();
}

/// golang-migrate, sqlx and goose accept a file without statements in both directions.
#[tokio::test]
async fn scripts_without_a_statement_are_applied_and_reverted_as_their_tool_does() {
    let pairs = [
        ("1_a.up.sql", "CREATE TABLE a ();"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("2_b.up.sql", ""),
        ("2_b.down.sql", ""),
        ("3_c.up.sql", "-- done by hand"),
        ("3_c.down.sql", "\n  \n"),
    ];
    let goose = [
        ("1_a.sql", "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;"),
        ("2_b.sql", "-- +goose Up\n\n-- +goose Down\n"),
        ("3_c.sql", "-- +goose Up\n-- done by hand\n-- +goose Down\n-- nothing to take back\n"),
    ];
    for files in [&pairs[..], &goose[..]] {
        let database = database().await;
        let folder = folder_of(files);
        let migrator = || Migrator::new(Set::from_folder(folder.path()).unwrap());
        assert_eq!(migrator().run(database.url()).await.unwrap().steps.len(), 3);
        assert!(migrator().run(database.url()).await.unwrap().is_noop());
        assert_eq!(migrator().down(database.url(), 2).await.unwrap().steps.len(), 2);
        // An older binary reverts migrations that it does not have, with the scripts stored in the history.
        migrator().run(database.url()).await.unwrap();
        let older = folder_of(&files[..if files.len() == 6 { 2 } else { 1 }]);
        let older = Migrator::new(Set::from_folder(older.path()).unwrap());
        assert_eq!(older.down(database.url(), 2).await.unwrap().steps.len(), 2);
        assert_eq!(migrator().down(database.url(), Down::all()).await.unwrap().steps.len(), 1);
        let client = database.connect().await.unwrap();
        assert_eq!(client.query("SELECT FROM pg_class WHERE relname = 'a'", &[]).await.unwrap().len(), 0);
    }
}

/// Idempotent scripts beside Prisma's and diesel's folders, which the tools themselves ignore.
#[tokio::test]
async fn a_repeatable_script_beside_folders_is_applied_whenever_it_changes() {
    for up in ["migration.sql", "up.sql"] {
        let database = database().await;
        let up = format!("20260101000000_a/{up}");
        let run = async |view: &str| {
            let folder = folder_of(&[(&up, "CREATE TABLE a (n int);"), ("R__views.sql", view)]);
            let set = Set::from_folder(folder.path()).unwrap();
            Migrator::new(set).run(database.url()).await.unwrap().steps.len()
        };
        assert_eq!(run("CREATE OR REPLACE VIEW v AS SELECT n FROM a;").await, 2, "{up}");
        assert_eq!(run("CREATE OR REPLACE VIEW v AS SELECT n FROM a;").await, 0, "{up}");
        assert_eq!(run("CREATE OR REPLACE VIEW v AS SELECT n, 1 AS one FROM a;").await, 1, "{up}");
    }
}

/// The server decides: scripts refused here fail there, and scripts that run there are not refused here.
#[tokio::test]
async fn an_invisible_character_is_refused_only_where_the_server_refuses_it() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE TABLE t (a int)").await.unwrap();
    for (text, runs) in [
        ("SELECT\u{a0}1;", false),
        ("SELECT 1;\n\u{feff}SELECT 2;", false),
        ("SELECT 1;\u{200b}", false),
        ("CREATE TABLE\u{a0}u ();", false),
        ("ALTER TABLE\u{2003}t ADD b int;", false),
        ("DROP\u{3000}TABLE t;", false),
        ("INSERT \u{a0}INTO t VALUES (1);", false),
        ("SELECT a\u{a0};", true),
        ("SELECT a FROM\u{a0}t;", true),
        ("SELECT 1 \u{200b} ;", true),
        ("ALTER TABLE t ADD \u{a0}b int;", true),
        ("SELECT a AS \u{2003} FROM t;", true),
        ("\u{feff}SELECT '\u{a0}' -- \u{200b}", true),
    ] {
        let folder = folder_of(&[("1_a.sql", text)]);
        let accepted = Set::from_folder(folder.path());
        let sent = client.batch_execute(&format!("BEGIN; {}", text.trim_start_matches('\u{feff}'))).await;
        client.batch_execute("ROLLBACK").await.unwrap();
        if runs {
            assert!(accepted.is_ok(), "{text:?}: {accepted:?}");
        } else {
            assert!(accepted.is_err() && sent.is_err(), "{text:?}: {sent:?}");
            let code = sent.unwrap_err().code().cloned();
            assert_eq!(code, Some(tokio_postgres::error::SqlState::SYNTAX_ERROR), "{text:?}");
            continue;
        }
        // `a` is a column of a missing table: a name that contains the character, as the server reads it.
        let is_name = |error: &tokio_postgres::Error| error.code().is_some_and(|code| code.code() != "42601");
        assert!(sent.as_ref().err().is_none_or(is_name), "{text:?}: {sent:?}");
    }
}

/// Each tool's page shows the three lines of a program that change.
#[test]
fn every_tool_has_a_page_with_the_three_lines_that_change() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tools = 0;
    for entry in std::fs::read_dir(root.join("fixtures/tools")).unwrap() {
        let tool = entry.unwrap().file_name().into_string().unwrap();
        let page = root.join(format!("../migrate-postgres/docs/coming-from-{tool}.md"));
        let page =
            std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let (_, rest) = page.split_once("```diff\n").unwrap();
        let added = rest.split_once("```").unwrap().0.lines().filter(|line| line.starts_with('+'));
        assert_eq!(added.count(), 3, "{tool}");
        tools += 1;
    }
    assert_eq!(tools, migrators().len());
}
