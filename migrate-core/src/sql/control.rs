//! Transaction control: statements that begin, end or configure a transaction, and statements that the server
//! accepts but a migration can't contain.

use super::fault::FaultKind;
use super::setting::is_true;
use super::statement::{
    CopyEndpoint, LexedStatement, ParsedStatement, SetParameter, SettingTarget, StatementKind,
    TransactionControl, TransactionModes,
};

/// The effect of a statement on its transaction, as far as the execution depends on it.
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
    /// `SET TRANSACTION`, or `SET` of one of the parameters behind it: it has to come first in its
    /// transaction.
    Set(Modes),
    /// `COMMIT` or `END`.
    Commit {
        /// `AND CHAIN`: the next transaction begins at once, with the same modes.
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT`, except to a savepoint.
    Rollback {
        /// `AND CHAIN`: the next transaction begins at once, with the same modes.
        chain: bool,
    },
    /// `CALL` or `DO`, whose code may commit if it runs outside of a transaction block.
    Code,
}

/// The modes that a statement sets on its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modes {
    /// None.
    None,
    /// An isolation level, a snapshot or `[NOT] DEFERRABLE`.
    Some,
    /// `READ ONLY`, possibly with others.
    ReadOnly,
    /// `READ WRITE`, possibly with others.
    ReadWrite,
}

impl Control {
    /// All variants.
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

    /// The effect of a single statement on its transaction, or `None` if it has none.
    pub fn of(statement: &str) -> Option<Control> {
        Control::of_parsed(&LexedStatement::new(statement).parse())
    }

    /// Does the same for a parsed statement.
    pub fn of_parsed(statement: &ParsedStatement<'_>) -> Option<Control> {
        match &statement.kind {
            StatementKind::Transaction(TransactionControl::Begin(modes)) => {
                Some(Control::Begin(Modes::of(*modes)))
            }
            StatementKind::Transaction(TransactionControl::Commit { chain }) => {
                Some(Control::Commit { chain: *chain })
            }
            StatementKind::Transaction(TransactionControl::Rollback { chain }) => {
                Some(Control::Rollback { chain: *chain })
            }
            StatementKind::Set(set) => of_setting(set),
            StatementKind::Call(_) | StatementKind::Do(_) => Some(Control::Code),
            _ => None,
        }
    }

    /// True if it ends the transaction.
    pub const fn is_end(self) -> bool {
        matches!(self, Control::Commit { .. } | Control::Rollback { .. })
    }

    /// True if it begins or ends a transaction.
    pub const fn is_boundary(self) -> bool {
        self.is_end() || matches!(self, Control::Begin(_))
    }

    /// The modes that it sets on its transaction.
    pub const fn modes(self) -> Modes {
        match self {
            Control::Begin(modes) | Control::Set(modes) => modes,
            _ => Modes::None,
        }
    }

    /// Its name in messages.
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

impl Modes {
    fn of(modes: TransactionModes) -> Modes {
        match modes.read_only {
            Some(true) => Modes::ReadOnly,
            Some(false) => Modes::ReadWrite,
            None if modes.any => Modes::Some,
            None => Modes::None,
        }
    }
}

/// These parameters apply to the transaction with or without `LOCAL` (guc_tables.c).
fn of_setting(set: &SetParameter<'_>) -> Option<Control> {
    let name = match &set.target {
        SettingTarget::Transaction(modes) => return Some(Control::Set(Modes::of(*modes))),
        SettingTarget::Parameter(name) => name.folded(),
        _ => return None,
    };
    let value = set.value.tokens().first();
    let is_on = value.is_some_and(|value| is_true(set.value.written(*value)));
    // Parameter names are equal in quotes and in any case.
    Some(Control::Set(match name.to_ascii_lowercase().as_str() {
        "transaction_read_only" if is_on => Modes::ReadOnly,
        "transaction_read_only" => Modes::ReadWrite,
        "transaction_isolation" | "transaction_deferrable" => Modes::Some,
        _ => return None,
    }))
}

/// The reason why a statement is not allowed in a migration.
pub(super) fn misplaced(statement: &ParsedStatement<'_>) -> Option<FaultKind> {
    match &statement.kind {
        StatementKind::Transaction(TransactionControl::Prepare(_)) => Some(FaultKind::PrepareTransaction),
        StatementKind::Copy(copy) if copy.endpoint == CopyEndpoint::Client => {
            Some(if copy.is_from { FaultKind::CopyFromStdin } else { FaultKind::CopyToStdout })
        }
        _ => None,
    }
}
