//! One step of advice, in Rust and at the command line.

use super::{Call, Setting, Words};
use crate::display::printable::Printable;
use std::borrow::Cow;
use std::fmt;

/// A step of advice, with its values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Fix something outside of this library: a script, the data, the server. The clause suits every reader.
    #[non_exhaustive]
    Fix {
        /// The clause.
        what: Cow<'static, str>,
    },
    /// Wait for something.
    #[non_exhaustive]
    Wait {
        /// The clause.
        what: Cow<'static, str>,
    },
    /// Run a statement.
    #[non_exhaustive]
    RunSql {
        /// The statement, without a semicolon.
        sql: String,
        /// The effect, as an imperative clause, if the statement does not make it obvious.
        what: Option<Cow<'static, str>>,
    },
    /// Repeat the failed action.
    Again(Again),
    /// Change settings.
    #[non_exhaustive]
    Set {
        /// The settings, each with its value if known.
        settings: Vec<(Setting, Option<String>)>,
        /// The effect, as an imperative clause.
        what: Cow<'static, str>,
    },
    /// Make a call, or run a command.
    #[non_exhaustive]
    Call {
        /// The call.
        call: Call,
        /// The effect, as an imperative clause.
        what: Cow<'static, str>,
    },
    /// Rename the files of a migration to give it another version.
    #[non_exhaustive]
    Rename {
        /// The migration's name.
        name: String,
        /// The new version; `None` for the next free one.
        version: Option<String>,
        /// The effect, as an imperative clause.
        what: Cow<'static, str>,
    },
    /// Settle a migration that stopped between two statements.
    #[non_exhaustive]
    Settle {
        /// The migration's version.
        version: String,
        /// The migration's name.
        name: String,
        /// The number of statements that are certainly done.
        done: usize,
        /// The number of its statements, if known.
        statements: Option<usize>,
        /// True if this is the only way: only an operator can determine whether the next statement is done.
        is_in_doubt: bool,
        /// True if it was being reverted: the statements are those of its down script.
        reverting: bool,
    },
}

/// The repetition of a failed action, by its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Again {
    /// The run continues with the migration that failed.
    ThisMigration,
    /// The run resumes at the statement that failed.
    ThisStatement,
    /// The run continues with the verify script of the migration.
    VerifyScript,
    /// The run determines what an interrupted statement did, and continues.
    FindsOut,
    /// The next run continues where this one stopped.
    WhereItStopped,
    /// Committed migrations stay, and the run continues after them.
    AfterCommitted,
    /// A run.
    Run,
    /// A revert, which continues with the migration that failed.
    Revert,
    /// A revert, which resumes at the statement that failed.
    RevertStatement,
    /// A revert, which determines what an interrupted statement did, and continues.
    RevertFindsOut,
    /// A revert of the migrations that are left: the same request would count the reverted ones again.
    RevertRest,
    /// The same request: it records a decision, and runs no script.
    Request,
    /// The verify scripts.
    Verify,
    /// A rehearsal.
    Rehearsal,
}

impl Again {
    /// The identifier for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Again::ThisMigration => "this_migration",
            Again::ThisStatement => "this_statement",
            Again::VerifyScript => "verify_script",
            Again::FindsOut => "finds_out",
            Again::WhereItStopped => "where_it_stopped",
            Again::AfterCommitted => "after_committed",
            Again::Run => "run",
            Again::Revert => "revert",
            Again::RevertStatement => "revert_statement",
            Again::RevertFindsOut => "revert_finds_out",
            Again::RevertRest => "revert_rest",
            Again::Request => "request",
            Again::Verify => "verify",
            Again::Rehearsal => "rehearsal",
        }
    }

    fn clause(self) -> &'static str {
        match self {
            Again::ThisMigration => "run again; the run continues with this migration",
            Again::ThisStatement => "run again; the run resumes at this statement",
            Again::VerifyScript => "run again; the run continues with its verify script",
            Again::FindsOut => "run again; the run finds out what the statement did, and continues",
            Again::WhereItStopped => "run again; the next run continues where this one stopped",
            Again::AfterCommitted => "run again; the run continues after the committed migrations",
            Again::Run => "run again",
            Again::Revert => "revert again; it continues with this migration",
            Again::RevertStatement => "revert again; it resumes at this statement",
            Again::RevertFindsOut => "revert again; it finds out what the statement did, and continues",
            Again::RevertRest => "revert the migrations that are left",
            Again::Request => "repeat the request",
            Again::Verify => "verify again",
            Again::Rehearsal => "rehearse again",
        }
    }
}

/// A value in a step, for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepValue {
    /// An optional text.
    Text(Option<String>),
    /// An optional number.
    Number(Option<usize>),
    /// True or false.
    Flag(bool),
    /// Settings, each with its value if known.
    Settings(Vec<(Setting, Option<String>)>),
}

impl NextStep {
    /// Creates advice to fix something outside of this library.
    pub fn fix(what: impl Into<Cow<'static, str>>) -> NextStep {
        NextStep::Fix { what: what.into() }
    }

    /// Creates advice to wait.
    pub fn wait(what: impl Into<Cow<'static, str>>) -> NextStep {
        NextStep::Wait { what: what.into() }
    }

    /// Creates advice to run a statement.
    pub fn sql(sql: impl Into<String>) -> NextStep {
        NextStep::RunSql { sql: sql.into(), what: None }
    }

    /// Creates advice to run a statement, with its effect.
    pub fn sql_to(what: impl Into<Cow<'static, str>>, sql: impl Into<String>) -> NextStep {
        NextStep::RunSql { sql: sql.into(), what: Some(what.into()) }
    }

    /// Creates advice to change a setting.
    pub fn set(setting: Setting, what: impl Into<Cow<'static, str>>) -> NextStep {
        NextStep::settings(vec![(setting, None)], what)
    }

    /// Creates advice to change settings, with their values.
    pub fn settings(
        settings: Vec<(Setting, Option<String>)>,
        what: impl Into<Cow<'static, str>>,
    ) -> NextStep {
        NextStep::Set { settings, what: what.into() }
    }

    /// Creates advice to make a call.
    pub fn call(call: Call, what: impl Into<Cow<'static, str>>) -> NextStep {
        NextStep::Call { call, what: what.into() }
    }

    /// Creates advice to give a migration another version.
    pub fn rename(
        name: impl Into<String>,
        version: Option<String>,
        what: impl Into<Cow<'static, str>>,
    ) -> NextStep {
        NextStep::Rename { name: name.into(), version, what: what.into() }
    }

    /// Creates advice to settle a migration with `done` finished statements.
    pub fn settle(
        version: impl Into<String>,
        name: impl Into<String>,
        done: usize,
        statements: Option<usize>,
    ) -> NextStep {
        let (version, name) = (version.into(), name.into());
        NextStep::Settle { version, name, done, statements, is_in_doubt: false, reverting: false }
    }

    /// Creates advice to settle a migration because only an operator can determine whether the statement
    /// after the first `done` ones was done.
    pub fn settle_in_doubt(
        version: impl Into<String>,
        name: impl Into<String>,
        done: usize,
        statements: Option<usize>,
    ) -> NextStep {
        let (version, name) = (version.into(), name.into());
        NextStep::Settle { version, name, done, statements, is_in_doubt: true, reverting: false }
    }

    /// Sets the direction of the migration to settle: true if it was being reverted.
    #[must_use]
    pub fn while_reverting(mut self, is_revert: bool) -> NextStep {
        if let NextStep::Settle { reverting, .. } = &mut self {
            *reverting = is_revert;
        }
        self
    }

    /// The identifier of the step's kind, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            NextStep::Fix { .. } => "fix",
            NextStep::Wait { .. } => "wait",
            NextStep::RunSql { .. } => "run_sql",
            NextStep::Again(_) => "again",
            NextStep::Set { .. } => "set",
            NextStep::Call { .. } => "call",
            NextStep::Rename { .. } => "rename",
            NextStep::Settle { .. } => "settle",
        }
    }

    /// The named values of the step, for programs.
    pub fn values(&self) -> Vec<(&'static str, StepValue)> {
        let text = |text: &str| StepValue::Text(Some(text.to_owned()));
        match self {
            NextStep::Fix { what } | NextStep::Wait { what } => vec![("what", text(what))],
            NextStep::RunSql { sql, what } => {
                vec![("sql", text(sql)), ("what", StepValue::Text(what.as_deref().map(str::to_owned)))]
            }
            NextStep::Again(again) => vec![("continues_with", text(again.word()))],
            NextStep::Set { settings, what } => {
                vec![("settings", StepValue::Settings(settings.clone())), ("what", text(what))]
            }
            NextStep::Call { call, what } => {
                let mut values = vec![("call", text(call.word())), ("what", text(what))];
                match call {
                    Call::Accept { name, is_forced } => {
                        values.extend([("name", text(name)), ("forced", StepValue::Flag(*is_forced))]);
                    }
                    Call::Applied { migration } => values.push(("migration", text(migration))),
                    Call::RetryBackfill { version } | Call::ResumeBackfill { version } => {
                        values.push(("version", text(version)));
                    }
                    Call::Run
                    | Call::Down
                    | Call::Status
                    | Call::History
                    | Call::Verify
                    | Call::Baseline
                    | Call::Adopt
                    | Call::Backfill
                    | Call::DriftKept
                    | Call::Assert
                    | Call::Seed
                    | Call::WatchFolder => {}
                }
                values
            }
            NextStep::Rename { name, version, what } => {
                vec![
                    ("name", text(name)),
                    ("version", StepValue::Text(version.clone())),
                    ("what", text(what)),
                ]
            }
            NextStep::Settle { version, name, done, statements, is_in_doubt, reverting } => vec![
                ("version", text(version)),
                ("name", text(name)),
                ("done", StepValue::Number(Some(*done))),
                ("statements", StepValue::Number(*statements)),
                ("in_doubt", StepValue::Flag(*is_in_doubt)),
                ("reverting", StepValue::Flag(*reverting)),
            ],
        }
    }

    /// Writes the step as a clause for a reader.
    pub(super) fn write(&self, f: &mut Printable<'_, '_>, words: Words) -> fmt::Result {
        match self {
            NextStep::Fix { what } | NextStep::Wait { what } | NextStep::Rename { what, .. } => {
                f.write_str(what)
            }
            NextStep::RunSql { sql, what: Some(what) } => write!(f, "{what}: {sql}"),
            NextStep::RunSql { sql, what: None } => f.write_str(sql),
            NextStep::Again(again) => f.write_str(again.clause()),
            NextStep::Set { settings, what } => {
                let shown = |(setting, value): &(Setting, Option<String>)| {
                    format!("`{}`", setting.text(value.as_deref(), words))
                };
                let place = match words {
                    Words::Service if settings.iter().any(|(setting, _)| setting.is_in_code()) => {
                        " in the service's code"
                    }
                    _ => "",
                };
                write!(f, "{what} ({}{place})", settings.iter().map(shown).collect::<Vec<_>>().join(" and "))
            }
            NextStep::Call { call, what } => match words {
                Words::Library => write!(f, "{what} (`{}`)", call.in_rust()),
                Words::CommandLine | Words::Service => match call.command() {
                    Some(command) => write!(f, "{what} (`{command}`)"),
                    None => f.write_str(what),
                },
            },
            NextStep::Settle { version, name, done, statements, is_in_doubt: true, reverting } => match words
            {
                Words::Library => {
                    write!(
                        f,
                        "check what the statement did, and call `resolve({version:?}, …)` with \
                         `Resolution::ResumeAt({})` to run it, ",
                        done + 1
                    )?;
                    if has_more(*done, *statements) {
                        write!(f, "`Resolution::ResumeAt({})` to resume after it, ", done + 2)?;
                    }
                    if *reverting {
                        write!(
                            f,
                            "`Resolution::Reverted` if all of {name} is reverted, or `Resolution::Applied` if you have restored it"
                        )
                    } else {
                        write!(
                            f,
                            "`Resolution::Applied` if all of {name} is done, or `Resolution::Reverted` if you have undone it"
                        )
                    }
                }
                Words::CommandLine | Words::Service => {
                    write!(
                        f,
                        "check whether statement {} took effect, and settle {name} accordingly",
                        done + 1
                    )
                }
            },
            NextStep::Settle { name, is_in_doubt: false, .. } => {
                write!(f, "settle {name} by hand (`resolve`)")
            }
        }
    }
}

/// True if a migration has statements after the one that follows the first `done` ones, or may have.
pub(super) fn has_more(done: usize, statements: Option<usize>) -> bool {
    statements.is_none_or(|statements| done + 1 < statements)
}
