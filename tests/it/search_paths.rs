//! A history is found in its schema or not at all: a changed search path starts no second one.

use migrate_core::Set;
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Error, Migrator};
use migrate_tests::sets::{Scripts, set};
use tokio_postgres::{Client, Config};

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

async fn text(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// The tables outside the server's own schemas, without those beside a history.
async fn tables(client: &Client) -> String {
    let sql = "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY schemaname, tablename) FROM pg_tables \
               WHERE schemaname !~ '^(pg_|information_schema)' AND tablename <> 'migrate_history_head'";
    text(client, sql).await
}

fn two_schemas(error: &Error) -> (&str, &str) {
    match error {
        Error::OtherSchema { found, first, .. } => (found, first),
        other => panic!("not refused for its schema: {other}"),
    }
}

/// Runs the set, which changes the search path; afterwards no call starts a new history.
async fn moves(set: Set, config: &Config, (found, first): (&'static str, &str), admin: &Client) {
    let migrator = Migrator::new(set);
    let count = migrator.set().len();
    assert_eq!(migrator.run(config).await.unwrap().steps.len(), count);
    let before = tables(admin).await;
    let refused = [
        migrator.run(config).await.map(drop),
        migrator.position(config).await.map(drop),
        migrator.status(config).await.map(drop),
        migrator.down(config, 1).await.map(drop),
        migrator
            .clone()
            .run(&config.connect(tokio_postgres::NoTls).await.map(spawned).unwrap())
            .await
            .map(drop),
    ];
    for outcome in refused {
        let error = outcome.unwrap_err();
        assert_eq!(two_schemas(&error), (found, first));
        assert!(error.to_string().contains(&format!("history_schema(\"{found}\")")), "{error}");
    }
    assert_eq!(tables(admin).await, before);
    assert!(migrator.history_schema(found).run(config).await.unwrap().is_noop());
}

fn spawned<S, T>((client, connection): (Client, tokio_postgres::Connection<S, T>)) -> Client
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn a_migration_that_puts_a_schema_before_the_historys_begins_no_second_history() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let set = set(
        "default",
        [
            Scripts::up(1, "CREATE TABLE accounts (id int); INSERT INTO accounts VALUES (1);"),
            Scripts::up(
                2,
                "CREATE SCHEMA app; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = app, public', \
                 current_database()); END $$",
            ),
        ],
    );
    moves(set, &database.config(), ("public", "app"), &admin).await;
}

#[tokio::test]
async fn a_migration_that_makes_the_users_own_schema_begins_no_second_history() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let user = text(&admin, "SELECT current_user::text").await;
    let set = set(
        "default",
        [
            Scripts::up(1, format!("CREATE SCHEMA \"{user}\"")),
            Scripts::up(2, "CREATE TABLE accounts (id int); INSERT INTO accounts VALUES (1);"),
        ],
    );
    moves(set, &database.config(), ("public", &user), &admin).await;
}

#[tokio::test]
async fn a_set_begins_no_history_beside_one_that_only_holds_another_sets_rows() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    Migrator::new(set("first", [Scripts::up(1, "SELECT 1")])).run(&client).await.unwrap();
    client.batch_execute("CREATE SCHEMA app; SET search_path = app, public").await.unwrap();
    let second = Migrator::new(set("second", [Scripts::up(1, "CREATE TABLE a ()")]));
    assert_eq!(two_schemas(&second.run(&client).await.unwrap_err()), ("public", "app"));
    assert_eq!(tables(&client).await, "public.migrate_history");
    // A user who wants two histories must say so.
    assert_eq!(second.history_schema("app").run(&client).await.unwrap().steps.len(), 1);
    assert_eq!(tables(&client).await, "app.a app.migrate_history public.migrate_history");
}

#[tokio::test]
async fn a_role_that_has_lost_its_schema_begins_no_second_history() {
    let database = database().await;
    let admin = database.connect().await.unwrap();
    let role = format!("lost_{}", database.name());
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'lost'; CREATE SCHEMA \"the app\" AUTHORIZATION {role}; \
             ALTER ROLE {role} SET search_path = \"the app\", public; GRANT ALL ON SCHEMA public TO {role}"
        ))
        .await
        .unwrap();
    let mut config = database.config();
    config.user(&role).password("lost");
    let migrator = Migrator::new(set("default", [Scripts::up(1, "CREATE TABLE accounts (id int)")]));
    assert_eq!(migrator.run(&config).await.unwrap().steps.len(), 1);
    admin
        .batch_execute(&format!(
            "ALTER SCHEMA \"the app\" OWNER TO CURRENT_USER; REVOKE ALL ON SCHEMA \"the app\" FROM {role}"
        ))
        .await
        .unwrap();
    let error = migrator.run(&config).await.unwrap_err();
    assert_eq!(two_schemas(&error), ("the app", "public"));
    assert_eq!(tables(&admin).await, "the app.accounts the app.migrate_history");
    let error = migrator.history_schema("the app").run(&config).await.unwrap_err().to_string();
    assert!(error.contains("GRANT USAGE ON SCHEMA \"the app\""), "{error}");
    admin.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}

/// Every call is refused, and nothing is created.
async fn begins_no_other(migrator: &Migrator, database: &Database, (found, first): (&str, &str)) {
    let admin = database.connect().await.unwrap();
    let (before, url) = (tables(&admin).await, database.url());
    let single = database.connect().await.unwrap();
    let refused = [
        migrator.run(url).await.map(drop),
        migrator.run(&single).await.map(drop),
        migrator.plan(url).await.map(drop),
        migrator.status(url).await.map(drop),
        migrator.verify(url).await.map(drop),
        migrator.baseline(url, "1").await.map(drop),
        migrator.down(url, 1).await.map(drop),
    ];
    for outcome in refused {
        assert_eq!(two_schemas(&outcome.unwrap_err()), (found, first));
    }
    assert_eq!(tables(&admin).await, before);
}

#[tokio::test]
async fn a_set_that_has_a_history_in_another_schema_begins_no_second_one_by_the_search_path() {
    let database = database().await;
    let service = || {
        Migrator::new(set(
            "default",
            [Scripts::up(1, "CREATE TABLE accounts (id int)").down("DROP TABLE accounts")],
        ))
    };
    service().history_schema("ops").run(database.url()).await.unwrap();
    begins_no_other(&service(), &database, ("ops", "public")).await;
    // Nor beside a history that contains only other sets.
    Migrator::new(set("other", [Scripts::up(9, "SELECT 1")])).run(database.url()).await.unwrap();
    begins_no_other(&service(), &database, ("ops", "public")).await;
    // A user who names the schema chooses the history.
    assert!(service().history_schema("ops").run(database.url()).await.unwrap().is_noop());
    let own = service().history_schema("public").run(database.url()).await.unwrap_err();
    assert_eq!(own.sqlstate(), Some("42P07"));
}

#[tokio::test]
async fn a_history_under_another_name_is_found_too() {
    let database = database().await;
    let service = || {
        Migrator::new(set(
            "default",
            [Scripts::up(1, "CREATE TABLE accounts (id int)").down("DROP TABLE accounts")],
        ))
    };
    service().history_table("applied").run(database.url()).await.unwrap();
    let error = service().run(database.url()).await.unwrap_err();
    let Error::OtherSchema { table, .. } = &error else { panic!("{error}") };
    assert_eq!(table, "applied");
    assert!(error.to_string().contains("`history_table(\"applied\")`"), "{error}");
}

#[tokio::test]
async fn applications_that_share_a_database_and_a_name_have_a_history_each() {
    let database = database().await;
    let client = database.connect().await.unwrap();
    for schema in ["one", "two"] {
        client.batch_execute(&format!("CREATE SCHEMA {schema}; SET search_path = {schema}")).await.unwrap();
        let table = Scripts::up(if schema == "one" { 1 } else { 2 }, format!("CREATE TABLE {schema} ()"));
        assert_eq!(Migrator::new(set("default", [table])).run(&client).await.unwrap().steps.len(), 1);
    }
    assert_eq!(tables(&client).await, "one.migrate_history one.one two.migrate_history two.two");
}
