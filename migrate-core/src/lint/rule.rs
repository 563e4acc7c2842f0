//! Rules and their risks.

use super::{allow, blocking, column, compatibility, design, loss, transactions};
use std::fmt;

/// The risk of a statement, from none to an irreversible loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Risk {
    /// Others do not notice it.
    Safe,
    /// Others do not notice it, unless something else goes wrong at the same time: a short lock that waits
    /// for a long query.
    Careful,
    /// Others wait as long as a table is large, or running code breaks.
    Dangerous,
    /// Data is lost.
    VeryRisky,
}

impl Risk {
    /// The risk as options and messages write it: `very-risky`.
    pub const fn word(self) -> &'static str {
        match self {
            Risk::Safe => "safe",
            Risk::Careful => "careful",
            Risk::Dangerous => "dangerous",
            Risk::VeryRisky => "very-risky",
        }
    }

    /// Returns the risk that a word stands for.
    pub fn of_word(word: &str) -> Option<Risk> {
        [Risk::Safe, Risk::Careful, Risk::Dangerous, Risk::VeryRisky]
            .into_iter()
            .find(|risk| risk.word() == word)
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A rule: what it finds, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The id by which a script allows it: `drop-column`.
    pub id: &'static str,
    /// The risk. A finding may have a lower one if only that is certain.
    pub risk: Risk,
    /// The versions of PostgreSQL for which it holds.
    pub versions: &'static str,
    /// The effect, and whom it affects.
    pub happens: &'static str,
    /// The reason.
    pub why: &'static str,
    /// The safe way.
    pub safe: &'static str,
    /// The cases in which it reports nothing.
    pub silent: &'static str,
}

/// All rules, family by family.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let families = [
        blocking::RULES,
        column::RULES,
        transactions::RULES,
        loss::RULES,
        compatibility::RULES,
        design::RULES,
        allow::RULES,
    ];
    families.into_iter().flatten().copied()
}

/// The rule of an id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// The rules of a family.
macro_rules! family {
    ($($name:ident = $id:literal, $risk:ident, $versions:literal,
        happens: $happens:literal, why: $why:literal, safe: $safe:literal, silent: $silent:literal;)*) => {
        $(pub(super) static $name: $crate::lint::Rule = $crate::lint::Rule {
            id: $id,
            risk: $crate::lint::Risk::$risk,
            versions: $versions,
            happens: $happens,
            why: $why,
            safe: $safe,
            silent: $silent,
        };)*

        /// The rules of this file.
        pub(super) static RULES: &[&$crate::lint::Rule] = &[$(&$name),*];
    };
}
pub(super) use family;
