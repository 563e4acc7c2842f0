//! A session: one connection, its source, and its state when it is closed or given back.

use crate::connection::heard::Heard;
use crate::connection::protect;
use crate::error::Error;
use crate::sql::answers::{Answers, is_true};
use crate::sql::transaction::IS_FREE;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// One connection.
///
/// # Cancel safety
///
/// A session that is dropped while it is [marked](Session::mark) as being in the middle of something is
/// closed, and not given back to its pool. A borrowed `Client` is sent the message that restores it, after
/// the messages it was sent before.
///
/// No cancel request is sent. Behind a pooler it would hit whichever client has the server connection by then
/// (and PgBouncer 1.18 exits on it), while the server by itself ends the statement of a client that is gone:
/// our transactions set `client_connection_check_interval`.
#[doc(hidden)]
pub struct Session<'a> {
    connection: Option<Connection<'a>>,
    marked: Option<SessionMark>,
    /// True if scripts ran in it.
    is_spent: bool,
    /// True if several messages of one flush are still unanswered.
    is_pipelining: AtomicBool,
}

/// An unfinished operation of a session: a transaction, a lock or changed settings.
struct SessionMark {
    /// SQL that ends the operation, from any state of the session.
    abandon: String,
    /// True if the operation has to be ended even when the session is gone.
    outlives_session: bool,
}

enum Connection<'a> {
    Borrowed(&'a Client),
    Owned(Client, JoinHandle<()>, Heard),
    #[cfg(feature = "deadpool")]
    Pooled(deadpool_postgres::Object),
    #[cfg(feature = "deadpool")]
    Unpooled(deadpool_postgres::ClientWrapper),
}

impl<'a> Session<'a> {
    pub(crate) fn borrowed(client: &'a Client) -> Session<'a> {
        Session::of(Connection::Borrowed(client))
    }

    pub(crate) fn owned(client: Client, task: JoinHandle<()>, heard: Heard) -> Session<'static> {
        Session::of(Connection::Owned(client, task, heard))
    }

    /// The server's notices, if the connection is ours; otherwise its owner receives them.
    pub(crate) fn heard(&self) -> Option<&Heard> {
        match &self.connection {
            Some(Connection::Owned(_, _, heard)) => Some(heard),
            _ => None,
        }
    }

    #[cfg(feature = "deadpool")]
    pub(crate) fn pooled(object: deadpool_postgres::Object) -> Session<'static> {
        Session::of(Connection::Pooled(object))
    }

    #[cfg(feature = "deadpool")]
    pub(crate) fn unpooled(client: deadpool_postgres::ClientWrapper) -> Session<'static> {
        Session::of(Connection::Unpooled(client))
    }

    fn of(connection: Connection<'_>) -> Session<'_> {
        Session {
            connection: Some(connection),
            marked: None,
            is_spent: false,
            is_pipelining: AtomicBool::new(false),
        }
    }

    /// Marks the session as being in the middle of something that ends with it: a transaction, a lock,
    /// changed settings. `abandon` is the SQL that ends it in a borrowed `Client`, from any state of the
    /// client.
    ///
    /// Call this before sending the message that begins it: a future that is dropped in between does not know
    /// whether the message was sent.
    pub(crate) fn mark(&mut self, abandon: impl Into<String>) {
        self.marked = Some(SessionMark { abandon: abandon.into(), outlives_session: false });
    }

    /// Like [`Session::mark`], for something that the server would keep after the session.
    pub(crate) fn mark_lasting(&mut self, abandon: impl Into<String>) {
        self.marked = Some(SessionMark { abandon: abandon.into(), outlives_session: true });
    }

    /// Marks the session as one in which scripts run. Their settings are undone, but `RESET ALL` also forgets
    /// custom settings that others have made (`app.tenant`), and no view of the server lists these. So a pool
    /// does not get the connection back, and opens a new one when it needs one.
    pub(crate) fn spend(&mut self) {
        self.is_spent = true;
    }

    /// To be set while several messages of one flush are unanswered. A session that is dropped in that time
    /// is closed when they are answered, or when one of them takes the server long.
    pub(crate) fn pipelining(&self) -> &AtomicBool {
        &self.is_pipelining
    }

    /// Closes the connection when the messages sent are answered, or when the server takes long.
    fn end_when_answered(&mut self, runtime: &tokio::runtime::Handle, abandon: &str) {
        match self.connection.take() {
            None => {}
            Some(Connection::Borrowed(client)) => send_unawaited(client, abandon),
            Some(Connection::Owned(client, task, _)) => {
                runtime.spawn(async move {
                    until_answered(&client).await;
                    task.abort();
                });
            }
            #[cfg(feature = "deadpool")]
            Some(Connection::Pooled(object)) => {
                let client = deadpool_postgres::Object::take(object);
                runtime.spawn(async move { until_answered(&client).await });
            }
            #[cfg(feature = "deadpool")]
            Some(Connection::Unpooled(client)) => {
                runtime.spawn(async move { until_answered(&client).await });
            }
        }
    }

    /// Marks the session as unchanged since it was opened.
    pub(crate) fn unmark(&mut self) {
        self.marked = None;
    }

    /// An empty session, after its connection is gone.
    pub(crate) fn gone() -> Session<'static> {
        Session { connection: None, marked: None, is_spent: false, is_pipelining: AtomicBool::new(false) }
    }

    /// True if no other code can have begun a transaction in it: the connection is ours, or was idle in a
    /// pool.
    pub(crate) fn is_ours(&self) -> bool {
        !matches!(self.connection, None | Some(Connection::Borrowed(_)))
    }

    /// Begins a transaction that reads without timeouts, unless the owner of a borrowed `Client` has begun
    /// one. Returns true if it began one.
    pub(crate) async fn begin_reading(&mut self) -> bool {
        self.mark("ROLLBACK");
        let begin = format!("BEGIN; SELECT {IS_FREE}; {}", protect::no_timeouts());
        let begun = self.simple_query(&begin).await;
        let has_begun = begun
            .is_ok_and(|answers| Answers::of(answers).after(1).first().is_some_and(|row| is_true(row, 0)));
        if !has_begun {
            // The statement that ends our transaction would end the owner's.
            self.unmark();
        }
        has_begun
    }

    /// Refuses a borrowed `Client` that is in a transaction of its owner, which ours would end.
    ///
    /// # Errors
    ///
    /// [`Error::InTransaction`].
    pub(crate) async fn check_free(&self) -> Result<(), Error> {
        if self.is_ours() {
            return Ok(());
        }
        let failed = |source| Error::server("reading the state of the session", source);
        let answers = self.simple_query(&format!("SELECT {IS_FREE}")).await.map_err(failed)?;
        let is_free = Answers::of(answers).next().first().is_some_and(|row| is_true(row, 0));
        if is_free { Ok(()) } else { Err(Error::InTransaction) }
    }

    /// Ends the transaction of [`Session::begin_reading`].
    pub(crate) async fn end_reading(&mut self) {
        if self.batch_execute("ROLLBACK").await.is_ok() {
            self.unmark();
        }
    }

    /// Closes the session, or gives it back. Waits until a connection of its own is gone.
    pub(crate) async fn close(mut self) {
        if self.marked.is_some() {
            return;
        }
        match self.connection.take() {
            Some(Connection::Owned(client, task, _)) => {
                drop(client);
                drop(task.await);
            }
            #[cfg(feature = "deadpool")]
            Some(Connection::Pooled(object)) if self.is_spent => {
                drop(deadpool_postgres::Object::take(object));
            }
            _ => {}
        }
    }
}

impl Deref for Session<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        match self.connection.as_ref().expect("only `close` and `drop` take the connection") {
            Connection::Borrowed(client) => client,
            Connection::Owned(client, ..) => client,
            #[cfg(feature = "deadpool")]
            Connection::Pooled(object) => object,
            #[cfg(feature = "deadpool")]
            Connection::Unpooled(client) => client,
        }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let Some(SessionMark { abandon, outlives_session }) = self.marked.take() else { return };
        if *self.is_pipelining.get_mut()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            return self.end_when_answered(&runtime, &abandon);
        }
        match self.connection.take() {
            None => {}
            Some(Connection::Borrowed(client)) => send_unawaited(client, &abandon),
            Some(Connection::Owned(client, ..)) if outlives_session => send_unawaited(&client, &abandon),
            // Without this, the connection's task would wait for the answer to the current query.
            Some(Connection::Owned(_, task, _)) => task.abort(),
            #[cfg(feature = "deadpool")]
            Some(Connection::Pooled(object)) => {
                end(deadpool_postgres::Object::take(object), abandon, outlives_session);
            }
            #[cfg(feature = "deadpool")]
            Some(Connection::Unpooled(client)) => end(client, abandon, outlives_session),
        }
    }
}

/// The longest wait for the answers to several messages before their connection is closed: the interval at
/// which the server checks that its client is there.
const MOST_ANSWERS: Duration = Duration::from_secs(1);

/// The longest time that a message takes to a pooler.
const MOST_SENDING: Duration = Duration::from_millis(20);

/// Waits until several messages of one flush are answered, or one of them takes the server long.
///
/// PgBouncer before 1.21 considers a server connection idle after each answer outside a transaction, even if
/// more messages are queued (`disconnect_client` in its `objects.c` tests `server->ready`). A lost client
/// then leaves the answers to the next one. Each message makes the connection busy again, so the last message
/// is an empty one.
async fn until_answered(client: &Client) {
    if tokio::time::timeout(MOST_ANSWERS, client.check_connection()).await.is_err() {
        drop(tokio::time::timeout(MOST_SENDING, client.check_connection()).await);
    }
}

/// Closes a pool's connection, after a last message if needed: its task ends with it, whatever is in
/// progress.
#[cfg(feature = "deadpool")]
fn end(client: deadpool_postgres::ClientWrapper, abandon: String, outlives_session: bool) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) if outlives_session => {
            runtime.spawn(async move { drop(client.batch_execute(&abandon).await) });
        }
        _ => drop(client),
    }
}

/// Sends a message without waiting for its answer, from code that can't await. The connection's task delivers
/// it after the earlier messages.
fn send_unawaited(client: &Client, sql: &str) {
    use std::task::{Context, Waker};
    let mut sending = std::pin::pin!(client.batch_execute(sql));
    // The first poll of a request puts it into the connection's queue; the task reads the answer and discards
    // it.
    drop(sending.as_mut().poll(&mut Context::from_waker(Waker::noop())));
}
