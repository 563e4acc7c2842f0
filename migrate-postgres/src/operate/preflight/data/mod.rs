//! Data probes: rows that would make a pending statement fail.
//!
//! Each query runs in its own read-only transaction, with a time limit, before anything is locked.
//! Messages have counts and the keys of up to three rows, never other values.

mod query;
mod sentence;

use super::finding::{Check, Verdict};
use super::thresholds::Thresholds;
use super::{Preflight, ask, failed};
use crate::connection::protect;
use crate::display::units::Time;
use crate::error::Error;
use crate::operate::explain::PlacedProbe;
use crate::sql::answers::{Answers, is_true, parsed, text};
use crate::sql::quote::quote_literal;
use crate::sql::transaction::IS_FREE;
use migrate_core::advice::Advice;
use migrate_core::sql::probe::{FailingRows, Limit, Probe, ProbeObstacle};
use query::{Question, SMALL};
use sentence::{describe, remedy, shown};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryRow};

/// The first version with `pg_input_is_valid`.
const INPUT_IS_VALID: i32 = 16;

/// Runs the probes of the pending statements.
pub(super) async fn check_data(
    client: &Client,
    probes: &[PlacedProbe],
    server_version: i32,
    thresholds: &Thresholds,
    preflight: &mut Preflight,
) -> Result<(), Error> {
    let (Some(limit), false) = (thresholds.probe_time, probes.is_empty()) else { return Ok(()) };
    let free = ask(client, &format!("SELECT {IS_FREE}")).await?;
    if !free.first().is_some_and(|row| is_true(row, 0)) {
        // A query that fails would abort the transaction of the connection's owner.
        let found = "the rows were not checked: the connection is in a transaction";
        preflight.add(Check::Data, Verdict::Warning, found, Advice::NONE);
        return Ok(());
    }
    let mut passed = 0;
    for PlacedProbe { place, probe } in probes {
        let answer = match unanswerable(probe, server_version) {
            Some(reason) => Answer::NotAsked(reason),
            None => Asker { client, limit }.ask(probe).await?,
        };
        match answer {
            Answer::None => passed += 1,
            Answer::Rows { count, keys } => {
                let found = format!("{place}: {}", describe(probe, count, &keys));
                preflight.add(Check::Data, Verdict::Stop, found, remedy(probe));
            }
            Answer::NotAsked(reason) => {
                let found = format!("{place}: the rows of {} were not checked: {reason}", probe.written);
                preflight.add(Check::Data, Verdict::Pass, found, Advice::NONE);
            }
            Answer::Failed(reason) => {
                let found = format!("{place}: the rows of {} could not be checked: {reason}", probe.written);
                preflight.add(Check::Data, Verdict::Warning, found, Advice::NONE);
            }
        }
    }
    if passed > 0 {
        let asked = if passed == 1 { "1 query".to_owned() } else { format!("{passed} queries") };
        preflight.add(
            Check::Data,
            Verdict::Pass,
            format!("no conflicting rows found ({asked})"),
            Advice::NONE,
        );
    }
    Ok(())
}

/// The answer to a probe.
enum Answer {
    /// There is no such row.
    None,
    /// There are such rows; the keys of some.
    Rows { count: u64, keys: Vec<String> },
    /// An answer would have no meaning.
    NotAsked(String),
    /// There is no answer.
    Failed(String),
}

/// The reason not to run a probe.
fn unanswerable(probe: &Probe, server_version: i32) -> Option<String> {
    if let FailingRows::Misfit { limit: Limit::Input, .. } = probe.rows
        && server_version < INPUT_IS_VALID * 10_000
    {
        return Some(format!("this requires PostgreSQL {INPUT_IS_VALID}"));
    }
    Some(match probe.obstacle.as_ref()? {
        ProbeObstacle::Written { table, place } => {
            format!("the statement at {place} writes {} first", shown(table))
        }
        ProbeObstacle::Changed { column, place } => {
            format!("the statement at {place} changes {column} first")
        }
        ProbeObstacle::Code { place } => {
            format!("the statement at {place} runs code first, which may write them")
        }
        ProbeObstacle::NewReference { table } => format!("{} does not exist yet", shown(table)),
        ProbeObstacle::PartitionKey { table } => {
            format!("the partition key of {} has an operator class", shown(table))
        }
        _ => "an earlier statement changes them".to_owned(),
    })
}

struct Asker<'a> {
    client: &'a Client,
    limit: Duration,
}

impl Asker<'_> {
    async fn ask(&self, probe: &Probe) -> Result<Answer, Error> {
        match self.rows(probe).await {
            Ok(answer) => Ok(answer),
            Err(error) => self.failed(error),
        }
    }

    async fn rows(&self, probe: &Probe) -> Result<Answer, tokio_postgres::Error> {
        let mut question = Question::new(probe);
        if let Some(sql) = question.partitions() {
            question.others = self.query(&sql).await?.first().and_then(|row| text(row, 0)).map(str::to_owned);
        }
        if !self.is_affordable(&question).await? {
            let reason =
                format!("without an index, comparing more than {SMALL} rows with each other takes too long");
            return Ok(Answer::Failed(reason));
        }
        let count = self.query(&question.count()).await?.first().and_then(|row| parsed(row, 0)).unwrap_or(0);
        if count == 0 {
            return Ok(Answer::None);
        }
        let keys = match self.query(&question.examples()).await {
            Ok(rows) => rows.iter().filter_map(|row| text(row, 0).map(str::to_owned)).collect(),
            // The count is enough.
            Err(error) if error.as_db_error().is_some() => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Answer::Rows { count, keys })
    }

    /// False for a comparison of each row with each other one in a table that is not small.
    async fn is_affordable(&self, question: &Question<'_>) -> Result<bool, tokio_postgres::Error> {
        let Some(size) = question.pairs() else { return Ok(true) };
        let plan = self.query(&format!("EXPLAIN (COSTS OFF) {}", question.count())).await?;
        // `Index Cond:`, `Hash Cond:`, `Merge Cond:`; a comparison of all pairs has a `Join Filter:` alone.
        if plan.iter().any(|row| text(row, 0).is_some_and(|line| line.contains(" Cond: "))) {
            return Ok(true);
        }
        let rows: usize = self.query(&size).await?.first().and_then(|row| parsed(row, 0)).unwrap_or(0);
        Ok(rows <= SMALL)
    }

    /// Runs a query in a transaction of its own: read-only, with the time limit, and with an error instead of
    /// fewer rows where row-level security applies.
    async fn query(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, tokio_postgres::Error> {
        let limit = quote_literal(&self.limit.as_millis().clamp(1, i32::MAX as u128).to_string());
        let message = format!(
            "{}; SELECT pg_catalog.set_config('transaction_read_only', 'on', true), \
             pg_catalog.set_config('statement_timeout', {limit}, true), \
             pg_catalog.set_config('lock_timeout', {limit}, true), \
             pg_catalog.set_config('row_security', 'off', true); {sql}",
            protect::no_timeouts()
        );
        Ok(Answers::of(self.client.simple_query(&message).await?).after(2))
    }

    fn failed(&self, error: tokio_postgres::Error) -> Result<Answer, Error> {
        let Some(server) = error.as_db_error() else { return Err(failed(error)) };
        let code = server.code();
        Ok(Answer::Failed(match code {
            &SqlState::QUERY_CANCELED => format!("no answer within {}", Time(self.limit)),
            &SqlState::LOCK_NOT_AVAILABLE => "another session locks them".to_owned(),
            // The messages of this class name objects; others may show values.
            code if code.code().starts_with("42") => server.message().to_owned(),
            code => format!("the query failed with SQLSTATE {}", code.code()),
        }))
    }
}
