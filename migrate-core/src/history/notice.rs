//! Notices: information about a run that does not stop it.

use crate::set::version::Version;

/// Information that does not stop a run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Notice {
    /// An applied migration was edited, but only its comments and white space.
    #[error("{}", crate::clean!("migration {name} was edited after it was applied, but only in comments and white space"))]
    EditedComments {
        /// The migration's version.
        version: Version,
        /// The migration's name.
        name: String,
    },
    /// The server issued a warning while a migration was applied or reverted.
    #[error("{}", crate::clean!("{name}: {message}"))]
    Server {
        /// The migration's name.
        name: String,
        /// The statement of its script, starting at 1; `None` for a statement that the run added around the
        /// script.
        statement: Option<usize>,
        /// The server's message, with its severity.
        message: String,
    },
    /// The database has migrations that are newer than the binary.
    #[error("{}", crate::clean!("the database is ahead of the set: {} applied by a newer release", list(newer)))]
    Ahead {
        /// Their names.
        newer: Vec<String>,
    },
    /// Rows were deleted from the middle of the history. They recorded attempts that no longer matter.
    #[error("{}", crate::clean!(
        "{} of the history {table} {} deleted by hand; this does not change what is applied",
        numbered(rows).0, numbered(rows).1
    ))]
    RowsGone {
        /// The history's table, with its schema.
        table: String,
        /// The numbers of the missing rows: the first and the last of each gap.
        rows: Vec<(i64, i64)>,
    },
    /// An applied migration is missing from the set, and the policy allows that.
    #[error("{}", crate::clean!("migration {name} is applied, but missing from the set"))]
    Missing {
        /// Its name when it was applied.
        name: String,
    },
    /// A migration was applied after later ones, and the policy allows that.
    #[error("{}", crate::clean!("migration {name} is out of order: {after}, which comes after it, is already applied"))]
    OutOfOrder {
        /// Its name.
        name: String,
        /// The name of the applied migration that follows it in order.
        after: String,
    },
    /// The table of a backfill is too large for one statement: the backfill has begun, and its batches are
    /// left to be run.
    #[error("{}", crate::clean!("the backfill of {name} has begun: about {rows} rows of {relation} are left to be run in batches"))]
    BackfillBegun {
        /// The migration's name.
        name: String,
        /// The table, as SQL.
        relation: String,
        /// The number of its rows, by the server's estimate.
        rows: u64,
    },
    /// A migration waits for a backfill; later ones do not.
    #[error("{}", crate::clean!("migration {name} waits for the backfill of {backfill}, which is {status}"))]
    WaitsForBackfill {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// The name of the migration with the backfill.
        backfill: String,
        /// The progress of the backfill: `43 % done`.
        status: String,
    },
    /// The migrations that another tool applied are taken over.
    #[cfg(feature = "histories")]
    #[error("{}", crate::clean!(
        "{} taken over from {table} of {tool}, which stays as it is",
        if *count == 1 { "1 migration is".to_owned() } else { format!("{count} migrations are") }
    ))]
    Adopted {
        /// The other tool.
        tool: crate::history::foreign::Tool,
        /// Its table, with the schema.
        table: String,
        /// The number of migrations that the tool applied.
        count: usize,
    },
    /// A remark from the backend.
    #[error("{}", crate::clean!("{_0}"))]
    Backend(String),
}

/// The number of names that a message lists.
const LISTED: usize = 5;

pub(crate) fn list(names: &[String]) -> String {
    match names {
        [one] => format!("{one} was"),
        [first @ .., last] if names.len() > LISTED => {
            format!("{}, … {last} ({} in all) were", first[..LISTED - 1].join(", "), names.len())
        }
        names => format!("{} were", names.join(", ")),
    }
}

/// Formats the gaps in a history, as many as fit, with the verb that follows: `row 3`, `was`.
pub(crate) fn numbered(gaps: &[(i64, i64)]) -> (String, &'static str) {
    let gap = |(first, last): &(i64, i64)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    };
    let mut listed: Vec<String> = gaps.iter().take(LISTED).map(gap).collect();
    if gaps.len() > LISTED {
        listed.push("…".to_owned());
    }
    let is_one = matches!(gaps, [(first, last)] if first == last);
    let (rows, were) = if is_one { ("row", "was") } else { ("rows", "were") };
    (format!("{rows} {}", listed.join(", ")), were)
}
