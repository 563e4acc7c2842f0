//! Whether each migration's down script takes back what its up script did.

use std::fmt;

use super::{Database, TestingError, server};
use crate::catalog::{Catalog, Differences, Pattern, Scope, read};
use crate::history::PgHistory;
use crate::{Down, Error, Migration, Migrator, Set, Target};

/// Asserts that every migration of a set can be reverted and applied again: on a database of its own each one, in order, is
/// applied, reverted and applied again, and the [`Catalog`] is compared each time.
///
/// # Panics
///
/// When a migration has no down script, when its down script leaves another schema than the one that was there before, when
/// the second application fails or makes another schema than the first, or when no database can be had. The message names
/// the migration and shows the differences.
///
/// # Examples
///
/// ```no_run
/// use migrate_postgres::{Migrator, migrate};
/// use migrate_postgres::testing::assert_reversible;
///
/// const MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
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
/// # const MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
/// # async fn test() {
/// let some = RoundTrip::of(MIGRATIONS)
///     .allow_irreversible("0001_create_greetings")
///     .ignore("comment:*".parse().expect("a pattern"));
/// assert_reversible(some).await;
/// # }
/// ```
pub async fn assert_reversible(set: impl Into<RoundTrip>) {
    match on_a_database(&set.into()).await {
        Ok(report) if report.is_reversible() => {}
        Ok(report) => panic!("the set is not reversible\n{report}"),
        Err(error) => panic!("whether the set is reversible could not be tested: {error}"),
    }
}

/// Why no database could be had, or read.
#[derive(Debug, thiserror::Error)]
enum Untested {
    #[error(transparent)]
    Testing(#[from] TestingError),
    #[error(transparent)]
    Database(#[from] Error),
}

/// The database goes before the test panics: one that is kept would tell nothing that the message does not.
async fn on_a_database(round_trip: &RoundTrip) -> Result<Reversible, Untested> {
    let database: Database = server()?.database().await?;
    let report = round_trip.check(database.url()).await;
    database.close().await?;
    Ok(report?)
}

/// What is tried with a set: up, down and up again, migration by migration.
///
/// A set or a [`Migrator`] will do where one is asked for. [`check`](RoundTrip::check) returns what
/// [`assert_reversible`] panics with.
#[derive(Clone, Debug)]
#[must_use = "nothing is tried until `check` is called"]
pub struct RoundTrip {
    migrator: Migrator,
    irreversible: Vec<String>,
    ignored: Vec<Pattern>,
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
        RoundTrip { migrator, irreversible: Vec::new(), ignored: Vec::new() }
    }

    /// Lets a migration, named by its version or its whole name, have no down script. One that has one is tested all the
    /// same.
    pub fn allow_irreversible(mut self, migration: impl Into<String>) -> RoundTrip {
        self.irreversible.push(migration.into());
        self
    }

    /// Leaves out of the comparison what a pattern matches.
    pub fn ignore(mut self, pattern: Pattern) -> RoundTrip {
        self.ignored.push(pattern);
        self
    }

    /// Tries all migrations on a database, which should be empty. The order of a table's columns does not count after a
    /// revert, since PostgreSQL puts a column that is made again at the end. Roles belong to the server and are not
    /// compared.
    ///
    /// Where a migration can't be applied a second time, the ones after it are not looked at. Repeatable migrations are applied in the
    /// end; nothing takes them back.
    ///
    /// # Errors
    ///
    /// When the database can't be reached or read. That a migration fails is a [`Problem`] in the report.
    pub async fn check<T: Target + ?Sized>(&self, target: &T) -> Result<Reversible, Error> {
        let mut report = Reversible { migrations: Vec::new(), not_tried: 0 };
        let mut before = self.catalog(target).await?;
        let versioned =
            || self.migrator.set().iter().filter(|migration| !migration.version().is_repeatable());
        for (index, migration) in versioned().enumerate() {
            let (problems, after) = self.try_one(target, migration, &before).await?;
            report.migrations.push(Tried { name: migration.name().to_owned(), problems });
            let Some(after) = after else {
                report.not_tried = versioned().count() - index - 1;
                return Ok(report);
            };
            before = after;
        }
        // What is repeatable has no way back, and comes last.
        if let Err(error) = self.migrator.run(target).await {
            let name = match &error {
                Error::Failed(failure) => failure.name.clone(),
                _ => self.migrator.set().name().to_owned(),
            };
            report.migrations.push(Tried { name, problems: vec![Problem::Up { error }] });
        }
        Ok(report)
    }

    /// Takes one migration up, down and up again. The catalog afterwards, where it is applied then.
    async fn try_one<T: Target + ?Sized>(
        &self,
        target: &T,
        migration: &dyn Migration,
        before: &Catalog,
    ) -> Result<(Vec<Problem>, Option<Catalog>), Error> {
        let mut problems = Vec::new();
        if let Err(error) = self.migrator.to(target, migration.name()).await {
            return Ok((vec![Problem::Up { error }], None));
        }
        let first = self.catalog(target).await?;
        if migration.down().is_none() {
            if !self.allows_irreversible(migration) {
                problems.push(Problem::NoDown);
            }
            return Ok((problems, Some(first)));
        }
        if let Err(error) = self.migrator.down(target, Down::count(1)).await {
            problems.push(Problem::Down { error });
            return Ok((problems, None));
        }
        let reverted = self.catalog(target).await?.without_order_of_columns();
        let left = before.clone().without_order_of_columns().differences(&reverted);
        if !left.is_empty() {
            problems.push(Problem::Left { differences: left });
        }
        if let Err(error) = self.migrator.to(target, migration.name()).await {
            problems.push(Problem::UpAgain { error });
            return Ok((problems, None));
        }
        let second = self.catalog(target).await?;
        let differences =
            first.without_order_of_columns().differences(&second.clone().without_order_of_columns());
        if !differences.is_empty() {
            problems.push(Problem::Other { differences });
        }
        Ok((problems, Some(second)))
    }

    async fn catalog<T: Target + ?Sized>(&self, target: &T) -> Result<Catalog, Error> {
        let mut history = PgHistory::open(target, &self.migrator.settings).await?;
        let catalog = catalog_beside(&mut history).await;
        history.close().await;
        Ok(catalog?.ignoring(&self.ignored))
    }

    fn allows_irreversible(&self, migration: &dyn Migration) -> bool {
        let version = migration.version();
        let names = |text: &String| {
            text == migration.name() || *version == crate::Version::new(text.clone(), version.order())
        };
        self.irreversible.iter().any(names)
    }
}

/// The catalog without histories: that of a tool whose table is kept is made with the first migration, and stays.
async fn catalog_beside<T: Target + ?Sized>(history: &mut PgHistory<'_, T>) -> Result<Catalog, Error> {
    let scope = Scope::database();
    #[cfg(feature = "histories")]
    let scope = scope.without_histories(history.session(), &history.survey().await?.table).await?;
    read(history.session_mut(), &scope).await
}

/// What came of a [`RoundTrip`]; [`Display`](fmt::Display) shows the problems, migration by migration.
#[derive(Debug)]
#[non_exhaustive]
pub struct Reversible {
    /// The migrations that were tried, in order.
    pub migrations: Vec<Tried>,
    /// How many were not tried, because one before them could not be applied again.
    pub not_tried: usize,
}

/// One migration that was tried.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tried {
    /// The migration's name.
    pub name: String,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Why a migration is not reversible.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// It can't be applied at all.
    Up {
        /// Why not.
        error: Error,
    },
    /// It has no down script.
    NoDown,
    /// Its down script fails.
    Down {
        /// How.
        error: Error,
    },
    /// Its down script leaves another schema than there was before.
    Left {
        /// What leads from the schema before to the one that is left.
        differences: Differences,
    },
    /// It can't be applied again after it was reverted.
    UpAgain {
        /// Why not.
        error: Error,
    },
    /// Applied again, it makes another schema than the first time.
    Other {
        /// What leads from the first schema to the second.
        differences: Differences,
    },
}

impl Reversible {
    /// Whether all migrations were tried and none has a problem.
    pub fn is_reversible(&self) -> bool {
        self.not_tried == 0 && self.migrations.iter().all(|tried| tried.problems.is_empty())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Up { error } => write!(f, "can't be applied: {error}"),
            Problem::NoDown => f.write_str(
                "has no down script\nnext: write one, or allow it to have none with `allow_irreversible`",
            ),
            Problem::Down { error } => write!(f, "can't be reverted: {error}"),
            Problem::Left { differences } => {
                write!(
                    f,
                    "is not undone by its down script, which leaves, compared with before:\n{differences}"
                )
            }
            Problem::UpAgain { error } => write!(f, "can't be applied again after its down script: {error}"),
            Problem::Other { differences } => {
                write!(f, "makes another schema the second time, compared with the first:\n{differences}")
            }
        }
    }
}

impl fmt::Display for Reversible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line_feed = "";
        for tried in &self.migrations {
            for problem in &tried.problems {
                let text = problem.to_string().replace('\n', "\n  ");
                write!(f, "{line_feed}{} {text}", tried.name)?;
                line_feed = "\n";
            }
        }
        if self.not_tried > 0 {
            write!(f, "{line_feed}{} after it could not be tried", migrations(self.not_tried))?;
        } else if line_feed.is_empty() {
            write!(f, "{} can be reverted and applied again", migrations(self.migrations.len()))?;
        }
        Ok(())
    }
}

fn migrations(count: usize) -> String {
    if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") }
}
