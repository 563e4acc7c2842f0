use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;
use tokio_postgres::Config;

use super::TestingError;
use super::binaries::Binaries;
use super::database::{self, Database};
use super::fresh::Keeper;
use super::postmaster::{Postmaster, read_log};
use super::shared::Lease;
use super::url::{self, Secret};
use crate::migrator::Migrator;

/// The superuser of a server started here.
pub(super) const SUPERUSER: &str = "postgres";

/// The port of a server started here, which names the socket in its private folder.
pub(super) const PORT: u16 = 5432;

/// The server that all tests of this process share: that of `DATABASE_URL` if set, otherwise one that the
/// first call starts. It ends with the process, however the process ends.
///
/// Blocks while the server starts: about a second, and a few more the first time on a machine.
///
/// # Errors
///
/// Those of [`Server::start`]; with `DATABASE_URL`, [`TestingError::Url`] if it can't be parsed and
/// [`TestingError::Connect`] if its server can't be reached. Every call in the process gets the same error.
///
/// # Examples
///
/// ```no_run
/// # async fn test() -> Result<(), Box<dyn std::error::Error>> {
/// let database = migrate_postgres::testing::server()?.database().await?;
/// let client = database.connect().await?;
/// client.batch_execute("CREATE TABLE t (id bigint PRIMARY KEY)").await?;
/// # Ok(())
/// # }
/// ```
pub fn server() -> Result<&'static Server, TestingError> {
    static SERVER: OnceLock<Result<Server, TestingError>> = OnceLock::new();
    SERVER.get_or_init(|| of_environment().unwrap_or_else(Server::start)).as_ref().map_err(Clone::clone)
}

/// A PostgreSQL server for tests.
///
/// A server started here has a private folder in the temporary folder, listens only on a socket in it,
/// flushes nothing to disk, and runs as `postgres` or `nobody` if the tests run as root. Dropping the value
/// stops it and removes the folder; if the process ends in another way, even by SIGKILL, a watchdog does.
#[derive(Debug)]
pub struct Server {
    kind: ServerKind,
    /// The configuration of the maintenance database.
    config: Config,
    version_num: u32,
    /// This process's presence on the server, once it has asked for a migrated database.
    keeper: OnceCell<Arc<Keeper>>,
}

/// The server that all test processes of this user share: that of `DATABASE_URL` if set, otherwise one that
/// the first process starts. It stops a few seconds after the last process, however that ended; its data
/// stays in the temporary folder, so that the next run finds its templates.
///
/// [`fresh_database`] uses it. Do not change things that belong to the whole server, such as roles and
/// settings, here; use [`server()`] for that.
///
/// Blocks while the server starts: about half a second, and a few seconds the first time on a machine.
///
/// # Errors
///
/// Those of [`server()`]. Every call in the process gets the same error.
///
/// [`fresh_database`]: super::fresh_database
pub fn shared_server() -> Result<&'static Server, TestingError> {
    static SERVER: OnceLock<Result<Server, TestingError>> = OnceLock::new();
    SERVER.get_or_init(|| of_environment().unwrap_or_else(Server::shared)).as_ref().map_err(Clone::clone)
}

/// The server of `DATABASE_URL`, if set.
fn of_environment() -> Option<Result<Server, TestingError>> {
    let url = env::var("DATABASE_URL").ok().filter(|url| !url.is_empty())?;
    Some(Server::at(&url))
}

#[derive(Debug)]
enum ServerKind {
    Ours(Postmaster),
    Shared(Arc<Lease>),
    /// The connection string, whose form and parameters are kept.
    Theirs(Secret),
}

impl Server {
    /// Starts a private server with the machine's PostgreSQL, regardless of `DATABASE_URL`. Blocks until it
    /// accepts connections.
    ///
    /// # Errors
    ///
    /// [`TestingError::NoBinaries`] and the others of [`Binaries::find`],
    /// [`TestingError::NoUnprivilegedUser`] and [`TestingError::Unreachable`] if the tests run as root
    /// where that can't work, [`TestingError::PathTooLong`], [`TestingError::Initdb`],
    /// [`TestingError::Start`] and [`TestingError::StartTimeout`] with the end of the log, and
    /// [`TestingError::Io`].
    pub fn start() -> Result<Self, TestingError> {
        Self::builder().start()
    }

    /// A builder, for a server with other settings or binaries.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// The running server of the connection string `text`, whose user must be allowed to create databases.
    /// Everything that is created there for tests is dropped again, except templates.
    ///
    /// # Errors
    ///
    /// [`TestingError::Url`] if the text can't be parsed, and [`TestingError::Connect`] if the server can't
    /// be reached.
    pub fn at(text: &str) -> Result<Self, TestingError> {
        let config: Config = crate::connection::connection_string::config(text)
            .map_err(|source| TestingError::Url { source: Arc::new(source) })?;
        let version_num = database::version_num(&config)?;
        Ok(Self::of(ServerKind::Theirs(Secret::new(text)), config, version_num))
    }

    /// The server that this user's processes share.
    fn shared() -> Result<Self, TestingError> {
        let lease = Lease::join(Binaries::find()?)?;
        let version_num = lease.binaries().version_num();
        let config = local_config(lease.place().path(), PORT);
        Ok(Self::of(ServerKind::Shared(Arc::new(lease)), config, version_num))
    }

    fn of(kind: ServerKind, config: Config, version_num: u32) -> Self {
        Self { kind, config, version_num, keeper: OnceCell::new() }
    }

    /// Creates an empty database with a unique name from `template0`. It is dropped with the value.
    ///
    /// # Errors
    ///
    /// [`TestingError::Connect`] if the server can't be reached, and [`TestingError::Database`] if it
    /// refuses, for example because the user of `DATABASE_URL` may not create databases.
    pub async fn database(&self) -> Result<Database, TestingError> {
        Database::create(self).await
    }

    /// Creates a database with the set of `migrator` applied: a copy of a template, which is made once per
    /// server. It is dropped with the value.
    ///
    /// # Errors
    ///
    /// Those of [`database`](Self::database), [`TestingError::NoCreateDb`], and [`TestingError::Migrate`] if
    /// the set can't be applied to an empty database.
    pub async fn fresh_database(&self, migrator: &Migrator) -> Result<Database, TestingError> {
        Database::fresh(self, migrator, database::test_name()).await
    }

    /// Creates a schema with the set of `migrator` applied, in a database that the tests of the set share. It
    /// is dropped with the value; connections to the value have it as their search path.
    ///
    /// This is cheaper for the server than a database, but not faster, because the scripts make each schema.
    /// The set's scripts must not name the schema.
    /// schema's name out.
    ///
    /// # Errors
    ///
    /// Those of [`fresh_database`](Self::fresh_database), and [`TestingError::OutsideSchema`] if the set
    /// makes something elsewhere, such as a table in a named schema or an extension.
    pub async fn fresh_schema(&self, migrator: &Migrator) -> Result<Database, TestingError> {
        Database::fresh_schema(self, migrator, database::test_name()).await
    }

    /// This process's presence on the server.
    pub(super) async fn keeper(&self) -> Result<Arc<Keeper>, TestingError> {
        self.keeper.get_or_try_init(|| Keeper::start(self.config.clone(), self.version_num)).await.cloned()
    }

    /// The connection string of a database on this server, for any program. With `DATABASE_URL` it holds that
    /// URL's password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        match &self.kind {
            ServerKind::Ours(_) | ServerKind::Shared(_) => url::public(&self.config, database),
            ServerKind::Theirs(text) => url::with_database(text.reveal(), database),
        }
    }

    /// The tokio-postgres configuration of a database on this server.
    #[must_use]
    pub fn config(&self, database: &str) -> Config {
        let mut config = self.config.clone();
        config.dbname(database);
        config
    }

    /// The configuration of the maintenance database.
    pub(super) fn admin(&self) -> &Config {
        &self.config
    }

    /// The folder of the server's socket, if it was started here or is shared.
    #[must_use]
    pub fn socket_dir(&self) -> Option<&Path> {
        match &self.kind {
            ServerKind::Ours(postmaster) => Some(postmaster.folder()),
            ServerKind::Shared(lease) => Some(lease.place().path()),
            ServerKind::Theirs(_) => None,
        }
    }

    /// The server's port. A server started here accepts no TCP connections unless it is configured to
    /// (`listen_addresses`); its port names its socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.config.get_ports().first().copied().unwrap_or(5432)
    }

    /// The server's version in the format of `server_version_num`: 15.18 is 150018.
    #[must_use]
    pub fn version_num(&self) -> u32 {
        self.version_num
    }

    /// The pid of the postmaster, if the server was started here or is shared, and runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.kind {
            ServerKind::Ours(postmaster) => postmaster.pid(),
            ServerKind::Shared(lease) => lease.pid(),
            ServerKind::Theirs(_) => None,
        }
    }

    /// The server's log, if it was started here or is shared.
    #[must_use]
    pub fn log(&self) -> Option<String> {
        match &self.kind {
            ServerKind::Ours(postmaster) => Some(postmaster.log()),
            ServerKind::Shared(lease) => Some(read_log(lease.place())),
            ServerKind::Theirs(_) => None,
        }
    }

    /// The folder of the server's programs, if it was started here or is shared.
    #[must_use]
    pub fn bin_dir(&self) -> Option<&Path> {
        match &self.kind {
            ServerKind::Ours(postmaster) => Some(postmaster.binaries().dir()),
            ServerKind::Shared(lease) => Some(lease.binaries().dir()),
            ServerKind::Theirs(_) => None,
        }
    }

    /// True if the server ends with this process.
    pub(super) fn ends_with_us(&self) -> bool {
        self.ours().is_some()
    }

    /// Stops the server and waits for its end. Its data stays until the value is dropped, for
    /// [`restart`](Self::restart). Does nothing if the server does not run.
    ///
    /// This call blocks: a smart shutdown on the single-threaded runtime that drives a connection to this
    /// server would wait for itself. End the connections first.
    ///
    /// # Errors
    ///
    /// [`TestingError::NotOurs`] if the server was not started here, and [`TestingError::StopTimeout`] if it
    /// still runs after two minutes, for example after [`ShutdownMode::Smart`] with an open connection.
    pub fn stop(&self, mode: ShutdownMode) -> Result<(), TestingError> {
        self.ours().ok_or(TestingError::NotOurs { action: "stop" })?.stop(mode)
    }

    /// Restarts the server with its data and settings, after a fast shutdown if it runs. After an immediate
    /// shutdown or a crash, it first recovers from its WAL.
    ///
    /// # Errors
    ///
    /// [`TestingError::NotOurs`] if the server was not started here, and those of a start.
    pub fn restart(&self) -> Result<(), TestingError> {
        self.ours().ok_or(TestingError::NotOurs { action: "restart" })?.restart()
    }

    fn ours(&self) -> Option<&Postmaster> {
        match &self.kind {
            ServerKind::Ours(postmaster) => Some(postmaster),
            ServerKind::Shared(_) | ServerKind::Theirs(_) => None,
        }
    }

    /// This process's lease of the server, if it is shared.
    pub(super) fn lease(&self) -> Option<&Arc<Lease>> {
        match &self.kind {
            ServerKind::Shared(lease) => Some(lease),
            ServerKind::Ours(_) | ServerKind::Theirs(_) => None,
        }
    }
}

/// The configuration for a server whose socket is in `folder`.
fn local_config(folder: &Path, port: u16) -> Config {
    let mut config = Config::new();
    config.host_path(folder).port(port).user(SUPERUSER).dbname("postgres");
    config
}

/// The settings of a server to start.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), migrate_postgres::testing::TestingError> {
/// use migrate_postgres::testing::Server;
///
/// let server = Server::builder().setting("wal_level", "logical").start()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ServerBuilder {
    binaries: Option<PathBuf>,
    settings: Vec<(String, String)>,
}

impl ServerBuilder {
    /// The folder with the `postgres` and `initdb` to use instead of the machine's.
    pub fn binaries(mut self, dir: impl Into<PathBuf>) -> Self {
        self.binaries = Some(dir.into());
        self
    }

    /// A setting as in `postgresql.conf`. The last value of a setting wins.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// The port, which also names the socket: the setting, or [`PORT`].
    fn port(&self) -> u16 {
        let last = self.settings.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case("port"));
        last.and_then(|(_, port)| port.parse().ok()).unwrap_or(PORT)
    }

    /// Starts the server and blocks until it accepts connections.
    ///
    /// # Errors
    ///
    /// Those of [`Server::start`]; [`TestingError::NotBinaries`] if the folder has no PostgreSQL programs,
    /// and [`TestingError::Start`] if the server refuses a setting.
    pub fn start(self) -> Result<Server, TestingError> {
        let binaries = match &self.binaries {
            Some(dir) => Binaries::at(dir)?,
            None => Binaries::find()?,
        };
        let version_num = binaries.version_num();
        let postmaster = Postmaster::start(binaries, &self.settings)?;
        let config = local_config(postmaster.folder(), self.port());
        Ok(Server::of(ServerKind::Ours(postmaster), config, version_num))
    }
}

/// PostgreSQL's shutdown modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Accepts no new connections and waits for the open ones to end.
    Smart,
    /// Rolls back open transactions and ends their connections.
    Fast,
    /// Ends without cleaning up, as in a crash.
    Immediate,
}

impl ShutdownMode {
    pub(super) fn signal(self) -> &'static str {
        match self {
            Self::Smart => "TERM",
            Self::Fast => "INT",
            Self::Immediate => "QUIT",
        }
    }
}

impl fmt::Display for ShutdownMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smart => "smart",
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        })
    }
}
