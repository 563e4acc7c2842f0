//! Errors at a step's row in the history, and contention.

use super::Context;
use crate::error::{ApplyError, Error};
use migrate_core::plan::Step;
use tokio_postgres::error::SqlState;

/// True for a lock timeout or a deadlock: another session blocked the statement, and a retry may succeed.
pub(crate) fn is_contention(error: &tokio_postgres::Error) -> bool {
    let passing = [SqlState::LOCK_NOT_AVAILABLE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| passing.contains(code))
}

/// True if the row can't be written because of the script that it stores: the database's encoding lacks a
/// character of it.
pub(super) fn is_of_the_text(error: &tokio_postgres::Error) -> bool {
    let of_text = [SqlState::UNTRANSLATABLE_CHARACTER, SqlState::CHARACTER_NOT_IN_REPERTOIRE];
    error.code().is_some_and(|code| of_text.contains(code))
}

/// Why a step's row could not be begun. One of its number is there where a server process whose client is gone has
/// committed it. In another tool's table a division by zero says so, or that the tool is at work.
pub(super) fn record_failure(
    context: &Context<'_>,
    step: &Step<'_>,
    error: tokio_postgres::Error,
) -> ApplyError {
    let code = error.code().cloned();
    let is_moved = context.table.is_moved(&error);
    if context.table.is_not_kept(&error) {
        return not_kept(context, step);
    }
    let error = context.session_info.write_error("writing the history", error);
    match code {
        _ if is_moved => ApplyError::HistoryChanged(error),
        Some(SqlState::UNIQUE_VIOLATION) => ApplyError::HistoryChanged(error),
        Some(SqlState::DIVISION_BY_ZERO) => ApplyError::ForeignToolActive(error),
        _ => error.into_apply(),
    }
}

/// The error of a history table in which a rule or a trigger removed the row.
pub(super) fn not_kept(context: &Context<'_>, step: &Step<'_>) -> ApplyError {
    let (table, name) = (context.table.shown(), step.name.clone().into_owned());
    Error::RowNotKept { table, name }.into_apply()
}
