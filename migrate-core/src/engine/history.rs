//! The [`History`] trait: the engine's interface to a database.

use super::Progress;
use super::error::{ApplyError, RunError};
use crate::display::printable::Printable;
use crate::history::{HistoryHead, HistoryState, HistoryTail};
use crate::plan::Step;
use crate::set::Set;
use async_trait::async_trait;
use std::time::Duration;

/// One set's history in one database.
///
/// The engine ([`crate::engine`]) drives it and never speaks SQL; a history never plans. Reading needs no
/// lock. Every write is a method of [`Locked`], which only [`History::try_lock`] returns.
#[async_trait]
pub trait History: Send {
    /// The error of the backend.
    type Error: RunError;

    /// Reads the end of the history in one round trip, without a lock and without writing: the boot with
    /// nothing to do ends here.
    ///
    /// # Errors
    ///
    /// If the database can't be queried, or if its history is not readable for this library. A database
    /// without a history is not an error: its head is [`HistoryHead::NONE`].
    async fn head(&mut self, set: &Set) -> Result<HistoryHead, Self::Error>;

    /// Loads the applied migrations, oldest first, without a lock and without writing.
    ///
    /// # Errors
    ///
    /// If the database can't be queried, or if a row of the history is damaged.
    async fn load(&mut self, set: &Set) -> Result<HistoryState, Self::Error>;

    /// Tries to take the history's lock and returns at once, without waiting on the server: a session that
    /// waits in `pg_advisory_lock()` holds a snapshot, for which the holder's `CREATE INDEX CONCURRENTLY`
    /// would wait.
    ///
    /// # Errors
    ///
    /// If the database can't be queried or written to.
    async fn try_lock<'a>(&'a mut self, set: &'a Set) -> Result<Locking<'a, Self::Error>, Self::Error>;

    /// Sleeps. It belongs to the backend, because this crate has no async runtime.
    async fn pause(&self, duration: Duration);
}

/// The outcome of an attempt to take the lock.
pub enum Locking<'a, E> {
    /// The lock is held until it is released or dropped.
    Acquired(Box<dyn Locked<Error = E> + 'a>),
    /// Another session holds it.
    Held(Holder),
    /// The lock was free, but no connection is available: other replicas use all of them. The error is
    /// reported if that does not change.
    Crowded(E),
}

/// The session that holds or blocks a lock, as far as the backend knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The server process.
    pub pid: Option<i32>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// The age of its transaction, or of its session.
    pub age: Option<Duration>,
    /// The beginning of its current or last query, with secrets redacted.
    pub query: Option<String>,
    /// The name of a prepared transaction. It belongs to no session and keeps its locks until it is ended by
    /// this name.
    pub prepared: Option<String>,
    /// The role that prepared it.
    pub owner: Option<String>,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let f = &mut Printable(f);
        match (&self.prepared, self.pid) {
            (Some(gid), _) => {
                write!(f, "the prepared transaction '{}'", gid.replace('\'', "''"))?;
                if let Some(owner) = &self.owner {
                    write!(f, " of {owner}")?;
                }
            }
            (None, Some(pid)) => write!(f, "pid {pid}")?,
            (None, None) => f.write_str("another session")?,
        }
        if let Some(application) = self.application.as_deref().filter(|name| !name.is_empty()) {
            write!(f, " ({application})")?;
        }
        if let Some(age) = self.age {
            write!(f, ", for {age:.1?}")?;
        }
        if let Some(query) = self.query.as_deref().filter(|query| !query.is_empty()) {
            write!(f, ": {query}")?;
        }
        if let Some(gid) = &self.prepared {
            write!(f, "; ROLLBACK PREPARED '{}' ends it", gid.replace('\'', "''"))?;
        }
        Ok(())
    }
}

/// The result of releasing the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// The lock was held until now.
    Held,
    /// The lock was lost earlier: another run may have worked at the same time.
    Lost,
}

/// A history under its lock, the only form in which it can be written.
///
/// # Cancel safety
///
/// Dropping it at any point releases the lock, although the server may notice only later. The changes in
/// progress are rolled back or committed as a whole, or stop at a checkpoint.
#[async_trait]
pub trait Locked: Send {
    /// The error of the backend.
    type Error: RunError;

    /// The end of the history, read when no other session could change it any longer, if taking the lock
    /// returned it; `None` if a migration was interrupted. It saves loading the history if the applied
    /// migrations are a prefix of the set.
    fn end(&self) -> Option<HistoryTail> {
        None
    }

    /// Loads the applied migrations, oldest first, now that no other session can change them.
    ///
    /// # Errors
    ///
    /// If the database can't be queried, or if a row of the history is damaged.
    async fn load(&mut self) -> Result<HistoryState, Self::Error>;

    /// Takes the steps in order, each with its history row, and reports each finished one to `progress`. The
    /// backend decides how many messages that takes.
    ///
    /// # Errors
    ///
    /// At the first step that fails; the steps before it stay. `progress` holds the finished ones.
    async fn apply(
        &mut self,
        steps: &[Step<'_>],
        state: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError<Self::Error>>;

    /// Sleeps while keeping the lock.
    async fn pause(&mut self, duration: Duration);

    /// Releases the lock.
    ///
    /// # Errors
    ///
    /// If the database can't be queried.
    async fn release(self: Box<Self>) -> Result<Released, Self::Error>;
}
