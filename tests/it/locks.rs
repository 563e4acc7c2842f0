//! What is said of a statement's locks is what the server takes.

use migrate_core::sql::{LockMode, TableScan, locks};
use migrate_postgres::testing;
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// Tables of every kind that a statement below is about.
const SETUP: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, a int, b text, c varchar(10), d timestamptz, CONSTRAINT chk CHECK (a > 0) NOT VALID);
    CREATE INDEX t_a ON t (a);
    CREATE UNIQUE INDEX t_b ON t (b);
    CREATE TABLE r (id bigint PRIMARY KEY);
    CREATE TABLE child (id bigint, t_id bigint, CONSTRAINT child_fk FOREIGN KEY (t_id) REFERENCES t NOT VALID);
    CREATE TABLE p (id int, v int) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE p2 (id int, v int);
    CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one;
    CREATE UNIQUE INDEX mv_one ON mv (one);
    CREATE VIEW vw AS SELECT 1 AS one;
    CREATE SEQUENCE sq;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
    CREATE POLICY po ON t USING (true);
    INSERT INTO t SELECT i, i, i::text, i::text, now() FROM generate_series(1, 100) i;
    INSERT INTO r SELECT i FROM generate_series(1, 100) i;
";

/// Statements of which all that they lock is to be known.
const STATEMENTS: [&str; 87] = [
    "ALTER TABLE t ADD COLUMN x int",
    "ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 1",
    "ALTER TABLE t ADD COLUMN x numeric(10, 2) DEFAULT 0",
    "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT now()",
    "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT clock_timestamp()",
    "ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE t ADD COLUMN x bigserial",
    "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS (a * 2) STORED",
    "ALTER TABLE t ADD COLUMN x int CHECK (x > 0)",
    "ALTER TABLE t ADD COLUMN x bigint REFERENCES r",
    "ALTER TABLE t ADD x int UNIQUE",
    "ALTER TABLE t ADD COLUMN x int, DROP COLUMN d",
    "ALTER TABLE t DROP COLUMN d",
    "ALTER TABLE t RENAME COLUMN d TO x",
    "ALTER TABLE t RENAME TO x",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 1",
    "ALTER TABLE t ALTER a DROP DEFAULT",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET STATISTICS 10",
    "ALTER TABLE t ALTER COLUMN a SET (n_distinct = 5)",
    "ALTER TABLE t ALTER COLUMN b SET STORAGE EXTERNAL",
    "ALTER TABLE t ALTER COLUMN c TYPE varchar(5)",
    "ALTER TABLE t ALTER COLUMN a TYPE bigint",
    "ALTER TABLE t ADD CONSTRAINT z CHECK (a > 0)",
    "ALTER TABLE t ADD CONSTRAINT z CHECK (a > 0) NOT VALID",
    "ALTER TABLE t VALIDATE CONSTRAINT chk",
    "ALTER TABLE t ADD CONSTRAINT z FOREIGN KEY (id) REFERENCES r (id)",
    "ALTER TABLE t ADD CONSTRAINT z FOREIGN KEY (id) REFERENCES r (id) NOT VALID",
    "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES r ON DELETE CASCADE DEFERRABLE",
    "ALTER TABLE t ADD CONSTRAINT z UNIQUE (a)",
    "ALTER TABLE t ADD CONSTRAINT z UNIQUE USING INDEX t_b",
    "ALTER TABLE r DROP CONSTRAINT r_pkey",
    "ALTER TABLE t DROP CONSTRAINT chk",
    "ALTER TABLE t DISABLE TRIGGER tr",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t FORCE ROW LEVEL SECURITY",
    "ALTER TABLE t SET (fillfactor = 70)",
    "ALTER TABLE t RESET (fillfactor)",
    "ALTER TABLE p1 SET UNLOGGED",
    "ALTER TABLE t REPLICA IDENTITY FULL",
    "ALTER TABLE t CLUSTER ON t_a",
    "ALTER TABLE t OWNER TO CURRENT_USER",
    "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)",
    "ALTER TABLE p DETACH PARTITION p1",
    "ALTER VIEW vw RENAME TO x",
    "ALTER MATERIALIZED VIEW mv RENAME TO x",
    "ALTER SEQUENCE sq INCREMENT 5",
    "ALTER FUNCTION f() STABLE",
    "CREATE INDEX x ON t (d)",
    "CREATE UNIQUE INDEX ON public.t (a, b)",
    "CREATE INDEX ON p (v)",
    "CREATE TABLE x (id bigint, t_id bigint REFERENCES t, r_id bigint REFERENCES r (id))",
    "CREATE TABLE x (LIKE t INCLUDING ALL)",
    "CREATE TABLE x () INHERITS (r)",
    "CREATE TABLE x PARTITION OF p FOR VALUES FROM (10) TO (20)",
    "CREATE TABLE x (id bigint)",
    "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE POLICY x ON t USING (true)",
    "CREATE RULE x AS ON DELETE TO t DO INSTEAD NOTHING",
    "CREATE STATISTICS x ON a, b FROM t",
    "CREATE TYPE x AS ENUM ('a')",
    "CREATE SCHEMA x",
    "CREATE SEQUENCE x",
    "CREATE FUNCTION x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE PUBLICATION x FOR TABLE t, r",
    "DROP INDEX t_a",
    "DROP TABLE p2",
    "DROP VIEW vw",
    "DROP MATERIALIZED VIEW mv",
    "DROP TRIGGER tr ON t",
    "DROP POLICY po ON t",
    "DROP SEQUENCE sq",
    "TRUNCATE p2",
    "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE",
    "LOCK t",
    "INSERT INTO r VALUES (1000)",
    "UPDATE p2 SET v = 1",
    "DELETE FROM p2",
    "REFRESH MATERIALIZED VIEW mv",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY mv",
    "CLUSTER t USING t_a",
    "ANALYZE t",
    "COMMENT ON TABLE t IS 'x'",
    "COMMENT ON COLUMN t.a IS 'x'",
    "GRANT SELECT ON t TO public",
];

/// The strongest lock that this session holds on each relation that was there before, indexes left out.
async fn held(client: &Client) -> BTreeMap<String, LockMode> {
    let sql = "SELECT o.relname::text, l.mode FROM pg_locks l JOIN there o ON o.oid = l.relation \
               WHERE l.pid = pg_backend_pid() AND l.granted AND o.relkind NOT IN ('i', 'I')";
    let mut held = BTreeMap::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let mode = LockMode::from_pg_locks(row.get(1)).unwrap();
        let strongest = held.entry(row.get::<_, String>(0)).or_insert(mode);
        *strongest = mode.max(*strongest);
    }
    held
}

async fn rewritten(client: &Client) -> Vec<String> {
    let sql = "SELECT o.relname::text FROM there o JOIN pg_class c USING (oid) \
               WHERE c.relfilenode <> o.relfilenode AND c.relkind IN ('r', 'm')";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_lock_that_is_told_is_taken_and_every_rewrite_is_told() {
    let database = testing::server().unwrap().database().await.unwrap();
    let client = database.connect().await.unwrap();
    client.batch_execute(SETUP).await.unwrap();
    client
        .batch_execute(
            "CREATE TEMP TABLE there AS SELECT oid, relname, relkind, relfilenode FROM pg_class \
             WHERE relnamespace = 'public'::regnamespace",
        )
        .await
        .unwrap();
    let mut problems = Vec::new();
    for statement in STATEMENTS {
        client
            .batch_execute(&format!("BEGIN; {statement}"))
            .await
            .unwrap_or_else(|e| panic!("{statement}: {e}"));
        let (held, rewritten) = (held(&client).await, rewritten(&client).await);
        client.batch_execute("ROLLBACK").await.unwrap();
        let found = locks(statement);
        assert_ne!(found, migrate_core::sql::Locks::Unknown, "{statement}");
        let told: BTreeMap<&str, _> =
            found.known().iter().map(|lock| (lock.relation.trim_start_matches("public."), lock)).collect();
        for (relation, lock) in &told {
            // An index's own lock is not among those that are looked at.
            if relation.starts_with("t_") {
                continue;
            }
            if held.get(*relation) != Some(&lock.mode) {
                problems.push(format!("{statement}: {lock}, but {:?}", held.get(*relation)));
            }
        }
        for (relation, mode) in &held {
            let noted = found.known().iter().any(|lock| lock.note.is_some());
            let matters = *mode > LockMode::RowShare && !told.contains_key(relation.as_str());
            // Partitions go with what they are of.
            if matters && !noted && !relation.starts_with("p1") {
                problems.push(format!("{statement}: nothing is told of {relation}, in mode {mode}"));
            }
        }
        for relation in &rewritten {
            let toll = told.get(relation.as_str()).map(|lock| lock.toll);
            if toll != Some(TableScan::Rewrite) && !statement.starts_with("TRUNCATE") {
                problems.push(format!("{statement}: {relation} is rewritten, and {toll:?} is told"));
            }
        }
        for (relation, lock) in &told {
            let is_rewritten = rewritten.iter().any(|name| name == relation);
            if lock.toll == TableScan::Rewrite && !is_rewritten && lock.note.is_none() {
                problems.push(format!("{statement}: {relation} is not rewritten, though it is told"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn of_what_runs_code_nothing_is_told() {
    for statement in
        ["DO $$ BEGIN END $$", "CALL p()", "SELECT f()", "DROP SCHEMA s CASCADE", "DROP TYPE e CASCADE"]
    {
        assert_eq!(locks(statement), migrate_core::sql::Locks::Unknown, "{statement}");
    }
}
