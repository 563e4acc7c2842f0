//! The guard of a scratch database: a session whose advisory locks show other processes that a comparison
//! uses it.
//!
//! The locks belong to a transaction that stays open, so that a transaction pooler reserves a server
//! connection for it, and gets it back unchanged.

use crate::connection::endpoint::Endpoint;
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::connect;
use crate::error::Error;
use crate::sql::answers::{Answers, is_true, simple_query};

/// A session that holds locks while it lives. It does nothing else, because an error would end its
/// transaction.
pub(super) struct Guard(Session<'static>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// Opens a session and tries to take the locks with these keys; returns which it got.
    pub(super) async fn take<const N: usize>(
        endpoint: &Endpoint,
        keys: [i64; N],
    ) -> Result<(Guard, [bool; N]), Error> {
        let mut session = connect(endpoint).await?;
        session.mark("ROLLBACK");
        let locks = keys.map(|key| format!("pg_catalog.pg_try_advisory_xact_lock({key})"));
        // It stays idle during the comparison, without a snapshot that CREATE INDEX CONCURRENTLY would wait
        // for.
        let message = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; {}; SELECT {}",
            protect::no_timeouts(),
            locks.join(", ")
        );
        let failed = |source| Error::server("locking the scratch database", source);
        let mut answers = Answers::of(simple_query(&session, &message).await.map_err(failed)?);
        // BEGIN and the timeouts come first.
        let rows = answers.after(2);
        let has = |column| rows.first().is_some_and(|row| is_true(row, column));
        Ok((Guard(session), std::array::from_fn(has)))
    }

    /// Releases the locks. Returns the session if it is still usable.
    pub(super) async fn release(self) -> Option<Session<'static>> {
        let Guard(mut session) = self;
        session.batch_execute("ROLLBACK").await.ok()?;
        session.unmark();
        Some(session)
    }
}
