//! The batches that `check --fix` writes, while the service writes: in the end, catalog and rows are those of the script.

use super::support::meanwhile;
use migrate_core::Version;
use migrate_core::lint::LintOptions;
use migrate_core::lint::fix::rewrites;
use migrate_postgres::catalog::{Catalog, Scope};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{BackfillEvent, Event, Migrator, Set};
use migrate_tests::sets::folder_of;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_postgres::Client;

/// A change, what the service writes after each batch, the same way as the release that comes with it, and the rows that are
/// to be equal.
struct Case {
    change: &'static str,
    written: &'static str,
    rows: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        change: "UPDATE users SET slug = lower(name);",
        written: "INSERT INTO users (id, name, slug) VALUES (9001, 'Z', 'z'), (-1, 'Y', 'y') ON CONFLICT DO NOTHING; \
                  UPDATE users SET name = 'B', slug = 'b' WHERE id IN (3, 1500)",
        rows: "SELECT to_jsonb(u)::text FROM users u ORDER BY id",
    },
    Case {
        change: "ALTER TABLE users ADD token float DEFAULT random() * 0;",
        written: "INSERT INTO users (id, name) VALUES (9001, 'Z'), (-1, 'Y') ON CONFLICT DO NOTHING; \
                  UPDATE users SET token = 7 WHERE id IN (3, 1500)",
        rows: "SELECT to_jsonb(u)::text FROM users u ORDER BY id",
    },
    Case {
        change: "ALTER TABLE users ADD number bigserial;",
        written: "INSERT INTO users (id, name) VALUES (9001, 'Z'), (-1, 'Y') ON CONFLICT DO NOTHING; \
                  UPDATE users SET name = 'B' WHERE id IN (3, 1500)",
        // The server chooses the number of each row.
        rows: "SELECT to_jsonb(u) - 'number' || jsonb_build_object('distinct', count(*) OVER (PARTITION BY number), \
               'is null', number IS NULL) || '{}' FROM users u ORDER BY id",
    },
];

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL, slug text); \
                     INSERT INTO users SELECT g, 'A' || g FROM generate_series(1, 3000) g;";

async fn database() -> (Database, Client) {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("CREATE SCHEMA history").await.unwrap();
    (database, client)
}

fn migrator(files: &[(String, String)]) -> Migrator {
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let set =
        Set::from_folder(folder_of(&files).path()).unwrap_or_else(|error| panic!("{error}\n{files:#?}"));
    Migrator::new(set).history_schema("history").inline_backfill_rows(0).backfill_budget(Duration::ZERO)
}

/// The catalog and the rows.
async fn state(client: &Client, rows: &str) -> (Catalog, Vec<String>) {
    let catalog = Catalog::read(client, &Scope::schema("public")).await.unwrap().without_order_of_columns();
    let rows = client.query(&format!("SELECT r::text FROM ({rows}) r"), &[]).await.unwrap();
    (catalog, rows.iter().map(|row| row.get(0)).collect())
}

/// The files of the safe version.
fn safe(original: &Migrator) -> Vec<(String, String)> {
    let version = testing::server().unwrap().version_num() / 10_000;
    let options = LintOptions::new().since(Version::numeric("1")).server_version(version);
    let rewrites = rewrites(original.set(), &options).unwrap();
    let scripts = &rewrites.first().unwrap().scripts;
    let versions: Vec<String> = (2..scripts.len() + 2).map(|version| version.to_string()).collect();
    let mut files = vec![("1_users.up.sql".to_owned(), USERS.to_owned())];
    for (script, version) in scripts.iter().zip(&versions) {
        let script = script.numbered(&versions);
        files.push((format!("{version}_{}.up.sql", script.word), script.up.to_string()));
        let verify = script.verify.as_ref();
        files.extend(verify.map(|verify| (format!("{version}_{}.verify.sql", script.word), verify.clone())));
    }
    files
}

#[tokio::test]
async fn the_batches_of_a_safe_version_end_in_the_catalog_and_the_rows_of_the_script() {
    for Case { change, written, rows } in CASES {
        let (one, expected) = database().await;
        let original = migrator(&[
            ("1_users.up.sql".to_owned(), USERS.to_owned()),
            ("2_change.up.sql".to_owned(), change.to_owned()),
        ]);
        original.run(one.url()).await.unwrap();
        expected.batch_execute(written).await.unwrap();

        let files = safe(&original);
        let (other, found) = database().await;
        let config = other.config();
        let batches = Arc::new(AtomicUsize::new(0));
        let count = batches.clone();
        let migrator = migrator(&files).on_event(move |event| {
            if let Event::Backfill(BackfillEvent::Batch { .. }) = event {
                count.fetch_add(1, Ordering::SeqCst);
                meanwhile(&config, written);
            }
        });
        while !migrator.position(other.url()).await.unwrap().is_up_to_date() {
            migrator.run(other.url()).await.unwrap();
            migrator.backfill(other.url()).await.unwrap();
        }
        let batches = batches.load(Ordering::SeqCst);
        assert!(batches >= 2, "{batches} batches: {files:#?}");
        let ((catalog, rows), (other, others)) = (state(&expected, rows).await, state(&found, rows).await);
        let differences = catalog.differences(&other);
        assert!(differences.is_empty(), "{differences}\n{files:#?}");
        assert!(rows == others, "the rows differ: {files:#?}");
    }
}
