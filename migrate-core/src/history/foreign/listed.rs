//! The migrations of a set that another tool's history lists.

use super::{ForeignHistory, ForeignMigration, ForeignMigrationState, Tool};
use crate::set::Set;
use crate::set::migration::Migration;
use crate::set::version::Version;

impl ForeignHistory {
    /// The migrations of a set that the history lists as applied or as begun, in the set's order.
    ///
    /// A migration is listed by its version. If the tool stores names or checksums, at least one listed
    /// migration must match the set in either: so an edited file counts, and the `0001` of another set does
    /// not. If the tool stores only versions, the version decides.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::history::foreign::{ForeignHistory, ForeignMigration, Tool};
    /// use migrate_core::{Script, Set, SqlMigration, Version};
    /// use std::sync::Arc;
    ///
    /// let up = Script::of_text("0001_users.sql", "CREATE TABLE users ()".to_owned()).unwrap();
    /// let set = Set::new("app", vec![Arc::new(SqlMigration::new(Version::numeric("0001"), "0001_users", up))]).unwrap();
    /// let listed = |name: &str| {
    ///     let found = vec![ForeignMigration::applied("1").named(name)];
    ///     ForeignHistory::new(Tool::Sqlx, "public._sqlx_migrations", found).listed(&set).len()
    /// };
    /// assert_eq!(listed("users"), 1);
    /// assert_eq!(listed("orders"), 0);
    /// ```
    pub fn listed<'s>(&self, set: &'s Set) -> Vec<&'s dyn Migration> {
        let counts = self.found.iter().filter(|found| found.state != ForeignMigrationState::Reverted);
        let (marks, rows): (Vec<_>, Vec<_>) = counts.partition(|found| self.stands_for_earlier(found));
        let known: Vec<_> = rows.iter().filter_map(|found| Some((*found, found.find(set)?))).collect();
        // A mark without other rows has no name to compare.
        if !rows.is_empty() && !known.iter().any(|(found, migration)| found.agrees_with(*migration)) {
            return Vec::new();
        }
        let up_to = marks.iter().map(|mark| Version::new(mark.version.clone(), set.order())).max();
        let is_listed = |migration: &&dyn Migration| {
            let version = migration.version();
            let is_before = !version.is_repeatable() && up_to.as_ref().is_some_and(|last| version <= last);
            is_before || known.iter().any(|(_, known)| known.version() == version)
        };
        set.replaced().chain(set.iter()).filter(is_listed).collect()
    }

    /// Returns true if a row covers all versions up to its own.
    fn stands_for_earlier(&self, found: &ForeignMigration) -> bool {
        found.state == ForeignMigrationState::AppliedUpTo
            || matches!(self.tool, Tool::GolangMigrate | Tool::Tern)
    }
}

impl ForeignMigration {
    /// Returns true if the name or the checksum matches a migration of the same version, as far as the tool
    /// stores either.
    fn agrees_with(&self, migration: &dyn Migration) -> bool {
        let name = self
            .name
            .as_deref()
            .map(|name| words(name) == words(without_version(migration.name())) || name == migration.name());
        let text = self.checksum.as_ref().map(|checksum| checksum.is_of(migration));
        match (name, text) {
            (None, None) => true,
            (name, text) => name == Some(true) || text == Some(true),
        }
    }
}

/// The part of a file name after the version: `users` in `V1__users` and in `0001_users`.
fn without_version(name: &str) -> &str {
    let rest = name.split_once("__").filter(|_| name.starts_with(['V', 'U', 'R']));
    rest.or_else(|| name.split_once('_')).map_or(name, |(_, rest)| rest)
}

/// A name as sqlx and Flyway write it, with spaces for underscores.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
