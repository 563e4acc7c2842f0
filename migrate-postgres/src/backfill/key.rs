//! The key that batches go by: columns with a unique index, or the position of rows.

use crate::connection::protect;
use crate::error::BackfillCause;
use crate::sql::answers::{is_true, parsed, text};
use crate::sql::quote::{quote_ident, quote_literal, quote_nullable};
use tokio_postgres::{Client, SimpleQueryRow};

/// The key of a backfill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Columns with a unique index, in the order of the index.
    Columns(Vec<KeyColumn>),
    /// The position of rows in the table: `ctid`.
    RowPosition {
        /// The rows of a page, by the server's statistics.
        rows_per_page: u64,
    },
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KeyColumn {
    /// The name.
    pub(super) name: String,
    /// The type with its schema, as SQL.
    kind: String,
    /// The collation of the index, as SQL, if the type has one.
    collation: Option<String>,
    /// True if nulls come first in the ascending order of the index. There are none, but the server reads rows from an
    /// index only in the order that it has with nulls.
    nulls_first: bool,
}

impl KeyColumn {
    /// The column as SQL, in the order of its index: whatever the collation of the column becomes, the batches
    /// keep to one order.
    pub(super) fn sql(&self, qualifier: Option<&str>) -> String {
        let prefix = qualifier.map_or_else(String::new, |qualifier| format!("{qualifier}."));
        let collate = self.collation.as_ref().map_or_else(String::new, |name| format!(" COLLATE {name}"));
        format!("{prefix}{}{collate}", quote_ident(&self.name))
    }

    /// The column in a list to sort by, in the ascending order of its index.
    pub(super) fn ascending(&self) -> String {
        format!("{}{}", self.sql(None), if self.nulls_first { " NULLS FIRST" } else { "" })
    }

    /// A value of the column, from its text.
    pub(super) fn value(&self, text: &str) -> String {
        format!("{}::{}", quote_literal(text).trim_start(), self.kind)
    }

    /// The type and the collation, which give the values their order.
    pub(super) fn order(&self) -> String {
        match &self.collation {
            Some(collation) => format!("{} COLLATE {collation}", self.kind),
            None => self.kind.clone(),
        }
    }
}

impl Key {
    /// The names of the columns; empty for the position of rows.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Key::Columns(columns) => columns.iter().map(|column| column.name.clone()).collect(),
            Key::RowPosition { .. } => Vec::new(),
        }
    }

    /// The order of each column.
    pub(super) fn order(&self) -> Vec<String> {
        match self {
            Key::Columns(columns) => columns.iter().map(KeyColumn::order).collect(),
            Key::RowPosition { .. } => Vec::new(),
        }
    }
}

/// A table and its keys.
#[derive(Clone, Debug)]
pub(super) struct KeyedTable {
    /// Its OID.
    pub(super) oid: u32,
    /// True if the statement inserts into this table, a partition of it, or the table that it is a partition of.
    pub(super) is_inserted_into: bool,
    /// True if it is a table of its own: neither partitioned nor a parent of others.
    is_plain: bool,
    rows_per_page: u64,
    /// The keys, the primary key first.
    keys: Vec<Vec<KeyColumn>>,
    /// The unique indexes that can't return rows in the order of a key.
    unordered: Vec<UnorderedIndex>,
}

/// A unique index on not-null columns that can't return rows in the order by which batches compare.
#[derive(Clone, Debug)]
struct UnorderedIndex {
    columns: Vec<String>,
    why: &'static str,
}

impl UnorderedIndex {
    fn cause(&self) -> BackfillCause {
        BackfillCause::KeyUnordered { columns: self.columns.clone(), why: self.why }
    }
}

/// The types that compare alike: a cursor of one is one of the other.
const WHOLE_NUMBERS: [&str; 4] =
    ["pg_catalog.int2", "pg_catalog.int4", "pg_catalog.int8", "pg_catalog.numeric"];

impl KeyedTable {
    /// Reads a table from the catalog, and the table that an `INSERT` writes; none if there is no such table.
    pub(super) async fn read(
        client: &Client,
        relation: &str,
        into: Option<&str>,
    ) -> Result<Option<KeyedTable>, tokio_postgres::Error> {
        let rows = protect::ask(client, &question(relation, into)).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let Some(oid) = parsed(first, 0).filter(|_| is_true(first, 1)) else { return Ok(None) };
        let mut indexes: Vec<Vec<IndexColumn>> = Vec::new();
        for row in &rows {
            let Some((index, column)) = parsed::<usize>(row, 4).zip(IndexColumn::of(row)) else { continue };
            indexes.resize_with(indexes.len().max(index), Vec::new);
            indexes[index - 1].push(column);
        }
        let (mut keys, mut unordered) = (Vec::new(), Vec::new());
        for index in indexes {
            match why_unordered(&index) {
                Some(why) => {
                    let columns = index.into_iter().map(|column| column.key.name).collect();
                    unordered.push(UnorderedIndex { columns, why });
                }
                None => keys.push(index.into_iter().map(|column| column.key).collect()),
            }
        }
        let (is_plain, is_inserted_into) = (is_true(first, 2), is_true(first, 11));
        let rows_per_page = parsed(first, 3).unwrap_or(1).max(1);
        Ok(Some(KeyedTable { oid, is_inserted_into, is_plain, rows_per_page, keys, unordered }))
    }

    /// The key of these columns, or the best one if none is named.
    pub(super) fn key(&self, named: &[String], may_go_by_position: bool) -> Result<Key, BackfillCause> {
        if named.is_empty() {
            let best = self.keys.first().map(|key| Key::Columns(key.clone()));
            return best.map_or_else(|| self.position(may_go_by_position), Ok);
        }
        let names = |key: &Vec<KeyColumn>| key.iter().map(|column| column.name.clone()).collect();
        let are_named = |columns: &[String]| {
            columns.len() == named.len() && columns.iter().all(|column| named.contains(column))
        };
        let keys: Vec<Vec<String>> = self.keys.iter().map(names).collect();
        if let Some(at) = keys.iter().position(|columns| are_named(columns)) {
            return Ok(Key::Columns(self.keys[at].clone()));
        }
        Err(match self.unordered.iter().find(|index| are_named(&index.columns)) {
            Some(index) => index.cause(),
            None => BackfillCause::NotAKey { columns: named.to_vec(), keys },
        })
    }

    /// The position of rows as the key of a table that has no other.
    fn position(&self, may_go_by_position: bool) -> Result<Key, BackfillCause> {
        let why = match (self.is_plain, may_go_by_position) {
            (true, true) => return Ok(Key::RowPosition { rows_per_page: self.rows_per_page }),
            (false, _) => {
                "its rows have no position of their own: it is partitioned, or other tables inherit from it"
            }
            (true, false) => "the statement has no condition of its own that tells which rows are done",
        };
        Err(self.unordered.first().map_or(BackfillCause::NoKey { why }, UnorderedIndex::cause))
    }
}

/// A column of a unique index.
struct IndexColumn {
    key: KeyColumn,
    is_descending: bool,
    /// True if its operator class orders the values as `ORDER BY` does.
    is_default_order: bool,
}

impl IndexColumn {
    fn of(row: &SimpleQueryRow) -> Option<IndexColumn> {
        let is_descending = is_true(row, 8);
        let key = KeyColumn {
            name: text(row, 5)?.to_owned(),
            kind: text(row, 6)?.to_owned(),
            collation: text(row, 7).map(str::to_owned),
            // Read backward, an index has its nulls at the other end.
            nulls_first: is_true(row, 9) != is_descending,
        };
        Some(IndexColumn { key, is_descending, is_default_order: is_true(row, 10) })
    }
}

/// The reason why an index can't return rows in the order by which batches compare, if there is one.
fn why_unordered(index: &[IndexColumn]) -> Option<&'static str> {
    if index.iter().any(|column| !column.is_default_order) {
        return Some("an operator class of the index is not the default one of its type");
    }
    let is_mixed = index.iter().any(|column| column.is_descending != index[0].is_descending);
    is_mixed.then_some("the index has columns in ascending and in descending order")
}

/// True if the values of two orders compare alike.
pub(super) fn same_order(before: &[String], now: &[String]) -> bool {
    let is_number = |order: &String| WHOLE_NUMBERS.contains(&order.as_str());
    before.len() == now.len()
        && before.iter().zip(now).all(|(one, other)| one == other || is_number(one) && is_number(other))
}

/// The table, and one row for each column of each key.
///
/// An index is a key if it is unique, valid, not partial, not deferrable, has no expressions, and its columns
/// are not null. PostgreSQL 18 has constraints NOT NULL that are not validated.
fn question(relation: &str, into: Option<&str>) -> String {
    format!(
        "WITH t AS (SELECT c.* FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass({relation})), \
         k AS (SELECT i.*, row_number() OVER (ORDER BY i.indisprimary DESC, i.indnkeyatts, x.relname) AS number \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN t ON t.oid = i.indrelid \
         WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL \
         AND NOT EXISTS (SELECT FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) p \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p] WHERE NOT a.attnotnull \
         OR EXISTS (SELECT FROM pg_catalog.pg_constraint n WHERE n.conrelid = a.attrelid AND n.contype = 'n' \
         AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated))) \
         SELECT t.oid, t.relkind IN ('r', 'p'), t.relkind = 'r' AND NOT EXISTS \
         (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhparent = t.oid), \
         CASE WHEN t.relpages > 0 AND t.reltuples > 0 THEN ceil(t.reltuples / t.relpages)::bigint ELSE 50 END, \
         k.number, a.attname, \
         (SELECT pg_catalog.format('%I.%I', n.nspname, y.typname) FROM pg_catalog.pg_type y \
         JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace WHERE y.oid = a.atttypid), \
         (SELECT pg_catalog.format('%I.%I', n.nspname, o.collname) FROM pg_catalog.pg_collation o \
         JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = k.indcollation[p.p]), \
         (k.indoption[p.p] & 1) <> 0, (k.indoption[p.p] & 2) <> 0, \
         EXISTS (SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod \
         JOIN pg_catalog.pg_opclass d ON d.opcmethod = o.opcmethod AND d.opcfamily = o.opcfamily \
         AND d.opcintype = o.opcintype AND d.opcdefault WHERE o.oid = k.indclass[p.p] AND m.amname = 'btree'), \
         g.oid = t.oid OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree(t.oid) r WHERE r.relid = g.oid) \
         OR EXISTS (SELECT FROM pg_catalog.pg_partition_tree(g.oid) r WHERE r.relid = t.oid) \
         FROM t CROSS JOIN (SELECT pg_catalog.to_regclass({into}) AS oid) g \
         LEFT JOIN k ON true LEFT JOIN LATERAL pg_catalog.generate_series(0, k.indnkeyatts - 1) p ON true \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = k.indkey[p.p] \
         ORDER BY k.number, p.p",
        relation = quote_literal(relation),
        into = quote_nullable(into),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, collation: Option<&str>) -> KeyColumn {
        KeyColumn {
            name: name.to_owned(),
            kind: "pg_catalog.text".to_owned(),
            collation: collation.map(str::to_owned),
            nulls_first: false,
        }
    }

    fn table(keys: Vec<Vec<KeyColumn>>, is_plain: bool) -> KeyedTable {
        let (is_inserted_into, unordered) = (false, Vec::new());
        KeyedTable { oid: 1, is_inserted_into, is_plain, rows_per_page: 9, keys, unordered }
    }

    #[test]
    fn a_column_has_the_collation_of_its_index_and_its_values_have_its_type() {
        let column = column("a\"b", Some("pg_catalog.\"C\""));
        assert_eq!(column.sql(Some("u")), "u.\"a\"\"b\" COLLATE pg_catalog.\"C\"");
        assert_eq!(column.value("it's\\"), "E'it''s\\\\'::pg_catalog.text");
        assert_eq!(column.order(), "pg_catalog.text COLLATE pg_catalog.\"C\"");
    }

    #[test]
    fn named_columns_are_a_key_in_any_order_and_only_together() {
        let table = table(vec![vec![column("a", None), column("b", None)]], true);
        let key = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            table.key(&names, true).map(|key| key.names())
        };
        assert_eq!(key(&["b", "a"]).unwrap(), ["a", "b"]);
        assert_eq!(key(&[]).unwrap(), ["a", "b"]);
        assert_eq!(key(&["a"]).unwrap_err().word(), "not_a_key");
        assert_eq!(key(&["a", "b", "c"]).unwrap_err().word(), "not_a_key");
    }

    #[test]
    fn without_a_key_the_position_serves_where_the_statement_tells_what_is_done() {
        let position = table(Vec::new(), true).key(&[], true);
        assert_eq!(position, Ok(Key::RowPosition { rows_per_page: 9 }));
        assert_eq!(table(Vec::new(), true).key(&[], false).unwrap_err().word(), "no_key");
        assert_eq!(table(Vec::new(), false).key(&[], true).unwrap_err().word(), "no_key");
    }

    #[test]
    fn a_wider_number_keeps_the_order_and_a_text_does_not() {
        let order = |kind: &str| vec![kind.to_owned()];
        assert!(same_order(&order("pg_catalog.int4"), &order("pg_catalog.int8")));
        assert!(!same_order(&order("pg_catalog.int4"), &order("pg_catalog.text")));
        assert!(!same_order(
            &order("text COLLATE pg_catalog.\"C\""),
            &order("text COLLATE pg_catalog.\"de-x-icu\"")
        ));
    }
}
