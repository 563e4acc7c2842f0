//! The history in a PostgreSQL database.

mod attempt;
#[cfg_attr(not(feature = "histories"), allow(dead_code, reason = "no other tool's table is kept then"))]
pub(crate) mod checkpoint_table;
pub(crate) mod end;
pub(crate) mod foreign;
mod format;
pub(crate) mod head;
mod head_table;
mod keeps;
pub(crate) mod load;
mod making;
mod row;
mod run_id;
pub(crate) mod settings;
mod standing;
pub(crate) mod survey;
pub(crate) mod table;

pub(crate) use attempt::attempts;
pub use attempt::{Attempt, Outcome};
#[cfg(feature = "histories")]
pub(crate) use head::read_error;
pub(crate) use keeps::Keeps;
#[cfg(feature = "histories")]
pub(crate) use keeps::{Checkpoint, Checkpoints, Entry, try_lock};
pub(crate) use load::{LiveRows, Loaded, StoredScripts, add_foreign, check_end};
pub(crate) use making::{is_made_meanwhile, make};
pub(crate) use standing::Standing;
pub(crate) use survey::CHANGED;
pub(crate) use survey::{Survey, Whereabouts};
pub(crate) use table::{Ended, HistoryTable, Relation, Resumed, RunIdentity, Said};

pub(crate) use run_id::run_id;
