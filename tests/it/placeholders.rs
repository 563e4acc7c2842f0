//! Placeholders on a server: one set for many tenants.

use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Down, Error, Migrator, PlaceholderError, Reading, Set, Value, migrate};
use migrate_tests::sets::folder_of;

async fn database() -> Database {
    testing::server().unwrap().database().await.unwrap()
}

fn tenant(schema: &str, region: &str) -> Migrator {
    migrate!("fixtures/placeholders", placeholders = ["schema", "region"])
        .history_schema(schema.to_owned() + "_history")
        .placeholder("schema", Value::Identifier(schema))
        .placeholder("region", Value::Literal(region))
}

fn migrator(files: &[(&str, &str)]) -> Migrator {
    let reading = Reading::default().placeholders(["schema", "region"]);
    let set = Set::from_folder_as(folder_of(files).path(), &reading).unwrap();
    Migrator::new(set)
        .placeholder("schema", Value::Identifier("s"))
        .placeholder("region", Value::Literal("r"))
}

async fn text(database: &Database, sql: &str) -> String {
    let client = database.connect().await.unwrap();
    client.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn one_set_migrates_each_tenant_into_a_schema_of_its_own() {
    let database = database().await;
    for (schema, region) in [("one", "eu"), ("it's \"Two\"; DROP TABLE one.users; --", "it's \\ ${schema}")] {
        let tenant = tenant(schema, region);
        let report = tenant.run(database.url()).await.unwrap();
        assert_eq!(report.steps.len(), 3);
        assert!(tenant.run(database.url()).await.unwrap().is_noop());
        assert_eq!(tenant.verify(database.url()).await.unwrap(), 1);
        let ident = format!("\"{}\"", schema.replace('"', "\"\""));
        assert_eq!(text(&database, &format!("SELECT region FROM {ident}.users")).await, region);
        assert_eq!(text(&database, &format!("SELECT {ident}.regions()")).await, "1");
        let valid =
            "SELECT bool_and(indisvalid) FROM pg_index WHERE indexrelid::regclass::text LIKE '%users_region'";
        assert_eq!(text(&database, valid).await, "true");
    }
    assert_eq!(text(&database, "SELECT count(*) FROM one.users").await, "1");
}

#[tokio::test]
async fn the_history_keeps_the_scripts_as_they_are_written() {
    let database = database().await;
    tenant("one", "secret").run(database.url()).await.unwrap();
    let kept = text(&database, "SELECT string_agg(up_sql || coalesce(down_sql, ''), '' ORDER BY seq) FROM one_history.migrate_history").await;
    assert!(kept.starts_with(include_str!("../fixtures/placeholders/0001_users.sql")), "{kept}");
    assert!(!kept.contains("secret"), "{kept}");
    // Another value is not an edit.
    assert!(tenant("one", "another").run(database.url()).await.unwrap().is_noop());
    let debug = format!("{:?}", tenant("one", "secret"));
    assert!(!debug.contains("secret"), "{debug}");
}

#[tokio::test]
async fn nothing_is_run_before_each_placeholder_has_a_value_that_it_can_have() {
    let database = database().await;
    let bare = migrate!("fixtures/placeholders", placeholders = ["schema", "region"]);
    let half = bare.clone().placeholder("region", Value::Literal("eu"));
    let unknown = tenant("a", "b").placeholder("shcema", Value::Identifier("c"));
    let empty = tenant("", "b");
    let ends_body = tenant("a", "$$; DROP TABLE b; --");
    let none = migrate!("fixtures/flat").placeholder("schema", Value::Identifier("a"));
    for (migrator, expected) in [
        (
            bare,
            "the placeholder `schema` has no value; nothing was changed\nnext: give it a value, an identifier or a literal (`.placeholder(\"schema\", Value::Identifier(…))`)",
        ),
        (
            half,
            "the placeholder `schema` has no value; nothing was changed\nnext: give it a value, an identifier or a literal (`.placeholder(\"schema\", Value::Identifier(…))`)",
        ),
        (
            unknown,
            "the set declares no placeholder `shcema`; nothing was changed\nnext: give values to `schema`, `region`",
        ),
        (empty, "the placeholder `schema` is an empty identifier; nothing was changed\nnext: give it a name"),
        (
            ends_body,
            "the value of the placeholder `region` holds a delimiter like `$$`, and could end the dollar-quoted body that it stands in, in `0001_users.sql`; nothing was changed\nnext: give it another value, or use it outside of the body only",
        ),
        (
            none,
            "the set declares no placeholder `schema`; nothing was changed\nnext: declare it (`migrate!(…, placeholders = [\"…\"])`)",
        ),
    ] {
        let error = migrator.run(database.url()).await.unwrap_err();
        assert!(matches!(error, Error::Placeholder(_)));
        assert_eq!(error.to_string(), expected);
        assert!(migrator.plan(database.url()).await.is_err());
    }
    assert_eq!(
        text(&database, "SELECT count(*) FROM pg_class WHERE relname IN ('users', 'migrate_history')").await,
        "0"
    );
    let missing = PlaceholderError::NoValue { name: "schema".into() };
    let bare = migrate!("fixtures/placeholders", placeholders = ["schema", "region"]);
    assert!(matches!(bare.run(database.url()).await, Err(Error::Placeholder(error)) if error == missing));
}

#[tokio::test]
async fn a_failure_names_the_place_in_the_file_and_shows_the_line_as_it_is_written() {
    let database = database().await;
    let migrator = migrator(&[(
        "1_a.sql",
        "CREATE SCHEMA ${schema};\nSELECT ${region}, ${region}, oops FROM pg_class;\n",
    )]);
    let Err(Error::Failed(failure)) = migrator.run(database.url()).await else { panic!("it is applied") };
    let place = failure.place.unwrap();
    assert_eq!((place.line, place.column, place.statement), (2, 30, 2));
    assert_eq!(place.excerpt, "SELECT ${region}, ${region}, oops FROM pg_class;");
    let by_statement = migrator_of("-- migrate: transaction=none\nSELECT ${region}, oops;\n");
    let Err(Error::Failed(failure)) = by_statement.run(database.url()).await else { panic!("it is applied") };
    let place = failure.place.unwrap();
    assert_eq!((place.line, place.column), (2, 19));
}

fn migrator_of(text: &str) -> Migrator {
    migrator(&[("1_a.sql", text)])
}

#[tokio::test]
async fn a_binary_reverts_what_it_never_had_with_its_own_values() {
    let database = database().await;
    let schema = ("1_s.sql", "CREATE SCHEMA ${schema};");
    let newer = migrator(&[
        schema,
        ("2_t.up.sql", "CREATE TABLE ${schema}.t ();"),
        ("2_t.down.sql", "DROP TABLE ${schema}.t;"),
    ]);
    newer.run(database.url()).await.unwrap();
    migrator(&[schema]).down(database.url(), Down::count(1)).await.unwrap();
    assert_eq!(text(&database, "SELECT to_regclass('s.t') IS NULL").await, "true");
}

#[tokio::test]
async fn without_placeholders_such_text_is_text() {
    let database = database().await;
    let files = [("1_a.sql", "CREATE TABLE a AS SELECT '${schema}' AS b;")];
    Migrator::new(Set::from_folder(folder_of(&files).path()).unwrap()).run(database.url()).await.unwrap();
    assert_eq!(text(&database, "SELECT b FROM a").await, "${schema}");
}
