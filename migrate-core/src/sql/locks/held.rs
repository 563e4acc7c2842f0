//! Locks held over from earlier statements: a transaction keeps each lock to its end.

use super::LockMode;
use crate::sql::Control;

/// The locks that block others and that a transaction holds so far. `R` identifies a relation.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{Control, HeldLocks, LockMode};
///
/// let mut locks = HeldLocks::new(true);
/// locks.hold("users", LockMode::Share, 1, |one, other| one == other);
/// locks.hold("users", LockMode::AccessExclusive, 2, |one, other| one == other);
/// assert_eq!(locks.iter().map(|held| (held.relation, held.line)).collect::<Vec<_>>(), [("users", 2)]);
/// locks.control(Control::Commit { chain: false });
/// assert_eq!(locks.iter().count(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct HeldLocks<R> {
    is_open: bool,
    held: Vec<Held<R>>,
}

/// A lock held since an earlier statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held<R> {
    /// The relation.
    pub relation: R,
    /// The strongest mode so far.
    pub mode: LockMode,
    /// The line of the statement that took it.
    pub line: u32,
}

impl<R> HeldLocks<R> {
    /// Starts with no lock, inside a transaction or outside of one.
    pub const fn new(is_open: bool) -> HeldLocks<R> {
        HeldLocks { is_open, held: Vec::new() }
    }

    /// Follows a statement that begins or ends a transaction.
    pub fn control(&mut self, control: Control) {
        match control {
            Control::Begin(_) => self.is_open = true,
            Control::Commit { chain } | Control::Rollback { chain } => {
                self.is_open = chain;
                self.held.clear();
            }
            _ => {}
        }
    }

    /// Holds a lock to the end of the transaction, if it blocks others. Keeps the strongest one of each
    /// relation.
    pub fn hold(&mut self, relation: R, mode: LockMode, line: u32, is_same: impl Fn(&R, &R) -> bool) {
        if !self.is_open || !mode.blocks_writes() {
            return;
        }
        match self.held.iter_mut().find(|held| is_same(&held.relation, &relation)) {
            Some(held) if held.mode >= mode => {}
            Some(held) => *held = Held { relation, mode, line },
            None => self.held.push(Held { relation, mode, line }),
        }
    }

    /// The locks, in the order in which their relations were first locked.
    pub fn iter(&self) -> impl Iterator<Item = &Held<R>> {
        self.held.iter()
    }

    /// True inside a transaction.
    pub const fn is_open(&self) -> bool {
        self.is_open
    }
}
