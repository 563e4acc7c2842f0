//! Backward.

use crate::history::{Applied, Position, State};
use crate::kept;
use crate::migration::{Migration, Work};
use crate::plan::{Plan, Policies, Refused, Step, Steps};
use crate::script::Script;
use crate::set::Set;
use crate::version::Version;
use std::borrow::Cow;

/// Reverts applied migrations, the last applied first, also those that the set never had: the history kept their
/// down scripts.
#[derive(Clone, Debug)]
pub struct Down(Extent);

#[derive(Clone, Debug)]
enum Extent {
    Count(usize),
    To(Version),
    All,
}

impl Down {
    /// Reverts the last `count` applied migrations, or all if there are fewer.
    pub fn count(count: usize) -> Down {
        Down(Extent::Count(count))
    }

    /// Reverts all that was applied with a later version; `version` itself stays.
    pub fn to(version: Version) -> Down {
        Down(Extent::To(version))
    }

    /// Reverts everything.
    pub fn all() -> Down {
        Down(Extent::All)
    }

    /// Whether nothing is to be reverted, whatever is applied.
    fn is_nothing(&self) -> bool {
        matches!(self.0, Extent::Count(0))
    }

    /// What is to be reverted, in the order of reverting.
    fn selected<'a>(&self, state: &'a State) -> Result<Vec<&'a Applied>, Refused> {
        // A revert that was interrupted goes on before another begins.
        let begun = state.interrupted.as_ref().map(|interrupted| &interrupted.version);
        let (begun, others): (Vec<_>, Vec<_>) =
            state.applied.iter().rev().partition(|applied| Some(&applied.version) == begun);
        let latest_first = begun.into_iter().chain(others);
        match &self.0 {
            Extent::All => Ok(latest_first.collect()),
            Extent::Count(count) => Ok(latest_first.take(*count).collect()),
            Extent::To(version) if state.find(version).is_none() => Err(Refused::UnknownVersion {
                version: version.clone(),
                last: state.last().map(|applied| applied.name.clone()),
            }),
            Extent::To(version) => Ok(latest_first.filter(|applied| applied.version > *version).collect()),
        }
    }
}

impl From<usize> for Down {
    fn from(count: usize) -> Down {
        Down::count(count)
    }
}

impl Plan for Down {
    fn is_settled(&self, _: &Set, _: &Position, _: &Policies) -> bool {
        // Where nothing is applied, a newer release's migration may still be half applied: the history tells.
        self.is_nothing()
    }

    fn decide<'s>(&self, set: &'s Set, state: &State, _: &Policies) -> Result<Steps<'s>, Refused> {
        not_while_interrupted(state)?;
        let reverted = self.selected(state)?;
        // All of them are looked at before any is reverted: a missing down script must not be found half-way.
        let steps = reverted.into_iter().map(|applied| revert(set, applied)).collect::<Result<_, _>>()?;
        Ok(Steps { steps, notices: Vec::new() })
    }
}

/// An interrupted migration is finished first: by going forward, or by the revert that was interrupted.
pub(super) fn not_while_interrupted(state: &State) -> Result<(), Refused> {
    match &state.interrupted {
        Some(interrupted) if !interrupted.reverting => Err(Refused::unfinished(interrupted)),
        _ => Ok(()),
    }
}

/// The step that reverts an applied migration: by the set's down script, else by the one that the history kept.
pub(super) fn revert<'s>(set: &'s Set, applied: &Applied) -> Result<Step<'s>, Refused> {
    let (version, name) = (applied.version.clone(), applied.name.clone());
    let work = match set.find(&applied.version).and_then(Migration::down) {
        Some(work) => work,
        None => Work::Script(Cow::Owned(kept_script(applied)?)),
    };
    Ok(Step::revert(version, name, applied.checksum, work))
}

fn kept_script(applied: &Applied) -> Result<Script, Refused> {
    let name = applied.name.clone();
    let text = applied.kept.as_ref().and_then(|kept| kept.down.clone());
    let text =
        text.ok_or_else(|| Refused::NoDown { version: applied.version.clone(), name: name.clone() })?;
    if !kept::is_whole(&text) {
        let problem = "a password in it was left out when it was kept".to_owned();
        return Err(Refused::KeptDown { name, problem });
    }
    let path = format!("{name} (down, kept by the history)");
    Script::of_text(path, text).map_err(|problem| Refused::KeptDown { name, problem })
}
