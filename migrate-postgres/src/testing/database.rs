use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{io, process, thread};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Error, NoTls};

use super::fresh::{Keeper, Schema, copy_strategy, in_schema, options};
use super::shared::Lease;
use super::url::{self, Secret};
use super::{Server, TestingError};
use crate::migrator::Migrator;
use crate::sql::quote::{quote_ident, quote_literal};

/// The time that dropping a value waits for its database to be dropped.
const DROP_DEADLINE: Duration = Duration::from_secs(60);

/// A test's private database or schema. It is dropped with the value, and its connections are ended.
///
/// If the test panics, a database on a shared server or on that of `DATABASE_URL` is kept for inspection, and
/// its URL is written to standard error without the password. A server that ends with the process takes its
/// databases with it.
#[derive(Debug)]
#[must_use = "the database is dropped with the value"]
pub struct Database {
    name: String,
    url: Secret,
    config: Config,
    admin: Config,
    version_num: u32,
    /// True if the server ends with this process and takes the database with it.
    ends_with_us: bool,
    /// Set on a shared server.
    lease: Option<Arc<Lease>>,
    /// Set if a set was applied: the keeper that made it, and the test's name.
    fresh: Option<Fresh>,
    is_dropped: bool,
}

#[derive(Debug)]
struct Fresh {
    keeper: Arc<Keeper>,
    test: Option<String>,
    schema: Option<Schema>,
    keep_on_panic: bool,
}

impl Database {
    pub(super) async fn create(server: &Server) -> Result<Self, TestingError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!("migrate_test_{}_{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            // A server that was started here has no `fsync`.
            let strategy = copy_strategy(server.version_num(), server.pid().is_some());
            let sql = format!("CREATE DATABASE {} TEMPLATE template0{strategy}", quote_ident(&name));
            match run(server.admin(), "create", &name, &[sql]).await {
                Ok(()) => {}
                // Left by a process with the same pid on another machine, or long ago.
                Err(TestingError::Database { source, .. })
                    if source.code() == Some(&SqlState::DUPLICATE_DATABASE) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            }
            return Ok(Self::of(server, name));
        }
    }

    /// A database with the set of `migrator` applied, for the test of this name.
    pub(super) async fn fresh(
        server: &Server,
        migrator: &Migrator,
        test: Option<String>,
    ) -> Result<Self, TestingError> {
        let keeper = server.keeper().await?;
        let name = keeper.database(migrator).await?;
        let mut database = Self::of(server, name);
        database.fresh = Some(Fresh { keeper, test, schema: None, keep_on_panic: true });
        database.forget_kept().await?;
        Ok(database)
    }

    /// A schema with the set of `migrator` applied, for the test of this name.
    pub(super) async fn fresh_schema(
        server: &Server,
        migrator: &Migrator,
        test: Option<String>,
    ) -> Result<Self, TestingError> {
        let keeper = server.keeper().await?;
        let schema = keeper.schema(migrator, test.as_deref()).await?;
        let mut database = Self::of(server, schema.database.clone());
        let options = options(database.config.get_options(), &schema.name);
        database.url = Secret::new(url::with_options(database.url.reveal(), &options));
        database.config = in_schema(database.config.clone(), &schema.name);
        database.fresh = Some(Fresh { keeper, test, schema: Some(schema), keep_on_panic: true });
        Ok(database)
    }

    /// Sets whether a panic keeps the database.
    pub(super) fn keep_on_panic(&mut self, keep: bool) {
        if let Some(fresh) = &mut self.fresh {
            fresh.keep_on_panic = keep;
        }
    }

    fn of(server: &Server, name: String) -> Self {
        Self {
            url: Secret::new(server.url(&name)),
            config: server.config(&name),
            admin: server.admin().clone(),
            version_num: server.version_num(),
            ends_with_us: server.ends_with_us(),
            lease: server.lease().cloned(),
            fresh: None,
            is_dropped: false,
            name,
        }
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The test's private schema, if it has one. It is the search path of connections by
    /// [`config`](Self::config), [`url`](Self::url) and [`connect`](Self::connect).
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        Some(self.own_schema()?.name.as_str())
    }

    fn own_schema(&self) -> Option<&Schema> {
        self.fresh.as_ref()?.schema.as_ref()
    }

    /// The database's connection string, for any program. With `DATABASE_URL` it holds that URL's password.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.reveal()
    }

    /// The tokio-postgres configuration of the database.
    #[must_use]
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// A new connection, driven by a task on the current tokio runtime. Without TLS.
    ///
    /// # Errors
    ///
    /// [`TestingError::Connect`].
    pub async fn connect(&self) -> Result<Client, TestingError> {
        let (client, connection) = self.config.connect(NoTls).await.map_err(connect_error(&self.name))?;
        // An error of the connection also ends the calls of the client, which report it.
        tokio::spawn(connection);
        Ok(client)
    }

    /// Drops the database now, and reports a failure.
    ///
    /// # Errors
    ///
    /// [`TestingError::Connect`] if the server can't be reached, and [`TestingError::Database`] if it
    /// refuses, for example because the database has a prepared transaction or a replication slot.
    pub async fn close(mut self) -> Result<(), TestingError> {
        let result = self.drop_now().await;
        // Not earlier: if the call is canceled, dropping the value drops the database.
        self.is_dropped = true;
        result
    }

    /// Keeps the database, as a panicking test does, and writes its URL to standard error without the
    /// password. It is dropped when the same test next asks for a migrated database, or after a week.
    pub async fn keep(mut self) {
        self.is_dropped = true;
        let kept = self.keep_now().await;
        self.tell_kept(kept.map_err(|error| error.to_string()));
    }

    async fn drop_now(&self) -> Result<(), TestingError> {
        match &self.fresh {
            Some(Fresh { keeper, schema: Some(schema), .. }) => keeper.drop_schema(schema).await,
            Some(fresh) => fresh.keeper.drop_database(&self.name).await,
            None => {
                run(&self.admin, "drop", &self.name, &drop_statements(&self.name, self.version_num)).await
            }
        }
    }

    async fn keep_now(&self) -> Result<(), TestingError> {
        match &self.fresh {
            Some(Fresh { keeper, test, schema, .. }) if !self.ends_with_us => {
                let test = test.as_deref().unwrap_or_default();
                match schema {
                    Some(schema) => keeper.keep_schema(schema, test).await,
                    None => keeper.keep(&self.name, test).await,
                }
            }
            _ => Ok(()),
        }
    }

    fn tell_kept(&self, kept: Result<(), String>) {
        if self.ends_with_us {
            return;
        }
        match kept {
            Ok(()) => {
                let until = match &self.lease {
                    Some(lease) => {
                        lease.stay();
                        " (the server runs for another 15 minutes, and whenever tests do)"
                    }
                    None => "",
                };
                let mut url = url::public(&self.config, &self.name);
                if let Some(schema) = self.schema() {
                    url = url::with_options(&url, &options(None, schema));
                }
                eprintln!("the test's database is kept: {url}{until}");
            }
            Err(problem) => eprintln!("the test's database {} can't be kept: {problem}", self.name),
        }
    }

    /// Drops the database that the same test kept when it last failed.
    async fn forget_kept(&self) -> Result<(), TestingError> {
        match &self.fresh {
            Some(Fresh { keeper, test: Some(test), .. }) if !self.ends_with_us => keeper.forget(test).await,
            _ => Ok(()),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.is_dropped {
            return;
        }
        let keep = self.fresh.as_ref().is_none_or(|fresh| fresh.keep_on_panic);
        if thread::panicking() && keep {
            self.tell_kept(wait(self.keep_now()));
        } else if let Err(problem) = wait(self.drop_now())
            && !self.ends_with_us
        {
            eprintln!("the test's database {} is left behind: {problem}", self.name);
        }
    }
}

/// Waits, up to the deadline, for work that `drop` can't await.
fn wait(work: impl Future<Output = Result<(), TestingError>> + Send) -> Result<(), String> {
    match block_on(async { tokio::time::timeout(DROP_DEADLINE, work).await }) {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(error.to_string()),
        Ok(Err(elapsed)) => Err(elapsed.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// The statements that drop a database and end its connections, each as a separate message.
pub(super) fn drop_statements(name: &str, version_num: u32) -> Vec<String> {
    let database = quote_ident(name);
    if version_num >= 130_000 {
        return vec![format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")];
    }
    let sessions = format!("FROM pg_stat_activity WHERE datname = {}", quote_literal(name));
    let end = format!("SELECT pg_terminate_backend(pid) {sessions}");
    vec![end, format!("DROP DATABASE IF EXISTS {database}")]
}

/// A test's name across runs: its crate, and the thread name that the standard harness sets.
pub(super) fn test_name() -> Option<String> {
    let thread = thread::current();
    let name = thread.name().filter(|name| *name != "main")?;
    Some(format!("{}::{name}", std::env::var("CARGO_PKG_NAME").unwrap_or_default()))
}

/// The version of a server that was not started here.
pub(super) fn version_num(config: &Config) -> Result<u32, TestingError> {
    let database = config.get_dbname().or(config.get_user()).unwrap_or_default();
    let asked = block_on(async {
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let row = client.query_one("SELECT current_setting('server_version_num')::int", &[]).await?;
        drop(client);
        let _ = connection.await;
        row.try_get::<_, i32>(0)
    });
    let version = asked
        .map_err(TestingError::io("start a thread for", "tokio".as_ref()))?
        .map_err(connect_error(database))?;
    Ok(version.unsigned_abs())
}

/// Runs statements one by one: several in one message are a transaction, which statements about databases
/// refuse.
async fn run(admin: &Config, action: &'static str, name: &str, sql: &[String]) -> Result<(), TestingError> {
    let database = admin.get_dbname().or(admin.get_user()).unwrap_or_default();
    let (client, connection) = admin.connect(NoTls).await.map_err(connect_error(database))?;
    let connection = tokio::spawn(connection);
    let mut result = Ok(());
    for statement in sql {
        if result.is_ok() {
            result = client.batch_execute(statement).await;
        }
    }
    drop(client);
    let _ = connection.await;
    let database = name.to_owned();
    result.map_err(|source| TestingError::Database { action, database, source: Arc::new(source) })
}

pub(super) fn connect_error(database: &str) -> impl FnOnce(Error) -> TestingError {
    let database = database.to_owned();
    move |source| TestingError::Connect { database, source: Arc::new(source) }
}

/// Waits for a future on a separate thread and runtime, because blocking on one runtime inside another
/// panics.
pub(super) fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(future))
        })?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    })
}
