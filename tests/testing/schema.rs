//! A schema for each test.

use migrate_postgres::migration::{Script, SqlMigration};
use migrate_postgres::testing::{Database, Server, TestingError};
use migrate_postgres::{Migration, Migrator, Set, Version, migrate};
use std::sync::Arc;
use tokio_postgres::NoTls;

static SET: Migrator = migrate!("fixtures/flat");

fn set(scripts: &[&str]) -> Migrator {
    let migration = |(n, sql): (usize, &&str)| -> Arc<dyn Migration> {
        let script = Script::of_text(format!("{n}.sql"), (*sql).to_owned()).unwrap();
        Arc::new(SqlMigration::new(Version::numeric(n.to_string()), format!("{n:04}_one"), script))
    };
    Migrator::new(Set::new("default", scripts.iter().enumerate().map(migration).collect()).unwrap())
}

async fn one(database: &Database, sql: &str) -> Option<String> {
    database.connect().await.unwrap().query_one(sql, &[]).await.unwrap().get(0)
}

const RUN: &str = "SELECT string_agg(DISTINCT run_id::text, ',') FROM migrate_history";

#[tokio::test]
async fn each_schema_is_its_own_in_one_database() {
    let server = Server::start().unwrap();
    let set = set(&["CREATE TABLE users (id int)", "CREATE INDEX ON users (id)"]);
    let (one, two) = (server.fresh_schema(&set).await.unwrap(), server.fresh_schema(&set).await.unwrap());
    assert_eq!(one.name(), two.name());
    assert_ne!(one.schema(), two.schema());
    for database in [&one, &two] {
        database.connect().await.unwrap().batch_execute("CREATE TABLE mine ()").await.unwrap();
        assert!(set.run(database.url()).await.unwrap().steps.is_empty());
    }
    assert_eq!(self::one(&one, RUN).await, self::one(&two, RUN).await, "the set is run once");
}

#[tokio::test]
async fn a_schema_is_gone_with_its_value_and_its_connections() {
    let server = Server::start().unwrap();
    let (one, two) = (server.fresh_schema(&SET).await.unwrap(), server.fresh_schema(&SET).await.unwrap());
    let left = one.connect().await.unwrap();
    left.batch_execute("BEGIN; LOCK users").await.unwrap();
    let sql = format!("SELECT to_regnamespace('{}')::text", one.schema().unwrap());
    assert_eq!(self::one(&two, &sql).await.as_deref(), one.schema());
    one.close().await.unwrap();
    assert_eq!(self::one(&two, &sql).await, None);
}

#[tokio::test]
async fn a_set_that_one_transaction_does_not_do_for_is_run_for_each_schema() {
    let server = Server::start().unwrap();
    let scripts = [
        &["CREATE TABLE t (n int)", "CREATE INDEX CONCURRENTLY t_n ON t (n)"][..],
        &[
            "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (e e)",
            "ALTER TYPE e ADD VALUE 'b'",
            "INSERT INTO t VALUES ('b')",
        ],
        // With its own transactions.
        &[
            "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (e e)",
            "ALTER TYPE e ADD VALUE 'b'; COMMIT; INSERT INTO t VALUES ('b')",
            "BEGIN READ ONLY; SELECT * FROM t; COMMIT",
            "BEGIN; DROP TABLE t; ROLLBACK; BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; DELETE FROM t; COMMIT",
        ],
        &["BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; CREATE TABLE t (); COMMIT;"],
    ];
    for scripts in scripts {
        let set = set(scripts);
        let (one, two) = (server.fresh_schema(&set).await.unwrap(), server.fresh_schema(&set).await.unwrap());
        for database in [&one, &two] {
            assert_eq!(self::one(database, "SELECT 't'::regclass::text").await.as_deref(), Some("t"));
            assert!(set.run(database.url()).await.unwrap().steps.is_empty());
        }
    }
}

/// The set is run once, for the template; the scripts alone make each schema.
#[tokio::test]
async fn scripts_make_in_a_schema_what_they_make_in_a_run() {
    let server = Server::start().unwrap();
    let set = set(&[
        "CREATE TYPE e AS ENUM ('a'); CREATE TABLE t (e e); CREATE TABLE log (word text)",
        // A new enum value can be used only after a commit.
        "ALTER TYPE e ADD VALUE 'b'",
        "INSERT INTO t VALUES ('b')",
        "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; CREATE TABLE own (); COMMIT;",
        // Deferred work happens under its script's settings.
        "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO log VALUES (current_setting(''app.word'', true)); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER logged AFTER INSERT ON own DEFERRABLE INITIALLY DEFERRED
           FOR EACH ROW EXECUTE FUNCTION logged();
         SET app.word = 'first'; INSERT INTO own DEFAULT VALUES",
        "SET app.word = 'second'; INSERT INTO own DEFAULT VALUES; INSERT INTO log VALUES ('between')",
    ]);
    let (one, two) = (server.fresh_schema(&set).await.unwrap(), server.fresh_schema(&set).await.unwrap());
    assert_eq!(self::one(&one, RUN).await, self::one(&two, RUN).await, "the set is run once");
    let template = "SELECT string_agg(word, ' ') FROM template.log";
    for words in [template, "SELECT string_agg(word, ' ') FROM log"] {
        assert_eq!(self::one(&one, words).await.as_deref(), Some("first between second"), "{words}");
    }
    assert_eq!(self::one(&two, "SELECT e::text FROM t").await.as_deref(), Some("b"));
    let trial = "SELECT to_regnamespace('trial')::text";
    assert_eq!(self::one(&two, trial).await, None);
}

/// In both ways of making a schema: by the scripts, and by a run.
#[tokio::test]
async fn a_set_that_names_its_historys_schema_has_the_history_in_each_tests_own() {
    let server = Server::start().unwrap();
    let table = "CREATE TABLE users (id int)";
    for (scripts, is_run_once) in
        [(&[table][..], true), (&[table, "CREATE INDEX CONCURRENTLY users_id ON users (id)"], false)]
    {
        let set = set(scripts).history_schema("ops").history_table("ops_history");
        let (one, two) = (server.fresh_schema(&set).await.unwrap(), server.fresh_schema(&set).await.unwrap());
        let run = "SELECT string_agg(DISTINCT run_id::text, ',') FROM ops_history";
        let runs = (self::one(&one, run).await, self::one(&two, run).await);
        assert_eq!(runs.0 == runs.1, is_run_once, "{runs:?}");
        for database in [&one, &two] {
            let place = "SELECT 'ops_history'::regclass::oid::regclass::text || ' ' || current_schema()";
            let expected = format!("ops_history {}", database.schema().unwrap());
            assert_eq!(self::one(database, place).await, Some(expected));
            assert_eq!(self::one(database, "SELECT to_regnamespace('ops')::text").await, None);
            let here = set.clone().history_schema(database.schema().unwrap().to_owned());
            assert!(here.run(database.url()).await.unwrap().steps.is_empty());
        }
    }
}

#[tokio::test]
async fn what_a_script_sets_does_not_reach_the_next() {
    let server = Server::start().unwrap();
    let dump = "SELECT pg_catalog.set_config('search_path', '', false); SET ROLE pg_monitor";
    let set = set(&[dump, "CREATE TABLE t ()"]);
    let (one, two) = (server.fresh_schema(&set).await.unwrap(), server.fresh_schema(&set).await.unwrap());
    for database in [&one, &two] {
        let owner = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 't'::regclass";
        assert_eq!(self::one(database, owner).await.as_deref(), Some("postgres"));
    }
}

#[tokio::test]
async fn a_set_that_names_another_schema_is_refused_with_what_it_makes_there() {
    let server = Server::start().unwrap();
    for (sql, object) in [
        ("CREATE TABLE public.users ()", "users"),
        ("CREATE SCHEMA app", "the schema app"),
        ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "f()"),
        ("CREATE TYPE public.mood AS ENUM ('good')", "mood"),
    ] {
        let error = server.fresh_schema(&set(&[sql])).await.unwrap_err();
        assert!(
            matches!(&error, TestingError::OutsideSchema { object: found } if found.ends_with(object)),
            "{sql}: {error}"
        );
    }
}

#[tokio::test]
async fn the_url_of_a_schema_leads_to_it() {
    let server = Server::start().unwrap();
    let database = server.fresh_schema(&SET).await.unwrap();
    let (client, connection) = tokio_postgres::connect(database.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let schema: String = client.query_one("SELECT current_schema()::text", &[]).await.unwrap().get(0);
    assert_eq!(Some(schema.as_str()), database.schema());
}
