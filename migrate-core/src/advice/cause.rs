//! Causes of errors that a SQLSTATE does not tell: a limit, a cancel, a missing right.

use super::Advice;
use std::time::Duration;

/// The cause of an error, if its SQLSTATE does not imply it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A statement exceeded `statement_timeout`.
    StatementTimeout,
    /// Another session canceled the statement.
    Canceled,
    /// The migration exceeded its limit.
    MigrationLimit,
    /// The run exceeded its limit.
    RunLimit,
    /// The server lacks the files of an extension.
    MissingExtension,
}

impl Cause {
    /// The identifier for JSON and for labels.
    pub fn word(self) -> &'static str {
        match self {
            Cause::StatementTimeout => "statement_timeout",
            Cause::Canceled => "canceled",
            Cause::MigrationLimit => "migration_limit",
            Cause::RunLimit => "run_limit",
            Cause::MissingExtension => "missing_extension",
        }
    }

    /// The cause with this identifier.
    pub fn of_word(word: &str) -> Option<Cause> {
        let all = [
            Cause::StatementTimeout,
            Cause::Canceled,
            Cause::MigrationLimit,
            Cause::RunLimit,
            Cause::MissingExtension,
        ];
        all.into_iter().find(|cause| cause.word() == word)
    }

    /// The message of a migration that was ended by a limit.
    pub fn over_limit(self, limit: Duration) -> String {
        let what = if self == Cause::RunLimit { "run" } else { "migration" };
        format!("the {what} took longer than its limit of {limit:?}")
    }

    /// True if one of the run's own limits ended the statement.
    pub fn is_limit(self) -> bool {
        match self {
            Cause::MigrationLimit | Cause::RunLimit => true,
            Cause::StatementTimeout | Cause::Canceled | Cause::MissingExtension => false,
        }
    }
}

/// The privilege or ownership that a role lacks, as named by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MissingRight {
    /// It does not own an object, such as `table users`.
    Ownership {
        /// The object, including its kind.
        object: String,
    },
    /// It lacks privileges.
    Privileges {
        /// The privileges, such as `USAGE, CREATE`.
        privileges: &'static str,
        /// The object in the syntax of GRANT, such as `SCHEMA app`.
        on: String,
    },
}

impl MissingRight {
    /// The way to give the role the right.
    pub fn advice(&self) -> Advice {
        match self {
            MissingRight::Ownership { object } => Advice::fix(format!(
                "migrate as the owner of {object}, or GRANT the role membership in the owner's role"
            )),
            MissingRight::Privileges { privileges, on } => {
                Advice::fix(format!("GRANT {privileges} ON {on} to the role, or migrate as another role"))
            }
        }
    }
}
