//! The orders of an operator, from any machine: each changes the backfill's row, waits for the batch under way, and
//! takes effect before the next one.

use crate::connection::protect;
use crate::connection::session::Session;
use crate::error::Error;
use crate::history::SessionInfo;
use crate::history::backfill_table::BackfillTable;
use crate::history::settings::RunSettings;
use crate::sql::quote::quote_nullable;
use migrate_core::Set;
use migrate_core::backfill::BackfillRecord;
use std::num::NonZeroU32;

/// An order to a backfill, wherever it runs: see [`Migrator::steer_backfill`](crate::Migrator::steer_backfill).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BackfillAction {
    /// Pause it.
    Pause {
        /// The reason, for others to see.
        reason: Option<String>,
    },
    /// Go on after a pause.
    Resume,
    /// End it; what is filled stays.
    Cancel {
        /// The reason, for others to see.
        reason: Option<String>,
    },
    /// Do no more than so many rows per second; `None` is no limit.
    Rate(Option<NonZeroU32>),
    /// Go on after an error or a cancellation, and try the rows again that were set aside.
    Retry,
}

impl BackfillAction {
    /// The action as a participle.
    fn past(&self) -> &'static str {
        match self {
            BackfillAction::Pause { .. } => "paused",
            BackfillAction::Resume => "resumed",
            BackfillAction::Cancel { .. } => "canceled",
            BackfillAction::Rate(_) => "given another rate",
            BackfillAction::Retry => "retried",
        }
    }

    /// The statements, of which the last returns a row if the backfill was in a state for it.
    fn sql(&self, table: &BackfillTable, is: &str) -> String {
        let (backfills, quarantine) = (table.sql(), table.quarantine());
        match self {
            BackfillAction::Pause { reason } => format!(
                "UPDATE {backfills} SET state = 'paused', reason = {} WHERE {is} AND state = 'running' RETURNING 1",
                quote_nullable(reason.as_deref())
            ),
            BackfillAction::Resume => format!(
                "UPDATE {backfills} SET state = 'running', reason = NULL WHERE {is} AND state = 'paused' RETURNING 1"
            ),
            BackfillAction::Cancel { reason } => format!(
                "UPDATE {backfills} SET state = 'cancelled', reason = {}, worker = NULL, worker_until = NULL, \
                 done_at = pg_catalog.clock_timestamp() WHERE {is} AND state IN ('running', 'paused', 'stopped') RETURNING 1",
                quote_nullable(reason.as_deref())
            ),
            BackfillAction::Rate(rate) => format!(
                "UPDATE {backfills} SET rate = {} WHERE {is} AND state IN ('running', 'paused', 'stopped') RETURNING 1",
                rate.map_or_else(|| "NULL".to_owned(), |rate| rate.to_string())
            ),
            // By position, a row that was set aside is found by another sweep.
            BackfillAction::Retry => format!(
                "WITH b AS (UPDATE {backfills} SET state = CASE state WHEN 'paused' THEN 'paused' ELSE 'running' END, error = NULL, \
                 done_at = NULL, \"cursor\" = CASE WHEN key_columns = '{{}}' AND quarantined > 0 THEN NULL ELSE \"cursor\" END, \
                 quarantined = CASE WHEN key_columns = '{{}}' THEN 0 ELSE quarantined END WHERE {is} \
                 AND (state IN ('stopped', 'cancelled') OR quarantined > 0) RETURNING key_columns), \
                 again AS (UPDATE {quarantine} SET retry = true WHERE {is} AND (SELECT key_columns <> '{{}}' FROM b)), \
                 gone AS (DELETE FROM {quarantine} WHERE {is} AND (SELECT key_columns = '{{}}' FROM b)) SELECT 1 FROM b"
            ),
        }
    }
}

/// Gives an order, and returns the backfill after it.
pub(crate) async fn steer(
    session: &Session<'_>,
    set: &Set,
    settings: &RunSettings,
    version: &str,
    action: &BackfillAction,
) -> Result<BackfillRecord, Error> {
    let unfit = |state| Error::BackfillUnfit { version: version.to_owned(), state, action: action.past() };
    let session_info = SessionInfo::take(session, settings).await?;
    let table = BackfillTable::of(&session_info.table);
    let of_version =
        |records: Vec<BackfillRecord>| records.into_iter().find(|record| record.version == version);
    let before = of_version(table.read(session, &session_info, set.name()).await?);
    let Some(record) = before else { return Err(unfit(None)) };
    let sql = action.sql(&table, &table.is(set.name(), version));
    let rows =
        protect::ask(session, &sql).await.map_err(|error| table.error("ordering a backfill", error))?;
    let after = of_version(table.read(session, &session_info, set.name()).await?).unwrap_or(record);
    if rows.is_empty() { Err(unfit(Some(after.state))) } else { Ok(after) }
}
