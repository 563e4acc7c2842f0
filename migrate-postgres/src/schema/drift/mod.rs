//! Whether a database is what its migrations make.
//!
//! What they make is found out by applying them on a *scratch database*: one that the call makes beside the target, under a
//! random name, and drops again, or an empty one that [`Comparison::scratch`] gives. Both [catalogs](crate::schema::catalog) are read
//! and compared.
//!
//! ```no_run
//! use migrate_postgres::drift::Comparison;
//! use migrate_postgres::{Migrator, migrate};
//!
//! static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
//!
//! # async fn probe(url: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let comparison = Comparison::new().ignore("extension:pg_stat_statements".parse()?);
//!
//! // Somebody made an index by hand.
//! let drift = MIGRATIONS.drift(url, &comparison).await?;
//! if !drift.is_none() {
//!     eprintln!("{drift}");
//!     // the schema is not what its 3 applied migrations make; added is what only the database has:
//!     // index public.by_name: added
//!     //   +CREATE INDEX by_name ON public.users USING btree (name)
//! }
//!
//! // A schema that is older than its migrations: marked as applied if that is what it is.
//! MIGRATIONS.baseline_checked(url, "0001_create_greetings", &comparison).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//!
//! The whole database, so what other sets made there is an addition: [ignore](Comparison::ignore) it, or compare one
//! [schema](Comparison::schema). Not histories: this library's, and with the feature `histories` those of other tools. Not
//! privileges, unless [asked for](Comparison::with_privileges), because they are usually granted once and by somebody else;
//! not owners. Migrations run on the scratch database as they ran on the target, data and all, so a migration that needs data
//! which no migration inserted fails there.
//!
//! # What the databases of a server share
//!
//! The scratch database is usually on the server of the target, where roles that migrations make are there already. A
//! replay never changes what the databases of a server share:
//!
//! - Statements about roles, memberships, databases, tablespaces, subscriptions, replication slots and the server's parameters
//!   are left out: `CREATE ROLE`, `ALTER ROLE … PASSWORD`, `GRANT app_reader TO app`, `GRANT CONNECT ON DATABASE …`, `ALTER SYSTEM`.
//! - Code that the text does not show (`DO` blocks, functions that are called) is run, and rolled back and left out where it has
//!   changed something of that kind. In scripts that run statement by statement, a `DO` block or a `CALL` is left out where its
//!   text speaks of such a change.
//! - A role that the server does not have is left out of grants and policies, and does not become an owner: a role that is
//!   gone holds no privileges any more.

mod normal;
mod since;

pub use since::{SnapshotChange, SnapshotDrift};

use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
pub use crate::error::ScratchError;
use crate::history::{HistoryTable, SessionInfo};
use crate::migrator::Migrator;
use crate::schema::catalog::{Catalog, Differences, Kind, Pattern, Scope, read};
pub use crate::schema::scratch::ComparisonPhase;
use crate::schema::scratch::{PhaseCallback, Replay, ReplaySource, Replayed, Scratch};
use crate::sql::answers::text;
use crate::sql::quote::quote_ident;
use migrate_core::history::stored;
use migrate_core::history::{Applied, HistoryState};
use migrate_core::plan::{Baseline, Plan};
use migrate_core::{Report, Script, Set, SqlMigration, Version};
use std::fmt;
use tokio_postgres::Client;

/// What is compared, and on which scratch database.
///
/// # Examples
///
/// ```
/// use migrate_postgres::drift::Comparison;
///
/// let comparison = Comparison::new()
///     .schema("app")
///     .ignore("app.tmp_*".parse()?)
///     .scratch("postgres://app@localhost/app_scratch");
/// # Ok::<(), migrate_postgres::catalog::InvalidPattern>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "each setting returns a comparison"]
pub struct Comparison {
    schema: Option<String>,
    ignored: Vec<Pattern>,
    privileges: bool,
    scratch: Option<String>,
    told: PhaseCallback,
}

/// Without the URL, which may hold a password.
impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison")
            .field("schema", &self.schema)
            .field("ignored", &self.ignored)
            .field("privileges", &self.privileges)
            .finish_non_exhaustive()
    }
}

impl Comparison {
    /// The whole database without privileges, on a scratch database that is made for it.
    pub fn new() -> Comparison {
        Comparison::default()
    }

    /// Compares one schema only, its name without quotes. Identities have no schema then.
    pub fn schema(mut self, name: impl Into<String>) -> Comparison {
        self.schema = Some(name.into());
        self
    }

    /// Leaves out what a pattern matches.
    pub fn ignore(mut self, pattern: Pattern) -> Comparison {
        self.ignored.push(pattern);
        self
    }

    /// Compares privileges and default privileges too.
    pub fn with_privileges(mut self) -> Comparison {
        self.privileges = true;
        self
    }

    /// Applies the migrations on the database of this URL, for roles that may not create one, and targets that are no URL. It
    /// has to be empty but for extensions, is locked against other comparisons, and **all else that is in it afterwards is
    /// dropped**. Extensions that are there beforehand stay, with their schemas: those that migrations leave to a superuser.
    /// If the process is killed, the next comparison drops what it left, unless something newer is there: then it refuses.
    /// Privileges on its schema `public`, and default privileges there, are left as the migrations set them.
    pub fn scratch(mut self, url: impl Into<String>) -> Comparison {
        self.scratch = Some(url.into());
        self
    }

    /// Calls this with each phase of the comparison, since running all migrations may take a while: it should be quick.
    pub fn on_phase(mut self, callback: impl Fn(&ComparisonPhase) + Send + Sync + 'static) -> Comparison {
        self.told = PhaseCallback::new(callback);
        self
    }

    pub(crate) fn scope(&self) -> Scope {
        self.schema.as_ref().map_or(Scope::database(), |schema| Scope::schema(schema.clone()))
    }

    /// The catalog as far as it is compared.
    pub(crate) fn of(&self, catalog: Catalog) -> Catalog {
        let catalog = catalog.ignoring(&self.ignored);
        if self.privileges { catalog } else { catalog.without(&[Kind::Privileges, Kind::DefaultPrivileges]) }
    }
}

/// How a database differs from what its applied migrations make; [`Display`](fmt::Display) says so, and shows each
/// difference.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// What leads from the schema that the migrations make to that of the database: added is what only the database has.
    pub differences: Differences,
    /// How many migrations are applied.
    pub applied: usize,
    /// The migration that was begun and not finished, if there is one: what it has done so far is among the differences.
    pub interrupted: Option<String>,
}

impl Drift {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        let made = match self.applied {
            1 => "its applied migration makes".to_owned(),
            count => format!("its {count} applied migrations make"),
        };
        if self.is_none() {
            return write!(f, "the schema is what {made}");
        }
        write!(
            f,
            "the schema is not what {made}; `added` is only in the database, `removed` only in the migrations:\n{}",
            self.differences
        )?;
        match &self.interrupted {
            Some(name) => {
                write!(f, "\n{name} was interrupted: what it did so far is among the differences")
            }
            None => Ok(()),
        }
    }
}

/// Comparing, with the feature `catalog`.
impl Migrator {
    /// Compares a database with what its applied migrations make. Nothing is written to it and no lock is taken, so a
    /// migration that runs meanwhile may be seen in part.
    ///
    /// The migrations are those that the history says are applied, in that order: the binary's, or, where it has another
    /// text or none, the text that the history kept.
    ///
    /// # Errors
    ///
    /// [`Error::Scratch`] where what the migrations make can't be found out, and see [`Error`] as far as reading goes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops or empties the scratch database by a task of its own on the tokio runtime.
    pub async fn drift<T: Target + ?Sized>(
        &self,
        target: &T,
        comparison: &Comparison,
    ) -> Result<Drift, Error> {
        let mut session = target.open().await?;
        let drift = self.drift_over(target, &mut session, comparison).await;
        session.close().await;
        drift
    }

    /// The same over an open session of the target.
    pub(crate) async fn drift_over<T: Target + ?Sized>(
        &self,
        target: &T,
        session: &mut Session<'_>,
        comparison: &Comparison,
    ) -> Result<Drift, Error> {
        self.check_values()?;
        let (session_info, state) = self.state_over(session).await?;
        let migrations = state.applied.iter().map(|applied| as_applied(self.set(), applied));
        let migrations = migrations.collect::<Result<Vec<_>, _>>()?;
        let differences = self.compare(target, session, &session_info.table, migrations, comparison).await?;
        let interrupted = state.interrupted.map(|interrupted| interrupted.name);
        Ok(Drift { differences, applied: state.applied.len(), interrupted })
    }

    /// Compares a database with what the migrations up to a version make, whatever the history says: what
    /// [`baseline_checked`](Migrator::baseline_checked) does before it marks them as applied. Nothing is written.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where there is no such version, [`Error::Scratch`] where what the migrations make can't be found
    /// out, and see [`Error`] as far as reading goes.
    pub async fn check_baseline<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        comparison: &Comparison,
    ) -> Result<Differences, Error> {
        self.check_values()?;
        let migrations = self.sources_up_to(version)?;
        let mut session = target.open().await?;
        let differences = match SessionInfo::take(&session, &self.settings).await {
            Ok(session_info) => {
                self.compare(target, &mut session, &session_info.table, migrations, comparison).await
            }
            Err(error) => Err(error),
        };
        session.close().await;
        differences
    }

    /// Marks the migrations up to a version as applied like [`baseline`](Migrator::baseline), where the database is what they
    /// make, and changes nothing where it is not.
    ///
    /// Where the history has something already, nothing is compared: that is settled, or an error of `baseline`'s.
    ///
    /// # Errors
    ///
    /// [`Error::Differs`] with the differences, and those of [`baseline`](Migrator::baseline) and
    /// [`check_baseline`](Migrator::check_baseline).
    pub async fn baseline_checked<T: Target + ?Sized>(
        &self,
        target: &T,
        version: &str,
        comparison: &Comparison,
    ) -> Result<Report, Error> {
        if self.position(target).await?.applied() == Some(0) {
            let differences = self.check_baseline(target, version, comparison).await?;
            if !differences.is_empty() {
                let version = self.version(version);
                let name = self.set().find(&version).map_or_else(String::new, |last| last.name().to_owned());
                return Err(Error::Differs { name, differences });
            }
        }
        self.baseline(target, version).await
    }

    /// The set's migrations up to a version.
    fn sources_up_to(&self, version: &str) -> Result<Vec<ReplaySource>, Error> {
        let plan = Baseline::at(self.version(version));
        let steps = plan.decide(self.set(), &HistoryState::EMPTY, &self.settings.engine.policies)?.steps;
        Ok(steps
            .into_iter()
            .map(|step| ReplaySource::OfSet(Box::new(self.set().clone()), step.version))
            .collect())
    }

    /// What leads from the schema of the migrations to that of the target.
    async fn compare<T: Target + ?Sized>(
        &self,
        target: &T,
        session: &mut Session<'_>,
        table: &HistoryTable,
        migrations: Vec<ReplaySource>,
        comparison: &Comparison,
    ) -> Result<Differences, Error> {
        let scope = comparison.scope();
        let scope = scope.without_histories(session, table).await?;
        let live = comparison.of(read(session, &scope).await?);
        let current = current_schema(session).await?;
        // A schema that is compared and that migrations find by the search path, a tenant's say, was there before them.
        let schema = comparison.schema.as_deref().filter(|schema| current.as_deref() == Some(*schema));
        let scratch = Scratch::open(target, session, comparison.scratch.as_deref()).await?;
        let mut migrator = self.over(self.set().clone());
        #[cfg(feature = "histories")]
        {
            // Its rules for names and versions are not those of the migrations in their places here.
            migrator.settings.keeping = None;
            migrator.settings.adopting = None;
        }
        // There may be no schema of the search path in the scratch database yet; the target's is made there.
        migrator.settings.history_schema = Some(table.schema().to_owned().into());
        let name = self.set().name();
        let made = made_by(&migrator, name, migrations, &scratch, schema, &comparison.told).await;
        let compared = match made {
            Ok(()) => differences(&scratch, comparison, &scope, &live).await,
            Err(error) => Err(error),
        };
        let closed = scratch.close().await;
        let compared = compared?;
        closed?;
        Ok(compared)
    }
}

/// The schema that objects without one are made in.
async fn current_schema(client: &Client) -> Result<Option<String>, Error> {
    let rows = protect::ask(client, "SELECT pg_catalog.current_schema()").await;
    let rows = rows.map_err(|source| Error::server("looking at the session", source))?;
    Ok(rows.first().and_then(|row| text(row, 0)).map(str::to_owned))
}

/// What leads from the schema of the scratch database to that of the target.
async fn differences(
    scratch: &Scratch,
    comparison: &Comparison,
    scope: &Scope,
    live: &Catalog,
) -> Result<Differences, Error> {
    comparison.told.tell(&ComparisonPhase::Reading);
    let mut session = scratch.config().open().await?;
    let compared = async {
        let expected = comparison.of(read(&mut session, scope).await?);
        normal::without_print_forms(&session, scope, &expected, live).await
    };
    let compared = compared.await;
    session.close().await;
    compared
}

/// Runs migrations on a scratch database, in which `schema` is there beforehand.
async fn made_by(
    migrator: &Migrator,
    name: &str,
    migrations: Vec<ReplaySource>,
    scratch: &Scratch,
    schema: Option<&str>,
    told: &PhaseCallback,
) -> Result<(), Error> {
    if let Some(schema) = schema {
        create_schema(scratch, schema).await?;
    }
    let mut replay = replay(scratch, name, migrations).await?;
    loop {
        let told = told.clone();
        let replaying = replay.over(migrator).on_event(move |event| told.event(event));
        let Err(error) = replaying.run(scratch.config()).await else { return Ok(()) };
        replay.leave_out_after(error).map_err(|error| match error {
            Error::Scratch(_) => error,
            source => ScratchError::Migrating { source: Box::new(source) }.into(),
        })?;
    }
}

async fn replay(scratch: &Scratch, name: &str, migrations: Vec<ReplaySource>) -> Result<Replay, Error> {
    let session = scratch.config().open().await?;
    let replay = Replay::on(&session, name, placed(migrations), Replayed::Applied).await;
    session.close().await;
    replay
}

async fn create_schema(scratch: &Scratch, schema: &str) -> Result<(), Error> {
    let session = scratch.config().open().await?;
    let create = format!("CREATE SCHEMA IF NOT EXISTS {}", quote_ident(schema));
    let created = protect::ask(&session, &create).await;
    session.close().await;
    created.map(drop).map_err(|source| Error::server("creating the schema in the scratch database", source))
}

/// The versions of migrations in the order given: that of application, which may not be that of their own versions.
fn placed(sources: Vec<ReplaySource>) -> Vec<(Version, ReplaySource)> {
    let version = |index: usize| Version::numeric((index + 1).to_string());
    sources.into_iter().enumerate().map(|(index, source)| (version(index), source)).collect()
}

/// What was applied: the set's migration where that is still the same, else the text that the history kept.
fn as_applied(set: &Set, applied: &Applied) -> Result<ReplaySource, ScratchError> {
    let of_set = set.find(&applied.version).filter(|migration| migration.checksum() == applied.checksum);
    if of_set.is_some() {
        return Ok(ReplaySource::OfSet(Box::new(set.clone()), applied.version.clone()));
    }
    let name = applied.name.clone();
    let problem = match applied.kept.as_ref().and_then(|kept| kept.up.as_deref()) {
        None => "stores none".to_owned(),
        Some(text) if !stored::is_whole(text) => "stores one without its passwords".to_owned(),
        Some(text) => {
            let script = Script::of_up_text(format!("{name} (from the history)"), text.to_owned());
            match script.and_then(|script| set.fill_kept(script)) {
                Ok(script) => {
                    let migration = SqlMigration::new(applied.version.clone(), name, script);
                    return Ok(ReplaySource::Kept(Box::new(migration)));
                }
                Err(problem) => format!("stores one that can't be run: {problem}"),
            }
        }
    };
    Err(ScratchError::NoText { name, problem })
}
