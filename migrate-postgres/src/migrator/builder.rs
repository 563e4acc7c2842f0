//! The settings of a migrator.

use super::Migrator;
use crate::code::{Registration, RegistrationError};
#[cfg(feature = "cli")]
use crate::history::run_id;
use crate::settings::LockKind;
use crate::sql::value::Value;
use migrate_core::engine::event::Event;
use migrate_core::lint::Risk;
use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// Settings.
impl Migrator {
    /// Adds a migration in Rust that has no file: see [`Registration`]. It takes its place among the others by its version.
    ///
    /// # Errors
    ///
    /// [`RegistrationError::DuplicateVersion`] if the set has a migration of this version; others if its version or its name is none.
    pub fn with_code(mut self, registration: Registration) -> Result<Migrator, RegistrationError> {
        self.set = self.set.with_code(registration.into_code())?;
        Ok(self)
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
    /// statement; the history records a failed attempt, and the run ends with [`Error::Failed`](crate::Error::Failed). The default is `None`, no limit. Each
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

    /// The most rows of a table whose backfill its migration runs as a whole, in one statement. The default is 10 000. The
    /// backfill of a larger table is begun, and [runs in batches](crate::guide) beside the service.
    pub fn inline_backfill_rows(mut self, rows: u64) -> Migrator {
        self.settings.backfills.inline_rows = rows;
        self
    }

    /// The most bytes of a table, without its indexes, whose backfill its migration runs as a whole. The default is 64 MiB.
    pub fn inline_backfill_bytes(mut self, bytes: u64) -> Migrator {
        self.settings.backfills.inline_bytes = bytes;
        self
    }

    /// The time that a run spends on a backfill that one of its migrations waits for, before it leaves the rest to
    /// [`backfill`](Migrator::backfill). The default is 10 s; zero is none. A backfill whose pace says that it takes longer is
    /// not begun.
    pub fn backfill_budget(mut self, budget: Duration) -> Migrator {
        self.settings.backfills.budget = budget;
        self
    }

    /// Refuses a run while a migration waits for a backfill (`-- migrate: after=VERSION`). The default is a notice: the run
    /// succeeds, and a later one applies that migration.
    pub fn require_backfills(mut self, require: bool) -> Migrator {
        self.settings.engine.policies.require_backfills = require;
        self
    }

    /// Refuses pending migrations with a [finding](crate::lint) of at least this risk that nobody has accepted, before
    /// anything is run. The default is to refuse none.
    ///
    /// The scripts are judged by their text and by the earlier migrations of the set. A run with nothing to do judges
    /// nothing.
    pub fn refuse(mut self, risk: Risk) -> Migrator {
        self.settings.refuses = Some(risk);
        self
    }

    /// Checks the set's [assertions](Migrator::assert) after a run that applied or reverted something. If one is
    /// not true, the run ends with [`Error::BrokenAssertions`](crate::Error::BrokenAssertions); what it applied
    /// stays. A run with nothing to do checks nothing, so a readiness probe asks [`assert`](Migrator::assert).
    /// The default is false.
    pub fn assert_after(mut self, check: bool) -> Migrator {
        self.settings.asserts = check;
        self
    }

    /// The environment of the database: [`seed`](Migrator::seed) runs the seeds in `seeds/<environment>/`,
    /// beside those of all environments. The default is none.
    pub fn environment(mut self, name: impl Into<Cow<'static, str>>) -> Migrator {
        self.settings.environment = Some(name.into());
        self
    }

    /// Lets [`seed`](Migrator::seed) run seeds again whose text is that of the last time. The default is false.
    pub fn seed_again(mut self, again: bool) -> Migrator {
        self.settings.seeds_again = again;
        self
    }

    /// How to hold the migration lock. The default depends on the target.
    pub fn lock(mut self, kind: LockKind) -> Migrator {
        self.settings.lock = Some(kind);
        self
    }

    /// A value that migrations in Rust may ask for by its type, with [`Context::value`](crate::code::Context::value): a client of
    /// another service, a key, a setting of the program. One value of each type is kept.
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// struct Region(String);
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// migrate!("tests/fixtures/quickstart").value(Region("eu".to_owned())).run("postgres://app@localhost/app").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn value<T: Any + Send + Sync>(mut self, value: T) -> Migrator {
        self.settings.values.set(value);
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

    /// The same migrator with a run id that is known before the run starts.
    #[cfg(feature = "cli")]
    pub(crate) fn of_run(mut self) -> Migrator {
        self.settings.run = Some(run_id());
        self
    }
}
