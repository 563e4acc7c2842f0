//! Down scripts: they run when a release is rolled back, so only blocking and data loss count.

use super::loss;
use super::rule::{Risk, family};
use super::script::{Found, Statement};

family! {
    DataLoss, default;
    DOWN_LOSES_DATA = "down-loses-data", Careful, "all",
        happens: "Reverting the migration deletes what was written since it was applied.",
        why: "The down script drops tables, columns or rows.",
        safe: "Revert only soon after the migration, or take a backup first. A correction in a new migration keeps the data.",
        silent: "The down script deletes nothing.";
}

/// Finds what a statement of a down script deletes.
pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    let mut lost = Vec::new();
    loss::find(statement, &mut lost);
    lost.retain(|of: &Found| of.risk >= Risk::VeryRisky);
    found.extend(lost.into_iter().map(|of| Found { rule: &DOWN_LOSES_DATA, risk: Risk::Careful, ..of }));
}
