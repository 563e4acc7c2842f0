//! Comparing the rows of two queries.

use crate::operate::support::database;
use migrate_postgres::Error;
use migrate_postgres::operate::{CompareError, RowComparison, RowDifferenceKind, RowDifferences};
use migrate_postgres::testing::Database;
use tokio_postgres::Client;

async fn prepared(sql: &str) -> (Database, Client) {
    let database = database().await;
    let client = database.connect().await.unwrap();
    client.batch_execute(sql).await.unwrap();
    (database, client)
}

fn tables(key: &str) -> RowComparison {
    RowComparison::new("TABLE a", "SELECT * FROM b -- the new one", key.split(','))
}

fn listed(differences: &RowDifferences) -> Vec<String> {
    differences.rows.iter().map(|row| format!("{}: {}", row.key.join(" "), row.kind)).collect()
}

fn refused(error: Error) -> CompareError {
    match error {
        Error::Compare(error) => error,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn equal_rows_have_no_difference_in_whichever_order_they_come() {
    let (_database, client) = prepared(
        "CREATE TABLE a AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 20000) n;
         CREATE TABLE b AS SELECT name, id::bigint FROM a ORDER BY name",
    )
    .await;
    let differences = tables("id").run(&client).await.unwrap();
    assert!(differences.is_empty());
    assert_eq!(
        (differences.first_rows, differences.compared, differences.is_sample),
        (20_000, 20_000, false)
    );
    assert!(differences.to_string().ends_with("; no difference"), "{differences}");
}

#[tokio::test]
async fn rows_that_differ_are_named_by_key_and_columns_and_values_only_by_choice() {
    let (_database, client) = prepared(
        "CREATE TABLE a AS SELECT n AS id, 'n' || n AS name, n % 7 AS kind FROM generate_series(1, 5000) n;
         CREATE TABLE b AS TABLE a;
         UPDATE b SET name = 'other' WHERE id = 17; UPDATE b SET name = NULL, kind = 9 WHERE id = 4711;
         DELETE FROM a WHERE id = 5; DELETE FROM b WHERE id IN (1000, 200)",
    )
    .await;
    let differences = tables("id").run(&client).await.unwrap();
    assert_eq!((differences.only_first, differences.only_second, differences.changed), (2, 1, 2));
    assert_eq!(
        listed(&differences),
        [
            "5: only in the second query",
            "17: name differs",
            "200: only in the first query",
            "1000: only in the first query",
            "4711: name, kind differ"
        ]
    );
    assert!(!format!("{differences:?}").contains("other"));
    let differences = tables("id").with_values().list(2).run(&client).await.unwrap();
    assert_eq!(listed(&differences), ["5: only in the second query", "17: name \"n17\" and \"other\""]);
    assert!(differences.to_string().contains("and 3 more"), "{differences}");
}

#[tokio::test]
async fn values_that_are_equal_in_sql_are_equal_and_others_are_not() {
    let same = [
        ("1.0::numeric", "1.00::numeric"),
        ("1::int", "1::numeric"),
        ("'-0'::float8", "'0'::float8"),
        ("'NaN'::float8", "'NaN'::float8"),
        ("0.1::real", "0.1::real"),
        ("'a'::char(4)", "'a'::char(2)"),
        ("'a'::varchar(4)", "'a'::text"),
        ("'{\"a\": 1,  \"b\": 2}'::json", "'{\"b\": 2, \"a\": 1}'::jsonb"),
        ("'2026-01-01 12:00+01'::timestamptz", "'2026-01-01 11:00+00'::timestamptz"),
        ("'infinity'::timestamp", "'infinity'::timestamp"),
        ("'\\x00ff'::bytea", "'\\x00FF'::bytea"),
        ("NULL::int", "NULL::bigint"),
        ("ARRAY[1, NULL]", "ARRAY[1, NULL]"),
    ];
    let other = [
        ("NULL::text", "''::text"),
        ("'NULL'::text", "NULL::text"),
        ("0.1::float8", "0.30000000000000004::float8 - 0.2"),
        ("1::numeric", "1.0000000000000000000001::numeric"),
        ("'a'::text", "'a '::text"),
        ("'\\x'::bytea", "NULL::bytea"),
        ("'null'::jsonb", "NULL::jsonb"),
        ("ROW('a,b', 'c')::text", "ROW('a', 'b,c')::text"),
    ];
    let (_database, client) = prepared("SELECT").await;
    let pairs = same.iter().map(|pair| (pair, true)).chain(other.iter().map(|pair| (pair, false)));
    for ((first, second), is_same) in pairs {
        let query = |value: &str| format!("SELECT 1 AS id, {value} AS v");
        let comparison = RowComparison::new(query(first), query(second), ["id"]);
        let differences = comparison.run(&client).await.unwrap_or_else(|error| panic!("{first}: {error}"));
        assert_eq!(differences.is_empty(), is_same, "{first} {second}: {differences}");
    }
    // The text of a value does not depend on the session.
    client
        .batch_execute("SET timezone = 'Asia/Tokyo'; SET datestyle = 'German'; SET bytea_output = 'escape'")
        .await
        .unwrap();
    let query = "SELECT 1 AS id, '2026-01-01 12:00+01'::timestamptz AS at, '\\x00ff'::bytea AS bytes";
    let differs = "SELECT 1 AS id, '2026-01-01 12:00+02'::timestamptz AS at, '\\x00ff'::bytea AS bytes";
    let shown = RowComparison::new(query, differs, ["id"]).with_values().run(&client).await.unwrap();
    assert_eq!(listed(&shown), ["1: at \"2026-01-01 11:00:00+00\" and \"2026-01-01 10:00:00+00\""]);
}

#[tokio::test]
async fn keys_of_several_columns_and_of_texts_are_compared_whatever_their_collation() {
    let (_database, client) = prepared(
        "CREATE TABLE a (tenant uuid, name text COLLATE \"C\", n int, PRIMARY KEY (tenant, name));
         CREATE TABLE b (tenant uuid, name text, n int, PRIMARY KEY (tenant, name));
         INSERT INTO a SELECT md5((n % 3)::text)::uuid, chr(65 + n % 57) || 'é''\\' || n, n FROM generate_series(1, 3000) n;
         INSERT INTO b TABLE a; UPDATE b SET n = -1 WHERE n = 2000",
    )
    .await;
    let differences = tables("tenant,name").run(&client).await.unwrap();
    assert_eq!((differences.count(), differences.changed), (1, 1));
    assert_eq!(differences.rows[0].kind.to_string(), "n differs");
}

#[tokio::test]
async fn a_key_of_a_domain_over_a_domain_is_of_the_type_at_its_end() {
    let (_database, client) = prepared(
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN number AS positive;
         CREATE TABLE a (id number, v int); CREATE TABLE b (id bigint, v int);
         INSERT INTO a VALUES (1, 1), (2, 2); INSERT INTO b TABLE a; UPDATE b SET v = 3 WHERE id = 2",
    )
    .await;
    assert_eq!(listed(&tables("id").run(&client).await.unwrap()), ["2: v differs"]);
}

#[tokio::test]
async fn a_sample_compares_the_same_keys_on_both_sides_and_counts_all() {
    let (_database, client) = prepared(
        "CREATE TABLE a AS SELECT n AS id, n AS v FROM generate_series(1, 10000) n; CREATE TABLE b AS TABLE a",
    )
    .await;
    let differences = tables("id").sample(500).run(&client).await.unwrap();
    assert!(differences.is_sample && differences.is_empty(), "{differences}");
    assert!((300..700).contains(&differences.compared), "{differences}");
    assert_eq!(differences.first_rows, 10_000);
    client.batch_execute("UPDATE b SET v = 0; INSERT INTO b VALUES (10001, 1)").await.unwrap();
    let differences = tables("id").sample(500).run(&client).await.unwrap();
    assert!((300..700).contains(&differences.changed), "{differences}");
    assert_eq!((differences.first_rows, differences.second_rows), (10_000, 10_001));
    let all = tables("id").sample(20_000).run(&client).await.unwrap();
    assert_eq!((all.is_sample, all.changed, all.only_second), (false, 10_000, 1));
}

/// More rows differ than are read at once. Two scans of each side find them.
#[tokio::test]
async fn rows_that_all_differ_are_counted_without_holding_them_all() {
    let (_database, client) = prepared(
        "CREATE TABLE a AS SELECT n AS id, n AS v FROM generate_series(1, 150000) n;
         CREATE TABLE b AS SELECT id, v + 1 AS v FROM a",
    )
    .await;
    let differences = tables("id").list(3).stop_after(u64::MAX).run(&client).await.unwrap();
    assert_eq!((differences.changed, differences.count(), differences.rows.len()), (150_000, 150_000, 3));
    assert_eq!(listed(&differences), ["1: v differs", "2: v differs", "3: v differs"]);
    let cut = tables("id").list(1).stop_after(1000).run(&client).await.unwrap();
    assert!(cut.is_cut && cut.changed == 1000, "{cut}");
    assert!(cut.to_string().contains("and at least 999 more"), "{cut}");
    assert!(
        cut.to_string()
            .ends_with("at least 0 only in the first, 0 only in the second, 1000 with other values"),
        "{cut}"
    );
}

#[tokio::test]
async fn both_sides_see_one_moment_also_over_two_connections_to_one_database() {
    let (database, client) =
        prepared("CREATE TABLE a AS SELECT 1 AS id, 1 AS v; CREATE TABLE b AS TABLE a").await;
    // Each query of the first session takes a while, in which another session changes both tables.
    let slow = RowComparison::new("SELECT a.* FROM a, pg_sleep(0.2)", "TABLE b", ["id"]);
    let writing = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        client.batch_execute("UPDATE b SET v = 2; INSERT INTO b VALUES (2, 2)").await.unwrap();
    };
    let comparing = slow.run_between(database.url(), database.url());
    let (differences, ()) = tokio::join!(comparing, writing);
    let differences = differences.unwrap();
    assert!(differences.is_empty() || differences.count() == 2, "one moment, before or after: {differences}");
    assert_eq!(tables("id").run(&client).await.unwrap().count(), 2);
}

#[tokio::test]
async fn two_databases_are_compared() {
    let (first, client) = prepared("CREATE TABLE a AS SELECT 1 AS id, 'x' AS v").await;
    let (second, _other) = prepared("CREATE TABLE b AS SELECT 1 AS id, 'y' AS v").await;
    let differences = tables("id").run_between(&client, second.url()).await.unwrap();
    assert_eq!(differences.changed, 1);
    // Neither side has a transaction left.
    client.batch_execute("BEGIN; COMMIT").await.unwrap();
    drop(first);
}

#[tokio::test]
async fn what_can_not_be_compared_is_named() {
    let (database, client) = prepared(
        "CREATE TABLE a (id int, tenant int, v text); CREATE TABLE b (id int, tenant int, v text);
         INSERT INTO a VALUES (1, 1, 'a'), (1, 2, 'b'); INSERT INTO b TABLE a",
    )
    .await;
    let text = async |first: &str, second: &str, key: &str| {
        let comparison = RowComparison::new(first, second, key.split(',').filter(|name| !name.is_empty()));
        let error = comparison.run(&client).await.unwrap_err().to_string();
        error.lines().next().unwrap_or_default().to_owned()
    };
    let [a, b] = ["TABLE a", "TABLE b"];
    for (first, second, key, expected) in [
        (a, b, "id", "the first query returns several rows with the key 1"),
        (a, b, "", "no column is named as the key"),
        (a, b, "number", "the first query returns no column number: it returns id, tenant, v"),
        (
            a,
            "SELECT id, tenant FROM b",
            "id,tenant",
            "the queries return different columns; only the first has v",
        ),
        (
            a,
            "SELECT id::text, tenant, v FROM b",
            "id,tenant",
            "the key id is integer in the first query and text in the second",
        ),
        (
            a,
            "SELECT id, tenant, now() AS v FROM b",
            "id,tenant",
            "the column v is text in the first query and timestamp with time zone",
        ),
        (a, "SELECT *, 1 AS id FROM b", "id", "the second query returns two columns id"),
        (
            "SELECT NULL::int AS id",
            "SELECT 1 AS id",
            "id",
            "the first query returns a row in which a column of the key is NULL",
        ),
        ("DELETE FROM a RETURNING *", b, "id", "the first text is not one SELECT, VALUES or TABLE"),
        (a, "TABLE b; DROP TABLE b", "id", "the second text is not one SELECT"),
        (a, "", "id", "the second text is not one SELECT"),
        (
            a,
            "TABLE nothing",
            "id",
            "the second query fails: relation \"nothing\" does not exist (SQLSTATE 42P01)",
        ),
        (
            "SELECT 1 AS id, v::int AS v FROM a",
            "SELECT 1 AS id, 1 AS v",
            "id",
            "the first query fails: a value is not valid",
        ),
    ] {
        let found = text(first, second, key).await;
        assert!(found.contains(expected), "{expected}: {found}");
    }
    client.batch_execute("BEGIN").await.unwrap();
    assert!(matches!(tables("id").run(&client).await, Err(Error::InTransaction)));
    client.batch_execute("ROLLBACK").await.unwrap();
    let error = refused(tables("id").run(database.url()).await.unwrap_err());
    assert!(matches!(error, CompareError::DuplicateKey { ref key, .. } if *key == ["1"]), "{error}");
    let differences = tables("id,tenant").run(&client).await.unwrap();
    assert!(!differences.rows.iter().any(|row| matches!(row.kind, RowDifferenceKind::OnlyFirst)));
}
