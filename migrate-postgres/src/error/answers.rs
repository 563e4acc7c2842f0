//! The data of an error beside its kind: the state of the database, the advice, the report of the run.

use super::*;

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            #[cfg(feature = "deadpool")]
            Error::Pool { source } => Some(source),
            Error::Failed(failure) => failure.source(),
            Error::Stopped(stopped) => stopped.source(),
            Error::Seed(seed) => seed.failure.source(),
            #[cfg(feature = "operate")]
            Error::Backup(error) => error.source(),
            #[cfg(feature = "catalog")]
            Error::Scratch(error) => error.source(),
            error => error.server_error().map(|source| source as &(dyn std::error::Error + 'static)),
        }
    }
}

macro_rules! from {
    ($($(#[$cfg:meta])* $variant:ident($inner:ty)),+ $(,)?) => {
        $($(#[$cfg])* impl From<$inner> for Error {
            fn from(inner: $inner) -> Error {
                Error::$variant(inner)
            }
        })+
    };
}

from! {
    Refused(Refused),
    Placeholder(PlaceholderError),
    UnusableCompanions(UnusableCompanions),
    Failed(Box<Failure>),
    #[cfg(feature = "operate")]
    Backup(BackupError),
    #[cfg(feature = "operate")]
    Compare(CompareError),
    #[cfg(feature = "catalog")]
    Scratch(ScratchError),
}

impl RunError for Error {
    fn lock_wait(waited: Duration, holder: Holder) -> Error {
        Error::LockWait { waited, holder }
    }

    fn lock_lost() -> Error {
        Error::LockLost
    }

    fn after(self, committed: Committed) -> Error {
        Error::Stopped(Box::new(StoppedRun::new(committed, self)))
    }

    fn fact(&self) -> String {
        migrate_core::advice::fact(self).to_string()
    }

    fn failure(&self) -> Option<&Failure> {
        if let Error::Failed(failure) = self { Some(failure) } else { None }
    }
}

impl Error {
    /// The error of a call to the server outside of a migration, while `doing` something.
    pub(crate) fn server(doing: &'static str, source: tokio_postgres::Error) -> Error {
        Error::Server { doing, source }
    }

    /// The server accepts no writes from any role.
    pub(crate) fn standby(reason: &'static str) -> Error {
        let primary = "connect to the primary (target_session_attrs=read-write)";
        let advice = Advice::fix(primary).or(NextStep::fix("let another instance migrate first"));
        Error::ReadOnly { reason, advice }
    }

    /// True if a timeout of the session has ended a query of ours.
    pub(crate) fn is_of_a_timeout(&self) -> bool {
        matches!(self, Error::Server { source, .. } if timeout::is_of_a_timeout(source))
    }

    /// True if a timeout has ended the session itself.
    pub(crate) fn has_ended_the_session(&self) -> bool {
        matches!(self, Error::Server { source, .. } if timeout::has_ended_the_session(source))
    }

    /// The changes that are left behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_postgres::{Error, Left};
    ///
    /// assert_eq!(Error::NoSchema.left(), Left::Nothing);
    /// ```
    pub fn left(&self) -> Left {
        Explain::left(self)
    }

    /// The next steps, as data and as text for the library or the command line.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_postgres::Error;
    /// use migrate_postgres::advice::Words;
    ///
    /// let advice = Error::NoSchema.advice();
    /// assert_eq!(advice.text(Words::Library), "create one, or name one (`history_schema`)");
    /// assert_eq!(advice.text(Words::CommandLine), "create one, or name one (`--history-schema`)");
    /// ```
    pub fn advice(&self) -> Advice {
        Explain::advice(self)
    }

    /// The report of what the run did before the error, if it took steps.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_postgres::Error;
    ///
    /// fn last_step(error: &Error) -> Option<&str> {
    ///     error.report()?.steps.last().map(|step| step.name.as_str())
    /// }
    /// assert_eq!(last_step(&Error::NoSchema), None);
    /// ```
    pub fn report(&self) -> Option<&Report> {
        match self {
            Error::Failed(failure) => Some(&failure.report),
            Error::Stopped(stopped) => Some(&stopped.committed.report),
            Error::BrokenAssertions(broken) => Some(&broken.report),
            _ => None,
        }
    }

    /// The SQLSTATE, if the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Error::Failed(failure) => failure.code.as_deref(),
            Error::Stopped(stopped) => stopped.error.sqlstate(),
            Error::Seed(seed) => seed.failure.code.as_deref(),
            #[cfg(feature = "operate")]
            Error::Compare(error) => error.sqlstate(),
            #[cfg(feature = "catalog")]
            Error::Scratch(error) => error.sqlstate(),
            error => error.server_error()?.code().map(SqlState::code),
        }
    }

    /// The error of the server or of the connection to it, outside of a migration.
    fn server_error(&self) -> Option<&tokio_postgres::Error> {
        match self {
            Error::Connect { source, .. }
            | Error::ConnectionLimit { source, .. }
            | Error::Login { source, .. }
            | Error::Server { source, .. } => Some(source),
            #[cfg(feature = "deadpool")]
            Error::Pool { source: deadpool_postgres::PoolError::Backend(source) } => Some(source),
            _ => None,
        }
    }

    /// Turns the error into one about the connection limit of the role or the database.
    pub(crate) fn with_limit(self, owner: LimitOwner) -> Error {
        match self {
            Error::Connect { source, .. } => Error::ConnectionLimit { owner, source },
            error => error,
        }
    }

    /// True if the server has no connection left.
    pub(crate) fn is_too_many_connections(&self) -> bool {
        self.sqlstate() == Some(SqlState::TOO_MANY_CONNECTIONS.code())
    }

    /// Converts the error into one that stops the steps of a run.
    pub(crate) fn into_apply(self) -> ApplyError {
        ApplyError::Other(self)
    }
}
