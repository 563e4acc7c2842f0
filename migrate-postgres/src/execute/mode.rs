//! Modes: what becomes of the steps that are executed, and who looks on.

use migrate_core::plan::Step;
use migrate_core::{Options, Script};
use std::time::Duration;
use tokio_postgres::SimpleQueryRow;

/// The fate of executed steps: committed or rolled back, recorded or not.
pub(crate) enum Mode<'m> {
    /// Each is committed together with its row in the history.
    Record,
    /// A step is committed with its row in the history; in place of its script, these statements begin its
    /// backfill.
    Begin(Vec<String>),
    /// Each step is committed; the history does not record it.
    #[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "a test's schema is made so"))]
    Commit,
    /// All run in one transaction, statement by statement, which the caller has begun and rolls back; no history tells of
    /// them.
    #[cfg_attr(not(feature = "operate"), expect(dead_code, reason = "a rehearsal is run so"))]
    RollBack(&'m mut (dyn Rehearsed + 'static)),
}

impl Mode<'_> {
    /// The same mode, for some of the steps.
    #[cfg(any(feature = "operate", feature = "testing"))]
    pub(super) fn again(&mut self) -> Mode<'_> {
        match self {
            Mode::Record => Mode::Record,
            Mode::Begin(statements) => Mode::Begin(statements.clone()),
            Mode::Commit => Mode::Commit,
            Mode::RollBack(rehearsed) => Mode::RollBack(&mut **rehearsed),
        }
    }

    /// True if steps have rows in the history.
    pub(super) fn records(&self) -> bool {
        matches!(self, Mode::Record | Mode::Begin(_))
    }

    /// True if each step has its own transaction.
    pub(super) fn commits(&self) -> bool {
        matches!(self, Mode::Record | Mode::Begin(_) | Mode::Commit)
    }

    /// The number of statements whose completion the server reports at once, one by one.
    pub(super) fn flushes(&self, is_observed: bool) -> usize {
        match self {
            Mode::RollBack(_) => usize::MAX,
            Mode::Record | Mode::Commit if is_observed => super::watch::MOST_FLUSHES,
            Mode::Record | Mode::Begin(_) | Mode::Commit => 0,
        }
    }

    /// The observer, if statements are sent one by one.
    pub(super) fn rehearsed(&mut self) -> Option<&mut (dyn Rehearsed + 'static)> {
        match self {
            Mode::RollBack(rehearsed) => Some(&mut **rehearsed),
            Mode::Record | Mode::Begin(_) | Mode::Commit => None,
        }
    }
}

/// Observes the rehearsal of steps.
pub(crate) trait Rehearsed: Send + Sync {
    /// A step is begun.
    fn began(&mut self, step: &Step<'_>, path: &str);

    /// Returns a setting that limits the time of what is sent next: a statement of a script with these
    /// options, or what is around it. None if no time is left.
    fn bound(&self, options: &Options) -> Option<String>;

    /// Called after a statement of the script, the first being 0, with the time that it took and the rows
    /// that [`Inspect`](crate::settings::Inspect) found after it.
    fn done(&mut self, script: &Script, index: usize, took: Duration, found: Vec<SimpleQueryRow>);

    /// Called after code whose statements are not known one by one.
    fn ran(&mut self, took: Duration, found: Vec<SimpleQueryRow>);
}
