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

/// Back up the database with pg_dump
///
/// Writes a dump in `pg_dump`'s custom format to a new file in FOLDER, checks it with `pg_restore --list`,
/// and records it in the table `migrate_backup` beside the history. Prints how to restore it.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&[]),
    after_help = "Exit code 10 means that no backup was made.\n\nExample:\n  migrate backup /var/backups/app && migrate up"
)]
pub(crate) struct Args {
    /// The folder, which must exist
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
    #[command(flatten)]
    programs: Programs,
}

/// The settings of a backup.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Backup")]
struct Programs {
    /// The folder of pg_dump and pg_restore [default: the oldest installed version that is not older than the
    /// server's]
    #[arg(long, value_name = "FOLDER")]
    pg_bin: Option<PathBuf>,
    /// Free space to require in addition to the size of the database
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
    /// Back up the database to this folder before changing anything, as `backup` does; skipped if there is
    /// nothing to do
    #[arg(long, value_name = "FOLDER")]
    backup: Option<PathBuf>,
    #[command(flatten)]
    programs: Programs,
}

impl First {
    /// The migrator, set to make the backup first.
    pub(super) fn apply_to(&self, migrator: &Migrator) -> Migrator {
        match &self.backup {
            Some(folder) => migrator.clone().backup_before(self.programs.backups(folder)),
            None => migrator.clone(),
        }
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let backups = self.programs.backups(&self.to);
        context.migrator.backup(&context.target()?, backups).await?;
        // Every answer reports the backup that was made.
        Ok(Answer::done(Page::default(), json!({})))
    }
}
