//! The safe version of a script: it ends in the same schema with the same rows as the script, takes no heavy
//! lock, and is reverted to the same schema.

mod generate;

use generate::Case;
use migrate_core::Version;
use migrate_core::lint::fix::{Rewrite, rewrites};
use migrate_core::lint::{LintOptions, Risk, lint};
use migrate_core::sql::TableScan;
use migrate_postgres::catalog::{Catalog, Scope};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Down, Migrator, Set};
use migrate_tests::sets::{Folder, folder_of};
use migrate_tests::{sample, spread};
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;

/// The rules whose findings a rewrite may leave in these cases, because no key or no index exists.
const LEFT: [&str; 3] = ["volatile-default", "unique-builds-index", "attach-partition-scans"];

/// A migrated database with its files.
struct Migrated {
    database: Database,
    migrator: Migrator,
    _folder: Folder,
}

impl Migrated {
    async fn new(files: &[(String, String)]) -> Migrated {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
        let folder = folder_of(&files);
        let set = Set::from_folder(folder.path()).unwrap_or_else(|error| panic!("{error}\n{files:#?}"));
        let database = testing::server().unwrap().database().await.unwrap();
        database.connect().await.unwrap().batch_execute("CREATE SCHEMA history").await.unwrap();
        Migrated { database, migrator: Migrator::new(set).history_schema("history"), _folder: folder }
    }

    async fn catalog(&self) -> Catalog {
        let client = self.database.connect().await.unwrap();
        Catalog::read(&client, &Scope::schema("public")).await.unwrap().without_order_of_columns()
    }

    /// The rows of each table, whatever the order of their columns.
    async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let client = self.database.connect().await.unwrap();
        let tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace";
        let mut rows = BTreeMap::new();
        for table in client.query(tables, &[]).await.unwrap() {
            let table: String = table.get(0);
            let all = client
                .query(&format!("SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1"), &[])
                .await
                .unwrap();
            rows.insert(table, all.iter().map(|row| row.get(0)).collect());
        }
        rows
    }

    async fn to(&self, version: usize) {
        let applied = self.migrator.to(self.database.url(), &version.to_string()).await;
        applied.unwrap_or_else(|error| panic!("{error}"));
    }

    async fn down(&self) -> Result<(), migrate_postgres::Error> {
        self.migrator.down(self.database.url(), Down::count(1)).await.map(drop)
    }
}

fn original(case: &Case) -> Vec<(String, String)> {
    let mut files = vec![
        ("1_before.up.sql".to_owned(), case.before.clone()),
        ("2_change.up.sql".to_owned(), case.up.clone()),
    ];
    files.extend(case.down.as_ref().map(|down| ("2_change.down.sql".to_owned(), down.clone())));
    files
}

/// The original, statement by statement.
fn divided(case: &Case) -> Vec<(String, String)> {
    let mut files = original(case);
    files[1].1.insert_str(0, "-- migrate: transaction=none\n");
    files
}

fn rewritten(case: &Case, rewrite: &Rewrite) -> Vec<(String, String)> {
    let mut files = vec![("1_before.up.sql".to_owned(), case.before.clone())];
    let versions: Vec<String> = (2..rewrite.scripts.len() + 2).map(|version| version.to_string()).collect();
    for (at, script) in rewrite.scripts.iter().enumerate() {
        let script = script.numbered(&versions);
        let stem = format!("{}_change_{}", at + 2, script.word);
        files.push((format!("{stem}.up.sql"), script.up.to_string()));
        files.extend(script.down.as_ref().map(|down| (format!("{stem}.down.sql"), down.to_string())));
        files.extend(script.verify.as_ref().map(|verify| (format!("{stem}.verify.sql"), verify.clone())));
    }
    files
}

fn options() -> LintOptions {
    let version = testing::server().unwrap().version_num() / 10_000;
    LintOptions::new().since(Version::numeric("1")).server_version(version)
}

/// Holds a rewrite against its original, which `may_fail` for the rows that there are.
async fn check(case: &Case, may_fail: bool) {
    let one = Migrated::new(&original(case)).await;
    let rewrites = rewrites(one.migrator.set(), &options()).unwrap();
    let Some(rewrite) = rewrites.first().filter(|rewrite| !rewrite.scripts.is_empty()) else { return };
    let files = rewritten(case, rewrite);
    let other = Migrated::new(&files).await;
    let told = |what: &str| format!("{what}\n{files:#?}\n{:#?}", rewrite.not_done);
    assert_harmless(&other, rewrite).await;
    let one = if case.is_divided { Migrated::new(&divided(case)).await } else { one };
    one.to(1).await;
    other.to(1).await;
    let before = one.catalog().await;
    assert_no_heavy_lock(&other, rewrite).await;
    let last = rewrite.scripts.len() + 1;
    // Then the rewrite has nothing to be compared with.
    if may_fail && one.migrator.run(one.database.url()).await.is_err() {
        return;
    }
    one.to(2).await;
    let mut states = vec![before.clone()];
    for version in 2..=last {
        other.to(version).await;
        states.push(other.catalog().await);
    }
    let differences = one.catalog().await.differences(&states[states.len() - 1]);
    assert!(differences.is_empty(), "{}", told(&differences.to_string()));
    assert_eq!(one.rows().await, other.rows().await, "{}", told("the rows differ"));
    if case.down.is_none() {
        return;
    }
    one.down().await.unwrap_or_else(|error| panic!("the case's own down script: {error}\n{case:#?}"));
    // A down script that is not understood stays whole, and a remark says so.
    let is_exact = case.is_exact && rewrite.not_done.iter().all(|not_done| not_done.finding.is_some());
    for at in (0..last - 1).rev() {
        other.down().await.unwrap_or_else(|error| panic!("{}", told(&error.to_string())));
        let differences = states[at].differences(&other.catalog().await);
        assert!(!is_exact || differences.is_empty(), "{}", told(&format!("down to {at}: {differences}")));
    }
    let differences = one.catalog().await.differences(&other.catalog().await);
    assert!(differences.is_empty(), "{}", told(&differences.to_string()));
    assert_eq!(one.rows().await, other.rows().await, "{}", told("the rows differ"));
}

/// The rewrite has no dangerous finding but those that it names.
async fn assert_harmless(other: &Migrated, rewrite: &Rewrite) {
    let judgement = lint(other.migrator.set(), &options()).unwrap();
    let is_named = |id: &str| {
        rewrite.not_done.iter().any(|not_done| not_done.finding.as_ref().is_some_and(|of| of.rule.id == id))
    };
    let left: Vec<String> = judgement
        .at_least(Risk::Dangerous)
        .filter(|finding| !is_named(finding.rule.id))
        .map(ToString::to_string)
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// With the database's facts, no statement blocks others for as long as a table is large.
async fn assert_no_heavy_lock(other: &Migrated, rewrite: &Rewrite) {
    let is_left = |id: &&&str| {
        rewrite.not_done.iter().any(|of| of.finding.as_ref().is_some_and(|of| of.rule.id == **id))
    };
    // A script in batches is one statement, without the settings of the original.
    let is_set = rewrite.not_done.iter().any(|of| of.reason.contains("without the setting"));
    if is_set || LEFT.iter().any(|id| is_left(&id)) {
        return;
    }
    let explanation = other.migrator.explain(other.database.url()).await.unwrap();
    for statement in explanation.steps.iter().flat_map(|step| &step.statements) {
        for lock in statement.locks.iter().flatten() {
            // Only a refresh writes a materialized view.
            let is_view = statement.text.starts_with("REFRESH");
            let blocks = if is_view { lock.mode.blocks_reads() } else { lock.mode.blocks_writes() };
            let is_heavy = lock.scan >= TableScan::Scan && lock.size.is_some();
            assert!(!(blocks && is_heavy), "{}: {lock:?}", statement.text);
        }
    }
}

/// The changes that are tried on this server.
fn changes() -> Vec<Case> {
    sample(generate::each(), 4, testing::server().unwrap().version_num())
}

#[test]
fn each_change_and_its_safe_version_make_the_same_schema() {
    let problems = spread(&changes(), async |cases: Vec<&Case>| {
        let mut problems = Vec::new();
        for case in cases.into_iter().cloned() {
            let up = case.up.clone();
            if let Err(error) = tokio::spawn(async move { check(&case, false).await }).await {
                let panic = error.into_panic();
                let message = panic.downcast_ref::<String>().map_or("", String::as_str);
                problems.push(format!("==== {up}\n{message}"));
            }
        }
        problems
    });
    let problems = problems.concat();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// `MIGRATE_CASES` runs more of them.
#[test]
fn any_script_and_its_safe_version_make_the_same_schema() {
    let cases = std::env::var("MIGRATE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(3);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 60, ..Config::default() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(config);
    let found = runner.run(&generate::case(), |case| {
        runtime.block_on(check(&case, true));
        Ok(())
    });
    found.unwrap_or_else(|error| panic!("{error}"));
}
