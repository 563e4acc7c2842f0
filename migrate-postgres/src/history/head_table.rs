//! The head table, beside the history: one row for each set, with all that a boot with nothing to do has to
//! know.
//!
//! The history says the same, but the server takes longer to plan a query on a table of many columns and rows
//! than to answer this one. The row is written at the end of a run, in the transaction of its last step, and
//! emptied in the transaction of its first step: in between, the history itself is read. The row is tied to
//! the history's table (`history`), to its schema (`schema_name`) and to its last row (the foreign key, and a
//! query for that row, since no foreign key holds under `session_replication_role = replica`), so that
//! dropping, restoring, moving or deleting any of them by hand takes effect.

use crate::history::format;
use crate::history::table::{OPEN, Relation};
use crate::sql::answers::simple_query;
use crate::sql::quote::{quote_ident, quote_literal};
use migrate_core::history::{AppliedRef, HistoryHead};
use migrate_core::{Digest, Set, Version};
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// The number of newer releases' migrations to list: an older release that knows the migration before these
/// boots with one query.
const LAST: usize = 8;

/// The separator of the fields of a line.
const FIELD: char = '\u{1f}';

/// The separator of lines.
const LINE: char = '\u{1e}';

/// The columns of a head table.
pub(crate) const COLUMNS: [&str; 5] = ["set_name", "history", "schema_name", "seq", "head"];

/// The comment of a head table.
const COMMENT: &str = "Where the migrations of each set stand, by migrate-postgres: what is looked at first at a boot. Can be \
                       made again from the history.";

/// The longest name of a table, in bytes; the server truncates longer ones.
const LONGEST_NAME: usize = 63;

/// The head table's name.
pub(crate) fn name(history: &str) -> String {
    beside_named(history, "_head")
}

/// The name of a table beside a history, with the given ending.
pub(crate) fn beside_named(history: &str, ending: &str) -> String {
    let end =
        (0..=history.len().min(LONGEST_NAME - ending.len())).rev().find(|end| history.is_char_boundary(*end));
    format!("{}{ending}", &history[..end.unwrap_or_default()])
}

/// The tables that a role needs privileges on: the history, and the head table if it exists.
pub(crate) fn beside(history: &str, has_head: bool) -> Vec<String> {
    std::iter::once(history.to_owned()).chain(has_head.then(|| name(history))).collect()
}

/// The head table of a history, as SQL text.
#[derive(Clone, Debug)]
pub(crate) struct HeadTable {
    /// The schema of both tables.
    schema: String,
    /// The history's table with its schema.
    history: String,
    /// The head table with its schema.
    table: String,
}

impl HeadTable {
    /// The head table beside a history.
    pub(crate) fn new(schema: &str, history: &str) -> HeadTable {
        let qualified = |table: &str| format!("{}.{}", quote_ident(schema), quote_ident(table));
        HeadTable { schema: schema.to_owned(), history: qualified(history), table: qualified(&name(history)) }
    }

    /// Creates the table.
    pub(crate) fn create(&self) -> [String; 2] {
        let HeadTable { table, history, .. } = self;
        [
            format!(
                "CREATE TABLE {table} (set_name text PRIMARY KEY, history regclass NOT NULL, schema_name text NOT NULL, \
                 seq bigint NOT NULL, head text NOT NULL, \
                 FOREIGN KEY (set_name, seq) REFERENCES {history} ON DELETE CASCADE)"
            ),
            format::comment(table, COMMENT),
        ]
    }

    /// Creates the table, replacing one that belongs to an earlier history.
    pub(crate) fn create_anew(&self) -> Vec<String> {
        let drop = format!("DROP TABLE IF EXISTS {}", self.table);
        std::iter::once(drop).chain(self.create()).collect()
    }

    /// Empties a set's row.
    pub(crate) fn clear(&self, set: &str) -> String {
        format!("UPDATE {} SET head = '' WHERE set_name = {} AND head <> ''", self.table, quote_literal(set))
    }

    /// Deletes a set's row: from then on the history itself is read.
    pub(crate) fn forget(&self, set: &str) -> String {
        format!("DELETE FROM {} WHERE set_name = {}", self.table, quote_literal(set))
    }

    /// Rewrites a set's row from the history. It stays empty while a migration is interrupted.
    pub(crate) fn write(&self, set: &str) -> String {
        let HeadTable { schema, history, table } = self;
        let set = quote_literal(set);
        let [field, line] =
            [FIELD, LINE].map(|separator| format!("pg_catalog.chr({})", u32::from(separator)));
        format!(
            "WITH last AS (SELECT seq, digest, action, outcome, checkpoint, version, name FROM {history} \
             WHERE set_name = {set} ORDER BY seq DESC LIMIT 32), \
             done AS (SELECT * FROM last WHERE outcome = 'done' AND action <> 'rewind' ORDER BY seq DESC LIMIT {LAST}) \
             INSERT INTO {table} AS head (set_name, history, schema_name, seq, head) \
             SELECT {set}, {regclass}::pg_catalog.regclass, {schema}, (SELECT max(seq) FROM last), \
             CASE WHEN EXISTS (SELECT FROM last WHERE {OPEN}) THEN '' \
             ELSE coalesce((SELECT pg_catalog.string_agg(pg_catalog.concat_ws({field}, pg_catalog.encode(digest, 'hex'), \
             action, version, name), {line} ORDER BY seq DESC) FROM done), '') END \
             WHERE EXISTS (SELECT FROM last) \
             ON CONFLICT (set_name) DO UPDATE SET (history, schema_name, seq, head) = \
             ROW(excluded.history, excluded.schema_name, excluded.seq, excluded.head)",
            regclass = quote_literal(history),
            schema = quote_literal(schema),
        )
    }
}

/// The answer of the head table.
pub(crate) enum CachedHead {
    /// There is no history.
    NoHistory,
    /// A run is in progress, or was not finished.
    Underway,
    /// The history's end.
    Known(HistoryHead),
    /// The digest at the history's end, if the set knows neither it nor any before it.
    Beyond(Digest),
    /// No answer: the history itself has to be read.
    Nothing,
}

/// Queries the head table with one simple query. The server parses, plans and runs it in little more than the
/// time of any query, and it is safe behind a transaction pooler.
///
/// # Errors
///
/// If the connection fails.
pub(crate) async fn ask(client: &Client, relation: &Relation, set: &Set) -> Result<CachedHead, Error> {
    let (query, first_look_ends) = query(relation, set.name());
    let answers = match simple_query(client, &query).await {
        Ok(answers) => answers,
        Err(error) => return explain(error, first_look_ends),
    };
    let row = answers.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    Ok(match row {
        Some("") => CachedHead::Underway,
        Some(head) => read(head, set).unwrap_or(CachedHead::Nothing),
        None => CachedHead::Nothing,
    })
}

/// The query, and the number of its leading characters that name the history: an error there means that there
/// is no history. The server resolves a WITH clause first, and then omits it.
fn query(relation: &Relation, set: &str) -> (String, usize) {
    let history = format!("{}::pg_catalog.regclass", quote_literal(&relation.sql));
    let with = format!("WITH h AS (SELECT {history})");
    let ours = if relation.by_search_path { " AND schema_name = current_schema()" } else { "" };
    let query = format!(
        "{with} SELECT head FROM {} AS head WHERE set_name = {} AND history = {history}{ours} \
         AND EXISTS (SELECT FROM {} last WHERE last.set_name = head.set_name AND last.seq = head.seq)",
        relation.head,
        quote_literal(set),
        relation.sql,
    );
    (query, with.chars().count())
}

fn explain(error: Error, first_look_ends: usize) -> Result<CachedHead, Error> {
    let Some(db) = error.as_db_error().filter(|_| !crate::error::timeout::is_of_a_timeout(&error)) else {
        return Err(error);
    };
    let is_missing = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(db.code());
    Ok(match db.position() {
        Some(ErrorPosition::Original(at)) if is_missing && (*at as usize) <= first_look_ends => {
            CachedHead::NoHistory
        }
        _ => CachedHead::Nothing,
    })
}

/// The history's end, if the lines say how far the set is applied.
fn read(head: &str, set: &Set) -> Option<CachedHead> {
    let mut lines = head.split(LINE);
    let digest = Line::read(lines.next()?)?.digest;
    // This is all that a boot with nothing to do needs.
    if set.digests().position(&digest).is_some() {
        return Some(CachedHead::Known(HistoryHead { digest, since: None, interrupted: None }));
    }
    let lines: Vec<Line<'_>> = head.split(LINE).map(Line::read).collect::<Option<_>>()?;
    let ours = set.digests().of_all();
    let Some(newer) = lines.iter().position(|line| line.digest == ours) else {
        return Some(CachedHead::Beyond(digest));
    };
    let since = lines[..newer].iter().rev().map(|line| line.newer(set)).collect();
    Some(CachedHead::Known(HistoryHead { digest, since, interrupted: None }))
}

/// A row of the history.
struct Line<'t> {
    digest: Digest,
    action: &'t str,
    version: &'t str,
    name: &'t str,
}

impl Line<'_> {
    fn read(line: &str) -> Option<Line<'_>> {
        let fields: [&str; 4] = line.split(FIELD).collect::<Vec<_>>().try_into().ok()?;
        let [digest, action, version, name] = fields;
        Some(Line { digest: digest.parse().ok()?, action, version, name })
    }

    /// The migration, if the row says that it was applied, or that another text of it was accepted.
    fn newer(&self, set: &Set) -> Option<AppliedRef> {
        let applies = matches!(self.action, "apply" | "mark" | "accept");
        applies.then(|| AppliedRef {
            version: Version::new(self.version.to_owned(), set.order()),
            name: self.name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_within_what_the_server_keeps_of_it() {
        assert_eq!(name("migrate_history"), "migrate_history_head");
        assert_eq!(name(&"h".repeat(63)), format!("{}_head", "h".repeat(58)));
        assert_eq!(name(&"é".repeat(31)), format!("{}_head", "é".repeat(29)));
    }

    #[test]
    fn what_is_no_line_of_ours_is_not_read() {
        let digest = Digest::from_bytes([7; 32]);
        assert!(Line::read(&format!("{digest}\u{1f}apply\u{1f}1\u{1f}1_a")).is_some());
        for line in [
            "",
            "\u{1f}\u{1f}\u{1f}",
            &format!("{digest}\u{1f}apply\u{1f}1"),
            &format!("{digest}\u{1f}a\u{1f}1\u{1f}b\u{1f}"),
        ] {
            assert!(Line::read(line).is_none(), "{line:?}");
        }
    }
}
