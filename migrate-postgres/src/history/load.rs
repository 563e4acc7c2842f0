//! Reading the rows that count.

use crate::error::Error;
use crate::history::foreign::look_beside;
use crate::history::row::HistoryRow;
use crate::history::settings::RunSettings;
use crate::history::survey::Survey;
use crate::sql::quote::quote_literal;
use futures_util::future::try_join;
use migrate_core::history::Notice;
use migrate_core::history::{Applied, Interrupted, Kept, LostRows, State};
use migrate_core::{Checksum, Digest, Set, Version};
use std::collections::HashSet;
use std::time::{Duration, SystemTime};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

/// Loads a set's state, and another tool's history where that is to be adopted.
pub(crate) async fn load_all(
    client: &Client,
    survey: &Survey,
    settings: &RunSettings,
    set: &Set,
) -> Result<State, Error> {
    #[cfg(feature = "histories")]
    if let Some(kept) = &settings.keeping {
        return crate::history::foreign::state(client, survey, kept, set).await;
    }
    let state = if survey.exists { load(client, survey, set).await? } else { State::EMPTY };
    if !may_be_elsewhere(survey, settings) || is_used(client, survey, set, &state).await? {
        return Ok(state);
    }
    #[cfg(feature = "histories")]
    if let Some(adopting) = &settings.adopting
        && let Some(foreign) = crate::history::foreign::find(client, survey.timeouts, adopting).await?
    {
        return Ok(State { foreign: Some(foreign), ..state });
    }
    let mut state = state;
    state.notices.extend(look_beside(client, survey, settings, set).await?);
    Ok(state)
}

/// Whether there is anything else that may have the set's migrations.
fn may_be_elsewhere(survey: &Survey, settings: &RunSettings) -> bool {
    #[cfg(feature = "histories")]
    if settings.adopting.is_some() {
        return true;
    }
    let _ = settings;
    !survey.beside.is_empty()
}

/// Whether anything was ever applied, also if all of it was reverted: then what others have applied is past.
async fn is_used(client: &Client, survey: &Survey, set: &Set, state: &State) -> Result<bool, Error> {
    if !state.applied.is_empty() || state.last_row == 0 {
        return Ok(!state.applied.is_empty());
    }
    let rows = survey.ask(client, &survey.table.is_used(), &[(&set.name(), Type::TEXT)]).await;
    let rows = rows.map_err(|error| survey.read_error("looking at the history", error))?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Loads a set's state: the rows that count, and the texts of those that differ from the set.
async fn load(client: &Client, survey: &Survey, set: &Set) -> Result<State, Error> {
    let failed = |error| survey.read_error("loading the history", error);
    let table = &survey.table;
    let shown = table.shown();
    let (load, last) = (table.load(), table.last());
    let set_name = set.name();
    let (rows, last) = try_join(
        survey.ask(client, &load, &[(&set_name, Type::TEXT)]),
        survey.ask(client, &last, &[(&set_name, Type::TEXT)]),
    )
    .await
    .map_err(failed)?;
    let mut state = State::EMPTY;
    let last = last.first().map(|last| HistoryRow::new(&shown, set, last, 0)).transpose()?;
    if let Some(last) = last {
        (state.last_row, state.is_unended) = (last.number(), last.get(1)?);
    }
    let mut numbers = Vec::new();
    let mut versions = HashSet::new();
    for row in &rows {
        if let Some((seq, applied)) =
            read_row(set, HistoryRow::new(&shown, set, row, 0)?, &mut state, &mut versions)?
        {
            state.applied.push(applied);
            numbers.push(seq);
        }
    }
    keep_texts(client, survey, set, &mut state, &numbers).await?;
    keep_begun(client, survey, set, &mut state).await?;
    if let Some(last) = last
        && last.get::<i64>(3)? < last.number()
    {
        note_gaps(client, survey, set, &mut state, last.get(2)?).await?;
    }
    Ok(state)
}

/// Notes which rows are gone from the middle of the history, and whether what they said counts: then what is left does not
/// make what the history's `end` says is applied.
async fn note_gaps(
    client: &Client,
    survey: &Survey,
    set: &Set,
    state: &mut State,
    end: &[u8],
) -> Result<(), Error> {
    let rows = survey.ask(client, &survey.table.gaps(), &[(&set.name(), Type::TEXT)]).await;
    let rows = rows.map_err(|error| survey.read_error("loading the history", error))?;
    let rows: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let table = survey.table.shown();
    // What a migration that is under way has taken the place of is in the digest until it ends.
    let end = <[u8; 32]>::try_from(end).ok().map(Digest::from_bytes);
    match end.filter(|end| state.interrupted.is_none() && *end != state.digest()) {
        Some(end) => {
            let lost = LostRows::new(table, rows, remedy(survey, set, state)).of_set(set, state, end);
            state.lost = Some(lost);
        }
        None => state.notices.push(Notice::RowsGone { table, rows }),
    }
    Ok(())
}

/// The statements that let the rows of a history count as they are.
fn remedy(survey: &Survey, set: &Set, state: &State) -> String {
    let (table, name) = (survey.table.qualified(), quote_literal(set.name()));
    format!(
        "UPDATE {table} SET digest = '\\x{}' WHERE set_name = {name} AND seq = {}; {};",
        state.digest(),
        state.last_row,
        survey.table.head().forget(set.name())
    )
}

/// Loads the text of an interrupted migration that the set does not have as it was begun.
async fn keep_begun(client: &Client, survey: &Survey, set: &Set, state: &mut State) -> Result<(), Error> {
    let Some(interrupted) = &mut state.interrupted else { return Ok(()) };
    if set.find(&interrupted.version).is_none_or(|m| m.checksum() == interrupted.checksum) {
        return Ok(());
    }
    let rows = texts(client, survey, set, &[interrupted.row]).await?;
    if let Some(row) = rows.first() {
        interrupted.begun = HistoryRow::new(&survey.table.shown(), set, row, 0)?.get(1)?;
    }
    Ok(())
}

async fn texts(client: &Client, survey: &Survey, set: &Set, numbers: &[i64]) -> Result<Vec<Row>, Error> {
    let sql = survey.table.texts();
    survey
        .ask(client, &sql, &[(&set.name(), Type::TEXT), (&numbers, Type::INT8_ARRAY)])
        .await
        .map_err(|source| Error::server("loading the texts of the history", source))
}

/// Reads a row: an interrupted migration into `state`, an applied one to be returned with the row's number.
fn read_row(
    set: &Set,
    row: HistoryRow<'_>,
    state: &mut State,
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
        // Whoever moves the checkpoint vouches for it: the statement there is not in doubt.
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
        return Err(row.damaged(format!("version {version} is applied by another row too")));
    }
    let at: SystemTime = row.get(8)?;
    let took = row.get::<Option<f64>>(9)?.and_then(|took| Duration::try_from_secs_f64(took).ok());
    let run: String = row.get(10)?;
    let applied = Applied::new(version, name, checksum).with_run(run, at, took.unwrap_or_default());
    let is_marked: bool = row.get(11)?;
    Ok(Some((row.number(), if is_marked { applied.as_marked() } else { applied })))
}

/// Loads the texts of the applied migrations that the set does not have as they were applied, or can't revert.
async fn keep_texts(
    client: &Client,
    survey: &Survey,
    set: &Set,
    state: &mut State,
    numbers: &[i64],
) -> Result<(), Error> {
    let differs = |applied: &Applied| {
        set.find(&applied.version).is_none_or(|m| m.checksum() != applied.checksum || m.down().is_none())
    };
    let wanted: Vec<i64> = numbers
        .iter()
        .zip(&state.applied)
        .filter(|(_, applied)| differs(applied))
        .map(|(seq, _)| *seq)
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let rows = texts(client, survey, set, &wanted).await?;
    let shown = survey.table.shown();
    for row in &rows {
        let row = HistoryRow::new(&shown, set, row, 0)?;
        if let Some(index) = numbers.iter().position(|number| *number == row.number()) {
            state.applied[index].kept = Some(Kept { up: row.get(1)?, down: row.get(2)? });
        }
    }
    Ok(())
}

/// Compares the history's end, as its last row and the head table tell it, with what its rows say is applied.
///
/// # Errors
///
/// [`Error::WrongDigest`] where they differ.
pub(crate) async fn check_end(
    client: &Client,
    survey: &Survey,
    set: &Set,
    state: &State,
    head: Digest,
) -> Result<(), Error> {
    if !survey.exists || survey.table.keeps().is_some() || state.last_row == 0 {
        return Ok(());
    }
    let (name, right, row) = (set.name(), state.digest(), state.last_row);
    let rows = survey.ask(client, &survey.table.last_digest(), &[(&name, Type::TEXT)]).await;
    let rows = rows.map_err(|error| survey.read_error("looking at the history's end", error))?;
    let last: Option<&[u8]> = rows.first().map(|row| row.get(0));
    if head == right && last.is_none_or(|last| last == right.as_bytes()) {
        return Ok(());
    }
    let remedy = remedy(survey, set, state);
    Err(Error::WrongDigest { table: survey.table.shown(), set: name.to_owned(), row, remedy })
}
