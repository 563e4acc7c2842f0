//! Histories of other tools are neither part of the migrations nor drift.

use crate::drift::run;
use migrate_postgres::drift::Comparison;
use migrate_postgres::tools::{self, ForeignTable};
use migrate_tests::histories::{CASES, Case, DIESEL, PRISMA, RAILS, REFINERY, SQLX};

const KEPT: [(Case, fn() -> ForeignTable); 4] =
    [(PRISMA, tools::prisma), (SQLX, tools::sqlx), (REFINERY, tools::refinery), (DIESEL, tools::diesel)];

#[tokio::test]
async fn a_history_that_was_adopted_is_no_drift() {
    for case in CASES {
        let database = case.database().await;
        let migrator = case.migrator().adopt();
        migrator.run(database.url()).await.unwrap();
        let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
        assert_eq!(drift.to_string(), "the schema matches its 3 applied migrations", "{}", case.tool);
        run(&database, "ALTER TABLE tags ADD by_hand int").await;
        let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
        assert!(
            drift.to_string().ends_with(":\ncolumn public.tags.by_hand: added\n  +integer"),
            "{}: {drift}",
            case.tool
        );
    }
}

#[tokio::test]
async fn where_a_tools_table_is_kept_its_migrations_are_compared() {
    for (case, kept) in KEPT {
        let database = case.database().await;
        let migrator = case.migrator().foreign_history(kept());
        migrator.run(database.url()).await.unwrap();
        let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
        assert_eq!(drift.to_string(), "the schema matches its 3 applied migrations", "{}", case.tool);
        run(&database, "DROP TABLE posts").await;
        let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
        assert!(drift.to_string().contains("\ntable public.posts: removed\n"), "{}: {drift}", case.tool);
    }
}

#[tokio::test]
async fn a_table_that_is_kept_elsewhere_is_no_drift_and_its_schema_neither() {
    let database = crate::drift::database().await;
    let migrator = SQLX.migrator().foreign_history(tools::sqlx().table("My Migrations").schema("my ops"));
    migrator.run(database.url()).await.unwrap();
    for comparison in
        [Comparison::new(), Comparison::new().schema("public"), Comparison::new().schema("my ops")]
    {
        let drift = migrator.drift(database.url(), &comparison).await.unwrap();
        assert!(drift.is_none(), "{drift}");
    }
    run(&database, "CREATE VIEW \"my ops\".v AS SELECT 1 AS a").await;
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    let seen: Vec<String> = drift.differences.iter().map(|one| one.object.to_string()).collect();
    assert_eq!(seen, ["schema \"my ops\"", "view \"my ops\".v"]);
}

/// Migration from another tool without reading its history.
#[tokio::test]
async fn a_baseline_beside_another_tools_history_is_looked_at_without_that() {
    for case in [RAILS, SQLX] {
        let database = case.database().await;
        let migrator = case.migrator();
        let last = migrator.set().iter().nth(1).unwrap().name().to_owned();
        let report = migrator.baseline_checked(database.url(), &last, &Comparison::new()).await.unwrap();
        assert_eq!(report.steps.len(), 2, "{}", case.tool);
    }
}
