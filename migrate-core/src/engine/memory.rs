//! An in-memory history for tests of the engine and of plans.

use crate::advice::Left;
use crate::backfill::{BackfillRecord, Specification};
use crate::engine::error::{ApplyError, Failure, Place, RunError};
use crate::engine::{Committed, Progress};
use crate::engine::{History, Holder, Locked, Locking, Released};
use crate::history::{Applied, AppliedRef, HistoryHead, HistoryState, HistoryTail, Interrupted, Kept};
use crate::plan::{Action, Refused, Step};
use crate::set::Set;
use crate::set::checksum::normalized;
use crate::set::digest::Digest;
use crate::set::migration::Payload;
use crate::set::script::Script;
use crate::sql::TransactionMode;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// An in-memory database that records the statements it ran, and that can be told to fail on some.
///
/// As a history, it behaves like a server: a script in a transaction block leaves everything or nothing, a
/// script that runs statement by statement stops at its checkpoint, and one lock guards it all.
#[derive(Clone, Debug, Default)]
pub struct MemoryDatabase(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    sets: Vec<(String, Recorded)>,
    statements: Vec<String>,
    locked: bool,
    fail_on: Vec<(String, Fault)>,
    loads: usize,
    locks: usize,
    crowded: usize,
    /// The tables that are too large for a backfill to run as a whole.
    large: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Recorded {
    applied: Vec<Applied>,
    interrupted: Option<Interrupted>,
    backfills: Vec<BackfillRecord>,
    rows: Vec<MemoryRow>,
    rows_since_revert: usize,
}

impl Recorded {
    fn digest(&self) -> Digest {
        self.rows.last().map_or(Digest::EMPTY, |row| row.digest)
    }
}

/// The digest after a step, and the step's migration.
#[derive(Clone, Debug)]
struct MemoryRow {
    digest: Digest,
    of: AppliedRef,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Error,
    Contention { times: usize },
}

impl MemoryDatabase {
    /// Opens a history in this database. Several may be open at once.
    pub fn history(&self) -> MemoryHistory {
        MemoryHistory { database: self.clone() }
    }

    /// The statements that ran and were committed, in order.
    pub fn statements(&self) -> Vec<String> {
        self.inner().statements.clone()
    }

    /// Makes every statement that contains `fragment` fail from now on.
    pub fn fail_on(&self, fragment: &str) {
        self.inner().fail_on.push((fragment.to_owned(), Fault::Error));
    }

    /// Makes the next `times` runs of a statement that contains `fragment` end in a lock timeout.
    pub fn contend_on(&self, fragment: &str, times: usize) {
        self.inner().fail_on.push((fragment.to_owned(), Fault::Contention { times }));
    }

    /// Stops all failures.
    pub fn heal(&self) {
        self.inner().fail_on.clear();
    }

    /// Takes the lock away from everyone, or makes it free again.
    pub fn set_locked(&self, locked: bool) {
        self.inner().locked = locked;
    }

    /// Makes the next `times` runs that have the lock find no connection.
    pub fn crowd_out(&self, times: usize) {
        self.inner().crowded = times;
    }

    /// Makes a table large: a backfill of it is begun by its migration, and not run.
    pub fn enlarge(&self, table: &str) {
        self.inner().large.push(table.to_owned());
    }

    /// Changes the backfill of a version, as a runner or an operator does.
    pub fn change_backfill(&self, set: &str, version: &str, change: impl FnOnce(&mut BackfillRecord)) {
        let mut inner = self.inner();
        let begun = inner.recorded(set).backfills.iter_mut().find(|record| record.version == version);
        if let Some(record) = begun {
            change(record);
        }
    }

    /// The number of times that a whole history was loaded.
    pub fn loads(&self) -> usize {
        self.inner().loads
    }

    /// The number of times that the lock was taken.
    pub fn locks(&self) -> usize {
        self.inner().locks
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Inner {
    fn recorded(&mut self, set: &str) -> &mut Recorded {
        let index = self.sets.iter().position(|(name, _)| name == set).unwrap_or_else(|| {
            self.sets.push((set.to_owned(), Recorded::default()));
            self.sets.len() - 1
        });
        &mut self.sets[index].1
    }

    /// The fault of a statement, if it is to fail.
    fn fault(&mut self, statement: &str) -> Option<Fault> {
        for (fragment, fault) in &mut self.fail_on {
            if statement.contains(fragment.as_str()) {
                match fault {
                    Fault::Error => return Some(Fault::Error),
                    Fault::Contention { times: 0 } => {}
                    Fault::Contention { times } => {
                        *times -= 1;
                        return Some(Fault::Contention { times: *times });
                    }
                }
            }
        }
        None
    }
}

/// The error of a run in memory.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum MemoryError {
    /// The history and the set contradict each other, or the request can't be fulfilled. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another run held the migration lock for longer than this run was allowed to wait. Nothing was changed.
    #[error("another run holds the migration lock: waited {waited:.1?} for {holder}")]
    LockWait {
        /// The time that the run waited.
        waited: Duration,
        /// The holder of the lock at the end of the wait.
        holder: Holder,
    },
    /// The lock was lost, so the run stopped.
    #[error("the migration lock was lost")]
    LockLost,
    /// The run stopped after it had committed something.
    #[error("{error}; {} steps are done", committed.report.steps.len())]
    Stopped {
        /// The work that it had committed.
        committed: Box<Committed>,
        /// The error.
        error: Box<MemoryError>,
    },
    /// A migration failed.
    #[error(transparent)]
    Failed(#[from] Box<Failure>),
    /// No connection is available.
    #[error("no connection left")]
    NoConnection,
}

crate::debug_as_display!(MemoryError);

impl RunError for MemoryError {
    fn lock_wait(waited: Duration, holder: Holder) -> MemoryError {
        MemoryError::LockWait { waited, holder }
    }

    fn lock_lost() -> MemoryError {
        MemoryError::LockLost
    }

    fn after(self, committed: Committed) -> MemoryError {
        MemoryError::Stopped { committed: Box::new(committed), error: Box::new(self) }
    }

    fn fact(&self) -> String {
        self.to_string()
    }

    fn failure(&self) -> Option<&Failure> {
        if let MemoryError::Failed(failure) = self { Some(failure) } else { None }
    }
}

/// One session with a [`MemoryDatabase`].
#[derive(Debug)]
pub struct MemoryHistory {
    database: MemoryDatabase,
}

#[async_trait]
impl History for MemoryHistory {
    type Error = MemoryError;

    async fn head(&mut self, set: &Set) -> Result<HistoryHead, MemoryError> {
        let mut inner = self.database.inner();
        let recorded = inner.recorded(set.name());
        let digest = recorded.digest();
        let ours = recorded.rows.iter().rposition(|row| row.digest == set.digests().of_all());
        let since = ours
            .filter(|row| *row >= recorded.rows_since_revert)
            .map(|row| recorded.rows[row + 1..].iter().map(|row| row.of.clone()).collect());
        let interrupted = recorded.interrupted.as_ref().map(|interrupted| interrupted.version.clone());
        Ok(HistoryHead { digest, since, interrupted })
    }

    async fn load(&mut self, set: &Set) -> Result<HistoryState, MemoryError> {
        Ok(load(&self.database, set.name()))
    }

    async fn try_lock<'a>(&'a mut self, set: &'a Set) -> Result<Locking<'a, MemoryError>, MemoryError> {
        let mut inner = self.database.inner();
        if std::mem::replace(&mut inner.locked, true) {
            return Ok(Locking::Held(Holder::default()));
        }
        inner.locks += 1;
        Ok(Locking::Acquired(Box::new(MemoryLocked { database: self.database.clone(), set: set.name() })))
    }

    async fn pause(&self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(1)));
    }
}

fn load(database: &MemoryDatabase, set: &str) -> HistoryState {
    let mut inner = database.inner();
    inner.loads += 1;
    let recorded = inner.recorded(set).clone();
    let last_row = i64::try_from(recorded.rows.len()).unwrap_or(i64::MAX);
    let mut state = HistoryState { applied: recorded.applied, last_row, ..HistoryState::EMPTY };
    state.interrupted = recorded.interrupted;
    state.backfills = recorded.backfills;
    state
}

struct MemoryLocked<'a> {
    database: MemoryDatabase,
    set: &'a str,
}

impl Drop for MemoryLocked<'_> {
    fn drop(&mut self) {
        self.database.inner().locked = false;
    }
}

#[async_trait]
impl Locked for MemoryLocked<'_> {
    type Error = MemoryError;

    fn end(&self) -> Option<HistoryTail> {
        let mut inner = self.database.inner();
        let recorded = inner.recorded(self.set);
        let digest = recorded.digest();
        let last_row = i64::try_from(recorded.rows.len()).unwrap_or(i64::MAX);
        recorded.interrupted.is_none().then_some(HistoryTail { digest, last_row, is_unended: false })
    }

    async fn load(&mut self) -> Result<HistoryState, MemoryError> {
        Ok(load(&self.database, self.set))
    }

    async fn apply(
        &mut self,
        steps: &[Step<'_>],
        state: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError<MemoryError>> {
        {
            let mut inner = self.database.inner();
            if let Some(left) = inner.crowded.checked_sub(1) {
                inner.crowded = left;
                return Err(ApplyError::Crowded(MemoryError::NoConnection));
            }
        }
        for step in steps {
            progress.step_started(step);
            let outcome = apply_step(&mut self.database.inner(), self.set, step, state);
            outcome?;
            progress.step_done(step, Duration::ZERO);
        }
        Ok(())
    }

    async fn pause(&mut self, duration: Duration) {
        std::thread::sleep(duration.min(Duration::from_millis(1)));
    }

    async fn release(self: Box<Self>) -> Result<Released, MemoryError> {
        Ok(Released::Held)
    }
}

fn apply_step(
    inner: &mut Inner,
    set: &str,
    step: &Step<'_>,
    state: &HistoryState,
) -> Result<(), ApplyError<MemoryError>> {
    let script = match &step.payload {
        Some(Payload::Script(script)) => Some(script),
        Some(Payload::Backfill(script)) => {
            Some(script).filter(|script| !begin_backfill(inner, set, step, script))
        }
        // Nothing here could run code; that it was run is recorded.
        Some(Payload::Code(code)) => {
            inner.statements.push(format!("code of {}", code.path()));
            None
        }
        None => None,
    };
    if let Some(script) = script {
        run_script(inner, set, step, script, state.statements_done(&step.version).unwrap_or(0))?;
    }
    let recorded = inner.recorded(set);
    let digest = step.digest_after(recorded.digest());
    let of = AppliedRef { version: step.version.clone(), name: step.name.clone().into_owned() };
    recorded.rows.push(MemoryRow { digest, of });
    if step.action == Action::Rewind {
        if let (Some(interrupted), Some(settled)) = (&mut recorded.interrupted, step.settles) {
            interrupted.statements_done = settled.statements_done;
        }
        return Ok(());
    }
    recorded.interrupted = None;
    if !step.changes {
        return Ok(());
    }
    recorded.applied.retain(|applied| step.supersedes.iter().all(|old| old.version != applied.version));
    match step.action {
        Action::Rewind => {}
        Action::Revert | Action::Unmark => {
            recorded.applied.retain(|applied| applied.version != step.version);
            recorded.backfills.retain(|record| record.version != *step.version.canonical());
            recorded.rows_since_revert = recorded.rows.len() - 1;
        }
        Action::Apply | Action::Mark | Action::Accept => {
            let text = |script: &Script| normalized(script.source()).into_owned();
            let (up, down) = (step.up.as_deref().map(text), step.down.as_deref().map(text));
            let mut applied = Applied::new(step.version.clone(), step.name.clone(), step.checksum);
            applied.kept = Some(Kept { up, down });
            applied.marked = step.action == Action::Mark && step.settles.is_none();
            recorded.applied.push(applied);
        }
    }
    Ok(())
}

/// Begins a backfill of a large table. Returns false if the table is small.
fn begin_backfill(inner: &mut Inner, set: &str, step: &Step<'_>, script: &Script) -> bool {
    let Some(specification) = Specification::of(script) else { return false };
    if step.action != Action::Apply || !inner.large.contains(&specification.relation) {
        return false;
    }
    let mut record = BackfillRecord::new(set, step.version.canonical().into_owned(), &*step.name);
    record.relation = specification.relation;
    inner.recorded(set).backfills.push(record);
    true
}

fn run_script(
    inner: &mut Inner,
    set: &str,
    step: &Step<'_>,
    script: &Script,
    resume_at: usize,
) -> Result<(), ApplyError<MemoryError>> {
    let checkpoints = script.transaction() != TransactionMode::Block;
    let committed = inner.statements.len();
    for (index, statement) in script.statements().iter().enumerate().skip(resume_at) {
        let text = statement.text(script.text());
        let Some(fault) = inner.fault(text) else {
            inner.statements.push(text.to_owned());
            continue;
        };
        let mut failure = Failure::new(step.version.clone(), step.name.clone(), step.action, "told to fail");
        let at = script.line_column(statement.range().start);
        let place = Place::new(script.path(), at.line, at.column);
        failure.place = Some(place.in_statement(index + 1, script.statements().len(), text));
        if checkpoints {
            failure.left = Left::Statements { done: index, total: script.statements().len() };
            let interrupted = Interrupted::new(step.version.clone(), step.name.clone(), step.checksum, index);
            inner.recorded(set).interrupted = Some(interrupted.failed());
        } else {
            inner.statements.truncate(committed);
        }
        return Err(match fault {
            Fault::Error => ApplyError::Failed(Box::new(failure)),
            Fault::Contention { .. } => ApplyError::Contended(Box::new(failure)),
        });
    }
    Ok(())
}
