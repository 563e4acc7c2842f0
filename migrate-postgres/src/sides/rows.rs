//! Rows for a proof: a few in each table, which have to survive.

use crate::connection::protect;
use crate::connection::session::Session;
use crate::error::Error;
use crate::schema::catalog::{Catalog, Kind, Object};
use crate::sql::answers::{is_true, text};
use crate::sql::quote::quote_literal;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::SimpleQueryRow;

/// The rows that are tried for each table.
const ROWS: u32 = 3;

/// The rows of all tables, as they were before the scripts.
pub(super) struct Rows {
    tables: BTreeMap<String, TableRows>,
    without: Vec<String>,
    /// The tables and columns whose rows a script says it loses.
    lost: BTreeSet<String>,
}

/// The rows of a table.
#[derive(Debug, PartialEq, Eq)]
struct TableRows {
    count: String,
    /// The digest of the values of each column, by its name and type.
    columns: BTreeMap<(String, String), String>,
}

/// The columns that can be written, with a value for row `{i}`, and true where one is needed. `{table}` is the
/// table, as a literal.
const VALUES: &str = "\
    SELECT pg_catalog.quote_ident(a.attname), a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
      coalesce((SELECT pg_catalog.format('(SELECT %I FROM %s LIMIT 1)', r.attname, c.confrelid::pg_catalog.regclass) \
        FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_attribute r ON r.attrelid = c.confrelid \
          AND r.attnum = c.confkey[pg_catalog.array_position(c.conkey, a.attnum)] \
        WHERE c.conrelid = a.attrelid AND c.contype = 'f' AND a.attnum = ANY (c.conkey) AND c.confrelid <> a.attrelid LIMIT 1), \
      CASE b.typcategory WHEN 'N' THEN '{i}' WHEN 'S' THEN '''{i}''' WHEN 'B' THEN 'true' WHEN 'A' THEN '''{}''' \
        WHEN 'T' THEN '''{i} h''' WHEN 'R' THEN '''empty''' WHEN 'I' THEN '''10.0.0.{i}''' \
        WHEN 'D' THEN CASE WHEN b.typname ~ '^time(tz)?$' THEN '''0{i}:00''' ELSE '''2026-01-0{i}''' END \
        WHEN 'E' THEN (SELECT pg_catalog.quote_literal(e.enumlabel) FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid \
          ORDER BY e.enumsortorder LIMIT 1) \
        ELSE CASE b.typname WHEN 'uuid' THEN '''00000000-0000-0000-0000-00000000000{i}''' WHEN 'bytea' THEN '''\\x0{i}''' \
          WHEN 'json' THEN '''{}''' WHEN 'jsonb' THEN '''{}''' WHEN 'xml' THEN '''<a/>''' ELSE 'NULL' END END) \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END \
    WHERE a.attrelid = {table}::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' \
    AND a.attidentity <> 'a' ORDER BY a.attnum";

const COLUMNS: &str = "\
    SELECT pg_catalog.quote_ident(attname), pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute \
    WHERE attrelid = pg_catalog.to_regclass({table}) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";

async fn ask(session: &Session<'_>, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    protect::ask(session, sql).await.map_err(|source| Error::server("reading the rows of a proof", source))
}

impl Rows {
    /// Makes rows in the tables of a catalog: in any order that their foreign keys take.
    pub(super) async fn make(session: &Session<'_>, catalog: &Catalog) -> Result<Rows, Error> {
        let tables = catalog.objects().iter().filter(|object| object.kind() == Kind::Table);
        // The rows of a partition are those of its table.
        let tables = tables.filter(|object| !object.definition().contains("PARTITION OF"));
        let names: Vec<&str> = tables.map(Object::identity).collect();
        let mut waiting = names.clone();
        loop {
            let mut later = Vec::new();
            for &name in &waiting {
                if !fill(session, name).await? {
                    later.push(name);
                }
            }
            if later.len() == waiting.len() || later.is_empty() {
                waiting = later;
                break;
            }
            waiting = later;
        }
        let mut rows = Rows { tables: BTreeMap::new(), without: Vec::new(), lost: BTreeSet::new() };
        rows.without = waiting.iter().map(|name| (*name).to_owned()).collect();
        for name in names {
            if let Some(read) = read(session, name).await? {
                rows.tables.insert(name.to_owned(), read);
            }
        }
        Ok(rows)
    }

    /// The tables without a row.
    pub(super) fn without(&self) -> Vec<String> {
        self.without.clone()
    }

    /// Records the losses that a script announces.
    pub(super) fn will_lose(&mut self, names: &[String]) {
        self.lost.extend(names.iter().cloned());
    }

    /// Gives the rows of tables and columns their new names.
    pub(super) fn rename(&mut self, from: &str, to: &str) {
        let inside = format!("{from}.");
        let tables = std::mem::take(&mut self.tables);
        let renamed = |name: String| match name.strip_prefix(&inside) {
            Some(rest) => format!("{to}.{rest}"),
            None if name == from => to.to_owned(),
            None => name,
        };
        for (name, mut rows) in tables {
            let column = |(column, kind): (String, String)| {
                let whole = format!("{name}.{column}");
                let column =
                    if whole == from { to.rsplit('.').next().unwrap_or(to).to_owned() } else { column };
                (column, kind)
            };
            rows.columns = rows.columns.into_iter().map(|(key, digest)| (column(key), digest)).collect();
            self.tables.insert(renamed(name.clone()), rows);
        }
    }

    /// The tables whose rows are no longer the same.
    pub(super) async fn changed(&self, session: &Session<'_>) -> Result<Vec<String>, Error> {
        let mut changed = Vec::new();
        for (name, before) in &self.tables {
            if self.lost.contains(&format!("{} {name}", Kind::Table)) {
                continue;
            }
            let is_same = match read(session, name).await? {
                None => false,
                Some(now) => before.count == now.count && self.have_columns(name, before, &now),
            };
            if !is_same {
                changed.push(name.clone());
            }
        }
        Ok(changed)
    }

    /// True if the values of all columns are the same, except for those of another type and those that are lost.
    fn have_columns(&self, table: &str, before: &TableRows, now: &TableRows) -> bool {
        let is_lost = |column: &str| self.lost.contains(&format!("{} {table}.{column}", Kind::Column));
        let has_other_type =
            |(name, _): &(String, String)| now.columns.keys().any(|(other, _)| other == name);
        before.columns.iter().all(|(key, digest)| match now.columns.get(key) {
            Some(now) => now == digest || is_lost(&key.0),
            None => has_other_type(key) || is_lost(&key.0),
        })
    }
}

/// Makes rows in a table: with a value for each column, or else for those that need one. False if there is none.
async fn fill(session: &Session<'_>, table: &str) -> Result<bool, Error> {
    let columns = ask(session, &VALUES.replace("{table}", &quote_literal(table))).await?;
    let mut made = false;
    for row in 1..=ROWS {
        for only_needed in [false, true] {
            let chosen = columns.iter().filter(|column| !only_needed || is_true(column, 1));
            let (names, values): (Vec<&str>, Vec<String>) = chosen
                .filter_map(|column| {
                    Some((text(column, 0)?, text(column, 2)?.replace("{i}", &row.to_string())))
                })
                .unzip();
            let insert = match names.is_empty() {
                true => format!("INSERT INTO {table} DEFAULT VALUES"),
                false => format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", ")),
            };
            // A row that a constraint or a trigger refuses does not count.
            if session.batch_execute(&insert).await.is_ok() {
                made = true;
                break;
            }
        }
    }
    Ok(made)
}

/// Reads the rows of a table; none if it does not exist.
async fn read(session: &Session<'_>, table: &str) -> Result<Option<TableRows>, Error> {
    let columns = ask(session, &COLUMNS.replace("{table}", &quote_literal(table))).await?;
    let exists = format!("SELECT pg_catalog.to_regclass({})", quote_literal(table));
    if ask(session, &exists).await?.first().and_then(|row| text(row, 0)).is_none() {
        return Ok(None);
    }
    let names: Vec<(String, String)> =
        columns.iter().filter_map(|row| Some((text(row, 0)?.to_owned(), text(row, 1)?.to_owned()))).collect();
    let digests = names.iter().map(|(name, _)| {
        format!(
            ", pg_catalog.md5(coalesce(pg_catalog.string_agg({name}::text, ',' ORDER BY {name}::text), ''))"
        )
    });
    let sql = format!("SELECT count(*){} FROM {table}", digests.collect::<String>());
    let rows = ask(session, &sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let count = text(row, 0).unwrap_or_default().to_owned();
    let value = |index: usize| text(row, index + 1).unwrap_or_default().to_owned();
    let columns = names.into_iter().enumerate().map(|(index, key)| (key, value(index))).collect();
    Ok(Some(TableRows { count, columns }))
}
