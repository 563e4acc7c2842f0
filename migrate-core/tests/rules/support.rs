//! Test support: sets in one line, and an executor for futures that never wait.

use migrate_core::engine::MemoryDatabase;
use migrate_core::engine::MemoryError as Error;
use migrate_core::engine::event::Unobserved;
use migrate_core::engine::{Settings, run};
use migrate_core::history::{Applied, HistoryState, Interrupted};
use migrate_core::plan::{Plan, Step};
use migrate_core::{
    Digest, Migration, Options, Report, Script, Set, SqlMigration, TransactionMode, Version, sql,
};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A script with the given text.
pub(crate) fn script(path: &str, text: &str) -> Script {
    Script::new(path.to_owned(), text.to_owned(), sql::split(text).statements, Options::NONE)
}

/// A migration with this version, whose up and down scripts have one statement each.
pub(crate) fn migration(version: u32) -> SqlMigration {
    with_text(version, &format!("CREATE TABLE t{version} ();"))
        .with_down(script(&format!("{version}.down.sql"), &format!("DROP TABLE t{version};")))
}

/// A migration with this version and only an up script with the given text.
pub(crate) fn with_text(version: u32, text: &str) -> SqlMigration {
    let up = script(&format!("{version}.sql"), text);
    SqlMigration::new(Version::numeric(version.to_string()), format!("{version}_m"), up)
}

/// Does the same, committed statement by statement.
pub(crate) fn statement_by_statement(version: u32, text: &str) -> SqlMigration {
    let mut options = Options::NONE;
    options.transaction = Some(TransactionMode::None);
    let up = Script::new(format!("{version}.sql"), text.to_owned(), sql::split(text).statements, options);
    SqlMigration::new(Version::numeric(version.to_string()), format!("{version}_m"), up)
}

/// A set of the given migrations.
pub(crate) fn set_of(migrations: impl IntoIterator<Item = SqlMigration>) -> Set {
    let migrations = migrations.into_iter().map(|m| Arc::new(m) as Arc<dyn Migration>).collect();
    Set::new("app", migrations).expect("versions that differ")
}

/// A set of [`migration`]s with these versions.
pub(crate) fn set(versions: impl IntoIterator<Item = u32>) -> Set {
    set_of(versions.into_iter().map(migration))
}

/// The set's migration as applied.
pub(crate) fn applied(migration: &dyn Migration) -> Applied {
    Applied::new(migration.version().clone(), migration.name(), migration.checksum())
}

/// A history in which all migrations of these sets are applied, one set after the other.
pub(crate) fn state_of<'s>(sets: impl IntoIterator<Item = &'s Set>) -> HistoryState {
    let applied = sets.into_iter().flat_map(|set| set.iter().map(applied).collect::<Vec<_>>());
    HistoryState { applied: applied.collect(), ..HistoryState::EMPTY }
}

/// An attempt at a migration that stopped after this many statements and left a row.
pub(crate) fn interrupted(migration: &dyn Migration, statements_done: usize) -> Interrupted {
    let (version, checksum) = (migration.version().clone(), migration.checksum());
    Interrupted::new(version, migration.name(), checksum, statements_done).in_row(7)
}

/// Each step as its action and its version.
pub(crate) fn words(steps: &[Step<'_>]) -> Vec<String> {
    steps.iter().map(|step| format!("{} {}", step.action, step.version)).collect()
}

/// The digest of the applied migrations after these steps.
pub(crate) fn digest_after(state: &HistoryState, steps: &[Step<'_>]) -> Digest {
    steps.iter().fold(state.digest(), |digest, step| step.digest_after(digest))
}

/// Runs a plan with the default settings.
pub(crate) fn take(database: &MemoryDatabase, set: &Set, plan: &dyn Plan) -> Result<Report, Error> {
    take_with(database, set, plan, &Settings::DEFAULT)
}

/// Runs a plan.
pub(crate) fn take_with(
    database: &MemoryDatabase,
    set: &Set,
    plan: &dyn Plan,
    settings: &Settings,
) -> Result<Report, Error> {
    block_on(run(&mut database.history(), set, plan, settings, &mut Unobserved))
}

/// Polls a future until it is ready. These futures never wait for a waker.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// The versions of the steps, with a minus for a revert and an equals sign for a mark.
pub(crate) fn steps(report: &Report) -> String {
    use migrate_core::plan::Action;
    let word = |step: &migrate_core::StepReport| match step.action {
        Action::Revert => format!("-{}", step.version),
        Action::Mark => format!("={}", step.version),
        _ => format!("+{}", step.version),
    };
    report.steps.iter().map(word).collect::<Vec<_>>().join(" ")
}
