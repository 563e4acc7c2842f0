//! An explanation as text.

use super::{ExplainedLock, ExplainedLoss, ExplainedStatement, ExplainedStep, Explanation, HeldLock};
use migrate_core::sql::{TableScan, TransactionMode};
use std::fmt;

/// The explanation of a step of Rust code.
const CODE: &str = ", Rust code: its statements are not known before it runs";

/// The number of committed statements, for a list.
pub(crate) fn done(count: usize) -> String {
    if count == 1 { "1 completed statement".to_owned() } else { format!("{count} completed statements") }
}

/// A statement's first line, for a list.
pub(crate) fn first_line(text: &str) -> String {
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
        self.notices.iter().try_for_each(|notice| write!(f, "\n{notice}"))?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))?;
        if !self.losses.is_empty() {
            f.write_str("\nlost for good:")?;
        }
        self.losses.iter().try_for_each(|loss| write!(f, "\n  {loss}"))
    }
}

impl fmt::Display for ExplainedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{} {}", self.action, self.name)?;
        if let Some(path) = &self.path {
            write!(f, " ({path})")?;
        }
        if self.is_code {
            f.write_str(CODE)?;
        }
        match self.transaction {
            Some(TransactionMode::None) if self.is_code => f.write_str(", in no transaction")?,
            Some(TransactionMode::None) => f.write_str(", statement by statement")?,
            Some(TransactionMode::Own) => f.write_str(", in transactions of its own")?,
            _ => {}
        }
        if let Some(backfill) = &self.backfill {
            write!(f, ", {backfill}")?;
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
            None => f.write_str("\n    locks: can't be determined from its text"),
            Some(locks) => locks.iter().try_for_each(|lock| write!(f, "\n    {lock}")),
        }?;
        self.held.iter().try_for_each(|held| write!(f, "\n    {held}"))
    }
}

impl fmt::Display for ExplainedLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{}: {}", self.relation, self.mode)?;
        if self.scan != TableScan::Catalog {
            write!(f, ", {}", self.scan)?;
        }
        match &self.size {
            Some(size) => write!(f, "; {size}")?,
            None => f.write_str("; does not exist yet")?,
        }
        self.note.as_ref().map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}

impl fmt::Display for HeldLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{}: {}, held since line {}", self.relation, self.mode, self.line)?;
        if self.is_defeating {
            f.write_str(DEFEATED)?;
        }
        Ok(())
    }
}

/// The reason why a weak lock gains nothing after a strong one.
const DEFEATED: &str =
    ", so the weaker lock of this statement has no benefit here: run it in a later migration";

impl fmt::Display for ExplainedLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{} {}", self.kind, self.name)?;
        if let Some(size) = &self.size {
            write!(f, "; {size}")?;
        }
        write!(f, " ({}, line {}", self.migration, self.line)?;
        f.write_str(if self.goes_along { ", as a dependent)" } else { ")" })
    }
}
