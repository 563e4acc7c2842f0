//! A script's own transactions: statements that begin, end and configure them.

use super::{count, database, failure, migrator, surely_done};
use migrate_postgres::{Error, Left, Migrator};
use std::time::Duration;
use tokio_postgres::Client;

/// For each migration, true if its row was written by the transaction that created the table of its name.
async fn made_with_their_rows(client: &Client) -> Vec<(String, bool)> {
    let sql = "SELECT c.relname::text, h.xmin = c.xmin FROM migrate_history h JOIN pg_class c ON c.relname = split_part(h.name, '_', 2) \
               ORDER BY h.seq";
    client.query(sql, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_pair_around_the_whole_script_is_the_runs_own_transaction() {
    let database = database().await;
    let it = migrator(&[
        ("1_plain.sql", "CREATE TABLE plain ();"),
        ("2_pair.sql", "-- Why\nBEGIN;\nCREATE TABLE pair ();\nCOMMIT;\n-- done"),
        (
            "3_modes.sql",
            "SET search_path = public; START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE; CREATE TABLE modes (); END",
        ),
        ("4_open.sql", "BEGIN; CREATE TABLE open ();"),
    ]);
    // Over a connection that counts no notices, the row is written once.
    let admin = database.connect().await.unwrap();
    assert_eq!(it.run(&admin).await.unwrap().steps.len(), 4);
    let expected = ["plain", "pair", "modes", "open"].map(|name| (name.to_owned(), true));
    assert_eq!(made_with_their_rows(&admin).await, expected);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn an_error_between_begin_and_commit_leaves_nothing_and_is_found_in_its_place() {
    let database = database().await;
    let it = migrator(&[("1_a.sql", "BEGIN;\nCREATE TABLE t ();\n  SELECT nothing;\nCOMMIT;")]);
    let failure = failure(it.run(database.url()).await.unwrap_err());
    let place = failure.place.as_ref().unwrap();
    assert_eq!((place.line, place.column, place.statement, failure.left), (3, 10, 3, Left::Nothing));
    let admin = database.connect().await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM pg_class WHERE relname = 't'").await, 0);
}

#[tokio::test]
async fn folders_of_prisma_and_of_golang_migrate_that_begin_and_commit_just_run() {
    let database = database().await;
    let prisma = migrator(&[
        ("migration_lock.toml", "provider = \"postgresql\"\n"),
        (
            "20260101000000_init/migration.sql",
            "CREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN', 'GUEST');\nCREATE TABLE \"User\" (\"role\" \"Role\" NOT NULL DEFAULT 'USER');",
        ),
        (
            "20260102000000_role/migration.sql",
            "/*\n  Warnings:\n*/\n-- CreateEnum\nCREATE TYPE \"Kind\" AS ENUM ('A');\n\n-- AlterEnum\nBEGIN;\n\
             CREATE TYPE \"Role_new\" AS ENUM ('USER', 'ADMIN');\n\
             ALTER TABLE \"User\" ALTER COLUMN \"role\" DROP DEFAULT;\n\
             ALTER TABLE \"User\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\");\n\
             ALTER TYPE \"Role\" RENAME TO \"Role_old\";\nALTER TYPE \"Role_new\" RENAME TO \"Role\";\n\
             DROP TYPE \"Role_old\";\nALTER TABLE \"User\" ALTER COLUMN \"role\" SET DEFAULT 'USER';\nCOMMIT;\n\n\
             -- AlterTable\nALTER TABLE \"User\" ADD COLUMN \"kind\" \"Kind\";\n",
        ),
    ]);
    assert_eq!(prisma.run(database.url()).await.unwrap().steps.len(), 2);
    surely_done(&prisma, &database).await;
    let other = super::database().await;
    let golang_migrate = migrator(&[
        (
            "000001_mood.up.sql",
            "BEGIN;\nCREATE TYPE e AS ENUM ('a');\nCREATE TABLE t (c e);\nINSERT INTO t VALUES ('a');\nCOMMIT;\n",
        ),
        ("000001_mood.down.sql", "BEGIN;\nDROP TABLE t;\nDROP TYPE e;\nCOMMIT;\n"),
        ("000002_x.up.sql", "BEGIN; ALTER TYPE e ADD VALUE 'x'; COMMIT; UPDATE t SET c = 'x';"),
        ("000002_x.down.sql", "UPDATE t SET c = 'a'; COMMIT; SELECT 1;"),
    ]);
    golang_migrate.run(other.url()).await.unwrap();
    surely_done(&golang_migrate, &other).await;
    let admin = other.connect().await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM t WHERE c = 'x'").await, 1);
    golang_migrate.down(other.url(), migrate_postgres::Down::all()).await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM pg_class WHERE relname = 't'").await, 0);
}

/// The properties of a transaction with these statements, with and without a listener.
async fn levels(script: &str) -> Vec<String> {
    let mut levels = Vec::new();
    for is_watched in [false, true] {
        let database = database().await;
        let it = migrator(&[("1_a.sql", "CREATE TABLE levels (of text);"), ("2_b.sql", script)]);
        let it = if is_watched { it.on_event(|_| {}) } else { it };
        it.run(database.url()).await.unwrap_or_else(|error| panic!("{script}: {error}"));
        surely_done(&it, &database).await;
        let client = database.connect().await.unwrap();
        let sql = "SELECT string_agg(of, ' ') FROM levels";
        levels
            .push(client.query_one(sql, &[]).await.unwrap().get::<_, Option<String>>(0).unwrap_or_default());
    }
    levels
}

#[tokio::test]
async fn the_first_statement_of_a_transaction_is_the_scripts() {
    let says = "INSERT INTO levels VALUES (current_setting('transaction_isolation'));";
    for (first, expected) in [
        ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;", "repeatable read"),
        ("SET LOCAL lock_timeout = '2s'; SET LOCAL transaction_isolation = 'serializable';", "serializable"),
        ("SET transaction_isolation TO 'repeatable read'; SET TRANSACTION DEFERRABLE;", "repeatable read"),
        ("BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;", "serializable"),
    ] {
        assert_eq!(levels(&format!("{first} {says}")).await, [expected; 2], "{first}");
        let alone = format!("-- migrate: transaction=none\nSET app.a = 1; BEGIN; {first} {says} COMMIT;");
        assert_eq!(levels(&alone.replace("BEGIN; BEGIN;", "BEGIN;")).await, [expected; 2], "{first}");
    }
}

#[tokio::test]
async fn a_transaction_that_can_not_write_is_recorded_in_the_next_one() {
    for script in [
        "SET TRANSACTION READ ONLY; SELECT 1;",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; SELECT 1; COMMIT;",
        "BEGIN; SET LOCAL transaction_read_only = on; SELECT 1; COMMIT AND CHAIN; SELECT 2; END;",
        "BEGIN; INSERT INTO levels VALUES ('undone'); ROLLBACK;",
        "INSERT INTO levels VALUES ('undone'); ABORT; SELECT 1;",
        "-- migrate: transaction=none\nSET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; BEGIN; SELECT 1; COMMIT;",
        "-- migrate: transaction=none\nSET TRANSACTION READ ONLY; SELECT 1;",
    ] {
        assert_eq!(levels(script).await, ["", ""], "{script}");
    }
}

#[tokio::test]
async fn modes_of_the_session_hold_for_the_blocks_that_the_script_begins() {
    for mode in [
        "SET default_transaction_isolation = 'serializable'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    ] {
        let script = format!(
            "-- migrate: transaction=none\n{mode}; BEGIN; \
             INSERT INTO levels VALUES (current_setting('transaction_isolation')); COMMIT;"
        );
        assert_eq!(levels(&script).await, ["serializable"; 2], "{mode}");
    }
}

#[tokio::test]
async fn a_script_goes_on_behind_the_last_transaction_that_it_has_committed() {
    let database = database().await;
    let script = |last: &str| {
        format!(
            "BEGIN; INSERT INTO t VALUES (1); COMMIT;\nBEGIN; INSERT INTO t VALUES (2); ROLLBACK;\n\
             BEGIN; INSERT INTO t VALUES (3);\n{last}; COMMIT; INSERT INTO t VALUES (4);"
        )
    };
    let with = |last: &str| migrator(&[("1_t.sql", "CREATE TABLE t (a int);"), ("2_b.sql", &script(last))]);
    let failed = failure(with("SELECT 1/0").run(database.url()).await.unwrap_err());
    assert_eq!(failed.left, Left::Statements { done: 6, total: 11 });
    assert_eq!(failed.place.as_ref().map(|place| (place.line, place.statement)), Some((4, 9)));
    let admin = database.connect().await.unwrap();
    let sum = "SELECT coalesce(sum(a), 0) FROM t";
    assert_eq!(count(&admin, sum).await, 1);
    let corrected = with("SELECT 1/1");
    corrected.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, sum).await, 1 + 3 + 4);
    assert_eq!(count(&admin, "SELECT count(*) FROM migrate_history WHERE live").await, 2);
}

/// A zombie is executing the statement, and does not know that another run has taken over its migration.
#[tokio::test]
async fn a_unit_that_two_runs_are_at_is_committed_by_one_of_them() {
    let database = database().await;
    let script = "BEGIN; UPDATE t SET a = a + 1; COMMIT; SELECT 1;";
    let it = migrator(&[("1_t.sql", "CREATE TABLE t AS SELECT 0 AS a;"), ("2_b.sql", script)]);
    it.to(database.url(), "1").await.unwrap();
    let admin = database.connect().await.unwrap();
    let blocker = super::open_transaction(&database, "SELECT * FROM t FOR UPDATE").await;
    let first = super::run(&it, &database);
    super::until(&admin, &format!("SELECT count(*) {} '%UPDATE t SET%'", super::RUNNING)).await;
    // From now on, the row names another run.
    admin
        .batch_execute("UPDATE migrate_history SET run_id = 'another' WHERE outcome = 'unfinished'")
        .await
        .unwrap();
    blocker.batch_execute("ROLLBACK").await.unwrap();
    let outcome = first.await.unwrap();
    assert_eq!(count(&admin, "SELECT a::bigint FROM t").await, i64::from(outcome.is_ok()), "{outcome:?}");
    it.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, "SELECT a::bigint FROM t").await, 1);
}

#[tokio::test]
async fn a_rehearsal_takes_a_pair_as_its_own_and_leaves_out_what_commits() {
    let database = database().await;
    let it = migrator(&[
        ("1_pair.sql", "BEGIN; CREATE TABLE t (a int); COMMIT;"),
        ("2_own.sql", "BEGIN; INSERT INTO t VALUES (1); COMMIT; INSERT INTO t VALUES (2);"),
    ]);
    let rehearsal = it.rehearse(database.url(), Duration::from_secs(30)).await.unwrap();
    assert_eq!(rehearsal.steps.len(), 1);
    assert!(rehearsal.to_string().contains("2_own"), "{rehearsal}");
    let admin = database.connect().await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM pg_class WHERE relname = 't'").await, 0);
    let plan = it.explain(database.url()).await.unwrap().to_string();
    assert!(plan.contains("2_own.sql), in transactions of its own"), "{plan}");
}

#[tokio::test]
async fn a_failed_unit_of_another_tools_script_says_so_as_any_other() {
    let database = database().await;
    let it: Migrator =
        migrator(&[("1_a.sql", "BEGIN; SELECT 1; COMMIT; SELECT pg_sleep(0); COMMIT; SELEC 2;")]);
    match it.run(database.url()).await.unwrap_err() {
        Error::Failed(failure) => {
            assert_eq!(failure.left, Left::Statements { done: 5, total: 6 });
            assert_eq!(failure.place.as_ref().map(|place| place.statement), Some(6), "{failure}");
        }
        error => panic!("{error}"),
    }
}
