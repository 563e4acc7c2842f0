//! Backfills: migrations that change the rows of a table in batches.
//!
//! Everything here is pure: the size of the next batch, the reasons to pause, the range of keys of a batch,
//! the reaction to an error, and the progress. The runner of `migrate-postgres` asks the server and acts.

mod event;
mod progress;
mod range;
mod reaction;
mod record;
mod size;
mod throttle;

pub use event::{BackfillEvent, BatchReport};
pub use progress::{Pace, pause_for_rate};
pub use range::{compare, predicate};
pub use reaction::{Isolation, Reaction, reaction};
pub use record::{BackfillRecord, BackfillState};
pub use size::{BatchSize, BatchTarget, FIRST_ROWS, MOST_ROWS};
pub use throttle::{Load, Standby, Throttle, ThrottleLimits, WalClock};
