//! How the migration lock is held.

use std::time::Duration;

/// How the migration lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockKind {
    /// By a transaction that is held open, idle, on a connection of its own. It holds behind a transaction pooler, and
    /// does not stand in the way of `CREATE INDEX CONCURRENTLY`: an idle READ COMMITTED transaction holds no snapshot.
    /// The default wherever the target can open a second connection.
    Transaction,
    /// By the session that works. One connection is enough, but behind a transaction pooler a session is not one:
    /// only for direct connections. The default over a single `Client`.
    Session,
    /// By a row of the table `migrate_lease` beside the history, with an owner and an expiry that a heartbeat renews: for
    /// servers that speak PostgreSQL's protocol and have no advisory locks. A run that can't renew it in time stops, in the
    /// middle of a statement if need be. It takes a target that can open a second connection.
    Lease {
        /// How long after its last heartbeat a lease expires, so that another run may begin. The heartbeat comes three
        /// times as often. 30 seconds are a good value.
        expiry: Duration,
    },
}
