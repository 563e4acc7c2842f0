//! SQL text, read as PostgreSQL reads it.
//!
//! A lexer that follows the server's own rule by rule reads a script, and [`split()`] divides it into
//! statements at the same points as the server. Text that could not run, or not as intended, is a [`Fault`]
//! with a position. A statement that can't run in a transaction has a [`Refusal`].
//!
//! Nothing here does I/O, and every function takes time linear in the script's length.

mod boundary;
mod cluster;
mod compare;
mod control;
mod fault;
mod invisible;
mod lexer;
mod locks;
pub(crate) mod partition;
#[doc(hidden)]
mod position;
pub mod probe;
mod reading;
mod redact;
mod refusal;
mod setting;
mod split;
pub mod statement;
mod statements;
mod subject;
mod summary;
mod token;
mod transaction_mode;
mod unit;

pub use self::boundary::Statement;
pub use self::cluster::{
    is_cluster_wide, may_be_cluster_wide, quotes_cluster_wide, roles_made, roles_named, without_roles,
};
pub use self::compare::{same_but_for_comments, same_but_for_writing};
pub use self::control::{Control, Modes};
pub(crate) use self::fault::character_text;
pub use self::fault::{Fault, FaultKind};
pub(crate) use self::invisible::{Invisible, name as invisible_name};
#[cfg(test)]
pub(crate) use self::lexer::counted;
pub use self::lexer::{Tokens, tokens};
pub(crate) use self::locks::changes_all;
pub use self::locks::facts;
pub use self::locks::{
    Condition, Held, HeldLocks, LockMode, Locks, Loss, LossKind, RelationLock, TableScan, locks, locks_of,
    locks_with, losses, losses_of,
};
pub use self::position::{LineColumn, char_to_byte, line_column};
pub use self::redact::{redact, redact_detail, secrets};
pub(crate) use self::redact::{redact_in_ascii, secret_ranges};
pub use self::refusal::Refusal;
pub use self::setting::{is_local_setting, is_session_setting};
pub(crate) use self::split::LocalSetting;
pub(crate) use self::split::has_semicolon;
pub use self::split::{Split, split};
pub use self::statements::Statements;
pub use self::subject::{Subject, subject};
pub use self::summary::summary;
pub use self::token::{Construct, Token, TokenKind};
pub use self::transaction_mode::TransactionMode;
pub(crate) use self::unit::settings_before;
pub(crate) use self::unit::units_sent;
pub use self::unit::{Ending, Unit, units};
