//! A run that stops after it has committed something says so, whatever stopped it: its report is kept, and no
//! error claims that nothing was changed.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, ErrorKind, Event, Left, Migrator};
use migrate_tests::sets::{Scripts, set};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio_postgres::{Client, Config, NoTls};

/// A role that owns the database, and is no superuser.
struct Owner {
    name: String,
    config: Config,
    admin: Client,
}

impl Owner {
    async fn of(database: &Database) -> Owner {
        let admin = database.connect().await.unwrap();
        let name = format!("owner_of_{}", database.name());
        let make = format!(
            "CREATE ROLE {name} LOGIN; ALTER DATABASE {} OWNER TO {name}; ALTER SCHEMA public OWNER TO {name}",
            database.name()
        );
        admin.batch_execute(&make).await.unwrap();
        let mut config = database.config();
        config.user(&name);
        Owner { name, config, admin }
    }

    async fn drop(self) {
        let drop =
            format!("REASSIGN OWNED BY {0} TO CURRENT_USER; DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        self.admin.batch_execute(&drop).await.unwrap();
    }
}

/// Runs statements over a connection of its own, while the run waits in its callback.
fn execute(config: &Config, sql: String) {
    let config = config.clone();
    let work = async move {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&sql).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime.block_on(work)).join().unwrap();
}

/// A transaction, four statements of which two are sent alone, and another transaction.
fn scripts() -> [Scripts; 3] {
    let parts = "CREATE TABLE two (a int, b int); CREATE INDEX CONCURRENTLY two_i ON two (a); \
                 CREATE INDEX CONCURRENTLY two_j ON two (b); CREATE VIEW two_v AS SELECT a FROM two;";
    [
        Scripts::up(1, "CREATE TABLE one ();"),
        Scripts::up(2, format!("-- migrate: transaction=none\n{parts}")),
        Scripts::up(3, "CREATE TABLE three ();"),
    ]
}

/// The place in a run that something happens at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    /// Between two migrations: after so many.
    Step(usize),
    /// Behind a statement of the second migration.
    Statement(usize),
}

impl At {
    fn is(self, event: &Event<'_>) -> bool {
        match *event {
            Event::StepDone { number, .. } => self == At::Step(number),
            Event::StatementDone { number, is_committed: true, .. } => self == At::Statement(number),
            _ => false,
        }
    }
}

/// The accident of a run, as SQL with the role's name for `ROLE`; and the kind of the error that ends it, if there is but one.
const ACCIDENTS: [(&str, &str, Option<ErrorKind>); 6] = [
    (
        "the role loses its right",
        "REVOKE ALL ON migrate_history, migrate_history_head FROM ROLE",
        Some(ErrorKind::Privilege),
    ),
    (
        "a rule discards new rows and checkpoints",
        "CREATE RULE i AS ON INSERT TO migrate_history DO INSTEAD NOTHING; \
         CREATE RULE u AS ON UPDATE TO migrate_history DO INSTEAD NOTHING",
        Some(ErrorKind::RowNotKept),
    ),
    ("the history is dropped", "DROP TABLE migrate_history CASCADE", Some(ErrorKind::Server)),
    (
        "another run takes the next row",
        "INSERT INTO migrate_history (set_name, seq, version, name, action, outcome, live, checksum, digest, statements, run_id, program) \
         SELECT set_name, seq + 1, '00009', '00009_other', 'apply', 'done', true, checksum, digest, 1, 'other', 'other' \
         FROM migrate_history ORDER BY seq DESC LIMIT 1",
        None,
    ),
    (
        "the lock is lost",
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        None,
    ),
    (
        "all connections are lost",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ROLE'",
        None,
    ),
];

async fn count(client: &Client, like: &str) -> usize {
    let sql = "SELECT count(*) FROM pg_class WHERE relname LIKE $1 AND relnamespace = 'public'::regnamespace";
    let count: i64 = client.query_one(sql, &[&like]).await.unwrap().get(0);
    usize::try_from(count).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_stops_a_run_in_the_middle_its_error_tells_what_is_committed() {
    let places =
        [At::Step(1), At::Statement(1), At::Statement(2), At::Statement(3), At::Statement(4), At::Step(2)];
    for (accident, sql, kind) in ACCIDENTS {
        for at in places {
            let case = format!("{accident}, at {at:?}");
            let database = testing::server().unwrap().database().await.unwrap();
            let owner = Owner::of(&database).await;
            let sql = sql.replace("ROLE", &owner.name);
            let (steps, has_happened) = (Arc::new(AtomicUsize::new(0)), AtomicBool::new(false));
            let (counted, admin) = (steps.clone(), database.config());
            let migrator = Migrator::new(set("default", scripts())).on_event(move |event| {
                if matches!(event, Event::StepDone { .. }) {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                if at.is(event) && !has_happened.swap(true, Ordering::SeqCst) {
                    execute(&admin, sql.clone());
                }
            });
            let error = match migrator.run(&owner.config).await {
                Err(error) => error,
                Ok(report) => {
                    // The last migrations may be done before the loss of the lock is noticed.
                    assert!(accident == "the lock is lost" && report.steps.len() == 3, "{case}: {report}");
                    let shown = report.to_string();
                    assert!(!shown.contains("next: ") && !shown.contains("committed migrations"), "{shown}");
                    owner.drop().await;
                    continue;
                }
            };
            let report = error.report().unwrap_or_else(|| panic!("{case}: {error}"));
            assert_eq!(report.steps.len(), steps.load(Ordering::SeqCst), "{case}: {error}");
            let text = error.to_string();
            assert!(text.contains("this run did") && !text.contains("nothing was changed"), "{case}: {text}");
            if let Some(kind) = kind.filter(|kind| *kind != ErrorKind::Server) {
                assert_eq!(error.kind(), kind, "{case}: {error}");
            }
            let there = count(&owner.admin, "two%").await;
            match error.left() {
                Left::Statements { done, total } => assert_eq!((done, total), (there, 4), "{case}: {error}"),
                Left::Steps { done } => assert_eq!(done, report.steps.len(), "{case}: {error}"),
                Left::Unknown => {}
                // The migrations are applied again, which fails.
                Left::Nothing => assert!(matches!(error, Error::Failed(_)), "{case}: {error}"),
                other => panic!("{case}: {other:?} {error}"),
            }
            owner.drop().await;
        }
    }
}

/// Another session holds the row when the checkpoint behind a statement is to move: the statement is done, and an
/// attempt that took it for failed would run it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_whose_checkpoint_is_blocked_is_not_run_twice() {
    let code = "DO $$ BEGIN INSERT INTO two VALUES (1); COMMIT; END $$;";
    let index = "CREATE INDEX CONCURRENTLY two_i ON two (a);";
    for (statement, is_decided) in [(code, false), (index, true)] {
        let database = testing::server().unwrap().database().await.unwrap();
        let scripts = format!("-- migrate: transaction=none\nCREATE TABLE two (a int);\n{statement}");
        let (admin, has_happened) = (database.config(), AtomicBool::new(false));
        let migrator = Migrator::new(set("default", [Scripts::up(1, scripts)]))
            .lock_timeout(Duration::from_millis(100))
            .retry_for(Duration::from_secs(60))
            .on_event(move |event| {
                if At::Statement(1).is(event) && !has_happened.swap(true, Ordering::SeqCst) {
                    hold_the_row(&admin);
                }
            });
        let outcome = migrator.run(&database.config()).await;
        let client = database.connect().await.unwrap();
        match outcome {
            Ok(report) => assert!(is_decided && report.steps.len() == 1, "{report}"),
            Err(error) => {
                assert_eq!(error.left(), Left::InDoubt { done: 1, total: 2 }, "{error}");
                assert!(!is_decided, "{error}");
                let rows: i64 = client.query_one("SELECT count(*) FROM two", &[]).await.unwrap().get(0);
                assert_eq!(rows, 1, "{error}");
            }
        }
    }
}

/// Locks the history's row in another session for a second, and returns as soon as it is locked.
fn hold_the_row(config: &Config) {
    let (config, (locked, wait)) = (config.clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let (client, connection) = config.connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute("BEGIN; SELECT FROM migrate_history FOR UPDATE").await.unwrap();
            locked.send(()).unwrap();
            client.batch_execute("SELECT pg_sleep(1); COMMIT").await.unwrap();
        });
    });
    wait.recv().unwrap();
}
