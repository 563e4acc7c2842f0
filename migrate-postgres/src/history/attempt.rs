//! The audit trail: every attempt, as the history records it.

use crate::error::Error;
use crate::history::row::HistoryRow;
use crate::history::session_info::SessionInfo;
use migrate_core::advice::Cause;
#[cfg(feature = "histories")]
use migrate_core::history::Interrupted;
#[cfg(feature = "histories")]
use migrate_core::history::foreign::{ForeignMigration, ForeignMigrationState, Tool};
use migrate_core::plan::Action;
use migrate_core::{Set, Version};
use std::fmt;
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// One row of the history: an attempt to apply, revert or mark a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// Its number in the set's history, the first being 1.
    pub number: i64,
    /// The migration's version.
    pub version: Version,
    /// The migration's name at the time.
    pub name: String,
    /// The action.
    pub action: Action,
    /// The outcome.
    pub outcome: AttemptOutcome,
    /// True if the version counts as applied because of this row.
    pub live: bool,
    /// When it began, by the server's clock.
    pub started_at: SystemTime,
    /// How long it took, by the server's clock, if it ended.
    pub took: Option<Duration>,
    /// The id of its run.
    pub run: String,
    /// The program's name and version.
    pub program: String,
    /// The database user.
    pub by: String,
    /// Its `application_name`.
    pub application: String,
    /// The address it came from; none for a Unix socket.
    pub address: Option<String>,
    /// The reason, if a person settled something by hand.
    pub reason: Option<String>,
    /// The number of the attempt that this one resumes or ends.
    pub continues: Option<i64>,
    /// The number of statements known to be done when it ended, for a migration that runs statement by
    /// statement.
    pub statements_done: Option<i32>,
    /// The number of notices the server sent.
    pub notices: Option<i32>,
    /// The number of warnings the server sent.
    pub warnings: Option<i32>,
    /// The server process that started it.
    pub pid: Option<i32>,
    /// The time since it began, by the server's clock, if its end is not recorded.
    pub age: Option<Duration>,
}

/// The outcome of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttemptOutcome {
    /// It was done and committed.
    Done,
    /// It failed.
    Failed {
        /// The five characters of SQLSTATE, if the server gave one.
        sqlstate: Option<String>,
        /// The cause, if it is known and the SQLSTATE does not imply it.
        cause: Option<Cause>,
        /// The server's message.
        message: String,
        /// The server's detail, if it gave one.
        detail: Option<String>,
        /// The server's hint, if it gave one.
        hint: Option<String>,
        /// The number of the failed statement, the first being 1.
        statement: Option<i32>,
        /// The line of the script.
        line: Option<i32>,
        /// The number of statements that are done, for a migration that runs statement by statement.
        statements_done: Option<i32>,
    },
    /// Its end is not recorded: it is in progress, or was interrupted.
    Unfinished {
        /// The number of statements that are done.
        statements_done: i32,
        /// The number of statements.
        statements: i32,
    },
    /// Its run was killed or lost its connection, as recorded by a later run. Or it ended with a statement in
    /// doubt.
    Interrupted {
        /// The server's message about the statement that is in doubt.
        message: Option<String>,
        /// The number of statements known to be done, for a migration that runs statement by statement.
        statements_done: Option<i32>,
        /// The number of statements.
        statements: i32,
    },
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match self {
            AttemptOutcome::Done => f.write_str("done"),
            AttemptOutcome::Failed { message, sqlstate: Some(sqlstate), .. } => {
                write!(f, "failed: {message} ({sqlstate})")
            }
            AttemptOutcome::Failed { message, .. } => write!(f, "failed: {message}"),
            AttemptOutcome::Unfinished { statements_done, statements } => {
                write!(f, "unfinished: {statements_done} of {statements} statements")
            }
            AttemptOutcome::Interrupted { message: Some(message), .. } => write!(f, "in doubt: {message}"),
            AttemptOutcome::Interrupted { statements_done: Some(statements_done), statements, .. } => {
                write!(f, "interrupted: {statements_done} of {statements} statements")
            }
            AttemptOutcome::Interrupted { .. } => f.write_str("interrupted"),
        }
    }
}

impl Attempt {
    /// The attempt that a row of a tool's table represents.
    #[cfg(feature = "histories")]
    pub(crate) fn of_tool(set: &Set, tool: Tool, number: i64, found: &ForeignMigration) -> Attempt {
        let migration = found.find(set);
        let name = migration.map_or_else(|| found.to_string(), |migration| migration.name().to_owned());
        let version = migration.map(|migration| migration.version().clone());
        let outcome = match &found.state {
            ForeignMigrationState::Failed { logs } => AttemptOutcome::Failed {
                sqlstate: None,
                cause: None,
                message: logs.clone().unwrap_or_default(),
                detail: None,
                hint: None,
                statement: None,
                line: None,
                statements_done: None,
            },
            ForeignMigrationState::Interrupted { statements_done, .. } => AttemptOutcome::Unfinished {
                statements_done: i32::try_from(*statements_done).unwrap_or(i32::MAX),
                statements: 0,
            },
            _ => AttemptOutcome::Done,
        };
        Attempt {
            number,
            version: version.unwrap_or_else(|| Version::new(found.version.clone(), set.order())),
            name,
            action: Action::Apply,
            outcome,
            live: matches!(
                found.state,
                ForeignMigrationState::Applied | ForeignMigrationState::Interrupted { .. }
            ),
            started_at: found.at.unwrap_or(SystemTime::UNIX_EPOCH),
            took: found.took,
            run: String::new(),
            program: tool.to_string(),
            by: String::new(),
            application: String::new(),
            address: None,
            reason: None,
            continues: None,
            statements_done: None,
            notices: None,
            warnings: None,
            pid: None,
            age: None,
        }
    }
}

#[cfg(feature = "histories")]
impl Attempt {
    /// The attempt that a row of the checkpoint table beside a tool's table represents.
    pub(crate) fn under_way(set: &Set, tool: Tool, number: i64, open: &Interrupted) -> Attempt {
        let state =
            ForeignMigrationState::Interrupted { statements_done: open.statements_done, failed: open.failed };
        let found = ForeignMigration::applied(open.version.as_written()).in_state(state);
        let attempt = Attempt::of_tool(set, tool, number, &found);
        let action = if open.reverting { Action::Revert } else { Action::Apply };
        Attempt {
            version: open.version.clone(),
            name: open.name.clone(),
            action,
            live: !open.reverting,
            ..attempt
        }
    }
}

/// Reads a set's whole history, oldest first.
pub(crate) async fn attempts(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
) -> Result<Vec<Attempt>, Error> {
    let table = &session_info.table;
    let rows = session_info
        .ask(client, &table.attempts(), &[(&set.name(), Type::TEXT)])
        .await
        .map_err(|error| session_info.read_error("reading the history", error))?;
    let shown = table.shown();
    rows.iter().map(|row| attempt(set, HistoryRow::new(&shown, set, row, 0)?)).collect()
}

fn attempt(set: &Set, row: HistoryRow<'_>) -> Result<Attempt, Error> {
    let action = match row.get(3)? {
        "apply" => Action::Apply,
        "revert" => Action::Revert,
        "mark" => Action::Mark,
        "unmark" => Action::Unmark,
        "rewind" => Action::Rewind,
        "accept" => Action::Accept,
        other => return Err(row.damaged(format!("`{other}` is not an action"))),
    };
    let outcome = match row.get(4)? {
        "done" => AttemptOutcome::Done,
        "failed" => AttemptOutcome::Failed {
            sqlstate: row.get(13)?,
            cause: row.get::<Option<&str>>(28)?.and_then(Cause::of_word),
            message: row.get::<Option<String>>(14)?.unwrap_or_default(),
            detail: row.get(20)?,
            hint: row.get(21)?,
            statement: row.get(15)?,
            line: row.get(16)?,
            statements_done: statements_done(row)?,
        },
        "unfinished" => AttemptOutcome::Unfinished {
            statements_done: row.get::<Option<i32>>(17)?.unwrap_or_default(),
            statements: row.get(18)?,
        },
        "interrupted" => AttemptOutcome::Interrupted {
            message: row.get(14)?,
            statements_done: statements_done(row)?,
            statements: row.get(18)?,
        },
        other => return Err(row.damaged(format!("`{other}` is not an outcome"))),
    };
    Ok(Attempt {
        number: row.number(),
        version: Version::new(row.get::<String>(1)?, set.order()),
        name: row.get(2)?,
        action,
        outcome,
        live: row.get(5)?,
        started_at: row.get(6)?,
        took: duration(row.get(7)?),
        run: row.get(8)?,
        program: row.get(9)?,
        by: row.get(10)?,
        application: row.get(11)?,
        address: row.get(12)?,
        reason: row.get(19)?,
        continues: row.get(24)?,
        statements_done: statements_done(row)?,
        notices: row.get(22)?,
        warnings: row.get(23)?,
        pid: row.get(26)?,
        age: duration(row.get(27)?),
    })
}

/// The number of statements known to be done, even if a later row resumes there.
fn statements_done(row: HistoryRow<'_>) -> Result<Option<i32>, Error> {
    Ok(row.get::<Option<i32>>(17)?.or(row.get(25)?))
}

fn duration(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}
