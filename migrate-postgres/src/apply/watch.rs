//! Following what the server is at, while it is at it.
//!
//! The server keeps the completions of a message's statements in a buffer, which it sends when it holds 8 KiB or when the whole
//! message is done (`PqSendBuffer` in its `pqcomm.c`). Somebody who wants to know which statement is running would hear it
//! when all are done. A row as long as that buffer between two statements takes the earlier completions along; it costs a
//! third of a millisecond on a small machine, and no round trip.

use super::blockers::Lookout;
use futures_util::future::{Either, select};
use migrate_core::engine::Progress;
use migrate_core::event::Work;
use migrate_core::plan::Step;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicI32, Ordering};

/// A query whose answer takes with it what the server has kept back.
pub(super) const FLUSH: &str = "SELECT pg_catalog.repeat(' ', 8192)";

/// How often that is asked for in a run: 512 KiB of answers. What more statements are told of comes late.
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

/// What the server is at.
#[derive(Clone, Copy)]
pub(super) struct Underway<'s> {
    pub(super) step: &'s Step<'s>,
    pub(super) at: At,
}

/// What of a step, as far as the server has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A statement of its script, the first being 1.
    Statement(usize),
    /// What is done around its script.
    Around,
    /// One or the other, or another step after it.
    Somewhere,
}

impl Underway<'_> {
    pub(super) fn work(&self, pid: Option<i32>) -> Work<'_> {
        match self.at {
            At::Statement(number) => Work::statement(self.step, number, pid),
            At::Around => Work::around(self.step),
            At::Somewhere => Work::batch(self.step),
        }
    }
}

/// Waits for the server, and tells who is in its way and that it takes long.
pub(super) async fn watch<F: Future>(
    work: F,
    underway: Underway<'_>,
    pid: &Pid,
    lookout: &mut Lookout<'_>,
    progress: &mut Progress<'_>,
) -> F::Output {
    let mut work = pin!(work);
    lookout.begin();
    loop {
        let pause = pin!(tokio::time::sleep(lookout.pause()));
        match select(work.as_mut(), pause).await {
            Either::Left((output, _)) => return output,
            Either::Right(_) => lookout.look(underway, pid.get(), progress).await,
        }
    }
}
