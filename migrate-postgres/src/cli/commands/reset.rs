//! `reset`.

use super::run::report_page;
use super::seed::{Environment, json as seed_json, page as seed_page};
use crate::SeedReport;
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::invocation::quoted;
use crate::cli::json;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::reset::{self, ResetScope};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target as _;
use migrate_core::sql;
use serde_json::json;
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

/// Drop everything in a development database and rebuild it
///
/// Under the migration lock, drops everything that was created in the database, removes the settings made for
/// it, applies all migrations, and runs the program's own seed script if it has one, and the seeds of the set, as
/// `seed` does. Refused unless the database is marked as a development database, or --confirm repeats its name.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  migrate reset --mark-development    once, for a database that may be dropped at any time\n  migrate reset\n  migrate reset --confirm app_dev\n  migrate reset --seed tests/seed.sql"
)]
pub(crate) struct Args {
    /// The name of the database, if it is not marked
    #[arg(long, value_name = "DATABASE")]
    confirm: Option<String>,
    /// Run this script at the end, instead of the seeds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_seed", "environment"])]
    seed: Option<PathBuf>,
    /// Run no seeds
    #[arg(long, conflicts_with = "environment")]
    no_seed: bool,
    #[command(flatten)]
    environment: Environment,
    /// Only mark the database as a development database; drops nothing
    #[arg(long, conflicts_with_all = ["confirm", "seed", "no_seed", "unmark_development"])]
    mark_development: bool,
    /// Only remove that mark
    #[arg(long, conflicts_with_all = ["confirm", "seed", "no_seed"])]
    unmark_development: bool,
}

impl Args {
    pub(super) async fn run(&self, context: &Context) -> Result<Answer, Problem> {
        // Read the seed script before anything is dropped.
        let seed = if self.no_seed { None } else { self.seed(context)? };
        let migrator = self.environment.apply_to(context.migrator.clone());
        let seeds = !self.no_seed && self.seed.is_none() && !migrator.due_seeds()?.is_empty();
        let target = context.target()?;
        let mut session = target.open().await?;
        let look = reset::probe(&session).await?;
        if self.mark_development || self.unmark_development {
            return self.mark(&session, &look).await;
        }
        self.check(&look)?;
        context.migrator.check_fitness()?;
        reset::empty_under_lock(context, &target, &mut session).await?;
        let idle_limit = protect::idle_limit(&session).await;
        let run = context.migrator.run(&target);
        let rebuilt = protect::alive_until(&session, idle_limit, run).await;
        let report = rebuilt.map_err(|error| Problem::Rebuilding {
            database: look.database.clone(),
            error: Box::new(error),
            again: self.again(),
        })?;
        let steps = report.steps.len();
        if let Some(seed) = &seed {
            seed.run(&session, steps, &self.again()).await?;
        }
        let seeded = if seeds {
            let seeding = protect::alive_until(&session, idle_limit, migrator.seed(&target)).await;
            let database = look.database.clone();
            seeding.map_err(|error| Problem::Seeding { database, steps, error: Box::new(error) })?
        } else {
            SeedReport::default()
        };
        session.close().await;
        let page = Page::default().toned(format!("{} was dropped and rebuilt", look.database), Tone::Warning);
        let page = page.append(report_page(&report));
        let page = seed.iter().fold(page, |page, seed| page.line(format!("seeded by {}", seed.name)));
        let page = if seeds { page.append(seed_page(&seeded)) } else { page };
        let seed = seed.map(|seed| seed.name);
        let mut data = json!({ "database": look.database, "report": json::report(&report), "seed": seed });
        data["seeds"] = seed_json(&seeded)["seeds"].take();
        Ok(Answer::done(page, data))
    }

    /// The command that resets the database again.
    fn again(&self) -> String {
        let confirm = self.confirm.as_ref().map(|database| format!(" --confirm {}", quoted(database)));
        let seed = self.seed.as_ref().map(|path| format!(" --seed {}", quoted(&path.to_string_lossy())));
        let no_seed = self.no_seed.then(|| " --no-seed".to_owned());
        let environment = self.environment.argument();
        let options: String = [confirm, seed, no_seed, environment].into_iter().flatten().collect();
        format!("reset{options}")
    }

    async fn mark(&self, session: &Session<'_>, look: &ResetScope) -> Result<Answer, Problem> {
        reset::mark(session, &look.database, self.mark_development).await?;
        let what = if self.mark_development { "is now" } else { "is no longer" };
        let page = Page::default().line(format!("{} {what} marked as a development database", look.database));
        Ok(Answer::done(page, json!({ "database": look.database, "development": self.mark_development })))
    }

    /// Refuses a database that may not be dropped.
    fn check(&self, look: &ResetScope) -> Result<(), Problem> {
        let database = look.database.clone();
        match &self.confirm {
            Some(confirmed) if *confirmed != database => {
                Err(Problem::OtherDatabase { database, confirmed: confirmed.clone() })
            }
            None if !look.is_development => Err(Problem::NotDevelopment { database }),
            _ if !look.subscriptions.is_empty() => {
                Err(Problem::Subscriptions { database, names: look.subscriptions.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The given file, else the program's own seed script.
    fn seed<'c>(&self, context: &'c Context) -> Result<Option<Seed<'c>>, Problem> {
        if let Some(path) = &self.seed {
            return Seed::of_file(path).map(Some);
        }
        if let Some(sql) = &context.seed {
            return Ok(Some(Seed { name: "the program's seed script".to_owned(), sql: Cow::Borrowed(sql) }));
        }
        Ok(None)
    }
}

/// A seed script.
struct Seed<'s> {
    name: String,
    sql: Cow<'s, str>,
}

impl Seed<'_> {
    fn of_file(path: &Path) -> Result<Seed<'static>, Problem> {
        let file = |source| Problem::File { what: "read the seed script", path: path.to_owned(), source };
        let sql = fs::read_to_string(path).map_err(file)?;
        Ok(Seed { name: path.display().to_string(), sql: Cow::Owned(sql) })
    }

    /// Runs it in one transaction: a message of several statements is one.
    /// The database was rebuilt in so many steps.
    async fn run(&self, session: &Session<'_>, steps: usize, again: &str) -> Result<(), Problem> {
        session.batch_execute(&self.sql).await.map_err(|error| {
            let position = match error.as_db_error().and_then(|db| db.position()) {
                Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position as usize),
                _ => None,
            };
            let place =
                position.map(|position| sql::line_column(&self.sql, sql::char_to_byte(&self.sql, position)));
            let place = place.map_or_else(
                || format!(" ({})", self.name),
                |at| format!(" at {}:{}:{}", self.name, at.line, at.column),
            );
            // A script that ends transactions itself, or whose connection was lost, may have committed something.
            let ends_transactions =
                sql::split(&self.sql).statements.iter().any(|statement| statement.control().is_some());
            let is_rolled_back = error.as_db_error().is_some() && !ends_transactions;
            let message = crate::error::cause(&error);
            Problem::Seed { place, message, is_rolled_back, steps, again: again.to_owned() }
        })
    }
}
