//! Options at the top of a script.

use std::borrow::Cow;
use std::time::Duration;

/// What a script asks for in its header, and nothing where it is silent.
///
/// ```sql
/// -- migrate: lock_timeout=5s statement_timeout=10min transaction=none phase=contract allow=drop_table
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long each of its statements may wait for a lock on a table; zero is no limit.
    pub lock_timeout: Option<Duration>,
    /// How long each of its statements may take; zero is no limit.
    pub statement_timeout: Option<Duration>,
    /// Whether it runs in a transaction block; decided by its statements when not given.
    pub transaction: Option<TransactionMode>,
    /// When in a rolling deployment it may run. A run applies every phase; the value is for policies that look at it.
    pub phase: Option<Phase>,
    /// The findings that its author has accepted, by name.
    pub allow: Cow<'static, [Cow<'static, str>]>,
}

impl Options {
    /// No options.
    pub const NONE: Options = Options {
        lock_timeout: None,
        statement_timeout: None,
        transaction: None,
        phase: None,
        allow: Cow::Borrowed(&[]),
    };

    /// What `migrate!` emits: timeouts in milliseconds.
    #[doc(hidden)]
    pub const fn from_static(
        lock_timeout: Option<u64>,
        statement_timeout: Option<u64>,
        transaction: Option<TransactionMode>,
        phase: Option<Phase>,
        allow: &'static [Cow<'static, str>],
    ) -> Options {
        const fn millis(timeout: Option<u64>) -> Option<Duration> {
            match timeout {
                Some(timeout) => Some(Duration::from_millis(timeout)),
                None => None,
            }
        }
        Options {
            lock_timeout: millis(lock_timeout),
            statement_timeout: millis(statement_timeout),
            transaction,
            phase,
            allow: Cow::Borrowed(allow),
        }
    }
}

/// How a script is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionMode {
    /// All of its statements and its history row in one transaction block: all or nothing.
    Block,
    /// Statement by statement, each committed with a checkpoint: for statements that refuse a transaction block.
    None,
}

/// When in a rolling deployment a migration may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before the new release: what the old release does not mind.
    Expand,
    /// After the last instance of the old release is gone: what the old release would miss.
    Contract,
}
