//! What stands in a database and in its history, as one HTML page.
//!
//! ```no_run
//! use migrate_postgres::migrate;
//! use migrate_postgres::report::ReportOptions;
//!
//! # async fn report() -> Result<(), Box<dyn std::error::Error>> {
//! let options = ReportOptions::new().with_drift();
//! let report = migrate!("tests/fixtures/quickstart").database_report("postgres://app@localhost/app", &options).await?;
//! println!("{}", report.standing());
//! std::fs::write("report.html", report.to_html())?;
//! # Ok(())
//! # }
//! ```
//!
//! The page holds all that it needs: it loads nothing and runs no script. What it shows of scripts is without their secrets,
//! and the connection string is without its password; names of tables and columns, and what the server said of failures, are
//! on it.

mod collect;
mod diagram;
mod health;
mod html;
#[cfg(test)]
mod tests;

pub use diagram::{Diagram, DiagramColumn, DiagramForeignKey, DiagramTable};
pub use health::DatabaseHealth;

use crate::operate::Explanation;
use crate::schema::drift::{Comparison, Drift};
use crate::{Attempt, AttemptOutcome, Refused, Status};
use std::time::SystemTime;

/// What a report is to hold.
///
/// # Examples
///
/// ```
/// use migrate_postgres::drift::Comparison;
/// use migrate_postgres::report::ReportOptions;
///
/// let options = ReportOptions::new().comparing(Comparison::new().schema("app")).with_drift();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "each setting returns the options"]
pub struct ReportOptions {
    comparison: Comparison,
    drift: bool,
}

impl ReportOptions {
    /// History, plan and tables of the whole database.
    pub fn new() -> ReportOptions {
        ReportOptions::default()
    }

    /// Shows the tables that a comparison looks at: those of its schema, without what it ignores. For
    /// [drift](ReportOptions::with_drift) it is the comparison.
    pub fn comparing(self, comparison: Comparison) -> ReportOptions {
        ReportOptions { comparison, ..self }
    }

    /// Compares the schema with what the applied migrations make, too: see [`Migrator::drift`](crate::Migrator::drift).
    pub fn with_drift(self) -> ReportOptions {
        ReportOptions { drift: true, ..self }
    }
}

/// What stands in a database and in its history.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseReport {
    /// Where the database is, as a URL without a password. A socket's folder stands percent-encoded in the host's place.
    pub url: String,
    /// The database's name.
    pub database: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The server's version, in its own words.
    pub server_version: String,
    /// When the report was made, by the server's clock.
    pub made_at: SystemTime,
    /// Where each migration stands.
    pub status: Status,
    /// What was tried, oldest first.
    pub attempts: Vec<Attempt>,
    /// What a run would do; or why it would be refused.
    pub pending: Result<Explanation, Refused>,
    /// How the schema differs from what the applied migrations make, where that was asked for.
    pub drift: Option<Drift>,
    /// Why that could not be found out, where it was asked for: a migration that needs data can't be run again, say.
    pub drift_unknown: Option<String>,
    /// The tables and their foreign keys.
    pub diagram: Diagram,
}

impl DatabaseReport {
    /// What it all comes to.
    pub fn standing(&self) -> DatabaseHealth {
        DatabaseHealth::of(&self.status, self.pending.is_err())
    }

    /// How many migrations are applied.
    pub fn applied(&self) -> usize {
        self.status.applied().count()
    }

    /// How many attempts failed or were not ended.
    pub fn failures(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.outcome != AttemptOutcome::Done).count()
    }

    /// The page: a whole HTML document. Nothing is read or asked for.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}
