use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use super::server::ShutdownMode;

/// The reason why a test server or a test database is not available.
///
/// Cloneable, because every test of a process that shares a server gets the error of that server's start.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TestingError {
    /// This machine has no PostgreSQL server, at least not in the searched folders.
    #[error(
        "no PostgreSQL server found: install one (`apt-get install postgresql`, \
         `dnf install postgresql-server`, `apk add postgresql17`, `brew install postgresql@17`), or set \
         MIGRATE_TEST_PG_BIN to the folder of its `postgres` and `initdb`, or set DATABASE_URL to a running server"
    )]
    NoBinaries {
        /// The searched folders, in order.
        searched: Vec<PathBuf>,
    },

    /// The named folder is not one of a PostgreSQL server.
    #[error("{}", migrate_core::clean!("`{}` (from {origin}) contains no `postgres` and `initdb`: name the `bin` folder of a PostgreSQL server", path.display()))]
    NotBinaries {
        /// The folder.
        path: PathBuf,
        /// The source of the name, such as `MIGRATE_TEST_PG_BIN`.
        origin: &'static str,
    },

    /// The output of `postgres --version` contains no version.
    #[error("{}", migrate_core::clean!("`{} --version` printed `{text}`, which contains no version: is this PostgreSQL's program?", path.display()))]
    UnknownVersion {
        /// The program.
        path: PathBuf,
        /// Its output.
        text: String,
    },

    /// The tests run as root, and no other user can run the server.
    #[error(
        "PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`: \
         add one of them, or run the tests as another user"
    )]
    NoUnprivilegedUser,

    /// The tests run as root, and the server's user can't enter a folder that it needs.
    #[error("{}", migrate_core::clean!(
        "PostgreSQL refuses to run as root, and the user `{user}` can't enter `{}`: \
         allow it with `chmod o+x` on that folder and those above it, or use another one", path.display()
    ))]
    Unreachable {
        /// The folder.
        path: PathBuf,
        /// The server's user.
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
        /// The maximum number of bytes in a socket's path.
        limit: usize,
    },

    /// A system call failed.
    #[error("{}", migrate_core::clean!("can't {action} `{}`: {source}", path.display()))]
    Io {
        /// The action, as a verb.
        action: &'static str,
        /// The file, folder or program.
        path: PathBuf,
        /// The system's error.
        source: Arc<io::Error>,
    },

    /// `initdb` failed to create a data folder.
    #[error("{}", migrate_core::clean!("`{}` failed ({status}):\n{output}", program.display()))]
    Initdb {
        /// The program.
        program: PathBuf,
        /// Its exit status.
        status: ExitStatus,
        /// The last lines of its output.
        output: String,
    },

    /// The server exited before it was ready; its log says why.
    #[error("{}", migrate_core::clean!("PostgreSQL did not start ({status}); the end of its log:\n{log}"))]
    Start {
        /// Its exit status.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },

    /// The server was not ready in time.
    #[error("{}", migrate_core::clean!("PostgreSQL was not ready after {seconds} s; the end of its log:\n{log}"))]
    StartTimeout {
        /// The time waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },

    /// The server did not stop in time and still runs.
    #[error("{}", migrate_core::clean!(
        "PostgreSQL did not stop within {seconds} s of a {mode} shutdown: close the connections that it \
         waits for, or stop it with a stronger mode; the end of its log:\n{log}"
    ))]
    StopTimeout {
        /// The requested shutdown mode.
        mode: ShutdownMode,
        /// The time waited.
        seconds: u64,
        /// The last lines of its log.
        log: String,
    },

    /// Only a server that was started here can be stopped and restarted.
    #[error("{}", migrate_core::clean!("can't {action} a server of DATABASE_URL or a shared one: start a private one with `Server::start`"))]
    NotOurs {
        /// The requested action, as a verb.
        action: &'static str,
    },

    /// `DATABASE_URL` is not a valid connection string.
    #[error("{}", migrate_core::clean!(
        "DATABASE_URL is not a valid connection string: {source}; expected `postgres://user:password@host:5432/database`"
    ))]
    Url {
        /// The reason.
        source: Arc<tokio_postgres::Error>,
    },

    /// A connection to the server failed.
    #[error("{}", migrate_core::clean!("can't connect to the database `{database}` of the test server: {}", Causes(&**source)))]
    Connect {
        /// The database.
        database: String,
        /// The reason.
        source: Arc<tokio_postgres::Error>,
    },

    /// The server refused a statement.
    #[error("{}", migrate_core::clean!("can't {action} the database `{database}`: {}", Causes(&**source)))]
    Database {
        /// The action, as a verb.
        action: &'static str,
        /// The database.
        database: String,
        /// The server's error.
        source: Arc<tokio_postgres::Error>,
    },

    /// The user may not create databases.
    #[error("{}", migrate_core::clean!(
        "the role `{role}` of the test server may not create databases: run `ALTER ROLE {} CREATEDB` as a \
         superuser, or set DATABASE_URL to another user, or unset it to let the tests start a server",
        crate::sql::quote::quote_if_needed(role)
    ))]
    NoCreateDb {
        /// The user.
        role: String,
    },

    /// The set makes something outside a test's own schema, where tests would conflict.
    #[error("{}", migrate_core::clean!(
        "the migrations make {object}, which is outside the test's schema: give each test a \
         database instead (without `schema`), or remove the schema's name from the scripts"
    ))]
    OutsideSchema {
        /// The object, in SQL.
        object: String,
    },

    /// The set could not be applied to an empty database.
    #[error("{}", migrate_core::clean!("the migrations can't be applied to a test database:  {source}"))]
    Migrate {
        /// The error of the run.
        source: Arc<crate::Error>,
    },
}

migrate_core::debug_as_display!(TestingError);

impl TestingError {
    /// For `map_err`: adds the action and its object.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source: Arc::new(source) }
    }
}

/// An error and its causes on one line: `tokio_postgres` keeps the server's message in the cause.
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
