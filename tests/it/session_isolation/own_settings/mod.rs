//! Our own statements run under our own settings, whatever role, database or pooler set.

mod timeouts;

use super::{database, migrator};
use migrate_core::Version;
use migrate_core::plan::To;
use migrate_postgres::drift::Comparison;
use migrate_postgres::operate::Backups;
use migrate_postgres::report::ReportOptions;
use migrate_postgres::testing::{self, Database, Server};
use migrate_postgres::{LockKind, Migrator, Target, tools};
use migrate_tests::histories::{Case, DIESEL, FIRST, POSTS, PRISMA, SQLX, USERS};
use migrate_tests::pgbouncer::PgBouncer;
use migrate_tests::sets::folder_of;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};
use tokio_postgres::{Client, Config};

/// A role that owns the database, with its own settings.
async fn role_with(database: &Database, settings: &[(&str, &str)]) -> Config {
    let admin = database.connect().await.unwrap();
    let role = format!("role_of_{}", database.name());
    let make = format!(
        "CREATE ROLE {role} LOGIN CREATEDB; ALTER DATABASE {} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}",
        database.name()
    );
    admin.batch_execute(&make).await.unwrap();
    for (name, value) in settings {
        admin.batch_execute(&format!("ALTER ROLE {role} SET {name} = {value}")).await.unwrap();
    }
    let mut config = database.config();
    config.user(&role);
    config
}

async fn drop_role(database: &Database) {
    let role = format!("role_of_{}", database.name());
    let drop = format!("REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role}; DROP ROLE {role}");
    database.connect().await.unwrap().batch_execute(&drop).await.unwrap();
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Settings of a role or a database that affect how the server reads and prints values.
const OUTPUT: [(&str, &str); 18] = [
    ("quote_all_identifiers", "on"),
    ("DateStyle", "'SQL, DMY'"),
    ("IntervalStyle", "sql_standard"),
    ("TimeZone", "'Asia/Kathmandu'"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "-15"),
    ("xmloption", "document"),
    ("xmlbinary", "hex"),
    ("row_security", "off"),
    ("search_path", "public, pg_catalog"),
    ("client_encoding", "LATIN1"),
    ("lc_messages", "'C'"),
    ("lc_monetary", "'C'"),
    ("array_nulls", "off"),
    ("standard_conforming_strings", "off"),
    ("default_transaction_isolation", "serializable"),
    ("default_transaction_deferrable", "on"),
    ("check_function_bodies", "off"),
];

const LIFE: &[(&str, &str)] = &[
    (
        "1_a.up.sql",
        "CREATE TABLE a (b bytea DEFAULT '\\x00', at timestamptz DEFAULT '2020-01-02', f float8 DEFAULT 0.1, \
         i interval DEFAULT '1 day 2 hours', \"größe\" text CHECK (\"größe\" <> 'ß'));",
    ),
    ("1_a.down.sql", "DROP TABLE a;"),
    ("1_a.verify.sql", "SELECT count(*) = 0 FROM a;"),
    (
        "2_b.up.sql",
        "CREATE TABLE b (x xml DEFAULT '<a/>', n text); CREATE INDEX CONCURRENTLY ON b (lower(n));",
    ),
    ("2_b.down.sql", "DROP TABLE b;"),
    (
        "3_c.up.sql",
        "CREATE VIEW c AS SELECT at + interval '1 day' AS at FROM a; COMMENT ON VIEW c IS 'für';\
         CREATE FUNCTION one() RETURNS text LANGUAGE sql AS $$ SELECT 'ü'::text $$;",
    ),
    ("3_c.down.sql", "DROP FUNCTION one(); DROP VIEW c;"),
];

/// The life of a set over a target: the answer of each call.
async fn life<T: Target + ?Sized>(target: &T, kind: Option<LockKind>) -> Vec<String> {
    let folder = dumps();
    let backups = || Backups::to(folder.path().join("dumps")).programs(folder.path().join("bin"));
    let mut all = migrator(LIFE);
    if let Some(kind) = kind {
        all = all.lock(kind);
    }
    let two = all.clone().up_to("2");
    let mut told = Vec::new();
    told.push(steps(&all.plan(target).await.unwrap().steps));
    told.push(steps(&two.run(target).await.unwrap().steps));
    told.push(steps(&all.run(target).await.unwrap().steps));
    told.push(steps(&all.run(target).await.unwrap().steps));
    told.extend(look(&all, target).await);
    told.push(steps(&all.down(target, 2).await.unwrap().steps));
    told.extend(look(&all, target).await);
    told.push(steps(&all.run_plan(target, &To::version(Version::numeric("3"))).await.unwrap().steps));
    told.push(steps(&all.redo(target, 1).await.unwrap().steps));
    let broken = all.clone().history_table("broken");
    told.push(broken.run(target).await.unwrap_err().to_string().lines().take(4).collect());
    told.push(broken.history(target).await.unwrap().len().to_string());
    if target.to_config().unwrap().is_some() {
        let drift = all.drift(target, &Comparison::new()).await.unwrap().to_string();
        // A notice names the settings of the database.
        told.push(format!("drift {}", drift.lines().next().unwrap_or_default()));
        all.backup(target, backups()).await.unwrap();
    }
    let backups = all.list_backups(target).await.unwrap();
    let made = backups.iter().filter(|backup| backup.at.elapsed().unwrap() < Duration::from_secs(600));
    told.push(format!("{} backups", made.count()));
    told.extend(look(&all, target).await);
    told
}

fn steps(steps: &[impl std::fmt::Display]) -> String {
    let text =
        |step: &dyn std::fmt::Display| step.to_string().split(" in ").next().unwrap_or_default().to_owned();
    steps.iter().map(|step| text(step)).collect::<Vec<_>>().join(", ")
}

/// The answers of all calls that read, without times.
async fn look<T: Target + ?Sized>(migrator: &Migrator, target: &T) -> Vec<String> {
    let mut told = vec![format!("{:?}", migrator.position(target).await.unwrap())];
    let status = migrator.status(target).await.unwrap();
    let since = SystemTime::now() - Duration::from_secs(600);
    for row in &status.rows {
        let state = format!("{:?}", row.state);
        told.push(format!("{}: {}", row.name, state.split([' ', '{']).next().unwrap_or_default()));
    }
    told.push(steps(&migrator.plan(target).await.unwrap().steps));
    let attempts = migrator.history(target).await.unwrap();
    assert!(attempts.iter().all(|attempt| attempt.started_at > since));
    let attempt =
        |a: &migrate_postgres::Attempt| format!("{} {} {:?} {}", a.number, a.name, a.outcome, a.action);
    told.extend(attempts.iter().map(attempt));
    told.push(format!("{} verified", migrator.verify(target).await.unwrap()));
    told.push(format!("{}", migrator.explain(target).await.unwrap()));
    let findings = migrator.preflight(target).await.unwrap().findings;
    let finding =
        |f: &migrate_postgres::operate::PreflightFinding| format!("{} {}", f.check.word(), f.verdict.word());
    told.extend(findings.iter().map(finding));
    let report = migrator.database_report(target, &ReportOptions::default()).await.unwrap();
    assert!(report.made_at > since);
    let tables = report.diagram.tables.iter().map(|table| format!("{table:?}"));
    told.extend(tables);
    told
}

/// A slow `pg_dump`, and its `pg_restore`.
fn dumps() -> migrate_tests::sets::Folder {
    let folder = folder_of(&[
        (
            "bin/pg_dump",
            "#!/bin/sh\ncase $1 in --version) echo 'pg_dump (PostgreSQL) 99.1'; exit;; esac\nsleep 3\n",
        ),
        ("bin/pg_restore", "#!/bin/sh\necho 'pg_restore (PostgreSQL) 99.1'\n"),
        ("dumps/x", ""),
    ]);
    for program in ["bin/pg_dump", "bin/pg_restore"] {
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path().join(program), executable).unwrap();
    }
    folder
}

/// The findings about another tool's history, and its adoption.
async fn adopted<T: Target + ?Sized>(case: Case, target: &T) -> Vec<String> {
    let migrator = case.migrator().adopt();
    let found = migrator.foreign_histories(target).await.unwrap();
    let mut told: Vec<String> =
        found.iter().map(|found| format!("{} {:?}", found.table, found.found)).collect();
    told.push(steps(&migrator.plan(target).await.unwrap().steps));
    told.push(steps(&migrator.run(target).await.unwrap().steps));
    assert_eq!(migrator.history(target).await.unwrap()[0].started_at, SystemTime::UNIX_EPOCH + FIRST);
    told
}

#[tokio::test]
async fn nothing_depends_on_how_a_roles_session_reads_and_prints() {
    let mut expected = Vec::new();
    for settings in [&[][..], &OUTPUT] {
        let mut told = Vec::new();
        for kind in [None, Some(LockKind::Lease { expiry: Duration::from_secs(30) })] {
            let database = database().await;
            told.extend(life(&role_with(&database, settings).await, kind).await);
            drop_role(&database).await;
        }
        let database = database().await;
        let config = role_with(&database, settings).await;
        told.extend(life(&connect(&config).await, None).await);
        let manager = deadpool_postgres::Manager::new(config, tokio_postgres::NoTls);
        let pool = deadpool_postgres::Pool::builder(manager).max_size(2).build().unwrap();
        told.extend(look(&migrator(LIFE), &pool).await);
        drop(pool);
        drop_role(&database).await;
        for case in [SQLX, PRISMA] {
            let database = case.database().await;
            let config = role_with(&database, settings).await;
            let grant = format!("GRANT SELECT ON {} TO {}", case.tool.table(), config.get_user().unwrap());
            database.connect().await.unwrap().batch_execute(&grant).await.unwrap();
            told.extend(adopted(case, &config).await);
            drop_role(&database).await;
        }
        if settings.is_empty() {
            expected = told;
        } else {
            assert_eq!(told, expected);
        }
    }
}

#[tokio::test]
async fn nothing_depends_on_how_the_sessions_of_a_pooler_read_and_print() {
    let server = Server::start().unwrap();
    let mut expected = Vec::new();
    for settings in [&[][..], &OUTPUT] {
        let database = server.database().await.unwrap();
        let sqlx = server.database().await.unwrap();
        let seed = format!("{USERS}{POSTS}{}", SQLX.history);
        sqlx.connect().await.unwrap().batch_execute(&seed).await.unwrap();
        for database in [&database, &sqlx] {
            let admin = database.connect().await.unwrap();
            for (name, value) in settings {
                let set = format!("ALTER DATABASE {} SET {name} = {value}", database.name());
                admin.batch_execute(&set).await.unwrap();
            }
        }
        let Some(bouncer) = PgBouncer::start(&server, 6).await else { return };
        let mut told = life(bouncer.url(database.name()).as_str(), None).await;
        told.extend(adopted(SQLX, bouncer.url(sqlx.name()).as_str()).await);
        if settings.is_empty() {
            expected = told;
        } else {
            assert_eq!(told, expected);
        }
    }
}
