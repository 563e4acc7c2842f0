//! The errors of the library.

#[cfg(feature = "operate")]
mod backup;
#[cfg(feature = "operate")]
mod compare;
#[cfg(feature = "catalog")]
mod scratch;

mod answers;
mod backfill;
mod connect;
mod explain;
mod kind;
pub(crate) mod secrets;
mod seed;
mod stopped;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod timeout;
pub(crate) mod wording;

#[cfg(feature = "operate")]
pub use backup::BackupError;
#[cfg(feature = "operate")]
pub use compare::{CompareError, ComparedSide};
#[cfg(feature = "catalog")]
pub use scratch::ScratchError;

pub use backfill::{BackfillCause, StoppedBackfill};
pub use connect::LimitOwner;
pub(crate) use connect::connect_error;
pub(crate) use explain::cause;
#[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
pub(crate) use kind::ErrorClass;
pub use kind::ErrorKind;
pub use seed::SeedFailure;
pub use stopped::StoppedRun;

use migrate_core::PlaceholderError;
use migrate_core::Report;
use migrate_core::UnusableCompanions;
use migrate_core::advice::{Advice, Explain, Left, NextStep};
use migrate_core::backfill::BackfillState;
use migrate_core::engine::error::{Failure, RunError};
use migrate_core::engine::{Committed, Holder};
use migrate_core::plan::Refused;
use std::time::Duration;
use tokio_postgres::error::SqlState;

/// The error of the steps of a run.
pub(crate) type ApplyError = migrate_core::engine::error::ApplyError<Error>;

/// The error of a call. Each variant says what state the database is in and what to do next; none holds a password or a
/// connection string.
#[non_exhaustive]
pub enum Error {
    /// The connection string is not valid.
    Url {
        /// The problem, in words that repeat nothing of the string.
        problem: String,
    },

    /// The server can't be reached, or accepts no connection to this database.
    Connect {
        /// The target: hosts, ports, database and user.
        target: String,
        /// The cause.
        source: tokio_postgres::Error,
    },

    /// TLS can't be set up as the connection string asks for it: a certificate or a key can't be used.
    Tls {
        /// The problem, with the file.
        problem: String,
    },

    /// The role or the database is limited to one connection, and a run with work to do takes two.
    ConnectionLimit {
        /// The role or the database.
        owner: LimitOwner,
        /// The server's message.
        source: tokio_postgres::Error,
    },

    /// The server refuses the user.
    Login {
        /// The target: hosts, ports, database and user.
        target: String,
        /// The server's message.
        source: tokio_postgres::Error,
    },

    /// The pool gave no connection, for a reason of its own. If the server gave none, the error is the server's.
    #[cfg(feature = "deadpool")]
    Pool {
        /// The cause.
        source: deadpool_postgres::PoolError,
    },

    /// There is work to do, but the server accepts no writes: a hot standby, or a session that is read-only by default.
    ReadOnly {
        /// The reason why it accepts no writes.
        reason: &'static str,
        /// The advice.
        advice: Advice,
    },

    /// The role lacks a privilege that the history needs.
    Privilege {
        /// The role.
        role: String,
        /// The action that it may not perform.
        what: &'static str,
        /// The server's message.
        message: String,
        /// How it gets the privilege.
        advice: Advice,
    },

    /// The `Client` is in a transaction that its owner has opened, and the call needs one of its own, which would end it.
    InTransaction,

    /// The working connection reached another server than the one that holds the lock: because of a list of hosts, a failover, or a
    /// balancer that sends reads elsewhere.
    OtherServer,

    /// The requested kind of lock takes a second connection, and the target is a single one.
    OneConnection {
        /// The requested kind.
        kind: crate::settings::LockKind,
    },

    /// A pooler had no server connection for the run within its `lock_wait`.
    NoServerConnection {
        /// How long the run waited.
        waited: Duration,
        /// True if it held the migration lock and waited for the working connection; else it waited for an answer while it tried to
        /// get the lock.
        holds_lock: bool,
        /// True if its pool has a single connection, so that waiting does not help.
        only_one: bool,
    },

    /// The catalog contradicts what `resolve` was to record of an interrupted migration.
    ClaimContradicted {
        /// The migration's name.
        name: String,
        /// The contradicting statement, the first being 1.
        statement: usize,
        /// The contradicting state in the catalog.
        contrary: String,
    },

    /// There is no schema for the history.
    NoSchema,

    /// The history is not in the schema where a run would look for it or create one: the search path has changed, or a schema on it
    /// was created or dropped. A second history there would lead to every migration being applied again.
    OtherSchema {
        /// The history's table that is there.
        table: String,
        /// The name of the table where a run would look for it.
        own: String,
        /// The schema that has one.
        found: String,
        /// The schema where a run would look for it.
        first: String,
    },

    /// Another tool has applied migrations of this set, and this set's history is empty: all would be applied a second time.
    ForeignHistory {
        /// The other tool.
        tool: migrate_core::history::foreign::Tool,
        /// Its table, with the schema.
        table: String,
        /// How many of the set's migrations it lists.
        listed: usize,
        /// The name of the first of them.
        first: String,
        /// How many migrations the set has.
        total: usize,
    },

    /// The table with the history's name belongs to something else.
    NotOurTable {
        /// The table.
        table: String,
        /// The missing columns, with their type if the table has them with another one.
        missing: Vec<String>,
    },

    /// There is work to do, but a newer release has given the history a format that this one can't write. This release still reads
    /// it, so a boot with nothing to do succeeds.
    NewerFormat {
        /// The table.
        table: String,
        /// The format that it has.
        found: i32,
        /// The newest format that this release writes.
        known: i32,
    },

    /// The history table was changed by hand: it lacks columns.
    DamagedTable {
        /// The table.
        table: String,
        /// The missing columns, with their type if it has them with another one.
        missing: Vec<String>,
    },

    /// The relation with the history's name is a view or a foreign table.
    NotATable {
        /// The relation.
        table: String,
    },

    /// The end of the history, which a boot relies on, contradicts its rows.
    WrongDigest {
        /// The table.
        table: String,
        /// The set.
        set: String,
        /// The last row's number within its set, its `seq`.
        row: i64,
        /// The statements that trust the rows as they are.
        remedy: String,
    },

    /// The history table does not keep the rows that are written to it.
    RowNotKept {
        /// The table.
        table: String,
        /// The migration's name.
        name: String,
    },

    /// Row-level security is enabled on the history table and applies to this role: an unknown set of rows is hidden from it.
    RowSecurity {
        /// The history's table, quoted where it has to be.
        table: String,
        /// The role.
        role: String,
    },

    /// A row of the history is not one that this library wrote.
    DamagedRow {
        /// The table.
        table: String,
        /// The set.
        set: String,
        /// The row's number within its set, its `seq`.
        row: i64,
        /// The problem.
        problem: String,
    },

    /// The backup before the run failed.
    #[cfg(feature = "operate")]
    Backup(crate::error::BackupError),

    /// Several other tools have a history in the database, and none was chosen.
    #[cfg(feature = "histories")]
    SeveralHistories {
        /// The tools, and their tables with the schema.
        found: Vec<(migrate_core::history::foreign::Tool, String)>,
    },

    /// The table given as another tool's history is not one, or has an unknown form.
    ForeignTable {
        /// The table, with its schema.
        table: String,
        /// The tool.
        tool: migrate_core::history::foreign::Tool,
        /// The problem.
        problem: String,
        /// True if it is kept as the history, false if it was to be adopted.
        is_kept: bool,
    },

    /// A script would be committed in parts, the other tool's table that serves as the history has no column for its progress,
    /// and the role may not create a table beside it.
    NoCheckpoints {
        /// The migration's name.
        name: String,
        /// The table, with its schema.
        table: String,
        /// The number of parts, not counting settings.
        statements: usize,
    },

    /// A migration can't be recorded in the table of the tool that serves as the history.
    #[cfg(feature = "histories")]
    NotForTool {
        /// The tool.
        tool: migrate_core::history::foreign::Tool,
        /// The migration's name.
        name: String,
        /// The cause.
        why: &'static str,
    },

    /// The schema is not the one that the migrations of the baseline make.
    #[cfg(feature = "catalog")]
    Differs {
        /// The name of the last migration.
        name: String,
        /// The differences from the migrations' schema to the database's.
        differences: crate::objects::difference::Differences,
    },

    /// The schema of the migrations could not be determined on a scratch database.
    #[cfg(feature = "catalog")]
    Scratch(crate::error::ScratchError),

    /// The server reported an error, or the connection was lost, between migrations.
    Server {
        /// The operation in progress.
        doing: &'static str,
        /// The cause.
        source: tokio_postgres::Error,
    },

    /// The history and the set contradict each other, or the request can't be fulfilled. Nothing was changed.
    Refused(Refused),

    /// A placeholder lacks a value, or has an invalid one. Nothing was changed.
    Placeholder(PlaceholderError),

    /// Another run held the migration lock for longer than this one was to wait.
    LockWait {
        /// How long the run waited.
        waited: Duration,
        /// The holder of the lock at the end of the wait.
        holder: Holder,
    },

    /// The lock was lost, so the run stopped.
    LockLost,

    /// The run stopped between migrations, or between the statements of one, after it had committed something. Its
    /// [kind](Error::kind) is that of the error that stopped it.
    Stopped(Box<StoppedRun>),

    /// A migration failed; the message says where, why, what the database holds now, and how to go on.
    Failed(Box<Failure>),

    /// A run applied or reverted migrations, and afterwards an assertion is not true: see
    /// [`assert_after`](crate::Migrator::assert_after).
    BrokenAssertions(Box<crate::assertion::BrokenAssertions>),

    /// The rows of two queries can't be compared.
    #[cfg(feature = "operate")]
    Compare(CompareError),

    /// A seed failed, and was rolled back.
    Seed(Box<SeedFailure>),

    /// Assertions or seeds beside the migrations have faults, and the call would use them. Nothing was changed.
    UnusableCompanions(UnusableCompanions),

    /// There are no seeds of the environment.
    NoSuchEnvironment {
        /// The environment.
        environment: String,
        /// The environments that have seeds.
        found: Vec<String>,
    },

    /// A backfill stopped; the message says why, and how to continue it.
    BackfillStopped(Box<StoppedBackfill>),

    /// A request does not fit the state of a backfill. Nothing was changed.
    BackfillUnfit {
        /// The version of the backfill.
        version: String,
        /// Its state; none if none with this version has begun.
        state: Option<BackfillState>,
        /// The request, as a participle.
        action: &'static str,
    },

    /// The binary is stale: its migrations folder has changed since the build. Debug builds only.
    Stale {
        /// The folder.
        folder: String,
        /// The file that is missing from the binary.
        missing: String,
    },
}

migrate_core::display_as_explained!(Error);
