//! Options that every command has.

use super::invocation::quoted;
use crate::{Migrator, Value, tools};
use clap::{Arg, Args, ValueEnum};
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
    #[command(flatten)]
    pub(super) placeholders: Placeholders,
}

impl std::fmt::Debug for Options {
    /// Omits the connection string.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("output", &self.output)
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

/// The database to connect to.
#[derive(Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// Connect to this URL instead of DATABASE_URL. Keep the password in PGPASSWORD or ~/.pgpass: other users
    /// of this machine can see a command line
    #[arg(long, global = true, value_name = "URL", conflicts_with = "service")]
    pub(super) database_url: Option<String>,
    /// Connect with this service of pg_service.conf instead of DATABASE_URL
    #[arg(long, global = true, value_name = "NAME")]
    pub(super) service: Option<String>,
}

/// The output format.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// When to use colors and tables; `auto` uses them on a terminal, but no colors if NO_COLOR is set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Color,
    /// Show no progress
    #[arg(long, global = true)]
    pub(super) quiet: bool,
}

/// When to use colors and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Also when the output is not a terminal.
    Always,
    /// Not even on a terminal.
    Never,
}

/// The settings of a run that differ from the service's run at boot.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Runs")]
pub(crate) struct Run {
    /// How long to wait for another run to end, for example 30s or 5min
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    lock_wait: Option<Duration>,
    /// How long a statement waits for a lock on a table before its migration is rolled back and retried; 0s
    /// waits forever
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    lock_timeout: Option<Duration>,
    /// How long to retry a migration that runs into lock timeouts
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    retry_for: Option<Duration>,
    /// How long a statement may run; 0s sets no limit
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    statement_timeout: Option<Duration>,
    /// Stop and roll back a migration that takes longer than TIME [default: no limit]
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    migration_limit: Option<Duration>,
    /// Stop a run that holds the migration lock for longer than TIME [default: no limit]
    #[arg(long, global = true, value_name = "TIME", value_parser = humantime::parse_duration)]
    run_limit: Option<Duration>,
    /// Apply pending migrations even if later ones are applied
    #[arg(long, global = true)]
    allow_out_of_order: bool,
    /// Continue even if an applied migration is missing from the set
    #[arg(long, global = true)]
    allow_missing: bool,
    /// Keep the history in this tool's own table and format, so that the tool can still be used
    #[arg(long, global = true, value_name = "TOOL")]
    history: Option<ForeignTableArg>,
    /// Treat the migrations in another tool's table as those of another set
    #[arg(long, global = true)]
    ignore_foreign_history: bool,
    /// Record the schema after a run that changed something, so that `drift` can compare with it
    #[arg(long, global = true)]
    snapshot_schema: bool,
}

/// The run options that a command without steps does not use. They are hidden from its help but accepted, so
/// that the same options work for all commands. `used` lists those that it does use.
pub(super) fn unused(used: &[&str]) -> Vec<Arg> {
    all_but(Run::augment_args, used)
}

/// The unused ones among the options that every command has.
pub(super) fn unused_of_all(used: &[&str]) -> Vec<Arg> {
    all_but(Options::augment_args, used)
}

/// The options of a group, hidden unless they are used.
pub(super) fn all_but(group: impl FnOnce(clap::Command) -> clap::Command, used: &[&str]) -> Vec<Arg> {
    let options = group(clap::Command::new("migrate"));
    options.get_arguments().filter(|arg| !used.contains(&arg.get_id().as_str())).map(hidden).collect()
}

fn hidden(arg: &Arg) -> Arg {
    arg.clone().global(false).hide(true)
}

/// The values of placeholders.
#[derive(Clone, Default, Args)]
#[command(next_help_heading = "Migrations")]
pub(crate) struct Placeholders {
    /// Give the placeholder `${NAME}` a value: an identifier, or a string in single quotes ('eu'); may be
    /// repeated
    #[arg(long, global = true, value_name = "NAME=VALUE", value_parser = Placeholder::parse)]
    placeholder: Vec<Placeholder>,
}

/// A placeholder and its value.
#[derive(Clone, Debug)]
struct Placeholder {
    name: String,
    value: String,
    is_text: bool,
}

/// Omits the values, because one may be a secret.
impl std::fmt::Debug for Placeholders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Placeholder {
    fn parse(text: &str) -> Result<Placeholder, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        let text = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
        Ok(Placeholder {
            name: name.to_owned(),
            value: text.unwrap_or(value).to_owned(),
            is_text: text.is_some(),
        })
    }
}

impl Placeholders {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.placeholder.iter().map(|placeholder| placeholder.name.as_str())
    }

    /// The migrator with these values.
    pub(super) fn apply_to(&self, migrator: Migrator) -> Migrator {
        self.placeholder.iter().fold(migrator, |migrator, placeholder| {
            let value = if placeholder.is_text {
                Value::Literal(&placeholder.value)
            } else {
                Value::Identifier(&placeholder.value)
            };
            migrator.placeholder(placeholder.name.clone(), value)
        })
    }

    /// The same options without the values, for another command line.
    pub(super) fn arguments(&self) -> String {
        self.names().map(|name| format!(" --placeholder {}=…", quoted(name))).collect()
    }
}

impl Run {
    /// The same options, for another command line that takes steps.
    pub(super) fn arguments(&self) -> String {
        let time = |name: &str, time: Option<Duration>| {
            time.map(|time| format!(" --{name} {}", quoted(&humantime::format_duration(time).to_string())))
        };
        let flag = |name: &str, is_given: bool| is_given.then(|| format!(" --{name}"));
        let given = [
            time("lock-wait", self.lock_wait),
            time("lock-timeout", self.lock_timeout),
            time("retry-for", self.retry_for),
            time("statement-timeout", self.statement_timeout),
            time("migration-limit", self.migration_limit),
            time("run-limit", self.run_limit),
            flag("allow-out-of-order", self.allow_out_of_order),
            flag("allow-missing", self.allow_missing),
            flag("ignore-foreign-history", self.ignore_foreign_history),
            flag("snapshot-schema", self.snapshot_schema),
        ];
        given.into_iter().flatten().collect()
    }

    /// Applies the options to a migrator.
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
        if let Some(time) = self.migration_limit {
            migrator = migrator.migration_limit(time);
        }
        if let Some(time) = self.run_limit {
            migrator = migrator.run_limit(time);
        }
        if self.allow_out_of_order {
            migrator = migrator.allow_out_of_order(true);
        }
        if let Some(tool) = self.history {
            migrator = tool.kept_by(migrator);
        }
        if self.ignore_foreign_history {
            migrator = migrator.ignore_foreign_history();
        }
        if self.snapshot_schema {
            migrator = migrator.snapshot_schema();
        }
        if self.allow_missing {
            migrator = migrator.allow_missing(true);
        }
        migrator
    }
}

/// The tools whose table can serve as the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ForeignTableArg {
    Prisma,
    Sqlx,
    Refinery,
    Diesel,
}

impl ForeignTableArg {
    /// Uses the tool's table as the history: in the given schema, otherwise in the first schema of the search
    /// path.
    fn kept_by(self, migrator: Migrator) -> Migrator {
        let table = match self {
            ForeignTableArg::Prisma => tools::prisma(),
            ForeignTableArg::Sqlx => tools::sqlx(),
            ForeignTableArg::Refinery => tools::refinery(),
            ForeignTableArg::Diesel => tools::diesel(),
        };
        match migrator.settings.history_schema.clone() {
            Some(schema) => migrator.foreign_history(table.schema(schema)),
            None => migrator.foreign_history(table),
        }
    }
}
