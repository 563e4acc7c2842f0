//! The [`History`] trait: what the engine needs of a database.

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
/// The engine ([`crate::engine`]) drives it and never speaks SQL; a history never plans. Reading needs no lock;
/// whatever writes is a method of [`Locked`], which only [`History::try_lock`] gives out.
#[async_trait]
pub trait History: Send {
    /// The error of the backend.
    type Error: RunError;

    /// Looks at the history in one round trip, without a lock and without writing: the boot with nothing to do ends
    /// here.
    ///
    /// # Errors
    ///
    /// When the database can't be asked, or its history is not ours to read. A database without a history is not an
    /// error: its head is [`HistoryHead::NONE`].
    async fn head(&mut self, set: &Set) -> Result<HistoryHead, Self::Error>;

    /// Loads the applied migrations, oldest first, without a lock and without writing.
    ///
    /// # Errors
    ///
    /// When the database can't be asked, or a row of the history is damaged.
    async fn load(&mut self, set: &Set) -> Result<HistoryState, Self::Error>;

    /// Tries to take the history's lock and returns at once, never waiting on the server: a session that waits in
    /// `pg_advisory_lock()` holds a snapshot, which the holder's `CREATE INDEX CONCURRENTLY` would wait for.
    ///
    /// # Errors
    ///
    /// When the database can't be asked, or can't be written to.
    async fn try_lock<'a>(&'a mut self, set: &'a Set) -> Result<Locking<'a, Self::Error>, Self::Error>;

    /// Sleeps. Here because this crate knows no async runtime, and the backend does.
    async fn pause(&self, duration: Duration);
}

/// The outcome of an attempt to take the lock.
pub enum Locking<'a, E> {
    /// The lock is ours until it is released or dropped.
    Acquired(Box<dyn Locked<Error = E> + 'a>),
    /// Another session holds it.
    Held(Holder),
    /// It was free, but there is no connection left to work with: other replicas have them all. The error is for when
    /// that stays so.
    Crowded(E),
}

/// The session that holds a lock or blocks it, as far as the backend can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The server process.
    pub pid: Option<i32>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// How long its transaction, or its session, has lasted.
    pub age: Option<Duration>,
    /// The beginning of what it runs or ran last, secrets left out.
    pub query: Option<String>,
    /// The name of a prepared transaction, which belongs to no session: it keeps its locks until it is ended by this name.
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

/// The outcome of releasing the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It was ours until now.
    Held,
    /// It was lost before: another run may have worked at the same time.
    Lost,
}

/// A history under its lock: the only thing that can be written.
///
/// # Cancel safety
///
/// Dropping it at any point releases the lock, though perhaps not before the server has noticed; what it was
/// applying is rolled back or committed as a whole, or stands at a checkpoint.
#[async_trait]
pub trait Locked: Send {
    /// The error of the backend.
    type Error: RunError;

    /// The history's end as it was when nobody else could change it any more, if taking the lock has shown it; none where
    /// a migration was interrupted. It saves loading the history where what is applied is a beginning of the set.
    fn end(&self) -> Option<HistoryTail> {
        None
    }

    /// Loads the applied migrations, oldest first, now that nobody else can change them.
    ///
    /// # Errors
    ///
    /// When the database can't be asked, or a row of the history is damaged.
    async fn load(&mut self) -> Result<HistoryState, Self::Error>;

    /// Takes the steps, in order, each with its record, and tells `progress` of each that is done. How many messages
    /// that becomes is the backend's business.
    ///
    /// # Errors
    ///
    /// At the first step that fails; those before it stay. What was done is in `progress`.
    async fn apply(
        &mut self,
        steps: &[Step<'_>],
        state: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError<Self::Error>>;

    /// Sleeps, with the lock kept.
    async fn pause(&mut self, duration: Duration);

    /// Releases the lock.
    ///
    /// # Errors
    ///
    /// When the database can't be asked.
    async fn release(self: Box<Self>) -> Result<Released, Self::Error>;
}
