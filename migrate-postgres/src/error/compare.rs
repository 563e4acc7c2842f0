//! The errors of a comparison of rows.

use crate::sql::quote::quote_if_needed;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::display::printable::Printable;
use std::fmt;

/// One of the two queries of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComparedSide {
    /// The first query.
    First,
    /// The second query.
    Second,
}

impl fmt::Display for ComparedSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ComparedSide::First => "first",
            ComparedSide::Second => "second",
        })
    }
}

/// The reason why two queries can't be compared.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompareError {
    /// The text is not one query.
    NotAQuery {
        /// The query.
        side: ComparedSide,
    },
    /// No column is named as the key.
    NoKey,
    /// The result has no column of the key.
    MissingKey {
        /// The query.
        side: ComparedSide,
        /// The column.
        key: String,
        /// The columns of the result.
        columns: Vec<String>,
    },
    /// Two columns of the result have one name.
    DuplicateColumn {
        /// The query.
        side: ComparedSide,
        /// The name.
        column: String,
    },
    /// The results have different columns.
    OtherColumns {
        /// The columns that only the first query has.
        first: Vec<String>,
        /// The columns that only the second query has.
        second: Vec<String>,
    },
    /// A column has types that can't be compared.
    OtherType {
        /// The column.
        column: String,
        /// True if it is one of the key.
        is_key: bool,
        /// Its type in the first query.
        first: String,
        /// Its type in the second query.
        second: String,
    },
    /// A column of the key is NULL in some row.
    NullKey {
        /// The query.
        side: ComparedSide,
    },
    /// Two rows have the same key.
    DuplicateKey {
        /// The query.
        side: ComparedSide,
        /// The values of the key's columns.
        key: Vec<String>,
    },
    /// The server refuses the query.
    Query {
        /// The query.
        side: ComparedSide,
        /// The SQLSTATE.
        sqlstate: String,
        /// The server's message.
        message: String,
    },
}

migrate_core::display_as_explained!(CompareError);

impl std::error::Error for CompareError {}

impl CompareError {
    /// The SQLSTATE, if the server gave one.
    pub(super) fn sqlstate(&self) -> Option<&str> {
        if let CompareError::Query { sqlstate, .. } = self { Some(sqlstate) } else { None }
    }
}

impl Explain for CompareError {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            CompareError::NotAQuery { side } => {
                write!(f, "the {side} text is not one SELECT, VALUES or TABLE")
            }
            CompareError::NoKey => f.write_str("no column is named as the key of the rows"),
            CompareError::MissingKey { side, key, columns } => write!(
                f,
                "the {side} query returns no column {}: it returns {}",
                quote_if_needed(key),
                listed(columns)
            ),
            CompareError::DuplicateColumn { side, column } => {
                write!(f, "the {side} query returns two columns {}", quote_if_needed(column))
            }
            CompareError::OtherColumns { first, second } => {
                f.write_str("the queries return different columns")?;
                let sides = [(ComparedSide::First, first), (ComparedSide::Second, second)];
                sides
                    .into_iter()
                    .filter(|(_, columns)| !columns.is_empty())
                    .try_for_each(|(side, columns)| write!(f, "; only the {side} has {}", listed(columns)))
            }
            CompareError::OtherType { column, first, second, is_key } => write!(
                f,
                "the {} {} is {first} in the first query and {second} in the second",
                if *is_key { "key" } else { "column" },
                quote_if_needed(column),
            ),
            CompareError::NullKey { side } => {
                write!(f, "the {side} query returns a row in which a column of the key is NULL")
            }
            CompareError::DuplicateKey { side, key } => {
                write!(f, "the {side} query returns several rows with the key {}", key.join(", "))
            }
            CompareError::Query { side, sqlstate, message } => {
                write!(f, "the {side} query fails: {message} (SQLSTATE {sqlstate})")
            }
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        match self {
            CompareError::NotAQuery { .. } => Advice::fix("write one query on each side"),
            CompareError::NoKey => Advice::fix("name the columns that identify a row"),
            CompareError::MissingKey { .. } => Advice::fix("select it, or name another key"),
            CompareError::DuplicateColumn { .. } => Advice::fix("name one of them with AS"),
            CompareError::OtherColumns { .. } => Advice::fix("select the same names on both sides, with AS"),
            CompareError::OtherType { .. } => Advice::fix("cast one of them to the type of the other"),
            CompareError::NullKey { .. } => {
                Advice::fix("leave these rows out").or(NextStep::fix("name another key"))
            }
            CompareError::DuplicateKey { .. } => {
                Advice::fix("add columns to the key until it identifies a row")
            }
            CompareError::Query { .. } => Advice::fix("correct the query"),
        }
    }
}

/// Columns, separated by commas.
fn listed(columns: &[String]) -> String {
    let names: Vec<String> = columns.iter().map(|name| quote_if_needed(name)).collect();
    names.join(", ")
}
