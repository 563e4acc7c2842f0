//! The keeper: a process's locked owner number and its connections on a server.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_postgres::{Client, Config, NoTls};

use super::key::Key;
use super::{copy_strategy, name};
use crate::testing::TestingError;
use crate::testing::database::connect_error;

/// The purpose of the lock that a process holds on the templates it uses.
pub(super) const IN_USE: &str = "in use";

/// A role's limits are for an application's statements. Our sessions wait for the process that makes a
/// template.
const NO_LIMITS: &str = "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN \
    ('statement_timeout', 'lock_timeout', 'idle_session_timeout', 'idle_in_transaction_session_timeout')";

/// A process's presence on a server. Its connections run on a separate thread, because each test's runtime
/// ends with the test.
#[derive(Debug)]
pub(in crate::testing) struct Keeper {
    runtime: Handle,
    admin: Config,
    pub(super) role: String,
    /// The session that holds the locks: on the owner number, and on the templates in use.
    pub(super) session: Client,
    /// Idle connections to the maintenance database, each for one caller at a time.
    idle: Mutex<Vec<Client>>,
    owner: i64,
    next: AtomicU64,
    /// The clause to append to `CREATE DATABASE … TEMPLATE …`.
    pub(super) strategy: &'static str,
    pub(super) version_num: u32,
    /// The templates that this process has marked as used.
    pub(super) used: Mutex<HashSet<Key>>,
    pub(super) is_filling: AtomicBool,
    /// Ends the thread when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Keeper {
    /// Takes an owner number on the server of `admin`.
    pub(in crate::testing) async fn start(
        admin: Config,
        version_num: u32,
    ) -> Result<Arc<Keeper>, TestingError> {
        let (stop, runtime) =
            start_runtime().map_err(TestingError::io("start a thread for", "tokio".as_ref()))?;
        let session = on(&runtime, connect(admin.clone())).await?;
        let owner = RandomState::new().build_hasher().finish().cast_signed();
        let database = database(&admin);
        let facts = "SELECT current_user::text, current_setting('fsync'), rolcreatedb OR rolsuper \
            FROM pg_catalog.pg_roles WHERE rolname = current_user";
        let lock = format!("SELECT pg_advisory_lock({owner})");
        let row = match session.batch_execute(&lock).await {
            Ok(()) => session.query_typed_one(facts, &[]).await,
            Err(error) => Err(error),
        };
        let row = row.map_err(|source| TestingError::Database {
            action: "take a place in",
            database,
            source: Arc::new(source),
        })?;
        let (role, fsync, may_create): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
        if !may_create {
            return Err(TestingError::NoCreateDb { role });
        }
        let strategy = copy_strategy(version_num, fsync == "off");
        Ok(Arc::new(Keeper {
            runtime,
            admin,
            role,
            session,
            idle: Mutex::default(),
            owner,
            next: AtomicU64::new(0),
            strategy,
            version_num,
            used: Mutex::default(),
            is_filling: AtomicBool::new(false),
            _stop: stop,
        }))
    }

    /// A name for a database of this process.
    pub(super) fn own_name(&self) -> String {
        name::clone(self.owner, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A name for a database that this process is about to complete.
    pub(super) fn draft_name(&self) -> String {
        name::draft(self.owner, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A name for a schema of this process.
    pub(super) fn own_schema(&self) -> String {
        name::schema(self.owner, self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A connection that this process's thread drives, closed when the client is dropped.
    pub(super) async fn connect_to(&self, config: &Config) -> Result<Client, TestingError> {
        on(&self.runtime, connect(config.clone())).await
    }

    /// The configuration of another database on the server.
    pub(super) fn config(&self, database: &str) -> Config {
        let mut config = self.admin.clone();
        config.dbname(database);
        config
    }

    /// Runs a statement on a connection that has no other user meanwhile.
    pub(super) async fn execute(&self, sql: &str) -> Result<(), Failed> {
        self.with(async |client| client.batch_execute(sql).await).await
    }

    /// Lends a connection to the maintenance database.
    pub(super) async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Failed> {
        let client = self.take().await.map_err(Failed::Connect)?;
        let result = work(&client).await.map_err(Failed::Refused);
        self.give_back(client);
        result
    }

    /// A connection for this caller alone. It is closed unless it is given back.
    pub(super) async fn take(&self) -> Result<Client, TestingError> {
        let idle = self.idle().pop().filter(|client| !client.is_closed());
        match idle {
            Some(client) => Ok(client),
            None => on(&self.runtime, connect(self.admin.clone())).await,
        }
    }

    /// Keeps a connection for the next caller.
    pub(super) fn give_back(&self, client: Client) {
        self.idle().push(client);
    }

    /// Runs a future in the background, after the caller has returned.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(work));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reason why a statement about a database failed.
#[derive(Debug)]
pub(super) enum Failed {
    Connect(TestingError),
    Refused(tokio_postgres::Error),
}

impl Failed {
    /// The server's SQLSTATE.
    pub(super) fn code(&self) -> Option<&tokio_postgres::error::SqlState> {
        match self {
            Failed::Connect(_) => None,
            Failed::Refused(error) => error.code(),
        }
    }

    /// For `map_err`: adds the action and the database.
    pub(super) fn told(action: &'static str, database: &str) -> impl FnOnce(Failed) -> TestingError {
        let database = database.to_owned();
        move |failed| match failed {
            Failed::Connect(error) => error,
            Failed::Refused(source) => TestingError::Database { action, database, source: Arc::new(source) },
        }
    }
}

/// A thread that drives connections until the sender is dropped.
fn start_runtime() -> std::io::Result<(oneshot::Sender<()>, Handle)> {
    let (stop, stopped) = oneshot::channel();
    let (tell, told) = mpsc::sync_channel(1);
    thread::Builder::new().name("migrate-test-databases".to_owned()).spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                drop(tell.send(Ok(runtime.handle().clone())));
                // An error means that the sender is gone, which is the signal to stop.
                drop(runtime.block_on(stopped));
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    })?;
    let handle = told.recv().unwrap_or_else(|_| Err(std::io::Error::other("the thread ended")))?;
    Ok((stop, handle))
}

/// Runs a future on another runtime.
async fn on<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T, TestingError>> + Send + 'static,
) -> Result<T, TestingError> {
    let done = runtime.spawn(work).await;
    done.unwrap_or_else(|error| {
        Err(TestingError::io("run a task on", "tokio".as_ref())(std::io::Error::other(error)))
    })
}

async fn connect(admin: Config) -> Result<Client, TestingError> {
    let database = database(&admin);
    let (client, connection) = admin.connect(NoTls).await.map_err(connect_error(&database))?;
    // An error of the connection also ends the calls of the client, which report it.
    tokio::spawn(connection);
    client.batch_execute(NO_LIMITS).await.map_err(connect_error(&database))?;
    Ok(client)
}

fn database(admin: &Config) -> String {
    admin.get_dbname().or(admin.get_user()).unwrap_or_default().to_owned()
}
