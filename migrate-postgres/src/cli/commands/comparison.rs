//! Options of a schema comparison, for `drift` and `baseline`.

use crate::cli::context::Context;
use crate::schema::catalog::Pattern;
use crate::schema::drift::Comparison;

/// The objects to compare, and the database to apply the migrations to.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct ComparisonArgs {
    /// Compare only this schema
    #[arg(long, value_name = "SCHEMA")]
    schema: Option<String>,
    /// Ignore what a pattern matches, for example app.tmp_* or extension:postgis; may be repeated
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<Pattern>,
    /// Also compare privileges
    #[arg(long)]
    privileges: bool,
    /// Apply the migrations to this empty database instead of a temporary one
    #[arg(long, value_name = "URL")]
    scratch: Option<String>,
}

/// Leaves the URL out, which may hold a password.
impl std::fmt::Debug for ComparisonArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComparisonArgs").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl ComparisonArgs {
    pub(in crate::cli) fn comparison(&self, context: &Context) -> Comparison {
        let phases = context.ui.phases();
        let mut comparison = Comparison::new().on_phase(move |phase| phases.tell(phase));
        if let Some(schema) = &self.schema {
            comparison = comparison.schema(schema.clone());
        }
        if self.privileges {
            comparison = comparison.with_privileges();
        }
        if let Some(url) = &self.scratch {
            comparison = comparison.scratch(url.clone());
        }
        self.ignore.iter().cloned().fold(comparison, Comparison::ignore)
    }
}
