//! Advice at a command line names only what that command line has.

mod problems;

use super::Next;
use crate::cli::commands::NAMES;
use crate::cli::context::Context;
use crate::cli::standalone::Program;
use crate::error::Error;
use crate::{Migrator, Set};
use clap::{CommandFactory as _, Parser as _};
use migrate_core::advice::{Again, Call, NextStep, Setting};
use std::fs;
use std::path::Path;

/// A service with the commands.
#[derive(Debug, clap::Parser)]
enum Service {
    /// Manages the schema.
    Migrate(crate::cli::Cli),
}

/// The command of a service that has the commands.
fn of_service() -> clap::Command {
    Service::command().find_subcommand("migrate").unwrap().clone()
}

fn has_option(command: &clap::Command, option: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long().is_some_and(|long| format!("--{long}") == option))
}

/// Fails if a command line lacks a command or an option that a text names between backticks.
fn assert_has_all(cli: &clap::Command, text: &str) {
    // A header of a script begins like an option.
    for code in text.split('`').skip(1).step_by(2).filter(|code| !code.starts_with("-- ")) {
        let mut words = code.split(' ').peekable();
        let name = words.next_if(|word| NAMES.contains(word));
        let command = name.map(|name| {
            cli.find_subcommand(name).unwrap_or_else(|| panic!("there is no command {name}: {text}"))
        });
        for word in words.filter(|word| word.starts_with("--")) {
            let option = word.split('=').next().unwrap_or(word);
            let of_commands = || cli.get_subcommands().any(|command| has_option(command, option));
            let has =
                has_option(cli, option) || command.map_or_else(of_commands, |of| has_option(of, option));
            assert!(has, "{option} in {text}");
        }
    }
}

/// The problems of commands that only the program has.
const OF_PROGRAM: [&str; 6] =
    ["copy", "incomplete", "layout", "not_empty", "nothing_applied", "unknown_rule"];

/// The snapshots of everything that gives advice.
fn snapshots() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    [
        "../migrate-core/tests/advice.txt",
        "../migrate-core/tests/refusals.txt",
        "tests/errors.txt",
        "tests/problems.txt",
    ]
    .map(read)
    .concat()
}

#[test]
fn every_option_and_command_of_advice_is_one_of_the_command_line_that_shows_it() {
    let (program, service) = (Program::command(), of_service());
    let snapshots = snapshots();
    let errors: Vec<(&str, &str)> =
        snapshots.split("\n\n").filter_map(|error| error.split_once("next: ")).collect();
    assert!(errors.len() > 120, "{}", errors.len());
    for (error, advice) in errors {
        let for_program = advice.split("\nat the command line: ").last().unwrap_or(advice);
        let (for_program, for_service) =
            for_program.split_once("\nin a service: ").unwrap_or((for_program, for_program));
        assert_has_all(&program, for_program);
        if !OF_PROGRAM.iter().any(|kind| error.contains(&format!("# {kind}\n"))) {
            assert_has_all(&service, for_service);
        }
    }
}

#[test]
fn every_command_line_of_advice_is_one_of_the_program_and_of_a_service() {
    let mut steps = vec![
        NextStep::call(Call::accept("0001_a", false), ""),
        NextStep::call(Call::accept("0001_a", true), ""),
        NextStep::call(Call::applied("0001_a"), ""),
        NextStep::rename("0001_a", None, ""),
        NextStep::rename("0001_a", Some("0002".to_owned()), ""),
        NextStep::settle("0001", "0001_a", 1, Some(3)),
        NextStep::settle("0001", "0001_a", 1, Some(3)).while_reverting(true),
        NextStep::Again(Again::ThisMigration),
        NextStep::Again(Again::WhereItStopped),
        NextStep::Again(Again::Revert),
        NextStep::Again(Again::RevertStatement),
        NextStep::Again(Again::RevertFindsOut),
        NextStep::Again(Again::RevertRest),
        NextStep::Again(Again::Verify),
    ];
    let calls =
        [Call::Run, Call::Down, Call::Status, Call::History, Call::Verify, Call::Adopt, Call::DriftKept];
    steps.extend(calls.map(|call| NextStep::call(call, "")));
    steps.extend(Setting::ALL.map(|setting| NextStep::set(setting, "")));
    let lines: Vec<_> = steps.iter().flat_map(NextStep::commands).collect();
    assert!(lines.len() > 20);
    for line in lines {
        let reason = if line.takes_reason { &["--reason", "it is so"][..] } else { &[] };
        let words = line.words.iter().map(String::as_str);
        let words: Vec<&str> = words.chain(reason.iter().copied()).collect();
        let parsed = Program::try_parse_from(["migrate"].iter().chain(&words));
        assert!(parsed.is_ok(), "{line:?}");
        if !line.needs_folder {
            let parsed = Service::try_parse_from(["service", "migrate"].iter().chain(&words));
            assert!(parsed.is_ok(), "{line:?}");
        }
    }
}

/// The advice of a context's command line for a history without a schema.
fn without_schema(context: &Context) -> Option<String> {
    Next::of(Error::NoSchema.advice(), context).advice
}

#[test]
fn a_service_is_told_of_its_code_and_the_program_of_its_options() {
    let Service::Migrate(cli) = Service::parse_from(["service", "migrate", "status"]);
    let set = Set::new(migrate_core::DEFAULT_SET, Vec::new()).unwrap();
    let of_service = Context::new(&Migrator::new(set.clone()), cli.options.clone(), None, None);
    let of_program =
        Context::new(&Migrator::new(set), cli.options, None, None).of_folder("migrations".into(), "");
    let [service, program] = [of_service, of_program].map(|context| without_schema(&context).unwrap());
    assert_eq!(service, "create one, or name one (`history_schema` in the service's code)");
    assert_eq!(program, "create one, or name one (`--history-schema`)");
}
