//! Backfills: migrations that change the rows of a table in batches.
//!
//! A script says what one batch does, and by which key the table is divided; the library makes the batches:
//!
//! ```sql
//! -- migrate: batch=users(id) rows=1000
//! UPDATE users SET slug = lower(name) WHERE slug IS NULL AND ${batch};
//! ```
//!
//! `${batch}` stands for the rows of one batch: a condition on the key's columns. On a small table, the
//! statement runs as a whole, with `true` in its place.
//!
//! Everything here is pure: the specification, the size of the next batch, the reasons to pause, the range of
//! keys of a batch, the reaction to an error, and the progress. The runner of `migrate-postgres` asks the
//! server and acts.

mod event;
mod progress;
mod range;
mod reaction;
mod record;
mod size;
mod specification;
mod status;
#[cfg(test)]
mod tests;
mod throttle;

pub use event::{BackfillEvent, BatchReport};
pub use progress::{Pace, pause_for_rate};
pub use range::{compare, predicate};
pub use reaction::{Isolation, Reaction, reaction};
pub use record::{BackfillRecord, BackfillState};
pub use size::{BatchSize, BatchTarget, FIRST_ROWS, MOST_ROWS};
pub use specification::{BatchedStatement, Specification};
pub(crate) use specification::{changed_key, names_table};
pub use throttle::{Load, Standby, Throttle, ThrottleLimits, WalClock};
