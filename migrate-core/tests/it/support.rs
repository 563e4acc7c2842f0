//! Sets in a line, and a way to run a future that never waits.

use migrate_core::engine::MemoryDatabase;
use migrate_core::engine::event::Unobserved;
use migrate_core::engine::{Settings, run};
use migrate_core::plan::Plan;
use migrate_core::{
    Error, Migration, Options, Report, Script, Set, SqlMigration, TransactionMode, Version, sql,
};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// A script of the given text.
pub(crate) fn script(path: &str, text: &str) -> Script {
    Script::new(path.to_owned(), text.to_owned(), sql::split(text).statements, Options::NONE)
}

/// A migration of version `version` whose up and down scripts are one statement each.
pub(crate) fn migration(version: u32) -> SqlMigration {
    with_text(version, &format!("CREATE TABLE t{version} ();"))
        .with_down(script(&format!("{version}.down.sql"), &format!("DROP TABLE t{version};")))
}

/// A migration of version `version` with an up script of the given text and nothing else.
pub(crate) fn with_text(version: u32, text: &str) -> SqlMigration {
    let up = script(&format!("{version}.sql"), text);
    SqlMigration::new(Version::numeric(version.to_string()), format!("{version}_m"), up)
}

/// The same, committed statement by statement.
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

/// Polls a future until it is ready; ours never wait for a waker.
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
