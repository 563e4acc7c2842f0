//! The calls that change a database.

use super::Migrator;
use super::refusing::Refusing;
use super::stale;
use crate::backend::PgHistory;
use crate::connection::target::Target;
use crate::error::Error;
#[cfg(feature = "cli")]
use crate::execute::timeouts;
use crate::observe::caller::Caller;
use crate::observe::{Callback, Listeners};
#[cfg(feature = "cli")]
use crate::sql::transaction::BEGIN;
#[cfg(feature = "cli")]
use migrate_core::Options;
use migrate_core::plan::{Accept, Baseline, Down, Plan, Redo, Resolution, Resolve, To, Up};
use migrate_core::{Report, engine};

/// Calls that change a database.
impl Migrator {
    /// Applies pending migrations. If nothing is pending, this is one query in one round trip, without a lock.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Migrations applied before a failure stay applied; [`Failure::report`] lists them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any point is safe: the migration in progress is rolled back, committed as a whole, or stopped at a
    /// checkpoint, and the lock is released. With your own `Client`, the message in progress ends first. It may hold many
    /// migrations (up to 256 KiB of scripts): they are applied, and the `Client` answers when they are done.
    ///
    /// # Your own `Client`
    ///
    /// `RESET ALL` undoes the settings that scripts change for the session, and your earlier settings are restored, except
    /// custom parameters (`SET app.tenant = …`), because the server does not list those. Set them after the run, or give the run
    /// its own connection.
    ///
    /// [`Failure::report`]: crate::Failure::report
    pub async fn run<T: Target + ?Sized>(&self, target: &T) -> Result<Report, Error> {
        self.run_plan(target, &*self.forward()).await
    }

    /// Does the same as [`run`](Migrator::run) in a program without an async runtime, and blocks until it is done. Within a
    /// runtime, whose thread it blocks, the run has a thread of its own; spans and the subscriber of `tracing` are the caller's.
    ///
    /// A `Client` or a pool belongs to the runtime that made it: pass a URL or a `Config`.
    ///
    /// ```no_run
    /// use migrate_postgres::{Migrator, migrate};
    ///
    /// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
    ///
    /// fn main() -> Result<(), migrate_postgres::Error> {
    ///     let report = MIGRATIONS.run_blocking("postgres://app@localhost/app")?;
    ///     println!("{report}");
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`run`](Migrator::run).
    ///
    /// # Panics
    ///
    /// If the operating system gives no thread or no event queue.
    pub fn run_blocking<T: Target + ?Sized>(&self, target: &T) -> Result<Report, Error> {
        let run = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("an event queue of the operating system").block_on(self.run(target))
        };
        if tokio::runtime::Handle::try_current().is_err() {
            return run();
        }
        // Tokio panics if a runtime blocks a thread of another one.
        let caller = Caller::current();
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| caller.observes(run));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The plan of [`run`](Migrator::run).
    pub(crate) fn forward(&self) -> Box<dyn Plan> {
        let up = match &self.target {
            Some(version) => Up::to(self.version(version)),
            None => Up::all(),
        };
        self.adopting(up)
    }

    /// The same plan, after the adoption of another tool's history if that was requested.
    fn adopting(&self, plan: impl Plan + 'static) -> Box<dyn Plan> {
        #[cfg(feature = "histories")]
        if self.settings.adopting.is_some() {
            return self.refusing(Box::new(migrate_core::plan::Adopt::then(plan)));
        }
        self.refusing(Box::new(plan))
    }

    /// The same plan, without migrations of the refused risk.
    fn refusing(&self, plan: Box<dyn Plan>) -> Box<dyn Plan> {
        match self.settings.refuses {
            Some(risk) => Box::new(Refusing { plan, risk, allow: self.approvals() }),
            None => plan,
        }
    }

    /// Takes the database to a version: applies the migrations up to it, or reverts those after it.
    ///
    /// # Errors
    ///
    /// See [`Error`]. A missing down script is found before anything is reverted.
    pub async fn to<T: Target + ?Sized>(&self, target: &T, version: &str) -> Result<Report, Error> {
        self.run_plan(target, &*self.adopting(To::version(self.version(version)))).await
    }

    /// Reverts applied migrations: `1`, [`Down::count(3)`](Down::count), [`Down::to(version)`](Down::to) or
    /// [`Down::all()`](Down::all). This includes migrations that the set does not have: the history stores their down scripts.
    /// Migrations that were marked as applied and not run are refused without [`Down::including_marked`].
    ///
    /// # Errors
    ///
    /// See [`Error`]. A missing down script is found before anything is reverted.
    pub async fn down<T: Target + ?Sized>(
        &self,
        target: &T,
        extent: impl Into<Down>,
    ) -> Result<Report, Error> {
        let plan = extent.into();
        self.run_plan(target, &plan).await
    }

    /// Reverts the last `count` migrations and applies them again with their current text.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn redo<T: Target + ?Sized>(&self, target: &T, count: usize) -> Result<Report, Error> {
        self.run_plan(target, &Redo::count(count)).await
    }

    /// Marks the migrations up to a version as applied, without running them, in a database that already has their schema.
    /// Nothing is compared: the schema is assumed to be what the migrations make. `baseline_checked` (feature `catalog`) checks
    /// that first.
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Refused::NotEmpty`](crate::Refused::NotEmpty) if the database already has a history.
    pub async fn baseline<T: Target + ?Sized>(&self, target: &T, version: &str) -> Result<Report, Error> {
        let plan = Baseline::at(self.version(version));
        // It runs nothing, and says of what is there that this set has made it.
        self.clone().ignore_foreign_history().run_plan(target, &plan).await
    }

    /// Records your decision about an interrupted migration: applied, reverted, or to be resumed at a statement. Runs nothing;
    /// the history records who decided and why.
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Refused::NotInterrupted`](crate::Refused::NotInterrupted) and
    /// [`Refused::NoSuchStatement`](crate::Refused::NoSuchStatement) if the decision does not fit the migration.
    pub async fn resolve<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        resolution: Resolution,
        reason: &str,
    ) -> Result<Report, Error> {
        self.run_plan(target, &Resolve::new(self.version(version), resolution).because(reason)).await
    }

    /// Records the current text of an applied migration, with a reason, after an edit that changed only comments and formatting.
    /// Runs nothing. [`run_plan`](Migrator::run_plan) with `Accept::all` or [`Accept::forced`] goes further.
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Refused::OtherStatements`](crate::Refused::OtherStatements) if the statements differ.
    pub async fn accept<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        reason: &str,
    ) -> Result<Report, Error> {
        self.run_plan(target, &Accept::new(self.version(version)).because(reason)).await
    }

    /// Runs any plan.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn run_plan<T: Target + ?Sized>(&self, target: &T, plan: &dyn Plan) -> Result<Report, Error> {
        #[cfg(feature = "tracing")]
        let span = crate::observe::trace::RunSpan::new(&self.set, target);
        let mut listeners = Listeners {
            callback: Callback(self.on_event.as_deref()),
            #[cfg(feature = "tracing")]
            trace: span.trace(self.settings.traces_text),
            #[cfg(feature = "metrics")]
            meter: crate::observe::meter::Meter::new(&self.set),
        };
        let run = self.take_steps_and_finish(target, plan, &mut listeners);
        #[cfg(feature = "tracing")]
        let run = span.enclose(run);
        let outcome = run.await;
        #[cfg(feature = "metrics")]
        listeners.meter.end(&outcome);
        outcome
    }

    pub(super) async fn take_steps<T: Target + ?Sized>(
        &self,
        target: &T,
        plan: &dyn Plan,
        settings: &engine::Settings,
        listeners: &mut Listeners<'_>,
    ) -> Result<Report, Error> {
        self.check_fitness()?;
        if self.settings.asserts {
            self.set.check_assertions()?;
        }
        let mut history = PgHistory::open(target, &self.settings).await?;
        let report = engine::run(&mut history, &self.set, plan, settings, listeners).await;
        let report = match report {
            // What few runs need is on the heap: the future of a run stays small.
            Ok(report) => Ok(Box::pin(self.record_approvals_after(&history, report)).await),
            failed => failed,
        };
        history.close().await;
        #[cfg(feature = "catalog")]
        let report = match report {
            Ok(report) => Ok(Box::pin(self.snapshot_schema_after(target, report)).await),
            failed => failed,
        };
        Box::pin(self.asserted_after(target, report?)).await
    }

    /// Checks what can be checked without a database: a run would be refused.
    pub(crate) fn check_fitness(&self) -> Result<(), Error> {
        stale::check(&self.set)?;
        self.check_values()
    }

    /// The observer of what happens outside of a run.
    #[cfg(feature = "operate")]
    pub(crate) fn callback(&self) -> Callback<'_> {
        Callback(self.on_event.as_deref())
    }

    /// Records that this migrator's run was interrupted, after it was dropped. This is best effort, because the next run records
    /// it in any case. The row is locked until the server notices that the run is gone.
    #[cfg(feature = "cli")]
    pub(crate) async fn record_interruption<T: Target + ?Sized>(&self, target: &T) -> Result<(), Error> {
        let Some(run) = &self.settings.run else { return Ok(()) };
        let history = PgHistory::open(target, &self.settings).await?;
        let session_info = history.session_info().await?;
        if session_info.exists
            && session_info.table.keeps().is_none()
            && session_info.check_writable().is_ok()
        {
            let timeouts = timeouts(&session_info, &self.settings, &Options::NONE, true).join("; ");
            let record = session_info.table.run_interrupted(self.set.name(), run);
            let message = format!("{BEGIN}; {timeouts}; {record}; COMMIT");
            drop(history.session().batch_execute(&message).await);
        }
        history.close().await;
        Ok(())
    }
}
