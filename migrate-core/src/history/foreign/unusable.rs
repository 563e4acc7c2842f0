//! Obstacles to the adoption of another tool's history, and the way around each.

use super::{ForeignMigration, Tool, ToolChecksum};
use crate::advice::{Advice, Call, Explain, Left, NextStep, Setting};
use crate::display::printable::Printable;
use std::fmt;

/// Another tool's history can't be adopted or continued. Nothing was changed in either history.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnusableHistory {
    /// The tool.
    pub tool: Tool,
    /// Its table, with the schema.
    pub table: String,
    /// All obstacles.
    pub obstacles: Vec<Obstacle>,
}

crate::display_as_explained!(UnusableHistory);

impl std::error::Error for UnusableHistory {}

impl Explain for UnusableHistory {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        write!(f, "can't continue from the history {} of {}", self.table, self.tool)
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn details(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        self.obstacles.iter().try_for_each(|obstacle| {
            f.write_str("\n- ")?;
            obstacle.write(f, self.tool)
        })
    }

    fn advice(&self) -> Advice {
        self.obstacles.iter().fold(Advice::NONE, |advice, obstacle| {
            advice.about(obstacle.name(), obstacle.advice(self.tool, &self.table))
        })
    }
}

/// An obstacle to the adoption of another tool's history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A migration's file differs from the applied one.
    Edited {
        /// The migration's name.
        name: String,
        /// The checksum in the tool's table.
        then: ToolChecksum,
        /// The checksum of the current file.
        now: Option<ToolChecksum>,
    },
    /// A migration was begun and failed.
    Failed {
        /// The tool's entry for it.
        migration: ForeignMigration,
        /// The tool's note about the failure.
        logs: Option<String>,
    },
    /// This library was interrupted in a migration while it used the tool's table as its history.
    Interrupted {
        /// Its version, and its name if the tool stores it.
        name: String,
    },
    /// The set lacks a migration that the tool has applied.
    Missing {
        /// Its version, and its name if the tool stores it.
        name: String,
    },
}

impl Obstacle {
    /// The migration's name.
    fn name(&self) -> String {
        match self {
            Obstacle::Edited { name, .. } | Obstacle::Interrupted { name } | Obstacle::Missing { name } => {
                name.clone()
            }
            Obstacle::Failed { migration, .. } => migration.to_string(),
        }
    }

    fn write(&self, f: &mut Printable<'_, '_>, tool: Tool) -> fmt::Result {
        match self {
            Obstacle::Edited { name, then, now } => {
                write!(
                    f,
                    "{name} was edited after {tool} applied it: {} was {}",
                    then.describe(),
                    short(then)
                )?;
                match now {
                    Some(now) => write!(f, ", and is now {}", short(now)),
                    None => Ok(()),
                }
            }
            Obstacle::Failed { migration, logs } => {
                write!(f, "{migration} failed according to {tool}, and may be half applied")?;
                match logs.as_deref().and_then(|logs| logs.trim().lines().next()) {
                    Some(line) => write!(f, " ({line})"),
                    None => Ok(()),
                }
            }
            Obstacle::Interrupted { name } => write!(f, "{name} was interrupted between its statements"),
            Obstacle::Missing { name } => {
                write!(f, "{name} was applied by {tool}, but it is missing from the set")
            }
        }
    }

    fn advice(&self, tool: Tool, table: &str) -> Advice {
        match self {
            Obstacle::Edited { .. } => {
                Advice::fix("restore the applied text and make the change in a new migration").or_if(
                    "the database matches the new text",
                    NextStep::fix(format!("write the new checksum into {table}")),
                )
            }
            Obstacle::Failed { migration, .. } => after_failure(tool, table, &migration.version),
            Obstacle::Interrupted { .. } => {
                Advice::of(NextStep::call(Call::Run, format!("finish it with {table} as the history")))
            }
            Obstacle::Missing { .. } => Advice::fix("restore its file, or start the newest release first")
                .or_if(
                    "it was removed on purpose",
                    NextStep::set(Setting::AllowMissing, "allow it to be missing"),
                ),
        }
    }
}

/// The advice for a failed migration, in the way of each tool.
fn after_failure(tool: Tool, table: &str, version: &str) -> Advice {
    let settle = |done: String, undone: String| {
        Advice::NONE
            .or_if("it is completely applied", NextStep::fix(done))
            .or_if("none of it is applied", NextStep::fix(undone))
    };
    match tool {
        Tool::Prisma => settle(
            format!("run `prisma migrate resolve --applied {version}`"),
            format!("run `prisma migrate resolve --rolled-back {version}`"),
        ),
        Tool::Sqlx => Advice::NONE
            .or_if(
                "it is completely applied",
                NextStep::sql(format!("UPDATE {table} SET success = true WHERE version = {version}")),
            )
            .or_if(
                "none of it is applied",
                NextStep::sql(format!("DELETE FROM {table} WHERE version = {version}")),
            ),
        Tool::GolangMigrate => settle(
            format!("run `migrate force {version}`"),
            "run `migrate force` with the version before it".to_owned(),
        ),
        Tool::Flyway => Advice::fix("undo what it did, and run `flyway repair`"),
        Tool::Refinery | Tool::Diesel | Tool::Tern | Tool::Dbmate | Tool::Rails | Tool::Goose => {
            Advice::fix(format!("complete or undo it, and correct its row in {table}"))
        }
    }
}

/// A shortened checksum.
fn short(checksum: &ToolChecksum) -> String {
    let text = checksum.to_string();
    match text.char_indices().nth(20) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
