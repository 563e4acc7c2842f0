//! The errors of backfills.

use migrate_core::advice::{Advice, Call, Explain, Left, NextStep};
use migrate_core::backfill::BackfillState;
use migrate_core::display::printable::Printable;
use std::fmt;

/// A backfill that can't go on. Batches that were committed stay, and it can be resumed where it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoppedBackfill {
    /// The migration's version.
    pub version: String,
    /// The migration's name.
    pub name: String,
    /// The table.
    pub relation: String,
    /// The rows that are done.
    pub rows_done: u64,
    /// The cause.
    pub cause: BackfillCause,
}

/// The cause for which a backfill stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackfillCause {
    /// The columns that the script names are not a key: no unique index on not-null columns covers exactly them.
    #[non_exhaustive]
    NotAKey {
        /// The columns.
        columns: Vec<String>,
        /// The keys that the table has.
        keys: Vec<Vec<String>>,
    },
    /// The columns have a unique index that can't return its rows in the order by which the batches compare keys.
    #[non_exhaustive]
    KeyUnordered {
        /// The columns.
        columns: Vec<String>,
        /// The reason why not.
        why: &'static str,
    },
    /// The table has no key, and the batches can't go by the position of rows.
    #[non_exhaustive]
    NoKey {
        /// The reason why not.
        why: &'static str,
    },
    /// The table does not exist, or is none.
    NoTable,
    /// The statement assigns a column of the key, so the batches could go over a row twice.
    #[non_exhaustive]
    KeyAssigned {
        /// The column.
        column: String,
    },
    /// The statement inserts into the table that its batches go over, so they would not end.
    OwnRows,
    /// The order of the key has changed since the last batch: another type, another collation.
    #[non_exhaustive]
    OrderChanged {
        /// The order of the last batch.
        before: Vec<String>,
        /// The order now.
        now: Vec<String>,
    },
    /// A row that a batch changed still meets the statement's condition, so it would be changed again.
    StillMatches,
    /// Rows still meet the statement's condition, although sweeps over the table changed none.
    RowsLeft,
    /// The server refuses the statement.
    #[non_exhaustive]
    Server {
        /// The SQLSTATE.
        sqlstate: String,
        /// The server's message.
        message: String,
    },
    /// The statement failed for more rows than may be set aside.
    #[non_exhaustive]
    QuarantineFull {
        /// The number of rows that may be.
        limit: u64,
        /// The key of the last one, as JSON.
        key: String,
        /// The server's message about it.
        message: String,
    },
    /// A single row was tried too often in vain: it is locked, or its batch times out.
    #[non_exhaustive]
    Stuck {
        /// The number of attempts in a row.
        attempts: u32,
        /// The server's message.
        message: String,
    },
    /// An earlier runner has stopped it.
    #[non_exhaustive]
    Earlier {
        /// The error that the database remembers.
        error: String,
    },
}

impl BackfillCause {
    /// A stable word.
    pub fn word(&self) -> &'static str {
        match self {
            BackfillCause::NotAKey { .. } => "not_a_key",
            BackfillCause::KeyUnordered { .. } => "key_unordered",
            BackfillCause::NoKey { .. } => "no_key",
            BackfillCause::NoTable => "no_table",
            BackfillCause::KeyAssigned { .. } => "key_assigned",
            BackfillCause::OwnRows => "own_rows",
            BackfillCause::OrderChanged { .. } => "order_changed",
            BackfillCause::StillMatches => "still_matches",
            BackfillCause::RowsLeft => "rows_left",
            BackfillCause::Server { .. } => "server",
            BackfillCause::QuarantineFull { .. } => "quarantine_full",
            BackfillCause::Stuck { .. } => "stuck",
            BackfillCause::Earlier { .. } => "earlier",
        }
    }

    /// The cause in words.
    pub(crate) fn fact(&self, relation: &str) -> String {
        match self {
            BackfillCause::NotAKey { columns, keys } if keys.is_empty() => format!(
                "({}) is no key of {relation}, which has no unique index on not-null columns",
                columns.join(", ")
            ),
            BackfillCause::NotAKey { columns, keys } => {
                let keys: Vec<String> = keys.iter().map(|key| format!("({})", key.join(", "))).collect();
                format!(
                    "({}) is no key of {relation}: the unique indexes on not-null columns are on {}",
                    columns.join(", "),
                    keys.join(", ")
                )
            }
            BackfillCause::KeyUnordered { columns, why } => format!(
                "the unique index on ({}) of {relation} can't return rows in the order of a key: {why}",
                columns.join(", ")
            ),
            BackfillCause::NoKey { why } => {
                format!("{relation} has no unique index on not-null columns, and {why}")
            }
            BackfillCause::NoTable => format!("there is no table {relation}"),
            BackfillCause::KeyAssigned { column } => {
                format!("the statement assigns {column}, which belongs to the key of the batches")
            }
            BackfillCause::OwnRows => {
                format!("the statement inserts into {relation}, the table that it reads in batches")
            }
            BackfillCause::OrderChanged { before, now } => format!(
                "the key of {relation} was ordered as {} at the last batch and is ordered as {} now",
                shown_order(before),
                shown_order(now)
            ),
            BackfillCause::StillMatches => format!(
                "rows of {relation} that a batch changed still meet the statement's condition, so another batch would change them \
                 again: without a key, nothing else tells which rows are done"
            ),
            BackfillCause::RowsLeft => format!(
                "rows of {relation} still meet the statement's condition, although sweeps over the table changed none: a trigger or \
                 a policy keeps them, or others write them again and again"
            ),
            BackfillCause::Server { sqlstate, message } => format!("{message} (SQLSTATE {sqlstate})"),
            BackfillCause::QuarantineFull { limit, key, message } => {
                format!(
                    "the statement failed for more than {limit} rows, the last of which is {key}: {message}"
                )
            }
            BackfillCause::Stuck { attempts, message } => {
                format!("a single row still failed after {attempts} attempts: {message}")
            }
            BackfillCause::Earlier { error } => error.clone(),
        }
    }

    /// The ways to correct it.
    pub(crate) fn advice(&self) -> Advice {
        match self {
            BackfillCause::NotAKey { .. } => Advice::fix("create a unique index on these not-null columns")
                .or(NextStep::fix("name the columns of a key in `batch=`")),
            BackfillCause::KeyUnordered { .. } => Advice::fix(
                "create a unique index with the default operator class, and one direction for all columns",
            )
            .or(NextStep::fix("name the columns of another key in `batch=`")),
            BackfillCause::NoKey { .. } => Advice::fix("create a unique index on not-null columns"),
            BackfillCause::NoTable => {
                Advice::fix("restore the table").otherwise(NextStep::fix("cancel the backfill"))
            }
            BackfillCause::KeyAssigned { .. } => {
                Advice::fix("name a key in `batch=` that the statement keeps")
            }
            BackfillCause::OwnRows => {
                Advice::fix("cancel the backfill, and insert with a statement of its own")
            }
            BackfillCause::OrderChanged { .. } => Advice::fix("change the column back")
                .otherwise(NextStep::fix("cancel the backfill, and fill the rest in another migration")),
            BackfillCause::StillMatches => Advice::fix(
                "create a unique index on not-null columns of the table",
            )
            .otherwise(NextStep::fix(
                "cancel the backfill, and write another one whose condition no changed row meets",
            )),
            BackfillCause::RowsLeft => Advice::fix("find out what keeps the rows from being changed")
                .or(NextStep::fix("create a unique index on not-null columns of the table")),
            BackfillCause::Server { .. } => Advice::fix("fix the cause"),
            BackfillCause::QuarantineFull { .. } => Advice::fix("correct the rows that were set aside")
                .or(NextStep::fix("allow more (`quarantine_limit`)")),
            BackfillCause::Stuck { .. } => Advice::fix("end the session that holds the row"),
            BackfillCause::Earlier { .. } => Advice::fix("fix the cause"),
        }
    }
}

/// The order of keys for people: types of `pg_catalog` without the schema.
fn shown_order(order: &[String]) -> String {
    order.join(", ").replace("pg_catalog.", "")
}

impl StoppedBackfill {
    /// The cause as the database remembers it.
    pub(crate) fn remembered(&self) -> String {
        self.cause.fact(&self.relation)
    }
}

impl Explain for StoppedBackfill {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        write!(f, "the backfill {} stopped after {} rows: {}", self.name, self.rows_done, self.remembered())
    }

    fn left(&self) -> Left {
        Left::Unknown
    }

    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        f.write_str("; the failed batch was rolled back, and earlier ones are committed")
    }

    fn advice(&self) -> Advice {
        let advice = self.cause.advice();
        if let BackfillCause::OwnRows = self.cause {
            return advice;
        }
        advice.then(NextStep::call(Call::retry_backfill(&self.version), "continue the backfill"))
    }
}

/// The error of a request that does not fit the state of a backfill.
pub(crate) fn write_unfit(
    f: &mut Printable<'_, '_>,
    version: &str,
    state: Option<BackfillState>,
    action: &str,
) -> fmt::Result {
    match state {
        None => {
            write!(f, "the backfill {version} can't be {action}: no backfill with this version has begun")
        }
        Some(state) => write!(f, "the backfill {version} can't be {action}: it is {state}"),
    }
}
