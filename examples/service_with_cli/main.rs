//! A service with a subcommand for its schema: the commands of the program `migrate`, for the embedded set.
//!
//! ```sh
//! cargo run --example service_with_cli -- migrate --help
//! DATABASE_URL=postgres://app@localhost/app cargo run --example service_with_cli -- migrate status
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use migrate_postgres::{Migrator, cli, migrate};
use std::process::ExitCode;
use std::time::Duration;

/// The scripts in `examples/service_with_cli/migrations`, read and checked at compile time, with the settings
/// that the boot, the commands and the tests share.
static MIGRATIONS: Migrator = migrate!("service_with_cli/migrations", history_schema = "ops");

/// Greets.
#[derive(Parser)]
#[command(name = "service_with_cli")]
struct Service {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate, then greet
    Serve,
    /// Manage the database schema
    Migrate(Box<cli::Cli>),
    /// Print a shell completion script
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    match Service::parse().command {
        Command::Serve => serve().await,
        Command::Migrate(cli) => {
            cli.seed("INSERT INTO greetings (text) VALUES ('Hello')").run(&MIGRATIONS).await
        }
        Command::Completions { shell } => {
            cli::print_completions(shell, &mut Service::command());
            ExitCode::SUCCESS
        }
    }
}

/// The boot of the service, without any subcommand.
async fn serve() -> ExitCode {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        eprintln!("set DATABASE_URL");
        return ExitCode::FAILURE;
    };
    match MIGRATIONS.clone().lock_wait(Duration::from_secs(120)).run(&url).await {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
