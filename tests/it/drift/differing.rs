//! Differences that count as drift, and those that do not.

use crate::drift::{database, run, ups, users};
use migrate_core::Set;
use migrate_postgres::drift::Comparison;
use migrate_postgres::{Error, Migrator, Reading, Value};
use migrate_tests::sets::folder_of;

#[tokio::test]
async fn a_database_that_only_migrations_changed_has_no_drift() {
    let database = database().await;
    let migrator = Migrator::new(users());
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.to_string(), "the schema matches its 0 applied migrations");
    // A comparison writes nothing, not even a history.
    let count = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    let row = database.connect().await.unwrap().query_one(count, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);

    migrator.run(database.url()).await.unwrap();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.to_string(), "the schema matches its 2 applied migrations");
    assert!(drift.is_none());
    assert_eq!(drift.applied, 2);
}

/// Applied from a checkout on Windows, and compared from one on Linux or an old Macintosh.
#[tokio::test]
async fn line_endings_are_no_drift() {
    let text = "CREATE TABLE t (a text DEFAULT 'two\nlines' CHECK (a <> 'two\nlines'));
CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  RETURN 1;
END $$;
CREATE VIEW v AS SELECT 'two\nlines' AS a;
COMMENT ON TABLE t IS 'two
lines';";
    let migrator = Migrator::new(ups(&[text]));
    for other in [text.replace('\n', "\r\n"), text.replace('\n', "\r")] {
        let database = database().await;
        Migrator::new(ups(&[&other])).run(database.url()).await.unwrap();
        // The history has the other text; without its checksum, this one's is compared.
        let checked = migrator.check_baseline(database.url(), "1", &Comparison::new()).await.unwrap();
        assert!(checked.is_empty(), "{checked}");
        run(
            &database,
            "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END'",
        )
        .await;
        let checked = migrator.check_baseline(database.url(), "1", &Comparison::new()).await.unwrap();
        assert_eq!(checked.len(), 1, "{checked}");
    }
}

#[tokio::test]
async fn what_was_changed_by_hand_is_shown() {
    let database = database().await;
    let migrator = Migrator::new(users());
    migrator.run(database.url()).await.unwrap();
    run(
        &database,
        "CREATE INDEX by_hand ON users (id, name); ALTER TABLE users ALTER name SET NOT NULL; DROP INDEX by_name",
    )
    .await;
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(
        drift.to_string(),
        "the schema differs from its 2 applied migrations; `added` is only in the database, `removed` only in the migrations:\n\
         column public.users.name: changed\n   text\n  +NOT NULL\n\
         index public.by_hand: added\n  +CREATE INDEX by_hand ON public.users USING btree (id, name)\n\
         index public.by_name: removed\n  -CREATE INDEX by_name ON public.users USING btree (name)"
    );
}

#[tokio::test]
async fn an_index_that_is_not_valid_is_drift() {
    let database = database().await;
    let migrator = Migrator::new(users());
    migrator.run(database.url()).await.unwrap();
    run(&database, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_name'::regclass").await;
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap().to_string();
    assert!(drift.contains("index public.by_name: changed\n   CREATE INDEX"), "{drift}");
    assert!(drift.ends_with("\n  +INVALID"), "{drift}");
}

#[tokio::test]
async fn only_what_is_applied_counts() {
    let database = database().await;
    let migrator = Migrator::new(users());
    migrator.to(database.url(), "00001_step").await.unwrap();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.to_string(), "the schema matches its applied migration");
}

#[tokio::test]
async fn migrations_are_tried_in_the_order_of_their_application() {
    let (one, two) = ("CREATE TABLE t (a int);", "ALTER TABLE t ADD b int;");
    let three = "ALTER TABLE t ADD c int;";
    let folder = |files: &[(&str, &str)]| Set::from_folder(folder_of(files).path()).unwrap();
    let database = database().await;
    let first = Migrator::new(folder(&[("1_t.sql", one), ("3_c.sql", three)]));
    first.run(database.url()).await.unwrap();
    let late = folder(&[("1_t.sql", one), ("2_b.sql", two), ("3_c.sql", three)]);
    let late = Migrator::new(late).allow_out_of_order(true);
    late.run(database.url()).await.unwrap();
    let drift = late.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
}

#[tokio::test]
async fn a_binary_that_is_older_asks_the_history_for_the_texts() {
    let database = database().await;
    let header = "-- migrate: phase=contract lock_timeout=3s\n";
    let newer = ups(&["CREATE TABLE a ();", &format!("{header}CREATE TABLE b ();")]);
    Migrator::new(newer).run(database.url()).await.unwrap();
    let older = Migrator::new(ups(&["CREATE TABLE a ();"]));
    let drift = older.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.to_string(), "the schema matches its 2 applied migrations");
}

#[tokio::test]
async fn a_migration_that_was_edited_counts_as_it_was_applied() {
    let database = database().await;
    Migrator::new(ups(&["CREATE TABLE a (id int);"])).run(database.url()).await.unwrap();
    let edited = Migrator::new(ups(&["CREATE TABLE a (id bigint);"]));
    let drift = edited.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
}

#[tokio::test]
async fn a_text_without_its_password_is_no_text() {
    let database = database().await;
    let role = format!("r_{}", database.name());
    let set = ups(&["CREATE TABLE a ();", &format!("CREATE ROLE {role} PASSWORD 'hunter2';")]);
    Migrator::new(set).run(database.url()).await.unwrap();
    let older = Migrator::new(ups(&["CREATE TABLE a ();"]));
    let error = older.drift(database.url(), &Comparison::new()).await.unwrap_err().to_string();
    run(&database, &format!("DROP ROLE {role}")).await;
    assert_eq!(
        error,
        "can't determine what migration 00002_step made: the set does not have the text that was applied, and the \
         history stores one without its passwords; nothing was changed\n\
         next: compare with a release that has 00002_step as it was applied"
    );
}

#[tokio::test]
async fn a_migration_that_stopped_half_way_is_told_of() {
    let database = database().await;
    let migrator = Migrator::new(ups(&[
        "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1);",
        "CREATE INDEX CONCURRENTLY a ON t (id); CREATE UNIQUE INDEX CONCURRENTLY b ON t (id);",
    ]));
    migrator.run(database.url()).await.unwrap_err();
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert_eq!(drift.interrupted.as_deref(), Some("00002_step"));
    let text = drift.to_string();
    assert!(text.contains("\nindex public.a: added\n"), "{text}");
    assert!(
        text.ends_with("00002_step was interrupted: the differences include its effects so far"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_ignored_and_what_is_not_asked_for_is_no_drift() {
    let database = database().await;
    let migrator = Migrator::new(users());
    migrator.run(database.url()).await.unwrap();
    run(
        &database,
        "CREATE TABLE tmp_a (id serial PRIMARY KEY); GRANT SELECT ON users TO PUBLIC; \
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC; CREATE SCHEMA other; CREATE TABLE other.t ()",
    )
    .await;
    let comparison =
        Comparison::new().ignore("public.tmp_*".parse().unwrap()).ignore("*other*".parse().unwrap());
    let drift = migrator.drift(database.url(), &comparison).await.unwrap();
    assert!(drift.is_none(), "{drift}");
    let drift = migrator.drift(database.url(), &comparison.with_privileges()).await.unwrap();
    let seen: Vec<String> = drift.differences.iter().map(|one| one.object.to_string()).collect();
    assert_eq!(
        seen,
        ["privileges on table public.users", "default privileges for postgres in public on tables"]
    );
}

#[tokio::test]
async fn one_schema_may_be_compared_alone() {
    let database = database().await;
    let tenant = "tenant \"x\"; --";
    let quoted = "\"tenant \"\"x\"\"; --\"";
    run(&database, &format!("CREATE SCHEMA {quoted}; CREATE TABLE public.other ()")).await;
    let mut config = database.config();
    config.options("-c search_path=\"tenant\\ \"\"x\"\";\\ --\"");
    let migrator = Migrator::new(users());
    migrator.run(&config).await.unwrap();
    let comparison = Comparison::new().schema(tenant);
    let drift = migrator.drift(&config, &comparison).await.unwrap();
    assert!(drift.is_none(), "{drift}");
    run(&database, &format!("DROP TABLE {quoted}.users")).await;
    let drift = migrator.drift(&config, &comparison).await.unwrap();
    assert_eq!(drift.differences[0].object.identity(), "users");
}

#[tokio::test]
async fn placeholders_have_the_values_that_the_target_has_also_in_texts_that_the_history_kept() {
    let reading = Reading::default().placeholders(["table"]);
    let files =
        [("1_a.sql", "CREATE TABLE ${table} (id int);"), ("2_b.sql", "CREATE INDEX b ON ${table} (id);")];
    let set = |count: usize| Set::from_folder_as(folder_of(&files[..count]).path(), &reading).unwrap();
    let with_value = |count| Migrator::new(set(count)).placeholder("table", Value::Identifier("a b"));
    let database = database().await;
    with_value(2).run(database.url()).await.unwrap();
    for count in [1, 2] {
        let drift = with_value(count).drift(database.url(), &Comparison::new()).await.unwrap();
        assert_eq!(drift.to_string(), "the schema matches its 2 applied migrations");
    }
    let error = Migrator::new(set(2)).drift(database.url(), &Comparison::new()).await.unwrap_err();
    assert!(matches!(error, Error::Placeholder(_)), "{error:?}");
}

#[tokio::test]
async fn repeatable_migrations_count_as_they_were_applied_last() {
    let folder = |view: &str| {
        let files = [("V1__t.sql", "CREATE TABLE t (a int, b int);"), ("R__v.sql", view)];
        Migrator::new(Set::from_folder(folder_of(&files).path()).unwrap())
    };
    let database = database().await;
    folder("CREATE OR REPLACE VIEW v AS SELECT a FROM t;").run(database.url()).await.unwrap();
    let now = folder("CREATE OR REPLACE VIEW v AS SELECT a, b FROM t;");
    now.run(database.url()).await.unwrap();
    let drift = now.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
    run(&database, "CREATE OR REPLACE VIEW v AS SELECT a, b FROM t WHERE a > 0").await;
    let drift = now.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.to_string().contains("view public.v: changed"), "{drift}");
}

#[tokio::test]
async fn migrations_that_others_replace_count_where_they_are_applied() {
    let (a, b) = ("CREATE TABLE t (a int);", "ALTER TABLE t ADD b int;");
    let old = Set::from_folder(folder_of(&[("1_a.sql", a), ("2_b.sql", b)]).path()).unwrap();
    let whole = "-- migrate: replaces=1..2\nCREATE TABLE t (a int, b int);";
    let squashed =
        Set::from_folder(folder_of(&[("3_whole.sql", whole), ("4_c.sql", "CREATE TABLE c ();")]).path());
    let squashed = Migrator::new(squashed.unwrap());
    let database = database().await;
    Migrator::new(old).run(database.url()).await.unwrap();
    for _ in 0..2 {
        let drift = squashed.drift(database.url(), &Comparison::new()).await.unwrap();
        assert!(drift.is_none(), "{drift}");
        squashed.run(database.url()).await.unwrap();
    }
}

#[tokio::test]
async fn a_schema_that_migrations_make_may_be_compared_alone() {
    let database = database().await;
    let migrator =
        Migrator::new(ups(&["CREATE SCHEMA app; CREATE TABLE app.t (id int); CREATE TABLE public.u ();"]));
    migrator.run(database.url()).await.unwrap();
    run(&database, "DROP TABLE public.u; ALTER TABLE app.t ADD x int").await;
    let drift = migrator.drift(database.url(), &Comparison::new().schema("app")).await.unwrap();
    assert!(drift.to_string().ends_with(":\ncolumn t.x: added\n  +integer"), "{drift}");
}

#[tokio::test]
async fn a_tenants_schema_is_there_before_its_migrations() {
    let database = database().await;
    run(&database, "CREATE SCHEMA tenant").await;
    let mut config = database.config();
    config.options("-c search_path=tenant");
    let migrator = Migrator::new(users()).history_schema("ops");
    migrator.run(&config).await.unwrap();
    let drift = migrator.drift(&config, &Comparison::new().schema("tenant")).await.unwrap();
    assert!(drift.is_none(), "{drift}");
}

/// `ALTER DATABASE` settings determine the schema in which migrations create their tables.
#[tokio::test]
async fn the_settings_of_the_database_hold_on_the_scratch_database_too() {
    let database = database().await;
    run(
        &database,
        &format!(
            "CREATE SCHEMA \"my app\"; ALTER DATABASE {} SET search_path = \"my app\", public; \
             ALTER DATABASE {0} SET default_table_access_method = heap",
            database.name()
        ),
    )
    .await;
    let migrator = Migrator::new(users());
    migrator.run(database.url()).await.unwrap();
    run(&database, "SELECT FROM \"my app\".users").await;
    let drift = migrator.drift(database.url(), &Comparison::new()).await.unwrap();
    assert!(drift.is_none(), "{drift}");
}
