//! Reasons for findings that a rewrite leaves.

use crate::lint::finding::Finding;
use crate::lint::rule::{Family, Risk};

/// The rules whose safe version writes the rows of a table.
const BATCHES: [&str; 7] = [
    "stored-generated-column",
    "constrained-domain-column",
    "type-rewrites",
    "type-rebuilds-index",
    "type-rescans-checks",
    "type-timezone",
    "set-logged",
];

/// The reason why no rewrite is known for a dangerous finding; `None` for one that needs none.
pub(super) fn without_rewrite(finding: &Finding) -> Option<String> {
    if finding.risk < Risk::Dangerous {
        return None;
    }
    Some(match finding.rule.family {
        _ if BATCHES.contains(&finding.rule.id) => "it needs rows that are written in batches".to_owned(),
        Family::DataLoss | Family::Compatibility => {
            "it needs two phases: a release that works with both schemas, then the change".to_owned()
        }
        Family::Blocking | Family::Transactions => "no form of it blocks less".to_owned(),
        _ => return None,
    })
}
