//! The errors of the library.

#[cfg(feature = "operate")]
mod backup;
#[cfg(feature = "catalog")]
mod scratch;

pub(crate) mod timeout;

#[cfg(feature = "operate")]
pub use backup::BackupError;
#[cfg(feature = "catalog")]
pub use scratch::ScratchError;

use migrate_core::PlaceholderError;
use migrate_core::display::printable::printable;
use migrate_core::engine::Holder;
use migrate_core::engine::advice::{self, Words};
use migrate_core::engine::error::{BackendError, Failure};
use migrate_core::plan::Refused;
use std::time::Duration;
use tokio_postgres::error::{DbError, SqlState};

/// The error of a call. Each variant says what state the database is in and what to do next; none holds a password or a
/// connection string.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection string is not valid.
    #[error("{}", migrate_core::clean!(
        "not a valid connection string: {problem}\nnext: write it as postgres://user@host:port/database"
    ))]
    Url {
        /// The problem, in words that repeat nothing of the string.
        problem: String,
    },

    /// The server can't be reached, or accepts no connection to this database.
    #[error("{}", migrate_core::clean!(
        "can't connect to {target}: {}; nothing was changed\nnext: {}",
        cause(source),
        after_connect(source)
    ))]
    Connect {
        /// Where: hosts, ports, database and user.
        target: String,
        /// The cause.
        source: tokio_postgres::Error,
    },

    /// TLS can't be set up as the connection string asks for it: a certificate or a key can't be used.
    #[error("{}", migrate_core::clean!(
        "can't set up TLS: {problem}; nothing was changed\nnext: correct sslrootcert, sslcert, sslkey or sslcrl, or \
         their files"
    ))]
    Tls {
        /// The problem, with the file.
        problem: String,
    },

    /// The role or the database is limited to one connection, and a run with work to do takes two.
    #[error("{}", migrate_core::clean!(
        "the {owner} has CONNECTION LIMIT 1, and a run with work to do takes two connections: {}; nothing was changed\n\
         next: ALTER {} CONNECTION LIMIT 2, or pass one `Client`, which both holds the lock and does the work",
        cause(source),
        limited(owner)
    ))]
    ConnectionLimit {
        /// The role or the database, as in `role app`.
        owner: String,
        /// The server's message.
        source: tokio_postgres::Error,
    },

    /// The server refuses the user.
    #[error("{}", migrate_core::clean!(
        "the server refuses the login to {target}: {}; nothing was changed\nnext: {}",
        cause(source),
        after_login(source)
    ))]
    Login {
        /// Where: hosts, ports, database and user.
        target: String,
        /// The server's message.
        source: tokio_postgres::Error,
    },

    /// The pool gave no connection, for a reason of its own. If the server gave none, the error is the server's.
    #[cfg(feature = "deadpool")]
    #[error("{}", migrate_core::clean!(
        "the pool gave no connection: {source}; nothing was changed\n\
         next: find out who holds its connections, or allow it more connections or a longer wait"
    ))]
    Pool {
        /// The cause.
        source: deadpool_postgres::PoolError,
    },

    /// There is work to do, but the server accepts no writes: a hot standby, or a session that is read-only by default.
    #[error("{}", migrate_core::clean!("there are migrations to apply or revert, but {reason}; nothing was changed\nnext: {next}"))]
    ReadOnly {
        /// The reason why it accepts no writes.
        reason: &'static str,
        /// The advice.
        next: &'static str,
    },

    /// The role lacks a privilege that the history needs.
    #[error("{}", migrate_core::clean!("the role {role} may not {what}: {message}; nothing was changed\nnext: {next}"))]
    Privilege {
        /// The role.
        role: String,
        /// What it is not allowed to do.
        what: &'static str,
        /// The server's message.
        message: String,
        /// The missing grant.
        next: String,
    },

    /// There is work to do, but the `Client` is in a transaction that its owner has opened. The run would commit it.
    #[error(
        "there are migrations to apply, but the connection is already in a transaction; no migration was applied\n\
         next: end the transaction first, or migrate over another connection"
    )]
    InTransaction,

    /// The working connection reached another server than the one that holds the lock: because of a list of hosts, a failover, or a
    /// balancer that sends reads elsewhere.
    #[error(
        "the lock is held on one server, but the second connection leads to another server, where it is not held; \
         no migration was applied\n\
         next: name one host, or let every connection go to the primary (target_session_attrs=read-write), and run again"
    )]
    OtherServer,

    /// The requested kind of lock takes a second connection, and the target is a single one.
    #[error("{}", migrate_core::clean!(
        "a lock of kind {kind:?} takes a second connection, and a `Client` is only one; nothing was changed\n\
         next: pass a URL, a `Config` or a pool, or let the run choose the kind"
    ))]
    OneConnection {
        /// The requested kind.
        kind: crate::settings::LockKind,
    },

    /// A pooler had no server connection for the run within its `lock_wait`.
    #[error("{}", migrate_core::clean!("{}; nothing was changed\nnext: {}", no_connection(*waited, *holds_lock), more_connections(*holds_lock, *only_one)))]
    NoServerConnection {
        /// How long the run waited.
        waited: Duration,
        /// True if it held the migration lock and waited for the working connection; else it waited for an answer while it tried to
        /// get the lock.
        holds_lock: bool,
        /// True if its pool has a single connection, so that waiting does not help.
        only_one: bool,
    },

    /// The catalog contradicts what `resolve` was to record of an interrupted migration.
    #[error("{}", migrate_core::clean!(
        "{name} can't be settled like that: {contrary} (statement {statement}); nothing was changed\n\
         next: change the database to match, or settle the migration as what it is"
    ))]
    ClaimContradicted {
        /// The migration's name.
        name: String,
        /// The contradicting statement, the first being 1.
        statement: usize,
        /// What the catalog shows.
        contrary: String,
    },

    /// There is no schema for the history.
    #[error(
        "there is no schema for the history: no schema of the search_path exists; nothing was changed\n\
         next: create one, or name one with `history_schema`"
    )]
    NoSchema,

    /// The history is not in the schema where a run would look for it or create one: the search path has changed, or a schema on it
    /// was created or dropped. A second history there would lead to every migration being applied again.
    #[error("{}", migrate_core::clean!(
        "there is a history in {found}.{table}, but none of this set in {first}.{own}, where a run looks for it: {first} is the \
         first schema of the search_path that this role may use; nothing was changed\n\
         next: choose one: `history_schema(\"{found}\")`{} continues the existing history, \
         `history_schema(\"{first}\")` starts another one",
        if table == own { String::new() } else { format!(" with `history_table(\"{table}\")`") }
    ))]
    OtherSchema {
        /// The history's table that is there.
        table: String,
        /// The name of the table where a run would look for it.
        own: String,
        /// The schema that has one.
        found: String,
        /// The schema where a run would look for it.
        first: String,
    },

    /// Another tool has applied migrations of this set, and this set's history is empty: all would be applied a second time.
    #[error("{}", migrate_core::clean!(
        "{tool} has migrated this database: {table} lists {listed} of this set's {total} migrations, for example {first}, \
         and the history of this set is empty, so all of them would be applied a second time; nothing was changed\n\
         next: take over its history with `adopt`; or, if it lists another set's migrations, use `ignore_foreign_history`"
    ))]
    ForeignHistory {
        /// The other tool.
        tool: migrate_core::history::foreign::Tool,
        /// Its table, with the schema.
        table: String,
        /// How many of the set's migrations it lists.
        listed: usize,
        /// The name of the first of them.
        first: String,
        /// How many migrations the set has.
        total: usize,
    },

    /// The table with the history's name belongs to something else.
    #[error("{}", migrate_core::clean!(
        "the table {table} is not a migration history: it has no column {}; nothing was changed\n\
         next: give the history another name with `history_table`",
        columns(missing)
    ))]
    NotOurTable {
        /// The table.
        table: String,
        /// The missing columns, with their type if the table has them with another one.
        missing: Vec<String>,
    },

    /// There is work to do, but a newer release has given the history a format that this one can't write. This release still reads
    /// it, so a boot with nothing to do succeeds.
    #[error("{}", migrate_core::clean!(
        "the history {table} has format {found}, and this release writes format {known}: a newer release has migrated this \
         database; nothing was changed\n\
         next: deploy the newer release, or let it apply or revert the migrations"
    ))]
    NewerFormat {
        /// The table.
        table: String,
        /// The format that it has.
        found: i32,
        /// The newest format that this release writes.
        known: i32,
    },

    /// The history table was changed by hand: it lacks columns.
    #[error("{}", migrate_core::clean!(
        "the history {table} was changed by hand: it has no column {}; nothing was changed\n\
         next: restore the table from a backup, or add the missing columns; with a history in another table, every migration would \
         be applied a second time",
        columns(missing)
    ))]
    DamagedTable {
        /// The table.
        table: String,
        /// The missing columns, with their type if it has them with another one.
        missing: Vec<String>,
    },

    /// The relation with the history's name is a view or a foreign table.
    #[error("{}", migrate_core::clean!(
        "the history {table} is not a table of this database; nothing was changed\n\
         next: put the table in its place, or name the table that holds the history with `history_schema` and `history_table`"
    ))]
    NotATable {
        /// The relation.
        table: String,
    },

    /// The end of the history, which a boot relies on, contradicts its rows.
    #[error("{}", migrate_core::clean!(
        "the end of the history {table}, row {row} of the set `{set}`, contradicts its rows about which migrations are applied: \
         it was changed by hand, and a boot relies on it; nothing was changed\n\
         next: correct what was changed by hand; or let the rows count: {remedy}"
    ))]
    WrongDigest {
        /// The table.
        table: String,
        /// The set.
        set: String,
        /// The last row's number within its set, its `seq`.
        row: i64,
        /// The statements that let the rows count.
        remedy: String,
    },

    /// The history table does not keep the rows that are written to it.
    #[error("{}", migrate_core::clean!(
        "the history {table} does not keep the row of {name}: a rule or a trigger on the table discards it; {name} was not \
         applied or reverted\n\
         next: drop the rule or the trigger, or let it leave the rows as they are, and run again"
    ))]
    RowNotKept {
        /// The table.
        table: String,
        /// The migration's name.
        name: String,
    },

    /// Row-level security is enabled on the history table and applies to this role: an unknown set of rows is hidden from it.
    #[error("{}", migrate_core::clean!(
        "row-level security hides rows of the history {table} from {role}, so what is applied is not known; nothing was \
         changed\n\
         next: ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; or migrate as a role to which it does not apply: the table's owner, \
         or one with BYPASSRLS"
    ))]
    RowSecurity {
        /// The history's table, quoted where it has to be.
        table: String,
        /// The role.
        role: String,
    },

    /// A row of the history is not one that this library wrote.
    #[error("{}", migrate_core::clean!(
        "row {row} of the set `{set}` in the history {table} is damaged: {problem}; nothing was changed\n\
         next: correct what was changed by hand; the row's other columns show what it was"
    ))]
    DamagedRow {
        /// The table.
        table: String,
        /// The set.
        set: String,
        /// The row's number within its set, its `seq`.
        row: i64,
        /// The problem.
        problem: String,
    },

    /// The backup before the run failed.
    #[cfg(feature = "operate")]
    #[error(transparent)]
    Backup(#[from] crate::error::BackupError),

    /// Several other tools have a history in the database, and none was chosen.
    #[cfg(feature = "histories")]
    #[error("{}", migrate_core::clean!(
        "several histories could be adopted: {}; nothing was changed\n\
         next: choose one with `adopt_from`, as in adopt_from(tools::{}())",
        histories(found),
        found.first().map_or("sqlx", |(tool, _)| call(*tool))
    ))]
    SeveralHistories {
        /// The tools, and their tables with the schema.
        found: Vec<(migrate_core::history::foreign::Tool, String)>,
    },

    /// The table given as another tool's history is not one, or has an unknown form.
    #[error("{}", migrate_core::clean!(
        "the table {table} can't be read as a history of {tool}: {problem}; nothing was changed\n\
         next: name the right table, with `adopt_from` and its `table` and `schema`; or, if it is unrelated to this set, use \
         `ignore_foreign_history`"
    ))]
    ForeignTable {
        /// The table, with its schema.
        table: String,
        /// The tool.
        tool: migrate_core::history::foreign::Tool,
        /// The problem.
        problem: String,
    },

    /// A script would be committed in parts, the other tool's table that serves as the history has no column for its progress,
    /// and the role may not create a table beside it.
    #[error("{}", migrate_core::clean!(
        "{name} is committed in {statements} parts, {table} has no column for its progress, and this role may not create a table \
         beside it; nothing of it was done\n\
         next: GRANT CREATE ON the schema of {table} to the role that migrates, or `adopt` the history"
    ))]
    NoCheckpoints {
        /// The migration's name.
        name: String,
        /// The table, with its schema.
        table: String,
        /// The number of parts, not counting settings.
        statements: usize,
    },

    /// A migration can't be recorded in the table of the tool that serves as the history.
    #[cfg(feature = "histories")]
    #[error("{}", migrate_core::clean!(
        "{name} can't be recorded in a history of {tool}: {why}; nothing was changed\n\
         next: name the migration as {tool} expects, or `adopt` its history"
    ))]
    NotForTool {
        /// The tool.
        tool: migrate_core::history::foreign::Tool,
        /// The migration's name.
        name: String,
        /// The cause.
        why: &'static str,
    },

    /// The schema is not the one that the migrations of the baseline make.
    #[cfg(feature = "catalog")]
    #[error("{}", migrate_core::clean!(
        "the schema is not what the migrations up to {name} make; nothing was marked as applied\n\
         `added` is only in the database, `removed` only in the migrations:\n{differences}\n\
         next: add the added objects to a migration up to {name}, or remove them from the database or the comparison"
    ))]
    Differs {
        /// The name of the last migration.
        name: String,
        /// The differences from the migrations' schema to the database's.
        differences: crate::objects::difference::Differences,
    },

    /// The schema of the migrations could not be determined on a scratch database.
    #[cfg(feature = "catalog")]
    #[error(transparent)]
    Scratch(#[from] crate::error::ScratchError),

    /// The server reported an error, or the connection was lost, between migrations.
    #[error("{}", migrate_core::clean!(
        "{doing}: {}\n\
         next: {}run again; committed migrations stay, and the run continues after them",
        cause(source),
        before_again(source)
    ))]
    Server {
        /// The operation in progress.
        doing: &'static str,
        /// The cause.
        source: tokio_postgres::Error,
    },

    /// The history and the set contradict each other, or the request can't be fulfilled. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refused),

    /// A placeholder lacks a value, or has an invalid one. Nothing was changed.
    #[error(transparent)]
    Placeholder(#[from] PlaceholderError),

    /// Another run held the migration lock for longer than this one was to wait.
    #[error("{}", migrate_core::clean!(
        "another run holds the migration lock: waited {waited:.1?} for {holder}; nothing was changed\n\
         next: wait for it to end, or allow a longer `lock_wait`"
    ))]
    LockWait {
        /// How long the run waited.
        waited: Duration,
        /// The holder of the lock at the end of the wait.
        holder: Holder,
    },

    /// The lock was lost, so the run stopped before its next step.
    #[error("{}", migrate_core::clean!(
        "the migration lock was lost, so the run stopped before its next step; {done} of its steps are done\n\
         next: run again; the next run continues where this one stopped"
    ))]
    LockLost {
        /// The number of steps that are done.
        done: usize,
    },

    /// A migration failed; the message says where, why, what the database holds now, and how to go on.
    #[error(transparent)]
    Failed(Box<Failure>),

    /// The binary is stale: its migrations folder has changed since the build. Debug builds only.
    #[error("{}", migrate_core::clean!(
        "the binary is stale: {folder} has {missing}, which is not embedded; nothing was changed\n\
         next: build again (touch the file with `migrate!`), and let build.rs watch the folder: \
         migrate_postgres::build::watch(\"migrations\")"
    ))]
    Stale {
        /// The folder.
        folder: String,
        /// The file that is missing from the binary.
        missing: String,
    },
}

migrate_core::debug_as_display!(Error);

impl Error {
    /// The error of a call to the server outside of a migration, while `doing` something.
    pub(crate) fn server(doing: &'static str, source: tokio_postgres::Error) -> Error {
        Error::Server { doing, source }
    }

    /// The server accepts no writes from any role.
    pub(crate) fn standby(reason: &'static str) -> Error {
        let next =
            "connect to the primary (target_session_attrs=read-write), or let another instance migrate first";
        Error::ReadOnly { reason, next }
    }

    /// True if a timeout of the session has ended a query of ours.
    pub(crate) fn is_of_a_timeout(&self) -> bool {
        matches!(self, Error::Server { source, .. } if timeout::is_of_a_timeout(source))
    }

    /// True if a timeout has ended the session itself.
    pub(crate) fn has_ended_the_session(&self) -> bool {
        matches!(self, Error::Server { source, .. } if timeout::has_ended_the_session(source))
    }

    /// The SQLSTATE, if the server gave one.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Error::Failed(failure) => failure.code.as_deref(),
            Error::Connect { source, .. }
            | Error::ConnectionLimit { source, .. }
            | Error::Login { source, .. }
            | Error::Server { source, .. } => source.code().map(SqlState::code),
            #[cfg(feature = "deadpool")]
            Error::Pool { source: deadpool_postgres::PoolError::Backend(source) } => {
                source.code().map(SqlState::code)
            }
            _ => None,
        }
    }

    /// Turns the error into one about the connection limit of the role or the database.
    pub(crate) fn with_limit(self, owner: String) -> Error {
        match self {
            Error::Connect { source, .. } => Error::ConnectionLimit { owner, source },
            error => error,
        }
    }

    /// True if the server has no connection left.
    pub(crate) fn is_too_many_connections(&self) -> bool {
        self.sqlstate() == Some(SqlState::TOO_MANY_CONNECTIONS.code())
    }
}

/// The error of a failed connection to `target`.
pub(crate) fn connect_error(target: String, source: tokio_postgres::Error) -> Error {
    let login = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    if source.code().is_some_and(|code| login.contains(code)) || lacks_password(&source) {
        Error::Login { target, source }
    } else {
        Error::Connect { target, source }
    }
}

/// The message of a run without a server connection.
fn no_connection(waited: Duration, holds_lock: bool) -> String {
    if holds_lock {
        format!(
            "the migration lock takes one server connection and the work another one, which the pooler did not provide within \
             {waited:.1?}"
        )
    } else {
        format!("neither the server nor a pooler in front of it answered within {waited:.1?}")
    }
}

/// The advice on how to get connections from a pooler.
fn more_connections(holds_lock: bool, only_one: bool) -> &'static str {
    match (holds_lock, only_one) {
        (_, true) => {
            "the pool has a single server connection for this role and database: give it two (`default_pool_size` of \
             PgBouncer), or connect to the server directly"
        }
        (true, false) => {
            "give the pool more server connections for this role and database (`default_pool_size` of PgBouncer), two for \
             each set that migrates at the same time; or connect to the server directly, or allow a longer `lock_wait`"
        }
        (false, false) => {
            "find out who has the pool's server connections (SHOW CLIENTS in PgBouncer's console), or allow a longer `lock_wait`"
        }
    }
}

/// An owner of a limit as ALTER names it: `ROLE app`.
fn limited(owner: &str) -> String {
    owner.replacen("role ", "ROLE ", 1).replacen("database ", "DATABASE ", 1)
}

/// True if the server asked for a password and there was none.
fn lacks_password(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "password missing")
}

fn after_login(error: &tokio_postgres::Error) -> &'static str {
    match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => "GRANT CONNECT ON that database to the role",
        _ if lacks_password(error) => "give the password in the connection string or the configuration",
        _ => "check user and password, and the server's pg_hba.conf",
    }
}

fn after_connect(error: &tokio_postgres::Error) -> &'static str {
    match error.code() {
        _ if cause(error).contains("no TLS implementation configured") => {
            "build with `features = [\"rustls\"]`, or pass a pool or a `Client` with a connector of your own"
        }
        _ if error.to_string().contains("TLS handshake") => {
            "check that sslrootcert names the authority of the server's certificate, that the certificate is for this host, and that \
             sslcert and sslkey are given if the server asks for them; sslmode=require encrypts without verifying"
        }
        code => by_code(code).unwrap_or("check that the server runs there and accepts connections"),
    }
}

/// The advice for a SQLSTATE, from the table.
fn by_code(code: Option<&SqlState>) -> Option<&'static str> {
    advice::find(code?.code()).map(|advice| advice.text(Words::Library, false))
}

/// What to do before the next run.
fn before_again(error: &tokio_postgres::Error) -> String {
    by_code(error.code()).map(|advice| format!("{advice}, and ")).unwrap_or_default()
}

/// The problem of a connection string. The usual cause is a password with special characters that are not encoded, so a piece of
/// the string may be a piece of a password: only known words are repeated.
pub(crate) fn url_problem(error: &tokio_postgres::Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    if let Some(option) = cause.strip_prefix("unknown option `").and_then(|rest| rest.strip_suffix('`')) {
        if PRISMA_OPTIONS.contains(&option) {
            let instead = match option {
                "schema" => "write options=-csearch_path=…",
                "sslaccept" => {
                    "write sslmode=verify-full for strict, and sslmode=require for accept_invalid_certs"
                }
                _ => "leave it out",
            };
            return format!("the option {option} is Prisma's, and not supported here: {instead}");
        }
        let of_libpq = LIBPQ_OPTIONS.contains(&option);
        return if of_libpq {
            format!("the option {option} is libpq's, and not supported here")
        } else {
            "it has an unknown option: perhaps a piece of a password whose special characters (@ / ? # & and white space) \
             are not percent-encoded or quoted"
                .to_owned()
        };
    }
    match cause.strip_prefix("invalid value for option `").and_then(|rest| rest.strip_suffix('`')) {
        Some(option) => format!("the value of {option} is not valid"),
        None => "unexpected end or character".to_owned(),
    }
}

/// The options of Prisma's connection strings.
const PRISMA_OPTIONS: [&str; 9] = [
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "socket_timeout",
    "sslaccept",
    "sslidentity",
    "sslpassword",
    "statement_cache_size",
];

/// The options of libpq that tokio-postgres does not have.
const LIBPQ_OPTIONS: [&str; 20] = [
    "channel_binding",
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcompression",
    "sslcrl",
    "sslkey",
    "sslrootcert",
    "sslsni",
];

/// A list of other tools' histories.
#[cfg(feature = "histories")]
fn histories(found: &[(migrate_core::history::foreign::Tool, String)]) -> String {
    found.iter().map(|(tool, table)| format!("{table} ({tool})")).collect::<Vec<_>>().join(", ")
}

/// The function that names a tool's history.
#[cfg(feature = "histories")]
fn call(tool: migrate_core::history::foreign::Tool) -> &'static str {
    use migrate_core::history::foreign::Tool;
    match tool {
        Tool::Prisma => "prisma",
        Tool::Refinery => "refinery",
        Tool::Diesel => "diesel",
        Tool::GolangMigrate => "golang_migrate",
        Tool::Tern => "tern",
        Tool::Dbmate => "dbmate",
        Tool::Rails => "rails",
        Tool::Goose => "goose",
        Tool::Flyway => "flyway",
        _ => "sqlx",
    }
}

/// The first few columns.
fn columns(missing: &[String]) -> String {
    match missing {
        [first @ .., _, _, _] if first.len() >= 3 => format!("{}, …", first[..3].join(", ")),
        few => few.join(", "),
    }
}

/// The error without the state of the database and the advice: for what ran on another database than the user's, or was not a
/// run.
#[cfg(feature = "catalog")]
pub(crate) fn without_advice(error: &Error) -> String {
    let text = error.to_string();
    let end = text.find("\ndatabase: ").or_else(|| text.find("\nnext: ")).unwrap_or(text.len());
    text[..end].to_owned()
}

/// The server's message with its SQLSTATE, or the client's with its causes.
pub(crate) fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return printable(&db_message(db)).into_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

fn db_message(db: &DbError) -> String {
    let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    if let Some(hint) = db.hint() {
        text = format!("{text}; hint: {hint}");
    }
    text
}

impl From<Error> for migrate_core::Error {
    fn from(error: Error) -> migrate_core::Error {
        match error {
            Error::Refused(refused) => migrate_core::Error::Refused(refused),
            Error::Failed(failure) => migrate_core::Error::Failed(failure),
            Error::LockLost { done } => migrate_core::Error::LockLost { done },
            error => migrate_core::Error::Backend(Box::new(error)),
        }
    }
}

impl From<migrate_core::Error> for Error {
    fn from(error: migrate_core::Error) -> Error {
        match error {
            migrate_core::Error::Refused(refused) => Error::Refused(refused),
            migrate_core::Error::LockWait { waited, holder } => Error::LockWait { waited, holder },
            migrate_core::Error::LockLost { done } => Error::LockLost { done },
            migrate_core::Error::Failed(failure) => Error::Failed(failure),
            migrate_core::Error::Backend(error) => ours(error),
            // `migrate_core::Error` is non-exhaustive for others; here every variant is known.
            other => unreachable!("an error of the engine that the backend does not know: {other}"),
        }
    }
}

/// The backend's own error that travelled through the engine.
fn ours(error: BackendError) -> Error {
    *error.downcast::<Error>().expect("the engine passes on no backend error but ours")
}

impl Error {
    /// Converts the error into one that stops the steps of a run.
    pub(crate) fn into_apply(self) -> migrate_core::engine::error::ApplyError {
        migrate_core::engine::error::ApplyError::Other(self.into())
    }
}
