//! Migrations that stop between their statements, with another tool's table as the history.

use super::*;

const CONCURRENTLY: &str = "CREATE INDEX CONCURRENTLY users_id ON users (id);\n\
                            CREATE UNIQUE INDEX CONCURRENTLY posts_id ON posts (id);\n";

/// The number of migrations in progress or interrupted: in the tool's own table, where the tool considers
/// them failed, or in the table of checkpoints beside it.
fn open(tool: Tool) -> String {
    match tool {
        Tool::Prisma => {
            "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL"
                .to_owned()
        }
        Tool::Sqlx => "SELECT count(*) FROM _sqlx_migrations WHERE NOT success".to_owned(),
        tool => format!("SELECT count(to_regclass('{}_checkpoint'))", tool.table()),
    }
}

#[tokio::test]
async fn a_script_that_was_stopped_between_its_statements_goes_on_there() {
    for (case, kept) in KEPT {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        client.batch_execute("INSERT INTO posts VALUES (1), (1)").await.unwrap();
        let migrator = case.migrator_of([USERS, POSTS, CONCURRENTLY]).foreign_history(kept());
        let error = migrator.run(database.url()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("23505"), "{error}");
        assert_eq!(one::<i64>(&client, &open(case.tool)).await, 1, "{}", case.tool);
        let attempts = migrator.history(database.url()).await.unwrap();
        let last = attempts.last().unwrap();
        assert!(matches!(last.outcome, AttemptOutcome::Unfinished { statements_done: 1, .. }), "{last:?}");
        let status = migrator.status(database.url()).await.unwrap();
        assert!(
            matches!(status.rows[2].state, MigrationStatus::Interrupted { statements_done: 1, .. }),
            "{status}"
        );
        client.batch_execute("DELETE FROM posts").await.unwrap();
        assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
        assert_eq!(one::<i64>(&client, &open(case.tool)).await, 0, "{}", case.tool);
        assert_eq!(one::<i64>(&client, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
        let proxy = Proxy::start(&database.config()).await;
        assert!(migrator.run(&proxy.config()).await.unwrap().is_noop(), "{}", case.tool);
        assert_eq!(proxy.connection().round_trips, 1);
    }
}

/// No tool's table has a column for it: during the attempt the tool's row stays.
#[tokio::test]
async fn a_revert_that_was_stopped_between_its_statements_goes_on_there_or_is_settled() {
    let down = "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY nosuch;";
    let up = "CREATE TABLE a (id int); CREATE INDEX i ON a (id);";
    let files: [(Kept, [&str; 2]); 4] = [
        (tools::prisma, ["1_a/migration.sql", "1_a/down.sql"]),
        (tools::sqlx, ["1_a.up.sql", "1_a.down.sql"]),
        (tools::refinery, ["1_a.up.sql", "1_a.down.sql"]),
        (tools::diesel, ["1_a/up.sql", "1_a/down.sql"]),
    ];
    for (kept, [up_file, down_file]) in files {
        for resolution in
            [None, Some(Resolution::Applied), Some(Resolution::Reverted), Some(Resolution::ResumeAt(3))]
        {
            let down = format!("{down} DROP TABLE a;");
            let database = database().await;
            let client = database.connect().await.unwrap();
            let migrator = migrator_of(&[(up_file, up), (down_file, &down)], kept());
            migrator.run(database.url()).await.unwrap();
            let name = migrator.set().iter().next().unwrap().name().to_owned();
            assert_eq!(migrator.down(database.url(), 1).await.unwrap_err().sqlstate(), Some("42704"));
            let position = migrator.position(database.url()).await.unwrap();
            assert!(matches!(position, SetPosition::Interrupted { .. }), "{position:?}");
            let refused = migrator.run(database.url()).await.unwrap_err();
            assert!(matches!(&refused, Error::Refused(Refused::Interrupted { .. })), "{refused}");
            match resolution {
                None => client.batch_execute("CREATE INDEX nosuch ON a (id)").await.unwrap(),
                Some(Resolution::Reverted) => client.batch_execute("DROP TABLE a").await.unwrap(),
                _ => {}
            }
            if let Some(resolution) = resolution {
                let resolved = migrator.resolve(database.url(), &name, resolution, "looked").await;
                resolved.unwrap_or_else(|error| panic!("{up_file} {resolution:?}: {error}"));
            }
            let (reverted, is_there) = match resolution {
                Some(Resolution::Applied) => (false, true),
                Some(Resolution::Reverted) => (false, false),
                _ => (true, false),
            };
            if reverted {
                assert_eq!(migrator.down(database.url(), 1).await.unwrap().steps.len(), 1);
            }
            let left = "SELECT count(*) FROM pg_class WHERE relname ~ '_checkpoint$'";
            assert_eq!(one::<i64>(&client, left).await, 0, "{resolution:?}");
            let again = migrator.run(database.url()).await.unwrap().steps.len();
            assert_eq!(again, usize::from(!is_there), "{resolution:?}");
        }
    }
}

/// Waits until a query is true.
async fn until(client: &Client, sql: &str) {
    let began = Instant::now();
    while !one::<bool>(client, sql).await {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {sql}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_script_whose_program_was_lost_in_the_midst_of_a_statement_goes_on_there() {
    for (case, kept) in &KEPT {
        let database = case.database().await;
        let (client, blocker) = (database.connect().await.unwrap(), database.connect().await.unwrap());
        // A snapshot that the concurrent build waits for.
        blocker.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM users").await.unwrap();
        let migrator = case.migrator_of([USERS, POSTS, CONCURRENTLY]).foreign_history(kept());
        let (url, running) = (database.url().to_owned(), migrator.clone());
        let run = tokio::spawn(async move { running.run(&url).await });
        until(&client, "SELECT count(*) = 1 FROM pg_stat_progress_create_index").await;
        run.abort();
        let (url, running) = (database.url().to_owned(), migrator.clone());
        let again = tokio::spawn(async move { running.run(&url).await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        blocker.batch_execute("COMMIT").await.unwrap();
        let report = again.await.unwrap().unwrap_or_else(|error| panic!("{}: {error}", case.tool));
        assert_eq!(report.steps.len(), 1, "{}", case.tool);
        assert_eq!(one::<i64>(&client, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
        assert!(migrator.run(database.url()).await.unwrap().is_noop(), "{}", case.tool);
    }
}

#[tokio::test]
async fn what_was_done_by_hand_before_is_said_and_settled_by_hand() {
    for (case, kept) in &KEPT[2..] {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        let single = [USERS, POSTS, "CREATE INDEX CONCURRENTLY users_id ON users (id);\n"];
        let migrator = case.migrator_of(single).foreign_history(kept());
        client.batch_execute(single[2]).await.unwrap();
        let error = migrator.run(database.url()).await.unwrap_err();
        assert_eq!(error.sqlstate(), Some("42P07"), "{error}");
        let name = migrator.set().iter().next_back().unwrap().name().to_owned();
        let settled = migrator.resolve(database.url(), &name, Resolution::Applied, "it is there").await;
        assert_eq!(settled.unwrap().steps[0].action, Action::Mark, "{}", case.tool);
        assert!(migrator.run(database.url()).await.unwrap().is_noop());
    }
}

#[tokio::test]
async fn a_script_that_was_stopped_can_be_settled_by_hand() {
    for (case, kept) in &KEPT {
        for resolution in [Resolution::Applied, Resolution::Reverted, Resolution::ResumeAt(1)] {
            let database = case.database().await;
            let client = database.connect().await.unwrap();
            client.batch_execute("INSERT INTO posts VALUES (1), (1)").await.unwrap();
            let migrator = case.migrator_of([USERS, POSTS, CONCURRENTLY]).foreign_history(kept());
            let name = migrator.set().iter().next_back().unwrap().name().to_owned();
            migrator.run(database.url()).await.unwrap_err();
            let mend = match resolution {
                Resolution::Applied => "DELETE FROM posts; REINDEX INDEX posts_id",
                _ => "DELETE FROM posts; DROP INDEX users_id; DROP INDEX posts_id",
            };
            client.batch_execute(mend).await.unwrap();
            let settled = migrator.resolve(database.url(), &name, resolution, "looked").await;
            settled.unwrap_or_else(|error| panic!("{} {resolution:?}: {error}", case.tool));
            let steps = migrator.run(database.url()).await.unwrap().steps.len();
            assert_eq!(steps, usize::from(resolution != Resolution::Applied), "{} {resolution:?}", case.tool);
            assert_eq!(one::<i64>(&client, "SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text IN ('users_id', 'posts_id') AND indisvalid").await, 2);
        }
    }
}

#[tokio::test]
async fn a_role_that_may_make_no_table_runs_what_is_committed_in_one_part() {
    for (case, kept) in &KEPT[2..] {
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        let role = format!("keeps_{}", database.name());
        let tables = format!("{}, users, posts", case.tool.table());
        let make = format!(
            "CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT ALL ON {tables} TO {role}; \
             ALTER TABLE users OWNER TO {role}"
        );
        client.batch_execute(&make).await.unwrap();
        let mut config = database.config();
        config.user(&role);
        let several = "VACUUM users; ANALYZE users;";
        let several = case.migrator_of([USERS, POSTS, several]).foreign_history(kept());
        let error = several.run(&config).await.unwrap_err();
        assert!(matches!(&error, Error::NoCheckpoints { statements: 2, .. }), "{error}");
        let single = "SET maintenance_work_mem = '1MB';\nVACUUM users;\n";
        let single = case.migrator_of([USERS, POSTS, single]).foreign_history(kept());
        assert_eq!(single.run(&config).await.unwrap().steps.len(), 1, "{}", case.tool);
        assert!(single.run(&config).await.unwrap().is_noop(), "{}", case.tool);
        client
            .batch_execute(&format!(
                "REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}"
            ))
            .await
            .unwrap();
    }
}
