//! Through PgBouncer in transaction mode, where a session is not one.

use migrate_postgres::testing::Server;
use migrate_postgres::{Migrator, Set};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::sets::folder_of;
use std::collections::BTreeSet;
use tokio_postgres::Client;

/// A private server: its folder has to let PgBouncer through.
fn server() -> Server {
    Server::start().unwrap()
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap())
}

const SET: &[(&str, &str)] = &[
    ("1_effects.sql", "CREATE TABLE effects (migration int); INSERT INTO effects VALUES (1);"),
    (
        "2_hostile.sql",
        "SET search_path = ''; SET ROLE pg_monitor; RESET ROLE; SET lock_timeout = '1ms'; SET TimeZone = 'Asia/Tokyo';",
    ),
    (
        "3_index.sql",
        "SET statement_timeout = '1min'; CREATE INDEX CONCURRENTLY i ON effects (migration); INSERT INTO effects VALUES (3);",
    ),
    (
        "4_dump.sql",
        "SELECT pg_catalog.set_config('search_path', '', false); INSERT INTO public.effects VALUES (4);",
    ),
];

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn effects(server: &Server, database: &str) -> Vec<i32> {
    let client = connect(&server.url(database)).await;
    let rows = client.query("SELECT migration FROM effects ORDER BY 1", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// What the pool's server connections are set to: as many transactions at once as there are connections.
async fn pooled_settings(url: &str, connections: usize) -> BTreeSet<Vec<String>> {
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = connect(url).await;
        client.batch_execute("BEGIN").await.unwrap();
        clients.push(client);
    }
    let mut settings = BTreeSet::new();
    for client in &clients {
        let row = client
            .query_typed_one(
                "SELECT current_setting('search_path'), current_setting('role'), session_user::text, \
                 current_setting('lock_timeout'), current_setting('statement_timeout'), \
                 current_setting('idle_in_transaction_session_timeout'), current_setting('synchronous_commit'), \
                 current_setting('client_connection_check_interval'), \
                 (SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory')",
                &[],
            )
            .await
            .unwrap();
        settings.insert((0..row.len()).map(|column| row.get(column)).collect());
    }
    settings
}

#[tokio::test]
async fn nothing_leaks_into_the_pool() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 4).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    // Every connection of the pool exists beforehand and is used again.
    let before = pooled_settings(&url, 4).await;
    assert_eq!(before.len(), 1);
    let report = migrator(SET).run(&url).await.unwrap();
    assert_eq!(report.steps.len(), 4);
    assert_eq!(pooled_settings(&url, 4).await, before);
    assert!(migrator(SET).run(&url).await.unwrap().is_noop());
    assert_eq!(effects(&server, database.name()).await, [1, 3, 4]);
    // Nor by a failure.
    let mut broken = SET.to_vec();
    broken.push(("5_broken.sql", "SET search_path = ''; VACUUM; SELECT 1/0;"));
    migrator(&broken).run(&url).await.unwrap_err();
    broken.push(("6_broken.sql", "SET search_path = ''; SELECT 1/0;"));
    migrator(&broken).run(&url).await.unwrap_err();
    assert_eq!(pooled_settings(&url, 4).await, before);
}

#[tokio::test]
async fn replicas_that_share_a_pool_apply_everything_once() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 8).await else { return };
    let database = server.database().await.unwrap();
    let url = bouncer.url(database.name());
    let replicas: Vec<_> = (0..64)
        .map(|_| {
            let (url, migrator) = (url.clone(), migrator(SET));
            tokio::spawn(async move { migrator.run(&url).await })
        })
        .collect();
    let mut steps = 0;
    for replica in replicas {
        steps += replica.await.unwrap().unwrap().steps.len();
    }
    assert_eq!(steps, 4);
    assert_eq!(effects(&server, database.name()).await, [1, 3, 4]);
    let client = connect(&server.url(database.name())).await;
    let locks =
        client.query_one("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'", &[]).await.unwrap();
    assert_eq!(locks.get::<_, i64>(0), 0);
}

/// A client that goes away in the middle leaves nothing that the next one trips over.
#[tokio::test]
async fn a_replica_that_is_dropped_in_the_middle_is_followed_by_another() {
    let server = server();
    let Some(bouncer) = PgBouncer::start(&server, 4).await else { return };
    let slow: Vec<(&str, &str)> = SET
        .iter()
        .copied()
        .chain([("5_slow.sql", "SELECT pg_sleep(0.3); INSERT INTO effects VALUES (5);")])
        .collect();
    for milliseconds in [1, 5, 10, 20, 40, 80, 160] {
        let database = server.database().await.unwrap();
        let url = bouncer.url(database.name());
        let first = migrator(&slow);
        let dropped = tokio::time::timeout(std::time::Duration::from_millis(milliseconds), first.run(&url));
        drop(dropped.await);
        if let Err(error) = migrator(&slow).run(&url).await {
            // PgBouncer 1.18 takes the server's connection for idle between two messages that were sent in one flush. When
            // their client is lost there, whoever gets that connection next gets the answers too, and closes it.
            assert!(error.to_string().contains("unexpected message from server"), "{error}");
            migrator(&slow).run(&url).await.unwrap();
        }
        assert_eq!(effects(&server, database.name()).await, [1, 3, 4, 5], "{milliseconds} ms");
    }
}
