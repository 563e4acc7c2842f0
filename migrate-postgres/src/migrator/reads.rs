//! The calls that only read.

use super::Migrator;
use crate::backend::{PgHistory, RunningAttempt, running};
use crate::connection::target::Target;
use crate::error::Error;
use crate::execute::verify_applied;
use crate::history::{Attempt, attempts, check_end};
use crate::migrator::status::Status;
use migrate_core::engine::History;
use migrate_core::history::SetPosition;
use migrate_core::plan::{Plan, Refused, Steps, check};

/// Calls that only read.
impl Migrator {
    /// The steps that [`run`](Migrator::run) would take, as data. Nothing is written, and no lock is taken.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn plan<T: Target + ?Sized>(&self, target: &T) -> Result<Steps<'_>, Error> {
        self.plan_of(target, &*self.forward()).await
    }

    /// The same of a history that was read, for those who read more of it.
    #[cfg(feature = "cli")]
    pub(crate) fn forward_steps(
        &self,
        state: &migrate_core::history::HistoryState,
    ) -> Result<Steps<'_>, Error> {
        self.check_values()?;
        self.decide(&*self.forward(), state)
    }

    /// The steps that any plan would take, as data. Nothing is written, and no lock is taken.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn plan_of<T: Target + ?Sized>(&self, target: &T, plan: &dyn Plan) -> Result<Steps<'_>, Error> {
        self.check_values()?;
        let (_, state) = self.state(target).await?;
        self.decide(plan, &state)
    }

    /// The position of the database relative to the set, in one query and one round trip: for a readiness probe.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn position<T: Target + ?Sized>(&self, target: &T) -> Result<SetPosition, Error> {
        let mut history = PgHistory::open(target, &self.settings).await?;
        let head = history.head(&self.set).await;
        history.close().await;
        let position = head?.position(&self.set);
        #[cfg(feature = "metrics")]
        crate::observe::meter::position(&self.set, &position);
        Ok(position)
    }

    /// Each migration of the set and of the history, with its state. Nothing is written.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn status<T: Target + ?Sized>(&self, target: &T) -> Result<Status, Error> {
        Ok(self.snapshot(target).await?.status(&self.set))
    }

    /// The migration that a run in another process is applying or reverting, if any. Nothing is written.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn running<T: Target + ?Sized>(&self, target: &T) -> Result<Option<RunningAttempt>, Error> {
        let history = PgHistory::open(target, &self.settings).await?;
        let running = self.running_of(&history).await;
        history.close().await;
        running
    }

    async fn running_of<T: Target + ?Sized>(
        &self,
        history: &PgHistory<'_, T>,
    ) -> Result<Option<RunningAttempt>, Error> {
        let attempts = self.read_attempts(history).await?;
        if self.settings.keeps().is_some() || attempts.is_empty() {
            return Ok(None);
        }
        let session_info = history.session_info().await?;
        running(history.session(), &self.settings, &session_info, &self.set, &attempts).await
    }

    /// The audit trail: every attempt to apply, revert or mark a migration of this set, oldest first.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn history<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<Attempt>, Error> {
        let history = PgHistory::open(target, &self.settings).await?;
        let attempts = self.read_attempts(&history).await;
        history.close().await;
        attempts
    }

    async fn read_attempts<T: Target + ?Sized>(
        &self,
        history: &PgHistory<'_, T>,
    ) -> Result<Vec<Attempt>, Error> {
        let session_info = history.session_info().await?;
        if !session_info.exists {
            return Ok(Vec::new());
        }
        #[cfg(feature = "histories")]
        if let Some(kept) = &self.settings.keeping {
            return crate::history::foreign::attempts(history.session(), &session_info, kept, &self.set)
                .await;
        }
        attempts(history.session(), &session_info, &self.set).await
    }

    /// Checks, without writing anything, that the applied migrations are those of the set, and runs the verify scripts
    /// of those that are applied, each in a read-only transaction that is rolled back. Returns how many it ran.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the history and the set contradict each other, [`Error::Failed`] with the first verify script
    /// that fails.
    pub async fn verify<T: Target + ?Sized>(&self, target: &T) -> Result<usize, Error> {
        self.check_values()?;
        let mut history = PgHistory::open(target, &self.settings).await?;
        let verified = self.verify_all(&mut history).await;
        history.close().await;
        verified
    }

    async fn verify_all<T: Target + ?Sized>(&self, history: &mut PgHistory<'_, T>) -> Result<usize, Error> {
        let (session_info, state) = self.state_over(history.session_mut()).await?;
        check(&self.set, &state, &self.settings.engine.policies)?;
        if let Some(interrupted) = state.interrupted.as_ref().filter(|i| self.set.find(&i.version).is_some())
        {
            return Err(Error::Refused(Refused::unfinished(interrupted)));
        }
        let head = history.head(&self.set).await?;
        check_end(history.session(), &session_info, &self.set, &state, head.digest).await?;
        let mut verified = 0;
        for applied in &state.applied {
            let migration = self.set.find(&applied.version);
            if let Some(migration) = migration.filter(|migration| migration.verify().is_some()) {
                let verifying =
                    verify_applied(history.session_mut(), &session_info, &self.settings, migration);
                verifying.await.map_err(Error::Failed)?;
                verified += 1;
            }
        }
        Ok(verified)
    }
}
