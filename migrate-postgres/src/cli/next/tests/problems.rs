//! The text of every problem of a command.

use crate::cli::connection::ConnectionProblem;
use crate::cli::problem::Problem;
use crate::cli::signals::Signal;
use crate::cli::standalone::{DevProblem, Incomplete, Part, RenumberProblem, RewriteProblem};
use crate::error::Error;
use crate::error::tests::{assert_snapshot, each, texts};
use migrate_core::config::JudgeError;
use migrate_core::engine::error::Failure;
use migrate_core::lint::LintError;
use migrate_core::plan::Action;
use migrate_core::{FolderError, Version};
use std::io::ErrorKind;

fn name() -> String {
    "0002_b".to_owned()
}

fn database() -> String {
    "app".to_owned()
}

fn not_confirmed(asked: bool) -> Problem {
    Problem::NotConfirmed {
        database: database(),
        server: "db.example.com".to_owned(),
        names: vec![name(), "0001_a".to_owned()],
        asked,
    }
}

fn subscriptions() -> Problem {
    Problem::Subscriptions { database: database(), names: vec!["orders".to_owned()] }
}

fn refuted() -> Problem {
    let message = "verification is false: a row has no owner";
    Problem::Refuted(Box::new(Failure::new(Version::numeric("0002"), name(), Action::Apply, message)))
}

each! { is_listed, examples, Problem:
    Problem::Migrate(_) => Problem::Migrate(Error::NoSchema);
    Problem::Rebuilding { .. } => Problem::Rebuilding { database: "app".to_owned(), error: Box::new(Error::NoSchema), again: "reset".to_owned() };
    Problem::Refuted(_) => refuted();
    Problem::Connection(_) => Problem::Connection(ConnectionProblem::Nothing);
    Problem::Folder(_) => Problem::Folder(FolderError::NotFound { path: "db/migrations".into() });
    Problem::File { .. } =>
        Problem::File { what: "write", path: "report.html".into(), source: ErrorKind::PermissionDenied.into() };
    Problem::Exists { .. } => Problem::Exists { path: "migrations/0002_b.sql".into() };
    Problem::NewName { .. } => Problem::NewName { name: "--".to_owned() };
    Problem::NewFill { .. } => Problem::NewFill { expected: "--as takes an expression" };
    Problem::NewLayout { .. } => Problem::NewLayout { layout: "refinery".to_owned(), down: true };
    Problem::NotDevelopment { .. } => Problem::NotDevelopment { database: database() };
    Problem::NotConfirmed { .. } => not_confirmed(false), not_confirmed(true);
    Problem::OtherDatabase { .. } =>
        Problem::OtherDatabase { database: database(), confirmed: "app_dev".to_owned() };
    Problem::Subscriptions { .. } => subscriptions();
    Problem::Seed { .. } =>
        Problem::Seed { place: " at seed.sql:3:1".to_owned(), message: "relation \"users\" does not exist".to_owned(), is_rolled_back: true, steps: 2, again: "reset".to_owned() };
    Problem::Seeding { .. } =>
        Problem::Seeding { database: database(), steps: 2, error: Box::new(Error::LockLost) };
    Problem::NotKept => Problem::NotKept;
    Problem::KeptEarlier { .. } => Problem::KeptEarlier { at: "2026-11-26T22:39:02Z".to_owned() };
    Problem::Renumber(_) => Problem::Renumber(RenumberProblem::Applied { name: name() });
    Problem::Rewrite(_) => Problem::Rewrite(RewriteProblem::NothingApplied);
    Problem::PerhapsRenamed { .. } => Problem::PerhapsRenamed {
        renames: vec![("column".to_owned(), "public.users.mail".to_owned(), "public.users.email".to_owned())],
    };
    Problem::NotEmptyFolder { .. } => Problem::NotEmptyFolder { count: 2 };
    Problem::Dev(_) => Problem::Dev(DevProblem::NotDevelopment { database: database() });
    Problem::Incomplete(_) => Problem::Incomplete(vec![
        Incomplete { name: name(), lacks: vec![Part::Down, Part::Verify] },
        Incomplete { name: "0003_c".to_owned(), lacks: vec![Part::Verify] },
    ]);
    Problem::Judge(_) =>
        Problem::Judge(LintError::unknown_rule("drop-colum").into()),
        Problem::Judge(JudgeError::UnknownSince { since: "0042".to_owned(), last: Some(name()) });
    Problem::Interrupted(_) => Problem::Interrupted(Signal::Interrupt);
}

each! { is_connection, connections, ConnectionProblem:
    ConnectionProblem::Url { .. } => ConnectionProblem::Url {
        origin: "DATABASE_URL",
        problem: "expected postgres://user@host:port/database".to_owned(),
    };
    ConnectionProblem::NoService { .. } => ConnectionProblem::NoService {
        service: "staging".to_owned(),
        files: "/home/app/.pg_service.conf".to_owned(),
    };
    ConnectionProblem::File { .. } => ConnectionProblem::File {
        path: "/home/app/.pg_service.conf".into(),
        source: ErrorKind::PermissionDenied.into(),
    };
    ConnectionProblem::Setting { .. } => ConnectionProblem::Setting {
        origin: "PGPORT".to_owned(),
        why: "its value is not a port number".to_owned(),
        next: "correct it",
    };
    ConnectionProblem::Nothing => ConnectionProblem::Nothing;
}

each! { is_renumber, renumbers, RenumberProblem:
    RenumberProblem::Unknown { .. } =>
        RenumberProblem::Unknown { folder: "migrations".into(), migration: "0009".to_owned() };
    RenumberProblem::Several { .. } =>
        RenumberProblem::Several { version: "0002".to_owned(), names: vec![name(), "0002_c".to_owned()] };
    RenumberProblem::Taken { .. } => RenumberProblem::Taken { version: "0002".to_owned(), name: name() };
    RenumberProblem::NoVersion { .. } => RenumberProblem::NoVersion { version: "two".to_owned() };
    RenumberProblem::Applied { .. } => RenumberProblem::Applied { name: name() };
}

each! { is_dev, developing, DevProblem:
    DevProblem::NotDevelopment { .. } => DevProblem::NotDevelopment { database: database() };
    DevProblem::Released { .. } => released(&["0002_b"]), released(&["0002_b", "0003_c"]);
    DevProblem::NoDown { .. } =>
        DevProblem::NoDown { name: name(), edited: name() },
        DevProblem::NoDown { name: "0003_c".to_owned(), edited: name() };
    DevProblem::Unknown { .. } =>
        DevProblem::Unknown { name: name(), why: "the program git is not there".to_owned() };
    DevProblem::Unproved { .. } =>
        DevProblem::Unproved { reasons: vec!["rows changed: public.users".to_owned()] };
    DevProblem::Copy { .. } =>
        DevProblem::Copy { database: database(), message: "permission denied to create database".to_owned() };
}

fn released(names: &[&str]) -> DevProblem {
    DevProblem::Released {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        paths: names.iter().map(|name| format!("{name}.up.sql")).collect(),
        branch: "origin/main".to_owned(),
        base: "0123456789ab".to_owned(),
    }
}

each! { is_rewrite, unwritten, RewriteProblem:
    RewriteProblem::NothingApplied => RewriteProblem::NothingApplied;
    RewriteProblem::Version { .. } => RewriteProblem::Version { name: "v1_init".to_owned() };
    RewriteProblem::Exists { .. } => RewriteProblem::Exists { path: "0003_b_index.up.sql".to_owned() };
    RewriteProblem::NotAFile { .. } => RewriteProblem::NotAFile { path: "0003_c/.idea".to_owned() };
    RewriteProblem::Order { .. } =>
        RewriteProblem::Order { found: "10_b_index, 9_b".to_owned(), expected: "9_b, 10_b_index".to_owned() };
}

#[test]
fn every_problem_has_its_text_in_the_snapshot() {
    let connections = connections().into_iter().inspect(|problem| assert!(is_connection(problem)));
    let renumbers = renumbers().into_iter().inspect(|problem| assert!(is_renumber(problem)));
    let unwritten = unwritten().into_iter().inspect(|problem| assert!(is_rewrite(problem)));
    let all = examples().into_iter().inspect(|problem| assert!(is_listed(problem)));
    let all = all.chain(connections.map(Problem::Connection)).chain(renumbers.map(Problem::Renumber));
    let developing = developing().into_iter().inspect(|problem| assert!(is_dev(problem)));
    let all = all.chain(unwritten.map(Problem::Rewrite)).chain(developing.map(Problem::Dev));
    let text = |problem: Problem| format!("# {}\n{}", problem.kind(), texts(&problem));
    assert_snapshot("problems.txt", &all.map(text).collect::<String>());
}
