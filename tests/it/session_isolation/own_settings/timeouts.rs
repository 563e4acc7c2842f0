//! The timeouts of a role or a database do not end our own statements.

use super::*;

/// Sets timeouts for all sessions of a database.
async fn hurry(database: &Database) {
    let mut timeouts = vec![
        ("statement_timeout", "250ms"),
        ("lock_timeout", "200ms"),
        ("idle_in_transaction_session_timeout", "250ms"),
    ];
    timeouts.extend(has_transaction_timeout().then_some(("transaction_timeout", "400ms")));
    let admin = database.connect().await.unwrap();
    for (name, value) in timeouts {
        let set = format!("ALTER DATABASE {} SET {name} = '{value}'", database.name());
        admin.batch_execute(&set).await.unwrap();
    }
}

fn has_transaction_timeout() -> bool {
    testing::server().unwrap().version_num() >= 170_000
}

/// A client without timeouts.
async fn patient(database: &Database) -> Client {
    let client = database.connect().await.unwrap();
    let off = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name ~ '^(statement|lock|transaction|idle_.*session)_timeout$'";
    client.batch_execute(off).await.unwrap();
    client
}

/// Locks tables until a call has waited for longer than any of the timeouts; returns the call's answer.
async fn kept_waiting<T: std::fmt::Debug + Send + 'static>(
    admin: &Client,
    tables: &str,
    mode: &str,
    call: impl Future<Output = T> + Send + 'static,
) -> T {
    admin.batch_execute(&format!("BEGIN; LOCK TABLE {tables} IN {mode} MODE")).await.unwrap();
    let calling = tokio::spawn(call);
    let waiting = format!(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = ANY ('{{{tables}}}'::regclass[])"
    );
    while admin.query_one(&waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(!calling.is_finished(), "it did not wait for {tables}: {:?}", calling.await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(700)).await;
    admin.batch_execute("ROLLBACK").await.unwrap();
    calling.await.unwrap()
}

/// Another session locks the history's tables, so that each call waits for longer than any of the timeouts.
#[tokio::test]
async fn no_timeout_of_the_database_ends_our_reading_or_the_taking_of_the_lock() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    let bouncer = PgBouncer::start(&server, 6).await;
    hurry(&database).await;
    let config = database.config();
    let pooled = bouncer.map(|bouncer| (bouncer.url(database.name()), bouncer));
    let applied = migrator(LIFE);
    applied.run(&config).await.unwrap();
    let more = [LIFE, &[("4_d.up.sql", "CREATE TABLE d ();"), ("4_d.down.sql", "DROP TABLE d;")]].concat();
    let admin = patient(&database).await;
    let calls = [
        "boot",
        "position",
        "status",
        "plan",
        "attempts",
        "running",
        "verify",
        "explain",
        "preflight",
        "drift",
        "report",
        "down",
        "up",
    ];
    for (call, over) in
        calls.into_iter().flat_map(|call| ["config", "client", "pooler"].map(|over| (call, over)))
    {
        // A transaction_timeout ends the session, and these calls have no other one.
        let ends = has_transaction_timeout() && ["boot", "position", "up"].contains(&call);
        if over == "client" && (ends || call == "drift") || over == "pooler" && pooled.is_none() {
            continue;
        }
        let pending = if call == "up" { migrator(&more) } else { applied.clone() };
        let (config, url) = (config.clone(), pooled.as_ref().map(|(url, _)| url.clone()).unwrap_or_default());
        let calling = async move {
            match over {
                "config" => make(call, &pending, &config).await,
                "client" => make(call, &pending, &connect(&config).await).await,
                _ => make(call, &pending, url.as_str()).await,
            }
        };
        let tables = "migrate_history,migrate_history_head";
        let called = kept_waiting(&admin, tables, "ACCESS EXCLUSIVE", calling).await;
        assert!(called.is_ok(), "{call} over a {over}: {}", called.unwrap_err());
        if call == "up" {
            migrator(&more).down(database.url(), 1).await.unwrap();
        }
    }
}

/// Each row takes longer to write than any of the timeouts.
#[tokio::test]
async fn no_timeout_of_the_database_ends_our_bookkeeping() {
    let database = database().await;
    hurry(&database).await;
    let config = database.config();
    migrator(&LIFE[..2]).run(&config).await.unwrap();
    let slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.4); RETURN new; END'; \
                CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON migrate_history FOR EACH ROW EXECUTE FUNCTION slow()";
    patient(&database).await.batch_execute(slow).await.unwrap();
    let wrong = [LIFE, &[("4_d.up.sql", "SELECT 1; SELECT 1/0;"), ("4_d.down.sql", "SELECT 1;")]].concat();
    for over_client in [false, true] {
        let ran = match over_client {
            true => migrator(&wrong).run(&connect(&config).await).await,
            false => migrator(&wrong).run(&config).await,
        };
        assert_eq!(ran.unwrap_err().sqlstate(), Some("22012"), "over a client: {over_client}");
        let bare = [LIFE, &[("4_d.up.sql", "-- migrate: transaction=none\nSELECT 1; SELECT 1/0;")]].concat();
        assert_eq!(migrator(&bare).run(&config).await.unwrap_err().sqlstate(), Some("22012"));
        let failed = migrator(LIFE).history(&config).await.unwrap();
        let last = failed.last().unwrap();
        assert!(
            matches!(last.outcome, migrate_postgres::AttemptOutcome::Failed { .. }),
            "{:?}",
            last.outcome
        );
        let resolution = migrate_postgres::Resolution::Reverted;
        migrator(&bare).resolve(&config, "4", resolution, "it does nothing").await.unwrap();
        assert_eq!(migrator(LIFE).down(&config, 2).await.unwrap().steps.len(), 2);
    }
}

/// `CREATE DATABASE` and `DROP DATABASE` wait for longer than any of the timeouts.
#[tokio::test]
async fn no_timeout_of_the_database_ends_the_making_of_a_scratch_database() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    hurry(&database).await;
    let all = migrator(LIFE);
    all.run(database.url()).await.unwrap();
    let admin = patient(&database).await;
    let (compared, url) = (all.clone(), database.url().to_owned());
    let comparing = async move { compared.drift(url.as_str(), &Comparison::new()).await };
    assert!(kept_waiting(&admin, "pg_database", "SHARE", comparing).await.unwrap().is_none());
    let scratch = server.database().await.unwrap();
    hurry(&scratch).await;
    let admin = patient(&scratch).await;
    let url = database.url().to_owned();
    let given = Comparison::new().scratch(scratch.url());
    let comparing = async move { all.drift(url.as_str(), &given).await };
    let objects = "pg_largeobject_metadata";
    assert!(kept_waiting(&admin, objects, "ACCESS EXCLUSIVE", comparing).await.unwrap().is_none());
}

#[tokio::test]
async fn no_timeout_of_the_database_ends_the_reading_of_a_tools_history() {
    let indexes = "CREATE INDEX CONCURRENTLY users_id ON users (id);\n\
                   CREATE UNIQUE INDEX CONCURRENTLY posts_id ON posts (id);\n";
    let database = DIESEL.database().await;
    database.connect().await.unwrap().batch_execute("INSERT INTO posts VALUES (1), (1)").await.unwrap();
    hurry(&database).await;
    let migrator = DIESEL.migrator_of([USERS, POSTS, indexes]).foreign_history(tools::diesel());
    assert_eq!(migrator.run(database.url()).await.unwrap_err().sqlstate(), Some("23505"));
    let admin = patient(&database).await;
    for table in ["__diesel_schema_migrations", "__diesel_schema_migrations_checkpoint"] {
        for call in ["position", "status", "attempts", "plan"] {
            let (migrator, url) = (migrator.clone(), database.url().to_owned());
            let calling = async move { make(call, &migrator, url.as_str()).await };
            let called = kept_waiting(&admin, table, "ACCESS EXCLUSIVE", calling).await;
            assert!(called.is_ok(), "{call} of {table}: {}", called.unwrap_err());
        }
    }
}

async fn make<T: Target + ?Sized>(
    call: &str,
    migrator: &Migrator,
    target: &T,
) -> Result<(), migrate_postgres::Error> {
    match call {
        "boot" | "up" => migrator.run(target).await.map(drop),
        "position" => migrator.position(target).await.map(drop),
        "status" => migrator.status(target).await.map(drop),
        "plan" => migrator.plan(target).await.map(drop),
        "attempts" => migrator.history(target).await.map(drop),
        "running" => migrator.running(target).await.map(drop),
        "verify" => migrator.verify(target).await.map(drop),
        "explain" => migrator.explain(target).await.map(drop),
        "preflight" => migrator.preflight(target).await.map(drop),
        "drift" => migrator.drift(target, &Comparison::new()).await.map(drop),
        "report" => migrator.database_report(target, &ReportOptions::default()).await.map(drop),
        "down" => migrator.down(target, 0).await.map(drop),
        _ => panic!("no call {call}"),
    }
}

#[tokio::test]
async fn an_idle_session_timeout_ends_no_run_that_pauses() {
    let database = database().await;
    let config = role_with(&database, &[("idle_session_timeout", "'1500ms'")]).await;
    let admin = database.connect().await.unwrap();
    let retries = Arc::new(AtomicU32::new(0));
    let heard = retries.clone();
    let run = migrator(&[("1_t.sql", "ALTER TABLE t ADD a int;"), ("2_t.sql", "ALTER TABLE t ADD b int;")])
        .lock_timeout(Duration::from_millis(20))
        .retry_for(Duration::from_secs(600))
        .on_event(move |event| {
            if matches!(event, migrate_postgres::Event::Retrying { .. }) {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        });
    for over_client in [false, true] {
        let role = config.get_user().unwrap();
        let make = format!(
            "DROP TABLE IF EXISTS t, migrate_history CASCADE; CREATE TABLE t (); ALTER TABLE t OWNER TO {role}"
        );
        admin.batch_execute(&make).await.unwrap();
        admin.batch_execute("BEGIN; LOCK TABLE t").await.unwrap();
        retries.store(0, Ordering::Relaxed);
        let (run, config) = (run.clone(), config.clone());
        let running = tokio::spawn(async move {
            if over_client { run.run(&connect(&config).await).await } else { run.run(&config).await }
        });
        // The pauses become longer than the timeout.
        while retries.load(Ordering::Relaxed) < 9 {
            assert!(!running.is_finished(), "{:?}", running.await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        admin.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(running.await.unwrap().unwrap().steps.len(), 2, "over a client: {over_client}");
    }
    drop_role(&database).await;
}

/// The dump takes longer than an idle session is allowed to live.
#[tokio::test]
async fn a_long_backup_is_recorded_and_the_run_goes_on() {
    let database = database().await;
    let config = role_with(&database, &[("idle_session_timeout", "'1500ms'")]).await;
    let folder = dumps();
    let backups = Backups::to(folder.path().join("dumps")).programs(folder.path().join("bin"));
    for kind in
        [LockKind::Transaction, LockKind::Session, LockKind::Lease { expiry: Duration::from_secs(30) }]
    {
        let run = migrator(&[("1_a.sql", "CREATE TABLE IF NOT EXISTS a ();")])
            .history_table(format!("{kind:?}").split(' ').next().unwrap().to_lowercase())
            .ignore_foreign_history()
            .history_schema("public")
            .lock(kind)
            .backup_before(backups.clone());
        assert_eq!(run.run(&config).await.unwrap().steps.len(), 1, "{kind:?}");
    }
    let one = migrator(&[("1_a.sql", "CREATE TABLE a ();")]);
    one.backup(&config, backups).await.unwrap();
    assert_eq!(one.list_backups(&config).await.unwrap().len(), 4);
    drop_role(&database).await;
}
