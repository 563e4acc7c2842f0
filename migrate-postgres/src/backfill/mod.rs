//! The runner of backfills: it takes a backfill by lease and runs batch after batch, each a transaction with its
//! cursor, until no row is left.
//!
//! | file | holds |
//! |---|---|
//! | `settings` | what a caller chooses |
//! | `key` | the key that the batches go by, from the catalog |
//! | `choice` | the choice of that key, and the reasons against a statement |
//! | `work` | one backfill of a set: its statement with the range of a batch |
//! | `batch` | the messages of one batch |
//! | `sweep` | sweeps over the positions of rows, without a key |
//! | `load` | the query for the load of the server between batches |
//! | `lease` | the worker that holds a backfill, and the end of its lease |
//! | `quarantine` | rows that are set aside with their error, and tried again |
//! | `course` | the size and the pace of a worker's batches |
//! | `worker` | one backfill, from its lease to its end |
//! | `runner` | all backfills of a set, over connections that may be lost |
//! | `sample` | sampled batches that are rolled back, and the estimate for the whole |
//! | `control` | pause, resume, cancel, rate, retry, from any machine |

mod batch;
mod choice;
pub(crate) mod control;
mod course;
mod key;
mod lease;
mod load;
mod quarantine;
mod report;
pub(crate) mod runner;
#[cfg(feature = "operate")]
mod sample;
pub(crate) mod settings;
mod stop;
mod sweep;
mod work;
mod worker;

pub(crate) use choice::obstacle;
pub use control::BackfillAction;
pub use report::{BackfillEnd, BackfillReport, BackfillSummary};
pub(crate) use runner::Runner;
#[cfg(feature = "operate")]
pub(crate) use sample::{SampleError, Sampler};
#[cfg(feature = "operate")]
pub use sample::{SampledBackfill, SampledBatch};
pub(crate) use settings::RunnerSettings;
pub(crate) use stop::Stop;
