//! The names of the options, and the values that they take.

use super::{Batch, Options, Phase, Replaces, duration};
use crate::set::Role;
use crate::sql::TransactionMode;
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

/// The most rows of a first batch: a typing error must not make one batch of a whole table.
const MOST_ROWS: u32 = 10_000_000;

/// The longest pause between batches: the lease of a backfill is held during it.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The name of an option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionName {
    LockTimeout,
    StatementTimeout,
    Transaction,
    Phase,
    Allow,
    Reason,
    Replaces,
    Batch,
    Rows,
    Pause,
    After,
    Since,
    Until,
    Key,
}

impl OptionName {
    const ALL: [OptionName; 14] = [
        OptionName::LockTimeout,
        OptionName::StatementTimeout,
        OptionName::Transaction,
        OptionName::Phase,
        OptionName::Allow,
        OptionName::Reason,
        OptionName::Replaces,
        OptionName::Batch,
        OptionName::Rows,
        OptionName::Pause,
        OptionName::After,
        OptionName::Since,
        OptionName::Until,
        OptionName::Key,
    ];

    pub(super) fn of(word: &str) -> Option<OptionName> {
        OptionName::ALL.into_iter().find(|name| name.text() == word)
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            OptionName::LockTimeout => "lock_timeout",
            OptionName::StatementTimeout => "statement_timeout",
            OptionName::Transaction => "transaction",
            OptionName::Phase => "phase",
            OptionName::Allow => "allow",
            OptionName::Reason => "reason",
            OptionName::Replaces => "replaces",
            OptionName::Batch => "batch",
            OptionName::Rows => "rows",
            OptionName::Pause => "pause",
            OptionName::After => "after",
            OptionName::Since => "since",
            OptionName::Until => "until",
            OptionName::Key => "key",
        }
    }

    /// The phase belongs to the migration as a whole, a verify script changes nothing, and a revert is not run
    /// in batches.
    pub(super) fn belongs_in(self, role: Role) -> bool {
        match self {
            OptionName::LockTimeout | OptionName::StatementTimeout => true,
            OptionName::Transaction | OptionName::Allow | OptionName::Reason => {
                matches!(role, Role::Up | Role::Down)
            }
            OptionName::Phase
            | OptionName::Replaces
            | OptionName::Batch
            | OptionName::Rows
            | OptionName::Pause
            | OptionName::After => role == Role::Up,
            OptionName::Since | OptionName::Until | OptionName::Key => role == Role::Assertion,
        }
    }

    pub(super) fn expects(self) -> &'static str {
        match self {
            OptionName::LockTimeout | OptionName::StatementTimeout => {
                "a whole number with `ms`, `s`, `min`, `h` or `d`, or 0 for no limit, up to 2147483647 ms"
            }
            OptionName::Transaction => "`block` or `none`",
            OptionName::Phase => "`expand` or `contract`",
            OptionName::Allow => {
                "ids of lint rules in lower case, with commas and no spaces between: `drop-table,drop-column`"
            }
            OptionName::Reason => "a text in double quotes, in the same line as the `allow=` before it",
            OptionName::Replaces => {
                "the version that the migration replaces, `0001`, or the first and the last of several, `0001..0042`"
            }
            OptionName::Batch => "a table and the columns of a key, `users(id)`, or the table alone",
            OptionName::Rows => "a number of rows from 1 to 10000000",
            OptionName::Pause => "a time of up to an hour: a whole number with `ms`, `s` or `min`",
            OptionName::After => "the version of an earlier backfill, `0043`",
            OptionName::Since | OptionName::Until => "the version of a migration",
            OptionName::Key => "columns of the result, with commas and no spaces between: `key=id,tenant_id`",
        }
    }

    /// Sets the option; `None` if the value is invalid.
    pub(super) fn set(self, options: &mut Options, value: &str) -> Option<()> {
        match self {
            OptionName::LockTimeout => options.lock_timeout = Some(duration(value)?),
            OptionName::StatementTimeout => options.statement_timeout = Some(duration(value)?),
            OptionName::Transaction => {
                options.transaction = Some(match value {
                    "block" => TransactionMode::Block,
                    "none" => TransactionMode::None,
                    _ => return None,
                });
            }
            OptionName::Phase => {
                options.phase = Some(match value {
                    "expand" => Phase::Expand,
                    "contract" => Phase::Contract,
                    _ => return None,
                });
            }
            // The header reader keeps them, with their places.
            OptionName::Allow | OptionName::Reason => {}
            OptionName::Replaces => {
                let (first, last) = value.split_once("..").unwrap_or((value, value));
                if first.is_empty() || last.is_empty() || last.starts_with('=') {
                    return None;
                }
                let version = |text: &str| Cow::Owned(text.to_owned());
                options.replaces = Some(Replaces { first: version(first), last: version(last) });
            }
            OptionName::Batch => options.batch = Some(Batch::parse(value)?),
            OptionName::Rows => {
                let rows = value.parse().ok().filter(|_| value.starts_with(|c: char| c.is_ascii_digit()))?;
                options.rows = Some(NonZeroU32::new(rows).filter(|_| rows <= MOST_ROWS)?);
            }
            OptionName::Pause => {
                options.pause = Some(duration(value).filter(|pause| *pause <= LONGEST_PAUSE)?);
            }
            OptionName::After => {
                let is_version = !value.is_empty() && !value.contains(['=', '"']);
                options.after = is_version.then(|| Cow::Owned(value.to_owned()));
                is_version.then_some(())?;
            }
            OptionName::Since | OptionName::Until | OptionName::Key => {
                options.condition.get_or_insert_default().set(self, value)?;
            }
        }
        Some(())
    }
}

/// Returns true if a word has the form of a lint rule's id: lowercase letters and digits, separated by
/// hyphens.
pub(crate) fn is_rule_id(id: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    id.starts_with(|c: char| c.is_ascii_lowercase()) && id.split('-').all(is_word)
}
