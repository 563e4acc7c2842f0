//! Sentences about failing rows.

use crate::sql::quote::quote_if_needed;
use migrate_core::advice::{Advice, NextStep};
use migrate_core::sql::facts::ObjectName;
use migrate_core::sql::probe::{ExclusionPart, FailingRows, KeyPart, Probe};

pub(super) fn shown(table: &ObjectName) -> String {
    format!("{}.{}", quote_if_needed(&table.schema), quote_if_needed(&table.name))
}

/// A sentence about the failing rows.
pub(super) fn describe(probe: &Probe, count: u64, keys: &[String]) -> String {
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
            let key: Vec<String> = key.iter().map(value).collect();
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
        FailingRows::Excluded { parts, condition } => {
            let conflict = if count == 1 { "conflicts" } else { "conflict" };
            format!(
                "{rows} of {table} {conflict} with another one in {}",
                exclusion(parts, condition.as_deref())
            )
        }
        FailingRows::OutsideBounds { .. } => {
            format!(
                "{rows} of {table} {} outside the bounds of the partition",
                if count == 1 { "is" } else { "are" }
            )
        }
        FailingRows::WithinBounds { partition, .. } => {
            let belong = if count == 1 { "belongs" } else { "belong" };
            format!("{rows} of the default partition {table} {belong} to the new partition {partition}")
        }
        FailingRows::OfPartitions { .. } => {
            format!(
                "{rows} of {table} {} to another partition",
                if count == 1 { "belongs" } else { "belong" }
            )
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

fn value(part: &KeyPart) -> String {
    match part {
        KeyPart::Column(column) => quote_if_needed(column),
        KeyPart::Expression(expression) => expression.clone(),
        _ => String::new(),
    }
}

fn exclusion(parts: &[ExclusionPart], condition: Option<&str>) -> String {
    let part = |part: &ExclusionPart| format!("{} WITH {}", value(&part.part), part.operator);
    let parts: Vec<String> = parts.iter().map(part).collect();
    let condition = condition.map(|condition| format!(" WHERE ({condition})")).unwrap_or_default();
    format!("EXCLUDE ({}){condition}", parts.join(", "))
}

/// The remedy for failing rows.
pub(super) fn remedy(probe: &Probe) -> Advice {
    match &probe.rows {
        FailingRows::WithinBounds { .. } => Advice::fix(
            "create the partition as a table of its own, move these rows there, and attach it, in one migration",
        ),
        FailingRows::OutsideBounds { .. } => {
            Advice::fix("move these rows to another table").or(NextStep::fix("attach it with wider bounds"))
        }
        FailingRows::OfPartitions { .. } => Advice::fix("move these rows to their partition"),
        FailingRows::Any { .. } => Advice::fix("give the column a default")
            .or(NextStep::fix("add it without NOT NULL, fill it, and set NOT NULL in a later migration")),
        _ => Advice::fix("correct these rows").or(NextStep::fix("correct them in an earlier migration")),
    }
}
