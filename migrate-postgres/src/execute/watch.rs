//! Following what the server is at, while it is at it.
//!
//! The server keeps the completions of a message's statements in a buffer, which it sends when it holds 8 KiB or when the whole
//! message is done (`PqSendBuffer` in its `pqcomm.c`). Somebody who wants to know which statement is running would hear it
//! when all are done. A row as long as that buffer between two statements takes the earlier completions along; it costs a
//! third of a millisecond on a small machine, and no round trip.

use super::blockers::BlockerMonitor;
use crate::connection::heard::Listening;
use crate::error::secrets::{clean, secrets};
use migrate_core::engine::Progress;
use migrate_core::engine::event::{Activity, ServerMessage, Severity};
use migrate_core::plan::Step;
use migrate_core::sql;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_postgres::error::DbError;

/// A query whose answer flushes the messages that the server has kept back.
pub(super) const FLUSH: &str = "SELECT pg_catalog.repeat(' ', 8192)";

/// The limit of such queries in a run: 512 KiB of answers. The messages of further statements are reported
/// late.
pub(super) const MOST_FLUSHES: usize = 64;

/// A query for the server process that works: behind a pooler it is another one for each transaction.
pub(super) const PID: &str = "SELECT pg_catalog.pg_backend_pid()";

/// The server process that works, as soon as it has said so.
#[derive(Debug, Default)]
pub(super) struct Pid(AtomicI32);

impl Pid {
    pub(super) fn set(&self, pid: Option<i32>) {
        self.0.store(pid.unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<i32> {
        Some(self.0.load(Ordering::Relaxed)).filter(|pid| *pid != 0)
    }
}

/// The step that the server is executing, and the place in it.
#[derive(Clone, Copy)]
pub(super) struct Underway<'s> {
    pub(super) step: &'s Step<'s>,
    pub(super) at: At,
}

/// The place in a step, as far as the server has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A statement of its script, the first being 1.
    Statement(usize),
    /// The statements around its script.
    Around,
    /// One or the other, or another step after it.
    Somewhere,
    /// Its Rust code.
    Code,
}

impl Underway<'_> {
    pub(super) fn work(&self, pid: Option<i32>) -> Activity<'_> {
        match self.at {
            At::Statement(number) => Activity::statement(self.step, number, pid),
            At::Around => Activity::around(self.step),
            At::Somewhere => Activity::batch(self.step),
            At::Code => Activity::migration(self.step),
        }
    }
}

/// Waits for the server, and reports blocking sessions and slow activities.
pub(super) async fn watch<F: Future>(
    work: F,
    underway: Underway<'_>,
    pid: &Pid,
    monitor: &mut BlockerMonitor<'_>,
    progress: &mut Progress<'_>,
) -> F::Output {
    let mut work = pin!(work);
    monitor.begin();
    let listening = monitor.listen();
    loop {
        match next(listening.as_ref(), monitor.pause(), |context| work.as_mut().poll(context)).await {
            Received::Answer(output) => return output,
            Received::Notice(notice) => {
                let number = if let At::Statement(number) = underway.at { Some(number) } else { None };
                tell(&notice, underway.step, number, pid.get(), progress);
            }
            Received::Silence => monitor.probe(underway, pid.get(), progress).await,
        }
    }
}

/// The next event of a connection.
pub(super) enum Received<T> {
    /// The answer to the message that was sent.
    Answer(T),
    /// A notice, before whatever answer comes next.
    Notice(Box<DbError>),
    /// Nothing for a while.
    Silence,
}

/// Waits for an answer, a notice, or for so long.
pub(super) async fn next<T>(
    listening: Option<&Listening>,
    pause: Duration,
    mut answer: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Received<T> {
    let mut pause = pin!(tokio::time::sleep(pause));
    std::future::poll_fn(|context| {
        if let Poll::Ready(answer) = answer(context) {
            return Poll::Ready(Received::Answer(answer));
        }
        if let Some(listening) = listening.filter(|listening| listening.is_told(context)) {
            // The connection stands still at the notice: the answers before it are there by now.
            if let Poll::Ready(answer) = answer(context) {
                return Poll::Ready(Received::Answer(answer));
            }
            if let Some(notice) = listening.take() {
                return Poll::Ready(Received::Notice(Box::new(notice)));
            }
        }
        pause.as_mut().poll(context).map(|()| Received::Silence)
    })
    .await
}

/// Warnings about transactions that begin or end twice: scripts with transactions of their own meet ours.
const OF_TRANSACTIONS: [&str; 2] = ["25001", "25P01"];

/// Passes on what the server said at a statement of a step's script, or around it.
pub(super) fn tell(
    notice: &DbError,
    step: &Step<'_>,
    number: Option<usize>,
    pid: Option<i32>,
    progress: &mut Progress<'_>,
) {
    let code = notice.code().code();
    if OF_TRANSACTIONS.contains(&code) {
        return;
    }
    let statement = number.and_then(|number| {
        let script = step.script()?;
        Some(script.statements().get(number.checked_sub(1)?)?.text(script.text()))
    });
    let secrets = statement.map(secrets).unwrap_or_default();
    let clean = |text: &str| clean(text, &secrets);
    let severity = match notice.parsed_severity() {
        Some(tokio_postgres::error::Severity::Warning) => Severity::Warning,
        Some(tokio_postgres::error::Severity::Info) => Severity::Info,
        Some(tokio_postgres::error::Severity::Log) => Severity::Log,
        Some(tokio_postgres::error::Severity::Debug) => Severity::Debug,
        _ => Severity::Notice,
    };
    let mut message = ServerMessage::new(severity, code, clean(notice.message()));
    message.detail = notice.detail().map(|text| clean(&sql::redact_detail(code, text)));
    message.hint = notice.hint().map(clean);
    message.context = notice.where_().map(clean);
    progress.server_said(step, number, pid, &message);
}
