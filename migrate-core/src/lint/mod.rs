//! Rules that find dangerous migrations in a set.
//!
//! [`lint`] checks each statement of a set's scripts. It returns a [`Finding`] for each statement that loses
//! data, blocks other sessions, or breaks running code. It uses the text of the scripts and the schema that
//! the earlier migrations of the set created: columns and their types, constraints and their validation,
//! indexes, domains, partitions. With [facts](LintOptions::facts) about the target database it knows
//! everything, including sizes. It ignores tables that are not in use yet, because the same script or a
//! pending migration of the same run creates them.
//!
//! A [`Rule`] is identified by its [id](Rule::id). A script approves a rule in its header, or above a statement
//! for that statement: `-- migrate: allow=drop-column reason="unused since 2.0"`. The findings that it approves
//! are in [`Judgement::approved`]. No rule demands guarantees that the runner provides: timeouts, a script that
//! runs once, a session whose settings are restored.
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
//! let judgement = lint(&set, &LintOptions::new()).unwrap();
//! let dangerous: Vec<String> = judgement.at_least(Risk::Dangerous).map(ToString::to_string).collect();
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
mod dynamic;
mod error;
mod finding;
mod loss;
mod model;
mod options;
mod own;
mod rule;
mod script;
mod transactions;

pub use error::LintError;
pub use finding::{Approved, ApprovedBy, Finding, Judgement};
pub use options::{ConfiguredApproval, LintOptions, OptIn};
pub use own::{JudgedStatement, LintRule, RuleFinding};
pub use rule::{Family, Risk, Rule, rule, rules};

use crate::set::{Role, Set};
use model::Model;
use script::Place;

/// Judges the scripts of a set.
///
/// # Errors
///
/// Options that can't be right: an id that belongs to no rule, facts about another major version.
pub fn lint(set: &Set, options: &LintOptions) -> Result<Judgement, LintError> {
    error::check(set, options)?;
    let known = options.included_in_facts(set);
    let applied = match &options.since {
        Some(since) => set.position(since).map(|last| last + 1),
        None => known,
    };
    let mut model = Model::new(options);
    let (mut judged, mut keys) = (Vec::new(), Vec::new());
    for (at, migration) in set.iter().enumerate() {
        if known == Some(at) {
            model = Model::of_facts(options);
        }
        let Some(script) = migration.up().into_script() else { continue };
        let place = Place { script, version: migration.version(), role: Role::Up };
        if applied.is_none_or(|applied| at <= applied) {
            model.settle();
        }
        let is_judged = applied.is_none_or(|applied| at >= applied);
        if !is_judged {
            // The facts include it.
            if known.is_none_or(|known| at >= known || applied < Some(known)) {
                model.follow(&place.script);
            }
            judged.push(Judged { place, name: migration.name(), findings: None });
            continue;
        }
        let findings = script::judge(&place, &mut model, &mut keys, options);
        judged.push(Judged { place, name: migration.name(), findings: Some(findings) });
    }
    for (of, key) in design::without_index(&keys, &model) {
        let of = judged.iter_mut().find(|judged| *judged.place.version == of);
        of.and_then(|judged| judged.findings.as_mut()).into_iter().for_each(|found| found.push(key.clone()));
    }
    Ok(approvals(judged, options))
}

/// A script with its findings; `None` if it is not judged.
struct Judged<'a> {
    place: Place<'a>,
    name: &'a str,
    findings: Option<Vec<Finding>>,
}

/// Applies the approvals.
fn approvals(judged: Vec<Judged<'_>>, options: &LintOptions) -> Judgement {
    let mut judgement = Judgement::default();
    for Judged { place, name, findings } in judged {
        let Some(mut findings) = findings else {
            allow::unknown(&place, options, &mut judgement);
            continue;
        };
        findings.sort_by_key(|finding| finding.span.start);
        let is_for = |of: &&ConfiguredApproval| error::is_named(place.version, name, &of.migration);
        let configured: Vec<&ConfiguredApproval> = options.allow.iter().filter(is_for).collect();
        let is_used = allow::apply(&place, findings, &configured, options, &mut judgement);
        allow::unneeded(&place, &configured, &is_used, options, &mut judgement);
    }
    judgement
}
