//! Why there is no scratch database.

use crate::error::{Error, cause, without_advice};

/// Why the schema that migrations make could not be found out on a scratch database. The target was not changed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ScratchError {
    /// A connection or a pool does not tell how to connect to another database of its server.
    #[error(
        "a scratch database is needed to compare with, and an open connection or a pool does not say how to reach one; \
         nothing was changed\n\
         next: give the URL of an empty database with `Comparison::scratch`, or a URL as the target"
    )]
    NoUrl,

    /// The role may not create databases.
    #[error("{}", migrate_core::clean!(
        "the role {role} may not create the scratch database that is needed to compare with: {message}; nothing was changed\n\
         next: give the URL of an empty database with `Comparison::scratch`, or ALTER ROLE {role} CREATEDB;"
    ))]
    NotAllowed {
        /// The role.
        role: String,
        /// The server's words.
        message: String,
    },

    /// The database that was given has something in it.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} is not empty: {count} things are in it, {first} for one; nothing was changed there\n\
         next: give one that is empty but for extensions; what else is in it is dropped afterwards"
    ))]
    NotEmpty {
        /// Its name.
        database: String,
        /// How much there is.
        count: usize,
        /// Some of it.
        first: String,
    },

    /// The database that was given has what a comparison made whose process was killed, and something that is newer.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} was left by a comparison whose process was killed, and something was put there since: \
         {count} things are in it, {first} for one; nothing was changed there\n\
         next: save what you need of it, then drop and create it, or give another one"
    ))]
    LeftBehind {
        /// Its name.
        database: String,
        /// How much there is.
        count: usize,
        /// Some of it.
        first: String,
    },

    /// The database that was given is the one to compare with.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} is the database itself; nothing was changed\n\
         next: give another one, which is empty"
    ))]
    Same {
        /// Its name.
        database: String,
    },

    /// Somebody else is comparing on the database that was given.
    #[error("{}", migrate_core::clean!(
        "the scratch database {database} is in use by another comparison; nothing was changed\n\
         next: wait for that to end, or give another one"
    ))]
    InUse {
        /// Its name.
        database: String,
    },

    /// The text that was applied is not to be had.
    #[error("{}", migrate_core::clean!(
        "what migration {name} made can't be found out: the binary does not have the text that was applied, and the history \
         {problem}; nothing was changed\n\
         next: ask with a release that has {name} as it was applied"
    ))]
    NoText {
        /// The migration's name.
        name: String,
        /// What the history has instead.
        problem: String,
    },

    /// The migrations do not run on an empty database.
    #[error("{}", migrate_core::clean!(
        "on a scratch database, which is gone again, not on the target: {}\n\
         next: {}",
        without_advice(source),
        after_replay(source)
    ))]
    Migrating {
        /// Why not.
        source: Box<Error>,
    },

    /// Code in a migration changes what the databases of a server share, where its text does not say so.
    #[error("{}", migrate_core::clean!(
        "migration {name} changes what the databases of a server share (roles, databases, settings) in code that its text does \
         not show, a trigger's say; on a scratch database that was rolled back, so what {name} makes can't be found out; nothing \
         was changed\n\
         next: move the change of what is shared to a statement of its own, where it is left out here"
    ))]
    Shared {
        /// The migration's name.
        name: String,
    },

    /// The server said no, or the connection was lost.
    #[error("{}", migrate_core::clean!("{doing} the scratch database {database}: {}\nnext: {next}", cause(source)))]
    Server {
        /// What was under way.
        doing: &'static str,
        /// Its name.
        database: String,
        /// What was said.
        source: tokio_postgres::Error,
        /// What to do about it.
        next: &'static str,
    },
}

migrate_core::debug_as_display!(ScratchError);

/// What to do where migrations that ran on the target do not run again.
fn after_replay(error: &Error) -> &'static str {
    let code = if let Error::Failed(failure) = error { failure.code.as_deref() } else { None };
    match code {
        Some("42704") => {
            "see what the database has that the scratch database lacks: a role of its server, an object that no migration makes"
        }
        Some("42501") => "let a role compare that may do what the migrations do",
        _ => {
            "see what it needs that the migrations do not make, data say; the schema can be compared without running them: with \
             what a run has kept (`drift_since_kept`)"
        }
    }
}
