//! Rules and their risks.

use super::{allow, blocking, column, compatibility, design, down, loss, opt_in, timeouts, transactions};
use std::fmt;

/// The risk of a statement, from none to permanent data loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Risk {
    /// Other sessions are not affected.
    Safe,
    /// Other sessions are affected only if something else goes wrong at the same time: a short lock that waits
    /// for a long-running query.
    Careful,
    /// Other sessions are blocked for a time proportional to the size of a table, or running code breaks.
    Dangerous,
    /// Data is lost.
    VeryRisky,
}

impl Risk {
    /// The name of the risk in options and messages: `very-risky`.
    pub const fn word(self) -> &'static str {
        match self {
            Risk::Safe => "safe",
            Risk::Careful => "careful",
            Risk::Dangerous => "dangerous",
            Risk::VeryRisky => "very-risky",
        }
    }

    /// Returns the risk with this name.
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

/// A family of rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Statements that block other sessions.
    Blocking,
    /// The transactions of a script, and what a failure leaves behind.
    Transactions,
    /// Data that is lost.
    DataLoss,
    /// The release that is running while a migration runs.
    Compatibility,
    /// The design of the schema.
    Design,
    /// The approvals themselves.
    Approvals,
    /// A project's own rules.
    Own,
}

impl Family {
    /// The subject of its rules.
    pub const fn title(self) -> &'static str {
        match self {
            Family::Blocking => "Blocking other sessions",
            Family::Transactions => "Transactions and repetition",
            Family::DataLoss => "Losing data",
            Family::Compatibility => "Breaking the running release",
            Family::Design => "Design",
            Family::Approvals => "Approvals",
            Family::Own => "Own rules",
        }
    }
}

/// A rule: the danger that it finds, and the safe way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The id, with which a script allows it: `drop-column`.
    pub id: &'static str,
    /// The risk. A finding may have a lower one if only that is certain.
    pub risk: Risk,
    /// The versions of PostgreSQL to which it applies.
    pub versions: &'static str,
    /// The effect on other sessions, on running code or on data.
    pub happens: &'static str,
    /// The reason.
    pub why: &'static str,
    /// The safe way.
    pub safe: &'static str,
    /// The cases in which it reports nothing.
    pub silent: &'static str,
    /// The family.
    pub family: Family,
    /// True if it is off by default.
    pub is_opt_in: bool,
}

impl Rule {
    /// Creates an own rule with an id: lower-case letters, digits and hyphens.
    pub const fn new(id: &'static str, risk: Risk) -> Rule {
        let family = Family::Own;
        Rule {
            id,
            risk,
            versions: "all",
            happens: "",
            why: "",
            safe: "",
            silent: "",
            family,
            is_opt_in: false,
        }
    }

    /// Describes the effect on other sessions, on running code or on data.
    #[must_use]
    pub const fn happens(self, happens: &'static str) -> Rule {
        Rule { happens, ..self }
    }

    /// Gives the reason.
    #[must_use]
    pub const fn why(self, why: &'static str) -> Rule {
        Rule { why, ..self }
    }

    /// Describes the safe way.
    #[must_use]
    pub const fn safe(self, safe: &'static str) -> Rule {
        Rule { safe, ..self }
    }
}

/// All rules, family by family.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    let families = [
        blocking::RULES,
        column::RULES,
        transactions::RULES,
        timeouts::RULES,
        loss::RULES,
        down::RULES,
        compatibility::RULES,
        design::RULES,
        opt_in::RULES,
        allow::RULES,
    ];
    families.into_iter().flatten().copied()
}

/// Returns the rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}

/// Declares the rules of a family.
macro_rules! family {
    ($family:ident, $mode:ident; $($name:ident = $id:literal, $risk:ident, $versions:literal,
        happens: $happens:literal, why: $why:literal, safe: $safe:literal, silent: $silent:literal;)*) => {
        $(pub(super) static $name: $crate::lint::Rule = $crate::lint::Rule {
            id: $id,
            risk: $crate::lint::Risk::$risk,
            versions: $versions,
            happens: $happens,
            why: $why,
            safe: $safe,
            silent: $silent,
            family: $crate::lint::Family::$family,
            is_opt_in: $crate::lint::rule::is_opt_in(stringify!($mode)),
        };)*

        /// The rules of this file.
        pub(super) static RULES: &[&$crate::lint::Rule] = &[$(&$name),*];
    };
}
pub(super) use family;

/// True for the families that are off by default: `opt_in` instead of `default`.
pub(super) const fn is_opt_in(mode: &str) -> bool {
    matches!(mode.as_bytes(), b"opt_in")
}
