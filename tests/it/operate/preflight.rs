//! Preflight checks.

use crate::operate::support::{database, migrator};
use migrate_postgres::operate::{Check, Preflight, Verdict};
use migrate_postgres::testing::{Server, ShutdownMode};

const FILES: [(&str, &str); 3] = [
    ("1_users.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);"),
    ("2_email.sql", "ALTER TABLE users ADD email text;"),
    ("3_index.sql", "CREATE INDEX CONCURRENTLY by_name ON users (name);"),
];

/// The most severe verdict of a check, and all its findings.
fn of(preflight: &Preflight, check: Check) -> (Verdict, String) {
    let findings = || preflight.findings.iter().filter(move |finding| finding.check == check);
    let texts = findings().map(|finding| {
        format!("{} {}", finding.found, finding.next.text(migrate_postgres::advice::Words::Library))
    });
    (findings().map(|finding| finding.verdict).max().unwrap(), texts.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn where_nothing_is_in_the_way_all_checks_pass_but_for_a_backup_that_is_not_recorded() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    // A migration is pending, and no backup is recorded.
    let warnings = preflight.findings.iter().filter(|finding| finding.verdict != Verdict::Pass);
    assert_eq!(warnings.map(|finding| finding.check).collect::<Vec<_>>(), [Check::Backup], "{preflight}");
    assert_eq!(of(&preflight, Check::Backup).0, Verdict::Warning);
    assert_eq!(preflight.findings.len(), 9);
    let unreachable =
        migrator(&FILES).preflight("postgres://localhost:1/none?connect_timeout=1").await.unwrap();
    assert_eq!(of(&unreachable, Check::Connection).0, Verdict::Stop);
}

#[tokio::test]
async fn a_session_that_idles_in_a_transaction_on_a_table_to_be_touched_stops_and_others_do_not() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let other = database.connect().await.unwrap();
    let idle = "CREATE TABLE other (); SET application_name = 'reporting'; BEGIN; SELECT FROM other";
    other.batch_execute(idle).await.unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    assert_eq!(of(&preflight, Check::Sessions).0, Verdict::Pass, "{preflight}");
    other.batch_execute("SELECT FROM users").await.unwrap();
    let (verdict, said) = of(&migrator(&FILES).preflight(database.url()).await.unwrap(), Check::Sessions);
    assert_eq!(verdict, Verdict::Stop);
    assert!(
        said.contains("(reporting) is idle in its transaction") && said.contains("holds public.users"),
        "{said}"
    );
    // The index is built while sessions read.
    let beside = migrator(&[FILES[0], FILES[2]]).preflight(database.url()).await.unwrap();
    assert_eq!(of(&beside, Check::Sessions).0, Verdict::Pass, "{beside}");
}

#[tokio::test]
async fn invalid_indexes_and_a_run_under_way_are_told() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1, 'a'), (2, 'a')").await.unwrap();
    client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY u ON users (name)").await.unwrap_err();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Indexes);
    assert_eq!(verdict, Verdict::Warning);
    assert!(
        said.contains("the index u of users is invalid") && said.contains("REINDEX INDEX CONCURRENTLY u"),
        "{said}"
    );
    assert_eq!(of(&preflight, Check::Lock).0, Verdict::Pass);

    let config = database.config();
    let slow = migrator(&[FILES[0], ("2_slow.sql", "SELECT pg_sleep(600)")]);
    let running = tokio::spawn(async move { slow.run(&config).await });
    loop {
        let held = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        if crate::operate::support::value::<i64>(&client, held).await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    assert_eq!(of(&preflight, Check::Lock).0, Verdict::Stop, "{preflight}");
    running.abort();
}

#[tokio::test]
async fn a_role_that_may_not_write_the_history_or_owns_no_table_is_told_so() {
    let database = database().await;
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    let role = format!("app_{}", database.name());
    admin
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON migrate_history TO {role}"))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role);
    let preflight = migrator(&FILES).preflight(&config).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Rights);
    assert_eq!(verdict, Verdict::Stop, "{preflight}");
    assert!(
        said.contains("GRANT SELECT, INSERT, UPDATE") && said.contains("public.users belongs to"),
        "{said}"
    );
    admin.batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).await.unwrap();
}

#[tokio::test]
async fn a_standby_stops_and_so_does_a_synchronous_one_that_is_away() {
    let server = Server::start().unwrap();
    let database = server.database().await.unwrap();
    migrator(&FILES[..1]).run(database.url()).await.unwrap();
    let admin = database.connect().await.unwrap();
    for sql in [
        "SELECT pg_create_physical_replication_slot('away', true)",
        "ALTER SYSTEM SET synchronous_standby_names = 'away'",
    ] {
        admin.simple_query(sql).await.unwrap();
    }
    admin.simple_query("SELECT pg_reload_conf()").await.unwrap();
    drop(admin);
    server.stop(ShutdownMode::Fast).unwrap();
    server.restart().unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Replication);
    assert_eq!(verdict, Verdict::Stop, "{preflight}");
    assert!(said.contains("the inactive replication slot away retains"), "{said}");

    // A server in recovery accepts no writes; this file alone makes it a standby.
    server.stop(ShutdownMode::Fast).unwrap();
    let data = server.socket_dir().unwrap().join("data");
    let mut copy = std::process::Command::new("cp");
    let copied = copy.arg("-p").arg(data.join("PG_VERSION")).arg(data.join("standby.signal")).status();
    assert!(copied.unwrap().success());
    server.restart().unwrap();
    let preflight = migrator(&FILES).preflight(database.url()).await.unwrap();
    let (verdict, said) = of(&preflight, Check::Rights);
    assert!(verdict == Verdict::Stop && said.contains("hot standby"), "{preflight}");
}
