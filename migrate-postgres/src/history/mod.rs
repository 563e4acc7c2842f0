//! The history in a PostgreSQL database.

mod attempt;
mod head;
mod load;
mod locked;
mod row;
mod survey;
mod table;

pub(crate) use attempt::attempts;
pub use attempt::{Attempt, Outcome};
pub(crate) use survey::Survey;
pub(crate) use table::{HistoryTable, RunIdentity};

use crate::apply::Lookout;
use crate::error::Error;
use crate::lock::{self, LeaseLock, Lock, LockKind, SessionLock, TransactionLock};
use crate::session::Session;
use crate::settings::RunSettings;
use crate::target::Target;
use async_trait::async_trait;
use locked::{PgLocked, run_id};
use migrate_core::history::{Head, History, Locking, State};
use migrate_core::{Error as EngineError, Set};
use std::time::Duration;

/// A set's history in the database that a target leads to.
pub(crate) struct PgHistory<'t, T: Target + ?Sized> {
    target: &'t T,
    session: Session<'t>,
    settings: &'t RunSettings,
    /// The table, where a look has found it or the builder has named its schema.
    table: Option<HistoryTable>,
}

impl<'t, T: Target + ?Sized> PgHistory<'t, T> {
    /// Opens a connection; asks nothing yet.
    pub(crate) async fn open(target: &'t T, settings: &'t RunSettings) -> Result<PgHistory<'t, T>, Error> {
        let (session, table) = (target.open().await?, settings.table());
        Ok(PgHistory { target, session, settings, table })
    }

    /// The connection that reads.
    pub(crate) fn session(&self) -> &Session<'t> {
        &self.session
    }

    /// The connection that reads, to be marked.
    pub(crate) fn session_mut(&mut self) -> &mut Session<'t> {
        &mut self.session
    }

    /// Closes the connection, or gives it back.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }

    /// What has to be known before the history is read as a whole.
    pub(crate) async fn survey(&self) -> Result<Survey, Error> {
        Survey::take(&self.session, self.settings).await
    }

    /// The connection that works, where it is not the one that holds the lock.
    async fn open_worker(&self, kind: LockKind) -> Result<Option<Session<'t>>, Error> {
        match (kind, self.target.open_another()) {
            (LockKind::Session, _) | (_, None) => Ok(None),
            (_, Some(opening)) => Ok(Some(opening.await?)),
        }
    }

    /// How the lock is held: a transaction can hold it only where another connection does the work.
    fn lock_kind(&self) -> LockKind {
        let another = self.target.open_another().is_some();
        let wanted = self.settings.lock.unwrap_or(LockKind::Transaction);
        if another { wanted } else { LockKind::Session }
    }

    /// The set's lock, of a kind.
    async fn lock(&self, set: &Set, kind: LockKind, run: &str) -> Result<Box<dyn Lock>, Error> {
        let table = match &self.table {
            Some(table) => table.clone(),
            None => self.survey().await?.table,
        };
        let key = lock::key(&table, set.name());
        Ok(match kind {
            LockKind::Session => Box::new(SessionLock { key }),
            LockKind::Transaction => Box::new(TransactionLock { key }),
            LockKind::Lease { expiry } => {
                let owner = format!("{}, process {}, run {run}", self.settings.program, std::process::id());
                Box::new(LeaseLock::new(&table, set.name(), &owner, expiry))
            }
        })
    }

    /// Opens what the run needs beside the lock, and asks what has to be known before it writes.
    async fn prepare(
        &mut self,
        kind: LockKind,
        lock: &dyn Lock,
    ) -> Result<(Option<Session<'t>>, Survey), Error> {
        let mut worker = self.open_worker(kind).await?;
        if let Some(worker) = &mut worker {
            worker.mark("ROLLBACK");
        }
        let works = worker.as_ref().unwrap_or(&self.session);
        let survey = Survey::take(works, self.settings).await?;
        if worker.is_none() {
            self.session.mark(format!("{}; {}", lock.abandon(), survey.restore.join("; ")));
        }
        let works = worker.as_ref().unwrap_or(&self.session);
        if let Some(conform) = survey.conform {
            let conformed = works.batch_execute(conform).await;
            conformed.map_err(|source| Error::server("preparing the session", source))?;
        }
        Ok((worker, survey))
    }
}

#[async_trait]
impl<T: Target + ?Sized> History for PgHistory<'_, T> {
    async fn head(&mut self, set: &Set) -> Result<Head, EngineError> {
        let known = self.settings.table();
        let (head, table) = head::look(&self.session, self.settings, known.as_ref(), set).await?;
        self.table = table.or(known);
        Ok(head)
    }

    async fn load(&mut self, set: &Set) -> Result<State, EngineError> {
        let survey = self.survey().await?;
        if !survey.exists {
            return Ok(State::EMPTY);
        }
        Ok(load::load(&self.session, &survey, set).await?)
    }

    async fn try_lock<'a>(&'a mut self, set: &'a Set) -> Result<Locking<'a>, EngineError> {
        let (kind, run) = (self.lock_kind(), run_id());
        let lock = self.lock(set, kind, &run).await?;
        if lock.outlives_session() {
            self.session.mark_lasting(lock.abandon());
        } else {
            self.session.mark(lock.abandon());
        }
        match lock.try_acquire(&self.session).await {
            Ok(true) => {}
            Ok(false) => {
                self.session.unmark();
                return Ok(Locking::Held(lock.holder(&self.session).await?));
            }
            Err(Error::InTransaction) => {
                // What would end our transaction would end its owner's.
                self.session.unmark();
                return Err(Error::InTransaction.into());
            }
            Err(error) => return Err(error.into()),
        }
        let (worker, survey) = match self.prepare(kind, &*lock).await {
            Ok(prepared) => prepared,
            Err(error) => {
                drop(self.session.batch_execute(&lock.abandon()).await);
                self.session.unmark();
                // So many replicas that there is no connection left to work with: some of them will be done soon.
                return if error.is_too_many_connections() {
                    Ok(Locking::Crowded(error.into()))
                } else {
                    Err(error.into())
                };
            }
        };
        let (holder, settings, target) = (&mut self.session, self.settings, self.target);
        let lookout = Lookout::new(Box::new(move || target.open_another()));
        Ok(Locking::Acquired(Box::new(PgLocked {
            holder,
            worker,
            lock,
            settings,
            set,
            survey,
            run,
            lookout,
            lost: false,
        })))
    }

    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
