//! Backward.

use crate::history::{Applied, Position, State};
use crate::kept;
use crate::migration::{Migration, Work};
use crate::plan::{Interruption, Plan, Policies, Refused, Step, Steps, repeatable};
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
        let latest_first = state.applied.iter().rev().filter(|applied| !applied.version.is_repeatable());
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
    fn is_settled(&self, _: &Set, position: &Position, _: &Policies) -> bool {
        self.is_nothing()
            || matches!(
                (&self.0, position),
                (Extent::All | Extent::Count(_), Position::Beginning { applied: 0, .. })
            )
    }

    fn decide<'s>(&self, set: &'s Set, state: &State, _: &Policies) -> Result<Steps<'s>, Refused> {
        not_while_interrupted(state)?;
        let reverted = self.selected(state)?;
        // All of them are looked at before any is reverted: a missing down script must not be found half-way.
        let mut steps = if reverted.is_empty() { Vec::new() } else { repeatable::release(set, state)? };
        for applied in reverted {
            steps.push(revert(set, applied)?);
        }
        Ok(Steps { steps, notices: Vec::new() })
    }
}

/// An interrupted migration is finished first: by going forward, or by the revert that was interrupted.
pub(super) fn not_while_interrupted(state: &State) -> Result<(), Refused> {
    match &state.interrupted {
        Some(interrupted) if !interrupted.reverting => Err(Refused::Interrupted {
            version: interrupted.version.clone(),
            name: interrupted.name.clone(),
            statements_done: interrupted.statements_done,
            problem: Interruption::Applying,
        }),
        _ => Ok(()),
    }
}

/// The step that reverts an applied migration: by the set's down script, else by the one that the history kept.
pub(super) fn revert<'s>(set: &'s Set, applied: &Applied) -> Result<Step<'s>, Refused> {
    let (version, name) = (applied.version.clone(), applied.name.clone());
    let work = match set.find(&applied.version).and_then(Migration::down) {
        Some(work) => work,
        None => Work::Script(Cow::Owned(kept_script(set, applied)?)),
    };
    Ok(Step::revert(version, name, applied.checksum, work))
}

fn kept_script(set: &Set, applied: &Applied) -> Result<Script, Refused> {
    let name = applied.name.clone();
    let text = applied.kept.as_ref().and_then(|kept| kept.down.clone());
    let text =
        text.ok_or_else(|| Refused::NoDown { version: applied.version.clone(), name: name.clone() })?;
    if !kept::is_whole(&text) {
        let problem = "a password in it was left out when it was kept".to_owned();
        return Err(Refused::KeptDown { name, problem });
    }
    let path = format!("{name} (down, kept by the history)");
    let script = Script::of_text(path, text).and_then(|script| set.fill_kept(script));
    script.map_err(|problem| Refused::KeptDown { name, problem })
}
