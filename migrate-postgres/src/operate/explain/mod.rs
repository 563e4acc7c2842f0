//! Explaining pending migrations: their locks, and the current sizes of the tables.

pub(super) mod catalog;
mod held;
mod judged;
mod show;

#[cfg(any(feature = "cli", feature = "report"))]
pub(crate) use show::done;
pub(super) use show::first_line;

use super::sizes::{RelationSize, sizes};
use crate::RunningAttempt;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::migrator::snapshot::Snapshot;
use crate::sql::quote::quote_ident;
use catalog::Wanted;
use migrate_core::backfill::Specification;
use migrate_core::history::Notice;
use migrate_core::lint::{Approved, Finding};
use migrate_core::plan::{Action, Plan, Step};
use migrate_core::sql::TransactionMode;
use migrate_core::sql::facts::{Facts, ObjectName};
use migrate_core::sql::probe::{Probe, Probes};
use migrate_core::sql::{self, LockMode, Locks, Loss, LossKind, RelationLock, Statement, TableScan};
use migrate_core::{Payload, Script, Version};
use std::borrow::Cow;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// The effects of a plan, statement by statement.
///
/// [`Display`](std::fmt::Display) shows it:
///
/// ```text
/// apply 0002_email (0002_email.sql)
///   line 1: ALTER TABLE users ADD COLUMN email text
///     users: ACCESS EXCLUSIVE; 16 kB, about 3 rows
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// The set.
    pub set: String,
    /// The steps, in order.
    pub steps: Vec<ExplainedStep>,
    /// The notices of the plan.
    pub notices: Vec<Notice>,
    /// Everything that the steps destroy, in order.
    pub losses: Vec<ExplainedLoss>,
    /// The findings in the scripts to apply that are not accepted, judged with the facts of this database.
    pub findings: Vec<Finding>,
    /// The accepted findings, with the reasons.
    pub approved: Vec<Approved>,
    /// The migration that a run in another process is executing.
    pub running: Option<RunningAttempt>,
    /// The questions about existing rows, in order.
    pub(crate) probes: Vec<PlacedProbe>,
}

/// A question about existing rows, and the statement that depends on the answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlacedProbe {
    /// The file and the line of the statement.
    pub(super) place: String,
    pub(super) probe: Probe,
}

/// Something that a statement destroys: a table, a column, all rows of a table, and whatever CASCADE drops.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedLoss {
    /// The kind.
    pub kind: LossKind,
    /// The name; as the statement writes it, if it does: `users`, `users.email`.
    pub name: String,
    /// True if it is lost through something else that the statement names: by CASCADE, or as a partition.
    pub goes_along: bool,
    /// The current size of the table, or of the table that it belongs to.
    pub size: Option<RelationSize>,
    /// The name of the statement's migration.
    pub migration: String,
    /// The line of the statement's first token in the file, from 1.
    pub line: u32,
    /// The name to look up the size with.
    pub(crate) lookup: Option<String>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStep {
    /// The action on its migration.
    pub action: Action,
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The file, relative to the migration directory; none if nothing is run.
    pub path: Option<String>,
    /// True if it is Rust code, whose statements are not known before it runs.
    pub is_code: bool,
    /// The transaction mode; none if nothing is run.
    pub transaction: Option<TransactionMode>,
    /// The statements to run, in order.
    pub statements: Vec<ExplainedStatement>,
    /// The number of earlier statements that an interrupted attempt has committed.
    pub statements_done: usize,
    /// True if the step resumes an interrupted attempt.
    pub is_resumed: bool,
    /// The backfill that it runs or, on a large table, begins.
    pub backfill: Option<Specification>,
}

/// One statement of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStatement {
    /// Its number in the script, from 1.
    pub number: usize,
    /// The line of its first token in the file, from 1.
    pub line: u32,
    /// The column of its first token, in characters, from 1.
    pub column: u32,
    /// Its text, without secrets.
    pub text: String,
    /// The command that a transaction block would refuse, for example `CREATE INDEX CONCURRENTLY`; none for
    /// other statements.
    pub refuses: Option<&'static str>,
    /// The locks; none if the text does not tell, because it runs code (`DO`, `CALL`, functions).
    pub locks: Option<Vec<ExplainedLock>>,
    /// If this statement may take long: the locks of earlier statements in the same transaction that block
    /// others. A transaction holds its locks to its end.
    pub held: Vec<HeldLock>,
}

/// A lock that an earlier statement of the transaction has taken and that is still held while a later one
/// runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldLock {
    /// The relation as the earlier statement writes it.
    pub relation: String,
    /// The mode.
    pub mode: LockMode,
    /// The line of the statement that took it.
    pub line: u32,
    /// True if the later statement reads all of the relation and would by itself let others write meanwhile:
    /// a `VALIDATE` gains nothing in the transaction of its `NOT VALID`.
    pub is_defeating: bool,
    /// The current size of the relation.
    pub size: Option<RelationSize>,
}

/// A lock that a statement takes, and its relation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedLock {
    /// The relation as the statement writes it, or would write it: partitions, tables joined by foreign keys,
    /// views of a column that is dropped with CASCADE.
    pub relation: String,
    /// The mode.
    pub mode: LockMode,
    /// The work done on the whole relation under the lock.
    pub scan: TableScan,
    /// The alternative, if the work depends on something that the catalog does not show; the note names it.
    pub otherwise: Option<TableScan>,
    /// The reason, or the condition.
    pub note: Option<Cow<'static, str>>,
    /// The current size of the relation; none if no relation has that name yet. Names without a schema are
    /// looked up on the session's search path, not on one that the script sets.
    pub size: Option<RelationSize>,
    /// The name to look up the size with.
    pub(crate) lookup: Option<String>,
}

impl Migrator {
    /// Explains what [`run`](Migrator::run) would do, statement by statement: the locks and their modes, the
    /// tables that would be scanned or rewritten, and their current sizes. Nothing is written, and only read
    /// locks are taken.
    ///
    /// The locks follow from the statements' text and from the catalog's facts about the relations that they
    /// name: types of columns, constraints, indexes, partitions, foreign keys, views ([`sql::locks_with`]).
    /// Each statement is judged by the schema that the earlier ones will have made.
    ///
    /// # Errors
    ///
    /// The errors of reading: see [`Error`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// # async fn probe() -> Result<(), migrate_postgres::Error> {
    /// let pending = migrate!("tests/fixtures/quickstart").explain("postgres://app@localhost/app").await?;
    /// println!("{pending}");
    /// for lock in pending.locks().filter(|lock| lock.mode.blocks_reads()) {
    ///     println!("{} blocks reads of {}", lock.mode, lock.relation);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain<T: Target + ?Sized>(&self, target: &T) -> Result<Explanation, Error> {
        self.explain_of(target, &*self.forward()).await
    }

    /// Explains any plan.
    ///
    /// # Errors
    ///
    /// The errors of reading: see [`Error`].
    pub async fn explain_of<T: Target + ?Sized>(
        &self,
        target: &T,
        plan: &dyn Plan,
    ) -> Result<Explanation, Error> {
        self.check_values()?;
        let mut session = target.open().await?;
        let explained = self.explain_over(&mut session, plan).await;
        session.close().await;
        explained
    }

    async fn explain_over(&self, session: &mut Session<'_>, plan: &dyn Plan) -> Result<Explanation, Error> {
        let snapshot = self.snapshot_over(session).await?;
        self.explain_snapshot(session, &snapshot, plan).await
    }

    /// Explains a plan over a history that was read on this connection.
    pub(crate) async fn explain_snapshot(
        &self,
        client: &Client,
        snapshot: &Snapshot,
        plan: &dyn Plan,
    ) -> Result<Explanation, Error> {
        self.check_values()?;
        let steps = self.decide(plan, &snapshot.state)?;
        let facts = catalog::read(client, &Wanted::by(&steps.steps), self.settings.lock_timeout).await?;
        let known = facts.clone();
        let mut explainer = Explainer::new(facts);
        let mut explanation = Explanation {
            set: self.set().name().to_owned(),
            steps: steps.steps.iter().map(|step| explainer.step(step)).collect(),
            notices: steps.notices,
            losses: explainer.losses,
            findings: Vec::new(),
            approved: Vec::new(),
            running: snapshot.running.clone(),
            probes: explainer.probes,
        };
        let losses = explanation.losses.iter().filter_map(|loss| loss.lookup.as_deref());
        let names = explanation.locks().filter_map(|lock| lock.lookup.as_deref()).chain(losses);
        let found = sizes(client, names, self.settings.lock_timeout).await?;
        explanation.fill(&found);
        held::fill(&mut explanation);
        let judgement = self.judge_steps(&steps.steps, known, &found);
        explanation.findings = judgement.findings;
        explanation.approved = judgement.approved;
        Ok(explanation)
    }
}

impl Explanation {
    /// True if there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// All known locks of all statements, in order.
    pub fn locks(&self) -> impl Iterator<Item = &ExplainedLock> {
        let statements = self.steps.iter().flat_map(|step| &step.statements);
        statements.flat_map(|statement| statement.locks.iter().flatten())
    }

    fn fill(&mut self, sizes: &BTreeMap<String, RelationSize>) {
        let size = |lookup: &Option<String>| lookup.as_ref().and_then(|name| sizes.get(name)).cloned();
        let statements = self.steps.iter_mut().flat_map(|step| &mut step.statements);
        for lock in statements.flat_map(|statement| statement.locks.iter_mut().flatten()) {
            lock.size = size(&lock.lookup);
        }
        for loss in &mut self.losses {
            loss.size = size(&loss.lookup);
        }
    }
}

/// Goes through the statements in order. What one creates or drops, later ones find created or dropped.
struct Explainer {
    facts: Facts,
    /// The session's search path, which each script starts with.
    search_path: Vec<String>,
    losses: Vec<ExplainedLoss>,
    follower: Probes,
    probes: Vec<PlacedProbe>,
}

impl Explainer {
    fn new(facts: Facts) -> Self {
        let search_path = facts.search_path.clone();
        Explainer { facts, search_path, losses: Vec::new(), follower: Probes::new(), probes: Vec::new() }
    }

    fn step(&mut self, step: &Step<'_>) -> ExplainedStep {
        self.facts.search_path.clone_from(&self.search_path);
        let batched = match &step.payload {
            Some(Payload::Backfill(script)) => Some(script.in_batch("${batch}")),
            _ => None,
        };
        let script = batched.as_ref().or(step.script());
        let statements = script.map(|script| self.statements(&step.name, script, step.statements_done));
        let is_code = step.is_code();
        if is_code {
            self.facts.forget();
        }
        ExplainedStep {
            action: step.action,
            version: step.version.clone(),
            name: step.name.clone().into_owned(),
            path: step.payload.as_ref().map(|payload| payload.path().to_owned()),
            is_code,
            transaction: step.transaction(),
            statements: statements.unwrap_or_default(),
            statements_done: step.statements_done,
            is_resumed: step.is_resumed,
            backfill: batched.as_ref().and_then(Specification::of),
        }
    }

    fn statements(&mut self, migration: &str, script: &Script, done: usize) -> Vec<ExplainedStatement> {
        let statements = script.statements().iter().enumerate().skip(done);
        statements.map(|(index, statement)| self.statement(migration, script, index, &statement)).collect()
    }

    fn statement(
        &mut self,
        migration: &str,
        script: &Script,
        index: usize,
        statement: &Statement,
    ) -> ExplainedStatement {
        let text = statement.text(script.text());
        let locks = match sql::locks_with(text, &self.facts) {
            Locks::Known(locks) => Some(locks.into_iter().map(unsized_lock).collect()),
            _ => None,
        };
        let lost = sql::losses(text, &self.facts).into_iter();
        self.losses.extend(lost.map(|loss| unsized_loss(loss, migration, statement.line())));
        let place = format!("{}:{}", script.path(), statement.line());
        let probes = self.follower.next(text, &self.facts, &place).into_iter();
        self.probes.extend(probes.map(|probe| PlacedProbe { place: place.clone(), probe }));
        self.facts.apply(text);
        ExplainedStatement {
            number: index + 1,
            line: statement.line(),
            column: script.line_column(statement.range().start).column,
            text: sql::redact(text).into_owned(),
            refuses: statement.refuses().map(sql::Refusal::command),
            locks,
            held: Vec::new(),
        }
    }
}

fn unsized_lock(lock: RelationLock) -> ExplainedLock {
    let RelationLock { relation, origin, is_named, is_new, mode, scan, otherwise, note, .. } = lock;
    let lookup = match origin {
        Some(origin) => Some(quoted(&origin)),
        None => (is_named && !is_new).then(|| relation.clone()),
    };
    ExplainedLock { relation, mode, scan, otherwise, note, size: None, lookup }
}

fn unsized_loss(loss: Loss, migration: &str, line: u32) -> ExplainedLoss {
    let Loss { kind, name, origin, goes_along, .. } = loss;
    let has_size = matches!(
        kind,
        LossKind::Table | LossKind::MaterializedView | LossKind::Rows | LossKind::Column | LossKind::Values
    );
    let lookup = origin.filter(|_| has_size).map(|origin| quoted(&origin));
    ExplainedLoss { kind, name, goes_along, size: None, migration: migration.to_owned(), line, lookup }
}

/// A name that resolves on any search path.
pub(super) fn quoted(name: &ObjectName) -> String {
    format!("{}.{}", quote_ident(&name.schema), quote_ident(&name.name))
}
