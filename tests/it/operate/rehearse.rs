//! Rehearsals: pending migrations are run and rolled back.

use crate::operate::support::{database, migrator, value};
use migrate_core::sql::LockMode;
use migrate_postgres::Error;
use migrate_postgres::operate::RehearsalStopped;
use std::time::Duration;
use tokio_postgres::Client;

const USERS: (&str, &str) = ("1_users.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);");
const LIMIT: Duration = Duration::from_secs(60);

/// Everything that a rehearsal could leave behind: relations with their files, rows of the history, locks and
/// open transactions.
async fn state(client: &Client) -> String {
    let sql = "SELECT concat_ws(' | ',
        (SELECT string_agg(concat(oid, relname, relfilenode), ',' ORDER BY oid) FROM pg_class WHERE oid >= 16384),
        (SELECT count(*) FROM migrate_history), (SELECT count(*) FROM users),
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())),
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'))";
    value(client, sql).await
}

#[tokio::test]
async fn what_each_statement_locked_and_rewrote_is_told_and_nothing_is_left() {
    let database = database().await;
    let alter = "ALTER TABLE users ALTER id TYPE bigint;\nCREATE TABLE posts (author bigint REFERENCES users);\nSET search_path = '';";
    let files =
        [USERS, ("2_alter.sql", alter), ("3_insert.sql", "INSERT INTO public.users VALUES (1, 'Ada');")];
    migrator(&files[..1]).run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    let before = state(&client).await;
    // Over a new connection and over the caller's, which is unchanged afterwards.
    let own = migrator(&files).rehearse(database.url(), LIMIT).await;
    let path: String = value(&client, "SHOW search_path").await;
    let ours = migrator(&files).rehearse(&client, LIMIT).await;
    assert_eq!(value::<String>(&client, "SHOW search_path").await, path);
    assert_eq!(state(&client).await, before);
    for rehearsal in [own, ours] {
        let rehearsal = rehearsal.unwrap();
        assert!(rehearsal.stopped.is_none(), "{rehearsal}");
        let rewrite = &rehearsal.steps[0].statements[0];
        assert!(rewrite.rewritten.contains(&"public.users".to_owned()), "{rehearsal}");
        let lock = rewrite.locks.iter().find(|lock| lock.relation == "public.users").unwrap();
        assert_eq!(lock.mode, LockMode::AccessExclusive);
        // The lock was already held, and no other session sees the new table yet.
        assert!(rehearsal.steps[0].statements[1].locks.iter().all(|lock| lock.relation != "public.posts"));
        assert_eq!(rehearsal.steps[1].statements.len(), 1);
    }
}

#[tokio::test]
async fn a_migration_that_would_fail_is_told_with_its_place_and_nothing_is_left() {
    let database = database().await;
    migrator(&[USERS]).run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    let before = state(&client).await;
    let deferred = "ALTER TABLE users ADD boss int REFERENCES users DEFERRABLE INITIALLY DEFERRED;";
    let cases = [
        ("ALTER TABLE users ADD a int;\nALTER TABLE users ADD a int;", "42701", Some(2)),
        ("INSERT INTO users (id, boss) VALUES (1, 2);", "23503", None),
    ];
    for (text, code, line) in cases {
        let failing = migrator(&[USERS, ("2_boss.sql", deferred), ("3_fails.sql", text)]);
        let rehearsal = failing.rehearse(database.url(), LIMIT).await.unwrap();
        let Some(RehearsalStopped::Failed(failure)) = &rehearsal.stopped else { panic!("{rehearsal}") };
        assert_eq!((failure.name.as_str(), failure.code.as_deref()), ("3_fails", Some(code)));
        assert_eq!(failure.place.as_ref().map(|place| place.line), line);
        assert_eq!(state(&client).await, before);
    }
}

#[tokio::test]
async fn deferred_constraints_are_deferred_again_in_each_migration() {
    let database = database().await;
    migrator(&[USERS]).run(database.url()).await.unwrap();
    let files = [
        USERS,
        ("2_boss.sql", "ALTER TABLE users ADD boss int REFERENCES users DEFERRABLE INITIALLY DEFERRED;"),
        ("3_two.sql", "INSERT INTO users VALUES (1, '', 2); INSERT INTO users VALUES (2, '', 1);"),
    ];
    let rehearsal = migrator(&files).rehearse(database.url(), LIMIT).await.unwrap();
    assert!(rehearsal.stopped.is_none(), "{rehearsal}");
}

#[tokio::test]
async fn what_can_not_be_rolled_back_is_named_and_left_out() {
    let database = database().await;
    let index = ("2_index.sql", "CREATE INDEX CONCURRENTLY by_name ON users (name);");
    let files = [USERS, index, ("3_more.sql", "SELECT 1")];
    let rehearsal = migrator(&files).rehearse(database.url(), LIMIT).await.unwrap();
    assert_eq!(rehearsal.steps.len(), 1);
    let Some(RehearsalStopped::Refuses { name, left_out: 2 }) = &rehearsal.stopped else {
        panic!("{rehearsal}")
    };
    assert_eq!(name, "2_index");
    assert_eq!(rehearsal.left_out, ["2_index", "3_more"]);
    assert!(rehearsal.to_string().contains("not rehearsed: 2_index, 3_more"), "{rehearsal}");
    let client = database.connect().await.unwrap();
    let none: bool =
        value(&client, "SELECT to_regclass('users') IS NULL AND to_regclass('migrate_history') IS NULL")
            .await;
    assert!(none);
    let added = [
        ("1_e.sql", "CREATE TYPE e AS ENUM ('a');"),
        ("2_b.sql", "ALTER TYPE e ADD VALUE 'b';"),
        ("3_use.sql", "SELECT 'b'::e;"),
    ];
    migrator(&added[..1]).run(database.url()).await.unwrap();
    let rehearsal = migrator(&added).rehearse(database.url(), LIMIT).await.unwrap();
    assert!(
        matches!(rehearsal.stopped, Some(RehearsalStopped::NeedsCommit { left_out: 1, .. })),
        "{rehearsal}"
    );
}

#[tokio::test]
async fn a_rehearsal_waits_neither_for_locks_nor_for_statements_without_end() {
    let database = database().await;
    let files = [USERS, ("2_alter.sql", "ALTER TABLE users ADD a int;")];
    migrator(&files[..1]).run(database.url()).await.unwrap();
    let reader = database.connect().await.unwrap();
    reader.batch_execute("SET application_name = 'reporting'; BEGIN; SELECT FROM users").await.unwrap();
    let altering = migrator(&files).lock_timeout(Duration::from_millis(100));
    let rehearsal = altering.rehearse(database.url(), LIMIT).await.unwrap();
    let Some(RehearsalStopped::Failed(failure)) = &rehearsal.stopped else { panic!("{rehearsal}") };
    assert_eq!(failure.code.as_deref(), Some("55P03"));
    assert_eq!(failure.blockers[0].application.as_deref(), Some("reporting"));

    let slow = migrator(&[USERS, ("2_slow.sql", "SET statement_timeout = 0; SELECT pg_sleep(600);")]);
    let rehearsal = slow.rehearse(database.url(), Duration::from_millis(300)).await.unwrap();
    assert!(matches!(rehearsal.stopped, Some(RehearsalStopped::TimeUp { .. })), "{rehearsal}");

    // The owner's transaction is not rolled back.
    let error = altering.rehearse(&reader, LIMIT).await.unwrap_err();
    assert!(matches!(error, Error::InTransaction), "{error}");
    reader.batch_execute("SELECT FROM users; COMMIT").await.unwrap();
}

/// Rehearses files, and then runs them: both must succeed.
async fn as_in_a_run(files: &[(&str, &str)]) {
    let database = database().await;
    let rehearsal = migrator(files).rehearse(database.url(), LIMIT).await.unwrap();
    assert!(rehearsal.stopped.is_none(), "{rehearsal}");
    assert_eq!((rehearsal.steps.len(), rehearsal.left_out.len()), (migrator(files).set().iter().count(), 0));
    migrator(files).run(database.url()).await.unwrap();
}

#[tokio::test]
async fn each_migration_finds_the_session_that_it_finds_in_a_run() {
    as_in_a_run(&[
        ("1_path.sql", "SET search_path = ''; CREATE TABLE public.a (id int);"),
        ("2_b.sql", "CREATE TABLE b (id int);"),
        ("3_local.sql", "SET LOCAL search_path = ''; CREATE TABLE public.c (id int);"),
        ("4_d.sql", "CREATE TABLE d (id int);"),
        ("5_role.sql", "SET ROLE pg_monitor;"),
        ("6_e.sql", "CREATE TABLE e (id int);"),
        ("7_timeout.sql", "SET lock_timeout = '1ms'; SET statement_timeout = '7s';"),
        (
            "8_timeout.sql",
            "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '2s', current_setting('lock_timeout'); END $$;",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_deferred_happens_before_a_verify_script_as_in_a_run() {
    let up = "CREATE TABLE log (id int); CREATE TABLE t (id int);
        CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER logged AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION logged();
        INSERT INTO t VALUES (7);";
    as_in_a_run(&[("1_t.up.sql", up), ("1_t.verify.sql", "SELECT count(*) = 1 FROM log;")]).await;
}

#[tokio::test]
async fn a_script_has_the_timeout_that_it_asks_for() {
    let database = database().await;
    let slow = [("1_slow.sql", "-- migrate: statement_timeout=100ms\nSELECT pg_sleep(600);")];
    let rehearsal = migrator(&slow).rehearse(database.url(), LIMIT).await.unwrap();
    let Some(RehearsalStopped::Failed(failure)) = &rehearsal.stopped else { panic!("{rehearsal}") };
    assert_eq!(failure.code.as_deref(), Some("57014"));
}

#[tokio::test]
async fn an_index_that_is_locked_is_told_with_its_table() {
    let database = database().await;
    let files = [USERS, ("2_drop.sql", "ALTER TABLE users DROP CONSTRAINT users_pkey;")];
    migrator(&files[..1]).run(database.url()).await.unwrap();
    let rehearsal = migrator(&files).rehearse(database.url(), LIMIT).await.unwrap();
    let locks = &rehearsal.steps[0].statements[0].locks;
    let key = locks.iter().find(|lock| lock.relation == "public.users_pkey").unwrap();
    assert_eq!(key.table.as_deref(), Some("public.users"));
    assert!(rehearsal.to_string().contains("public.users_pkey, an index of public.users: "), "{rehearsal}");
    assert!(locks.iter().any(|lock| lock.relation == "public.users" && lock.table.is_none()));
}
