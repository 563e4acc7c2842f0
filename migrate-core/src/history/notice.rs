//! Notices: what is worth knowing though it stops nothing.

use crate::set::version::Version;

/// What is worth saying though it stops nothing.
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
    /// The server warned of something while a migration was applied or reverted.
    #[error("{}", crate::clean!("{name}: {message}"))]
    Server {
        /// The migration's name.
        name: String,
        /// The statement of its script, the first being 1; none where it was around the script.
        statement: Option<usize>,
        /// The server's words, with their severity.
        message: String,
    },
    /// The database has migrations that are newer than the binary.
    #[error("{}", crate::clean!("the database is ahead of the set: {} applied by a newer release", list(newer)))]
    Ahead {
        /// Their names.
        newer: Vec<String>,
    },
    /// Rows were deleted from the middle of the history. They told of attempts that count for nothing now.
    #[error("{}", crate::clean!(
        "the history {table} lacks its {}: deleted by hand; this does not change what is applied",
        numbered(rows)
    ))]
    RowsGone {
        /// The history's table, with its schema.
        table: String,
        /// Their numbers: the first and the last of each gap.
        rows: Vec<(i64, i64)>,
    },
    /// A migration is applied that the set does not have, and the policy is to allow that.
    #[error("{}", crate::clean!("migration {name} is applied, but missing from the set"))]
    Missing {
        /// Its name when it was applied.
        name: String,
    },
    /// A migration is applied after later ones, and the policy is to allow that.
    #[error("{}", crate::clean!("migration {name} is out of order: {after}, which comes after it, is already applied"))]
    OutOfOrder {
        /// Its name.
        name: String,
        /// The name of the applied migration that comes after it.
        after: String,
    },
    /// What another tool has applied is taken over.
    #[cfg(feature = "histories")]
    #[error("{}", crate::clean!(
        "{table} of {tool} says that {} applied; {} taken over, and the table stays as it is",
        if *count == 1 { "1 migration is".to_owned() } else { format!("{count} migrations are") },
        if *count == 1 { "it is" } else { "they are" }
    ))]
    Adopted {
        /// The other tool.
        tool: crate::history::foreign::Tool,
        /// Its table, with the schema.
        table: String,
        /// How many migrations it has applied.
        count: usize,
    },
    /// Something that the backend noticed.
    #[error("{}", crate::clean!("{_0}"))]
    Backend(String),
}

/// How many names a message lists.
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

/// Gaps in a history, as far as there is room for them.
pub(crate) fn numbered(gaps: &[(i64, i64)]) -> String {
    let gap = |(first, last): &(i64, i64)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    };
    let mut listed: Vec<String> = gaps.iter().take(LISTED).map(gap).collect();
    if gaps.len() > LISTED {
        listed.push("…".to_owned());
    }
    let is_one = matches!(gaps, [(first, last)] if first == last);
    format!("{} {}", if is_one { "row" } else { "rows" }, listed.join(", "))
}
