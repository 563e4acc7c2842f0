//! Why another tool's history can't be taken over, and what to do about each reason.

use super::{ForeignMigration, Tool, ToolChecksum};
use std::fmt;

/// Another tool's history can't be taken over, or gone on with. Nothing was changed, neither here nor there.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::clean!("there is no going on from the history {table} of {tool}; nothing was changed{}", list(self)))]
#[non_exhaustive]
pub struct UnusableHistory {
    /// The tool.
    pub tool: Tool,
    /// Its table, with the schema.
    pub table: String,
    /// Everything that stands in the way.
    pub obstacles: Vec<Obstacle>,
}

crate::debug_as_display!(UnusableHistory);

/// What stands in the way of taking another tool's history over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A migration's file is not the one that was applied.
    Edited {
        /// The migration's name.
        name: String,
        /// The checksum that the tool has.
        then: ToolChecksum,
        /// The one of the file as it is now.
        now: Option<ToolChecksum>,
    },
    /// A migration was begun and did not end well.
    Failed {
        /// What the tool says of it.
        migration: ForeignMigration,
        /// The tool's note of what went wrong.
        logs: Option<String>,
    },
    /// This library was interrupted in a migration while it kept the tool's table as its history.
    Interrupted {
        /// Its version, and its name where the tool keeps it.
        name: String,
    },
    /// The tool has applied a migration that the set does not have.
    Missing {
        /// Its version, and its name where the tool keeps it.
        name: String,
    },
}

fn list(not: &UnusableHistory) -> String {
    not.obstacles.iter().map(|obstacle| format!("\n{}", ObstacleLine { obstacle, not })).collect()
}

/// An obstacle with what to do about it.
struct ObstacleLine<'o> {
    obstacle: &'o Obstacle,
    not: &'o UnusableHistory,
}

impl fmt::Display for ObstacleLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnusableHistory { tool, table, .. } = self.not;
        match self.obstacle {
            Obstacle::Edited { name, then, now } => {
                write!(
                    f,
                    "- {name} was edited after {tool} applied it: {} was {}",
                    then.describe(),
                    short(then)
                )?;
                if let Some(now) = now {
                    write!(f, ", and is {} now", short(now))?;
                }
                write!(
                    f,
                    "\n  next: put the applied text back and make the change in a new migration; or, if the database is as the new text \
                     would have it, write the new checksum into {table}"
                )
            }
            Obstacle::Failed { migration, logs } => {
                write!(f, "- {migration} failed, says {tool}, and may be half applied")?;
                if let Some(line) = logs.as_deref().and_then(|logs| logs.trim().lines().next()) {
                    write!(f, " ({line})")?;
                }
                write!(f, "\n  next: {}", after_failure(*tool, table, &migration.version))
            }
            Obstacle::Interrupted { name } => write!(
                f,
                "- {name} was interrupted between its statements\n  next: `run` it to its end with {table} as the history"
            ),
            Obstacle::Missing { name } => write!(
                f,
                "- {name} was applied by {tool}, but it is missing from the set\n  \
                 next: restore its file, or start the newest release first; or set `allow_missing` if it was removed on purpose"
            ),
        }
    }
}

/// How each tool wants a failed migration to be settled.
fn after_failure(tool: Tool, table: &str, version: &str) -> String {
    match tool {
        Tool::Prisma => format!(
            "if all that it does is there, `prisma migrate resolve --applied {version}`; if nothing of it is, \
             `prisma migrate resolve --rolled-back {version}`"
        ),
        Tool::Sqlx => format!(
            "if all that it does is there, UPDATE {table} SET success = true WHERE version = {version}; if nothing of it is, \
             DELETE FROM {table} WHERE version = {version}"
        ),
        Tool::GolangMigrate => format!(
            "if all that it does is there, `migrate force {version}`; if nothing of it is, `migrate force` with the version before it"
        ),
        Tool::Flyway => "take back what it did, and run `flyway repair`".to_owned(),
        _ => format!("complete it or take it back, and put its row in {table} right"),
    }
}

/// The beginning of a checksum.
fn short(checksum: &ToolChecksum) -> String {
    let text = checksum.to_string();
    match text.char_indices().nth(20) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
