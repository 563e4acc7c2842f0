//! The errors of a command.

use super::connection::ConnectionProblem;
use super::signals::Signal;
use super::standalone::{DevProblem, Incomplete, RenumberProblem, RewriteProblem};
use crate::error::Error;
use migrate_core::FolderError;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::config::JudgeError;
use migrate_core::display::printable::Printable;
use migrate_core::lint::LintError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The error of a command.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The library's own errors.
    Migrate(Error),

    /// A verify script, run on its own, failed.
    Refuted(Box<migrate_core::Failure>),

    /// The connection is not configured, or not correctly.
    Connection(ConnectionProblem),

    /// The folder can't be read as a set.
    Folder(FolderError),

    /// A file can't be read or written.
    File {
        /// The action.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },

    /// A file to be created already exists.
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// A name without letters and digits.
    NewName {
        /// The name as it was given.
        name: String,
    },

    /// A column that `new --fill` can't fill.
    NewFill {
        /// The expected form of its options.
        expected: &'static str,
    },

    /// A layout in which `new` creates no files.
    NewLayout {
        /// The layout's name.
        layout: String,
        /// True if it creates files, but no down scripts.
        down: bool,
    },

    /// A reset of a database that is not marked as a development database.
    NotDevelopment {
        /// Its name.
        database: String,
    },

    /// A revert that was not confirmed.
    NotConfirmed {
        /// The database.
        database: String,
        /// The server.
        server: String,
        /// The migrations, in the order of reverting.
        names: Vec<String>,
        /// True if the question was asked.
        asked: bool,
    },

    /// A reset with the name of another database.
    OtherDatabase {
        /// Its name.
        database: String,
        /// The name on the command line.
        confirmed: String,
    },

    /// A reset of a database that subscribes to others.
    Subscriptions {
        /// Its name.
        database: String,
        /// The subscriptions.
        names: Vec<String>,
    },

    /// A reset has emptied the database, and the run that was to rebuild it failed.
    Rebuilding {
        /// Its name.
        database: String,
        /// The error of the run.
        error: Box<Error>,
        /// The command that resets the database again, without the program's name.
        again: String,
    },

    /// The seed script failed.
    Seed {
        /// The position in it: ` at seed.sql:3:1`.
        place: String,
        /// The server's words.
        message: String,
        /// True if nothing of it is left.
        is_rolled_back: bool,
        /// The number of steps in which the database was rebuilt.
        steps: usize,
        /// The command that resets the database again, without the program's name.
        again: String,
    },

    /// A reset has rebuilt the database, and a seed of the set failed.
    Seeding {
        /// Its name.
        database: String,
        /// The number of steps in which the database was rebuilt.
        steps: usize,
        /// The error of the seed.
        error: Box<Error>,
    },

    /// No schema is recorded.
    NotKept,

    /// The recorded schema is older than the last migrations that were applied or reverted.
    KeptEarlier {
        /// When it was recorded.
        at: String,
    },

    /// A migration keeps its version.
    Renumber(RenumberProblem),

    /// The folder is not rewritten.
    Rewrite(RewriteProblem),

    /// Objects are dropped and created that may have been renamed.
    PerhapsRenamed {
        /// Each as its kind, its name and the new name.
        renames: Vec<(String, String, String)>,
    },

    /// A baseline of a folder that has migrations.
    NotEmptyFolder {
        /// Their number.
        count: usize,
    },

    /// A database that `dev` does not change.
    Dev(DevProblem),

    /// Migrations without scripts that are required.
    Incomplete(Vec<Incomplete>),

    /// The set can't be judged.
    Judge(JudgeError),

    /// Ended by a signal.
    Interrupted(Signal),
}

impl Problem {
    /// Its name in the JSON output.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Problem::Migrate(error) => error.kind().word(),
            Problem::Rebuilding { error, .. } | Problem::Seeding { error, .. } => error.kind().word(),
            Problem::Refuted(_) => "refuted",
            Problem::Connection(_) => "connection",
            Problem::Folder(FolderError::Problems { .. }) => "problems",
            Problem::Folder(_) | Problem::File { .. } => "file",
            Problem::Exists { .. } => "exists",
            Problem::NewName { .. } => "name",
            Problem::NewFill { .. } => "fill",
            Problem::NewLayout { .. } => "layout",
            Problem::NotDevelopment { .. } => "not_development",
            Problem::NotConfirmed { .. } => "not_confirmed",
            Problem::OtherDatabase { .. } => "other_database",
            Problem::Subscriptions { .. } => "subscriptions",
            Problem::Seed { .. } => "seed",
            Problem::Renumber(problem) => match problem {
                RenumberProblem::Unknown { .. } => "unknown_version",
                RenumberProblem::Several { .. } => "several",
                RenumberProblem::Taken { .. } => "exists",
                RenumberProblem::NoVersion { .. } => "version",
                RenumberProblem::Applied { .. } => "applied",
            },
            Problem::Rewrite(problem) => match problem {
                RewriteProblem::NothingApplied => "nothing_applied",
                RewriteProblem::Version { .. } => "version",
                RewriteProblem::Exists { .. } => "exists",
                RewriteProblem::NotAFile { .. } => "not_a_file",
                RewriteProblem::Order { .. } => "order",
            },
            Problem::PerhapsRenamed { .. } => "perhaps_renamed",
            Problem::NotEmptyFolder { .. } => "not_empty",
            Problem::Dev(problem) => problem.kind(),
            Problem::NotKept | Problem::KeptEarlier { .. } => "not_kept",
            Problem::Incomplete(_) => "incomplete",
            Problem::Judge(error) => match error {
                JudgeError::File { .. } => "file",
                JudgeError::Config(_) => "config",
                JudgeError::Facts { .. } => "facts",
                JudgeError::UnknownSince { .. } => "unknown_version",
                JudgeError::Lint(LintError::UnknownRule { .. }) => "unknown_rule",
                _ => "lint",
            },
            Problem::Interrupted(_) => "interrupted",
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::Migrate(error)
    }
}

impl From<ConnectionProblem> for Problem {
    fn from(problem: ConnectionProblem) -> Problem {
        Problem::Connection(problem)
    }
}

impl From<FolderError> for Problem {
    fn from(error: FolderError) -> Problem {
        Problem::Folder(error)
    }
}

impl From<JudgeError> for Problem {
    fn from(error: JudgeError) -> Problem {
        Problem::Judge(error)
    }
}

impl From<RewriteProblem> for Problem {
    fn from(problem: RewriteProblem) -> Problem {
        Problem::Rewrite(problem)
    }
}

impl From<DevProblem> for Problem {
    fn from(problem: DevProblem) -> Problem {
        Problem::Dev(problem)
    }
}

impl From<RenumberProblem> for Problem {
    fn from(problem: RenumberProblem) -> Problem {
        Problem::Renumber(problem)
    }
}

impl Explain for Problem {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Problem::Migrate(error) => error.fact(f),
            Problem::Rebuilding { error, .. } | Problem::Seeding { error, .. } => error.fact(f),
            Problem::Refuted(failure) => failure.fact(f),
            Problem::Connection(problem) => problem.fact(f),
            Problem::Folder(error) => write!(f, "{error}"),
            Problem::File { what, path, source } => write!(f, "can't {what} `{}`: {source}", path.display()),
            Problem::Exists { path } => write!(f, "`{}` already exists", path.display()),
            Problem::NewName { name } => write!(f, "`{name}` has no letter or digit"),
            Problem::NewFill { expected } => f.write_str(expected),
            Problem::NewLayout { layout, down: false } => {
                write!(f, "can't create a migration in the {layout} layout")
            }
            Problem::NewLayout { layout, down: true } => write!(f, "the {layout} layout has no down scripts"),
            Problem::NotDevelopment { database } => write!(
                f,
                "the database {database} is not marked as a development database, and a reset drops everything in it"
            ),
            Problem::NotConfirmed { database, server, names, asked } => write!(
                f,
                "reverting {} in the database {database} ({server}) was not confirmed: {}",
                names.join(", "),
                if *asked {
                    "the answer was not yes"
                } else {
                    "there is no terminal to ask for confirmation"
                }
            ),
            Problem::OtherDatabase { database, confirmed } => {
                write!(f, "the database is {database}, not {confirmed}")
            }
            Problem::Subscriptions { database, names } => write!(
                f,
                "the database {database} has subscriptions ({}); a reset would leave their slots on the publisher, which would \
                 keep its WAL",
                names.join(", ")
            ),
            Problem::Seed { place, message, .. } => write!(f, "the seed script failed{place}: {message}"),
            Problem::NotKept => f.write_str("no schema is recorded to compare with"),
            Problem::KeptEarlier { at } => {
                write!(f, "the schema recorded at {at} is outdated: a later run recorded none")
            }
            Problem::Renumber(problem) => problem.fact(f),
            Problem::Rewrite(problem) => problem.fact(f),
            Problem::PerhapsRenamed { renames } => {
                f.write_str("it is not clear whether objects were renamed, or dropped and created:")?;
                renames
                    .iter()
                    .try_for_each(|(kind, from, to)| write!(f, "\n  {kind} {from}, or {to} of the same type"))
            }
            Problem::NotEmptyFolder { count } => {
                write!(f, "the folder has migrations ({count}), and a baseline is its first one")
            }
            Problem::Dev(problem) => problem.fact(f),
            Problem::Incomplete(migrations) => {
                let lines: Vec<String> = migrations.iter().map(Incomplete::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Problem::Judge(error) => write!(f, "{error}"),
            Problem::Interrupted(signal) => f.write_str(signal.past()),
        }
    }

    fn left(&self) -> Left {
        match self {
            Problem::Migrate(error) => error.left(),
            // The database is empty at least.
            Problem::Rebuilding { error, .. } => match error.left() {
                Left::Nothing => Left::Steps { done: error.report().map_or(0, |report| report.steps.len()) },
                left => left,
            },
            Problem::Seeding { error, .. } if error.left() == Left::Unknown => Left::Unknown,
            Problem::Seed { is_rolled_back: true, steps, .. } | Problem::Seeding { steps, .. } => {
                Left::Steps { done: *steps }
            }
            Problem::Seed { is_rolled_back: false, .. } => Left::Unknown,
            Problem::Interrupted(_) => Left::Unknown,
            Problem::Refuted(_)
            | Problem::Connection(_)
            | Problem::Folder(_)
            | Problem::File { .. }
            | Problem::Exists { .. }
            | Problem::NewName { .. }
            | Problem::NewFill { .. }
            | Problem::NewLayout { .. }
            | Problem::NotDevelopment { .. }
            | Problem::NotConfirmed { .. }
            | Problem::OtherDatabase { .. }
            | Problem::Subscriptions { .. }
            | Problem::NotKept
            | Problem::KeptEarlier { .. }
            | Problem::Incomplete(_)
            | Problem::Judge(_)
            | Problem::Rewrite(_)
            | Problem::Dev(_)
            | Problem::PerhapsRenamed { .. }
            | Problem::NotEmptyFolder { .. }
            | Problem::Renumber(_) => Left::Nothing,
        }
    }

    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Problem::Migrate(error) => error.state(f),
            Problem::Rebuilding { database, error, .. } => match error.report() {
                Some(_) => {
                    error.state(f)?;
                    write!(f, "; {database} was emptied before it")
                }
                None if error.left() == Left::Unknown => {
                    write!(f, "\ndatabase: {database} was emptied; committed migrations stay")
                }
                None => write!(f, "\ndatabase: {database} was emptied, and no migration is applied"),
            },
            Problem::Refuted(failure) => {
                write!(f, "\ndatabase: {} is applied as before; nothing was changed", failure.name)
            }
            Problem::Seeding { database, error, .. } => {
                error.state(f)?;
                write!(f, "; {database} was emptied and rebuilt before it")
            }
            Problem::Seed { is_rolled_back: true, .. } => {
                f.write_str("\ndatabase: rebuilt; the seed script left nothing behind")
            }
            Problem::Seed { is_rolled_back: false, .. } => {
                f.write_str("\ndatabase: rebuilt; statements of the seed script may be done and committed")
            }
            Problem::Interrupted(_) => f.write_str(
                "; the migration in progress is rolled back, or stopped at a checkpoint if it runs statement by statement",
            ),
            Problem::PerhapsRenamed { .. } => f.write_str("\nnothing was written"),
            Problem::Exists { .. }
            | Problem::NotEmptyFolder { .. }
            | Problem::NewName { .. }
            | Problem::NewFill { .. }
            | Problem::NewLayout { .. }
            | Problem::Rewrite(_) => f.write_str("; nothing was written"),
            Problem::Renumber(_) => f.write_str("; nothing was renamed"),
            // These are about files or settings, and no database was contacted.
            Problem::Connection(_)
            | Problem::Folder(_)
            | Problem::File { .. }
            | Problem::Incomplete(_)
            | Problem::Judge(_) => Ok(()),
            Problem::NotDevelopment { .. }
            | Problem::NotConfirmed { .. }
            | Problem::OtherDatabase { .. }
            | Problem::Subscriptions { .. }
            | Problem::Dev(_)
            | Problem::NotKept
            | Problem::KeptEarlier { .. } => write!(f, "; {}", self.left()),
        }
    }

    fn details(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Problem::Migrate(error) => error.details(f),
            Problem::Rebuilding { error, .. } | Problem::Seeding { error, .. } => error.details(f),
            _ => Ok(()),
        }
    }

    fn advice(&self) -> Advice {
        match self {
            Problem::Migrate(error) => error.advice(),
            // `up` would run no seed script.
            Problem::Rebuilding { error, .. } => error.advice().then(NextStep::fix("reset again")),
            Problem::Refuted(_) => Advice::fix("find out what changed since it was applied")
                .or(NextStep::fix("correct the verify script")),
            Problem::Connection(problem) => problem.advice(),
            Problem::Folder(_) | Problem::File { .. } => Advice::NONE,
            Problem::Exists { .. } => Advice::fix("give the migration another name"),
            Problem::NewName { .. } => Advice::fix("name what the migration does, for example create_users"),
            Problem::NewFill { .. } => {
                Advice::fix("give the column, its type and its value, and quote them for the shell")
            }
            Problem::NewLayout { down: false, .. } => Advice::fix("write the migration by hand"),
            Problem::NewLayout { down: true, .. } => {
                Advice::fix("omit --with-down, and revert the migration with another one")
            }
            Problem::NotDevelopment { .. } => Advice::fix("mark it as a development database")
                .or(NextStep::fix("confirm the reset with its name")),
            Problem::NotConfirmed { asked: true, .. } => Advice::fix("check the steps with `--dry-run`"),
            Problem::NotConfirmed { asked: false, .. } => Advice::NONE.or_if(
                "you accept that everything the down scripts drop is lost, rows included",
                NextStep::fix("give `--yes`"),
            ),
            Problem::OtherDatabase { .. } => Advice::fix("check which database the connection leads to"),
            Problem::Subscriptions { names, .. } => {
                let first = names.first().map_or("", String::as_str);
                let drop = format!("DROP SUBSCRIPTION {}", crate::sql::quote::quote_if_needed(first));
                Advice::of(NextStep::sql_to("drop them first", drop))
            }
            Problem::Seeding { error, .. } => error.advice(),
            Problem::Seed { .. } => Advice::fix("correct the script, and reset again"),
            Problem::NotKept => Advice::fix("record it in each run with `--snapshot-schema`")
                .or(NextStep::fix("record the current one with `drift --keep`"))
                .or(NextStep::fix("compare without `--kept`")),
            Problem::KeptEarlier { .. } => Advice::fix(
                "compare without `--kept`, and record the schema with `drift --keep` if all is well",
            ),
            Problem::Renumber(problem) => problem.advice(),
            Problem::Rewrite(problem) => problem.advice(),
            Problem::PerhapsRenamed { renames } => {
                let (_, from, to) = renames.first().cloned().unwrap_or_default();
                let name = to.rsplit('.').next().unwrap_or(&to).to_owned();
                Advice::fix(format!("say that it was renamed: `--rename {from}={name}`"))
                    .or(NextStep::fix("say so beside the object: `-- migrate: renamed_from=…`"))
                    .or(NextStep::fix("drop the one, with its data, and create the other: `--no-renames`"))
            }
            Problem::NotEmptyFolder { .. } => {
                Advice::fix("write what the database has beside them: `new` with `--to-database`")
            }
            Problem::Dev(problem) => problem.advice(),
            Problem::Incomplete(_) => Advice::fix("write the missing scripts")
                .or(NextStep::fix("require them only of later migrations, with `--since`")),
            Problem::Judge(JudgeError::Lint(LintError::UnknownRule { .. })) => {
                Advice::fix("choose one of `check --rules`")
            }
            Problem::Judge(JudgeError::UnknownSince { .. }) => {
                Advice::fix("name a migration by its version or name")
            }
            Problem::Judge(_) => Advice::NONE,
            Problem::Interrupted(_) => Advice::fix("check the state of the database"),
        }
    }
}
