//! Untrusted input: names that inject SQL or control characters, and oversized scripts.

use migrate_core::{Migration, Options, Script, SqlMigration, Version, sql};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Event, LockKind, Migrator, Set};
use migrate_tests::sets::folder_of;
use std::sync::Arc;
use std::time::Duration;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn set(files: &[(&str, &str)]) -> Set {
    Set::from_folder(folder_of(files).path()).unwrap()
}

const FILES: &[(&str, &str)] =
    &[("1_a.sql", "CREATE TABLE a (id int);"), ("2_b.sql", "CREATE INDEX CONCURRENTLY b ON a (id);")];

fn hostile_names() -> Vec<String> {
    [
        "\"; DROP TABLE a; --",
        "it's \"quoted\"",
        "line\nfeed\ttab",
        "back\\slash",
        "größer 数据库 🐘",
        "$$ $1 %s {} {{",
        "Mixed Case",
        "select",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["x".repeat(63), "ä".repeat(31)])
    .collect()
}

#[tokio::test]
async fn a_name_is_a_name_whatever_is_in_it() {
    let database = database().await;
    for (number, name) in hostile_names().into_iter().enumerate() {
        let kind = if number % 2 == 0 {
            LockKind::Transaction
        } else {
            LockKind::Lease { expiry: Duration::from_secs(30) }
        };
        // A separate table and index for each, because all share one database.
        let files = [
            ("1_a.sql", format!("CREATE TABLE t{number} (id int);")),
            ("2_b.sql", format!("CREATE INDEX CONCURRENTLY i{number} ON t{number} (id);")),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let migrator = Migrator::new(set(&files).named(name.clone()))
            .history_schema(name.clone())
            .history_table(name.clone())
            .program(name.clone())
            .lock(kind);
        let report = migrator.run(database.url()).await.unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert_eq!(report.steps.len(), 2, "{name:?}");
        assert!(migrator.run(database.url()).await.unwrap().is_noop(), "{name:?}");
        assert_eq!(migrator.status(database.url()).await.unwrap().pending().count(), 0);
        assert_eq!(migrator.history(database.url()).await.unwrap()[0].program, name);
    }
    let client = database.connect().await.unwrap();
    let rows = client.query("SELECT nspname FROM pg_namespace ORDER BY oid", &[]).await.unwrap();
    let schemas: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    for name in hostile_names() {
        assert!(schemas.contains(&name), "{name:?} among {schemas:?}");
    }
}

#[tokio::test]
async fn a_user_may_be_called_anything_too() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    for (number, name) in hostile_names().into_iter().enumerate() {
        let role = format!("\"{}\"", name.replace('"', "\"\""));
        admin.batch_execute(&format!("CREATE ROLE {role} LOGIN SUPERUSER")).await.unwrap();
        let mut config = database.config();
        config.user(&name);
        let migrator = Migrator::new(set(&FILES[..1])).history_schema(format!("s{number}"));
        let result = migrator.run(&config).await;
        if number == 0 {
            result.unwrap();
        } else {
            // The first one has already created the table; what matters is that the error is about the table.
            let error = result.unwrap_err().to_string();
            assert!(error.contains("relation \"a\" already exists"), "{name:?}: {error}");
        }
        let by = migrator.history(&config).await.unwrap()[0].by.clone();
        assert_eq!(by, name);
        admin
            .batch_execute(&format!("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP ROLE {role}"))
            .await
            .unwrap();
    }
}

/// A set of one migration, without a file.
fn one(text: String) -> Set {
    let statements = sql::split(&text).statements;
    let up = Script::new("1_large.sql", text, statements, Options::NONE);
    let migration: Arc<dyn Migration> = Arc::new(SqlMigration::new(Version::numeric("1"), "1_large", up));
    Set::new("large", vec![migration]).unwrap()
}

/// The number of kilobytes or statements to try: an ordinary run of the tests takes a tenth of them. With
/// `MIGRATE_TEST_EVERY_POINT` in the environment, it takes all.
fn whole_or_tenth(number: usize) -> usize {
    if std::env::var_os("MIGRATE_TEST_EVERY_POINT").is_some() { number } else { number / 10 }
}

/// Up to 100 MB.
#[tokio::test]
async fn a_script_of_any_size_is_a_script() {
    let database = database().await;
    let row = format!("('{}'),\n", "x".repeat(1000));
    let rows = whole_or_tenth(100_000);
    let text = format!("CREATE TABLE a (t text);\nINSERT INTO a VALUES\n{}('last');\n", row.repeat(rows));
    assert!(text.len() > rows * 1000);
    let migrator = Migrator::new(one(text));
    migrator.run(database.url()).await.unwrap();
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
    let client = database.connect().await.unwrap();
    let count: i64 = client.query_one("SELECT count(*) FROM a", &[]).await.unwrap().get(0);
    assert_eq!(count, rows as i64 + 1);
}

/// Up to a million.
#[tokio::test]
async fn any_number_of_statements_is_run_and_an_error_in_the_last_is_found() {
    let database = database().await;
    let number = whole_or_tenth(1_000_000);
    let text = format!("CREATE TABLE a (i int);\n{}SELECT 1/0;\n", "SELECT 1;\n".repeat(number));
    let error = Migrator::new(one(text)).run(database.url()).await.unwrap_err().to_string();
    let last = number + 2;
    assert!(error.contains(&format!("at 1_large.sql:{last}:1: division by zero")), "{error}");
    assert!(error.contains(&format!("statement {last} of {last}")), "{error}");
}

/// Up to a million statements are split, and each has the right position.
#[test]
fn any_number_of_statements_is_told_apart() {
    let number = whole_or_tenth(1_000_000);
    let text = "SELECT ';'; -- ;\n".repeat(number);
    let split = sql::split(&text);
    assert!(split.faults.is_empty());
    assert_eq!(split.statements.len(), number);
    assert_eq!(split.statements[number - 1].line() as usize, number);
    assert!(split.statements.iter().all(|statement| statement.text(&text) == "SELECT ';'"));
}

#[tokio::test]
async fn no_event_and_no_error_shows_a_password() {
    let database = database().await;
    let secret = "hunter2-is-the-word";
    let text = format!("CREATE ROLE r PASSWORD '{secret}' NONSENSE;");
    let told = Arc::new(std::sync::Mutex::new(String::new()));
    let heard = told.clone();
    let migrator = Migrator::new(set(&[("1_r.sql", &text)]))
        .on_event(move |event: &Event<'_>| heard.lock().unwrap().push_str(&format!("{event} {event:?}\n")));
    let error = migrator.run(database.url()).await.unwrap_err();
    let attempts = migrator.history(database.url()).await.unwrap();
    let everything = format!("{error} {error:?} {attempts:?} {}", told.lock().unwrap());
    assert!(everything.contains("42601"), "{everything}");
    assert!(!everything.contains(secret), "{everything}");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The server repeats rows in its DETAIL, and lines of a file in its CONTEXT.
#[tokio::test]
async fn no_error_and_no_history_shows_a_row_with_a_secret() {
    let secret = "hunter2-is-the-word";
    let users = "CREATE TABLE users (id int, password text UNIQUE, age int CHECK (age > 0));";
    let cases = [
        format!("INSERT INTO users (id, password) VALUES (1, lower('{secret}')), (2, '{secret}');"),
        format!("INSERT INTO users SELECT 7, convert_from('\\\\x{}', 'UTF8'), -1;", hex(secret)),
        format!("CREATE ROLE r PASSWORD E'{secret}\\'' NONSENSE;"),
        format!("DO $$ BEGIN EXECUTE format('CREATE ROLE r PASSWORD %L NONSENSE', '{secret}'); END $$;"),
    ];
    for text in cases {
        let database = database().await;
        let migrator = Migrator::new(set(&[("1_users.sql", users), ("2_r.sql", &text)]));
        let error = migrator.run(database.url()).await.unwrap_err();
        let attempts = migrator.history(database.url()).await.unwrap();
        let mut everything = format!("{error} {error:?} {attempts:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            everything += &format!("{cause}{cause:?}");
            source = cause.source();
        }
        assert!(!everything.contains(secret), "{text}: {everything}");
    }
}

/// Escape sequences in server messages, scripts, names and other sessions' queries are shown as text and not
/// executed.
#[tokio::test]
async fn no_event_and_no_error_holds_what_a_terminal_obeys() {
    let hostile = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}";
    let database = database().await;
    let texts = [
        format!("SELECT 1 /* {hostile} */ / 0;"),
        format!(
            "DO $$ BEGIN RAISE EXCEPTION 'm{hostile}' USING DETAIL = 'd{hostile}', HINT = 'h{hostile}'; END $$;"
        ),
        format!("SELECT * FROM \"t{hostile}\";"),
        format!("SELECT '{hostile}' nonsense nonsense;"),
    ];
    for text in texts {
        let told = Arc::new(std::sync::Mutex::new(String::new()));
        let heard = told.clone();
        let migrator = Migrator::new(set(&[("1_r.sql", &text)]))
            .on_event(move |event: &Event<'_>| heard.lock().unwrap().push_str(&event.to_string()));
        let error = migrator.run(database.url()).await.unwrap_err();
        for shown in [error.to_string(), told.lock().unwrap().clone()] {
            assert!(!shown.chars().any(migrate_core::display::printable::is_obeyed), "{shown:?}");
            assert!(shown.contains("\\u{1b}"), "{shown:?}");
        }
    }
}

/// Names of tables, schemas and migrations, hosts and history texts: no error, report or page passes on
/// anything that a terminal would execute.
#[tokio::test]
async fn no_name_in_an_error_or_a_report_holds_what_a_terminal_obeys() {
    let hostile = "\u{1b}[2J\u{202e}\u{200b}";
    let database = database().await;
    let client = database.connect().await.unwrap();
    let quoted = format!("\"h{hostile}\"");
    client.batch_execute(&format!("CREATE TABLE {quoted} (); CREATE SCHEMA {quoted}")).await.unwrap();
    let one = || Migrator::new(set(&[("1_a.sql", "CREATE TABLE a ();")]));
    let mut shown: Vec<String> = Vec::new();
    let mut refused = |error: migrate_postgres::Error| {
        shown.extend([error.to_string(), format!("{error:?}")]);
    };
    refused(one().history_table(format!("h{hostile}")).run(database.url()).await.unwrap_err());
    refused(one().run(&*format!("postgres://app@h{hostile}.invalid/x")).await.unwrap_err());
    refused(one().run("postgres://app@localhost:1/x%1B%5B2J").await.unwrap_err());

    one().history_schema(format!("h{hostile}")).run(database.url()).await.unwrap();
    refused(one().run(database.url()).await.unwrap_err());

    let two = || {
        Migrator::new(set(&[("1_a.sql", "CREATE TABLE a ();"), ("2_b.sql", "CREATE TABLE b ();")]))
            .history_schema(format!("h{hostile}"))
    };
    let name = format!(
        "UPDATE {quoted}.migrate_history SET version = '1', name = 'n{hostile}', program = 'p{hostile}'"
    );
    client.batch_execute(&name).await.unwrap();
    client.batch_execute(&format!("DELETE FROM {quoted}.migrate_history_head")).await.unwrap();
    let page = two()
        .database_report(database.url(), &migrate_postgres::report::ReportOptions::new())
        .await
        .unwrap()
        .to_html();
    let later = Migrator::new(set(&[("0_z.sql", "SELECT 1;"), ("2_b.sql", "CREATE TABLE b ();")]));
    let later = later.history_schema(format!("h{hostile}"));
    refused(later.run(database.url()).await.unwrap_err());
    shown.push(two().status(database.url()).await.unwrap().to_string());
    shown.push(two().history(database.url()).await.unwrap()[0].outcome.to_string());
    shown.push(page);
    for text in shown {
        assert!(!text.chars().any(migrate_core::display::printable::is_obeyed), "{text:?}");
    }
}
