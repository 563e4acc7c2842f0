//! `dev`.

mod copy;
mod edits;
mod git;
mod problem;
mod watch;
mod wished;

pub(crate) use problem::DevProblem;

use super::{DotenvOption, FolderArgs, empty, project};
use crate::cli::answer::{self, Answer};
use crate::cli::commands::assert;
use crate::cli::commands::run::report_page;
use crate::cli::commands::seed::{self, Environment};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::json;
use crate::cli::options::{Options, unused};
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::signals::Signals;
use crate::cli::{ended, reset};
use crate::connection::endpoint::Endpoint;
use crate::connection::target::Target as _;
use crate::error::Error;
use crate::schema::drift::Comparison;
use crate::{Migrator, Report, SeedReport};
use edits::Edits;
use migrate_core::plan::{Plan as _, Redo, Refused};
use serde_json::{Value, json};
use std::path::PathBuf;
use watch::Watched;

/// Apply pending migrations, and redo the one that you are writing
///
/// In a database that is marked as a development database: a migration that was edited after it was applied, and
/// is not released, is taken back with the down script that it was applied with, together with those after it,
/// and applied again. Then pending migrations are applied, seeds run, and assertions are checked. A migration
/// is released if it is at the merge base with the branch of `migrate.toml` (`[dev] branch`), or with the
/// default branch. Nothing is ever reset.
#[derive(Clone, clap::Args)]
#[command(
    args = unused(&["lock_wait", "lock_timeout", "statement_timeout"]),
    after_help = "Examples:\n  migrate dev --mark-development    the first time\n  migrate dev --watch               again after each change of a file\n  migrate dev --watch --to schema.sql\n  migrate dev --copy-to app_dev_2   a new database from the folder, with the rows that fit"
)]
pub(super) struct Args {
    /// Go on and run again after each change in the folder
    #[arg(long, conflicts_with = "copy_to")]
    watch: bool,
    /// First mark the database as a development database
    #[arg(long)]
    mark_development: bool,
    /// First write the next migration: the one that makes the schema of this side, such as schema.sql, of the folder's.
    /// It is written again as the side changes
    #[arg(long, value_name = "SIDE", conflicts_with = "copy_to")]
    to: Option<String>,
    /// The name of that migration
    #[arg(long, value_name = "NAME", default_value = "schema", requires = "to")]
    name: String,
    /// Make scratch databases in this empty database instead of temporary ones, for a role without CREATEDB
    #[arg(long, value_name = "URL", requires = "to")]
    scratch: Option<String>,
    #[command(flatten)]
    environment: Environment,
    /// Run no seeds
    #[arg(long, conflicts_with = "environment")]
    no_seed: bool,
    /// Leave the database as it is: build a new one of this name from the folder, on the same server, and copy the
    /// rows that fit. Takes the URL of an empty database, too
    #[arg(long, value_name = "DATABASE")]
    copy_to: Option<String>,
}

/// Leaves a URL out, which may hold a password.
impl std::fmt::Debug for Args {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Args").field("watch", &self.watch).finish_non_exhaustive()
    }
}

/// The results of one round.
struct Round {
    edits: Option<Edits>,
    redone: Option<Report>,
    report: Report,
    seeds: SeedReport,
    assertions: crate::Assertions,
}

impl Args {
    pub(super) async fn run(
        &self,
        folder: &FolderArgs,
        dotenv: DotenvOption,
        options: &Options,
        mut signals: Signals,
    ) -> Exit {
        loop {
            let watched = Watched::of(&self.watched(folder));
            let exit = self.round(folder, dotenv, options, &mut signals).await;
            if !self.watch || matches!(exit, Exit::Interrupted | Exit::Terminated | Exit::HungUp) {
                return exit;
            }
            if !options.output.quiet && !options.output.json {
                eprintln!("watching {}; Ctrl-C ends it", folder.folder.display());
            }
            if let Err(signal) = signals.until_done(watched.changed(&self.watched(folder))).await {
                return Exit::of(&Problem::Interrupted(signal));
            }
        }
    }

    /// The paths to watch.
    fn watched(&self, folder: &FolderArgs) -> Vec<PathBuf> {
        let beside =
            folder.folder.parent().map(|parent| ["assertions", "seeds"].map(|name| parent.join(name)));
        let side = self.to.as_ref().map(PathBuf::from);
        [folder.folder.clone()].into_iter().chain(beside.into_iter().flatten()).chain(side).collect()
    }

    /// One round, over the files as they are now.
    async fn round(
        &self,
        folder: &FolderArgs,
        dotenv: DotenvOption,
        options: &Options,
        signals: &mut Signals,
    ) -> Exit {
        let read = folder.migrator(false, options);
        let migrator = read.as_ref().map_or_else(|_| Migrator::new(empty()), Clone::clone);
        let context = folder.context(&migrator, options.clone()).with_dotenv(!dotenv.no_dotenv);
        let answer = match read {
            Ok(_) => {
                let running = Box::pin(self.written_answer(folder, options, &context));
                ended(running, false, &context, signals).await
            }
            Err(problem) => Err(problem),
        };
        context.ui.end();
        answer::print("dev", answer, &context)
    }

    /// Writes the next migration, if one is wanted, and runs the round on the folder as it is afterwards.
    async fn written_answer(
        &self,
        folder: &FolderArgs,
        options: &Options,
        context: &Context,
    ) -> Result<Answer, Problem> {
        let Some(to) = &self.to else { return self.answer(folder, context).await };
        self.check(&context.target()?).await?;
        let phases = context.ui.phases();
        let comparison = Comparison::new().on_phase(move |phase| phases.tell(phase));
        let comparison =
            self.scratch.iter().fold(comparison, |comparison, url| comparison.scratch(url.clone()));
        if !wished::write_next(folder, context, to, &self.name, &comparison).await? {
            return self.answer(folder, context).await;
        }
        let context = folder.context(&folder.migrator(false, options)?, options.clone()).like(context);
        let answer = self.answer(folder, &context).await;
        context.ui.end();
        answer
    }

    async fn answer(&self, folder: &FolderArgs, context: &Context) -> Result<Answer, Problem> {
        let target = context.target()?;
        self.check(&target).await?;
        if let Some(name) = &self.copy_to {
            return copy::copy(context, &target, name).await;
        }
        let edits = edits::find(&context.migrator, &target).await?;
        let redone = match &edits {
            Some(edits) => Some(redo(folder, context, &target, edits).await?),
            None => None,
        };
        let report = context.migrator.run(&target).await?;
        let seeds = self.seed(context, &target).await?;
        let assertions = context.migrator.assert(&target).await?;
        Ok(Round { edits, redone, report, seeds, assertions }.answer())
    }

    /// Refuses a database that is not marked, or marks it.
    async fn check(&self, target: &Endpoint) -> Result<(), Problem> {
        let session = target.open().await?;
        let look = reset::probe(&session).await;
        let checked = match look {
            Ok(look) if look.is_development => Ok(()),
            Ok(look) if self.mark_development => {
                reset::mark(&session, &look.database, true).await.map_err(Problem::from)
            }
            Ok(look) => Err(DevProblem::NotDevelopment { database: look.database }.into()),
            Err(error) => Err(error.into()),
        };
        session.close().await;
        checked
    }

    /// Runs the seeds: those of the named environment, or else those of `development` if the set has any.
    async fn seed(&self, context: &Context, target: &Endpoint) -> Result<SeedReport, Problem> {
        if self.no_seed {
            return Ok(SeedReport::default());
        }
        let set = context.migrator.set();
        let has_default = set.seeds().any(|seed| seed.environment() == Some(DEVELOPMENT));
        let migrator = self.environment.apply_to(context.migrator.clone());
        let is_default = has_default && !self.environment.is_given();
        let migrator = if is_default { migrator.environment(DEVELOPMENT) } else { migrator };
        Ok(migrator.seed_telling(target, &|holder| context.ui.wait_for_lock(holder)).await?)
    }
}

/// The environment whose seeds run here without being named.
const DEVELOPMENT: &str = "development";

/// Takes edited migrations back, with those after them, and applies them again.
async fn redo(
    folder: &FolderArgs,
    context: &Context,
    target: &Endpoint,
    edits: &Edits,
) -> Result<Report, Problem> {
    let branch = project(&folder.folder)?.dev.branch;
    let released = git::released(&folder.folder, branch.as_deref())
        .map_err(|why| DevProblem::Unknown { name: edits.first().to_owned(), why })?;
    let is_released = |edit: &&edits::Edit| released.paths.contains(&edit.path);
    let names: Vec<String> = edits.edited.iter().filter(is_released).map(|edit| edit.name.clone()).collect();
    if !names.is_empty() {
        let paths = edits.edited.iter().filter(is_released).map(|edit| edit.path.clone()).collect();
        return Err(
            DevProblem::Released { names, paths, branch: released.branch, base: released.base }.into()
        );
    }
    let plan = Redo::count(edits.count).as_applied();
    let (_, state) = context.migrator.state(target).await?;
    let policies = &context.migrator.settings.engine.policies;
    match plan.decide(context.migrator.set(), &state, policies) {
        Err(Refused::NoDown { name, .. } | Refused::CodeGone { name } | Refused::KeptDown { name, .. }) => {
            Err(DevProblem::NoDown { name, edited: edits.first().to_owned() }.into())
        }
        Err(refused) => Err(Error::from(refused).into()),
        Ok(_) => Ok(context.migrator.run_plan(target, &plan).await?),
    }
}

impl Round {
    fn answer(self) -> Answer {
        let mut page = Page::default();
        if let (Some(edits), Some(redone)) = (&self.edits, &self.redone) {
            page = page.toned(edits.to_string(), Tone::Warning).append(report_page(redone));
        }
        if self.redone.is_none() || !self.report.steps.is_empty() {
            page = page.append(report_page(&self.report));
        }
        if !self.seeds.seeds.is_empty() {
            page = page.append(seed::page(&self.seeds));
        }
        if !self.assertions.results.is_empty() {
            page = page.append(assert::page(&self.assertions));
        }
        let mut data = json!({
            "edited": self.edits.iter().flat_map(Edits::names).collect::<Vec<_>>(),
            "redone": self.redone.as_ref().map(json::report),
            "report": json::report(&self.report),
            "assertions": assert::json(&self.assertions),
        });
        data["seeds"] = seed::json(&self.seeds)["seeds"].take();
        let exit = assert::exit(&self.assertions);
        Answer { exit, ..Answer::done(page, data) }
    }
}

/// The tables of a copy, for programs.
fn tables(copied: &[copy::CopiedTable]) -> Value {
    copied
        .iter()
        .map(|table| json!({ "table": table.name, "rows": table.rows, "problem": table.problem }))
        .collect()
}
