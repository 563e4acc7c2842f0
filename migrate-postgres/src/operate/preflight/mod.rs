//! Whether now is a good time to migrate.

mod queries;
mod thresholds;

pub use thresholds::Thresholds;

use super::explain::Explanation;
use crate::RunningAttempt;
use crate::backup::Backup;
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::display::units::{Bytes, Time};
use crate::error::Error;
use crate::history::SessionInfo;
use crate::lock::Key;
use crate::migrator::Migrator;
use crate::sql::answers::{is_true, parsed, text};
use migrate_core::advice::{self, Advice, NextStep, Words};
use migrate_core::sql::{self, LockMode, Subject, TableScan};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio_postgres::{Client, SimpleQueryRow};

/// What a look around before a run has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preflight {
    /// How many steps a run would take, where that could be found out.
    pub pending: Option<usize>,
    /// One finding at least for each check that could be made.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What that means for a run.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty if there is nothing to do.
    pub next: Advice,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Whether the server can be reached.
    Connection,
    /// Whether history and set fit together.
    Plan,
    /// Whether the server takes writes, and the role may write the history and change the tables.
    Rights,
    /// Whether nobody else migrates.
    Lock,
    /// Who uses the tables that will be touched, and for how long already.
    Sessions,
    /// Indexes that are not valid.
    Indexes,
    /// Standbys, and slots that keep the log.
    Replication,
    /// What will be written, as far as SQL can see it.
    Disk,
    /// How old the last backup is, as far as this library made it.
    Backup,
}

impl Check {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Check::Connection => "connection",
            Check::Plan => "plan",
            Check::Rights => "rights",
            Check::Lock => "lock",
            Check::Sessions => "sessions",
            Check::Indexes => "indexes",
            Check::Replication => "replication",
            Check::Disk => "disk",
            Check::Backup => "backup",
        }
    }
}

/// What a finding means for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is as it should be.
    Pass,
    /// A run may go well, and somebody should look first.
    Warning,
    /// A run would fail, or should not be begun.
    Stop,
}

impl Verdict {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Warning => "warning",
            Verdict::Stop => "stop",
        }
    }
}

impl Preflight {
    /// The gravest verdict.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Pass)
    }

    fn add(&mut self, check: Check, verdict: Verdict, found: impl Into<String>, next: Advice) {
        self.findings.push(Finding { check, verdict, found: found.into(), next });
    }

    /// The same for an error.
    fn stop(&mut self, check: Check, error: &Error) {
        self.add(check, Verdict::Stop, advice::message(error).to_string(), error.advice());
    }

    /// A pass where a check has found nothing else.
    fn pass_unless_found(&mut self, check: Check, found: &str) {
        if self.findings.iter().all(|finding| finding.check != check) {
            self.add(check, Verdict::Pass, found, Advice::NONE);
        }
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        for (index, finding) in self.findings.iter().enumerate() {
            let line_feed = if index == 0 { "" } else { "\n" };
            write!(
                f,
                "{line_feed}{:7}  {}: {}",
                finding.verdict.word(),
                finding.check.word(),
                finding.found
            )?;
            if !finding.next.is_empty() {
                write!(f, "\n         next: {}", finding.next.text(Words::Library))?;
            }
        }
        Ok(())
    }
}

impl Migrator {
    /// Looks around before a run: connection and rights, the migration lock, who uses the tables that will be touched, invalid
    /// indexes, standbys, how much will be written, and the last backup. Nothing is written.
    ///
    /// What the role may not see (other roles' sessions, standbys) is said to be unseen; members of `pg_monitor` see it.
    /// Tables are those that the pending statements name; what code and functions touch is not known.
    ///
    /// # Errors
    ///
    /// See [`Error`], where a question fails that ought not to. A server that can't be reached, a standby, a plan that is refused
    /// are findings.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    /// use migrate_postgres::operate::Verdict;
    ///
    /// # async fn check_all(url: &str) -> Result<(), migrate_postgres::Error> {
    /// let preflight = migrate!("tests/fixtures/quickstart").preflight(url).await?;
    /// println!("{preflight}");
    /// assert_ne!(preflight.verdict(), Verdict::Stop);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn preflight<T: Target + ?Sized>(&self, target: &T) -> Result<Preflight, Error> {
        self.preflight_with(target, &Thresholds::new()).await
    }

    /// The same with thresholds of your own.
    ///
    /// # Errors
    ///
    /// Those of [`preflight`](Migrator::preflight).
    pub async fn preflight_with<T: Target + ?Sized>(
        &self,
        target: &T,
        thresholds: &Thresholds,
    ) -> Result<Preflight, Error> {
        let mut preflight = Preflight { pending: None, findings: Vec::new() };
        let mut session = match target.open().await {
            Ok(session) => session,
            Err(error) => {
                preflight.stop(Check::Connection, &error);
                return Ok(preflight);
            }
        };
        let looked = self.preflight_over(&mut session, thresholds, &mut preflight).await;
        session.close().await;
        looked.map(|()| preflight)
    }

    async fn preflight_over(
        &self,
        session: &mut Session<'_>,
        thresholds: &Thresholds,
        preflight: &mut Preflight,
    ) -> Result<(), Error> {
        let server = ask(session, queries::SERVER).await?;
        let server = server.first().and_then(|row| text(row, 0)).unwrap_or_default().to_owned();
        preflight.add(Check::Connection, Verdict::Pass, server, Advice::NONE);
        let (session_info, explanation) = match self.explained(session).await {
            Ok(explained) => explained,
            // Where another history counts, no check of this one means anything.
            Err(error @ (Error::ForeignHistory { .. } | Error::OtherSchema { .. })) => return Err(error),
            Err(error) => {
                preflight.stop(Check::Plan, &error);
                return Ok(());
            }
        };
        preflight.pending = Some(explanation.steps.len());
        let pending = match explanation.steps.len() {
            0 => "nothing to do".to_owned(),
            count => format!("{} to do", steps(count)),
        };
        preflight.add(Check::Plan, Verdict::Pass, pending, Advice::NONE);
        self.check_all(session, &session_info, &explanation, thresholds, preflight).await
    }

    async fn explained(&self, session: &mut Session<'_>) -> Result<(SessionInfo, Explanation), Error> {
        self.check_values()?;
        let snapshot = self.snapshot_over(session).await?;
        let explanation = self.explain_snapshot(session, &snapshot, &*self.forward()).await?;
        Ok((snapshot.session_info, explanation))
    }

    async fn check_all(
        &self,
        client: &Client,
        session_info: &SessionInfo,
        explanation: &Explanation,
        thresholds: &Thresholds,
        preflight: &mut Preflight,
    ) -> Result<(), Error> {
        let touched = Touched::of(explanation);
        check_rights(client, session_info, &touched, preflight).await?;
        self.check_lock(client, explanation.running.as_ref(), preflight).await?;
        check_sessions(client, &touched, thresholds, preflight).await?;
        check_indexes(client, &touched, preflight).await?;
        check_replication(client, thresholds, preflight).await?;
        check_disk(client, explanation, thresholds, preflight).await?;
        self.check_backups(client, session_info, thresholds, preflight).await
    }

    async fn check_lock(
        &self,
        client: &Client,
        running: Option<&RunningAttempt>,
        preflight: &mut Preflight,
    ) -> Result<(), Error> {
        if let Some(running) = running {
            let next = Advice::of(NextStep::wait("wait for that run to end"));
            preflight.add(Check::Lock, Verdict::Stop, format!("{} {running}", running.name), next);
            return Ok(());
        }
        let key = Key::new(&self.settings, self.set().name());
        if key.is_free(client).await.map_err(failed)? {
            preflight.add(Check::Lock, Verdict::Pass, "no other run holds the migration lock", Advice::NONE);
        } else {
            let next = Advice::of(NextStep::wait("wait for that run to end"));
            let found = format!("another run holds the migration lock: {}", key.holder(client).await?);
            preflight.add(Check::Lock, Verdict::Stop, found, next);
        }
        Ok(())
    }

    async fn check_backups(
        &self,
        client: &Client,
        session_info: &SessionInfo,
        thresholds: &Thresholds,
        preflight: &mut Preflight,
    ) -> Result<(), Error> {
        let last = match self.backups_listed(client, session_info).await {
            Ok(backups) => backups.into_iter().next_back(),
            // The table of backups belongs to whoever made the first.
            Err(error) => {
                let found = advice::message(&error).to_string();
                preflight.add(Check::Backup, Verdict::Warning, found, error.advice());
                return Ok(());
            }
        };
        let now = ask(client, queries::NOW).await?;
        let now = now.first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        let now = SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(now).unwrap_or_default();
        let age = |backup: &Backup| now.duration_since(backup.at).unwrap_or_default();
        let found = match &last {
            Some(backup) => format!("the last one was made {} ago: {backup}", Time(age(backup))),
            None => "no backup is recorded; backups made by other programs are not visible".to_owned(),
        };
        let limit = thresholds.backup_age;
        let too_old = limit.filter(|limit| last.as_ref().is_none_or(|backup| age(backup) > *limit));
        match too_old {
            Some(limit) => {
                let next =
                    Advice::fix(format!("make a backup: the last one may not be older than {}", Time(limit)));
                preflight.add(Check::Backup, Verdict::Stop, found, next);
            }
            None if last.is_none() && preflight.pending != Some(0) => {
                let next = Advice::fix("make a backup, unless another program did");
                preflight.add(Check::Backup, Verdict::Warning, found, next);
            }
            None => preflight.add(Check::Backup, Verdict::Pass, found, Advice::NONE),
        }
        Ok(())
    }
}

async fn check_rights(
    client: &Client,
    session_info: &SessionInfo,
    touched: &Touched,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    if let Err(error) = session_info.check_writable() {
        preflight.stop(Check::Rights, &error);
    }
    if session_info.exists {
        let rows = ask(client, &queries::history_rights(&session_info.table.qualified())).await?;
        if rows.first().is_some_and(|row| !is_true(row, 0)) {
            let grant =
                format!("GRANT SELECT, INSERT, UPDATE ON {} TO that role", session_info.table.qualified());
            let next = Advice::of(NextStep::sql(grant));
            preflight.add(Check::Rights, Verdict::Stop, "the role may not write the history", next);
        }
    }
    let strangers = ask(client, &queries::not_owned(&touched.oids())).await?;
    for row in &strangers {
        let found =
            format!("{} belongs to {}", text(row, 0).unwrap_or_default(), text(row, 1).unwrap_or_default());
        let next = Advice::fix("to alter it, migrate as its owner or as a member of that role");
        preflight.add(Check::Rights, Verdict::Warning, found, next);
    }
    preflight.pass_unless_found(Check::Rights, "the server accepts writes, and the role may write");
    Ok(())
}

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("looking around before a run", source)
}

async fn ask(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    protect::ask(client, sql).await.map_err(failed)
}

fn steps(count: usize) -> String {
    if count == 1 { "1 step".to_owned() } else { format!("{count} steps") }
}

/// The relations that will be touched, by number: the strongest mode for each.
struct Touched {
    modes: BTreeMap<u32, LockMode>,
    concurrently: bool,
    /// The run that is under way: its sessions are in nobody's way who waits for its end.
    running: Option<RunningAttempt>,
    /// The index that a run goes on with, as its statement names it: an INVALID one it drops and builds again itself.
    rebuilt: Option<String>,
}

impl Touched {
    fn of(explanation: &Explanation) -> Touched {
        let mut modes = BTreeMap::new();
        for lock in explanation.locks() {
            let Some(size) = &lock.size else { continue };
            let mode = modes.entry(size.oid).or_insert(lock.mode);
            *mode = lock.mode.max(*mode);
        }
        let mut statements = explanation.steps.iter().flat_map(|step| &step.statements);
        let concurrently =
            statements.any(|s| s.refuses.is_some_and(|command| command.contains("CONCURRENTLY")));
        let resumed = explanation.steps.first().filter(|step| step.is_resumed);
        let subject = resumed.and_then(|step| sql::subject(&step.statements.first()?.text));
        let rebuilt = match subject {
            Some(Subject::CreateIndex { name, .. }) => name,
            _ => None,
        };
        Touched { modes, concurrently, running: explanation.running.clone(), rebuilt }
    }

    /// Whether a run that goes on builds an index again.
    fn rebuilds(&self, index: &str) -> bool {
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned();
        self.rebuilt.as_deref().is_some_and(|name| last(name) == last(index))
    }

    /// Whether a server process is one of the run that is under way.
    fn is_of_run(&self, row: &SimpleQueryRow, column: usize) -> bool {
        self.running.as_ref().zip(parsed(row, column)).is_some_and(|(running, pid)| running.is_of_run(pid))
    }

    /// The numbers as a list of SQL, never an empty one.
    fn oids(&self) -> String {
        let oids: Vec<String> =
            std::iter::once(0).chain(self.modes.keys().copied()).map(|oid| oid.to_string()).collect();
        oids.join(", ")
    }
}

/// Whether two modes exclude each other (manual, table "Conflicting Lock Modes").
fn conflict(one: LockMode, other: LockMode) -> bool {
    use LockMode::{
        AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareUpdateExclusive,
    };
    let (weak, strong) = if one <= other { (one, other) } else { (other, one) };
    match (weak, strong) {
        (Share, Share) => false,
        (_, AccessExclusive) => true,
        (AccessShare, _) => false,
        (_, Exclusive) => true,
        (RowShare, _) => false,
        (RowExclusive, strong) => strong >= Share,
        (ShareUpdateExclusive, _) => true,
        _ => true,
    }
}

async fn check_sessions(
    client: &Client,
    touched: &Touched,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for row in &ask(client, &queries::holders(&touched.oids())).await? {
        let (Some(oid), Some(held)) = (parsed::<u32>(row, 0), text(row, 2).and_then(LockMode::from_pg_locks))
        else {
            continue;
        };
        let wanted = touched.modes.get(&oid).copied();
        if !wanted.is_some_and(|wanted| conflict(wanted, held)) || !seen.insert((oid, parsed::<i32>(row, 3)))
        {
            continue;
        }
        if touched.is_of_run(row, 3) {
            continue;
        }
        let shown = |column| text(row, column).unwrap_or_default();
        let age = parsed::<f64>(row, 6).and_then(|age| Duration::try_from_secs_f64(age).ok());
        let idle = shown(5).starts_with("idle in transaction");
        let state = if idle { "idle in its transaction" } else { "in a transaction" };
        let since = age.map_or_else(String::new, |age| format!(" for {}", Time(age)));
        let found = format!("pid {} ({}) is {state}{since} and holds {}", shown(3), shown(4), shown(1));
        let long = idle || age.is_some_and(|age| age >= thresholds.long_transaction);
        let verdict = if long { Verdict::Stop } else { Verdict::Warning };
        preflight.add(
            Check::Sessions,
            verdict,
            found,
            Advice::of(NextStep::wait("wait for it to end"))
                .or(NextStep::sql(format!("SELECT pg_terminate_backend({})", shown(3)))),
        );
    }
    check_transactions(client, touched, thresholds, preflight).await?;
    let unseen = ask(client, queries::UNSEEN).await?;
    if let Some(count) = unseen.first().and_then(|row| parsed::<u64>(row, 0)).filter(|count| *count > 0) {
        let next = Advice::fix("GRANT pg_read_all_stats TO that role")
            .or(NextStep::fix("check as a role that has it"));
        preflight.add(
            Check::Sessions,
            Verdict::Warning,
            format!("{count} sessions of other roles can't be inspected"),
            next,
        );
    }
    preflight.pass_unless_found(Check::Sessions, "no session holds a lock on the affected tables");
    Ok(())
}

/// Transactions that `CREATE INDEX CONCURRENTLY` would wait for, and prepared ones, which nobody may ever end.
async fn check_transactions(
    client: &Client,
    touched: &Touched,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    for row in &ask(client, queries::PREPARED).await? {
        let gid = text(row, 0).unwrap_or_default();
        let verdict = if touched.concurrently { Verdict::Stop } else { Verdict::Warning };
        let next = Advice::fix("COMMIT PREPARED or ROLLBACK PREPARED it");
        preflight.add(Check::Sessions, verdict, format!("the prepared transaction {gid} is open"), next);
    }
    if !touched.concurrently {
        return Ok(());
    }
    for row in &ask(client, &queries::long(thresholds.long_transaction)).await? {
        if touched.is_of_run(row, 0) {
            continue;
        }
        let shown = |column| text(row, column).unwrap_or_default();
        let found = format!(
            "pid {} ({}) is in a long-running transaction; a concurrent index build waits for it to end",
            shown(0),
            shown(1)
        );
        let next = Advice::of(NextStep::wait("wait for it to end"));
        preflight.add(Check::Sessions, Verdict::Warning, found, next);
    }
    Ok(())
}

async fn check_indexes(client: &Client, touched: &Touched, preflight: &mut Preflight) -> Result<(), Error> {
    for row in &ask(client, &queries::invalid_indexes(&touched.oids())).await? {
        let index = text(row, 0).unwrap_or_default();
        if touched.rebuilds(index) {
            let found = format!("the index {index} is invalid; the run rebuilds it");
            preflight.add(Check::Indexes, Verdict::Pass, found, Advice::NONE);
            continue;
        }
        let found = format!("the index {index} of {} is invalid", text(row, 1).unwrap_or_default());
        let next = Advice::of(NextStep::sql(format!("REINDEX INDEX CONCURRENTLY {index}")))
            .or(NextStep::fix("drop it"));
        preflight.add(Check::Indexes, Verdict::Warning, found, next);
    }
    preflight.pass_unless_found(Check::Indexes, "all indexes are valid");
    Ok(())
}

async fn check_replication(
    client: &Client,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    for row in &ask(client, queries::STANDBYS).await? {
        let name = text(row, 0).unwrap_or_default();
        match parsed::<u64>(row, 1) {
            Some(lag) if lag >= thresholds.lag => {
                let found = format!("the standby {name} is {} behind", Bytes(lag));
                preflight.add(
                    Check::Replication,
                    Verdict::Warning,
                    found,
                    Advice::of(NextStep::wait("wait for it to catch up")),
                );
            }
            _ => {}
        }
    }
    let missing = ask(client, queries::SYNCHRONOUS).await?;
    if missing.first().is_some_and(|row| is_true(row, 0)) {
        let found = "commits wait for a synchronous standby, and none is connected";
        preflight.add(
            Check::Replication,
            Verdict::Stop,
            found,
            Advice::fix("reconnect the standby").or(NextStep::fix("set synchronous_standby_names")),
        );
    }
    for row in &ask(client, queries::SLOTS).await? {
        let kept = Bytes(parsed(row, 1).unwrap_or_default());
        let found = format!(
            "the inactive replication slot {} retains {kept} of WAL",
            text(row, 0).unwrap_or_default()
        );
        preflight.add(
            Check::Replication,
            Verdict::Warning,
            found,
            Advice::fix("drop it if its consumer does not come back"),
        );
    }
    preflight.pass_unless_found(Check::Replication, "no standby visible to this role is far behind");
    Ok(())
}

async fn check_disk(
    client: &Client,
    explanation: &Explanation,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    let written =
        explanation.locks().filter(|lock| matches!(lock.toll, TableScan::Rewrite | TableScan::Build));
    let sizes: BTreeMap<u32, u64> =
        written.filter_map(|lock| lock.size.as_ref()).map(|size| (size.oid, size.bytes)).collect();
    let total = sizes.values().sum();
    let rows = ask(client, queries::DATABASE_SIZE).await?;
    let database = Bytes(rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default());
    let found = format!(
        "the database has {database}; up to {} may be rewritten, and as much written to WAL (SQL can't show the free space)",
        Bytes(total)
    );
    if total >= thresholds.written {
        preflight.add(
            Check::Disk,
            Verdict::Warning,
            found,
            Advice::fix("make sure that the server's disk has that much free space"),
        );
    } else {
        preflight.add(Check::Disk, Verdict::Pass, found, Advice::NONE);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's table "Conflicting Lock Modes", row by row.
    #[test]
    fn modes_conflict_as_the_manual_has_it() {
        let modes = [
            "AccessShareLock",
            "RowShareLock",
            "RowExclusiveLock",
            "ShareUpdateExclusiveLock",
            "ShareLock",
            "ShareRowExclusiveLock",
            "ExclusiveLock",
            "AccessExclusiveLock",
        ]
        .map(|mode| LockMode::from_pg_locks(mode).unwrap());
        let table =
            ["       X", "      XX", "    XXXX", "   XXXXX", "  XX XXX", "  XXXXXX", " XXXXXXX", "XXXXXXXX"];
        for (one, row) in modes.iter().zip(table) {
            let found: String =
                modes.iter().map(|other| if conflict(*one, *other) { 'X' } else { ' ' }).collect();
            assert_eq!(found, row, "{one}");
        }
    }
}
