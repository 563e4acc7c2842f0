//! Checking assertions.

use super::Migrator;
use crate::assertion::{AssertionOutcome, AssertionResult, Assertions, BrokenAssertions, SkipReason};
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::execute::check_assertion;
use migrate_core::history::HistoryState;
use migrate_core::{Assertion, Migration, Report};
use std::time::{Duration, Instant};

/// Assertions.
impl Migrator {
    /// Checks the [assertions](crate::assertion) of the set: what is true of the database as it is now. Each is
    /// one read-only transaction that is rolled back, on a standby too. Returns a result for each; that one is
    /// false is no error.
    ///
    /// A set without assertions asks nothing, not even for a connection.
    ///
    /// ```no_run
    /// use migrate_postgres::{Migrator, migrate};
    ///
    /// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
    ///
    /// async fn is_ready(database: &tokio_postgres::Client) -> bool {
    ///     matches!(MIGRATIONS.assert(database).await, Ok(assertions) if assertions.hold())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes. [`Error::InTransaction`] if a `Client` is in a transaction.
    pub async fn assert<T: Target + ?Sized>(&self, target: &T) -> Result<Assertions, Error> {
        self.check_fitness()?;
        let assertions = self.usable_assertions()?;
        if assertions.is_empty() {
            return Ok(Assertions::default());
        }
        let mut session = target.open().await?;
        let results = self.assert_all(&mut session, &assertions).await;
        session.close().await;
        results
    }

    /// Checks them over an open session.
    #[cfg(feature = "report")]
    pub(crate) async fn assert_over(&self, session: &mut Session<'_>) -> Result<Assertions, Error> {
        let assertions = self.usable_assertions()?;
        if assertions.is_empty() {
            return Ok(Assertions::default());
        }
        self.assert_all(session, &assertions).await
    }

    /// All assertions, unless one has a fault.
    fn usable_assertions(&self) -> Result<Vec<Assertion>, Error> {
        self.set().check_assertions()?;
        Ok(self.set().assertions().collect())
    }

    async fn assert_all(
        &self,
        session: &mut Session<'_>,
        assertions: &[Assertion],
    ) -> Result<Assertions, Error> {
        session.check_free().await?;
        let (session_info, state) = self.state_over(session).await?;
        let mut results = Vec::with_capacity(assertions.len());
        for assertion in assertions {
            let began = Instant::now();
            let (outcome, took) = match self.reason_to_skip(assertion, &state) {
                Some(reason) => (AssertionOutcome::Skipped { reason }, Duration::ZERO),
                None => {
                    let checked = check_assertion(session, &session_info, &self.settings, assertion);
                    (checked.await?, began.elapsed())
                }
            };
            results.push(AssertionResult::new(assertion.name(), assertion.script().path(), outcome, took));
        }
        Ok(Assertions::new(results))
    }

    /// The reason why an assertion is not about a database in this state.
    fn reason_to_skip(&self, assertion: &Assertion, state: &HistoryState) -> Option<SkipReason> {
        let not_yet = assertion.since().filter(|version| !self.is_applied(version, state));
        let no_longer = assertion.until().filter(|version| self.is_applied(version, state));
        match (not_yet, no_longer) {
            (Some(version), _) => Some(SkipReason::NotYet { version: version.to_owned() }),
            (None, Some(version)) => Some(SkipReason::NoLonger { version: version.to_owned() }),
            (None, None) => None,
        }
    }

    /// True if a version is applied, or one that replaces it.
    fn is_applied(&self, version: &str, state: &HistoryState) -> bool {
        let version = self.version(version);
        let replaces = |applied| {
            let migration = self.set().find(applied);
            migration.and_then(Migration::replaces).is_some_and(|range| range.contains(&version))
        };
        state.applied.iter().any(|applied| applied.version == version || replaces(&applied.version))
    }

    /// The result of a run, after its assertions if they were requested. A run that did nothing checks none.
    pub(super) async fn asserted_after<T: Target + ?Sized>(
        &self,
        target: &T,
        report: Report,
    ) -> Result<Report, Error> {
        if !self.settings.asserts || report.steps.is_empty() {
            return Ok(report);
        }
        let assertions = self.assert(target).await?;
        if assertions.hold() {
            return Ok(report);
        }
        Err(Error::BrokenAssertions(Box::new(BrokenAssertions::new(report, assertions))))
    }
}
