//! Keeping another tool's table as the history, with rows in the tool's own format.

mod diesel;
mod prisma;
mod refinery;
mod sqlx;

use crate::history::ForeignWriter;
use crate::history::foreign::table::ForeignTable;
use crate::sql::quote::quote_literal;
use migrate_core::history::foreign::Tool;
use migrate_core::plan::Step;
use migrate_core::{Script, Set};

impl ForeignTable {
    /// The tool's writer.
    pub(crate) fn keeps(&self) -> &'static dyn ForeignWriter {
        of(self.0.tool).unwrap_or(&sqlx::Sqlx)
    }

    /// The first migration of a set that the tool can't represent, and the reason.
    pub(crate) fn misfit(&self, set: &Set) -> Option<(String, &'static str)> {
        let fits: fn(&str, &str) -> Option<&'static str> = match self.0.tool {
            Tool::Prisma => |name, version| (name != version).then_some("its version is not its whole name"),
            Tool::Refinery => |name, _| {
                let fits = migrate_core::history::foreign::refinery::name_and_version(name).is_some();
                (!fits).then_some("its version is not a 64-bit integer")
            },
            Tool::Diesel => {
                |_, version| (version.len() > 50).then_some("its version is longer than 50 characters")
            }
            _ => {
                |_, version| version.parse::<i64>().is_err().then_some("its version is not a 64-bit integer")
            }
        };
        set.iter().find_map(|migration| {
            let is_code = migration.up().code().is_some();
            let why = if is_code {
                "it is Rust code, which the tool can't represent"
            } else {
                fits(migration.name(), &migration.version().canonical())?
            };
            Some((migration.name().to_owned(), why))
        })
    }
}

/// The writer of a tool, if its table can be kept.
pub(super) fn of(tool: Tool) -> Option<&'static dyn ForeignWriter> {
    match tool {
        Tool::Prisma => Some(&prisma::Prisma),
        Tool::Sqlx => Some(&sqlx::Sqlx),
        Tool::Refinery => Some(&refinery::Refinery),
        Tool::Diesel => Some(&diesel::Diesel),
        _ => None,
    }
}

/// Creates a tool's table as the tool does.
fn create(tool: Tool, table: &str) -> String {
    format!("CREATE TABLE IF NOT EXISTS {table} ({})", super::needed::definition(tool))
}

/// The version, in the text form that all equal versions share.
fn version(step: &Step<'_>) -> String {
    quote_literal(&step.version.canonical())
}

/// The text of the up script's file, which the tools' checksums cover.
fn text<'s>(step: &'s Step<'_>) -> &'s str {
    step.up.as_deref().map_or("", Script::source)
}

/// The server's current time. `now()` would be that of the message, which may contain many migrations.
const CLOCK: &str = "pg_catalog.clock_timestamp()";
