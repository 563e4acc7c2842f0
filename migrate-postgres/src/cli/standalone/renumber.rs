//! `renumber`.

use super::stub::Last;
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
use migrate_core::display::printable::Printable;
use migrate_core::{FolderError, directory};
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

/// A migration's name in a folder: `V`, version, separator, and description.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name<'f> {
    prefix: &'f str,
    version: &'f str,
    /// The rest from the underscore on, without the suffixes that distinguish a migration's files.
    rest: &'f str,
}

impl<'f> Name<'f> {
    /// Splits an entry into the migration's name and the rest.
    pub(super) fn of(entry: &'f str) -> Option<(Name<'f>, &'f str)> {
        let digits = entry.trim_start_matches(['V', 'U']);
        let prefix = &entry[..entry.len() - digits.len()];
        if prefix.len() > 1 || !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let separator = if prefix.is_empty() { "_" } else { "__" };
        let (version, _) = digits.split_once(separator)?;
        let (_, rest) = digits.split_at(version.len());
        let ends = [".up.sql", ".down.sql", ".verify.sql", ".sql"];
        let end = ends
            .into_iter()
            .find_map(|end| rest.len().checked_sub(end.len()).filter(|_| rest.ends_with(end)));
        let (rest, behind) = rest.split_at(end.unwrap_or(rest.len()));
        Some((Name { prefix, version, rest }, behind))
    }

    /// The name as a history stores it.
    pub(super) fn whole(&self) -> String {
        // A Flyway undo script belongs to the migration with the prefix `V`.
        let prefix = if self.prefix.is_empty() { "" } else { "V" };
        format!("{prefix}{}{}", self.version, self.rest)
    }

    /// The description behind the version.
    pub(super) fn description(&self) -> &'f str {
        self.rest.trim_start_matches('_')
    }

    fn is(&self, migration: &str) -> bool {
        same_version(self.version, migration) || self.whole() == migration
    }
}

/// Leading zeros do not count.
fn same_version(a: &str, b: &str) -> bool {
    a.trim_start_matches('0') == b.trim_start_matches('0')
}

impl Args {
    pub(super) async fn run(&self, folder: &Path, context: &Context) -> Result<Answer, Problem> {
        let entries = entries(folder)?;
        let named = |entry: &&String| Name::of(entry).is_some_and(|(name, _)| name.is(&self.migration));
        let of_it: Vec<&String> = entries.iter().filter(named).collect();
        let name = self.only(folder, &of_it)?;
        let version = match &self.version {
            Some(version) => Args::wanted(version, &entries, &name)?,
            None => next_version(folder, &name)?,
        };
        if !self.unchecked && is_applied(&name, context).await? {
            return Err(RenumberProblem::Applied { name }.into());
        }
        let renamed: Vec<(String, String)> = of_it
            .iter()
            .filter_map(|entry| Some(((*entry).clone(), with_version(entry, &version)?)))
            .collect();
        rename(folder, &renamed)?;
        let page = Page::default().lines(renamed.iter().map(|(from, to)| format!("renamed {from} to {to}")));
        let files: Vec<_> = renamed.iter().map(|(from, to)| json!({ "from": from, "to": to })).collect();
        let next =
            Next::default().or(context.invocation.command("check"), "checks the folder without compiling");
        Ok(Answer { next, ..Answer::done(page, json!({ "files": files })) })
    }

    /// The name of the one migration that was meant.
    fn only(&self, folder: &Path, entries: &[&String]) -> Result<String, RenumberProblem> {
        let names: BTreeSet<String> =
            entries.iter().filter_map(|entry| Name::of(entry)).map(|(name, _)| name.whole()).collect();
        let mut names: Vec<String> = names.into_iter().collect();
        match names.len() {
            0 => {
                let migration = self.migration.clone();
                Err(RenumberProblem::Unknown { folder: folder.to_owned(), migration })
            }
            1 => Ok(names.remove(0)),
            _ => Err(RenumberProblem::Several { version: self.migration.clone(), names }),
        }
    }

    /// The new version, if it is valid and free.
    fn wanted(version: &str, entries: &[String], name: &str) -> Result<String, RenumberProblem> {
        let is_version = version.starts_with(|c: char| c.is_ascii_digit())
            && version.chars().all(|c| c.is_ascii_digit() || "._-".contains(c));
        if !is_version {
            return Err(RenumberProblem::NoVersion { version: version.to_owned() });
        }
        let mut names = entries.iter().filter_map(|entry| Name::of(entry)).map(|(name, _)| name);
        match names.find(|other| same_version(other.version, version) && other.whole() != name) {
            Some(other) => Err(RenumberProblem::Taken { version: version.to_owned(), name: other.whole() }),
            None => Ok(version.to_owned()),
        }
    }
}

/// The version that `new` would choose.
fn next_version(folder: &Path, name: &str) -> Result<String, Problem> {
    let problems = |problems: migrate_core::Problems| FolderError::Problems {
        path: folder.to_owned(),
        problems: problems.under(&folder.to_string_lossy()),
    };
    let outline = directory::outline(folder::collect(folder)?).map_err(problems)?;
    let rest = Name::of(name).map_or("", |(name, _)| name.rest.trim_start_matches('_'));
    let last = Last::of(&outline.names, outline.layout);
    Ok(last.map_or_else(|| "0001".to_owned(), |last| last.next(rest, SystemTime::now())))
}

/// The name of the migration that a file belongs to, from the file's own name or its folder's.
pub(crate) fn migration_of(path: &Path) -> Option<String> {
    let entry = |path: &Path| Some(Name::of(path.file_name()?.to_str()?)?.0.whole());
    entry(path).or_else(|| entry(path.parent()?))
}

/// The entries of a migrations folder: files, and in some layouts one folder per migration.
fn entries(folder: &Path) -> Result<Vec<String>, Problem> {
    let files = folder::collect(folder)?;
    let first = |path: &str| path.split('/').next().unwrap_or(path).to_owned();
    let entries: BTreeSet<String> = files.iter().map(|file| first(&file.path)).collect();
    Ok(entries.into_iter().collect())
}

/// An entry's name with another version.
pub(super) fn with_version(entry: &str, version: &str) -> Option<String> {
    let (name, behind) = Name::of(entry)?;
    Some(format!("{}{version}{}{behind}", name.prefix, name.rest))
}

/// Renames all files or none, as far as conflicts can be foreseen.
fn rename(folder: &Path, renamed: &[(String, String)]) -> Result<(), Problem> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_put_together_in_every_layout() {
        for (entry, expected) in [
            ("0003_add_tags.up.sql", "0007_add_tags.up.sql"),
            ("3_add_tags.sql", "0007_add_tags.sql"),
            ("V1_2__tags.verify.sql", "V0007__tags.verify.sql"),
            ("U3__tags.sql", "U0007__tags.sql"),
            ("20260101000000_tags", "0007_tags"),
            ("2026-01-01-000000_tags", "0007_tags"),
        ] {
            assert_eq!(with_version(entry, "0007").as_deref(), Some(expected));
        }
        assert_eq!(with_version("R__views.sql", "0007"), None);
        assert_eq!(with_version("README.md", "0007"), None);
    }

    #[test]
    fn a_migration_is_named_by_its_version_or_by_its_name() {
        let (name, _) = Name::of("0003_add_tags.down.sql").unwrap();
        assert!(name.is("3") && name.is("0003") && name.is("0003_add_tags"));
        assert!(!name.is("30") && !name.is("add_tags"));
    }
}
