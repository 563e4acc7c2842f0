//! The rows that interrupted attempts leave in the history.

use super::*;

/// The rows of the history, with the columns that distinguish attempts.
async fn rows(database: &Database) -> Vec<String> {
    let sql = "SELECT concat_ws(' ', seq, action, outcome, nullif(application_name, ''), \
                 CASE WHEN live THEN 'live' END, 'at ' || checkpoint, 'reached ' || reached, 'after ' || continues, reason) \
               FROM migrate_history ORDER BY seq";
    let rows = database.connect().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The columns of a row that are not its state.
async fn record(database: &Database, row: i64) -> String {
    let sql = "SELECT (to_jsonb(h) - 'live' - 'checkpoint' - 'reached')::text FROM migrate_history h WHERE seq = $1";
    database.connect().await.unwrap().query_one(sql, &[&row]).await.unwrap().get(0)
}

#[tokio::test]
async fn each_attempt_and_each_settlement_is_a_row_that_stays_as_it_is() {
    let database = database().await;
    let ok = "CREATE INDEX CONCURRENTLY i ON users (id);";
    let migrator = second(&format!("{ok} CREATE INDEX CONCURRENTLY j ON later (id);"));
    let as_application = |name: &str| {
        let mut config = database.config();
        config.application_name(name);
        config
    };
    migrator.run(&as_application("ci")).await.unwrap_err();
    let failed = record(&database, 2).await;
    let resumed = migrator.resolve(&as_application("ops"), "2", Resolution::ResumeAt(2), "seen to").await;
    resumed.unwrap();
    let settled = record(&database, 3).await;
    assert_eq!(
        rows(&database).await,
        [
            "1 apply done ci live",
            "2 apply failed ci reached 1",
            "3 rewind done ops live at 1 after 2 seen to"
        ]
    );
    // One more that fails, and one that succeeds.
    migrator.run(&as_application("deploy")).await.unwrap_err();
    database.connect().await.unwrap().batch_execute("CREATE TABLE later (id int)").await.unwrap();
    migrator.run(&as_application("again")).await.unwrap();
    assert_eq!(
        rows(&database).await,
        [
            "1 apply done ci live",
            "2 apply failed ci reached 1",
            "3 rewind done ops reached 1 after 2 seen to",
            "4 apply failed deploy reached 1 after 3",
            "5 apply done again live at 2 after 4"
        ]
    );
    assert_eq!((record(&database, 2).await, record(&database, 3).await), (failed, settled));
    // Each took as long as its own work.
    let sql = "SELECT bool_and(finished_at >= started_at AND started_at >= before) FROM \
               (SELECT *, lag(finished_at, 1, '-infinity') OVER (ORDER BY seq) AS before FROM migrate_history) h";
    let client = database.connect().await.unwrap();
    assert!(client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
    let attempts = migrator.history(database.url()).await.unwrap();
    let continues: Vec<Option<i64>> = attempts.iter().map(|attempt| attempt.continues).collect();
    assert_eq!(continues, [None, None, Some(2), Some(3), Some(4)]);
}

/// A run that is killed: its process is gone, with its connections.
async fn killed(database: &Database, migrator: &Migrator) {
    let (run, config) = (migrator.clone(), database.config());
    let run = tokio::spawn(async move { run.run(&config).await });
    let sleeps = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep' \
                  AND pid <> pg_backend_pid())";
    let client = database.connect().await.unwrap();
    let is_at_it = async || client.query_one(sleeps, &[]).await.unwrap().get::<_, bool>(0);
    while !is_at_it().await {
        assert!(!run.is_finished());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid()";
    run.abort();
    client.query_one(end, &[]).await.unwrap();
    while is_at_it().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_attempt_that_never_ended_is_recorded_by_the_next_run() {
    for (slow, quick, left) in [
        ("SELECT pg_sleep(600);", "SELECT 1;", "interrupted"),
        (
            "SELECT 1; SELECT pg_sleep(600); VACUUM users;",
            "SELECT 1; SELECT 2; VACUUM users;",
            "interrupted reached 1",
        ),
    ] {
        let database = database().await;
        killed(&database, &second(slow)).await;
        let status = second(slow).status(database.url()).await.unwrap();
        assert_eq!(status.pending().count(), 1, "{status}");
        let begun = rows(&database).await;
        assert!(begun.len() == 2 && begun[1].starts_with("2 apply unfinished"), "{begun:?}");
        let outcome = match second(quick).run(database.url()).await {
            // Within the permitted range, the script was edited.
            Err(Error::Refused(Refused::Interrupted { .. })) => {
                second(slow).resolve(database.url(), "2", Resolution::Reverted, "looked").await.unwrap();
                second(quick).run(database.url()).await
            }
            outcome => outcome,
        };
        outcome.unwrap();
        let rows = rows(&database).await;
        assert_eq!(rows[1], format!("2 apply {left}"), "{rows:?}");
        assert!(rows.last().unwrap().contains("apply done live"), "{rows:?}");
        assert!(second(quick).run(database.url()).await.unwrap().is_noop());
    }
}

/// The last row belongs to an attempt that never ended, and something else is to be recorded.
#[tokio::test]
async fn an_attempt_that_never_ended_is_recorded_whatever_comes_next() {
    let slow = second("SELECT pg_sleep(600);");
    for next in ["SELEC 1;", "VACUUM users;", "CREATE TABLE users ();"] {
        let database = database().await;
        killed(&database, &slow).await;
        drop(second(next).run(database.url()).await);
        let rows = rows(&database).await;
        assert!(rows.len() == 3 && rows[1].starts_with("2 apply interrupted"), "{next}: {rows:?}");
    }
    let database = database().await;
    killed(&database, &slow).await;
    slow.resolve(database.url(), "2", Resolution::Applied, "by hand").await.unwrap();
    assert!(rows(&database).await[1].starts_with("2 apply interrupted"));
}

/// Every run that stops at a statement in doubt has its own row. The row of the attempt in doubt stays
/// unchanged, and is shown however many rows follow.
#[tokio::test]
async fn an_attempt_that_stops_at_a_statement_in_doubt_is_a_row() {
    let code = "-- migrate: transaction=none\nSELECT 1; DO $$ BEGIN PERFORM pg_sleep(600); END $$; SELECT 2;";
    let migrator = second(code);
    let database = database().await;
    killed(&database, &migrator).await;
    let open = rows(&database).await[1].clone();
    assert!(open.starts_with("2 apply unfinished") && open.ends_with("live at 1"), "{open}");
    for attempt in 3..=9 {
        let mut config = database.config();
        config.application_name("deploy");
        match migrator.run(&config).await.unwrap_err() {
            Error::Failed(failure) => assert!(matches!(failure.left, Left::InDoubt { .. }), "{failure}"),
            error => panic!("{error}"),
        }
        let rows = rows(&database).await;
        assert_eq!(rows[1], open);
        assert_eq!(rows[attempt - 1..], [format!("{attempt} apply failed deploy reached 1 after 2")]);
        let position = migrator.position(database.url()).await.unwrap();
        assert!(matches!(position, SetPosition::Interrupted { .. }), "{position:?}");
    }
    let attempts = migrator.history(database.url()).await.unwrap();
    match &attempts[8].outcome {
        AttemptOutcome::Failed { message, statement, line, .. } => {
            assert!(
                message.contains("its outcome is unknown") && (*statement, *line) == (Some(2), Some(2)),
                "{message}"
            );
        }
        outcome => panic!("{outcome}"),
    }
    migrator.resolve(database.url(), "2", Resolution::ResumeAt(3), "it slept").await.unwrap();
    assert_eq!(names(&migrator.run(database.url()).await.unwrap()), ["apply 00002_step"]);
    assert!(migrator.verify(database.url()).await.is_ok());
}

#[tokio::test]
async fn code_that_failed_after_a_commit_leaves_what_the_server_said_in_its_row() {
    let database = database().await;
    let migrator = second("-- migrate: transaction=none\nDO $$ BEGIN COMMIT; PERFORM 1/0; END $$;");
    migrator.run(database.url()).await.unwrap_err();
    let attempts = migrator.history(database.url()).await.unwrap();
    match &attempts[1].outcome {
        AttemptOutcome::Interrupted { message: Some(message), statements_done: Some(0), .. } => {
            assert_eq!(message, "division by zero");
        }
        outcome => panic!("{outcome:?}"),
    }
    assert!(attempts[1].took.is_some());
    // In doubt, it stays.
    match migrator.run(database.url()).await.unwrap_err() {
        Error::Failed(failure) => assert!(matches!(failure.left, Left::InDoubt { .. }), "{failure}"),
        error => panic!("{error}"),
    }
    assert!(rows(&database).await[2].starts_with("3 apply failed"));
}

/// A run loses its lock while another one starts: the second assumes that the first one's row is abandoned,
/// and waits for it.
#[tokio::test]
async fn a_run_that_is_still_at_it_is_waited_for_and_not_taken_for_one_that_never_ended() {
    let database = database().await;
    let migrator = second("SELECT pg_sleep(1); CREATE TABLE once ();");
    let first = {
        let (migrator, config) = (migrator.clone(), database.config());
        tokio::spawn(async move { migrator.run(&config).await })
    };
    let client = database.connect().await.unwrap();
    let holder = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted AND \
                  database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND \
                  EXISTS (SELECT FROM pg_stat_activity a WHERE datname = current_database() AND wait_event = 'PgSleep' \
                    AND a.pid <> pg_backend_pid()) AND pid <> pg_backend_pid()";
    while client.query_one(holder, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let second = migrator.run(database.url()).await;
    drop(first.await);
    assert!(second.is_ok(), "{second:?}");
    let rows = rows(&database).await;
    let done = rows.iter().filter(|row| row.contains("done")).count();
    assert_eq!(done, 2, "{rows:?}");
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
}
