//! Round-trip tests: each down script must undo its up script.

mod outcome;

pub use outcome::{Irreversible, Reversible, ReversibleProblem, TriedMigration};

use crate::assertion::Assertions;
use crate::backend::PgHistory;
use crate::connection::session::Session;
use crate::schema::catalog::{Catalog, Pattern, Scope, prepare, read_with};
use crate::schema::scratch::{ComparisonPhase, PhaseCallback, Replay, empty_all, is_empty};
#[cfg(feature = "cli")]
use crate::schema::scratch::{ReplaySource, Replayed, Scratch};
use crate::testing::{Database, TestingError, server};
use crate::{Down, Error, Migration, Migrator, Set, Target};
use migrate_core::advice::Left;
use tokio_postgres::Statement;

/// Asserts that every migration of a set can be reverted and applied again. In a new database, each migration
/// in order is applied, reverted and applied again, and the [`Catalog`] is compared each time.
///
/// # Panics
///
/// Panics if a migration has no down script or a failing one, if its down script leaves a schema that differs
/// from the one before, if the second application fails or makes a different schema, or if no database is
/// available. The message names each of these migrations and shows the differences.
///
/// # Examples
///
/// ```no_run
/// use migrate_postgres::{Migrator, migrate};
/// use migrate_postgres::testing::assert_reversible;
///
/// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
///
/// #[tokio::test]
/// async fn each_migration_can_be_taken_back() {
///     assert_reversible(MIGRATIONS).await;
/// }
/// ```
///
/// With exceptions:
///
/// ```no_run
/// # use migrate_postgres::{Migrator, migrate};
/// # use migrate_postgres::testing::assert_reversible;
/// use migrate_postgres::testing::RoundTrip;
///
/// # static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
/// # async fn test() {
/// let some = RoundTrip::of(MIGRATIONS.clone())
///     .allow_irreversible("0001_create_greetings")
///     .ignore("comment:*".parse().expect("a pattern"));
/// assert_reversible(some).await;
/// # }
/// ```
pub async fn assert_reversible(set: impl Into<RoundTrip>) {
    match on_a_database(&set.into()).await {
        Ok(report) if report.is_reversible() => {}
        Ok(report) => panic!("the set is not reversible\n{report}"),
        Err(error) => panic!("can't test that the set is reversible:  {error}"),
    }
}

/// The reason why no database was available or readable.
#[derive(Debug, thiserror::Error)]
enum Untested {
    #[error(transparent)]
    Testing(#[from] TestingError),
    #[error(transparent)]
    Database(#[from] Error),
}

/// The database is dropped before the test panics: keeping it would add nothing to the message.
async fn on_a_database(round_trip: &RoundTrip) -> Result<Reversible, Untested> {
    let database: Database = server()?.database().await?;
    let report = round_trip.check(database.url()).await;
    database.close().await?;
    Ok(report?)
}

/// A round-trip test of a set: up, down and up again, migration by migration.
///
/// A set or a [`Migrator`] converts into it. [`check`](RoundTrip::check) returns the problems with which
/// [`assert_reversible`] panics.
#[derive(Clone, Debug)]
#[must_use = "nothing is tested until `check` is called"]
pub struct RoundTrip {
    migrator: Migrator,
    irreversible: Vec<String>,
    ignored: Vec<Pattern>,
    first: Option<String>,
    told: PhaseCallback,
}

impl From<Migrator> for RoundTrip {
    fn from(migrator: Migrator) -> RoundTrip {
        RoundTrip::of(migrator)
    }
}

impl From<Set> for RoundTrip {
    fn from(set: Set) -> RoundTrip {
        RoundTrip::of(Migrator::new(set))
    }
}

impl RoundTrip {
    /// All migrations of a migrator's set, with its settings.
    pub fn of(migrator: Migrator) -> RoundTrip {
        RoundTrip {
            migrator,
            irreversible: Vec::new(),
            ignored: Vec::new(),
            first: None,
            told: PhaseCallback::default(),
        }
    }

    /// Allows a migration, named by its version or full name, to be irreversible: to have no down script, or
    /// one that fails, such as a script that only raises an error. A down script that works is tested all the
    /// same.
    pub fn allow_irreversible(mut self, migration: impl Into<String>) -> RoundTrip {
        self.irreversible.push(migration.into());
        self
    }

    /// Ignores objects that a pattern matches.
    pub fn ignore(mut self, pattern: Pattern) -> RoundTrip {
        self.ignored.push(pattern);
        self
    }

    /// Starts with a migration, named by its version or full name. Earlier ones are applied but not tested.
    pub fn starting_at(mut self, migration: impl Into<String>) -> RoundTrip {
        self.first = Some(migration.into());
        self
    }

    /// Tests all migrations on a database, which should be empty. After a revert the order of a table's
    /// columns does not count, because PostgreSQL puts a recreated column last. Roles belong to the server
    /// and are not compared.
    ///
    /// The test continues after a migration that can't be reverted or reapplied: if necessary, a database
    /// that was empty at the start is emptied again, and all migrations up to this one are applied. It ends
    /// at a migration that can't be applied at all. Repeatable migrations are applied at the end; they can't
    /// be reverted. After them, the set's [assertions](Migrator::assert) are checked.
    ///
    /// # Errors
    ///
    /// If the database can't be reached or read, and [`Error::Refused`] if the migration to [start
    /// at](RoundTrip::starting_at) does not exist. A migration that fails is a [`ReversibleProblem`] in the
    /// report.
    pub async fn check<T: Target + ?Sized>(&self, target: &T) -> Result<Reversible, Error> {
        Trial::begin(self, target, None).await?.all().await
    }

    /// The same test on a scratch database, without effects on objects that it shares with other databases.
    #[cfg(feature = "cli")]
    pub(crate) async fn check_on_scratch(&self, scratch: &Scratch) -> Result<Reversible, Error> {
        let set = self.migrator.set();
        let source = |migration: &dyn Migration| {
            let version = migration.version().clone();
            (version.clone(), ReplaySource::OfSet(Box::new(set.clone()), version))
        };
        let session = scratch.config().open().await?;
        let replay = Replay::on(&session, set.name(), set.iter().map(source).collect(), Replayed::All).await;
        session.close().await;
        Trial::begin(self, scratch.config(), Some(replay?)).await?.all().await
    }

    /// Reports each migration that is tested.
    #[cfg(feature = "cli")]
    pub(crate) fn telling(self, told: PhaseCallback) -> RoundTrip {
        RoundTrip { told, ..self }
    }

    fn names(&self, text: &str, migration: &dyn Migration) -> bool {
        let version = migration.version();
        text == migration.name() || *version == crate::Version::new(text.to_owned(), version.order())
    }

    fn allows_irreversible(&self, migration: &dyn Migration) -> bool {
        self.irreversible.iter().any(|text| self.names(text, migration))
    }

    /// The index of the first migration to test.
    fn first_of(&self, migrations: &[&dyn Migration]) -> Result<usize, Error> {
        let Some(first) = &self.first else { return Ok(0) };
        let place = migrations.iter().position(|migration| self.names(first, *migration));
        let last = migrations.last().map(|last| last.name().to_owned());
        let unknown = || crate::Refused::UnknownVersion { version: self.migrator.version(first), last };
        place.ok_or_else(|| Error::Refused(unknown()))
    }
}

/// A test in progress.
struct Trial<'t, T: Target + ?Sized> {
    trip: &'t RoundTrip,
    target: &'t T,
    /// The test's own migrator, or one over the set of the replay.
    migrator: Migrator,
    replay: Option<Replay>,
    reader: CatalogReader<'t>,
    /// The current schema, if it was read.
    now: Option<Catalog>,
}

/// A call of the migrator.
#[derive(Clone, Copy)]
enum Call<'c> {
    To(&'c str),
    Down,
    Run,
}

/// The result for a migration.
enum Tries {
    /// It is applied.
    Applied(TriedMigration),
    /// It is not applied, and the test can't continue.
    Ended(TriedMigration),
}

impl<'t, T: Target + ?Sized> Trial<'t, T> {
    async fn begin(
        trip: &'t RoundTrip,
        target: &'t T,
        replay: Option<Replay>,
    ) -> Result<Trial<'t, T>, Error> {
        let migrator = match &replay {
            Some(replay) => replay.over(&trip.migrator),
            None => trip.migrator.clone(),
        };
        let reader = CatalogReader::open(target).await?;
        Ok(Trial { trip, target, migrator, replay, reader, now: None })
    }

    async fn all(mut self) -> Result<Reversible, Error> {
        let report = self.try_all().await;
        self.reader.session.close().await;
        report
    }

    async fn try_all(&mut self) -> Result<Reversible, Error> {
        let mut report =
            Reversible { migrations: Vec::new(), not_tried: 0, assertions: Assertions::default() };
        let trip = self.trip;
        let is_versioned = |migration: &&dyn Migration| !migration.version().is_repeatable();
        let migrations: Vec<&dyn Migration> = trip.migrator.set().iter().filter(is_versioned).collect();
        let first = trip.first_of(&migrations)?;
        if let Some(before) = first.checked_sub(1)
            && let Err(error) = self.call(Call::To(migrations[before].name())).await
        {
            report.migrations.push(self.not_applied(error));
            report.not_tried = migrations.len() - first;
            return Ok(report);
        }
        for (index, migration) in migrations.iter().enumerate().skip(first) {
            let (name, number, of) = (migration.name().to_owned(), index + 1, migrations.len());
            trip.told.tell(&ComparisonPhase::Replaying { name, number, of });
            match self.try_one(*migration).await? {
                Tries::Applied(tried) => report.migrations.push(tried),
                Tries::Ended(tried) => {
                    report.migrations.push(tried);
                    report.not_tried = migrations.len() - index - 1;
                    return Ok(report);
                }
            }
        }
        // Repeatable migrations can't be reverted, and come last.
        match self.call(Call::Run).await {
            Ok(()) => report.assertions = trip.migrator.assert(self.target).await?,
            Err(error) => report.migrations.push(self.not_applied(error)),
        }
        Ok(report)
    }

    /// A migration that a call should have applied and could not.
    fn not_applied(&self, error: Error) -> TriedMigration {
        let name = match &error {
            Error::Failed(failure) => failure.name.clone(),
            _ => self.trip.migrator.set().name().to_owned(),
        };
        TriedMigration { name, problems: vec![ReversibleProblem::Up { error }], irreversible: None }
    }

    /// Tests one migration: up, down and up again.
    async fn try_one(&mut self, migration: &dyn Migration) -> Result<Tries, Error> {
        let mut tried =
            TriedMigration { name: migration.name().to_owned(), problems: Vec::new(), irreversible: None };
        if migration.down().is_some() {
            self.read().await?;
        }
        let before = self.now.take();
        if let Err(error) = self.call(Call::To(migration.name())).await {
            tried.problems.push(ReversibleProblem::Up { error });
            return Ok(Tries::Ended(tried));
        }
        let Some(before) = before.filter(|_| migration.down().is_some()) else {
            self.found_irreversible(migration, &mut tried, None);
            return Ok(Tries::Applied(tried));
        };
        let first = self.read().await?;
        if let Err(error) = self.call(Call::Down).await {
            let left_nothing = matches!(&error, Error::Failed(failure) if failure.left == Left::Nothing);
            self.found_irreversible(migration, &mut tried, Some(error));
            return self.after_failure(migration, tried, left_nothing).await;
        }
        self.now = None;
        let reverted = self.read().await?.without_order_of_columns();
        let left = before.without_order_of_columns().differences(&reverted);
        // The same statements over the same schema make the same schema; code may depend on more.
        let is_sure = left.is_empty() && !runs_code(migration);
        if !left.is_empty() {
            tried.problems.push(ReversibleProblem::Left { differences: left });
        }
        if let Err(error) = self.call(Call::To(migration.name())).await {
            tried.problems.push(ReversibleProblem::UpAgain { error });
            return self.after_failure(migration, tried, false).await;
        }
        self.now = is_sure.then(|| first.clone());
        if !is_sure {
            let second = self.read().await?.without_order_of_columns();
            let differences = first.without_order_of_columns().differences(&second);
            if !differences.is_empty() {
                tried.problems.push(ReversibleProblem::Other { differences });
            }
        }
        Ok(Tries::Applied(tried))
    }

    /// Records a migration without a down script, or with one that fails.
    fn found_irreversible(
        &self,
        migration: &dyn Migration,
        tried: &mut TriedMigration,
        error: Option<Error>,
    ) {
        match (error, self.trip.allows_irreversible(migration)) {
            (None, true) => tried.irreversible = Some(Irreversible::NoDown),
            (Some(error), true) => tried.irreversible = Some(Irreversible::DownFails { error }),
            (None, false) => tried.problems.push(ReversibleProblem::NoDown),
            (Some(error), false) => tried.problems.push(ReversibleProblem::Down { error }),
        }
    }

    /// Continues after a migration that failed to revert or to reapply: directly if it is still applied,
    /// otherwise after all migrations up to it are reapplied.
    async fn after_failure(
        &mut self,
        migration: &dyn Migration,
        tried: TriedMigration,
        is_applied: bool,
    ) -> Result<Tries, Error> {
        if is_applied {
            return Ok(Tries::Applied(tried));
        }
        self.now = None;
        if !self.reader.empty().await? || self.call(Call::To(migration.name())).await.is_err() {
            return Ok(Tries::Ended(tried));
        }
        Ok(Tries::Applied(tried))
    }

    /// The current schema, read once.
    async fn read(&mut self) -> Result<Catalog, Error> {
        if self.now.is_none() {
            let catalog = self.reader.read(self.target, &self.migrator).await?;
            self.now = Some(catalog.ignoring(&self.trip.ignored));
        }
        Ok(self.now.clone().unwrap_or_default())
    }

    /// Runs the migrator; in a replay repeatedly, until no more statements have to be left out.
    async fn call(&mut self, call: Call<'_>) -> Result<(), Error> {
        loop {
            let called = match call {
                Call::To(name) => self.migrator.to(self.target, name).await,
                Call::Down => self.migrator.down(self.target, Down::count(1)).await,
                Call::Run => self.migrator.run(self.target).await,
            };
            let Err(error) = called else { return Ok(()) };
            let Some(replay) = &mut self.replay else { return Err(error) };
            replay.leave_out_after(error)?;
            self.migrator = replay.over(&self.trip.migrator);
        }
    }
}

/// True if an up script runs code, which may depend on more than the schema.
fn runs_code(migration: &dyn Migration) -> bool {
    let step = migrate_core::plan::Step::apply(migration);
    step.script().is_none_or(|script| {
        script.statements().iter().any(|statement| {
            let text = statement.text(script.text());
            migrate_core::sql::may_be_cluster_wide(text)
        })
    })
}

/// The session that reads the catalog after each step, and prepares the query once.
struct CatalogReader<'t> {
    session: Session<'t>,
    prepared: Statement,
    /// True if the test created everything in the database.
    is_ours: bool,
}

impl<'t> CatalogReader<'t> {
    async fn open<T: Target + ?Sized>(target: &'t T) -> Result<CatalogReader<'t>, Error> {
        let session = target.open().await?;
        let is_ours = is_empty(&session).await?;
        let prepared = prepare(&session).await?;
        Ok(CatalogReader { session, prepared, is_ours })
    }

    /// The catalog without histories: the table of a foreign history is created with the first migration, and
    /// stays.
    async fn read<T: Target + ?Sized>(&mut self, target: &T, migrator: &Migrator) -> Result<Catalog, Error> {
        let history = PgHistory::open(target, &migrator.settings).await?;
        let table = history.session_info().await.map(|session_info| session_info.table);
        history.close().await;
        let scope = Scope::database().without_histories(&self.session, &table?).await?;
        read_with(&mut self.session, &scope, Some(&self.prepared)).await
    }

    /// Drops everything that the test created, if the database was empty before. Returns true if it did.
    async fn empty(&mut self) -> Result<bool, Error> {
        if self.is_ours {
            empty_all(&self.session).await?;
        }
        Ok(self.is_ours)
    }
}
