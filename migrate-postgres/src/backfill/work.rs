//! One backfill of a set: its statement, and the SQL of its batches.

use super::key::{Key, KeyColumn};
use crate::history::backfill_table::BackfillTable;
use crate::sql::quote::quote_literal;
use migrate_core::backfill::{BackfillRecord, FIRST_ROWS, Specification, compare, predicate};
use migrate_core::{Payload, Script, Set, Version};
use std::borrow::Cow;

/// A backfill as the set's script describes it.
pub(super) struct Work<'s> {
    pub(super) script: Cow<'s, Script>,
    pub(super) specification: Specification,
}

/// The range of a batch: above the first key, if there is one, and up to the second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range<'r> {
    pub(super) after: Option<&'r [String]>,
    pub(super) until: &'r [String],
}

/// The position after the last row of a page.
const LAST_OF_PAGE: u64 = 65_535;

impl<'s> Work<'s> {
    /// The backfill of a record, if the set has it with the text with which it was begun.
    pub(super) fn of(set: &'s Set, record: &BackfillRecord) -> Option<Work<'s>> {
        let migration = set.find(&Version::new(record.version.clone(), set.order()))?;
        if migration.checksum().bytes() != record.checksum {
            return None;
        }
        let Payload::Backfill(script) = migration.up() else { return None };
        let specification = Specification::of(&script)?;
        Some(Work { script, specification })
    }

    /// The rows of the first batch.
    pub(super) fn first_rows(&self) -> u64 {
        self.specification.rows.map_or(FIRST_ROWS, |rows| rows.get().into())
    }

    /// The statement with a condition in the place of `${batch}`.
    pub(super) fn statement(&self, condition: &str) -> String {
        let batch = self.script.in_batch(condition);
        let statement = batch.statements().get(0);
        statement.map_or_else(String::new, |statement| statement.text(batch.text()).to_owned())
    }

    /// The statement of a batch.
    pub(super) fn statement_of(&self, key: &Key, range: Range<'_>) -> String {
        self.statement(&self.condition(key, range, self.specification.qualifier.as_deref()))
    }

    /// The condition of a batch.
    pub(super) fn condition(&self, key: &Key, range: Range<'_>, qualifier: Option<&str>) -> String {
        let after = range.after.map(|after| values(key, after));
        predicate(&columns(key, qualifier), after.as_deref(), &values(key, range.until))
    }

    /// The condition of a single row.
    pub(super) fn condition_of_row(&self, key: &Key, row: &[String]) -> String {
        let columns = columns(key, self.specification.qualifier.as_deref());
        format!("({})", compare(&columns, "=", &values(key, row)))
    }
}

/// The columns of a key, as SQL.
fn columns(key: &Key, qualifier: Option<&str>) -> Vec<String> {
    match key {
        Key::Columns(columns) => columns.iter().map(|column| column.sql(qualifier)).collect(),
        Key::RowPosition { .. } => {
            vec![qualifier.map_or_else(|| "ctid".to_owned(), |qualifier| format!("{qualifier}.ctid"))]
        }
    }
}

/// The values of a key, as SQL. The cursor of the position of rows has a second value, which is no position.
fn values(key: &Key, texts: &[String]) -> Vec<String> {
    match key {
        Key::Columns(columns) => columns.iter().zip(texts).map(|(column, text)| column.value(text)).collect(),
        Key::RowPosition { .. } => {
            texts.iter().take(1).map(|text| format!("{}::tid", quote_literal(text))).collect()
        }
    }
}

/// The query for the last key of the next batch and the number of its rows: one row, or none where no row is
/// beyond the cursor.
///
/// By position, the rows of the next pages are sorted; the row that the query returns has no position if those
/// pages have none, and says up to which the pages go and how many there are.
pub(super) fn next_key(relation: &str, key: &Key, after: Option<&[String]>, rows: u64) -> String {
    match key {
        Key::Columns(key_columns) => {
            let list: Vec<String> = key_columns.iter().map(KeyColumn::ascending).collect();
            let (columns, list) = (columns(key, None), list.join(", "));
            let beyond = after.map_or_else(String::new, |after| {
                format!(" WHERE {}", compare(&columns, ">", &values(key, after)))
            });
            let (named, texts) = numbered(&columns);
            format!(
                "SELECT count(*) OVER (), {texts} FROM (SELECT {named}, row_number() OVER (ORDER BY {list}) AS n FROM {relation}{beyond} \
                 ORDER BY {list} LIMIT {rows}) b ORDER BY n DESC LIMIT 1"
            )
        }
        Key::RowPosition { rows_per_page } => {
            let first = after.and_then(|after| page(after.first()?)).unwrap_or_default();
            let last = first + rows.div_ceil(*rows_per_page);
            let after = after.and_then(|after| after.first()).map_or("(0,0)", String::as_str);
            let end = quote_literal(&format!("({last},{LAST_OF_PAGE})"));
            let size = pages(relation);
            format!(
                "SELECT count(*), (SELECT ctid FROM (SELECT ctid FROM {relation} WHERE ctid > {after}::tid AND ctid <= {end}::tid \
                 ORDER BY ctid LIMIT {rows}) l ORDER BY ctid DESC LIMIT 1)::text, {end} FROM (SELECT FROM {relation} WHERE ctid > {after}::tid AND ctid <= {end}::tid LIMIT {rows}) b \
                 HAVING count(*) > 0 OR {last} < {size}",
                after = quote_literal(after)
            )
        }
    }
}

/// The columns of a key under numbered names, and these names as text.
fn numbered(columns: &[String]) -> (String, String) {
    let named: Vec<String> =
        (1..).zip(columns).map(|(number, column)| format!("{column} AS k{number}")).collect();
    let texts: Vec<String> = (1..=columns.len()).map(|number| format!("k{number}::text")).collect();
    (named.join(", "), texts.join(", "))
}

/// The pages of a table, as SQL.
pub(super) fn pages(relation: &str) -> String {
    format!(
        "pg_catalog.pg_relation_size({}::regclass) / pg_catalog.current_setting('block_size')::bigint",
        quote_literal(relation)
    )
}

/// The number of rows to sample from pages for their keys.
#[cfg(feature = "operate")]
const SAMPLED_ROWS: u32 = 5_000;

/// The query for the keys that divide a table into about this many equal parts, in order.
#[cfg(feature = "operate")]
pub(super) fn sampled_keys(relation: &str, key: &[KeyColumn], rows_total: u64, parts: u64) -> String {
    let columns: Vec<String> = key.iter().map(|column| column.sql(None)).collect();
    let list: Vec<String> = key.iter().map(KeyColumn::ascending).collect();
    let (named, texts) = numbered(&columns);
    format!(
        "SELECT {texts} FROM (SELECT {named}, row_number() OVER (ORDER BY {}) AS n, count(*) OVER () AS c FROM {relation} \
         TABLESAMPLE SYSTEM (least(100, {SAMPLED_ROWS} * 100.0 / {}))) b WHERE n % greatest(c / {parts}, 1) = 0 \
         ORDER BY n LIMIT {}",
        list.join(", "),
        rows_total.max(1),
        parts - 1
    )
}

/// The page of a position.
fn page(position: &str) -> Option<u64> {
    position.strip_prefix('(')?.split_once(',')?.0.parse().ok()
}

/// A key as JSON, as SQL.
pub(super) fn json(key: &Key, texts: &[String]) -> String {
    let pair = |(name, text): (&str, &String)| format!("{}, {}", quote_literal(name), quote_literal(text));
    let pairs: Vec<String> = match key {
        Key::Columns(columns) => {
            columns.iter().map(|column| column.name.as_str()).zip(texts).map(pair).collect()
        }
        Key::RowPosition { .. } => ["ctid"].into_iter().zip(texts).map(pair).collect(),
    };
    format!("pg_catalog.jsonb_build_object({})", pairs.join(", "))
}

/// Texts as an array, as SQL.
pub(super) fn array(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quote_literal(text)).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

/// The condition that the cursor in a backfill's row is this one.
pub(super) fn is_at(cursor: Option<&[String]>) -> String {
    match cursor {
        Some(cursor) => format!("\"cursor\" = {}", array(cursor)),
        None => "\"cursor\" IS NULL".to_owned(),
    }
}

/// The condition of a backfill's row while a worker has it, at a cursor.
pub(super) fn is_mine(table: &BackfillTable, record: &BackfillRecord, worker: &str) -> String {
    format!(
        "{} AND worker = {} AND state = 'running' AND {}",
        table.is(&record.set, &record.version),
        quote_literal(worker),
        is_at(record.cursor.as_deref())
    )
}
