//! The transactions that a session has spent: how many, without asking what they did.

use tokio_postgres::SimpleQueryRow;

/// A query for the server process and the number of the transaction that it is in. A session counts its transactions, in
/// blocks or not, also those that code begins when it has committed (manual, "Transactions and Identifiers").
pub(super) const ASK: &str = "\
    SELECT pg_catalog.pg_backend_pid(), l.virtualtransaction FROM pg_catalog.pg_locks l \
    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'virtualxid'";

/// The number of a session's transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spent {
    pid: i32,
    slot: String,
    number: u32,
}

impl Spent {
    /// Reads the answer to [`ASK`].
    pub(super) fn read(row: &SimpleQueryRow) -> Option<Spent> {
        Spent::new(row.try_get(0).ok()??, row.try_get(1).ok()??)
    }

    fn new(pid: &str, transaction: &str) -> Option<Spent> {
        let (slot, number) = transaction.split_once('/')?;
        Some(Spent { pid: pid.parse().ok()?, slot: slot.to_owned(), number: number.parse().ok()? })
    }

    /// True if this is the `count`th transaction of the same session after an earlier one.
    pub(super) fn is_after(&self, earlier: Spent, count: u32) -> bool {
        *self == Spent { number: earlier.number.wrapping_add(count), ..earlier }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transactions_of_another_session_or_another_number_of_them_do_not_count() {
        let at = |pid, transaction| Spent::new(pid, transaction).unwrap();
        assert!(at("7", "3/24").is_after(at("7", "3/21"), 3));
        assert!(!at("7", "3/25").is_after(at("7", "3/21"), 3));
        assert!(!at("8", "3/24").is_after(at("7", "3/21"), 3));
        assert!(!at("7", "4/24").is_after(at("7", "3/21"), 3));
        assert!(at("7", "3/1").is_after(at("7", "3/4294967294"), 3));
        assert_eq!(Spent::new("7", ""), None);
    }
}
