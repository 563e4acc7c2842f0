//! Passwords and connection strings are never shown or stored.

use crate::bad_input::support::{Folder, assert_snapshot, database, text};
use migrate_postgres::testing::Database;
use migrate_postgres::{Error, Refused};
use std::error::Error as _;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

const SECRET: &str = "hunter2";

/// Everything that an error shows in any format.
fn shown(error: &Error) -> String {
    let mut shown = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut source = error.source();
    while let Some(cause) = source {
        _ = writeln!(shown, "{cause}\n{cause:?}");
        source = cause.source();
    }
    if let Error::Failed(failure) = error {
        _ = writeln!(shown, "{failure}\n{failure:?}");
    }
    shown
}

/// All columns of all rows of the history.
async fn kept(database: &Database) -> String {
    let client = database.connect().await.unwrap();
    text(&client, "SELECT coalesce(string_agg(h::text, E'\n'), '') FROM migrate_history h").await
}

/// Runs a folder; returns its error, and everything that was reported on the way.
async fn run(folder: &Folder, database: &Database) -> (Option<Error>, String) {
    let told = Arc::new(Mutex::new(String::new()));
    let heard = told.clone();
    let migrator =
        folder.migrator().on_event(move |event| _ = writeln!(heard.lock().unwrap(), "{event}\n{event:?}"));
    let error = migrator.run(&database.config()).await.err();
    let told = told.lock().unwrap().clone();
    (error, format!("{told}\n{migrator:?}\n{:?}", migrator.plan(&database.config()).await))
}

#[tokio::test]
async fn a_password_in_a_script_that_fails_is_left_out_everywhere() {
    let scripts = [
        ("secret_role", "ALTER ROLE nobody_of_that_name PASSWORD 'hunter2';\n"),
        ("secret_syntax_error", "CREATE ROLE x PASSWORD 'hunter2' LOGON;\n"),
        (
            "secret_in_a_block",
            "DO $$ BEGIN\n  EXECUTE 'ALTER ROLE nobody_of_that_name PASSWORD ''hunter2''';\nEND $$;\n",
        ),
        (
            "secret_in_a_function",
            "CREATE FUNCTION set_password() RETURNS void LANGUAGE plpgsql AS $$ BEGIN\n  \
             ALTER ROLE nobody_of_that_name PASSWORD 'hunter2';\nEND $$;\nSELECT set_password();\n",
        ),
        (
            "secret_url",
            "CREATE SUBSCRIPTION s CONNECTION 'host=/nowhere user=app password=hunter2' PUBLICATION p;\n",
        ),
        ("secret_setting", "SET app.token = 'hunter2';\nSELECT 1 / 0;\n"),
        (
            "secret_without_transaction",
            "-- migrate: transaction=none\nALTER ROLE nobody_of_that_name PASSWORD 'hunter2';\n",
        ),
    ];
    for (case, script) in scripts {
        let database = database().await;
        let folder = Folder::new([("0001_users.sql", "CREATE TABLE users ();"), ("0002_secret.sql", script)]);
        let (error, told) = run(&folder, &database).await;
        let error = error.unwrap();
        assert!(matches!(error, Error::Failed(_)), "{case}: {error}");
        // libpq has its own message for a missing host.
        if case != "secret_url" {
            assert_snapshot(case, &error.to_string(), &[]);
        }
        for (what, text) in [("error", shown(&error)), ("events", told), ("history", kept(&database).await)] {
            assert!(!text.contains(SECRET), "{case}, {what}: {text}");
        }
    }
}

#[tokio::test]
async fn a_password_in_a_script_that_succeeds_is_not_kept() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let role = format!("app_{}", database.name());
    let folder = Folder::new([
        ("0001_role.up.sql", &format!("CREATE ROLE {role} PASSWORD 'hunter2';\n")),
        ("0001_role.down.sql", &format!("ALTER ROLE {role} PASSWORD 'hunter2';\nDROP ROLE {role};\n")),
        ("0002_users.up.sql", "CREATE TABLE users ();\n"),
    ]);
    let (error, told) = run(&folder, &database).await;
    assert!(error.is_none(), "{error:?}");
    assert!(folder.migrator().run(&database.config()).await.unwrap().is_noop());
    for (what, text) in [("events", told), ("history", kept(&database).await)] {
        assert!(!text.contains(SECRET), "{what}: {text}");
    }

    // An edit is detected, and its diff shows neither the old password nor the new one.
    folder.write("0001_role.up.sql", &format!("-- A role.\nCREATE ROLE {role} PASSWORD 'hunter2222';\n"));
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::Edited { .. })), "{error}");
    assert_snapshot("secret_edited", &error.to_string(), &[(&role, "app")]);
    assert!(!shown(&error).contains(SECRET), "{error}");
    folder.write("0001_role.up.sql", &format!("CREATE ROLE {role} PASSWORD 'hunter2222';\n"));
    let error = folder.migrator().run(&database.config()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::Edited { .. })), "{error}");
    assert!(!shown(&error).contains(SECRET), "{error}");

    // A down script that was stored without its password can't be run; the set's can.
    folder.write("0001_role.up.sql", &format!("CREATE ROLE {role} PASSWORD 'hunter2';\n"));
    folder.remove("0001_role.down.sql");
    let error = folder.migrator().down(&database.config(), 2).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::NoDown { .. })), "{error}");
    let error = folder.migrator().down(&database.config(), 1).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::NoDown { .. })), "{error}");
    client.batch_execute(&format!("DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_kept_down_script_without_its_password_is_not_run() {
    let database = database().await;
    let folder = Folder::new([
        ("0001_users.up.sql", "CREATE TABLE users ();\n"),
        ("0001_users.down.sql", "ALTER ROLE nobody_of_that_name PASSWORD 'hunter2';\nDROP TABLE users;\n"),
    ]);
    folder.migrator().run(&database.config()).await.unwrap();
    folder.remove("0001_users.down.sql");
    let error = folder.migrator().down(&database.config(), 1).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(Refused::KeptDown { .. })), "{error}");
    assert_snapshot("secret_kept_down", &error.to_string(), &[]);
    assert!(!kept(&database).await.contains(SECRET));
}

#[tokio::test]
async fn an_edit_of_comments_beside_a_password_is_still_a_notice() {
    let database = database().await;
    let folder = Folder::new([(
        "0001_users.sql",
        "-- Who they are.\nCREATE TABLE users (name text, password text NOT NULL DEFAULT 'hunter2');\n",
    )]);
    folder.migrator().run(&database.config()).await.unwrap();
    folder.write(
        "0001_users.sql",
        "-- Who they were.\nCREATE TABLE users (\n  name text, password text NOT NULL DEFAULT 'hunter2');\n",
    );
    let report = folder.migrator().run(&database.config()).await.unwrap();
    assert_eq!(report.notices.len(), 1);
}
