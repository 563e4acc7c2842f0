//! The advice after a command: in words, and as exact command lines.

use super::context::Context;
use super::invocation::{Invocation, quoted};
use super::problem::Problem;
use super::standalone::migration_of;
use crate::Resolution;
use migrate_core::advice::{Advice, CommandLine, Explain, NextStep, Words};
use migrate_core::{FolderError, ProblemKind};
use std::path::Path;

/// Advice on what to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    /// In words.
    pub(super) advice: Option<String>,
    /// In words for a program that calls the library, if the library has given it.
    pub(super) library: Option<String>,
    /// As data.
    pub(super) steps: Advice,
    /// Command lines to choose from, each with its effect.
    pub(super) commands: Vec<(String, &'static str)>,
}

impl Next {
    pub(super) fn advice(advice: impl Into<String>) -> Next {
        Next { advice: Some(advice.into()), ..Next::default() }
    }

    /// Advice given as data, with its command lines.
    pub(super) fn of(mut steps: Advice, context: &Context) -> Next {
        for step in steps
            .choices
            .iter_mut()
            .map(|choice| &mut choice.step)
            .chain(steps.then.as_deref_mut())
            .chain(steps.otherwise.as_deref_mut())
        {
            if let NextStep::Settle { version, statements: statements @ None, reverting, .. } = step {
                *statements = statements_of(context, version, *reverting);
            }
        }
        let advice = (!steps.is_empty()).then(|| steps.text(context.words()));
        // A service has no files to rename.
        let fits = |line: &CommandLine| context.folder.is_some() || !line.needs_folder;
        let commands = steps.commands();
        let mut next = Next { advice, library: None, steps, commands: Vec::new() };
        for line in commands.iter().filter(|line| fits(line)) {
            let command = (command_text(line, &context.invocation), line.does);
            if !next.commands.contains(&command) {
                next.commands.push(command);
            }
        }
        next
    }

    /// The library's own advice.
    fn of_library(steps: Advice, context: &Context) -> Next {
        let library = (!steps.is_empty()).then(|| steps.text(Words::Library));
        Next { library, ..Next::of(steps, context) }
    }

    pub(super) fn or(mut self, command: String, what: &'static str) -> Next {
        self.commands.push((command, what));
        self
    }

    /// Lines for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let width = self.commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        let command = |(command, what): &(String, &str)| format!("  {command:width$}  # {what}");
        let advice = match (&self.advice, self.commands.is_empty()) {
            (None, true) => None,
            (None, false) => Some("next:".to_owned()),
            (Some(advice), _) => Some(format!("next: {advice}")),
        };
        advice.into_iter().chain(self.commands.iter().map(command)).collect()
    }
}

/// A command line of this program.
fn command_text(line: &CommandLine, invocation: &Invocation) -> String {
    let words: Vec<String> = line.words.iter().map(|word| quoted(word)).collect();
    let reason = if line.takes_reason { " --reason '…'" } else { "" };
    invocation.command(&format!("{}{reason}", words.join(" ")))
}

/// The advice after a problem.
pub(super) fn after(problem: &Problem, context: &Context) -> Next {
    let call = |command: &str| context.invocation.command(command);
    let next = match problem {
        Problem::Migrate(error) => return Next::of_library(error.advice(), context),
        problem => Next::of(problem.advice(), context),
    };
    match problem {
        Problem::Rebuilding { again, .. } | Problem::Seed { again, .. } => {
            next.or(call(again), "drops and rebuilds it again")
        }
        Problem::NotDevelopment { database } => next
            .or(call("reset --mark-development"), "marks it, and drops nothing")
            .or(call(&format!("reset --confirm {}", quoted(database))), "drops and rebuilds it once"),
        Problem::Dev(problem) => {
            problem.commands().into_iter().fold(next, |next, (command, does)| next.or(call(&command), does))
        }
        Problem::Interrupted(_) => next.or(call("status"), "shows the state of each migration"),
        Problem::Refuted(_) => next.or(call("verify"), "checks again"),
        Problem::Folder(FolderError::NotFound { .. }) => {
            let folder = context.folder.as_deref().unwrap_or(Path::new("migrations"));
            Next::advice(format!("name the folder with --folder, or create `{}`", folder.display()))
                .or(call("new create_users"), "creates it with a first migration")
        }
        Problem::Folder(FolderError::Problems { problems, .. }) => {
            let next = next.or(call("check"), "checks again");
            let twice =
                problems.iter().find(|problem| matches!(problem.kind, ProblemKind::DuplicateVersion { .. }));
            let name = twice.and_then(|problem| migration_of(Path::new(&problem.path)));
            name.into_iter().fold(next, |next, name| {
                next.or(call(&format!("renumber {}", quoted(&name))), "gives it the next version")
            })
        }
        _ => next,
    }
}

/// The number of statements in the up script of a migration, or in its down script while it is `reverting`.
/// None if the set has no such script: the history stores it.
pub(super) fn statements_of(context: &Context, version: &str, reverting: bool) -> Option<usize> {
    let migration = context.migrator.set().find(&context.migrator.version(version))?;
    let payload = if reverting { migration.down()? } else { migration.up() };
    Some(payload.statement_count())
}

/// The advice after a migration was settled, which may have been half reverted.
pub(super) fn after_resolve(resolution: Resolution, reverting: bool, invocation: &Invocation) -> Next {
    match resolution {
        Resolution::ResumeAt(_) => {
            let again = if reverting { "down" } else { "up" };
            Next::default().or(invocation.command(again), "resumes there")
        }
        _ => Next::default().or(invocation.command("status"), "shows the state of each migration"),
    }
}

#[cfg(test)]
mod tests;
