//! `compare`.

use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::options::unused;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::operate::{ColumnDifference, RowComparison, RowDifference, RowDifferenceKind, RowDifferences};
use serde_json::{Value, json};

/// Compare the rows of two queries
///
/// Compares counts, then checksums of ranges of keys, and reads the rows only where these differ. Each query sees
/// the rows of one moment, and on one database both see the same. Prints the keys of rows that differ and the
/// names of their columns; with --values, the values too.
#[derive(Clone, clap::Args)]
#[command(
    args = unused(&[]),
    after_help = "Examples:\n  migrate compare 'SELECT id, name FROM people' 'SELECT id, name FROM users' --key id\n  migrate compare 'TABLE users' 'TABLE users' --key id --to postgres://replica/app --sample 10000"
)]
pub(crate) struct Args {
    /// The first query
    #[arg(value_name = "QUERY")]
    first: String,
    /// The second query
    #[arg(value_name = "QUERY")]
    second: String,
    /// The columns that identify a row, separated by commas
    #[arg(long, value_name = "COLUMN", required = true, value_delimiter = ',')]
    key: Vec<String>,
    /// Compare about this many rows, the same keys on both sides
    #[arg(long, value_name = "ROWS")]
    sample: Option<u64>,
    /// End when at least this many rows differ
    #[arg(long, value_name = "ROWS", default_value_t = 100_000)]
    stop_after: u64,
    /// Run the second query on this database
    #[arg(long, value_name = "URL")]
    to: Option<String>,
    /// Print the values of columns that differ
    #[arg(long)]
    values: bool,
    /// Print at most this many rows that differ
    #[arg(long, value_name = "ROWS", default_value_t = 20)]
    list: usize,
}

/// Leaves out the queries, and the URL, which may hold a password.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let comparison = RowComparison::new(&self.first, &self.second, &self.key)
            .list(self.list)
            .stop_after(self.stop_after);
        let comparison = self.sample.into_iter().fold(comparison, RowComparison::sample);
        let comparison = if self.values { comparison.with_values() } else { comparison };
        let target = context.target()?;
        let differences = match &self.to {
            Some(other) => comparison.run_between(&target, other).await?,
            None => comparison.run(&target).await?,
        };
        let tone = if differences.is_empty() { Tone::Good } else { Tone::Warning };
        let text = differences.to_string();
        let (lines, summary) = text.rsplit_once('\n').unwrap_or(("", &text));
        let page = Page::default().lines(lines.lines()).toned(summary, tone);
        let exit = if differences.is_empty() { Exit::Done } else { Exit::RowsDiffer };
        Ok(Answer { exit, ..Answer::done(page, json(&differences)) })
    }
}

fn json(differences: &RowDifferences) -> Value {
    json!({
        "first_rows": differences.first_rows,
        "second_rows": differences.second_rows,
        "compared": differences.compared,
        "sample": differences.is_sample,
        "at_least": differences.is_cut,
        "only_first": differences.only_first,
        "only_second": differences.only_second,
        "changed": differences.changed,
        "key": differences.key,
        "rows": differences.rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &RowDifference) -> Value {
    match &row.kind {
        RowDifferenceKind::OnlyFirst => json!({ "key": row.key, "difference": "only_first" }),
        RowDifferenceKind::OnlySecond => json!({ "key": row.key, "difference": "only_second" }),
        RowDifferenceKind::Columns(columns) => {
            let columns: Vec<Value> = columns.iter().map(column).collect();
            json!({ "key": row.key, "difference": "columns", "columns": columns })
        }
    }
}

fn column(column: &ColumnDifference) -> Value {
    match &column.values {
        None => json!({ "column": column.column }),
        Some([first, second]) => json!({ "column": column.column, "first": first, "second": second }),
    }
}
