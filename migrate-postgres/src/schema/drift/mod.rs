//! Drift: the differences between a database and its migrations.
//!
//! The migrations are applied to a *scratch database*: one that the call creates on the target's server under
//! a random name, and drops again, or an empty one given by [`Comparison::scratch`]. Then both
//! [catalogs](crate::schema::catalog) are read and compared.
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
//! // An index was created by hand.
//! let drift = MIGRATIONS.drift(url, &comparison).await?;
//! if !drift.is_none() {
//!     eprintln!("{drift}");
//!     // the schema differs from its 3 applied migrations; `added` is only in the database, …
//!     // index public.by_name: added
//!     //   +CREATE INDEX by_name ON public.users USING btree (name)
//! }
//!
//! // A schema that is older than its migrations: mark them as applied if the schema matches.
//! MIGRATIONS.baseline_checked(url, "0001_create_greetings", &comparison).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is compared
//!
//! The whole database, so objects of other sets are additions: [ignore](Comparison::ignore) them, or compare
//! one [schema](Comparison::schema). Histories are not compared: this library's, and with the feature
//! `histories` those of other tools. Neither are owners, nor privileges unless
//! [requested](Comparison::with_privileges), because privileges are usually granted once and outside the
//! migrations. Migrations run on the scratch database as they ran on the target, data included, so a
//! migration that needs data which no migration inserted fails there.
//!
//! # What the databases of a server share
//!
//! The scratch database is usually on the target's server, where the roles that migrations create already
//! exist. A replay never changes objects that databases of a server share:
//!
//! - Statements about roles, memberships, databases, tablespaces, subscriptions, replication slots and the
//!   server's parameters are left out: `CREATE ROLE`, `ALTER ROLE … PASSWORD`, `GRANT app_reader TO app`,
//!   `GRANT CONNECT ON DATABASE …`, `ALTER SYSTEM`.
//! - Code that the text does not show (`DO` blocks, called functions) is run; if it has changed such an
//!   object, it is rolled back and left out. In scripts that run statement by statement, a `DO` block or a
//!   `CALL` is left out if its text mentions such a change.
//! - A role that does not exist on the server is left out of grants and policies, and does not become an
//!   owner: a dropped role no longer holds privileges.

mod normal;
mod since;

pub(crate) use normal::without_print_forms;
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

/// The objects to compare, and the scratch database.
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
    pub(crate) schema: Option<String>,
    ignored: Vec<Pattern>,
    privileges: bool,
    pub(crate) scratch: Option<String>,
    pub(crate) told: PhaseCallback,
}

/// Omits the URL, which may hold a password.
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
    /// Compares the whole database without privileges, using a temporary scratch database.
    pub fn new() -> Comparison {
        Comparison::default()
    }

    /// Compares only one schema, named without quotes. Identities then have no schema.
    pub fn schema(mut self, name: impl Into<String>) -> Comparison {
        self.schema = Some(name.into());
        self
    }

    /// Ignores objects that a pattern matches.
    pub fn ignore(mut self, pattern: Pattern) -> Comparison {
        self.ignored.push(pattern);
        self
    }

    /// Also compares privileges and default privileges.
    pub fn with_privileges(mut self) -> Comparison {
        self.privileges = true;
        self
    }

    /// Applies the migrations to the database of this URL, for roles that may not create databases, and for
    /// targets without a URL. It must be empty except for extensions. It is locked against other comparisons,
    /// and **everything else that is in it afterwards is dropped**. Existing extensions stay, with their
    /// schemas: they are those that migrations leave to a superuser. If the process is killed, the next
    /// comparison drops its leftovers, unless something newer is there: then it refuses. Privileges on the
    /// schema `public`, and default privileges, stay as the migrations set them.
    pub fn scratch(mut self, url: impl Into<String>) -> Comparison {
        self.scratch = Some(url.into());
        self
    }

    /// Sets a callback for each phase of the comparison, because running all migrations may take a while. The
    /// callback should be quick.
    pub fn on_phase(mut self, callback: impl Fn(&ComparisonPhase) + Send + Sync + 'static) -> Comparison {
        self.told = PhaseCallback::new(callback);
        self
    }

    pub(crate) fn scope(&self) -> Scope {
        self.schema.as_ref().map_or(Scope::database(), |schema| Scope::schema(schema.clone()))
    }

    /// Reduces a catalog to the objects that are compared.
    pub(crate) fn of(&self, catalog: Catalog) -> Catalog {
        let catalog = catalog.ignoring(&self.ignored);
        if self.privileges { catalog } else { catalog.without(&[Kind::Privileges, Kind::DefaultPrivileges]) }
    }
}

/// The differences between a database and its applied migrations. [`Display`](fmt::Display) summarizes and
/// lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drift {
    /// The changes from the migrations' schema to the database's. `Added` means that only the database has
    /// the object.
    pub differences: Differences,
    /// The number of applied migrations.
    pub applied: usize,
    /// The migration that was started and not finished, if any; the differences include its effects so far.
    pub interrupted: Option<String>,
    /// Differences that are not drift: objects that a replay of migrations can't have (user mappings,
    /// subscriptions, settings of the database), objects that are not modeled, and the order of columns.
    pub notices: Vec<String>,
}

impl Drift {
    /// True if there is no drift.
    pub fn is_none(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        let applied = match self.applied {
            1 => "its applied migration".to_owned(),
            count => format!("its {count} applied migrations"),
        };
        if self.is_none() {
            write!(f, "the schema matches {applied}")?;
            return self.write_notices(f);
        }
        write!(
            f,
            "the schema differs from {applied}; `added` is only in the database, `removed` only in the migrations:\n{}",
            self.differences
        )?;
        if let Some(name) = &self.interrupted {
            write!(f, "\n{name} was interrupted: the differences include its effects so far")?;
        }
        self.write_notices(f)
    }
}

impl Drift {
    fn write_notices(&self, f: &mut impl fmt::Write) -> fmt::Result {
        self.notices.iter().try_for_each(|notice| write!(f, "\nno drift, but noted: {notice}"))
    }
}

/// The result of a comparison.
struct Compared {
    differences: Differences,
    notices: Vec<String>,
}

/// Differences that do not count.
fn notices(expected: &Catalog, live: &Catalog) -> Vec<String> {
    let noted = expected.noted_differences(live);
    let noted = noted.iter().map(|difference| format!("{}: {}", difference.object, difference.change));
    let reordered = expected.reordered(live).into_iter();
    noted.chain(reordered.map(|table| format!("{table}: its columns are in another order"))).collect()
}

/// Comparisons, with the feature `catalog`.
impl Migrator {
    /// Compares a database with its applied migrations. Nothing is written and no lock is taken, so a
    /// concurrent migration may be seen in part.
    ///
    /// The applied migrations and their order come from the history. Their text is the binary's, or the
    /// history's if the binary has no text or a different one.
    ///
    /// # Errors
    ///
    /// [`Error::Scratch`] if the migrations can't be replayed, and the errors of reading: see [`Error`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, a separate task on the tokio runtime drops or empties the scratch database.
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

    /// The same comparison over an open session of the target.
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
        let Compared { differences, notices } =
            self.compare(target, session, &session_info.table, migrations, comparison).await?;
        let interrupted = state.interrupted.map(|interrupted| interrupted.name);
        Ok(Drift { differences, applied: state.applied.len(), interrupted, notices })
    }

    /// Compares a database with the migrations up to a version, regardless of the history.
    /// [`baseline_checked`](Migrator::baseline_checked) does this before it marks them as applied. Nothing is
    /// written.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if the version does not exist, [`Error::Scratch`] if the migrations can't be
    /// replayed, and the errors of reading: see [`Error`].
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
        differences.map(|compared| compared.differences)
    }

    /// Marks the migrations up to a version as applied, like [`baseline`](Migrator::baseline), if the
    /// database matches them; otherwise changes nothing.
    ///
    /// If the history is not empty, nothing is compared: either the baseline exists already, or `baseline`
    /// returns an error.
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

    /// The changes from the migrations' schema to the target's.
    async fn compare<T: Target + ?Sized>(
        &self,
        target: &T,
        session: &mut Session<'_>,
        table: &HistoryTable,
        migrations: Vec<ReplaySource>,
        comparison: &Comparison,
    ) -> Result<Compared, Error> {
        let scope = comparison.scope();
        let scope = scope.without_histories(session, table).await?;
        let live = comparison.of(read(session, &scope).await?);
        let current = current_schema(session).await?;
        // Migrations find the compared schema by the search path, for example a tenant's. It existed before
        // them.
        let schema = comparison.schema.as_deref().filter(|schema| current.as_deref() == Some(*schema));
        let scratch = Scratch::open(target, session, comparison.scratch.as_deref()).await?;
        let mut migrator = self.over(self.set().clone());
        #[cfg(feature = "histories")]
        {
            // The history's rules for names and versions do not apply to the renumbered migrations here.
            migrator.settings.keeping = None;
            migrator.settings.adopting = None;
        }
        // The scratch database may not have a schema of the search path yet; the target's is created there.
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

/// The schema for objects without one.
pub(crate) async fn current_schema(client: &Client) -> Result<Option<String>, Error> {
    let rows = protect::ask(client, "SELECT pg_catalog.current_schema()").await;
    let rows = rows.map_err(|source| Error::server("reading the session", source))?;
    Ok(rows.first().and_then(|row| text(row, 0)).map(str::to_owned))
}

/// The changes from the scratch database's schema to the target's.
async fn differences(
    scratch: &Scratch,
    comparison: &Comparison,
    scope: &Scope,
    live: &Catalog,
) -> Result<Compared, Error> {
    comparison.told.tell(&ComparisonPhase::Reading);
    let mut session = scratch.config().open().await?;
    let compared = async {
        let expected = comparison.of(read(&mut session, scope).await?);
        let notices = notices(&expected, live);
        let differences = without_print_forms(&session, scope, &expected, live).await?;
        Ok(Compared { differences, notices })
    };
    let compared = compared.await;
    session.close().await;
    compared
}

/// Runs migrations on a scratch database, in which `schema` already exists.
pub(crate) async fn made_by(
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
    replay.run(migrator, scratch, told).await.map_err(|error| match error {
        Error::Scratch(_) => error,
        source => ScratchError::Migrating { source: Box::new(source) }.into(),
    })
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

/// Numbers migrations in the order of application, which may differ from the order of their versions.
fn placed(sources: Vec<ReplaySource>) -> Vec<(Version, ReplaySource)> {
    let version = |index: usize| Version::numeric((index + 1).to_string());
    sources.into_iter().enumerate().map(|(index, source)| (version(index), source)).collect()
}

/// The applied migration: the set's if it is unchanged, otherwise the text in the history.
pub(crate) fn as_applied(set: &Set, applied: &Applied) -> Result<ReplaySource, ScratchError> {
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
