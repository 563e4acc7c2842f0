//! One side of a comparison: a query, its columns, and what is asked about its rows.

use super::column::Column;
use crate::error::{CompareError, ComparedSide, Error, wording};
use crate::sql::answers::{self, Answers, is_true, parsed, text};
use crate::sql::quote::{quote_ident, quote_literal};
use crate::sql::types::base_type;
use migrate_core::sql;
use migrate_core::sql::statement::LexedStatement;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// The number of places that the hash of a key may have.
pub(super) const PLACES: u64 = 1 << 32;

/// The number of parts that the places are divided into.
const PARTS: u64 = 1024;

/// The number of rows that are read at once.
const FETCHED: usize = 10_000;

/// A row: the place of its key, the key, and the checksum of all columns.
#[derive(Clone, Debug)]
pub(super) struct HashedRow {
    pub(super) place: u64,
    pub(super) key: Vec<String>,
    pub(super) checksum: i64,
}

/// A range of places: the number of its rows, and the sum of their checksums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) rows: u64,
    sum: String,
}

/// A query and its session.
pub(super) struct Side<'c> {
    client: &'c Client,
    side: ComparedSide,
    query: String,
    key: Vec<Column>,
    columns: Vec<Column>,
}

impl<'c> Side<'c> {
    /// A query before its columns are known.
    pub(super) fn new(client: &'c Client, side: ComparedSide, text: &str) -> Result<Side<'c>, Error> {
        let split = sql::split(text);
        let is_query =
            |statement: &sql::Statement| LexedStatement::new(statement.text(text)).parse().is_query();
        match split.statements.as_slice() {
            [statement] if split.faults.is_empty() && is_query(statement) => {
                let query = statement.text(text).to_owned();
                Ok(Side { client, side, query, key: Vec::new(), columns: Vec::new() })
            }
            _ => Err(CompareError::NotAQuery { side }.into()),
        }
    }

    pub(super) fn set_columns(&mut self, columns: Vec<Column>, key: &[String]) {
        let of = |name: &String| columns.iter().find(|column| column.name == *name).cloned();
        self.key = key.iter().filter_map(of).collect();
        self.columns = columns;
    }

    async fn ask(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        let answer = answers::simple_query(self.client, sql).await;
        answer.map_err(|error| match error.as_db_error() {
            Some(db) if !db.code().code().starts_with("57P") => CompareError::Query {
                side: self.side,
                sqlstate: db.code().code().to_owned(),
                message: wording::without_values(db),
            }
            .into(),
            _ => Error::server("comparing rows", error),
        })
    }

    async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, Error> {
        Ok(Answers::of(self.ask(sql).await?).next())
    }

    /// The query as a table.
    fn source(&self) -> String {
        format!("(\n{}\n) AS q", self.query)
    }

    /// Asks for the columns of the result and their types, and checks the key.
    pub(super) async fn describe(&self, key: &[String]) -> Result<Vec<Column>, Error> {
        let answer = self.ask(&format!("SELECT * FROM {} LIMIT 0", self.source())).await?;
        let names: Vec<String> = answer
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::RowDescription(columns) => Some(columns),
                _ => None,
            })
            .flat_map(|columns| columns.iter().map(|column| column.name().to_owned()))
            .collect();
        let side = self.side;
        if let Some((_, column)) =
            names.iter().enumerate().find(|(index, name)| names[..*index].contains(name))
        {
            return Err(CompareError::DuplicateColumn { side, column: column.clone() }.into());
        }
        if let Some(missing) = key.iter().find(|name| !names.contains(name)) {
            return Err(CompareError::MissingKey { side, key: missing.clone(), columns: names }.into());
        }
        let type_of = |name: &String| {
            let column = format!("q.{}", quote_ident(name));
            format!("pg_catalog.format_type({}, NULL)", base_type(&column))
        };
        let types: Vec<String> = names.iter().map(type_of).collect();
        let types = format!(
            "SELECT {} FROM (SELECT 1) AS one LEFT JOIN (SELECT * FROM {} LIMIT 1) AS q ON true",
            types.join(", "),
            self.source()
        );
        let rows = self.rows(&types).await?;
        let column = |(index, name): (usize, String)| {
            let type_name = rows.first().and_then(|row| text(row, index)).unwrap_or_default().to_owned();
            Column { name, type_name }
        };
        Ok(names.into_iter().enumerate().map(column).collect())
    }

    /// The number of all rows.
    pub(super) async fn count(&self) -> Result<u64, Error> {
        let rows = self.rows(&format!("SELECT count(*) FROM {}", self.source())).await?;
        Ok(rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default())
    }

    fn key_texts(&self) -> String {
        self.key.iter().map(Column::text).collect::<Vec<_>>().join(", ")
    }

    /// The rows as texts: of the key as a whole (`k`), of each of its columns (`k1`, …), and of the row (`r`).
    /// OFFSET keeps the server from computing them several times.
    fn texts(&self) -> String {
        let each =
            self.key.iter().enumerate().map(|(index, column)| format!("{} AS k{index}", column.text()));
        let all = self.columns.iter().map(Column::text).collect::<Vec<_>>().join(", ");
        format!(
            "(SELECT ROW({})::text AS k, ROW({all})::text AS r, {} FROM {} OFFSET 0) AS t",
            self.key_texts(),
            each.collect::<Vec<_>>().join(", "),
            self.source()
        )
    }

    /// The rows with the place of their key (`p`) and the checksum of the row (`h`).
    fn hashed(&self) -> String {
        let hash = |text: &str, bytes: u32| {
            format!(
                "('x' || pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(\
                 pg_catalog.convert_to({text}, 'UTF8')), 1, {bytes}), 'hex'))::bit({})::bigint",
                bytes * 8
            )
        };
        format!(
            "(SELECT t.*, {} AS p, {} AS h FROM {} OFFSET 0) AS s",
            hash("k", 4),
            hash("r", 8),
            self.texts()
        )
    }

    fn key_columns(&self) -> String {
        (0..self.key.len()).map(|index| format!("k{index}")).collect::<Vec<_>>().join(", ")
    }

    /// The parts of a range that hold rows.
    ///
    /// # Errors
    ///
    /// If a key is NULL, or not unique.
    pub(super) async fn parts(&self, range: &Range<u64>) -> Result<BTreeMap<u64, Part>, Error> {
        let width = width(range);
        let key = self.key_columns();
        let null =
            (0..self.key.len()).map(|index| format!("k{index} IS NULL")).collect::<Vec<_>>().join(" OR ");
        let sql = format!(
            "SELECT (p - {start}) / {width}, count(*), sum(h), max(n), bool_or({null}) FROM (\
             SELECT {key}, p, count(*) AS n, sum(h) AS h FROM {} WHERE p >= {start} AND p < {end} GROUP BY p, {key}) AS g \
             GROUP BY 1",
            self.hashed(),
            start = range.start,
            end = range.end,
        );
        let rows = self.rows(&sql).await?;
        if rows.iter().any(|row| is_true(row, 4)) {
            return Err(CompareError::NullKey { side: self.side }.into());
        }
        if rows.iter().any(|row| parsed::<u64>(row, 3).is_some_and(|most| most > 1)) {
            return Err(self.duplicate(range).await?.into());
        }
        let part = |row: &SimpleQueryRow| {
            let sum = text(row, 2).unwrap_or_default().to_owned();
            Some((parsed(row, 0)?, Part { rows: parsed(row, 1)?, sum }))
        };
        Ok(rows.iter().filter_map(part).collect())
    }

    /// The error about a key that several rows have.
    async fn duplicate(&self, range: &Range<u64>) -> Result<CompareError, Error> {
        let key = self.key_columns();
        let sql = format!(
            "SELECT {key} FROM {} WHERE p >= {} AND p < {} GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1",
            self.hashed(),
            range.start,
            range.end
        );
        let rows = self.rows(&sql).await?;
        let key = rows.first().map(|row| self.key_of(row)).unwrap_or_default();
        Ok(CompareError::DuplicateKey { side: self.side, key })
    }

    fn key_of(&self, row: &SimpleQueryRow) -> Vec<String> {
        (0..self.key.len()).map(|index| text(row, index).unwrap_or("NULL").to_owned()).collect()
    }

    /// The name of its cursor: both sides may share a session.
    fn cursor(&self) -> &'static str {
        match self.side {
            ComparedSide::First => "migrate_first",
            ComparedSide::Second => "migrate_second",
        }
    }

    /// Begins to read the rows of some ranges, in the order of their places: one scan, however many they are.
    pub(super) async fn open(&self, ranges: &[Range<u64>]) -> Result<(), Error> {
        let within: Vec<String> =
            ranges.iter().map(|range| format!("p >= {} AND p < {}", range.start, range.end)).collect();
        let sql = format!(
            "DECLARE {} NO SCROLL CURSOR FOR SELECT {}, p, h FROM {} WHERE {} ORDER BY p",
            self.cursor(),
            self.key_columns(),
            self.hashed(),
            within.join(" OR ")
        );
        self.ask(&sql).await.map(drop)
    }

    /// The next rows; none at the end.
    pub(super) async fn fetch(&self) -> Result<Vec<HashedRow>, Error> {
        let rows = self.rows(&format!("FETCH {FETCHED} FROM {}", self.cursor())).await?;
        let hashed = |row: &SimpleQueryRow| {
            let (place, checksum) = (parsed(row, self.key.len())?, parsed(row, self.key.len() + 1)?);
            Some(HashedRow { place, key: self.key_of(row), checksum })
        };
        Ok(rows.iter().filter_map(hashed).collect())
    }

    /// Ends reading.
    pub(super) async fn close(&self) -> Result<(), Error> {
        self.ask(&format!("CLOSE {}", self.cursor())).await.map(drop)
    }

    /// The texts of all columns of the rows with these keys.
    pub(super) async fn values(
        &self,
        keys: &[&Vec<String>],
    ) -> Result<HashMap<Vec<String>, Vec<Option<String>>>, Error> {
        let literal = |key: &&Vec<String>| {
            let parts: Vec<String> = key.iter().map(|part| quote_literal(part)).collect();
            format!("({})", parts.join(", "))
        };
        let literals: Vec<String> = keys.iter().map(literal).collect();
        let all = self.columns.iter().map(Column::text).collect::<Vec<_>>().join(", ");
        let key = self.key_texts();
        let sql =
            format!("SELECT {key}, {all} FROM {} WHERE ({key}) IN ({})", self.source(), literals.join(", "));
        let rows = self.rows(&sql).await?;
        let values = |row: &SimpleQueryRow| {
            let columns = self.key.len()..self.key.len() + self.columns.len();
            (self.key_of(row), columns.map(|index| text(row, index).map(str::to_owned)).collect())
        };
        Ok(rows.iter().map(values).collect())
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }
}

/// The width of a range's parts.
pub(super) fn width(range: &Range<u64>) -> u64 {
    (range.end - range.start).div_ceil(PARTS).max(1)
}
