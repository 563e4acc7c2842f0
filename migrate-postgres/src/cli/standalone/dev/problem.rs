//! The reasons why `dev` leaves a database as it is.

use crate::cli::invocation::quoted;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::display::printable::Printable;
use std::fmt;

/// The reason why `dev` leaves a database as it is.
#[derive(Debug)]
pub(crate) enum DevProblem {
    /// The database is not marked as a development database.
    NotDevelopment {
        /// Its name.
        database: String,
    },
    /// Edited migrations are released.
    Released {
        /// Their names.
        names: Vec<String>,
        /// Their files, relative to the folder.
        paths: Vec<String>,
        /// The branch that counts.
        branch: String,
        /// The commit that has them.
        base: String,
    },
    /// A migration can't be taken back.
    NoDown {
        /// The migration.
        name: String,
        /// The edited migration, before or the same.
        edited: String,
    },
    /// It is unknown whether an edited migration is released.
    Unknown {
        /// The migration.
        name: String,
        /// The reason.
        why: String,
    },
    /// The migration for a schema is not proved.
    Unproved {
        /// The reasons.
        reasons: Vec<String>,
    },
    /// The database for a copy can't be made.
    Copy {
        /// Its name.
        database: String,
        /// The server's message, or the reason.
        message: String,
    },
}

impl DevProblem {
    /// Its name in the JSON output.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            DevProblem::NotDevelopment { .. } => "not_development",
            DevProblem::Released { .. } => "released",
            DevProblem::NoDown { .. } => "no_down",
            DevProblem::Unknown { .. } => "release_unknown",
            DevProblem::Unproved { .. } => "unproved",
            DevProblem::Copy { .. } => "copy",
        }
    }

    /// The command lines to choose from, without the program's name, each with its effect.
    pub(crate) fn commands(&self) -> Vec<(String, &'static str)> {
        match self {
            DevProblem::NotDevelopment { .. } => {
                vec![("dev --mark-development".to_owned(), "marks it, and goes on")]
            }
            DevProblem::NoDown { .. } => vec![
                (
                    format!("dev --copy-to {}", quoted("app_dev_2")),
                    "builds another database, with the rows that fit",
                ),
                ("reset".to_owned(), "drops everything in this database and rebuilds it"),
            ],
            DevProblem::Unknown { .. } => {
                vec![("redo".to_owned(), "takes the last migration back and applies it again")]
            }
            DevProblem::Released { .. } | DevProblem::Copy { .. } | DevProblem::Unproved { .. } => Vec::new(),
        }
    }
}

impl Explain for DevProblem {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            DevProblem::NotDevelopment { database } => write!(
                f,
                "the database {database} is not marked as a development database, and `dev` takes edited migrations back"
            ),
            DevProblem::Released { names, branch, base, .. } => {
                let (were, are) = if names.len() == 1 { ("was", "is") } else { ("were", "are") };
                write!(
                    f,
                    "{} {were} edited after being applied, and {are} released: the branch {branch} has {} (commit {base}), so \
                     other databases may have applied the old text",
                    names.join(", "),
                    if names.len() == 1 { "it" } else { "them" }
                )
            }
            DevProblem::NoDown { name, edited } if name == edited => {
                write!(
                    f,
                    "{edited} was edited after being applied, and has no down script to take it back with"
                )
            }
            DevProblem::NoDown { name, edited } => write!(
                f,
                "{edited} was edited after being applied, and {name}, which was applied after it, has no down script to take it \
                 back with"
            ),
            DevProblem::Unknown { name, why } => {
                write!(
                    f,
                    "{name} was edited after being applied, and it is unknown whether it is released: {why}"
                )
            }
            DevProblem::Unproved { reasons } => {
                write!(f, "the migration that makes the wished schema is not proved: {}", reasons.join("; "))
            }
            DevProblem::Copy { database, message } => {
                write!(f, "can't make the database {database} for the copy: {message}")
            }
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        match self {
            DevProblem::NotDevelopment { .. } => {
                Advice::fix("mark it, if all that is in it may be lost; otherwise use `up`")
            }
            DevProblem::Released { paths, base, .. } => {
                let files = paths.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(" ");
                Advice::fix(format!(
                    "restore the released text (in the folder: `git checkout {base} {files}`), and write a new migration"
                ))
            }
            DevProblem::NoDown { .. } => {
                Advice::fix("write a down script that reverts the text that was applied")
                    .or(NextStep::fix("build another database"))
            }
            DevProblem::Unknown { .. } => Advice::fix("decide yourself"),
            DevProblem::Unproved { .. } => Advice::fix("write this migration by hand; `diff` shows its SQL"),
            DevProblem::Copy { .. } => {
                Advice::fix("give the URL of an empty database with `--copy-to`, or a role with CREATEDB")
            }
        }
    }
}
