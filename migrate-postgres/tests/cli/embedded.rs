//! The commands as a subcommand of a service, over its embedded set.

use clap::Parser as _;
use migrate_postgres::cli::{Cli, Exit};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, migrate};

/// A service with the commands.
#[derive(clap::Parser)]
enum Service {
    /// Manages the schema.
    Migrate(Box<Cli>),
}

static OPS: Migrator = migrate!(
    "tests/fixtures/settings",
    history_schema = "ops",
    history_table = "set_history",
    program = "shop 7",
    lock_timeout = "350ms",
    statement_timeout = "77s",
    allow_ahead = false,
);

/// Runs a command line of the service.
async fn run(database: &Database, line: &str) -> Exit {
    let words = ["service", "migrate", "--quiet"].into_iter().chain(line.split(' '));
    let Service::Migrate(cli) = Service::parse_from(words);
    cli.database(database.config()).run_to_exit(&OPS).await
}

async fn value(database: &Database, sql: &str) -> Option<String> {
    database.connect().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn settings_in_the_macro_hold_for_every_command_of_a_service() {
    let database = testing::server().unwrap().database().await.unwrap();
    assert_eq!(run(&database, "status").await, Exit::Pending);
    assert_eq!(run(&database, "up").await, Exit::Done);
    let timeouts = "SELECT lock_timeout || ' ' || statement_timeout FROM settings";
    assert_eq!(value(&database, timeouts).await.as_deref(), Some("350ms 77s"));
    for line in ["status", "plan", "verify", "history", "preflight", "drift"] {
        assert_eq!(run(&database, line).await, Exit::Done, "{line}");
    }
    let rows = "SELECT count(*) || ' by ' || min(program) FROM ops.set_history";
    assert_eq!(value(&database, rows).await.as_deref(), Some("3 by shop 7"));

    let reset = format!("reset --confirm {}", database.name());
    assert_eq!(run(&database, &reset).await, Exit::Done);
    assert_eq!(value(&database, timeouts).await.as_deref(), Some("350ms 77s"));
    assert_eq!(value(&database, rows).await.as_deref(), Some("3 by shop 7"));
    assert_eq!(value(&database, "SELECT to_regclass('public.migrate_history')::text").await, None);
    // An option of the command line outranks the macro.
    assert_eq!(run(&database, &format!("{reset} --lock-timeout 7s")).await, Exit::Done);
    assert_eq!(value(&database, timeouts).await.as_deref(), Some("7s 77s"));
}
