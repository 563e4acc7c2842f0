//! The context of a migration's code: the transaction, the settings, and the values of the program.

use super::error::{MissingValue, StatementError};
use super::record::CodeRecord;
use crate::settings::CodeValues;
use futures_util::future::join3;
use migrate_core::Version;
use migrate_core::sql::{self, Control, FaultKind};
use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// The parameters of a statement, each with its type.
type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// The first OID that PostgreSQL gives to objects of users and extensions (`FirstNormalObjectId`).
const FIRST_OWN_OID: u32 = 16_384;

/// The context of a migration's code: it runs statements in the migration's transaction.
///
/// All statements are unnamed, so that they work behind a pooler in transaction mode. A parameter comes with its type, as in
/// tokio-postgres's `query_typed`; a value of a type that is not built in is cast in the SQL, `$1::text::mood`, and so is a column.
///
/// # Cancel safety
///
/// A migration whose run is dropped is rolled back, wherever its code is.
pub struct Context<'r> {
    session: CodeSession<'r>,
}

/// The session that code runs in.
#[derive(Clone, Copy)]
pub(crate) struct CodeSession<'r> {
    pub(crate) client: &'r Client,
    /// True while several messages of one flush are unanswered.
    pub(crate) pipelining: Option<&'r AtomicBool>,
    pub(crate) version: &'r Version,
    pub(crate) name: &'r str,
    pub(crate) set: &'r str,
    pub(crate) values: &'r CodeValues,
    pub(crate) lock_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) surroundings: Surroundings<'r>,
    pub(crate) record: &'r CodeRecord,
}

/// The surroundings of a statement: a transaction, or settings.
#[derive(Clone, Copy)]
pub(crate) enum Surroundings<'r> {
    /// One transaction, and the setting of what is left of its time, if it has a limit.
    Transaction { limit: Option<&'r (dyn Fn() -> String + Sync)> },
    /// No transaction: settings before each statement, and those that undo them.
    Each {
        enter: &'r (dyn Fn() -> String + Sync),
        leave: &'r str,
        /// Returns false for statements that may not be run here.
        may_run: &'r (dyn Fn(&str) -> bool + Sync),
    },
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("name", &self.session.name).finish_non_exhaustive()
    }
}

impl<'r> Context<'r> {
    pub(crate) fn new(session: CodeSession<'r>) -> Context<'r> {
        Context { session }
    }

    /// The migration's version.
    pub fn version(&self) -> &Version {
        self.session.version
    }

    /// The migration's name.
    pub fn name(&self) -> &str {
        self.session.name
    }

    /// The name of its set.
    pub fn set(&self) -> &str {
        self.session.set
    }

    /// The longest wait of a statement for a lock, from the file's header or the migrator's settings; zero is no limit. It is set
    /// already.
    pub fn lock_timeout(&self) -> Duration {
        self.session.lock_timeout
    }

    /// The longest duration of a statement, in the same way.
    pub fn statement_timeout(&self) -> Duration {
        self.session.statement_timeout
    }

    /// The value of a type that the program passed in, with [`Migrator::value`](crate::Migrator::value).
    ///
    /// # Errors
    ///
    /// [`MissingValue`] if it passed none of this type.
    pub fn value<T: Any + Send + Sync>(&self) -> Result<&'r T, MissingValue> {
        self.session.values.get().ok_or(MissingValue { type_name: std::any::type_name::<T>() })
    }

    /// Runs a statement, and returns its rows.
    ///
    /// # Errors
    ///
    /// See [`StatementError`].
    #[track_caller]
    pub fn query<'a>(
        &'a mut self,
        sql: &'a str,
        parameters: Parameters<'a>,
    ) -> impl Future<Output = Result<Vec<Row>, StatementError>> + Send + 'a {
        let (session, at) = (&self.session, Location::caller());
        async move {
            let rows = session.send(sql, at, session.client.query_typed(sql, parameters)).await?;
            check_types(&rows, at)?;
            Ok(rows)
        }
    }

    /// Runs a statement that returns one row.
    ///
    /// # Errors
    ///
    /// See [`StatementError`]; [`StatementError::RowCount`] if it returns none, or several.
    #[track_caller]
    pub fn query_one<'a>(
        &'a mut self,
        sql: &'a str,
        parameters: Parameters<'a>,
    ) -> impl Future<Output = Result<Row, StatementError>> + Send + 'a {
        let (at, rows) = (Location::caller(), self.query(sql, parameters));
        async move {
            let rows = rows.await?;
            let row = only(rows, "one", at)?;
            row.ok_or(StatementError::RowCount { rows: 0, expected: "one", at })
        }
    }

    /// Runs a statement that returns at most one row.
    ///
    /// # Errors
    ///
    /// See [`StatementError`]; [`StatementError::RowCount`] if it returns several.
    #[track_caller]
    pub fn query_opt<'a>(
        &'a mut self,
        sql: &'a str,
        parameters: Parameters<'a>,
    ) -> impl Future<Output = Result<Option<Row>, StatementError>> + Send + 'a {
        let (at, rows) = (Location::caller(), self.query(sql, parameters));
        async move { only(rows.await?, "at most one", at) }
    }

    /// Runs a statement, and returns the number of rows that it changed.
    ///
    /// # Errors
    ///
    /// See [`StatementError`].
    #[track_caller]
    pub fn execute<'a>(
        &'a mut self,
        sql: &'a str,
        parameters: Parameters<'a>,
    ) -> impl Future<Output = Result<u64, StatementError>> + Send + 'a {
        let (session, at) = (&self.session, Location::caller());
        async move { session.send(sql, at, session.client.execute_typed(sql, parameters)).await }
    }

    /// Runs statements without parameters, separated by semicolons, in one round trip.
    ///
    /// # Errors
    ///
    /// See [`StatementError`].
    #[track_caller]
    pub fn batch_execute<'a>(
        &'a mut self,
        sql: &'a str,
    ) -> impl Future<Output = Result<(), StatementError>> + Send + 'a {
        let (session, at) = (&self.session, Location::caller());
        async move { session.send(sql, at, session.client.batch_execute(sql)).await }
    }
}

impl CodeSession<'_> {
    /// Sends a statement within its surroundings, in one flush.
    async fn send<T>(
        &self,
        sql: &str,
        at: &'static Location<'static>,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StatementError> {
        self.record.hides(sql);
        self.check(sql, at)?;
        self.record.sends(sql, at);
        let answered = match self.surroundings {
            Surroundings::Transaction { limit: None } => answer.await,
            Surroundings::Transaction { limit: Some(limit) } => self.between(&limit(), answer, "").await,
            Surroundings::Each { enter, leave, .. } => self.between(&enter(), answer, leave).await,
        };
        answered.map_err(|source| {
            self.record.was_refused(crate::error::cause(&source));
            StatementError::Server { source, at }
        })
    }

    /// Sends settings around a statement. All are messages of one flush, so that a transaction pooler keeps them together.
    async fn between<T>(
        &self,
        enter: &str,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
        leave: &str,
    ) -> Result<T, tokio_postgres::Error> {
        self.mark_pipelining(true);
        let client = self.client;
        let leaving = async { if leave.is_empty() { Ok(()) } else { client.batch_execute(leave).await } };
        let (entered, answered, left) = join3(client.batch_execute(enter), answer, leaving).await;
        self.mark_pipelining(false);
        let answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                // The statement may have begun a transaction block, which the settings after it could not end.
                if !leave.is_empty() && error.as_db_error().is_some() {
                    drop(client.batch_execute(&format!("ROLLBACK; {leave}")).await);
                }
                return Err(error);
            }
        };
        // Before a `ROLLBACK TO SAVEPOINT` a failed transaction takes no settings.
        if !entered.as_ref().is_err_and(is_failed_transaction) {
            entered?;
        }
        left?;
        Ok(answer)
    }

    fn mark_pipelining(&self, is_pipelining: bool) {
        if let Some(mark) = self.pipelining {
            mark.store(is_pipelining, Ordering::Relaxed);
        }
    }

    /// Refuses statements that would end the run's transaction, leave one open, or that no migration may contain.
    fn check(&self, text: &str, at: &'static Location<'static>) -> Result<(), StatementError> {
        let split = sql::split(text);
        let fault = split.faults.iter().find(|fault| {
            matches!(
                fault.kind,
                FaultKind::PrepareTransaction | FaultKind::CopyFromStdin | FaultKind::CopyToStdout
            )
        });
        if let Some(fault) = fault {
            return Err(StatementError::NotAllowed { problem: fault.kind.to_string(), at });
        }
        let mut controls = split.statements.iter().filter_map(sql::Statement::control);
        match self.surroundings {
            Surroundings::Transaction { .. } => {
                let Some(command) = controls.find(|control| control.is_boundary()).map(Control::command)
                else {
                    return Ok(());
                };
                self.record.tried_to_end(command, at);
                Err(StatementError::EndsTransaction { command, at })
            }
            Surroundings::Each { may_run, .. } => {
                if !may_run(text) {
                    let problem = "it may change what the databases of this server share".to_owned();
                    return Err(StatementError::NotAllowed { problem, at });
                }
                let is_open = controls.filter(|control| control.is_boundary()).fold(false, |_, control| {
                    matches!(
                        control,
                        Control::Begin(_)
                            | Control::Commit { chain: true }
                            | Control::Rollback { chain: true }
                    )
                });
                if is_open { Err(StatementError::LeavesTransaction { at }) } else { Ok(()) }
            }
        }
    }
}

/// The only row, if there is one.
fn only(
    rows: Vec<Row>,
    expected: &'static str,
    at: &'static Location<'static>,
) -> Result<Option<Row>, StatementError> {
    match rows.len() {
        0 | 1 => Ok(rows.into_iter().next()),
        rows => Err(StatementError::RowCount { rows, expected, at }),
    }
}

/// Refuses columns that the driver needs a prepared statement for.
fn check_types(rows: &[Row], at: &'static Location<'static>) -> Result<(), StatementError> {
    let columns = rows.first().map(Row::columns).unwrap_or_default();
    match columns.iter().find(|column| column.type_().oid() >= FIRST_OWN_OID) {
        None => Ok(()),
        Some(column) => Err(StatementError::OwnType {
            column: column.name().to_owned(),
            type_name: column.type_().name().to_owned(),
            at,
        }),
    }
}

fn is_failed_transaction(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}
