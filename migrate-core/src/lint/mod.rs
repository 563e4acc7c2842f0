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
mod down;
mod dynamic;
mod error;
mod finding;
pub mod fix;
mod loss;
mod model;
mod opt_in;
mod options;
mod own;
mod rule;
mod script;
mod timeouts;
mod transactions;

pub use error::LintError;
pub use finding::{Approved, ApprovedBy, Finding, Judgement};
pub use options::{ConfiguredApproval, LintOptions, OptIn};
pub use own::{JudgedStatement, LintRule, RuleFinding};
pub use rule::{Family, Risk, Rule, rule, rules};

use crate::set::migration::{Migration, Payload};
use crate::set::script::Script;
use crate::set::{Role, Set};
use design::ForeignKey;
use model::Model;
use script::Place;
use std::borrow::Cow;
use std::collections::HashMap;

/// Judges the scripts of a set.
///
/// # Errors
///
/// Invalid options: an id that belongs to no rule, facts about another major version.
pub fn lint(set: &Set, options: &LintOptions) -> Result<Judgement, LintError> {
    error::check(set, options)?;
    let known = options.included_in_facts(set);
    let applied = options.applied(set);
    let mut model = Model::new(options);
    let (mut judged, mut keys) = (Vec::new(), Vec::new());
    for (at, migration) in set.iter().enumerate() {
        if known == Some(at) {
            model = Model::of_facts(options);
        }
        if applied.is_none_or(|applied| at <= applied) {
            model.settle();
        }
        let [up, down] = scripts(migration);
        if applied.is_none_or(|applied| at >= applied) {
            judged.extend(up.map(|place| Judged::up(migration, place, &mut model, &mut keys, options)));
            judged.extend(down.map(|place| Judged::down(migration, place, &model, options)));
            continue;
        }
        // The facts include it.
        let is_included = known.is_some_and(|known| at < known && applied >= Some(known));
        up.iter().filter(|_| !is_included).for_each(|place| place.follow(&mut model));
        let places = up.into_iter().chain(down);
        judged.extend(places.map(|place| Judged { place, name: migration.name(), findings: None }));
    }
    for (of, key) in design::without_index(&keys, &model) {
        let is_of = |judged: &&mut Judged<'_>| *judged.place.version == of && judged.place.role == Role::Up;
        let findings = judged.iter_mut().find(is_of).and_then(|judged| judged.findings.as_mut());
        findings.into_iter().for_each(|findings| findings.push(key.clone()));
    }
    Ok(approvals(judged, options))
}

/// The up and the down script of a migration.
fn scripts(migration: &dyn Migration) -> [Option<Place<'_>>; 2] {
    let (version, is_verified) = (migration.version(), migration.verify().is_some());
    let place = |payload, role| {
        let (script, is_code) = match payload {
            Payload::Script(script) | Payload::Backfill(script) => (judged_as_whole(script), false),
            Payload::Code(code) => (Cow::Owned(code.header()), true),
        };
        Place { script, version, role, is_verified, is_code }
    };
    [Some(place(migration.up(), Role::Up)), migration.down().map(|payload| place(payload, Role::Down))]
}

/// The script of a backfill with a condition that selects all rows in place of `${batch}`, and as long as that:
/// each place in the text stays where it is.
fn judged_as_whole(script: Cow<'_, Script>) -> Cow<'_, Script> {
    match script.options().batch {
        Some(_) => Cow::Owned(script.in_batch("true    ")),
        None => script,
    }
}

/// A script with its findings; `None` if it is not judged.
struct Judged<'a> {
    place: Place<'a>,
    name: &'a str,
    findings: Option<Vec<Finding>>,
}

impl<'a> Judged<'a> {
    fn up(
        migration: &'a dyn Migration,
        place: Place<'a>,
        model: &mut Model,
        keys: &mut Vec<ForeignKey>,
        options: &LintOptions,
    ) -> Judged<'a> {
        let findings = script::judge(&place, model, keys, options);
        Judged { place, name: migration.name(), findings: Some(findings) }
    }

    /// Judges a down script, which runs some time after the up script.
    fn down(
        migration: &'a dyn Migration,
        place: Place<'a>,
        model: &Model,
        options: &LintOptions,
    ) -> Judged<'a> {
        let mut model = model.for_later(&place.script);
        let findings = script::judge(&place, &mut model, &mut Vec::new(), options);
        Judged { place, name: migration.name(), findings: Some(findings) }
    }
}

/// Applies the approvals.
fn approvals(judged: Vec<Judged<'_>>, options: &LintOptions) -> Judgement {
    let mut judgement = Judgement::default();
    let mut is_used = vec![false; options.allow.len()];
    let mut last: HashMap<usize, Place<'_>> = HashMap::new();
    for Judged { place, name, findings } in judged {
        let Some(mut findings) = findings else {
            allow::unknown(&place, options, &mut judgement);
            continue;
        };
        findings.sort_by_key(|finding| finding.span.start);
        let is_for = |at: &usize| error::is_named(place.version, name, &options.allow[*at].migration);
        let configured: Vec<usize> = (0..options.allow.len()).filter(is_for).collect();
        let used = allow::apply(&place, findings, &configured, options, &mut judgement);
        for (at, used) in configured.into_iter().zip(used) {
            is_used[at] |= used;
            last.insert(at, place.clone());
        }
    }
    for (at, allowed) in options.allow.iter().enumerate().filter(|(at, _)| !is_used[*at]) {
        let place = last.get(&at);
        judgement.findings.extend(place.and_then(|place| allow::unneeded(place, allowed, options)));
    }
    judgement
}
