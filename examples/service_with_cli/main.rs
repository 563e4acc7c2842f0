//! A service with a subcommand that looks after its schema: the commands of the program `migrate`, over the embedded set.
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

/// The scripts in `examples/service_with_cli/migrations`, read and checked when this is compiled, with all settings: the
/// boot and the commands call this, so neither can go by settings that the other does not have.
fn migrator() -> Migrator {
    migrate!("service_with_cli/migrations").lock_wait(Duration::from_secs(120))
}

/// Greets.
#[derive(Parser)]
#[command(name = "service_with_cli")]
struct Service {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Migrate, and greet
    Serve,
    /// Look after the database's schema
    Migrate(Box<cli::Cli>),
    /// Print a script that completes command lines in a shell
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
            cli.seed("INSERT INTO greetings (text) VALUES ('Hello')").run(&migrator()).await
        }
        Command::Completions { shell } => {
            cli::print_completions(shell, &mut Service::command());
            ExitCode::SUCCESS
        }
    }
}

/// What the service does at boot, without any command.
async fn serve() -> ExitCode {
    let Ok(url) = std::env::var("DATABASE_URL") else {
        eprintln!("set DATABASE_URL");
        return ExitCode::FAILURE;
    };
    match migrator().run(&url).await {
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
