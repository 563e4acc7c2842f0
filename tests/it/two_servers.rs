//! The lock must be on the server that does the work; otherwise nothing is done.

use migrate_postgres::testing::{self, Server};
use migrate_postgres::{Error, LockKind, Migrator};
use migrate_tests::sets::{Scripts, set};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpListener, UnixStream};
use tokio_postgres::{Client, Config, NoTls};

fn socket(server: &Server) -> PathBuf {
    server.socket_dir().unwrap().join(format!(".s.PGSQL.{}", server.port()))
}

/// A load balancer that sends the first connection to one server, and all others to another.
async fn balancer(first: &Server, others: &Server) -> Config {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut sockets = std::iter::once(socket(first)).chain(std::iter::repeat(socket(others)));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let path = sockets.next().unwrap();
            tokio::spawn(async move {
                let mut server = UnixStream::connect(path).await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    let mut config = Config::new();
    config.user("postgres").dbname("postgres").host("127.0.0.1").port(port);
    config
}

async fn client(server: &Server) -> Client {
    let config: Config = server.url("postgres").parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_run_whose_lock_is_on_another_server_applies_nothing() {
    let (one, other) = (Server::start().unwrap(), Server::start().unwrap());
    for up in ["CREATE TABLE a ()", "VACUUM"] {
        let migrator = Migrator::new(set("default", [Scripts::up(1, up)]));
        let error = migrator.run(&balancer(&one, &other).await).await.unwrap_err();
        assert!(matches!(error, Error::OtherServer), "{error}");
        for server in [&one, &other] {
            let sql = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
            let tables: i64 = client(server).await.query_one(sql, &[]).await.unwrap().get(0);
            assert_eq!(tables, 0);
        }
        assert_eq!(migrator.run(&balancer(&other, &other).await).await.unwrap().steps.len(), 1);
        client(&other)
            .await
            .batch_execute("DROP TABLE IF EXISTS migrate_history, migrate_history_head, a")
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_kind_of_lock_that_takes_two_connections_is_refused_over_a_client() {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    let migrator = Migrator::new(set("default", [Scripts::up(1, "CREATE TABLE a ()")]));
    for wanted in [LockKind::Transaction, LockKind::Lease { expiry: Duration::from_secs(30) }] {
        let error = migrator.clone().lock(wanted).run(&client).await.unwrap_err();
        assert!(matches!(error, Error::OneConnection { kind } if kind == wanted), "{error}");
    }
    assert_eq!(migrator.lock(LockKind::Session).run(&client).await.unwrap().steps.len(), 1);
}
