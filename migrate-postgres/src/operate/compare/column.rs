//! Columns: what their types have in common, and the text that equal values share.

use crate::error::CompareError;
use crate::sql::quote::quote_ident;

/// A column of a query's result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type's name; of a domain, that of its base type.
    pub(super) type_name: String,
}

/// Types whose values compare with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Number,
    Real,
    Double,
    Text,
    Json,
    Bytes,
    Other,
}

impl Family {
    fn of(type_name: &str) -> Family {
        match type_name {
            "smallint" | "integer" | "bigint" | "numeric" => Family::Number,
            "real" => Family::Real,
            "double precision" => Family::Double,
            "text" | "character varying" | "character" | "name" => Family::Text,
            "json" | "jsonb" => Family::Json,
            "bytea" => Family::Bytes,
            _ => Family::Other,
        }
    }
}

impl Column {
    /// An expression with the text that all equal values share; NULL for NULL. It has the time zone, the date style
    /// and other settings of the session for given.
    pub(super) fn text(&self) -> String {
        let column = format!("q.{}", quote_ident(&self.name));
        match Family::of(&self.type_name) {
            Family::Number => format!("pg_catalog.trim_scale({column}::pg_catalog.numeric)::text"),
            // Negative zero becomes zero.
            Family::Real => format!("({column} OPERATOR(pg_catalog.+) '0'::pg_catalog.float4)::text"),
            Family::Double => format!("({column} OPERATOR(pg_catalog.+) '0'::pg_catalog.float8)::text"),
            Family::Json => format!("{column}::pg_catalog.jsonb::text"),
            Family::Bytes => format!("pg_catalog.encode({column}, 'hex')"),
            Family::Text | Family::Other => format!("{column}::text"),
        }
    }

    /// True if its values can be compared with those of another column.
    fn compares_with(&self, other: &Column) -> bool {
        let (family, others) = (Family::of(&self.type_name), Family::of(&other.type_name));
        family == others && (family != Family::Other || self.type_name == other.type_name)
    }
}

/// The columns of both sides in the order of the first.
///
/// # Errors
///
/// If a column is on one side only, or has types that do not compare.
pub(super) fn matched(
    first: Vec<Column>,
    second: &[Column],
    key: &[String],
) -> Result<(Vec<Column>, Vec<Column>), CompareError> {
    let lacking = |columns: &[Column], others: &[Column]| -> Vec<String> {
        let lacks = |column: &&Column| !others.iter().any(|other| other.name == column.name);
        columns.iter().filter(lacks).map(|column| column.name.clone()).collect()
    };
    let (only_first, only_second) = (lacking(&first, second), lacking(second, &first));
    if !only_first.is_empty() || !only_second.is_empty() {
        return Err(CompareError::OtherColumns { first: only_first, second: only_second });
    }
    let mut matched = Vec::with_capacity(first.len());
    for column in &first {
        let Some(other) = second.iter().find(|other| other.name == column.name) else { continue };
        if !column.compares_with(other) {
            return Err(CompareError::OtherType {
                column: column.name.clone(),
                is_key: key.contains(&column.name),
                first: column.type_name.clone(),
                second: other.type_name.clone(),
            });
        }
        matched.push(other.clone());
    }
    Ok((first, matched))
}
