//! The executor: the one way to the server for the scripts of steps.
//!
//! Steps in transaction blocks go in batches (`batch`), others are committed in parts, each with a checkpoint (`stepwise`), and
//! Rust code is called by itself (`code`). A run
//! records them in the history; a rehearsal, a test's own schema and the replay of a comparison take the same way in another
//! [`Mode`] or look behind statements ([`Inspect`]): what is sent for a script, what the session is before and after it, and what
//! an error of it is called is the same for all of them.

mod assertion;
mod backfill;
mod batch;
pub(crate) mod blockers;
mod carried;
mod claims;
mod code;
mod executor;
mod failure;
mod history_error;
mod limits;
mod message;
mod mode;
mod preamble;
mod recovery;
mod spent;
mod stepwise;
mod truth;
#[cfg(any(feature = "operate", feature = "testing"))]
mod unrecorded;
mod verify;
mod watch;

use crate::history::backfill_table::BackfillTable;
use crate::history::settings::RunSettings;
use crate::history::{HistoryTable, RunIdentity, SessionInfo};
use crate::settings::Inspect;
use crate::sql::transaction::milliseconds;
use futures_util::future::join3;
use migrate_core::Options;
use migrate_core::backfill::BackfillRecord;
use migrate_core::plan::{Action, Step};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

pub(crate) use assertion::check_assertion;
#[cfg(feature = "operate")]
pub(crate) use backfill::large_table;
pub(crate) use backfill::{BegunBackfill, begin_backfill, has_backfill, no_batches};
pub(crate) use batch::apply_transactions;
use batch::around_script;
pub(crate) use blockers::BlockerMonitor;
pub(crate) use claims::check_claim;
pub(crate) use code::apply_code;
pub(crate) use executor::Executor;
pub(crate) use failure::{offset_of, server_failure};
pub(crate) use history_error::is_contention;
pub(crate) use mode::Mode;
#[cfg(feature = "operate")]
pub(crate) use mode::Rehearsed;
pub(crate) use preamble::{Halt, Preamble, RunBookkeeping, is_strange};
pub(crate) use stepwise::apply_statements;
#[cfg(any(feature = "operate", feature = "testing"))]
pub(crate) use unrecorded::apply_unrecorded;
pub(crate) use verify::verify_applied;

/// The connection, the table and the settings with which steps are applied.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    /// The connection that works.
    pub(crate) client: &'c Client,
    /// True while several messages of one flush are unanswered, if steps run statement by statement.
    pub(crate) pipelining: Option<&'c AtomicBool>,
    /// The history's table.
    pub(crate) table: &'c HistoryTable,
    /// The state of the session.
    pub(crate) session_info: &'c SessionInfo,
    /// The settings of the builder.
    pub(crate) settings: &'c RunSettings,
    /// The values that all rows of the run share.
    pub(crate) run: RunIdentity<'c>,
    /// The backfills that were begun.
    pub(crate) backfills: &'c [BackfillRecord],
    /// The queries to send after statements.
    pub(crate) inspect: Option<Inspect>,
}

impl<'c> Context<'c> {
    /// The context of a run that has not begun a backfill.
    pub(crate) fn new(
        client: &'c Client,
        session_info: &'c SessionInfo,
        settings: &'c RunSettings,
        run: RunIdentity<'c>,
    ) -> Context<'c> {
        let table = &session_info.table;
        Context {
            client,
            pipelining: None,
            table,
            session_info,
            settings,
            run,
            backfills: &[],
            inspect: None,
        }
    }
}

impl Context<'_> {
    /// Statements that set the timeouts of a script's statements, for the transaction or for the session.
    ///
    /// A role's or database's own timeouts would apply otherwise; whoever wants them says so in a script's options.
    pub(crate) fn timeouts(&self, options: &Options, local: bool) -> Vec<String> {
        timeouts(self.session_info, self.settings, options, local)
    }

    /// The statements that keep the backfill of a migration in step with it. A revert forgets it: a runner that is
    /// at work on it stops after the batch under way. An accepted text is the one that it goes on with.
    fn keep_backfill(&self, step: &Step<'_>) -> Vec<String> {
        let version = step.version.canonical();
        if !step.changes || !self.backfills.iter().any(|record| record.version == *version) {
            return Vec::new();
        }
        let table = BackfillTable::of(self.table);
        match step.action {
            Action::Revert | Action::Unmark => table.forget(self.run.set, &version).to_vec(),
            Action::Accept => vec![table.accept(self.run.set, &version, step.checksum)],
            _ => Vec::new(),
        }
    }

    /// Tells the session that several messages are not answered yet: it is closed where it is dropped before they are.
    fn mark_pipelining(&self, is_pipelining: bool) {
        if let Some(mark) = self.pipelining {
            mark.store(is_pipelining, Ordering::Relaxed);
        }
    }

    /// Asks a query of ours under no timeout of the session's.
    async fn ask(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        self.session_info.ask(self.client, sql, parameters).await
    }

    /// Runs a statement of ours that a transaction would refuse. Where the session has timeouts, what turns them off and what restores
    /// them are messages of their own, in one flush: so that a transaction pooler keeps them together.
    async fn run_alone(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        if !self.session_info.timeouts.are_on {
            return self.client.batch_execute(sql).await;
        }
        let mut options = Options::NONE;
        options.lock_timeout = Some(Duration::ZERO);
        let (enter, leave) =
            (self.timeouts(&options, false).join("; "), self.session_info.between_scripts().join("; "));
        self.mark_pipelining(true);
        let (entered, done, left) = join3(
            self.client.batch_execute(&enter),
            self.client.batch_execute(sql),
            self.client.batch_execute(&leave),
        )
        .await;
        self.mark_pipelining(false);
        done?;
        entered?;
        left
    }
}

/// The same, where there is no run.
pub(crate) fn timeouts(
    session_info: &SessionInfo,
    settings: &RunSettings,
    options: &Options,
    local: bool,
) -> Vec<String> {
    let lock = options.lock_timeout.unwrap_or(settings.lock_timeout);
    let statement = options.statement_timeout.unwrap_or(settings.statement_timeout);
    let mut timeouts = vec![
        ("lock_timeout", lock),
        ("statement_timeout", statement),
        ("idle_in_transaction_session_timeout", Duration::ZERO),
    ];
    if session_info.server_version >= 170_000 {
        timeouts.push(("transaction_timeout", Duration::ZERO));
    }
    if session_info.server_version >= 140_000 && session_info.checks_client {
        // Without it the server works on, and holds its locks, for a pod that was killed.
        timeouts.push(("client_connection_check_interval", Duration::from_secs(1)));
    }
    let set = if local { "SET LOCAL" } else { "SET" };
    // Not one SELECT of `set_config`s: the server would plan it, for longer than all of these take.
    let is_off = |name: &str| local && session_info.off.iter().any(|off| off == name);
    let needed = timeouts.into_iter().filter(|(name, value)| !(value.is_zero() && is_off(name)));
    needed.map(|(name, value)| format!("{set} {name} = {}", milliseconds(value))).collect()
}
