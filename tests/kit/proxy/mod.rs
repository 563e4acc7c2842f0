//! A proxy that parses PostgreSQL's protocol: it records the traffic, and can cut it.
//!
//! ```no_run
//! use migrate_tests::proxy::{Cut, Point, Proxy, Side, When};
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let database = migrate_postgres::testing::server()?.database().await?;
//! let proxy = Proxy::start(&database.config()).await;
//! // The server gets the third message of the first connection, but the client gets no answer.
//! proxy.cut(Cut { at: Point::of(0, Side::Client, 3), when: When::AfterForwarding });
//! let (client, connection) = proxy.config().connect(tokio_postgres::NoTls).await?;
//! tokio::spawn(connection);
//! assert!(client.batch_execute("SELECT 1").await.is_ok());
//! assert!(client.batch_execute("SELECT 2").await.is_err());
//! assert_eq!(proxy.connections()[0].round_trips, 2);
//! # Ok(())
//! # }
//! ```

mod delay;
mod fault;
mod message;
mod pump;
mod record;

pub use fault::{Cut, Point, When};
pub use message::{Content, Message, Side};
pub use record::Connection;

use fault::Fault;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// A proxy between clients and one database. It listens on a loopback port. When it is dropped, it ends with
/// all its connections.
///
/// Connections are numbered from 0 in the order in which they are accepted. A connection that only requests a
/// cancellation has no number.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Config,
    listening: JoinHandle<()>,
}

/// The state that the proxy's tasks share.
#[derive(Debug)]
struct Shared {
    server: Config,
    state: Mutex<MigrationStatus>,
    /// The gate that all pumps check before they forward a message.
    gate: watch::Sender<Gate>,
}

#[derive(Debug, Default)]
struct MigrationStatus {
    connections: Vec<Connection>,
    cancels: usize,
    latency: Duration,
    fault: Option<Fault>,
}

/// The state of forwarding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// A fault's point was reached: nothing is forwarded any more.
    Held,
    /// All connections are to be closed, and no new one is accepted.
    Shut,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, MigrationStatus> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts a proxy to the database of `server`.
    ///
    /// # Panics
    ///
    /// If no loopback port is available.
    pub async fn start(server: &Config) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("the address of a bound socket");
        let shared = Arc::new(Shared {
            server: server.clone(),
            state: Mutex::default(),
            gate: watch::Sender::new(Gate::Open),
        });
        let accepting = shared.clone();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pump::serve(accepting.clone(), client));
            }
        });
        Proxy { shared, address, server: server.clone(), listening }
    }

    /// The configuration of the database through the proxy.
    pub fn config(&self) -> Config {
        let mut config = Config::new();
        config.host(self.address.ip().to_string()).port(self.address.port()).ssl_mode(SslMode::Disable);
        if let Some(user) = self.server.get_user() {
            config.user(user);
        }
        if let Some(password) = self.server.get_password() {
            config.password(password);
        }
        if let Some(name) = self.server.get_dbname() {
            config.dbname(name);
        }
        if let Some(options) = self.server.get_options() {
            config.options(options);
        }
        if let Some(name) = self.server.get_application_name() {
            config.application_name(name);
        }
        config
    }

    /// The connection string of the database through the proxy.
    pub fn url(&self) -> String {
        let quote = |value: &str| format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"));
        let mut text = format!("host={} port={} sslmode=disable", self.address.ip(), self.address.port());
        let password = self.server.get_password().map(|password| String::from_utf8_lossy(password));
        let parts = [
            ("user", self.server.get_user()),
            ("password", password.as_deref()),
            ("dbname", self.server.get_dbname()),
            ("options", self.server.get_options()),
            ("application_name", self.server.get_application_name()),
        ];
        for (name, value) in parts {
            if let Some(value) = value {
                text = format!("{text} {name}={}", quote(value));
            }
        }
        text
    }

    /// The recorded traffic of each connection.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.state().connections.clone()
    }

    /// The only connection.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    pub fn connection(&self) -> Connection {
        let mut connections = self.connections();
        assert_eq!(connections.len(), 1, "connections through the proxy");
        connections.remove(0)
    }

    /// The number of cancellation requests.
    pub fn cancels(&self) -> usize {
        self.shared.state().cancels
    }

    /// Clears the records. Open connections keep their numbers.
    pub fn forget(&self) {
        self.shared.state().connections.iter_mut().for_each(Connection::forget);
    }

    /// Delays everything by this much, in both directions. As on a long line, messages travel concurrently:
    /// each is delayed by itself, not behind the previous one.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.state().latency = latency;
    }

    /// Cuts a connection at a point. The others continue.
    pub fn cut(&self, cut: Cut) {
        self.shared.state().fault = Some(Fault::cut(cut));
    }

    /// Stops all traffic at a point of any connection, and keeps all connections open: see
    /// [`held`](Proxy::held).
    pub fn hold(&self, at: Point, when: When) {
        self.shared.state().fault = Some(Fault::hold(at, when));
    }

    /// Waits until traffic has stopped at the point given to [`hold`](Proxy::hold).
    pub async fn held(&self) {
        let mut gate = self.shared.gate.subscribe();
        // It can't fail: the sender lives as long as the proxy.
        drop(gate.wait_for(|gate| *gate != Gate::Open).await);
    }

    /// Closes all connections, including future ones.
    pub fn shut(&self) {
        self.shared.gate.send_replace(Gate::Shut);
    }

    /// True if the fault's point was reached.
    pub fn is_struck(&self) -> bool {
        self.shared.state().fault.as_ref().is_some_and(Fault::is_struck)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.shut();
    }
}

/// The path of a server's socket.
fn socket_path(server: &Config) -> Option<std::path::PathBuf> {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    server.get_hosts().iter().find_map(|host| match host {
        Host::Unix(folder) => Some(folder.join(format!(".s.PGSQL.{port}"))),
        Host::Tcp(_) => None,
    })
}
