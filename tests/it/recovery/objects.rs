//! Databases, tablespaces, subscriptions, partitions and prepared transactions: created and dropped exactly
//! once.

use super::*;

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
        // If it never existed, the server reports the error.
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
    // A subscription can't create a slot on its own server: the slot would wait for the transaction that
    // creates it.
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
