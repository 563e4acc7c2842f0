use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use super::server::ShutdownMode;

/// Why a test server or a test database could not be had.
///
/// Cloneable, because every test of a process that shares a server is told why that server did not
/// start.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TestingError {
    /// This machine has no PostgreSQL server, at least in no place that was looked at.
    #[error(
        "no PostgreSQL server found: install one (`apt-get install postgresql`, \
         `dnf install postgresql-server`, `apk add postgresql17`, `brew install postgresql@17`), or set \
         MIGRATE_TEST_PG_BIN to the folder of its `postgres` and `initdb`, or set DATABASE_URL to a running server"
    )]
    NoBinaries {
        /// The folders that were looked at, in order.
        searched: Vec<PathBuf>,
    },

    /// A folder that was asked for by name is not one of a PostgreSQL server.
    #[error("{}", migrate_core::clean!("`{}` (from {origin}) holds no `postgres` and `initdb`: name the `bin` folder of a PostgreSQL server", path.display()))]
    NotBinaries {
        /// The folder.
        path: PathBuf,
        /// Who named it, such as `MIGRATE_TEST_PG_BIN`.
        origin: &'static str,
    },

    /// `postgres --version` says something else than a version.
    #[error("{}", migrate_core::clean!("`{} --version` says `{text}`, which holds no version: is it PostgreSQL's?", path.display()))]
    UnknownVersion {
        /// The program that was asked.
        path: PathBuf,
        /// What it said.
        text: String,
    },

    /// The tests run as root, and there is no user to run the server as.
    #[error(
        "PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`: \
         add one of them, or run the tests as another user"
    )]
    NoUnprivilegedUser,

    /// The tests run as root, and the user to run the server as can't enter a folder that it needs.
    #[error("{}", migrate_core::clean!(
        "PostgreSQL refuses to run as root, and the user `{user}` can't enter `{}`: \
         allow it with `chmod o+x` on that folder and those above it, or use another one", path.display()
    ))]
    Unreachable {
        /// The folder.
        path: PathBuf,
        /// The user whom the server would run as.
        user: String,
    },

    /// No temporary folder has a path short enough for a Unix socket.
    #[error("{}", migrate_core::clean!(
        "the path of a socket in `{}` would be longer than the {limit} bytes that the system allows: \
         set TMPDIR to a shorter path", path.display()
    ))]
    PathTooLong {
        /// The temporary folder.
        path: PathBuf,
        /// The number of bytes that a socket's path may have.
        limit: usize,
    },

    /// The system refused something.
    #[error("{}", migrate_core::clean!("can't {action} `{}`: {source}", path.display()))]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which file, folder or program.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },

    /// `initdb` did not make a data folder.
    #[error("{}", migrate_core::clean!("`{}` failed ({status}):\n{output}", program.display()))]
    Initdb {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of what it wrote.
        output: String,
    },

    /// The server ended before it was ready; its log says why.
    #[error("{}", migrate_core::clean!("PostgreSQL did not start ({status}); the end of its log:\n{log}"))]
    Start {
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },

    /// The server was not ready in time.
    #[error("{}", migrate_core::clean!("PostgreSQL was not ready after {seconds} s; the end of its log:\n{log}"))]
    StartTimeout {
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },

    /// The server did not stop in time; it still runs.
    #[error("{}", migrate_core::clean!(
        "PostgreSQL did not stop within {seconds} s of a {mode} shutdown: close the connections that it \
         waits for, or stop it with a stronger mode; the end of its log:\n{log}"
    ))]
    StopTimeout {
        /// How it was asked to stop.
        mode: ShutdownMode,
        /// How long was waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },

    /// Only a server that was started here can be stopped and started again.
    #[error("{}", migrate_core::clean!("a server of DATABASE_URL, or one that is shared, is not ours to {action}: use `Server::start`"))]
    NotOurs {
        /// What was asked for, as a verb.
        action: &'static str,
    },

    /// `DATABASE_URL` can't be read.
    #[error("{}", migrate_core::clean!(
        "DATABASE_URL can't be read: {source}; it looks like `postgres://user:password@host:5432/database`"
    ))]
    Url {
        /// What is wrong with it.
        source: Arc<tokio_postgres::Error>,
    },

    /// The server could not be connected to.
    #[error("{}", migrate_core::clean!("can't connect to the database `{database}` of the test server: {}", Causes(&**source)))]
    Connect {
        /// The database.
        database: String,
        /// Why not.
        source: Arc<tokio_postgres::Error>,
    },

    /// The server refused a statement.
    #[error("{}", migrate_core::clean!("can't {action} the database `{database}`: {}", Causes(&**source)))]
    Database {
        /// What was tried, as a verb.
        action: &'static str,
        /// With which database.
        database: String,
        /// What the server said.
        source: Arc<tokio_postgres::Error>,
    },

    /// The user may not create databases.
    #[error("{}", migrate_core::clean!(
        "the role `{role}` of the test server may not create databases: run `ALTER ROLE {} CREATEDB` as a \
         superuser, or set DATABASE_URL to another user, or unset it for a server of the tests' own",
        crate::sql::quote::quote_if_needed(role)
    ))]
    NoCreateDb {
        /// The user.
        role: String,
    },

    /// The set makes something that is in no schema of a test's own, so tests would meet there.
    #[error("{}", migrate_core::clean!(
        "the migrations make {object}, which is not in the schema that unqualified names are of: give each test a \
         database instead (without `schema`), or leave the schema's name out of the scripts"
    ))]
    OutsideSchema {
        /// What, in SQL.
        object: String,
    },

    /// The set could not be applied to an empty database.
    #[error("{}", migrate_core::clean!("no test database could be migrated: {source}"))]
    Migrate {
        /// What the run said.
        source: Arc<crate::Error>,
    },
}

migrate_core::debug_as_display!(TestingError);

impl TestingError {
    /// For `map_err`: what was tried, and with what.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }
}

/// An error and its causes in one line: `tokio_postgres` keeps what the server said in the cause.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::TestingError;

    #[test]
    fn no_binaries_is_one_line_that_says_what_to_install() {
        let text = TestingError::NoBinaries { searched: Vec::new() }.to_string();
        assert_eq!(text.lines().count(), 1);
        for way in
            ["apt-get install postgresql", "brew install postgresql", "MIGRATE_TEST_PG_BIN", "DATABASE_URL"]
        {
            assert!(text.contains(way), "{text}");
        }
    }

    #[test]
    fn an_io_error_says_what_was_tried_with_what() {
        let error = TestingError::io("read", "/a/b".as_ref())(std::io::ErrorKind::NotFound.into());
        assert_eq!(error.to_string(), "can't read `/a/b`: entity not found");
    }
}
