//! The project's configuration: `migrate.toml` beside `Cargo.toml`.
//!
//! ```toml
//! [lint]
//! deny = "dangerous"            # fails the build and `migrate check`
//! since = "0042"                # judges later migrations only; { billing = "0007" } for sets by name
//! facts = "db/facts.json"       # what `migrate facts` has written, relative to this file
//! pg = 17                       # the major version to judge for
//! opt_in = ["no-primary-key"]   # rules that are off by default; "all" for all of them
//! own_rules = ["no-triggers"]   # ids of rules that only the project's tests apply
//!
//! [[lint.allow]]                # for migrations that are applied, whose files must not change
//! migration = "0007_legacy"
//! rule = "drop-table"
//! reason = "the table was empty"
//!
//! [dev]
//! branch = "main"               # what is released: migrations that are there, for `migrate dev`
//! ```
//!
//! An entry of `lint.allow` with `set = "billing"` is for that set only.

#[cfg(feature = "config")]
mod read;
#[cfg(feature = "config")]
pub mod source;

use crate::display::printable::printable;
use crate::lint::{ConfiguredApproval, Judgement, LintError, LintOptions, OptIn, Risk, lint};
use crate::set::Set;
use crate::set::version::Version;
use crate::sql::LineColumn;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The name of the file.
pub const FILE_NAME: &str = "migrate.toml";

/// The configuration of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The settings of lint.
    pub lint: LintConfig,
    /// The settings of `migrate dev`.
    pub dev: DevConfig,
}

/// The part of the configuration about `migrate dev`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DevConfig {
    /// The branch whose migrations count as released.
    pub branch: Option<String>,
}

/// The part of the configuration about lint. A caller may override each field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LintConfig {
    /// The minimum risk at which a finding is an error.
    pub deny: Option<Risk>,
    /// The last migration that is not judged.
    pub since: Since,
    /// The file with facts about the database.
    pub facts: Option<PathBuf>,
    /// The major version of PostgreSQL to judge for.
    pub pg: Option<u32>,
    /// The rules to apply that are off by default.
    pub opt_in: OptIn,
    /// The ids of the project's own rules.
    pub own_rules: Vec<String>,
    /// The approvals, each with the set that it is for, if it is for one only.
    pub allow: Vec<(Option<String>, ConfiguredApproval)>,
}

/// The last migration that is not judged, by its version or name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Since {
    /// None: the facts decide.
    #[default]
    Unset,
    /// This one, in each set.
    Every(String),
    /// One for each of these sets.
    Sets(BTreeMap<String, String>),
}

impl Since {
    /// That of a set.
    pub fn of(&self, set: &str) -> Option<&str> {
        match self {
            Since::Unset => None,
            Since::Every(since) => Some(since),
            Since::Sets(sets) => sets.get(set).map(String::as_str),
        }
    }
}

impl LintConfig {
    /// The options to judge a set with. Reads the file with facts.
    ///
    /// # Errors
    ///
    /// If the set lacks the migration that `since` names, or the facts can't be read.
    pub fn options(&self, set: &Set) -> Result<LintOptions, JudgeError> {
        let mut options = LintOptions::new().opt_in(self.opt_in.clone());
        options.since = self.since_version(set)?;
        options.server_version = self.pg;
        options.known_rules.clone_from(&self.own_rules);
        options.allow = self.approvals(set.name()).cloned().collect();
        #[cfg(feature = "config")]
        if let Some(path) = &self.facts {
            options = options.facts(source::facts(path)?);
        }
        Ok(options)
    }

    /// The version of the last migration that is not judged.
    ///
    /// # Errors
    ///
    /// If the set lacks it.
    pub fn since_version(&self, set: &Set) -> Result<Option<Version>, JudgeError> {
        self.since.of(set.name()).map(|since| version(set, since)).transpose()
    }

    /// Judges a set.
    ///
    /// # Errors
    ///
    /// Those of [`LintConfig::options`] and [`lint`](lint()).
    pub fn judge(&self, set: &Set) -> Result<Judgement, JudgeError> {
        Ok(lint(set, &self.options(set)?)?)
    }

    /// The approvals for a set.
    pub fn approvals(&self, set: &str) -> impl Iterator<Item = &ConfiguredApproval> {
        let is_for = move |of: &Option<String>| of.as_deref().is_none_or(|of| of == set);
        self.allow.iter().filter(move |(of, _)| is_for(of)).map(|(_, approval)| approval)
    }
}

fn version(set: &Set, since: &str) -> Result<Version, JudgeError> {
    let found = set.named_as(since).map(|migration| migration.version().clone());
    found.ok_or_else(|| JudgeError::UnknownSince {
        since: since.to_owned(),
        last: set.iter().next_back().map(|last| last.name().to_owned()),
    })
}

/// Adds the approvals for migrations of a set to the options of its judgement.
pub fn accepted_in(set: &Set, approvals: &[ConfiguredApproval], options: &mut LintOptions) {
    for of in approvals {
        let Some(migration) = set.named_as(&of.migration) else { continue };
        options.known_rules.push(of.approval.rule.to_string());
        options.allow.push(ConfiguredApproval { migration: migration.name().to_owned(), ..of.clone() });
    }
}

/// A configuration with which a set can't be judged.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum JudgeError {
    /// A file can't be read.
    #[error("{}", crate::clean!("can't read `{}`: {source}", path.display()))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The configuration has a fault.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The file with facts has a fault.
    #[cfg(feature = "config")]
    #[error("{}", crate::clean!("{}: {error}", path.display()))]
    Facts {
        /// The file.
        path: PathBuf,
        /// The fault.
        error: crate::sql::facts::FactsError,
    },
    /// The set lacks the migration that is named as the last one not to judge.
    #[error("{}", crate::clean!("there is no migration `{since}` to judge from: {}", match last {
        Some(last) => format!("the last is {last}"),
        None => "the set is empty".to_owned(),
    }))]
    UnknownSince {
        /// The version or the name.
        since: String,
        /// The name of the last migration.
        last: Option<String>,
    },
    /// The options contradict each other or the set.
    #[error(transparent)]
    Lint(#[from] LintError),
}

crate::debug_as_display!(JudgeError);

/// A fault in the configuration, with its place.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file, as the caller names it.
    pub path: String,
    /// The place in it.
    pub place: LineColumn,
    /// The fault.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { path, place, message } = self;
        write!(f, "{}:{place}: {}", printable(path), printable(message))
    }
}

impl std::error::Error for ConfigError {}

crate::debug_as_display!(ConfigError);
