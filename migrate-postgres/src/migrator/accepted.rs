//! The lint rules that the authors of migrations have accepted, with their reasons.
//!
//! They are in the scripts, which the history stores, and in the project's configuration, which a run records
//! beside the history.

use super::Migrator;
use super::snapshot::Snapshot;
use migrate_core::display::printable::printable;
use migrate_core::{Migration, Script};
use std::fmt;

/// A rule that the author of a migration has accepted.
///
/// [`Display`](fmt::Display) gives the rule, the place and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptedRule {
    /// The name of the migration.
    pub migration: String,
    /// The number of the statement, from 1; none if the whole script is meant.
    pub statement: Option<usize>,
    /// The id of the rule.
    pub rule: String,
    /// The reason, if the author gave one.
    pub reason: Option<String>,
}

impl fmt::Display for AcceptedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.rule))?;
        if let Some(statement) = self.statement {
            write!(f, " in statement {statement}")?;
        }
        self.reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {}", printable(reason)))
    }
}

impl Migrator {
    /// The accepted rules of the set's migrations, and those that only the history has.
    pub(crate) fn accepted(&self, snapshot: &Snapshot) -> Vec<AcceptedRule> {
        let own = self.set().iter().flat_map(|migration| self.accepted_in(migration));
        let mut accepted: Vec<AcceptedRule> = own.chain(snapshot.accepted_elsewhere(self.set())).collect();
        for recorded in snapshot.recorded(self.set()) {
            if !accepted.contains(&recorded) {
                accepted.push(recorded);
            }
        }
        accepted
    }

    /// Those of a migration of the set.
    pub(crate) fn accepted_in(&self, migration: &dyn Migration) -> Vec<AcceptedRule> {
        let name = migration.name();
        let script = migration.up().into_script();
        let written = script.iter().flat_map(|script| of_script(script, name));
        let is_configured = |of: &str| self.set().named_as(of).is_some_and(|of| of.name() == name);
        let configured = self.settings.approvals.iter().filter(|(of, ..)| is_configured(of));
        let configured = configured.map(|(_, rule, reason)| AcceptedRule {
            migration: name.to_owned(),
            statement: None,
            rule: (*rule).to_owned(),
            reason: Some((*reason).to_owned()).filter(|reason| !reason.is_empty()),
        });
        written.chain(configured).collect()
    }
}

/// The rules that a script accepts.
pub(super) fn of_script(script: &Script, name: &str) -> Vec<AcceptedRule> {
    let accepted = script.approvals().into_iter().map(|of| AcceptedRule {
        migration: name.to_owned(),
        statement: of.statement.map(|index| index + 1),
        rule: of.approval.rule.into_owned(),
        reason: of.approval.reason.map(std::borrow::Cow::into_owned),
    });
    accepted.collect()
}
