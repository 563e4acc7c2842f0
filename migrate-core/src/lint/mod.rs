//! Rules that find dangerous migrations in a set.
//!
//! [`lint`] checks each statement in the up scripts of a set. It returns a [`Finding`] for each statement that
//! loses data, blocks other sessions, or breaks running code. It uses the text of the scripts and the schema
//! that the earlier migrations of the set created: columns and their types, constraints and their validation,
//! indexes, domains, partitions. It ignores tables that are not in use yet, because the same script or a
//! pending migration of the same run creates them.
//!
//! A [`Rule`] is identified by its [id](Rule::id). A script allows a rule in its header:
//! `-- migrate: allow=drop-column`. No rule demands guarantees that the runner provides: timeouts, a script
//! that runs once, a session whose settings are restored.
//!
//! # Examples
//!
//! ```
//! use migrate_core::lint::{LintOptions, Risk, lint};
//! use migrate_core::{Migration, Script, Set, SqlMigration, Version};
//! use std::sync::Arc;
//!
//! let text = "ALTER TABLE users ADD age int;\nCREATE INDEX users_age ON users (age);";
//! let script = Script::of_up_text("0001_age.sql", text.to_owned())?;
//! let migration = SqlMigration::new(Version::numeric("0001"), "0001_age", script);
//! let set = Set::new("app", vec![Arc::new(migration) as Arc<dyn Migration>]).unwrap();
//!
//! let findings = lint(&set, &LintOptions::default());
//! let dangerous: Vec<String> =
//!     findings.iter().filter(|finding| finding.risk >= Risk::Dangerous).map(ToString::to_string).collect();
//! assert_eq!(
//!     dangerous,
//!     [
//!         "0001_age.sql:2:1: dangerous: nobody can write users while an index is built [index-not-concurrent]",
//!         "0001_age.sql:2:1: dangerous: the lock on users of the statement in line 1 is held until the index is built: \
//!          nobody can read or write it [slow-after-lock]",
//!     ]
//! );
//! # Ok::<(), String>(())
//! ```

mod allow;
mod blocking;
mod column;
mod compatibility;
mod design;
mod finding;
mod loss;
mod model;
mod rule;
mod script;
mod transactions;

pub use finding::Finding;
pub use rule::{Risk, Rule, rule, rules};

use crate::set::Set;
use crate::set::version::Version;
use model::Model;

/// Facts that the set does not contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LintOptions {
    /// The last migration that is applied to the target database. Migrations up to it are not judged; later
    /// ones are judged as the migrations of one run. If it is `None` or not in the set, all migrations are
    /// judged, each as if the previous ones had been applied long ago.
    pub since: Option<Version>,
    /// The server's major version. If it is `None`, a danger in any version from 14 to 18 counts.
    pub server_version: Option<u32>,
    /// True if the time zone of the run's session is UTC: then times with and without a time zone have the
    /// same stored form.
    pub is_utc: Option<bool>,
}

/// Judges the up scripts of a set. The findings are in the order of the migrations and their statements.
pub fn lint(set: &Set, options: &LintOptions) -> Vec<Finding> {
    let applied = options.since.as_ref().and_then(|since| set.position(since)).map(|last| last + 1);
    let mut model = Model::new(options);
    let (mut findings, mut keys) = (Vec::new(), Vec::new());
    for (at, migration) in set.iter().enumerate() {
        let Some(script) = migration.up().into_script() else { continue };
        if applied.is_none_or(|applied| at <= applied) {
            model.settle();
        }
        if applied.is_some_and(|applied| at < applied) {
            model.follow(&script);
        } else {
            let found = script::judge(&script, migration.version(), &mut model, &mut keys);
            findings.push(found);
        }
    }
    for (of, key) in design::without_index(&keys, &model) {
        if let Some(script) = findings.iter_mut().find(|script: &&mut script::Judged| script.version == of) {
            script.findings.push(key);
        }
    }
    findings.into_iter().flat_map(script::Judged::into_findings).collect()
}
