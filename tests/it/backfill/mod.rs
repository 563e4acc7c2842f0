//! Backfills: migrations that change the rows of a table in batches.

mod applying;
mod control;
mod fixes;
mod keys;
mod quarantine;
mod running;
mod sampling;
mod support;
mod throttle;
mod waiting;

use migrate_postgres::Migrator;
use migrate_postgres::testing::{self, Database};
use migrate_tests::sets::{self, Scripts};
use std::time::Duration;
use tokio_postgres::Client;

/// The applied versions, and the number of changes of each row.
const FILL: &str = "-- migrate: batch=users(id)\nUPDATE users SET n = n + 1 WHERE ${batch};";

/// 1 makes a table of so many rows, 2 fills it, 3 waits for that, and 4 does not.
fn scripts(rows: u32) -> [Scripts; 4] {
    [
        Scripts::up(
            1,
            format!(
                "CREATE TABLE users (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0); \
                 INSERT INTO users (id) SELECT generate_series(1, {rows});"
            ),
        )
        .down("DROP TABLE users;"),
        Scripts::up(2, FILL).down("UPDATE users SET n = 0;"),
        Scripts::up(3, "-- migrate: after=00002\nALTER TABLE users ADD CHECK (n = 1);")
            .down("ALTER TABLE users DROP CONSTRAINT users_n_check;"),
        Scripts::up(4, "CREATE TABLE later (id bigint);").down("DROP TABLE later;"),
    ]
}

/// Of which a table with more than ten rows is a large one, and which runs no batch itself.
fn migrator(rows: u32) -> Migrator {
    Migrator::new(sets::set("filled", scripts(rows))).inline_backfill_rows(10).backfill_budget(Duration::ZERO)
}

async fn database() -> (Database, Client) {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    (database, client)
}

/// The only column of the only row, as text.
async fn one(client: &Client, sql: &str) -> String {
    let row = client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap();
    row.get::<_, Option<String>>(0).unwrap_or_else(|| "null".to_owned())
}

/// The applied versions, in the order of application.
async fn applied(client: &Client) -> String {
    one(client, "SELECT string_agg(version, ',' ORDER BY seq) FROM migrate_history WHERE live").await
}

/// Does what a runner does at the end of a backfill.
async fn finish(client: &Client) {
    client
        .batch_execute("UPDATE users SET n = n + 1; UPDATE migrate_history_backfill SET state = 'done', rows_done = rows_total")
        .await
        .unwrap();
}
