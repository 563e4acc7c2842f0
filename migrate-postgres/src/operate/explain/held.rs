//! Locks held over from earlier statements: a transaction keeps each lock to its end.

use super::{ExplainedLock, ExplainedStatement, ExplainedStep, Explanation, HeldLock, RelationSize};
use migrate_core::sql::{Control, Held, HeldLocks, TableScan, TransactionMode};

/// Adds the locks already held to each statement that may take long.
pub(super) fn fill(explanation: &mut Explanation) {
    explanation.steps.iter_mut().for_each(fill_step);
}

fn fill_step(step: &mut ExplainedStep) {
    let mut locks = HeldLocks::new(begins_inside(step));
    for statement in &mut step.statements {
        if let Some(control) = Control::of(&statement.text) {
            locks.control(control);
        }
        if takes_a_while(statement) {
            statement.held = locks.iter().map(|held| held_during(held, statement)).collect();
        }
        hold(&mut locks, statement);
    }
}

/// A relation, with its size.
type Sized = (String, RelationSize);

/// Holds the locks of a statement on relations that exist.
fn hold(locks: &mut HeldLocks<Sized>, statement: &ExplainedStatement) {
    for lock in statement.locks.iter().flatten() {
        if let Some(size) = &lock.size {
            let relation = (lock.relation.clone(), size.clone());
            locks.hold(relation, lock.mode, statement.line, |(_, one), (_, other)| one.oid == other.oid);
        }
    }
}

/// True if a statement's duration depends, or may depend, on the size of a table.
fn takes_a_while(statement: &ExplainedStatement) -> bool {
    let works = |lock: &ExplainedLock| lock.size.is_some() && lock.scan > TableScan::Catalog;
    statement.locks.as_ref().is_none_or(|locks| locks.iter().any(works))
}

/// A lock held during a statement. It is defeating if the statement alone would let others write to the
/// relation while it reads all of it.
fn held_during(held: &Held<Sized>, statement: &ExplainedStatement) -> HeldLock {
    let (relation, size) = &held.relation;
    let is_weaker = |lock: &ExplainedLock| {
        lock.size.as_ref().map(|size| size.oid) == Some(size.oid)
            && lock.scan >= TableScan::Scan
            && !lock.mode.blocks_writes()
    };
    HeldLock {
        relation: relation.clone(),
        mode: held.mode,
        line: held.line,
        is_defeating: statement.locks.iter().flatten().any(is_weaker),
        size: Some(size.clone()),
    }
}

/// True if a step begins inside of a transaction.
fn begins_inside(step: &ExplainedStep) -> bool {
    let mut controls = step.statements.iter().filter_map(|statement| Control::of(&statement.text));
    match step.transaction {
        Some(TransactionMode::Block) => true,
        // A script that begins by ending a transaction started inside one.
        Some(TransactionMode::Own) => controls
            .find(|control| !matches!(control, Control::Code | Control::Set(_)))
            .is_some_and(|control| matches!(control, Control::Commit { .. } | Control::Rollback { .. })),
        _ => false,
    }
}
