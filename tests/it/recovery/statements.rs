//! All other statements: repeated if that is harmless, otherwise left to a person.

use super::*;

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
    // It was answered with an error, so it is not in doubt.
    admin.batch_execute("UPDATE migrate_history SET outcome = 'failed' WHERE checkpoint = 0").await.unwrap();
    it.run(database.url()).await.unwrap();
    assert_eq!(count(&admin, "SELECT count(*) FROM t").await, 5);
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
        assert!(again.message.contains("its outcome is unknown"), "{again}");
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
    // A second attempt could create the slot outside a transaction.
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
        // An index left by an interrupted build also belongs to the role.
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
