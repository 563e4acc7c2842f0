//! The command lines for a step of advice.

use super::next_step::has_more;
use super::{Again, Call, NextStep, Setting};

/// A command line, without the program and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandLine {
    /// The command and its arguments, unquoted.
    pub words: Vec<String>,
    /// True if it accepts a reason, which only the user knows.
    pub takes_reason: bool,
    /// True if it needs the files of a folder, which a service does not have.
    pub needs_folder: bool,
    /// The effect, in a few words.
    pub does: &'static str,
}

impl CommandLine {
    fn new<const N: usize>(words: [&str; N], does: &'static str) -> CommandLine {
        let words = words.into_iter().map(str::to_owned).collect();
        CommandLine { words, takes_reason: false, needs_folder: false, does }
    }

    fn with_reason(self) -> CommandLine {
        CommandLine { takes_reason: true, ..self }
    }
}

const SHOWS: &str = "shows the state of each migration";

impl NextStep {
    /// The alternative command lines for this step; empty if commands don't help.
    pub fn commands(&self) -> Vec<CommandLine> {
        match self {
            NextStep::Fix { .. } | NextStep::Wait { .. } | NextStep::RunSql { .. } => Vec::new(),
            NextStep::Again(again) => again.command().into_iter().collect(),
            NextStep::Set { settings, .. } => {
                settings.iter().filter_map(|(setting, _)| setting.command()).collect()
            }
            NextStep::Call { call, .. } => call.commands(),
            NextStep::Rename { name, version, .. } => {
                let mut line = CommandLine::new(
                    ["renumber", name],
                    match version {
                        Some(_) => "restores its version",
                        None => "gives it a version after the later one",
                    },
                );
                line.words.extend(version.clone());
                vec![CommandLine { needs_folder: true, ..line }]
            }
            NextStep::Settle { version, done, statements, reverting, .. } => {
                settling(version, *done, *statements, *reverting)
            }
        }
    }
}

/// The ways to settle a migration with `done` finished statements.
fn settling(version: &str, done: usize, statements: Option<usize>, reverting: bool) -> Vec<CommandLine> {
    let resolve = |option: &str, does| CommandLine::new(["resolve", version, option], does).with_reason();
    let this = resolve(&format!("--resume={}", done + 1), "runs that statement, possibly a second time");
    let next = resolve(&format!("--resume={}", done + 2), "resumes after that statement, which is done");
    let whole = if reverting {
        [
            resolve("--reverted", "records that all of it is reverted"),
            resolve("--applied", "records that it is still applied"),
        ]
    } else {
        [
            resolve("--applied", "records that all of it is done"),
            resolve("--reverted", "records that nothing of it is left"),
        ]
    };
    std::iter::once(this).chain(has_more(done, statements).then_some(next)).chain(whole).collect()
}

impl Again {
    fn command(self) -> Option<CommandLine> {
        match self {
            Again::ThisMigration | Again::ThisStatement | Again::VerifyScript | Again::FindsOut => {
                Some(CommandLine::new(["up"], "continues with it"))
            }
            Again::Revert | Again::RevertStatement | Again::RevertFindsOut => {
                Some(CommandLine::new(["down"], "continues with it"))
            }
            Again::Verify => Some(CommandLine::new(["verify"], "checks again")),
            Again::WhereItStopped | Again::RevertRest => Some(CommandLine::new(["status"], SHOWS)),
            Again::AfterCommitted | Again::Run | Again::Request | Again::Rehearsal => None,
        }
    }
}

impl Setting {
    /// The command most likely used with this setting, for settings without a value.
    fn command(self) -> Option<CommandLine> {
        match self {
            Setting::AllowMissing => {
                Some(CommandLine::new(["up", "--allow-missing"], "continues without its file"))
            }
            Setting::AllowOutOfOrder => {
                Some(CommandLine::new(["up", "--allow-out-of-order"], "applies it after the later one"))
            }
            Setting::IgnoreForeignHistory => Some(CommandLine::new(
                ["status", "--ignore-foreign-history"],
                "uses only this set's own history",
            )),
            Setting::LockWait => Some(CommandLine::new(["status"], SHOWS)),
            Setting::RetryFor
            | Setting::StatementTimeout
            | Setting::MigrationLimit
            | Setting::RunLimit
            | Setting::IncludingMarked
            | Setting::HistorySchema
            | Setting::HistoryTable
            | Setting::AdoptFrom
            | Setting::AdoptTable
            | Setting::ForeignHistory
            | Setting::Scratch
            | Setting::BackupPrograms
            | Setting::SetName
            | Setting::Placeholder
            | Setting::Placeholders
            | Setting::RehearsalLimit => None,
        }
    }
}

impl Call {
    fn commands(&self) -> Vec<CommandLine> {
        let line = match self {
            Call::Run => CommandLine::new(["up"], "applies pending migrations"),
            Call::Down => CommandLine::new(["down", "--dry-run"], "shows what would be reverted"),
            Call::Status => CommandLine::new(["status"], SHOWS),
            Call::History => CommandLine::new(["history"], "shows each run"),
            Call::Verify => CommandLine::new(["verify"], "checks again"),
            Call::Assert => CommandLine::new(["assert"], "checks again"),
            Call::Seed => CommandLine::new(["seed"], "runs the seeds that are left"),
            Call::Accept { name, is_forced: false } => {
                let does = "records its new text, if only comments or formatting changed";
                CommandLine::new(["accept", name], does).with_reason()
            }
            Call::Accept { name, is_forced: true } => {
                CommandLine::new(["accept", name, "--force"], "records its new text anyway").with_reason()
            }
            Call::Applied { migration } => {
                let does = "records that it is applied";
                CommandLine::new(["resolve", migration, "--applied"], does).with_reason()
            }
            Call::Adopt => CommandLine::new(["adopt", "--dry-run"], "shows what would be taken over"),
            Call::Backfill => {
                CommandLine::new(["backfill", "run"], "runs the backfills that are not finished")
            }
            Call::DriftKept => CommandLine::new(["drift", "--kept"], "compares with the recorded schema"),
            Call::RetryBackfill { version } => {
                CommandLine::new(["backfill", "retry", version], "lets it go on where it stopped")
            }
            Call::ResumeBackfill { version } => {
                CommandLine::new(["backfill", "resume", version], "lets it go on after the pause")
            }
            // Only the user knows the version.
            Call::Baseline | Call::WatchFolder => return Vec::new(),
        };
        vec![line]
    }
}
