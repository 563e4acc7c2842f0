//! Each rule: where it speaks, and where it is silent.

use crate::support::{findings, found, ids};
use migrate_core::lint::{LintOptions, OptIn, Risk, rule, rules};
use std::collections::BTreeSet;

/// The schema before the statement.
const BEFORE: &str = "CREATE TABLE r (id bigint PRIMARY KEY, small int);
    CREATE TABLE t (id bigint PRIMARY KEY, a int, n int NOT NULL DEFAULT 1, v varchar(50), d numeric(10,2), e timestamp,
        r bigint REFERENCES r (id), k int, CONSTRAINT k_set CHECK (k IS NOT NULL), w int, CONSTRAINT w_set CHECK (w > 0) NOT VALID);
    CREATE INDEX t_a ON t (a); CREATE INDEX t_e ON t (e); CREATE INDEX t_r ON t (r);
    CREATE UNIQUE INDEX t_u ON t (a); CREATE UNIQUE INDEX t_un ON t (n);
    CREATE TABLE p (id int NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p_rest PARTITION OF p DEFAULT;
    CREATE TABLE q (id int NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE p2 (id int NOT NULL);
    CREATE DOMAIN dm AS int; CREATE DOMAIN dmc AS int CHECK (VALUE > 0); CREATE TABLE uses (x dm);
    CREATE VIEW vw AS SELECT id FROM t; CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
    CREATE TYPE mood AS ENUM ('a'); CREATE SEQUENCE sq;
    CREATE FUNCTION fn() RETURNS int LANGUAGE sql AS 'SELECT 1';";

/// Rule, a script in which it finds something, and one in which it finds nothing.
const CASES: &[(&str, &str, &str)] = &[
    ("index-not-concurrent", "CREATE INDEX i ON t (n)", "CREATE INDEX CONCURRENTLY i ON t (n)"),
    ("drop-index-not-concurrent", "DROP INDEX t_a", "DROP INDEX CONCURRENTLY t_a"),
    ("reindex-not-concurrent", "REINDEX (CONCURRENTLY false) TABLE t", "REINDEX (CONCURRENTLY) TABLE t"),
    (
        "unique-builds-index",
        "ALTER TABLE t ADD UNIQUE (a)",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX t_u",
    ),
    ("unique-builds-index", "ALTER TABLE t ADD z int UNIQUE", "ALTER TABLE t ADD z int"),
    ("primary-key-builds-index", "ALTER TABLE p2 ADD PRIMARY KEY (id)", "ALTER TABLE p2 ADD z int"),
    (
        "primary-key-using-nullable",
        "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY USING INDEX t_u",
        "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY USING INDEX t_un",
    ),
    (
        "exclude-builds-index",
        "ALTER TABLE t ADD EXCLUDE USING btree (a WITH =)",
        "ALTER TABLE t ADD CHECK (a > 0) NOT VALID",
    ),
    ("check-scans", "ALTER TABLE t ADD CHECK (a > 0)", "ALTER TABLE t ADD CHECK (a > 0) NOT VALID"),
    ("check-scans", "ALTER TABLE t ADD z int CHECK (z > 0)", "ALTER TABLE t ADD z int"),
    ("not-null-scans", "ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER k SET NOT NULL"),
    (
        "foreign-key-scans",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID",
    ),
    (
        "foreign-key-scans",
        "ALTER TABLE t ADD z bigint DEFAULT 1 REFERENCES r",
        "ALTER TABLE t ADD z bigint REFERENCES r",
    ),
    ("type-rewrites", "ALTER TABLE t ALTER a TYPE bigint", "ALTER TABLE t ALTER v TYPE varchar(100)"),
    ("type-rebuilds-index", "ALTER TABLE t ALTER a TYPE oid", "ALTER TABLE t ALTER n TYPE int"),
    ("type-rescans-checks", "ALTER TABLE t ALTER k TYPE int", "ALTER TABLE t ALTER w TYPE int"),
    ("type-timezone", "ALTER TABLE t ALTER e TYPE timestamptz", "ALTER TABLE t ALTER e TYPE timestamp"),
    ("type-locks-referenced", "ALTER TABLE t ALTER r TYPE int", "ALTER TABLE t ALTER a TYPE bigint"),
    ("domain-constraint", "ALTER DOMAIN dm SET NOT NULL", "ALTER DOMAIN dm ADD CHECK (VALUE > 0) NOT VALID"),
    (
        "attach-partition-scans",
        "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)",
        "ALTER TABLE p DETACH PARTITION p1",
    ),
    (
        "partition-of-with-default",
        "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (10) TO (20)",
        "CREATE TABLE np (id int) PARTITION BY RANGE (id); CREATE TABLE np1 PARTITION OF np DEFAULT",
    ),
    (
        "detach-not-concurrent",
        "ALTER TABLE p DETACH PARTITION p1",
        "ALTER TABLE q DETACH PARTITION q1 CONCURRENTLY",
    ),
    ("set-logged", "ALTER TABLE t SET UNLOGGED", "ALTER TABLE t SET (fillfactor = 70)"),
    ("rewrite-table", "VACUUM FULL t", "VACUUM t"),
    ("rewrite-table", "CLUSTER t USING t_a", "ALTER TABLE t CLUSTER ON t_a"),
    ("rewrite-table", "VACUUM FULL", "VACUUM"),
    ("refresh-blocks-reads", "REFRESH MATERIALIZED VIEW mv", "REFRESH MATERIALIZED VIEW CONCURRENTLY mv"),
    ("short-lock", "ALTER TABLE t ADD z int", "CREATE TABLE z ()"),
    (
        "volatile-default",
        "ALTER TABLE t ADD z uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE t ADD z timestamptz DEFAULT now()",
    ),
    (
        "volatile-default",
        "ALTER TABLE t ADD z float8[] DEFAULT CAST(ARRAY[random()] AS float8[])",
        "ALTER TABLE t ADD z int[] DEFAULT CAST(ARRAY[] AS int[])",
    ),
    (
        "volatile-default",
        "ALTER TABLE t ADD z float8[] DEFAULT ARRAY[random()]",
        "ALTER TABLE t ADD z text DEFAULT lower('X')",
    ),
    ("serial-column", "ALTER TABLE t ADD z bigserial", "ALTER TABLE t ADD z bigint"),
    (
        "identity-column",
        "ALTER TABLE t ADD z bigint GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE t ADD z bigint",
    ),
    (
        "stored-generated-column",
        "ALTER TABLE t ADD z int GENERATED ALWAYS AS (a * 2) STORED",
        "ALTER TABLE t ADD z int GENERATED ALWAYS AS (a * 2) VIRTUAL",
    ),
    ("constrained-domain-column", "ALTER TABLE t ADD z dmc", "ALTER TABLE t ADD z dm"),
    (
        "validate-in-same-transaction",
        "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c",
        "ALTER TABLE t VALIDATE CONSTRAINT w_set",
    ),
    (
        "slow-after-lock",
        "ALTER TABLE t ADD z int; UPDATE t SET z = a",
        "UPDATE t SET a = 1 WHERE id = 1; ALTER TABLE t ADD z int",
    ),
    ("backfill-in-transaction", "UPDATE t SET a = 1 WHERE 1 = 1", "UPDATE t SET a = 1 WHERE id = 1"),
    ("insert-select", "INSERT INTO t SELECT * FROM r", "INSERT INTO t VALUES (1)"),
    (
        "several-tables-in-one-transaction",
        "ALTER TABLE t ADD z int; ALTER TABLE r ADD z int",
        "ALTER TABLE t ADD z int; ALTER TABLE t ADD y int",
    ),
    (
        "several-tables-in-one-transaction",
        "ALTER TABLE t ADD z int; ALTER TABLE r ADD z int",
        "-- migrate: transaction=none\nALTER TABLE t ADD z int; ALTER TABLE r ADD z int",
    ),
    (
        "lock-timeout-off",
        "SET LOCAL lock_timeout = 0; ALTER TABLE t ADD z int",
        "SET LOCAL lock_timeout = '5s'; ALTER TABLE t ADD z int",
    ),
    (
        "lock-timeout-off",
        "SET lock_timeout = '2 min'; ALTER TABLE t ADD z int",
        "SET lock_timeout = '2 min'; SELECT 1",
    ),
    (
        "lock-timeout-off",
        "SET lock_timeout TO DEFAULT; ALTER TABLE t ADD z int",
        "SET statement_timeout = 0; ALTER TABLE t ADD z int",
    ),
    (
        "lock-timeout-off",
        "RESET lock_timeout; ALTER TABLE t ADD z int",
        "RESET role; ALTER TABLE t ADD z int",
    ),
    (
        "lock-timeout-off",
        "SELECT set_config('lock_timeout', '1h', true); ALTER TABLE t ADD z int",
        "SELECT set_config('lock_timeout', '1.5s', true); ALTER TABLE t ADD z int",
    ),
    (
        "lock-timeout-off",
        "-- migrate: lock_timeout=0\nALTER TABLE t ADD z int",
        "-- migrate: lock_timeout=0\nCREATE INDEX CONCURRENTLY i ON t (n)",
    ),
    (
        "lock-timeout-off",
        "-- migrate: lock_timeout=1h\nALTER TABLE t ADD z int",
        "-- migrate: lock_timeout=1min\nALTER TABLE t ADD z int",
    ),
    (
        "concurrently-mixed",
        "CREATE INDEX CONCURRENTLY i ON t (n); ALTER TABLE t ADD z int",
        "CREATE INDEX CONCURRENTLY i ON t (n); DROP INDEX CONCURRENTLY t_a",
    ),
    (
        "concurrently-if-not-exists",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (n)",
        "CREATE INDEX CONCURRENTLY i ON t (n)",
    ),
    (
        "commit-in-script",
        "BEGIN; INSERT INTO r VALUES (1); COMMIT; INSERT INTO r VALUES (2)",
        "BEGIN; INSERT INTO r VALUES (1); COMMIT",
    ),
    ("commit-in-script", "INSERT INTO r VALUES (1); ROLLBACK", "SAVEPOINT s; SELECT 1; ROLLBACK TO s"),
    (
        "enum-value-used-early",
        "ALTER TYPE mood ADD VALUE 'b'; INSERT INTO t (v) VALUES ('b')",
        "ALTER TYPE mood ADD VALUE 'b' AFTER 'a'; INSERT INTO t (v) VALUES ('a')",
    ),
    ("dynamic-sql", "DO $$ BEGIN PERFORM 1; END $$", "SELECT 1"),
    ("session-command", "DISCARD TEMP", "SELECT 1"),
    (
        "create-trigger",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TABLE z (); CREATE TRIGGER g BEFORE INSERT ON z FOR EACH ROW EXECUTE FUNCTION f()",
    ),
    ("disable-trigger", "ALTER TABLE t DISABLE TRIGGER ALL", "ALTER TABLE t ENABLE TRIGGER ALL"),
    ("lock-table", "LOCK TABLE t", "LOCK TABLE t IN ACCESS SHARE MODE"),
    ("drop-table", "DROP TABLE t", "CREATE TABLE z (); DROP TABLE z"),
    ("drop-column", "ALTER TABLE t DROP COLUMN a", "ALTER TABLE t ADD z int; ALTER TABLE t DROP z"),
    ("drop-schema", "DROP SCHEMA s", "CREATE SCHEMA s; DROP SCHEMA s"),
    ("drop-database", "DROP DATABASE d", "SELECT 1"),
    ("drop-owned", "DROP OWNED BY bob", "REASSIGN OWNED BY bob TO eve"),
    ("truncate", "TRUNCATE t", "CREATE TABLE z (); TRUNCATE z"),
    ("delete-all-rows", "DELETE FROM t WHERE true", "DELETE FROM t WHERE id = 1"),
    (
        "delete-all-rows",
        "WITH gone AS (DELETE FROM t RETURNING a) SELECT count(*) FROM gone",
        "WITH gone AS (DELETE FROM t WHERE id = 1 RETURNING a) SELECT count(*) FROM gone",
    ),
    ("delete-all-rows", "DELETE FROM t USING r", "DELETE FROM t USING r WHERE r.id = t.r"),
    ("overwrite-values", "UPDATE t SET a = 1 WHERE id IS NOT NULL", "UPDATE t SET a = 1 WHERE a IS NOT NULL"),
    ("overwrite-values", "UPDATE t SET a = r.id FROM r", "UPDATE t SET a = r.id FROM r WHERE r.id = t.r"),
    ("overwrite-values", "UPDATE t SET a = 1", "ALTER TABLE t ADD z int; UPDATE t SET z = a"),
    ("delete-rows", "DELETE FROM t WHERE id = 1", "DELETE FROM t"),
    (
        "delete-rows",
        "WITH gone AS (DELETE FROM t WHERE id = 1 RETURNING a) SELECT count(*) FROM gone",
        "WITH gone AS (DELETE FROM t RETURNING a) SELECT count(*) FROM gone",
    ),
    (
        "delete-rows",
        "MERGE INTO t USING r ON t.r = r.id WHEN MATCHED THEN DELETE",
        "MERGE INTO t USING r ON t.r = r.id WHEN MATCHED THEN UPDATE SET a = 1",
    ),
    ("drop-cascade", "DROP VIEW vw CASCADE", "DROP VIEW vw"),
    ("drop-cascade", "TRUNCATE r CASCADE", "TRUNCATE r, t"),
    ("drop-key", "ALTER TABLE t DROP CONSTRAINT t_pkey", "ALTER TABLE t DROP CONSTRAINT k_set"),
    ("drop-object", "DROP VIEW vw", "CREATE VIEW z AS SELECT 1; DROP VIEW z"),
    ("drop-object", "DROP FUNCTION f(int)", "-- migrate: phase=contract\nDROP FUNCTION f(int)"),
    ("drop-sequence", "DROP SEQUENCE sq", "CREATE SEQUENCE z; DROP SEQUENCE z"),
    ("drop-extension", "DROP EXTENSION hstore", "CREATE EXTENSION hstore"),
    ("type-narrows", "ALTER TABLE t ALTER d TYPE numeric(10,1)", "ALTER TABLE t ALTER d TYPE numeric(12,2)"),
    ("type-narrows", "ALTER TABLE t ALTER d TYPE numeric(10,-2)", "ALTER TABLE t ALTER d TYPE numeric(13,2)"),
    (
        "type-narrows",
        "ALTER TABLE t ALTER e TYPE date USING e::date",
        "ALTER TABLE t ALTER e TYPE timestamptz",
    ),
    ("type-narrows", "ALTER TABLE t ALTER v TYPE varchar(20)", "ALTER TABLE t ALTER v TYPE varchar(100)"),
    ("rename-table", "ALTER TABLE t RENAME TO t2", "-- migrate: phase=contract\nALTER TABLE t RENAME TO t2"),
    ("rename-column", "ALTER TABLE t RENAME a TO b", "CREATE TABLE z (a int); ALTER TABLE z RENAME a TO b"),
    ("rename-object", "ALTER VIEW vw RENAME TO v2", "ALTER INDEX t_a RENAME TO t_b"),
    ("rename-object", "ALTER TYPE mood RENAME VALUE 'a' TO 'z'", "ALTER TYPE mood ADD VALUE 'z'"),
    ("rename-object", "ALTER FUNCTION f(int) RENAME TO g", "ALTER FUNCTION f(int) STABLE"),
    ("set-schema", "ALTER TABLE t SET SCHEMA other", "CREATE TABLE z (); ALTER TABLE z SET SCHEMA other"),
    ("add-required-column", "ALTER TABLE t ADD z int NOT NULL", "ALTER TABLE t ADD z int NOT NULL DEFAULT 0"),
    ("drop-default", "ALTER TABLE t ALTER n DROP DEFAULT", "ALTER TABLE t ALTER a DROP DEFAULT"),
    (
        "default-changed",
        "ALTER TABLE t ALTER a SET DEFAULT 1",
        "ALTER TABLE t ADD z int; ALTER TABLE t ALTER z SET DEFAULT 1",
    ),
    (
        "not-null-dropped",
        "ALTER TABLE t ALTER n DROP NOT NULL",
        "CREATE TABLE z (n int NOT NULL); ALTER TABLE z ALTER n DROP NOT NULL",
    ),
    (
        "new-write-restriction",
        "ALTER TABLE t ADD CHECK (a > 0) NOT VALID",
        "-- migrate: phase=contract\nALTER TABLE t ADD CHECK (a > 0) NOT VALID",
    ),
    (
        "cached-plan",
        "ALTER TABLE t ALTER v TYPE text",
        "CREATE TABLE z (v int); ALTER TABLE z ALTER v TYPE text",
    ),
    ("row-security", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t DISABLE ROW LEVEL SECURITY"),
    (
        "row-security",
        "CREATE POLICY p ON t AS RESTRICTIVE USING (a > 0)",
        "CREATE POLICY p ON t USING (a > 0)",
    ),
    (
        "row-security",
        "ALTER POLICY p ON t USING (a > 0)",
        "CREATE TABLE z (); ALTER POLICY p ON z USING (true)",
    ),
    (
        "new-write-restriction",
        "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
        "CREATE INDEX CONCURRENTLY i ON t (a)",
    ),
    (
        "new-write-restriction",
        "ALTER DOMAIN dm ADD CHECK (VALUE > 0) NOT VALID",
        "ALTER DOMAIN dm DROP NOT NULL",
    ),
    (
        "definition-replaced",
        "CREATE OR REPLACE VIEW vw AS SELECT id FROM t",
        "CREATE OR REPLACE VIEW other AS SELECT id FROM t",
    ),
    (
        "definition-replaced",
        "CREATE OR REPLACE FUNCTION fn() RETURNS int LANGUAGE sql AS 'SELECT 2'",
        "CREATE FUNCTION fn(int) RETURNS int LANGUAGE sql AS 'SELECT 2'",
    ),
    (
        "rename-object",
        "ALTER TABLE t RENAME CONSTRAINT t_pkey TO k",
        "ALTER TABLE t RENAME CONSTRAINT k_set TO k",
    ),
    (
        "catalog-edited",
        "DELETE FROM pg_enum WHERE enumlabel = 'a'",
        "CREATE TABLE pg_mine (); DELETE FROM pg_mine",
    ),
    ("revoke", "REVOKE SELECT ON t FROM app", "GRANT SELECT ON t TO app"),
    (
        "contract-in-expand",
        "-- migrate: phase=expand\nDROP TABLE t",
        "-- migrate: phase=contract\nDROP TABLE t",
    ),
    (
        "fk-without-index",
        "ALTER TABLE t ADD FOREIGN KEY (w) REFERENCES r NOT VALID",
        "ALTER TABLE t ADD FOREIGN KEY (w) REFERENCES r NOT VALID; CREATE INDEX ON t (w)",
    ),
    (
        "fk-type-mismatch",
        "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES r NOT VALID",
        "ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES r NOT VALID",
    ),
    ("no-primary-key", "CREATE TABLE z (a int)", "CREATE TABLE z (a int); ALTER TABLE z ADD PRIMARY KEY (a)"),
    ("no-primary-key", "CREATE TABLE z (a int)", "CREATE TABLE z PARTITION OF q DEFAULT"),
    ("int-primary-key", "CREATE TABLE z (a serial PRIMARY KEY)", "CREATE TABLE z (a bigserial PRIMARY KEY)"),
    (
        "int-primary-key",
        "CREATE TABLE z (a int, PRIMARY KEY (a))",
        "CREATE TABLE z (a int, b int, PRIMARY KEY (a, b))",
    ),
    ("int-primary-key", "ALTER TABLE r ADD PRIMARY KEY (small)", "ALTER TABLE r ADD PRIMARY KEY (id)"),
    ("duplicate-index", "CREATE INDEX i ON t (a)", "CREATE INDEX i ON t (a, n)"),
    ("duplicate-index", "CREATE INDEX i ON t (id)", "CREATE INDEX i ON t (id) WHERE a > 0"),
    ("duplicate-index", "CREATE INDEX i ON t (a)", "CREATE INDEX i ON t USING hash (a)"),
    ("wide-index", "CREATE INDEX i ON t (a, n, v, d)", "CREATE INDEX i ON t (a, n, v) INCLUDE (d)"),
    ("discouraged-type", "CREATE TABLE z (a char(3))", "CREATE TABLE z (a text)"),
    ("discouraged-type", "ALTER TABLE t ADD z timestamp", "ALTER TABLE t ADD z timestamptz"),
    (
        "discouraged-type",
        "ALTER TABLE t ALTER v TYPE json USING v::json",
        "ALTER TABLE t ALTER v TYPE jsonb USING v::jsonb",
    ),
    ("discouraged-type", "CREATE TABLE z (a timestamptz(0))", "CREATE TABLE z (a timestamptz(3))"),
    ("unqualified-name", "ALTER TABLE t ADD z int", "ALTER TABLE public.t ADD z int"),
    ("unqualified-name", "INSERT INTO t VALUES (1)", "SET search_path = app; INSERT INTO t VALUES (1)"),
    ("unlogged-table", "CREATE UNLOGGED TABLE z ()", "CREATE TABLE z ()"),
    ("unnamed-constraint", "ALTER TABLE t ADD CHECK (a > 0)", "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)"),
    ("unnamed-constraint", "CREATE TABLE z (a int UNIQUE)", "CREATE TABLE z (a int NOT NULL PRIMARY KEY)"),
    ("create-extension", "CREATE EXTENSION hstore", "DROP EXTENSION hstore"),
    (
        "unique-instead-of-key",
        "CREATE TABLE z (a int UNIQUE NOT NULL)",
        "CREATE TABLE z (a int UNIQUE NOT NULL, b int PRIMARY KEY)",
    ),
    ("mixed-case-name", "CREATE TABLE \"Users\" ()", "CREATE TABLE Users ()"),
    ("mixed-case-name", "ALTER TABLE t RENAME a TO \"userId\"", "ALTER TABLE t RENAME a TO \"user\""),
    (
        "duplicate-assignment",
        "INSERT INTO t (a, a) VALUES (1, 2)",
        "UPDATE t SET a[1] = 1, a[2] = 2, b.x = 1, b.y = 2",
    ),
    ("duplicate-assignment", "UPDATE t SET a = 1, A = 2", "UPDATE t SET a = 1, n = 2"),
    ("create-enum", "CREATE TYPE m AS ENUM ('a')", "CREATE TYPE m AS (a int)"),
    (
        "separate-alters",
        "ALTER TABLE t ADD y int; ALTER TABLE t ADD z int",
        "ALTER TABLE t ADD y int; ALTER TABLE r ADD z int",
    ),
    (
        "separate-alters",
        "ALTER TABLE t ADD y int; ALTER TABLE t ADD z int",
        "ALTER TABLE t ADD y int; ALTER TABLE t VALIDATE CONSTRAINT w_set",
    ),
    ("concurrently-on-14", "CREATE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX i ON t (a)"),
    ("table-inheritance", "CREATE TABLE z () INHERITS (t)", "CREATE TABLE z (LIKE t)"),
    (
        "column-order",
        "CREATE TABLE z (a bool, b bigint, c bool, d bigint)",
        "CREATE TABLE z (b bigint, d bigint, a bool, c bool)",
    ),
    ("missing-verify", "UPDATE t SET a = 1 WHERE id = 1", "CREATE TABLE z (a int); INSERT INTO z VALUES (1)"),
    (
        "long-identifier",
        "CREATE TABLE a_name_of_more_than_sixty_three_bytes_which_no_server_keeps_as_it_is ()",
        "CREATE TABLE a_name_of_sixty_three_bytes_is_kept_by_every_server_as_it_is_xy ()",
    ),
    // In its own test.
    ("down-loses-data", "", ""),
    ("unused-allow", "-- migrate: allow=drop-table\nSELECT 1", "-- migrate: allow=drop-table\nDROP TABLE t"),
    (
        "reason-missing",
        "-- migrate: allow=drop-table\nDROP TABLE t",
        "-- migrate: allow=drop-table reason=\"unused\"\nDROP TABLE t",
    ),
    (
        "unknown-rule",
        "-- migrate: allow=drop-tables\nDROP TABLE t",
        "-- migrate: allow=drop-table\nDROP TABLE t",
    ),
];

#[test]
fn each_rule_speaks_where_it_should_and_is_silent_where_it_should() {
    let mut wrong = Vec::new();
    for (id, speaks, silent) in CASES.iter().filter(|(id, ..)| *id != "down-loses-data") {
        let opt_in = if rule(id).unwrap().is_opt_in { OptIn::rules([*id]) } else { OptIn::None };
        let options = LintOptions::new().opt_in(opt_in);
        let ids = |script: &str| -> Vec<&str> {
            let last =
                findings(&[BEFORE, script], &options).into_iter().filter(|finding| finding.path == "2.sql");
            last.map(|finding| finding.rule.id).collect()
        };
        let rule = id;
        let found = ids(speaks);
        if !found.contains(rule) {
            wrong.push(format!("{rule} is silent about {speaks}, of which is found: {found:?}"));
        }
        let found = ids(silent);
        if found.contains(rule) {
            wrong.push(format!("{rule} speaks of {silent}, of which is found: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let tested: BTreeSet<&str> = CASES.iter().map(|(rule, ..)| *rule).collect();
    let all: BTreeSet<&str> = rules().map(|rule| rule.id).collect();
    assert_eq!(tested, all);
}

#[test]
fn losing_data_is_very_risky_and_long_waits_are_dangerous_and_short_ones_careful() {
    let worst = |statement| found(&[BEFORE, statement]).iter().map(|finding| finding.risk).max();
    for statement in
        ["DROP TABLE t", "ALTER TABLE t DROP a", "TRUNCATE t", "DELETE FROM t", "DROP SCHEMA public CASCADE"]
    {
        assert_eq!(worst(statement), Some(Risk::VeryRisky), "{statement}");
    }
    for statement in
        ["CREATE INDEX i ON t (n)", "ALTER TABLE t ALTER a TYPE bigint", "ALTER TABLE t RENAME TO u"]
    {
        assert_eq!(worst(statement), Some(Risk::Dangerous), "{statement}");
    }
    for statement in ["ALTER TABLE t ADD z int", "ALTER TABLE t ALTER a SET DEFAULT 1"] {
        assert_eq!(worst(statement), Some(Risk::Careful), "{statement}");
    }
    assert_eq!(worst("CREATE TABLE z (id bigint PRIMARY KEY)"), None);
}

#[test]
fn each_change_of_one_statement_is_found_at_its_own_place() {
    let text = "ALTER TABLE t\n  ADD z int CHECK (z > 0),\n  DROP COLUMN a,\n  ALTER n TYPE bigint";
    let found = found(&[BEFORE, text]);
    let shown: Vec<String> =
        found.iter().filter(|finding| finding.risk >= Risk::Dangerous).map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "2.sql:2:13: dangerous: nobody can read or write t while all of it is read [check-scans]",
            "2.sql:3:3: very-risky: the column t.a and its values are gone, and with them t_a, t_u [drop-column]",
            "2.sql:4:3: dangerous: nobody can read or write t while it is rewritten [type-rewrites]",
        ]
    );
    let check = found.iter().find(|finding| finding.rule.id == "check-scans").unwrap();
    assert_eq!(check.subject.as_deref(), Some("t.z"));
}

#[test]
fn rules_that_are_off_by_default_are_silent_until_they_are_asked_for() {
    let script = "CREATE TABLE z (a int)";
    assert_eq!(ids(&[script]), [""; 0]);
    let asked = |opt_in: OptIn| -> Vec<&str> {
        findings(&[script], &LintOptions::new().opt_in(opt_in))
            .iter()
            .map(|finding| finding.rule.id)
            .collect()
    };
    assert_eq!(asked(OptIn::rules(["no_primary_key"])), ["no-primary-key"]);
    assert_eq!(asked(OptIn::All), ["unqualified-name", "no-primary-key"]);
}

#[test]
fn a_backfill_is_judged_by_all_the_rows_that_its_batches_go_over() {
    const BEFORE: &str =
        "CREATE TABLE t (id bigint PRIMARY KEY, a int); CREATE TABLE r (id bigint PRIMARY KEY)";
    let ids = |text: &str| -> Vec<&str> {
        let found = found(&[BEFORE, &format!("-- migrate: batch=t(id)\n{text}")]);
        found.iter().map(|finding| finding.rule.id).collect()
    };
    assert_eq!(ids("UPDATE t SET a = 1 WHERE ${batch}"), ["overwrite-values"]);
    assert_eq!(ids("INSERT INTO r SELECT id FROM t WHERE ${batch}"), [""; 0]);
    assert_eq!(ids("DELETE FROM t WHERE ${batch}"), ["delete-all-rows"]);
}
