//! The program `migrate`: the same commands over a folder, and those that create and check its files.

mod check;
mod dev;
mod fill;
mod name;
mod new;
mod renumber;
mod rewrite;
mod stub;
mod waiting;
mod written;

pub(super) use check::{Incomplete, Part};
pub(super) use dev::DevProblem;
pub(super) use renumber::{RenumberProblem, migration_of};
pub(super) use rewrite::RewriteProblem;

use super::answer;
use super::commands::Command;
use super::context::Context;
use super::exit::Exit;
use super::invocation::quoted;
use super::options::{Options, all_but, unused_of_all};
use super::problem::Problem;
use super::signals::Signals;
use crate::{Migrator, Set};
use clap::{Arg, Args as _, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use migrate_core::config::{Config, JudgeError, source};
use migrate_core::directory::source::folder;
use migrate_core::directory::{self, Reading};
use migrate_core::{FolderError, ProblemKind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Migrate a PostgreSQL database with a folder of SQL scripts
///
/// The folder may use any layout that the library reads. The history is the one that a service with the same
/// folder embedded keeps.
#[derive(Debug, Parser)]
#[command(
    name = "migrate",
    version,
    after_help = "Exit codes: 0 done, 1 error, 2 usage, 3 pending, 4 drift, 5 refused, 6 lock not acquired, 7 failed, 8 in doubt, 9 stop, 10 no backup, 11 rehearsal incomplete, 12 findings, 13 assertion not true, 14 rows differ, 15 not proved\n\nExample:\n  migrate --folder db/migrations status"
)]
pub struct Program {
    #[command(flatten)]
    folder: FolderArgs,
    #[command(flatten)]
    dotenv: DotenvOption,
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: ProgramCommand,
}

/// The `.env` option.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "Connection")]
struct DotenvOption {
    /// Do not read the file .env, which provides variables that the environment lacks
    #[arg(long, global = true)]
    no_dotenv: bool,
}

/// The options that locate the migrations and their history.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Migrations")]
struct FolderArgs {
    /// The migrations folder
    #[arg(long, global = true, value_name = "FOLDER", default_value = "migrations")]
    folder: PathBuf,
    /// The name of the set, if the database has several
    #[arg(long, global = true, value_name = "NAME")]
    set: Option<String>,
    /// The schema of the history table [default: the first schema of the search path]
    #[arg(long, global = true, value_name = "SCHEMA")]
    history_schema: Option<String>,
    /// The name of the history table [default: migrate_history]
    #[arg(long, global = true, value_name = "TABLE")]
    history_table: Option<String>,
}

#[derive(Debug, Subcommand)]
enum ProgramCommand {
    #[command(flatten)]
    OverSet(Command),
    /// Apply pending migrations, and redo the one that you are writing
    Dev(dev::Args),
    /// Create the files of a new migration
    New(new::Args),
    /// Give an unapplied migration another version
    Renumber(renumber::Args),
    /// Check the folder as `migrate!` does, and find dangerous migrations
    Check(check::Args),
    /// Print a completion script for a shell
    #[command(args = unused_over_files(&[]), after_help = "Example:\n  migrate completions bash > /etc/bash_completion.d/migrate")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Program {
    /// Runs the command that the command line asks for.
    pub async fn run(self) -> ExitCode {
        self.run_to_exit().await.into()
    }

    async fn run_to_exit(self) -> Exit {
        let mut signals = Signals::listen();
        let Program { folder, dotenv, options, command } = self;
        let context =
            |migrator: &Migrator, options| folder.context(migrator, options).with_dotenv(!dotenv.no_dotenv);
        match command {
            ProgramCommand::Completions { shell } => {
                super::print_completions(shell, &mut Program::command());
                Exit::Done
            }
            ProgramCommand::New(args) => {
                let read =
                    if args.is_written() { folder.written(&options) } else { Ok(Migrator::new(empty())) };
                let migrator = read.as_ref().map_or_else(|_| Migrator::new(empty()), Clone::clone);
                let context = context(&migrator, options);
                let answer = match read {
                    Ok(_) => {
                        let running = Box::pin(args.run(&folder.folder, &context));
                        super::ended(running, false, &context, &mut signals).await
                    }
                    Err(problem) => Err(problem),
                };
                context.ui.end();
                answer::print("new", answer, &context)
            }
            ProgramCommand::Renumber(args) => {
                // The folder may have two migrations of one version; this command resolves that.
                let context = context(&folder.settings(empty()), options);
                let answer = args.run(&folder.folder, &context).await;
                answer::print("renumber", answer, &context)
            }
            ProgramCommand::Check(args) => {
                let reading = reading(&options);
                let context = context(&Migrator::new(empty()), options);
                answer::print("check", args.run(&folder.folder, folder.set_name(), &reading), &context)
            }
            ProgramCommand::Dev(args) => args.run(&folder, dotenv, &options, signals).await,
            ProgramCommand::OverSet(command) => match folder.migrator_for(&command, &options) {
                Ok(migrator) => super::run(&command, &context(&migrator, options), signals).await,
                Err(problem) => {
                    let context = context(&Migrator::new(empty()), options);
                    answer::print(command.name(), Err(problem), &context)
                }
            },
        }
    }
}

/// The options that a command over files, or over nothing, does not use: all except `used`.
fn unused_over_files(used: &[&str]) -> Vec<Arg> {
    let folder = all_but(|command| DotenvOption::augment_args(FolderArgs::augment_args(command)), used);
    folder.into_iter().chain(unused_of_all(used)).collect()
}

/// A set without migrations, for the commands that read the files themselves.
fn empty() -> Set {
    Set::new(migrate_core::DEFAULT_SET, Vec::new()).expect("no versions, and none twice")
}

/// The configuration of the project that a folder belongs to.
fn project(folder: &Path) -> Result<Config, JudgeError> {
    let project = source::nearest(folder).map(|root| source::of_folder(&root)).transpose()?;
    Ok(project.flatten().unwrap_or_default())
}

/// The placeholders with values, which determine how a folder is read.
fn reading(options: &Options) -> Reading {
    Reading::default().placeholders(options.placeholders.names().map(str::to_owned))
}

impl FolderArgs {
    /// The folder's set. A command that applies nothing leaves unwritten migrations out, with a note.
    fn migrator(&self, applies: bool, options: &Options) -> Result<Migrator, Problem> {
        let reading = reading(options);
        let reading = if applies { reading } else { reading.without_unwritten() };
        let mut migrator = self.settings(Set::from_folder_as(&self.folder, &reading)?);
        migrator.settings.approvals = self.approvals()?;
        Ok(migrator)
    }

    /// The folder's set for a migration that is to be written; empty if the folder has none.
    fn written(&self, options: &Options) -> Result<Migrator, Problem> {
        let has_none = match directory::outline(match folder::collect(&self.folder) {
            Err(FolderError::NotFound { .. }) => return Ok(self.settings(empty())),
            files => files?,
        }) {
            Ok(outline) => outline.names.is_empty(),
            Err(problems) => {
                problems.iter().all(|problem| matches!(problem.kind, ProblemKind::NoMigrations { .. }))
            }
        };
        if has_none { Ok(self.settings(empty())) } else { self.migrator(false, options) }
    }

    /// The approvals of migrate.toml, which `migrate!` embeds in a service. They live as long as the program.
    fn approvals(&self) -> Result<&'static [(&'static str, &'static str, &'static str)], Problem> {
        let config = project(&self.folder)?;
        let kept = |text: &str| -> &'static str { text.to_owned().leak() };
        let approvals = config.lint.approvals(self.set_name()).map(|of| {
            let reason = of.approval.reason.as_deref().unwrap_or_default();
            (kept(&of.migration), kept(&of.approval.rule), kept(reason))
        });
        Ok(approvals.collect::<Vec<_>>().leak())
    }

    /// The migrator for a command.
    fn migrator_for(&self, command: &Command, options: &Options) -> Result<Migrator, Problem> {
        if command.needs_set() {
            self.migrator(command.applies(), options)
        } else {
            Ok(self.settings(empty()))
        }
    }

    fn set_name(&self) -> &str {
        self.set.as_deref().unwrap_or(migrate_core::DEFAULT_SET)
    }

    /// The migrator of a set, with the options that locate its history.
    fn settings(&self, set: Set) -> Migrator {
        let set = match &self.set {
            Some(name) => set.named(name.clone()),
            None => set,
        };
        let mut migrator = Migrator::new(set).program(concat!("migrate ", env!("CARGO_PKG_VERSION")));
        if let Some(schema) = &self.history_schema {
            migrator = migrator.history_schema(schema.clone());
        }
        if let Some(table) = &self.history_table {
            migrator = migrator.history_table(table.clone());
        }
        migrator
    }

    fn context(&self, migrator: &Migrator, options: Options) -> Context {
        let arguments = self.arguments();
        Context::new(migrator, options, None, None).of_folder(self.folder.clone(), &arguments)
    }

    /// The options that locate the same migrations again.
    fn arguments(&self) -> String {
        let folder = self.folder.to_string_lossy();
        let given = [
            ("folder", (folder != "migrations").then_some(&*folder)),
            ("set", self.set.as_deref()),
            ("history-schema", self.history_schema.as_deref()),
            ("history-table", self.history_table.as_deref()),
        ];
        let options =
            given.into_iter().filter_map(|(name, value)| Some(format!(" --{name} {}", quoted(value?))));
        options.collect()
    }
}
