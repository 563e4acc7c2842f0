//! The difference of two schemas as SQL: applied to one of them, it gives the other one.

mod pairs;
mod proof;
mod sides;
mod written;

use proof::proved;
use std::fmt::Write as _;

#[test]
fn each_pair_of_schemas_is_turned_into_the_other_one_in_both_directions() {
    let major = migrate_postgres::testing::server().unwrap().version_num() / 10_000;
    let pairs: Vec<pairs::Pair> = pairs::PAIRS.iter().filter(|pair| pair.since <= major).copied().collect();
    let failed = migrate_tests::spread(&pairs, async |pairs: Vec<&pairs::Pair>| {
        let mut failed = String::new();
        for pair in pairs {
            if let Err(problem) = proved(pair.old, pair.new).await {
                write!(failed, "== {}\n{problem}\n", pair.name).unwrap();
            }
        }
        failed
    });
    assert_eq!(failed.concat(), "");
}
