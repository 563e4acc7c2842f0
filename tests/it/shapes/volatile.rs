//! The table of volatile functions matches the server's.

use migrate_core::sql::facts::VOLATILE_FUNCTIONS;
use migrate_postgres::testing;
use std::collections::BTreeSet;

const QUERY: &str = "SELECT proname::text, bool_or(provolatile = 'v') FROM pg_proc \
                     WHERE pronamespace = 'pg_catalog'::regnamespace GROUP BY proname";

#[tokio::test]
async fn the_functions_that_are_taken_for_volatile_are_those_of_the_server() {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    let rows = client.query(QUERY, &[]).await.unwrap();
    let known: BTreeSet<&str> = VOLATILE_FUNCTIONS.into_iter().collect();
    for row in &rows {
        let (name, is_volatile): (String, bool) = (row.get(0), row.get(1));
        // In version 14, one of its six forms is volatile.
        if name != "timezone" {
            assert_eq!(known.contains(name.as_str()), is_volatile, "{name}");
        }
    }
}
