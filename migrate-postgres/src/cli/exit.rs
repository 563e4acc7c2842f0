//! The exit codes.

use super::problem::Problem;
use super::signals::Signal;
use crate::error::{Error, ErrorClass};
use migrate_core::advice::Left;
use migrate_core::engine::error::Failure;
use std::process::ExitCode;
use tokio_postgres::error::SqlState;

/// The outcome of a command. Its number is the exit code.
///
/// # Examples
///
/// ```
/// use migrate_postgres::cli::Exit;
///
/// assert_eq!(Exit::Done.code(), 0);
/// assert_eq!(Exit::Pending.word(), "pending");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: an error outside of migrations: no connection, a missing file, a server error between migrations.
    Error,
    /// 2: the command line is invalid.
    Usage,
    /// 3: migrations are pending; from `status` and `plan`.
    Pending,
    /// 4: the schema differs from what the history says.
    Drift,
    /// 5: refused before anything was changed: the set, the history and the request contradict each other.
    Refused,
    /// 6: another session held the migration lock, or a lock on a table, for too long.
    LockNotGot,
    /// 7: a migration or its verify script failed.
    Failed,
    /// 8: a migration stopped between two statements, and it is not known whether the next one was done.
    InDoubt,
    /// 9: a preflight check found a reason not to start a run.
    Stop,
    /// 10: the database could not be backed up; nothing was changed.
    NoBackup,
    /// 11: `plan --rehearse` had to leave migrations out; those that it ran would succeed.
    Incomplete,
    /// 12: `check` has a finding of a denied risk.
    Findings,
    /// 13: an assertion is not true, or could not be checked.
    Untrue,
    /// 14: `compare` found rows that differ.
    RowsDiffer,
    /// 15: SQL was written, and trying it on a copy did not show that it is right.
    Unproved,
    /// 130: interrupted from the keyboard (SIGINT).
    Interrupted,
    /// 143: terminated (SIGTERM).
    Terminated,
    /// 129: the terminal was closed (SIGHUP).
    HungUp,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Pending => 3,
            Exit::Drift => 4,
            Exit::Refused => 5,
            Exit::LockNotGot => 6,
            Exit::Failed => 7,
            Exit::InDoubt => 8,
            Exit::Stop => 9,
            Exit::NoBackup => 10,
            Exit::Incomplete => 11,
            Exit::Findings => 12,
            Exit::Untrue => 13,
            Exit::RowsDiffer => 14,
            Exit::Unproved => 15,
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// Its name in the JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Exit::Done => "done",
            Exit::Error => "error",
            Exit::Usage => "usage",
            Exit::Pending => "pending",
            Exit::Drift => "drift",
            Exit::Refused => "refused",
            Exit::LockNotGot => "lock_not_got",
            Exit::Failed => "failed",
            Exit::InDoubt => "in_doubt",
            Exit::Stop => "stop",
            Exit::NoBackup => "no_backup",
            Exit::Incomplete => "incomplete",
            Exit::Findings => "findings",
            Exit::Untrue => "untrue",
            Exit::RowsDiffer => "rows_differ",
            Exit::Unproved => "unproved",
            Exit::Interrupted => "interrupted",
            Exit::Terminated => "terminated",
            Exit::HungUp => "hung_up",
        }
    }

    /// The exit code of a library error.
    fn of_error(error: &Error) -> Exit {
        match (error.class(), error) {
            (_, Error::Failed(failure)) => Exit::of_failure(failure),
            (_, Error::BrokenAssertions(_)) => Exit::Untrue,
            (ErrorClass::Failed, _) => Exit::Failed,
            (ErrorClass::Refused, _) => Exit::Refused,
            (ErrorClass::Drift, _) => Exit::Drift,
            (ErrorClass::Locked, _) => Exit::LockNotGot,
            (ErrorClass::Backup, _) => Exit::NoBackup,
            (ErrorClass::Other, _) => Exit::Error,
        }
    }

    pub(super) fn of_failure(failure: &Failure) -> Exit {
        let is_lock_timeout = failure.code.as_deref() == Some(SqlState::LOCK_NOT_AVAILABLE.code());
        if failure.left.is_in_doubt() {
            Exit::InDoubt
        } else if is_lock_timeout && failure.left == Left::Nothing {
            Exit::LockNotGot
        } else {
            Exit::Failed
        }
    }

    /// The exit code of a problem.
    pub(super) fn of(problem: &Problem) -> Exit {
        match problem {
            Problem::Migrate(error) => Exit::of_error(error),
            Problem::Seeding { error, .. } => Exit::of_error(error),
            // A refusal promises that nothing was changed.
            Problem::Rebuilding { error, .. } => match Exit::of_error(error) {
                Exit::Refused => Exit::Error,
                exit => exit,
            },
            Problem::Folder(migrate_core::FolderError::Problems { .. })
            | Problem::NotDevelopment { .. }
            | Problem::NotConfirmed { .. }
            | Problem::Subscriptions { .. }
            | Problem::OtherDatabase { .. }
            | Problem::NewName { .. }
            | Problem::NewFill { .. }
            | Problem::Renumber(_)
            | Problem::Rewrite(_)
            | Problem::Dev(_)
            | Problem::PerhapsRenamed { .. }
            | Problem::NotEmptyFolder { .. }
            | Problem::Incomplete(_)
            | Problem::NewLayout { .. } => Exit::Refused,
            Problem::Seed { .. } | Problem::Refuted(_) => Exit::Failed,
            Problem::Interrupted(Signal::Interrupt) => Exit::Interrupted,
            Problem::Interrupted(Signal::Terminate) => Exit::Terminated,
            Problem::Interrupted(Signal::HangUp) => Exit::HungUp,
            Problem::Connection(_)
            | Problem::Folder(_)
            | Problem::File { .. }
            | Problem::Exists { .. }
            | Problem::Judge(_)
            | Problem::NotKept
            | Problem::KeptEarlier { .. } => Exit::Error,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;
    use crate::{Error, LockKind};

    /// No command of the program meets these: its targets are URLs.
    #[test]
    fn what_a_target_lacks_for_a_run_is_refused_and_no_error_of_the_server() {
        let kind = LockKind::Lease { expiry: std::time::Duration::from_secs(30) };
        assert_eq!(Exit::of_error(&Error::OneConnection { kind }), Exit::Refused);
        #[cfg(feature = "deadpool")]
        {
            let source = deadpool_postgres::PoolError::Closed;
            assert_eq!(Exit::of_error(&Error::Pool { source }), Exit::Refused);
        }
    }
}
