//! The history under its lock.

use crate::backfill::obstacle;
use crate::connection::protect::alive_until;
use crate::connection::session::Session;
use crate::error::wording::is_turned_away;
use crate::error::{ApplyError, BackfillCause, Error};
use crate::execute::{
    BegunBackfill, BlockerMonitor, Context, Executor, Halt, Mode, Preamble, RunBookkeeping, apply_code,
    apply_statements, apply_transactions, begin_backfill, check_claim, has_backfill, is_contention,
    is_strange, no_batches, server_failure, timeouts,
};
use crate::history::HistoryCursor;
use crate::history::backfill_table::BackfillTable;
use crate::history::is_made_meanwhile;
use crate::history::load;
use crate::history::session_info::SessionInfo;
use crate::history::settings::RunSettings;
use crate::history::table::{RunIdentity, Said};
use crate::lock::{Crowd, Crowded, Lock, turned_away};
use crate::sql::answers::simple_query;
use crate::sql::transaction::BEGIN;
use async_trait::async_trait;
use futures_util::future::{Either, join, select};
use migrate_core::engine::{Locked, Progress, Released};
use migrate_core::history::{HistoryState, HistoryTail, Notice};
use migrate_core::plan::Step;
use migrate_core::{Options, Set};
use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio_postgres::Client;

/// The history under its lock, which one session holds while it or another one works.
///
/// # Cancel safety
///
/// Its sessions are marked until it is released. Dropped before, they are closed, or cleared where they are borrowed:
/// the lock goes with them.
pub(crate) struct PgLocked<'l, 't> {
    pub(crate) holder: &'l mut Session<'t>,
    pub(crate) worker: Option<Session<'t>>,
    pub(crate) lock: Box<dyn Lock>,
    pub(crate) settings: &'l RunSettings,
    pub(crate) set: &'l Set,
    pub(crate) session_info: SessionInfo,
    pub(crate) end: Option<HistoryTail>,
    pub(crate) preamble: Preamble,
    pub(crate) run: String,
    pub(crate) monitor: BlockerMonitor<'t>,
    /// Watches over the worker's first message.
    pub(crate) crowd: Option<Crowd>,
    /// True if the lock is given back because there was no connection left to work with.
    pub(crate) has_given_way: &'l mut bool,
    pub(crate) lost: bool,
    /// Set if the last message has given the lock back: true if it was still ours.
    pub(crate) released: Option<bool>,
    /// The backup to make before the first step.
    #[cfg(feature = "operate")]
    pub(crate) backup: Option<crate::backup::Due>,
}

impl PgLocked<'_, '_> {
    /// The session that works.
    fn worker(&self) -> &Session<'_> {
        self.worker.as_ref().unwrap_or(self.holder)
    }
}

impl PgLocked<'_, '_> {
    /// Records how much the server said at each row of the run, which is known only after the row is ended
    /// and committed. The record is sent together with the message that gives the lock back, after it, so it
    /// takes no round trip and delays no other run. A record that can't be written is not an error.
    async fn count_messages(&self, said: Vec<Said>) {
        if said.is_empty() || self.session_info.table.keeps().is_some() {
            return;
        }
        let run = RunIdentity { set: self.set.name(), run: &self.run, program: &self.settings.program };
        let timeouts = timeouts(&self.session_info, self.settings, &Options::NONE, true).join("; ");
        let count = self.session_info.table.count(run, &said);
        let message = format!("{BEGIN}; SET LOCAL synchronous_commit = off; {timeouts}; {count}; COMMIT");
        if self.holder.batch_execute(&message).await.is_err() {
            drop(self.holder.batch_execute("ROLLBACK").await);
        }
    }

    /// Applies steps, as long as the lock is kept and there is a connection to work with.
    async fn apply_and_keep(
        &mut self,
        steps: &[Step<'_>],
        state: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> StepsOutcome {
        let holder = &*self.holder;
        let is_answered = self.preamble.is_answered.clone();
        // Asked once: what was served begins to work, and what has begun is not given up.
        let crowd = self.crowd.as_ref().filter(|_| self.preamble.same_server.is_some());
        let work = Applier {
            client: self.worker.as_ref().unwrap_or(holder),
            pipelining: self.worker.as_ref().unwrap_or(holder).pipelining(),
            holder,
            settings: self.settings,
            set: self.set,
            session_info: &mut self.session_info,
            preamble: &mut self.preamble,
            release: self.lock.release_query().filter(|_| self.worker.is_none()),
            released: &mut self.released,
            run: &self.run,
            monitor: &mut self.monitor,
            looks: 0,
            #[cfg(feature = "operate")]
            backup: &mut self.backup,
        };
        let lock = &*self.lock;
        let keep = async {
            let crowded = match crowd {
                Some(crowd) => crowd.watch(holder, &is_answered).await.ok(),
                None => Some(None),
            };
            match crowded {
                Some(None) => lock.keep(holder).await,
                Some(crowded) => return crowded,
                None => {}
            }
            None
        };
        let applied = match select(pin!(work.apply(steps, state, progress)), pin!(keep)).await {
            Either::Left((applied, _)) => applied,
            Either::Right((None, _)) => return StepsOutcome::Lost,
            Either::Right((Some(crowded), _)) => return StepsOutcome::Crowded(crowded),
        };
        match (applied, crowd) {
            (Err(ApplyError::Other(Error::Server { source, .. })), Some(crowd))
                if is_turned_away(&source) =>
            {
                StepsOutcome::Crowded(Crowded { error: crowd.error(false), may_retry: true })
            }
            (applied, _) => StepsOutcome::Applied(applied),
        }
    }

    /// Ends what the worker may have begun: its connection is closed.
    fn drop_worker(&mut self) {
        self.worker = None;
        self.session_info.conform = None;
    }
}

/// The outcome of steps while the lock was kept.
enum StepsOutcome {
    Applied(Result<(), ApplyError>),
    /// There is no connection to work with, and nothing was begun.
    Crowded(Crowded),
    /// The lock is lost.
    Lost,
}

/// Applies steps while something else keeps the lock.
struct Applier<'w, 't> {
    client: &'w Client,
    pipelining: &'w AtomicBool,
    holder: &'w Session<'t>,
    settings: &'w RunSettings,
    set: &'w Set,
    session_info: &'w mut SessionInfo,
    preamble: &'w mut Preamble,
    release: Option<String>,
    released: &'w mut Option<bool>,
    run: &'w str,
    monitor: &'w mut BlockerMonitor<'t>,
    /// The number of times that session and database were found not to be as they were.
    looks: u32,
    #[cfg(feature = "operate")]
    backup: &'w mut Option<crate::backup::Due>,
}

/// The limit of `looks`: schema and table can be made once each.
const MOST_LOOKS: u32 = 10;

impl Applier<'_, '_> {
    /// Sends what comes before the first step by itself: the step is of a kind that takes no company.
    async fn prepare(&mut self, step: &Step<'_>) -> Result<(), ApplyError> {
        self.check_server().await?;
        if let Some(guard) = self.preamble.guard.take()
            && let Err(error) = simple_query(self.client, &guard.join("; ")).await
        {
            self.refresh(error).await.map_err(Error::into_apply)?;
        }
        while let Some(create) = &self.preamble.create {
            let Err(error) = simple_query(self.client, &create.join("; ")).await else {
                self.preamble.create = None;
                break;
            };
            if self.session_info.table.is_being_made(&error) {
                drop(self.client.batch_execute("ROLLBACK").await);
                return Err(ApplyError::ForeignToolActive(Error::server(
                    "creating the history's table",
                    error,
                )));
            }
            if !is_made_meanwhile(&error) {
                drop(self.client.batch_execute("ROLLBACK").await);
                if is_contention(&error) {
                    let failure = server_failure(step, step.script(), None, error);
                    return Err(ApplyError::Contended(Box::new(failure)));
                }
                return Err(self.session_info.create_error(error).into_apply());
            }
            self.refresh(error).await.map_err(Error::into_apply)?;
        }
        Ok(())
    }

    /// Decides whether a step's backfill is run as a whole or only begun; then the tables that record it exist.
    async fn begin_backfill(&mut self, step: &Step<'_>) -> Result<Option<BegunBackfill>, ApplyError> {
        let run = RunIdentity { set: self.set.name(), run: self.run, program: &self.settings.program };
        let context = Context::new(self.client, self.session_info, self.settings, run);
        let table = BackfillTable::of(&self.session_info.table);
        let begun = begin_backfill(&context, &table, step).await?;
        self.check_key(step, begun.is_some()).await?;
        if begun.is_some() && !self.session_info.has_backfills {
            table.make(self.client, self.session_info).await.map_err(Error::into_apply)?;
            self.session_info.has_backfills = true;
        }
        Ok(begun)
    }

    /// Refuses a step whose statement can't run in batches, even if the table is small, so that the author of
    /// the migration finds out. If the script runs as a whole, a missing table fails in it, with its line and
    /// column.
    async fn check_key(&self, step: &Step<'_>, is_begun: bool) -> Result<(), ApplyError> {
        let found = obstacle(self.client, step).await;
        let found =
            found.map_err(|error| Error::server("looking for the key of a backfill", error).into_apply())?;
        match found {
            None => Ok(()),
            Some((_, BackfillCause::NoTable)) if !is_begun => Ok(()),
            Some((relation, cause)) => Err(no_batches(step, &relation, &cause)),
        }
    }

    /// Looks whether a server connection is there to work with, and leads to the server that the lock is held on.
    async fn check_server(&mut self) -> Result<(), ApplyError> {
        let Some(same_server) = &self.preamble.same_server else { return Ok(()) };
        let checked = simple_query(self.client, &same_server.join("; ")).await;
        self.preamble.answered();
        let Err(error) = checked else {
            self.preamble.same_server = None;
            return Ok(());
        };
        let doing = "checking the migration lock";
        let error = match error {
            error if is_strange(&error) => Error::OtherServer,
            error if is_turned_away(&error) => turned_away(error),
            error => Error::server(doing, error),
        };
        Err(error.into_apply())
    }

    /// The session that works is not in the state of the one that was asked, or another set's run has made the history's
    /// table meanwhile, or its schema: it is asked itself.
    async fn refresh(&mut self, error: tokio_postgres::Error) -> Result<(), Error> {
        self.looks += 1;
        drop(self.client.batch_execute("ROLLBACK").await);
        if self.looks > MOST_LOOKS || !(is_strange(&error) || is_made_meanwhile(&error)) {
            return Err(self
                .session_info
                .write_error("preparing the session and the history's table", error));
        }
        *self.session_info = SessionInfo::take(self.client, self.settings).await?;
        if self.preamble.create.is_some() {
            self.preamble.create = self.session_info.create(self.settings.lock_timeout, self.set);
        }
        if let Some(conform) = self.session_info.conform {
            let conformed = self.client.batch_execute(conform).await;
            conformed.map_err(|source| Error::server("preparing the session", source))?;
        }
        Ok(())
    }

    async fn apply(
        mut self,
        steps: &[Step<'_>],
        state: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError> {
        self.session_info.check_writable().map_err(Error::into_apply)?;
        #[cfg(feature = "operate")]
        if crate::backup::Due::is_called_for(steps)
            && let Some(due) = self.backup.take()
        {
            // A dump takes long; whether the run gets a connection to work with is known before.
            self.check_server().await?;
            let making = due.make(self.settings, self.set.name(), progress);
            let made = alive_until(self.client, self.session_info.idle_limit, making).await;
            made.map_err(Error::into_apply)?;
        }
        let mut standing =
            HistoryCursor { last_row: state.last_row, digest: state.digest(), is_unended: state.is_unended };
        let mut rest = steps;
        if steps.iter().any(|step| step.settles.is_some()) {
            self.check_server().await?;
        }
        for step in steps {
            check_claim(self.client, self.session_info, step).await.map_err(Error::into_apply)?;
        }
        while let Some(first) = rest.first() {
            if self.holder.is_closed() {
                return Err(ApplyError::LockLost);
            }
            let executor = Executor::of(first);
            if !executor.is_batch() || has_backfill(first) {
                self.prepare(first).await?;
            }
            let begun = if has_backfill(first) { self.begin_backfill(first).await? } else { None };
            let run = RunIdentity { set: self.set.name(), run: self.run, program: &self.settings.program };
            let context = Context {
                pipelining: Some(self.pipelining),
                backfills: &state.backfills,
                inspect: self.settings.inspect,
                ..Context::new(self.client, self.session_info, self.settings, run)
            };
            let (last_of_run, monitor) = (rest.len() == 1, &mut *self.monitor);
            match executor {
                Executor::Stepwise => {
                    let interrupted = state.interrupted.as_ref().filter(|i| i.version == first.version);
                    apply_statements(
                        context,
                        first,
                        interrupted,
                        last_of_run,
                        &mut standing,
                        progress,
                        monitor,
                    )
                    .await?;
                    rest = &rest[1..];
                    continue;
                }
                Executor::Code(code) => {
                    let (step, mode) = ((first, code), Mode::Record);
                    apply_code(context, step, last_of_run, mode, &mut standing, progress, monitor).await?;
                    rest = &rest[1..];
                    continue;
                }
                Executor::Batch => {}
            }
            let alone = |step: &Step<'_>| !Executor::of(step).is_batch() || has_backfill(step);
            let count = match &begun {
                Some(_) => 1,
                None => rest[1..].iter().position(alone).map_or(rest.len(), |after| after + 1),
            };
            let (now, later) = rest.split_at(count);
            let is_end = later.is_empty() && !progress.is_followed();
            // A verify script is about the finished backfill.
            let unverified = begun.as_ref().map(|_| [first.clone().unverified()]);
            let around = RunBookkeeping {
                preamble: self.preamble,
                last_of_run: later.is_empty(),
                release: self.release.as_deref().filter(|_| is_end),
                released: self.released,
                mode: begun.as_ref().map_or(Mode::Record, |begun| Mode::Begin(begun.statements.clone())),
            };
            let now = unverified.as_ref().map_or(now, |unverified| &unverified[..]);
            match apply_transactions(context, now, around, &mut standing, progress, self.monitor).await {
                Ok(()) => {
                    rest = later;
                    if let Some(BegunBackfill { relation, rows, .. }) = begun {
                        let name = first.name.clone().into_owned();
                        progress.noticed(Notice::BackfillBegun { name, relation, rows });
                    }
                }
                Err(Halt::SessionChanged(error)) => {
                    self.preamble.guard = None;
                    self.refresh(error).await.map_err(Error::into_apply)?;
                }
                Err(Halt::Apply(error)) => return Err(error),
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Locked for PgLocked<'_, '_> {
    type Error = Error;

    fn end(&self) -> Option<HistoryTail> {
        self.end
    }

    async fn load(&mut self) -> Result<HistoryState, Error> {
        // The table may have been made or upgraded since.
        let created = self.preamble.create.is_none().then(|| self.session_info.created());
        let session_info = created.as_ref().unwrap_or(&self.session_info);
        load::load_all(self.worker(), session_info, self.settings, self.set).await
    }

    async fn apply(
        &mut self,
        steps: &[Step<'_>],
        state: &HistoryState,
        progress: &mut Progress<'_>,
    ) -> Result<(), ApplyError> {
        match self.apply_and_keep(steps, state, progress).await {
            StepsOutcome::Applied(applied) => applied,
            StepsOutcome::Crowded(Crowded { error, may_retry }) => {
                self.drop_worker();
                *self.has_given_way = true;
                Err(if may_retry { ApplyError::Crowded(error) } else { error.into_apply() })
            }
            StepsOutcome::Lost => {
                // Another run may begin now.
                self.lost = true;
                self.drop_worker();
                Err(ApplyError::LockLost)
            }
        }
    }

    async fn pause(&mut self, duration: Duration) {
        let pausing = tokio::time::sleep(duration);
        alive_until(self.worker(), self.session_info.idle_limit, pausing).await;
    }

    async fn release(mut self: Box<Self>) -> Result<Released, Error> {
        if self.lost {
            return Ok(Released::Lost);
        }
        let said = self.monitor.take_counts();
        if self.session_info.conform.is_some() {
            let restore = self.session_info.restore.join("; ");
            let restored = self.worker().batch_execute(&restore).await;
            restored.map_err(|source| Error::server("restoring the session", source))?;
        }
        if let Some(mut worker) = self.worker.take() {
            worker.unmark();
            worker.close().await;
        }
        let still_ours = match self.released {
            Some(still_ours) => still_ours,
            None => {
                let (released, ()) = join(self.lock.release(self.holder), self.count_messages(said)).await;
                released?
            }
        };
        self.holder.unmark();
        Ok(if still_ours { Released::Held } else { Released::Lost })
    }
}
