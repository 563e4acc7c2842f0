//! The queries about failing rows.

use crate::sql::quote::{quote_ident, quote_literal};
use migrate_core::sql::facts::ObjectName;
use migrate_core::sql::probe::{ExclusionPart, FailingRows, KeyPart, Limit, Probe};

/// The number of rows whose keys are shown.
const EXAMPLES: usize = 3;

/// The number of rows that are compared with each other without an index: four million comparisons.
pub(super) const SMALL: usize = 2000;

/// A probe as queries.
pub(super) struct Question<'a> {
    probe: &'a Probe,
    /// The answer to [`partitions`](Question::partitions).
    pub(super) others: Option<String>,
}

impl Question<'_> {
    pub(super) fn new(probe: &Probe) -> Question<'_> {
        Question { probe, others: None }
    }

    /// The query for the condition that rows of other partitions meet, as the server writes it.
    pub(super) fn partitions(&self) -> Option<String> {
        let of = |table: &ObjectName| {
            format!(
                "pg_catalog.pg_get_partition_constraintdef({}::regclass)",
                quote_literal(&qualified(table))
            )
        };
        match &self.probe.rows {
            FailingRows::OutsideBounds { within: Some(table), .. } => Some(format!("SELECT {}", of(table))),
            FailingRows::OfPartitions { partitions } => {
                let all: Vec<String> = partitions.iter().map(|table| format!("({})", of(table))).collect();
                let all = all.join(", ");
                Some(format!(
                    "SELECT string_agg('(' || bounds || ')', ' OR ') FROM (VALUES {all}) AS partitions (bounds)"
                ))
            }
            _ => None,
        }
    }

    /// The query for the number of rows that are compared with each other, up to one more than [`SMALL`].
    pub(super) fn pairs(&self) -> Option<String> {
        let FailingRows::Excluded { condition, .. } = &self.probe.rows else { return None };
        let (from, condition) = (from(self.probe), predicate(condition.as_deref()));
        let limit = SMALL + 1;
        Some(format!("SELECT count(*) FROM (SELECT FROM {from} WHERE {condition} LIMIT {limit}) AS compared"))
    }

    /// The number of failing rows.
    pub(super) fn count(&self) -> String {
        let probe = self.probe;
        match &probe.rows {
            FailingRows::Duplicate { key, condition, nulls_are_equal } => format!(
                "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {} WHERE {} GROUP BY {} \
                 HAVING count(*) > 1) AS repeated",
                from(probe),
                compared(key, condition.as_deref(), *nulls_are_equal),
                parts(key).join(", ")
            ),
            FailingRows::Excluded { parts, condition } => {
                format!("SELECT count(*) FROM {}", conflicting(probe, parts, condition.as_deref()))
            }
            _ => format!("SELECT count(*) FROM {} WHERE {}", from(probe), self.condition()),
        }
    }

    /// The keys of some of them, as text.
    pub(super) fn examples(&self) -> String {
        let probe = self.probe;
        let key = key(probe);
        match &probe.rows {
            FailingRows::Duplicate { key: of, condition, nulls_are_equal } => format!(
                "SELECT migrate_key FROM (SELECT {key} AS migrate_key, row_number() OVER (PARTITION BY {}) AS migrate_number \
                 FROM {} WHERE {}) AS numbered WHERE migrate_number > 1 LIMIT {EXAMPLES}",
                parts(of).join(", "),
                from(probe),
                compared(of, condition.as_deref(), *nulls_are_equal),
            ),
            FailingRows::Excluded { parts, condition } => format!(
                "SELECT migrate_key FROM {} LIMIT {EXAMPLES}",
                conflicting(probe, parts, condition.as_deref())
            ),
            _ => format!("SELECT {key} FROM {} WHERE {} LIMIT {EXAMPLES}", from(probe), self.condition()),
        }
    }

    fn condition(&self) -> String {
        condition(self.probe, self.others.as_deref())
    }
}

/// The key of a row, as text.
fn key(probe: &Probe) -> String {
    let name = |column: &String| format!("{}::text", quote_ident(column));
    match probe.key.as_slice() {
        [] => "ctid::text".to_owned(),
        [column] => name(column),
        key => {
            format!("'(' || concat_ws(', ', {}) || ')'", key.iter().map(name).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The rows that conflict with another one, as an element of `FROM`. A row is compared with those in other
/// places. Expressions may name the table, so each side is a query of its own.
fn conflicting(probe: &Probe, parts: &[ExclusionPart], condition: Option<&str>) -> String {
    let values: Vec<String> =
        parts.iter().enumerate().map(|(at, part)| format!("{} AS migrate_{at}", value(&part.part))).collect();
    let side = format!(
        "(SELECT {} AS migrate_key, tableoid AS migrate_table, ctid AS migrate_row, {} FROM {} WHERE {})",
        key(probe),
        values.join(", "),
        from(probe),
        predicate(condition)
    );
    let conflict: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| format!("other.migrate_{at} {} one.migrate_{at}", part.operator))
        .collect();
    format!(
        "{side} AS one WHERE EXISTS (SELECT FROM {side} AS other WHERE {} \
         AND (other.migrate_table, other.migrate_row) <> (one.migrate_table, one.migrate_row))",
        conflict.join(" AND ")
    )
}

/// The predicate of a partial index.
fn predicate(condition: Option<&str>) -> String {
    condition.map_or_else(|| "true".to_owned(), |condition| format!("({condition})"))
}

fn qualified(table: &ObjectName) -> String {
    format!("{}.{}", quote_ident(&table.schema), quote_ident(&table.name))
}

fn from(probe: &Probe) -> String {
    format!("{}{}", if probe.only { "ONLY " } else { "" }, qualified(&probe.table))
}

fn value(part: &KeyPart) -> String {
    match part {
        KeyPart::Column(column) => quote_ident(column),
        KeyPart::Expression(expression) => format!("({expression})"),
        _ => "NULL".to_owned(),
    }
}

fn parts(key: &[KeyPart]) -> Vec<String> {
    key.iter().map(value).collect()
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
fn condition(probe: &Probe, others: Option<&str>) -> String {
    match &probe.rows {
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
        FailingRows::OutsideBounds { bounds, .. } => match others {
            Some(others) => format!("NOT ({bounds}) OR NOT ({others})"),
            None => format!("NOT ({bounds})"),
        },
        FailingRows::WithinBounds { bounds, .. } => bounds.clone(),
        FailingRows::OfPartitions { .. } => others.unwrap_or("false").to_owned(),
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
