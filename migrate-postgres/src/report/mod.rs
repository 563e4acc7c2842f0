//! The report: a database's state and history, as one HTML page.
//!
//! ```no_run
//! use migrate_postgres::migrate;
//! use migrate_postgres::report::ReportOptions;
//!
//! # async fn report() -> Result<(), Box<dyn std::error::Error>> {
//! let options = ReportOptions::new().with_drift();
//! let report = migrate!("tests/fixtures/quickstart").database_report("postgres://app@localhost/app", &options).await?;
//! println!("{}", report.health());
//! std::fs::write("report.html", report.to_html())?;
//! # Ok(())
//! # }
//! ```
//!
//! The page is self-contained: it loads nothing and runs no script. Secrets are removed from scripts, and the
//! password from the connection string. The names of tables and columns, and the server's error messages, are
//! on the page.

mod collect;
mod diagram;
mod health;
mod html;
#[cfg(test)]
mod tests;

pub use crate::migrator::accepted::AcceptedRule;
pub use diagram::{Diagram, DiagramColumn, DiagramForeignKey, DiagramTable};
pub use health::DatabaseHealth;

use crate::assertion::Assertions;
use crate::operate::Explanation;
use crate::schema::drift::{Comparison, Drift};
use crate::{Attempt, AttemptOutcome, Refused, Status};
use std::time::SystemTime;

/// The contents of a report.
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

    /// Limits the tables shown to those of a comparison: those of its schema, without ignored ones.
    /// [Drift](ReportOptions::with_drift) uses the same comparison.
    pub fn comparing(self, comparison: Comparison) -> ReportOptions {
        ReportOptions { comparison, ..self }
    }

    /// Also compares the schema with the applied migrations: see [`Migrator::drift`](crate::Migrator::drift).
    pub fn with_drift(self) -> ReportOptions {
        ReportOptions { drift: true, ..self }
    }
}

/// The state of a database and its history.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DatabaseReport {
    /// The database's address, as a URL without a password. The folder of a socket is percent-encoded in the
    /// place of the host.
    pub url: String,
    /// The database's name.
    pub database: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The server's version, as it reports it.
    pub server_version: String,
    /// The time of the report, by the server's clock.
    pub made_at: SystemTime,
    /// The status of each migration.
    pub status: Status,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// The lint rules that the authors of migrations have accepted, with their reasons.
    pub accepted: Vec<AcceptedRule>,
    /// The plan of a run, or the reason why it would be refused.
    pub pending: Result<Explanation, Refused>,
    /// The differences between the schema and the applied migrations, if requested.
    pub drift: Option<Drift>,
    /// The reason why drift was requested but could not be determined, for example because a migration needs
    /// data.
    pub drift_unknown: Option<String>,
    /// The results of the set's assertions.
    pub assertions: Assertions,
    /// The tables and their foreign keys.
    pub diagram: Diagram,
}

impl DatabaseReport {
    /// The overall health.
    pub fn health(&self) -> DatabaseHealth {
        DatabaseHealth::of(&self.status, self.pending.is_err())
    }

    /// The number of applied migrations.
    pub fn applied(&self) -> usize {
        self.status.applied().count()
    }

    /// The number of attempts that failed or did not end.
    pub fn failures(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.outcome != AttemptOutcome::Done).count()
    }

    /// Renders the page: a complete HTML document. Reads nothing from the database.
    pub fn to_html(&self) -> String {
        html::page(self)
    }
}
