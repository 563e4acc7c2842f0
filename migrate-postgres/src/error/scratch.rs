//! The errors of scratch databases.

use crate::error::{Error, cause};
use migrate_core::advice::{Advice, Call, Explain, Left, NextStep, Setting};
use migrate_core::display::printable::Printable;
use std::fmt;
use std::path::PathBuf;
use tokio_postgres::error::SqlState;

/// The error of a comparison on a scratch database. The target was not changed.
#[non_exhaustive]
pub enum ScratchError {
    /// A connection or a pool does not say how to connect to another database of its server.
    NoUrl,

    /// The role may not create databases.
    NotAllowed {
        /// The role.
        role: String,
        /// The server's message.
        message: String,
    },

    /// The given database is not empty.
    NotEmpty {
        /// Its name.
        database: String,
        /// The number of objects.
        count: usize,
        /// One of them.
        first: String,
    },

    /// The given database has the remains of a comparison whose process was killed, and newer objects.
    LeftBehind {
        /// Its name.
        database: String,
        /// The number of objects.
        count: usize,
        /// One of them.
        first: String,
    },

    /// The given database is the one to compare.
    Same {
        /// Its name.
        database: String,
    },

    /// Another comparison uses the given database.
    InUse {
        /// Its name.
        database: String,
    },

    /// The applied text is not available.
    NoText {
        /// The migration's name.
        name: String,
        /// The content of the history in place of the text.
        problem: String,
    },

    /// The migrations do not run on an empty database.
    Migrating {
        /// The cause.
        source: Box<Error>,
    },

    /// Code in a migration changes objects that all databases of the server share, without its text saying so.
    Shared {
        /// The migration's name.
        name: String,
    },

    /// A statement of plain SQL failed.
    PlainSql {
        /// The file.
        path: String,
        /// The line, starting at 1.
        line: u32,
        /// The column in characters, starting at 1.
        column: u32,
        /// The five characters of SQLSTATE.
        sqlstate: Option<String>,
        /// The server's message.
        message: String,
        /// The server's detail.
        detail: Option<String>,
        /// The server's hint.
        hint: Option<String>,
    },

    /// Plain SQL can't be split into statements.
    PlainText {
        /// The file.
        path: String,
        /// The line, starting at 1.
        line: u32,
        /// The column in characters, starting at 1.
        column: u32,
        /// The fault.
        problem: String,
        /// True if it is meant for psql.
        is_psql: bool,
    },

    /// A file or a folder of plain SQL can't be read.
    File {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },

    /// A folder has no file of plain SQL.
    NoFiles {
        /// The folder.
        path: PathBuf,
    },

    /// There is no such object to rename, or its kind has no such name.
    Rename {
        /// The object, as it was named.
        from: String,
        /// Its new name.
        to: String,
    },

    /// The server reported an error, or the connection was lost.
    Server {
        /// The operation in progress.
        doing: &'static str,
        /// Its name.
        database: String,
        /// The cause.
        source: tokio_postgres::Error,
        /// The advice.
        advice: Advice,
    },
}

migrate_core::display_as_explained!(ScratchError);

impl std::error::Error for ScratchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ScratchError::Migrating { source } => Some(source),
            ScratchError::Server { source, .. } => Some(source),
            ScratchError::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl ScratchError {
    /// The SQLSTATE, if the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            ScratchError::Migrating { source } => source.sqlstate(),
            ScratchError::Server { source, .. } => source.code().map(SqlState::code),
            ScratchError::PlainSql { sqlstate, .. } => sqlstate.as_deref(),
            ScratchError::NoUrl
            | ScratchError::NotAllowed { .. }
            | ScratchError::NotEmpty { .. }
            | ScratchError::LeftBehind { .. }
            | ScratchError::Same { .. }
            | ScratchError::InUse { .. }
            | ScratchError::NoText { .. }
            | ScratchError::Shared { .. }
            | ScratchError::PlainText { .. }
            | ScratchError::File { .. }
            | ScratchError::NoFiles { .. }
            | ScratchError::Rename { .. } => None,
        }
    }
}

impl Explain for ScratchError {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            ScratchError::NoUrl => f.write_str(
                "a comparison needs a scratch database, and an open connection or a pool has no parameters to connect \
                 to one",
            ),
            ScratchError::NotAllowed { role, message } => write!(
                f,
                "the role {role} may not create the scratch database that a comparison needs: {message}"
            ),
            ScratchError::NotEmpty { database, count, first } => write!(
                f,
                "the scratch database {database} is not empty (objects: {count}, for example {first})"
            ),
            ScratchError::LeftBehind { database, count, first } => write!(
                f,
                "the scratch database {database} was left by a comparison whose process was killed, and has objects created since: \
                 {count} in all, for example {first}"
            ),
            ScratchError::Same { database } => {
                write!(f, "the scratch database {database} is the target itself")
            }
            ScratchError::InUse { database } => {
                write!(f, "the scratch database {database} is in use by another comparison")
            }
            ScratchError::NoText { name, problem } => write!(
                f,
                "can't determine what migration {name} made: the set does not have the text that was applied, and the history \
                 {problem}"
            ),
            ScratchError::Migrating { source } => {
                f.write_str("on the scratch database, not on the target: ")?;
                source.fact(f)
            }
            ScratchError::Shared { name } => write!(
                f,
                "migration {name} changes objects that all databases of the server share (roles, databases, settings) in code that \
                 its text does not show, for example a trigger; this was rolled back on the scratch database, so it is unknown what \
                 {name} makes"
            ),
            ScratchError::PlainSql { path, line, column, sqlstate, message, detail, hint } => {
                write!(f, "{path}:{line}:{column}: {message}")?;
                if let Some(code) = sqlstate {
                    write!(f, " (SQLSTATE {code})")?;
                }
                for (word, text) in [("detail", detail), ("hint", hint)] {
                    if let Some(text) = text {
                        write!(f, "\n{word}: {text}")?;
                    }
                }
                Ok(())
            }
            ScratchError::PlainText { path, line, column, problem, .. } => {
                write!(f, "{path}:{line}:{column}: {problem}")
            }
            ScratchError::File { path, source } => write!(f, "can't read `{}`: {source}", path.display()),
            ScratchError::NoFiles { path } => {
                write!(f, "the folder `{}` has no file `*.sql`", path.display())
            }
            ScratchError::Rename { from, to } => write!(f, "can't rename {from} to {to}: the first side has no such object, or none that can have this name"),
            ScratchError::Server { doing, database, source, .. } => {
                write!(f, "{doing} the scratch database {database}: {}", cause(source))
            }
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        let another = |what| NextStep::set(Setting::Scratch, what);
        match self {
            ScratchError::NoUrl => Advice::of(another("give the URL of an empty database"))
                .or(NextStep::fix("give a URL as the target")),
            ScratchError::NotAllowed { role, .. } => Advice::of(another("give the URL of an empty database"))
                .or(NextStep::sql(format!("ALTER ROLE {role} CREATEDB"))),
            ScratchError::NotEmpty { .. } => Advice::fix(
                "give one that is empty except for extensions; a comparison drops everything else afterwards",
            ),
            ScratchError::LeftBehind { .. } => {
                Advice::fix("save what you need of it, then drop and create it")
                    .or(another("give another one"))
            }
            ScratchError::Same { .. } => Advice::of(another("give another, empty database")),
            ScratchError::InUse { .. } => {
                Advice::of(NextStep::wait("wait for it to end")).or(another("give another database"))
            }
            ScratchError::NoText { name, .. } => {
                Advice::fix(format!("compare with a release that has {name} as it was applied"))
            }
            ScratchError::Migrating { source } => after_replay(source),
            ScratchError::Shared { .. } => Advice::fix(
                "move the change of shared objects to a statement of its own, which a comparison leaves out",
            ),
            ScratchError::PlainSql { .. } => {
                Advice::fix("correct the file, so that its statements run in an empty database")
            }
            ScratchError::PlainText { is_psql: true, .. } => Advice::fix(
                "keep the schema alone, without rows and without psql's commands, as pg_dump writes it if it is asked for the schema",
            ),
            ScratchError::PlainText { .. } => Advice::fix("correct the file"),
            ScratchError::File { .. } => Advice::fix("check the path"),
            ScratchError::NoFiles { .. } => Advice::fix("name the file or the folder that has the schema"),
            ScratchError::Rename { .. } => {
                Advice::fix("name the object as it is now, for example users.mail, and its new name")
            }
            ScratchError::Server { advice, .. } => advice.clone(),
        }
    }
}

/// The advice if migrations that ran on the target do not run again.
fn after_replay(error: &Error) -> Advice {
    match error.sqlstate() {
        Some("42704") => Advice::fix(
            "find out what the database has that the scratch database lacks: a role of its server, an object that no migration creates",
        ),
        Some("42501") => Advice::fix("compare as a role that may do what the migrations do"),
        _ => Advice::fix("find out what it needs that the migrations do not create, for example data").or(
            NextStep::call(
                Call::DriftKept,
                "compare with the schema that a run recorded, without running them",
            ),
        ),
    }
}
