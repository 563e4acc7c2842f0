//! Explanations of pending migrations, with locks and sizes.

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
    assert_eq!((rewrite.mode, rewrite.scan), (LockMode::AccessExclusive, TableScan::Rewrite));
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
    assert_eq!(sizes, [None, Some(bytes as u64), Some(bytes as u64)]);
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

    // On the caller's client, the setting ends with the query.
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

const ORDERS: &str = "CREATE TABLE customers (id bigint PRIMARY KEY, name varchar(20));
    CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES customers, note text);
    CREATE VIEW notes AS SELECT id, note FROM orders; CREATE MATERIALIZED VIEW counts AS SELECT count(note) FROM orders;
    INSERT INTO customers VALUES (1, 'x'); INSERT INTO orders VALUES (1, 1, 'x'); ANALYZE";

/// The explanation of a script's statements, by line: locks and held locks, without sizes.
async fn shown(files: &[(&str, &str)]) -> Vec<String> {
    let database = database().await;
    database.connect().await.unwrap().batch_execute(ORDERS).await.unwrap();
    let explanation = migrator(files).explain(database.url()).await.unwrap();
    let statements = explanation.steps.iter().flat_map(|step| &step.statements);
    statements
        .map(|statement| {
            let locks = statement.locks.as_ref().unwrap().iter();
            let locks = locks.map(|lock| format!("{} {}, {}", lock.relation, lock.mode, lock.scan));
            let held = statement.held.iter().map(|held| format!("held: {held}"));
            locks.chain(held).collect::<Vec<_>>().join("; ")
        })
        .collect()
}

#[tokio::test]
async fn a_lock_is_held_through_the_statements_that_follow_it_in_its_transaction() {
    let script = "ALTER TABLE orders ADD paid boolean;\nALTER TABLE orders ALTER paid SET DEFAULT false;\nUPDATE orders SET paid = false;";
    assert_eq!(
        shown(&[("1_paid.sql", script)]).await,
        [
            "orders ACCESS EXCLUSIVE, catalog only",
            "orders ACCESS EXCLUSIVE, catalog only",
            "orders ROW EXCLUSIVE, rows; held: orders: ACCESS EXCLUSIVE, held since line 1",
        ]
    );
    // Each migration is a separate transaction, and so is each statement outside of one.
    let apart = [
        ("1_paid.sql", "ALTER TABLE orders ADD paid boolean;"),
        ("2_paid.sql", "UPDATE orders SET paid = false;"),
    ];
    assert_eq!(shown(&apart).await[1], "orders ROW EXCLUSIVE, rows");
    let none = format!("-- migrate: transaction=none\n{script}");
    assert_eq!(shown(&[("1_paid.sql", &none)]).await[2], "orders ROW EXCLUSIVE, rows");
    let own = "BEGIN; LOCK orders; COMMIT; BEGIN; LOCK customers; UPDATE orders SET note = NULL; COMMIT; UPDATE orders SET note = '';";
    let own = shown(&[("1_own.sql", own)]).await;
    assert_eq!(own[5], "orders ROW EXCLUSIVE, rows; held: customers: ACCESS EXCLUSIVE, held since line 1");
    assert_eq!(own[7], "orders ROW EXCLUSIVE, rows");
}

#[tokio::test]
async fn validating_in_the_transaction_of_the_constraint_is_told_to_gain_nothing() {
    let add = "ALTER TABLE orders ADD CONSTRAINT short CHECK (length(note) < 9) NOT VALID;";
    let validate = "ALTER TABLE orders VALIDATE CONSTRAINT short;";
    let together = shown(&[("1_short.sql", &format!("{add}\n{validate}"))]).await;
    let expected = "orders SHARE UPDATE EXCLUSIVE, scanned; held: orders: ACCESS EXCLUSIVE, held since line 1, \
                    so the weaker lock of this statement has no benefit here: run it in a later migration";
    assert_eq!(together[1], expected);
    let apart = shown(&[("1_short.sql", add), ("2_validate.sql", validate)]).await;
    assert_eq!(apart[1], "orders SHARE UPDATE EXCLUSIVE, scanned");
}

#[tokio::test]
async fn a_later_statement_is_judged_by_what_the_earlier_ones_will_have_made() {
    let script = "ALTER TABLE customers RENAME TO people;
        ALTER TABLE people ALTER name TYPE varchar(50);
        CREATE DOMAIN positive AS int CHECK (VALUE > 0);
        ALTER TABLE people ADD age positive;
        ALTER TABLE people ADD CHECK (name IS NOT NULL);
        ALTER TABLE people ALTER name SET NOT NULL;
        CREATE SCHEMA app; SET search_path = app; CREATE TABLE orders (id int);
        ALTER TABLE orders ADD CHECK (id > 0);
        ALTER TABLE public.orders ALTER customer TYPE numeric;";
    let files = [("1_people.sql", script), ("2_orders.sql", "CREATE INDEX ON orders (note);")];
    let shown = shown(&files).await;
    assert_eq!(shown[1], "people ACCESS EXCLUSIVE, catalog only");
    assert!(shown[3].starts_with("people ACCESS EXCLUSIVE, rewritten"), "{shown:?}");
    assert!(shown[5].starts_with("people ACCESS EXCLUSIVE, catalog only"), "{shown:?}");
    assert!(
        shown[10].starts_with("public.orders ACCESS EXCLUSIVE, rewritten; public.people ACCESS EXCLUSIVE"),
        "{shown:?}"
    );
    // The next script starts with the session's own search path.
    assert_eq!(shown[11], "orders SHARE, index built");

    let database = database().await;
    database.connect().await.unwrap().batch_execute(ORDERS).await.unwrap();
    let explanation = migrator(&files).explain(database.url()).await.unwrap();
    let statements = &explanation.steps[0].statements;
    let size = |index: usize| {
        statements[index].locks.as_ref().unwrap()[0].size.as_ref().map(|size| size.name.as_str())
    };
    // A renamed table keeps its size, and a new table has none, even if it takes over an existing table's
    // name.
    assert_eq!((size(1), size(9), size(10)), (Some("public.customers"), None, Some("public.orders")));
}

#[tokio::test]
async fn a_plan_ends_with_what_is_lost_by_name_and_size() {
    let database = database().await;
    database.connect().await.unwrap().batch_execute(ORDERS).await.unwrap();
    let files = [
        ("1_new.sql", "CREATE TABLE scratch (id int); ALTER TABLE orders ADD extra int;"),
        (
            "2_lossy.sql",
            "DROP TABLE scratch; ALTER TABLE orders DROP extra;
            ALTER TABLE orders DROP COLUMN note CASCADE;
            DELETE FROM orders WHERE id = 7; DELETE FROM orders WHERE true;
            TRUNCATE customers CASCADE;
            DROP TABLE IF EXISTS nowhere, customers CASCADE;",
        ),
    ];
    let explanation = migrator(&files).explain(database.url()).await.unwrap();
    let lost: Vec<String> = explanation
        .losses
        .iter()
        .map(|loss| {
            let rows = loss.size.as_ref().and_then(|size| size.rows);
            format!(
                "{} {} {rows:?} {} {}{}",
                loss.kind,
                loss.name,
                loss.migration,
                loss.line,
                if loss.goes_along { " +" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        lost,
        [
            "column orders.note Some(1) 2_lossy 2",
            "materialized view counts Some(1) 2_lossy 2 +",
            "view notes None 2_lossy 2 +",
            "rows orders Some(1) 2_lossy 3",
            "rows customers Some(1) 2_lossy 4",
            "rows orders Some(1) 2_lossy 4 +",
            "table customers Some(1) 2_lossy 5",
            "constraint orders.orders_customer_fkey None 2_lossy 5 +",
        ]
    );
    let shown = explanation.to_string();
    assert!(
        shown.ends_with("constraint orders.orders_customer_fkey (2_lossy, line 5, as a dependent)"),
        "{shown}"
    );
    assert!(
        shown.contains("\nlost for good:\n  column orders.note; 32 kB, about 1 rows (2_lossy, line 2)\n"),
        "{shown}"
    );
    let harmless = migrator(&files[..1]).explain(database.url()).await.unwrap();
    assert!(harmless.losses.is_empty() && !harmless.to_string().contains("lost"), "{harmless}");
}
