//! Tools for an operator, before and after a run.
//!
//! | question | call |
//! |---|---|
//! | what is pending, what does it lock, and how large are the tables now? | [`Migrator::explain`] |
//! | what do these statements really do, and do they work? | [`Migrator::rehearse`] |
//! | what does lint need to know of the production database? | [`Migrator::facts`] |
//! | is it safe to migrate now? | [`Migrator::preflight`] |
//! | do two queries return the same rows, here or in two databases? | [`RowComparison`] |
//! | how do we get back? | [`Migrator::backup_before`], [`Migrator::backup`] |
//! | what is the overall state, on one page to share? | [`Migrator::database_report`], feature `report` |
//!
//! Everything returns plain data that [`Display`](std::fmt::Display) shows; nothing is printed.
//!
//! [`Migrator::backup`]: crate::Migrator::backup
//! [`Migrator::backup_before`]: crate::Migrator::backup_before
//! [`Migrator::database_report`]: crate::Migrator::database_report
//! [`Migrator::explain`]: crate::Migrator::explain
//! [`Migrator::facts`]: crate::Migrator::facts
//! [`Migrator::preflight`]: crate::Migrator::preflight
//! [`Migrator::rehearse`]: crate::Migrator::rehearse

mod backup;
mod compare;
mod explain;
mod facts;
mod name;
mod preflight;
mod rehearse;
mod sampling;
mod sizes;
mod taken;

pub use crate::backfill::{SampledBackfill, SampledBatch};
pub use crate::backup::Backup;
#[cfg(feature = "cli")]
pub(crate) use crate::backup::restore_command;
#[cfg(feature = "cli")]
pub(crate) use crate::display::units::Bytes;
pub use crate::error::BackupError;
pub use crate::settings::Backups;
pub use compare::{
    ColumnDifference, CompareError, ComparedSide, RowComparison, RowDifference, RowDifferenceKind,
    RowDifferences,
};
#[cfg(any(feature = "cli", feature = "report"))]
pub(crate) use explain::done;
pub use explain::{ExplainedLock, ExplainedLoss, ExplainedStatement, ExplainedStep, Explanation, HeldLock};
pub use migrate_core::sql::{LockMode, TableScan, TransactionMode};
pub use preflight::{Check, Preflight, PreflightFinding, Thresholds, Verdict};
pub use rehearse::{Rehearsal, RehearsalStopped, RehearsedStatement, RehearsedStep};
pub use sizes::RelationSize;
pub use taken::TakenLock;
