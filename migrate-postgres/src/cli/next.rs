//! The advice after a command: in words, and as exact command lines.

use super::context::Context;
use super::invocation::{Invocation, quoted};
use super::problem::Problem;
use super::standalone::{migration_of, version_of};
use crate::error::Error;
use crate::{Action, Refused, Resolution};
use migrate_core::engine::error::{Failure, Left};
use migrate_core::{FolderError, Migration, ProblemKind, Version};
use std::path::Path;

/// Advice on what to do next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    /// In words.
    pub(super) advice: Option<String>,
    /// Command lines to choose from, each with its effect.
    pub(super) commands: Vec<(String, &'static str)>,
}

impl Next {
    pub(super) fn advice(advice: impl Into<String>) -> Next {
        Next { advice: Some(advice.into()), commands: Vec::new() }
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

/// The advice after a problem.
pub(super) fn after(problem: &Problem, context: &Context) -> Next {
    let (_, told) = problem.told();
    let next = Next { advice: told, commands: Vec::new() };
    let call = |command: &str| context.invocation.command(command);
    match problem {
        Problem::Migrate(error) => after_error(error, next, context),
        Problem::NotDevelopment { database } => next
            .or(call("reset --mark-development"), "marks it, and drops nothing")
            .or(call(&format!("reset --confirm {}", quoted(database))), "drops and rebuilds it once"),
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

fn after_error(error: &Error, next: Next, context: &Context) -> Next {
    let call = |command: &str| context.invocation.command(command);
    match error {
        Error::Failed(failure) => after_failure(failure, next, &context.invocation),
        Error::Refused(Refused::Interrupted { version, statements_done, .. }) => {
            let statements = statements_of(context, version);
            next.resolving(&context.invocation, version, *statements_done, statements)
        }
        Error::Refused(Refused::UnknownVersion { .. }) | Error::LockWait { .. } | Error::LockLost { .. } => {
            next.or(call("status"), "shows the state of each migration")
        }
        Error::Refused(
            Refused::UnknownRun { .. } | Refused::RunBeneath { .. } | Refused::MarkedRun { .. },
        ) => next.or(call("history"), "shows each run"),
        Error::Refused(Refused::RowsLost { lost }) if !lost.names.is_empty() => next.or(
            call(&format!("resolve {} --applied --reason '…'", quoted(&lost.names[0]))),
            "records that it is applied",
        ),
        Error::ForeignHistory { .. } => next
            .or(call("adopt --dry-run"), "shows what would be taken over")
            .or(call("status --ignore-foreign-history"), "uses this set's own history alone"),
        Error::Refused(Refused::OutOfOrder { name, applied_as: None, .. }) => {
            let next = next.or(call("up --allow-out-of-order"), "applies it after the later one");
            renumbering(next, name, None, context)
        }
        Error::Refused(
            Refused::OutOfOrder { name: other, applied_as: Some(applied), .. }
            | Refused::Missing { renumbered: Some(other), name: applied, .. },
        ) => renumbering(next, other, Some(applied), context),
        Error::Refused(Refused::Edited { name, .. }) => next.or(
            call(&format!("accept {} --reason '…'", quoted(name))),
            "records its new text, if only the writing differs",
        ),
        Error::Refused(Refused::OtherStatements { name, .. }) => next.or(
            call(&format!("accept {} --force --reason '…'", quoted(name))),
            "records its new text anyway",
        ),
        Error::Refused(Refused::Missing { renumbered: None, .. }) => {
            next.or(call("up --allow-missing"), "continues without its file")
        }
        _ => next,
    }
}

/// How to renumber a migration: to the version that it was applied with, or to the next one. A service has no files to rename.
fn renumbering(next: Next, name: &str, applied: Option<&str>, context: &Context) -> Next {
    if context.folder.is_none() {
        return next;
    }
    let version =
        applied.and_then(version_of).map_or_else(String::new, |version| format!(" {}", quoted(version)));
    let command = context.invocation.command(&format!("renumber {}{version}", quoted(name)));
    let what =
        if applied.is_some() { "restores its version" } else { "gives it a version after the later one" };
    next.or(command, what)
}

fn after_failure(failure: &Failure, next: Next, invocation: &Invocation) -> Next {
    if let Left::InDoubt { done, total } = failure.left {
        return Next::advice(format!(
            "check whether statement {} took effect, and settle {} accordingly",
            done + 1,
            failure.name
        ))
        .resolving(invocation, &failure.version, done, Some(total));
    }
    match failure.action {
        Action::Revert => next.or(invocation.command("down"), "continues with it"),
        _ => next.or(invocation.command("up"), "continues with it"),
    }
}

impl Next {
    /// The ways to settle an interrupted migration, `done` of whose statements are done.
    pub(super) fn resolving(
        self,
        invocation: &Invocation,
        version: &Version,
        done: usize,
        statements: Option<usize>,
    ) -> Next {
        let resolve = |what: &str| {
            let version = quoted(version.as_written());
            invocation.command(&format!("resolve {version} {what} --reason '…'"))
        };
        let next = self.or(resolve(&format!("--resume={}", done + 1)), "runs that statement (again)");
        let next = match statements {
            Some(statements) if done + 1 >= statements => next,
            _ => next
                .or(resolve(&format!("--resume={}", done + 2)), "that statement is done: resumes after it"),
        };
        next.or(resolve("--applied"), "the whole migration is done")
            .or(resolve("--reverted"), "nothing of it is left")
    }
}

/// The number of statements in the up script of a migration.
pub(super) fn statements_of(context: &Context, version: &Version) -> Option<usize> {
    let migration = context.migrator.set().find(version)?;
    migrate_core::plan::Step::apply(migration as &dyn Migration).script().map(|s| s.statements().len())
}

/// The advice after a migration was settled.
pub(super) fn after_resolve(resolution: Resolution, invocation: &Invocation) -> Next {
    match resolution {
        Resolution::ResumeAt(_) => Next::default().or(invocation.command("up"), "resumes there"),
        _ => Next::default().or(invocation.command("status"), "shows the state of each migration"),
    }
}
