//! Reading one schema, without its name.

use crate::catalog::Sample;
use migrate_postgres::catalog::{Catalog, Kind, Scope};

/// Every object whose definition may contain a schema's name.
pub(crate) const OBJECTS: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TYPE pair AS (a int, m mood);
    CREATE DOMAIN email AS text CHECK (VALUE ~ '@');
    CREATE FUNCTION is_ok(m mood) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE FUNCTION has(p pair, m mood DEFAULT 'ok') RETURNS SETOF mood LANGUAGE sql RETURN (p).m;
    CREATE TABLE users (id bigserial PRIMARY KEY, mail email UNIQUE, m mood DEFAULT 'ok' CHECK (is_ok(m)));
    CREATE TABLE posts (id bigint GENERATED ALWAYS AS IDENTITY, author bigint REFERENCES users, m mood,
        ok bool GENERATED ALWAYS AS (is_ok(m)) STORED);
    CREATE INDEX ok ON posts (is_ok(m)) WHERE is_ok(m);
    CREATE STATISTICS st ON id, author FROM posts;
    CREATE VIEW authors AS SELECT u.*, is_ok(u.m) AS ok FROM users u JOIN posts p ON p.author = u.id;
    CREATE MATERIALIZED VIEW counts AS SELECT author, count(*) FROM posts GROUP BY author;
    CREATE TABLE log (at date, what text) PARTITION BY RANGE (at);
    CREATE TABLE log_2020 PARTITION OF log FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE INDEX log_at ON log (at);
    CREATE TABLE child (x int) INHERITS (users);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW WHEN (is_ok(NEW.m)) EXECUTE FUNCTION touch();
    CREATE RULE quiet AS ON DELETE TO posts WHERE is_ok(old.m) DO ALSO DELETE FROM users WHERE id = old.author;
    CREATE POLICY own ON users USING (is_ok(m) AND EXISTS (SELECT FROM posts WHERE author = users.id));
    CREATE PROCEDURE p(m mood) LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION less(a mood, b mood) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
    CREATE OPERATOR <~ (LEFTARG = mood, RIGHTARG = mood, FUNCTION = less);
    CREATE FUNCTION sad(a mood, b mood) RETURNS mood LANGUAGE sql AS 'SELECT a';
    CREATE AGGREGATE last_mood (mood) (SFUNC = sad, STYPE = mood);
    CREATE TYPE moods AS RANGE (SUBTYPE = mood);
    COMMENT ON COLUMN users.mail IS 'mail';
    GRANT SELECT ON users TO PUBLIC;
";

async fn read(sample: &Sample, schema: &str) -> Catalog {
    Catalog::read(&sample.client, &Scope::schema(schema.to_owned())).await.unwrap()
}

#[tokio::test]
async fn the_same_schema_under_two_names_reads_the_same() {
    let sample = Sample::new().await;
    let hostile = "it's \"a\" schema; -- größer";
    for schema in ["tenant_a", hostile] {
        let quoted = format!("\"{}\"", schema.replace('"', "\"\""));
        sample.run(&format!("CREATE SCHEMA {quoted}; SET search_path = {quoted}")).await;
        sample.run(OBJECTS).await;
    }
    let (a, b) = (read(&sample, "tenant_a").await, read(&sample, hostile).await);
    assert!(a.objects().len() >= 50, "{}", a.objects().len());
    assert_eq!(a.differences(&b).to_string(), "");
    assert_eq!(a, b);
    for object in a.objects() {
        assert!(!format!("{} {}", object.identity(), object.definition()).contains("tenant_a"), "{object:?}");
    }
    assert!(a.find(Kind::Column, "users.mail").is_some());

    // A change to one of them is detected.
    sample.run("ALTER TABLE tenant_a.users ADD age int").await;
    let differences = read(&sample, "tenant_a").await.differences(&b);
    assert_eq!(
        differences.to_string(),
        "column child.age: removed\n  -integer\n  -INHERITED\ncolumn users.age: removed\n  -integer"
    );
}

#[tokio::test]
async fn what_another_schema_has_is_named_with_it() {
    let sample = Sample::new().await;
    sample
        .run(
            "CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE b.users (id int PRIMARY KEY); \
             CREATE TABLE a.posts (author int REFERENCES b.users)",
        )
        .await;
    let catalog = read(&sample, "a").await;
    assert!(catalog.find(Kind::Table, "users").is_none());
    let reference = catalog.find(Kind::Constraint, "posts.posts_author_fkey").unwrap();
    assert_eq!(reference.definition(), "FOREIGN KEY (author) REFERENCES b.users(id)");
}

/// The functions that print definitions query the catalog themselves, using the search path.
#[tokio::test]
async fn an_operator_of_the_schema_is_not_taken_for_postgresqls_own() {
    let sample = Sample::new().await;
    sample
        .run(
            "CREATE SCHEMA trap; SET search_path = trap, pg_catalog; \
             CREATE FUNCTION trap.never(oid, oid) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END'; \
             CREATE FUNCTION trap.never(name, name) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''trapped''; END'; \
             CREATE OPERATOR trap.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = trap.never); \
             CREATE OPERATOR trap.= (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.never); \
             CREATE VIEW trap.v AS SELECT 1 AS a",
        )
        .await;
    let catalog = read(&sample, "trap").await;
    assert!(catalog.find(Kind::View, "v").is_some());
    assert!(catalog.find(Kind::Operator, "=(oid, oid)").is_some());
}

#[tokio::test]
async fn a_schema_that_is_not_there_holds_nothing() {
    let sample = Sample::new().await;
    assert_eq!(read(&sample, "nowhere").await, Catalog::default());
}
