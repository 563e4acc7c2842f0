//! The work of `#[sqlx::test]`, in a separate process: it takes its server from the environment, and brings
//! its own runtime.

use crate::{Problem, Result};
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::testing::{TestArgs, TestFn as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

static STARTED: OnceLock<Instant> = OnceLock::new();

/// Runs this program as a test of sqlx's; how long it took until the test's first query was answered.
pub(crate) async fn in_a_process(url: &str, migrations: &Path) -> Result<Duration> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--sqlx-test")
        .arg(migrations)
        .env("DATABASE_URL", url)
        .stdin(Stdio::null())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let micros = text.trim().parse().map_err(|_| {
        Problem::from(format!("#[sqlx::test]: {text}{}", String::from_utf8_lossy(&output.stderr)))
    })?;
    Ok(Duration::from_micros(micros))
}

/// The test itself: prints the microseconds. Reading the migrations is left out.
pub(crate) fn run(migrations: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let migrator: &'static Migrator = Box::leak(Box::new(runtime.block_on(Migrator::new(migrations))?));
    drop(runtime);
    let mut args = TestArgs::new("migrate_benches::sqlx_test");
    args.migrator(migrator);
    STARTED.get_or_init(Instant::now);
    let test: fn(PgPool) -> _ = first_query;
    test.run_test(args)
}

async fn first_query(pool: PgPool) -> Result<()> {
    sqlx::query("SELECT 1").execute(&pool).await?;
    let started = STARTED.get().ok_or("the test was started")?;
    println!("{}", started.elapsed().as_micros());
    Ok(())
}
