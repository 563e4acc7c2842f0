//! The difference between the applied text of a migration and its current one.

use crate::display::printable::printable;
use similar::TextDiff;
use std::fmt;

/// A line-by-line difference; [`Display`](fmt::Display) writes it in the unified format, after a line feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff(String);

impl Diff {
    /// Computes the difference from one text to the other.
    pub fn between(old: &str, new: &str) -> Diff {
        let diff = TextDiff::from_lines(old, new);
        Diff(diff.unified_diff().context_radius(2).header("applied", "now").to_string())
    }

    /// The difference in the unified format; empty if it is not known.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "\n{}", printable(self.0.trim_end())) }
    }
}
