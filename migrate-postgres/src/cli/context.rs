//! The context that every command receives.

use super::connection::{self, Asked, Dotenv, process_environment};
use super::invocation::Invocation;
use super::options::Options;
use super::problem::Problem;
use super::progress::{Dump, Ui};
use crate::Migrator;
use crate::connection::endpoint::Endpoint;
use crate::operate::restore_command;
use migrate_core::advice::Words;
use std::borrow::Cow;
use std::path::PathBuf;
use tokio::sync::Notify;
use tokio_postgres::Config;

/// The context that every command receives.
pub(crate) struct Context {
    /// The migrator with the command line's settings; its events go to the terminal.
    pub(super) migrator: Migrator,
    /// The options of the command line.
    pub(super) options: Options,
    /// The command line that calls this program again.
    pub(super) invocation: Invocation,
    /// The terminal.
    pub(super) ui: Ui,
    /// The service's own seed script.
    pub(super) seed: Option<Cow<'static, str>>,
    /// The migrations folder, for the program that reads one.
    pub(super) folder: Option<PathBuf>,
    /// Told when a signal asks a command to end by itself.
    pub(super) stop: Notify,
    database: Option<Config>,
    /// True if a file `.env` provides variables that the environment lacks.
    reads_dotenv: bool,
}

impl Context {
    pub(super) fn new(
        migrator: &Migrator,
        options: Options,
        database: Option<Config>,
        seed: Option<Cow<'static, str>>,
    ) -> Context {
        let ui = Ui::new(&options.output);
        let invocation =
            Invocation::of_process(&options.connection, &options.run).with(&options.placeholders.arguments());
        let observed = ui.clone();
        let migrator = options.placeholders.apply_to(options.run.apply_to(migrator.clone())).of_run();
        let migrator = migrator.also_on_event(move |event| observed.event(event));
        Context {
            migrator,
            options,
            invocation,
            ui,
            seed,
            folder: None,
            stop: Notify::new(),
            database,
            reads_dotenv: false,
        }
    }

    /// The context for a folder's set.
    pub(super) fn of_folder(self, folder: PathBuf, arguments: &str) -> Context {
        Context { invocation: self.invocation.with(arguments), folder: Some(folder), ..self }
    }

    /// Sets whether a file `.env` supplements the environment. A service reads its own, if any.
    pub(super) fn with_dotenv(self, reads_dotenv: bool) -> Context {
        Context { reads_dotenv, ..self }
    }

    /// The same access to files as another context.
    pub(super) fn like(self, other: &Context) -> Context {
        Context { reads_dotenv: other.reads_dotenv, ..self }
    }

    /// The reader of advice: the command line of a service lacks options for what its code chooses.
    pub(super) fn words(&self) -> Words {
        if self.folder.is_some() { Words::CommandLine } else { Words::Service }
    }

    /// The command that restores a dump into a new database on the same server.
    pub(super) fn restore_command(&self, dump: &Dump) -> String {
        let config = self.target().ok();
        let config = config.as_deref();
        let user = config.and_then(Config::get_user);
        let database = config.and_then(Config::get_dbname).or(user).unwrap_or("app");
        restore_command(&dump.file, &format!("{database}_restored"))
    }

    /// The database to connect to.
    pub(super) fn target(&self) -> Result<Endpoint, Problem> {
        let connection = &self.options.connection;
        let asked = Asked { url: connection.database_url.as_deref(), service: connection.service.as_deref() };
        let dotenv = if self.reads_dotenv { Dotenv::find()? } else { Dotenv::default() };
        let environment = |name: &str| process_environment(name).or_else(|| dotenv.get(name));
        let mut config = connection::config(asked, self.database.as_ref(), &environment)?;
        if config.get_application_name().is_none() {
            config.application_name(self.invocation.application_name());
        }
        Ok(config)
    }
}
