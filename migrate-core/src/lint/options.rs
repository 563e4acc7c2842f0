//! The options of a judgement: its knowledge, and the rules that it applies.

use super::own::LintRule;
use crate::set::Set;
use crate::set::approval::Approval;
use crate::set::version::Version;
use crate::sql::facts::Facts;
use std::sync::Arc;

/// The options of [`lint`](super::lint): facts about the target database, and choices of the project.
///
/// # Examples
///
/// ```
/// use migrate_core::lint::{LintOptions, OptIn};
/// use migrate_core::Version;
///
/// let options = LintOptions::new()
///     .since(Version::numeric("0041"))
///     .server_version(17)
///     .opt_in(OptIn::rules(["no-primary-key"]))
///     .allow("0007_legacy", "drop-table", "the table was empty");
/// assert_eq!(options.allow.len(), 1);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "each setting returns the options"]
pub struct LintOptions {
    /// The last migration that is applied to the target database. Migrations up to it are not judged; later
    /// ones are judged as the migrations of one run. If it is `None`, the facts decide; without them, all
    /// migrations are judged, each as if the previous ones had been applied long ago.
    pub since: Option<Version>,
    /// The server's major version. If it is `None`, that of the facts counts; without them, a danger in any
    /// version from 14 to 18 counts.
    pub server_version: Option<u32>,
    /// True if the time zone of the run's session is UTC: then times with and without a time zone have the
    /// same stored form.
    pub is_utc: Option<bool>,
    /// Facts about the target database, after the migrations up to a known version. Later migrations are
    /// followed on top of them.
    pub facts: Option<Arc<Facts>>,
    /// The rules to apply that are off by default.
    pub opt_in: OptIn,
    /// The project's own rules.
    pub rules: Vec<Arc<dyn LintRule>>,
    /// The ids of own rules that this judgement does not apply; scripts may allow them.
    pub known_rules: Vec<String>,
    /// Approvals for migrations that are applied already, whose files must not change.
    pub allow: Vec<ConfiguredApproval>,
}

/// The rules to apply that are off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptIn {
    /// None.
    #[default]
    None,
    /// The rules with these ids.
    Rules(Vec<String>),
    /// All.
    All,
}

impl OptIn {
    /// The rules with these ids.
    pub fn rules(ids: impl IntoIterator<Item = impl Into<String>>) -> OptIn {
        OptIn::Rules(ids.into_iter().map(|id| id.into().replace('_', "-")).collect())
    }

    pub(super) fn has(&self, id: &str) -> bool {
        match self {
            OptIn::None => false,
            OptIn::Rules(ids) => ids.iter().any(|of| of == id),
            OptIn::All => true,
        }
    }
}

/// An approval in the project's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfiguredApproval {
    /// The version or the name of the migration.
    pub migration: String,
    /// The approved rule, and the reason.
    pub approval: Approval,
}

impl ConfiguredApproval {
    /// Approves a rule's findings in a migration, given by its version or its name.
    pub fn new(
        migration: impl Into<String>,
        rule: impl Into<String>,
        reason: Option<String>,
    ) -> ConfiguredApproval {
        let rule = rule.into().replace('_', "-");
        ConfiguredApproval {
            migration: migration.into(),
            approval: Approval { rule: rule.into(), reason: reason.map(Into::into) },
        }
    }
}

impl LintOptions {
    /// Creates options that know only the set.
    pub fn new() -> LintOptions {
        LintOptions::default()
    }

    /// The number of the set's migrations that are applied where the facts were read; `None` without facts.
    pub fn included_in_facts(&self, set: &Set) -> Option<usize> {
        let Some(last) = self.facts.as_ref()?.positions.get(set.name()) else { return Some(0) };
        let last = Version::new(last.clone(), set.order());
        Some(set.iter().take_while(|migration| *migration.version() <= last).count())
    }

    /// The number of the set's migrations that are not judged, because they are applied; `None` if neither
    /// [`since`](LintOptions::since) nor the facts tell.
    pub fn applied(&self, set: &Set) -> Option<usize> {
        match &self.since {
            Some(since) => set.position(since).map(|last| last + 1),
            None => self.included_in_facts(set),
        }
    }

    /// The major version to judge for.
    pub(super) fn server_version_or_facts(&self) -> Option<u32> {
        self.server_version.or_else(|| self.facts.as_ref()?.server_version)
    }

    /// Sets the last migration that is applied.
    pub fn since(self, version: Version) -> LintOptions {
        LintOptions { since: Some(version), ..self }
    }

    /// Sets the server's major version.
    pub fn server_version(self, version: u32) -> LintOptions {
        LintOptions { server_version: Some(version), ..self }
    }

    /// Sets whether the time zone of the run's session is UTC.
    pub fn utc(self, is_utc: bool) -> LintOptions {
        LintOptions { is_utc: Some(is_utc), ..self }
    }

    /// Sets the facts about the target database.
    pub fn facts(self, facts: impl Into<Arc<Facts>>) -> LintOptions {
        LintOptions { facts: Some(facts.into()), ..self }
    }

    /// Sets the rules to apply that are off by default.
    pub fn opt_in(self, opt_in: OptIn) -> LintOptions {
        LintOptions { opt_in, ..self }
    }

    /// Adds a rule of the project.
    pub fn rule(mut self, rule: impl LintRule + 'static) -> LintOptions {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Adds the id of an own rule that this judgement does not apply.
    pub fn known_rule(mut self, id: impl Into<String>) -> LintOptions {
        self.known_rules.push(id.into().replace('_', "-"));
        self
    }

    /// Approves a rule's findings in a migration, given by its version or its name.
    pub fn allow(
        mut self,
        migration: impl Into<String>,
        rule: impl Into<String>,
        reason: impl Into<String>,
    ) -> LintOptions {
        self.allow.push(ConfiguredApproval::new(migration, rule, Some(reason.into())));
        self
    }
}
