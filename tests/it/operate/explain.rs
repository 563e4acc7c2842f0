//! What is pending, with its locks and sizes.

use crate::operate::support::{database, migrator, value};
use migrate_core::sql::{LockMode, TableScan};
use migrate_postgres::Down;
use std::time::Duration;

const USERS: (&str, &str) = ("1_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY, name text);");

#[tokio::test]
async fn every_pending_statement_has_its_place_its_locks_and_the_size_of_what_it_locks() {
    let database = database().await;
    let files = [
        USERS,
        (
            "2_posts.sql",
            "-- migrate: lock_timeout=1s\nCREATE TABLE posts (author bigint REFERENCES users);\n\n  ALTER TABLE \"users\" ALTER id TYPE numeric;",
        ),
        ("3_index.sql", "CREATE INDEX CONCURRENTLY by_name ON public.users (name);"),
        ("4_code.sql", "DO $$ BEGIN END $$; ALTER ROLE CURRENT_USER PASSWORD 'hunter2';"),
    ];
    migrator(&files[..1]).run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client
        .batch_execute("INSERT INTO users SELECT i, i FROM generate_series(1, 5000) i; ANALYZE users")
        .await
        .unwrap();
    let explanation = migrator(&files).explain(database.url()).await.unwrap();
    let names: Vec<&str> = explanation.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["2_posts", "3_index", "4_code"]);

    let posts = &explanation.steps[0];
    assert_eq!(posts.path.as_deref(), Some("2_posts.sql"));
    assert_eq!((posts.statements[1].line, posts.statements[1].column), (4, 3));
    let rewrite = &posts.statements[1].locks.as_ref().unwrap()[0];
    assert_eq!((rewrite.mode, rewrite.toll), (LockMode::AccessExclusive, TableScan::Rewrite));
    let size = rewrite.size.as_ref().unwrap();
    let bytes: i64 = value(&client, "SELECT pg_total_relation_size('users')").await;
    assert_eq!((size.name.as_str(), size.bytes, size.rows), ("public.users", bytes as u64, Some(5000)));

    assert_eq!(explanation.steps[1].statements[0].refuses, Some("CREATE INDEX CONCURRENTLY"));
    assert_eq!(explanation.steps[2].statements[0].locks, None);
    let shown = explanation.to_string();
    assert!(
        shown.contains("3_index (3_index.sql), statement by statement\n  line 1: CREATE INDEX"),
        "{shown}"
    );
    assert!(shown.contains("about 5000 rows") && !shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn what_does_not_exist_yet_has_no_size_and_partitions_count_for_what_they_are_of() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE p (id int) PARTITION BY RANGE (id);
             CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10000);
             INSERT INTO p SELECT generate_series(1, 9999);",
        )
        .await
        .unwrap();
    let pending = migrator(&[(
        "1_new.sql",
        "CREATE TABLE new (); ALTER TABLE new ADD a int; ALTER TABLE p ADD b int;",
    )]);
    let explanation = pending.explain(database.url()).await.unwrap();
    let sizes: Vec<Option<u64>> =
        explanation.locks().map(|lock| lock.size.as_ref().map(|size| size.bytes)).collect();
    let bytes: i64 = value(&client, "SELECT pg_total_relation_size('p1')").await;
    assert_eq!(sizes, [None, Some(bytes as u64)]);
    assert!(explanation.to_string().contains("new: ACCESS EXCLUSIVE; does not exist yet"), "{explanation}");
}

#[tokio::test]
async fn a_table_that_somebody_holds_exclusively_does_not_keep_the_plan_from_being_shown() {
    let database = database().await;
    let files = [USERS, ("2_email.sql", "ALTER TABLE users ADD email text;")];
    migrator(&files[..1]).run(database.url()).await.unwrap();
    let holder = database.connect().await.unwrap();
    for sql in ["INSERT INTO users VALUES (1, '')", "VACUUM users", "BEGIN; LOCK TABLE users"] {
        holder.batch_execute(sql).await.unwrap();
    }
    let explaining = migrator(&files).lock_timeout(Duration::from_millis(50));
    let explanation = explaining.explain(database.url()).await.unwrap();
    assert_eq!(explanation.locks().next().unwrap().size.as_ref().unwrap().bytes, 8192);

    // Over a client of ours, the setting is gone with the question.
    let client = database.connect().await.unwrap();
    explaining.explain(&client).await.unwrap();
    assert_eq!(value::<String>(&client, "SHOW lock_timeout").await, "0");
}

#[tokio::test]
async fn nothing_pending_is_said_and_a_revert_can_be_looked_at_too() {
    let database = database().await;
    let both = migrator(&[("1_a.up.sql", "CREATE TABLE a ();"), ("1_a.down.sql", "DROP TABLE a;")]);
    both.run(database.url()).await.unwrap();
    let nothing = both.explain(database.url()).await.unwrap();
    assert!(nothing.is_empty() && nothing.to_string() == "nothing to do", "{nothing}");
    let revert = both.explain_of(database.url(), &Down::count(1)).await.unwrap();
    assert!(revert.to_string().starts_with("revert 1_a (1_a.down.sql)\n  line 1: DROP TABLE a"), "{revert}");
}
