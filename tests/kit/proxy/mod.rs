//! A proxy that reads PostgreSQL's protocol: it counts what goes over the wire, and can cut it.
//!
//! ```no_run
//! use migrate_tests::proxy::{Cut, Point, Proxy, Side, When};
//!
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! let database = migrate_postgres::testing::server()?.database().await?;
//! let proxy = Proxy::start(&database.config()).await;
//! // The server gets the third message of the first connection, and the client never hears of it.
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

/// A proxy between clients and one database. It listens on a port of the loopback interface and ends, with all its
/// connections, when it is dropped.
///
/// Connections are numbered from 0 in the order in which they are accepted; one that only asks to cancel what another
/// runs has no number.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Config,
    listening: JoinHandle<()>,
}

/// What the proxy's tasks share.
#[derive(Debug)]
struct Shared {
    server: Config,
    state: Mutex<MigrationStatus>,
    /// What all pumps look at before they pass a message on.
    gate: watch::Sender<Gate>,
}

#[derive(Debug, Default)]
struct MigrationStatus {
    connections: Vec<Connection>,
    cancels: usize,
    latency: Duration,
    fault: Option<Fault>,
}

/// Whether messages are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gate {
    Open,
    /// A fault's point was reached: nothing is passed on any more.
    Held,
    /// All connections are to be closed, and no new one is taken.
    Shut,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, MigrationStatus> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts a proxy to the database that `server` leads to.
    ///
    /// # Panics
    ///
    /// When no port of the loopback interface is to be had.
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

    /// How to connect to the database through the proxy.
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

    /// The same as a connection string.
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

    /// What went over each connection so far.
    pub fn connections(&self) -> Vec<Connection> {
        self.shared.state().connections.clone()
    }

    /// The one connection that there was.
    ///
    /// # Panics
    ///
    /// When there was none, or more than one.
    pub fn connection(&self) -> Connection {
        let mut connections = self.connections();
        assert_eq!(connections.len(), 1, "connections through the proxy");
        connections.remove(0)
    }

    /// How many requests to cancel came through.
    pub fn cancels(&self) -> usize {
        self.shared.state().cancels
    }

    /// Forgets what went over the connections so far. Those that are open keep their numbers.
    pub fn forget(&self) {
        self.shared.state().connections.iter_mut().for_each(Connection::forget);
    }

    /// Passes everything on this much later, in both directions. As on a long line, what is sent in the meantime is on
    /// its way too: it comes this much later itself, not after what went before.
    pub fn set_latency(&self, latency: Duration) {
        self.shared.state().latency = latency;
    }

    /// Cuts a connection at a point. The others go on.
    pub fn cut(&self, cut: Cut) {
        self.shared.state().fault = Some(Fault::cut(cut));
    }

    /// Stops all traffic at a point, of whichever connection it is, and keeps all connections open: see
    /// [`held`](Proxy::held).
    pub fn hold(&self, at: Point, when: When) {
        self.shared.state().fault = Some(Fault::hold(at, when));
    }

    /// Waits until traffic has stopped where [`hold`](Proxy::hold) said.
    pub async fn held(&self) {
        let mut gate = self.shared.gate.subscribe();
        // It can't fail: the sender is as old as the proxy.
        drop(gate.wait_for(|gate| *gate != Gate::Open).await);
    }

    /// Closes all connections, and those to come.
    pub fn shut(&self) {
        self.shared.gate.send_replace(Gate::Shut);
    }

    /// Whether the fault's point was reached.
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

/// The place of a server's socket.
fn socket_path(server: &Config) -> Option<std::path::PathBuf> {
    let port = server.get_ports().first().copied().unwrap_or(5432);
    server.get_hosts().iter().find_map(|host| match host {
        Host::Unix(folder) => Some(folder.join(format!(".s.PGSQL.{port}"))),
        Host::Tcp(_) => None,
    })
}
