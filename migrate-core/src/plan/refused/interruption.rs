//! The reason why an interrupted migration can't resume.

use crate::advice::{Advice, Call, NextStep};

/// The reason why an interrupted migration can't resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interruption {
    /// It was edited after it was begun.
    Edited,
    /// It is missing from the set.
    Missing,
    /// It was being reverted, and another action was requested.
    Reverting,
    /// It was being applied, and another action was requested.
    Applying,
    /// It runs in a transaction, but its history row was written by a run statement by statement, whose last
    /// statement has an unknown outcome.
    Transaction,
}

impl Interruption {
    pub(super) fn what(self) -> &'static str {
        match self {
            Interruption::Edited => {
                "was edited since: a statement that is or may be done has changed, or the script would now run in a \
                 transaction"
            }
            Interruption::Missing => "is missing from the set",
            Interruption::Reverting => "was being reverted",
            Interruption::Applying => "was being applied",
            Interruption::Transaction => "runs in a transaction, so it can't stop between two statements",
        }
    }

    pub(super) fn advice(self) -> Advice {
        match self {
            Interruption::Edited => Advice::of(NextStep::call(
                Call::Run,
                "restore the statements that are done and the one in doubt, and resume where it stopped",
            )),
            Interruption::Missing => {
                Advice::of(NextStep::call(Call::Run, "restore its file, and resume where it stopped"))
            }
            Interruption::Reverting => Advice::of(NextStep::call(Call::Down, "resume where it stopped")),
            Interruption::Applying => {
                Advice::of(NextStep::call(Call::Run, "finish it, so that it can be reverted"))
            }
            Interruption::Transaction => Advice::fix(
                "check whether its statements are done, and settle it: as applied, or as reverted to run it again",
            ),
        }
    }
}
