//! A database with many failures and hostile names.

use migrate_postgres::report::{DatabaseReport, ReportOptions};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, Resolution, Set};
use migrate_tests::sets::folder_of;

/// Tables that refer to each other, in a cycle and to themselves, with hostile names.
const TABLES: (&str, &str) = (
    "0001_tables.sql",
    "CREATE SCHEMA app;
     CREATE TABLE app.users (id bigint PRIMARY KEY, email varchar(80) NOT NULL, best_friend bigint REFERENCES app.users);
     CREATE TABLE app.\"<script>alert('x')</script>\" (\"\"\"><img src=x onerror=alert(1)>\" bigint REFERENCES app.users);
     CREATE TABLE app.\"שלום עולם\" (\"מפתח\" int PRIMARY KEY, \"turned \u{202e}around\" text);
     CREATE TABLE app.chicken (id int PRIMARY KEY, egg int);
     CREATE TABLE app.eggs (id int PRIMARY KEY, chicken int REFERENCES app.chicken);
     ALTER TABLE app.chicken ADD FOREIGN KEY (egg) REFERENCES app.eggs;
     CREATE TABLE app.log (at timestamptz) PARTITION BY RANGE (at);
     CREATE TABLE app.log_2026 PARTITION OF app.log FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');",
);

/// Runs statement by statement, and fails at its second statement while two users share an address.
const INDEXES: (&str, &str) = (
    "0002_indexes.sql",
    "CREATE INDEX CONCURRENTLY by_friend ON app.users (best_friend);\n\
     CREATE UNIQUE INDEX CONCURRENTLY \"<b>by email\" ON app.users (email);\n",
);

/// Fails with a message that contains tags.
const FAILS: (&str, &str) = (
    "0003_fails.sql",
    "CREATE TABLE app.never ();\nDO $$ BEGIN RAISE '</td><script>alert(\"it''s\")</script> & more'; END $$;\n",
);

/// Takes a heavy lock on an existing table, and has a password and a tag in its text.
const HEAVY: (&str, &str) = (
    "0004_heavy.sql",
    "ALTER TABLE app.users ALTER id TYPE numeric;\nALTER TABLE app.users ADD note text DEFAULT '<script>';\n\
     ALTER ROLE CURRENT_USER PASSWORD 'hunter2';\n",
);

fn migrator(files: &[(&str, &str)]) -> Migrator {
    let set = Set::from_folder(folder_of(files).path()).unwrap();
    Migrator::new(set).history_schema("public").program("shop </title> 1.2")
}

pub(crate) async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

pub(crate) async fn report(database: &Database) -> DatabaseReport {
    let (url, client) = (database.url(), database.connect().await.unwrap());
    migrator(&[TABLES]).run(url).await.unwrap();
    client.batch_execute("INSERT INTO app.users VALUES (1, 'a'), (2, 'a')").await.unwrap();
    let all = migrator(&[TABLES, INDEXES, FAILS, HEAVY]);
    all.run(url).await.unwrap_err();
    client.batch_execute("UPDATE app.users SET email = id").await.unwrap();
    all.resolve(url, "0002", Resolution::ResumeAt(2), "<i>somebody</i> has other addresses now")
        .await
        .unwrap();
    all.run(url).await.unwrap_err();
    let by_hand = "ALTER TABLE app.eggs ADD \"by <hand>\" text DEFAULT '&amp;'; ANALYZE";
    client.batch_execute(by_hand).await.unwrap();
    all.database_report(url, &ReportOptions::new().with_drift()).await.unwrap()
}

/// The same database without problems: nothing pending, no failure since, no drift.
pub(crate) async fn report_of_peace(database: &Database) -> DatabaseReport {
    let migrator = migrator(&[TABLES]);
    migrator.run(database.url()).await.unwrap();
    migrator.database_report(&database.connect().await.unwrap(), &ReportOptions::new()).await.unwrap()
}
