//! The current sizes of relations.

use super::name::parts;
use crate::connection::protect;
use crate::display::units::Bytes;
use crate::error::Error;
use crate::sql::answers::{Answers, parsed, text};
use crate::sql::quote::{quote_literal, quote_nullable};
use migrate_core::sql::facts::SizeBucket;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The current size of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationSize {
    /// The name with its schema, unquoted.
    pub name: String,
    /// Its oid.
    pub oid: u32,
    /// Its size on disk with indexes and TOAST tables (`pg_total_relation_size`), partitions included. If
    /// another session's lock prevents measuring, the size that `VACUUM` or `ANALYZE` last recorded.
    pub bytes: u64,
    /// The number of rows at the last vacuum or analyze (`pg_class.reltuples`); none if there never was one.
    pub rows: Option<u64>,
}

/// The bytes of the smallest row: its header, and its pointer in the page.
const SMALLEST_ROW: u64 = 28;

impl RelationSize {
    /// The size rounded up, as facts have it; none if nothing is known. The bytes bound the number of rows where
    /// they were never counted.
    pub(super) fn bucket(&self) -> Option<SizeBucket> {
        let bound = || (self.bytes > 0).then_some(self.bytes / SMALLEST_ROW);
        let rows = self.rows.or_else(bound)?;
        Some(SizeBucket::of(Some(rows), self.bytes))
    }
}

impl fmt::Display for RelationSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Bytes(self.bytes))?;
        self.rows.map_or(Ok(()), |rows| write!(f, ", about {rows} rows"))
    }
}

/// The sizes of the relations with these names, as statements write them; names of missing relations are
/// omitted.
///
/// This searches the catalogs instead of calling `to_regclass`, which fails for a schema that the role may
/// not use. Measuring opens the relation, and waits at most `patience` for a session that holds it
/// exclusively.
pub(super) async fn sizes<'n>(
    client: &Client,
    names: impl Iterator<Item = &'n str>,
    patience: Duration,
) -> Result<BTreeMap<String, RelationSize>, Error> {
    let wanted: Vec<String> = names.filter_map(wanted).collect();
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let measured = ask(client, &wanted, MEASURED, patience).await;
    let rows = match measured {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            ask(client, &wanted, ESTIMATED, patience).await
        }
        measured => measured,
    };
    rows.map_err(|source| Error::server("reading the sizes of tables", source))
}

/// A name to look up, as a row of `VALUES`.
fn wanted(written: &str) -> Option<String> {
    let mut parts = parts(written)?;
    let (name, schema) = (parts.pop()?, parts.pop());
    Some(format!(
        "({}, {}, {})",
        quote_literal(written),
        quote_nullable(schema.as_deref()),
        quote_literal(&name)
    ))
}

const MEASURED: &str = "pg_catalog.pg_total_relation_size(leaf.oid)";
const ESTIMATED: &str = "leaf.relpages::int8 * pg_catalog.current_setting('block_size')::int8";

async fn ask(
    client: &Client,
    wanted: &[String],
    size: &str,
    patience: Duration,
) -> Result<BTreeMap<String, RelationSize>, tokio_postgres::Error> {
    // A message is one transaction, and the setting lasts as long.
    let sql = format!(
        "{no_timeouts}; SELECT pg_catalog.set_config('lock_timeout', '{}', true); \
         SELECT w.written, n.nspname || '.' || c.relname, c.oid, s.bytes, s.rows \
         FROM (VALUES {}) AS w (written, schema, name) \
         JOIN pg_catalog.pg_class c ON c.relname = w.name \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         CROSS JOIN LATERAL (SELECT coalesce(sum({size}), 0)::int8, \
             CASE WHEN bool_or(leaf.reltuples > 0 OR leaf.relpages > 0) \
                  THEN sum(greatest(leaf.reltuples, 0))::int8 END \
             FROM pg_catalog.pg_class leaf WHERE leaf.oid = c.oid OR c.relkind IN ('p', 'I') AND leaf.oid IN \
                 (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) WHERE isleaf)) AS s (bytes, rows) \
         WHERE CASE WHEN w.schema IS NULL THEN pg_catalog.pg_table_is_visible(c.oid) ELSE n.nspname = w.schema END",
        patience.as_millis().clamp(1, 60_000),
        wanted.join(", "),
        no_timeouts = protect::no_timeouts(),
    );
    let mut answers = Answers::of(client.simple_query(&sql).await?);
    let row = |row| {
        let size = RelationSize {
            name: text(row, 1)?.to_owned(),
            oid: parsed(row, 2)?,
            bytes: parsed(row, 3)?,
            rows: parsed(row, 4),
        };
        Some((text(row, 0)?.to_owned(), size))
    };
    Ok(answers.after(2).iter().filter_map(row).collect())
}
