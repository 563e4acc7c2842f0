//! Backups before a run.

use crate::operate::support::{migrator, value};
use migrate_postgres::operate::{BackupError, Backups};
use migrate_postgres::testing::{self, Database, Server};
use migrate_postgres::{Error, Event, Migrator};
use migrate_tests::sets::{Folder, folder_of};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

const FILES: [(&str, &str); 2] =
    [("1_users.sql", "CREATE TABLE users AS SELECT 'Ada' AS name;"), ("2_empty.sql", "DELETE FROM users;")];

/// A server that the machine's `pg_dump` supports: a newer server under test may come without its own
/// `pg_dump`.
fn server() -> &'static Server {
    static OWN: OnceLock<Server> = OnceLock::new();
    let shared = testing::server().unwrap();
    if shared.bin_dir().is_none_or(|folder| folder.join("pg_dump").exists()) {
        return shared;
    }
    OWN.get_or_init(|| {
        let installed = std::fs::read_dir("/usr/lib/postgresql").unwrap();
        let folders = installed.map(|version| version.unwrap().path().join("bin"));
        let folder = folders.filter(|folder| folder.join("initdb").exists()).max();
        Server::builder().binaries(folder.expect("PostgreSQL's programs")).start().unwrap()
    })
}

async fn database() -> Database {
    server().database().await.unwrap()
}

fn files_in(folder: &Path) -> Vec<String> {
    let files =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    files.filter(|name| name != "keep").collect()
}

fn folder() -> Folder {
    folder_of(&[("keep", "")])
}

/// Programs that stand in for PostgreSQL's.
fn programs(dump: &str) -> Folder {
    let folder =
        folder_of(&[("pg_dump", dump), ("pg_restore", "#!/bin/sh\necho 'pg_restore (PostgreSQL) 99.0'")]);
    for name in ["pg_dump", "pg_restore"] {
        std::fs::set_permissions(folder.path().join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    folder
}

async fn users(database: &Database) -> i64 {
    value(&database.connect().await.unwrap(), "SELECT count(*) FROM users").await
}

#[tokio::test]
async fn a_dump_is_made_only_when_something_is_pending_and_restores_what_was() {
    let (database, folder) = (database().await, folder());
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let deleting = migrator(&FILES).backup_before(folder.path());
    deleting.run(database.url()).await.unwrap();
    assert_eq!(users(&database).await, 0);
    deleting.run(database.url()).await.unwrap();
    let backups = deleting.list_backups(database.url()).await.unwrap();
    assert_eq!((backups.len(), files_in(folder.path()).len()), (1, 1));
    let metadata = std::fs::metadata(&backups[0].file).unwrap();
    assert_eq!((metadata.len(), metadata.permissions().mode() & 0o777), (backups[0].bytes, 0o600));

    let restored = format!("{}_restored", database.name());
    let server = server();
    let status = std::process::Command::new("sh")
        .args(["-ec", &backups[0].restore_command(&restored)])
        .env("PGHOST", server.socket_dir().unwrap())
        .env("PGPORT", server.port().to_string())
        .env("PGUSER", "postgres")
        .status();
    assert!(status.unwrap().success());
    let (client, connection) = server.config(&restored).connect(tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    assert_eq!(value::<i64>(&client, "SELECT count(*) FROM users").await, 1);
    drop(client);
    connection.await.unwrap().unwrap();
    database.connect().await.unwrap().batch_execute(&format!("DROP DATABASE {restored}")).await.unwrap();
}

async fn refused(migrator: Migrator, database: &Database) -> BackupError {
    let Error::Backup(error) = migrator.run(database.url()).await.unwrap_err() else {
        panic!("not a backup's error")
    };
    assert_eq!(users(database).await, 1, "nothing was applied");
    assert!(migrator.list_backups(database.url()).await.unwrap().is_empty());
    error
}

#[tokio::test]
async fn without_a_usable_pg_dump_or_room_nothing_is_applied_and_no_file_is_left() {
    let (database, folder) = (database().await, folder());
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let with = |backups: Backups| migrator(&FILES).backup_before(backups);
    let to = || Backups::to(folder.path());
    let error = refused(with(to().programs(folder.path())), &database).await;
    assert!(matches!(&error, BackupError::NoProgram { found, .. } if found.is_empty()), "{error}");
    let old = programs("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'");
    let error = refused(with(to().programs(old.path())), &database).await;
    assert!(matches!(&error, BackupError::NoProgram { found, .. } if found.len() == 1), "{error}");
    let failing = "#!/bin/sh\n[ \"$1\" != --version ] || { echo 'pg_dump (PostgreSQL) 99.0'; exit; }\necho 'disk full' >&2; exit 1";
    let failing = programs(failing);
    let error = refused(with(to().programs(failing.path())), &database).await;
    assert!(matches!(&error, BackupError::Program { said, .. } if said == "disk full"), "{error}");
    let error = refused(with(to().reserve(u64::MAX)), &database).await;
    assert!(matches!(error, BackupError::TooLittleSpace { .. }), "{error}");
    let error = refused(with(Backups::to(folder.path().join("none"))), &database).await;
    assert!(matches!(error, BackupError::Folder { .. }), "{error}");
    assert_eq!(files_in(folder.path()), [""; 0]);
    let client = database.connect().await.unwrap();
    let error = with(to()).run(&client).await.unwrap_err();
    assert!(matches!(error, Error::Backup(BackupError::NoUrl)), "{error}");
}

#[tokio::test]
async fn of_several_runs_that_begin_at_once_one_makes_the_backup() {
    let (database, folder) = (database().await, folder());
    let runs = (0..4).map(|_| {
        let (migrator, config) = (migrator(&FILES).backup_before(folder.path()), database.config());
        tokio::spawn(async move { migrator.run(&config).await })
    });
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap().unwrap();
    }
    assert_eq!(migrator(&FILES).list_backups(database.url()).await.unwrap().len(), 1);
    assert_eq!(files_in(folder.path()).len(), 1);
}

#[tokio::test]
async fn a_backup_can_be_made_at_any_time_and_is_told_of() {
    let (database, folder) = (database().await, folder());
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = told.clone();
    let migrator = migrator(&FILES[..1]).on_event(move |event| {
        heard.lock().unwrap().push(match event {
            Event::BackingUp { .. } => "backing up".to_owned(),
            Event::BackedUp { file, .. } => file.display().to_string(),
            other => other.to_string(),
        });
    });
    let made = migrator.backup(database.url(), folder.path()).await.unwrap();
    assert_eq!(migrator.list_backups(database.url()).await.unwrap(), std::slice::from_ref(&made));
    let told = told.lock().unwrap();
    assert_eq!((told[0].as_str(), told.last().unwrap()), ("backing up", &made.file.display().to_string()));
}
