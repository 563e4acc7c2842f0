//! The calls for backfills: running them, and seeing and steering them from any machine.

use super::Migrator;
use crate::backfill::{BackfillAction, BackfillReport, Runner, RunnerSettings, Stop, control};
use crate::connection::target::Target;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::history::backfill_table::{BackfillTable, QuarantinedRow};
use crate::observe::{BackfillListeners, Callback};
use migrate_core::backfill::{BackfillEvent, BackfillRecord};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

/// The most rows that [`Migrator::quarantined`] returns.
const MOST_QUARANTINED: i64 = 10_000;

/// Backfills.
impl Migrator {
    /// Runs the backfills of the set until none is left: batch by batch, each in a transaction with its cursor. Await it, or
    /// spawn it once the service serves.
    ///
    /// One worker at a time works on a backfill. Others that call this wait, and take over when its lease of 30 s has
    /// expired. A worker that is lost at any point loses no row and repeats none.
    ///
    /// It pauses while standbys lag, WAL piles up, sessions wait for locks on the table, or a vacuum against
    /// transaction ID wraparound is at it, and says so in an [event](crate::Event::Backfill).
    ///
    /// ```no_run
    /// use migrate_postgres::{Migrator, migrate};
    ///
    /// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
    ///
    /// # async fn serve() {}
    /// # async fn boot(url: &'static str) -> Result<(), migrate_postgres::Error> {
    /// MIGRATIONS.run(url).await?;
    /// let shutdown = async { /* the service's own signal */ };
    /// tokio::spawn(async move { MIGRATIONS.backfill(url).until(shutdown).await });
    /// serve().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BackfillStopped`] if one stopped, now or earlier; the others are run first. Otherwise see [`Error`]. Where the
    /// connection is lost, another one is tried for during a minute, except over a single `Client`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future rolls the batch under way back. Others wait for the lease to expire; [`until`](Backfill::until)
    /// gives it back.
    pub fn backfill<'m, T: Target + ?Sized>(&'m self, target: &'m T) -> Backfill<'m, T> {
        Backfill { migrator: self, target, settings: RunnerSettings::DEFAULT, stop: Stop::never() }
    }

    /// The backfills of the set that have begun, as the database remembers them, in the order in which they began.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn backfills<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<BackfillRecord>, Error> {
        let session = target.open().await?;
        let session_info = SessionInfo::take(&session, &self.settings).await?;
        let table = BackfillTable::of(&session_info.table);
        let records = table.read(&session, &session_info, self.set.name()).await;
        session.close().await;
        records
    }

    /// The rows that the backfills of the set have set aside, with key and error; 10,000 at most.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn quarantined<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<QuarantinedRow>, Error> {
        let session = target.open().await?;
        let session_info = SessionInfo::take(&session, &self.settings).await?;
        let table = BackfillTable::of(&session_info.table);
        let rows = table.quarantined(&session, &session_info, self.set.name(), MOST_QUARANTINED).await;
        session.close().await;
        rows
    }

    /// Pauses, resumes, cancels or retries a backfill, or gives it another rate, wherever it runs. It takes effect before
    /// the next batch.
    ///
    /// ```no_run
    /// use migrate_postgres::{BackfillAction, Migrator, migrate};
    ///
    /// # async fn night(url: &str) -> Result<(), migrate_postgres::Error> {
    /// let migrator: Migrator = migrate!("tests/fixtures/quickstart");
    /// let backfill = migrator.steer_backfill(url, "0043", BackfillAction::Resume).await?;
    /// println!("{} of {} rows", backfill.rows_done, backfill.rows_total);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::BackfillUnfit`] if no such backfill has begun, or if it is not in a state for this. Otherwise see [`Error`].
    pub async fn steer_backfill<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        action: BackfillAction,
    ) -> Result<BackfillRecord, Error> {
        let session = target.open().await?;
        let version = self.version(version);
        let record = control::steer(&session, &self.set, &self.settings, &version.canonical(), &action).await;
        session.close().await;
        record
    }

    /// Runs the backfills with settings.
    pub(super) async fn run_backfills<T: Target + ?Sized>(
        &self,
        target: &T,
        settings: &RunnerSettings,
        only: Option<Vec<String>>,
        mut stop: Stop<'_>,
    ) -> Result<BackfillReport, Error> {
        self.check_fitness()?;
        #[cfg(feature = "tracing")]
        let span = crate::observe::trace::RunSpan::new(&self.set, target);
        let mut listeners = BackfillListeners {
            callback: Callback(self.on_event.as_deref()),
            #[cfg(feature = "tracing")]
            trace: span.trace(self.settings.traces_text),
            #[cfg(feature = "metrics")]
            set: &self.set,
        };
        let mut listener = move |event: &BackfillEvent<'_>| listeners.event(event);
        let mut runner = Runner::new(&self.set, &self.settings, settings);
        if let Some(only) = only {
            runner = runner.only(only);
        }
        let run = runner.run(target, &mut stop, &mut listener);
        #[cfg(feature = "tracing")]
        let run = span.observe(run);
        run.await
    }
}

/// The backfills of a set, about to run: [`Migrator::backfill`] makes it, and awaiting it runs them.
#[must_use = "backfills run when this is awaited"]
pub struct Backfill<'m, T: Target + ?Sized> {
    migrator: &'m Migrator,
    target: &'m T,
    settings: RunnerSettings,
    stop: Stop<'m>,
}

impl<T: Target + ?Sized> fmt::Debug for Backfill<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backfill").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl<'m, T: Target + ?Sized> Backfill<'m, T> {
    /// Stops at the end of the batch under way when a future is done, and gives the lease back: for a signal to shut down, or a
    /// time limit.
    pub fn until(mut self, stop: impl Future<Output = ()> + Send + 'm) -> Self {
        self.stop = Stop::when(stop);
        self
    }

    /// The time that a batch is to take; its number of rows follows. The default is 250 ms.
    pub fn batch_time(mut self, time: Duration) -> Self {
        self.settings.target.time = time;
        self
    }

    /// The bytes of WAL that the server may write during a batch; its number of rows follows. The default is 16 MiB.
    pub fn batch_wal(mut self, bytes: u64) -> Self {
        self.settings.target.wal = bytes;
        self
    }

    /// The lag in replay of a standby at which the backfill pauses. The default is 5 s; `None` turns it off.
    pub fn max_lag(mut self, lag: impl Into<Option<Duration>>) -> Self {
        self.settings.limits.lag = lag.into();
        self
    }

    /// The standbys, by `application_name`, whose lag is no reason to pause: those that are behind on purpose
    /// (`recovery_min_apply_delay`), or that no query relies on.
    pub fn ignore_standbys<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.settings.ignored_standbys.extend(names.into_iter().map(Into::into));
        self
    }

    /// The bytes of WAL that a replication slot may retain before the backfill pauses. The default is 4 GiB; `None` turns it
    /// off.
    pub fn max_retained_wal(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.limits.retained = bytes.into();
        self
    }

    /// The bytes of WAL that may wait to be archived before the backfill pauses. The default is 1 GiB; `None` turns it off.
    pub fn max_unarchived_wal(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.settings.limits.unarchived = bytes.into();
        self
    }

    /// Pauses the backfill while sessions wait for a lock on the table. The default is `true`.
    pub fn pause_for_locks(mut self, pause: bool) -> Self {
        self.settings.limits.lock_waits = pause;
        self
    }

    /// Pauses the backfill while a vacuum against transaction ID wraparound works on the table. The default is `true`.
    pub fn pause_for_wraparound(mut self, pause: bool) -> Self {
        self.settings.limits.wraparound_vacuum = pause;
        self
    }

    /// The number of rows with errors that may be set aside before the backfill stops. The default is 100.
    pub fn quarantine_limit(mut self, rows: u64) -> Self {
        self.settings.quarantine = rows;
        self
    }

    /// The time without a batch after which another worker may take over the backfill. The default is 30 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease.max(Duration::from_secs(1));
        self
    }

    /// The interval between looks at the server during a pause. The default is 1 s.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll = interval;
        self
    }

    /// The time to try for another connection after one was lost. The default is a minute.
    pub fn reconnect_for(mut self, duration: Duration) -> Self {
        self.settings.reconnect = duration;
        self
    }
}

impl<'m, T: Target + ?Sized> IntoFuture for Backfill<'m, T> {
    type Output = Result<BackfillReport, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'm>>;

    fn into_future(self) -> Self::IntoFuture {
        let Backfill { migrator, target, settings, stop } = self;
        Box::pin(async move { migrator.run_backfills(target, &settings, None, stop).await })
    }
}
