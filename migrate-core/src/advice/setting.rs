//! The settings that advice names: as a call of the builder, and as an option.

use super::Words;

/// A setting named in advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Setting {
    /// The time to wait for another run.
    LockWait,
    /// The time for retrying a migration that hits lock timeouts.
    RetryFor,
    /// The limit of a statement.
    StatementTimeout,
    /// The limit of a migration.
    MigrationLimit,
    /// The limit of a run.
    RunLimit,
    /// The policy that applied migrations may be missing from the set.
    AllowMissing,
    /// The policy that pending migrations may come before applied ones.
    AllowOutOfOrder,
    /// The request to revert migrations that were marked as applied.
    IncludingMarked,
    /// The claim that another tool's table belongs to another set.
    IgnoreForeignHistory,
    /// The schema of the history.
    HistorySchema,
    /// The table of the history.
    HistoryTable,
    /// The tool whose history is adopted.
    AdoptFrom,
    /// The table of that tool.
    AdoptTable,
    /// The tool whose table is kept as the history.
    ForeignHistory,
    /// The scratch database for a comparison.
    Scratch,
    /// The directory of `pg_dump`.
    BackupPrograms,
    /// The name of the set.
    SetName,
    /// The value of a placeholder.
    Placeholder,
    /// The placeholders that the set declares.
    Placeholders,
    /// The limit of a rehearsal.
    RehearsalLimit,
}

impl Setting {
    /// All settings.
    pub const ALL: [Setting; 20] = [
        Setting::LockWait,
        Setting::RetryFor,
        Setting::StatementTimeout,
        Setting::MigrationLimit,
        Setting::RunLimit,
        Setting::AllowMissing,
        Setting::AllowOutOfOrder,
        Setting::IncludingMarked,
        Setting::IgnoreForeignHistory,
        Setting::HistorySchema,
        Setting::HistoryTable,
        Setting::AdoptFrom,
        Setting::AdoptTable,
        Setting::ForeignHistory,
        Setting::Scratch,
        Setting::BackupPrograms,
        Setting::SetName,
        Setting::Placeholder,
        Setting::Placeholders,
        Setting::RehearsalLimit,
    ];

    /// The identifier for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Setting::LockWait => "lock_wait",
            Setting::RetryFor => "retry_for",
            Setting::StatementTimeout => "statement_timeout",
            Setting::MigrationLimit => "migration_limit",
            Setting::RunLimit => "run_limit",
            Setting::AllowMissing => "allow_missing",
            Setting::AllowOutOfOrder => "allow_out_of_order",
            Setting::IncludingMarked => "including_marked",
            Setting::IgnoreForeignHistory => "ignore_foreign_history",
            Setting::HistorySchema => "history_schema",
            Setting::HistoryTable => "history_table",
            Setting::AdoptFrom => "adopt_from",
            Setting::AdoptTable => "adopt_table",
            Setting::ForeignHistory => "foreign_history",
            Setting::Scratch => "scratch",
            Setting::BackupPrograms => "backup_programs",
            Setting::SetName => "set",
            Setting::Placeholder => "placeholder",
            Setting::Placeholders => "placeholders",
            Setting::RehearsalLimit => "rehearsal_limit",
        }
    }

    /// The setting in Rust, with its value if known.
    pub fn in_rust(self, value: Option<&str>) -> String {
        let call = |name: &str| match value {
            Some(value) => format!("{name}({value:?})"),
            None => name.to_owned(),
        };
        match self {
            Setting::LockWait
            | Setting::RetryFor
            | Setting::StatementTimeout
            | Setting::MigrationLimit
            | Setting::RunLimit
            | Setting::AllowMissing
            | Setting::AllowOutOfOrder
            | Setting::IgnoreForeignHistory
            | Setting::HistorySchema
            | Setting::HistoryTable
            | Setting::ForeignHistory => call(self.word()),
            Setting::AdoptTable => "ToolTable::table".to_owned(),
            Setting::AdoptFrom => match value {
                Some(tool) => format!("adopt_from(tools::{}())", tool.replace('-', "_")),
                None => "adopt_from".to_owned(),
            },
            Setting::IncludingMarked => "Down::including_marked".to_owned(),
            Setting::Scratch => "Comparison::scratch".to_owned(),
            Setting::BackupPrograms => "Backups::programs".to_owned(),
            Setting::SetName => "migrate!(…, set = \"…\")".to_owned(),
            Setting::Placeholder => match value {
                Some(name) => format!(".placeholder({name:?}, Value::Identifier(…))"),
                None => "placeholder".to_owned(),
            },
            Setting::Placeholders => "migrate!(…, placeholders = [\"…\"])".to_owned(),
            Setting::RehearsalLimit => "rehearse".to_owned(),
        }
    }

    /// True if a service chooses it in its code, so that its command line has no option for it.
    pub fn is_in_code(self) -> bool {
        match self {
            Setting::HistorySchema | Setting::HistoryTable | Setting::SetName | Setting::Placeholders => true,
            Setting::LockWait
            | Setting::RetryFor
            | Setting::StatementTimeout
            | Setting::MigrationLimit
            | Setting::RunLimit
            | Setting::AllowMissing
            | Setting::AllowOutOfOrder
            | Setting::IncludingMarked
            | Setting::IgnoreForeignHistory
            | Setting::AdoptFrom
            | Setting::AdoptTable
            | Setting::ForeignHistory
            | Setting::Scratch
            | Setting::BackupPrograms
            | Setting::Placeholder
            | Setting::RehearsalLimit => false,
        }
    }

    /// The setting in the words of a reader, with its value if known.
    pub(super) fn text(self, value: Option<&str>, words: Words) -> String {
        match words {
            Words::Library => self.in_rust(value),
            Words::Service if self.is_in_code() => self.in_rust(value),
            Words::Service | Words::CommandLine => self.at_command_line(value),
        }
    }

    /// The option of the command line.
    pub fn option(self) -> &'static str {
        match self {
            Setting::LockWait => "--lock-wait",
            Setting::RetryFor => "--retry-for",
            Setting::StatementTimeout => "--statement-timeout",
            Setting::MigrationLimit => "--migration-limit",
            Setting::RunLimit => "--run-limit",
            Setting::AllowMissing => "--allow-missing",
            Setting::AllowOutOfOrder => "--allow-out-of-order",
            Setting::IncludingMarked => "--including-marked",
            Setting::IgnoreForeignHistory => "--ignore-foreign-history",
            Setting::HistorySchema => "--history-schema",
            Setting::HistoryTable => "--history-table",
            Setting::AdoptFrom => "--from",
            Setting::AdoptTable => "--table",
            Setting::ForeignHistory => "--history",
            Setting::Scratch => "--scratch",
            Setting::BackupPrograms => "--pg-bin",
            Setting::SetName => "--set",
            Setting::Placeholder | Setting::Placeholders => "--placeholder",
            Setting::RehearsalLimit => "--limit",
        }
    }

    /// The option, with its value if known.
    fn at_command_line(self, value: Option<&str>) -> String {
        match (self, value) {
            (Setting::Placeholder | Setting::Placeholders, Some(name)) => format!("--placeholder {name}=…"),
            (Setting::AdoptFrom, Some(tool)) => format!("--from {tool}"),
            (_, Some(value)) => format!("{} {value}", self.option()),
            (_, None) => self.option().to_owned(),
        }
    }
}
