//! A table of items, whose changes a trigger records, and its backfill.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{BackfillRecord, Event, Migrator, Set};
use migrate_tests::sets::folder_of;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_postgres::{Client, Config};

/// A table of items. A trigger records each change of a row, in the transaction of the change.
pub(super) const ITEMS: &str = "CREATE TABLE items (id bigint PRIMARY KEY, n int NOT NULL DEFAULT 0); \
    CREATE TABLE touched (id bigint); \
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO touched VALUES (new.id); RETURN new; END $$; \
    CREATE TRIGGER touch AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION touch();";

/// A batch that may not be repeated.
pub(super) const COUNT_UP: &str =
    "-- migrate: batch=items(id) rows=7\nUPDATE items SET n = n + 1 WHERE ${batch};";

pub(super) async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

pub(super) fn migrator(files: &[(&str, &str)]) -> Migrator {
    Migrator::new(Set::from_folder(folder_of(files).path()).unwrap()).inline_backfill_rows(0)
}

/// A database in which the backfill of `items` has begun, with so many rows.
pub(super) async fn begun(batch: &str, rows: u32) -> (Database, Migrator, Client) {
    let database = database().await;
    let (migrator, client) = begin(database.url(), batch, rows).await;
    (database, migrator, client)
}

/// Begins the backfill of `items`.
pub(super) async fn begin(url: &str, batch: &str, rows: u32) -> (Migrator, Client) {
    let client = connect(url).await;
    let items = format!("{ITEMS} INSERT INTO items SELECT generate_series(1, {rows});");
    let migrator = migrator(&[("1_items.sql", &items), ("2_fill.sql", batch)]);
    migrator.run(url).await.unwrap();
    (migrator, client)
}

pub(super) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(super) async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The only backfill.
pub(super) async fn record(migrator: &Migrator, database: &Database) -> BackfillRecord {
    migrator.backfills(database.url()).await.unwrap().remove(0)
}

/// Every row was changed once, and no row twice.
pub(super) async fn assert_each_once(client: &Client) {
    let off = number(client, "SELECT count(*) FROM items WHERE n <> 1").await;
    let touched = client.query_one("SELECT count(*), count(DISTINCT id) FROM touched", &[]).await.unwrap();
    let rows = number(client, "SELECT count(*) FROM items").await;
    assert_eq!((off, touched.get::<_, i64>(0), touched.get::<_, i64>(1)), (0, rows, rows));
}

/// Waits until a query returns true.
pub(super) async fn until(client: &Client, sql: &str) {
    for _ in 0..1500 {
        if client.query_one(sql, &[]).await.unwrap().get(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never true: {sql}");
}

/// Runs a statement in another session, between two acts of a backfill: from within a listener.
pub(super) fn meanwhile(config: &Config, sql: &'static str) {
    let config = config.clone();
    let run = async move {
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(run)).join().unwrap();
}

/// The words of the events of a backfill, as they come.
pub(super) fn listening(migrator: &Migrator) -> (Migrator, Arc<Mutex<Vec<String>>>) {
    let heard = Arc::<Mutex<Vec<String>>>::default();
    let words = heard.clone();
    let migrator = migrator.clone().on_event(move |event| {
        if let Event::Backfill(event) = event {
            words.lock().unwrap().push(event.word().to_owned());
        }
    });
    (migrator, heard)
}
