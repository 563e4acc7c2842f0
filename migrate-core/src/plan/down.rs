//! Reverts.

use crate::history::stored;
use crate::history::{Applied, HistoryState, SetPosition};
use crate::plan::check::check_rows;
use crate::plan::{Plan, Policies, Refused, Step, Steps, repeatable};
use crate::set::Set;
use crate::set::migration::{Migration, Payload};
use crate::set::script::Script;
use crate::set::version::Version;
use std::borrow::Cow;

/// Reverts applied migrations, the last applied first, including those that the set never had: the history
/// stored their down scripts.
///
/// Migrations that this library did not run are not reverted unless that is requested explicitly. A migration
/// that a baseline, an adoption, a squash or a resolve marked as applied represents earlier objects, and its
/// down script would drop those. [`Down::including_marked`] requests it.
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until it is run"]
pub struct Down {
    extent: Extent,
    including_marked: bool,
}

#[derive(Clone, Debug)]
enum Extent {
    Count(usize),
    To(Version),
    All,
    LastRun,
    Run(String),
}

impl Down {
    /// Reverts the last `count` applied migrations, or all if there are fewer.
    pub fn count(count: usize) -> Down {
        Down::of(Extent::Count(count))
    }

    /// Reverts everything applied with a later version; `version` itself stays.
    pub fn to(version: Version) -> Down {
        Down::of(Extent::To(version))
    }

    /// Reverts everything.
    pub fn all() -> Down {
        Down::of(Extent::All)
    }

    /// Reverts a whole deployment: everything that the last run applied. Migrations that a baseline, an
    /// adoption or a squash marked do not form a deployment; if the last run did nothing else, the revert is
    /// refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::history::{Applied, HistoryState};
    /// use migrate_core::plan::{Down, Plan, Policies};
    /// use migrate_core::{Checksum, Script, Set, SqlMigration, Version};
    /// use std::sync::Arc;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let script = |text: &str| Script::of_text("a.sql", text.to_owned()).unwrap();
    /// let migration = |n: &str| {
    ///     SqlMigration::new(Version::numeric(n.to_owned()), format!("{n}_a"), script("SELECT 1")).with_down(script("SELECT 2"))
    /// };
    /// let set = Set::new("app", ["1", "2", "3"].iter().map(|n| Arc::new(migration(n)) as _).collect()).unwrap();
    /// let applied = [("1", "monday"), ("2", "tuesday"), ("3", "tuesday")].map(|(n, run)| {
    ///     let applied = Applied::new(Version::numeric(n), n, Checksum::of("SELECT 1"));
    ///     applied.with_run(run, SystemTime::now(), Duration::ZERO)
    /// });
    /// let state = HistoryState { applied: applied.into(), ..HistoryState::EMPTY };
    ///
    /// let steps = Down::last_run().decide(&set, &state, &Policies::DEFAULT).unwrap().steps;
    /// assert_eq!(steps.iter().map(|step| step.version.as_written()).collect::<Vec<_>>(), ["3", "2"]);
    /// assert!(Down::run("monday").decide(&set, &state, &Policies::DEFAULT).is_err(), "a later run depends on it");
    /// ```
    pub fn last_run() -> Down {
        Down::of(Extent::LastRun)
    }

    /// Reverts everything that this run applied. A unique prefix of the run's identifier in the history
    /// suffices. Refused if a later run has applied something since.
    pub fn run(run: impl Into<String>) -> Down {
        Down::of(Extent::Run(run.into()))
    }

    /// Also reverts migrations that were marked as applied. Their down scripts drop objects that existed
    /// before this library.
    ///
    /// A deployment never includes those.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::history::{Applied, HistoryState};
    /// use migrate_core::plan::{Down, Plan, Policies, Refused};
    /// use migrate_core::{Checksum, Script, Set, SqlMigration, Version};
    /// use std::sync::Arc;
    ///
    /// let script = |text: &str| Script::of_text("1_a.sql", text.to_owned()).unwrap();
    /// let migration = SqlMigration::new(Version::numeric("1"), "1_a", script("SELECT 1")).with_down(script("SELECT 2"));
    /// let set = Set::new("app", vec![Arc::new(migration)]).unwrap();
    /// let marked = Applied::new(Version::numeric("1"), "1_a", Checksum::of("SELECT 1")).as_marked();
    /// let state = HistoryState { applied: vec![marked], ..HistoryState::EMPTY };
    ///
    /// let refused = Down::all().decide(&set, &state, &Policies::DEFAULT).unwrap_err();
    /// assert!(matches!(refused, Refused::Marked { .. }));
    /// let asked = Down::all().including_marked().decide(&set, &state, &Policies::DEFAULT).unwrap();
    /// assert_eq!(asked.steps.len(), 1);
    /// ```
    pub fn including_marked(self) -> Down {
        Down { including_marked: true, ..self }
    }

    fn of(extent: Extent) -> Down {
        Down { extent, including_marked: false }
    }

    /// Returns true if nothing will be reverted, whatever is applied.
    fn is_nothing(&self) -> bool {
        matches!(self.extent, Extent::Count(0))
    }

    /// The migrations to revert, in the order of reverting.
    fn selected<'a>(&self, state: &'a HistoryState) -> Result<Vec<&'a Applied>, Refused> {
        // An interrupted revert is finished before another one begins.
        let begun = state.interrupted.as_ref().map(|interrupted| &interrupted.version);
        let (begun, others): (Vec<_>, Vec<_>) =
            state.applied.iter().rev().partition(|applied| Some(&applied.version) == begun);
        let latest_first = begun.into_iter().chain(others).filter(|applied| !applied.version.is_repeatable());
        match &self.extent {
            Extent::All => Ok(latest_first.collect()),
            Extent::Count(count) => Ok(latest_first.take(*count).collect()),
            Extent::To(version) if state.find(version).is_none() => Err(Refused::UnknownVersion {
                version: version.clone(),
                last: state.last().map(|applied| applied.name.clone()),
            }),
            Extent::To(version) => Ok(latest_first.filter(|applied| applied.version > *version).collect()),
            Extent::LastRun => match state.applied.last() {
                Some(last) => applied_by(state, &last.run),
                None => Ok(Vec::new()),
            },
            Extent::Run(run) => applied_by(state, meant(state, run)),
        }
    }
}

/// The run with this identifier, or the only one with this prefix: lists show only the prefix.
fn meant<'r>(state: &'r HistoryState, run: &'r str) -> &'r str {
    let mut runs = state.applied.iter().map(|applied| applied.run.as_str());
    let Some(first) = runs.find(|name| !run.is_empty() && name.starts_with(run)) else { return run };
    if runs.all(|name| name == first || !name.starts_with(run)) { first } else { run }
}

/// The migrations that a run applied, in the order of reverting. No other run may have applied migrations
/// after them.
///
/// A deployment contains only migrations that were run. Migrations marked by a baseline or adopted from
/// another tool existed before, and a down script would drop their objects. Repeatable migrations are
/// released with any revert.
fn applied_by<'a>(state: &'a HistoryState, run: &str) -> Result<Vec<&'a Applied>, Refused> {
    if run.is_empty() {
        return Err(Refused::NoRuns);
    }
    let versioned = || state.applied.iter().filter(|applied| !applied.version.is_repeatable());
    let is_own = |applied: &&Applied| applied.run == run;
    let later: Vec<&Applied> = versioned().rev().take_while(|applied| !is_own(applied)).collect();
    let own: Vec<&Applied> = versioned().rev().skip_while(|applied| !is_own(applied)).collect();
    if own.is_empty() {
        let last = state.applied.last().map(|applied| applied.run.clone());
        let is_known = state.applied.iter().any(|applied| applied.run == run);
        return if is_known { Ok(own) } else { Err(Refused::UnknownRun { run: run.to_owned(), last }) };
    }
    if own[0].marked {
        return Err(Refused::MarkedRun { run: run.to_owned() });
    }
    if let Some(first) = later.last() {
        return Err(Refused::RunBeneath {
            run: run.to_owned(),
            later: later.len(),
            first: first.name.clone(),
        });
    }
    Ok(own.into_iter().take_while(|applied| is_own(applied) && !applied.marked).collect())
}

impl From<usize> for Down {
    fn from(count: usize) -> Down {
        Down::count(count)
    }
}

impl Plan for Down {
    fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
        // Even if nothing is applied, a newer release's migration may be half applied, which the history
        // shows.
        self.is_nothing()
    }

    fn decide<'s>(&self, set: &'s Set, state: &HistoryState, _: &Policies) -> Result<Steps<'s>, Refused> {
        check_rows(state)?;
        not_while_interrupted(state)?;
        let reverted = self.selected(state)?;
        if !self.including_marked {
            only_run(state, &reverted)?;
        }
        // Build all steps before any runs: a missing down script must not be found halfway.
        let mut steps = if reverted.is_empty() { Vec::new() } else { repeatable::release(set, state)? };
        for applied in reverted {
            steps.push(revert(set, applied)?);
        }
        Ok(Steps { steps, notices: Vec::new() })
    }
}

/// Refuses to revert migrations that were marked and never run, except in a revert that was already begun:
/// that was requested.
pub(super) fn only_run(state: &HistoryState, reverted: &[&Applied]) -> Result<(), Refused> {
    let begun = state.interrupted.as_ref().map(|interrupted| &interrupted.version);
    let is_refused = |applied: &&&Applied| applied.marked && Some(&applied.version) != begun;
    let names: Vec<String> = reverted.iter().filter(is_refused).map(|applied| applied.name.clone()).collect();
    if names.is_empty() { Ok(()) } else { Err(Refused::Marked { names }) }
}

/// Refuses while a migration is interrupted. It must be finished first: by going forward, or by finishing its
/// revert.
pub(super) fn not_while_interrupted(state: &HistoryState) -> Result<(), Refused> {
    match &state.interrupted {
        Some(interrupted) if !interrupted.reverting => Err(Refused::unfinished(interrupted)),
        _ => Ok(()),
    }
}

/// The step that reverts an applied migration: with the set's down script, or else with the stored one.
pub(super) fn revert<'s>(set: &'s Set, applied: &Applied) -> Result<Step<'s>, Refused> {
    let (version, name) = (applied.version.clone(), applied.name.clone());
    let payload = match set.find(&applied.version).and_then(Migration::down) {
        Some(payload) => payload,
        None => Payload::Script(Cow::Owned(kept_script(set, applied)?)),
    };
    Ok(Step::revert(version, name, applied.checksum, payload))
}

/// The step that reverts an applied migration: with the stored down script, or else with the set's.
pub(super) fn revert_as_applied<'s>(set: &'s Set, applied: &Applied) -> Result<Step<'s>, Refused> {
    if applied.kept.as_ref().is_none_or(|kept| kept.down.is_none()) {
        return revert(set, applied);
    }
    let payload = Payload::Script(Cow::Owned(kept_script(set, applied)?));
    Ok(Step::revert(applied.version.clone(), applied.name.clone(), applied.checksum, payload))
}

fn kept_script(set: &Set, applied: &Applied) -> Result<Script, Refused> {
    let name = applied.name.clone();
    let text = applied.kept.as_ref().and_then(|kept| kept.down.clone());
    let text = text.ok_or_else(|| match set.find(&applied.version) {
        None if applied.checksum.is_of_code() => Refused::CodeGone { name: name.clone() },
        _ => Refused::NoDown { version: applied.version.clone(), name: name.clone() },
    })?;
    if !stored::is_whole(&text) {
        let problem = "a password in it was removed when it was stored".to_owned();
        return Err(Refused::KeptDown { name, problem });
    }
    let path = format!("{name} (down script stored in the history)");
    let script = Script::of_text(path, text).and_then(|script| set.fill_kept(script));
    script.map_err(|problem| Refused::KeptDown { name, problem })
}
