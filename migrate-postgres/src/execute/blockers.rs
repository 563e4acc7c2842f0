//! Blocking sessions: those that hold a lock that a statement waits for.

use super::watch::Underway;
use crate::connection::heard::{Heard, Listening};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Opening;
use crate::history::Said;
use crate::lock::holder::read;
use migrate_core::engine::Holder;
use migrate_core::engine::{Progress, SlowThreshold};
use std::time::{Duration, Instant};
use tokio_postgres::Client;

/// The silence after which blockers are queried, and the interval between queries from then on.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The interval between reports to the observer.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The time limit of a look. The work is not followed meanwhile, and a server with no connections left may
/// keep the look waiting.
const MOST_LOOK: Duration = Duration::from_secs(2);

/// The pause after a look that took too long. A pooler has no connection for a look then, and each try would
/// hold up the code that follows the work.
const REST: Duration = Duration::from_secs(30);

/// Opens another connection, where the target can.
pub(crate) type OpenAnother<'t> = Box<dyn Fn() -> Option<Opening<'t>> + Send + Sync + 't>;

/// Finds blocking sessions, over its own connection.
///
/// Not over the one that holds the lock: a query takes a snapshot, and a `CREATE INDEX CONCURRENTLY` that sees it would
/// wait for the end of the whole transaction.
pub(crate) struct BlockerMonitor<'t> {
    open: OpenAnother<'t>,
    session: Option<Session<'t>>,
    /// The time before which no query is made.
    rests_until: Option<Instant>,
    /// The blocking sessions found last.
    seen: Vec<Holder>,
    /// The time of the last report.
    told: Option<Instant>,
    /// Since when the server is at what it is at.
    since: Instant,
    alarm: SlowThreshold,
    /// The server's messages to the working connection.
    heard: Option<Heard>,
    /// The number of messages for each completed row of the history, if messages are received.
    said: Vec<Said>,
}

/// Sessions that block a server process, and what each of them is at; and prepared transactions, for which
/// `pg_blocking_pids` has a zero: no process holds their locks.
const BLOCKERS: &str = "\
    (SELECT a.pid, a.application_name::text, \
            extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8, \
            left(a.query, 200)::text, NULL::text, NULL::text \
     FROM pg_catalog.pg_stat_activity a WHERE a.pid = ANY(pg_catalog.pg_blocking_pids($1)) \
     ORDER BY a.xact_start LIMIT 5) \
    UNION ALL \
    (SELECT NULL, NULL, extract(epoch FROM clock_timestamp() - p.prepared)::float8, NULL, p.gid::text, p.owner::text \
     FROM pg_catalog.pg_prepared_xacts p \
     WHERE 0 = ANY(pg_catalog.pg_blocking_pids($1)) AND EXISTS (SELECT \
         FROM pg_catalog.pg_locks h JOIN pg_catalog.pg_locks w ON w.pid = $1 AND NOT w.granted \
             AND (h.locktype, h.database, h.relation, h.transactionid, h.classid, h.objid) \
             IS NOT DISTINCT FROM (w.locktype, w.database, w.relation, w.transactionid, w.classid, w.objid) \
         JOIN pg_catalog.pg_locks x ON x.pid IS NULL AND x.virtualtransaction = h.virtualtransaction \
             AND x.transactionid = p.transaction AND x.locktype = 'transactionid' \
         WHERE h.granted AND h.pid IS NULL) \
     ORDER BY p.prepared LIMIT 5)";

/// Sessions that could have been in the way of one that has just given up: in a transaction for longer than it waited,
/// and with locks on relations of users.
const SUSPECTS: &str = "\
    (SELECT a.pid, a.application_name::text, extract(epoch FROM clock_timestamp() - a.xact_start)::float8, \
           left(a.query, 200)::text, NULL::text, NULL::text \
    FROM pg_catalog.pg_stat_activity a \
    WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() \
      AND a.xact_start < clock_timestamp() - $1 * interval '1 second' \
      AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted \
                  AND l.locktype = 'relation' AND l.relation >= 16384) \
    ORDER BY a.xact_start LIMIT 5) \
    UNION ALL \
    (SELECT NULL, NULL, extract(epoch FROM clock_timestamp() - p.prepared)::float8, NULL, p.gid::text, p.owner::text \
     FROM pg_catalog.pg_prepared_xacts p \
     WHERE p.database = current_database() AND p.prepared < clock_timestamp() - $1 * interval '1 second' \
       AND EXISTS (SELECT FROM pg_catalog.pg_locks x JOIN pg_catalog.pg_locks l \
                       ON l.pid IS NULL AND l.virtualtransaction = x.virtualtransaction \
                   WHERE x.pid IS NULL AND x.locktype = 'transactionid' AND x.transactionid = p.transaction \
                   AND l.locktype = 'relation' AND l.relation >= 16384) \
     ORDER BY p.prepared LIMIT 5)";

impl<'t> BlockerMonitor<'t> {
    /// A monitor that reports activities longer than `slow`.
    pub(crate) fn new(open: OpenAnother<'t>, slow: Option<Duration>) -> BlockerMonitor<'t> {
        BlockerMonitor {
            open,
            session: None,
            rests_until: None,
            seen: Vec::new(),
            told: None,
            since: Instant::now(),
            alarm: SlowThreshold::new(slow),
            heard: None,
            said: Vec::new(),
        }
    }

    /// The connection that works is this one, as far as its notices are ours to hear.
    pub(crate) fn hear(&mut self, heard: Option<Heard>) {
        self.heard = heard;
    }

    /// The number of notices and warnings during the current step, if messages are received.
    pub(super) fn said(&self, progress: &Progress<'_>) -> Option<(u32, u32)> {
        self.heard.as_ref().map(|_| progress.said_count())
    }

    /// Stores that count for a row of the history that has ended, and not for one from which a later run
    /// resumes: such a run looks at which transaction has changed the row last.
    pub(super) fn count(&mut self, row: i64, progress: &Progress<'_>) {
        if let Some((notices, warnings)) = self.said(progress) {
            self.said.push(Said { row, notices, warnings });
        }
    }

    /// The counts since the last call.
    pub(crate) fn take_counts(&mut self) -> Vec<Said> {
        std::mem::take(&mut self.said)
    }

    /// Listens to what the server says to the connection that works.
    pub(super) fn listen(&self) -> Option<Listening> {
        self.heard.as_ref().map(Heard::listen)
    }

    /// The server is at something else from now on.
    pub(super) fn begin(&mut self) {
        self.seen.clear();
        self.told = None;
        self.since = Instant::now();
        self.alarm.reset();
    }

    /// For how long the server is at what it is at.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// The time until the next query.
    pub(super) fn pause(&self) -> Duration {
        self.alarm.pause(self.age(), LOOK_EVERY).max(Duration::from_millis(1))
    }

    /// Called when the server is silent: it works, or waits for another session. Reports the blocking
    /// session, and that the statement takes long.
    pub(super) async fn probe(
        &mut self,
        underway: Underway<'_>,
        pid: Option<i32>,
        progress: &mut Progress<'_>,
    ) {
        let blockers = match pid {
            Some(pid) => self.blockers(pid).await,
            None => Vec::new(),
        };
        let age = self.age();
        if !blockers.is_empty() {
            self.seen.clone_from(&blockers);
            if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                self.told = Some(Instant::now());
                progress.blocked(underway.step, age, &blockers);
            }
        }
        if self.alarm.is_exceeded(age) {
            progress.slow(underway.work(pid), age, &blockers);
        }
        progress.check_ages(age, &blockers);
    }

    /// The sessions that block a server process. Best effort: a failed query must not fail the run.
    async fn blockers(&mut self, pid: i32) -> Vec<Holder> {
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return Vec::new();
        }
        let looked = tokio::time::timeout(MOST_LOOK, self.ask(pid)).await;
        if let Ok(Some(blockers)) = looked {
            return blockers;
        }
        self.rests_until = looked.is_err().then(|| Instant::now() + REST);
        self.session = None;
        Vec::new()
    }

    async fn ask(&mut self, pid: i32) -> Option<Vec<Holder>> {
        if self.session.is_none() {
            self.session = (self.open)()?.await.ok();
        }
        let session = self.session.as_mut()?;
        // Closed where its answer takes too long: it would stay in a pooler's queue.
        session.mark("ROLLBACK");
        let rows = protect::ask(session, &BLOCKERS.replace("$1", &pid.to_string())).await.ok()?;
        session.unmark();
        Some(rows.iter().map(read).collect())
    }

    /// Returns the sessions that blocked a statement which has just given up after `waited`: those that were
    /// seen, or else those that may have blocked it.
    pub(crate) async fn suspects(&mut self, client: &Client, waited: Duration) -> Vec<Holder> {
        if !self.seen.is_empty() {
            return std::mem::take(&mut self.seen);
        }
        suspects(client, waited).await
    }
}

/// The sessions that could have blocked for so long, if no query was made meanwhile.
pub(super) async fn suspects(client: &Client, waited: Duration) -> Vec<Holder> {
    let rows = protect::ask(client, &SUSPECTS.replace("$1", &waited.as_secs_f64().to_string())).await;
    rows.map(|rows| rows.iter().map(read).collect()).unwrap_or_default()
}
