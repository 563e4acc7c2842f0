//! Session isolation: a script's changes to its session end with the script, and settings of role and
//! database do not affect our own statements.

mod own_settings;

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Set};
use migrate_tests::sets::folder_of;
use tokio_postgres::Client;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// Each script changes the session in a different way; the next one records the state it finds.
const HOSTILE: [(&str, &str); 8] = [
    ("search_path", "SELECT pg_catalog.set_config('search_path', '', false)"),
    ("role", "SET ROLE pg_monitor"),
    ("session_authorization", "SET SESSION AUTHORIZATION pg_monitor"),
    ("TimeZone", "SET TimeZone = 'Asia/Tokyo'"),
    ("standard_conforming_strings", "SET standard_conforming_strings = off"),
    ("statement_timeout", "SET statement_timeout = '1ms'"),
    ("default_transaction_read_only", "SET default_transaction_read_only = on"),
    ("DateStyle", "SET DateStyle = 'German'"),
];

const SETTINGS: &str = "SELECT concat_ws(' | ', current_setting('search_path'), current_setting('role'), session_user, \
    current_setting('TimeZone'), current_setting('standard_conforming_strings'), current_setting('lock_timeout'), \
    current_setting('statement_timeout'), current_setting('default_transaction_read_only'), \
    current_setting('DateStyle'), current_setting('synchronous_commit'), current_setting('standard_conforming_strings'), \
    current_setting('idle_in_transaction_session_timeout'))";

async fn settings(client: &Client) -> String {
    client.query_one(SETTINGS, &[]).await.unwrap().get(0)
}

/// Migrations that change the session, each followed by one that records the state it finds.
fn files(mode: &str) -> Vec<(String, String)> {
    let mut files =
        vec![("0_found.sql".to_owned(), "CREATE TABLE found (after text, settings text);".to_owned())];
    for (number, (name, hostile)) in HOSTILE.iter().enumerate() {
        files.push((format!("{number}1_{name}.sql"), format!("-- migrate: transaction={mode}\n{hostile};")));
        files.push((
            format!("{number}2_found.sql"),
            format!(
                "-- migrate: lock_timeout=0 statement_timeout=0\n\
                 INSERT INTO found SELECT '{name}', ({SETTINGS});"
            ),
        ));
    }
    files[1..].sort();
    files
}

#[tokio::test]
async fn nothing_that_a_script_sets_reaches_the_next_one_or_the_session() {
    for mode in ["block", "none"] {
        let database = database().await;
        let client = database.connect().await.unwrap();
        // Settings of the session's owner, which must be kept.
        client.batch_execute("SET lock_timeout = '7s'; SET TimeZone = 'Europe/Berlin'").await.unwrap();
        let before = settings(&client).await;
        let files = files(mode);
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let migrator = migrator(&files);
        assert_eq!(migrator.run(&client).await.unwrap().steps.len(), files.len());
        assert_eq!(settings(&client).await, before, "{mode}");
        let rows = client.query("SELECT after, settings FROM found", &[]).await.unwrap();
        assert_eq!(rows.len(), HOSTILE.len());
        // In a run, a script has only the lock timeout that it asks for.
        let expected = before.replace("| 7s |", "| 0 |");
        for row in rows {
            assert_eq!(row.get::<_, String>(1), expected, "after {} ({mode})", row.get::<_, String>(0));
        }
        assert!(migrator.run(&client).await.unwrap().is_noop());
    }
}

/// The last statement of a run is sent alone, with and without settings before it in the script; it succeeds
/// or fails.
#[tokio::test]
async fn a_last_statement_outside_a_transaction_leaves_the_session_as_it_was() {
    let set = "SET search_path = app; SET TimeZone = 'Asia/Tokyo'; SET statement_timeout = '1min';";
    let index = "CREATE INDEX CONCURRENTLY i ON app.t (a);";
    let unique = "CREATE UNIQUE INDEX CONCURRENTLY i ON app.t (a);";
    for last in [index.to_owned(), format!("{set} {index}"), unique.to_owned(), format!("{set} {unique}")] {
        let database = database().await;
        let client = database.connect().await.unwrap();
        client.batch_execute("SET lock_timeout = '7s'; SET TimeZone = 'Europe/Berlin'").await.unwrap();
        let check = "SELECT current_setting('client_connection_check_interval')";
        let before = (settings(&client).await, client.query_one(check, &[]).await.unwrap().get(0));
        let migrator = migrator(&[
            ("1_t.sql", "CREATE SCHEMA app; CREATE TABLE app.t AS SELECT 1 AS a UNION ALL SELECT 1;"),
            ("2_i.sql", &format!("-- migrate: transaction=none\n{last}")),
        ]);
        assert_eq!(migrator.run(&client).await.is_err(), last.contains("UNIQUE"), "{last}");
        let after: (String, String) =
            (settings(&client).await, client.query_one(check, &[]).await.unwrap().get(0));
        assert_eq!(after, before, "{last}");
    }
}

/// `RESET ALL` resets custom settings of a pool's user, and nothing restores those.
#[tokio::test]
async fn a_connection_that_scripts_ran_in_does_not_go_back_to_its_pool() {
    let database = database().await;
    let manager = deadpool_postgres::Manager::new(database.config(), tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(2).build().unwrap();
    let pids = async || {
        let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
        let mut pids: Vec<(i32, Option<String>)> = Vec::new();
        for client in [&one, &two] {
            let sql = "SELECT pg_backend_pid(), nullif(current_setting('app.tenant', true), '')";
            let row = client.query_one(sql, &[]).await.unwrap();
            pids.push((row.get(0), row.get(1)));
            client.batch_execute("SET app.tenant = 'mine'").await.unwrap();
        }
        pids
    };
    let before = pids().await;
    for file in ["CREATE TABLE a ();", "CREATE TABLE b (); VACUUM b;"] {
        let set = migrator(&[("1_a.sql", file)])
            .history_schema("public")
            .history_table(format!("history_{}", file.len()));
        set.run(&pool).await.unwrap();
    }
    for (pid, tenant) in pids().await {
        let is_old = before.iter().any(|(old, _)| *old == pid);
        assert_eq!(tenant.is_some(), is_old, "a connection without what its user had set");
    }
}

/// The header of every pg_dump file, through a pool whose connections are reused afterwards.
#[tokio::test]
async fn a_dump_is_a_migration() {
    let database = database().await;
    let dump = "SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET client_encoding = 'UTF8';\n\
                SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n\
                SET check_function_bodies = false;\nSET row_security = off;\n\
                SET default_table_access_method = heap;\nCREATE TABLE public.a (id integer);\n";
    let manager = deadpool_postgres::Manager::new(database.config(), tokio_postgres::NoTls);
    let pool = deadpool_postgres::Pool::builder(manager).max_size(2).build().unwrap();
    migrator(&[("1_dump.sql", dump), ("2_b.sql", "CREATE TABLE b ();")]).run(&pool).await.unwrap();
    let (one, two) = (pool.get().await.unwrap(), pool.get().await.unwrap());
    for client in [&one, &two] {
        let row =
            client.query_one("SELECT current_setting('search_path'), current_setting('row_security')", &[]);
        let row = row.await.unwrap();
        assert_eq!((row.get(0), row.get(1)), ("\"$user\", public", "on"));
        client.batch_execute("SELECT FROM a, b").await.unwrap();
    }
}

/// A role for which backslashes are escapes: our texts, and the scripts, keep the meaning that the lexer
/// assumed.
#[tokio::test]
async fn strings_mean_the_same_for_a_role_with_other_strings() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let role = format!("old_{}", database.name());
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN SUPERUSER; ALTER ROLE {role} SET standard_conforming_strings = off"
        ))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let text = "CREATE TABLE a AS SELECT 'back\\slash' AS t; -- it's\nINSERT INTO a VALUES ('\\');";
    let migrator = migrator(&[("1_a.sql", text), ("2_a.sql", "INSERT INTO a VALUES ('\\''');")]);
    migrator.run(&client).await.unwrap();
    let row = client.query_one("SELECT string_agg(t, ',') FROM a", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "back\\slash,\\,\\'");
    let row = client.query_one("SHOW standard_conforming_strings", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "off");
    assert!(migrator.run(&client).await.unwrap().is_noop());
    drop(client);
    admin
        .batch_execute(&format!("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP ROLE {role}"))
        .await
        .unwrap();
}

/// As in a session that sends only the script. Settings that code makes for its transaction end with it.
#[tokio::test]
async fn what_code_sets_for_the_session_holds_for_the_statements_behind_it() {
    let script = "-- migrate: transaction=none
CREATE SCHEMA x;
DO $$ BEGIN PERFORM set_config('search_path', 'x', false), set_config('app.tenant', 'seven', false); END $$;
CREATE TABLE a AS SELECT current_setting('app.tenant') AS tenant;
CREATE INDEX CONCURRENTLY i ON a (tenant);
DO $$ BEGIN PERFORM set_config('search_path', 'public', true); END $$;
CREATE TABLE b ();
SET search_path = public;
CREATE TABLE c ();
DO $$ BEGIN EXECUTE 'SET search_path = x'; SET ROLE pg_monitor; END $$;
CREATE TEMPORARY TABLE who AS SELECT current_user::text AS name, current_setting('search_path') AS path;
DO $$ BEGIN RESET ROLE; EXECUTE 'RESET search_path'; END $$;
CREATE TABLE d AS TABLE who;
DO $$ BEGIN SET search_path = x; END $$;";
    for borrowed in [false, true] {
        let database = database().await;
        let next = "CREATE TABLE e ();";
        let migrator = migrator(&[("1_a.sql", script), ("2_e.sql", next)]);
        let client = database.connect().await.unwrap();
        match borrowed {
            true => migrator.run(&client).await.unwrap(),
            false => migrator.run(database.url()).await.unwrap(),
        };
        let tables = "SELECT string_agg(relnamespace::regnamespace || '.' || relname, ' ' ORDER BY relname) FROM pg_class \
                      WHERE relname ~ '^[a-ei]$'";
        let tables: String = client.query_one(tables, &[]).await.unwrap().get(0);
        assert_eq!(tables, "x.a x.b public.c public.d public.e x.i", "{borrowed}");
        let seen = "SELECT tenant || ' ' || name || ' ' || path FROM x.a, d";
        let seen: String = client.query_one(seen, &[]).await.unwrap().get(0);
        assert_eq!(seen, "seven pg_monitor x");
    }
}
