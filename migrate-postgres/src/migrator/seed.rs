//! Running seeds.

use super::Migrator;
use crate::backend::{Acquisition, LockWait, PgHistory, PgLocked};
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::{Error, SeedFailure};
use crate::execute::{offset_of, server_failure, timeouts};
use crate::history::SessionInfo;
use crate::history::seed_table::SeedTable;
use crate::sql::transaction::{BEGIN, DEFERRED};
use futures_util::future::{Either, select};
use migrate_core::advice::Left;
use migrate_core::engine::{History as _, Holder, Locked as _};
use migrate_core::plan::Step;
use migrate_core::{Checksum, Options, Script, Seed, SqlMigration, Version};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant};

/// The seeds of a call, in the order in which they ran.
///
/// [`Display`](fmt::Display) gives one line for a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedReport {
    /// The seeds of all environments, then those of the chosen one.
    pub seeds: Vec<SeedResult>,
}

/// The outcome of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeedResult {
    /// The name: `users.sql`, or `development/users.sql`.
    pub name: String,
    /// The environment; `None` for a seed of all environments.
    pub environment: Option<String>,
    /// True if it ran; false if its text is that of the last time.
    pub ran: bool,
    /// Its duration, by this machine's clock.
    pub took: Duration,
}

impl SeedReport {
    /// The number of seeds that ran.
    pub fn ran(&self) -> usize {
        self.seeds.iter().filter(|seed| seed.ran).count()
    }
}

impl fmt::Display for SeedReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ran, unchanged) = (self.ran(), self.seeds.len() - self.ran());
        match ran {
            _ if self.seeds.is_empty() => return f.write_str("there are no seeds"),
            0 => f.write_str("no seed ran")?,
            1 => f.write_str("1 seed ran")?,
            ran => write!(f, "{ran} seeds ran")?,
        }
        match unchanged {
            0 => Ok(()),
            1 => f.write_str(", 1 is unchanged"),
            unchanged => write!(f, ", {unchanged} are unchanged"),
        }
    }
}

/// Seeds.
impl Migrator {
    /// Runs the [seeds](migrate_core::set::companion) of the set: those of all environments, and those of the
    /// [`environment`](Migrator::environment). Each runs in one transaction, under the migration lock, with a row
    /// in the table `<history>_seed`; one whose text is that of the last time is left out, unless
    /// [`seed_again`](Migrator::seed_again) is set.
    ///
    /// ```no_run
    /// use migrate_postgres::{Migrator, migrate};
    ///
    /// static MIGRATIONS: Migrator = migrate!("tests/fixtures/quickstart");
    ///
    /// # async fn boot() -> Result<(), migrate_postgres::Error> {
    /// let report = MIGRATIONS.clone().environment("development").seed("postgres://app@localhost/app").await?;
    /// println!("{report}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`]. [`Error::NoSuchEnvironment`] before anything is run; [`Error::Seed`] with the first seed
    /// that fails, after which the earlier ones stay.
    pub async fn seed<T: Target + ?Sized>(&self, target: &T) -> Result<SeedReport, Error> {
        self.seed_telling(target, &|_| {}).await
    }

    /// The same, with a callback for the session that holds the migration lock while this call waits.
    pub(crate) async fn seed_telling<T: Target + ?Sized>(
        &self,
        target: &T,
        on_wait: &(dyn Fn(&Holder) + Sync),
    ) -> Result<SeedReport, Error> {
        self.check_fitness()?;
        let seeds = self.due_seeds()?;
        if seeds.is_empty() {
            return Ok(SeedReport::default());
        }
        let mut history = PgHistory::open(target, &self.settings).await?;
        let report = self.seed_when_free(&mut history, &seeds, on_wait).await;
        history.close().await;
        report
    }

    /// The seeds of all environments, and those of the chosen one.
    ///
    /// # Errors
    ///
    /// If a seed has a fault, or there are none of that environment.
    pub(crate) fn due_seeds(&self) -> Result<Vec<Seed>, Error> {
        self.set().check_seeds()?;
        let chosen = self.settings.environment.as_deref();
        let mut found: Vec<String> =
            self.set().seeds().filter_map(|seed| seed.environment().map(str::to_owned)).collect();
        found.dedup();
        match chosen.filter(|chosen| !found.iter().any(|found| found == chosen)) {
            Some(chosen) => Err(Error::NoSuchEnvironment { environment: chosen.to_owned(), found }),
            None => Ok(self.set().seeds().filter(|seed| is_of(seed, chosen)).collect()),
        }
    }

    async fn seed_when_free<T: Target + ?Sized>(
        &self,
        history: &mut PgHistory<'_, T>,
        seeds: &[Seed],
        on_wait: &(dyn Fn(&Holder) + Sync),
    ) -> Result<SeedReport, Error> {
        let mut wait = LockWait::new(&self.settings);
        loop {
            let pause = match history.try_acquire(self.set()).await? {
                Acquisition::Acquired(locked) => return self.seed_under(locked, seeds).await,
                Acquisition::Held(holder) => {
                    on_wait(&holder);
                    wait.held(holder)?
                }
                Acquisition::Crowded(error) => wait.crowded(error)?,
            };
            history.pause(pause).await;
        }
    }

    /// Runs seeds while the lock is kept.
    async fn seed_under(
        &self,
        mut locked: Box<PgLocked<'_, '_>>,
        seeds: &[Seed],
    ) -> Result<SeedReport, Error> {
        let seeded = {
            let holder = &*locked.holder;
            let seeding = pin!(self.seed_over(locked.worker.as_ref().unwrap_or(holder), seeds));
            match select(seeding, pin!(locked.lock.keep(holder))).await {
                Either::Left((seeded, _)) => Some(seeded),
                Either::Right(((), _)) => None,
            }
        };
        let Some(seeded) = seeded else {
            // Another run may begin now. The connection ends what is in progress.
            locked.lost = true;
            locked.worker = None;
            return Err(Error::LockLost);
        };
        let released = locked.release().await;
        let seeded = seeded?;
        released?;
        Ok(seeded)
    }

    async fn seed_over(&self, session: &Session<'_>, seeds: &[Seed]) -> Result<SeedReport, Error> {
        let session_info = SessionInfo::take(session, &self.settings).await?;
        session_info.check_writable()?;
        if let Some(conform) = session_info.conform {
            let conformed = session.batch_execute(conform).await;
            conformed.map_err(|source| Error::server("preparing the session", source))?;
        }
        let table = SeedTable::beside(&session_info, self.set().name(), &self.settings.program);
        let recorded = table.open(session, &session_info).await?;
        let mut report = SeedReport::default();
        for seed in seeds {
            let began = Instant::now();
            let ran = self.must_run(seed, &recorded);
            if ran {
                let run = self.run_seed(session, &session_info, &table, seed).await;
                run.map_err(|failure| failed(*failure, &report))?;
            }
            let environment = seed.environment().map(str::to_owned);
            let took = if ran { began.elapsed() } else { Duration::ZERO };
            report.seeds.push(SeedResult { name: seed.name().to_owned(), environment, ran, took });
        }
        Ok(report)
    }

    fn must_run(&self, seed: &Seed, recorded: &BTreeMap<String, String>) -> bool {
        let checksum = Checksum::of(seed.script().source()).to_string();
        self.settings.seeds_again || recorded.get(seed.name()) != Some(&checksum)
    }

    /// Runs a seed and records it, in one transaction and one message.
    async fn run_seed(
        &self,
        session: &Session<'_>,
        session_info: &SessionInfo,
        table: &SeedTable,
        seed: &Seed,
    ) -> Result<(), Box<SeedFailureCause>> {
        let script = seed.script();
        let text = script.text().trim_start_matches('\u{feff}');
        let mut before = vec![BEGIN.to_owned()];
        before.extend(timeouts(session_info, &self.settings, script.options(), true));
        let prefix: String = before.iter().map(|statement| format!("{statement};\n")).collect();
        let restore: Vec<String> = session_info.between_scripts().into_iter().map(str::to_owned).collect();
        let mut after = vec![DEFERRED.to_owned()];
        after.extend(restore.iter().cloned());
        after.extend(timeouts(session_info, &self.settings, &Options::NONE, true));
        after.extend([table.record(seed, Checksum::of(script.source())), "COMMIT".to_owned()]);
        let message = format!("{prefix}{text}\n;\n{}", after.join(";\n"));
        let Err(error) = session.batch_execute(&message).await else { return Ok(()) };
        let is_lost = session.is_closed() || error.as_db_error().is_none();
        drop(session.batch_execute(&format!("ROLLBACK; {}", restore.join("; "))).await);
        Err(Box::new(SeedFailureCause {
            name: seed.name().to_owned(),
            script: script.clone(),
            offset: offset_of(script, text, &prefix, &error),
            is_lost,
            error,
        }))
    }
}

/// A seed that failed, with the server's error.
struct SeedFailureCause {
    name: String,
    script: Script,
    offset: Option<usize>,
    is_lost: bool,
    error: tokio_postgres::Error,
}

fn is_of(seed: &Seed, chosen: Option<&str>) -> bool {
    seed.environment().is_none_or(|environment| Some(environment) == chosen)
}

/// The error of a seed, after those that ran before it.
fn failed(cause: SeedFailureCause, report: &SeedReport) -> Error {
    let SeedFailureCause { name, script, offset, is_lost, error } = cause;
    let migration = SqlMigration::new(Version::text(name.clone()), name, script);
    let mut failure = server_failure(&Step::apply(&migration), Some(migration.up_script()), offset, error);
    if is_lost {
        failure.left = Left::Unknown;
    }
    let earlier = report.seeds.iter().filter(|seed| seed.ran).map(|seed| seed.name.clone()).collect();
    Error::Seed(Box::new(SeedFailure::new(failure, earlier)))
}
