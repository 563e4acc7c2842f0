//! The run under way in another process: which migration it is at, and who it is.

use crate::error::Error;
use crate::history::settings::RunSettings;
use crate::history::{Attempt, AttemptOutcome, SessionInfo};
use crate::lock::{Key, LeaseLock};
use crate::settings::LockKind;
use migrate_core::engine::Holder;
use migrate_core::plan::Action;
use migrate_core::{Set, Version};
use std::fmt;
use std::time::Duration;
use tokio_postgres::Client;

/// A migration that a run is at: the history has begun it, and the migration lock is held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunningAttempt {
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// True if it is being reverted.
    pub reverting: bool,
    /// The session that holds the lock. Its `age` is the migration's.
    pub holder: Holder,
    /// The server process that began the migration; another one than the holder's where the run has two connections.
    pub worker: Option<i32>,
    /// The statement that it is at, the first being 1; none where the script runs in a transaction, which shows nothing before
    /// its end.
    pub statement: Option<usize>,
    /// The number of statements.
    pub statements: usize,
}

impl RunningAttempt {
    /// True if a server process belongs to the run.
    pub fn is_of_run(&self, pid: i32) -> bool {
        [self.holder.pid, self.worker].contains(&Some(pid))
    }
}

impl fmt::Display for RunningAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = if self.reverting { "reverted" } else { "applied" };
        let mut holder = self.holder.clone();
        (holder.age, holder.query) = (None, None);
        write!(f, "is being {doing} by {holder}")?;
        if let Some(statement) = self.statement {
            write!(f, ", statement {statement} of {}", self.statements)?;
        }
        match self.holder.age {
            Some(age) if age >= Duration::from_secs(1) => write!(f, ", for {} s", age.as_secs()),
            Some(age) => write!(f, ", for {} ms", age.as_millis()),
            None => Ok(()),
        }
    }
}

/// The migration that a run is executing, if the last attempt has not ended and a session holds the lock.
pub(crate) async fn running(
    client: &Client,
    settings: &RunSettings,
    session_info: &SessionInfo,
    set: &Set,
    attempts: &[Attempt],
) -> Result<Option<RunningAttempt>, Error> {
    let is_unfinished = |attempt: &&Attempt| matches!(attempt.outcome, AttemptOutcome::Unfinished { .. });
    // Runs that stopped before they could resume it may have left rows after it.
    let open = |attempt: &&Attempt| is_unfinished(attempt) && attempt.statements_done.is_some();
    let Some(last) = attempts.last().filter(is_unfinished).or(attempts.iter().rev().find(open)) else {
        return Ok(None);
    };
    let AttemptOutcome::Unfinished { statements_done, statements } = last.outcome else { return Ok(None) };
    let holder = match settings.lock {
        Some(LockKind::Lease { expiry }) => {
            LeaseLock::new(&session_info.table, set.name(), "", expiry).current(client).await?
        }
        _ => Some(Key::new(settings, set.name()).holder(client).await?).filter(|holder| holder.pid.is_some()),
    };
    let number = |count: i32| usize::try_from(count).unwrap_or_default();
    Ok(holder.map(|mut holder| {
        holder.age = last.age;
        RunningAttempt {
            version: last.version.clone(),
            name: last.name.clone(),
            reverting: last.action == Action::Revert,
            holder,
            worker: last.pid,
            statement: last.statements_done.map(|_| number(statements_done) + 1),
            statements: number(statements),
        }
    }))
}
