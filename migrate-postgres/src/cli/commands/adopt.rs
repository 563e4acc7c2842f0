//! `adopt`.

use super::run::take;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::options::unused;
use crate::cli::page::Page;
use crate::cli::problem::Problem;
use crate::tools::ToolTable;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use migrate_core::Set;
use migrate_core::history::foreign::Tool;
use migrate_core::history::{HistoryState, SetPosition};
use migrate_core::plan::{Plan, Policies, Refused, Steps, adoption};
use serde_json::json;

/// Take over another tool's history
///
/// Marks the migrations that Prisma, sqlx, refinery, diesel, golang-migrate, tern, dbmate, Rails, goose or
/// Flyway has applied, after checking each against that tool's own checksum. Runs none. The tool's table
/// stays as it is.
#[derive(Clone, Debug, clap::Args)]
#[command(args = unused(&["lock_wait", "allow_missing", "allow_out_of_order"]), after_help = "Examples:\n  migrate adopt --dry-run\n  migrate adopt --from sqlx --table-schema app")]
pub(crate) struct Args {
    /// The tool, if several have a history
    #[arg(long, value_name = "TOOL", value_parser = tools())]
    from: Option<Tool>,
    /// The schema of its table
    #[arg(long, value_name = "SCHEMA", requires = "from")]
    table_schema: Option<String>,
    /// The name of its table
    #[arg(long, value_name = "TABLE", requires = "from")]
    table: Option<String>,
    /// Show the steps without taking them
    #[arg(long)]
    dry_run: bool,
}

/// Reads the word of a tool.
fn tools() -> impl TypedValueParser<Value = Tool> {
    PossibleValuesParser::new(Tool::ALL.map(Tool::word)).map(|word| {
        let named = Tool::ALL.into_iter().find(|tool| tool.word() == word);
        named.expect("the word of a tool")
    })
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        let found = context.migrator.foreign_histories(&target).await?;
        let migrator = match self.from {
            Some(tool) => context.migrator.clone().adopt_from(self.table(tool)),
            None => context.migrator.clone().adopt(),
        };
        let answer = take(&migrator, &target, &Adoption, self.dry_run).await?;
        let page = found.iter().fold(Page::default(), |page, history| page.line(format!("found {history}")));
        let page = if found.is_empty() { page.line("no other tool has a history here") } else { page };
        let mut data = answer.data;
        data["found"] = found
            .iter()
            .map(|history| json!({ "tool": history.tool.to_string(), "table": history.table }))
            .collect();
        let next =
            Next::default().or(context.invocation.command("status"), "shows the state of each migration");
        Ok(Answer { page: page.append(answer.page), data, next, ..answer })
    }

    fn table(&self, tool: Tool) -> ToolTable {
        let mut table = ToolTable::usual(tool);
        if let Some(schema) = &self.table_schema {
            table = table.schema(schema.clone());
        }
        if let Some(name) = &self.table {
            table = table.table(name.clone());
        }
        table
    }
}

/// Adopts a history and applies nothing, unlike [`Adopt`](migrate_core::plan::Adopt), which continues with
/// pending migrations.
#[derive(Debug)]
struct Adoption;

impl Plan for Adoption {
    fn surely_done(&self, _: &Set, _: &SetPosition, _: &Policies) -> bool {
        false
    }

    fn may_replan(&self) -> bool {
        true
    }

    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused> {
        let is_new = state.applied.is_empty() && state.interrupted.is_none();
        match state.foreign.as_ref().filter(|_| is_new) {
            Some(foreign) => Ok(adoption(set, foreign, policies)?),
            None => Ok(Steps::none(Vec::new())),
        }
    }
}
