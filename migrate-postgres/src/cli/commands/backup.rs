//! `backup`, and the options of the commands that make one first.

use crate::Migrator;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::options::unused;
use crate::cli::page::Page;
use crate::cli::problem::Problem;
use crate::cli::size::parse_size;
use crate::settings::Backups;
use serde_json::json;
use std::path::PathBuf;

/// Dump the database now
///
/// By `pg_dump` in its custom format, into a new file of the folder. The file is checked with `pg_restore --list`, and recorded in the
/// table `migrate_backup` beside the history. How to restore it is printed.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&[]),
    after_help = "Exit code 10 says that there is no backup.\n\nExample:\n  migrate backup /var/backups/app && migrate up"
)]
pub(crate) struct Args {
    /// The folder, which has to be there
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    programs: Programs,
}

/// By what a backup is made.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Backup")]
struct Programs {
    /// The folder of pg_dump and pg_restore, instead of the oldest ones that are not older than the server
    #[arg(long, value_name = "FOLDER")]
    pg_bin: Option<PathBuf>,
    /// How much has to stay free beside what the database takes
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = parse_size)]
    reserve: u64,
}

impl Programs {
    fn backups(&self, folder: &std::path::Path) -> Backups {
        let backups = Backups::to(folder).reserve(self.reserve);
        self.pg_bin.iter().fold(backups, Backups::programs)
    }
}

/// A backup before anything is changed.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Backup")]
#[command(mut_arg("pg_bin", |arg| arg.requires("backup")), mut_arg("reserve", |arg| arg.requires("backup")))]
pub(super) struct First {
    /// Dump the database into this folder before anything is changed, as `backup` does; not where there is nothing to do
    #[arg(long, value_name = "FOLDER")]
    backup: Option<PathBuf>,
    #[command(flatten)]
    programs: Programs,
}

impl First {
    /// The migrator that makes the backup first.
    pub(super) fn apply_to(&self, migrator: &Migrator) -> Migrator {
        match &self.backup {
            Some(folder) => migrator.clone().backup(self.programs.backups(folder)),
            None => migrator.clone(),
        }
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let backups = self.programs.backups(&self.to);
        context.migrator.back_up(&context.target()?, backups).await?;
        // What was made is told of with every answer.
        Ok(Answer::done(Page::default(), json!({})))
    }
}
