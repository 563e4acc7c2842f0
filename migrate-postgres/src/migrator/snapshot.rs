//! The snapshot: a set's history as it is at one moment, read over one session.
//!
//! Operations that only read use it: `status`, `plan`, `verify`, `preflight` and the report. It takes three
//! round trips at most: one for the session, one for the rows, one for texts and for the session that holds
//! the lock; more only if another tool's table is kept or may have to be adopted. If the session is ours or a
//! pool's, all of them are one transaction.

#[cfg(any(feature = "cli", feature = "report"))]
use super::accepted::{AcceptedRule, of_script};
use super::status::{Status, StatusRow};
use crate::backend::{RunningAttempt, running};
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::history::approval_table::{self, ConfiguredRule};
#[cfg(feature = "histories")]
use crate::history::foreign;
#[cfg(feature = "histories")]
use crate::history::load::backfills;
use crate::history::settings::RunSettings;
use crate::history::{Attempt, LiveRows, Loaded, SessionInfo, StoredScripts, add_foreign, attempts};
use crate::migrator::Migrator;
use futures_util::future::{join, join3};
#[cfg(any(feature = "cli", feature = "report"))]
use migrate_core::Script;
use migrate_core::Set;
#[cfg(feature = "cli")]
use migrate_core::Version;
use migrate_core::engine::decide;
use migrate_core::history::HistoryState;
#[cfg(feature = "cli")]
use migrate_core::plan::Action;
use migrate_core::plan::{Plan, Steps};
use tokio_postgres::Client;

/// A set's history at one moment.
pub(crate) struct Snapshot {
    /// The session, and where the history is.
    #[cfg_attr(not(feature = "operate"), allow(dead_code, reason = "preflight goes by it"))]
    pub(crate) session_info: SessionInfo,
    /// The applied migrations.
    pub(crate) state: HistoryState,
    /// The audit trail, oldest first.
    pub(crate) attempts: Vec<Attempt>,
    /// The migration that a run in another process is applying.
    pub(crate) running: Option<RunningAttempt>,
    /// The texts of rows that differ from the set, or are of attempts that stopped.
    #[cfg_attr(not(feature = "cli"), allow(dead_code, reason = "the command line shows them"))]
    stored: StoredScripts,
    /// The recorded approvals of the configuration.
    #[cfg(any(feature = "cli", feature = "report"))]
    approvals: Vec<ConfiguredRule>,
}

impl Snapshot {
    /// Returns the status of each migration.
    pub(crate) fn status(&self, set: &Set) -> Status {
        Status::of(set, &self.state, &self.attempts, self.running.as_ref())
    }

    /// The text that the last attempt with a migration that stopped ran.
    #[cfg(feature = "cli")]
    pub(crate) fn last_text(&self, version: &Version) -> Option<&str> {
        let last = self.attempts.iter().rev().find(|attempt| attempt.version == *version)?;
        let stored = self.stored.get(&last.number)?;
        if last.action == Action::Revert { stored.down.as_deref() } else { stored.up.as_deref() }
    }
}

#[cfg(any(feature = "cli", feature = "report"))]
impl Snapshot {
    /// The rules that migrations accept which the set lacks: the history stores their scripts.
    pub(super) fn accepted_elsewhere(&self, set: &Set) -> Vec<AcceptedRule> {
        let live =
            self.attempts.iter().filter(|attempt| attempt.live && set.find(&attempt.version).is_none());
        let accepted = live.flat_map(|attempt| {
            let text = self.stored.get(&attempt.number).and_then(|stored| stored.up.clone());
            let script =
                text.and_then(|text| Script::of_up_text(attempt.name.clone(), text.to_string()).ok());
            script.map(|script| of_script(&script, &attempt.name)).unwrap_or_default()
        });
        accepted.collect()
    }

    /// The rules that the configuration of this release, or of another one, accepts in applied migrations.
    pub(super) fn recorded(&self, set: &Set) -> impl Iterator<Item = AcceptedRule> {
        self.approvals.iter().map(|approval| {
            let migration = set.iter().find(|of| of.version().canonical() == approval.version);
            let attempt = || self.attempts.iter().rev().find(|of| of.version.canonical() == approval.version);
            let name = migration.map(|migration| migration.name().to_owned());
            let name = name.or_else(|| attempt().map(|attempt| attempt.name.clone()));
            AcceptedRule {
                migration: name.unwrap_or_else(|| approval.version.clone()),
                statement: None,
                rule: approval.rule.clone(),
                reason: Some(approval.reason.clone()).filter(|reason| !reason.is_empty()),
            }
        })
    }
}

/// Reading.
impl Migrator {
    /// Opens a connection, reads and closes it.
    pub(crate) async fn snapshot<T: Target + ?Sized>(&self, target: &T) -> Result<Snapshot, Error> {
        let mut session = target.open().await?;
        let snapshot = self.snapshot_over(&mut session).await;
        session.close().await;
        snapshot
    }

    /// Reads over an open session.
    pub(crate) async fn snapshot_over(&self, session: &mut Session<'_>) -> Result<Snapshot, Error> {
        self.read(session, Extent::Attempts).await
    }

    /// The session, and what is applied, without the audit trail.
    pub(crate) async fn state<T: Target + ?Sized>(
        &self,
        target: &T,
    ) -> Result<(SessionInfo, HistoryState), Error> {
        let mut session = target.open().await?;
        let state = self.state_over(&mut session).await;
        session.close().await;
        state
    }

    /// The same over an open session.
    pub(crate) async fn state_over(
        &self,
        session: &mut Session<'_>,
    ) -> Result<(SessionInfo, HistoryState), Error> {
        let Snapshot { session_info, state, .. } = self.read(session, Extent::HistoryState).await?;
        Ok((session_info, state))
    }

    /// Returns the steps that a plan would take.
    pub(crate) fn decide(&self, plan: &dyn Plan, state: &HistoryState) -> Result<Steps<'_>, Error> {
        Ok(decide(plan, self.set(), state, &self.settings.engine.policies)?)
    }

    async fn read(&self, session: &mut Session<'_>, extent: Extent) -> Result<Snapshot, Error> {
        let reader = SnapshotReader { settings: &self.settings, set: self.set(), extent };
        let (session_info, read) = reader.read(session).await?;
        #[cfg(any(feature = "cli", feature = "report"))]
        let approvals = read.approvals;
        let Read { loaded: Loaded { state, stored, is_used }, attempts, running, .. } = read;
        let state = add_foreign(session, &session_info, &self.settings, self.set(), state, is_used).await?;
        Ok(Snapshot {
            session_info,
            state,
            attempts,
            running,
            stored,
            #[cfg(any(feature = "cli", feature = "report"))]
            approvals,
        })
    }
}

/// The extent of a read.
#[derive(Clone, Copy)]
enum Extent {
    /// The applied migrations.
    HistoryState,
    /// The audit trail and the run under way, too.
    Attempts,
}

/// Reads one set's history.
#[derive(Clone, Copy)]
struct SnapshotReader<'r> {
    settings: &'r RunSettings,
    set: &'r Set,
    extent: Extent,
}

impl SnapshotReader<'_> {
    /// Reads in one transaction, if no other owner can have one open in the session.
    async fn read(self, session: &mut Session<'_>) -> Result<(SessionInfo, Read), Error> {
        if !session.is_ours() {
            return self.read_plainly(session).await;
        }
        session.mark("ROLLBACK");
        let Some(session_info) = SessionInfo::begin(session, self.settings).await else {
            session.end_reading().await;
            // The meaning of an error is queried outside of the transaction that the error has ended.
            return self.read_plainly(session).await;
        };
        match self.read_rows_inside(session, session_info).await {
            Ok((session_info, rows)) => self.end(session, session_info, rows).await,
            Err(error) => {
                session.end_reading().await;
                Err(error)
            }
        }
    }

    /// Reads without a transaction.
    async fn read_plainly(self, client: &Client) -> Result<(SessionInfo, Read), Error> {
        let session_info = SessionInfo::take(client, self.settings).await?;
        let rows = self.read_rows(client, &session_info).await?;
        let read = self.complete(client, &session_info, rows).await?;
        Ok((session_info, read))
    }

    async fn read_rows_inside(
        self,
        client: &Client,
        session_info: Result<SessionInfo, Error>,
    ) -> Result<(SessionInfo, SnapshotRows), Error> {
        let session_info = session_info?;
        let rows = self.read_rows(client, &session_info.in_snapshot()).await?;
        Ok((session_info, rows))
    }

    /// Asks what is left, and ends the transaction in the same round trip.
    async fn end(
        self,
        session: &mut Session<'_>,
        session_info: SessionInfo,
        rows: SnapshotRows,
    ) -> Result<(SessionInfo, Read), Error> {
        let inside = session_info.in_snapshot();
        let (read, ended) =
            join(self.complete(session, &inside, rows), session.batch_execute("COMMIT")).await;
        if ended.is_ok() {
            session.unmark();
        }
        let read = read?;
        ended.map_err(|source| Error::server("reading the history", source))?;
        Ok((session_info, read))
    }

    async fn read_rows(self, client: &Client, session_info: &SessionInfo) -> Result<SnapshotRows, Error> {
        if !session_info.exists {
            return Ok(SnapshotRows::Own(LiveRows::NONE, Vec::new(), false));
        }
        #[cfg(feature = "histories")]
        if let Some(kept) = &self.settings.keeping {
            let state = foreign::state(client, session_info, kept, self.set).await?;
            let backfills = backfills(client, session_info, self.set).await?;
            let state = HistoryState { backfills, ..state };
            let attempts = match self.extent {
                Extent::HistoryState => Vec::new(),
                Extent::Attempts => foreign::attempts(client, session_info, kept, self.set).await?,
            };
            return Ok(SnapshotRows::Foreign(state, attempts));
        }
        let rows = LiveRows::read(client, session_info, self.set);
        let attempts = async {
            match self.extent {
                Extent::HistoryState => Ok(Vec::new()),
                Extent::Attempts => attempts(client, session_info, self.set).await,
            }
        };
        let has_approvals = async {
            match self.extent {
                Extent::HistoryState => Ok(false),
                Extent::Attempts => has_approvals(client, session_info).await,
            }
        };
        let (rows, attempts, has_approvals) = join3(rows, attempts, has_approvals).await;
        Ok(SnapshotRows::Own(rows?, attempts?, has_approvals?))
    }

    /// Asks for texts, and for who runs what has not ended.
    async fn complete(
        self,
        client: &Client,
        session_info: &SessionInfo,
        rows: SnapshotRows,
    ) -> Result<Read, Error> {
        let (rows, attempts, has_approvals) = match rows {
            SnapshotRows::Own(rows, attempts, has_approvals) => (rows, attempts, has_approvals),
            #[cfg(feature = "histories")]
            SnapshotRows::Foreign(state, attempts) => {
                let loaded = Loaded { state, stored: StoredScripts::new(), is_used: true };
                return Ok(Read { loaded, attempts, running: None, approvals: Vec::new() });
            }
        };
        let stopped = stopped(self.set, rows.state(), &attempts);
        let approvals = async {
            if has_approvals { approvals(client, session_info, self.set).await } else { Ok(Vec::new()) }
        };
        let (loaded, running, approvals) = join3(
            rows.complete(client, session_info, self.set, &stopped),
            running(client, self.settings, session_info, self.set, &attempts),
            approvals,
        )
        .await;
        Ok(Read { loaded: loaded?, attempts, running: running?, approvals: approvals? })
    }
}

/// The parts of a history that are read.
struct Read {
    loaded: Loaded,
    attempts: Vec<Attempt>,
    running: Option<RunningAttempt>,
    #[cfg_attr(
        not(any(feature = "cli", feature = "report")),
        allow(dead_code, reason = "only they show it")
    )]
    approvals: Vec<ConfiguredRule>,
}

/// The rows of the second round trip.
enum SnapshotRows {
    /// Of our history; true if approvals of the configuration are recorded beside it.
    Own(LiveRows, Vec<Attempt>, bool),
    /// Of another tool's, which is kept.
    #[cfg(feature = "histories")]
    Foreign(HistoryState, Vec<Attempt>),
}

async fn has_approvals(client: &Client, session_info: &SessionInfo) -> Result<bool, Error> {
    let readable = approval_table::is_readable(client, session_info).await;
    readable.map_err(|source| Error::server("reading the approvals beside the history", source))
}

async fn approvals(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
) -> Result<Vec<ConfiguredRule>, Error> {
    let read = approval_table::read(client, session_info, set.name()).await;
    read.map_err(|source| Error::server("reading the approvals beside the history", source))
}

/// The numbers of the last attempts with migrations that stopped: their texts are shown.
fn stopped(set: &Set, state: &HistoryState, attempts: &[Attempt]) -> Vec<i64> {
    let status = Status::of(set, state, attempts, None);
    let stopped = status.rows.iter().filter(|row| row.state.is_stopped());
    let last = |row: &StatusRow| attempts.iter().rev().find(|attempt| attempt.version == row.version);
    stopped.filter_map(last).map(|attempt| attempt.number).collect()
}
