//! The state of a session, read before it writes.

mod errors;
mod questions;

use crate::connection::protect::{self, SessionTimeouts};
use crate::error::Error;
use crate::history::foreign::{BesideTables, needed_tables};
use crate::history::format::{FORMAT, TableFormat};
use crate::history::head::{lacking_columns, lacking_names, no_history, read_error};
use crate::history::head_table::{self, HeadTable};
use crate::history::settings::RunSettings;
use crate::history::table::HistoryTable;
use crate::sql::answers::{Answers, is_true, parsed, simple_query, text};
use crate::sql::quote::{quote_ident, quote_if_needed, quote_literal};
use crate::sql::transaction::{BEGIN, milliseconds};
use migrate_core::Set;
use questions::state;
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// The state of a session, read once before it writes, with the lock held.
#[derive(Clone, Debug)]
pub(crate) struct SessionInfo {
    /// The history's table.
    pub(crate) table: HistoryTable,
    /// True if it exists.
    pub(crate) exists: bool,
    /// Its format and its columns.
    format: TableFormat,
    /// The head table, if it exists or can be created.
    pub(crate) head: Option<HeadTable>,
    /// True if the head table exists.
    head_exists: bool,
    /// True if the tables of backfills exist.
    pub(crate) has_backfills: bool,
    /// True if its schema exists.
    pub(crate) schema_exists: bool,
    /// The server's version: 150018 for 15.18.
    pub(crate) server_version: i32,
    /// Statements that restore the session after a script has changed it.
    pub(crate) restore: Vec<String>,
    /// A statement that makes the session read strings as the lexer does, where it does not already.
    pub(crate) conform: Option<&'static str>,
    /// True if the server can detect the loss of its client while it executes a statement.
    pub(crate) checks_client: bool,
    /// The timeouts that are off for the session, and after RESET ALL: they need not be turned off for a
    /// transaction.
    pub(crate) off: Vec<String>,
    /// True if the session has timeouts that could end our own queries.
    pub(crate) timeouts: SessionTimeouts,
    /// The time after which the server ends the session if it is idle.
    pub(crate) idle_limit: Option<Duration>,
    /// The pid of the server process.
    pub(crate) pid: i32,
    /// A digest of the session's state on which [`SessionInfo::restore`] depends.
    state: String,
    role: String,
    /// The tables that may be histories of the set beside this one.
    pub(crate) beside: BesideTables,
    in_recovery: bool,
    read_only: bool,
    may_create: bool,
}

/// The knowledge of the history's schema when a session is queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// It is given, or the history was seen there.
    Known,
    /// It would be the first of the search path: other schemas of the path have to be searched for a history.
    Unknown,
}

/// The settings changed with SET since the session was opened: they are set again after RESET ALL.
pub(crate) const CHANGED: &str =
    "source = 'session' AND name !~ '^transaction_(isolation|read_only|deferrable)$'";

/// Each query of the transaction uses the snapshot of the first one.
const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

impl SessionInfo {
    /// Queries the server.
    pub(crate) async fn take(client: &Client, settings: &RunSettings) -> Result<SessionInfo, Error> {
        match simple_query(client, &SessionInfo::message(settings)).await {
            Ok(answers) => SessionInfo::answered(settings, Answers::of(answers)),
            // `to_regclass` looks into the schema, which requires USAGE.
            Err(error) => Err(read_error(client, settings, "reading the session's settings", error).await),
        }
    }

    /// Begins a transaction that sees the current database, and queries it in the same message; none if that
    /// was refused.
    pub(crate) async fn begin(client: &Client, settings: &RunSettings) -> Option<Result<SessionInfo, Error>> {
        let message = format!("{BEGIN_SNAPSHOT}; {}", SessionInfo::message(settings));
        let mut answers = Answers::of(simple_query(client, &message).await.ok()?);
        answers.next();
        Some(SessionInfo::answered(settings, answers))
    }

    fn message(settings: &RunSettings) -> String {
        let questions = SessionInfo::questions(settings, Whereabouts::Unknown, true, "true");
        format!("{}; {questions}", protect::no_timeouts())
    }

    fn answered(settings: &RunSettings, mut answers: Answers) -> Result<SessionInfo, Error> {
        answers.next();
        SessionInfo::read(settings, &mut answers)
    }

    /// The same, for queries in a transaction that [`SessionInfo::begin`] began: their timeouts are off
    /// already.
    pub(crate) fn in_snapshot(&self) -> SessionInfo {
        SessionInfo { timeouts: SessionTimeouts { are_on: false }, ..self.clone() }
    }

    /// Reads the answers to [`SessionInfo::questions`].
    ///
    /// # Errors
    ///
    /// If there is no schema for the history, if the history is in another one, or if its table is not ours.
    pub(crate) fn read(settings: &RunSettings, answers: &mut Answers) -> Result<SessionInfo, Error> {
        let (session, changed, columns) = (answers.next(), answers.next(), answers.next());
        let beside = BesideTables::read(answers);
        let session = session.first().ok_or(Error::NoSchema)?;
        let owned = |column| text(session, column).unwrap_or_default().to_owned();
        let table = settings.table_in(text(session, 0).ok_or(Error::NoSchema)?);
        let (exists, may_create) = (is_true(session, 1), is_true(session, 6));
        let head_exists = is_true(session, 16);
        let may_have_head = match parsed::<usize>(session, 17) {
            // A table with that name may not be ours: then there is no head table.
            Some(columns) if head_exists => columns == head_table::COLUMNS.len(),
            _ => may_create && (!exists || is_true(session, 18)),
        };
        let format =
            if exists && table.keeps().is_none() { TableFormat::read(&columns) } else { TableFormat::NEW };
        let session_info = SessionInfo {
            exists,
            head: (may_have_head && table.keeps().is_none()).then(|| table.head()),
            head_exists,
            has_backfills: is_true(session, 22),
            schema_exists: is_true(session, 2),
            server_version: parsed(session, 3).unwrap_or_default(),
            in_recovery: is_true(session, 4),
            read_only: is_true(session, 5),
            may_create,
            role: owned(7),
            restore: restore(
                &owned(8),
                &owned(9),
                changed.iter().filter_map(|row| text(row, 0).zip(text(row, 1))),
            ),
            conform: (!is_true(session, 10)).then_some("SET standard_conforming_strings = on"),
            checks_client: is_true(session, 11),
            state: owned(12),
            beside,
            pid: parsed(session, 14).unwrap_or_default(),
            off: owned(15).split(',').map(str::to_owned).collect(),
            timeouts: SessionTimeouts { are_on: is_true(session, 20) },
            idle_limit: protect::idle_limit_of(parsed(session, 21)),
            table: table.in_format(format.number).beside_which(may_create),
            format,
        };
        if let Some(found) = text(session, 13).filter(|_| !session_info.exists) {
            return Err(Error::OtherSchema {
                table: session_info.table.name().to_owned(),
                own: session_info.table.name().to_owned(),
                found: found.to_owned(),
                first: session_info.table.schema().to_owned(),
            });
        }
        if is_true(session, 19) {
            let [schema, name] =
                [session_info.table.schema(), session_info.table.name()].map(quote_if_needed);
            return Err(Error::RowSecurity { table: format!("{schema}.{name}"), role: session_info.role });
        }
        if session_info.exists {
            let has = columns.iter().filter_map(|row| text(row, 0).zip(parsed(row, 1))).collect();
            let missing = match session_info.table.keeps() {
                Some(keeps) => lacking_names(keeps.columns(), &has),
                None => lacking_columns(session_info.format.number.min(FORMAT), &has),
            };
            if !missing.is_empty() {
                return Err(no_history(session_info.table.shown(), missing));
            }
            if !session_info.format.is_table {
                return Err(Error::NotATable { table: session_info.table.shown() });
            }
        }
        Ok(session_info)
    }

    /// The state of a session that we have just opened for scripts that a run has applied, known without a
    /// query: it has no limits, and its settings are its defaults.
    #[cfg(feature = "testing")]
    pub(crate) fn of_new_session(table: HistoryTable, server_version: i32) -> SessionInfo {
        let restore = ["RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET ALL"];
        SessionInfo {
            table,
            exists: true,
            format: TableFormat::NEW,
            head: None,
            head_exists: true,
            has_backfills: false,
            schema_exists: true,
            server_version,
            restore: restore.map(str::to_owned).to_vec(),
            conform: Some("SET standard_conforming_strings = on"),
            checks_client: false,
            off: vec!["statement_timeout".to_owned()],
            timeouts: SessionTimeouts { are_on: false },
            idle_limit: None,
            pid: 0,
            state: String::new(),
            role: String::new(),
            beside: BesideTables::default(),
            in_recovery: false,
            read_only: false,
            may_create: true,
        }
    }

    /// A query that fails, with a division by zero, if the state of the session differs from that of the
    /// session that was queried: the statements that restore that one would not restore this one.
    pub(crate) fn guard(&self) -> Vec<String> {
        self.protected(format!(
            "SELECT 1 / (pg_catalog.md5({}) = {})::int",
            state(),
            quote_literal(&self.state)
        ))
    }

    /// A query of ours at the beginning of a transaction, after the statements that turn off the session's
    /// timeouts, if it has any.
    pub(crate) fn protected(&self, query: String) -> Vec<String> {
        self.timeouts.are_on.then(protect::no_timeouts).into_iter().chain([query]).collect()
    }

    /// Runs a query of ours, in the state of the session that was read, and without its timeouts.
    pub(crate) async fn ask(
        &self,
        client: &Client,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.timeouts.ask(client, sql, parameters).await
    }

    /// Statements that turn off the session's timeouts for the rest of a transaction: none if it has none.
    pub(crate) fn no_timeouts(&self) -> Vec<String> {
        let is_on = |name: &&str| !self.off.iter().any(|off| off == name);
        let mut names = vec!["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
        if self.server_version >= 170_000 {
            names.push("transaction_timeout");
        }
        names.into_iter().filter(is_on).map(|name| format!("SET LOCAL {name} = 0")).collect()
    }

    /// Statements that prepare the session for the next script.
    pub(crate) fn between_scripts(&self) -> Vec<&str> {
        self.restore.iter().map(String::as_str).chain(self.conform).collect()
    }

    /// Statements that create the history's table, its schema and the head table if they don't exist, or
    /// upgrade an older table to this release's format.
    pub(crate) fn create(&self, lock_timeout: Duration, set: &Set) -> Option<Vec<String>> {
        let mut create = self.creation(set)?;
        if self.timeouts.are_on || self.format.is_older() {
            // After BEGIN. The wait for readers of the history is limited to the time that others may wait
            // behind us.
            let lock_timeout = format!("SET LOCAL lock_timeout = {}", milliseconds(lock_timeout));
            create.splice(1..1, self.no_timeouts().into_iter().chain([lock_timeout]));
        }
        Some(create)
    }

    fn creation(&self, set: &Set) -> Option<Vec<String>> {
        if !self.exists {
            let mut create = self.table.create(!self.schema_exists, self.head.as_ref());
            if self.table.keeps().is_none() {
                let commit = create.pop();
                create.extend(needed_tables(set, self.table.schema()));
                create.extend(commit);
            }
            return Some(create);
        }
        let head = self.head.as_ref().filter(|_| !self.head_exists);
        if self.format.is_older() {
            return Some(self.table.upgrade(&self.format, head));
        }
        let head = head?;
        let begin = [BEGIN.to_owned()].into_iter();
        Some(begin.chain(head.create()).chain(["COMMIT".to_owned()]).collect())
    }

    /// The state after [`SessionInfo::create`].
    pub(crate) fn created(&self) -> SessionInfo {
        SessionInfo { exists: true, table: self.table.clone().in_format(FORMAT), ..self.clone() }
    }

    /// The role of the session.
    pub(crate) fn role(&self) -> &str {
        &self.role
    }
}

/// Statements that restore a session. RESET ALL does not change role and session authorization.
fn restore<'a>(
    session_user: &str,
    role: &str,
    changed: impl Iterator<Item = (&'a str, &'a str)>,
) -> Vec<String> {
    let role = if role == "none" { "NONE".to_owned() } else { quote_ident(role) };
    let mut statements = vec![
        format!("SET SESSION AUTHORIZATION {}", quote_ident(session_user)),
        format!("SET ROLE {role}"),
        "RESET ALL".to_owned(),
    ];
    let settings: Vec<String> = changed
        .map(|(name, value)| {
            format!("pg_catalog.set_config({}, {}, false)", quote_literal(name), quote_literal(value))
        })
        .collect();
    if !settings.is_empty() {
        statements.push(format!("SELECT {}", settings.join(", ")));
    }
    statements
}
