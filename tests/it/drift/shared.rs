//! Objects that a server's databases share: migrations that change them are replayed beside the target.

use crate::drift::{run, ups};
use migrate_postgres::drift::{Comparison, ScratchError};
use migrate_postgres::testing::{Database, RoundTrip, Server};
use migrate_postgres::{Error, Migrator};
use migrate_tests::sets::{Scripts, set};
use tokio_postgres::Client;

/// Everything that a replay could have changed, with the transactions that wrote it.
async fn shared(client: &Client) -> String {
    let sql = "SELECT concat_ws(' | ',
        (SELECT string_agg(concat(xmin, a), ',' ORDER BY oid) FROM pg_authid a),
        (SELECT string_agg(concat(xmin, m), ',' ORDER BY roleid, member) FROM pg_auth_members m),
        (SELECT string_agg(concat(datname, datdba, datacl, datconnlimit), ',' ORDER BY oid) FROM pg_database),
        (SELECT string_agg(concat(s), ',' ORDER BY setdatabase, setrole) FROM pg_db_role_setting s),
        (SELECT string_agg(concat(d), ',' ORDER BY objoid) FROM pg_shdescription d),
        (SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf'))";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// A separate server, because all databases share its roles; and a database on it.
async fn alone() -> (Server, Database) {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    (server, database)
}

#[tokio::test]
async fn a_replay_leaves_what_databases_share_as_it_is_and_is_clean() {
    let (_server, database) = alone().await;
    let name = database.name();
    let migrator = Migrator::new(ups(&[
        "CREATE TABLE t (id int); CREATE ROLE app_reader NOLOGIN; GRANT SELECT ON t TO app_reader;
         COMMENT ON ROLE app_reader IS 'reads';",
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app; END IF; END $$;
         GRANT app_reader TO app; ALTER ROLE app CONNECTION LIMIT 5; ALTER TABLE t OWNER TO app;",
        // Effects that the text does not show.
        "CREATE TABLE u (id int);
         DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE app CONNECTION LIMIT 6'; END $$;
         CREATE FUNCTION limited() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE app CONNECTION LIMIT 7; END $$;
         SELECT limited(); CREATE TABLE v (id int);",
        &format!(
            "ALTER DATABASE {name} CONNECTION LIMIT 50; GRANT CONNECT ON DATABASE {name} TO app; \
             DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''5MB''', current_database()); END $$;"
        ),
        "ALTER SYSTEM SET work_mem = '6MB'; CREATE INDEX CONCURRENTLY i ON t (id); DO $$ BEGIN ALTER ROLE app NOINHERIT; END $$;",
        // A role that was dropped with all its privileges.
        "CREATE ROLE gone; GRANT SELECT ON t TO gone, app; CREATE SCHEMA s AUTHORIZATION gone; SET ROLE gone; CREATE TABLE s.w ();",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t TO gone, app USING (true);",
        "REASSIGN OWNED BY gone TO app; DROP OWNED BY gone; DROP ROLE gone;",
    ]));
    migrator.run(database.url()).await.unwrap();
    // Later changes must not be reverted.
    run(&database, "ALTER ROLE app CONNECTION LIMIT 9 PASSWORD 'new' INHERIT; REVOKE app_reader FROM app")
        .await;
    run(&database, &format!("ALTER DATABASE {name} CONNECTION LIMIT 99")).await;
    let client = database.connect().await.unwrap();
    let before = shared(&client).await;
    for comparison in [Comparison::new(), Comparison::new().with_privileges()] {
        let drift = migrator.drift(database.url(), &comparison).await.unwrap();
        assert!(drift.is_none(), "{drift}");
    }
    assert_eq!(shared(&client).await, before);
}

#[tokio::test]
async fn what_a_trigger_changes_is_rolled_back_and_the_migration_is_named() {
    let (_server, database) = alone().await;
    let migrator = Migrator::new(ups(&[
        "CREATE ROLE app; CREATE TABLE t (id int);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE app CONNECTION LIMIT 7; RETURN NEW; END $$;
         CREATE TRIGGER f AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();",
        "INSERT INTO t VALUES (1);",
    ]));
    migrator.run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    let before = shared(&client).await;
    let error = migrator.drift(database.url(), &Comparison::new()).await.unwrap_err();
    assert!(
        matches!(&error, Error::Scratch(ScratchError::Shared { name }) if name == "00002_step"),
        "{error}"
    );
    assert_eq!(shared(&client).await, before);
}

/// Code that changes shared objects, in every place that a script's own transactions offer for it.
#[tokio::test]
async fn code_is_watched_in_a_script_s_own_transactions_and_left_out_of_them() {
    let (_server, database) = alone().await;
    let hidden = "DO $$ BEGIN EXECUTE 'ALTER ' || 'ROLE app CONNECTION LIMIT 6'; END $$";
    let migrator = Migrator::new(ups(&[
        "CREATE ROLE app;
         CREATE FUNCTION limited() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE app CONNECTION LIMIT 7; END $$;",
        &format!("BEGIN; CREATE TABLE a (id int); {hidden}; CREATE TABLE b (); COMMIT;"),
        &format!(
            "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {hidden}; CREATE TABLE c (); COMMIT;
             {hidden}; CREATE TABLE d (); SELECT limited();
             BEGIN; CREATE TABLE e (); SELECT limited(); COMMIT AND CHAIN; {hidden}; CREATE TABLE f (); COMMIT;
             BEGIN; {hidden}; CREATE TABLE g (); ROLLBACK;"
        ),
        &format!(
            "CREATE INDEX CONCURRENTLY i ON a (id);
             BEGIN; {hidden}; CREATE TABLE h (); COMMIT;
             DO $$ BEGIN ALTER ROLE app NOINHERIT; END $$;
             CREATE TABLE j (); BEGIN; SELECT limited(); COMMIT;"
        ),
        &format!("-- migrate: transaction=none\nCREATE TABLE k (); BEGIN; {hidden}; COMMIT; CREATE TABLE l ();"),
        // Also if each statement is committed separately.
        "-- migrate: transaction=none\nCREATE TABLE m (); SELECT limited(); CREATE TABLE n ();",
    ]));
    migrator.run(database.url()).await.unwrap();
    run(&database, "ALTER ROLE app CONNECTION LIMIT 9 INHERIT").await;
    let client = database.connect().await.unwrap();
    let before = shared(&client).await;
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
    assert_eq!(shared(&client).await, before);
}

/// A table with a trigger that limits a role.
const LIMITING: &str = "CREATE ROLE app; CREATE TABLE t (id int);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE app CONNECTION LIMIT 7; RETURN NEW; END $$;
    CREATE TRIGGER f AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();";

#[tokio::test]
async fn what_a_trigger_changes_is_rolled_back_in_a_script_s_own_transaction_too() {
    let inserting = [
        "BEGIN; INSERT INTO t VALUES (1); COMMIT;",
        "BEGIN; INSERT INTO t VALUES (1); COMMIT; CREATE TABLE u ();",
        "INSERT INTO t VALUES (1); COMMIT; CREATE TABLE u ();",
        "CREATE INDEX CONCURRENTLY i ON t (id); BEGIN; INSERT INTO t VALUES (1); END; CREATE TABLE u ();",
    ];
    for inserting in inserting {
        let (_server, database) = alone().await;
        let migrator = Migrator::new(ups(&[LIMITING, inserting]));
        migrator.run(database.url()).await.unwrap();
        let client = database.connect().await.unwrap();
        let before = shared(&client).await;
        let error = migrator.drift(database.url(), &Comparison::new()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Scratch(ScratchError::Shared { name }) if name == "00002_step"),
            "{inserting}: {error}"
        );
        assert_eq!(shared(&client).await, before, "{inserting}");
    }
    // Rolled-back changes do not count.
    let (_server, database) = alone().await;
    let migrator =
        Migrator::new(ups(&[LIMITING, "BEGIN; INSERT INTO t VALUES (1); ROLLBACK; CREATE TABLE u ();"]));
    migrator.run(database.url()).await.unwrap();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
}

/// Work at commit: deferred triggers, and the queries of cursors that outlive the transaction.
#[tokio::test]
async fn what_a_commit_changes_is_rolled_back_and_the_migration_is_named() {
    let (server, database) = alone().await;
    run(&database, "CREATE ROLE app").await;
    let deferring = "CREATE TABLE t (id int); CREATE TABLE other ();
        CREATE FUNCTION limited() RETURNS int LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE app CONNECTION LIMIT 7; RETURN 1; END $$;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM limited(); RETURN NEW; END $$;
        CREATE CONSTRAINT TRIGGER f AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f();";
    let committing = [
        "INSERT INTO t VALUES (1);",
        "BEGIN; INSERT INTO t VALUES (1); COMMIT;",
        "BEGIN; INSERT INTO t VALUES (1); COMMIT; CREATE TABLE u ();",
        "CREATE INDEX CONCURRENTLY i ON t (id); INSERT INTO t VALUES (1);",
        "DECLARE c CURSOR WITH HOLD FOR SELECT limited(); CREATE TABLE u ();",
        "BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT limited(); COMMIT; CREATE TABLE u ();",
    ];
    for committing in committing {
        let database = server.database().await.unwrap();
        let migrator = Migrator::new(ups(&[deferring, committing]));
        migrator.run(database.url()).await.unwrap();
        let client = database.connect().await.unwrap();
        let before = shared(&client).await;
        let error = migrator.drift(database.url(), &Comparison::new()).await.unwrap_err();
        assert!(
            matches!(&error, Error::Scratch(ScratchError::Shared { name }) if name == "00002_step"),
            "{committing}: {error}"
        );
        assert_eq!(shared(&client).await, before, "{committing}");
    }
    // A cursor without such effects is ignored.
    let database = server.database().await.unwrap();
    let cursor = "CREATE TABLE t (); DECLARE c CURSOR WITH HOLD FOR SELECT 1; CREATE TABLE u ();";
    let migrator = Migrator::new(ups(&[cursor]));
    migrator.run(database.url()).await.unwrap();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
}

#[tokio::test]
async fn a_role_that_was_never_there_is_an_error_that_names_the_place() {
    let (_server, database) = alone().await;
    // According to the target's history it ran; the current server never had the role.
    let fails = Migrator::new(ups(&[
        "CREATE TABLE t (id int); SELECT has_table_privilege('nobody', 't', 'SELECT');",
    ]));
    let error = fails.check_baseline(database.url(), "1", &Comparison::new()).await.unwrap_err().to_string();
    assert!(error.contains("00001_step.up.sql:1:"), "{error}");
    assert!(error.contains("role \"nobody\" does not exist"), "{error}");
    assert!(
        error.contains("next: find out what the database has that the scratch database lacks"),
        "{error}"
    );
    assert!(!error.contains("run again"), "{error}");
}

/// Only a test's own server runs such a set unchanged.
#[tokio::test]
async fn roles_that_downs_drop_can_be_tried_on_a_server_of_its_own() {
    let (_server, database) = alone().await;
    let roles = set(
        "roles",
        [Scripts::up(1, "CREATE ROLE app; CREATE TABLE t (); GRANT SELECT ON t TO app;")
            .down("DROP TABLE t; DROP ROLE app;")],
    );
    let report = RoundTrip::of(Migrator::new(roles)).check(database.url()).await.unwrap();
    assert!(report.is_reversible(), "{report}");
}
