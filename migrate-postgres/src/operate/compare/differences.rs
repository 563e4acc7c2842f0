//! The result of a comparison.

use migrate_core::display::printable::Printable;
use std::fmt;

/// The differences between the rows of two queries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowDifferences {
    /// The number of rows that the first query returns.
    pub first_rows: u64,
    /// The number of rows that the second query returns.
    pub second_rows: u64,
    /// The number of rows of the first query that were compared; fewer than all in a sample.
    pub compared: u64,
    /// True if only a sample was compared.
    pub is_sample: bool,
    /// True if the comparison ended before its end, because so many rows differ: the numbers below are the least.
    pub is_cut: bool,
    /// The number of keys that only the first query returns.
    pub only_first: u64,
    /// The number of keys that only the second query returns.
    pub only_second: u64,
    /// The number of keys whose rows differ.
    pub changed: u64,
    /// The names of the key's columns.
    pub key: Vec<String>,
    /// The first few of the differences that were found, in the order of their keys' texts.
    pub rows: Vec<RowDifference>,
}

/// A row that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowDifference {
    /// The values of the key's columns.
    pub key: Vec<String>,
    /// The difference.
    pub kind: RowDifferenceKind,
}

/// The difference of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowDifferenceKind {
    /// Only the first query returns it.
    OnlyFirst,
    /// Only the second query returns it.
    OnlySecond,
    /// These columns differ.
    Columns(Vec<ColumnDifference>),
}

/// A column that differs in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDifference {
    /// Its name.
    pub column: String,
    /// Its values in the first and in the second query, `None` for NULL; only if values were requested.
    pub values: Option<[Option<String>; 2]>,
}

impl RowDifferences {
    /// True if no row differs. Of a sample, only the compared rows and the numbers of all rows are known.
    pub fn is_empty(&self) -> bool {
        self.count() == 0 && self.first_rows == self.second_rows
    }

    fn least(&self) -> &'static str {
        if self.is_cut { "at least " } else { "" }
    }

    /// The number of keys that differ; the least, if the comparison [ended early](RowDifferences::is_cut).
    pub fn count(&self) -> u64 {
        self.only_first + self.only_second + self.changed
    }
}

impl fmt::Display for RowDifferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        for row in &self.rows {
            writeln!(f, "{} {}: {}", self.key.join(", "), row.key.join(", "), row.kind)?;
        }
        let rest = self.count() - self.rows.len() as u64;
        if rest > 0 {
            writeln!(f, "and {}{rest} more", self.least())?;
        }
        let RowDifferences { first_rows, second_rows, compared, .. } = self;
        write!(f, "{first_rows} rows in the first query, {second_rows} in the second")?;
        if self.is_sample {
            write!(f, "; a sample of {compared} was compared")?;
        }
        match self.count() {
            0 if first_rows == second_rows => f.write_str("; no difference"),
            0 => f.write_str("; no difference in the sample"),
            _ => write!(
                f,
                "; {}{} only in the first, {} only in the second, {} with other values",
                self.least(),
                self.only_first,
                self.only_second,
                self.changed
            ),
        }
    }
}

impl fmt::Display for RowDifferenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RowDifferenceKind::OnlyFirst => f.write_str("only in the first query"),
            RowDifferenceKind::OnlySecond => f.write_str("only in the second query"),
            RowDifferenceKind::Columns(columns) => {
                columns.iter().enumerate().try_for_each(|(index, column)| {
                    write!(f, "{}{column}", if index == 0 { "" } else { ", " })
                })?;
                match columns.as_slice() {
                    [first, ..] if first.values.is_some() => Ok(()),
                    [_] => f.write_str(" differs"),
                    _ => f.write_str(" differ"),
                }
            }
        }
    }
}

impl fmt::Display for ColumnDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.column)?;
        let Some(values) = &self.values else { return Ok(()) };
        let [first, second] = values
            .each_ref()
            .map(|value| value.as_deref().map_or("NULL".to_owned(), |value| format!("{value:?}")));
        write!(f, " {first} and {second}")
    }
}
