//! The target of a run: a connection, or a way to open one.

use crate::connection::endpoint::Endpoint;
use crate::connection::heard::Heard;
use crate::connection::session::Session;
use crate::connection::tls::Mode;
use crate::connection::url::{has_impossible_host, uncertain_part};
use crate::error::{Error, connect_error};
use std::future::Future;
use std::pin::Pin;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Socket};

/// The target of [`Migrator::run`](crate::Migrator::run) and the other calls:
///
/// | target | connections |
/// |---|---|
/// | `str`, `String`: a connection URL or `key=value` pairs | opens its own, and closes them |
/// | [`tokio_postgres::Config`] | opens its own, and closes them |
/// | `deadpool_postgres::Pool` (feature `deadpool`) | takes them from the pool |
/// | [`tokio_postgres::Client`], `deadpool_postgres::Object` | uses the one given |
///
/// A boot with nothing to do uses one connection. A run with work to do uses two, except with a single
/// `Client`: one holds the lock in an idle transaction, which works behind a transaction pooler too, and the
/// other does the work.
///
/// The trait is sealed.
pub trait Target: sealed::Sealed + Sync {
    /// Opens or borrows a connection.
    #[doc(hidden)]
    fn open(&self) -> Opening<'_>;

    /// Opens another connection of the same kind, if that is possible without waiting for others to return
    /// theirs.
    #[doc(hidden)]
    fn open_another(&self) -> Option<Opening<'_>>;

    /// The configuration, if it is known: with it, other databases of the same server can be reached too.
    #[cfg(any(feature = "catalog", feature = "operate", feature = "tracing"))]
    #[doc(hidden)]
    fn to_config(&self) -> Result<Option<Endpoint>, Error> {
        Ok(None)
    }
}

/// The future of a connection.
#[doc(hidden)]
#[allow(unreachable_pub, reason = "a hidden part of a sealed trait")]
pub type Opening<'a> = Pin<Box<dyn Future<Output = Result<Session<'a>, Error>> + Send + 'a>>;

mod sealed {
    pub trait Sealed {}
    impl Sealed for tokio_postgres::Client {}
    impl Sealed for tokio_postgres::Config {}
    impl Sealed for crate::connection::endpoint::Endpoint {}
    impl Sealed for str {}
    impl Sealed for String {}
    impl<T: Sealed + ?Sized> Sealed for &T {}
    #[cfg(feature = "deadpool")]
    impl Sealed for deadpool_postgres::Pool {}
    #[cfg(feature = "deadpool")]
    impl Sealed for deadpool_postgres::Object {}
}

impl Target for Client {
    fn open(&self) -> Opening<'_> {
        Box::pin(async move { Ok(Session::borrowed(self)) })
    }

    fn open_another(&self) -> Option<Opening<'_>> {
        None
    }
}

impl<T: Target + ?Sized> Target for &T {
    fn open(&self) -> Opening<'_> {
        (**self).open()
    }

    fn open_another(&self) -> Option<Opening<'_>> {
        (**self).open_another()
    }

    #[cfg(any(feature = "catalog", feature = "operate", feature = "tracing"))]
    fn to_config(&self) -> Result<Option<Endpoint>, Error> {
        (**self).to_config()
    }
}

impl Target for Config {
    fn open(&self) -> Opening<'_> {
        Box::pin(async move { connect(&Endpoint::from(self.clone())).await })
    }

    fn open_another(&self) -> Option<Opening<'_>> {
        Some(self.open())
    }

    #[cfg(any(feature = "catalog", feature = "operate", feature = "tracing"))]
    fn to_config(&self) -> Result<Option<Endpoint>, Error> {
        Ok(Some(self.clone().into()))
    }
}

impl Target for Endpoint {
    fn open(&self) -> Opening<'_> {
        Box::pin(async move { connect(self).await })
    }

    fn open_another(&self) -> Option<Opening<'_>> {
        Some(self.open())
    }

    #[cfg(any(feature = "catalog", feature = "operate", feature = "tracing"))]
    fn to_config(&self) -> Result<Option<Endpoint>, Error> {
        Ok(Some(self.clone()))
    }
}

impl Target for str {
    fn open(&self) -> Opening<'_> {
        Box::pin(async move { connect(&Endpoint::of_text(self)?).await })
    }

    fn open_another(&self) -> Option<Opening<'_>> {
        Some(self.open())
    }

    #[cfg(any(feature = "catalog", feature = "operate", feature = "tracing"))]
    fn to_config(&self) -> Result<Option<Endpoint>, Error> {
        Endpoint::of_text(self).map(Some)
    }
}

impl Target for String {
    fn open(&self) -> Opening<'_> {
        self.as_str().open()
    }

    fn open_another(&self) -> Option<Opening<'_>> {
        Some(self.open())
    }

    #[cfg(any(feature = "catalog", feature = "operate", feature = "tracing"))]
    fn to_config(&self) -> Result<Option<Endpoint>, Error> {
        self.as_str().to_config()
    }
}

/// Connects according to `sslmode`. A Unix socket has no TLS.
pub(crate) async fn connect(endpoint: &Endpoint) -> Result<Session<'static>, Error> {
    if has_impossible_host(endpoint) {
        return Err(uncertain("host"));
    }
    let failed = |error| failed(endpoint, error);
    let is_remote = endpoint.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)));
    match endpoint.tls.mode {
        mode if mode == Mode::Disable || !is_remote => connect_plainly(endpoint).await.map_err(failed),
        Mode::Allow => match connect_plainly(endpoint).await {
            Err(error) if is_refused(&error) => {
                connect_by_tls(endpoint, SslMode::Require).await?.map_err(failed)
            }
            connected => connected.map_err(failed),
        },
        Mode::Prefer => {
            let error = match connect_by_tls(endpoint, SslMode::Prefer).await? {
                Ok(session) => return Ok(session),
                // Any other error of the server is final.
                Err(error) if error.as_db_error().is_some() && !is_refused(&error) => {
                    return Err(failed(error));
                }
                Err(error) => error,
            };
            connect_plainly(endpoint).await.map_err(|plain| {
                // The TLS error is more useful than the server's demand for TLS.
                failed(if is_refused(&plain) { error } else { plain })
            })
        }
        _ => connect_by_tls(endpoint, SslMode::Require).await?.map_err(failed),
    }
}

/// True if no line of `pg_hba.conf` accepts the connection: one with TLS, or without, may be accepted.
fn is_refused(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

async fn connect_plainly(endpoint: &Endpoint) -> Result<Session<'static>, tokio_postgres::Error> {
    let mut plain = endpoint.clone();
    plain.ssl_mode(SslMode::Disable).ssl_negotiation(SslNegotiation::Postgres);
    connect_with(&plain, NoTls).await
}

type Connected = Result<Session<'static>, tokio_postgres::Error>;

/// # Errors
///
/// If a certificate or a key can't be read.
async fn connect_by_tls(endpoint: &Endpoint, mode: SslMode) -> Result<Connected, Error> {
    let mut config = endpoint.clone();
    config.ssl_mode(mode);
    #[cfg(feature = "rustls")]
    return Ok(connect_with(&config, crate::connection::tls::connector(&endpoint.tls, endpoint)?).await);
    #[cfg(not(feature = "rustls"))]
    Ok(connect_with(&config, NoTls).await)
}

async fn connect_with<T>(config: &Config, tls: T) -> Result<Session<'static>, tokio_postgres::Error>
where
    T: tokio_postgres::tls::MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let heard = Heard::default();
    let task = tokio::spawn(heard.clone().drive(connection));
    Ok(Session::owned(client, task, heard))
}

/// The error of a failed connection. If the parts of the configuration are uncertain, it shows none of them,
/// and omits the message of the server or the system, which may repeat part of a password as the name of a
/// database.
fn failed(config: &Config, source: tokio_postgres::Error) -> Error {
    match uncertain_part(config) {
        Some(part) => uncertain(part),
        None => connect_error(describe(config), source),
    }
}

fn uncertain(part: &str) -> Error {
    Error::Url {
        problem: format!(
            "no server can be reached with it, and its {part} has a character that probably belongs to a password; in \
             a URL, such characters must be percent-encoded (@ as %40, : as %3A, / as %2F, ? as %3F, # as %23, % as %25)"
        ),
    }
}

/// The destination of a configuration, without its password.
pub(crate) fn describe(config: &Config) -> String {
    let ports = config.get_ports();
    let place = |(index, host): (usize, &Host)| {
        let port = ports.get(index).or_else(|| ports.first()).copied().unwrap_or(5432);
        match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    };
    let places: Vec<String> = config.get_hosts().iter().enumerate().map(place).collect();
    let mut text = if places.is_empty() { "no host".to_owned() } else { places.join(", ") };
    if let Some(database) = config.get_dbname() {
        text = format!("{text}, database {database}");
    }
    if let Some(user) = config.get_user() {
        text = format!("{text}, as {user}");
    }
    text
}

#[cfg(feature = "deadpool")]
mod deadpool {
    use super::{Opening, Target};
    use crate::connection::session::Session;
    use crate::error::{Error, connect_error};
    use deadpool_postgres::{Object, Pool, PoolError, Timeouts};
    use std::time::Duration;

    impl Target for Pool {
        fn open(&self) -> Opening<'_> {
            Box::pin(async move {
                let object = self.get().await.map_err(pool_error)?;
                Ok(Session::pooled(object))
            })
        }

        fn open_another(&self) -> Option<Opening<'_>> {
            Some(Box::pin(async move { another(self).await }))
        }
    }

    /// Opens another connection without waiting for one to be returned: its holder may be waiting for us. If
    /// the pool is exhausted, the connection is opened outside it and closed afterwards.
    async fn another(pool: &Pool) -> Result<Session<'static>, Error> {
        let now = Timeouts { wait: Some(Duration::ZERO), ..pool.timeouts() };
        match pool.timeout_get(&now).await {
            Ok(object) => Ok(Session::pooled(object)),
            Err(PoolError::Timeout(_)) => {
                use ::deadpool::managed::Manager as _;
                use deadpool_postgres::Manager;
                let manager: &Manager = pool.manager();
                let client = manager.create().await.map_err(|error| pool_error(PoolError::Backend(error)))?;
                Ok(Session::unpooled(client))
            }
            Err(error) => Err(pool_error(error)),
        }
    }

    /// The error of the server or the network, which says more than the pool's own error.
    fn pool_error(error: PoolError) -> Error {
        match error {
            PoolError::Backend(source) => connect_error("the server of the pool".to_owned(), source),
            source => Error::Pool { source },
        }
    }

    impl Target for Object {
        fn open(&self) -> Opening<'_> {
            Box::pin(async move { Ok(Session::borrowed(self)) })
        }

        fn open_another(&self) -> Option<Opening<'_>> {
            let pool = Object::pool(self)?;
            Some(Box::pin(async move { another(&pool).await }))
        }
    }
}
