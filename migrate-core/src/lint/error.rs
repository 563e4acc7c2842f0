//! Errors: invalid options of a judgement.

use super::options::LintOptions;
use super::rule::{rule, rules};
use crate::display::edits::edits;
use crate::set::Set;
use crate::set::version::Version;
use std::collections::BTreeSet;

/// Invalid options of a judgement.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LintError {
    /// An id that belongs to no rule.
    #[error("{}", crate::clean!("there is no lint rule `{id}`{}", suggestion.map_or(String::new(), |id| format!(": did you mean `{id}`?"))))]
    UnknownRule {
        /// The id.
        id: String,
        /// The rule whose id is nearly the same.
        suggestion: Option<&'static str>,
    },
    /// An approval for a migration that the set lacks.
    #[error("{}", crate::clean!("the approval of `{rule}` names `{migration}`, and no migration has this version or name"))]
    UnknownMigration {
        /// The version or the name.
        migration: String,
        /// The id of the rule.
        rule: String,
    },
    /// A project's own rule whose id is malformed or belongs to another rule.
    #[error("{}", crate::clean!("the own rule `{id}` needs another id: {}", if *is_taken { "it belongs to another rule" } else { "an id has lower-case letters, digits and hyphens" }))]
    BadRuleId {
        /// The id.
        id: String,
        /// True if it belongs to another rule.
        is_taken: bool,
    },
    /// Facts about a server of another major version.
    #[error(
        "the facts are about PostgreSQL {facts}, but the migrations are to be judged for PostgreSQL {asked}: read the facts again, or leave out the version"
    )]
    OtherServerVersion {
        /// The version in the facts.
        facts: u32,
        /// The version in the options.
        asked: u32,
    },
}

crate::debug_as_display!(LintError);

impl LintError {
    /// The error about an id that belongs to no rule.
    pub fn unknown_rule(id: &str) -> LintError {
        LintError::UnknownRule { id: id.to_owned(), suggestion: suggestion(id) }
    }
}

/// Checks the options against each other and the set.
pub(super) fn check(set: &Set, options: &LintOptions) -> Result<(), LintError> {
    let mut own = BTreeSet::new();
    for id in options.rules.iter().map(|rule| rule.rule().id) {
        let is_taken = rule(id).is_some() || !own.insert(id);
        if is_taken || !crate::set::options::is_rule_id(id) {
            return Err(LintError::BadRuleId { id: id.to_owned(), is_taken });
        }
    }
    if let super::OptIn::Rules(ids) = &options.opt_in {
        ids.iter().try_for_each(|id| known(id, options))?;
    }
    for allowed in &options.allow {
        known(&allowed.approval.rule, options)?;
        let is_there =
            set.iter().any(|migration| is_named(migration.version(), migration.name(), &allowed.migration));
        if !is_there {
            return Err(LintError::UnknownMigration {
                migration: allowed.migration.clone(),
                rule: allowed.approval.rule.to_string(),
            });
        }
    }
    let of_facts = options.facts.as_ref().and_then(|facts| facts.server_version);
    match (of_facts, options.server_version) {
        (Some(facts), Some(asked)) if facts != asked => Err(LintError::OtherServerVersion { facts, asked }),
        _ => Ok(()),
    }
}

/// True if a text is the version or the name of a migration.
pub(super) fn is_named(version: &Version, name: &str, text: &str) -> bool {
    name == text || version.as_written() == text || version.to_string() == text
}

fn known(id: &str, options: &LintOptions) -> Result<(), LintError> {
    if is_known(id, options) {
        return Ok(());
    }
    Err(LintError::unknown_rule(id))
}

/// True if an id belongs to a rule, of this library or of the project.
pub(super) fn is_known(id: &str, options: &LintOptions) -> bool {
    rule(id).is_some()
        || options.rules.iter().any(|rule| rule.rule().id == id)
        || options.known_rules.iter().any(|of| of == id)
}

/// The rule whose id is nearly this one.
pub(super) fn suggestion(id: &str) -> Option<&'static str> {
    let nearest = rules().map(|rule| (edits(rule.id, id), rule.id)).min()?;
    (nearest.0 * 3 <= id.len()).then_some(nearest.1)
}
