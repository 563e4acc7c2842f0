//! Advice by SQLSTATE: one table of what to do after an error of the server, for the library and for the command line.
//! `docs/errors.md` of `migrate-postgres` shows it.

use std::time::Duration;

/// The reader of advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Words {
    /// A program that calls the library.
    Library,
    /// A person at a command line.
    CommandLine,
}

/// The cause of an error, if its SQLSTATE does not tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A statement took longer than `statement_timeout` allows.
    StatementTimeout,
    /// Another session canceled the statement.
    Canceled,
    /// The migration took longer than its limit.
    MigrationLimit,
    /// The run took longer than its limit.
    RunLimit,
    /// The server lacks the files of an extension.
    MissingExtension,
}

impl Cause {
    /// A word for JSON and for labels.
    pub fn word(self) -> &'static str {
        match self {
            Cause::StatementTimeout => "statement_timeout",
            Cause::Canceled => "canceled",
            Cause::MigrationLimit => "migration_limit",
            Cause::RunLimit => "run_limit",
            Cause::MissingExtension => "missing_extension",
        }
    }

    /// A phrase for people.
    pub fn phrase(self) -> &'static str {
        match self {
            Cause::StatementTimeout => "statement_timeout",
            Cause::Canceled => "another session's cancel",
            Cause::MigrationLimit => "the migration's limit",
            Cause::RunLimit => "the run's limit",
            Cause::MissingExtension => "an extension without its files",
        }
    }

    /// The message of a migration that was ended at a limit.
    pub fn over_limit(self, limit: Duration) -> String {
        format!("{}{limit:?}", if self == Cause::RunLimit { RUN } else { MIGRATION })
    }

    /// The cause that an error's message tells: one of our messages, or one of the server's in English. None if the message does
    /// not tell.
    pub fn of_message(code: &str, message: &str) -> Option<Cause> {
        let is_extension = || {
            message.starts_with("extension \"") && message.ends_with(" is not available")
                || message.starts_with("could not open extension control file")
        };
        match code {
            "57014" if message.starts_with(MIGRATION) => Some(Cause::MigrationLimit),
            "57014" if message.starts_with(RUN) => Some(Cause::RunLimit),
            "57014" if message.ends_with("due to statement timeout") => Some(Cause::StatementTimeout),
            "57014" if message.ends_with("due to user request") => Some(Cause::Canceled),
            "0A000" | "58P01" if is_extension() => Some(Cause::MissingExtension),
            _ => None,
        }
    }
}

/// The beginning of the messages of [`Cause::over_limit`].
const MIGRATION: &str = "the migration took longer than its limit of ";
const RUN: &str = "the run took longer than its limit of ";

/// The advice for one SQLSTATE, or for a class of them: an imperative clause without a full stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// The five characters of SQLSTATE, or the two of a class.
    pub code: &'static str,
    /// The cause that it is for, where the code has several.
    pub cause: Option<Cause>,
    /// The meaning of the code.
    pub meaning: &'static str,
    /// The advice after applying a migration, and after every other call.
    pub library: &'static str,
    /// The same advice in terms of options and commands, if it differs.
    pub command: Option<&'static str>,
    /// The advice after reverting a migration, where it differs.
    pub revert: Option<&'static str>,
}

impl Advice {
    /// The advice in the reader's words, after a revert or after anything else.
    pub fn text(&self, words: Words, is_revert: bool) -> &'static str {
        match (self.revert.filter(|_| is_revert), words, self.command) {
            (Some(revert), ..) => revert,
            (None, Words::CommandLine, Some(command)) => command,
            _ => self.library,
        }
    }
}

/// The advice for a SQLSTATE: its own, or that of its class.
///
/// # Examples
///
/// ```
/// use migrate_core::engine::advice::find;
///
/// assert_eq!(find("53100").unwrap().meaning, "the disk is full");
/// assert_eq!(find("08999").unwrap().code, "08");
/// assert!(find("42601").is_none());
/// ```
pub fn find(code: &str) -> Option<&'static Advice> {
    let mut general = ADVICE.iter().filter(|advice| advice.cause.is_none());
    let exact = general.clone().find(|advice| advice.code == code);
    exact.or_else(|| general.find(|advice| advice.code.len() == 2 && code.starts_with(advice.code)))
}

/// The advice for a SQLSTATE and the cause behind it: that of the cause, else that of the code.
///
/// # Examples
///
/// ```
/// use migrate_core::engine::advice::{Cause, find_cause};
///
/// let canceled = find_cause("57014", Some(Cause::Canceled)).unwrap();
/// assert_eq!(canceled.meaning, "another session canceled the statement");
/// assert_eq!(find_cause("57014", None).unwrap().meaning, "the statement was canceled");
/// ```
pub fn find_cause(code: &str, cause: Option<Cause>) -> Option<&'static Advice> {
    let of_cause = |advice: &&Advice| cause.is_some() && advice.cause == cause;
    let exact = ADVICE.iter().filter(of_cause).find(|advice| advice.code == code);
    exact.or_else(|| ADVICE.iter().find(of_cause)).or_else(|| find(code))
}

/// The GRANT of the privilege that a role lacks, read from the server's message. None if the message isn't in English.
pub(crate) fn grant(message: &str) -> Option<String> {
    if let Some(object) = message.strip_prefix("must be owner of ") {
        return Some(format!(
            "migrate as the owner of {object}, or GRANT the role membership in the owner's role"
        ));
    }
    let (kind, name) = message.strip_prefix("permission denied for ")?.split_once(' ')?;
    let (privileges, on) = match kind {
        "schema" => ("USAGE, CREATE", "SCHEMA "),
        "database" => ("CREATE", "DATABASE "),
        "function" | "procedure" => ("EXECUTE", "FUNCTION "),
        "sequence" => ("USAGE, SELECT", "SEQUENCE "),
        "type" => ("USAGE", "TYPE "),
        "language" => ("USAGE", "LANGUAGE "),
        "table" | "view" => ("SELECT, INSERT, UPDATE, DELETE", ""),
        _ => return None,
    };
    Some(format!("GRANT {privileges} ON {on}{name} to the role, or migrate as another role"))
}

const fn advice(code: &'static str, meaning: &'static str, library: &'static str) -> Advice {
    Advice { code, cause: None, meaning, library, command: None, revert: None }
}

const fn with_command(
    code: &'static str,
    meaning: &'static str,
    library: &'static str,
    command: &'static str,
) -> Advice {
    Advice { command: Some(command), ..advice(code, meaning, library) }
}

/// The same for one cause of a code.
const fn because(cause: Cause, advice: Advice) -> Advice {
    Advice { cause: Some(cause), ..advice }
}

/// The object that an up script creates already exists.
const fn already_there(code: &'static str, meaning: &'static str) -> Advice {
    Advice {
        revert: Some(
            "find out who recreated what the down script creates, and drop it or correct the down script",
        ),
        ..with_command(
            code,
            meaning,
            "mark migrations whose objects already exist with `baseline`, drop the existing object, or correct the script",
            "mark migrations whose objects already exist with `baseline VERSION`, drop the existing object, or correct the script",
        )
    }
}

/// An object that a script names does not exist.
const fn not_there(code: &'static str, meaning: &'static str) -> Advice {
    Advice {
        revert: Some("find out who dropped or renamed it, and correct the down script or create it again"),
        ..advice(
            code,
            meaning,
            "create it in an earlier migration, correct its name, or add the name of its schema",
        )
    }
}

const RUNS_ALONE: &str =
    "put `-- migrate: transaction=none` at the top of the script, which then runs statement by statement";

const INSTALL: &str = "install the extension's package on the server (pg_available_extensions does not list it), or leave the \
                       extension out of the script";

const SERVER_GONE: &str = "wait until the server is available";

/// The table, in the order of the codes, classes behind their codes.
pub const ADVICE: &[Advice] = &[
    advice(
        "08",
        "the connection was lost or not made",
        "find out why the connection broke: check the network, the pooler's limits and the server's log",
    ),
    advice(
        "0A000",
        "the server does not support that",
        "write it another way, or use a server version that supports it; a column that a view or a rule uses can't change its type",
    ),
    because(Cause::MissingExtension, advice("0A000", "the server lacks the extension's files", INSTALL)),
    advice(
        "21000",
        "a subquery returns more than one row",
        "correct the subquery, or the rows that it finds",
    ),
    advice(
        "22021",
        "a character that the database's encoding lacks",
        "remove the character from the script, or save the file as UTF-8",
    ),
    advice(
        "22P02",
        "a value is not valid syntax for its type",
        "correct the value, or the rows that hold it",
    ),
    advice(
        "22P05",
        "a character that the database's encoding lacks",
        "remove the character from the script, or use a database with the encoding UTF8",
    ),
    advice(
        "22",
        "a value is not valid for its type or operation",
        "correct the value, or the rows that hold it",
    ),
    advice("23502", "a NOT NULL column has a null", "give those rows a value first, or the column a default"),
    advice(
        "23503",
        "a row refers to a missing row",
        "first add the missing rows or remove those that refer to them, or add the constraint as NOT VALID",
    ),
    advice("23505", "a unique key is duplicated", "first remove or change the rows with the same key"),
    advice(
        "23514",
        "a row violates a check constraint",
        "first correct the rows that violate it, or add the constraint as NOT VALID",
    ),
    advice("23", "rows violate a constraint", "first correct the rows that violate it"),
    advice("25001", "a statement can't run in a transaction, or comes too late in it", RUNS_ALONE),
    advice(
        "25006",
        "the transaction is read-only",
        "connect to the primary (target_session_attrs=read-write), and check default_transaction_read_only of the role and the database",
    ),
    advice("28", "the login was refused", "check user and password, and the server's pg_hba.conf"),
    advice(
        "2BP01",
        "other objects depend on it",
        "drop the dependent objects first, or write CASCADE to drop them all",
    ),
    advice("2D000", "a COMMIT or ROLLBACK where none is allowed", RUNS_ALONE),
    advice("3D000", "the database does not exist", "create the database, or correct its name"),
    not_there("3F000", "the schema does not exist"),
    advice(
        "40001",
        "a concurrent transaction conflicts with it",
        "find out who else writes those rows, and wait for that transaction to end",
    ),
    advice(
        "40P01",
        "a deadlock",
        "find out who else locks those tables, and wait for that transaction to end",
    ),
    advice(
        "42501",
        "the role lacks a privilege",
        "grant the role that privilege, or migrate as another role",
    ),
    already_there("42701", "the column already exists"),
    not_there("42703", "the column does not exist"),
    not_there("42704", "the object does not exist"),
    already_there("42710", "the object already exists"),
    already_there("42723", "the function already exists"),
    not_there("42883", "the function does not exist, or not with these arguments"),
    already_there("42P04", "the database already exists"),
    not_there("42P01", "the table does not exist"),
    already_there("42P06", "the schema already exists"),
    already_there("42P07", "the table or index already exists"),
    advice(
        "53100",
        "the disk is full",
        "free disk space on the server: check temporary files, WAL and the replication slots that retain it (pg_replication_slots)",
    ),
    advice(
        "53200",
        "the server is out of memory",
        "give the server memory, or lower work_mem and maintenance_work_mem",
    ),
    advice(
        "53300",
        "no connection is left",
        "wait until other connections are closed, or raise max_connections or the role's CONNECTION LIMIT; a run with work to do takes two connections",
    ),
    advice("53400", "a configured limit is reached", "raise the limit that the message names"),
    advice("53", "the server lacks a resource", "give the server the resource that it lacks"),
    advice(
        "54",
        "a limit of the server is reached",
        "stay within the limit that the message names: split the statement, or the object that it creates",
    ),
    advice("55006", "an object is in use", "wait until no other session uses it"),
    with_command(
        "55P03",
        "a lock was not acquired in time",
        "wait until the blocking session ends, or allow more time for retries (`retry_for`)",
        "wait until the blocking session ends, or allow more time for retries (`--retry-for`)",
    ),
    advice(
        "55P04",
        "a new enum value is used before it is committed",
        "move the statements that use the new value to a later migration",
    ),
    advice(
        "57014",
        "the statement was canceled",
        "allow it more time (`-- migrate: statement_timeout=…`) if it took too long, or find out who canceled it",
    ),
    because(
        Cause::StatementTimeout,
        with_command(
            "57014",
            "the statement took longer than statement_timeout",
            "allow the statement more time, with `-- migrate: statement_timeout=…` at the top of its script or `statement_timeout` \
             for all, or make it do less",
            "allow the statement more time, with `-- migrate: statement_timeout=…` at the top of its script or \
             `--statement-timeout` for all, or make it do less",
        ),
    ),
    because(
        Cause::Canceled,
        advice(
            "57014",
            "another session canceled the statement",
            "find out who called pg_cancel_backend, for example a monitor of long statements, and why",
        ),
    ),
    because(
        Cause::MigrationLimit,
        with_command(
            "57014",
            "the migration took longer than its limit",
            "allow the migration more time (`migration_limit`), or split it into several",
            "allow the migration more time (`--migration-limit`), or split it into several",
        ),
    ),
    because(
        Cause::RunLimit,
        with_command(
            "57014",
            "the run took longer than its limit",
            "allow the run more time (`run_limit`)",
            "allow the run more time (`--run-limit`)",
        ),
    ),
    advice("57P01", "the server ended the session", SERVER_GONE),
    advice("57P02", "the server crashed", "check the server's log, and wait until the server is available"),
    advice("57P03", "the server accepts no connections now", "wait until the server has started"),
    advice("57P04", "the database was dropped", "create the database, or correct its name"),
    advice(
        "57P05",
        "the session was idle for too long",
        "raise idle_session_timeout of the role or the database",
    ),
    because(Cause::MissingExtension, advice("58P01", "the server lacks the extension's files", INSTALL)),
    advice(
        "58",
        "a system error on the server",
        "check the server's log: its disk or operating system failed",
    ),
    advice("P0001", "the script raised an error", "do what the message asks for, or correct the script"),
    advice("XX001", "data is damaged", "check the server's log, and restore the damaged data from a backup"),
    advice("XX002", "an index is damaged", "check the server's log, and REINDEX the index"),
    advice("XX", "an internal error of the server", "check the server's log: the server itself has a fault"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_advice_and_its_own_comes_before_that_of_its_class() {
        for (index, advice) in ADVICE.iter().enumerate() {
            assert!([2, 5].contains(&advice.code.len()), "{}", advice.code);
            let is_same = |before: &Advice| (before.code, before.cause) == (advice.code, advice.cause);
            assert!(!ADVICE[..index].iter().any(is_same), "{} twice", advice.code);
            assert_eq!(find_cause(advice.code, advice.cause), Some(advice));
        }
        assert_eq!(find("23505").map(|advice| advice.code), Some("23505"));
        assert_eq!(find("23999").map(|advice| advice.code), Some("23"));
        assert_eq!(find("00000"), None);
        // A cause without a row for the code has the advice of the cause.
        assert_eq!(
            find_cause("55P03", Some(Cause::RunLimit)).and_then(|advice| advice.cause),
            Some(Cause::RunLimit)
        );
        assert_eq!(find_cause("58P01", None).map(|advice| advice.code), Some("58"));
    }

    #[test]
    fn a_cause_is_read_from_our_words_and_from_english_ones() {
        for cause in [Cause::MigrationLimit, Cause::RunLimit] {
            let message = cause.over_limit(Duration::from_millis(1500));
            assert!(message.ends_with("limit of 1.5s"), "{message}");
            assert_eq!(Cause::of_message("57014", &message), Some(cause));
        }
        let read = |code, message| Cause::of_message(code, message);
        let [timeout, request] =
            ["statement timeout", "user request"].map(|why| format!("canceling statement due to {why}"));
        assert_eq!(read("57014", &timeout), Some(Cause::StatementTimeout));
        assert_eq!(read("57014", &request), Some(Cause::Canceled));
        assert_eq!(read("57014", "storniere Anfrage wegen Zeitüberschreitung der Anfrage"), None);
        assert_eq!(read("0A000", "extension \"vector\" is not available"), Some(Cause::MissingExtension));
        assert_eq!(read("0A000", "cannot alter type of a column used by a view or rule"), None);
    }

    #[test]
    fn advice_is_a_clause_in_the_words_of_whom_it_is_for() {
        for advice in ADVICE {
            for text in [advice.text(Words::Library, false), advice.text(Words::CommandLine, true)] {
                assert!(!text.ends_with('.') && text.starts_with(char::is_lowercase), "{text}");
            }
            let library = advice.text(Words::Library, false);
            assert!(!library.contains("--retry") && !library.contains("migrate up"), "{library}");
            // A revert is told nothing of marking what was there before.
            assert!(!advice.text(Words::CommandLine, true).contains("baseline"), "{}", advice.code);
        }
    }
}
