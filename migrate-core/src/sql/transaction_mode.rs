//! Whether a script runs in a transaction.

/// How a script is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionMode {
    /// All of its statements and its history row in one transaction block: all or nothing.
    Block,
    /// Statement by statement, each committed with a checkpoint: for statements that refuse a transaction block.
    None,
    /// As the script itself says: it begins or ends transactions, and each is committed with a checkpoint. No option asks for
    /// it.
    Own,
}
