//! `renumber`.

use super::name::{Name, has_folders, same_version};
use super::stub::Last;
use super::waiting::wait_for;
use crate::Migrator;
use crate::cli::answer::Answer;
use crate::cli::connection::ConnectionProblem;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::Page;
use crate::cli::problem::Problem;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::directory::source::folder;
use migrate_core::directory::{self, MigrationFile, Outline};
use migrate_core::display::printable::Printable;
use migrate_core::set::Role;
use migrate_core::{FolderError, Layout};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Give an unapplied migration another version
///
/// Renames its files to VERSION, or to the next version after the newest. If a connection is configured, the
/// database is asked first: a migration that is applied there keeps its version.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = unused(&[]),
    after_help = "Examples:\n  migrate renumber 0003              to the next free version\n  migrate renumber 0003_add_tags 0007"
)]
pub(super) struct Args {
    /// The migration: its version, or its name if two share a version
    #[arg(value_name = "MIGRATION")]
    migration: String,
    /// The new version; without it, the next free one
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Do not ask the database whether the migration is applied
    #[arg(long)]
    unchecked: bool,
}

/// The reason why a migration keeps its version.
#[derive(Debug)]
pub(crate) enum RenumberProblem {
    /// No file has that version or name.
    Unknown {
        /// The folder.
        folder: PathBuf,
        /// The migration as it was named on the command line.
        migration: String,
    },
    /// Several migrations have that version.
    Several {
        /// Their version.
        version: String,
        /// Their names.
        names: Vec<String>,
    },
    /// Another migration has the new version.
    Taken {
        /// The new version.
        version: String,
        /// The migration that has it.
        name: String,
    },
    /// The new version is not a valid version.
    NoVersion {
        /// The new version.
        version: String,
    },
    /// The database has applied it.
    Applied {
        /// The migration.
        name: String,
    },
}

impl Explain for RenumberProblem {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            RenumberProblem::Unknown { folder, migration } => {
                write!(f, "`{}` has no migration {migration}", folder.display())
            }
            RenumberProblem::Several { version, names } => {
                write!(f, "several migrations have version {version}: {}", names.join(", "))
            }
            RenumberProblem::Taken { version, name } => write!(f, "version {version} is taken by {name}"),
            RenumberProblem::NoVersion { version } => write!(
                f,
                "`{version}` is not a version: a version is digits, separated by dots, dashes or underscores"
            ),
            RenumberProblem::Applied { name } => write!(
                f,
                "migration {name} is applied in the database: under another version it would be missing there and be applied \
                 again"
            ),
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        match self {
            RenumberProblem::Unknown { .. } => {
                Advice::fix("name an existing migration by its version or name")
            }
            RenumberProblem::Several { .. } => Advice::fix("name the one to renumber"),
            RenumberProblem::Taken { .. } => {
                Advice::fix("choose another version").or(NextStep::fix("omit it to use the next free one"))
            }
            RenumberProblem::NoVersion { .. } => Advice::fix("write it like those in the folder"),
            RenumberProblem::Applied { .. } => {
                Advice::fix("keep its version, and renumber migrations that are not applied")
            }
        }
    }
}

/// The files of the migrations of a folder.
struct Folder<'a> {
    path: &'a Path,
    outline: Outline,
}

impl Args {
    pub(super) async fn run(&self, folder: &Path, context: &Context) -> Result<Answer, Problem> {
        let folder = Folder::read(folder)?;
        let name = self.only(&folder)?;
        let version = match &self.version {
            Some(version) => folder.wanted(version, &name)?,
            None => folder.next_version(&name),
        };
        if !self.unchecked && is_applied(&name, context).await? {
            return Err(RenumberProblem::Applied { name }.into());
        }
        let (renamed, waiting) = (folder.renamed(&name, &version), folder.waiting(&name, &version)?);
        rename(folder.path, &renamed)?;
        for (path, bytes) in &waiting {
            let failed = |source| Problem::File { what: "write", path: folder.path.join(path), source };
            fs::write(folder.path.join(path), bytes).map_err(failed)?;
        }
        let told = renamed.iter().map(|(from, to)| format!("renamed {from} to {to}"));
        let told = told.chain(waiting.iter().map(|(path, _)| format!("{path} waits for {version} now")));
        let page = Page::default().lines(told);
        let files: Vec<_> = renamed.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
        let next =
            Next::default().or(context.invocation.command("check"), "checks the folder without compiling");
        Ok(Answer { next, ..Answer::done(page, json!({ "files": files })) })
    }

    /// The name of the one migration that was meant.
    fn only(&self, folder: &Folder<'_>) -> Result<String, RenumberProblem> {
        let layout = folder.outline.layout;
        let is_meant = |name: &Name<'_>| {
            same_version(name.version, &self.migration) || name.whole(layout) == self.migration
        };
        let named: BTreeSet<String> =
            folder.ups().filter(|(name, _)| is_meant(name)).map(|(name, _)| name.whole(layout)).collect();
        let mut names: Vec<String> = named.into_iter().collect();
        match names.len() {
            0 => {
                let migration = self.migration.clone();
                Err(RenumberProblem::Unknown { folder: folder.path.to_owned(), migration })
            }
            1 => Ok(names.remove(0)),
            _ => Err(RenumberProblem::Several { version: self.migration.clone(), names }),
        }
    }
}

impl<'a> Folder<'a> {
    fn read(path: &'a Path) -> Result<Folder<'a>, Problem> {
        let problems = |problems: migrate_core::Problems| FolderError::Problems {
            path: path.to_owned(),
            problems: problems.under(&path.to_string_lossy()),
        };
        let outline = directory::outline(folder::collect(path)?).map_err(problems)?;
        Ok(Folder { path, outline })
    }

    /// The names and the files of the up scripts.
    fn ups(&self) -> impl Iterator<Item = (Name<'_>, &MigrationFile)> {
        let ups = self.outline.files.iter().filter(|file| file.role == Some(Role::Up));
        ups.filter_map(|file| Some((Name::of(&file.path, self.outline.layout)?.0, file)))
    }

    /// The new version, if it is valid and free.
    fn wanted(&self, version: &str, name: &str) -> Result<String, RenumberProblem> {
        let is_version = version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_digit() || "._-".contains(c));
        if !is_version {
            return Err(RenumberProblem::NoVersion { version: version.to_owned() });
        }
        let other = self
            .ups()
            .map(|(other, _)| (other.version, other.whole(self.outline.layout)))
            .find(|(other, whole)| same_version(other, version) && whole != name);
        match other {
            Some((_, name)) => Err(RenumberProblem::Taken { version: version.to_owned(), name }),
            None => Ok(version.to_owned()),
        }
    }

    /// The version that `new` would choose.
    fn next_version(&self, name: &str) -> String {
        let description = Name::of_migration(name, self.outline.layout).map_or("", |name| name.description());
        let last = Last::of(&self.outline.names, self.outline.layout);
        last.map_or_else(|| "0001".to_owned(), |last| last.next(description, SystemTime::now()))
    }

    /// The up scripts that wait for a migration's backfill, with its new version in their headers. None if several
    /// migrations share its version, since the headers do not tell which is meant.
    fn waiting(&self, name: &str, version: &str) -> Result<Vec<(String, Vec<u8>)>, Problem> {
        let layout = self.outline.layout;
        let Some((own, _)) = self.ups().find(|(other, _)| other.whole(layout) == name) else {
            return Ok(Vec::new());
        };
        let shares =
            |other: &Name<'_>| same_version(other.version, own.version) && other.whole(layout) != name;
        if self.ups().any(|(other, _)| shares(&other)) {
            return Ok(Vec::new());
        }
        let mut waiting = Vec::new();
        for (_, file) in self.ups() {
            let path = self.path.join(&file.path);
            let read = fs::read(&path);
            let mut bytes = read.map_err(|source| Problem::File { what: "read", path, source })?;
            if wait_for(&mut bytes, own.version, version) {
                waiting.push((file.path.clone(), bytes));
            }
        }
        Ok(waiting)
    }

    /// The new paths of a migration's files, or of its folder. If another migration has its version, only the
    /// names tell which files are whose.
    fn renamed(&self, name: &str, version: &str) -> BTreeSet<(String, String)> {
        let layout = self.outline.layout;
        let own = self.ups().find(|(other, _)| other.whole(layout) == name).map(|(_, file)| &file.version);
        let ups = self.ups().filter(|(_, file)| own == Some(&file.version));
        let is_alone = ups.map(|(name, _)| name.whole(layout)).collect::<BTreeSet<_>>().len() == 1;
        let files = self.outline.files.iter().filter(|file| own == Some(&file.version));
        let renamed = files.filter_map(|file| {
            let (found, behind) = Name::of(&file.path, layout)?;
            if !is_alone && found.whole(layout) != name {
                return None;
            }
            let to = found.with_version(version);
            Some(if has_folders(layout) {
                (file.path.strip_suffix(behind)?.to_owned(), to)
            } else {
                (file.path.clone(), to + behind)
            })
        });
        renamed.collect()
    }
}

/// The name of the migration that a file belongs to, from the file's own name or its folder's.
pub(crate) fn migration_of(path: &Path) -> Option<String> {
    let name = |path: Option<&Path>, layout| {
        let (name, _) = Name::of(path?.file_name()?.to_str()?, layout)?;
        Some(name.whole(layout))
    };
    name(Some(path), Layout::Flyway)
        .or_else(|| name(Some(path), Layout::Flat))
        .or_else(|| name(path.parent(), Layout::Folders))
}

/// Renames all files or none, as far as conflicts can be foreseen.
fn rename(folder: &Path, renamed: &BTreeSet<(String, String)>) -> Result<(), Problem> {
    if let Some((_, taken)) = renamed.iter().find(|(_, to)| folder.join(to).exists()) {
        return Err(Problem::Exists { path: folder.join(taken) });
    }
    for (from, to) in renamed {
        let failed = |source| Problem::File { what: "rename", path: folder.join(from), source };
        fs::rename(folder.join(from), folder.join(to)).map_err(failed)?;
    }
    Ok(())
}

/// True if a database is configured and has applied a migration of this name.
async fn is_applied(name: &str, context: &Context) -> Result<bool, Problem> {
    let target = match context.target() {
        Err(Problem::Connection(ConnectionProblem::Nothing)) => return Ok(false),
        target => target?,
    };
    let migrator: &Migrator = &context.migrator;
    let attempts = migrator.history(&target).await?;
    Ok(attempts.iter().any(|attempt| attempt.live && attempt.name == name))
}
