//! The guard of a scratch database: a session whose advisory locks tell other processes that a comparison has it.
//!
//! The locks are those of a transaction that stays open, so that a transaction pooler keeps its server connection for it, and
//! gets it back as it was.

use crate::connection::endpoint::Endpoint;
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::connect;
use crate::error::Error;
use crate::sql::answers::{Answers, is_true, simple_query};

/// A session that holds locks as long as it lives. It asks and changes nothing else: an error would end its transaction.
pub(super) struct Guard(Session<'static>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Guard {
    /// Opens a session and tries for the locks of these keys; which of them it got.
    pub(super) async fn take<const N: usize>(
        endpoint: &Endpoint,
        keys: [i64; N],
    ) -> Result<(Guard, [bool; N]), Error> {
        let mut session = connect(endpoint).await?;
        session.mark("ROLLBACK");
        let locks = keys.map(|key| format!("pg_catalog.pg_try_advisory_xact_lock({key})"));
        // It idles as long as the comparison lasts, and keeps no snapshot that CREATE INDEX CONCURRENTLY would wait for.
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

    /// Gives the locks back; the session, where it is of further use.
    pub(super) async fn release(self) -> Option<Session<'static>> {
        let Guard(mut session) = self;
        session.batch_execute("ROLLBACK").await.ok()?;
        session.unmark();
        Some(session)
    }
}
