//! Statements that refuse a transaction block: interrupted at each point, and gone on with.

mod own;

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Failure, Left, Migrator, Report, Set};
use migrate_tests::sets::folder_of;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

/// A migrator of one migration that runs statement by statement, after one that makes tables.
fn after(tables: &str, script: &str) -> Migrator {
    migrator(&[("1_tables.sql", tables), ("2_it.sql", &format!("-- migrate: transaction=none\n{script}"))])
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until a query returns more than zero.
async fn until(client: &Client, sql: &str) {
    for _ in 0..1000 {
        if count(client, sql).await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {sql}");
}

/// Indexes on tables of the schemas that tests use, `!` before those that are not valid.
async fn indexes(client: &Client) -> String {
    let sql = "SELECT coalesce(string_agg(CASE WHEN i.indisvalid THEN '' ELSE '!' END || c.relname, ' ' ORDER BY c.relname), '') \
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
               WHERE t.relnamespace::regnamespace::text IN ('public', 'app', 'other') AND t.relname !~ '^migrate_history'";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// An open transaction with a snapshot, or more: `CREATE INDEX CONCURRENTLY` waits for it.
async fn open_transaction(database: &Database, sql: &str) -> Client {
    let client = database.connect().await.unwrap();
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; {sql}")).await.unwrap();
    client
}

fn run(migrator: &Migrator, database: &Database) -> JoinHandle<Result<Report, Error>> {
    let (migrator, config) = (migrator.clone(), database.config());
    tokio::spawn(async move { migrator.run(&config).await })
}

const RUNNING: &str = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                       AND state = 'active' AND wait_event_type = 'Lock' AND query LIKE";

/// Waits until the server runs a statement that waits for somebody, ends its process, and the run with it.
async fn kill_waiting(admin: &Client, statement: &str, run: JoinHandle<Result<Report, Error>>) {
    until(admin, &format!("SELECT count(*) {RUNNING} '{statement}%'")).await;
    count(admin, &format!("SELECT count(pg_terminate_backend(pid)) {RUNNING} '{statement}%'")).await;
    run.await.unwrap().unwrap_err();
    until(
        admin,
        &format!("SELECT count(*) FROM (SELECT count(*) AS n {RUNNING} '{statement}%') r WHERE n = 0"),
    )
    .await;
}

/// The row of the migration that runs statement by statement.
async fn row(client: &Client) -> (String, i32) {
    let sql = "SELECT outcome, checkpoint FROM migrate_history WHERE checkpoint IS NOT NULL";
    let row = client.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Everything is applied, recorded once, and the next boot finds that out without the lock.
async fn surely_done(migrator: &Migrator, database: &Database) {
    let admin = database.connect().await.unwrap();
    let unsettled =
        "SELECT count(*) FROM migrate_history WHERE live AND outcome <> 'done' OR outcome = 'unfinished'";
    assert_eq!(count(&admin, unsettled).await, 0);
    let live = count(&admin, "SELECT count(*) FROM migrate_history WHERE live").await;
    assert_eq!(usize::try_from(live).unwrap(), migrator.set().len());
    let position = migrator.position(database.url()).await.unwrap();
    assert!(position.is_up_to_date(), "{position:?}");
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    until(&admin, &format!("SELECT count(*) FROM ({locks}) l WHERE l.count = 0")).await;
}

fn failure(error: Error) -> Failure {
    match error {
        Error::Failed(failure) => *failure,
        other => panic!("{other}"),
    }
}

const TABLE: &str = "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (2, 2);";

#[tokio::test]
async fn a_prisma_folder_with_one_lone_concurrent_index_just_works() {
    let database = database().await;
    let prisma = migrator(&[
        ("migration_lock.toml", "provider = \"postgresql\"\n"),
        (
            "20260101000000_init/migration.sql",
            "CREATE TABLE \"User\" (\"id\" SERIAL PRIMARY KEY, \"email\" TEXT);",
        ),
        (
            "20260102000000_email/migration.sql",
            "-- CreateIndex\nCREATE UNIQUE INDEX CONCURRENTLY \"User_email_key\" ON \"User\"(\"email\");\n",
        ),
    ]);
    assert_eq!(prisma.run(database.url()).await.unwrap().steps.len(), 2);
    let admin = database.connect().await.unwrap();
    assert_eq!(indexes(&admin).await, "User_email_key User_pkey");
    surely_done(&prisma, &database).await;
}

#[tokio::test]
async fn an_index_whose_builder_was_killed_is_dropped_and_built_again_and_nothing_is_done_twice() {
    let database = database().await;
    let script = "SET search_path = app, public;
        INSERT INTO n SELECT FROM pg_advisory_xact_lock(1);
        CREATE INDEX CONCURRENTLY \"I 1\" ON t (a);
        INSERT INTO n SELECT FROM pg_advisory_xact_lock(2);
        CREATE INDEX CONCURRENTLY ON t (b);
        INSERT INTO n SELECT FROM pg_advisory_xact_lock(3);
        CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i3 ON app . \"t\" (a, b);
        INSERT INTO n DEFAULT VALUES;";
    let it = after("CREATE SCHEMA app; CREATE TABLE app.t (a int, b int); CREATE TABLE app.n ();", script);
    let admin = database.connect().await.unwrap();
    // Killed in each of the three, which it is held up before.
    for (number, statement, left) in [
        (1, "CREATE INDEX CONCURRENTLY \"I 1\"", "!I 1"),
        (2, "CREATE INDEX CONCURRENTLY ON t", "I 1 !t_b_idx"),
        (3, "CREATE UNIQUE INDEX CONCURRENTLY", "I 1 !i3 t_b_idx"),
    ] {
        count(&admin, &format!("SELECT count(*) FROM pg_advisory_lock({number})")).await;
        let run = run(&it, &database);
        until(&admin, &format!("SELECT count(*) {RUNNING} '%pg_advisory_xact_lock({number})%'")).await;
        let blocker = open_transaction(&database, "").await;
        count(&admin, &format!("SELECT count(*) FROM pg_advisory_unlock({number})")).await;
        kill_waiting(&admin, statement, run).await;
        assert_eq!(indexes(&admin).await, left);
        assert_eq!(row(&admin).await, ("unfinished".to_owned(), 2 * number));
        drop(blocker);
    }
    it.run(database.url()).await.unwrap();
    assert_eq!(indexes(&admin).await, "I 1 i3 t_b_idx");
    assert_eq!(count(&admin, "SELECT count(*) FROM app.n").await, 4);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn an_index_that_was_built_before_the_checkpoint_moved_is_not_built_again() {
    let database = database().await;
    let it = after(TABLE, "SELECT 1; CREATE INDEX CONCURRENTLY Late ON t (a); INSERT INTO t VALUES (3, 3);");
    let admin = database.connect().await.unwrap();
    let blocker = open_transaction(&database, "").await;
    kill_waiting(&admin, "CREATE INDEX CONCURRENTLY", run(&it, &database)).await;
    drop(blocker);
    admin.batch_execute("DROP INDEX late").await.unwrap();
    admin.batch_execute("CREATE INDEX late ON t (a)").await.unwrap();
    let oid = count(&admin, "SELECT 'late'::regclass::oid::int8").await;
    it.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, "SELECT 'late'::regclass::oid::int8").await, oid);
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn an_index_without_a_name_that_was_built_is_known_by_its_columns_and_its_age() {
    for (made, expected) in [
        // Nothing was made since: whatever stood there before is another one.
        ("", Ok("t_a_idx t_a_idx1")),
        ("CREATE INDEX ON t (a)", Ok("t_a_idx t_a_idx1")),
        ("CREATE UNIQUE INDEX ON t (a)", Ok("t_a_idx t_a_idx1 t_a_idx2")),
        ("CREATE INDEX ON t USING hash (a)", Ok("t_a_idx t_a_idx1 t_a_idx2")),
        ("CREATE INDEX ON t (b)", Ok("t_a_idx t_a_idx1 t_b_idx")),
        ("CREATE INDEX ON t (A  asc nulls LAST)", Ok("t_a_idx t_a_idx1")),
        ("CREATE INDEX ON t (a); CREATE INDEX ON t (a)", Err("t_a_idx1, t_a_idx2")),
    ] {
        let database = database().await;
        let tables = format!("{TABLE} CREATE INDEX ON t (a);");
        let it = after(&tables, "CREATE INDEX CONCURRENTLY ON t (a);");
        let admin = database.connect().await.unwrap();
        // Killed before anything is in the catalog: the table is locked.
        let tables_only = it.clone().up_to("1");
        tables_only.run(database.url()).await.unwrap();
        let blocker = open_transaction(&database, "LOCK TABLE t IN SHARE MODE").await;
        kill_waiting(&admin, "CREATE INDEX CONCURRENTLY", run(&it, &database)).await;
        drop(blocker);
        admin.batch_execute(made).await.unwrap();
        match (it.run(database.url()).await, expected) {
            (Ok(_), Ok(expected)) => {
                assert_eq!(indexes(&admin).await, expected, "{made}");
                surely_done(&it, &database).await;
            }
            (Err(error), Err(names)) => {
                let failure = failure(error);
                assert_eq!(failure.left, Left::InDoubt { done: 0, total: 1 });
                assert!(failure.message.contains(names), "{failure}");
            }
            (outcome, _) => panic!("{made}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_run_waits_for_the_statement_that_a_lost_client_left_running() {
    let database = database().await;
    let it = after(TABLE, "CREATE INDEX CONCURRENTLY i ON t (a); INSERT INTO t VALUES (3, 3);");
    let admin = database.connect().await.unwrap();
    it.clone().up_to("1").run(database.url()).await.unwrap();
    // The zombie: a session of the first run, whose client can't be heard of any more.
    let blocker = open_transaction(&database, "").await;
    kill_waiting(&admin, "CREATE INDEX CONCURRENTLY", run(&it, &database)).await;
    admin.batch_execute("DROP INDEX i").await.unwrap();
    let zombie = database.connect().await.unwrap();
    let zombie =
        tokio::spawn(async move { zombie.batch_execute("CREATE INDEX CONCURRENTLY i ON t (a)").await });
    until(&admin, &format!("SELECT count(*) {RUNNING} 'CREATE INDEX%'")).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let waiting = it.clone().on_event(move |event| heard.lock().unwrap().push(event.to_string()));
    let waiting = run(&waiting, &database);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waiting.is_finished());
    assert_eq!(indexes(&admin).await, "!i", "what is being built is not dropped");
    let impatient = it.clone().lock_wait(Duration::ZERO);
    assert!(matches!(impatient.run(database.url()).await, Err(Error::LockWait { .. })));
    drop(blocker);
    zombie.await.unwrap().unwrap();
    let oid = count(&admin, "SELECT 'i'::regclass::oid::int8").await;
    waiting.await.unwrap().unwrap();
    assert_eq!(count(&admin, "SELECT 'i'::regclass::oid::int8").await, oid);
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    let told = told.lock().unwrap().join("\n");
    assert!(told.contains("2_it: has waited for") && told.contains("which pid"), "{told}");
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_statement_that_does_not_end_is_waited_for_only_so_long() {
    let database = database().await;
    let text = format!("CREATE INDEX CONCURRENTLY i ON t (a) WHERE a::text <> '{}'", "ä".repeat(2000));
    let it = after(TABLE, &text).lock_wait(Duration::from_millis(300));
    let admin = database.connect().await.unwrap();
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let blocker = open_transaction(&database, "").await;
    let zombie = database.connect().await.unwrap();
    let zombie = tokio::spawn(async move { zombie.batch_execute(&text).await });
    until(&admin, &format!("SELECT count(*) {RUNNING} 'CREATE INDEX%'")).await;
    // Not in doubt, but there already and not to be dropped: also the first run waits.
    let failure = failure(it.run(database.url()).await.unwrap_err());
    assert!(failure.message.contains("still runs this statement"), "{failure}");
    assert_eq!(failure.blockers.len(), 1);
    assert!(failure.blockers[0].query.as_deref().unwrap().starts_with("CREATE INDEX"), "{failure}");
    drop(blocker);
    zombie.await.unwrap().unwrap();
    // It began before the migration did, so its index is not the migration's.
    assert_eq!(said(&it, &database).await, "42P07");
    admin.batch_execute("DROP INDEX i").await.unwrap();
    it.run(database.url()).await.unwrap();
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_unique_index_that_met_duplicates_is_built_again_when_they_are_gone() {
    let database = database().await;
    let it = after(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1);",
        "INSERT INTO t VALUES (2); CREATE UNIQUE INDEX CONCURRENTLY u ON t (a);",
    );
    let admin = database.connect().await.unwrap();
    for _ in 0..2 {
        let failure = failure(it.run(database.url()).await.unwrap_err());
        assert_eq!(failure.code.as_deref(), Some("23505"));
        assert_eq!(failure.left, Left::Statements { done: 1, total: 2 });
        assert_eq!((indexes(&admin).await.as_str(), row(&admin).await), ("!u", ("failed".to_owned(), 1)));
    }
    admin.batch_execute("DELETE FROM t WHERE ctid = '(0,1)'").await.unwrap();
    it.run(database.url()).await.unwrap();
    assert_eq!(indexes(&admin).await, "u");
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 2);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn if_not_exists_does_not_pass_over_an_invalid_index() {
    let database = database().await;
    let it = after(TABLE, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS u ON t (a);");
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    admin.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    admin.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY u ON t (a)").await.unwrap_err();
    admin.batch_execute("DELETE FROM t WHERE b IS NULL").await.unwrap();
    assert_eq!(indexes(&admin).await, "!u");
    it.run(database.url()).await.unwrap();
    assert_eq!(indexes(&admin).await, "u");
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn an_index_of_the_name_that_the_script_did_not_make_stays() {
    let database = database().await;
    let it = after(TABLE, "CREATE INDEX CONCURRENTLY i ON t (a);");
    let tables = it.clone().up_to("1");
    tables.run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    admin.batch_execute("CREATE INDEX i ON t (b)").await.unwrap();
    for _ in 0..2 {
        let failure = failure(it.run(database.url()).await.unwrap_err());
        assert_eq!(failure.code.as_deref(), Some("42P07"), "{failure}");
    }
    admin.batch_execute("ALTER INDEX i RENAME TO j").await.unwrap();
    it.run(database.url()).await.unwrap();
    assert_eq!(indexes(&admin).await, "i j");
    surely_done(&it, &database).await;
}

/// Interrupts the migration while it waits for a table's lock, before its statement has done anything.
async fn killed_before_it_began(it: &Migrator, database: &Database, statement: &str) -> Client {
    let admin = database.connect().await.unwrap();
    let blocker = open_transaction(database, "LOCK TABLE t IN SHARE MODE").await;
    kill_waiting(&admin, statement, run(it, database)).await;
    drop(blocker);
    assert_eq!(row(&admin).await.0, "unfinished");
    admin
}

#[tokio::test]
async fn after_a_kill_an_older_index_of_the_name_is_in_the_way_whatever_its_definition() {
    for older in ["CREATE INDEX i ON t (b)", "CREATE INDEX i ON t (a)"] {
        let database = database().await;
        let it = after(&format!("{TABLE} {older};"), "CREATE INDEX CONCURRENTLY i ON t (a);");
        it.clone().up_to("1").run(database.url()).await.unwrap();
        let admin = killed_before_it_began(&it, &database, "CREATE INDEX CONCURRENTLY").await;
        // Renaming writes a row of the catalog anew, and makes no new index.
        admin.batch_execute("ALTER INDEX i RENAME TO j; ALTER INDEX j RENAME TO i").await.unwrap();
        for _ in 0..2 {
            let failure = failure(it.run(database.url()).await.unwrap_err());
            assert_eq!(failure.code.as_deref(), Some("42P07"), "{older}: {failure}");
        }
        admin.batch_execute("DROP INDEX i").await.unwrap();
        it.run(database.url()).await.unwrap();
        assert_eq!(count(&admin, "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%(a)'").await, 1);
        surely_done(&it, &database).await;
    }
}

#[tokio::test]
async fn after_a_kill_an_index_of_the_name_counts_as_done_only_with_every_part_of_its_definition() {
    let tables = "CREATE TABLE t (gone int, a int, b int, c text); ALTER TABLE t DROP COLUMN gone;
                  CREATE INDEX j ON t (a);";
    let script = "CREATE INDEX CONCURRENTLY i ON t (a DESC, lower(c) text_pattern_ops, c COLLATE \"C\") INCLUDE (b) \
                  WITH (fillfactor = 70) WHERE b > 0; -- the end";
    let same = "CREATE INDEX i ON public.t USING btree (a DESC NULLS FIRST, (lower(c)) text_pattern_ops, c COLLATE \"C\") \
                INCLUDE (b) WITH (fillfactor = '70') WHERE ((b > 0))";
    let others = [
        same.replace("CREATE INDEX", "CREATE UNIQUE INDEX"),
        same.replace("NULLS FIRST", "NULLS LAST"),
        same.replace("a DESC NULLS FIRST", "a"),
        same.replace("a DESC", "b DESC"),
        same.replace("lower(c)", "upper(c)"),
        same.replace(" text_pattern_ops", ""),
        same.replace("COLLATE \"C\"", "COLLATE \"POSIX\""),
        same.replace("INCLUDE (b)", ""),
        same.replace("INCLUDE (b)", "INCLUDE (a)"),
        same.replace("70", "80"),
        same.replace("WITH (fillfactor = '70')", ""),
        same.replace("b > 0", "b > 1"),
        same.replace("WHERE ((b > 0))", ""),
        "CREATE INDEX i ON t USING hash (a)".to_owned(),
    ];
    for (made, is_same) in others.iter().map(|other| (other.as_str(), false)).chain([(same, true)]) {
        let database = database().await;
        let it = after(tables, script);
        it.clone().up_to("1").run(database.url()).await.unwrap();
        let admin = killed_before_it_began(&it, &database, "CREATE INDEX CONCURRENTLY").await;
        admin.batch_execute(made).await.unwrap();
        let oid = count(&admin, "SELECT 'i'::regclass::oid::int8").await;
        match (it.run(database.url()).await, is_same) {
            (Ok(_), true) => surely_done(&it, &database).await,
            (Err(error), false) => assert_eq!(failure(error).code.as_deref(), Some("42P07"), "{made}"),
            (outcome, _) => panic!("{made}: {outcome:?}"),
        }
        assert_eq!(count(&admin, "SELECT 'i'::regclass::oid::int8").await, oid);
        assert_eq!(
            count(&admin, "SELECT count(*) FROM pg_class WHERE relname LIKE 'migrate_recovery%'").await,
            0
        );
    }
}

#[tokio::test]
async fn after_a_kill_an_index_that_can_not_be_compared_is_in_doubt() {
    let database = database().await;
    // The copy that is compared with has another name than the table.
    let it = after(TABLE, "CREATE INDEX CONCURRENTLY i ON t (a) WHERE t.b > 0;");
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = killed_before_it_began(&it, &database, "CREATE INDEX CONCURRENTLY").await;
    admin.batch_execute("CREATE INDEX i ON t (a) WHERE b > 0").await.unwrap();
    let failure = failure(it.run(database.url()).await.unwrap_err());
    assert_eq!(failure.left, Left::InDoubt { done: 0, total: 1 });
    assert!(failure.to_string().contains("ResumeAt(2)"), "{failure}");
}

#[tokio::test]
async fn an_invalid_index_of_another_definition_is_not_dropped() {
    let database = database().await;
    let it = after(TABLE, "CREATE INDEX CONCURRENTLY i ON t (a);");
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    admin.batch_execute("INSERT INTO t VALUES (3, 1)").await.unwrap();
    admin.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (b)").await.unwrap_err();
    let failure = failure(it.run(database.url()).await.unwrap_err());
    assert_eq!(failure.code.as_deref(), Some("42P07"), "{failure}");
    assert_eq!(indexes(&admin).await, "!i");
}

#[tokio::test]
async fn dropping_an_index_is_gone_on_with_where_it_was_left() {
    for (then, expected) in [
        // Half dropped, as the kill has left it.
        ("", Ok("")),
        ("DROP INDEX i", Ok("")),
        ("DROP INDEX i; CREATE INDEX i ON t (a)", Err("public.i")),
        // Dropped, and the name means another one.
        ("DROP INDEX i; CREATE TABLE other.t (a int); CREATE INDEX i ON other.t (a)", Err("other.i")),
    ] {
        let database = database().await;
        let it = after(
            &format!("CREATE SCHEMA other; {TABLE} CREATE INDEX i ON t (a);"),
            "SET search_path = public, other; DROP INDEX CONCURRENTLY i; INSERT INTO t VALUES (3, 3);",
        );
        let admin = database.connect().await.unwrap();
        it.clone().up_to("1").run(database.url()).await.unwrap();
        let blocker = open_transaction(&database, "SELECT FROM t").await;
        kill_waiting(&admin, "DROP INDEX CONCURRENTLY", run(&it, &database)).await;
        drop(blocker);
        admin.batch_execute(then).await.unwrap();
        match (it.run(database.url()).await, expected) {
            (Ok(_), Ok(expected)) => {
                assert_eq!(indexes(&admin).await, expected, "{then}");
                assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
                surely_done(&it, &database).await;
            }
            (Err(error), Err(name)) => {
                let failure = failure(error);
                assert_eq!(failure.left, Left::InDoubt { done: 1, total: 3 });
                assert!(failure.message.contains(name), "{failure}");
                assert_eq!(indexes(&admin).await, "i");
            }
            (outcome, _) => panic!("{then}: {outcome:?}"),
        }
    }
}

/// Makes a migration's statement fail, and its outcome unknown, as if it was never heard of.
async fn in_doubt(it: &Migrator, database: &Database) -> Client {
    it.run(database.url()).await.unwrap_err();
    let admin = database.connect().await.unwrap();
    let unheard = "UPDATE migrate_history SET outcome = 'unfinished' WHERE checkpoint IS NOT NULL";
    admin.batch_execute(unheard).await.unwrap();
    admin
}

/// What a run says of its failure: the SQLSTATE, or that it is in doubt.
async fn said(it: &Migrator, database: &Database) -> String {
    let failure = failure(it.run(database.url()).await.unwrap_err());
    match failure.left {
        Left::InDoubt { .. } => "in doubt".to_owned(),
        _ => failure.code.unwrap_or(failure.message),
    }
}

#[tokio::test]
async fn detaching_what_was_no_partition_is_the_servers_to_refuse() {
    let database = database().await;
    let tables = "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE c (a int);";
    let it = after(tables, "ALTER TABLE p DETACH PARTITION c CONCURRENTLY;");
    let admin = in_doubt(&it, &database).await;
    assert_eq!(said(&it, &database).await, "42P01");
    drop(admin);
}

#[tokio::test]
async fn detaching_a_partition_is_finished() {
    let tables = "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE \"C 1\" PARTITION OF p FOR VALUES IN (1); \
                  CREATE TABLE n ();";
    let script = "INSERT INTO n DEFAULT VALUES; ALTER TABLE p DETACH PARTITION \"C 1\" CONCURRENTLY; INSERT INTO n DEFAULT VALUES;";
    for then in ["", "ALTER TABLE p DETACH PARTITION \"C 1\" FINALIZE"] {
        let database = database().await;
        let it = after(tables, script);
        let admin = database.connect().await.unwrap();
        it.clone().up_to("1").run(database.url()).await.unwrap();
        let blocker = open_transaction(&database, "SELECT FROM p").await;
        kill_waiting(&admin, "ALTER TABLE p DETACH", run(&it, &database)).await;
        drop(blocker);
        assert_eq!(count(&admin, "SELECT count(*) FROM pg_inherits WHERE inhdetachpending").await, 1);
        admin.batch_execute(then).await.unwrap();
        it.run(database.url()).await.unwrap();
        assert_eq!(count(&admin, "SELECT count(*) FROM pg_inherits").await, 0);
        assert_eq!(count(&admin, "SELECT count(*) FROM n").await, 2);
        surely_done(&it, &database).await;
    }
}

#[tokio::test]
async fn a_reindex_runs_again_and_what_the_first_left_is_dropped() {
    for statement in ["REINDEX INDEX CONCURRENTLY i", "REINDEX (CONCURRENTLY) TABLE t"] {
        let database = database().await;
        let it = after(&format!("{TABLE} CREATE INDEX i ON t (a);"), statement);
        let admin = database.connect().await.unwrap();
        it.clone().up_to("1").run(database.url()).await.unwrap();
        let blocker = open_transaction(&database, "SELECT FROM t").await;
        kill_waiting(&admin, "REINDEX", run(&it, &database)).await;
        drop(blocker);
        assert_eq!(indexes(&admin).await, "i !i_ccnew");
        it.run(database.url()).await.unwrap();
        assert_eq!(indexes(&admin).await, "i");
        surely_done(&it, &database).await;
    }
}

#[tokio::test]
async fn what_can_be_done_twice_is_run_again() {
    for statement in
        ["VACUUM t", "DISCARD ALL", "REINDEX SCHEMA public", "ALTER SYSTEM RESET work_mem", "CLUSTER"]
    {
        let database = database().await;
        let it =
            after(TABLE, &format!("INSERT INTO t VALUES (3, 3); {statement}; INSERT INTO t VALUES (4, 4);"));
        let admin = interrupted_before(&it, &database, 1).await;
        it.run(database.url()).await.unwrap();
        assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 4, "{statement}");
        surely_done(&it, &database).await;
    }
}

/// Makes the database what it is when a client is lost before the statement after the first `done` was sent, whose
/// client then never moved the checkpoint.
async fn interrupted_before(it: &Migrator, database: &Database, done: i32) -> Client {
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    // The step runs as it would, but every UPDATE of the checkpoint beyond `done` fails: the run ends there.
    admin
        .batch_execute(&format!(
            "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'cut'; END $$; \
             CREATE TRIGGER cut BEFORE UPDATE ON migrate_history FOR EACH ROW WHEN (NEW.checkpoint > {done} OR NEW.outcome = 'failed') \
             EXECUTE FUNCTION cut()"
        ))
        .await
        .unwrap();
    it.run(database.url()).await.unwrap_err();
    admin.batch_execute("DROP FUNCTION cut CASCADE").await.unwrap();
    assert_eq!(row(&admin).await, ("unfinished".to_owned(), done));
    admin
}

#[tokio::test]
async fn a_database_that_is_there_is_made_and_one_that_is_gone_is_dropped() {
    let database = database().await;
    let other = format!("{}_Other", database.name());
    let create = after(
        TABLE,
        &format!("INSERT INTO t VALUES (3, 3); CREATE DATABASE \"{other}\" TEMPLATE template0;"),
    );
    let admin = interrupted_before(&create, &database, 1).await;
    let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{other}'");
    assert_eq!(count(&admin, &there).await, 1);
    create.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    surely_done(&create, &database).await;

    admin.batch_execute("DROP TABLE t, migrate_history, migrate_history_head").await.unwrap();
    let drop = after(TABLE, &format!("DROP DATABASE \"{other}\";"));
    interrupted_before(&drop, &database, 0).await;
    assert_eq!(count(&admin, &there).await, 0);
    drop.run(database.url()).await.unwrap();
    surely_done(&drop, &database).await;
}

#[tokio::test]
async fn a_database_counts_as_made_or_dropped_by_its_age_and_its_options() {
    let database = database().await;
    let other = format!("{}_o", database.name());
    let create = after(TABLE, &format!("CREATE DATABASE {other} TEMPLATE template0 CONNECTION LIMIT 7;"));
    let admin = database.connect().await.unwrap();
    let make = |limit: u32| format!("CREATE DATABASE {other} TEMPLATE template0 CONNECTION LIMIT {limit}");
    let gone = format!("DROP DATABASE {other}");
    admin.batch_execute(&make(7)).await.unwrap();
    // Without an interruption, with one, and again.
    for _ in 0..2 {
        drop(in_doubt(&create, &database).await);
        assert_eq!(said(&create, &database).await, "42P04", "an older one is none of ours");
    }
    drop(in_doubt(&create, &database).await);
    admin.batch_execute(&gone).await.unwrap();
    admin.batch_execute(&make(8)).await.unwrap();
    assert_eq!(said(&create, &database).await, "in doubt", "a newer one with another option");
    admin.batch_execute(&gone).await.unwrap();
    admin.batch_execute(&make(7)).await.unwrap();
    create.run(database.url()).await.unwrap();
    surely_done(&create, &database).await;

    admin.batch_execute("DROP TABLE t, migrate_history, migrate_history_head").await.unwrap();
    let drop_it = after(TABLE, &format!("{gone};"));
    interrupted_before(&drop_it, &database, 0).await;
    admin.batch_execute(&make(7)).await.unwrap();
    assert_eq!(said(&drop_it, &database).await, "in doubt", "one that was made since is not dropped");
    let there = format!("SELECT count(*) FROM pg_database WHERE datname = '{other}'");
    assert_eq!(count(&admin, &there).await, 1);
    admin.batch_execute(&gone).await.unwrap();
    drop_it.run(database.url()).await.unwrap();
    surely_done(&drop_it, &database).await;
}

#[tokio::test]
async fn a_tablespace_counts_as_made_by_its_age_and_its_folder() {
    let server = testing::Server::builder().start().unwrap();
    let database = server.database().await.unwrap();
    let admin = database.connect().await.unwrap();
    let folder: String = admin
        .query_one(
            "SELECT regexp_replace(current_setting('data_directory'), '[^/]*$', '') || gen_random_uuid()",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    let make_folders = format!("COPY (SELECT) TO PROGRAM 'mkdir -p {folder}/a {folder}/b'");
    admin.batch_execute(&make_folders).await.unwrap();
    let it = after(TABLE, &format!("CREATE TABLESPACE s LOCATION '{folder}/a/';"));
    let make = |name: &str| format!("CREATE TABLESPACE s LOCATION '{folder}/{name}'");
    admin.batch_execute(&make("a")).await.unwrap();
    drop(in_doubt(&it, &database).await);
    assert_eq!(said(&it, &database).await, "42710", "an older one is none of ours");
    drop(in_doubt(&it, &database).await);
    admin.batch_execute("DROP TABLESPACE s").await.unwrap();
    admin.batch_execute(&make("b")).await.unwrap();
    assert_eq!(said(&it, &database).await, "in doubt", "a newer one in another folder");
    admin.batch_execute("DROP TABLESPACE s").await.unwrap();
    admin.batch_execute(&make("a")).await.unwrap();
    it.run(database.url()).await.unwrap();
    surely_done(&it, &database).await;
    admin.batch_execute("DROP TABLESPACE s").await.unwrap();
    let remove = format!("COPY (SELECT) TO PROGRAM 'rm -r {folder}'");
    admin.batch_execute(&remove).await.unwrap();
}

#[tokio::test]
async fn a_subscription_counts_as_made_by_its_age_and_its_definition() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let it = after(TABLE, "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p, q;");
    let make = |port: u32, publications: &str| {
        format!(
            "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port={port}' PUBLICATION {publications} \
             WITH (connect = false, slot_name = NONE)"
        )
    };
    admin.batch_execute(&make(1, "p, q")).await.unwrap();
    for _ in 0..2 {
        drop(in_doubt(&it, &database).await);
        assert_eq!(said(&it, &database).await, "42710", "an older one is none of ours");
    }
    for (port, publications) in [(2, "p, q"), (1, "p")] {
        drop(in_doubt(&it, &database).await);
        admin.batch_execute("DROP SUBSCRIPTION s").await.unwrap();
        admin.batch_execute(&make(port, publications)).await.unwrap();
        assert_eq!(said(&it, &database).await, "in doubt", "a newer one of another definition");
    }
    admin.batch_execute("DROP SUBSCRIPTION s").await.unwrap();
    admin.batch_execute(&make(1, "q, p")).await.unwrap();
    it.run(database.url()).await.unwrap();
    surely_done(&it, &database).await;
    admin.batch_execute("DROP SUBSCRIPTION s").await.unwrap();
}

#[tokio::test]
async fn a_prepared_transaction_that_began_since_is_another_one() {
    let server = testing::Server::builder().setting("max_prepared_transactions", "4").start().unwrap();
    let database = server.database().await.unwrap();
    let it = after(TABLE, "COMMIT PREPARED 'x';");
    let admin = in_doubt(&it, &database).await;
    admin.batch_execute("BEGIN; INSERT INTO t VALUES (3, 3); PREPARE TRANSACTION 'x'").await.unwrap();
    assert_eq!(said(&it, &database).await, "in doubt");
    admin.batch_execute("ROLLBACK PREPARED 'x'").await.unwrap();
}

#[tokio::test]
async fn a_prepared_transaction_is_ended_once() {
    for (end, rows) in [("COMMIT", 3), ("ROLLBACK", 2)] {
        let server = testing::Server::builder().setting("max_prepared_transactions", "4").start().unwrap();
        let database = server.database().await.unwrap();
        let it = after(TABLE, &format!("{end} PREPARED 'it''s';"));
        it.clone().up_to("1").run(database.url()).await.unwrap();
        let admin = database.connect().await.unwrap();
        admin.batch_execute("BEGIN; INSERT INTO t VALUES (3, 3); PREPARE TRANSACTION 'it''s'").await.unwrap();
        interrupted_before(&it, &database, 0).await;
        assert_eq!(count(&admin, "SELECT count(*) FROM pg_prepared_xacts").await, 0);
        it.run(database.url()).await.unwrap();
        assert_eq!(count(&admin, "SELECT count(*) FROM t").await, rows);
        surely_done(&it, &database).await;
        // One that was never there is the server's to miss.
        admin.batch_execute("DROP TABLE t, migrate_history, migrate_history_head").await.unwrap();
        for _ in 0..2 {
            let failure = failure(it.run(database.url()).await.unwrap_err());
            assert_eq!(failure.code.as_deref(), Some("42704"), "{failure}");
        }
        drop(admin);
    }
}

#[tokio::test]
async fn a_subscription_that_is_there_is_not_made_again() {
    let database = database().await;
    let publisher = self::database().await;
    let server = testing::Server::builder().setting("wal_level", "logical").start().unwrap();
    drop((database, publisher));
    let (publisher, database) = (server.database().await.unwrap(), server.database().await.unwrap());
    publisher.connect().await.unwrap().batch_execute("CREATE PUBLICATION p").await.unwrap();
    let connection = publisher.url().replace('\'', "''");
    // Of its own server a subscription can't make a slot: the slot would wait for the transaction that makes it.
    publisher
        .connect()
        .await
        .unwrap()
        .batch_execute("SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
        .await
        .unwrap();
    let it = after(
        TABLE,
        &format!(
            "CREATE SUBSCRIPTION s CONNECTION '{connection}' PUBLICATION p WITH (create_slot = false); DROP SUBSCRIPTION s;"
        ),
    );
    let admin = interrupted_before(&it, &database, 1).await;
    assert_eq!(count(&admin, "SELECT count(*) FROM pg_subscription").await, 0);
    it.run(database.url()).await.unwrap();
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_call_in_doubt_is_for_a_person_to_decide() {
    let database = database().await;
    let it = after(
        &format!(
            "{TABLE} CREATE PROCEDURE c() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (3, 3); COMMIT; END $$;"
        ),
        "CALL c(); INSERT INTO t VALUES (4, 4);",
    );
    let admin = interrupted_before(&it, &database, 0).await;
    for _ in 0..2 {
        let failure = failure(it.run(database.url()).await.unwrap_err());
        assert_eq!(failure.left, Left::InDoubt { done: 0, total: 2 });
        let text = failure.to_string();
        assert!(text.contains("statement 1 may or may not have been done"), "{text}");
        for choice in ["ResumeAt(1)", "ResumeAt(2)", "Resolution::Applied", "Resolution::Reverted"] {
            assert!(text.contains(choice), "{text}");
        }
        assert_eq!(row(&admin).await, ("unfinished".to_owned(), 0));
        assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    }
    // Answered with an error, it is not in doubt.
    admin.batch_execute("UPDATE migrate_history SET outcome = 'failed' WHERE checkpoint = 0").await.unwrap();
    it.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 5);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn an_ordinary_statement_that_a_lost_client_left_running_is_done_once() {
    let database = database().await;
    let it = after(
        TABLE,
        "VACUUM t; INSERT INTO t SELECT 3, 3 FROM pg_sleep(2); CREATE INDEX CONCURRENTLY i ON t (a);",
    );
    let admin = database.connect().await.unwrap();
    let first = run(&it, &database);
    let sleeping = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
                    AND state = 'active' AND query LIKE '%pg_sleep(2)%'";
    until(&admin, &format!("SELECT count(*) {sleeping}")).await;
    let holder = "FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
                  WHERE l.locktype = 'advisory' AND a.datname = current_database()";
    assert_eq!(count(&admin, &format!("SELECT count(pg_terminate_backend(a.pid)) {holder}")).await, 1);
    it.run(database.url()).await.unwrap();
    drop(first.await.unwrap());
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    assert_eq!(indexes(&admin).await, "i");
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_lock_timeout_inside_is_contention_and_the_index_is_built_in_the_end() {
    let database = database().await;
    let it = after(
        TABLE,
        "SET lock_timeout = '200ms'; INSERT INTO t VALUES (3, 3); CREATE INDEX CONCURRENTLY i ON t (a);",
    );
    let admin = database.connect().await.unwrap();
    let blocker = open_transaction(&database, "").await;
    let running = run(&it, &database);
    until(&admin, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    drop(blocker);
    let report = running.await.unwrap().unwrap();
    assert!(report.steps[1].attempts > 1, "{report:?}");
    assert_eq!(indexes(&admin).await, "i");
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_revert_is_gone_on_with_too() {
    let database = database().await;
    let it = migrator(&[
        ("1_t.up.sql", TABLE),
        ("2_i.up.sql", "CREATE INDEX CONCURRENTLY i ON t (a); CREATE INDEX CONCURRENTLY j ON t (b);"),
        ("2_i.down.sql", "DROP INDEX CONCURRENTLY i; DROP INDEX CONCURRENTLY j; DELETE FROM t WHERE a = 1;"),
    ]);
    it.run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    let blocker = open_transaction(&database, "SELECT FROM t").await;
    let down = {
        let (it, config) = (it.clone(), database.config());
        tokio::spawn(async move { it.down(&config, 1).await })
    };
    kill_waiting(&admin, "DROP INDEX CONCURRENTLY i", down).await;
    drop(blocker);
    it.down(database.url(), 1).await.unwrap();
    assert_eq!(indexes(&admin).await, "");
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 1);
    it.run(database.url()).await.unwrap();
    assert_eq!(indexes(&admin).await, "i j");
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn code_that_failed_after_a_commit_is_in_doubt_as_after_a_kill() {
    let do_block = "DO $$ BEGIN INSERT INTO t VALUES (3, 3); COMMIT; PERFORM 1/0; END $$;";
    for statement in [do_block, "CALL c();"] {
        let database = database().await;
        let it = after(
            &format!(
                "{TABLE} CREATE PROCEDURE c() LANGUAGE plpgsql AS \
                 $c$ BEGIN INSERT INTO t VALUES (3, 3); COMMIT; RAISE lock_not_available; END $c$;"
            ),
            &format!("SELECT 1; {statement} SELECT 2;"),
        );
        let failure = failure(it.run(database.url()).await.unwrap_err());
        assert_eq!(failure.left, Left::InDoubt { done: 1, total: 3 }, "{failure}");
        assert!(failure.code.is_some() && failure.place.as_ref().unwrap().statement == 2, "{failure}");
        let admin = database.connect().await.unwrap();
        assert_eq!(row(&admin).await, ("interrupted".to_owned(), 1));
        let again = self::failure(it.run(database.url()).await.unwrap_err());
        assert!(again.message.contains("in doubt"), "{again}");
        assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    }
}

#[tokio::test]
async fn code_that_failed_before_it_committed_anything_is_not_done_and_runs_again() {
    let database = database().await;
    let statement =
        "DO $$ BEGIN INSERT INTO t VALUES (3, 3); PERFORM 1 / (SELECT count(*) FROM gate); COMMIT; END $$;";
    let it = after(&format!("{TABLE} CREATE TABLE gate (a int);"), statement);
    for migrated in [false, true] {
        let client = database.connect().await.unwrap();
        let outcome = if migrated { it.run(&client).await } else { it.run(database.url()).await };
        assert_eq!(failure(outcome.unwrap_err()).left, Left::Statements { done: 0, total: 1 });
    }
    let admin = database.connect().await.unwrap();
    admin.batch_execute("INSERT INTO gate VALUES (1)").await.unwrap();
    it.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 3);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn an_ordinary_statement_comes_before_its_checkpoint() {
    let server = testing::Server::builder().setting("wal_level", "logical").start().unwrap();
    let database = server.database().await.unwrap();
    let it = after(
        TABLE,
        "SELECT pg_create_logical_replication_slot('s', 'pgoutput'); INSERT INTO t VALUES (3, 3); \
         INSERT INTO t SELECT 4, 4 WHERE pg_current_xact_id_if_assigned() IS NULL;",
    );
    it.run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM pg_replication_slots").await, 1);
    // The slot could be made by a second try, outside of a transaction.
    assert_eq!(count(&admin, "SELECT count(*) FROM t WHERE a = 4").await, 1, "nothing was written before it");
    admin.batch_execute("SELECT pg_drop_replication_slot('s')").await.unwrap();
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_statement_that_refuses_a_block_without_showing_it_is_sent_alone() {
    let tables = "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); \
                  CREATE INDEX i ON p (a); CREATE TABLE t (a int);";
    let database = database().await;
    let it = after(tables, "INSERT INTO t VALUES (1); REINDEX TABLE p; INSERT INTO t VALUES (2);");
    it.run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 2);
    surely_done(&it, &database).await;
}

#[tokio::test]
async fn a_scripts_role_without_rights_on_the_history_builds_its_index_and_does_not_reach_our_rows() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let role = format!("owner_of_{}", database.name());
    let tables = format!(
        "CREATE ROLE \"{role}\" NOLOGIN; CREATE SCHEMA app AUTHORIZATION \"{role}\"; \
         CREATE TABLE app.t (a int); ALTER TABLE app.t OWNER TO \"{role}\";"
    );
    for switch in ["SET ROLE", "SET SESSION AUTHORIZATION"] {
        let it = migrator(&[
            ("1_tables.sql", &tables),
            (
                "2_it.sql",
                &format!(
                    "{switch} \"{role}\"; SET search_path = app; CREATE INDEX CONCURRENTLY i ON t (a); INSERT INTO t VALUES (1);"
                ),
            ),
            (
                "3_own.sql",
                &format!(
                    "BEGIN; {switch} \"{role}\"; INSERT INTO app.t VALUES (2); COMMIT; INSERT INTO app.t SELECT 3 WHERE current_user = '{role}';"
                ),
            ),
        ]);
        // An index that an interrupted build has left is the role's, too.
        let waiting = open_transaction(&database, "").await;
        let first = run(&it, &database);
        kill_waiting(&admin, "CREATE INDEX CONCURRENTLY", first).await;
        waiting.batch_execute("ROLLBACK").await.unwrap();
        it.run(database.url()).await.unwrap();
        assert_eq!(indexes(&admin).await, "i");
        assert_eq!(count(&admin, "SELECT sum(a) FROM app.t").await, 6);
        let by = "SELECT count(*) FROM migrate_history WHERE done_by <> session_user";
        assert_eq!(count(&admin, by).await, 0);
        surely_done(&it, &database).await;
        admin
            .batch_execute(&format!("DROP SCHEMA app CASCADE; DROP TABLE migrate_history, migrate_history_head; DROP ROLE \"{role}\""))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_refuses_a_transaction_without_showing_it_is_told_of_the_way_without_one() {
    let tables = "CREATE TABLE p (a int) PARTITION BY LIST (a); CREATE INDEX i ON p (a);";
    for (script, code) in [("REINDEX TABLE p;", "25001"), ("DO $$ BEGIN COMMIT; END $$;", "2D000")] {
        let database = database().await;
        let with =
            |header: &str| migrator(&[("1_p.sql", tables), ("2_it.sql", &format!("{header}{script}"))]);
        let failure = failure(with("").run(database.url()).await.unwrap_err());
        assert_eq!((failure.code.as_deref(), &failure.left), (Some(code), &Left::Nothing));
        assert!(failure.to_string().contains("-- migrate: transaction=none"), "{failure}");
        with("-- migrate: transaction=none\n").run(database.url()).await.unwrap();
    }
}
