//! Failover: a primary that dies during a migration, and the standby that replaces it.

use migrate_postgres::testing::{Server, ShutdownMode};
use migrate_postgres::{Error, Migrator, Set};
use migrate_tests::sets::folder_of;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio_postgres::config::{Config, Host, TargetSessionAttrs};
use tokio_postgres::{Client, NoTls};

fn data(server: &Server) -> PathBuf {
    server.socket_dir().unwrap().join("data")
}

fn shell(script: &str, arguments: &[&Path]) {
    let status = Command::new("sh").arg("-ec").arg(script).arg("sh").args(arguments).status().unwrap();
    assert!(status.success(), "{script}");
}

/// A hot standby that streams from a primary: a copy of its data, with separate settings.
pub(crate) fn standby_of(primary: &Server) -> Server {
    let standby = Server::start().unwrap();
    standby.stop(ShutdownMode::Fast).unwrap();
    primary.stop(ShutdownMode::Fast).unwrap();
    shell(
        "cp -p \"$2/postgresql.conf\" \"$2.conf\"; rm -rf \"$2\"; cp -a \"$1\" \"$2\"; rm -f \"$2/postmaster.pid\"; \
         mv \"$2.conf\" \"$2/postgresql.conf\"; cp -p \"$2/PG_VERSION\" \"$2/standby.signal\"",
        &[&data(primary), &data(&standby)],
    );
    let conninfo = format!(
        "primary_conninfo = 'host={} port={} user=postgres'\n",
        primary.socket_dir().unwrap().display(),
        primary.port()
    );
    let auto = data(&standby).join("postgresql.auto.conf");
    let settings = std::fs::read_to_string(&auto).unwrap() + &conninfo;
    std::fs::write(auto, settings).unwrap();
    primary.restart().unwrap();
    standby.restart().unwrap();
    standby
}

/// Both servers; the writable one is used.
pub(crate) fn either(primary: &Server, standby: &Server, database: &str) -> Config {
    let mut config = primary.config(database);
    let other = standby.config(database);
    let Host::Unix(socket) = &other.get_hosts()[0] else { panic!("not a Unix socket") };
    // One port per host; the first is already set.
    config.host_path(socket).port(standby.port());
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    config
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn until(client: &Client, sql: &str) {
    for _ in 0..1000 {
        if client.query_one(sql, &[]).await.unwrap().get(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never true: {sql}");
}

#[tokio::test]
async fn the_standby_that_takes_over_gets_the_rest_of_the_migrations() {
    let primary = Server::start().unwrap();
    let standby = standby_of(&primary);
    let database = primary.database().await.unwrap();
    let files = [
        ("1_effects.sql", "CREATE TABLE effects (migration int); INSERT INTO effects VALUES (1);"),
        ("2_effect.sql", "INSERT INTO effects VALUES (2);"),
        ("3_slow.sql", "INSERT INTO effects VALUES (3); SELECT pg_sleep(60);"),
        ("4_index.sql", "CREATE INDEX CONCURRENTLY i ON effects (migration);"),
    ];
    let migrator = Migrator::new(Set::from_folder(folder_of(&files[..2]).path()).unwrap());
    let slow = Migrator::new(Set::from_folder(folder_of(&files).path()).unwrap());
    let both = either(&primary, &standby, database.name());
    migrator.run(&both).await.unwrap();

    // A boot works on a standby that has caught up; a migration does not.
    let client = connect(&primary.config(database.name())).await;
    let caught_up =
        "SELECT count(*) = 1 AND bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication";
    until(&client, caught_up).await;
    let there = standby.config(database.name());
    assert!(migrator.run(&there).await.unwrap().is_noop());
    assert!(matches!(slow.run(&there).await.unwrap_err(), Error::ReadOnly { .. }));

    let running = {
        let (slow, both) = (slow.clone(), both.clone());
        tokio::spawn(async move { slow.run(&both).await })
    };
    until(&client, "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'").await;
    primary.stop(ShutdownMode::Immediate).unwrap();
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Server { .. } | Error::LockLost), "{error}");

    let promoted = connect(&there).await;
    promoted.query_one("SELECT pg_promote()", &[]).await.unwrap();
    until(&promoted, "SELECT NOT pg_is_in_recovery()").await;
    // The function that the script sleeps with now returns at once; on the primary it would have slept for a
    // minute.
    promoted
        .batch_execute("CREATE FUNCTION public.pg_sleep(int) RETURNS void LANGUAGE sql AS ''")
        .await
        .unwrap();
    let mut awake = both.clone();
    awake.options("-c search_path=public,pg_catalog");
    let report = slow.run(&awake).await.unwrap();
    assert_eq!(report.steps.len(), 2);
    let rows = promoted.query("SELECT migration FROM public.effects ORDER BY 1", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i32>>(), [1, 2, 3]);
    assert!(slow.run(&both).await.unwrap().is_noop());
}
