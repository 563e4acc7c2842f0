//! Safe versions: the scripts that replace a dangerous one.
//!
//! [`rewrites`] takes the findings of a set and writes the scripts that avoid them: `CONCURRENTLY` in a script
//! of its own, `NOT VALID` and `VALIDATE CONSTRAINT` apart, a unique index before its constraint, a checked
//! bound before a partition is attached, the rows of a table in batches. Each script has a down script that
//! restores the schema from before it. The findings that remain are listed, each with the reason.
//!
//! # Examples
//!
//! ```
//! use migrate_core::lint::LintOptions;
//! use migrate_core::lint::fix::rewrites;
//! use migrate_core::{Migration, Script, Set, SqlMigration, Version};
//! use std::sync::Arc;
//!
//! let text = "ALTER TABLE users ADD age int;\nALTER TABLE users ADD CHECK (age > 0);";
//! let script = Script::of_up_text("0001_age.sql", text.to_owned())?;
//! let migration = SqlMigration::new(Version::numeric("0001"), "0001_age", script);
//! let set = Set::new("app", vec![Arc::new(migration) as Arc<dyn Migration>]).unwrap();
//!
//! let rewrites = rewrites(&set, &LintOptions::default()).unwrap();
//! let scripts: Vec<String> = rewrites[0].scripts.iter().map(|script| script.up.to_string()).collect();
//! assert_eq!(
//!     scripts,
//!     [
//!         "ALTER TABLE users ADD age int;\n\
//!          ALTER TABLE users ADD CONSTRAINT users_age_check CHECK (age > 0) NOT VALID;\n",
//!         "ALTER TABLE users VALIDATE CONSTRAINT users_age_check;\n",
//!     ]
//! );
//! # Ok::<(), String>(())
//! ```

mod alter;
mod batches;
mod column;
mod concurrently;
mod constraint;
mod context;
mod down;
mod fill;
mod names;
mod not_null;
mod pack;
mod partition;
mod queue;
mod reason;
mod script;
mod source;
mod statement;
mod step;
mod text;
mod unique;

use super::finding::Finding;
use super::model::Model;
use super::{LintError, LintOptions, lint};
use crate::set::migration::Migration;
use crate::set::options::Options;
use crate::set::version::Version;
use crate::set::{Role, Set};
use std::fmt;

/// The safe version of a migration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Rewrite {
    /// The migration.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The scripts in its place, in order; none if it stays as it is.
    pub scripts: Vec<SafeScript>,
    /// The findings that the rewrite removes.
    pub done: Vec<Finding>,
    /// The findings that stay, and other remarks.
    pub not_done: Vec<NotDone>,
}

/// A finding that a rewrite leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotDone {
    /// The finding; `None` for a remark on the down script.
    pub finding: Option<Finding>,
    /// The reason.
    pub reason: String,
}

/// One of the migrations in place of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SafeScript {
    /// A word for its name, which tells it from the others: `validate`.
    pub word: &'static str,
    /// The up script.
    pub up: ScriptText,
    /// The index of the script of the rewrite, a backfill, for which it waits: its version is to be the `after` of
    /// the up script.
    pub after: Option<usize>,
    /// The down script, if the original has one.
    pub down: Option<ScriptText>,
    /// The verify script.
    pub verify: Option<String>,
}

impl SafeScript {
    /// The script with the version for which it waits in its header, given the versions of all scripts of the
    /// rewrite.
    #[must_use]
    pub fn numbered(&self, versions: &[String]) -> SafeScript {
        let mut script = self.clone();
        if let Some(version) = self.after.and_then(|after| versions.get(after)) {
            script.up.options.after = Some(version.clone().into());
        }
        script
    }
}

/// The text of a script and the options of its header.
///
/// [`Display`](fmt::Display) writes the header and the text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptText {
    /// The options.
    pub options: Options,
    /// The statements, without the header.
    pub text: String,
}

impl fmt::Display for ScriptText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.options != Options::NONE {
            writeln!(f, "-- migrate: {}", self.options)?;
        }
        f.write_str(&self.text)
    }
}

/// Writes the safe versions of the migrations that are not applied. The result has an entry for each migration
/// with a finding that is dangerous or that a rewrite removes.
///
/// The migrations after [`since`](LintOptions::since) count as those of one run.
///
/// # Errors
///
/// As [`lint`].
pub fn rewrites(set: &Set, options: &LintOptions) -> Result<Vec<Rewrite>, LintError> {
    let judgement = lint(set, options)?;
    let mut rewrites = Vec::new();
    for (migration, before) in pending(set, options) {
        let of = |role| {
            let is_of =
                move |finding: &&Finding| finding.version == *migration.version() && finding.role == role;
            let approved = judgement.approved.iter().map(|approved| &approved.finding);
            script::Judged {
                findings: judgement.findings.iter().filter(is_of).collect(),
                approved: approved.filter(is_of).collect(),
            }
        };
        rewrites.extend(script::rewrite(migration, &before, &of(Role::Up), &of(Role::Down)));
    }
    for rewrite in &mut rewrites {
        let remarks = dependents(set, rewrite);
        rewrite.not_done.extend(remarks);
    }
    Ok(rewrites)
}

/// Remarks on the later migrations that name a table whose rows are written in batches: they don't wait.
fn dependents(set: &Set, rewrite: &Rewrite) -> Vec<NotDone> {
    if rewrite.scripts.iter().all(|script| script.after.is_none()) {
        return Vec::new();
    }
    let batches = rewrite.scripts.iter().filter(|script| script.up.options.batch.is_some());
    let tables: Vec<String> = batches.filter_map(|script| batches::table_of(&script.up.text)).collect();
    let mut remarks = Vec::new();
    for migration in set.iter().filter(|migration| *migration.version() > rewrite.version) {
        let Some(script) = migration.up().into_script() else { continue };
        let Some(table) = tables.iter().find(|table| batches::names(script.text(), table)) else { continue };
        remarks.push(NotDone {
            finding: None,
            reason: format!(
                "{} names {table} and doesn't wait for its rows: if it needs them, or a constraint that waits for \
                 them, give it the same `after`",
                migration.name()
            ),
        });
    }
    remarks
}

/// The migrations that are judged, each with the state of the schema before it.
fn pending<'s>(set: &'s Set, options: &LintOptions) -> Vec<(&'s dyn Migration, Model)> {
    let known = options.included_in_facts(set);
    let applied = options.applied(set);
    let mut model = Model::new(options);
    let mut pending = Vec::new();
    for (at, migration) in set.iter().enumerate() {
        if known == Some(at) {
            model = Model::of_facts(options);
        }
        if applied.is_none_or(|applied| at <= applied) {
            model.settle();
        }
        if applied.is_none_or(|applied| at >= applied) {
            pending.push((migration, model.clone()));
        }
        match migration.up().into_script() {
            Some(script) => model.follow(&script),
            None => model.follow_unknown(),
        }
    }
    pending
}
