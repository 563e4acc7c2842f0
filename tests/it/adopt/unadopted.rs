//! Another tool's history that was not adopted: a run refuses to start beside it.

use super::*;

/// The error of a call that another tool's history caused: the tool, its table, and how many of its
/// migrations are listed.
fn foreign(error: &Error) -> (Tool, &str, usize, usize) {
    match error {
        Error::ForeignHistory { tool, table, listed, total, .. } => (*tool, table, *listed, *total),
        other => panic!("not refused for another tool's history: {other}"),
    }
}

#[tokio::test]
async fn nothing_starts_where_another_tool_has_applied_migrations_of_the_set() {
    for case in CASES {
        let tool = case.tool;
        let (database, migrator) = (case.database().await, case.migrator());
        let client = database.connect().await.unwrap();
        let (before, url) = (case.rows(&client).await, database.url());
        let single = database.connect().await.unwrap();
        let refused = [
            migrator.run(url).await.map(drop),
            migrator.run(&single).await.map(drop),
            migrator.plan(url).await.map(drop),
            migrator.status(url).await.map(drop),
            migrator.verify(url).await.map(drop),
            migrator.to(url, "1").await.map(drop),
            migrator.down(url, 1).await.map(drop),
            migrator.redo(url, 1).await.map(drop),
            migrator.explain(url).await.map(drop),
            migrator.drift(url, &Comparison::new()).await.map(drop),
        ];
        for outcome in refused {
            let error = outcome.unwrap_err();
            let table = format!("public.{}", tool.table());
            assert_eq!(foreign(&error), (tool, &*table, 2, 3), "{error}");
            for part in ["`adopt`", "`ignore_foreign_history`"] {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
        assert!(!exists(&client, "migrate_history").await && !exists(&client, "tags").await, "{tool}");
        assert_eq!(case.rows(&client).await, before, "{tool}");
        assert_eq!(migrator.adopt().run(url).await.unwrap().applied, 3, "{tool}");
    }
}

#[tokio::test]
async fn an_edited_or_renamed_file_is_of_the_set_and_another_sets_is_not() {
    for case in [PRISMA, SQLX, REFINERY, FLYWAY] {
        let database = case.database().await;
        let edited = case.migrator_of(["CREATE TABLE users ();\n", "CREATE TABLE posts ();\n", TAGS]);
        assert_eq!(foreign(&edited.run(database.url()).await.unwrap_err()).2, 2, "{}", case.tool);
    }
    let database = SQLX.database().await;
    let renamed = [("0001_accounts.sql", USERS), ("20260106110000_notes.sql", "CREATE TABLE notes ();\n")];
    let renamed = Migrator::new(Set::from_folder(folder_of(&renamed).path()).unwrap());
    assert_eq!(foreign(&renamed.run(database.url()).await.unwrap_err()).2, 2, "its text is the same");
    let other =
        [("0001_audit.sql", "CREATE TABLE audit ();\n"), ("0002_more.sql", "CREATE TABLE more ();\n")];
    let other = Migrator::new(Set::from_folder(folder_of(&other).path()).unwrap().named("audit"));
    let report = other.run(database.url()).await.unwrap();
    assert_eq!(report.steps.len(), 2);
    let notices: Vec<String> = report.notices.iter().map(ToString::to_string).collect();
    let expected =
        "public._sqlx_migrations of sqlx lists 2 applied migrations, none of them in this set; it is ignored";
    assert_eq!(notices, [expected]);
    assert!(other.run(database.url()).await.unwrap().notices.is_empty());
}

#[tokio::test]
async fn who_says_that_it_is_another_sets_is_believed_until_ours_has_something() {
    let database = DIESEL.database().await;
    let client = database.connect().await.unwrap();
    client.batch_execute("DROP TABLE users, posts").await.unwrap();
    let migrator = DIESEL.migrator();
    foreign(&migrator.run(database.url()).await.unwrap_err());
    let report = migrator.clone().ignore_foreign_history().run(database.url()).await.unwrap();
    assert_eq!((report.applied, report.notices.len()), (3, 0));
    assert!(migrator.run(database.url()).await.unwrap().is_noop());
    assert!(migrator.plan(database.url()).await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn a_history_that_has_only_other_sets_or_failures_is_no_history_of_this_one() {
    let (database, migrator) = (GOLANG_MIGRATE.database().await, GOLANG_MIGRATE.migrator());
    let other = Migrator::new(set("other", [Scripts::up(9, "SELECT 1")]));
    other.run(database.url()).await.unwrap();
    foreign(&migrator.run(database.url()).await.unwrap_err());
    let failed = migrator.clone().ignore_foreign_history().run(database.url()).await.unwrap_err();
    assert_eq!(failed.sqlstate(), Some("42P07"));
    foreign(&migrator.run(database.url()).await.unwrap_err());
    let pooled = database.connect().await.unwrap();
    foreign(&migrator.run(&pooled).await.unwrap_err());
    // A baseline runs nothing, but records that the set created the existing objects.
    migrator.baseline(database.url(), "2").await.unwrap();
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
}

#[tokio::test]
async fn a_schema_for_each_tenant_is_looked_at_by_itself() {
    let database = SQLX.database().await;
    let client = database.connect().await.unwrap();
    let migrator = SQLX.migrator().history_schema("tenant_b");
    foreign(&migrator.run(database.url()).await.unwrap_err());
    let moving =
        "CREATE SCHEMA tenant_a; ALTER TABLE _sqlx_migrations SET SCHEMA tenant_a; DROP TABLE users, posts";
    client.batch_execute(moving).await.unwrap();
    foreign(&SQLX.migrator().run(database.url()).await.unwrap_err());
    assert_eq!(migrator.run(database.url()).await.unwrap().applied, 3);
    foreign(&SQLX.migrator().history_schema("tenant_a").run(database.url()).await.unwrap_err());
}

#[tokio::test]
async fn a_table_that_cannot_be_read_is_not_taken_for_another_sets() {
    let database = SQLX.database().await;
    let admin = database.connect().await.unwrap();
    let role = format!("unread_{}", database.name());
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'unread'; GRANT ALL ON SCHEMA public TO {role}"
        ))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role).password("unread");
    let error = SQLX.migrator().run(&config).await.unwrap_err();
    assert!(matches!(error, Error::Privilege { .. }), "{error}");
    assert!(
        error.to_string().contains(&format!("GRANT SELECT ON public._sqlx_migrations TO {role};")),
        "{error}"
    );
    assert!(!exists(&admin, "migrate_history").await);
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn an_adoption_from_what_is_not_there_runs_nothing_over_what_is() {
    let database = SQLX.database().await;
    let migrator = SQLX.migrator().adopt_from(tools::sqlx().schema("nowhere"));
    foreign(&migrator.run(database.url()).await.unwrap_err());
}

#[tokio::test]
async fn a_baseline_of_flyways_counts_where_nothing_beside_it_has_a_name() {
    let database = FLYWAY.database().await;
    let client = database.connect().await.unwrap();
    let only = "DELETE FROM flyway_schema_history; INSERT INTO flyway_schema_history VALUES \
                (1, '2', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, 'me', now(), 0, true)";
    client.batch_execute(only).await.unwrap();
    assert_eq!(foreign(&FLYWAY.migrator().run(database.url()).await.unwrap_err()).2, 2);
    let named = "INSERT INTO flyway_schema_history VALUES (2, '3', 'orders', 'SQL', 'V3__orders.sql', 7, 'me', now(), 0, true); \
                 DROP TABLE users, posts";
    client.batch_execute(named).await.unwrap();
    assert_eq!(FLYWAY.migrator().run(database.url()).await.unwrap().notices.len(), 1);
}

#[tokio::test]
async fn a_script_that_names_the_tools_table_finds_it_on_every_fresh_database() {
    let trigger = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';\n\
                   CREATE TRIGGER t BEFORE INSERT ON __diesel_schema_migrations FOR EACH ROW EXECUTE FUNCTION f();\n";
    let delete = "DELETE FROM public._sqlx_migrations WHERE version = 7;\n";
    for (case, posts) in [(SQLX, delete), (DIESEL, trigger)] {
        let fresh = testing::server().unwrap().database().await.unwrap();
        let migrator = case.migrator_of([USERS, posts, TAGS]);
        assert_eq!(migrator.run(fresh.url()).await.unwrap().applied, 3, "{}", case.tool);
        assert!(migrator.drift(fresh.url(), &Comparison::new()).await.unwrap().differences.is_empty());
        let client = fresh.connect().await.unwrap();
        assert!(case.rows(&client).await.is_empty());
        // Also on the scratch database, after an adoption.
        let database = case.database().await;
        let client = database.connect().await.unwrap();
        client.batch_execute("DROP TABLE posts").await.unwrap();
        client.batch_execute(posts).await.unwrap();
        if case.tool == Tool::Sqlx {
            let sum = format!("UPDATE _sqlx_migrations SET checksum = sha384('{posts}') WHERE version > 1");
            client.batch_execute(&sum).await.unwrap();
        }
        assert_eq!(migrator.clone().adopt().run(database.url()).await.unwrap().applied, 3);
        let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
        assert!(drift.differences.is_empty(), "{}: {}", case.tool, drift.differences);
    }
    // A table with that name that the scripts create belongs to them.
    let own = Migrator::new(set(
        "own",
        [
            Scripts::up(1, "CREATE TABLE schema_version (n text)"),
            Scripts::up(2, "INSERT INTO schema_version VALUES ('a')"),
        ],
    ));
    let fresh = testing::server().unwrap().database().await.unwrap();
    assert_eq!(own.run(fresh.url()).await.unwrap().applied, 2);
}
