//! Reading leaves no traces, and the output is readable.

use crate::catalog::Sample;
use migrate_postgres::Error;
use migrate_postgres::catalog::{Catalog, Kind, Scope};
use migrate_postgres::testing::Server;
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::proxy::{Proxy, Side};

async fn settings(sample: &Sample) -> String {
    let sql =
        "SELECT string_agg(name || setting, ',' ORDER BY name) FROM pg_settings WHERE source = 'session'";
    sample.client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_session_is_afterwards_what_it_was() {
    let sample = Sample::new().await;
    sample.run("SET search_path = nowhere; SET datestyle = 'German'; SET quote_all_identifiers = on").await;
    let before = settings(&sample).await;
    for scope in [Scope::database(), Scope::schema("public")] {
        Catalog::read(&sample.client, &scope).await.unwrap();
        assert_eq!(settings(&sample).await, before);
    }
    // No transaction is open either: CREATE DATABASE refuses one, and so does VACUUM.
    sample.run("VACUUM pg_class").await;
}

#[tokio::test]
async fn what_a_session_is_set_to_changes_no_definition() {
    let sample = Sample::new().await;
    sample
        .run(
            "CREATE TABLE t (at timestamptz DEFAULT '2020-01-01 00:00:00+00', f float8 DEFAULT 0.1, b bytea DEFAULT '\\xff', \
             i interval DEFAULT '1 day') PARTITION BY RANGE (at); \
             CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2020-01-01 00:00:00+00') TO ('2021-01-01 00:00:00+00')",
        )
        .await;
    let before = sample.catalog().await;
    sample
        .run(
            "SET timezone = 'Asia/Tokyo'; SET datestyle = 'SQL, DMY'; SET intervalstyle = 'iso_8601'; \
             SET bytea_output = 'escape'; SET extra_float_digits = -5; SET quote_all_identifiers = on; SET search_path = public",
        )
        .await;
    assert_eq!(before.differences(&sample.catalog().await).to_string(), "");
}

#[tokio::test]
async fn a_read_is_two_round_trips_without_a_named_statement() {
    let sample = Sample::new().await;
    let proxy = Proxy::start(&sample.database.config()).await;
    let (client, connection) = proxy.config().connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    proxy.forget();
    Catalog::read(&client, &Scope::database()).await.unwrap();
    let connection = proxy.connection();
    assert_eq!(connection.round_trips, 2);
    // A simple query, an unnamed statement, a simple query.
    assert_eq!(connection.tags(Side::Client), "QPBDESQ");
    assert!(connection.messages.iter().all(|message| !message.is_named()));
}

#[tokio::test]
async fn a_transaction_of_the_clients_owner_is_left_alone() {
    let sample = Sample::new().await;
    sample.run("BEGIN; CREATE TABLE t (id int)").await;
    let refused = Catalog::read(&sample.client, &Scope::database()).await;
    assert!(matches!(refused, Err(Error::InTransaction)), "{refused:?}");
    sample.run("COMMIT; SELECT FROM t").await;
}

/// The functions that print definitions fail for objects dropped after the query began.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_drop_meanwhile_fails_no_read() {
    let sample = Sample::new().await;
    sample.run("CREATE TABLE stays (id int)").await;
    let other = sample.database.connect().await.unwrap();
    let dropping = tokio::spawn(async move {
        loop {
            let made = "CREATE TABLE t (id serial PRIMARY KEY, x text CHECK (x <> '')); CREATE VIEW v AS SELECT * FROM t; \
                        CREATE INDEX i ON t (x); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'";
            other.batch_execute(made).await.unwrap();
            other.batch_execute("DROP VIEW v; DROP TABLE t; DROP FUNCTION f").await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    for _ in 0..100 {
        let catalog = Catalog::read(&sample.client, &Scope::database()).await.unwrap();
        assert!(catalog.find(Kind::Table, "public.stays").is_some());
    }
    dropping.abort();
    assert!(dropping.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_read_that_is_dropped_leaves_the_client_usable() {
    let sample = Sample::new().await;
    sample.run("CREATE TABLE t (id int)").await;
    for polls in 1..4 {
        let scope = Scope::schema("public");
        let mut read = Box::pin(Catalog::read(&sample.client, &scope));
        for _ in 0..polls {
            let once = std::future::poll_fn(|context| {
                let _ = read.as_mut().poll(context);
                std::task::Poll::Ready(())
            });
            once.await;
            tokio::task::yield_now().await;
        }
        drop(read);
        let row = sample.client.query_one("SHOW search_path", &[]).await.unwrap();
        assert_eq!(row.get::<_, String>(0), "\"$user\", public");
        sample.run("VACUUM t").await;
    }
}

#[tokio::test]
async fn a_catalog_is_read_through_a_transaction_pooler() {
    let server = Server::start().unwrap();
    let Some(bouncer) = PgBouncer::start(&server, 2).await else { return };
    let database = server.database().await.unwrap();
    let direct = database.connect().await.unwrap();
    direct.batch_execute("CREATE TABLE t (id int)").await.unwrap();
    let expected = Catalog::read(&direct, &Scope::database()).await.unwrap();
    let url = bouncer.url(database.name());
    let scope = Scope::database();
    let reads = (0..8).map(|_| Catalog::read(&url, &scope));
    for read in futures_of(reads).await {
        assert_eq!(read.unwrap(), expected);
    }
}

/// Waits for all futures concurrently.
async fn futures_of<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in pending.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => *output = Some(value),
                std::task::Poll::Pending => ready = false,
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    pending.into_iter().filter_map(|(_, output)| output).collect()
}

/// The complete output of differences.
#[tokio::test]
async fn differences_read_well() {
    let sample = Sample::new().await;
    sample
        .run(
            "CREATE TABLE users (id bigint PRIMARY KEY, name text, mail text); CREATE INDEX by_name ON users (name); \
             CREATE VIEW names AS SELECT name FROM users; \
             CREATE FUNCTION greet(name text) RETURNS text LANGUAGE plpgsql AS E'BEGIN\\n  -- Kindly.\\n  -- Always.\\n  \
             -- Also late.\\n  RETURN ''Hello, '' || name;\\nEND'",
        )
        .await;
    let before = sample.catalog().await;
    sample
        .run(
            "DROP INDEX by_name; ALTER TABLE users DROP mail, ALTER name SET NOT NULL; ALTER TABLE users ENABLE ROW LEVEL SECURITY; \
             CREATE TABLE posts (author bigint REFERENCES users); \
             CREATE OR REPLACE FUNCTION greet(name text) RETURNS text LANGUAGE plpgsql AS E'BEGIN\\n  -- Kindly.\\n  -- Always.\\n  \
             -- Also late.\\n  RETURN ''Hi, '' || name;\\nEND'",
        )
        .await;
    let text = before.differences(&sample.catalog().await).to_string();
    assert_eq!(text, include_str!("differences.txt").trim_end());
}
