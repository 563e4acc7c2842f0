//! Scratch databases, and their cleanup.

use crate::drift::{database, run, ups, users};
use migrate_postgres::drift::{Comparison, ScratchError};
use migrate_postgres::testing::{Database, Server};
use migrate_postgres::{Error, Migrator};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// The number of remaining scratch databases.
async fn left(client: &Client) -> i64 {
    let sql = "SELECT count(*) FROM pg_database WHERE datname LIKE 'migrate_scratch_%'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

fn scratch_error<T: std::fmt::Debug>(result: Result<T, Error>) -> ScratchError {
    match result {
        Err(Error::Scratch(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_scratch_database_is_dropped_after_success_error_and_cancellation() {
    // A separate server, because other tests' databases would be counted.
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let client = database.connect().await.unwrap();
    let (migrator, comparison) = (Migrator::new(users()), Comparison::new());
    migrator.run(database.url()).await.unwrap();
    migrator.drift(database.url(), &comparison).await.unwrap();
    assert_eq!(left(&client).await, 0);

    // It needs a table that no migration creates.
    let fails = Migrator::new(ups(&["SELECT * FROM not_migrated;"]));
    let error = scratch_error(fails.check_baseline(database.url(), "1", &comparison).await);
    assert!(matches!(error, ScratchError::Migrating { .. }));
    let text = error.to_string();
    assert!(
        text.starts_with("on the scratch database, not on the target: migration 00001_step failed"),
        "{text}"
    );
    assert_eq!(left(&client).await, 0);

    // Canceled at different points.
    let slow = Migrator::new(ups(&["SELECT pg_sleep(60);"]));
    for patience in [1, 3, 5, 10, 20, 30, 40, 50, 60, 80, 100, 150, 300, 1000] {
        let check = slow.check_baseline(database.url(), "1", &comparison);
        let cancelled = tokio::time::timeout(Duration::from_millis(patience), check).await;
        assert!(cancelled.is_err());
    }
    for _ in 0..300 {
        if left(&client).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} scratch databases are left", left(&client).await);
}

/// Creates databases with these names, as if left by killed processes.
async fn make(client: &Client, names: &[&str]) {
    for name in names {
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    }
}

#[tokio::test]
async fn what_killed_processes_left_is_dropped_by_the_next_call_and_nothing_else() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let client = database.connect().await.unwrap();
    let (abandoned, locked) = ("migrate_scratch_0123456789abcde", "migrate_scratch_0123456789abcdf");
    let (busy, others) = ("migrate_scratch_fffffffffffffff", "migrate_scratch_of_mine");
    make(&client, &[abandoned, locked, busy, others]).await;
    let lock = format!("SELECT pg_advisory_lock({})", 0x0012_3456_789a_bcdf_i64);
    client.batch_execute(&lock).await.unwrap();
    let mut config = database.config();
    config.dbname(busy);
    let (session, connection) = config.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);

    let migrator = Migrator::new(users());
    migrator.run(database.url()).await.unwrap();
    migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    let names = async || -> Vec<String> {
        let sql = "SELECT datname::text FROM pg_database WHERE datname LIKE 'migrate_scratch_%' ORDER BY 1";
        client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(names().await, [locked, busy, others]);

    // Their owners are gone, too.
    drop(session);
    drop(connection.await);
    client.batch_execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    for _ in 0..100 {
        migrator.drift(database.url(), &Comparison::new()).await.unwrap();
        if names().await == [others] {
            return;
        }
        // The server is still ending the session.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{:?}", names().await);
}

#[tokio::test]
async fn a_comparison_under_way_keeps_its_scratch_database_from_others() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let slow = Migrator::new(ups(&["CREATE TABLE t ();", "SELECT pg_sleep(1.5);", "CREATE TABLE u ();"]));
    let quick = Migrator::new(users());
    let comparison = Comparison::new();
    let others = async {
        for _ in 0..3 {
            quick.check_baseline(database.url(), "1", &comparison).await.unwrap();
        }
    };
    let (slow, ()) = tokio::join!(slow.check_baseline(database.url(), "3", &comparison), others);
    slow.unwrap();
    assert_eq!(left(&database.connect().await.unwrap()).await, 0);
}

#[tokio::test]
async fn names_may_be_hostile() {
    let server = Server::start().unwrap();
    let admin = server.database().await.unwrap();
    for name in ["\"; DROP TABLE a; --", "it's \"quoted\"", "back\\slash $1 %s", "größer 🐘", "Mixed Case"]
    {
        let quoted = format!("\"{}\"", name.replace('"', "\"\""));
        run(&admin, &format!("CREATE DATABASE {quoted}")).await;
        let mut config = admin.config();
        config.dbname(name);
        let table =
            format!("CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ({quoted} int DEFAULT 1);");
        let index = format!("CREATE INDEX CONCURRENTLY \"i{} ON {quoted}.{quoted} ({quoted});", &quoted[1..]);
        let migrator =
            Migrator::new(ups(&[&table, &index])).history_table(name).history_schema(format!("h {name}"));
        migrator.run(&config).await.unwrap();
        let drift = migrator.drift(&config, &Comparison::new()).await.unwrap();
        assert!(drift.is_none(), "{name}: {drift}");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
            .batch_execute(&format!("ALTER TABLE {quoted}.{quoted} ALTER {quoted} SET DEFAULT 2"))
            .await
            .unwrap();
        let drift = migrator.drift(&config, &Comparison::new()).await.unwrap();
        assert_eq!(drift.differences.len(), 1, "{name}: {drift}");
        assert!(drift.to_string().contains("+DEFAULT 2"), "{name}: {drift}");
    }
    assert_eq!(left(&admin.connect().await.unwrap()).await, 0);
}

/// A role with all privileges in one database, and an empty database of its own; returns the configuration
/// and URL of these.
async fn a_role_without_createdb(
    database: &Database,
    scratch: &Database,
) -> (String, tokio_postgres::Config, String) {
    let role = format!("poor_{}", database.name());
    run(database, &format!("CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA public TO {role}")).await;
    run(
        scratch,
        &format!(
            "GRANT ALL ON SCHEMA public TO {role}; GRANT CREATE ON DATABASE {} TO {role}",
            scratch.name()
        ),
    )
    .await;
    let mut config = database.config();
    config.user(&role);
    (role.clone(), config, format!("{} user={role}", keys(scratch)))
}

/// A database's connection string in key=value form.
fn keys(database: &Database) -> String {
    let config = database.config();
    let host = match &config.get_hosts()[0] {
        tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        tokio_postgres::config::Host::Tcp(name) => name.clone(),
    };
    format!("host={host} port={} dbname={}", config.get_ports().first().unwrap_or(&5432), database.name())
}

#[tokio::test]
async fn a_role_that_may_not_create_a_database_is_told_to_give_one() {
    let (database, scratch) = (database().await, database().await);
    let (role, config, url) = a_role_without_createdb(&database, &scratch).await;
    let migrator = Migrator::new(ups(&[
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY); CREATE VIEW v AS SELECT id FROM t; \
         CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE SEQUENCE s; CREATE TYPE e AS ENUM ('a'); \
         CREATE TYPE r AS RANGE (SUBTYPE = int); CREATE TYPE c AS (a int); CREATE DOMAIN d AS int; \
         CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE STATISTICS st ON id, (id + 1) FROM t;",
        "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT; \
         CREATE PROCEDURE q() LANGUAGE sql AS 'SELECT 1'; CREATE AGGREGATE a (int) (SFUNC = int4pl, STYPE = int); \
         CREATE COLLATION co (LOCALE = 'C'); CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl); \
         CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple);",
    ]));
    migrator.run(&config).await.unwrap();

    let error = migrator.drift(&config, &Comparison::new()).await;
    assert_eq!(
        scratch_error(error).to_string(),
        format!(
            "the role {role} may not create the scratch database that a comparison needs: permission denied to create \
             database; nothing was changed\n\
             next: give the URL of an empty database (`Comparison::scratch`), or ALTER ROLE {role} CREATEDB"
        )
    );

    // Another session there, of the same role.
    let (bystander, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    // Twice: it is empty again after the first comparison.
    let given = Comparison::new().scratch(url);
    for _ in 0..2 {
        let drift = migrator.drift(&config, &given).await.unwrap();
        assert!(drift.is_none(), "{drift}");
    }
    // Also if the migrations fail there, and if the call is canceled.
    let fails =
        Migrator::new(ups(&["CREATE TABLE x ();", "CREATE SCHEMA y; CREATE TABLE y.z (); SELECT 1/0;"]));
    assert!(matches!(
        scratch_error(fails.check_baseline(&config, "2", &given).await),
        ScratchError::Migrating { .. }
    ));
    let slow = Migrator::new(ups(&["CREATE TABLE x ();", "SELECT pg_sleep(60);"]));
    let check = slow.check_baseline(&config, "2", &given);
    assert!(tokio::time::timeout(Duration::from_millis(400), check).await.is_err());
    let mut drift = migrator.drift(&config, &given).await;
    for _ in 0..300 {
        match drift {
            Err(Error::Scratch(ScratchError::InUse { .. } | ScratchError::NotEmpty { .. })) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            _ => break,
        }
        drift = migrator.drift(&config, &given).await;
    }
    assert!(drift.unwrap().is_none());
    // The cleanup ended the sessions of the canceled call, and no others.
    bystander.simple_query("SELECT 1").await.unwrap();
    run(&database, &format!("DROP OWNED BY {role}")).await;
    run(&scratch, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

/// Only superusers may create `dblink`.
#[tokio::test]
async fn what_only_a_superuser_may_create_is_there_beforehand_and_stays() {
    let (database, scratch) = (database().await, database().await);
    let (role, config, url) = a_role_without_createdb(&database, &scratch).await;
    for database in [&database, &scratch] {
        run(
            database,
            &format!(
                "CREATE SCHEMA \"Ext\"; CREATE EXTENSION dblink SCHEMA \"Ext\"; CREATE EXTENSION hstore; \
                 GRANT ALL ON SCHEMA \"Ext\" TO {role}"
            ),
        )
        .await;
    }
    let migrator = Migrator::new(ups(&[
        "CREATE EXTENSION IF NOT EXISTS dblink SCHEMA \"Ext\"; CREATE TABLE \"Ext\".t (id int, h hstore); \
         CREATE FUNCTION \"Ext\".f(h hstore) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE TABLE u ();",
    ]));
    migrator.run(&config).await.unwrap();
    let given = Comparison::new().scratch(url);
    for _ in 0..2 {
        let drift = migrator.drift(&config, &given).await.unwrap();
        assert!(drift.is_none(), "{drift}");
    }
    // An object that is not part of an extension must not be dropped.
    run(&scratch, "CREATE TABLE \"Ext\".precious ()").await;
    let error = scratch_error(migrator.drift(&config, &given).await);
    assert!(matches!(error, ScratchError::NotEmpty { .. }), "{error}");
    run(&scratch, "SELECT FROM \"Ext\".precious; DROP EXTENSION dblink; DROP EXTENSION hstore").await;
    run(&database, &format!("DROP OWNED BY {role}")).await;
    run(&scratch, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_database_that_is_not_empty_or_the_target_itself_is_refused_as_scratch() {
    let (database, scratch) = (database().await, database().await);
    let migrator = Migrator::new(users());
    let given = |database: &Database| Comparison::new().scratch(database.url());
    // The target is still empty.
    let error = scratch_error(migrator.check_baseline(database.url(), "1", &given(&database)).await);
    assert!(matches!(error, ScratchError::Same { .. }), "{error}");

    migrator.run(database.url()).await.unwrap();
    run(&scratch, "CREATE TABLE precious (id int)").await;
    let error = scratch_error(migrator.drift(database.url(), &given(&scratch)).await);
    assert_eq!(
        error.to_string(),
        format!(
            "the scratch database {} is not empty (objects: 1, for example TABLE public.precious); nothing was changed\n\
             next: give one that is empty except for extensions; a comparison drops everything else afterwards",
            scratch.name()
        )
    );
    run(&scratch, "SELECT FROM precious").await;
    // A history alone counts as content, too.
    run(&scratch, "DROP TABLE precious").await;
    Migrator::new(ups(&["SELECT 1;"])).run(scratch.url()).await.unwrap();
    let error = scratch_error(migrator.drift(database.url(), &given(&scratch)).await);
    assert!(error.to_string().contains("TABLE public.migrate_history"), "{error}");
}

#[tokio::test]
async fn two_comparisons_do_not_share_a_scratch_database() {
    let (database, scratch) = (database().await, database().await);
    let given = Comparison::new().scratch(scratch.url());
    let slow = Migrator::new(ups(&["SELECT pg_sleep(2);"]));
    let quick = Migrator::new(users());
    let (slow, quick) = tokio::join!(slow.check_baseline(database.url(), "1", &given), async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        quick.drift(database.url(), &given).await
    });
    slow.unwrap();
    assert!(matches!(scratch_error(quick), ScratchError::InUse { .. }));
}

/// Starts a comparison on a database, and kills it in the middle of its third migration: its connections
/// close, and none of its code runs any more.
async fn kill_a_comparison(target: &Database, scratch: &Database) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (target, given) = (target.url().to_owned(), Comparison::new().scratch(scratch.url()));
    runtime.spawn(async move {
        let slow = Migrator::new(ups(&[
            "CREATE TABLE x (); CREATE EXTENSION dblink; SELECT lo_create(0);",
            "CREATE SCHEMA y; CREATE TABLE y.z (); ALTER TABLE x ADD a int;",
            "CREATE TABLE w (); SELECT pg_sleep(600);",
        ]));
        drop(slow.check_baseline(&target, "3", &given).await);
    });
    let client = scratch.connect().await.unwrap();
    let sleeps = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() \
                  AND wait_event = 'PgSleep')";
    while !client.query_one(sleeps, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    runtime.shutdown_background();
}

/// Compares on a database that a dead client's session may still lock.
async fn compare_on(target: &Database, scratch: &Database) -> Result<(), Error> {
    let (quick, given) = (Migrator::new(users()), Comparison::new().scratch(scratch.url()));
    loop {
        match quick.check_baseline(target.url(), "1", &given).await {
            Err(Error::Scratch(ScratchError::InUse { .. })) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            compared => return compared.map(drop),
        }
    }
}

#[tokio::test]
async fn what_a_killed_comparison_left_in_a_given_database_goes_with_the_next_call_and_nothing_else() {
    let (target, scratch) = (database().await, database().await);
    run(&scratch, "CREATE EXTENSION hstore").await;
    let client = scratch.connect().await.unwrap();
    let there = async || -> String {
        let sql = "SELECT concat_ws(' ', to_regclass('x'), to_regclass('y.z'), to_regclass('migrate_history'), \
                   (SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension), \
                   (SELECT count(*) FROM pg_largeobject_metadata))";
        client.query_one(sql, &[]).await.unwrap().get(0)
    };
    kill_a_comparison(&target, &scratch).await;
    assert_eq!(there().await, "x y.z migrate_history dblink hstore plpgsql 2");
    compare_on(&target, &scratch).await.unwrap();
    assert_eq!(there().await, "hstore plpgsql 0");

    // Something was created there since.
    kill_a_comparison(&target, &scratch).await;
    run(&scratch, "CREATE FUNCTION precious() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
    let error = scratch_error(compare_on(&target, &scratch).await);
    assert!(matches!(error, ScratchError::LeftBehind { .. }), "{error}");
    assert_eq!(there().await, "x y.z migrate_history dblink hstore plpgsql 2");
    run(&scratch, "SELECT precious(); DROP FUNCTION precious()").await;
    compare_on(&target, &scratch).await.unwrap();
    assert_eq!(there().await, "hstore plpgsql 0");
}

#[tokio::test]
async fn a_client_needs_a_scratch_database_to_be_given() {
    let (database, scratch) = (database().await, database().await);
    let client = database.connect().await.unwrap();
    let migrator = Migrator::new(users());
    migrator.run(&client).await.unwrap();
    let error = scratch_error(migrator.drift(&client, &Comparison::new()).await);
    assert!(matches!(error, ScratchError::NoUrl), "{error}");
    let given = Comparison::new().scratch(scratch.url());
    assert!(migrator.drift(&client, &given).await.unwrap().is_none());
    client.batch_execute("CREATE INDEX CONCURRENTLY i ON users (name)").await.unwrap();
    assert_eq!(migrator.drift(&client, &given).await.unwrap().differences.len(), 1);
}

/// The database's collation determines how a definition describes a collation.
#[tokio::test]
async fn a_scratch_database_has_the_locale_of_the_target() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    let version = migrate_postgres::testing::server().unwrap().version_num();
    let icu = "SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')";
    let has_icu: bool = client.query_one(icu, &[]).await.unwrap().get(0);
    let mut locales = vec!["ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"];
    if has_icu && version >= 150_000 {
        locales.push("LOCALE_PROVIDER icu ICU_LOCALE 'de' LC_COLLATE 'C' LC_CTYPE 'C'");
    }
    if version >= 170_000 {
        locales.push("LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'");
    }
    for (number, locale) in locales.into_iter().enumerate() {
        let name = format!("{}_{number}", database.name());
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0 {locale}")).await.unwrap();
        let mut config = database.config();
        config.dbname(&name);
        // The table's name describes the properties of the database.
        let like = "SELECT to_jsonb(d) - 'oid' - 'datname' - 'datfrozenxid' - 'datminmxid' - 'datdba' - 'datacl' - 'datcollversion' \
                    - 'dattablespace' FROM pg_database d WHERE datname = current_database()";
        let migrator = Migrator::new(ups(&[&format!(
            "DO $$ BEGIN EXECUTE format('CREATE TABLE %I ()', md5(({like})::text)); END $$;"
        )]));
        migrator.run(&config).await.unwrap();
        let drift = migrator.drift(&config, &Comparison::new()).await;
        client.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
        assert!(drift.as_ref().unwrap().is_none(), "{locale}: {drift:?}");
    }
}

#[test]
fn the_url_of_a_scratch_database_is_in_no_debug_text() {
    let comparison = Comparison::new().scratch("postgres://me:hunter2@host/db");
    assert!(!format!("{comparison:?}").contains("hunter2"));
}

#[tokio::test]
async fn scripts_with_transactions_of_their_own_are_replayed_as_they_are_run() {
    let database = database().await;
    let migrator = Migrator::new(ups(&[
        "CREATE TABLE t (id int); CREATE TYPE mood AS ENUM ('sad'); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';",
        "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0; INSERT INTO t SELECT f(); COMMIT;",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; INSERT INTO t SELECT f();",
        "BEGIN ISOLATION LEVEL SERIALIZABLE; SET TRANSACTION READ ONLY; SELECT f(); COMMIT; INSERT INTO t SELECT f();",
        "BEGIN READ ONLY; SELECT f(); COMMIT AND CHAIN; SET TRANSACTION READ WRITE; INSERT INTO t SELECT f(); COMMIT;",
        "ALTER TYPE mood ADD VALUE 'glad'; COMMIT; CREATE TABLE m (m mood DEFAULT 'glad'); INSERT INTO m SELECT 'glad' WHERE f() = 1;",
        "BEGIN; CREATE TABLE u (); SELECT f(); ROLLBACK; CREATE TABLE v (id int); SELECT f();",
        "CREATE INDEX CONCURRENTLY i ON t (id); BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT f(); COMMIT;",
    ]));
    migrator.run(database.url()).await.unwrap();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
    // A dropped role is left out, without a query before the modes.
    let gone = "BEGIN; SET LOCAL ROLE gone; RESET ROLE; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT f(); COMMIT;";
    let baseline = Migrator::new(ups(&["CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';", gone]));
    baseline.check_baseline(database.url(), "2", &Comparison::new()).await.unwrap();
}
