//! `-- migrate: allow=…`

use crate::support::{found, ids};
use migrate_core::lint::Risk;

#[test]
fn what_a_script_allows_is_not_found_in_it_and_all_else_is() {
    let script = "DROP TABLE a CASCADE";
    assert_eq!(ids(&[script]), ["drop-cascade", "drop-table"]);
    assert_eq!(ids(&[&format!("-- migrate: allow=drop-table\n{script}")]), ["drop-cascade"]);
    assert_eq!(ids(&[&format!("-- migrate: allow=drop-table,drop-cascade\n{script}")]), [""; 0]);
    assert_eq!(ids(&[&format!("-- migrate: allow=drop_table,drop_cascade\n{script}")]), [""; 0]);
}

#[test]
fn one_script_does_not_allow_another_one_anything() {
    assert_eq!(ids(&["-- migrate: allow=drop-table\nDROP TABLE a", "DROP TABLE b"])[0], "drop-table");
}

#[test]
fn what_is_allowed_in_vain_is_found_where_it_stands() {
    let found = found(&["-- migrate: lock_timeout=5s\n-- migrate: allow=truncate,drop_tables\nSELECT 1"]);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "1.sql:2:19: careful: nothing in the script needs allow=truncate [unused-allow]",
            "1.sql:2:28: careful: there is no rule drop-tables, and it allows nothing [unknown-rule]",
        ]
    );
    assert!(found.iter().all(|finding| finding.statement.is_none() && finding.risk == Risk::Careful));
}
