//! Loading the history's live rows.

use crate::error::Error;
use crate::history::backfill_table::BackfillTable;
use crate::history::foreign::read_beside;
use crate::history::row::HistoryRow;
use crate::history::session_info::SessionInfo;
use crate::history::settings::RunSettings;
use crate::sql::quote::quote_literal;
use futures_util::future::{try_join, try_join4};
use migrate_core::backfill::BackfillRecord;
use migrate_core::history::Notice;
use migrate_core::history::{Applied, HistoryState, Interrupted, Kept, LostRows};
use migrate_core::{Checksum, Digest, Set, Version};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

/// Loads a set's state, and another tool's history if that is to be adopted.
pub(crate) async fn load_all(
    client: &Client,
    session_info: &SessionInfo,
    settings: &RunSettings,
    set: &Set,
) -> Result<HistoryState, Error> {
    #[cfg(feature = "histories")]
    if let Some(kept) = &settings.keeping {
        let state = crate::history::foreign::state(client, session_info, kept, set).await?;
        let backfills = backfills(client, session_info, set).await?;
        return Ok(HistoryState { backfills, ..state });
    }
    let rows =
        if session_info.exists { LiveRows::read(client, session_info, set).await? } else { LiveRows::NONE };
    let loaded = rows.complete(client, session_info, set, &[]).await?;
    add_foreign(client, session_info, settings, set, loaded.state, loaded.is_used).await
}

/// Adds the findings of other histories, if this one is not [used](Loaded::is_used).
///
/// # Errors
///
/// See [`read_beside`].
pub(crate) async fn add_foreign(
    client: &Client,
    session_info: &SessionInfo,
    settings: &RunSettings,
    set: &Set,
    mut state: HistoryState,
    is_used: bool,
) -> Result<HistoryState, Error> {
    if settings.keeps().is_some() || is_used || !may_be_in_other_schema(session_info, settings) {
        return Ok(state);
    }
    #[cfg(feature = "histories")]
    if let Some(adopting) = &settings.adopting
        && let Some(foreign) = crate::history::foreign::find(client, session_info.timeouts, adopting).await?
    {
        return Ok(HistoryState { foreign: Some(foreign), ..state });
    }
    state.notices.extend(read_beside(client, session_info, settings, set).await?);
    Ok(state)
}

/// True if another table may contain the set's migrations.
fn may_be_in_other_schema(session_info: &SessionInfo, settings: &RunSettings) -> bool {
    #[cfg(feature = "histories")]
    if settings.adopting.is_some() {
        return true;
    }
    let _ = settings;
    !session_info.beside.is_empty()
}

/// True if a migration was ever applied, even if all were reverted: then other histories no longer matter.
async fn is_used(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
    state: &HistoryState,
) -> Result<bool, Error> {
    if !state.applied.is_empty() || state.last_row == 0 {
        return Ok(!state.applied.is_empty());
    }
    let rows = session_info.ask(client, &session_info.table.is_used(), &[(&set.name(), Type::TEXT)]).await;
    let rows = rows.map_err(|error| session_info.read_error("reading the history", error))?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// The live rows, before their texts are read.
pub(crate) struct LiveRows {
    state: HistoryState,
    /// The row numbers of the applied migrations.
    numbers: Vec<i64>,
    /// The digest in the last row, if earlier rows are missing.
    end: Option<Vec<u8>>,
}

/// The rows of a set, with the texts stored beside them.
pub(crate) struct Loaded {
    pub(crate) state: HistoryState,
    pub(crate) stored: StoredScripts,
    /// True if a migration was ever applied, even if all were reverted.
    pub(crate) is_used: bool,
}

/// Stored scripts, by row number.
pub(crate) type StoredScripts = BTreeMap<i64, Kept>;

impl LiveRows {
    /// The rows of a database without a history.
    pub(crate) const NONE: LiveRows = LiveRows { state: HistoryState::EMPTY, numbers: Vec::new(), end: None };

    /// Reads the rows in one round trip.
    pub(crate) async fn read(
        client: &Client,
        session_info: &SessionInfo,
        set: &Set,
    ) -> Result<LiveRows, Error> {
        let (shown, name) = (session_info.table.shown(), set.name());
        let (load, last) = (session_info.table.load(), session_info.table.last());
        let (rows, last) = try_join(
            session_info.ask(client, &load, &[(&name, Type::TEXT)]),
            session_info.ask(client, &last, &[(&name, Type::TEXT)]),
        )
        .await
        .map_err(|error| session_info.read_error("loading the history", error))?;
        let mut read = LiveRows::NONE;
        if let Some(last) = last.first() {
            let last = HistoryRow::new(&shown, set, last, 0)?;
            (read.state.last_row, read.state.is_unended) = (last.number(), last.get(1)?);
            if last.get::<i64>(3)? < last.number() {
                read.end = Some(last.get(2)?);
            }
        }
        let mut versions = HashSet::new();
        for row in &rows {
            let row = HistoryRow::new(&shown, set, row, 0)?;
            if let Some((number, applied)) = read_row(set, row, &mut read.state, &mut versions)? {
                read.state.applied.push(applied);
                read.numbers.push(number);
            }
        }
        Ok(read)
    }

    /// The state according to the rows, as far as it is known yet.
    pub(crate) fn state(&self) -> &HistoryState {
        &self.state
    }

    /// Reads the texts that the set lacks, those of `more` rows, the gaps between rows, and whether a
    /// migration was ever applied: in one round trip, or none.
    pub(crate) async fn complete(
        mut self,
        client: &Client,
        session_info: &SessionInfo,
        set: &Set,
        more: &[i64],
    ) -> Result<Loaded, Error> {
        let begun = self.begun(set);
        let wanted: Vec<i64> = self.differing(set).chain(begun).chain(more.iter().copied()).collect();
        let (stored, gaps, is_used, backfills) = try_join4(
            stored(client, session_info, set, &wanted),
            self.gaps(client, session_info, set),
            is_used(client, session_info, set, &self.state),
            backfills(client, session_info, set),
        )
        .await?;
        for (number, applied) in self.numbers.iter().zip(&mut self.state.applied) {
            applied.kept = stored.get(number).cloned();
        }
        if let Some(interrupted) = &mut self.state.interrupted
            && let Some(begun) = begun.and_then(|begun| stored.get(&begun))
        {
            interrupted.begun.clone_from(&begun.up);
        }
        self.state.backfills = backfills;
        self.note_gaps(session_info, set, gaps);
        Ok(Loaded { state: self.state, stored, is_used })
    }

    /// The rows of applied migrations that differ from those of the set, or that the set can't revert.
    fn differing(&self, set: &Set) -> impl Iterator<Item = i64> {
        let differs = move |applied: &Applied| {
            set.find(&applied.version).is_none_or(|m| m.checksum() != applied.checksum || m.down().is_none())
        };
        let rows = self.numbers.iter().zip(&self.state.applied);
        rows.filter(move |(_, applied)| differs(applied)).map(|(number, _)| *number)
    }

    /// The row of an interrupted migration that differs from the one in the set.
    fn begun(&self, set: &Set) -> Option<i64> {
        let interrupted = self.state.interrupted.as_ref()?;
        let migration = set.find(&interrupted.version)?;
        (migration.checksum() != interrupted.checksum).then_some(interrupted.row)
    }

    /// The gaps of missing rows before the last one: the first and the last number of each.
    async fn gaps(
        &self,
        client: &Client,
        session_info: &SessionInfo,
        set: &Set,
    ) -> Result<Vec<(i64, i64)>, Error> {
        if self.end.is_none() {
            return Ok(Vec::new());
        }
        let rows = session_info.ask(client, &session_info.table.gaps(), &[(&set.name(), Type::TEXT)]).await;
        let rows = rows.map_err(|error| session_info.read_error("loading the history", error))?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Records which rows are missing from the middle of the history, and whether they matter: if they do,
    /// the remaining rows don't add up to the digest at the history's end.
    fn note_gaps(&mut self, session_info: &SessionInfo, set: &Set, rows: Vec<(i64, i64)>) {
        let Some(end) = self.end.take() else { return };
        let (table, state) = (session_info.table.shown(), &mut self.state);
        // The migrations that a migration in progress replaces are part of the digest until it ends.
        let end = <[u8; 32]>::try_from(end.as_slice()).ok().map(Digest::from_bytes);
        match end.filter(|end| state.interrupted.is_none() && *end != state.digest()) {
            Some(end) => {
                let lost =
                    LostRows::new(table, rows, remedy(session_info, set, state)).of_set(set, state, end);
                state.lost = Some(lost);
            }
            None => state.notices.push(Notice::RowsGone { table, rows }),
        }
    }
}

/// Reads the backfills that were begun.
pub(crate) async fn backfills(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
) -> Result<Vec<BackfillRecord>, Error> {
    if !session_info.has_backfills {
        return Ok(Vec::new());
    }
    BackfillTable::of(&session_info.table).read(client, session_info, set.name()).await
}

/// Reads the texts of rows.
async fn stored(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
    numbers: &[i64],
) -> Result<StoredScripts, Error> {
    if numbers.is_empty() {
        return Ok(StoredScripts::new());
    }
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&set.name(), Type::TEXT), (&numbers, Type::INT8_ARRAY)];
    let rows = session_info.ask(client, &session_info.table.texts(), &parameters).await;
    let rows = rows.map_err(|source| Error::server("loading the scripts stored in the history", source))?;
    let shown = session_info.table.shown();
    let read = |row| {
        let row = HistoryRow::new(&shown, set, row, 0)?;
        Ok((row.number(), Kept { up: row.get(1)?, down: row.get(2)? }))
    };
    rows.iter().map(read).collect()
}

/// The statements that make the rows of a history count as they are.
fn remedy(session_info: &SessionInfo, set: &Set, state: &HistoryState) -> String {
    let (table, name) = (session_info.table.qualified(), quote_literal(set.name()));
    format!(
        "UPDATE {table} SET digest = '\\x{}' WHERE set_name = {name} AND seq = {}; {};",
        state.digest(),
        state.last_row,
        session_info.table.head().forget(set.name())
    )
}

/// Reads a row: an interrupted migration is stored in `state`, an applied one is returned with the row's
/// number.
fn read_row(
    set: &Set,
    row: HistoryRow<'_>,
    state: &mut HistoryState,
    versions: &mut HashSet<Version>,
) -> Result<Option<(i64, Applied)>, Error> {
    let version = Version::new(row.get::<String>(1)?, set.order());
    let name: String = row.get(2)?;
    let (action, outcome, live): (&str, &str, bool) = (row.get(3)?, row.get(4)?, row.get(5)?);
    let checksum: Checksum = row
        .get::<&str>(6)?
        .parse()
        .map_err(|error: migrate_core::InvalidChecksum| row.damaged(error.to_string()))?;
    if outcome != "done" || action == "rewind" {
        let checkpoint: i32 = row.get(7)?;
        let done = usize::try_from(checkpoint)
            .map_err(|_| row.damaged(format!("it is {outcome} with {checkpoint} statements done")))?;
        let interrupted = Interrupted::new(version, name, checksum, done).in_row(row.number());
        // A person who moves the checkpoint vouches for it: the statement there is not in doubt.
        let is_sure = outcome == "failed" || action == "rewind";
        let interrupted = if is_sure { interrupted.failed() } else { interrupted };
        let is_reverted = action == "revert" || action == "rewind" && !live;
        state.interrupted = Some(if is_reverted { interrupted.reverting() } else { interrupted });
        return Ok(None);
    }
    if !live {
        return Ok(None);
    }
    if !versions.insert(version.clone()) {
        return Err(row.damaged(format!("version {version} is also applied by another row")));
    }
    let at: SystemTime = row.get(8)?;
    let took = row.get::<Option<f64>>(9)?.and_then(|took| Duration::try_from_secs_f64(took).ok());
    let run: String = row.get(10)?;
    let applied = Applied::new(version, name, checksum).with_run(run, at, took.unwrap_or_default());
    let is_marked: bool = row.get(11)?;
    Ok(Some((row.number(), if is_marked { applied.as_marked() } else { applied })))
}

/// Compares the history's end, according to its last row and the head table, with the migrations that its
/// rows record as applied.
///
/// # Errors
///
/// [`Error::WrongDigest`] if they differ.
pub(crate) async fn check_end(
    client: &Client,
    session_info: &SessionInfo,
    set: &Set,
    state: &HistoryState,
    head: Digest,
) -> Result<(), Error> {
    if !session_info.exists || session_info.table.keeps().is_some() || state.last_row == 0 {
        return Ok(());
    }
    let (name, right, row) = (set.name(), state.digest(), state.last_row);
    let rows = session_info.ask(client, &session_info.table.last_digest(), &[(&name, Type::TEXT)]).await;
    let rows = rows.map_err(|error| session_info.read_error("reading the history's end", error))?;
    let last: Option<&[u8]> = rows.first().map(|row| row.get(0));
    if head == right && last.is_none_or(|last| last == right.as_bytes()) {
        return Ok(());
    }
    let remedy = remedy(session_info, set, state);
    Err(Error::WrongDigest { table: session_info.table.shown(), set: name.to_owned(), row, remedy })
}
