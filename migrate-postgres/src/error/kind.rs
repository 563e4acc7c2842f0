//! The kind of an error: one table of stable words, classes and the state left behind.

use super::Error;
use migrate_core::advice::Left;
use migrate_core::plan::RefusedKind;

/// Makes [`ErrorKind`] and what depends on it from one row for each variant of [`Error`]: its word, its class,
/// and what it leaves behind. `Refused`, `Failed` and `Stopped` are of the kind and the state of what they hold.
macro_rules! kinds {
    ($($(#[cfg(feature = $feature:literal)])? $kind:ident, $word:literal, $class:ident, $left:ident;)+) => {
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
            $(#[doc = concat!("`Error::", stringify!($kind), "`.")] $kind,)+
            /// `Error::Refused`, by the kind of the refusal.
            Refused(RefusedKind),
        }

        impl ErrorKind {
            /// A stable word for logs, metrics and JSON.
            pub fn word(self) -> &'static str {
                match self {
                    $(ErrorKind::$kind => $word,)+
                    ErrorKind::Refused(kind) => kind.word(),
                }
            }

            /// The class of the error, if the run had committed nothing.
            #[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
            fn class(self) -> ErrorClass {
                match self {
                    $(ErrorKind::$kind => ErrorClass::$class,)+
                    ErrorKind::Refused(_) => ErrorClass::Refused,
                }
            }

            /// The changes left behind by the error itself.
            pub(super) fn left(self) -> Left {
                match self {
                    $(ErrorKind::$kind => Left::$left,)+
                    ErrorKind::Refused(_) => Left::Nothing,
                }
            }
        }

        impl Error {
            /// The kind of the error. A run that stopped after it had committed something has the kind of the error
            /// that stopped it.
            pub fn kind(&self) -> ErrorKind {
                match self {
                    $($(#[cfg(feature = $feature)])? Error::$kind { .. } => ErrorKind::$kind,)+
                    Error::Refused(refused) => ErrorKind::Refused(refused.kind()),
                    Error::Stopped(stopped) => stopped.error.kind(),
                }
            }
        }
    };
}

kinds! {
    Url, "url", Other, Nothing;
    Connect, "connection", Other, Nothing;
    Tls, "tls", Other, Nothing;
    ConnectionLimit, "connection_limit", Other, Nothing;
    Login, "login", Other, Nothing;
    #[cfg(feature = "deadpool")]
    Pool, "pool", Refused, Nothing;
    ReadOnly, "read_only", Other, Nothing;
    Privilege, "privilege", Other, Nothing;
    InTransaction, "in_transaction", Refused, Nothing;
    OtherServer, "other_server", Other, Nothing;
    OneConnection, "one_connection", Refused, Nothing;
    NoServerConnection, "no_server_connection", Other, Nothing;
    ClaimContradicted, "claim_contradicted", Refused, Nothing;
    NoSchema, "no_schema", Other, Nothing;
    OtherSchema, "other_schema", Refused, Nothing;
    ForeignHistory, "foreign_history", Refused, Nothing;
    NotOurTable, "not_our_table", Refused, Nothing;
    NewerFormat, "newer_format", Refused, Nothing;
    DamagedTable, "damaged_table", Refused, Nothing;
    NotATable, "not_a_table", Refused, Nothing;
    WrongDigest, "wrong_digest", Refused, Nothing;
    RowNotKept, "row_not_kept", Refused, Nothing;
    RowSecurity, "row_security", Refused, Nothing;
    DamagedRow, "damaged_row", Other, Nothing;
    #[cfg(feature = "operate")]
    Backup, "backup", Backup, Nothing;
    #[cfg(feature = "histories")]
    SeveralHistories, "several_histories", Refused, Nothing;
    ForeignTable, "foreign_table", Refused, Nothing;
    NoCheckpoints, "no_checkpoints", Other, Nothing;
    #[cfg(feature = "histories")]
    NotForTool, "not_for_tool", Other, Nothing;
    #[cfg(feature = "catalog")]
    Differs, "differs", Drift, Nothing;
    #[cfg(feature = "catalog")]
    Scratch, "scratch", Other, Nothing;
    Server, "server", Other, Unknown;
    Placeholder, "placeholder", Refused, Nothing;
    LockWait, "lock_wait", Locked, Nothing;
    LockLost, "lock_lost", Other, Unknown;
    Failed, "failed", Failed, Nothing;
    BrokenAssertions, "broken_assertions", Failed, Nothing;
    #[cfg(feature = "operate")]
    Compare, "compare", Refused, Nothing;
    Seed, "seed", Failed, Nothing;
    UnusableCompanions, "unusable_companions", Refused, Nothing;
    NoSuchEnvironment, "no_such_environment", Refused, Nothing;
    BackfillStopped, "backfill_stopped", Failed, Unknown;
    BackfillUnfit, "backfill_unfit", Refused, Nothing;
    Stale, "stale", Refused, Nothing;
}

/// The class of an error, by which exit codes and labels of metrics tell errors apart.
#[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorClass {
    /// The set, the history and the request contradict each other, or the target is not fit for a run. Nothing
    /// was changed.
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

#[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
impl Error {
    /// The class of the error.
    pub(crate) fn class(&self) -> ErrorClass {
        // The others promise that nothing was changed.
        if matches!(self, Error::Stopped(_)) { ErrorClass::Other } else { self.kind().class() }
    }
}
