//! A migration that stopped between its statements never counts as done, for any caller.

use migrate_core::Set;
use migrate_core::plan::Interruption;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{
    AttemptOutcome, Down, Error, Left, Migrator, Refused, Report, Resolution, SetPosition,
};
use migrate_tests::sets::{Scripts, set};
use std::time::Duration;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

const TABLE: &str = "CREATE TABLE t (a int, b int);";
const INDEXES: &str = "CREATE INDEX CONCURRENTLY i ON t (a); CREATE INDEX CONCURRENTLY j ON t (b);";

fn migrator(scripts: impl IntoIterator<Item = Scripts>) -> Migrator {
    Migrator::new(set("default", scripts)).retry_for(Duration::from_secs(5))
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> (String, Interruption) {
    match outcome.unwrap_err() {
        Error::Refused(Refused::Interrupted { name, problem, .. }) => (name, problem),
        other => panic!("not refused by name: {other}"),
    }
}

fn names(report: &Report) -> Vec<String> {
    report.steps.iter().map(|step| format!("{} {}", step.action, step.name)).collect()
}

/// Two migrations, of which the second is half reverted: its first index is gone.
async fn half_reverted(database: &Database) -> Migrator {
    let down = "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY nosuch; DROP INDEX CONCURRENTLY j;";
    let migrator = migrator([Scripts::up(1, TABLE).down("DROP TABLE t"), Scripts::up(2, INDEXES).down(down)]);
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 2);
    assert!(matches!(migrator.down(database.url(), 1).await, Err(Error::Failed(_))));
    migrator
}

#[tokio::test]
async fn a_half_reverted_migration_is_no_up_to_date_database() {
    let database = database().await;
    let migrator = half_reverted(&database).await;
    let url = database.url();
    let position = migrator.position(url).await.unwrap();
    assert!(matches!(position, SetPosition::Interrupted { .. }) && !position.is_up_to_date(), "{position:?}");
    let reverting =
        |outcome| assert_eq!(refusal(outcome), ("00002_step".to_owned(), Interruption::Reverting));
    reverting(migrator.run(url).await);
    reverting(migrator.run(&database.connect().await.unwrap()).await);
    reverting(migrator.to(url, "2").await);
    reverting(migrator.baseline(url, "2").await);
    assert_eq!(refusal(migrator.verify(url).await).0, "00002_step");
    assert_eq!(refusal(migrator.plan(url).await.map(|steps| steps.steps.len())).0, "00002_step");
    // `down` resumes where it stopped.
    database.connect().await.unwrap().batch_execute("CREATE INDEX nosuch ON t (a)").await.unwrap();
    let report = migrator.down(url, Down::all()).await.unwrap();
    assert_eq!(names(&report), ["revert 00002_step", "revert 00001_step"]);
    assert!(migrator.down(url, Down::all()).await.unwrap().is_noop());
    assert_eq!(migrator.run(url).await.unwrap().steps.len(), 2);
}

/// One half-applied migration: a table without its index.
async fn half_applied(database: &Database, version: usize) -> Migrator {
    let up = format!("CREATE TABLE t{version} (a int); CREATE INDEX CONCURRENTLY ON t{version} (nosuch);");
    let first = (1..version)
        .map(|n| Scripts::up(n, format!("CREATE TABLE t{n} ()")).down(format!("DROP TABLE t{n}")));
    let last = Scripts::up(version, up).down(format!("DROP TABLE t{version}"));
    let migrator = migrator(first.chain([last]));
    assert!(matches!(migrator.run(database.url()).await, Err(Error::Failed(_))));
    migrator
}

#[tokio::test]
async fn a_half_applied_migration_is_not_nothing_to_revert() {
    let database = database().await;
    let migrator = half_applied(&database, 1).await;
    let url = database.url();
    for extent in [Down::all(), Down::count(1)] {
        assert_eq!(refusal(migrator.down(url, extent).await).1, Interruption::Applying);
    }
    assert_eq!(refusal(migrator.redo(url, 1).await).1, Interruption::Applying);
    // Also for a release that does not have it, even if it is the only one.
    let older = Migrator::new(set("default", []));
    assert_eq!(refusal(older.down(url, Down::all()).await).1, Interruption::Applying);
    database.connect().await.unwrap().batch_execute("ALTER TABLE t1 ADD nosuch int").await.unwrap();
    assert_eq!(names(&migrator.run(url).await.unwrap()), ["apply 00001_step"]);
}

#[tokio::test]
async fn a_half_applied_migration_beyond_the_target_is_refused_by_name() {
    let database = database().await;
    let migrator = half_applied(&database, 2).await;
    let url = database.url();
    for outcome in [
        migrator.to(url, "1").await,
        migrator.clone().up_to("1").run(url).await,
        migrator.baseline(url, "1").await,
        migrator.resolve(url, "1", Resolution::Reverted, "a try").await,
    ] {
        assert_eq!(refusal(outcome), ("00002_step".to_owned(), Interruption::Applying));
    }
    migrator.resolve(url, "2", Resolution::Reverted, "the table is dropped").await.unwrap();
    assert!(migrator.to(url, "1").await.unwrap().is_noop());
}

#[tokio::test]
async fn a_baseline_over_a_half_applied_migration_is_refused_by_name() {
    let database = database().await;
    let migrator = half_applied(&database, 1).await;
    let refused = tokio::time::timeout(Duration::from_secs(10), migrator.baseline(database.url(), "1"));
    assert_eq!(refusal(refused.await.unwrap()), ("00001_step".to_owned(), Interruption::Applying));
}

/// A rolling deployment restarts old replicas while the new release builds its index.
#[tokio::test]
async fn an_older_release_boots_beside_a_newer_ones_half_applied_migration() {
    let database = database().await;
    let newer = half_applied(&database, 2).await;
    let older = Migrator::new(set("default", [Scripts::up(1, "CREATE TABLE t1 ()")]));
    assert!(older.run(database.url()).await.unwrap().is_noop());
    assert!(older.position(database.url()).await.unwrap().is_up_to_date());
    assert!(!newer.position(database.url()).await.unwrap().is_up_to_date());
}

/// A run builds an index while others boot: they wait for it, and are not refused.
#[tokio::test]
async fn what_is_under_way_is_waited_for() {
    let database = database().await;
    let up = "CREATE INDEX CONCURRENTLY i ON t (a); SELECT pg_sleep(1);";
    let down = "DROP INDEX CONCURRENTLY i; SELECT pg_sleep(1);";
    let set: Set = set("default", [Scripts::up(1, TABLE), Scripts::up(2, up).down(down)]);
    let migrator = Migrator::new(set);
    let admin = database.connect().await.unwrap();
    let is_under_way = "SELECT count(*) > 0 FROM pg_stat_activity \
                        WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(1)%' AND pid <> pg_backend_pid()";
    let boot = async || {
        while !admin.query_one(is_under_way, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        migrator.run(database.url()).await
    };
    let (first, second) = tokio::join!(migrator.run(database.url()), boot());
    assert_eq!((first.unwrap().steps.len(), second.unwrap().steps.len()), (2, 0));
    let (reverted, again) = tokio::join!(migrator.down(database.url(), 1), boot());
    assert_eq!(names(&reverted.unwrap()), ["revert 00002_step"]);
    assert_eq!(names(&again.unwrap()), ["apply 00002_step"]);
}

const USERS: &str = "CREATE TABLE users (id int, email text);";

/// The first migration creates a table, the second is this one.
fn second(up: &str) -> Migrator {
    migrator([Scripts::up(1, USERS), Scripts::up(2, up)])
}

async fn indexes(database: &Database) -> String {
    let sql = "SELECT coalesce(string_agg(relname || CASE WHEN indisvalid THEN '' ELSE '!' END, ' ' ORDER BY relname), '') \
               FROM pg_class JOIN pg_index ON indexrelid = oid WHERE indrelid = 'users'::regclass";
    database.connect().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_corrected_script_goes_on_where_the_wrong_one_failed() {
    let ok = "CREATE INDEX CONCURRENTLY i ON users (id);";
    for (wrong, right, expected) in [
        // The only statement is edited.
        ("CREATE INDEX CONCURRENTLY i ON user_s (id);".to_owned(), ok.to_owned(), "i"),
        // The second statement is edited. The first one's comments have changed, and it is not run again.
        (
            format!("{ok} CREATE INDEX CONCURRENTLY j ON users (emial);"),
            format!(
                "-- Both.\n{ok}\nCREATE INDEX CONCURRENTLY j ON users (email);\nCREATE INDEX CONCURRENTLY k ON users (id);"
            ),
            "i j k",
        ),
        // The failed statement is removed.
        (format!("{ok} CREATE INDEX CONCURRENTLY j ON users (emial);"), ok.to_owned(), "i"),
        // Nothing was done, so it may run in a transaction now.
        (
            "CREATE INDEX CONCURRENTLY i ON users (ID_);".to_owned(),
            "CREATE INDEX i ON users (id);".to_owned(),
            "i",
        ),
        // An index whose build failed exists, and is INVALID.
        (
            "INSERT INTO users VALUES (1), (1); CREATE UNIQUE INDEX CONCURRENTLY i ON users (id);".to_owned(),
            format!("INSERT INTO users VALUES (1), (1); {ok}"),
            "i",
        ),
    ] {
        let database = database().await;
        let error = second(&wrong).run(database.url()).await.unwrap_err().to_string();
        assert!(
            error.contains("next: ") && error.contains("and run again; the run resumes at this statement"),
            "{error}"
        );
        let right = second(&right);
        assert_eq!(names(&right.run(database.url()).await.unwrap()), ["apply 00002_step"], "{wrong}");
        assert_eq!(indexes(&database).await, expected);
        assert!(right.run(database.url()).await.unwrap().is_noop());
        let outcomes: Vec<String> =
            right.history(database.url()).await.unwrap().iter().map(|row| row.outcome.to_string()).collect();
        assert!(outcomes[1].starts_with("failed") && outcomes[2] == "done", "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_corrected_script_leaves_an_invalid_index_alone_that_no_text_of_it_makes() {
    let database = database().await;
    let wrong = second("CREATE INDEX CONCURRENTLY i ON users (emial);");
    wrong.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    admin.batch_execute("INSERT INTO users VALUES (1), (1)").await.unwrap();
    admin.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY i ON users (id)").await.unwrap_err();
    wrong.run(database.url()).await.unwrap_err();
    let right = second("CREATE INDEX CONCURRENTLY i ON users (email);");
    match right.run(database.url()).await.unwrap_err() {
        Error::Failed(failure) => assert_eq!(failure.code.as_deref(), Some("42P07"), "{failure}"),
        error => panic!("{error}"),
    }
    assert_eq!(indexes(&database).await, "i!");
}

#[tokio::test]
async fn a_corrected_script_may_fail_again_and_be_corrected_again() {
    let database = database().await;
    let ok = "CREATE INDEX CONCURRENTLY i ON users (id);";
    for wrong in ["emial", "e_mail", "mail"] {
        let script = format!("{ok} CREATE INDEX CONCURRENTLY j ON users ({wrong});");
        match second(&script).run(database.url()).await.unwrap_err() {
            Error::Failed(failure) => assert!(failure.message.contains(wrong), "{failure}"),
            error => panic!("{error}"),
        }
        assert_eq!(indexes(&database).await, "i");
    }
    let script = format!("{ok} CREATE INDEX CONCURRENTLY j ON users (email);");
    second(&script).run(database.url()).await.unwrap();
    assert_eq!(indexes(&database).await, "i j");
}

#[tokio::test]
async fn a_script_that_was_edited_in_what_is_done_does_not_go_on() {
    let database = database().await;
    let done = "CREATE INDEX CONCURRENTLY i ON users (id); ALTER ROLE CURRENT_USER SET app.token = 'one';";
    let wrong = "CREATE INDEX CONCURRENTLY j ON users (emial);";
    second(&format!("{done} {wrong}")).run(database.url()).await.unwrap_err();
    for edited in [
        format!("{} {wrong}", done.replace("(id)", "(email)")),
        // For a secret, equality is unknown.
        format!("{done} CREATE INDEX CONCURRENTLY j ON users (email);"),
        "CREATE INDEX CONCURRENTLY i ON users (id);".to_owned(),
        "CREATE INDEX i ON users (id);".to_owned(),
    ] {
        let refused = second(&edited).run(database.url()).await;
        assert_eq!(refusal(refused), ("00002_step".to_owned(), Interruption::Edited), "{edited}");
    }
    assert_eq!(indexes(&database).await, "i");
}

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

#[tokio::test]
async fn a_plan_has_only_what_an_interrupted_migration_still_needs() {
    let database = database().await;
    let migrator = half_applied(&database, 1).await;
    let plan = migrator.explain(database.url()).await.unwrap();
    let numbers: Vec<usize> = plan.steps[0].statements.iter().map(|statement| statement.number).collect();
    assert_eq!((numbers, plan.steps[0].statements_done), (vec![2], 1));
    assert!(plan.to_string().contains("resumes after 1 completed statement"), "{plan}");
}

/// A row at a checkpoint of a migration whose script runs in a transaction.
#[tokio::test]
async fn a_checkpoint_of_a_script_that_runs_in_a_transaction_is_refused_by_name() {
    let database = database().await;
    let migrator = migrator([Scripts::up(1, TABLE), Scripts::up(2, "CREATE TABLE u (); CREATE TABLE v ();")]);
    migrator.run(database.url()).await.unwrap();
    let unfinished = "UPDATE migrate_history SET outcome = 'unfinished', checkpoint = 0, \
                      digest = (SELECT digest FROM migrate_history WHERE seq = 1) WHERE seq = 2; \
                      TRUNCATE migrate_history_head; DROP TABLE u, v";
    let client = database.connect().await.unwrap();
    client.batch_execute(unfinished).await.unwrap();
    assert_eq!(
        refusal(migrator.run(database.url()).await),
        ("00002_step".to_owned(), Interruption::Transaction)
    );
    migrator.resolve(database.url(), "2", Resolution::Reverted, "none of it is applied").await.unwrap();
    assert_eq!(names(&migrator.run(database.url()).await.unwrap()), ["apply 00002_step"]);
}

/// Half of a baseline would be refused as a history of its own. It may be larger than one message.
#[tokio::test]
async fn a_baseline_that_is_cut_off_leaves_nothing_behind() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    Migrator::new(set("other", [Scripts::up(1, TABLE)])).run(database.url()).await.unwrap();
    client
        .batch_execute(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
             CREATE TRIGGER cut BEFORE INSERT ON migrate_history FOR EACH ROW WHEN (NEW.seq = 50) EXECUTE FUNCTION cut()",
        )
        .await
        .unwrap();
    let text = format!("-- {}\nSELECT 1;", "x".repeat(10_000));
    let migrator = migrator((1..=60).map(|version| Scripts::up(version, text.clone())));
    let cut = migrator.baseline(database.url(), "55").await.unwrap_err();
    assert!(!matches!(cut, Error::Refused(_)), "{cut}");
    assert_eq!(migrator.status(database.url()).await.unwrap().applied().count(), 0);
    client.batch_execute("DROP TRIGGER cut ON migrate_history").await.unwrap();
    let report = migrator.baseline(database.url(), "55").await.unwrap();
    assert_eq!(report.steps.len(), 55);
    let rows = "SELECT count(*), count(finished_at), count(DISTINCT xmin::text) FROM migrate_history WHERE set_name = 'default'";
    let row = client.query_one(rows, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (55, 55, 1));
    assert!(migrator.baseline(database.url(), "55").await.unwrap().is_noop());
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 5);
}
