//! The kinds of migration lock.

use std::time::Duration;

/// The kind of migration lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockKind {
    /// An advisory lock in an idle transaction on its own connection. It works behind a transaction pooler,
    /// and does not block `CREATE INDEX CONCURRENTLY`, because an idle READ COMMITTED transaction holds no
    /// snapshot. The default if the target can open a second connection.
    Transaction,
    /// An advisory lock of the working session. One connection is enough. Only for direct connections,
    /// because a transaction pooler does not preserve sessions. The default with a single `Client`.
    Session,
    /// A row in the table `migrate_lease` beside the history, with an owner and an expiry that a heartbeat
    /// renews: for servers that speak PostgreSQL's protocol but have no advisory locks. A run that can't
    /// renew its lease in time stops, even in the middle of a statement. Needs a target that can open a
    /// second connection.
    Lease {
        /// The time from the last heartbeat until the lease expires and another run may start. The heartbeat
        /// runs three times per expiry. 30 seconds is a good value.
        expiry: Duration,
    },
}
