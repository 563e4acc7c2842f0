//! The end of the history while steps are applied.

use migrate_core::Digest;
use migrate_core::plan::Step;

/// The end of the history while steps are applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistoryCursor {
    /// The number of the last row.
    pub(crate) last_row: i64,
    /// The digest of all that is applied.
    pub(crate) digest: Digest,
    /// True if the last row is of an attempt whose end is not recorded.
    pub(crate) is_unended: bool,
}

impl HistoryCursor {
    /// The cursor after a step that is done and has a row of its own.
    pub(crate) fn after(self, step: &Step<'_>) -> HistoryCursor {
        HistoryCursor {
            last_row: self.last_row + 1,
            digest: step.digest_after(self.digest),
            is_unended: false,
        }
    }
}
