//! Options at the top of a script.
//!
//! ```sql
//! -- migrate: lock_timeout=5s statement_timeout=10min transaction=none
//! -- migrate: phase=contract allow=drop-table reason="no release has used it since 2.0"
//! DROP TABLE legacy;
//! ```
//!
//! | option | value | in |
//! |---|---|---|
//! | `lock_timeout`, `statement_timeout` | a time as PostgreSQL writes it: `5s`, `10min`, `250` (milliseconds), `0` (no limit) | every script |
//! | `transaction` | `block` or `none` | up, down |
//! | `phase` | `expand` or `contract` | up |
//! | `allow` | comma-separated ids of lint rules: `drop-table,drop-column`; `_` is read as `-` | up, down |
//! | `reason` | after `allow` in the same line: why the author accepts it, in double quotes | up, down |
//! | `replaces` | the replaced version, `0001`, or the first and the last of a range, `0001..0042` | up |
//! | `batch` | a table and the columns of its key, `users(id)`, or the table alone: the script is a [backfill](crate::backfill) | up |
//! | `rows` | the number of rows in the first batch, `1000` | up, with `batch` |
//! | `pause` | the time between two batches, `100ms` | up, with `batch` |
//! | `after` | the version of an earlier backfill, for which the migration waits | up |
//! | `since`, `until` | a version of the set: the assertion is checked only once it is applied, or only until then | assertion |
//! | `key` | comma-separated columns of the result whose values may be shown: `key=id,tenant_id` | assertion |
//!
//! The header is everything before the first statement. Comments from `--` to the end of the line hold
//! options if they begin with `migrate:`; block comments hold none. sqlx's `-- no-transaction` means
//! `transaction=none`. Each script has its own header.
//!
//! `allow` in the header is for the whole script. In a comment directly above a later statement it is for
//! that statement.

mod assertion;
mod batch;
mod duration;
mod header;
mod name;
#[cfg(test)]
mod tests;
mod write;

pub use assertion::AssertionOptions;
pub use batch::Batch;
pub use duration::duration;
pub(crate) use header::{Header, allow_above, header_of, is_directive, read_header};
pub(crate) use name::{OptionName, is_rule_id};
pub(crate) use write::{range_text, transaction_word};

use crate::set::Role;
use crate::set::approval::Approval;
use crate::set::version::Version;
use crate::sql::{Token, TokenKind, TransactionMode};
use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The options in a script's header; `None` for each one that the header does not set.
///
/// [`Display`](std::fmt::Display) writes them in the syntax of the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// The lock timeout of each statement; zero means no limit.
    pub lock_timeout: Option<Duration>,
    /// The timeout of each statement; zero means no limit.
    pub statement_timeout: Option<Duration>,
    /// The requested transaction mode; if absent, the statements decide.
    pub transaction: Option<TransactionMode>,
    /// The phase of a rolling deployment in which the script may run. Lint reads it: `contract` may remove what
    /// the running release uses, `expand` may not. A run applies every phase.
    pub phase: Option<Phase>,
    /// The lint rules whose findings the author has accepted for the whole script. Those for one statement
    /// are in [`Script::approvals`](crate::Script::approvals).
    pub allow: Cow<'static, [Approval]>,
    /// The range of versions that the migration replaces.
    pub replaces: Option<Replaces>,
    /// The table and the key of a backfill, which runs in batches.
    pub batch: Option<Batch>,
    /// The number of rows in the first batch of a backfill.
    pub rows: Option<NonZeroU32>,
    /// The pause between two batches of a backfill.
    pub pause: Option<Duration>,
    /// The version of the backfill that must be finished before the migration is applied.
    pub after: Option<Cow<'static, str>>,
    /// The options of an assertion.
    pub condition: Option<Box<AssertionOptions>>,
}

/// A range of versions, as written in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    /// The first version.
    pub first: Cow<'static, str>,
    /// The last version, inclusive.
    pub last: Cow<'static, str>,
}

impl Replaces {
    /// The range, in the order of the version that replaces it.
    pub(crate) fn range(&self, by: &Version) -> RangeInclusive<Version> {
        let version = |text: &Cow<'static, str>| Version::new(text.clone(), by.order());
        version(&self.first)..=version(&self.last)
    }

    /// True if it is a range, and all of it precedes the version.
    pub(crate) fn may_be_replaced_by(&self, version: &Version) -> bool {
        let range = self.range(version);
        let (first, last) = (range.start(), range.end());
        first <= last
            && last < version
            && ![version, first, last].iter().any(|version| version.is_repeatable())
    }
}

impl Options {
    /// No options.
    pub const NONE: Options = Options {
        lock_timeout: None,
        statement_timeout: None,
        transaction: None,
        phase: None,
        allow: Cow::Borrowed(&[]),
        replaces: None,
        batch: None,
        rows: None,
        pause: None,
        after: None,
        condition: None,
    };

    /// The range of versions that a migration with these options replaces.
    pub(crate) fn replaced_by(&self, version: &Version) -> Option<RangeInclusive<Version>> {
        self.replaces.as_ref().map(|replaces| replaces.range(version))
    }

    /// The version of the backfill that a migration with these options waits for.
    pub(crate) fn awaited_by(&self, version: &Version) -> Option<Version> {
        Some(Version::new(self.after.clone()?, version.order()))
    }

    /// Parses options from their `Display` form.
    pub(crate) fn of_words(words: &str) -> Options {
        let text = format!("-- migrate: {words}");
        let comment = Token { kind: TokenKind::LineComment, start: 0, end: text.len() };
        let header = header_of(&text, std::iter::once(comment), Role::Up);
        debug_assert!(header.faults.is_empty(), "{words}: {:?}", header.faults);
        header.options
    }
}

/// The phase of a rolling deployment in which a migration may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Before the new release: changes that the old release tolerates.
    Expand,
    /// After the last instance of the old release is gone: changes that would break the old release.
    Contract,
}
