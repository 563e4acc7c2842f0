//! Preflight: checks before a run.

mod data;
mod finding;
mod queries;
mod rights;
mod server;
mod sessions;
mod thresholds;
mod touched;

pub use finding::{Check, PreflightFinding, Verdict};
pub use thresholds::Thresholds;

use super::explain::Explanation;
use crate::backup::Backup;
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::display::units::Time;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::migrator::Migrator;
use crate::sql::answers::{parsed, text};
use data::check_data;
use migrate_core::advice::{self, Advice, Words};
use migrate_core::lint::Risk;
use rights::check_rights;
use server::{check_disk, check_indexes, check_replication};
use sessions::check_sessions;
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio_postgres::{Client, SimpleQueryRow};
use touched::Touched;

/// The findings of a preflight: the checks before a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preflight {
    /// The number of steps that a run would take; none if unknown.
    pub pending: Option<usize>,
    /// One finding at least for each check that could be made.
    pub findings: Vec<PreflightFinding>,
}

impl Preflight {
    /// The gravest verdict.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Pass)
    }

    fn add(&mut self, check: Check, verdict: Verdict, found: impl Into<String>, next: Advice) {
        self.findings.push(PreflightFinding { check, verdict, found: found.into(), next });
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
    /// Checks the server before a run: connection and rights, the migration lock, the sessions that use the
    /// tables the run will touch, invalid indexes, standbys, how much will be written, and the last backup.
    /// Rows that would make a pending statement fail are counted: nulls before `NOT NULL`, equal rows before
    /// `UNIQUE`, rows without a match before a foreign key, rows that violate a `CHECK`, values that do not fit
    /// a narrower type, rows on the wrong side of a partition's bounds, rows that conflict under an exclusion
    /// constraint. Nothing is written.
    ///
    /// The result says what the role may not see (other roles' sessions, standbys); members of `pg_monitor`
    /// see it. The tables are those that the pending statements name; what code and functions touch is not
    /// known.
    ///
    /// # Errors
    ///
    /// See [`Error`], if a query fails that should not. A server that can't be reached, a standby and a
    /// refused plan are findings.
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
            // If another history applies, no check of this one means anything.
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
        check_findings(explanation, preflight);
        let touched = Touched::of(explanation);
        check_rights(client, session_info, &touched, preflight).await?;
        self.check_lock(client, explanation.running.as_ref(), preflight).await?;
        check_sessions(client, &touched, thresholds, preflight).await?;
        check_indexes(client, &touched, preflight).await?;
        check_replication(client, thresholds, preflight).await?;
        check_disk(client, explanation, thresholds, preflight).await?;
        check_data(client, &explanation.probes, session_info.server_version, thresholds, preflight).await?;
        self.check_backups(client, session_info, thresholds, preflight).await
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

/// Warns of statements that lose data, block others for long, or break running code.
fn check_findings(explanation: &Explanation, preflight: &mut Preflight) {
    let dangerous: Vec<String> = explanation.at_least(Risk::Dangerous).map(ToString::to_string).collect();
    if dangerous.is_empty() {
        let found = match explanation.approved.len() {
            0 => "no pending statement is dangerous".to_owned(),
            1 => "one finding, which is accepted".to_owned(),
            count => format!("{count} findings, which are accepted"),
        };
        preflight.add(Check::Findings, Verdict::Pass, found, Advice::NONE);
        return;
    }
    let next = Advice::fix(
        "write the statements the safe way, which the command check shows, or accept them in the script",
    );
    preflight.add(Check::Findings, Verdict::Warning, dangerous.join("; "), next);
}

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("running the preflight checks", source)
}

async fn ask(client: &Client, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    protect::ask(client, sql).await.map_err(failed)
}

fn steps(count: usize) -> String {
    if count == 1 { "1 step".to_owned() } else { format!("{count} steps") }
}
