//! What a builder's calls amount to.

#[cfg(feature = "histories")]
use crate::history::checkpoint_table;
use crate::history::{ForeignWriter, HistoryTable, Relation};
use crate::settings::{Inspect, LockKind, SetSettings};
use migrate_core::engine::Settings;
use migrate_core::plan::Policies;
use std::borrow::Cow;
use std::time::Duration;

/// The settings of a migrator's runs.
#[derive(Clone, Debug)]
pub(crate) struct RunSettings {
    /// How a run waits and what it puts up with.
    pub(crate) engine: Settings,
    /// The schema of the history's table; the first of the search path when not given.
    pub(crate) history_schema: Option<Cow<'static, str>>,
    /// The name of the history's table.
    pub(crate) history_table: Cow<'static, str>,
    /// Whether what another tool's table lists is taken for another set's.
    pub(crate) ignores_foreign: bool,
    /// How the lock is held; by what the target allows when not given.
    pub(crate) lock: Option<LockKind>,
    /// How long a statement of a migration waits for a lock on a table; zero is for ever.
    pub(crate) lock_timeout: Duration,
    /// How long a statement of a migration may take; zero is for ever.
    pub(crate) statement_timeout: Duration,
    /// What is asked behind statements, where migrations are replayed.
    pub(crate) inspect: Option<Inspect>,
    /// What tells the run from others, where that is not left to the run.
    pub(crate) run: Option<String>,
    /// What is migrating: a program's name and version.
    pub(crate) program: Cow<'static, str>,
    /// Whether the spans of statements have their text.
    #[cfg(feature = "tracing")]
    pub(crate) traces_text: bool,
    /// Where the database is dumped before anything is applied.
    #[cfg(feature = "operate")]
    pub(crate) backups: Option<crate::settings::Backups>,
    /// Whether what the schema is after a run is kept.
    #[cfg(feature = "catalog")]
    pub(crate) keeps_schema: bool,
    /// Which other tool's history is adopted, where there is none of ours.
    #[cfg(feature = "histories")]
    pub(crate) adopting: Option<crate::history::foreign::Adopting>,
    /// Which other tool's table is the history; its name and schema are those of the history.
    #[cfg(feature = "histories")]
    pub(crate) keeping: Option<crate::history::foreign::ForeignTable>,
}

impl RunSettings {
    pub(crate) const DEFAULT: RunSettings = RunSettings::of_set(SetSettings::DEFAULT);

    /// The settings that are given with a set, and the defaults of the others.
    pub(crate) const fn of_set(chosen: SetSettings) -> RunSettings {
        let SetSettings { allow_out_of_order, allow_ahead, allow_missing, .. } = chosen;
        RunSettings {
            engine: Settings {
                policies: Policies { allow_out_of_order, allow_ahead, allow_missing },
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
            inspect: None,
            run: None,
            program: Cow::Borrowed(chosen.program),
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

    /// The history's table, where its schema is given.
    pub(crate) fn table(&self) -> Option<HistoryTable> {
        self.history_schema.as_ref().map(|schema| self.table_in(schema))
    }

    /// The history's table as it is looked up: in its schema, or where the search path finds it.
    pub(crate) fn relation(&self) -> Relation {
        Relation::new(self.history_schema.as_deref(), &self.history_table)
    }

    /// The table of checkpoints beside it, in the same way, as SQL.
    #[cfg(feature = "histories")]
    pub(crate) fn checkpoint_relation(&self) -> String {
        Relation::new(self.history_schema.as_deref(), &checkpoint_table::name(&self.history_table)).sql
    }

    /// The history's table for messages: with its schema where that is given.
    pub(crate) fn shown_table(&self) -> String {
        self.table().map_or_else(|| self.history_table.to_string(), |table| table.shown())
    }

    /// The history's table in a schema.
    pub(crate) fn table_in(&self, schema: &str) -> HistoryTable {
        HistoryTable::new(schema, &self.history_table).kept(self.keeps())
    }

    /// How the history is written, where it is another tool's table.
    pub(crate) fn keeps(&self) -> Option<&'static dyn ForeignWriter> {
        #[cfg(feature = "histories")]
        if let Some(kept) = &self.keeping {
            return Some(kept.keeps());
        }
        None
    }
}
