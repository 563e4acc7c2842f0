//! The reaction to an error of a batch, by its SQLSTATE.

/// The reaction of a runner to an error of a batch, which is rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// The batch was too long or in the way of others: half of it is tried.
    Retry,
    /// A row has a value that the statement or a constraint does not accept: it is found and set aside.
    Isolate,
    /// The connection was lost, or the server accepts none: the work continues over a new one.
    Reconnect,
    /// Anything else, which no smaller batch would change.
    Stop,
}

/// The reaction to a SQLSTATE; none is the loss of the connection.
///
/// # Examples
///
/// ```
/// use migrate_core::backfill::{Reaction, reaction};
///
/// assert_eq!(reaction(Some("40P01")), Reaction::Retry, "a deadlock");
/// assert_eq!(reaction(Some("23514")), Reaction::Isolate, "a check constraint");
/// assert_eq!(reaction(Some("42P01")), Reaction::Stop, "the table was dropped");
/// ```
pub fn reaction(sqlstate: Option<&str>) -> Reaction {
    match sqlstate {
        None => Reaction::Reconnect,
        // Canceled or timed out, lock not available, deadlock, serialization failure.
        Some("57014" | "55P03" | "40P01" | "40001") => Reaction::Retry,
        // Shutdown, crash, starting up; too many connections; the server ended an idle transaction; a standby.
        Some("57P01" | "57P02" | "57P03" | "53300" | "25P03" | "25P04" | "25006") => Reaction::Reconnect,
        Some(code) => match code.get(..2) {
            Some("22" | "23") => Reaction::Isolate,
            Some("08") => Reaction::Reconnect,
            _ => Reaction::Stop,
        },
    }
}

/// The search for the rows of a failed batch that raise an error, by halves: the rows between the cursor and
/// the end of that batch, one of which is at fault.
///
/// # Examples
///
/// ```
/// use migrate_core::backfill::Isolation;
///
/// let mut search = Isolation::new(8);
/// assert_eq!(search.rows(), 4);
/// assert!(search.succeeded(4), "the row is among the other four");
/// assert_eq!(search.rows(), 2);
/// search.failed(2);
/// assert_eq!(search.rows(), 1);
/// search.failed(1);
/// assert!(search.is_found());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Isolation {
    left: u64,
    found: bool,
}

impl Isolation {
    /// Begins with a batch of so many rows that failed.
    pub fn new(rows: u64) -> Isolation {
        Isolation { left: rows, found: rows <= 1 }
    }

    /// The rows to try next.
    pub fn rows(&self) -> u64 {
        self.left.div_ceil(2).max(1)
    }

    /// True if a single row failed.
    pub fn is_found(&self) -> bool {
        self.found
    }

    /// Follows a batch that failed.
    pub fn failed(&mut self, rows: u64) {
        *self = Isolation::new(rows);
    }

    /// Follows a batch that was committed, or a row that was set aside. Returns true if the search goes on:
    /// rows of the failed batch are left.
    pub fn succeeded(&mut self, rows: u64) -> bool {
        self.left = self.left.saturating_sub(rows);
        self.found = false;
        self.left > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The rows are those of a failed batch; some of them raise an error.
        #[test]
        fn every_row_at_fault_is_found_and_every_other_row_is_done(bad in prop::collection::vec(any::<bool>(), 1..300)) {
            let rows = u64::try_from(bad.len()).unwrap();
            let (mut at, mut done, mut aside, mut attempts) = (0_usize, 0, 0, 0);
            while at < bad.len() {
                let mut search = Isolation::new(rows - u64::try_from(at).unwrap());
                loop {
                    attempts += 1;
                    let size = usize::try_from(search.rows()).unwrap();
                    let batch = &bad[at..(at + size).min(bad.len())];
                    let count = u64::try_from(batch.len()).unwrap();
                    let fails = batch.contains(&true);
                    if fails {
                        search.failed(count);
                    }
                    if fails && !search.is_found() {
                        continue;
                    }
                    if fails { aside += 1 } else { done += batch.len() }
                    at += batch.len();
                    if !search.succeeded(count) {
                        break;
                    }
                }
            }
            let faults = bad.iter().filter(|bad| **bad).count();
            prop_assert_eq!((aside, done), (faults, bad.len() - faults));
            prop_assert!(attempts <= bad.len() + 20 * (faults + 1));
        }
    }
}
