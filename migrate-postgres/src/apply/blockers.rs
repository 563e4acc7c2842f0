//! Who stands in the way of a statement that waits for a lock.

use crate::session::Session;
use crate::target::Opening;
use migrate_core::history::Holder;
use migrate_core::sql;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// How long a message may be silent before somebody looks, and how often they look from then on.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often the observer is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Opens another connection, where the target can.
pub(crate) type OpenAnother<'t> = Box<dyn Fn() -> Option<Opening<'t>> + Send + Sync + 't>;

/// Looks for who stands in the way, over a connection of its own.
///
/// Not over the one that holds the lock: a query takes a snapshot, and a `CREATE INDEX CONCURRENTLY` that sees it would
/// wait for the end of the whole transaction.
pub(crate) struct Lookout<'t> {
    open: OpenAnother<'t>,
    session: Option<Session<'t>>,
    seen: Vec<Holder>,
    told: Option<Instant>,
}

/// Sessions that block a server process, and what each of them is at.
const BLOCKERS: &str = "\
    SELECT a.pid, a.application_name::text, \
           extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8, \
           left(a.query, 200)::text \
    FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY(pg_catalog.pg_blocking_pids($1)) \
    ORDER BY a.xact_start LIMIT 5";

/// Sessions that could have been in the way of one that has just given up: in a transaction for longer than it waited,
/// and with locks on relations of users.
const SUSPECTS: &str = "\
    SELECT a.pid, a.application_name::text, extract(epoch FROM clock_timestamp() - a.xact_start)::float8, \
           left(a.query, 200)::text \
    FROM pg_catalog.pg_stat_activity a \
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
      AND a.xact_start < clock_timestamp() - $1 * interval '1 second' \
      AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted \
                  AND l.locktype = 'relation' AND l.relation >= 16384) \
    ORDER BY a.xact_start LIMIT 5";

impl<'t> Lookout<'t> {
    pub(crate) fn new(open: OpenAnother<'t>) -> Lookout<'t> {
        Lookout { open, session: None, seen: Vec::new(), told: None }
    }

    /// Looks for who blocks a server process. Best effort: a run is not to fail because nobody could look.
    pub(super) async fn look(&mut self, pid: i32) {
        if self.session.is_none() {
            let Some(opening) = (self.open)() else { return };
            self.session = opening.await.ok();
        }
        let Some(session) = &self.session else { return };
        match session.query_typed(BLOCKERS, &[(&pid, Type::INT4)]).await {
            Ok(rows) if !rows.is_empty() => self.seen = rows.iter().map(read).collect(),
            Ok(_) => {}
            Err(_) => self.session = None,
        }
    }

    /// Who was seen last, if it is time to tell.
    pub(super) fn news(&mut self) -> Option<&[Holder]> {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY);
        if self.seen.is_empty() || !is_due {
            return None;
        }
        self.told = Some(Instant::now());
        Some(&self.seen)
    }

    /// Who stood in the way of a statement that has just given up after `waited`: who was seen, or else who could have been.
    pub(crate) async fn suspects(&mut self, client: &Client, waited: Duration) -> Vec<Holder> {
        if !self.seen.is_empty() {
            return std::mem::take(&mut self.seen);
        }
        suspects(client, waited).await
    }

    /// The statement got on.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
        self.told = None;
    }
}

/// Who could have stood in the way for so long, when nobody has looked meanwhile.
pub(super) async fn suspects(client: &Client, waited: Duration) -> Vec<Holder> {
    let rows = client.query_typed(SUSPECTS, &[(&waited.as_secs_f64(), Type::FLOAT8)]).await;
    rows.map(|rows| rows.iter().map(read).collect()).unwrap_or_default()
}

/// A row of either query, secrets left out.
pub(crate) fn read(row: &Row) -> Holder {
    let mut holder = Holder::default();
    holder.pid = row.get(0);
    holder.application = row.get(1);
    holder.age = row.get::<_, Option<f64>>(2).and_then(|age| Duration::try_from_secs_f64(age).ok());
    holder.query = row.get::<_, Option<&str>>(3).map(|query| sql::redact(query).into_owned());
    holder
}
