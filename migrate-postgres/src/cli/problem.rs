//! The errors of a command.

use super::connection::ConnectionProblem;
use super::signals::Signal;
use super::standalone::RenumberProblem;
use crate::error::Error;
use migrate_core::FolderError;
use migrate_core::engine::advice::Words;
use std::io;
use std::path::PathBuf;

/// The error of a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// The library's own errors.
    #[error(transparent)]
    Migrate(#[from] Error),

    /// A verify script, run on its own, failed.
    #[error("{}", migrate_core::clean!(
        "{}\ndatabase: {} is applied as before; nothing was changed\n\
         next: find out what changed since it was applied, or correct the verify script",
        without_state(_0), _0.name
    ))]
    Refuted(Box<migrate_core::Failure>),

    /// The connection is not configured, or not correctly.
    #[error(transparent)]
    Connection(#[from] ConnectionProblem),

    /// The folder can't be read as a set.
    #[error(transparent)]
    Folder(#[from] FolderError),

    /// A file can't be read or written.
    #[error("{}", migrate_core::clean!("can't {what} `{}`: {source}", path.display()))]
    File {
        /// What was to be done with it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },

    /// A file to be created already exists.
    #[error("{}", migrate_core::clean!("`{}` already exists; nothing was written\nnext: give the migration another name", path.display()))]
    Exists {
        /// The file.
        path: PathBuf,
    },

    /// A name without letters and digits.
    #[error("{}", migrate_core::clean!(
        "`{name}` has no letter or digit; nothing was written\nnext: name what the migration does, for example create_users"
    ))]
    NewName {
        /// The name as it was given.
        name: String,
    },

    /// A layout in which `new` creates no files.
    #[error("{}", migrate_core::clean!(
        "can't create a migration in the {layout} layout; nothing was written\nnext: write the migration by hand"
    ))]
    NewLayout {
        /// The layout's name.
        layout: String,
    },

    /// A reset of a database that is not marked as a development database.
    #[error("{}", migrate_core::clean!(
        "the database {database} is not marked as a development database, and a reset drops everything in it; nothing was changed\n\
         next: mark it once, or repeat its name"
    ))]
    NotDevelopment {
        /// Its name.
        database: String,
    },

    /// A revert that was not confirmed.
    #[error("{}", migrate_core::clean!(
        "reverting {} in the database {database} ({server}) was not confirmed: {}; nothing was reverted\nnext: {}",
        names.join(", "),
        if *asked { "the answer was not yes" } else { "there is no terminal to ask on" },
        if *asked { "check the steps with `--dry-run`" } else { "give `--yes` if everything that the down scripts drop may be lost, rows included" }
    ))]
    NotConfirmed {
        /// Its name.
        database: String,
        /// Where it is.
        server: String,
        /// The migrations, in the order of reverting.
        names: Vec<String>,
        /// Whether the question was asked.
        asked: bool,
    },

    /// A reset with the name of another database.
    #[error("{}", migrate_core::clean!(
        "the database is {database}, not {confirmed}; nothing was changed\nnext: check which database the connection leads to"
    ))]
    OtherDatabase {
        /// Its name.
        database: String,
        /// The name on the command line.
        confirmed: String,
    },

    /// A reset of a database that subscribes to others.
    #[error("{}", migrate_core::clean!(
        "the database {database} has subscriptions ({}); a reset would leave their slots on the publisher, which would keep its WAL; \
         nothing was changed\nnext: drop them first: DROP SUBSCRIPTION {}",
        names.join(", "), crate::sql::quote::quote_if_needed(&names[0])
    ))]
    Subscriptions {
        /// Its name.
        database: String,
        /// The subscriptions.
        names: Vec<String>,
    },

    /// The seed script failed.
    #[error("{}", migrate_core::clean!(
        "the seed script failed{place}: {message}\ndatabase: rebuilt; the seed script left nothing behind\nnext: correct the script, and reset again"
    ))]
    Seed {
        /// Where in it: ` at seed.sql:3:1`.
        place: String,
        /// The server's words.
        message: String,
    },

    /// No schema is recorded.
    #[error(
        "no schema is recorded to compare with; nothing was changed\n\
         next: record it in each run with `--snapshot-schema`, record the current one with `drift --keep`, or compare without `--kept`"
    )]
    NotKept,

    /// The recorded schema is older than the last migrations that were applied or reverted.
    #[error("{}", migrate_core::clean!(
        "the schema recorded at {at} is outdated: a later run recorded none; nothing was changed\n\
         next: compare without `--kept`, and record the schema with `drift --keep` if all is well"
    ))]
    KeptEarlier {
        /// When it was recorded.
        at: String,
    },

    /// A migration keeps its version.
    #[error(transparent)]
    Renumber(#[from] RenumberProblem),

    /// Ended by a signal.
    #[error("{}", migrate_core::clean!(
        "{}; the migration in progress is rolled back, or stopped at a checkpoint if it runs statement by statement\n\
         next: check the state of the database",
        _0.past()
    ))]
    Interrupted(Signal),
}

impl Problem {
    /// Its name in the JSON output.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Problem::Migrate(error) => kind_of(error),
            Problem::Refuted(_) => "refuted",
            Problem::Connection(_) => "connection",
            Problem::Folder(FolderError::Problems { .. }) => "problems",
            Problem::Folder(_) | Problem::File { .. } => "file",
            Problem::Exists { .. } => "exists",
            Problem::NewName { .. } => "name",
            Problem::NewLayout { .. } => "layout",
            Problem::NotDevelopment { .. } => "not_development",
            Problem::NotConfirmed { .. } => "not_confirmed",
            Problem::OtherDatabase { .. } => "other_database",
            Problem::Subscriptions { .. } => "subscriptions",
            Problem::Seed { .. } => "seed",
            Problem::Renumber(problem) => match problem {
                RenumberProblem::Unknown { .. } => "unknown_version",
                RenumberProblem::Several { .. } => "several",
                RenumberProblem::Taken { .. } => "exists",
                RenumberProblem::NoVersion { .. } => "version",
                RenumberProblem::Applied { .. } => "applied",
            },
            Problem::NotKept | Problem::KeptEarlier { .. } => "not_kept",
            Problem::Interrupted(_) => "interrupted",
        }
    }

    /// What was wrong, and what to do about it.
    pub(super) fn told(&self) -> (String, Option<String>) {
        if let Problem::Migrate(Error::Failed(failure)) = self {
            let (what, _) = self.parted();
            return (what, Some(failure.next(Words::CommandLine)));
        }
        let (what, next) = self.parted();
        (what, next.as_deref().map(in_options))
    }

    fn parted(&self) -> (String, Option<String>) {
        let text = self.to_string();
        match text.rsplit_once("\nnext: ") {
            Some((what, next)) => (what.to_owned(), Some(next.to_owned())),
            None => (text, None),
        }
    }
}

fn kind_of(error: &Error) -> &'static str {
    match error {
        Error::Url { .. } | Error::Connect { .. } => "connection",
        Error::Login { .. } => "login",
        Error::ConnectionLimit { .. } => "connection_limit",
        Error::ReadOnly { .. } => "read_only",
        Error::Privilege { .. } => "privilege",
        Error::InTransaction => "in_transaction",
        Error::ClaimContradicted { .. } => "not_so",
        Error::NoSchema => "no_schema",
        Error::DamagedTable { .. } => "damaged_table",
        Error::NotATable { .. } => "not_a_table",
        Error::WrongDigest { .. } => "wrong_digest",
        Error::NewerFormat { .. } => "newer_format",
        #[cfg(feature = "deadpool")]
        Error::Pool { .. } => "pool",
        Error::OneConnection { .. } => "one_connection",
        Error::NoServerConnection { .. } => "no_server_connection",
        Error::RowSecurity { .. } => "row_security",
        Error::NotOurTable { .. } => "not_our_table",
        Error::RowNotKept { .. } => "row_not_kept",
        Error::DamagedRow { .. } => "damaged_row",
        Error::Refused(refused) => refusal(refused),
        Error::LockWait { .. } => "lock_wait",
        Error::LockLost { .. } => "lock_lost",
        Error::Failed(_) => "failed",
        Error::Stale { .. } => "stale",
        Error::Differs { .. } => "differs",
        Error::Scratch(_) => "scratch",
        Error::SeveralHistories { .. } => "several_histories",
        Error::ForeignTable { .. } => "foreign_table",
        Error::ForeignHistory { .. } => "foreign_history",
        Error::OtherSchema { .. } => "other_schema",
        Error::NotForTool { .. } => "not_for_tool",
        Error::NoCheckpoints { .. } => "no_checkpoints",
        Error::Placeholder(_) => "placeholder",
        Error::Backup(_) => "backup",
        _ => "server",
    }
}

fn refusal(refused: &crate::Refused) -> &'static str {
    use crate::Refused as R;
    match refused {
        R::Edited { .. } => "edited",
        R::OtherStatements { .. } => "other_statements",
        R::NotApplied { .. } => "not_applied",
        R::Missing { .. } => "missing",
        R::OutOfOrder { .. } => "out_of_order",
        R::Ahead { .. } => "ahead",
        R::NoDown { .. } => "no_down",
        R::KeptDown { .. } => "kept_down",
        R::UnknownVersion { .. } => "unknown_version",
        R::UnknownRun { .. } => "unknown_run",
        R::RunBeneath { .. } => "run_beneath",
        R::MarkedRun { .. } => "marked_run",
        R::Marked { .. } => "marked",
        R::NotAsShown => "not_as_shown",
        R::NoRuns => "no_runs",
        R::UnusableHistory(_) => "unusable_history",
        R::NotEmpty { .. } => "not_empty",
        R::NotInterrupted { .. } => "not_interrupted",
        R::NoSuchStatement { .. } => "no_such_statement",
        R::Interrupted { .. } => "interrupted_migration",
        _ => "refused",
    }
}

/// What went wrong in a failure, without what it says about a run.
fn without_state(failure: &migrate_core::Failure) -> String {
    failure.what().to_string()
}

/// The library's advice, with options in place of the calls.
fn in_options(advice: &str) -> String {
    const WORDS: [(&str, &str); 15] = [
        ("`drift_since_snapshot`", "`drift --kept`"),
        ("`run` ", "`up` "),
        ("`lock_wait`", "`--lock-wait`"),
        ("`lock_timeout`", "`--lock-timeout`"),
        ("`allow_missing`", "`--allow-missing`"),
        ("`allow_out_of_order`", "`--allow-out-of-order`"),
        ("`Down::including_marked`", "`--including-marked`"),
        ("`ignore_foreign_history`", "`--ignore-foreign-history`"),
        ("`history_schema`", "`--history-schema`"),
        ("`history_table`", "`--history-table`"),
        ("`Comparison::scratch`", "`--scratch`"),
        ("`adopt_from`", "`--from`"),
        ("`Backups::programs`", "`--pg-bin`"),
        ("set `--", "give `--"),
        ("with `--history", "by `--history"),
    ];
    WORDS.iter().fold(advice.to_owned(), |advice, (call, option)| advice.replace(call, option))
}
