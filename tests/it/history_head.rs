//! The head table: a boot trusts it, and it stays correct even if the history is edited by hand.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator};
use migrate_tests::history_head::{boot, fault, head};
use migrate_tests::sets::{Scripts, set};
use std::process::Command;
use tokio_postgres::{Client, Config};

async fn database() -> (Database, Client) {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    (database, client)
}

/// Migrations that can be applied to a database that already has them.
fn repeatable(count: usize) -> Migrator {
    let scripts = (1..=count).map(|n| {
        Scripts::up(n, format!("CREATE TABLE IF NOT EXISTS t{n} (); ")).down(format!("DROP TABLE t{n}"))
    });
    Migrator::new(set("default", scripts))
}

/// A boot that finds nothing to do with one query.
async fn assert_at_rest(migrator: &Migrator, database: &Config) {
    assert_eq!(boot(migrator, database).await, (1, 0));
}

#[tokio::test]
async fn it_tells_of_the_last_migrations_the_newest_first() {
    let (database, client) = database().await;
    repeatable(10).run(database.url()).await.unwrap();
    let told = head(&client, "default").await.unwrap();
    let lines: Vec<Vec<&str>> = told.split(';').map(|line| line.split('|').collect()).collect();
    let names: Vec<&str> = lines.iter().map(|line| line[3]).collect();
    assert_eq!(lines.len(), 8);
    assert_eq!((names[0], names[7]), ("00010_step", "00003_step"));
    assert!(lines.iter().all(|line| line[1] == "apply" && line[0].len() == 64));
    repeatable(10).down(database.url(), 4).await.unwrap();
    let told = head(&client, "default").await.unwrap();
    assert!(told.contains("|revert|7|00007_step;"), "{told}");
    assert_eq!(fault(&client).await, None);
    assert_at_rest(&repeatable(6), &database.config()).await;
}

#[tokio::test]
async fn rows_that_are_deleted_by_hand_are_noticed() {
    let (database, client) = database().await;
    let migrator = repeatable(3);
    migrator.run(database.url()).await.unwrap();
    assert_at_rest(&migrator, &database.config()).await;
    client.batch_execute("DELETE FROM migrate_history WHERE version = '3'").await.unwrap();
    assert_eq!(head(&client, "default").await, None);
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
    assert_at_rest(&migrator, &database.config()).await;
    client.batch_execute("TRUNCATE migrate_history CASCADE").await.unwrap();
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 3);
    assert_at_rest(&migrator, &database.config()).await;
}

#[tokio::test]
async fn a_history_that_is_dropped_takes_its_head_along() {
    let (database, client) = database().await;
    let migrator = repeatable(3);
    migrator.run(database.url()).await.unwrap();
    let refused = client.batch_execute("DROP TABLE migrate_history").await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "2BP01");
    client.batch_execute("DROP TABLE migrate_history CASCADE").await.unwrap();
    assert!(
        head(&client, "default").await.is_some_and(|head| !head.is_empty()),
        "it stays, and is not believed"
    );
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 3);
    assert_eq!(fault(&client).await, None);
    assert_at_rest(&migrator, &database.config()).await;
    // Another table with this name, beside the old head.
    client
        .batch_execute(
            "ALTER TABLE migrate_history RENAME TO old; CREATE TABLE migrate_history (LIKE old INCLUDING ALL)",
        )
        .await
        .unwrap();
    // The old table still counts as ours until its comment is removed.
    assert!(matches!(migrator.run(&client).await, Err(Error::OtherSchema { .. })));
    client.batch_execute("COMMENT ON TABLE old IS NULL").await.unwrap();
    let (queries, steps) = boot(&migrator, &database.config()).await;
    assert_eq!(steps, 3, "{queries} queries");
}

#[tokio::test]
async fn a_head_that_is_dropped_is_made_again_by_the_next_run_that_writes() {
    let (database, client) = database().await;
    repeatable(3).run(database.url()).await.unwrap();
    client.batch_execute("DROP TABLE migrate_history_head").await.unwrap();
    assert_eq!(boot(&repeatable(3), &database.config()).await, (2, 0));
    assert_eq!(repeatable(4).run(database.url()).await.unwrap().steps.len(), 1);
    assert_at_rest(&repeatable(4), &database.config()).await;
    assert_at_rest(&repeatable(3), &database.config()).await;
    // So does a run of several steps.
    client.batch_execute("DROP TABLE migrate_history_head").await.unwrap();
    assert_eq!(repeatable(6).run(database.url()).await.unwrap().steps.len(), 2);
    assert_at_rest(&repeatable(6), &database.config()).await;
}

#[tokio::test]
async fn somebody_elses_table_of_the_name_is_left_alone() {
    let (database, client) = database().await;
    client.batch_execute("CREATE TABLE migrate_history_head (of_what text)").await.unwrap();
    for count in [1, 3] {
        repeatable(count).run(database.url()).await.unwrap();
        assert_eq!(boot(&repeatable(count), &database.config()).await, (2, 0));
    }
    client.batch_execute("SELECT of_what FROM migrate_history_head").await.unwrap();
}

#[tokio::test]
async fn a_failed_run_leaves_a_head_for_the_release_before_it() {
    let (database, client) = database().await;
    repeatable(2).run(database.url()).await.unwrap();
    let scripts = |third: &'static str| {
        let more = [Scripts::up(3, "CREATE TABLE t3 ()"), Scripts::up(4, third)];
        let first = (1..=2).map(|n| {
            Scripts::up(n, format!("CREATE TABLE IF NOT EXISTS t{n} (); ")).down(format!("DROP TABLE t{n}"))
        });
        Migrator::new(set("default", first.chain(more)))
    };
    scripts("SELECT 1 / 0").run(database.url()).await.unwrap_err();
    assert_eq!(fault(&client).await, None);
    assert_at_rest(&repeatable(2), &database.config()).await;
    // Interrupted in the middle of a script: only the history shows that.
    let half = "CREATE INDEX CONCURRENTLY i ON t1 ((1)); CREATE INDEX CONCURRENTLY j ON nowhere ((1))";
    scripts(half).run(database.url()).await.unwrap_err();
    assert_eq!(head(&client, "default").await.as_deref(), Some(""));
    client.batch_execute("CREATE TABLE nowhere ()").await.unwrap();
    scripts(half).run(database.url()).await.unwrap();
    assert_eq!(fault(&client).await, None);
    assert_at_rest(&scripts(half), &database.config()).await;
}

#[tokio::test]
async fn each_set_has_a_row_of_its_own() {
    let (database, client) = database().await;
    let jobs = |count: usize| {
        let scripts = (1..=count).map(|n| Scripts::up(n, format!("CREATE TABLE jobs{n} ()")));
        Migrator::new(set("jobs", scripts))
    };
    repeatable(2).run(database.url()).await.unwrap();
    jobs(1).run(database.url()).await.unwrap();
    assert_at_rest(&repeatable(2), &database.config()).await;
    assert_at_rest(&jobs(1), &database.config()).await;
    assert_eq!(jobs(3).run(database.url()).await.unwrap().steps.len(), 2);
    assert_at_rest(&repeatable(2), &database.config()).await;
    assert_at_rest(&jobs(3), &database.config()).await;
    assert_eq!(fault(&client).await, None);
}

#[tokio::test]
async fn a_head_further_down_the_search_path_is_not_believed() {
    let (database, client) = database().await;
    let migrator = repeatable(2);
    migrator.run(database.url()).await.unwrap();
    client.batch_execute("CREATE SCHEMA app").await.unwrap();
    let mut config = database.config();
    config.options("-c search_path=app,public");
    let error = migrator.run(&config).await.unwrap_err();
    assert!(matches!(error, migrate_postgres::Error::OtherSchema { .. }), "{error}");
    // A history that was moved to the schema is found there, with its head.
    client.batch_execute("ALTER TABLE migrate_history SET SCHEMA app").await.unwrap();
    assert_eq!(boot(&migrator, &config).await, (2, 0));
    client.batch_execute("ALTER TABLE migrate_history_head SET SCHEMA app").await.unwrap();
    assert_eq!(boot(&migrator, &config).await, (2, 0));
    assert_eq!(repeatable(3).run(&config).await.unwrap().steps.len(), 1);
    assert_at_rest(&repeatable(3), &config).await;
}

#[tokio::test]
async fn a_restored_dump_boots_with_one_query() {
    let server = testing::server().unwrap();
    let tool = |name: &str| Some(server.bin_dir()?.join(name)).filter(|path| path.exists());
    let (Some(psql), Some(pg_dump)) = (tool("psql"), tool("pg_dump")) else {
        migrate_tests::skipped("psql and pg_dump of the server's version");
        return;
    };
    let (database, _client) = database().await;
    repeatable(3).run(database.url()).await.unwrap();
    let restored = server.database().await.unwrap();
    let dump = Command::new(pg_dump).args(["-d", database.url()]).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let client = restored.connect().await.unwrap();
    let file = std::env::temp_dir().join(format!("{}.sql", restored.name()));
    std::fs::write(&file, &dump.stdout).unwrap();
    let psql = Command::new(psql)
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", restored.url(), "-f"])
        .arg(&file)
        .output()
        .unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
    assert_eq!(fault(&client).await, None);
    assert_at_rest(&repeatable(3), &restored.config()).await;
}

#[tokio::test]
async fn a_name_as_long_as_names_can_be_has_a_head_too() {
    let (database, _client) = database().await;
    let migrator = repeatable(2).history_table("h".repeat(63));
    migrator.run(database.url()).await.unwrap();
    assert_at_rest(&migrator, &database.config()).await;
    let migrator = repeatable(2).history_schema("The schema").history_table("It's \"odd\"");
    migrator.run(database.url()).await.unwrap();
    assert_at_rest(&migrator, &database.config()).await;
}

#[tokio::test]
async fn a_role_without_rights_on_it_looks_at_the_history() {
    let (database, admin) = database().await;
    repeatable(2).run(database.url()).await.unwrap();
    let role = format!("looks_at_{}", database.name());
    admin
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON migrate_history TO {role}"))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    assert_eq!(boot(&repeatable(2), &config).await, (2, 0));
    let grant =
        format!("GRANT INSERT, UPDATE ON migrate_history TO {role}; GRANT CREATE ON SCHEMA public TO {role}");
    admin.batch_execute(&grant).await.unwrap();
    let error = repeatable(3).run(&config).await.unwrap_err();
    assert!(error.to_string().contains("public.migrate_history_head TO"), "{error}");
    assert_eq!(fault(&admin).await, None);
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// Foreign keys are not enforced there.
#[tokio::test]
async fn rows_that_are_deleted_as_by_a_replica_are_noticed() {
    let (database, client) = database().await;
    let migrator = repeatable(3);
    migrator.run(database.url()).await.unwrap();
    let delete =
        "SET session_replication_role = replica; DELETE FROM migrate_history WHERE version = '3'; RESET ALL";
    client.batch_execute(delete).await.unwrap();
    assert!(head(&client, "default").await.is_some_and(|head| !head.is_empty()));
    assert_eq!(migrator.run(database.url()).await.unwrap().steps.len(), 1);
    assert_at_rest(&migrator, &database.config()).await;
}
