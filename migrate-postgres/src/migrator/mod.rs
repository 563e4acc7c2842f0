//! The migrator: a set of migrations with its settings (`builder`), and its calls on a database: those that change it
//! (`calls`) and those that only read it (`reads`).

#[cfg(any(feature = "cli", feature = "report"))]
pub(crate) mod accepted;
mod approvals;
mod assert;
pub(crate) mod backfill;
mod builder;
mod calls;
mod finishing;
#[cfg(feature = "histories")]
mod foreign;
mod reads;
pub(crate) mod refusing;
pub(crate) mod seed;
pub(crate) mod snapshot;
pub(crate) mod stale;
pub(crate) mod status;

use crate::error::Error;
use crate::history::settings::RunSettings;
use crate::observe::OnEvent;
use crate::settings::SetSettings;
use migrate_core::set::placeholder::Values;
use migrate_core::{Migration, PlaceholderError, Set, Version};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A set of migrations with its settings; [`migrate!`](crate::migrate) makes one.
///
/// Every call is a `Send` future, takes any [`Target`](crate::Target), and returns data; nothing is printed. Settings come first, a call
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
    pub(crate) fn made(&self) -> impl std::hash::Hash + '_ {
        let RunSettings { history_schema, history_table, program, .. } = &self.settings;
        let names =
            [history_schema.as_deref(), Some(&**history_table), Some(&**program), self.target.as_deref()];
        (names, &self.values, self.seeds_of_tests())
    }

    /// The names and texts of the seeds that a test's database has.
    #[cfg(feature = "testing")]
    fn seeds_of_tests(&self) -> Vec<(String, String)> {
        let seeds = if self.settings.seeds_tests { self.due_seeds().unwrap_or_default() } else { Vec::new() };
        seeds.iter().map(|seed| (seed.name().to_owned(), seed.script().text().to_owned())).collect()
    }

    /// The same migrator, for tests whose database is seeded.
    #[cfg(feature = "testing")]
    pub(crate) fn seeding_tests(mut self) -> Migrator {
        self.settings.seeds_tests = true;
        self
    }

    /// The name of the history table, if the whole set is applied.
    #[cfg(feature = "testing")]
    pub(crate) fn history_table_of_whole_set(&self) -> Option<&str> {
        self.target.is_none().then_some(&*self.settings.history_table)
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
