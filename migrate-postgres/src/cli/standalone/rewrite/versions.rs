//! The versions of rewritten migrations, and of those behind them.

use super::super::renumber::Name;
use super::super::stub::{following, is_after, version_as_named};
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
    /// The versions, as written; one for a migration that is not divided.
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
        let name = migration.name();
        let rewrite = rewrites.iter().find(|of| of.version == *migration.version() && is_rewritten(of));
        let words: Vec<&str> =
            rewrite.map_or_else(|| vec![""], |of| of.scripts.iter().map(|script| script.word).collect());
        let Some(version) = version_as_named(name, layout).filter(|_| !migration.version().is_repeatable())
        else {
            all.push(Numbered { old: name.to_owned(), versions: Vec::new(), names: vec![name.to_owned()] });
            continue;
        };
        let description = Name::of(name).map_or("", |(name, _)| name.description());
        let mut numbered = Numbered { old: name.to_owned(), versions: Vec::new(), names: Vec::new() };
        for description in described(description, &words) {
            let before = numbered.names.last().zip(numbered.versions.last());
            let before =
                before.or_else(|| last(&all)).map(|(name, version)| (name.as_str(), version.as_str()));
            let is_first = numbered.names.is_empty();
            let own = match before {
                _ if is_first && at < applied => version.to_owned(),
                Some(before) if is_first && is_after(layout, before, version, &description) => {
                    version.to_owned()
                }
                Some((_, before)) => following(before),
                None => version.to_owned(),
            };
            let is_same = is_first && own == version;
            numbered.names.push(if is_same { name.to_owned() } else { named(layout, &own, &description) });
            numbered.versions.push(own);
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
fn described(description: &str, words: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in words {
        let both: Vec<&str> = [description, word].into_iter().filter(|part| !part.is_empty()).collect();
        let own = both.join("_");
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

/// A migration's name in a layout.
fn named(layout: Layout, version: &str, description: &str) -> String {
    match layout {
        Layout::Flyway | Layout::Refinery => format!("V{version}__{description}"),
        _ if description.is_empty() => version.to_owned(),
        _ => format!("{version}_{description}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_same_kind_are_numbered() {
        assert_eq!(
            described("orders", &["", "validate", "index", "validate"]),
            ["orders", "orders_validate", "orders_index", "orders_validate_2"]
        );
        assert_eq!(described("", &["", "then"]), ["", "then"]);
    }
}
