//! Options that every command has.

use crate::Migrator;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Options that every command has.
#[derive(Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) connection: Connection,
    #[command(flatten)]
    pub(super) output: Output,
    #[command(flatten)]
    pub(super) run: Run,
}

impl std::fmt::Debug for Options {
    /// Without the connection string.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("output", &self.output)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// Where to connect to.
#[derive(Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Connect here instead of to DATABASE_URL. A password is better kept in PGPASSWORD or ~/.pgpass: others on this machine see
    /// a command line
    #[arg(long, global = true, value_name = "URL", conflicts_with = "service")]
    pub(super) database_url: Option<String>,
    /// Connect to this service of pg_service.conf instead of DATABASE_URL
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) service: Option<String>,
}

/// How to say it.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// When to use colours and tables; `auto` uses them on a terminal, and no colours where NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
    /// Show no progress
    #[arg(long, global = true)]
    pub(super) quiet: bool,
}

/// When to use colours and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Also where the output goes elsewhere.
    Always,
    /// Nowhere.
    Never,
}

/// What a run does other than the service does at boot.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Runs")]
pub(crate) struct Run {
    /// How long to wait for somebody else's run: 30s, 5min
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    lock_wait: Option<Duration>,
    /// How long a statement waits for a lock on a table before its migration is rolled back and tried again; 0s is for ever
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    lock_timeout: Option<Duration>,
    /// How long to go on with a migration that runs into lock timeouts
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    retry_for: Option<Duration>,
    /// How long a statement may take; 0s is for ever
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    statement_timeout: Option<Duration>,
    /// Apply pending migrations also where later ones are applied
    #[arg(long, global = true)]
    allow_out_of_order: bool,
    /// Go on where an applied migration is missing from the set
    #[arg(long, global = true)]
    allow_missing: bool,
    /// Take what another tool's table lists for another set's migrations
    #[arg(long, global = true)]
    ignore_foreign_history: bool,
    /// Keep what the schema is after a run that changed something, for `drift --kept`
    #[arg(long, global = true)]
    keep_schema: bool,
}

impl Run {
    /// The migrator with what was asked for.
    pub(super) fn apply_to(&self, mut migrator: Migrator) -> Migrator {
        if let Some(time) = self.lock_wait {
            migrator = migrator.lock_wait(time);
        }
        if let Some(time) = self.lock_timeout {
            migrator = migrator.lock_timeout(time);
        }
        if let Some(time) = self.retry_for {
            migrator = migrator.retry_for(time);
        }
        if let Some(time) = self.statement_timeout {
            migrator = migrator.statement_timeout(time);
        }
        if self.allow_out_of_order {
            migrator = migrator.allow_out_of_order(true);
        }
        if self.ignore_foreign_history {
            migrator = migrator.ignore_foreign_history();
        }
        if self.keep_schema {
            migrator = migrator.keep_schema();
        }
        if self.allow_missing {
            migrator = migrator.allow_missing(true);
        }
        migrator
    }
}
