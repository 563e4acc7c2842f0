//! Data probes: rows that would make a pending statement fail.
//!
//! Each query runs in its own read-only transaction, with a time limit, before anything is locked.
//! Messages have counts and the keys of up to three rows, never other values.

use super::finding::{Check, Verdict};
use super::thresholds::Thresholds;
use super::{Preflight, ask, failed};
use crate::connection::protect;
use crate::display::units::Time;
use crate::error::Error;
use crate::operate::explain::PlacedProbe;
use crate::sql::answers::{Answers, is_true, parsed, text};
use crate::sql::quote::{quote_ident, quote_if_needed, quote_literal};
use crate::sql::transaction::IS_FREE;
use migrate_core::advice::{Advice, NextStep};
use migrate_core::sql::facts::ObjectName;
use migrate_core::sql::probe::{FailingRows, KeyPart, Limit, Probe, ProbeObstacle};
use std::time::Duration;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryRow};

/// The number of rows whose keys are shown.
const EXAMPLES: usize = 3;

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
        _ => "an earlier statement changes them".to_owned(),
    })
}

struct Asker<'a> {
    client: &'a Client,
    limit: Duration,
}

impl Asker<'_> {
    async fn ask(&self, probe: &Probe) -> Result<Answer, Error> {
        let count = match self.query(&count(probe)).await {
            Ok(rows) => rows.first().and_then(|row| parsed(row, 0)).unwrap_or(0),
            Err(error) => return self.failed(error),
        };
        if count == 0 {
            return Ok(Answer::None);
        }
        let keys = match self.query(&examples(probe)).await {
            Ok(rows) => rows.iter().filter_map(|row| text(row, 0).map(str::to_owned)).collect(),
            // The count is enough.
            Err(error) if error.as_db_error().is_some() => Vec::new(),
            Err(error) => return Err(failed(error)),
        };
        Ok(Answer::Rows { count, keys })
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

fn qualified(table: &ObjectName) -> String {
    format!("{}.{}", quote_ident(&table.schema), quote_ident(&table.name))
}

fn shown(table: &ObjectName) -> String {
    format!("{}.{}", quote_if_needed(&table.schema), quote_if_needed(&table.name))
}

fn from(probe: &Probe) -> String {
    format!("{}{}", if probe.only { "ONLY " } else { "" }, qualified(&probe.table))
}

/// The number of failing rows.
fn count(probe: &Probe) -> String {
    match &probe.rows {
        FailingRows::Duplicate { key, condition, nulls_are_equal } => format!(
            "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {} \
             HAVING count(*) > 1) AS repeated",
            from(probe),
            compared(key, condition.as_deref(), *nulls_are_equal),
            parts(key).join(", ")
        ),
        rows => format!("SELECT count(*) FROM {} WHERE {}", from(probe), condition(probe, rows)),
    }
}

/// The keys of some of them, as text.
fn examples(probe: &Probe) -> String {
    let name = |column: &String| format!("{}::text", quote_ident(column));
    let key = match probe.key.as_slice() {
        [] => "ctid::text".to_owned(),
        [column] => name(column),
        key => {
            format!("'(' || concat_ws(', ', {}) || ')'", key.iter().map(name).collect::<Vec<_>>().join(", "))
        }
    };
    match &probe.rows {
        FailingRows::Duplicate { key: of, condition, nulls_are_equal } => format!(
            "SELECT migrate_key FROM (SELECT {key} AS migrate_key, row_number() OVER (PARTITION BY {}) AS migrate_number \
             FROM {} WHERE {}) AS numbered WHERE migrate_number > 1 LIMIT {EXAMPLES}",
            parts(of).join(", "),
            from(probe),
            compared(of, condition.as_deref(), *nulls_are_equal),
        ),
        rows => {
            format!("SELECT {key} FROM {} WHERE {} LIMIT {EXAMPLES}", from(probe), condition(probe, rows))
        }
    }
}

fn parts(key: &[KeyPart]) -> Vec<String> {
    let part = |part: &KeyPart| match part {
        KeyPart::Column(column) => quote_ident(column),
        KeyPart::Expression(expression) => format!("({expression})"),
        _ => "NULL".to_owned(),
    };
    key.iter().map(part).collect()
}

/// The rows that a unique index compares.
fn compared(key: &[KeyPart], condition: Option<&str>, nulls_are_equal: bool) -> String {
    let not_null =
        parts(key).into_iter().filter(|_| !nulls_are_equal).map(|part| format!("{part} IS NOT NULL"));
    let conditions: Vec<String> =
        not_null.chain(condition.map(|condition| format!("({condition})"))).collect();
    if conditions.is_empty() { "true".to_owned() } else { conditions.join(" AND ") }
}

/// The condition that a failing row meets. Expressions of a CHECK may name the table, so it has no alias.
fn condition(probe: &Probe, rows: &FailingRows) -> String {
    match rows {
        FailingRows::Null { columns } => columns
            .iter()
            .map(|column| format!("{} IS NULL", quote_ident(column)))
            .collect::<Vec<_>>()
            .join(" OR "),
        FailingRows::Orphan { columns, references, referenced_columns, is_match_full } => {
            let own = |column: &String| format!("{}.{}", quote_ident(&probe.table.name), quote_ident(column));
            let present: Vec<String> =
                columns.iter().map(|column| format!("{} IS NOT NULL", own(column))).collect();
            // A row with nulls in some of the columns only has no match, and MATCH FULL needs one.
            let present = present.join(if *is_match_full { " OR " } else { " AND " });
            let equal = columns.iter().zip(referenced_columns);
            let equal: Vec<String> = equal
                .map(|(column, referenced)| {
                    format!("migrate_referenced.{} = {}", quote_ident(referenced), own(column))
                })
                .collect();
            let missing = format!(
                "NOT EXISTS (SELECT FROM {} AS migrate_referenced WHERE {})",
                qualified(references),
                equal.join(" AND ")
            );
            format!("({present}) AND {missing}")
        }
        FailingRows::Violation { expression } => format!("NOT ({expression})"),
        FailingRows::DomainViolation { column, expression } => format!(
            "NOT (SELECT ({expression}) FROM (SELECT {}.{}) AS migrate_domain (value))",
            quote_ident(&probe.table.name),
            quote_ident(column)
        ),
        FailingRows::Misfit { column, type_name, limit } => outside(&quote_ident(column), type_name, limit),
        _ => "true".to_owned(),
    }
}

/// The condition that a value outside of a type meets.
fn outside(column: &str, type_name: &str, limit: &Limit) -> String {
    match limit {
        Limit::Length(length) => format!("char_length(rtrim({column}::text, ' ')) > {length}"),
        Limit::Range(first, last) => {
            format!("round({column}::numeric) NOT BETWEEN ({first})::numeric AND ({last})::numeric")
        }
        Limit::Digits { whole, scale } => {
            // NaN fits every precision, and sorts behind all numbers.
            format!(
                "{column}::numeric <> 'NaN' AND abs(round({column}::numeric, {scale})) >= 10::numeric ^ ({whole})"
            )
        }
        Limit::Input => format!("NOT pg_input_is_valid({column}::text, {})", quote_literal(type_name)),
        _ => "false".to_owned(),
    }
}

/// A sentence about the failing rows.
fn describe(probe: &Probe, count: u64, keys: &[String]) -> String {
    let table = &probe.written;
    let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
    let (has, references) = if count == 1 { ("has", "references") } else { ("have", "reference") };
    let names =
        |names: &[String]| names.iter().map(|name| quote_if_needed(name)).collect::<Vec<_>>().join(", ");
    let found = match &probe.rows {
        FailingRows::Null { columns } => format!("{rows} of {table} {has} a null in {}", names(columns)),
        FailingRows::Any { column } => {
            return format!(
                "{table} has {rows}, and the new column {} is NOT NULL without a default",
                quote_if_needed(column)
            );
        }
        FailingRows::Duplicate { key, .. } => {
            let part = |part: &KeyPart| match part {
                KeyPart::Column(column) => quote_if_needed(column),
                KeyPart::Expression(expression) => expression.clone(),
                _ => String::new(),
            };
            let key: Vec<String> = key.iter().map(part).collect();
            format!("{rows} of {table} {has} the ({}) of another one", key.join(", "))
        }
        FailingRows::Orphan { references: of, columns, is_match_full: true, .. } if columns.len() > 1 => {
            let columns = names(columns);
            format!(
                "{rows} of {table} {has} no row of {} for all of {columns}, as MATCH FULL requires",
                shown(of)
            )
        }
        FailingRows::Orphan { references: of, columns, .. } => {
            format!("{rows} of {table} {references} a missing row of {} in {}", shown(of), names(columns))
        }
        FailingRows::Violation { expression } => {
            format!(
                "{rows} of {table} {} CHECK ({expression})",
                if count == 1 { "violates" } else { "violate" }
            )
        }
        FailingRows::DomainViolation { column, expression } => {
            let violate = if count == 1 { "violates" } else { "violate" };
            format!("{rows} of {table} {violate} CHECK ({expression}) in {}", quote_if_needed(column))
        }
        FailingRows::Misfit { column, type_name, .. } => {
            format!(
                "{rows} of {table} {has} a value in {} that does not fit {type_name}",
                quote_if_needed(column)
            )
        }
        _ => format!("{rows} of {table} would make the statement fail"),
    };
    if keys.is_empty() {
        return found;
    }
    let key = if probe.key.is_empty() { "ctid".to_owned() } else { names(&probe.key) };
    let more = if count > keys.len() as u64 { ", …" } else { "" };
    format!("{found} ({key}: {}{more})", keys.join(", "))
}

fn remedy(probe: &Probe) -> Advice {
    match &probe.rows {
        FailingRows::Any { .. } => Advice::fix("give the column a default")
            .or(NextStep::fix("add it without NOT NULL, fill it, and set NOT NULL in a later migration")),
        _ => Advice::fix("correct these rows").or(NextStep::fix("correct them in an earlier migration")),
    }
}
