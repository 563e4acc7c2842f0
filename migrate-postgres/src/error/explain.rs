//! The text and the advice of each error.

use super::backfill::write_unfit;
use super::{Error, connect, wording};
use migrate_core::advice::{Advice, Again, Call, Explain, Left, NextStep, Setting, Words};
use migrate_core::display::printable::{Printable, printable};
use std::fmt;
use std::time::Duration;
use tokio_postgres::error::DbError;

impl Explain for Error {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Error::Url { problem } => write!(f, "not a valid connection string: {problem}"),
            Error::Connect { target, source } => write!(f, "can't connect to {target}: {}", cause(source)),
            Error::Tls { problem } => write!(f, "can't set up TLS: {problem}"),
            Error::ConnectionLimit { owner, source } => write!(
                f,
                "the {owner} has CONNECTION LIMIT 1, and a run with work to do needs two connections: {}",
                cause(source)
            ),
            Error::Login { target, source } => {
                write!(f, "the server refuses the login to {target}: {}", cause(source))
            }
            #[cfg(feature = "deadpool")]
            Error::Pool { source } => write!(f, "the pool provided no connection: {source}"),
            Error::ReadOnly { reason, .. } => {
                write!(f, "there are migrations to apply or revert, but {reason}")
            }
            Error::Privilege { role, what, message, .. } => {
                write!(f, "the role {role} may not {what}: {message}")
            }
            Error::InTransaction => f.write_str(
                "the connection is in a transaction of its owner, and this call needs one of its own",
            ),
            Error::OtherServer => f.write_str(
                "the lock is held on one server, but the second connection leads to another server, where it is not held",
            ),
            Error::OneConnection { kind } => write!(
                f,
                "a lock of kind {kind:?} needs a second connection, and the target is a single one"
            ),
            Error::NoServerConnection { waited, holds_lock, .. } => write_no_connection(f, *waited, *holds_lock),
            Error::ClaimContradicted { name, statement, contrary } => {
                write!(f, "the catalog contradicts this resolution of {name}: {contrary} (statement {statement})")
            }
            Error::NoSchema => {
                f.write_str("there is no schema for the history: no schema of the search_path exists")
            }
            Error::OtherSchema { table, own, found, first } => write!(
                f,
                "there is a history in {found}.{table}, but none of this set in {first}.{own}, where a run looks for it: {first} \
                 is the first schema of the search_path that this role may use"
            ),
            Error::ForeignHistory { tool, table, listed, first, total } => write!(
                f,
                "{tool} has migrated this database: {table} lists {listed} of this set's {total} migrations, for example {first}, \
                 and the history of this set is empty, so all of them would be applied a second time"
            ),
            Error::NotOurTable { table, missing } => {
                write!(f, "the table {table} is not a migration history: it has no column {}", columns(missing))
            }
            Error::NewerFormat { table, found, known } => write!(
                f,
                "the history {table} has format {found}, and this release writes format {known}: a newer release has migrated \
                 this database"
            ),
            Error::DamagedTable { table, missing } => write!(
                f,
                "the history {table} was changed by hand: it has no column {}",
                columns(missing)
            ),
            Error::NotATable { table } => write!(f, "the history {table} is not a table of this database"),
            Error::WrongDigest { table, set, row, .. } => write!(
                f,
                "the end of the history {table}, row {row} of the set `{set}`, contradicts its rows about which migrations are \
                 applied: it was changed by hand, and a boot relies on it"
            ),
            Error::RowNotKept { table, name } => write!(
                f,
                "the history {table} does not keep the row of {name}: a rule or a trigger on the table discards it"
            ),
            Error::RowSecurity { table, role } => write!(
                f,
                "row-level security hides rows of the history {table} from {role}, so it is unknown what is applied"
            ),
            Error::DamagedRow { table, set, row, problem } => {
                write!(f, "row {row} of the set `{set}` in the history {table} is damaged: {problem}")
            }
            #[cfg(feature = "operate")]
            Error::Backup(error) => error.fact(f),
            #[cfg(feature = "histories")]
            Error::SeveralHistories { found } => {
                f.write_str("several histories could be adopted: ")?;
                found.iter().enumerate().try_for_each(|(index, (tool, table))| {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{table} ({tool})")
                })
            }
            Error::ForeignTable { table, tool, problem, .. } => {
                write!(f, "the table {table} can't be read as a history of {tool}: {problem}")
            }
            Error::NoCheckpoints { name, table, statements } => write!(
                f,
                "{name} is committed in {statements} parts, {table} has no column for its progress, and this role may not create \
                 a table beside it"
            ),
            #[cfg(feature = "histories")]
            Error::NotForTool { tool, name, why } => {
                write!(f, "{name} can't be recorded in a history of {tool}: {why}")
            }
            #[cfg(feature = "catalog")]
            Error::Differs { name, .. } => {
                write!(f, "the schema differs from the migrations up to {name}")
            }
            #[cfg(feature = "catalog")]
            Error::Scratch(error) => error.fact(f),
            Error::Server { doing, source } => write!(f, "{doing}: {}", cause(source)),
            Error::Refused(refused) => refused.fact(f),
            Error::Placeholder(error) => error.fact(f),
            Error::LockWait { waited, holder } => {
                write!(f, "another run holds the migration lock: waited {waited:.1?} for {holder}")
            }
            Error::LockLost => f.write_str("the migration lock was lost, so the run stopped"),
            Error::Stopped(stopped) => stopped.fact(f),
            Error::Failed(failure) => failure.fact(f),
            Error::BrokenAssertions(broken) => {
                let count = broken.assertions.broken().count();
                let s = if count == 1 { "assertion does" } else { "assertions do" };
                write!(f, "{count} {s} not hold after the run")
            }
            #[cfg(feature = "operate")]
            Error::Compare(error) => error.fact(f),
            Error::Seed(seed) => seed.fact(f),
            Error::UnusableCompanions(unusable) => f.write_str(&unusable.heading()),
            Error::NoSuchEnvironment { environment, found } if found.is_empty() => {
                write!(f, "there are no seeds for the environment {environment}, nor for any other")
            }
            Error::NoSuchEnvironment { environment, found } => {
                write!(f, "there are no seeds for the environment {environment}, only for {}", found.join(", "))
            }
            Error::BackfillStopped(stopped) => stopped.fact(f),
            Error::BackfillUnfit { version, state, action } => write_unfit(f, version, *state, action),
            Error::Stale { folder, missing } => {
                write!(f, "the binary is stale: {folder} has {missing}, which is not embedded")
            }
        }
    }

    fn left(&self) -> Left {
        match self {
            Error::Failed(failure) => failure.left,
            Error::Stopped(stopped) => Explain::left(&**stopped),
            Error::BrokenAssertions(broken) => Left::Steps { done: broken.report.steps.len() },
            Error::Seed(seed) => seed.left(),
            error => error.kind().left(),
        }
    }

    fn state(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            Error::Failed(failure) => failure.state(f),
            Error::Stopped(stopped) => stopped.state(f),
            Error::BrokenAssertions(broken) => {
                broken.assertions.broken().try_for_each(|result| write!(f, "\n{result}"))?;
                write!(f, "\ndatabase: what the run did is committed: {}", broken.report)
            }
            Error::Seed(seed) => seed.state(f),
            Error::BackfillStopped(stopped) => stopped.state(f),
            error => write!(f, "; {}", error.left()),
        }
    }

    fn details(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            #[cfg(feature = "catalog")]
            Error::Differs { differences, .. } => write!(
                f,
                "\n`added` is only in the database, `removed` only in the migrations:\n{differences}"
            ),
            Error::Refused(refused) => refused.details(f),
            Error::UnusableCompanions(unusable) => {
                unusable.problems.iter().try_for_each(|problem| write!(f, "\n{problem}"))
            }
            Error::Stopped(stopped) => stopped.details(f),
            _ => Ok(()),
        }
    }

    fn advice(&self) -> Advice {
        match self {
            Error::Url { .. } => Advice::fix("write it as postgres://user@host:port/database"),
            Error::Connect { source, .. } => connect::after_connect(source),
            Error::Tls { .. } => Advice::fix("correct sslrootcert, sslcert, sslkey or sslcrl, or their files"),
            Error::ConnectionLimit { owner, .. } => Advice::of(NextStep::sql(owner.alter(2)))
                .or_for(
                Words::Library,
                NextStep::fix("pass one `Client`, which both holds the lock and does the work"),
            ),
            Error::Login { source, .. } => connect::after_login(source),
            #[cfg(feature = "deadpool")]
            Error::Pool { .. } => Advice::fix("find out what holds its connections")
                .or(NextStep::fix("raise its size or its timeout")),
            Error::ReadOnly { advice, .. } | Error::Privilege { advice, .. } => advice.clone(),
            Error::InTransaction => Advice::fix("end the transaction first")
                .or(NextStep::fix("use another connection")),
            Error::OtherServer => Advice::fix("name one host")
                .or(NextStep::fix(
                    "let every connection go to the primary (target_session_attrs=read-write)",
                ))
                .then(NextStep::Again(Again::Run)),
            Error::OneConnection { .. } => Advice::NONE
                .or_for(Words::Library, NextStep::fix("pass a URL, a `Config` or a pool"))
                .or(NextStep::fix("let the run choose the lock kind")),
            Error::NoServerConnection { holds_lock, only_one, .. } => more_connections(*holds_lock, *only_one),
            Error::ClaimContradicted { .. } => Advice::fix("change the database to match")
                .or(NextStep::fix("settle the migration according to its real state")),
            Error::NoSchema => {
                Advice::fix("create one").or(NextStep::set(Setting::HistorySchema, "name one"))
            }
            Error::OtherSchema { table, own, found, first } => {
                let schema = |name: &str| (Setting::HistorySchema, Some(name.to_owned()));
                let table = (table != own).then(|| (Setting::HistoryTable, Some(table.clone())));
                let existing = std::iter::once(schema(found)).chain(table).collect();
                Advice::of(NextStep::settings(existing, "continue the existing history"))
                    .or(NextStep::settings(vec![schema(first)], "start another one"))
            }
            Error::ForeignHistory { .. } => {
                Advice::of(NextStep::call(Call::Adopt, "take over its history")).or_if(
                    "it lists another set's migrations",
                    NextStep::set(Setting::IgnoreForeignHistory, "ignore it"),
                )
            }
            Error::NotOurTable { .. } => {
                Advice::of(NextStep::set(Setting::HistoryTable, "give the history another name"))
            }
            Error::NewerFormat { .. } => Advice::fix("deploy the newer release")
                .or(NextStep::fix("let it apply or revert the migrations")),
            Error::DamagedTable { .. } => Advice::fix("restore the table from a backup").or(NextStep::fix(
                "add the missing columns; with a history in another table, every migration would be applied a second time",
            )),
            Error::NotATable { .. } => Advice::fix("restore the table").or(NextStep::settings(
                vec![(Setting::HistorySchema, None), (Setting::HistoryTable, None)],
                "name the table that holds the history",
            )),
            Error::WrongDigest { remedy, .. } => Advice::fix("correct what was changed by hand")
                .or(NextStep::sql_to("trust the rows as they are", remedy)),
            Error::RowNotKept { .. } => Advice::fix("drop the rule or the trigger")
                .or(NextStep::fix("let it leave the rows as they are"))
                .then(NextStep::Again(Again::Run)),
            Error::RowSecurity { table, .. } => {
                Advice::of(NextStep::sql(format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))).or(
                    NextStep::fix(
                        "migrate as a role to which it does not apply: the table's owner, or one with BYPASSRLS",
                    ),
                )
            }
            Error::DamagedRow { .. } => Advice::fix(
                "undo the manual change; the row's other columns show what the value was",
            ),
            #[cfg(feature = "operate")]
            Error::Backup(error) => error.advice(),
            #[cfg(feature = "histories")]
            Error::SeveralHistories { found } => {
                let tool = found.first().map(|(tool, _)| tool.word().to_owned());
                Advice::of(NextStep::settings(vec![(Setting::AdoptFrom, tool)], "choose one"))
            }
            Error::ForeignTable { is_kept: true, tool, .. } => {
                Advice::fix(format!("restore the table as {tool} has it")).or(NextStep::set(
                    Setting::ForeignHistory,
                    "name the tool whose table it is, or another table",
                ))
            }
            Error::ForeignTable { is_kept: false, .. } => {
                Advice::of(NextStep::set(Setting::AdoptTable, "name the right table"))
                    .or(NextStep::set(Setting::AdoptFrom, "name the tool whose table it is"))
                    .or_if(
                        "it is unrelated to this set",
                        NextStep::set(Setting::IgnoreForeignHistory, "ignore it"),
                    )
            }
            Error::NoCheckpoints { table, .. } => {
                Advice::fix(format!("GRANT CREATE ON the schema of {table} to the role that migrates"))
                    .or(NextStep::call(Call::Adopt, "take over the history"))
            }
            #[cfg(feature = "histories")]
            Error::NotForTool { tool, .. } => Advice::fix(format!("name the migration as {tool} expects"))
                .or(NextStep::call(Call::Adopt, "take over its history")),
            #[cfg(feature = "catalog")]
            Error::Differs { name, .. } => {
                Advice::fix(format!("create the added objects in a migration up to {name}"))
                    .or(NextStep::fix("remove them from the database or the comparison"))
            }
            #[cfg(feature = "catalog")]
            Error::Scratch(error) => error.advice(),
            Error::Server { source, .. } => connect::by_code(source.code())
                .unwrap_or_default()
                .then(NextStep::Again(Again::AfterCommitted)),
            Error::Refused(refused) => refused.advice(),
            Error::Placeholder(error) => error.advice(),
            Error::LockWait { .. } => Advice::of(NextStep::wait("wait for it to end"))
                .or(NextStep::set(Setting::LockWait, "allow a longer wait")),
            Error::LockLost => Advice::NONE.then(NextStep::Again(Again::WhereItStopped)),
            Error::Stopped(stopped) => Explain::advice(&**stopped),
            Error::Failed(failure) => failure.advice(),
            Error::BrokenAssertions(_) => Advice::fix("correct the rows, or the assertion")
                .then(NextStep::call(Call::Assert, "check again")),
            #[cfg(feature = "operate")]
            Error::Compare(error) => error.advice(),
            Error::Seed(seed) => seed.advice(),
            Error::UnusableCompanions(_) => Advice::fix("correct the files"),
            Error::NoSuchEnvironment { .. } => Advice::fix("name one of them")
                .or(NextStep::fix("add a file to its folder")),
            Error::BackfillStopped(stopped) => Explain::advice(&**stopped),
            Error::BackfillUnfit { .. } => Advice::of(NextStep::call(Call::Status, "see the state of each")),
            Error::Stale { .. } => Advice::fix("build again (touch the file that embeds the folder)")
                .then(NextStep::call(Call::WatchFolder, "let build.rs watch the folder")),
        }
    }
}

impl Error {
    /// The error in the words of a reader: [`Display`](fmt::Display) has those of the library.
    pub fn explained(&self, words: Words) -> impl fmt::Display + '_ {
        migrate_core::advice::explained(self, words)
    }
}

/// The message of a run without a server connection.
fn write_no_connection(f: &mut Printable<'_, '_>, waited: Duration, holds_lock: bool) -> fmt::Result {
    if holds_lock {
        write!(
            f,
            "the migration lock takes one server connection and the work another one, which the pooler did not provide within \
             {waited:.1?}"
        )
    } else {
        write!(f, "neither the server nor a pooler in front of it answered within {waited:.1?}")
    }
}

/// The advice on how to get connections from a pooler.
fn more_connections(holds_lock: bool, only_one: bool) -> Advice {
    let longer = NextStep::set(Setting::LockWait, "allow a longer wait");
    match (holds_lock, only_one) {
        (_, true) => Advice::fix(
            "the pool has a single server connection for this role and database: give it two (default_pool_size of PgBouncer)",
        )
        .or(NextStep::fix("connect to the server directly")),
        (true, false) => Advice::fix(
            "give the pool more server connections for this role and database (default_pool_size of PgBouncer), two for \
             each set that migrates at the same time",
        )
        .or(NextStep::fix("connect to the server directly"))
        .or(longer),
        (false, false) => Advice::fix(
            "find out which clients hold the pool's server connections (SHOW CLIENTS in PgBouncer's console)",
        )
        .or(longer),
    }
}

/// The first few columns.
fn columns(missing: &[String]) -> String {
    match missing {
        [first @ .., _, _, _] if first.len() >= 3 => format!("{}, …", first[..3].join(", ")),
        few => few.join(", "),
    }
}

/// The server's message with its SQLSTATE, or the client's with its causes.
pub(crate) fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return printable(&db_message(db)).into_owned();
    }
    // Some causes repeat the text of what they are the cause of.
    wording::causes(error).fold(String::new(), |text, cause| match cause.to_string() {
        cause if text.is_empty() => cause,
        cause if text.contains(&cause) => text,
        cause => format!("{text}: {cause}"),
    })
}

fn db_message(db: &DbError) -> String {
    let mut text = format!("{} (SQLSTATE {})", db.message(), db.code().code());
    if let Some(hint) = db.hint() {
        text = format!("{text}; hint: {hint}");
    }
    text
}
