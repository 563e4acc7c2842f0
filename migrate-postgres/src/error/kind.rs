//! The kind of an error: stable words, and what decides on exit codes and labels.

use super::Error;
use migrate_core::plan::RefusedKind;

/// The kind of an [`Error`](crate::Error), with a stable word for logs, metrics and JSON.
///
/// # Examples
///
/// ```
/// use migrate_postgres::{Error, ErrorKind};
///
/// assert_eq!(Error::NoSchema.kind(), ErrorKind::NoSchema);
/// assert_eq!(ErrorKind::NoSchema.word(), "no_schema");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `Error::Url`.
    Url,
    /// `Error::Connect`.
    Connect,
    /// `Error::Tls`.
    Tls,
    /// `Error::ConnectionLimit`.
    ConnectionLimit,
    /// `Error::Login`.
    Login,
    /// `Error::Pool`.
    Pool,
    /// `Error::ReadOnly`.
    ReadOnly,
    /// `Error::Privilege`.
    Privilege,
    /// `Error::InTransaction`.
    InTransaction,
    /// `Error::OtherServer`.
    OtherServer,
    /// `Error::OneConnection`.
    OneConnection,
    /// `Error::NoServerConnection`.
    NoServerConnection,
    /// `Error::ClaimContradicted`.
    ClaimContradicted,
    /// `Error::NoSchema`.
    NoSchema,
    /// `Error::OtherSchema`.
    OtherSchema,
    /// `Error::ForeignHistory`.
    ForeignHistory,
    /// `Error::NotOurTable`.
    NotOurTable,
    /// `Error::NewerFormat`.
    NewerFormat,
    /// `Error::DamagedTable`.
    DamagedTable,
    /// `Error::NotATable`.
    NotATable,
    /// `Error::WrongDigest`.
    WrongDigest,
    /// `Error::RowNotKept`.
    RowNotKept,
    /// `Error::RowSecurity`.
    RowSecurity,
    /// `Error::DamagedRow`.
    DamagedRow,
    /// `Error::Backup`.
    Backup,
    /// `Error::SeveralHistories`.
    SeveralHistories,
    /// `Error::ForeignTable`.
    ForeignTable,
    /// `Error::NoCheckpoints`.
    NoCheckpoints,
    /// `Error::NotForTool`.
    NotForTool,
    /// `Error::Differs`.
    Differs,
    /// `Error::Scratch`.
    Scratch,
    /// `Error::Server`.
    Server,
    /// `Error::Refused`, by the kind of the refusal.
    Refused(RefusedKind),
    /// `Error::Placeholder`.
    Placeholder,
    /// `Error::LockWait`.
    LockWait,
    /// `Error::LockLost`.
    LockLost,
    /// `Error::Failed`.
    Failed,
    /// `Error::Stale`.
    Stale,
}

/// The class of an error, by which exit codes and labels of metrics tell errors apart.
#[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// The set, the history and the request contradict each other, or the target is not fit for a run.
    Refused,
    /// Another run kept the migration lock.
    Locked,
    /// A migration failed.
    Failed,
    /// The schema differs.
    Drift,
    /// There is no backup.
    Backup,
    /// Something else: no connection, a privilege, the server.
    Other,
}

impl ErrorKind {
    /// A stable word for logs, metrics and JSON.
    pub fn word(self) -> &'static str {
        match self {
            ErrorKind::Url => "url",
            ErrorKind::Connect => "connection",
            ErrorKind::Tls => "tls",
            ErrorKind::ConnectionLimit => "connection_limit",
            ErrorKind::Login => "login",
            ErrorKind::Pool => "pool",
            ErrorKind::ReadOnly => "read_only",
            ErrorKind::Privilege => "privilege",
            ErrorKind::InTransaction => "in_transaction",
            ErrorKind::OtherServer => "other_server",
            ErrorKind::OneConnection => "one_connection",
            ErrorKind::NoServerConnection => "no_server_connection",
            ErrorKind::ClaimContradicted => "not_so",
            ErrorKind::NoSchema => "no_schema",
            ErrorKind::OtherSchema => "other_schema",
            ErrorKind::ForeignHistory => "foreign_history",
            ErrorKind::NotOurTable => "not_our_table",
            ErrorKind::NewerFormat => "newer_format",
            ErrorKind::DamagedTable => "damaged_table",
            ErrorKind::NotATable => "not_a_table",
            ErrorKind::WrongDigest => "wrong_digest",
            ErrorKind::RowNotKept => "row_not_kept",
            ErrorKind::RowSecurity => "row_security",
            ErrorKind::DamagedRow => "damaged_row",
            ErrorKind::Backup => "backup",
            ErrorKind::SeveralHistories => "several_histories",
            ErrorKind::ForeignTable => "foreign_table",
            ErrorKind::NoCheckpoints => "no_checkpoints",
            ErrorKind::NotForTool => "not_for_tool",
            ErrorKind::Differs => "differs",
            ErrorKind::Scratch => "scratch",
            ErrorKind::Server => "server",
            ErrorKind::Refused(kind) => kind.word(),
            ErrorKind::Placeholder => "placeholder",
            ErrorKind::LockWait => "lock_wait",
            ErrorKind::LockLost => "lock_lost",
            ErrorKind::Failed => "failed",
            ErrorKind::Stale => "stale",
        }
    }

    /// The class of the error.
    #[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
    pub(crate) fn class(self) -> ErrorClass {
        match self {
            ErrorKind::Url
            | ErrorKind::Connect
            | ErrorKind::Tls
            | ErrorKind::ConnectionLimit
            | ErrorKind::Login
            | ErrorKind::ReadOnly
            | ErrorKind::Privilege
            | ErrorKind::OtherServer
            | ErrorKind::NoServerConnection
            | ErrorKind::NoSchema
            | ErrorKind::DamagedRow
            | ErrorKind::NoCheckpoints
            | ErrorKind::NotForTool
            | ErrorKind::Scratch
            | ErrorKind::Server
            | ErrorKind::LockLost => ErrorClass::Other,
            ErrorKind::Pool
            | ErrorKind::InTransaction
            | ErrorKind::OneConnection
            | ErrorKind::ClaimContradicted
            | ErrorKind::OtherSchema
            | ErrorKind::ForeignHistory
            | ErrorKind::NotOurTable
            | ErrorKind::NewerFormat
            | ErrorKind::DamagedTable
            | ErrorKind::NotATable
            | ErrorKind::WrongDigest
            | ErrorKind::RowNotKept
            | ErrorKind::RowSecurity
            | ErrorKind::SeveralHistories
            | ErrorKind::ForeignTable
            | ErrorKind::Refused(_)
            | ErrorKind::Placeholder
            | ErrorKind::Stale => ErrorClass::Refused,
            ErrorKind::Backup => ErrorClass::Backup,
            ErrorKind::Differs => ErrorClass::Drift,
            ErrorKind::LockWait => ErrorClass::Locked,
            ErrorKind::Failed => ErrorClass::Failed,
        }
    }
}

impl Error {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::Url { .. } => ErrorKind::Url,
            Error::Connect { .. } => ErrorKind::Connect,
            Error::Tls { .. } => ErrorKind::Tls,
            Error::ConnectionLimit { .. } => ErrorKind::ConnectionLimit,
            Error::Login { .. } => ErrorKind::Login,
            #[cfg(feature = "deadpool")]
            Error::Pool { .. } => ErrorKind::Pool,
            Error::ReadOnly { .. } => ErrorKind::ReadOnly,
            Error::Privilege { .. } => ErrorKind::Privilege,
            Error::InTransaction => ErrorKind::InTransaction,
            Error::OtherServer => ErrorKind::OtherServer,
            Error::OneConnection { .. } => ErrorKind::OneConnection,
            Error::NoServerConnection { .. } => ErrorKind::NoServerConnection,
            Error::ClaimContradicted { .. } => ErrorKind::ClaimContradicted,
            Error::NoSchema => ErrorKind::NoSchema,
            Error::OtherSchema { .. } => ErrorKind::OtherSchema,
            Error::ForeignHistory { .. } => ErrorKind::ForeignHistory,
            Error::NotOurTable { .. } => ErrorKind::NotOurTable,
            Error::NewerFormat { .. } => ErrorKind::NewerFormat,
            Error::DamagedTable { .. } => ErrorKind::DamagedTable,
            Error::NotATable { .. } => ErrorKind::NotATable,
            Error::WrongDigest { .. } => ErrorKind::WrongDigest,
            Error::RowNotKept { .. } => ErrorKind::RowNotKept,
            Error::RowSecurity { .. } => ErrorKind::RowSecurity,
            Error::DamagedRow { .. } => ErrorKind::DamagedRow,
            #[cfg(feature = "operate")]
            Error::Backup(_) => ErrorKind::Backup,
            #[cfg(feature = "histories")]
            Error::SeveralHistories { .. } => ErrorKind::SeveralHistories,
            Error::ForeignTable { .. } => ErrorKind::ForeignTable,
            Error::NoCheckpoints { .. } => ErrorKind::NoCheckpoints,
            #[cfg(feature = "histories")]
            Error::NotForTool { .. } => ErrorKind::NotForTool,
            #[cfg(feature = "catalog")]
            Error::Differs { .. } => ErrorKind::Differs,
            #[cfg(feature = "catalog")]
            Error::Scratch(_) => ErrorKind::Scratch,
            Error::Server { .. } => ErrorKind::Server,
            Error::Refused(refused) => ErrorKind::Refused(refused.kind()),
            Error::Placeholder(_) => ErrorKind::Placeholder,
            Error::LockWait { .. } => ErrorKind::LockWait,
            Error::LockLost { .. } => ErrorKind::LockLost,
            Error::Failed(_) => ErrorKind::Failed,
            Error::Stale { .. } => ErrorKind::Stale,
        }
    }
}
