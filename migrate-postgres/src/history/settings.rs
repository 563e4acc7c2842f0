//! The settings that a builder's calls result in.

#[cfg(feature = "histories")]
use crate::history::checkpoint_table;
use crate::history::{ForeignWriter, HistoryTable, Relation};
use crate::settings::{BackfillSettings, CodeValues, Inspect, LockKind, SetSettings};
use migrate_core::engine::Settings;
use migrate_core::lint::Risk;
use migrate_core::plan::Policies;
use std::borrow::Cow;
use std::time::Duration;

/// The settings of a migrator's runs.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    /// The waits of a run, and its policies.
    pub(crate) engine: Settings,
    /// The schema of the history's table; by default the first of the search path.
    pub(crate) history_schema: Option<Cow<'static, str>>,
    /// The name of the history's table.
    pub(crate) history_table: Cow<'static, str>,
    /// True if another tool's table is assumed to list another set's migrations.
    pub(crate) ignores_foreign: bool,
    /// The kind of lock; by default the one that the target allows.
    pub(crate) lock: Option<LockKind>,
    /// The longest wait of a migration's statement for a lock on a table; zero is forever.
    pub(crate) lock_timeout: Duration,
    /// The longest duration of a migration's statement; zero is forever.
    pub(crate) statement_timeout: Duration,
    /// When the migration runs a backfill as a whole, and how long a run works on one.
    pub(crate) backfills: BackfillSettings,
    /// The risk from which on a pending migration is refused.
    pub(crate) refuses: Option<Risk>,
    /// The findings that the project's configuration accepts: the migration, the rule, the reason.
    pub(crate) approvals: &'static [(&'static str, &'static str, &'static str)],
    /// True if a run that changed something is followed by the set's assertions.
    pub(crate) asserts: bool,
    /// The environment whose seeds run, beside those of all environments.
    pub(crate) environment: Option<Cow<'static, str>>,
    /// True if a test's template is seeded.
    #[cfg(feature = "testing")]
    pub(crate) seeds_tests: bool,
    /// True if seeds run although their text is that of the last time.
    pub(crate) seeds_again: bool,
    /// The query to run after statements when migrations are replayed.
    pub(crate) inspect: Option<Inspect>,
    /// The id of the run, if the run does not choose it.
    pub(crate) run: Option<String>,
    /// The migrating program's name and version.
    pub(crate) program: Cow<'static, str>,
    /// The values that the program passes to migrations in Rust.
    pub(crate) values: CodeValues,
    /// True if the spans of statements include their text.
    #[cfg(feature = "tracing")]
    pub(crate) traces_text: bool,
    /// The destination of the dump that is made before anything is applied.
    #[cfg(feature = "operate")]
    pub(crate) backups: Option<crate::settings::Backups>,
    /// True if the schema is stored after a run.
    #[cfg(feature = "catalog")]
    pub(crate) keeps_schema: bool,
    /// The other tool's history to adopt, if there is none of ours.
    #[cfg(feature = "histories")]
    pub(crate) adopting: Option<crate::history::foreign::Adopting>,
    /// The other tool's table that is the history; its name and schema are those of the history.
    #[cfg(feature = "histories")]
    pub(crate) keeping: Option<crate::history::foreign::ForeignTable>,
}

impl RunSettings {
    pub(crate) const DEFAULT: RunSettings = RunSettings::of_set(SetSettings::DEFAULT);

    /// The settings given with a set, and the defaults of the others.
    pub(crate) const fn of_set(chosen: SetSettings) -> RunSettings {
        let SetSettings { allow_out_of_order, allow_ahead, allow_missing, .. } = chosen;
        RunSettings {
            engine: Settings {
                policies: Policies { allow_out_of_order, allow_ahead, allow_missing, ..Policies::DEFAULT },
                ..Settings::DEFAULT
            },
            history_schema: match chosen.history_schema {
                Some(schema) => Some(Cow::Borrowed(schema)),
                None => None,
            },
            history_table: Cow::Borrowed(chosen.history_table),
            ignores_foreign: chosen.ignore_foreign_history,
            lock: None,
            lock_timeout: match chosen.lock_timeout {
                Some(timeout) => timeout,
                None => Duration::ZERO,
            },
            statement_timeout: match chosen.statement_timeout {
                Some(timeout) => timeout,
                None => Duration::ZERO,
            },
            backfills: BackfillSettings::DEFAULT,
            refuses: None,
            approvals: chosen.approvals,
            asserts: false,
            environment: None,
            #[cfg(feature = "testing")]
            seeds_tests: false,
            seeds_again: false,
            inspect: None,
            run: None,
            program: Cow::Borrowed(chosen.program),
            values: CodeValues::NONE,
            #[cfg(feature = "tracing")]
            traces_text: false,
            #[cfg(feature = "operate")]
            backups: None,
            #[cfg(feature = "catalog")]
            keeps_schema: false,
            #[cfg(feature = "histories")]
            adopting: None,
            #[cfg(feature = "histories")]
            keeping: None,
        }
    }

    /// The history's table, if its schema is given.
    pub(crate) fn table(&self) -> Option<HistoryTable> {
        self.history_schema.as_ref().map(|schema| self.table_in(schema))
    }

    /// The history's table as it is looked up: in its schema, or where the search path finds it.
    pub(crate) fn relation(&self) -> Relation {
        Relation::new(self.history_schema.as_deref(), &self.history_table)
    }

    /// The checkpoint table beside it, in the same way, as SQL.
    #[cfg(feature = "histories")]
    pub(crate) fn checkpoint_relation(&self) -> String {
        Relation::new(self.history_schema.as_deref(), &checkpoint_table::name(&self.history_table)).sql
    }

    /// The history's table for messages: with its schema if that is given.
    pub(crate) fn shown_table(&self) -> String {
        self.table().map_or_else(|| self.history_table.to_string(), |table| table.shown())
    }

    /// The history's table in a schema.
    pub(crate) fn table_in(&self, schema: &str) -> HistoryTable {
        HistoryTable::new(schema, &self.history_table).kept(self.keeps())
    }

    /// The writer of the history, if it is another tool's table.
    pub(crate) fn keeps(&self) -> Option<&'static dyn ForeignWriter> {
        #[cfg(feature = "histories")]
        if let Some(kept) = &self.keeping {
            return Some(kept.keeps());
        }
        None
    }
}
