//! The runner of backfills: it takes a backfill by lease and runs batch after batch, each a transaction with its
//! cursor, until no row is left.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what a caller chooses |
//! | `key` | the key that the batches go by, from the catalog |
//! | `work` | one backfill of a set: its statement with the range of a batch |
//! | `batch` | the messages of one batch |
//! | `load` | the query for the load of the server between batches |
//! | `lease` | the worker that holds a backfill, and the end of its lease |
//! | `quarantine` | rows that are set aside with their error, and tried again |
//! | `worker` | one backfill, from its lease to its end |
//! | `runner` | all backfills of a set, over connections that may be lost |
//! | `control` | pause, resume, cancel, rate, retry, from any machine |

mod batch;
pub(crate) mod control;
mod key;
mod lease;
mod load;
mod quarantine;
mod report;
pub(crate) mod runner;
pub(crate) mod settings;
mod stop;
mod work;
mod worker;

pub use control::BackfillAction;
pub use report::{BackfillEnd, BackfillReport, BackfillSummary};
pub(crate) use runner::Runner;
pub(crate) use settings::RunnerSettings;
pub(crate) use stop::Stop;
