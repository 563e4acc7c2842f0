//! The errors of a migration's code: failed statements and missing values.

use std::fmt;
use std::panic::Location;
use tokio_postgres::error::SqlState;

/// A statement that a migration's code sent failed, or was not sent.
#[non_exhaustive]
pub enum StatementError {
    /// The server's error, or that of the connection.
    #[non_exhaustive]
    Server {
        /// The error.
        source: tokio_postgres::Error,
        /// The call.
        at: &'static Location<'static>,
    },
    /// A statement that would end the transaction that the migration runs in, together with its row in the history. It was not
    /// sent.
    #[non_exhaustive]
    EndsTransaction {
        /// The statement's command: `BEGIN`, `COMMIT` or `ROLLBACK`.
        command: &'static str,
        /// The call.
        at: &'static Location<'static>,
    },
    /// A text that begins a transaction and does not end it. It was not sent: the next call may reach another server process.
    #[non_exhaustive]
    LeavesTransaction {
        /// The call.
        at: &'static Location<'static>,
    },
    /// A statement that no migration may contain. It was not sent.
    #[non_exhaustive]
    NotAllowed {
        /// The reason.
        problem: String,
        /// The call.
        at: &'static Location<'static>,
    },
    /// A column of a type that is not built in, which the driver could read only with a prepared statement.
    #[non_exhaustive]
    OwnType {
        /// The column.
        column: String,
        /// The type.
        type_name: String,
        /// The call.
        at: &'static Location<'static>,
    },
    /// More or fewer rows than were asked for.
    #[non_exhaustive]
    RowCount {
        /// The number of rows.
        rows: usize,
        /// The number of rows that the call expects, in words.
        expected: &'static str,
        /// The call.
        at: &'static Location<'static>,
    },
}

impl StatementError {
    /// The SQLSTATE, if the server gave one.
    pub fn code(&self) -> Option<&SqlState> {
        self.server()?.code()
    }

    /// The error of the server or of the connection.
    pub fn server(&self) -> Option<&tokio_postgres::Error> {
        if let StatementError::Server { source, .. } = self { Some(source) } else { None }
    }

    /// The call in the migration's code.
    pub fn at(&self) -> &'static Location<'static> {
        match self {
            StatementError::Server { at, .. }
            | StatementError::EndsTransaction { at, .. }
            | StatementError::LeavesTransaction { at }
            | StatementError::NotAllowed { at, .. }
            | StatementError::OwnType { at, .. }
            | StatementError::RowCount { at, .. } => at,
        }
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StatementError::Server { source, .. } => f.write_str(&crate::error::cause(source)),
            StatementError::EndsTransaction { command, .. } => write!(
                f,
                "{command} was not sent: the transaction is the run's, and holds the migration's row in the history, too; \
                 `// migrate: transaction=none` at the top of the file runs the code outside of a transaction"
            ),
            StatementError::LeavesTransaction { .. } => f.write_str(
                "a BEGIN without its end was not sent: send a whole transaction in one call, BEGIN and COMMIT included",
            ),
            StatementError::NotAllowed { problem, .. } => write!(f, "the statement was not sent: {problem}"),
            StatementError::OwnType { column, type_name, .. } => write!(
                f,
                "the column {column} has the type {type_name}, which is not built in: cast it, as in `{column}::text`; the driver \
                 would look the type up with a prepared statement, which fails behind a transaction pooler"
            ),
            StatementError::RowCount { rows, expected, .. } => {
                write!(f, "the query returned {rows} rows; expected {expected}")
            }
        }
    }
}

impl std::error::Error for StatementError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.server().map(|source| source as _)
    }
}

// `unwrap` prints it: the server's detail has values of rows.
migrate_core::debug_as_display!(StatementError);

/// The code of a migration asks for a value that the program did not pass in.
#[derive(thiserror::Error)]
#[error(
    "the migration asks for a value of the type {type_name}, and the program gave none: pass it with `Migrator::value`"
)]
#[non_exhaustive]
pub struct MissingValue {
    /// The type.
    pub type_name: &'static str,
}

migrate_core::debug_as_display!(MissingValue);
