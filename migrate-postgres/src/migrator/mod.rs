//! The migrator: a set of migrations with its settings, and the calls on a database.

pub(crate) mod snapshot;
pub(crate) mod stale;
pub(crate) mod status;

use crate::backend::{PgHistory, RunningAttempt, running};
use crate::error::Error;
#[cfg(feature = "cli")]
use crate::execute::timeouts;
use crate::execute::verify_applied;
#[cfg(feature = "histories")]
use crate::history::foreign::{Adopting, ForeignTable, ToolTable};
#[cfg(feature = "cli")]
use crate::history::run_id;
use crate::history::settings::RunSettings;
use crate::history::{Attempt, attempts, check_end};
use crate::observe::{Callback, Listeners, OnEvent};
use crate::settings::{LockKind, SetSettings};
#[cfg(feature = "cli")]
use crate::sql::transaction::BEGIN;

use crate::connection::target::Target;
use crate::migrator::status::Status;
use crate::sql::value::Value;
#[cfg(feature = "cli")]
use migrate_core::Options;
use migrate_core::engine;
use migrate_core::engine::History;
use migrate_core::engine::event::Event;
use migrate_core::history::SetPosition;
#[cfg(feature = "histories")]
use migrate_core::history::foreign::ForeignHistory;
use migrate_core::plan::{
    Accept, Baseline, Down, Plan, Redo, Refused, Resolution, Resolve, Steps, To, Up, check,
};
use migrate_core::set::placeholder::Values;
use migrate_core::{Migration, PlaceholderError, Report, Set, Version};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A set of migrations with its settings; [`migrate!`](crate::migrate) makes one.
///
/// Every call is a `Send` future, takes any [`Target`], and returns data; nothing is printed. Settings come first, a call
/// comes last:
///
/// ```no_run
/// use migrate_postgres::migrate;
/// use std::time::Duration;
///
/// # async fn boot() -> Result<(), migrate_postgres::Error> {
/// let report = migrate!("tests/fixtures/quickstart")
///     .lock_wait(Duration::from_secs(120))
///     .on_event(|event| eprintln!("{event}"))
///     .run("postgres://app@localhost/app")
///     .await?;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "each setting returns a migrator; nothing happens until one is run"]
pub struct Migrator {
    set: Set,
    pub(crate) settings: RunSettings,
    target: Option<Cow<'static, str>>,
    values: Values,
    /// The first placeholder whose value is an empty identifier.
    empty: Option<String>,
    on_event: Option<Arc<OnEvent>>,
}

impl fmt::Debug for Migrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Migrator")
            .field("set", &self.set)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Settings.
impl Migrator {
    /// A migrator of any set, for example one read from a folder at run time. `migrate!` does this for the set that it embeds.
    pub const fn new(set: Set) -> Migrator {
        Migrator {
            set,
            settings: RunSettings::DEFAULT,
            target: None,
            values: Values::NONE,
            empty: None,
            on_event: None,
        }
    }

    /// The value of `migrate!`.
    pub(crate) const fn embedded(set: Set, chosen: SetSettings) -> Migrator {
        let settings = RunSettings::of_set(chosen);
        Migrator { set, settings, target: None, values: Values::NONE, empty: None, on_event: None }
    }

    /// The migrations.
    pub fn set(&self) -> &Set {
        &self.set
    }

    /// A migrator of another set with the same settings but without the callback, because it runs on another database.
    #[cfg(feature = "catalog")]
    pub(crate) fn over(&self, set: Set) -> Migrator {
        let mut migrator = Migrator { settings: self.settings.clone(), ..Migrator::new(set) };
        migrator.settings.ignores_foreign = true;
        migrator
    }

    /// The settings that affect the database it makes, beside the set.
    #[cfg(feature = "testing")]
    pub(crate) fn made(&self) -> impl std::hash::Hash {
        let RunSettings { history_schema, history_table, program, .. } = &self.settings;
        let names =
            [history_schema.as_deref(), Some(&**history_table), Some(&**program), self.target.as_deref()];
        (names, &self.values)
    }

    /// The name of the history table, if the whole set is applied and the search path determines the table's schema.
    #[cfg(feature = "testing")]
    pub(crate) fn history_table_by_path(&self) -> Option<&str> {
        let is_plain = self.settings.history_schema.is_none() && self.target.is_none();
        is_plain.then_some(&*self.settings.history_table)
    }

    /// The schema of the history, which is created if it does not exist. The default is the first schema of the search
    /// path.
    pub fn history_schema(mut self, schema: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.history_schema = Some(schema.into());
        self
    }

    /// The name of the history table. The default is `migrate_history`.
    pub fn history_table(mut self, table: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.history_table = table.into();
        self
    }

    /// Treats the migrations in another tool's table as those of another set.
    ///
    /// By default, a call is refused if this set's history is empty and the table of sqlx, Prisma, diesel, refinery,
    /// golang-migrate, tern, goose, dbmate, Rails or Flyway lists a migration of this set: the migrations would be applied a
    /// second time. [`adopt`](Migrator::adopt) takes over that table. This setting is for a set that only has the same
    /// versions, such as a library's set beside an application's. Once the set has a history, other tools' tables are not
    /// read any more.
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").ignore_foreign_history().run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ignore_foreign_history(mut self) -> Migrator {
        self.settings.ignores_foreign = true;
        self
    }

    /// The last version that [`run`](Migrator::run) applies. A migration's whole name works too.
    pub fn up_to(mut self, version: impl Into<Cow<'static, str>>) -> Migrator {
        self.target = Some(version.into());
        self
    }

    /// How long to wait for another run to end. The default is 10 minutes.
    pub fn lock_wait(mut self, duration: Duration) -> Migrator {
        self.settings.engine.lock_wait = duration;
        self
    }

    /// The longest interval between checks for the end of another run. The default is 500 ms.
    pub fn poll_interval(mut self, duration: Duration) -> Migrator {
        self.settings.engine.poll = duration;
        self
    }

    /// How long a statement waits for a lock on a table before its migration is rolled back and retried. The default is 2 s;
    /// `None` waits forever. All traffic on the table queues behind a waiting statement.
    ///
    /// A script's own `-- migrate: lock_timeout=…` takes precedence.
    pub fn lock_timeout(mut self, duration: impl Into<Option<Duration>>) -> Migrator {
        self.settings.lock_timeout = duration.into().unwrap_or(Duration::ZERO);
        self
    }

    /// How long to retry a migration that runs into lock timeouts. The default is one minute.
    pub fn retry_for(mut self, duration: Duration) -> Migrator {
        self.settings.engine.retry = duration;
        self
    }

    /// The time after which [`Event::Slow`] reports a statement, a migration of many, a run of many migrations, or the wait for
    /// another run, while it lasts. The event says which it is, for how long, and which sessions block it. It is repeated each time
    /// that the time has doubled. `None` turns it off. The default is 10 s: an ordinary schema change takes milliseconds, and by then
    /// the probes of an orchestrator begin to fail.
    ///
    /// ```no_run
    /// use migrate_postgres::{Event, migrate};
    /// use std::time::Duration;
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart")
    ///     .slow_after(Duration::from_secs(30))
    ///     .on_event(|event| if let Event::Slow { .. } = event { eprintln!("{event}") })
    ///     .run("postgres://app@localhost/app")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn slow_after(mut self, duration: impl Into<Option<Duration>>) -> Migrator {
        self.settings.engine.slow = duration.into();
        self
    }

    /// How long a statement may run. The default is `None`, no limit, whatever the role's own setting is.
    ///
    /// A script's own `-- migrate: statement_timeout=…` takes precedence.
    pub fn statement_timeout(mut self, duration: impl Into<Option<Duration>>) -> Migrator {
        self.settings.statement_timeout = duration.into().unwrap_or(Duration::ZERO);
        self
    }

    /// The time limit of a migration. A migration that exceeds it is rolled back, or stops at a checkpoint if it runs statement by
    /// statement; the history records a failed attempt, and the run ends with [`Error::Failed`]. The default is `None`, no limit. Each
    /// attempt at a migration has the whole time.
    ///
    /// The server enforces the limit: before each statement, `statement_timeout` is set to the remaining time. So it holds behind a
    /// pooler, and if the client is gone. In a script that sets its own transaction modes (`SET TRANSACTION …`), the statements are
    /// limited one by one. The COMMIT is not limited.
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    /// use std::time::Duration;
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart")
    ///     .migration_limit(Duration::from_secs(60))
    ///     .run_limit(Duration::from_secs(300))
    ///     .run("postgres://app@localhost/app")
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn migration_limit(mut self, duration: impl Into<Option<Duration>>) -> Migrator {
        self.settings.engine.migration_limit = duration.into();
        self
    }

    /// The time limit of a run, enforced like [`migration_limit`](Migrator::migration_limit): committed migrations stay, and the
    /// migration in progress is rolled back or stops at a checkpoint. The default is `None`, no limit. The time counts from when the run
    /// has the lock; [`lock_wait`](Migrator::lock_wait) limits the wait for it. A backup before the first migration is not counted.
    pub fn run_limit(mut self, duration: impl Into<Option<Duration>>) -> Migrator {
        self.settings.engine.run_limit = duration.into();
        self
    }

    /// Allows a pending migration to be applied after later ones. The default is to refuse.
    pub fn allow_out_of_order(mut self, allow: bool) -> Migrator {
        self.settings.engine.policies.allow_out_of_order = allow;
        self
    }

    /// Allows the database to have migrations newer than the set. The default is to allow it, with a notice.
    pub fn allow_ahead(mut self, allow: bool) -> Migrator {
        self.settings.engine.policies.allow_ahead = allow;
        self
    }

    /// Allows an applied migration to be missing from the set although the set has newer ones. The default is to refuse.
    pub fn allow_missing(mut self, allow: bool) -> Migrator {
        self.settings.engine.policies.allow_missing = allow;
        self
    }

    /// How to hold the migration lock. The default depends on the target.
    pub fn lock(mut self, kind: LockKind) -> Migrator {
        self.settings.lock = Some(kind);
        self
    }

    /// The callback for the events of a run. It runs between two messages to the server, so it should return quickly.
    pub fn on_event(mut self, callback: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Migrator {
        self.on_event = Some(Arc::new(callback));
        self
    }

    /// Adds the whole text of a statement to its span, in the field `db.query.text`. The default is off, because the text
    /// contains values. Secrets that [`sql::redact`](migrate_core::sql::redact) recognizes are left out.
    #[cfg(feature = "tracing")]
    pub fn trace_query_text(mut self, show: bool) -> Migrator {
        self.settings.traces_text = show;
        self
    }

    /// The value of a placeholder, which replaces `${name}` in the scripts. The set declares its placeholders,
    /// `migrate!("migrations", placeholders = ["schema"])`, and nothing runs before each of them has a value.
    ///
    /// The value is quoted according to its kind, an identifier or a literal. It is neither part of the checksum nor of the
    /// history, which stores scripts as they are written.
    ///
    /// ```
    /// use migrate_postgres::{Migrator, Reading, Set, Value};
    ///
    /// # let folder = std::env::temp_dir().join(format!("migrate-placeholder-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder)?;
    /// # std::fs::write(folder.join("0001_users.sql"), "CREATE TABLE ${schema}.users (region text DEFAULT ${region});")?;
    /// let reading = Reading::default().placeholders(["schema", "region"]);
    /// let migrator = Migrator::new(Set::from_folder_as(&folder, &reading)?)
    ///     .placeholder("schema", Value::Identifier("tenant_7"))
    ///     .placeholder("region", Value::Literal("eu"));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn placeholder(mut self, name: impl Into<Cow<'static, str>>, value: Value<'_>) -> Migrator {
        let name = name.into();
        if value.is_empty_identifier() {
            self.empty.get_or_insert_with(|| name.clone().into_owned());
        }
        self.values.insert(name, value.sql());
        self.set = self.set.filled(self.values.clone());
        self
    }

    /// Adds a callback for the events of a run, called after the existing one.
    #[cfg(feature = "cli")]
    pub(crate) fn also_on_event(self, callback: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Migrator {
        let first = self.on_event.clone();
        self.on_event(move |event| {
            if let Some(first) = &first {
                first(event);
            }
            callback(event);
        })
    }

    /// The program name to record in the history. The default is the name and version of the crate that calls `migrate!`.
    pub fn program(mut self, program: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.program = program.into();
        self
    }
}

/// Other tools' histories.
#[cfg(feature = "histories")]
impl Migrator {
    /// Takes over another tool's history. If this set has no history yet, and Prisma, sqlx, refinery, diesel, golang-migrate,
    /// dbmate, Rails, goose or Flyway has one, [`run`](Migrator::run) marks its migrations as applied and then applies pending
    /// ones. That happens once. From then on the setting costs nothing and may stay in the code.
    ///
    /// Everything is checked first: each tool's own checksum of the file, failed migrations, and that the set has all applied
    /// migrations. Then all rows are written in one transaction, under the lock and under Prisma's and sqlx's own lock, with
    /// the times recorded by the other tool, and only if its table has not changed since it was read. That table stays as it is.
    /// [`plan`](Migrator::plan) shows what would be taken over.
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").adopt().run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Refused::UnusableHistory`](crate::Refused::UnusableHistory) lists every obstacle and what to do about it. After
    /// [`Error::SeveralHistories`], choose one with [`adopt_from`](Migrator::adopt_from).
    pub fn adopt(mut self) -> Migrator {
        self.settings.adopting = Some(Adopting::Any);
        self
    }

    /// Takes over this history, if several tools have one or if it is not in the usual place.
    ///
    /// ```
    /// use migrate_postgres::{migrate, tools};
    ///
    /// let migrator = migrate!("tests/fixtures/quickstart").adopt_from(tools::sqlx().schema("app"));
    /// ```
    pub fn adopt_from(mut self, table: impl Into<ToolTable>) -> Migrator {
        self.settings.adopting = Some(Adopting::From(table.into()));
        self
    }

    /// Keeps the history in the table of another tool, with rows as that tool writes them, so that the tool can still be used.
    /// Migrations applied by either one are applied for both.
    ///
    /// ```no_run
    /// use migrate_postgres::{migrate, tools};
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").foreign_history(tools::sqlx()).run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Such a table does not record who migrated, failed attempts, down scripts of newer releases, or several sets. The check at boot
    /// is still one query, but it reads all rows. Each migration is also applied under the tool's own lock, if it has one (Prisma,
    /// sqlx); the run polls for that lock and never waits for it on the server.
    ///
    /// **Migrations that are committed in parts** (statement by statement, or by transactions of the script's own) have their
    /// checkpoint in `applied_steps_count` of Prisma's and `execution_time` of sqlx's table. To those tools such a row is a failed
    /// migration until it is done, so they apply nothing meanwhile. The tables of refinery and diesel have no such column, and none
    /// has one for a revert in progress: there the checkpoint is in a small table beside it (`…_checkpoint`), which is created with
    /// the first checkpoint and dropped when the migration ends. The tool does not read that table, so let this library finish what
    /// it has begun. A role that may not create tables can run only scripts of one part, not counting settings; other scripts are an
    /// error before anything is done.
    pub fn foreign_history(mut self, table: ForeignTable) -> Migrator {
        self.settings.history_schema = table.0.schema.clone();
        self.settings.history_table = table.0.table.clone();
        self.settings.keeping = Some(table);
        self
    }

    /// The histories of other tools in the database, whatever their content. Nothing is written.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn found<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<ForeignHistory>, Error> {
        let session = target.open().await?;
        let found = crate::history::foreign::found(&session).await;
        session.close().await;
        found
    }
}

/// Calls.
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

    /// Does the same as [`run`](Migrator::run) in a program without an async runtime, and blocks until it is done. The run has a
    /// thread and a runtime of its own, so it may also be called where a runtime exists, at the price of blocking its thread.
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
        std::thread::scope(|scope| {
            scope.spawn(run).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The plan of [`run`](Migrator::run).
    pub(crate) fn forward(&self) -> Box<dyn Plan> {
        let up = match &self.target {
            Some(version) => Up::to(self.version(version)),
            None => Up::ALL,
        };
        self.adopting(up)
    }

    /// The same plan, after the adoption of another tool's history if that was requested.
    fn adopting(&self, plan: impl Plan + 'static) -> Box<dyn Plan> {
        #[cfg(feature = "histories")]
        if self.settings.adopting.is_some() {
            return Box::new(migrate_core::plan::Adopt::then(plan));
        }
        Box::new(plan)
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
        let run = self.take_steps(target, plan, &mut listeners);
        #[cfg(feature = "tracing")]
        let run = span.enclose(run);
        let outcome = run.await;
        #[cfg(feature = "metrics")]
        listeners.meter.end(&outcome);
        outcome
    }

    async fn take_steps<T: Target + ?Sized>(
        &self,
        target: &T,
        plan: &dyn Plan,
        listeners: &mut Listeners<'_>,
    ) -> Result<Report, Error> {
        stale::check(&self.set)?;
        self.check_values()?;
        let mut history = PgHistory::open(target, &self.settings).await?;
        let report = engine::run(&mut history, &self.set, plan, &self.settings.engine, listeners).await;
        history.close().await;
        #[cfg(feature = "catalog")]
        let report = match report {
            Ok(report) => Ok(self.snapshot_schema_after(target, report).await),
            failed => failed,
        };
        report
    }

    /// The observer of what happens outside of a run.
    #[cfg(feature = "operate")]
    pub(crate) fn callback(&self) -> Callback<'_> {
        Callback(self.on_event.as_deref())
    }

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

    /// The same migrator with a run id that is known before the run starts.
    #[cfg(feature = "cli")]
    pub(crate) fn of_run(mut self) -> Migrator {
        self.settings.run = Some(run_id());
        self
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

    /// Checks that each placeholder has a value.
    pub(crate) fn check_values(&self) -> Result<(), Error> {
        match &self.empty {
            Some(name) => Err(PlaceholderError::Empty { name: name.clone() }.into()),
            None => Ok(self.set.check_values()?),
        }
    }

    /// The version that a text names: a version, a migration's whole name, or the part of a version before its `_`, if it is
    /// unique: with Prisma, the whole name of the folder is the version.
    pub(crate) fn version(&self, text: &str) -> Version {
        let version = Version::new(text.to_owned(), self.set.order());
        let all = || self.set.iter().chain(self.set.replaced());
        if self.set.find(&version).is_some() {
            return version;
        }
        if let Some(named) = all().find(|migration| migration.name() == text) {
            return named.version().clone();
        }
        let goes_on = |migration: &&dyn Migration| {
            let rest = migration.version().as_written().strip_prefix(text);
            !migration.version().is_repeatable() && rest.is_some_and(|rest| rest.starts_with('_'))
        };
        match (all().find(goes_on), all().filter(goes_on).count()) {
            (Some(only), 1) => only.version().clone(),
            _ => version,
        }
    }
}
