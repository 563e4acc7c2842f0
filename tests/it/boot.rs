//! A service's run at boot, over every kind of target.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, SetPosition, Target, migrate};
use std::sync::{Arc, Mutex};

static FLAT: Migrator = migrate!("fixtures/flat");
static PRISMA: Migrator = migrate!("fixtures/prisma", set = "prisma");

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn pool(database: &Database, size: usize) -> deadpool_postgres::Pool {
    let manager = deadpool_postgres::Manager::new(database.config(), tokio_postgres::NoTls);
    deadpool_postgres::Pool::builder(manager).max_size(size).build().unwrap()
}

#[tokio::test]
async fn a_url_a_config_a_client_a_pool_and_an_object_will_all_do() {
    async fn boots<T: Target + ?Sized>(target: &T) {
        assert_eq!(FLAT.run(target).await.unwrap().steps.len(), 4);
        assert!(FLAT.run(target).await.unwrap().is_noop());
    }
    let each = [database().await, database().await, database().await, database().await, database().await];
    boots(each[0].url()).await;
    boots(&each[1].config()).await;
    boots(&each[2].connect().await.unwrap()).await;
    boots(&pool(&each[3], 4)).await;
    // A pool of one connection, which the lock takes: the run opens another one outside the pool.
    let pool = pool(&each[4], 1);
    boots(&pool).await;
    FLAT.down(&pool, 0).await.unwrap();
    assert!(FLAT.run(&pool.get().await.unwrap()).await.unwrap().is_noop());
}

#[tokio::test]
async fn a_generic_boot_is_a_future_that_can_be_sent() {
    async fn boot<T: Target>(target: &T) -> Result<(), migrate_postgres::Error> {
        FLAT.run(target).await?;
        FLAT.status(target).await?;
        FLAT.plan(target).await?;
        FLAT.verify(target).await?;
        PRISMA.run(target).await?;
        PRISMA.down(target, 1).await?;
        PRISMA.redo(target, 1).await?;
        PRISMA.to(target, "20250125_initial").await?;
        Ok(())
    }
    let database = database().await;
    let config = database.config();
    tokio::spawn(async move { boot(&config).await }).await.unwrap().unwrap();
}

#[tokio::test]
async fn events_tell_what_happens_in_order() {
    let database = database().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = told.clone();
    let migrator = FLAT.clone().on_event(move |event| heard.lock().unwrap().push(event.to_string()));
    migrator.run(database.url()).await.unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told[0], "4 steps to take");
    assert_eq!(told[1], "1 of 4: apply 0001_create_users");
    let statement = "0001_create_users: statement 1 of 2 at 0001_create_users.up.sql:2, CREATE TABLE users";
    assert_eq!(told[2..4], [statement, "0001_create_users: statement 1 of 2 done"]);
    assert!(told[6].starts_with("1 of 4: 0001_create_users applied in "), "{}", told[6]);
    assert!(told[told.len() - 1].ends_with("; now at 0010_forget_touch (4 applied)"));
}

#[tokio::test]
async fn prismas_folder_goes_up_and_down_and_up() {
    let database = database().await;
    let report = PRISMA.run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 5);
    let position = PRISMA.position(database.url()).await.unwrap();
    assert_eq!(position, SetPosition::UpToDate { applied: 5 });
    assert_eq!(PRISMA.down(database.url(), 5).await.unwrap().steps.len(), 5);
    assert_eq!(PRISMA.run(database.url()).await.unwrap().steps.len(), 5);
    let status = PRISMA.status(database.url()).await.unwrap();
    assert_eq!(status.pending().count(), 0);
    assert_eq!(status.to_string().lines().filter(|line| line.ends_with("  applied")).count(), 5);
}

/// The same files are run by psql, and pg_dump prints both databases.
#[tokio::test]
async fn prismas_folder_gives_the_schema_that_psql_gives() {
    let server = testing::server().unwrap();
    let tool = |name: &str| server.bin_dir().map(|dir| dir.join(name)).filter(|file| file.is_file());
    let (Some(psql), Some(pg_dump)) = (tool("psql"), tool("pg_dump")) else {
        migrate_tests::skipped("psql and pg_dump of the server's version");
        return;
    };
    let (ours, theirs) = (database().await, database().await);
    PRISMA.run(ours.url()).await.unwrap();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/prisma");
    for migration in PRISMA.set().iter() {
        let file = folder.join(migration.name()).join("migration.sql");
        let mut command = std::process::Command::new(&psql);
        command.args(["-qX1", "-v", "ON_ERROR_STOP=1", "-d", theirs.url(), "-f"]).arg(file);
        assert!(command.status().unwrap().success());
    }
    let dump = |url: &str| {
        let mut command = std::process::Command::new(&pg_dump);
        let output = command.args(["--schema-only", "-T", "migrate_history*", "-d", url]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Each dump has its own key.
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .filter(|line| !line.starts_with('\\'))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let dumped = dump(ours.url());
    assert!(dumped.lines().count() > 300);
    assert_eq!(dumped, dump(theirs.url()));
}

/// The only runtime is the one that creates the database, and it is gone when the run starts.
#[test]
fn a_program_without_a_runtime_migrates() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(database());
    drop(runtime);
    assert_eq!(FLAT.run_blocking(database.url()).unwrap().steps.len(), 4);
    assert!(FLAT.run_blocking(&database.config()).unwrap().is_noop());
    let error = migrate!("fixtures/flat", history_table = "users").run_blocking(database.url()).unwrap_err();
    assert!(matches!(error, migrate_postgres::Error::NotOurTable { .. }), "{error}");
}

#[tokio::test]
async fn a_blocking_run_works_within_a_runtime_too() {
    let database = database().await;
    assert_eq!(FLAT.run_blocking(database.url()).unwrap().steps.len(), 4);
}
