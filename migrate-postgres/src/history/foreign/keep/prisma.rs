//! `_prisma_migrations`, written as `sql_migration_persistence.rs` of prisma-engines does.

use super::{CLOCK, text};
use crate::history::{Checkpoint, Checkpoints, Entry, ForeignWriter};
use crate::sql::quote::quote_literal;
use migrate_core::history::foreign::Tool;
use migrate_core::history::foreign::prisma::{STOPPED, UNFINISHED, checksum};
use migrate_core::plan::Action;

#[derive(Debug)]
pub(super) struct Prisma;

/// The rows of a migration that count as applied.
const APPLIED: &str = "finished_at IS NOT NULL AND rolled_back_at IS NULL";

fn name(entry: Entry<'_>) -> String {
    quote_literal(&entry.step.name)
}

impl ForeignWriter for Prisma {
    fn columns(&self) -> &'static [&'static str] {
        &[
            "id",
            "checksum",
            "finished_at",
            "migration_name",
            "logs",
            "rolled_back_at",
            "started_at",
            "applied_steps_count",
        ]
    }

    fn create(&self, table: &str) -> String {
        super::create(Tool::Prisma, table)
    }

    fn lock_key(&self) -> Option<String> {
        Some("72707369".to_owned())
    }

    fn guard(&self, entry: Entry<'_>) -> Vec<String> {
        if !matches!(entry.step.action, Action::Apply | Action::Mark) || entry.step.settles.is_some() {
            return Vec::new();
        }
        // No key of the table prevents a duplicate migration.
        vec![
            format!("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE", entry.table),
            format!(
                "SELECT 1 / (NOT EXISTS (SELECT FROM {} WHERE migration_name = {} AND rolled_back_at IS NULL))::int",
                entry.table,
                name(entry)
            ),
        ]
    }

    fn insert(&self, entry: Entry<'_>) -> String {
        let marks = entry.step.action == Action::Mark;
        let (finished, logs) = if marks { (CLOCK, "''") } else { ("NULL", "NULL") };
        format!(
            "INSERT INTO {} (id, checksum, started_at, finished_at, migration_name, logs) \
             VALUES ('{}', '{}', {CLOCK}, {finished}, {}, {logs})",
            entry.table,
            entry.id,
            checksum(text(entry.step)),
            name(entry)
        )
    }

    fn finish(&self, entry: Entry<'_>) -> String {
        let marks = entry.step.action == Action::Mark;
        let set = if marks { "logs = ''" } else { "applied_steps_count = applied_steps_count + 1" };
        let finished = if marks { "finished_at".to_owned() } else { CLOCK.to_owned() };
        format!(
            "UPDATE {} SET {set}, finished_at = {finished} WHERE id = '{}' \
             RETURNING extract(epoch FROM finished_at - started_at)::float8",
            entry.table, entry.id
        )
    }

    fn delete(&self, entry: Entry<'_>) -> String {
        let rows = if entry.step.settles.is_some_and(|settled| !settled.reverting) {
            self.row(entry)
        } else {
            format!("migration_name = {} AND {APPLIED}", name(entry))
        };
        format!("UPDATE {} SET rolled_back_at = {CLOCK} WHERE {rows}", entry.table)
    }

    fn checkpoints(&self) -> Option<&dyn Checkpoints> {
        Some(self)
    }
}

impl Checkpoints for Prisma {
    fn claim(&self, entry: Entry<'_>) -> String {
        format!(
            "INSERT INTO {} (id, checksum, started_at, migration_name, logs) \
             VALUES ('{}', '{}', {CLOCK}, {}, '{UNFINISHED}')",
            entry.table,
            entry.id,
            checksum(text(entry.step)),
            name(entry)
        )
    }

    fn row(&self, entry: Entry<'_>) -> String {
        format!("migration_name = {} AND finished_at IS NULL AND rolled_back_at IS NULL", name(entry))
    }

    fn move_to(&self, entry: Entry<'_>, from: Option<Checkpoint>, to: Checkpoint) -> String {
        let mark = |failed| if failed { STOPPED } else { UNFINISHED };
        let is_at = |from: Checkpoint| {
            format!("applied_steps_count = {} AND logs LIKE '{}%'", from.done, mark(from.failed))
        };
        let condition = from.map_or_else(|| "true".to_owned(), is_at);
        format!(
            "UPDATE {} SET applied_steps_count = {}, logs = '{}', checksum = CASE WHEN {condition} THEN checksum END \
             WHERE {}",
            entry.table,
            to.done,
            mark(to.failed),
            self.row(entry)
        )
    }

    fn complete(&self, entry: Entry<'_>) -> Vec<String> {
        vec![format!(
            "UPDATE {} SET finished_at = {CLOCK}, logs = NULL WHERE {} \
             RETURNING extract(epoch FROM finished_at - started_at)::float8",
            entry.table,
            self.row(entry)
        )]
    }
}
