//! The key that batches go by: columns with a unique index, or the position of rows.

use crate::connection::protect;
use crate::error::BackfillCause;
use crate::sql::answers::{is_true, parsed, text};
use crate::sql::quote::{quote_ident, quote_literal};
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
    /// The type, as SQL.
    kind: String,
    /// The collation of the index, as SQL, if the type has one.
    collation: Option<String>,
}

impl KeyColumn {
    /// The column as SQL, in the order of its index: whatever the collation of the column becomes, the batches
    /// keep to one order.
    pub(super) fn sql(&self, qualifier: Option<&str>) -> String {
        let prefix = qualifier.map_or_else(String::new, |qualifier| format!("{qualifier}."));
        let collate = self.collation.as_ref().map_or_else(String::new, |name| format!(" COLLATE {name}"));
        format!("{prefix}{}{collate}", quote_ident(&self.name))
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
    /// True if it is a table of its own: neither partitioned nor a parent of others.
    is_plain: bool,
    rows_per_page: u64,
    /// The keys, the primary key first.
    keys: Vec<Vec<KeyColumn>>,
}

/// The order of types that compare alike: a cursor of one is one of the other.
const WHOLE_NUMBERS: [&str; 4] = ["smallint", "integer", "bigint", "numeric"];

impl KeyedTable {
    /// Reads a table from the catalog; none if there is no such table.
    pub(super) async fn read(
        client: &Client,
        relation: &str,
    ) -> Result<Option<KeyedTable>, tokio_postgres::Error> {
        let rows = protect::ask(client, &question(relation)).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let Some(oid) = parsed(first, 0).filter(|_| is_true(first, 1)) else { return Ok(None) };
        let mut keys: Vec<Vec<KeyColumn>> = Vec::new();
        for row in &rows {
            let Some((index, column)) = parsed::<usize>(row, 4).zip(column(row)) else { continue };
            keys.resize_with(keys.len().max(index), Vec::new);
            keys[index - 1].push(column);
        }
        let rows_per_page = parsed(first, 3).unwrap_or(1).max(1);
        Ok(Some(KeyedTable { oid, is_plain: is_true(first, 2), rows_per_page, keys }))
    }

    /// The key of these columns, or the best one if none is named.
    pub(super) fn key(&self, named: &[String], may_go_by_position: bool) -> Result<Key, BackfillCause> {
        let has = |key: &&Vec<KeyColumn>| {
            key.len() == named.len() && key.iter().all(|column| named.contains(&column.name))
        };
        if !named.is_empty() {
            let keys = || self.keys.iter().map(|key| key.iter().map(|c| c.name.clone()).collect()).collect();
            return self
                .keys
                .iter()
                .find(has)
                .map(|key| Key::Columns(key.clone()))
                .ok_or_else(|| BackfillCause::NotAKey { columns: named.to_vec(), keys: keys() });
        }
        if let Some(key) = self.keys.first() {
            return Ok(Key::Columns(key.clone()));
        }
        if !self.is_plain {
            let why =
                "its rows have no position of their own: it is partitioned, or other tables inherit from it";
            return Err(BackfillCause::NoKey { why });
        }
        if !may_go_by_position {
            let why = "the statement has no condition of its own that tells which rows are done";
            return Err(BackfillCause::NoKey { why });
        }
        Ok(Key::RowPosition { rows_per_page: self.rows_per_page })
    }
}

/// True if the values of two orders compare alike.
pub(super) fn same_order(before: &[String], now: &[String]) -> bool {
    let is_number = |order: &String| WHOLE_NUMBERS.contains(&order.as_str());
    before.len() == now.len()
        && before.iter().zip(now).all(|(one, other)| one == other || is_number(one) && is_number(other))
}

fn column(row: &SimpleQueryRow) -> Option<KeyColumn> {
    Some(KeyColumn {
        name: text(row, 5)?.to_owned(),
        kind: text(row, 6)?.to_owned(),
        collation: text(row, 7).map(str::to_owned),
    })
}

/// The table, and one row for each column of each key.
///
/// An index is a key if it is unique, valid, not partial, not deferrable, has no expressions, and its columns
/// are not null. PostgreSQL 18 has constraints NOT NULL that are not validated.
fn question(relation: &str) -> String {
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
         k.number, a.attname, pg_catalog.format_type(a.atttypid, -1), \
         (SELECT pg_catalog.format('%I.%I', n.nspname, o.collname) FROM pg_catalog.pg_collation o \
         JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = k.indcollation[p.p]) \
         FROM t LEFT JOIN k ON true LEFT JOIN LATERAL pg_catalog.generate_series(0, k.indnkeyatts - 1) p ON true \
         LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = k.indkey[p.p] \
         ORDER BY k.number, p.p",
        relation = quote_literal(relation)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, collation: Option<&str>) -> KeyColumn {
        KeyColumn { name: name.to_owned(), kind: "text".to_owned(), collation: collation.map(str::to_owned) }
    }

    fn table(keys: Vec<Vec<KeyColumn>>, is_plain: bool) -> KeyedTable {
        KeyedTable { oid: 1, is_plain, rows_per_page: 9, keys }
    }

    #[test]
    fn a_column_has_the_collation_of_its_index_and_its_values_have_its_type() {
        let column = column("a\"b", Some("pg_catalog.\"C\""));
        assert_eq!(column.sql(Some("u")), "u.\"a\"\"b\" COLLATE pg_catalog.\"C\"");
        assert_eq!(column.value("it's\\"), "E'it''s\\\\'::text");
        assert_eq!(column.order(), "text COLLATE pg_catalog.\"C\"");
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
        assert!(same_order(&order("integer"), &order("bigint")));
        assert!(!same_order(&order("integer"), &order("text")));
        assert!(!same_order(
            &order("text COLLATE pg_catalog.\"C\""),
            &order("text COLLATE pg_catalog.\"de-x-icu\"")
        ));
    }
}
