//! The history in a PostgreSQL database.

pub(crate) mod approval_table;
mod attempt;
pub(crate) mod backfill_table;
#[cfg_attr(not(feature = "histories"), allow(dead_code, reason = "no other tool's table is kept then"))]
pub(crate) mod checkpoint_table;
mod cursor;
pub(crate) mod end;
pub(crate) mod foreign;
mod foreign_writer;
mod format;
pub(crate) mod head;
mod head_table;
pub(crate) mod load;
mod making;
mod row;
mod run_id;
pub(crate) mod seed_table;
pub(crate) mod session_info;
pub(crate) mod settings;
pub(crate) mod table;

pub(crate) use attempt::attempts;
pub use attempt::{Attempt, AttemptOutcome};
pub use backfill_table::QuarantinedRow;
pub(crate) use cursor::HistoryCursor;
pub(crate) use foreign_writer::ForeignWriter;
#[cfg(feature = "histories")]
pub(crate) use foreign_writer::{Checkpoint, Checkpoints, Entry, try_lock};
#[cfg(feature = "histories")]
pub(crate) use head::read_error;
pub(crate) use load::{LiveRows, Loaded, StoredScripts, add_foreign, check_end};
pub(crate) use making::{is_made_meanwhile, make};
pub(crate) use session_info::CHANGED;
pub(crate) use session_info::{SessionInfo, Whereabouts};
pub(crate) use table::{Ended, HistoryTable, Relation, Resumed, RunIdentity, Said};

pub(crate) use run_id::run_id;

/// The query for the tables of this library, which are not part of the application: their oids and schemas.
#[cfg(any(feature = "catalog", feature = "operate"))]
pub(crate) const OWN_TABLES: &str = include_str!("own_tables.sql");
