//! The versions of rewritten migrations, and of those behind them.

use super::super::name::Name;
use super::super::stub::{following, is_after};
use super::is_rewritten;
use super::problem::RewriteProblem;
use migrate_core::lint::LintOptions;
use migrate_core::lint::fix::Rewrite;
use migrate_core::{Layout, Set};

/// A migration of the folder, and the migrations in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Numbered {
    /// The name before.
    pub(super) old: String,
    /// The versions, as written: one for a migration that is not divided, and none for one without a version of
    /// digits.
    pub(super) versions: Vec<String>,
    /// The names.
    pub(super) names: Vec<String>,
}

/// Gives each part of a rewrite a version after the part before it, in the style of the migration's own. A
/// migration behind it keeps its version if it still comes after them.
pub(super) fn assign(
    set: &Set,
    layout: Layout,
    options: &LintOptions,
    rewrites: &[Rewrite],
) -> Result<Vec<Numbered>, RewriteProblem> {
    let mut all: Vec<Numbered> = Vec::new();
    let applied = options.applied(set).unwrap_or_default();
    for (at, migration) in set.iter().enumerate() {
        let old = migration.name().to_owned();
        let rewrite = rewrites.iter().find(|of| of.version == *migration.version() && is_rewritten(of));
        let name = Name::of_migration(migration.name(), layout);
        let Some(name) = name.filter(|_| !migration.version().is_repeatable()) else {
            if rewrite.is_some() {
                return Err(RewriteProblem::Version { name: old });
            }
            all.push(Numbered { names: vec![old.clone()], old, versions: Vec::new() });
            continue;
        };
        let words: Vec<&str> =
            rewrite.map_or_else(|| vec![""], |of| of.scripts.iter().map(|script| script.word).collect());
        let mut numbered = Numbered { old, versions: Vec::new(), names: Vec::new() };
        for rest in described(name, &words) {
            let before = numbered.names.last().zip(numbered.versions.last());
            let before =
                before.or_else(|| last(&all)).map(|(name, version)| (name.as_str(), version.as_str()));
            let is_first = numbered.names.is_empty();
            let own = (migration.name(), name.version);
            let version = match before {
                Some(before) if !is_first || at >= applied && !is_after(layout, before, own) => {
                    following(before.1)
                }
                _ => name.version.to_owned(),
            };
            numbered.names.push(name.with(&version, &rest));
            numbered.versions.push(version);
        }
        all.push(numbered);
    }
    Ok(all)
}

/// The last migration with a version, by name and version.
fn last(all: &[Numbered]) -> Option<(&String, &String)> {
    all.iter().rev().find_map(|numbered| numbered.names.last().zip(numbered.versions.last()))
}

/// The descriptions of the parts: the migration's own, and the same with a word behind it.
fn described(name: Name<'_>, words: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words {
        let own = if word.is_empty() { name.rest.to_owned() } else { name.rest_and(word) };
        let mut unique = own.clone();
        let mut number = 2;
        while all.contains(&unique) {
            unique = format!("{own}_{number}");
            number += 1;
        }
        all.push(unique);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_same_kind_are_numbered() {
        let name = |name| Name::of_migration(name, Layout::Flat).unwrap();
        assert_eq!(
            described(name("0001_orders"), &["", "validate", "index", "validate"]),
            ["_orders", "_orders_validate", "_orders_index", "_orders_validate_2"]
        );
        assert_eq!(described(name("0001_"), &["", "then"]), ["_", "_then"]);
    }
}
