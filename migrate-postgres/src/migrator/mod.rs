//! The one entry.

pub(crate) mod snapshot;
pub(crate) mod stale;
pub(crate) mod status;

use crate::backend::{PgHistory, RunningAttempt, running};
use crate::error::Error;
#[cfg(feature = "cli")]
use crate::execute::timeouts;
use crate::execute::verify_applied;
#[cfg(feature = "histories")]
use crate::history::foreign::{Adopting, KeptTable, ToolTable};
#[cfg(feature = "cli")]
use crate::history::run_id;
use crate::history::settings::RunSettings;
use crate::history::{Attempt, attempts, check_end};
use crate::observe::{Callback, Listeners, OnEvent};
use crate::settings::LockKind;
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
use migrate_core::history::Position;
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

/// A set of migrations, and how they are applied: what [`migrate!`](crate::migrate) gives.
///
/// Every call is a future that is `Send`, takes any [`Target`], and returns data; nothing is printed. Builder methods
/// come first, a call comes last:
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
    /// The first placeholder that was given an empty identifier.
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

/// Building.
impl Migrator {
    /// A migrator of any set, one read from a folder at run time say; `migrate!` calls this for the set that it embeds.
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

    /// What `migrate!` gives.
    #[doc(hidden)]
    pub const fn embedded(set: Set, program: &'static str) -> Migrator {
        let mut settings = RunSettings::DEFAULT;
        // A `const fn` can't assign: the old value would have to be dropped.
        settings = RunSettings { program: Cow::Borrowed(program), ..settings };
        Migrator { set, settings, target: None, values: Values::NONE, empty: None, on_event: None }
    }

    /// The migrations.
    pub fn set(&self) -> &Set {
        &self.set
    }

    /// The same settings over other migrations, without the callback: these run somewhere else.
    #[cfg(feature = "catalog")]
    pub(crate) fn over(&self, set: Set) -> Migrator {
        let mut migrator = Migrator { settings: self.settings.clone(), ..Migrator::new(set) };
        migrator.settings.ignores_foreign = true;
        migrator
    }

    /// What of it, beside the set, shows in the database that it makes.
    #[cfg(feature = "testing")]
    pub(crate) fn made(&self) -> impl std::hash::Hash {
        let RunSettings { history_schema, history_table, program, .. } = &self.settings;
        let names =
            [history_schema.as_deref(), Some(&**history_table), Some(&**program), self.target.as_deref()];
        (names, &self.values)
    }

    /// The name of the history's table, if the whole set is applied and the search path says where that table is.
    #[cfg(feature = "testing")]
    pub(crate) fn history_table_by_path(&self) -> Option<&str> {
        let is_plain = self.settings.history_schema.is_none() && self.target.is_none();
        is_plain.then_some(&*self.settings.history_table)
    }

    /// Keeps the history in this schema, which is made where it does not exist, instead of the first of the search
    /// path.
    pub fn history_schema(mut self, schema: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.history_schema = Some(schema.into());
        self
    }

    /// Keeps the history in a table of this name instead of `migrate_history`.
    pub fn history_table(mut self, table: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.history_table = table.into();
        self
    }

    /// Takes what another tool's table lists for another set's migrations.
    ///
    /// Where this set has nothing in our history yet, and the table of sqlx, Prisma, diesel, refinery, golang-migrate, tern,
    /// goose, dbmate, Rails or Flyway lists a migration of this set, no call starts: the migrations would be applied a second
    /// time. [`adopt`](Migrator::adopt) takes over what it lists. This is for the case that the versions are the same and
    /// the migrations are not: a library's set beside an application's. Once the set has something in our history, other
    /// tools' tables are not looked at any more.
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

    /// Lets [`run`](Migrator::run) apply migrations up to this version only, itself included. A migration's whole name
    /// will do too.
    pub fn target(mut self, version: impl Into<Cow<'static, str>>) -> Migrator {
        self.target = Some(version.into());
        self
    }

    /// Waits so long for somebody else's run to end; 10 minutes when not set.
    pub fn lock_wait(mut self, duration: Duration) -> Migrator {
        self.settings.engine.lock_wait = duration;
        self
    }

    /// Looks at least so often whether somebody else's run has ended; every 500 ms when not set.
    pub fn poll_interval(mut self, duration: Duration) -> Migrator {
        self.settings.engine.poll = duration;
        self
    }

    /// Lets a statement wait so long for a lock on a table before its migration is rolled back and tried again; 2 s when
    /// not set, zero for ever. All traffic on the table queues behind a statement that waits.
    ///
    /// A script's own `-- migrate: lock_timeout=…` comes before this.
    pub fn lock_timeout(mut self, duration: Duration) -> Migrator {
        self.settings.lock_timeout = duration;
        self
    }

    /// Goes on so long with a migration that runs into lock timeouts; a minute when not set.
    pub fn retry_for(mut self, duration: Duration) -> Migrator {
        self.settings.engine.retry = duration;
        self
    }

    /// Tells of what takes longer than this, while it does: a statement, a migration of many, a run of many migrations, or the wait for
    /// another run. [`Event::Slow`] says which it is, for how long, and which sessions block it. It comes when the time is over, and again each time that it has doubled; `None` turns it off. 10 s when not set: an
    /// ordinary change of a schema takes milliseconds, and by then the probes of an orchestrator have begun to fail.
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

    /// Lets a statement take so long; without limit when not set or zero, whatever the role's own setting is.
    ///
    /// A script's own `-- migrate: statement_timeout=…` comes before this.
    pub fn statement_timeout(mut self, duration: Duration) -> Migrator {
        self.settings.statement_timeout = duration;
        self
    }

    /// Ends a migration that takes longer than this: it is rolled back, or stands at a checkpoint where it runs statement by
    /// statement, its row in the history is that of a failed attempt, and the run ends with [`Error::Failed`]. `None`, no limit, when not
    /// set. Each try of a migration has all of it.
    ///
    /// The server keeps the limit, by a `statement_timeout` that is set to what is left before each statement, so it holds behind a
    /// pooler and where the client is gone. A script that gives its transaction modes of its own (`SET TRANSACTION …`) has its
    /// statements limited one by one. The COMMIT is not limited.
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

    /// Ends a run that takes longer than this, in the way of [`migration_limit`](Migrator::migration_limit): what was committed stays,
    /// the migration under way is rolled back or stands at a checkpoint. `None`, no limit, when not set. The time counts from when the run
    /// has the lock: [`lock_wait`](Migrator::lock_wait) limits the wait for it. A backup before the first migration is not counted.
    pub fn run_limit(mut self, duration: impl Into<Option<Duration>>) -> Migrator {
        self.settings.engine.run_limit = duration.into();
        self
    }

    /// Whether a pending migration may be applied after later ones; refused when not set.
    pub fn allow_out_of_order(mut self, allow: bool) -> Migrator {
        self.settings.engine.policies.allow_out_of_order = allow;
        self
    }

    /// Whether the database may have migrations newer than the binary; allowed, with a notice, when not set.
    pub fn allow_ahead(mut self, allow: bool) -> Migrator {
        self.settings.engine.policies.allow_ahead = allow;
        self
    }

    /// Whether an applied migration may be missing from the binary though it has newer ones; refused when not set.
    pub fn allow_missing(mut self, allow: bool) -> Migrator {
        self.settings.engine.policies.allow_missing = allow;
        self
    }

    /// Holds the lock this way instead of the one that the target allows.
    pub fn lock(mut self, kind: LockKind) -> Migrator {
        self.settings.lock = Some(kind);
        self
    }

    /// Calls this with each event of a run, between two messages to the server: it should be quick.
    pub fn on_event(mut self, callback: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Migrator {
        self.on_event = Some(Arc::new(callback));
        self
    }

    /// Whether the spans of statements have the whole text of the statement, in the field `db.query.text`: off when not set, as
    /// values stand in it. What [`sql::redact`](crate::migrate_core::sql::redact) takes for a secret is left out of it.
    #[cfg(feature = "tracing")]
    pub fn trace_query_text(mut self, show: bool) -> Migrator {
        self.settings.traces_text = show;
        self
    }

    /// Gives a placeholder its value: what `${name}` in the scripts stands for. The set declares its placeholders,
    /// `migrate!("migrations", placeholders = ["schema"])`, and nothing is run before each of them has a value.
    ///
    /// The value is quoted as what it is, an identifier or a literal. It is neither in the checksum nor in the history, which
    /// keeps scripts as they are written.
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

    /// Calls this too with each event of a run, after the callback that is there already.
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

    /// Records this as the program that migrates, instead of the name and version of the crate that calls `migrate!`.
    pub fn program(mut self, program: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.program = program.into();
        self
    }
}

/// Moving here from another tool.
#[cfg(feature = "histories")]
impl Migrator {
    /// Takes over what another tool has applied, before anything is applied: where this set has no history yet, and Prisma, sqlx, refinery,
    /// diesel, golang-migrate, dbmate, Rails, goose or Flyway has one, [`run`](Migrator::run) marks as applied what that one
    /// says, and goes on with what is pending. That happens once; from then on it costs nothing, and may stay in the code.
    ///
    /// Everything is checked first: each tool's own checksum over the file, failed migrations, and whether the set has all
    /// that is applied. Then all rows are written in one transaction, under the lock, with the times that the other tool
    /// has, under Prisma's and sqlx's own lock too, and only if the other table is still as it was read. It stays as it is.
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
    /// [`Refused::UnusableHistory`](crate::Refused::UnusableHistory) says what stands in the way, all of it, and what to do;
    /// [`Error::SeveralHistories`] that it takes [`adopt_from`](Migrator::adopt_from).
    pub fn adopt(mut self) -> Migrator {
        self.settings.adopting = Some(Adopting::Any);
        self
    }

    /// The same with this history, where several tools have one, or where it is not in the usual place.
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

    /// Keeps the history in the table of another tool, as it is, with rows as that tool writes them: whoever uses the other
    /// tool goes on with it. It has then nothing to do where this library has migrated, and the other way round.
    ///
    /// ```no_run
    /// use migrate_postgres::{migrate, tools};
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").history(tools::sqlx()).run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What such a table has no place for is not there: who migrated, attempts that failed, down scripts of newer releases, several sets.
    /// The look at boot is one query, but for all rows. Each migration is applied under the tool's own lock too, where it has one (Prisma,
    /// sqlx); it is tried for, and never waited for on the server.
    ///
    /// **Migrations that are committed in parts** (statement by statement, or by transactions of the script's own) have their
    /// checkpoint in `applied_steps_count` of Prisma's and `execution_time` of sqlx's table. To those tools such a row is a failed
    /// migration until it is done, so they apply nothing meanwhile. The tables of refinery and diesel have no such place, nor has
    /// any for a revert that is under way: there the checkpoint is in a small table beside it (`…_checkpoint`), which is made with
    /// the first checkpoint and dropped when the migration ends. The tool does not look there: let this library finish what it has
    /// begun. A role that may make no table runs scripts of one part there, settings aside; others are an error, before anything is
    /// done.
    pub fn history(mut self, table: KeptTable) -> Migrator {
        self.settings.history_schema = table.0.schema.clone();
        self.settings.history_table = table.0.table.clone();
        self.settings.keeping = Some(table);
        self
    }

    /// The histories of other tools in the database, whatever they say. Nothing is written.
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

/// Calling.
impl Migrator {
    /// Applies what is pending. With nothing pending this is one query in one round trip, without a lock.
    ///
    /// # Errors
    ///
    /// See [`Error`]. What was applied before a migration failed stays applied, and [`Failure::report`] tells of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any point is safe: what it was applying is rolled back or committed as a whole, or stands
    /// at a checkpoint, and the lock is given back. Over a `Client` of yours the message under way ends first, which may hold
    /// many migrations (up to 256 KiB of scripts): they are applied, and the `Client` answers when they are.
    ///
    /// # A `Client` of yours
    ///
    /// What scripts change for the session is undone by `RESET ALL`, and what you have set before is set again, except
    /// parameters with names of your own (`SET app.tenant = …`): the server lists those nowhere. Set them after the run, or
    /// give the run a connection of its own.
    ///
    /// [`Failure::report`]: crate::Failure::report
    pub async fn run<T: Target + ?Sized>(&self, target: &T) -> Result<Report, Error> {
        self.take(target, &*self.forward()).await
    }

    /// The plan of [`run`](Migrator::run).
    pub(crate) fn forward(&self) -> Box<dyn Plan> {
        let up = match &self.target {
            Some(version) => Up::to(self.version(version)),
            None => Up::ALL,
        };
        self.adopting(up)
    }

    /// The same plan, after another tool's history is adopted where that is asked for.
    fn adopting(&self, plan: impl Plan + 'static) -> Box<dyn Plan> {
        #[cfg(feature = "histories")]
        if self.settings.adopting.is_some() {
            return Box::new(migrate_core::plan::Adopt::then(plan));
        }
        Box::new(plan)
    }

    /// Takes the database to a version: applies what is missing up to it, or reverts what is beyond it.
    ///
    /// # Errors
    ///
    /// See [`Error`]. A missing down script is found before anything is reverted.
    pub async fn to<T: Target + ?Sized>(&self, target: &T, version: &str) -> Result<Report, Error> {
        self.take(target, &*self.adopting(To::version(self.version(version)))).await
    }

    /// Reverts applied migrations: `1`, [`Down::count(3)`](Down::count), [`Down::to(version)`](Down::to) or
    /// [`Down::all()`](Down::all). Also migrations that this binary never had: the history kept their down scripts. What was
    /// marked as applied and not run is refused, unless it is asked for by [`Down::including_marked`].
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
        self.take(target, &plan).await
    }

    /// Reverts the last `count` migrations and applies them again, as they are now.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn redo<T: Target + ?Sized>(&self, target: &T, count: usize) -> Result<Report, Error> {
        self.take(target, &Redo::count(count)).await
    }

    /// Marks the migrations up to a version as applied, without running them, in a database whose schema was made
    /// without this library. Nothing is compared: the schema is taken to be what the migrations would have made. With the
    /// feature `catalog`, `baseline_checked` makes sure of that first.
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Refused::NotEmpty`](crate::Refused::NotEmpty) where another history stands already.
    pub async fn baseline<T: Target + ?Sized>(&self, target: &T, version: &str) -> Result<Report, Error> {
        let plan = Baseline::at(self.version(version));
        // It runs nothing, and says of what is there that this set has made it.
        self.clone().ignore_foreign_history().take(target, &plan).await
    }

    /// Records what a migration comes down to, after somebody has looked: applied, reverted, or to go on at a statement.
    /// Runs nothing; the history keeps who and why.
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Refused::NotInterrupted`](crate::Refused::NotInterrupted) and
    /// [`Refused::NoSuchStatement`](crate::Refused::NoSuchStatement) for what is not so.
    pub async fn resolve<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        resolution: Resolution,
        reason: &str,
    ) -> Result<Report, Error> {
        self.take(target, &Resolve::new(self.version(version), resolution).because(reason)).await
    }

    /// Records the text that the set has of an applied migration as the one that counts, with the reason why, after only its writing
    /// was edited, by a formatter for example. Runs nothing. `Accept::all` and [`Accept::forced`] of [`take`](Migrator::take) go further.
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Refused::OtherStatements`](crate::Refused::OtherStatements) where more than the writing differs.
    pub async fn accept<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        reason: &str,
    ) -> Result<Report, Error> {
        self.take(target, &Accept::new(self.version(version)).because(reason)).await
    }

    /// Takes the steps of any plan.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn take<T: Target + ?Sized>(&self, target: &T, plan: &dyn Plan) -> Result<Report, Error> {
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
            Ok(report) => Ok(self.keep_schema_after(target, report).await),
            failed => failed,
        };
        Ok(report?)
    }

    /// Who is told of what happens outside of a run.
    #[cfg(feature = "operate")]
    pub(crate) fn callback(&self) -> Callback<'_> {
        Callback(self.on_event.as_deref())
    }

    /// What [`run`](Migrator::run) would do, as data. Nothing is written, and no lock is taken.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn plan<T: Target + ?Sized>(&self, target: &T) -> Result<Steps<'_>, Error> {
        self.plan_of(target, &*self.forward()).await
    }

    /// The same of a history that was read, for those who read more of it.
    #[cfg(feature = "cli")]
    pub(crate) fn forward_steps(&self, state: &migrate_core::history::State) -> Result<Steps<'_>, Error> {
        self.check_values()?;
        self.decide(&*self.forward(), state)
    }

    /// What any plan would do, as data. Nothing is written, and no lock is taken.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn plan_of<T: Target + ?Sized>(&self, target: &T, plan: &dyn Plan) -> Result<Steps<'_>, Error> {
        self.check_values()?;
        let (_, state) = self.state(target).await?;
        self.decide(plan, &state)
    }

    /// Where the database stands, by one query in one round trip: for a readiness probe.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn position<T: Target + ?Sized>(&self, target: &T) -> Result<Position, Error> {
        let mut history = PgHistory::open(target, &self.settings).await?;
        let head = history.head(&self.set).await;
        history.close().await;
        let position = head?.position(&self.set);
        #[cfg(feature = "metrics")]
        crate::observe::meter::position(&self.set, &position);
        Ok(position)
    }

    /// Each migration of the set and of the history, with what is known of it. Nothing is written.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn status<T: Target + ?Sized>(&self, target: &T) -> Result<Status, Error> {
        Ok(self.snapshot(target).await?.status(&self.set))
    }

    /// The same, whose run can be told from others before it begins.
    #[cfg(feature = "cli")]
    pub(crate) fn of_run(mut self) -> Migrator {
        self.settings.run = Some(run_id());
        self
    }

    /// Records that this migrator's run was interrupted, when it is dropped: best effort, since the next run records that in
    /// any case. Until the server has noticed that the run is gone, its row is locked.
    #[cfg(feature = "cli")]
    pub(crate) async fn record_interruption<T: Target + ?Sized>(&self, target: &T) -> Result<(), Error> {
        let Some(run) = &self.settings.run else { return Ok(()) };
        let history = PgHistory::open(target, &self.settings).await?;
        let survey = history.survey().await?;
        if survey.exists && survey.table.keeps().is_none() && survey.check_writable().is_ok() {
            let timeouts = timeouts(&survey, &self.settings, &Options::NONE, true).join("; ");
            let record = survey.table.run_interrupted(self.set.name(), run);
            let message = format!("{BEGIN}; {timeouts}; {record}; COMMIT");
            drop(history.session().batch_execute(&message).await);
        }
        history.close().await;
        Ok(())
    }

    /// The migration that a run in another process is at, if one is. Nothing is written.
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
        let survey = history.survey().await?;
        running(history.session(), &self.settings, &survey, &self.set, &attempts).await
    }

    /// The audit trail: every attempt to apply, revert or mark a migration of this set, oldest first.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
    pub async fn attempts<T: Target + ?Sized>(&self, target: &T) -> Result<Vec<Attempt>, Error> {
        let history = PgHistory::open(target, &self.settings).await?;
        let attempts = self.read_attempts(&history).await;
        history.close().await;
        attempts
    }

    async fn read_attempts<T: Target + ?Sized>(
        &self,
        history: &PgHistory<'_, T>,
    ) -> Result<Vec<Attempt>, Error> {
        let survey = history.survey().await?;
        if !survey.exists {
            return Ok(Vec::new());
        }
        #[cfg(feature = "histories")]
        if let Some(kept) = &self.settings.keeping {
            return crate::history::foreign::attempts(history.session(), &survey, kept, &self.set).await;
        }
        attempts(history.session(), &survey, &self.set).await
    }

    /// Checks, without writing anything, that the applied migrations are those of the set, and runs the verify scripts
    /// of those that are applied, each in a read-only transaction that is rolled back. Returns how many it ran.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] when history and set contradict each other, [`Error::Failed`] with the first verify script
    /// that refutes its migration.
    pub async fn verify<T: Target + ?Sized>(&self, target: &T) -> Result<usize, Error> {
        self.check_values()?;
        let mut history = PgHistory::open(target, &self.settings).await?;
        let verified = self.verify_all(&mut history).await;
        history.close().await;
        verified
    }

    async fn verify_all<T: Target + ?Sized>(&self, history: &mut PgHistory<'_, T>) -> Result<usize, Error> {
        let (survey, state) = self.state_over(history.session_mut()).await?;
        check(&self.set, &state, &self.settings.engine.policies)?;
        if let Some(interrupted) = state.interrupted.as_ref().filter(|i| self.set.find(&i.version).is_some())
        {
            return Err(Error::Refused(Refused::unfinished(interrupted)));
        }
        let head = history.head(&self.set).await?;
        check_end(history.session(), &survey, &self.set, &state, head.digest).await?;
        let mut verified = 0;
        for applied in &state.applied {
            let migration = self.set.find(&applied.version);
            if let Some(migration) = migration.filter(|migration| migration.verify().is_some()) {
                let verifying = verify_applied(history.session_mut(), &survey, &self.settings, migration);
                verifying.await.map_err(Error::Failed)?;
                verified += 1;
            }
        }
        Ok(verified)
    }

    /// Whether each placeholder has a value.
    pub(crate) fn check_values(&self) -> Result<(), Error> {
        match &self.empty {
            Some(name) => Err(PlaceholderError::Empty { name: name.clone() }.into()),
            None => Ok(self.set.check_values()?),
        }
    }

    /// The version that a text names: a version, a migration's whole name, or the part of a version before its `_`, where only one
    /// migration begins so: Prisma's folders have their whole names as versions.
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
