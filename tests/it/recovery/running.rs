//! Statements of a lost client that still run: the next run waits for them.

use super::*;

#[tokio::test]
async fn a_run_waits_for_the_statement_that_a_lost_client_left_running() {
    let database = database().await;
    let it = after(TABLE, "CREATE INDEX CONCURRENTLY i ON t (a); INSERT INTO t VALUES (3, 3);");
    let admin = database.connect().await.unwrap();
    it.clone().up_to("1").run(database.url()).await.unwrap();
    // The zombie: a session of the first run, whose client is gone.
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
    assert!(told.contains("for another session to finish statement 1: pid"), "{told}");
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
    // Not in doubt, but existing and not to be dropped: the first run waits, too.
    let failure = failure(it.run(database.url()).await.unwrap_err());
    assert!(failure.message.contains("is still running this statement"), "{failure}");
    assert_eq!(failure.blockers.len(), 1);
    assert!(failure.blockers[0].query.as_deref().unwrap().starts_with("CREATE INDEX"), "{failure}");
    drop(blocker);
    zombie.await.unwrap().unwrap();
    // It started before the migration, so its index is not the migration's.
    assert_eq!(said(&it, &database).await, "42P07");
    admin.batch_execute("DROP INDEX i").await.unwrap();
    it.run(database.url()).await.unwrap();
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
