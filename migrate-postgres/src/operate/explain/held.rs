//! Locks held over from earlier statements: a transaction keeps each lock to its end.

use super::{ExplainedLock, ExplainedStatement, ExplainedStep, Explanation, HeldLock};
use migrate_core::sql::{Control, TableScan, TransactionMode};

/// Adds the locks already held to each statement that may take long.
pub(super) fn fill(explanation: &mut Explanation) {
    explanation.steps.iter_mut().for_each(fill_step);
}

fn fill_step(step: &mut ExplainedStep) {
    let mut transaction = Transaction::of(step);
    for statement in &mut step.statements {
        transaction.control(&statement.text);
        if takes_a_while(statement) {
            statement.held = transaction.held.iter().map(|held| defeating(held, statement)).collect();
        }
        if transaction.is_open {
            transaction.hold(statement);
        }
    }
}

/// True if a statement's duration depends, or may depend, on the size of a table.
fn takes_a_while(statement: &ExplainedStatement) -> bool {
    let works = |lock: &ExplainedLock| lock.size.is_some() && lock.scan > TableScan::Catalog;
    statement.locks.as_ref().is_none_or(|locks| locks.iter().any(works))
}

/// Marks the held lock as defeating, if the statement alone would let others write to the relation while it
/// reads all of it.
fn defeating(held: &HeldLock, statement: &ExplainedStatement) -> HeldLock {
    let is_weaker = |lock: &ExplainedLock| {
        lock.size.as_ref().map(|size| size.oid) == held.size.as_ref().map(|size| size.oid)
            && lock.scan >= TableScan::Scan
            && !lock.mode.blocks_writes()
    };
    HeldLock { is_defeating: statement.locks.iter().flatten().any(is_weaker), ..held.clone() }
}

/// The transaction around a statement, and the locks it holds.
struct Transaction {
    is_open: bool,
    held: Vec<HeldLock>,
}

impl Transaction {
    fn of(step: &ExplainedStep) -> Self {
        let mut controls = step.statements.iter().filter_map(|statement| Control::of(&statement.text));
        let is_open = match step.transaction {
            Some(TransactionMode::Block) => true,
            // A script that begins by ending a transaction started inside one.
            Some(TransactionMode::Own) => controls
                .find(|control| !matches!(control, Control::Code | Control::Set(_)))
                .is_some_and(|control| matches!(control, Control::Commit { .. } | Control::Rollback { .. })),
            _ => false,
        };
        Transaction { is_open, held: Vec::new() }
    }

    fn control(&mut self, statement: &str) {
        match Control::of(statement) {
            Some(Control::Begin(_)) => self.is_open = true,
            Some(Control::Commit { chain } | Control::Rollback { chain }) => {
                self.is_open = chain;
                self.held.clear();
            }
            _ => {}
        }
    }

    /// Keeps the strongest lock of each relation, if it blocks others.
    fn hold(&mut self, statement: &ExplainedStatement) {
        let blocking = |lock: &&ExplainedLock| lock.mode.blocks_writes() && lock.size.is_some();
        for lock in statement.locks.iter().flatten().filter(blocking) {
            let oid = lock.size.as_ref().map(|size| size.oid);
            let held = self.held.iter_mut().find(|held| held.size.as_ref().map(|size| size.oid) == oid);
            match held {
                Some(held) if held.mode >= lock.mode => {}
                Some(held) => (held.mode, held.line) = (lock.mode, statement.line),
                None => self.held.push(HeldLock {
                    relation: lock.relation.clone(),
                    mode: lock.mode,
                    line: statement.line,
                    is_defeating: false,
                    size: lock.size.clone(),
                }),
            }
        }
    }
}
