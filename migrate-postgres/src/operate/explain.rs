//! What is pending, what it locks, and how large that is now.

use super::sizes::{RelationSize, sizes};
use crate::RunningAttempt;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::migrator::snapshot::Snapshot;
use migrate_core::history::Notice;
use migrate_core::plan::{Action, Plan, Step};
use migrate_core::sql::TransactionMode;
use migrate_core::sql::{self, LockMode, Locks, RelationLock, Statement, TableScan};
use migrate_core::{Script, Version};
use std::collections::BTreeMap;
use std::fmt;
use tokio_postgres::Client;

/// What a plan would do, statement by statement.
///
/// [`Display`](fmt::Display) shows it:
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
    /// What was noticed.
    pub notices: Vec<Notice>,
    /// The migration that a run in another process is at.
    pub running: Option<RunningAttempt>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStep {
    /// What it does with its migration.
    pub action: Action,
    /// The migration's version.
    pub version: Version,
    /// The migration's name.
    pub name: String,
    /// The file, relative to the migration directory; none where nothing is run.
    pub path: Option<String>,
    /// How it is committed; none where nothing is run.
    pub transaction: Option<TransactionMode>,
    /// The statements that are to be run, in order.
    pub statements: Vec<ExplainedStatement>,
    /// How many statements before them an interrupted attempt has done and committed.
    pub statements_done: usize,
    /// Whether it goes on with an interrupted attempt.
    pub is_resumed: bool,
}

/// One statement of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedStatement {
    /// Its place in the script, from 1.
    pub number: usize,
    /// The line of its first token in the file, from 1.
    pub line: u32,
    /// The column of its first token, in characters, from 1.
    pub column: u32,
    /// Its text, secrets left out.
    pub text: String,
    /// The command that a transaction block would refuse (`CREATE INDEX CONCURRENTLY`), if it is one.
    pub refuses: Option<&'static str>,
    /// What it locks; none where its text does not tell, because it runs code (`DO`, `CALL`, functions).
    pub locks: Option<Vec<ExplainedLock>>,
}

/// A lock that a statement takes, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExplainedLock {
    /// The relation as the statement writes it.
    pub relation: String,
    /// The mode.
    pub mode: LockMode,
    /// What is done to the whole of the relation under the lock.
    pub toll: TableScan,
    /// Why it is so, or what it depends on.
    pub note: Option<&'static str>,
    /// How large the relation is now; none where there is none of that name yet. Names without a schema are looked up on the
    /// session's search path, not on one that the script sets.
    pub size: Option<RelationSize>,
}

impl Migrator {
    /// What [`run`](Migrator::run) would do, statement by statement: what each locks in which mode, whether it scans or rewrites
    /// that, and how large it is now. Nothing is written, and no lock is taken but those of reading.
    ///
    /// Locks are told from the statements' text, as [`sql::locks`] does it.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
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
    ///     println!("nobody reads {} meanwhile", lock.relation);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn explain<T: Target + ?Sized>(&self, target: &T) -> Result<Explanation, Error> {
        self.explain_of(target, &*self.forward()).await
    }

    /// The same of any plan.
    ///
    /// # Errors
    ///
    /// See [`Error`], as far as reading goes.
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

    /// The same of a history that was read over this connection.
    pub(crate) async fn explain_snapshot(
        &self,
        client: &Client,
        snapshot: &Snapshot,
        plan: &dyn Plan,
    ) -> Result<Explanation, Error> {
        self.check_values()?;
        let steps = self.decide(plan, &snapshot.state)?;
        let mut explanation = Explanation {
            set: self.set().name().to_owned(),
            steps: steps.steps.iter().map(explained).collect(),
            notices: steps.notices,
            running: snapshot.running.clone(),
        };
        let names = explanation.locks().map(|lock| lock.relation.as_str());
        let found = sizes(client, names, self.settings.lock_timeout).await?;
        explanation.fill(&found);
        Ok(explanation)
    }
}

impl Explanation {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// All locks that are known, of all statements in order.
    pub fn locks(&self) -> impl Iterator<Item = &ExplainedLock> {
        let statements = self.steps.iter().flat_map(|step| &step.statements);
        statements.flat_map(|statement| statement.locks.iter().flatten())
    }

    fn fill(&mut self, sizes: &BTreeMap<String, RelationSize>) {
        let statements = self.steps.iter_mut().flat_map(|step| &mut step.statements);
        for lock in statements.flat_map(|statement| statement.locks.iter_mut().flatten()) {
            lock.size = sizes.get(&lock.relation).cloned();
        }
    }
}

fn explained(step: &Step<'_>) -> ExplainedStep {
    let script = step.script();
    ExplainedStep {
        action: step.action,
        version: step.version.clone(),
        name: step.name.clone().into_owned(),
        path: script.map(|script| script.path().to_owned()),
        transaction: script.map(Script::transaction),
        statements: script.map(|script| statements(script, step.statements_done)).unwrap_or_default(),
        statements_done: step.statements_done,
        is_resumed: step.is_resumed,
    }
}

fn statements(script: &Script, done: usize) -> Vec<ExplainedStatement> {
    script
        .statements()
        .iter()
        .enumerate()
        .skip(done)
        .map(|(index, statement)| explain(script, index, &statement))
        .collect()
}

fn explain(script: &Script, index: usize, statement: &Statement) -> ExplainedStatement {
    let text = statement.text(script.text());
    ExplainedStatement {
        number: index + 1,
        line: statement.line(),
        column: script.line_column(statement.range().start).column,
        text: sql::redact(text).into_owned(),
        refuses: statement.refuses().map(sql::Refusal::command),
        locks: match sql::locks(text) {
            Locks::Known(locks) => Some(locks.into_iter().map(unsized_lock).collect()),
            _ => None,
        },
    }
}

fn unsized_lock(lock: RelationLock) -> ExplainedLock {
    let RelationLock { relation, mode, toll, note, .. } = lock;
    ExplainedLock { relation, mode, toll, note, size: None }
}

/// How many statements are done, for a list.
pub(crate) fn done(count: usize) -> String {
    if count == 1 { "1 completed statement".to_owned() } else { format!("{count} completed statements") }
}

/// A statement's first line, for a list.
pub(super) fn first_line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        if self.is_empty() {
            f.write_str("nothing to do")?;
        }
        for (index, step) in self.steps.iter().enumerate() {
            let line_feed = if index == 0 { "" } else { "\n" };
            write!(f, "{line_feed}{step}")?;
        }
        if let Some(running) = &self.running {
            write!(f, "\n{} {running}", running.name)?;
        }
        self.notices.iter().try_for_each(|notice| write!(f, "\n{notice}"))
    }
}

impl fmt::Display for ExplainedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{} {}", self.action, self.name)?;
        if let Some(path) = &self.path {
            write!(f, " ({path})")?;
        }
        match self.transaction {
            Some(TransactionMode::None) => f.write_str(", statement by statement")?,
            Some(TransactionMode::Own) => f.write_str(", in transactions of its own")?,
            _ => {}
        }
        if self.statements_done > 0 {
            write!(f, ", resumes after {}", done(self.statements_done))?;
        }
        self.statements.iter().try_for_each(|statement| write!(f, "\n  {statement}"))
    }
}

impl fmt::Display for ExplainedStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "line {}: {}", self.line, first_line(&self.text))?;
        match &self.locks {
            None => f.write_str("\n    locks: not known from its text"),
            Some(locks) => locks.iter().try_for_each(|lock| write!(f, "\n    {lock}")),
        }
    }
}

impl fmt::Display for ExplainedLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.relation, self.mode)?;
        if self.toll != TableScan::Catalog {
            write!(f, ", {}", self.toll)?;
        }
        match &self.size {
            Some(size) => write!(f, "; {size}")?,
            None => f.write_str("; does not exist yet")?,
        }
        self.note.map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}
