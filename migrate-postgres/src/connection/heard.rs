//! Notices and warnings: the server's messages besides its answers, in their order among the answers.
//!
//! A connection's task reads both in order, but hands each answer to its caller and each notice to itself. So
//! it stops at a notice until the notice is taken: the listener that takes it has seen every answer before it
//! and none after it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio_postgres::error::DbError;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{AsyncMessage, Connection, Socket};

/// The notices of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard(Arc<Mutex<NoticeState>>);

#[derive(Debug, Default)]
struct NoticeState {
    /// True if there is a listener; otherwise no notice is kept, and the task does not wait.
    is_listening: bool,
    notice: Option<DbError>,
    /// The waker of the connection's task, which has stopped.
    task: Option<Waker>,
    /// The waker of the task that waits for a notice.
    listener: Option<Waker>,
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, NoticeState> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a connection until it ends. Its errors reach the calls that wait for it; no one else needs
    /// them.
    pub(crate) async fn drive<T>(self, mut connection: Connection<Socket, T>)
    where
        T: TlsStream + tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        std::future::poll_fn(|context| {
            loop {
                ready!(self.poll_taken(context));
                match ready!(connection.poll_message(context)) {
                    Some(Ok(AsyncMessage::Notice(notice))) => self.put(notice),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Poll::Ready(()),
                }
            }
        })
        .await;
    }

    fn poll_taken(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.is_listening && state.notice.is_some() {
            state.task = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    fn put(&self, notice: DbError) {
        let mut state = self.state();
        if state.is_listening {
            state.notice = Some(notice);
            if let Some(listener) = state.listener.take() {
                listener.wake();
            }
        }
    }

    /// Listens until the guard is dropped.
    pub(crate) fn listen(&self) -> Listening {
        self.state().is_listening = true;
        Listening(self.clone())
    }
}

/// A listener, which has to take each notice for the connection to continue.
pub(crate) struct Listening(Heard);

impl Listening {
    /// True if there is a notice. Registers the task, to be woken when one arrives.
    pub(crate) fn is_told(&self, context: &Context<'_>) -> bool {
        let mut state = self.0.state();
        state.listener = Some(context.waker().clone());
        state.notice.is_some()
    }

    /// Takes the notice.
    pub(crate) fn take(&self) -> Option<DbError> {
        let mut state = self.0.state();
        let notice = state.notice.take();
        if let Some(task) = state.task.take() {
            task.wake();
        }
        notice
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.state().is_listening = false;
        self.take();
    }
}
