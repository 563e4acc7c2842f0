//! Release skew: releases that do not know each other's migrations, and sets that start at the same time.

mod format;

use deadpool_postgres::{ClientWrapper, Hook, HookError, Manager, Pool};
use migrate_core::Set;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Accept, Error, Event, LockKind, Migrator, Refused};
use migrate_tests::history_head::{boot, fault};
use migrate_tests::sets::{Folder, Scripts, folder_of, set, tables};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_postgres::NoTls;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

/// Two branches, each released with a migration that the other does not have.
#[tokio::test]
async fn a_migration_before_one_that_only_another_release_has_is_out_of_order() {
    let database = database().await;
    let release = |versions: [usize; 3]| {
        Migrator::new(set("default", versions.map(|n| Scripts::up(n, format!("CREATE TABLE t{n} ()")))))
    };
    release([1, 2, 4]).run(database.url()).await.unwrap();
    let other = release([1, 2, 3]);
    match other.run(database.url()).await.unwrap_err() {
        Error::Refused(Refused::OutOfOrder { name, after, .. }) => {
            assert_eq!((&*name, &*after), ("00003_step", "00004_step"));
        }
        error => panic!("{error}"),
    }
    let report = other.allow_out_of_order(true).run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 1);
    let notices: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    assert!(notices.iter().any(|notice| notice.contains("00003_step is out of order")), "{notices:?}");
}

/// A library and its application, or two services: each has a separate lock, and they share schema and table.
#[tokio::test]
async fn sets_that_boot_for_the_first_time_at_once_all_succeed() {
    for schema in [None, Some("ops")] {
        for _ in 0..8 {
            let database = Arc::new(database().await);
            let boots = ["one", "two", "three", "four"].map(|name| {
                let database = database.clone();
                let table = format!("CREATE TABLE {name} (); ");
                // One of them starts with a script that must be alone in its message.
                let up = if name == "four" { table + "VACUUM four" } else { table };
                let scripts = [Scripts::up(1, up)];
                let migrator = Migrator::new(set(name, scripts));
                let migrator = match schema {
                    Some(schema) => migrator.history_schema(schema),
                    None => migrator,
                };
                tokio::spawn(async move { migrator.run(database.url()).await })
            });
            for boot in boots {
                assert!(!boot.await.unwrap().unwrap().is_noop());
            }
        }
    }
}

#[tokio::test]
async fn a_set_whose_first_script_is_wrong_leaves_its_trace_beside_another_that_begins() {
    let database = database().await;
    let broken = Migrator::new(set("broken", [Scripts::up(1, "SELEC 1")]));
    let good = Migrator::new(tables(3));
    let (broken_run, good_run) = tokio::join!(broken.run(database.url()), good.run(database.url()));
    assert!(matches!(broken_run, Err(Error::Failed(_))));
    assert_eq!(good_run.unwrap().steps.len(), 3);
}

/// Another session blocks writes to the history's table, as a plain `CREATE INDEX` on it does.
#[tokio::test]
async fn who_keeps_the_history_locked_is_named_when_the_retries_are_used_up() {
    let database = database().await;
    Migrator::new(tables(1)).run(database.url()).await.unwrap();
    let mut other = database.connect().await.unwrap();
    let transaction = other.transaction().await.unwrap();
    transaction.batch_execute("LOCK TABLE migrate_history IN SHARE MODE").await.unwrap();
    let retries = Arc::new(AtomicUsize::new(0));
    let concurrently = Scripts::up(2, "CREATE INDEX CONCURRENTLY ON t1 (id)");
    for scripts in [Scripts::up(2, "CREATE TABLE t2 ()"), concurrently] {
        let counted = retries.clone();
        let first = Scripts::up(1, "CREATE TABLE t1 (id bigint);").down("DROP TABLE t1;");
        let migrator = Migrator::new(set("tables", [first, scripts]))
            .lock_timeout(Duration::from_millis(200))
            .retry_for(Duration::from_secs(2))
            .on_event(move |event| {
                if matches!(event, Event::Retrying { .. }) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            });
        retries.store(0, Ordering::Relaxed);
        let run = tokio::time::timeout(Duration::from_secs(30), migrator.run(database.url()));
        match run.await.expect("an end, when the retries are used up").unwrap_err() {
            Error::Failed(failure) => {
                assert_eq!(failure.code.as_deref(), Some("55P03"));
                assert!(retries.load(Ordering::Relaxed) > 0 && failure.attempts > 1);
                let text = failure.to_string();
                assert!(
                    text.contains("blocked by: pid") && text.contains("LOCK TABLE migrate_history"),
                    "{text}"
                );
            }
            error => panic!("{error}"),
        }
    }
    transaction.rollback().await.unwrap();
}

/// A row from no known run: the history stays unchanged, however often it is read.
#[tokio::test]
async fn a_row_that_can_not_be_written_is_no_lost_lock() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    Migrator::new(tables(1)).run(&client).await.unwrap();
    let stray = "CREATE UNIQUE INDEX stray ON migrate_history (set_name)";
    client.batch_execute(stray).await.unwrap();
    let run = async { Migrator::new(tables(2)).run(database.url()).await };
    let error = tokio::time::timeout(Duration::from_secs(20), run).await.expect("an end").unwrap_err();
    assert_eq!(error.sqlstate(), Some("23505"), "{error}");
    assert!(error.to_string().contains("\"stray\""), "{error}");
}

/// Row security that depends on the application's own setting must not lose it in one of the pool's
/// connections.
#[tokio::test]
async fn a_pools_connections_keep_the_settings_that_its_hook_made() {
    let database = database().await;
    let hook = Hook::async_fn(|client: &mut ClientWrapper, _| {
        Box::pin(async move {
            client.batch_execute("SET app.tenant = '42'").await.map_err(HookError::Backend)?;
            Ok(())
        })
    });
    let manager = Manager::new(database.config(), NoTls);
    let pool = Pool::builder(manager).max_size(4).post_create(hook).build().unwrap();
    for lock in [LockKind::Transaction, LockKind::Session] {
        let up = "CREATE TABLE IF NOT EXISTS a (tenant text); INSERT INTO a VALUES (current_setting('app.tenant'))";
        let name = if lock == LockKind::Session { "by_session" } else { "by_transaction" };
        let migrator = Migrator::new(set(name, [Scripts::up(1, up)])).lock(lock);
        assert_eq!(migrator.run(&pool).await.unwrap().steps.len(), 1);
        let objects = [pool.get().await.unwrap(), pool.get().await.unwrap(), pool.get().await.unwrap()];
        for object in &objects {
            let row =
                object.query_one("SELECT current_setting('app.tenant'), string_agg(tenant, '') FROM a", &[]);
            let row = row.await.unwrap();
            assert_eq!(row.get::<_, &str>(0), "42");
            assert!(
                row.get::<_, &str>(1).starts_with("42"),
                "the hook was run for the connection that worked"
            );
        }
    }
}

/// Work at the end of a transaction runs under the script's settings, as in psql.
#[tokio::test]
async fn what_a_script_defers_meets_the_scripts_own_search_path_and_role() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let role = format!("owner_{}", database.name());
    admin
        .batch_execute(&format!("CREATE ROLE {role}; CREATE SCHEMA app AUTHORIZATION {role}"))
        .await
        .unwrap();
    let up = format!(
        "SET search_path = app; SET ROLE {role};
         CREATE TABLE p (id int); CREATE TABLE log (who text);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN INSERT INTO log VALUES (current_user); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER t AFTER INSERT ON p DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION f();
         INSERT INTO p VALUES (1);"
    );
    // Statement by statement, too: a statement's settings apply to the next one.
    let again = format!("SET search_path = app; SET ROLE {role}; INSERT INTO p VALUES (2); VACUUM p;");
    let scripts = [Scripts::up(1, up).verify("SELECT count(*) = 1 FROM app.log"), Scripts::up(2, again)];
    let migrator = Migrator::new(set("default", scripts)).history_schema("public");
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 2);
    let who = admin.query_one("SELECT string_agg(who, ' ') FROM app.log", &[]).await.unwrap();
    assert_eq!(who.get::<_, String>(0), format!("{role} {role}"));
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// A database with another encoding, and its configuration.
async fn encoded(database: &Database, encoding: &str) -> tokio_postgres::Config {
    let admin = database.connect().await.unwrap();
    let name = format!("{}_{}", database.name(), encoding.to_lowercase());
    let sql = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    );
    admin.batch_execute(&sql).await.unwrap();
    let mut config = database.config();
    config.dbname(&name);
    config
}

#[tokio::test]
async fn a_secret_is_kept_out_of_a_history_in_any_encoding() {
    let database = database().await;
    let config = encoded(&database, "LATIN1").await;
    let secret = "SET app.password = 'hunter2';";
    let scripts = [Scripts::up(1, secret), Scripts::up(2, format!("{secret} VACUUM;"))];
    let migrator = Migrator::new(set("default", scripts));
    assert_eq!(migrator.run(&config).await.unwrap().steps.len(), 2);
    assert!(migrator.run(&config).await.unwrap().is_noop());
    let failing = Migrator::new(set("failing", [Scripts::up(1, "SELECT 'password=hunter2'::int")]));
    assert!(matches!(failing.run(&config).await, Err(Error::Failed(_))));
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    let kept =
        client.query_one("SELECT string_agg(up_sql || coalesce(message, ''), '') FROM migrate_history", &[]);
    let kept: String = kept.await.unwrap().get(0);
    assert!(kept.contains("SET app.password = '[redacted]'; VACUUM;") && !kept.contains("hunter2"), "{kept}");
}

#[tokio::test]
async fn a_failure_in_a_database_without_encoding_is_the_right_migrations() {
    let database = database().await;
    let config = encoded(&database, "SQL_ASCII").await;
    let guilty = format!("-- {}\nCREATE TABLE a ();\nSELECT nosuch FROM a;", "é".repeat(1500));
    let innocent = format!("CREATE TABLE b ();\n/* {} */", "x".repeat(4000));
    let migrator = Migrator::new(set("default", [Scripts::up(1, guilty), Scripts::up(2, innocent)]));
    match migrator.run(&config).await.unwrap_err() {
        Error::Failed(failure) => assert_eq!(failure.name, "00001_step"),
        error => panic!("{error}"),
    }
    assert_eq!(migrator.history(&config).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_accepted_text_counts_and_when_its_migration_was_applied_stays() {
    let database = database().await;
    let release = |second: &str| {
        let scripts = [
            Scripts::up(1, "CREATE TABLE a ()").down("DROP TABLE a"),
            Scripts::up(2, second).down("DROP TABLE b"),
            Scripts::up(3, "CREATE TABLE c ()").down("DROP TABLE c"),
        ];
        Migrator::new(set("default", scripts))
    };
    release("CREATE TABLE b ()").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    let rows = async || -> String {
        let sql = "SELECT string_agg(concat_ws(' ', seq, action, live, continues), ', ' ORDER BY seq) FROM migrate_history";
        admin.query_one(sql, &[]).await.unwrap().get(0)
    };
    let before = release("CREATE TABLE b ()").status(database.url()).await.unwrap();
    for text in ["create table b ()", "create table B ()"] {
        let edited = release(text);
        assert!(matches!(edited.run(database.url()).await, Err(Error::Refused(Refused::Edited { .. }))));
        assert_eq!(edited.run_plan(database.url(), &Accept::all()).await.unwrap().steps.len(), 1);
        assert_eq!(boot(&edited, &database.config()).await, (1, 0));
        assert_eq!(fault(&admin).await, None);
        assert_eq!(edited.status(database.url()).await.unwrap(), before);
    }
    assert_eq!(rows().await, "1 apply t, 2 apply f, 3 apply t, 4 accept f 2, 5 accept t 2");
    // An older release has the earlier text.
    let refused = release("CREATE TABLE b ()").run(database.url()).await;
    assert!(matches!(refused, Err(Error::Refused(Refused::Edited { .. }))));
    assert_eq!(release("create table B ()").down(database.url(), 3).await.unwrap().steps.len(), 3);
}
