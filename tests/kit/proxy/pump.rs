//! Forwarding messages.

use super::delay::{Delayed, Together};
use super::fault::{Blow, When};
use super::message::{Content, Message, Side, first_whole};
use super::{Connection, Gate, Shared, socket_path};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::Host;

type Reader = Box<dyn AsyncRead + Send + Unpin>;
type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Serves one connection until one of its ends, or a fault, closes it.
pub(super) async fn serve(shared: Arc<Shared>, client: TcpStream) {
    // An error means that one end is gone; then the other is closed, too.
    drop(pass_on(&shared, client).await);
}

async fn pass_on(shared: &Shared, client: TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (reader, mut to_client) = client.into_split();
    let mut from_client = Messages { reader: Box::new(reader), buffer: Vec::new() };
    // The proxy refuses encryption itself; the client then continues without it, or gives up.
    let opening = loop {
        let Some(bytes) = from_client.next_opening().await? else { return Ok(()) };
        match Message::opening(&bytes).content {
            Content::EncryptionRequest => to_client.write_all(b"N").await?,
            Content::CancelRequest => return cancel(shared, &bytes).await,
            _ => break bytes,
        }
    };
    if *shared.gate.borrow() == Gate::Shut {
        return Ok(());
    }
    let number = {
        let mut state = shared.state();
        state.connections.push(Connection::default());
        state.connections.len() - 1
    };
    let (reader, mut to_server) = connect(shared).await?;
    let mut from_server = Messages { reader, buffer: Vec::new() };
    let mut gate = shared.gate.subscribe();
    tokio::select! {
        _ = async {
            let opening = vec![(Message::opening(&opening), opening)];
            tokio::time::sleep(record(shared, number, &opening)).await;
            forward(shared, number, opening, &mut to_server).await?;
            pump(shared, number, Side::Client, &mut from_client, &mut to_server).await
        } => {}
        _ = pump(shared, number, Side::Server, &mut from_server, &mut to_client) => {}
        _ = gate.wait_for(|gate| *gate == Gate::Shut) => {}
    }
    shared.state().connections[number].is_closed = true;
    // Forwarded messages must arrive, so the streams are shut down, not reset.
    drop(to_client.shutdown().await);
    drop(to_server.shutdown().await);
    Ok(())
}

async fn connect(shared: &Shared) -> io::Result<(Reader, Writer)> {
    if let Some(path) = socket_path(&shared.server) {
        let (reader, writer) = UnixStream::connect(path).await?.into_split();
        return Ok((Box::new(reader), Box::new(writer)));
    }
    let port = shared.server.get_ports().first().copied().unwrap_or(5432);
    let host = shared.server.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) => Some(name.as_str()),
        Host::Unix(_) => None,
    });
    let stream = TcpStream::connect((host.unwrap_or("localhost"), port)).await?;
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Box::new(reader), Box::new(writer)))
}

/// Forwards a cancellation request. It has its own connection, which the server closes without an answer.
async fn cancel(shared: &Shared, request: &[u8]) -> io::Result<()> {
    shared.state().cancels += 1;
    let (mut reader, mut writer) = connect(shared).await?;
    writer.write_all(request).await?;
    reader.read(&mut [0]).await.map(drop)
}

/// Forwards one side's messages until it sends no more, or a fault cuts the connection.
async fn pump(
    shared: &Shared,
    connection: usize,
    from: Side,
    messages: &mut Messages,
    to: &mut (dyn AsyncWrite + Send + Unpin),
) -> io::Result<()> {
    let mut delayed = Delayed::default();
    loop {
        // Messages that are read while others are in transit follow them: latency does not limit throughput.
        let together = tokio::select! {
            biased;
            together = delayed.next(), if !delayed.is_empty() => {
                forward(shared, connection, together, to).await?;
                continue;
            }
            together = messages.next_typed(from) => together?,
        };
        if together.is_empty() {
            while !delayed.is_empty() {
                forward(shared, connection, delayed.next().await, to).await?;
            }
            return Ok(());
        }
        let latency = record(shared, connection, &together);
        if latency.is_zero() && delayed.is_empty() {
            forward(shared, connection, together, to).await?;
        } else {
            delayed.push(together, latency);
        }
    }
}

/// Records messages that were read together; returns the delay before they are forwarded.
fn record(shared: &Shared, connection: usize, together: &[(Message, Vec<u8>)]) -> Duration {
    let messages: Vec<Message> = together.iter().map(|(message, _)| message.clone()).collect();
    let mut state = shared.state();
    state.connections[connection].record(&messages);
    state.latency
}

/// Forwards messages that were read together, one by one.
async fn forward(
    shared: &Shared,
    connection: usize,
    together: Together,
    to: &mut (dyn AsyncWrite + Send + Unpin),
) -> io::Result<()> {
    let mut gate = shared.gate.subscribe();
    for (message, bytes) in together {
        drop(gate.wait_for(|gate| *gate == Gate::Open).await);
        let blow = {
            let mut state = shared.state();
            state.fault.as_mut().and_then(|fault| fault.count(connection, message.from))
        };
        if let Some((blow, When::BeforeForwarding)) = blow {
            strike(shared, blow).await?;
        }
        to.write_all(&bytes).await?;
        to.flush().await?;
        if let Some((blow, When::AfterForwarding)) = blow {
            strike(shared, blow).await?;
        }
    }
    Ok(())
}

/// Ends the connection with an error, or stops all traffic.
async fn strike(shared: &Shared, blow: Blow) -> io::Result<()> {
    match blow {
        Blow::Cut => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
        Blow::Hold => {
            shared.gate.send_if_modified(|gate| {
                let was_open = *gate == Gate::Open;
                if was_open {
                    *gate = Gate::Held;
                }
                was_open
            });
            // Until everything is shut down, which ends this future.
            std::future::pending().await
        }
    }
}

/// Splits a byte stream into messages.
struct Messages {
    reader: Reader,
    buffer: Vec<u8>,
}

impl Messages {
    /// The packet that opens a connection; none if the client is gone.
    async fn next_opening(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(size) = first_whole(&self.buffer, false) {
                return Ok(Some(self.buffer.drain(..size).collect()));
            }
            if !self.read().await? {
                return Ok(None);
            }
        }
    }

    /// All complete messages so far; none if the sender is gone.
    async fn next_typed(&mut self, from: Side) -> io::Result<Together> {
        loop {
            let mut together = Vec::new();
            let mut at = 0;
            while let Some(size) = first_whole(&self.buffer[at..], true) {
                let bytes = self.buffer[at..at + size].to_vec();
                together.push((Message::typed(from, &bytes), bytes));
                at += size;
            }
            self.buffer.drain(..at);
            if !together.is_empty() || !self.read().await? {
                return Ok(together);
            }
        }
    }

    /// Waits for input and reads it; returns false if the sender is gone.
    async fn read(&mut self) -> io::Result<bool> {
        self.buffer.reserve(16 * 1024);
        Ok(self.reader.read_buf(&mut self.buffer).await? > 0)
    }
}
