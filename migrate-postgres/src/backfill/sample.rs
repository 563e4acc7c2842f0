//! Sampled batches: a few batches over a whole table, each rolled back, and the estimate that they give.

use super::batch::{POSITION, PRINTING, last_key};
use super::choice::choose;
use super::key::Key;
use super::sweep::by_position;
use super::work::{Range, Work, next_key, pages, sampled_keys};
use crate::display::units::{Bytes, Time};
use crate::error::BackfillCause;
use crate::sql::answers::{Answers, parsed, simple_query, text};
use crate::sql::transaction::{DEFERRED, milliseconds};
use migrate_core::Script;
use migrate_core::backfill::{BatchSize, BatchTarget, Reaction, Specification, reaction};
use migrate_core::display::printable::Printable;
use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

/// The batches of a sample, the first one at the beginning of the table.
const BATCHES: u64 = 5;

/// Sampled batches of a backfill, and the estimate for the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampledBackfill {
    /// The table, as the script names it.
    pub relation: String,
    /// The columns of the key; empty for the position of rows.
    pub key: Vec<String>,
    /// The batches, from the beginning of the table on.
    pub batches: Vec<SampledBatch>,
    /// The rows of the table, by the server's estimate.
    pub rows_total: u64,
    /// The rows to which the size of a batch has adapted at the end of the sample.
    pub batch_rows: u64,
    /// The pause after each batch, from the script.
    pub pause: Duration,
}

/// A batch that was run and rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SampledBatch {
    /// The rows that it went over.
    pub rows: u64,
    /// The rows that its statement changed, by the server's count.
    pub changed: u64,
    /// Its duration.
    pub took: Duration,
    /// The bytes of WAL that the server wrote meanwhile.
    pub wal: u64,
    /// The server's message, if a row raises an error for which a run sets it aside.
    pub error: Option<String>,
}

impl SampledBackfill {
    /// The time that the whole takes at the pace of these batches, with the pauses of the script and without those that load
    /// asks for; `None` if no batch succeeded.
    pub fn eta(&self) -> Option<Duration> {
        let took = self.done().map(|batch| batch.took.as_nanos()).sum::<u128>();
        let work = took * u128::from(self.rows_total) / self.rows()?;
        let batches = u128::from(self.rows_total.div_ceil(self.batch_rows.max(1)));
        let whole = work + self.pause.as_nanos() * batches;
        Some(Duration::from_nanos(u64::try_from(whole).unwrap_or(u64::MAX)))
    }

    /// The bytes of WAL that the server writes for the whole; `None` if no batch succeeded.
    pub fn wal(&self) -> Option<u64> {
        let wal = self.done().map(|batch| u128::from(batch.wal)).sum::<u128>();
        u64::try_from(wal * u128::from(self.rows_total) / self.rows()?).ok()
    }

    fn done(&self) -> impl Iterator<Item = &SampledBatch> {
        self.batches.iter().filter(|batch| batch.error.is_none())
    }

    /// The rows of the batches that succeeded, if there are any.
    fn rows(&self) -> Option<u128> {
        let rows = self.done().map(|batch| u128::from(batch.rows)).sum();
        (rows > 0).then_some(rows)
    }
}

impl fmt::Display for SampledBackfill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        let (rows, took) = self
            .done()
            .fold((0, Duration::ZERO), |(rows, took), batch| (rows + batch.rows, took + batch.took));
        let batches = if self.batches.len() == 1 { "batch" } else { "batches" };
        write!(
            f,
            "{} sampled {batches} of {}: {rows} rows in {}",
            self.batches.len(),
            self.relation,
            Time(took)
        )?;
        if let (Some(eta), Some(wal)) = (self.eta(), self.wal()) {
            let (eta, wal) = (Time(eta), Bytes(wal));
            write!(f, "; all of about {} rows: {eta} and {wal} of WAL", self.rows_total)?;
        }
        let failed = self.batches.iter().filter_map(|batch| batch.error.as_deref());
        failed.take(1).try_for_each(|error| write!(f, "; rows would be set aside: {error}"))
    }
}

/// The reason why a sample ended early.
pub(crate) enum SampleError {
    /// The statement can't run in batches.
    Obstacle(BackfillCause),
    /// The server refuses a statement.
    Server(Error),
}

impl From<Error> for SampleError {
    fn from(error: Error) -> SampleError {
        SampleError::Server(error)
    }
}

/// The sampling of a backfill, in a transaction that the caller has begun and rolls back.
pub(crate) struct Sampler<'s> {
    pub(crate) client: &'s Client,
    pub(crate) script: &'s Script,
    pub(crate) rows_total: u64,
    pub(crate) lock_timeout: Duration,
}

impl Sampler<'_> {
    /// Runs batches as long as `limit` gives a setting that limits their time; the first one has to have one.
    pub(crate) async fn run(
        &self,
        limit: &(dyn Fn() -> Option<String> + Sync),
    ) -> Result<SampledBackfill, SampleError> {
        let no_statement = || SampleError::Obstacle(BackfillCause::NoTable);
        let specification = Specification::of(self.script).ok_or_else(no_statement)?;
        let (relation, named) = (specification.relation.clone(), specification.key.clone());
        let chosen = choose(self.client, &specification, &relation, &named).await?;
        let (_, key) = chosen.map_err(SampleError::Obstacle)?;
        let work = Work { script: Cow::Borrowed(self.script), specification };
        let mut size = BatchSize::new(work.first_rows());
        let mut batches = Vec::new();
        for after in self.starts(&relation, &key).await? {
            let Some(limit) = limit() else { break };
            let Some(batch) = self.batch(&work, &key, after.as_deref(), size.rows(), &limit).await? else {
                continue;
            };
            if batch.error.is_none() {
                size.succeeded(batch.rows, batch.took, batch.wal, &BatchTarget::DEFAULT);
            }
            batches.push(batch);
        }
        let pause = work.specification.pause.unwrap_or_default();
        let (key, batch_rows) = (key.names(), size.rows());
        Ok(SampledBackfill { relation, key, batches, rows_total: self.rows_total, batch_rows, pause })
    }

    /// The keys behind which the batches begin, none being the beginning of the table.
    async fn starts(&self, relation: &str, key: &Key) -> Result<Vec<Option<Vec<String>>>, Error> {
        let mut starts = vec![None];
        match key {
            Key::Columns(columns) => {
                let keys = sampled_keys(relation, columns, self.rows_total, BATCHES);
                let message = format!("SAVEPOINT keys; {PRINTING}; {keys}; ROLLBACK TO SAVEPOINT keys");
                let mut answers = Answers::of(simple_query(self.client, &message).await?);
                let texts = |row: &SimpleQueryRow| {
                    let texts =
                        (0..columns.len()).map(|column| text(row, column).unwrap_or_default().to_owned());
                    Some(texts.collect::<Vec<_>>())
                };
                starts.extend(answers.after(8).iter().map(texts));
            }
            Key::RowPosition { .. } => {
                let rows = simple_query(self.client, &format!("SELECT {}", pages(relation))).await?;
                let pages: u64 =
                    Answers::of(rows).next().first().and_then(|row| parsed(row, 0)).unwrap_or_default();
                let at = |part: u64| Some(vec![format!("({},0)", pages * part / BATCHES)]);
                starts.extend((1..BATCHES.min(pages)).map(at));
            }
        }
        Ok(starts)
    }

    /// Runs a batch and rolls it back; none if no row is behind its start.
    async fn batch(
        &self,
        work: &Work<'_>,
        key: &Key,
        after: Option<&[String]>,
        rows: u64,
        limit: &str,
    ) -> Result<Option<SampledBatch>, SampleError> {
        let batch = self.batch_within(work, key, after, rows, limit).await;
        let rolled_back = simple_query(self.client, "ROLLBACK TO SAVEPOINT sample").await;
        let batch = batch?;
        rolled_back?;
        Ok(batch)
    }

    async fn batch_within(
        &self,
        work: &Work<'_>,
        key: &Key,
        after: Option<&[String]>,
        rows: u64,
        limit: &str,
    ) -> Result<Option<SampledBatch>, SampleError> {
        let (began, options) = (Instant::now(), work.script.options());
        let message = format!(
            "SAVEPOINT sample; {limit}; SET LOCAL lock_timeout = {}; SAVEPOINT keys; {PRINTING}; {}; \
             ROLLBACK TO SAVEPOINT keys; {POSITION}",
            milliseconds(options.lock_timeout.unwrap_or(self.lock_timeout)),
            next_key(&work.specification.relation, key, after, rows),
        );
        let mut answers = Answers::of(simple_query(self.client, &message).await?);
        let Some(last) = answers.after(11).into_iter().next() else { return Ok(None) };
        let before: u64 = answers.after(1).first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        let rows = parsed(&last, 0).unwrap_or_default();
        let (until, is_empty) = last_key(key, &last);
        if is_empty {
            return Ok(None);
        }
        let changed = self.change(work, key, Range { after, until: &until }).await;
        let took = began.elapsed();
        let batch = match changed {
            Ok((changed, position)) => {
                SampledBatch { rows, changed, took, wal: position.saturating_sub(before), error: None }
            }
            Err(SampleError::Server(error)) if is_of_a_row(&error) => {
                let message = error.as_db_error().map_or_else(String::new, |db| db.message().to_owned());
                SampledBatch { rows, changed: 0, took, wal: 0, error: Some(message) }
            }
            Err(error) => return Err(error),
        };
        Ok(Some(batch))
    }

    /// The rows that the statement changes in a range, and the position in the WAL behind it.
    async fn change(&self, work: &Work<'_>, key: &Key, range: Range<'_>) -> Result<(u64, u64), SampleError> {
        let position =
            |rows: Vec<SimpleQueryRow>| rows.first().and_then(|row| parsed(row, 0)).unwrap_or_default();
        if let Key::RowPosition { .. } = key {
            let changed = by_position(self.client, &work.specification.relation, work, range).await?;
            let changed = changed.ok_or(SampleError::Obstacle(BackfillCause::StillMatches))?;
            let messages = simple_query(self.client, &format!("{DEFERRED}; {POSITION}")).await?;
            return Ok((changed, position(Answers::of(messages).after(1))));
        }
        // A statement may end with a comment.
        let message = format!("{}\n; {DEFERRED}; {POSITION}", work.statement_of(key, range));
        let messages = simple_query(self.client, &message).await?;
        let changed = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::CommandComplete(rows) => Some(*rows),
            _ => None,
        });
        Ok((changed.unwrap_or_default(), position(Answers::of(messages).after(2))))
    }
}

/// True if a run would look for the row that raises this error, and set it aside.
fn is_of_a_row(error: &Error) -> bool {
    reaction(error.code().map(SqlState::code)) == Reaction::Isolate
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_costs_what_the_batches_cost_and_the_pauses_between_them() {
        let batch = |rows, millis, wal, error: Option<&str>| SampledBatch {
            rows,
            changed: rows,
            took: Duration::from_millis(millis),
            wal,
            error: error.map(str::to_owned),
        };
        let mut sampled = SampledBackfill {
            relation: "users".to_owned(),
            key: vec!["id".to_owned()],
            batches: vec![
                batch(1_000, 100, 4_096, None),
                batch(1_000, 300, 12_288, None),
                batch(9, 9, 9, Some("no")),
            ],
            rows_total: 1_000_000,
            batch_rows: 1_000,
            pause: Duration::from_millis(10),
        };
        assert_eq!(sampled.eta(), Some(Duration::from_secs(200 + 10)));
        assert_eq!(sampled.wal(), Some(8_192_000));
        assert_eq!(
            sampled.to_string(),
            "3 sampled batches of users: 2000 rows in 400.0ms; all of about 1000000 rows: 3 min 30 s and 8000 kB of WAL; \
             rows would be set aside: no"
        );
        sampled.batches.drain(..2);
        assert_eq!((sampled.eta(), sampled.wal()), (None, None));
    }
}
