//! The engine's backend: a set's history in a PostgreSQL database, its lock, and what is applied under it.

mod lock_wait;
mod locked;
mod running;

pub(crate) use lock_wait::LockWait;
pub(crate) use locked::PgLocked;
pub use running::RunningAttempt;
pub(crate) use running::running;

use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::{Error, LimitOwner};
use crate::execute::{BlockerMonitor, Preamble};
use crate::history::settings::RunSettings;
use crate::history::{SessionInfo, Whereabouts, end, head, load, run_id};
use crate::lock::{
    Crowd, Key, LOCKED, LeaseLock, Lock, LockAttempt, SessionLock, TransactionLock, same_server,
};
use crate::settings::LockKind;
use crate::sql::answers::{is_true, parsed, text};
use async_trait::async_trait;
use migrate_core::engine::{History, Holder, Locking};
use migrate_core::history::{HistoryHead, HistoryState};
use migrate_core::{Digest, Set};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// A set's history in the database that a target leads to.
pub(crate) struct PgHistory<'t, T: Target + ?Sized> {
    target: &'t T,
    session: Session<'t>,
    settings: &'t RunSettings,
    /// True if a table with the history's name was found.
    found: bool,
    /// `Known` once a table was found in the schema in which a run expects it.
    whereabouts: Whereabouts,
    /// The head that was read.
    seen: Option<HistoryHead>,
    /// The time since when another run holds the lock.
    held_since: Option<Instant>,
    /// When it was asked last who holds the lock, and who did.
    holder: Option<(Instant, Holder)>,
    /// Since when the lock is tried for.
    trying_since: Option<Instant>,
    /// True if the lock was released because no connection was left for the work.
    has_given_way: bool,
    /// After how long the server ends the session when it idles; not asked before a wait.
    idle_limit: OnceLock<Option<Duration>>,
}

/// The interval between queries for the holder of the lock. They cost the server more than all the rest of a
/// look.
const ASK_HOLDER_EVERY: Duration = Duration::from_secs(2);

/// The wait for the lock before its holder is queried at all. Most waits are over by then, and 63 replicas
/// that query at once keep the working one from its work. Slightly shorter than the time after which the wait
/// is reported, because the report names the holder.
const ASK_HOLDER_AFTER: Duration =
    migrate_core::engine::TELL_WAITING_AFTER.saturating_sub(Duration::from_millis(50));

impl<'t, T: Target + ?Sized> PgHistory<'t, T> {
    /// Opens a connection; asks nothing yet.
    pub(crate) async fn open(target: &'t T, settings: &'t RunSettings) -> Result<PgHistory<'t, T>, Error> {
        let session = target.open().await?;
        Ok(PgHistory {
            target,
            session,
            settings,
            found: false,
            whereabouts: Whereabouts::Unknown,
            seen: None,
            held_since: None,
            holder: None,
            trying_since: None,
            has_given_way: false,
            idle_limit: OnceLock::new(),
        })
    }

    /// The connection that reads.
    pub(crate) fn session(&self) -> &Session<'t> {
        &self.session
    }

    /// The connection that reads, to be marked.
    pub(crate) fn session_mut(&mut self) -> &mut Session<'t> {
        &mut self.session
    }

    /// Closes the connection, or gives it back.
    pub(crate) async fn close(self) {
        self.session.close().await;
    }

    /// Returns what has to be known before the whole history is read.
    pub(crate) async fn session_info(&self) -> Result<SessionInfo, Error> {
        SessionInfo::take(&self.session, self.settings).await
    }

    /// Looks at the history's end.
    async fn probe(&mut self, set: &Set) -> Result<HistoryHead, Error> {
        #[cfg(feature = "histories")]
        if let Some(kept) = &self.settings.keeping {
            let head = crate::history::foreign::probe(&self.session, self.settings, kept, set).await?;
            self.found = head.is_some();
            return Ok(head.unwrap_or(HistoryHead::NONE));
        }
        // A run that waits for another to end need not know its progress.
        let seen = self.seen.clone().filter(|_| self.held_since.is_some());
        let look = head::probe(&self.session, self.settings, set, seen);
        let look = match self.trying_since {
            None => look.await?,
            Some(since) => match answered(since, self.settings, look).await {
                Ok(look) => look?,
                Err(error) => return Err(self.unanswered(error)),
            },
        };
        self.found = look.found;
        self.whereabouts = if look.is_ours { Whereabouts::Known } else { Whereabouts::Unknown };
        self.seen = Some(look.head.clone());
        Ok(look.head)
    }

    /// Looks again in a transaction without timeouts, if a timeout of the session has ended the first look. A
    /// look that turned the timeouts off at once would take more than one query. A session that ended with
    /// the first look is opened again, if the target allows it.
    async fn probe_without_timeouts(&mut self, set: &Set, ended: Error) -> Result<HistoryHead, Error> {
        if ended.has_ended_the_session() {
            // A pool may have no other connection than this one.
            self.session = Session::gone();
            self.session = self.target.open().await?;
        }
        if self.session.is_closed() || !self.session.begin_reading().await {
            return Err(ended);
        }
        let looked = self.probe(set).await;
        self.session.end_reading().await;
        match looked {
            // The meaning of the error is queried outside of the transaction that the error has ended.
            Err(_) => self.probe(set).await,
            looked => looked,
        }
    }

    /// Returns the connection that works, if it is not the one that holds the lock.
    async fn open_worker(&self, kind: LockKind) -> Result<Option<Session<'t>>, Error> {
        match (kind, self.target.open_another()) {
            (LockKind::Session, _) | (_, None) => Ok(None),
            (_, Some(opening)) => Ok(Some(opening.await?)),
        }
    }

    /// The limit of connections that the role or the database has, the smaller one, and whose it is.
    async fn connection_limit(&self) -> Option<(LimitOwner, i32)> {
        const LIMIT: &str = "SELECT l.owner, l.is_role, l.most FROM ( \
            SELECT pg_catalog.quote_ident(r.rolname) AS owner, true AS is_role, r.rolconnlimit AS most \
            FROM pg_catalog.pg_roles r WHERE r.rolname = session_user AND NOT r.rolsuper \
            UNION ALL \
            SELECT pg_catalog.quote_ident(d.datname), false, d.datconnlimit \
            FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) l \
            WHERE l.most >= 0 ORDER BY l.most LIMIT 1";
        let rows = protect::ask(&self.session, LIMIT).await.ok()?;
        let row = rows.first()?;
        let name = text(row, 0)?.to_owned();
        let owner = if is_true(row, 1) { LimitOwner::Role(name) } else { LimitOwner::Database(name) };
        Some((owner, parsed(row, 2)?))
    }

    /// Returns the kind of the lock. A transaction can hold it only if another connection does the work.
    fn lock_kind(&self) -> Result<LockKind, Error> {
        let another = self.target.open_another().is_some();
        match self.settings.lock {
            Some(kind) if kind != LockKind::Session && !another => Err(Error::OneConnection { kind }),
            Some(kind) => Ok(kind),
            None if another => Ok(LockKind::Transaction),
            None => Ok(LockKind::Session),
        }
    }

    /// Marks a session whose query is unanswered: it is to be closed without waiting for the answer.
    fn unanswered(&mut self, error: Error) -> Error {
        self.session.mark("ROLLBACK");
        error
    }

    /// The set's lock, of a kind.
    async fn lock(&self, set: &Set, kind: LockKind, run: &str) -> Result<Box<dyn Lock>, Error> {
        let key = Key::new(self.settings, set.name());
        Ok(match kind {
            LockKind::Session => Box::new(SessionLock { key }),
            LockKind::Transaction => Box::new(TransactionLock { key, has_given_way: self.has_given_way }),
            LockKind::Lease { expiry } => {
                let owner = format!("{}, process {}, run {run}", self.settings.program, std::process::id());
                let table = match self.settings.table() {
                    Some(table) => table,
                    None => self.session_info().await?.table,
                };
                Box::new(LeaseLock::new(&table, set.name(), &owner, expiry))
            }
        })
    }

    /// Returns the queries to send with the lock: about the session, and about the history's end if there is
    /// one.
    fn questions(&self, set: &Set) -> String {
        let is_empty = self.seen.as_ref().is_none_or(|head| head.digest == Digest::EMPTY);
        let questions = SessionInfo::questions(self.settings, self.whereabouts, is_empty, LOCKED);
        if !self.found || self.settings.keeps().is_some() {
            return questions;
        }
        format!("{questions}; {}", end::questions(&self.settings.relation(), set, LOCKED))
    }

    /// Returns the holder of the lock, which is queried again from time to time.
    async fn who_holds(&mut self, lock: &dyn Lock) -> Result<Holder, Error> {
        let waited = self.held_since.get_or_insert_with(Instant::now).elapsed();
        // A run that does not wait for long must still learn the holder.
        if waited < ASK_HOLDER_AFTER && self.settings.engine.lock_wait > ASK_HOLDER_EVERY {
            return Ok(Holder::default());
        }
        if let Some((asked, holder)) = &self.holder
            && asked.elapsed() < ASK_HOLDER_EVERY
        {
            return Ok(holder.clone());
        }
        let since = self.trying_since.unwrap_or_else(Instant::now);
        let holder = answered(since, self.settings, lock.holder(&self.session)).await;
        let holder = holder.map_err(|error| self.unanswered(error))??;
        self.holder = Some((Instant::now(), holder.clone()));
        Ok(holder)
    }

    /// Opens what the run needs beside the lock, and makes it fit to write.
    async fn prepare(
        &mut self,
        kind: LockKind,
        lock: &dyn Lock,
        session_info: &mut SessionInfo,
    ) -> Result<Option<Session<'t>>, Error> {
        let mut worker = self.open_worker(kind).await?;
        worker.as_mut().unwrap_or(&mut self.session).spend();
        match &mut worker {
            Some(worker) => worker.mark("ROLLBACK"),
            None => self.session.mark(format!("{}; {}", lock.abandon(), session_info.restore.join("; "))),
        }
        let works = worker.as_ref().unwrap_or(&self.session);
        if let Some(conform) = session_info.conform {
            if worker.is_some() {
                *session_info = SessionInfo::take(works, self.settings).await?;
            }
            let conformed = works.batch_execute(conform).await;
            conformed.map_err(|source| Error::server("preparing the session", source))?;
        }
        Ok(worker)
    }

    /// Tries to take the lock, like [`History::try_lock`].
    pub(crate) async fn try_acquire<'a>(&'a mut self, set: &'a Set) -> Result<Acquisition<'a, 't>, Error> {
        let (kind, run) = (self.lock_kind()?, self.settings.run.clone().unwrap_or_else(run_id));
        #[cfg(feature = "operate")]
        let backup = crate::backup::Due::of(self.settings, self.target)?;
        let mut lock = self.lock(set, kind, &run).await?;
        let since = *self.trying_since.get_or_insert_with(Instant::now);
        if self.held_since.is_some() || self.has_given_way {
            let is_free = answered(since, self.settings, lock.is_free(&self.session)).await;
            match is_free.map_err(|error| self.unanswered(error))? {
                Ok(true) => {}
                Ok(false) => return Ok(Acquisition::Held(self.who_holds(&*lock).await?)),
                Err(error) => return Err(lock_error(&self.session, self.settings, error).await),
            }
        }
        if lock.outlives_session() {
            self.session.mark_lasting(lock.abandon());
        } else {
            self.session.mark(lock.abandon());
        }
        let questions = self.questions(set);
        let tried = lock.try_acquire(&self.session, &questions);
        let mut answers = match answered(since, self.settings, tried).await? {
            Ok(LockAttempt::Got(answers)) => answers,
            Ok(LockAttempt::Held) => {
                self.session.unmark();
                return Ok(Acquisition::Held(self.who_holds(&*lock).await?));
            }
            Ok(LockAttempt::InTransaction) => {
                // Ending our transaction would end its owner's.
                self.session.unmark();
                return Err(Error::InTransaction);
            }
            Ok(LockAttempt::NoSchema) => {
                self.session.unmark();
                return Err(Error::NoSchema);
            }
            Err(error) => return Err(lock_error(&self.session, self.settings, error).await),
        };
        let read = SessionInfo::read(self.settings, &mut answers);
        let mark = read.as_ref().ok().and_then(|session_info| lock.mark(session_info.pid));
        let prepared = match read {
            Ok(mut session_info) => {
                self.prepare(kind, &*lock, &mut session_info).await.map(|worker| (worker, session_info))
            }
            Err(error) => Err(error),
        };
        let (worker, session_info) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                drop(self.session.batch_execute(&lock.abandon()).await);
                self.session.unmark();
                // So many replicas that there is no connection left to work with: some of them will be done soon.
                if !error.is_too_many_connections() {
                    return Err(error);
                }
                return match self.connection_limit().await {
                    // Only this run itself is in its way, however long it waits.
                    Some((owner, 1)) => Err(error.with_limit(owner)),
                    _ => Ok(Acquisition::Crowded(error)),
                };
            }
        };
        let asked = self.found && session_info.table.keeps().is_none();
        let end = end::read(&session_info, asked, set, &mut answers)?;
        // If no migration of ours is applied, only the whole look shows what others applied.
        let end = end.filter(|end| session_info.beside.is_empty() || end.digest != Digest::EMPTY);
        let (holder, settings, target) = (&mut self.session, self.settings, self.target);
        let mark = mark.filter(|_| worker.is_some());
        let preamble = Preamble {
            same_server: mark.as_deref().map(|mark| session_info.protected(same_server(mark))),
            is_answered: Arc::default(),
            guard: (worker.is_some() && session_info.conform.is_none()).then(|| session_info.guard()),
            create: session_info.create(settings.lock_timeout, set),
        };
        let mut monitor = BlockerMonitor::new(Box::new(move || target.open_another()), settings.engine.slow);
        monitor.hear(worker.as_ref().unwrap_or(holder).heard().cloned());
        Ok(Acquisition::Acquired(Box::new(PgLocked {
            holder,
            worker,
            lock,
            settings,
            set,
            session_info,
            end,
            preamble,
            run,
            monitor,
            crowd: mark.map(|mark| Crowd { mark, since, wait: settings.engine.lock_wait }),
            has_given_way: &mut self.has_given_way,
            lost: false,
            released: None,
            #[cfg(feature = "operate")]
            backup,
        })))
    }
}

/// The outcome of an attempt to take the lock: [`Locking`] with what only this backend can do under it.
pub(crate) enum Acquisition<'a, 't> {
    Acquired(Box<PgLocked<'a, 't>>),
    Held(Holder),
    Crowded(Error),
}

#[async_trait]
impl<T: Target + ?Sized> History for PgHistory<'_, T> {
    type Error = Error;

    async fn head(&mut self, set: &Set) -> Result<HistoryHead, Error> {
        match self.probe(set).await {
            Err(error) if error.is_of_a_timeout() => self.probe_without_timeouts(set, error).await,
            looked => looked,
        }
    }

    async fn load(&mut self, set: &Set) -> Result<HistoryState, Error> {
        let session_info = self.session_info().await?;
        load::load_all(&self.session, &session_info, self.settings, set).await
    }

    async fn try_lock<'a>(&'a mut self, set: &'a Set) -> Result<Locking<'a, Error>, Error> {
        Ok(match self.try_acquire(set).await? {
            Acquisition::Acquired(locked) => Locking::Acquired(locked),
            Acquisition::Held(holder) => Locking::Held(holder),
            Acquisition::Crowded(error) => Locking::Crowded(error),
        })
    }

    async fn pause(&self, duration: Duration) {
        let limit = match self.idle_limit.get() {
            Some(limit) => *limit,
            None => {
                let limit = protect::idle_limit(&self.session).await;
                *self.idle_limit.get_or_init(|| limit)
            }
        };
        protect::alive_until(&self.session, limit, tokio::time::sleep(duration)).await;
    }
}

/// The shortest wait for an answer, however short the wait for the lock may be.
const LEAST_WAIT: Duration = Duration::from_secs(5);

/// Waits for an answer while trying to get the lock, but no longer than a run may wait for the lock: a pooler
/// whose server connections are all taken gives no answer.
async fn answered<A>(
    since: Instant,
    settings: &RunSettings,
    answer: impl Future<Output = A>,
) -> Result<A, Error> {
    let left = settings.engine.lock_wait.saturating_sub(since.elapsed());
    tokio::time::timeout(left.max(LEAST_WAIT), answer).await.map_err(|_| {
        let waited = since.elapsed();
        Error::NoServerConnection { waited, holds_lock: false, only_one: false }
    })
}

/// Why the lock could not be tried for.
async fn lock_error(client: &Client, settings: &RunSettings, error: tokio_postgres::Error) -> Error {
    match error.code() {
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Error::standby("the server does not accept writes"),
        _ => head::read_error(client, settings, "acquiring the migration lock", error).await,
    }
}
