//! Interrupted builds, drops and rebuilds of indexes: finished, repeated, or left to a person.

use super::*;

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
    // Killed in each of the three phases, which a lock holds up.
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
        // Nothing was created since: the existing index is another one.
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
        // Killed before anything is in the catalog, because the table is locked.
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

/// Interrupts the migration while it waits for a table lock, before its statement has any effect.
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
        // Renaming rewrites a catalog row, but creates no new index.
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
    // The table to compare with has another name.
    let it = after(TABLE, "CREATE INDEX CONCURRENTLY i ON t (a) WHERE t.b > 0;");
    it.clone().up_to("1").run(database.url()).await.unwrap();
    let admin = killed_before_it_began(&it, &database, "CREATE INDEX CONCURRENTLY").await;
    admin.batch_execute("CREATE INDEX i ON t (a) WHERE b > 0").await.unwrap();
    let failure = failure(it.run(database.url()).await.unwrap_err());
    assert_eq!(failure.left, Left::InDoubt { done: 0, total: 1 });
    let advice = failure.to_string();
    assert!(advice.contains("ResumeAt(1)") && !advice.contains("ResumeAt(2)"), "there is but one: {failure}");
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
        // Half dropped, as the kill left it.
        ("", Ok("")),
        ("DROP INDEX i", Ok("")),
        ("DROP INDEX i; CREATE INDEX i ON t (a)", Err("public.i")),
        // Dropped, and the name now refers to another index.
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
