//! Every error has its kind, what it leaves behind, and advice for each reader in that reader's words.

use super::*;
use crate::settings::LockKind;
use migrate_core::Version;
#[cfg(feature = "catalog")]
use migrate_core::advice::Setting;
use migrate_core::advice::{Words, explained};
use migrate_core::engine::CommittedPart;
use migrate_core::engine::report::StepReport;
use migrate_core::history::foreign::Tool;
use migrate_core::plan::Action;
use std::collections::BTreeMap;

/// Examples of each variant; the compiler asks for those that the list lacks.
macro_rules! each {
    ($listed:ident, $examples:ident, $error:ty:
        $($(#[$cfg:meta])* $pattern:pat => $($example:expr),+;)+) => {
        fn $listed(error: &$error) -> bool {
            match error {
                $($(#[$cfg])* $pattern => true,)+
            }
        }

        fn $examples() -> Vec<$error> {
            let mut examples = Vec::new();
            $($(#[$cfg])* examples.extend([$($example),+]);)+
            examples
        }
    };
}
#[cfg(feature = "cli")]
pub(crate) use each;

fn name() -> String {
    "0002_b".to_owned()
}

fn table() -> String {
    "public.migrate_history".to_owned()
}

fn foreign() -> String {
    "public._sqlx_migrations".to_owned()
}

fn role() -> String {
    "app".to_owned()
}

#[cfg(feature = "catalog")]
fn database() -> String {
    "scratch".to_owned()
}

fn server() -> String {
    "db.example.com:5432".to_owned()
}

fn server_error() -> tokio_postgres::Error {
    "postgres://h:port/d".parse::<tokio_postgres::Config>().unwrap_err()
}

fn failure(left: Left) -> Error {
    let mut failure = Failure::new(Version::numeric("0002"), "0002_b", Action::Apply, "no");
    failure.left = left;
    failure.code = Some("42P07".to_owned());
    Error::Failed(Box::new(failure))
}

fn foreign_table(is_kept: bool) -> Error {
    let problem = "it has no column success".to_owned();
    Error::ForeignTable { table: foreign(), tool: Tool::Sqlx, problem, is_kept }
}

/// A run that stopped after one step, or after `done` of two statements of the next one.
fn stopped(error: Error, done: Option<usize>) -> Error {
    let version = Version::numeric("0002");
    let mut report = Report::default();
    report.steps = vec![StepReport::new(Action::Apply, version.clone(), "0002_b")];
    let part = done.map(|done| CommittedPart::new(version, "0003_c", Action::Apply, done, 2));
    error.after(Committed::new(report, part))
}

fn no_server_connection(holds_lock: bool, only_one: bool) -> Error {
    Error::NoServerConnection { waited: Duration::from_secs(1), holds_lock, only_one }
}

fn other_schema(table: &str) -> Error {
    Error::OtherSchema {
        table: table.to_owned(),
        own: "h".to_owned(),
        found: "a".to_owned(),
        first: "b".to_owned(),
    }
}

/// A run after which one assertion is false, and another can't be checked.
fn broken_assertions() -> crate::assertion::BrokenAssertions {
    use crate::assertion::{AssertionOutcome, AssertionResult, Assertions, BrokenAssertions};
    let failed = AssertionOutcome::Failed {
        line: 2,
        column: 1,
        rows: 12,
        columns: vec!["id".to_owned(), "email".to_owned()],
        key: vec!["id".to_owned()],
        keys: vec![vec![Some("7".to_owned())], vec![None]],
    };
    let late = AssertionOutcome::TimedOut { line: 1, column: 1, limit: Duration::from_secs(5) };
    let result = |name: &str, outcome| {
        AssertionResult::new(name, &format!("assertions/{name}.sql"), outcome, Duration::ZERO)
    };
    let mut report = Report::default();
    report.steps = vec![StepReport::new(Action::Apply, Version::numeric("0002"), "0002_b")];
    let results = vec![result("emails", failed), result("late", late)];
    BrokenAssertions::new(report, Assertions::new(results))
}

#[cfg(feature = "operate")]
fn compare_error() -> CompareError {
    CompareError::MissingKey {
        side: ComparedSide::Second,
        key: "id".to_owned(),
        columns: vec!["Name".to_owned(), "at".to_owned()],
    }
}

fn seed(left: Left, earlier: &[&str]) -> Error {
    let Error::Failed(mut failure) = failure(left) else { unreachable!("it is made as a failure") };
    failure.name = "users.sql".to_owned();
    Error::Seed(Box::new(SeedFailure::new(*failure, earlier.iter().map(|name| (*name).to_owned()).collect())))
}

fn no_environment(found: &[&str]) -> Error {
    let found = found.iter().map(|name| (*name).to_owned()).collect();
    Error::NoSuchEnvironment { environment: "staging".to_owned(), found }
}

fn backfill(cause: BackfillCause) -> Error {
    let (version, relation) = ("0002".to_owned(), "public.users".to_owned());
    Error::BackfillStopped(Box::new(StoppedBackfill {
        version,
        name: name(),
        relation,
        rows_done: 2000,
        cause,
    }))
}

fn unfit(state: Option<BackfillState>) -> Error {
    Error::BackfillUnfit { version: "0002".to_owned(), state, action: "resumed" }
}

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

each! { is_listed, examples, Error:
    Error::BackfillStopped(_) =>
        backfill(BackfillCause::NotAKey { columns: columns(&["name"]), keys: Vec::new() }),
        backfill(BackfillCause::NotAKey { columns: columns(&["name"]), keys: vec![columns(&["id"]), columns(&["a", "b"])] }),
        backfill(BackfillCause::KeyUnordered { columns: columns(&["a", "b"]), why: "the index has columns in ascending and in descending order" }),
        backfill(BackfillCause::NoKey { why: "the statement has no condition of its own that tells which rows are done" }),
        backfill(BackfillCause::NoTable),
        backfill(BackfillCause::KeyAssigned { column: "id".to_owned() }),
        backfill(BackfillCause::OwnRows),
        backfill(BackfillCause::OrderChanged { before: columns(&["pg_catalog.int4"]), now: columns(&["pg_catalog.text"]) }),
        backfill(BackfillCause::StillMatches),
        backfill(BackfillCause::RowsLeft),
        backfill(BackfillCause::Server { sqlstate: "42703".to_owned(), message: "column a does not exist".to_owned() }),
        backfill(BackfillCause::QuarantineFull { limit: 100, key: r#"{"id": "7"}"#.to_owned(), message: "no".to_owned() }),
        backfill(BackfillCause::Stuck { attempts: 20, message: "canceling statement due to lock timeout".to_owned() }),
        backfill(BackfillCause::Earlier { error: "column a does not exist".to_owned() });
    Error::BackfillUnfit { .. } => unfit(None), unfit(Some(BackfillState::Done));
    Error::Url { .. } => Error::Url { problem: "it has no host".to_owned() };
    Error::Connect { .. } => Error::Connect { target: server(), source: server_error() };
    Error::Tls { .. } => Error::Tls { problem: "there is no certificate in ca.pem".to_owned() };
    Error::ConnectionLimit { .. } =>
        Error::ConnectionLimit { owner: LimitOwner::Role("app".to_owned()), source: server_error() },
        Error::ConnectionLimit { owner: LimitOwner::Database("app".to_owned()), source: server_error() };
    Error::Login { .. } => Error::Login { target: server(), source: server_error() };
    #[cfg(feature = "deadpool")]
    Error::Pool { .. } => Error::Pool { source: deadpool_postgres::PoolError::Closed };
    Error::ReadOnly { .. } => Error::standby("the server is a hot standby");
    Error::Privilege { .. } => Error::Privilege {
        role: role(),
        what: "read the history",
        message: "permission denied for table migrate_history".to_owned(),
        advice: Advice::of(NextStep::sql("GRANT SELECT ON migrate_history TO app")),
    };
    Error::InTransaction => Error::InTransaction;
    Error::OtherServer => Error::OtherServer;
    Error::OneConnection { .. } => Error::OneConnection { kind: LockKind::Transaction };
    Error::NoServerConnection { .. } =>
        no_server_connection(false, false),
        no_server_connection(true, false),
        no_server_connection(true, true);
    Error::ClaimContradicted { .. } => Error::ClaimContradicted {
        name: name(),
        statement: 1,
        contrary: "there is no index users_email".to_owned(),
    };
    Error::NoSchema => Error::NoSchema;
    Error::OtherSchema { .. } => other_schema("h"), other_schema("t");
    Error::ForeignHistory { .. } =>
        Error::ForeignHistory { tool: Tool::Sqlx, table: foreign(), listed: 1, first: name(), total: 2 };
    Error::NotOurTable { .. } => Error::NotOurTable { table: table(), missing: vec!["checksum".to_owned()] };
    Error::NewerFormat { .. } => Error::NewerFormat { table: table(), found: 3, known: 2 };
    Error::DamagedTable { .. } => Error::DamagedTable { table: table(), missing: vec!["checksum".to_owned()] };
    Error::NotATable { .. } => Error::NotATable { table: table() };
    Error::WrongDigest { .. } =>
        Error::WrongDigest {
        table: table(),
        set: "default".to_owned(),
        row: 1,
        remedy: "UPDATE public.migrate_history SET head = NULL".to_owned(),
    };
    Error::RowNotKept { .. } => Error::RowNotKept { table: table(), name: name() };
    Error::RowSecurity { .. } => Error::RowSecurity { table: table(), role: role() };
    Error::DamagedRow { .. } => Error::DamagedRow {
        table: table(),
        set: "default".to_owned(),
        row: 1,
        problem: "its checksum has 3 bytes".to_owned(),
    };
    #[cfg(feature = "operate")]
    Error::Backup(_) => Error::Backup(BackupError::NoUrl);
    #[cfg(feature = "histories")]
    Error::SeveralHistories { .. } =>
        Error::SeveralHistories { found: vec![
            (Tool::GolangMigrate, "public.schema_migrations".to_owned()),
            (Tool::Sqlx, foreign()),
        ] };
    Error::ForeignTable { .. } => foreign_table(false), foreign_table(true);
    Error::NoCheckpoints { .. } => Error::NoCheckpoints { name: name(), table: foreign(), statements: 2 };
    #[cfg(feature = "histories")]
    Error::NotForTool { .. } => Error::NotForTool { tool: Tool::Sqlx, name: name(), why: "it has no number" };
    #[cfg(feature = "catalog")]
    Error::Differs { .. } =>
        Error::Differs { name: name(), differences: crate::objects::difference::Differences::default() };
    #[cfg(feature = "catalog")]
    Error::Scratch(_) => Error::Scratch(ScratchError::NoUrl);
    Error::Server { .. } => Error::server("reading the history", server_error());
    Error::Refused(_) => Error::Refused(Refused::NoRuns);
    Error::Placeholder(_) =>
        Error::Placeholder(PlaceholderError::NoValue { name: "owner".to_owned() }),
        Error::Placeholder(PlaceholderError::Undeclared { name: "owner".to_owned(), declared: Vec::new() }),
        Error::Placeholder(PlaceholderError::Undeclared { name: "owner".to_owned(), declared: vec!["schema".to_owned()] }),
        Error::Placeholder(PlaceholderError::Empty { name: "owner".to_owned() }),
        Error::Placeholder(PlaceholderError::EndsBody { name: "owner".to_owned(), path: "0002_b.sql".to_owned() });
    Error::LockWait { .. } => Error::LockWait { waited: Duration::ZERO, holder: Holder::default() };
    Error::LockLost => Error::LockLost;
    Error::Stopped(_) =>
        stopped(Error::standby("the server has become read-only"), None),
        stopped(Error::LockLost, Some(1)),
        stopped(Error::Refused(Refused::NoRuns), Some(2));
    Error::Failed(_) =>
        failure(Left::Nothing),
        failure(Left::Applied),
        failure(Left::Statements { done: 1, total: 2 }),
        failure(Left::InDoubt { done: 1, total: 2 });
    Error::BrokenAssertions(_) => Error::BrokenAssertions(Box::new(broken_assertions()));
    #[cfg(feature = "operate")]
    Error::Compare(_) => Error::Compare(compare_error());
    Error::Seed(_) => seed(Left::Nothing, &[]), seed(Left::Nothing, &["a.sql"]), seed(Left::Unknown, &["a.sql"]);
    Error::UnusableCompanions(_) => Error::UnusableCompanions(unusable());
    Error::NoSuchEnvironment { .. } => no_environment(&[]), no_environment(&["development", "test"]);
    Error::Stale { .. } => Error::Stale { folder: "db/migrations".to_owned(), missing: "0003_c.sql".to_owned() };
}

#[cfg(feature = "operate")]
each! { is_backup, backups, BackupError:
    BackupError::NoUrl => BackupError::NoUrl;
    BackupError::NoProgram { .. } => BackupError::NoProgram { server: 18, found: Vec::new() };
    BackupError::TooLittleSpace { .. } =>
        BackupError::TooLittleSpace { folder: "/var/backups".into(), free: 1, needed: 2 };
    BackupError::Folder { .. } =>
        BackupError::Folder { path: "/var/backups".into(), source: std::io::ErrorKind::NotFound.into() };
    BackupError::Program { .. } => BackupError::Program { program: "/usr/bin/pg_dump".into(), said: "aborting".to_owned() };
}

#[cfg(feature = "operate")]
each! { is_compare, compares, CompareError:
    CompareError::NotAQuery { .. } => CompareError::NotAQuery { side: ComparedSide::First };
    CompareError::NoKey => CompareError::NoKey;
    CompareError::MissingKey { .. } => compare_error();
    CompareError::DuplicateColumn { .. } =>
        CompareError::DuplicateColumn { side: ComparedSide::First, column: "Name".to_owned() };
    CompareError::OtherColumns { .. } =>
        CompareError::OtherColumns { first: vec!["a".to_owned(), "b".to_owned()], second: vec!["C".to_owned()] };
    CompareError::OtherType { .. } => other_type(true), other_type(false);
    CompareError::NullKey { .. } => CompareError::NullKey { side: ComparedSide::Second };
    CompareError::DuplicateKey { .. } =>
        CompareError::DuplicateKey { side: ComparedSide::Second, key: vec!["1".to_owned(), "7".to_owned()] };
    CompareError::Query { .. } => CompareError::Query {
        side: ComparedSide::First,
        sqlstate: "42P01".to_owned(),
        message: "relation \"people\" does not exist".to_owned(),
    };
}

#[cfg(feature = "operate")]
fn other_type(is_key: bool) -> CompareError {
    let (first, second) = ("integer".to_owned(), "uuid".to_owned());
    CompareError::OtherType { column: "id".to_owned(), is_key, first, second }
}

#[cfg(feature = "catalog")]
each! { is_scratch, scratches, ScratchError:
    ScratchError::NoUrl => ScratchError::NoUrl;
    ScratchError::NotAllowed { .. } => ScratchError::NotAllowed { role: role(), message: "permission denied to create database".to_owned() };
    ScratchError::NotEmpty { .. } => ScratchError::NotEmpty { database: database(), count: 1, first: "table users".to_owned() };
    ScratchError::LeftBehind { .. } => ScratchError::LeftBehind { database: database(), count: 1, first: "table users".to_owned() };
    ScratchError::Same { .. } => ScratchError::Same { database: database() };
    ScratchError::InUse { .. } => ScratchError::InUse { database: database() };
    ScratchError::NoText { .. } => ScratchError::NoText { name: name(), problem: "stores none".to_owned() };
    ScratchError::Migrating { .. } => ScratchError::Migrating { source: Box::new(failure(Left::Nothing)) };
    ScratchError::Shared { .. } => ScratchError::Shared { name: name() };
    ScratchError::PlainSql { .. } => ScratchError::PlainSql {
        path: "schema.sql".to_owned(),
        line: 2,
        column: 1,
        sqlstate: Some("42704".to_owned()),
        message: "type \"nope\" does not exist".to_owned(),
        detail: None,
        hint: Some("write another one".to_owned()),
    };
    ScratchError::PlainText { .. } => plain_text(false), plain_text(true);
    ScratchError::File { .. } =>
        ScratchError::File { path: "schema.sql".into(), source: std::io::ErrorKind::NotFound.into() };
    ScratchError::Rename { .. } =>
        ScratchError::Rename { from: "users.mail".to_owned(), to: "email".to_owned() };
    ScratchError::NoFiles { .. } => ScratchError::NoFiles { path: "db/schema".into() };
    ScratchError::Server { .. } => ScratchError::Server {
        doing: "creating",
        database: database(),
        source: server_error(),
        advice: Advice::of(NextStep::set(Setting::Scratch, "give another one")),
    };
}

#[cfg(feature = "catalog")]
fn plain_text(is_psql: bool) -> ScratchError {
    let problem = "this string has no closing quote".to_owned();
    ScratchError::PlainText { path: "schema.sql".to_owned(), line: 1, column: 8, problem, is_psql }
}

/// A seed beside a folder of migrations that ends its transaction.
fn unusable() -> migrate_core::UnusableCompanions {
    use migrate_core::directory::source::SourceFile;
    let files =
        vec![SourceFile::new("0001_a.sql", b"SELECT 1;"), SourceFile::new("../seeds/b.sql", b"COMMIT;")];
    let directory = migrate_core::directory::read(files).unwrap();
    migrate_core::Set::from(directory).check_seeds().unwrap_err()
}

/// All of them.
fn every() -> Vec<Error> {
    let every = examples().into_iter().inspect(|error| assert!(is_listed(error)));
    #[cfg(feature = "operate")]
    let every =
        every.chain(backups().into_iter().inspect(|error| assert!(is_backup(error))).map(Error::Backup));
    #[cfg(feature = "operate")]
    let every =
        every.chain(compares().into_iter().inspect(|error| assert!(is_compare(error))).map(Error::Compare));
    #[cfg(feature = "catalog")]
    let every =
        every.chain(scratches().into_iter().inspect(|error| assert!(is_scratch(error))).map(Error::Scratch));
    every.collect()
}

#[test]
fn every_error_has_a_kind_with_a_word_of_its_own() {
    let mut kinds = BTreeMap::new();
    for error in every() {
        let (kind, word) = (error.kind(), error.kind().word());
        assert!(word.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{word}");
        assert_eq!(*kinds.entry(word).or_insert(kind), kind, "{word} is the word of two kinds");
    }
    assert!(kinds.len() > 30, "{kinds:?}");
}

#[test]
fn every_error_says_what_it_leaves_behind() {
    for error in every() {
        let shown = error.to_string();
        let state = match &error {
            Error::Failed(_) => "\ndatabase: 0002_b ".to_owned(),
            Error::Stopped(_) => "this run did one step before it".to_owned(),
            Error::BrokenAssertions(_) | Error::Seed(_) => "\ndatabase: ".to_owned(),
            Error::BackfillStopped(_) => {
                "; the failed batch was rolled back, and earlier ones are committed".to_owned()
            }
            error => format!("; {}", error.left()),
        };
        assert!(shown.contains(&state) || shown.contains("\ndatabase: 1 of the 2"), "{state} in {shown}");
    }
}

/// Errors that refuse before anything is changed have their own exit code and label.
#[cfg(any(feature = "cli", feature = "metrics", feature = "tracing"))]
#[test]
fn a_run_that_has_committed_something_is_never_refused_and_has_changed_something() {
    // Those with a state of their own are not what stops a run.
    let has_own = |error: &Error| {
        matches!(error, Error::Failed(_) | Error::Stopped(_) | Error::BrokenAssertions(_) | Error::Seed(_))
    };
    for error in every().into_iter().filter(|error| !has_own(error)) {
        let (kind, left) = (error.kind(), error.left());
        let stopped = stopped(error, Some(1));
        assert_eq!((stopped.kind(), stopped.class()), (kind, ErrorClass::Other));
        let expected = if left == Left::Unknown { left } else { Left::Statements { done: 1, total: 2 } };
        assert_eq!(stopped.left(), expected, "{stopped}");
        assert!(!stopped.to_string().contains("nothing was changed"), "{stopped}");
        assert_eq!(stopped.report().map(|report| report.steps.len()), Some(1));
    }
}

#[test]
fn every_error_advises_the_library_in_rust_and_the_command_line_in_options() {
    let rust =
        ["::", "migrate!(", "history_schema", "history_table", "adopt_from", "`run`", "resolve(", "`Client`"];
    for error in every() {
        let advice = error.advice();
        let [library, command, service] =
            [Words::Library, Words::CommandLine, Words::Service].map(|words| advice.text(words));
        assert!(!library.is_empty() && !command.is_empty() && !service.is_empty(), "{error}");
        assert!(!library.contains("--"), "{library}");
        let shown = explained(&error, Words::CommandLine).to_string();
        for word in rust {
            assert!(!shown.contains(word), "{word} in {shown}");
        }
        assert!(error.to_string().ends_with(&format!("\nnext: {library}")), "{error}");
        assert!(shown.ends_with(&format!("\nnext: {command}")), "{shown}");
        assert_eq!(shown.matches("next: ").count(), 1, "{shown}");
    }
}

/// The text of an error as the snapshots show it: for the library, and what the other readers are told where
/// it differs.
#[cfg(feature = "cli")]
pub(crate) fn texts<E: Explain>(error: &E) -> String {
    let readers = [Words::Library, Words::CommandLine, Words::Service];
    let [library, command, service] = readers.map(|words| error.advice().text(words));
    let line = |label, text: &str, other: &str| match text == other {
        true => String::new(),
        false => format!("{label}: {text}\n"),
    };
    let others = line("at the command line", &command, &library) + &line("in a service", &service, &command);
    format!("{}\n{others}\n", explained(error, Words::Library))
}

/// Compares the texts of errors with a file of `tests`, or rewrites it.
#[cfg(feature = "cli")]
pub(crate) fn assert_snapshot(name: &str, found: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{} differs (UPDATE_SNAPSHOTS=1 rewrites it):\n{found}", path.display());
}

#[test]
#[cfg(all(feature = "cli", feature = "deadpool"))]
fn every_error_has_its_text_in_the_snapshot() {
    let text = |error: &Error| format!("# {}\n{}", error.kind().word(), texts(error));
    assert_snapshot("errors.txt", &every().iter().map(text).collect::<String>());
}

#[test]
fn a_sqlstate_is_that_of_the_failed_migration_whatever_it_was_applied_to() {
    assert_eq!(failure(Left::Nothing).sqlstate(), Some("42P07"));
    #[cfg(feature = "catalog")]
    assert_eq!(
        Error::Scratch(ScratchError::Migrating { source: Box::new(failure(Left::Nothing)) }).sqlstate(),
        Some("42P07")
    );
    assert_eq!(Error::NoSchema.sqlstate(), None);
}
