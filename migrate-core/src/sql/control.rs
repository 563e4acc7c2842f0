//! Statements that begin, end or shape a transaction, and those that a migration can't hold although the server would
//! take them.

use super::cursor::Cursor;
use super::fault::FaultKind;
use super::setting::is_true;
use super::token::TokenKind;

/// A statement that has to do with the transaction it runs in, as far as running it depends on that.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{Control, Modes};
///
/// assert_eq!(Control::of("begin"), Some(Control::Begin(Modes::None)));
/// assert_eq!(Control::of("START TRANSACTION READ ONLY"), Some(Control::Begin(Modes::ReadOnly)));
/// assert_eq!(Control::of("END"), Some(Control::Commit { chain: false }));
/// assert_eq!(Control::of("ROLLBACK TO a"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Control {
    /// `BEGIN` or `START TRANSACTION`.
    Begin(Modes),
    /// `SET TRANSACTION`, or `SET` of one of the parameters that it stands for: to be the first of its transaction.
    Set(Modes),
    /// `COMMIT` or `END`.
    Commit {
        /// `AND CHAIN`: the next transaction begins at once, with the same modes.
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT`, but not to a savepoint.
    Rollback {
        /// `AND CHAIN`: the next transaction begins at once, with the same modes.
        chain: bool,
    },
    /// `CALL` or `DO`, whose code may commit when it runs outside of a transaction block.
    Code,
}

/// The modes that a statement gives its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modes {
    /// None.
    None,
    /// An isolation level, a snapshot or `[NOT] DEFERRABLE`.
    Some,
    /// `READ ONLY`, whatever else.
    ReadOnly,
    /// `READ WRITE`, whatever else.
    ReadWrite,
}

impl Control {
    /// All of them.
    pub const ALL: &'static [Control] = &[
        Control::Begin(Modes::None),
        Control::Begin(Modes::Some),
        Control::Begin(Modes::ReadOnly),
        Control::Begin(Modes::ReadWrite),
        Control::Set(Modes::Some),
        Control::Set(Modes::ReadOnly),
        Control::Set(Modes::ReadWrite),
        Control::Commit { chain: false },
        Control::Commit { chain: true },
        Control::Rollback { chain: false },
        Control::Rollback { chain: true },
        Control::Code,
    ];

    /// What this one statement does to its transaction, or `None` if it leaves that alone.
    pub fn of(statement: &str) -> Option<Control> {
        let mut cursor = Cursor::new(statement);
        let cursor = &mut cursor;
        if cursor.word("BEGIN") {
            let _either = cursor.word("WORK") || cursor.word("TRANSACTION");
            Some(Control::Begin(modes(cursor)))
        } else if cursor.words(&["START", "TRANSACTION"]) {
            Some(Control::Begin(modes(cursor)))
        } else if cursor.word("SET") {
            set(cursor)
        } else if cursor.word("COMMIT") || cursor.word("END") {
            chain(cursor).map(|chain| Control::Commit { chain })
        } else if cursor.word("ROLLBACK") || cursor.word("ABORT") {
            chain(cursor).map(|chain| Control::Rollback { chain })
        } else {
            (cursor.word("CALL") || cursor.word("DO")).then_some(Control::Code)
        }
    }

    /// Whether it ends the transaction.
    pub const fn is_end(self) -> bool {
        matches!(self, Control::Commit { .. } | Control::Rollback { .. })
    }

    /// Whether it begins or ends a transaction.
    pub const fn is_boundary(self) -> bool {
        self.is_end() || matches!(self, Control::Begin(_))
    }

    /// The modes that it gives its transaction.
    pub const fn modes(self) -> Modes {
        match self {
            Control::Begin(modes) | Control::Set(modes) => modes,
            _ => Modes::None,
        }
    }

    /// How a message calls it.
    pub const fn command(self) -> &'static str {
        match self {
            Control::Begin(_) => "BEGIN",
            Control::Set(_) => "SET TRANSACTION",
            Control::Commit { .. } => "COMMIT",
            Control::Rollback { .. } => "ROLLBACK",
            Control::Code => "CALL",
        }
    }
}

/// The modes up to the end of the statement; the last one that says so decides about writing.
fn modes(cursor: &mut Cursor<'_>) -> Modes {
    let mut modes = Modes::None;
    while !cursor.at_end() {
        if cursor.words(&["READ", "ONLY"]) {
            modes = Modes::ReadOnly;
        } else if cursor.words(&["READ", "WRITE"]) {
            modes = Modes::ReadWrite;
        } else {
            cursor.take();
            if modes == Modes::None {
                modes = Modes::Some;
            }
        }
    }
    modes
}

/// `SET` has been taken. The parameters are for the transaction whether `LOCAL` is said or not (guc_tables.c).
fn set(cursor: &mut Cursor<'_>) -> Option<Control> {
    let _either = cursor.word("LOCAL") || cursor.word("SESSION");
    if cursor.word("TRANSACTION") {
        return Some(Control::Set(modes(cursor)));
    }
    let name = cursor.peek()?;
    let name = cursor.written(name).trim_matches('"').to_ascii_lowercase();
    if !matches!(name.as_str(), "transaction_isolation" | "transaction_read_only" | "transaction_deferrable")
    {
        return None;
    }
    cursor.take();
    let _either = cursor.sign("=") || cursor.word("TO");
    let is_on = cursor.peek().is_some_and(|value| is_true(cursor.written(value)));
    Some(Control::Set(match (name.as_str(), is_on) {
        ("transaction_read_only", true) => Modes::ReadOnly,
        ("transaction_read_only", false) => Modes::ReadWrite,
        _ => Modes::Some,
    }))
}

/// The command that ends a transaction has been taken. Whether the next one begins with it; none where it ends none:
/// `ROLLBACK TO` a savepoint, `COMMIT PREPARED`.
fn chain(cursor: &mut Cursor<'_>) -> Option<bool> {
    let _either = cursor.word("WORK") || cursor.word("TRANSACTION");
    (!cursor.sees("TO") && !cursor.sees("PREPARED")).then(|| cursor.words(&["AND", "CHAIN"]))
}

/// Why this statement has no place in a migration.
pub(super) fn misplaced(statement: &str) -> Option<FaultKind> {
    let mut cursor = Cursor::new(statement);
    if cursor.words(&["PREPARE", "TRANSACTION"]) {
        return Some(FaultKind::PrepareTransaction);
    }
    copy(cursor)
}

/// `COPY` from or to the client. The server takes STDIN and STDOUT for the same thing (gram.y, `copy_file_name`).
fn copy(mut cursor: Cursor<'_>) -> Option<FaultKind> {
    if !cursor.word("COPY") {
        return None;
    }
    // BINARY can't be a table's name unless it is quoted.
    cursor.word("BINARY");
    if !cursor.parentheses() {
        cursor.qualified_name();
        if cursor.peek()?.kind == TokenKind::LeftParenthesis {
            cursor.parentheses();
        }
    }
    let fault = if cursor.word("FROM") {
        FaultKind::CopyFromStdin
    } else if cursor.word("TO") {
        FaultKind::CopyToStdout
    } else {
        return None;
    };
    (cursor.word("STDIN") || cursor.word("STDOUT")).then_some(fault)
}
