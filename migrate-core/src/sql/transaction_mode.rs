//! Transaction modes.

/// The way in which a script is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransactionMode {
    /// All its statements and its history row in one transaction block: all or nothing.
    Block,
    /// Statement by statement, each committed with a checkpoint: for statements that refuse a transaction
    /// block.
    None,
    /// By the script itself: it begins or ends transactions, and each one is committed with a checkpoint. No
    /// option requests this mode.
    Own,
}
