//! Reading another tool's table that is kept as the history.

use super::find::LocatedTable;
use super::{ForeignTable, read};
use crate::connection::protect::SessionTimeouts;
use crate::error::Error;
use crate::history::settings::RunSettings;
use crate::history::{Attempt, SessionInfo, checkpoint_table};
use migrate_core::Set;
use migrate_core::history::{HistoryHead, HistoryState};
use migrate_core::plan::Refused;
use tokio_postgres::Client;

/// Reads all rows of the history in one query and one round trip. None if the table does not exist.
pub(crate) async fn probe(
    client: &Client,
    settings: &RunSettings,
    kept: &ForeignTable,
    set: &Set,
) -> Result<Option<HistoryHead>, Error> {
    if let Some((name, why)) = kept.misfit(set) {
        return Err(Error::NotForTool { tool: kept.tool(), name, why });
    }
    let there = LocatedTable::named(kept.tool(), settings.shown_table());
    let Some((history, has_checkpoints)) = read::by_path(client, settings, &there).await? else {
        return Ok(None);
    };
    let mut head = history.head(set);
    if has_checkpoints {
        // The boot runs as few queries as possible. A query that a timeout ended is repeated without
        // timeouts.
        let timeouts = SessionTimeouts { are_on: false };
        let interrupted =
            checkpoint_table::interrupted(client, timeouts, &settings.checkpoint_relation(), set).await?;
        head.interrupted = interrupted.map(|interrupted| interrupted.version).or(head.interrupted);
    }
    Ok(Some(head))
}

/// Loads a set's state.
pub(crate) async fn state(
    client: &Client,
    session_info: &SessionInfo,
    kept: &ForeignTable,
    set: &Set,
) -> Result<HistoryState, Error> {
    if !session_info.exists {
        return Ok(HistoryState::EMPTY);
    }
    let table = &session_info.table;
    let there = LocatedTable::in_schema(kept.tool(), table.schema(), table.name());
    let history = read::history(client, session_info.timeouts, &there).await?;
    let state = history.state(set);
    let state = state.map_err(|refused| Error::Refused(Refused::UnusableHistory(refused)))?;
    checkpoint_table::load(client, session_info, set, state).await
}

/// The table's rows as attempts, oldest first.
pub(crate) async fn attempts(
    client: &Client,
    session_info: &SessionInfo,
    kept: &ForeignTable,
    set: &Set,
) -> Result<Vec<Attempt>, Error> {
    let table = &session_info.table;
    let there = LocatedTable::in_schema(kept.tool(), table.schema(), table.name());
    let history = read::history(client, session_info.timeouts, &there).await?;
    let attempt = |(number, found)| Attempt::of_tool(set, kept.tool(), number, found);
    let mut attempts: Vec<Attempt> = (1..).zip(&history.found).map(attempt).collect();
    let state = checkpoint_table::load(client, session_info, set, HistoryState::EMPTY).await?;
    let number = 1 + history.found.len() as i64;
    attempts.extend(state.interrupted.map(|open| Attempt::under_way(set, kept.tool(), number, &open)));
    Ok(attempts)
}
