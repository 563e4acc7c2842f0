//! The question before anything is reverted.

use super::context::Context;
use super::problem::Problem;
use super::reset;
use crate::connection::target::{Target as _, describe};
use migrate_core::history::{HistoryState, SetPosition};
use migrate_core::plan::{Action, Plan, Policies, Refused, Steps};
use migrate_core::{Set, Version};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::thread;
use tokio_postgres::Config;

/// Consent to reverting migrations.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask for confirmation; what the down scripts drop is lost
    #[arg(long)]
    yes: bool,
}

impl Consent {
    /// Asks for consent to what a plan reverts, unless the database is marked as a development database.
    /// Returns the plan, limited to the steps that were shown.
    ///
    /// # Errors
    ///
    /// [`Problem::NotConfirmed`] if the answer is not yes, or there is no terminal to ask for confirmation.
    pub(super) async fn to(
        &self,
        context: &Context,
        target: &Config,
        plan: impl Plan + 'static,
    ) -> Result<Box<dyn Plan>, Problem> {
        let steps = context.migrator.plan_of(target, &plan).await?.steps;
        let reverts = steps.iter().filter(|step| step.action == Action::Revert);
        let (versions, names): (Vec<Version>, Vec<String>) =
            reverts.map(|step| (step.version.clone(), step.name.clone().into_owned())).unzip();
        if self.yes || versions.is_empty() {
            return Ok(Box::new(plan));
        }
        let session = target.open().await?;
        let look = reset::probe(&session).await;
        session.close().await;
        let look = look?;
        if look.is_development {
            return Ok(Box::new(plan));
        }
        let (database, server) = (look.database, describe(target));
        let asked = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
        if asked && ask(&question(&database, &server, &names)).await {
            return Ok(Box::new(AsShown { plan: Box::new(plan), versions }));
        }
        Err(Problem::NotConfirmed { database, server, names, asked })
    }
}

fn question(database: &str, server: &str, names: &[String]) -> String {
    let list: String = names.iter().map(|name| format!("  {name}\n")).collect();
    let count = match names.len() {
        1 => "1 migration".to_owned(),
        count => format!("{count} migrations"),
    };
    format!(
        "This reverts {count} in the database {database} ({server}):\n{list}\
         Everything that their down scripts drop is lost, including rows. Continue? [y/N] "
    )
}

/// Asks, and returns true for yes. A Ctrl-C leaves the reading thread behind; it ends with the process.
pub(super) async fn ask(question: &str) -> bool {
    let mut stderr = std::io::stderr();
    if stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).is_err() {
        return false;
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        drop(sender.send(read.map(|_| line)));
    });
    let answer = receiver.await.ok().and_then(Result::ok).unwrap_or_default();
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// A plan that reverts exactly the steps that were shown, or nothing.
#[derive(Debug)]
struct AsShown {
    plan: Box<dyn Plan>,
    versions: Vec<Version>,
}

impl Plan for AsShown {
    fn surely_done(&self, set: &Set, position: &SetPosition, policies: &Policies) -> bool {
        self.plan.surely_done(set, position, policies)
    }

    fn decide<'s>(
        &self,
        set: &'s Set,
        state: &HistoryState,
        policies: &Policies,
    ) -> Result<Steps<'s>, Refused> {
        let steps = self.plan.decide(set, state, policies)?;
        let reverts = steps.steps.iter().filter(|step| step.action == Action::Revert);
        if reverts.map(|step| &step.version).eq(&self.versions) {
            Ok(steps)
        } else {
            Err(Refused::NotAsShown)
        }
    }
}
