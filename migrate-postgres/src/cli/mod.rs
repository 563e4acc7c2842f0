//! The command line of a service, as one of its subcommands.
//!
//! [`Cli`] is one subcommand of the service's parser. It works on the set that is embedded in the service:
//!
//! ```no_run
//! use clap::Parser;
//! use migrate_postgres::{Migrator, cli, migrate};
//! use std::process::ExitCode;
//!
//! /// The migrations with their settings, for the boot, the commands and the tests.
//! static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart", history_schema = "ops");
//!
//! #[derive(Parser)]
//! enum Service {
//!     /// Answers requests.
//!     Serve,
//!     /// Manages the database's schema.
//!     Migrate(cli::Cli),
//! }
//!
//! #[tokio::main]
//! async fn main() -> ExitCode {
//!     match Service::parse() {
//!         Service::Serve => ExitCode::SUCCESS,
//!         Service::Migrate(cli) => cli.run(&MIGRATIONS).await,
//!     }
//! }
//! ```
//!
//! The program `migrate` has the same commands, reads a folder, and adds `new`, `renumber` and `check`:
//! `cargo install migrate-postgres --features cli,rustls`.
//!
//! The connection comes from `--database-url`, `--service`, [`Cli::database`], `DATABASE_URL`, and libpq's
//! own sources (`PGHOST` and the other variables, `PGSERVICE` with `pg_service.conf`, `.pgpass`). [`Exit`]
//! lists the exit codes, and [the guide](crate::guide::operating::command_line) describes every command and
//! the JSON output.

mod answer;
mod commands;
mod connection;
mod consent;
mod context;
mod exit;
mod finding;
mod invocation;
mod json;
mod next;
mod options;
mod page;
mod problem;
mod progress;
mod reset;
mod sides;
mod signals;
mod size;
pub mod standalone;

pub use exit::Exit;

use crate::Migrator;
use commands::Command;
use context::Context;
use options::Options;
use signals::Signals;
use std::borrow::Cow;
use std::io::Write as _;
use std::process::ExitCode;
use tokio_postgres::Config;

/// The subcommand of a service: commands that work on its embedded set. See [the module](self).
#[derive(Clone, Debug, clap::Args)]
// The text above is for the service's author, the one below for its users.
#[command(
    about = "Manage the database schema",
    long_about = None,
    after_help = "Exit codes: 0 done, 1 error, 2 usage, 3 pending, 4 drift, 5 refused, 6 lock not acquired, 7 failed, 8 in doubt, 9 stop, 10 no backup, 11 rehearsal incomplete, 12 findings, 13 assertion not true, 14 rows differ, 15 not proved"
)]
#[must_use = "no command runs until `run` is called"]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
    #[arg(skip)]
    own: Own,
}

/// Settings made by the service, not on its command line.
#[derive(Clone, Default)]
struct Own {
    database: Option<Box<Config>>,
    seed: Option<Cow<'static, str>>,
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").finish_non_exhaustive()
    }
}

impl Cli {
    /// The database to connect to unless the command line names another one. The environment is then ignored:
    /// for a service with its own configuration.
    pub fn database(mut self, config: Config) -> Cli {
        self.own.database = Some(Box::new(config));
        self
    }

    /// Runs this SQL at the end of `reset`.
    pub fn seed(mut self, sql: impl Into<Cow<'static, str>>) -> Cli {
        self.own.seed = Some(sql.into());
        self
    }

    /// Runs the command and prints its result: answers to standard output, problems to standard error.
    pub async fn run(self, migrator: &Migrator) -> ExitCode {
        self.run_to_exit(migrator).await.into()
    }

    /// Runs the command like [`run`](Cli::run), and returns its outcome as a value.
    pub async fn run_to_exit(self, migrator: &Migrator) -> Exit {
        let signals = Signals::listen();
        let Cli { options, command, own } = self;
        let context = Context::new(migrator, options, own.database.map(|config| *config), own.seed);
        run(&command, &context, signals).await
    }
}

/// Runs a command until it is done, or until a signal ends it.
async fn run(command: &Command, context: &Context, mut signals: Signals) -> Exit {
    let running = command.run(context);
    let answer = ended(running, command.stops_in_order(), context, &mut signals).await;
    context.ui.end();
    answer::print(command.name(), answer, context)
}

/// Waits for a command, or for a signal that ends it.
async fn ended(
    mut running: commands::Running<'_>,
    stops_in_order: bool,
    context: &Context,
    signals: &mut Signals,
) -> Result<answer::Answer, problem::Problem> {
    match signals.until_done(&mut running).await {
        Ok(answer) => answer,
        Err(signal) if stops_in_order => {
            context.stop.notify_one();
            // A second signal ends the wait.
            match signals.until_done(&mut running).await {
                Ok(answer) => answer.map(|answer| answer.stopped_by(signal)),
                Err(signal) => Err(problem::Problem::Interrupted(signal)),
            }
        }
        Err(signal) => {
            drop(running);
            // A second signal ends the wait.
            _ = signals.until_done(crate::schema::scratch::cleared()).await;
            _ = signals.until_done(record_interruption(context)).await;
            Err(problem::Problem::Interrupted(signal))
        }
    }
}

/// The time limit for recording an interruption: longer than a server on Linux takes to notice that the run
/// is gone.
const MOST_RECORD: std::time::Duration = std::time::Duration::from_secs(5);

/// Records in the history that the run was interrupted. If this fails, the next run does it.
async fn record_interruption(context: &Context) {
    if let Ok(target) = context.target() {
        drop(tokio::time::timeout(MOST_RECORD, context.migrator.record_interruption(&target)).await);
    }
}

/// Writes a shell completion script for a program to standard output.
///
/// # Examples
///
/// ```no_run
/// use clap::CommandFactory as _;
/// use clap_complete::Shell;
///
/// #[derive(clap::Parser)]
/// #[command(name = "myservice")]
/// struct Service {
///     #[command(subcommand)]
///     command: Commands,
/// }
/// #[derive(clap::Subcommand)]
/// enum Commands {
///     /// Looks after the database's schema.
///     Migrate(migrate_postgres::cli::Cli),
///     /// Prints a script that completes this program's command lines.
///     Completions { shell: Shell },
/// }
/// # let shell = Shell::Bash;
/// migrate_postgres::cli::print_completions(shell, &mut Service::command());
/// ```
pub fn print_completions(shell: clap_complete::Shell, command: &mut clap::Command) {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, command, name, &mut script);
    // A reader that goes away, such as `head`, is not an error.
    drop(std::io::stdout().write_all(&script));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// A service whose author did not describe the subcommand.
    #[derive(clap::Parser)]
    enum Service {
        Migrate(super::Cli),
    }

    /// A service with its own description.
    #[derive(clap::Parser)]
    enum Worded {
        /// Look after the tables
        Migrate(super::Cli),
    }

    fn help(mut service: clap::Command) -> String {
        let migrate = service.find_subcommand_mut("migrate").unwrap();
        migrate.render_long_help().to_string()
    }

    #[test]
    fn the_help_of_a_services_subcommand_is_for_its_users() {
        let help_of_ours = help(Service::command());
        assert!(help_of_ours.starts_with("Manage the database schema\n\nUsage: "), "{help_of_ours}");
        let worded = help(Worded::command());
        assert!(worded.starts_with("Look after the tables\n\nUsage: "), "{worded}");
    }
}
