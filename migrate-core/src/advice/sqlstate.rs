//! Advice by SQLSTATE: one table of remedies for the server's errors. `docs/errors.md` of `migrate-postgres`
//! shows it.

use super::{Advice, Call, Cause, NextStep, Setting};

/// The advice for one SQLSTATE or for a class of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodeAdvice {
    /// The five characters of a SQLSTATE, or the two of a class.
    pub code: &'static str,
    /// The cause, if the code has several.
    pub cause: Option<Cause>,
    /// The meaning of the code.
    pub meaning: &'static str,
    /// The remedies to choose from, after applying a migration and after every call other than a revert.
    remedies: &'static [Remedy],
    /// The remedy after reverting a migration, if it differs.
    revert: Option<&'static str>,
}

/// A step in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    Fix(&'static str),
    Wait(&'static str),
    Set(Setting, &'static str),
    /// Mark migrations as applied.
    Baseline(&'static str),
}

impl Remedy {
    fn step(self) -> NextStep {
        match self {
            Remedy::Fix(what) => NextStep::fix(what),
            Remedy::Wait(what) => NextStep::wait(what),
            Remedy::Set(setting, what) => NextStep::set(setting, what),
            Remedy::Baseline(what) => NextStep::call(Call::Baseline, what),
        }
    }
}

impl CodeAdvice {
    /// The advice after a revert, or after anything else.
    pub fn advice(&self, is_revert: bool) -> Advice {
        match self.revert.filter(|_| is_revert) {
            Some(revert) => Advice::fix(revert),
            None => self.remedies.iter().fold(Advice::NONE, |advice, remedy| advice.or(remedy.step())),
        }
    }
}

/// The advice for a SQLSTATE, or else for its class.
///
/// # Examples
///
/// ```
/// use migrate_core::advice::find;
///
/// assert_eq!(find("53100").unwrap().meaning, "the disk is full");
/// assert_eq!(find("08999").unwrap().code, "08");
/// assert!(find("42601").is_none());
/// ```
pub fn find(code: &str) -> Option<&'static CodeAdvice> {
    let mut general = ADVICE.iter().filter(|advice| advice.cause.is_none());
    let exact = general.clone().find(|advice| advice.code == code);
    exact.or_else(|| general.find(|advice| advice.code.len() == 2 && code.starts_with(advice.code)))
}

/// The advice for a SQLSTATE and its cause: the cause's advice, or else the code's.
///
/// # Examples
///
/// ```
/// use migrate_core::advice::{Cause, find_cause};
///
/// let canceled = find_cause("57014", Some(Cause::Canceled)).unwrap();
/// assert_eq!(canceled.meaning, "another session canceled the statement");
/// assert_eq!(find_cause("57014", None).unwrap().meaning, "the statement was canceled");
/// ```
pub fn find_cause(code: &str, cause: Option<Cause>) -> Option<&'static CodeAdvice> {
    let of_cause = |advice: &&CodeAdvice| cause.is_some() && advice.cause == cause;
    let exact = ADVICE.iter().filter(of_cause).find(|advice| advice.code == code);
    exact.or_else(|| ADVICE.iter().find(of_cause)).or_else(|| find(code))
}

const fn remedies(code: &'static str, meaning: &'static str, remedies: &'static [Remedy]) -> CodeAdvice {
    CodeAdvice { code, cause: None, meaning, remedies, revert: None }
}

/// Restricts advice to one cause of a code.
const fn because(cause: Cause, advice: CodeAdvice) -> CodeAdvice {
    CodeAdvice { cause: Some(cause), ..advice }
}

/// The object that an up script creates already exists.
const fn already_there(code: &'static str, meaning: &'static str) -> CodeAdvice {
    CodeAdvice {
        revert: Some(
            "find out who recreated what the down script creates, and drop it or correct the down script",
        ),
        ..remedies(
            code,
            meaning,
            &[
                Remedy::Baseline("mark migrations whose objects already exist"),
                Remedy::Fix("drop the existing object"),
                Remedy::Fix("correct the script"),
            ],
        )
    }
}

/// An object that a script names does not exist.
const fn not_there(code: &'static str, meaning: &'static str) -> CodeAdvice {
    CodeAdvice {
        revert: Some("find out who dropped or renamed it, and correct the down script or create it again"),
        ..remedies(
            code,
            meaning,
            &[Remedy::Fix(
                "create it in an earlier migration, correct its name, or add the name of its schema",
            )],
        )
    }
}

const RUNS_ALONE: &str =
    "put `-- migrate: transaction=none` at the top of the script, which then runs statement by statement";

const INSTALL: &str = "install the extension's package on the server (pg_available_extensions does not list it), or leave the \
                       extension out of the script";

const SERVER_GONE: &str = "wait until the server is available";

/// The table, ordered by code; classes follow their codes.
pub const ADVICE: &[CodeAdvice] = &[
    remedies(
        "08",
        "the connection was lost or not made",
        &[Remedy::Fix(
            "find out why the connection broke: check the network, the pooler's limits and the server's log",
        )],
    ),
    remedies(
        "0A000",
        "the server does not support that",
        &[Remedy::Fix(
            "write it another way, or use a server version that supports it; a column that a view or a rule uses can't change its type",
        )],
    ),
    because(
        Cause::MissingExtension,
        remedies("0A000", "the server lacks the extension's files", &[Remedy::Fix(INSTALL)]),
    ),
    remedies(
        "21000",
        "a subquery returns more than one row",
        &[Remedy::Fix("correct the subquery, or the rows that it finds")],
    ),
    remedies(
        "22021",
        "a character that the database's encoding lacks",
        &[Remedy::Fix("remove the character from the script, or save the file as UTF-8")],
    ),
    remedies(
        "22P02",
        "a value is not valid syntax for its type",
        &[Remedy::Fix("correct the value, or the rows that hold it")],
    ),
    remedies(
        "22P05",
        "a character that the database's encoding lacks",
        &[Remedy::Fix("remove the character from the script, or use a database with the encoding UTF8")],
    ),
    remedies(
        "22",
        "a value is not valid for its type or operation",
        &[Remedy::Fix("correct the value, or the rows that hold it")],
    ),
    remedies(
        "23502",
        "a NOT NULL column has a null",
        &[Remedy::Fix("give those rows a value first, or the column a default")],
    ),
    remedies(
        "23503",
        "a row refers to a missing row",
        &[Remedy::Fix(
            "first add the missing rows or remove those that refer to them, or add the constraint as NOT VALID",
        )],
    ),
    remedies(
        "23505",
        "a unique key is duplicated",
        &[Remedy::Fix("first remove or change the rows with the same key")],
    ),
    remedies(
        "23514",
        "a row violates a check constraint",
        &[Remedy::Fix("first correct the rows that violate it, or add the constraint as NOT VALID")],
    ),
    remedies("23", "rows violate a constraint", &[Remedy::Fix("first correct the rows that violate it")]),
    remedies(
        "25001",
        "a statement can't run in a transaction, or comes too late in it",
        &[Remedy::Fix(RUNS_ALONE)],
    ),
    remedies(
        "25006",
        "the transaction is read-only",
        &[Remedy::Fix(
            "connect to the primary (target_session_attrs=read-write), and check default_transaction_read_only of the role and the database",
        )],
    ),
    remedies(
        "28",
        "the login was refused",
        &[Remedy::Fix("check the user, the password and the server's pg_hba.conf")],
    ),
    remedies(
        "2BP01",
        "other objects depend on it",
        &[Remedy::Fix("drop the dependent objects first, or write CASCADE to drop them all")],
    ),
    remedies("2D000", "a COMMIT or ROLLBACK where none is allowed", &[Remedy::Fix(RUNS_ALONE)]),
    remedies(
        "3D000",
        "the database does not exist",
        &[Remedy::Fix("create the database, or correct its name")],
    ),
    not_there("3F000", "the schema does not exist"),
    remedies(
        "40001",
        "a concurrent transaction conflicts with it",
        &[Remedy::Fix("find out who else writes those rows, and wait for that transaction to end")],
    ),
    remedies(
        "40P01",
        "a deadlock",
        &[Remedy::Fix("find out who else locks those tables, and wait for that transaction to end")],
    ),
    remedies(
        "42501",
        "the role lacks a privilege",
        &[Remedy::Fix("grant the role that privilege, or migrate as another role")],
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
    remedies(
        "53100",
        "the disk is full",
        &[Remedy::Fix(
            "free disk space on the server: check temporary files, WAL and the replication slots that retain it (pg_replication_slots)",
        )],
    ),
    remedies(
        "53200",
        "the server is out of memory",
        &[Remedy::Fix("give the server more memory, or lower work_mem and maintenance_work_mem")],
    ),
    remedies(
        "53300",
        "no connection is left",
        &[Remedy::Wait(
            "wait until other connections are closed, or raise max_connections or the role's CONNECTION LIMIT; a run with work to do takes two connections",
        )],
    ),
    remedies(
        "53400",
        "a configured limit is reached",
        &[Remedy::Fix("raise the limit that the message names")],
    ),
    remedies(
        "53",
        "the server lacks a resource",
        &[Remedy::Fix("give the server the resource that it lacks")],
    ),
    remedies(
        "54",
        "a limit of the server is reached",
        &[Remedy::Fix(
            "stay within the limit that the message names: split the statement, or the object that it creates",
        )],
    ),
    remedies("55006", "an object is in use", &[Remedy::Wait("wait until no other session uses it")]),
    remedies(
        "55P03",
        "a lock was not acquired in time",
        &[
            Remedy::Wait("wait until the blocking session ends"),
            Remedy::Set(Setting::RetryFor, "allow more time for retries"),
        ],
    ),
    remedies(
        "55P04",
        "a new enum value is used before it is committed",
        &[Remedy::Fix("move the statements that use the new value to a later migration")],
    ),
    remedies(
        "57014",
        "the statement was canceled",
        &[
            Remedy::Fix(
                "allow it more time if it took too long (`-- migrate: statement_timeout=…`, or a longer limit)",
            ),
            Remedy::Fix("find out who canceled it"),
        ],
    ),
    because(
        Cause::StatementTimeout,
        remedies(
            "57014",
            "the statement took longer than statement_timeout",
            &[
                Remedy::Fix(
                    "allow the statement more time (`-- migrate: statement_timeout=…` at the top of its script)",
                ),
                Remedy::Set(Setting::StatementTimeout, "allow every statement more time"),
                Remedy::Fix("reduce what it does"),
            ],
        ),
    ),
    because(
        Cause::Canceled,
        remedies(
            "57014",
            "another session canceled the statement",
            &[Remedy::Fix(
                "find out who called pg_cancel_backend, for example a monitor of long statements, and why",
            )],
        ),
    ),
    because(
        Cause::MigrationLimit,
        remedies(
            "57014",
            "the migration took longer than its limit",
            &[
                Remedy::Set(Setting::MigrationLimit, "allow the migration more time"),
                Remedy::Fix("split it into several"),
            ],
        ),
    ),
    because(
        Cause::RunLimit,
        remedies(
            "57014",
            "the run took longer than its limit",
            &[Remedy::Set(Setting::RunLimit, "allow the run more time")],
        ),
    ),
    remedies("57P01", "the server ended the session", &[Remedy::Wait(SERVER_GONE)]),
    remedies(
        "57P02",
        "the server crashed",
        &[Remedy::Fix("check the server's log, and wait until the server is available")],
    ),
    remedies(
        "57P03",
        "the server is not accepting connections",
        &[Remedy::Wait("wait until the server has started")],
    ),
    remedies("57P04", "the database was dropped", &[Remedy::Fix("create the database, or correct its name")]),
    remedies(
        "57P05",
        "the session was idle for too long",
        &[Remedy::Fix("raise idle_session_timeout of the role or the database")],
    ),
    because(
        Cause::MissingExtension,
        remedies("58P01", "the server lacks the extension's files", &[Remedy::Fix(INSTALL)]),
    ),
    remedies(
        "58",
        "a system error on the server",
        &[Remedy::Fix("check the server's log: its disk or operating system failed")],
    ),
    remedies(
        "P0001",
        "the script raised an error",
        &[Remedy::Fix("do what the message asks for, or correct the script")],
    ),
    remedies(
        "XX001",
        "data is damaged",
        &[Remedy::Fix("check the server's log, and restore the damaged data from a backup")],
    ),
    remedies("XX002", "an index is damaged", &[Remedy::Fix("check the server's log, and REINDEX the index")]),
    remedies(
        "XX",
        "an internal error of the server",
        &[Remedy::Fix("check the server's log: the server itself has a fault")],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::Words;

    #[test]
    fn a_code_has_one_advice_and_its_own_comes_before_that_of_its_class() {
        for (index, advice) in ADVICE.iter().enumerate() {
            assert!([2, 5].contains(&advice.code.len()), "{}", advice.code);
            let is_same = |before: &CodeAdvice| (before.code, before.cause) == (advice.code, advice.cause);
            assert!(!ADVICE[..index].iter().any(is_same), "{} twice", advice.code);
            assert_eq!(find_cause(advice.code, advice.cause), Some(advice));
        }
        assert_eq!(find("23505").map(|advice| advice.code), Some("23505"));
        assert_eq!(find("23999").map(|advice| advice.code), Some("23"));
        assert_eq!(find("00000"), None);
        // A cause without a row for the code gets the advice of the cause.
        assert_eq!(
            find_cause("55P03", Some(Cause::RunLimit)).and_then(|advice| advice.cause),
            Some(Cause::RunLimit)
        );
        assert_eq!(find_cause("58P01", None).map(|advice| advice.code), Some("58"));
    }

    #[test]
    fn advice_is_a_clause_in_the_words_of_its_reader() {
        for advice in ADVICE {
            let [library, command] =
                [Words::Library, Words::CommandLine].map(|words| advice.advice(false).text(words));
            for text in [&library, &command] {
                assert!(!text.ends_with('.') && text.starts_with(char::is_lowercase), "{text}");
            }
            assert!(!library.contains("--r") && !library.contains("--m"), "{library}");
            // Advice after a revert does not mention marking existing objects.
            assert!(!advice.advice(true).text(Words::CommandLine).contains("baseline"), "{}", advice.code);
        }
    }
}
