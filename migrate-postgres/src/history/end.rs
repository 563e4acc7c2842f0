//! The history's end under the lock, queried in the message that takes the lock.

use crate::error::Error;
use crate::history::session_info::SessionInfo;
use crate::history::table::{OPEN, Relation, UNENDED};
use crate::sql::answers::{Answers, is_true, parsed, text};
use crate::sql::quote::quote_literal;
use migrate_core::history::HistoryTail;
use migrate_core::{Digest, Set};
use sha2::{Digest as _, Sha256};

/// The queries, as statements of a message. If `condition` is false, they cost nothing and return no answer.
///
/// The second one hashes all rows, so that the last row of a history edited by hand is not trusted. After an
/// interrupted migration it returns a text that no hash equals.
pub(crate) fn questions(relation: &Relation, set: &Set, condition: &str) -> String {
    let (table, set_name) = (&relation.sql, quote_literal(set.name()));
    format!(
        "SELECT seq, pg_catalog.encode(digest, 'hex'), {is_ours}, {UNENDED}, \
         (SELECT count(*) FROM {table} WHERE set_name = {set_name}) FROM {table} WHERE set_name = {set_name} AND {condition} \
         ORDER BY seq DESC LIMIT 1; \
         SELECT CASE WHEN NOT bool_or({OPEN}) THEN pg_catalog.encode(sha256(convert_to(string_agg(\
         version || ' ' || checksum || ' ' || name, ',' ORDER BY version COLLATE \"C\"), 'UTF8')), 'hex') \
         WHEN count(*) > 0 THEN 'interrupted' END \
         FROM {table} WHERE set_name = {set_name} AND (live OR {OPEN}) AND {condition}",
        is_ours = relation.is_ours(),
    )
}

/// The result of the second query for a history in which the set's first `count` migrations are applied.
fn sum(set: &Set, count: usize) -> String {
    let mut lines: Vec<(std::borrow::Cow<'_, str>, String)> = set
        .iter()
        .take(count)
        .map(|m| (m.version().canonical(), format!(" {} {}", m.checksum(), m.name())))
        .collect();
    lines.sort();
    let mut hasher = Sha256::new();
    for (index, (version, rest)) in lines.iter().enumerate() {
        if index > 0 {
            hasher.update(",");
        }
        hasher.update(version.as_bytes());
        hasher.update(rest.as_bytes());
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the answers: the history's end, if that and the hash of its rows are all that an apply needs. None
/// if a migration was interrupted or renamed, if rows are missing or a row was not written by this library,
/// or if an existing history was not queried.
pub(crate) fn read(
    session_info: &SessionInfo,
    asked: bool,
    set: &Set,
    answers: &mut Answers,
) -> Result<Option<HistoryTail>, Error> {
    if !session_info.exists {
        return Ok(Some(HistoryTail::NONE));
    }
    if !asked {
        return Ok(None);
    }
    let (last, rows) = (answers.next(), answers.next());
    let Some(last) = last.first() else { return Ok(Some(HistoryTail::NONE)) };
    let row = parsed(last, 0).unwrap_or_default();
    // A history with gaps between its rows has to be read as a whole.
    if !is_true(last, 2) || parsed::<i64>(last, 4) != Some(row) {
        return Ok(None);
    }
    let digest = text(last, 1).unwrap_or_default();
    let digest: Digest = digest.parse().map_err(|_| Error::DamagedRow {
        table: session_info.table.shown(),
        set: set.name().to_owned(),
        row,
        problem: format!("its digest has {} bytes, not 32", digest.len() / 2),
    })?;
    let end = HistoryTail { digest, last_row: row, is_unended: is_true(last, 3) };
    let Some(applied) = end.position(set).applied() else { return Ok(Some(end)) };
    let found = rows.first().and_then(|row| text(row, 0));
    let is_sound = if applied == 0 { found.is_none() } else { found == Some(&*sum(set, applied)) };
    Ok(is_sound.then_some(end))
}
