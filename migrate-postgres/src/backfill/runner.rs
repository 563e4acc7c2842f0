//! All backfills of a set, one after the other, over connections that may be lost.

use super::course::Totals;
use super::lease::Lease;
use super::report::{BackfillEnd, BackfillReport, BackfillSummary};
use super::settings::RunnerSettings;
use super::stop::Stop;
use super::work::Work;
use super::worker::{Listener, WorkEnd, Worker};
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::{BackfillCause, Error, StoppedBackfill};
use crate::history::backfill_table::BackfillTable;
use crate::history::settings::RunSettings;
use crate::history::{SessionInfo, run_id};
use crate::sql::answers::{is_true, simple_query};
use crate::sql::transaction::IS_FREE;
use migrate_core::Set;
use migrate_core::backfill::{BackfillEvent, BackfillRecord, BackfillState, Reaction, reaction};
use std::collections::BTreeMap;
use std::time::Instant;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

/// The action that an error of the bookkeeping interrupts.
const DOING: &str = "backfilling";

/// The connections that may be lost one after the other without a batch in between.
const MOST_LOSSES: u32 = 8;

/// The pauses before another connection is tried for grow from a tenth of the interval between looks to this many of them.
const LONGEST_PAUSE: u32 = 5;

/// Runs the backfills of a set.
pub(crate) struct Runner<'r> {
    set: &'r Set,
    run: &'r RunSettings,
    settings: &'r RunnerSettings,
    worker: String,
    totals: BTreeMap<String, Totals>,
    /// True if the backfills were read since the last loss of a connection.
    is_connected: bool,
    /// True while this runner works on a backfill, until its connection is opened again.
    is_working: bool,
    /// The events that were sent once: of a pause, or of another worker.
    told: Vec<(String, BackfillState, Option<String>)>,
    /// The versions to run, if not all.
    only: Option<Vec<String>>,
}

impl<'r> Runner<'r> {
    pub(crate) fn new(set: &'r Set, run: &'r RunSettings, settings: &'r RunnerSettings) -> Runner<'r> {
        let worker = format!("{} (pid {}, {})", run.program, std::process::id(), &run_id()[..8]);
        Runner {
            set,
            run,
            settings,
            worker,
            totals: BTreeMap::new(),
            is_connected: false,
            is_working: false,
            told: Vec::new(),
            only: None,
        }
    }

    /// Runs only these versions, and returns instead of waiting for an operator or another worker.
    pub(crate) fn only(self, versions: Vec<String>) -> Runner<'r> {
        Runner { only: Some(versions), ..self }
    }

    /// Runs until no backfill is left, an error stops one, or the caller says stop.
    pub(crate) async fn run<'e, T: Target + ?Sized>(
        &mut self,
        target: &T,
        stop: &mut Stop<'e>,
        listener: &mut Listener<'e>,
    ) -> Result<BackfillReport, Error> {
        let (first_pause, longest_pause) = (self.settings.poll / 10, self.settings.poll * LONGEST_PAUSE);
        let (mut lost_at, mut pause, mut losses) = (None, first_pause, 0);
        loop {
            (self.is_connected, self.is_working) = (false, false);
            let before = self.rows();
            let lost = match self.connect_and_run(target, stop, listener).await {
                Err(error) if is_lost(&error) && target.open_another().is_some() => error,
                outcome => return outcome,
            };
            if self.is_connected {
                lost_at = None;
            }
            if self.rows() > before || self.is_connected && !self.is_working {
                (pause, losses) = (first_pause, 0);
            }
            losses += u32::from(self.is_working);
            let lost_at = *lost_at.get_or_insert_with(Instant::now);
            // The batch may be what ends the connection, or the server.
            if losses >= MOST_LOSSES || lost_at.elapsed() > self.settings.reconnect || stop.is_told() {
                return Err(lost);
            }
            listener(&BackfillEvent::reconnecting(&lost.to_string()));
            stop.sleep(pause).await;
            pause = (pause * 2).min(longest_pause);
        }
    }

    /// The rows that this runner went over.
    fn rows(&self) -> u64 {
        self.totals.values().map(|totals| totals.rows).sum()
    }

    async fn connect_and_run<'e, T: Target + ?Sized>(
        &mut self,
        target: &T,
        stop: &mut Stop<'e>,
        listener: &mut Listener<'e>,
    ) -> Result<BackfillReport, Error> {
        let mut session = target.open().await?;
        check_free(&session).await?;
        let session_info = SessionInfo::take(&session, self.run).await?;
        let outcome = match session_info.exists {
            true => self.run_over(&mut session, &session_info, stop, listener).await,
            false => Ok(BackfillReport::default()),
        };
        session.close().await;
        outcome
    }

    async fn run_over<'e>(
        &mut self,
        session: &mut Session<'_>,
        session_info: &SessionInfo,
        stop: &mut Stop<'e>,
        listener: &mut Listener<'e>,
    ) -> Result<BackfillReport, Error> {
        let table = BackfillTable::of(&session_info.table);
        let mut problem: Option<Error> = None;
        let mut given_up: Vec<String> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        loop {
            let records = table.read(session, session_info, self.set.name()).await?;
            self.is_connected = true;
            let known: Vec<(BackfillRecord, Work<'_>)> = records
                .into_iter()
                .filter_map(|record| Some((record.clone(), Work::of(self.set, &record)?)))
                .collect();
            let is_left = |record: &BackfillRecord| match (&self.only, record.state) {
                _ if given_up.contains(&record.version) => false,
                (None, BackfillState::Running | BackfillState::Paused) => true,
                (Some(only), BackfillState::Running) => only.contains(&record.version),
                _ => false,
            };
            let left: Vec<_> = known.iter().filter(|(record, _)| is_left(record)).collect();
            for (record, _) in &left {
                if !seen.contains(&record.version) {
                    seen.push(record.version.clone());
                }
            }
            if left.is_empty() || stop.is_told() {
                let records = known.iter().map(|(record, _)| record);
                let earlier = || records.clone().find_map(stopped_earlier).map(Error::BackfillStopped);
                return match problem.or_else(earlier) {
                    Some(problem) => Err(problem),
                    None => Ok(self.report(records, &seen)),
                };
            }
            let mut has_worked = false;
            for (record, work) in left {
                match self.attend(session, session_info, &table, record, work, stop, listener).await {
                    Ok(None) => continue,
                    Ok(Some(WorkEnd::Stopped(error))) => {
                        problem.get_or_insert(Error::BackfillStopped(error));
                    }
                    Ok(Some(WorkEnd::Done | WorkEnd::Changed | WorkEnd::Interrupted)) => {}
                    Err(error) if is_lost(&error) => return Err(error),
                    // The other backfills are run first.
                    Err(error) => {
                        let lease = Lease { table: &table, worker: &self.worker, settings: self.settings };
                        drop(lease.release(session, record).await);
                        given_up.push(record.version.clone());
                        problem.get_or_insert(error);
                    }
                }
                has_worked = true;
            }
            if !has_worked && self.only.is_some() {
                return Ok(self.report(known.iter().map(|(record, _)| record), &seen));
            }
            if !has_worked {
                stop.sleep(self.settings.poll).await;
            }
        }
    }

    /// Works on a backfill, if no other worker does and no operator has paused it.
    #[allow(clippy::too_many_arguments, reason = "the parts of one call, each with a lifetime of its own")]
    async fn attend<'e>(
        &mut self,
        session: &mut Session<'_>,
        session_info: &SessionInfo,
        table: &BackfillTable,
        record: &BackfillRecord,
        work: &Work<'_>,
        stop: &mut Stop<'e>,
        listener: &mut Listener<'e>,
    ) -> Result<Option<WorkEnd>, Error> {
        if record.state == BackfillState::Paused {
            self.tell(record, listener);
            return Ok(None);
        }
        let worker = self.worker.clone();
        let lease = Lease { table, worker: &worker, settings: self.settings };
        let failed = |error| table.error(DOING, error);
        // A worker that is lost in between leaves its lease to expire.
        session.mark("ROLLBACK");
        let taken = lease.take(session, record).await;
        if taken.is_err() {
            drop(simple_query(session, "ROLLBACK").await);
        }
        session.unmark();
        if !taken.map_err(failed)? {
            self.tell(record, listener);
            return Ok(None);
        }
        self.told.retain(|(version, ..)| *version != record.version);
        // The cursor may have moved between the look and the lease.
        let records = table.read(session, session_info, self.set.name()).await?;
        let Some(record) = records.into_iter().find(|other| other.version == record.version) else {
            return Ok(None);
        };
        // A revert and another run may have begun it again with another text.
        if Work::of(self.set, &record).is_none() {
            lease.release(session, &record).await.map_err(failed)?;
            return Ok(None);
        }
        let totals = self.totals.entry(record.version.clone()).or_default();
        let worker = Worker {
            lease,
            work,
            record,
            session,
            stop,
            listener,
            lock_timeout: self.run.lock_timeout,
            totals,
        };
        self.is_working = true;
        let end = worker.run().await.map_err(failed)?;
        self.is_working = false;
        Ok(Some(end))
    }

    /// Reports once that a backfill is paused, or that another worker holds it.
    fn tell(&mut self, record: &BackfillRecord, listener: &mut Listener<'_>) {
        let what = (record.version.clone(), record.state, record.worker.clone());
        if self.told.contains(&what) {
            return;
        }
        self.told.retain(|(version, ..)| *version != record.version);
        match (&record.worker, record.state) {
            (_, BackfillState::Paused) => {
                listener(&BackfillEvent::paused(&record.name, record.reason.as_deref()));
            }
            (Some(worker), _) if *worker != self.worker => {
                listener(&BackfillEvent::waiting(&record.name, worker));
            }
            _ => return,
        }
        self.told.push(what);
    }

    fn report<'a>(
        &self,
        records: impl Iterator<Item = &'a BackfillRecord>,
        seen: &[String],
    ) -> BackfillReport {
        let records = records.filter(|record| seen.contains(&record.version));
        let summary = |record: &BackfillRecord| {
            let Totals { rows, changed, wal, took } =
                self.totals.get(&record.version).copied().unwrap_or_default();
            let end = match record.state {
                BackfillState::Done => BackfillEnd::Done,
                BackfillState::Cancelled => BackfillEnd::Cancelled,
                _ => BackfillEnd::Interrupted,
            };
            BackfillSummary { record: record.clone(), end, rows, changed, took, wal }
        };
        BackfillReport { backfills: records.map(summary).collect() }
    }
}

/// The error of a backfill that an earlier runner has stopped.
fn stopped_earlier(record: &BackfillRecord) -> Option<Box<StoppedBackfill>> {
    if record.state != BackfillState::Stopped {
        return None;
    }
    let BackfillRecord { version, name, relation, rows_done, error, .. } = record.clone();
    let cause = BackfillCause::Earlier { error: error.unwrap_or_default() };
    Some(Box::new(StoppedBackfill { version, name, relation, rows_done, cause }))
}

/// True if another connection may help.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::Server { source, .. } => reaction(source.code().map(SqlState::code)) == Reaction::Reconnect,
        Error::Connect { .. } | Error::ReadOnly { .. } => true,
        #[cfg(feature = "deadpool")]
        Error::Pool { .. } => true,
        _ => false,
    }
}

/// Refuses a connection in a transaction of its owner's, which a batch would commit.
async fn check_free(session: &Session<'_>) -> Result<(), Error> {
    if session.is_ours() {
        return Ok(());
    }
    let messages = simple_query(session, &format!("SELECT {IS_FREE}")).await;
    let messages = messages.map_err(|source| Error::server(DOING, source))?;
    let is_free = messages.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => is_true(row, 0),
        _ => false,
    });
    if is_free { Ok(()) } else { Err(Error::InTransaction) }
}
