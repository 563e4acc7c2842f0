//! Failing scripts.

use crate::bad_input::support::{Folder, assert_error, database, holds, text};
use migrate_postgres::{Action, Error, Failure, Left, Refused};

/// The failure of a migration.
fn failure(error: &Error) -> &Failure {
    match error {
        Error::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

fn place(error: &Error) -> (&str, u32, u32, usize) {
    let place = failure(error).place.as_ref().unwrap();
    (&place.path, place.line, place.column, place.statement)
}

/// Five migrations; the third is the given one.
fn five(third: &str) -> Folder {
    Folder::new([
        ("0001_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY);"),
        ("0002_posts.sql", "CREATE TABLE posts (id bigint PRIMARY KEY);"),
        ("0003_tags.sql", third),
        ("0004_likes.sql", "CREATE TABLE likes (id bigint PRIMARY KEY);"),
        ("0005_views.sql", "CREATE TABLE views (id bigint PRIMARY KEY);"),
    ])
}

#[tokio::test]
async fn a_syntax_error_in_the_third_of_five_leaves_the_first_two() {
    let database = database().await;
    let folder = five(
        "CREATE TABLE tags (id bigint PRIMARY KEY);\n\nCREATE TABLE post_tags (\n  post bigint REFERENCES posts,\n  \
         tag bigint REFERENCES tags,\n  PRIMARY KEY (post tag)\n);\n",
    );
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0003_tags.sql", 6, 21, 2));
    assert_eq!(error.sqlstate(), Some("42601"));
    assert_eq!(failure(&error).left, Left::Nothing);
    assert_eq!(failure(&error).report.steps.len(), 2);
    assert_error("syntax_error", &error, &database).await;

    folder.write("0003_tags.sql", "CREATE TABLE tags (id bigint PRIMARY KEY);");
    let report = folder.migrator().run(&database.config()).await.unwrap();
    assert_eq!((report.steps.len(), report.applied), (3, 5));
}

#[tokio::test]
async fn an_error_of_execution_in_the_third_of_five_leaves_the_first_two() {
    let database = database().await;
    let folder = five(
        "CREATE TABLE tags (id bigint PRIMARY KEY);\nINSERT INTO tags VALUES (1);\nINSERT INTO tags VALUES (1);\n",
    );
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0003_tags.sql", 3, 1, 3));
    assert_error("unique_violation", &error, &database).await;
}

#[tokio::test]
async fn a_syntax_error_in_the_first_one_leaves_nothing() {
    let database = database().await;
    let folder = Folder::new([("0001_users.sql", "CREATE TABEL users ();")]);
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0001_users.sql", 1, 8, 1));
    assert_error("syntax_error_first", &error, &database).await;
}

#[tokio::test]
async fn an_unfinished_statement_is_shown_at_its_end() {
    let database = database().await;
    let folder = five("CREATE TABLE tags\n");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::Failed(failure) if failure.name == "0003_tags"), "{error}");
    assert_error("unfinished_statement", &error, &database).await;
}

#[tokio::test]
async fn the_place_is_exact_behind_a_byte_order_mark_crlf_and_umlauts() {
    let database = database().await;
    let folder = Folder::new([
        ("0001_größen.sql", "SELECT 'ä';"),
        (
            "0002_zoë.sql",
            "\u{feff}-- Übergrößen für Zoë 🦀\r\nCREATE TABLE größen (id int, name text DEFAULT 'ß');\r\n\r\n\
             /* ø */ INSERT INTO größen\r\n  SELECT 1 / (länge - 2), 'é'\r\n  FROM (VALUES (2)) AS w (länge);\r\n",
        ),
    ]);
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    // Division by zero comes without a position, so only the statement's beginning is known.
    assert_eq!(place(&error), ("0002_zoë.sql", 4, 9, 2));
    assert_error("division_by_zero", &error, &database).await;

    folder.write(
        "0002_zoë.sql",
        "\u{feff}-- Übergrößen für Zoë 🦀\r\nCREATE TABLE größen (id int, name text DEFAULT 'ß');\r\n\r\n\
         INSERT INTO größen\r\n  SELECT 'é🦀', lönge\r\n  FROM (VALUES (2)) AS w (länge);\r\n",
    );
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0002_zoë.sql", 5, 16, 2));
    assert_error("undefined_column", &error, &database).await;
}

#[tokio::test]
async fn an_error_inside_a_function_comes_with_its_context() {
    let database = database().await;
    let folder = five(
        "CREATE FUNCTION fill() RETURNS void LANGUAGE plpgsql AS $$\nBEGIN\n  INSERT INTO users VALUES (NULL);\nEND\n$$;\n\
         \nSELECT fill();\n",
    );
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0003_tags.sql", 7, 1, 2));
    assert!(failure(&error).context.as_ref().unwrap().contains("PL/pgSQL function fill() line 3"));
    assert_error("error_in_a_function", &error, &database).await;
}

#[tokio::test]
async fn an_error_raised_by_a_block_has_its_detail_and_hint() {
    let database = database().await;
    let folder = five(
        "DO $$ BEGIN\n  RAISE EXCEPTION 'there are users without a name'\n    USING DETAIL = '3 of 10', HINT = 'Name them.', ERRCODE = 'P0042';\nEND $$;\n",
    );
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!((error.sqlstate(), failure(&error).hint.as_deref()), (Some("P0042"), Some("Name them.")));
    assert_error("raised_exception", &error, &database).await;
}

#[tokio::test]
async fn a_deferred_constraint_fails_at_commit() {
    let database = database().await;
    let folder = five(
        "CREATE TABLE tags (post bigint REFERENCES posts DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO tags VALUES (7);\n",
    );
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("23503"));
    assert_error("deferred_constraint", &error, &database).await;
}

#[tokio::test]
async fn a_verify_script_refutes_what_it_was_written_for() {
    let database = database().await;
    let folder = Folder::new([
        ("0001_users.up.sql", "CREATE TABLE users (id bigint);\nINSERT INTO users VALUES (1), (1);\n"),
        (
            "0001_users.verify.sql",
            "SELECT count(*) = 2 FROM users;\n\n-- No two of one id.\nSELECT id, count(*) FROM users GROUP BY id HAVING count(*) > 1;\n",
        ),
    ]);
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0001_users.verify.sql", 4, 1, 2));
    assert_error("verify_refutes", &error, &database).await;

    folder.write("0001_users.verify.sql", "SELECT count(*) = 2\nFROM usres;\n");
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0001_users.verify.sql", 2, 6, 1));
    assert_error("verify_fails", &error, &database).await;
}

#[tokio::test]
async fn a_verify_script_that_fails_in_its_second_statement_is_shown_there() {
    let database = database().await;
    let folder = Folder::new([
        ("0001_users.up.sql", "CREATE TABLE users (id bigint);\n"),
        ("0001_users.verify.sql", "SELECT true;\nSELECT 1 / count(*) FROM users;\n"),
    ]);
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0001_users.verify.sql", 2, 1, 2));
}

#[tokio::test]
async fn statement_by_statement_stops_at_its_checkpoint_and_goes_on_from_there() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let indexes = "CREATE INDEX CONCURRENTLY users_id ON users (id);\n\
                   CREATE INDEX CONCURRENTLY users_email ON users (email);\n\
                   ANALYZE users;\n";
    let folder = Folder::new([
        ("0001_users.sql", "CREATE TABLE users (id bigint);\n"),
        ("0002_indexes.sql", indexes),
        ("0003_posts.sql", "CREATE TABLE posts ();"),
    ]);
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(place(&error), ("0002_indexes.sql", 2, 1, 2));
    assert_eq!(failure(&error).left, Left::Statements { done: 1, total: 3 });
    assert_error("statement_by_statement", &error, &database).await;
    let status = folder.migrator().status(&database.config()).await.unwrap().to_string();
    assert!(status.contains("interrupted after 1 statement"), "{status}");

    // The cause is still there.
    let again = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_eq!(failure(&again).left, Left::Statements { done: 1, total: 3 });
    // A completed statement can't be edited, and an interrupted migration can't be removed or reverted.
    folder.write("0002_indexes.sql", "CREATE INDEX CONCURRENTLY users_id ON users (id, name);\n");
    let edited = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(&edited, Error::Refused(Refused::Interrupted { statements_done: 1, .. })), "{edited}");
    assert_error("interrupted_and_edited", &edited, &database).await;
    folder.remove("0002_indexes.sql");
    let removed = folder.migrator().run(&database.config()).await.unwrap_err();
    assert_error("interrupted_and_removed", &removed, &database).await;
    folder.write("0002_indexes.sql", indexes);
    let reverted = folder.migrator().down(&database.config(), 1).await.unwrap_err();
    assert_error("interrupted_and_reverted", &reverted, &database).await;

    client.batch_execute("ALTER TABLE users ADD COLUMN email text").await.unwrap();
    let report = folder.migrator().run(&database.config()).await.unwrap();
    assert_eq!(report.steps.len(), 2);
    let holds = holds(&client).await;
    assert!(
        holds.contains("index users_email\n") && holds.contains("0002_indexes done live checkpoint 3\n"),
        "{holds}"
    );
    assert!(folder.migrator().run(&database.config()).await.unwrap().is_noop());
}

#[tokio::test]
async fn a_migration_that_drops_the_history_or_its_schema_is_rolled_back() {
    let cases = [
        ("drops_history", "CREATE TABLE tags ();\nDROP TABLE migrate_history;\n"),
        ("drops_schema", "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"),
    ];
    for (case, script) in cases {
        let database = database().await;
        let error = five(script).migrator().run(&database.config()).await.unwrap_err();
        assert!(matches!(&error, Error::Failed(failure) if failure.name == "0003_tags"), "{error}");
        assert_error(case, &error, &database).await;
    }
}

#[tokio::test]
async fn a_migration_that_locks_the_history_is_in_nobodys_way() {
    let database = database().await;
    let report = five("LOCK TABLE migrate_history;").migrator().run(&database.config()).await.unwrap();
    assert_eq!(report.steps.len(), 5);
}

#[tokio::test]
async fn a_down_script_that_fails_leaves_the_migration_applied() {
    let database = database().await;
    let folder = Folder::good();
    folder.write("0002_posts.down.sql", "DROP TABLE posts;\nDROP TABLE post_tags;\n");
    folder.migrator().run(&database.config()).await.unwrap();
    let error = folder.migrator().down(&database.config(), 3).await.unwrap_err();
    assert_eq!(place(&error), ("0002_posts.down.sql", 2, 1, 2));
    assert_eq!(failure(&error).action, Action::Revert);
    assert_error("down_fails", &error, &database).await;
    assert_eq!(folder.migrator().status(&database.config()).await.unwrap().pending().count(), 1);
}

#[tokio::test]
async fn redo_stops_at_the_error_and_says_what_stands() {
    let database = database().await;
    let folder = Folder::good();
    folder.migrator().run(&database.config()).await.unwrap();
    folder.write("0003_tags.up.sql", "CREATE TABLE tags (id bigint PRIMARY KEY, name txt);\n");
    let error = folder.migrator().redo(&database.config(), 1).await.unwrap_err();
    assert_eq!(place(&error), ("0003_tags.up.sql", 1, 48, 1));
    assert_error("redo_fails", &error, &database).await;

    folder.write("0003_tags.up.sql", "CREATE TABLE tags (id bigint PRIMARY KEY, name text);\n");
    assert_eq!(folder.migrator().run(&database.config()).await.unwrap().steps.len(), 1);
    assert_eq!(folder.migrator().redo(&database.config(), 2).await.unwrap().steps.len(), 4);
}

#[tokio::test]
async fn what_a_failed_script_set_stays_its_own() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("SET application_name = 'mine'; SET statement_timeout = '7min'").await.unwrap();
    let folder = Folder::new([
        (
            "0001_settings.sql",
            "SET search_path = nowhere; SET ROLE pg_monitor; SET statement_timeout = 5; SELECT 1 / 0;",
        ),
        ("0002_more.sql", "SET work_mem = '1MB';\nVACUUM;\nSET search_path = nowhere;\nSELECT 1 / 0;\n"),
    ]);
    let session = "SELECT concat_ws(' ', current_user = session_user, current_setting('search_path'), \
        current_setting('application_name'), current_setting('statement_timeout'), current_setting('work_mem'))";
    let before = text(&client, session).await;
    folder.migrator().run(&client).await.unwrap_err();
    assert_eq!(text(&client, session).await, before);
    folder.write("0001_settings.sql", "SELECT 1;");
    let error = folder.migrator().run(&client).await.unwrap_err();
    assert_eq!(failure(&error).left, Left::Statements { done: 3, total: 4 });
    assert_eq!(text(&client, session).await, before);
    let locks = "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    assert_eq!(text(&client, locks).await, "0");
}
