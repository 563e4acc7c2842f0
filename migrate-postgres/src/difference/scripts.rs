//! The scripts of a plan, in their safe form.

use super::plan::{SchemaPhase, SchemaPlan, SchemaStep};
use crate::objects::kind::Kind;
use migrate_core::lint::LintOptions;
use migrate_core::lint::fix::{NotDone, SafeScript, rewrites};
use migrate_core::{Migration, Script, Set, SqlMigration, Version};
use std::sync::Arc;

/// The scripts of a plan, in order.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PlanScripts {
    /// The scripts.
    pub scripts: Vec<PlanScript>,
    /// The dangers that no rewrite removes, and other remarks.
    pub left: Vec<NotDone>,
}

/// One script of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanScript {
    /// A word for its name: `expand`, `validate`, `contract`.
    pub word: String,
    /// The header and the statements.
    pub text: String,
    /// The index of the script, a backfill, for which it waits.
    pub after: Option<usize>,
    /// The data that it deletes: `table public.users`.
    pub loses: Vec<String>,
}

/// The steps of one script, before it is made safe.
struct Group<'p> {
    steps: Vec<&'p SchemaStep>,
    is_contract: bool,
}

impl Group<'_> {
    /// The statements. Bodies of functions may name objects that are created later.
    fn text(&self) -> String {
        let has_bodies = self.steps.iter().any(|step| step.sql.contains("\nAS $"));
        let mut statements: Vec<String> = Vec::new();
        if has_bodies && self.steps.len() > 1 {
            statements.push(format!("{UNCHECKED_BODIES};\n"));
        }
        let steps = self.steps.iter().filter(|step| step.sql != UNCHECKED_BODIES);
        statements.extend(steps.map(|step| format!("{};\n", step.sql)));
        let header = if self.is_contract { "-- migrate: phase=contract\n" } else { "" };
        format!("{header}{}", statements.concat())
    }

    fn loses(&self) -> Vec<String> {
        self.steps.iter().flat_map(|step| step.loses.clone()).collect()
    }
}

/// The setting that lets a function name objects that are created after it.
pub(super) const UNCHECKED_BODIES: &str = "SET LOCAL check_function_bodies = off";

impl SchemaPlan {
    /// The plan as scripts, for a server of this major version, or for any: `CONCURRENTLY` in scripts of its own,
    /// `NOT VALID` and `VALIDATE CONSTRAINT` apart, and the statements that lose data in a script of their
    /// own at the end, marked for the contract phase.
    ///
    /// # Errors
    ///
    /// A message, if the splitter does not accept a statement of the plan.
    pub fn scripts(&self, server_version: Option<u32>) -> Result<PlanScripts, String> {
        let groups = self.groups();
        let mut migrations: Vec<Arc<dyn Migration>> = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let name = format!("{:04}_difference", index + 1);
            let script = Script::of_up_text(format!("{name}.sql"), group.text())?;
            migrations.push(Arc::new(SqlMigration::new(version(index), name, script)));
        }
        let set = Set::new("difference", migrations).map_err(|problems| problems.to_string())?;
        let options = LintOptions::new();
        let options = server_version.map_or(options.clone(), |version| options.server_version(version));
        let rewrites = rewrites(&set, &options).map_err(|error| error.to_string())?;
        let mut result = PlanScripts::default();
        for (index, group) in groups.iter().enumerate() {
            let rewrite = rewrites.iter().find(|rewrite| rewrite.version == version(index));
            result.left.extend(rewrite.into_iter().flat_map(|rewrite| rewrite.not_done.clone()));
            result.push(group, rewrite.map_or(&[], |rewrite| &rewrite.scripts));
        }
        Ok(result)
    }

    /// The steps, divided where a transaction must end, and before those that lose data.
    fn groups(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut last: Option<&SchemaStep> = None;
        for step in &self.steps {
            let is_contract = step.phase == SchemaPhase::Contract;
            let goes_on = last.is_some_and(|last| {
                (last.phase == SchemaPhase::Contract) == is_contract && (!last.commits || step.commits)
            });
            match groups.last_mut().filter(|_| goes_on) {
                Some(group) => group.steps.push(step),
                None => groups.push(Group { steps: vec![step], is_contract }),
            }
            last = Some(step);
        }
        groups
    }
}

impl PlanScripts {
    fn push(&mut self, group: &Group<'_>, safe: &[SafeScript]) {
        let word = match (group.is_contract, group.steps.first()) {
            (true, _) => "contract",
            (false, Some(step)) if step.commits && step.kind == Kind::Type => "values",
            _ => "expand",
        };
        if safe.is_empty() {
            let (word, text) = (word.to_owned(), group.text());
            return self.scripts.push(PlanScript { word, text, after: None, loses: group.loses() });
        }
        let first = self.scripts.len();
        let end = safe.len() - 1;
        self.scripts.extend(safe.iter().enumerate().map(|(index, script)| PlanScript {
            word: if index == 0 { word } else { script.word }.to_owned(),
            text: script.up.to_string(),
            after: script.after.map(|after| first + after),
            loses: if index == end { group.loses() } else { Vec::new() },
        }));
    }
}

fn version(index: usize) -> Version {
    Version::numeric(format!("{:04}", index + 1))
}
