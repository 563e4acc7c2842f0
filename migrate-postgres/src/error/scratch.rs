//! The errors of scratch databases.

use crate::error::{Error, cause, without_advice};

/// The error of a comparison on a scratch database. The target was not changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// A connection or a pool does not say how to connect to another database of its server.
    #[error(
        "a comparison needs a scratch database, and an open connection or a pool does not say how to reach one; \
         nothing was changed\n\
         next: give the URL of an empty database with `Comparison::scratch`, or a URL as the target"
    )]
    NoUrl,

    /// The role may not create databases.
    #[error("{}", migrate_core::clean!(
        "the role {role} may not create the scratch database that a comparison needs: {message}; nothing was changed\n\
         next: give the URL of an empty database with `Comparison::scratch`, or ALTER ROLE {role} CREATEDB;"
    ))]
    NotAllowed {
        /// The role.
        role: String,
        /// The server's message.
        message: String,
    },

    /// The given database is not empty.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} is not empty (objects: {count}, for example {first}); nothing was changed there\n\
         next: give one that is empty except for extensions; anything else is dropped afterwards"
    ))]
    NotEmpty {
        /// Its name.
        database: String,
        /// The number of objects.
        count: usize,
        /// One of them.
        first: String,
    },

    /// The given database has the remains of a comparison whose process was killed, and newer objects.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} was left by a comparison whose process was killed, and has objects created since: \
         {count} in all, for example {first}; nothing was changed there\n\
         next: save what you need of it, then drop and create it, or give another one"
    ))]
    LeftBehind {
        /// Its name.
        database: String,
        /// The number of objects.
        count: usize,
        /// One of them.
        first: String,
    },

    /// The given database is the one to compare.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} is the database itself; nothing was changed\n\
         next: give another, empty database"
    ))]
    Same {
        /// Its name.
        database: String,
    },

    /// Another comparison uses the given database.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} is in use by another comparison; nothing was changed\n\
         next: wait for it to end, or give another database"
    ))]
    InUse {
        /// Its name.
        database: String,
    },

    /// The applied text is not available.
    #[error("{}", migrate_core::clean!(
        "can't determine what migration {name} made: the set does not have the text that was applied, and the history \
         {problem}; nothing was changed\n\
         next: compare with a release that has {name} as it was applied"
    ))]
    NoText {
        /// The migration's name.
        name: String,
        /// What the history has instead of the text.
        problem: String,
    },

    /// The migrations do not run on an empty database.
    #[error("{}", migrate_core::clean!(
        "on the scratch database, not on the target: {}\n\
         next: {}",
        without_advice(source),
        after_replay(source)
    ))]
    Migrating {
        /// The cause.
        source: Box<Error>,
    },

    /// Code in a migration changes objects that all databases of the server share, without its text saying so.
    #[error("{}", migrate_core::clean!(
        "migration {name} changes objects that all databases of the server share (roles, databases, settings) in code that its text \
         does not show, for example a trigger; this was rolled back on the scratch database, so it is unknown what {name} makes; \
         nothing was changed\n\
         next: move the change of shared objects to a statement of its own, which a comparison leaves out"
    ))]
    Shared {
        /// The migration's name.
        name: String,
    },

    /// The server reported an error, or the connection was lost.
    #[error("{}", migrate_core::clean!("{doing} the scratch database {database}: {}\nnext: {next}", cause(source)))]
    Server {
        /// The operation in progress.
        doing: &'static str,
        /// Its name.
        database: String,
        /// The cause.
        source: tokio_postgres::Error,
        /// The advice.
        next: &'static str,
    },
}

migrate_core::debug_as_display!(ScratchError);

/// The advice if migrations that ran on the target do not run again.
fn after_replay(error: &Error) -> &'static str {
    let code = if let Error::Failed(failure) = error { failure.code.as_deref() } else { None };
    match code {
        Some("42704") => {
            "find out what the database has that the scratch database lacks: a role of its server, an object that no migration creates"
        }
        Some("42501") => "compare as a role that may do what the migrations do",
        _ => {
            "find out what it needs that the migrations do not create, for example data; the schema can also be compared without \
             running them, with the one that a run recorded (`drift_since_snapshot`)"
        }
    }
}
