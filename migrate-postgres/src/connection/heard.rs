//! What the server says beside its answers: notices and warnings, in their place among the answers.
//!
//! A connection's task reads both in their order, but hands the answers to who asked and the notices to itself. So it stands
//! still at a notice until that was taken: whoever takes it has seen every answer before it and none behind it.

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
    /// Whether anybody listens: else nothing is kept, and nobody is waited for.
    is_listening: bool,
    notice: Option<DbError>,
    /// The connection's task, which stands still.
    task: Option<Waker>,
    /// Who waits for a notice.
    listener: Option<Waker>,
}

impl Heard {
    fn state(&self) -> MutexGuard<'_, NoticeState> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a connection until it ends. Its errors reach the calls that wait for it; there is nobody else to tell.
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

/// Somebody who listens, and has to take each notice for the connection to go on.
pub(crate) struct Listening(Heard);

impl Listening {
    /// Whether there is a notice; wakes the task when there is.
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
