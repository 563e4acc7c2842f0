//! Migrations that lack a script which the command line requires.

use crate::cli::problem::Problem;
use clap::ValueEnum;
use migrate_core::{Migration, Set, Version};
use std::fmt;

/// A script beside the up script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Part {
    /// A down script
    Down,
    /// A verify script
    Verify,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Down => "down",
            Part::Verify => "verify",
        })
    }
}

/// A migration without required scripts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Incomplete {
    /// Its name.
    pub(crate) name: String,
    /// The scripts that it lacks.
    pub(crate) lacks: Vec<Part>,
}

/// Checks that the migrations after `since` have the required scripts. A repeatable migration can't be
/// reverted, so it needs no down script.
pub(super) fn check(set: &Set, since: Option<&Version>, required: &[Part]) -> Result<(), Problem> {
    let is_judged = |migration: &&dyn Migration| since.is_none_or(|since| migration.version() > since);
    let incomplete = set.iter().filter(is_judged).filter_map(|migration| {
        let has = |part: &Part| match part {
            Part::Down => migration.down().is_some() || migration.version().is_repeatable(),
            Part::Verify => migration.verify().is_some(),
        };
        let lacks: Vec<Part> = required.iter().copied().filter(|part| !has(part)).collect();
        (!lacks.is_empty()).then(|| Incomplete { name: migration.name().to_owned(), lacks })
    });
    let incomplete: Vec<Incomplete> = incomplete.collect();
    if incomplete.is_empty() { Ok(()) } else { Err(Problem::Incomplete(incomplete)) }
}

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacks: Vec<String> = self.lacks.iter().map(Part::to_string).collect();
        write!(f, "{} has no {} script", self.name, lacks.join(" and no "))
    }
}
