//! The report: Markdown.

use std::fmt;

/// The results of one row of the comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// The method of measurement.
    pub(crate) method: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) criteria: Vec<Criterion>,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// A criterion for this library, and the measured result.
#[derive(Clone, Debug)]
pub(crate) struct Criterion {
    pub(crate) what: String,
    pub(crate) asked: String,
    pub(crate) measured: String,
    /// None if it was not measured.
    pub(crate) met: Option<bool>,
}

impl Criterion {
    /// A ratio that is to be at most `limit`.
    pub(crate) fn at_most(what: impl Into<String>, ratio: f64, limit: f64) -> Criterion {
        Criterion {
            what: what.into(),
            asked: format!("at most {limit} ×"),
            measured: format!("{ratio:.2} ×"),
            met: Some(ratio <= limit),
        }
    }

    /// A ratio that is to be at least `limit`.
    pub(crate) fn at_least(what: impl Into<String>, ratio: f64, limit: f64) -> Criterion {
        Criterion {
            what: what.into(),
            asked: format!("at least {limit} ×"),
            measured: format!("{ratio:.1} ×"),
            met: Some(ratio >= limit),
        }
    }

    /// A number that is to be at most `limit`.
    pub(crate) fn count(what: impl Into<String>, number: usize, limit: usize, unit: &str) -> Criterion {
        Criterion {
            what: what.into(),
            asked: format!("at most {limit} {unit}"),
            measured: format!("{number} {unit}"),
            met: Some(number <= limit),
        }
    }
}

impl Section {
    pub(crate) fn new(title: &'static str, method: impl Into<String>) -> Section {
        Section { title, method: method.into(), ..Section::default() }
    }
}

impl Table {
    pub(crate) fn new<const N: usize>(header: [&str; N]) -> Table {
        Table { header: header.map(str::to_owned).to_vec(), rows: Vec::new() }
    }

    pub(crate) fn push<const N: usize>(&mut self, row: [String; N]) {
        self.rows.push(row.to_vec());
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}", self.title, self.method)?;
        for table in &self.tables {
            write!(f, "\n{table}")?;
        }
        if !self.criteria.is_empty() {
            write!(f, "\n{}", criteria(&self.criteria))?;
        }
        Ok(())
    }
}

/// Returns a table of the criteria and the measured results.
pub(crate) fn criteria(criteria: &[Criterion]) -> Table {
    let mut table = Table::new(["asked of migrate-postgres", "limit", "measured", "met"]);
    for criterion in criteria {
        let met = match criterion.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        table.push([
            criterion.what.clone(),
            criterion.asked.clone(),
            criterion.measured.clone(),
            met.to_owned(),
        ]);
    }
    table
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| writeln!(f, "| {} |", cells.join(" | "));
        line(f, &self.header)?;
        let rules: Vec<String> = (0..self.header.len())
            .map(|column| if column == 0 { "---".to_owned() } else { "--:".to_owned() })
            .collect();
        line(f, &rules)?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}
