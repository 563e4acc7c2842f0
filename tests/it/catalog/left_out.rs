//! Objects that do not belong to the application are left out.

use crate::catalog::Sample;
use migrate_postgres::catalog::{Catalog, Kind, Pattern, Scope};
use migrate_postgres::{LockKind, Migrator};
use migrate_tests::sets;
use std::time::Duration;

#[tokio::test]
async fn what_an_extension_made_is_left_out_and_the_extension_is_not() {
    let sample = Sample::new().await;
    let before = sample.catalog().await;
    sample
        .run("CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION btree_gist SCHEMA ext")
        .await;
    let seen = before.differences(&sample.catalog().await);
    let seen: Vec<String> = seen.iter().map(|one| one.object.to_string()).collect();
    assert_eq!(seen, ["schema ext", "extension btree_gist", "extension hstore"]);
}

#[tokio::test]
async fn a_history_and_a_lease_are_left_out_whatever_they_are_called() {
    let sample = Sample::new().await;
    let before = sample.catalog().await;
    let url = sample.database.url();
    Migrator::new(sets::tables(0)).baseline(url, "1").await.unwrap_err();
    let migrator = Migrator::new(sets::tables(1));
    migrator.run(url).await.unwrap();
    let elsewhere =
        Migrator::new(sets::tables(1).named("other")).history_schema("ops \"x\"").history_table("a b");
    let elsewhere = elsewhere.lock(LockKind::Lease { expiry: Duration::from_secs(30) });
    sample.run("DROP TABLE t1").await;
    elsewhere.run(url).await.unwrap();
    sample.run("DROP TABLE t1").await;
    assert_eq!(before.differences(&sample.catalog().await).to_string(), "");

    // With another object in it, the schema counts.
    sample.run("CREATE TABLE \"ops \"\"x\"\"\".t (id int)").await;
    let seen = before.differences(&sample.catalog().await);
    assert_eq!(seen[0].object.to_string(), "schema \"ops \"\"x\"\"\"");
    assert_eq!(seen.len(), 3, "{seen}");
}

#[tokio::test]
async fn temporary_objects_are_left_out_and_hide_nothing() {
    let sample = Sample::new().await;
    sample.run("CREATE TABLE t (id int); CREATE VIEW v AS SELECT * FROM t").await;
    let before = sample.catalog().await;
    sample.run("CREATE TEMP TABLE t (id text); CREATE TEMP VIEW v AS SELECT 1").await;
    assert_eq!(before.differences(&sample.catalog().await).to_string(), "");
}

#[tokio::test]
async fn what_patterns_ignore_is_left_out_with_all_that_is_of_it() {
    let sample = Sample::new().await;
    let before = sample.catalog().await;
    sample
        .run(
            "CREATE TABLE tmp_a (id serial PRIMARY KEY, name text); CREATE INDEX by_name ON tmp_a (name); \
             COMMENT ON TABLE tmp_a IS 'a'; COMMENT ON INDEX by_name IS 'b'; GRANT SELECT ON tmp_a TO PUBLIC; \
             ALTER TABLE tmp_a ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON tmp_a USING (true)",
        )
        .await;
    let after = sample.catalog().await;
    assert!(before.differences(&after).len() > 8);
    let pattern: Pattern = "public.tmp_*".parse().unwrap();
    assert_eq!(before.differences(&after.ignoring(&[pattern])).to_string(), "");
}

#[tokio::test]
async fn owners_count_only_where_they_are_asked_for() {
    let sample = Sample::new().await;
    let role = format!("owner_{}", sample.database.name());
    sample
        .run(&format!(
            "CREATE TABLE t (id int); CREATE ROLE {role} SUPERUSER; CREATE FOREIGN DATA WRAPPER w; \
             CREATE SERVER s FOREIGN DATA WRAPPER w"
        ))
        .await;
    let with_owners = Scope::database().with_owners();
    let read = async || Catalog::read(&sample.client, &with_owners).await.unwrap();
    let (before, before_with) = (sample.catalog().await, read().await);
    sample
        .run(&format!(
            "ALTER TABLE t OWNER TO {role}; ALTER SERVER s OWNER TO {role}; \
             ALTER FOREIGN DATA WRAPPER w OWNER TO {role}"
        ))
        .await;
    let (after, after_with) = (sample.catalog().await, read().await);
    sample.run(&format!("DROP TABLE t; DROP SERVER s; DROP FOREIGN DATA WRAPPER w; DROP ROLE {role}")).await;
    assert_eq!(before.differences(&after).to_string(), "");
    let differences = before_with.differences(&after_with);
    let kinds: Vec<Kind> = differences.iter().map(|one| one.object.kind()).collect();
    assert_eq!(kinds, [Kind::Table, Kind::ForeignDataWrapper, Kind::ForeignServer]);
    assert!(differences.to_string().contains(&format!("+OWNER {role}")), "{differences}");
}

#[tokio::test]
async fn what_no_replay_can_have_and_what_is_not_modelled_is_listed_and_no_difference() {
    let sample = Sample::new().await;
    sample.run("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w").await;
    let before = sample.catalog().await;
    let database = sample.database.name();
    sample
        .run(&format!(
            "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'hunter2'); \
             ALTER DATABASE \"{database}\" SET app.api_key = 'hunter2'; \
             ALTER DATABASE \"{database}\" SET work_mem = '5MB'; \
             CREATE SUBSCRIPTION sub CONNECTION 'password=hunter2' PUBLICATION p WITH (connect = false, slot_name = NONE); \
             CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; \
             CREATE OPERATOR FAMILY lonely USING btree"
        ))
        .await;
    let after = sample.catalog().await;
    sample.run("DROP SUBSCRIPTION sub").await;
    assert_eq!(before.differences(&after).to_string(), "");
    assert_eq!(before.fingerprint(), after.fingerprint());
    let noted = before.noted_differences(&after).to_string();
    assert!(!format!("{after:?}").contains("hunter2"), "{noted}");
    let headers: Vec<&str> = noted.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        headers,
        [
            "user mapping PUBLIC on s: added",
            "subscription sub: added",
            "settings of the database: added",
            "unmodelled object conversion public.c: added",
            "unmodelled object operator family public.lonely USING btree: added",
        ]
    );
    assert!(noted.contains("+OPTION password") && noted.contains("+work_mem=5MB"), "{noted}");
    assert_eq!(after.unmodelled().count(), 2);
}
