//! The comparison: counts, checksums of ranges, then rows.

use super::column::matched;
use super::side::{HashedRow, PLACES, Part, Side, width};
use super::{ColumnDifference, RowComparison, RowDifference, RowDifferenceKind, RowDifferences};
use crate::connection::protect::{self, printing};
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::{CompareError, ComparedSide, Error};
use crate::sql::answers::{Answers, text};
use crate::sql::quote::quote_literal;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use tokio_postgres::Client;

/// Compares over one session, whose transaction sees one moment.
pub(super) async fn on_one<T: Target + ?Sized>(
    comparison: &RowComparison,
    target: &T,
) -> Result<RowDifferences, Error> {
    let mut session = target.open().await?;
    let compared = match begin(&mut session, None).await {
        Ok(()) => compare(comparison, &session, &session).await,
        Err(error) => Err(error),
    };
    end(&mut session).await;
    session.close().await;
    compared
}

/// Compares over two sessions.
pub(super) async fn between<A: Target + ?Sized, B: Target + ?Sized>(
    comparison: &RowComparison,
    first: &A,
    second: &B,
) -> Result<RowDifferences, Error> {
    let (mut first, mut second) = (first.open().await?, second.open().await?);
    let compared = match begin_both(&mut first, &mut second).await {
        Ok(()) => compare(comparison, &first, &second).await,
        Err(error) => Err(error),
    };
    end(&mut first).await;
    end(&mut second).await;
    first.close().await;
    second.close().await;
    compared
}

/// Begins both transactions: with one snapshot, if both sessions lead to the same database.
async fn begin_both(first: &mut Session<'_>, second: &mut Session<'_>) -> Result<(), Error> {
    let (here, there) = (identity(first).await?, identity(second).await?);
    begin(first, None).await?;
    let snapshot =
        if here == there { ask(first, "SELECT pg_catalog.pg_export_snapshot()").await? } else { None };
    begin(second, snapshot.as_deref()).await
}

/// The identity of a database: its address, and the start time of its server.
async fn identity(client: &Client) -> Result<Option<String>, Error> {
    ask(
        client,
        "SELECT pg_catalog.concat_ws(' ', (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()), \
         current_database(), extract(epoch FROM pg_catalog.pg_postmaster_start_time()), \
         pg_catalog.current_setting('port'), pg_catalog.pg_is_in_recovery())",
    )
    .await
}

async fn ask(client: &Client, sql: &str) -> Result<Option<String>, Error> {
    let answers = client.simple_query(sql).await.map_err(failed)?;
    Ok(Answers::of(answers).next().first().and_then(|row| text(row, 0)).map(str::to_owned))
}

fn failed(source: tokio_postgres::Error) -> Error {
    Error::server("beginning to compare rows", source)
}

async fn begin(session: &mut Session<'_>, snapshot: Option<&str>) -> Result<(), Error> {
    session.check_free().await?;
    session.mark("ROLLBACK");
    let snapshot = snapshot
        .map_or(String::new(), |snapshot| format!("SET TRANSACTION SNAPSHOT {}; ", quote_literal(snapshot)));
    let begin = format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {snapshot}{}; SELECT {}, \
         pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('lc_monetary', 'C', true)",
        protect::no_timeouts(),
        printing()
    );
    session.batch_execute(&begin).await.map_err(failed)
}

async fn end(session: &mut Session<'_>) {
    session.end_reading().await;
}

async fn compare(
    comparison: &RowComparison,
    first: &Client,
    second: &Client,
) -> Result<RowDifferences, Error> {
    let key = &comparison.key;
    if key.is_empty() {
        return Err(CompareError::NoKey.into());
    }
    let mut first = Side::new(first, ComparedSide::First, &comparison.first)?;
    let mut second = Side::new(second, ComparedSide::Second, &comparison.second)?;
    let columns = first.describe(key).await?;
    let (columns, others) = matched(columns, &second.describe(key).await?, key)?;
    first.set_columns(columns, key);
    second.set_columns(others, key);
    let mut found = Found::new(comparison);
    let range = match comparison.sample {
        None => 0..PLACES,
        Some(rows) => {
            found.counts = Some((first.count().await?, second.count().await?));
            sampled(rows, found.counts)
        }
    };
    found.search(&first, &second, range).await?;
    found.finish(&first, &second, comparison.values).await
}

/// The range of places that holds about so many rows.
fn sampled(rows: u64, counts: Option<(u64, u64)>) -> Range<u64> {
    let most = counts.map_or(0, |(first, second)| first.max(second));
    if most <= rows {
        return 0..PLACES;
    }
    let end = u128::from(PLACES) * u128::from(rows) / u128::from(most);
    0..u64::try_from(end).unwrap_or(PLACES).max(1)
}

/// The findings so far.
struct Found {
    differences: RowDifferences,
    /// The number of all rows, if only a sample is compared.
    counts: Option<(u64, u64)>,
    /// The numbers of rows that were compared.
    compared: (u64, u64),
    listed: usize,
    /// The number of differences at which the comparison ends.
    most: u64,
}

impl Found {
    fn new(comparison: &RowComparison) -> Found {
        let differences = RowDifferences { key: comparison.key.clone(), ..RowDifferences::default() };
        let (listed, most) = (comparison.listed, comparison.most);
        Found { differences, counts: None, compared: (0, 0), listed, most }
    }

    /// Compares the checksums of the parts of a range, and the rows of those that differ.
    async fn search(&mut self, first: &Side<'_>, second: &Side<'_>, range: Range<u64>) -> Result<(), Error> {
        let (parts, others) = (first.parts(&range).await?, second.parts(&range).await?);
        let rows = |parts: &BTreeMap<u64, Part>| parts.values().map(|part| part.rows).sum();
        self.compared = (rows(&parts), rows(&others));
        let width = width(&range);
        let part = |part: u64| {
            let start = range.start + part * width;
            start..(start + width).min(range.end)
        };
        let ranges = joined(differing(&parts, &others).map(part));
        if ranges.is_empty() {
            return Ok(());
        }
        first.open(&ranges).await?;
        second.open(&ranges).await?;
        self.merge(&mut Places::of(first), &mut Places::of(second)).await?;
        first.close().await?;
        second.close().await
    }

    /// Compares the rows of both sides, place by place, until enough of them differ.
    async fn merge(&mut self, first: &mut Places<'_, '_>, second: &mut Places<'_, '_>) -> Result<(), Error> {
        loop {
            let next = [first.next().await?, second.next().await?].into_iter().flatten().min();
            let Some(place) = next else { return Ok(()) };
            if self.differences.count() >= self.most {
                self.differences.is_cut = true;
                return Ok(());
            }
            self.rows(first.take(place).await?, second.take(place).await?);
        }
    }

    /// Compares the rows of one place.
    fn rows(&mut self, rows: HashMap<Vec<String>, i64>, mut others: HashMap<Vec<String>, i64>) {
        for (key, checksum) in rows {
            match others.remove(&key) {
                None => self.found(key, RowDifferenceKind::OnlyFirst),
                Some(other) if other != checksum => self.found(key, RowDifferenceKind::Columns(Vec::new())),
                Some(_) => {}
            }
        }
        others.into_keys().for_each(|key| self.found(key, RowDifferenceKind::OnlySecond));
    }

    fn found(&mut self, key: Vec<String>, kind: RowDifferenceKind) {
        let differences = &mut self.differences;
        match kind {
            RowDifferenceKind::OnlyFirst => differences.only_first += 1,
            RowDifferenceKind::OnlySecond => differences.only_second += 1,
            RowDifferenceKind::Columns(_) => differences.changed += 1,
        }
        // The first in the order of their keys, whatever the order of their hashes.
        let rows = &mut differences.rows;
        let at = rows.partition_point(|row| order(&row.key, &key).is_lt());
        if at < self.listed {
            rows.insert(at, RowDifference { key, kind });
            rows.truncate(self.listed);
        }
    }

    /// Names the columns that differ in the listed rows.
    async fn finish(
        mut self,
        first: &Side<'_>,
        second: &Side<'_>,
        with_values: bool,
    ) -> Result<RowDifferences, Error> {
        let is_changed = |row: &&RowDifference| matches!(row.kind, RowDifferenceKind::Columns(_));
        let keys: Vec<&Vec<String>> =
            self.differences.rows.iter().filter(is_changed).map(|row| &row.key).collect();
        if !keys.is_empty() {
            let (values, others) = (first.values(&keys).await?, second.values(&keys).await?);
            let names: Vec<&str> = first.names().collect();
            for row in &mut self.differences.rows {
                if let RowDifferenceKind::Columns(columns) = &mut row.kind {
                    *columns = changed(&names, &values, &others, &row.key, with_values);
                }
            }
        }
        let (first_rows, second_rows) = self.counts.unwrap_or(self.compared);
        let is_sample = self.counts.is_some_and(|counts| counts != self.compared);
        Ok(RowDifferences {
            first_rows,
            second_rows,
            compared: self.compared.0,
            is_sample,
            ..self.differences
        })
    }
}

/// The order of keys: that of numbers for numbers, else of texts.
fn order(a: &[String], b: &[String]) -> std::cmp::Ordering {
    let number = |text: &String| text.parse::<i128>().ok();
    let pairs = a.iter().zip(b).map(|(a, b)| match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    });
    pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

/// The parts that differ, in order.
fn differing(first: &BTreeMap<u64, Part>, second: &BTreeMap<u64, Part>) -> impl Iterator<Item = u64> {
    let parts: BTreeSet<u64> = first.keys().chain(second.keys()).copied().collect();
    parts.into_iter().filter(|part| first.get(part) != second.get(part))
}

/// Joins ranges that follow each other.
fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// The rows of a side, in the order of their places.
struct Places<'s, 'c> {
    side: &'s Side<'c>,
    rows: VecDeque<HashedRow>,
    is_at_end: bool,
}

impl<'s, 'c> Places<'s, 'c> {
    fn of(side: &'s Side<'c>) -> Places<'s, 'c> {
        Places { side, rows: VecDeque::new(), is_at_end: false }
    }

    /// The place of the next row.
    async fn next(&mut self) -> Result<Option<u64>, Error> {
        if self.rows.is_empty() && !self.is_at_end {
            self.rows = self.side.fetch().await?.into();
            self.is_at_end = self.rows.is_empty();
        }
        Ok(self.rows.front().map(|row| row.place))
    }

    /// The rows of a place; there are few of them.
    async fn take(&mut self, place: u64) -> Result<HashMap<Vec<String>, i64>, Error> {
        let mut taken = HashMap::new();
        while self.next().await? == Some(place) {
            taken.extend(self.rows.pop_front().map(|row| (row.key, row.checksum)));
        }
        Ok(taken)
    }
}

/// The values of rows by their keys.
type ValuesByKey = HashMap<Vec<String>, Vec<Option<String>>>;

/// The columns that differ in one row.
fn changed(
    names: &[&str],
    first: &ValuesByKey,
    second: &ValuesByKey,
    key: &[String],
    with_values: bool,
) -> Vec<ColumnDifference> {
    let (Some(first), Some(second)) = (first.get(key), second.get(key)) else { return Vec::new() };
    let pairs = names.iter().zip(first.iter().zip(second)).filter(|(_, (first, second))| first != second);
    let column = |(name, (first, second)): (&&str, (&Option<String>, &Option<String>))| ColumnDifference {
        column: (*name).to_owned(),
        values: with_values.then(|| [first.clone(), second.clone()]),
    };
    pairs.map(column).collect()
}
