//! The safe version of each kind of statement.

use migrate_core::lint::fix::{Rewrite, SafeScript, rewrites};
use migrate_core::lint::{LintOptions, Risk, lint};
use migrate_core::{Migration, Script, Set, SqlMigration, Version};
use std::sync::Arc;

/// The schema before the change.
const BEFORE: &str = "CREATE TABLE r (id bigint PRIMARY KEY, code text UNIQUE);
    CREATE TABLE t (id bigint PRIMARY KEY, a int, n int NOT NULL, v text);
    CREATE TABLE ul (x int, y int);
    CREATE INDEX t_a ON t (a); CREATE INDEX t_v ON t (v);
    CREATE UNIQUE INDEX ul_x ON ul (x);
    CREATE TABLE p (id int NOT NULL, v text) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
    CREATE TABLE pd PARTITION OF p DEFAULT;
    CREATE TABLE q (id int NOT NULL, v text) PARTITION BY LIST (id);
    CREATE TABLE q1 PARTITION OF q FOR VALUES IN (1);
    CREATE TABLE px (id int NOT NULL, v text);
    CREATE MATERIALIZED VIEW mv AS SELECT id, n FROM t; CREATE UNIQUE INDEX mv_id ON mv (id);
    CREATE MATERIALIZED VIEW mw AS SELECT id, n FROM t;
    CREATE TYPE mood AS ENUM ('a', 'b');";

/// The migrations 1, with [`BEFORE`], and 2, with these scripts.
fn set(up: &str, down: Option<&str>) -> Set {
    let script = |path: &str, text: &str| {
        Script::of_up_text(path.to_owned(), text.to_owned())
            .unwrap_or_else(|problem| panic!("{text}: {problem}"))
    };
    let first = SqlMigration::new(Version::numeric("1"), "1_before", script("1_before.sql", BEFORE));
    let mut second = SqlMigration::new(Version::numeric("2"), "2_change", script("2_change.sql", up));
    if let Some(down) = down {
        second = second.with_down(script("2_change.down.sql", down));
    }
    Set::new("app", vec![Arc::new(first) as Arc<dyn Migration>, Arc::new(second)]).unwrap()
}

fn options(version: u32) -> LintOptions {
    LintOptions::new().since(Version::numeric("1")).server_version(version)
}

/// The rewrite of the second migration.
fn rewrite(up: &str, down: Option<&str>, version: u32) -> Rewrite {
    let mut all = rewrites(&set(up, down), &options(version)).unwrap();
    assert_eq!(all.len(), 1, "{up}: {all:?}");
    let rewrite = all.remove(0);
    let is_same = |script: &SafeScript| script.up.text.trim_end() == up;
    assert!(rewrite.scripts.is_empty() || !rewrite.scripts.iter().all(is_same), "{up}");
    rewrite
}

/// The scripts of a rewrite in place of version 2.
fn numbered(rewrite: &Rewrite) -> Vec<SafeScript> {
    let versions: Vec<String> = (2..rewrite.scripts.len() + 2).map(|version| version.to_string()).collect();
    rewrite.scripts.iter().map(|script| script.numbered(&versions)).collect()
}

/// The scripts of a rewrite, up and down, one after the other.
fn shown(rewrite: &Rewrite) -> String {
    let mut shown = String::new();
    for script in numbered(rewrite) {
        shown.push_str(&format!("-- {}\n{}", script.word, script.up));
        if let Some(down) = &script.down {
            shown.push_str(&format!("-- down\n{down}"));
        }
        if let Some(verify) = &script.verify {
            shown.push_str(&format!("-- verify\n{verify}"));
        }
    }
    for not_done in &rewrite.not_done {
        let rule = not_done.finding.as_ref().map_or("", |finding| finding.rule.id);
        shown.push_str(&format!("not done: {rule}: {}\n", not_done.reason));
    }
    shown
}

/// The dangers that remain in the scripts of a rewrite, apart from those that it names.
fn dangers(rewrite: &Rewrite, version: u32) -> Vec<String> {
    let mut migrations = vec![BEFORE.to_owned()];
    migrations.extend(numbered(rewrite).iter().map(|script| script.up.to_string()));
    let texts: Vec<&str> = migrations.iter().map(String::as_str).collect();
    let judgement = lint(&crate::support::set(&texts), &options(version)).unwrap();
    let named: Vec<&str> =
        rewrite.not_done.iter().filter_map(|not_done| Some(not_done.finding.as_ref()?.rule.id)).collect();
    let is_left = |finding: &&migrate_core::lint::Finding| {
        finding.risk >= Risk::Dangerous && !named.contains(&finding.rule.id)
    };
    judgement.findings.iter().filter(is_left).map(ToString::to_string).collect()
}

/// A script, its down script, and what it is an example of.
const CASES: &[(&str, &str, &str)] = &[
    (
        "-- Found by v.\nCREATE INDEX t_v2 ON t (v); -- soon\n-- Later.\nDROP INDEX t_a, t_v;",
        "CREATE INDEX t_v ON t (v);\nCREATE INDEX t_a ON t (a);\nDROP INDEX t_v2;",
        "an index, and its comments",
    ),
    (
        "CREATE UNIQUE INDEX ON t (v, lower(v)) WHERE a > 0",
        "DROP INDEX t_v_lower_idx",
        "an index without a name",
    ),
    ("DROP INDEX t_a CASCADE", "", "what CONCURRENTLY can't do"),
    (
        "REINDEX (CONCURRENTLY false, VERBOSE) TABLE t; REINDEX INDEX t_a; REINDEX SYSTEM postgres",
        "",
        "REINDEX",
    ),
    (
        "REFRESH MATERIALIZED VIEW mv; REFRESH MATERIALIZED VIEW mw",
        "",
        "a view with a unique index and one without",
    ),
    (
        "ALTER TABLE q DETACH PARTITION q1",
        "ALTER TABLE q ATTACH PARTITION q1 FOR VALUES IN (1)",
        "a partition leaves, and its bounds with it",
    ),
    ("ALTER TABLE p DETACH PARTITION p1", "", "a default partition"),
    (
        "ALTER TABLE t ADD UNIQUE (a) INCLUDE (n) WITH (fillfactor = 70) DEFERRABLE",
        "ALTER TABLE t DROP CONSTRAINT t_a_n_key",
        "UNIQUE",
    ),
    (
        "ALTER TABLE ul ADD PRIMARY KEY (x)",
        "ALTER TABLE ul DROP CONSTRAINT ul_pkey; ALTER TABLE ul ALTER x DROP NOT NULL",
        "a primary key of a nullable column",
    ),
    ("ALTER TABLE px ADD PRIMARY KEY (id)", "", "a primary key of a column that is NOT NULL"),
    ("ALTER TABLE ul ADD CONSTRAINT pk PRIMARY KEY USING INDEX ul_x", "", "a primary key by an index"),
    ("ALTER TABLE p ADD UNIQUE (id)", "", "an index of a partitioned table's constraint"),
    (
        "ALTER TABLE t ADD z int DEFAULT 1 UNIQUE REFERENCES r ON DELETE CASCADE CHECK (z > 0) NOT NULL, DROP COLUMN v",
        "ALTER TABLE t ADD v text, DROP COLUMN z",
        "constraints of a column",
    ),
    (
        "ALTER TABLE ul ADD id bigserial PRIMARY KEY",
        "ALTER TABLE ul DROP COLUMN id",
        "a column that is a primary key",
    ),
    (
        "ALTER TABLE t\n  -- why\n  ADD CHECK (a > n), -- and why\n  ADD CONSTRAINT \"K 1\" FOREIGN KEY (a) REFERENCES r;\nALTER TABLE t ALTER a SET NOT NULL",
        "ALTER TABLE t ALTER a DROP NOT NULL;\nALTER TABLE t DROP CONSTRAINT \"K 1\", DROP CONSTRAINT t_check;",
        "checks, keys and NOT NULL share their scripts",
    ),
    ("ALTER TABLE p ADD FOREIGN KEY (id) REFERENCES r", "", "a foreign key of a partitioned table"),
    (
        "ALTER TABLE p ATTACH PARTITION px FOR VALUES FROM (200) TO (300)",
        "ALTER TABLE p DETACH PARTITION px",
        "a partition comes, and its bounds are proven before",
    ),
    (
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (300) TO (400) WITH (fillfactor = 70)",
        "DROP TABLE p2",
        "a partition is made beside a default partition",
    ),
    (
        "CREATE TABLE p2 PARTITION OF p (CHECK (id > 0)) FOR VALUES FROM (300) TO (400)",
        "",
        "a partition with a constraint of its own",
    ),
    ("CREATE INDEX ON p (v, lower(v))", "DROP INDEX p_v_lower_idx", "an index of a partitioned table"),
    (
        "ALTER TYPE mood ADD VALUE 'c'; INSERT INTO t (v) VALUES ('c')",
        "DELETE FROM t WHERE v = 'c'",
        "an enum value used early",
    ),
    (
        "SET LOCAL lock_timeout = '5s'; CREATE TABLE nt (id int); CREATE INDEX CONCURRENTLY i ON t (v); INSERT INTO nt VALUES (1)",
        "DROP INDEX i; DROP TABLE nt",
        "a mixed script, and settings",
    ),
    (
        "BEGIN; ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c; COMMIT",
        "",
        "a transaction of the script's own",
    ),
    ("BEGIN; SELECT 1; COMMIT; ALTER TABLE t ADD CHECK (a > 0)", "", "several transactions"),
    (
        "ALTER TABLE t ADD z int; UPDATE t SET z = 1; ALTER TABLE t ALTER z SET NOT NULL",
        "ALTER TABLE t DROP COLUMN z",
        "what needs batches",
    ),
    ("LOCK TABLE t; ALTER TABLE t ADD CHECK (a > 0)", "", "what has to stay one transaction"),
    (
        "-- migrate: allow=drop-column,check-scans reason=\"unused\" lock_timeout=2s\nALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD CHECK (a > 0); CREATE INDEX ON t (n)",
        "",
        "what is approved",
    ),
    (
        "ALTER TABLE t ADD CHECK (a > 0)",
        "SELECT 1; ALTER TABLE t DROP CONSTRAINT IF EXISTS t_a_check",
        "more in the down script",
    ),
    (
        "ALTER TABLE t ADD CHECK (a > 0)",
        "DO $$ BEGIN ALTER TABLE t DROP CONSTRAINT t_a_check; END $$",
        "a down script that is not understood",
    ),
    (
        "ALTER TABLE t RENAME v TO w; ALTER TABLE t ALTER n TYPE bigint; ALTER TABLE t ADD EXCLUDE (a WITH =)",
        "",
        "what no rewrite is known for",
    ),
    ("DO $$ BEGIN ALTER TABLE t ADD CHECK (a > 0); END $$", "", "what code does"),
    (
        "ALTER TABLE t DROP CONSTRAINT t_pkey; CREATE INDEX ti ON t (n)",
        "DROP INDEX ti; ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id)",
        "a down script that blocks",
    ),
    (
        "ALTER TABLE ul DROP COLUMN y",
        "ALTER TABLE ul ADD y int DEFAULT 1 CHECK (y > 0)",
        "a down script that blocks alone",
    ),
    (
        "CREATE INDEX ti ON t (n); CREATE INDEX tj ON t (a)",
        "DROP INDEX ti; DELETE FROM t; DROP INDEX tj",
        "a down script in another order",
    ),
    (
        "CREATE INDEX ti ON t (n); CREATE VIEW vt AS SELECT 1 AS x",
        "DROP VIEW vt; REFRESH MATERIALIZED VIEW mv; DROP INDEX ti",
        "slow work in a down script",
    ),
    (
        "-- Old news.\nUPDATE t SET a = 1 -- one\n;\n-- Nobody reads it.\nDELETE FROM r AS old WHERE true OR id > 0; -- gone\nCREATE TABLE apart (id int PRIMARY KEY);\nALTER TABLE t ALTER a SET NOT NULL; CREATE TABLE later (id int)",
        "DROP TABLE later; ALTER TABLE t ALTER a DROP NOT NULL; DROP TABLE apart",
        "all rows of two tables",
    ),
    (
        "UPDATE t SET id = id + 1; UPDATE ul SET y = 1; DELETE FROM p; UPDATE px SET v = 'a'; \
         UPDATE t SET a = r.id FROM r; WITH w AS (DELETE FROM t) SELECT 1; UPDATE t SET a = (SELECT 1); DELETE FROM t RETURNING id",
        "",
        "what batches can't divide",
    ),
    ("SET LOCAL lock_timeout = '1s'; UPDATE t SET a = 1", "", "batches and settings"),
    (
        "-- migrate: allow=delete-all-rows,drop-column reason=\"all of it is old\" transaction=none\nDELETE FROM t; ALTER TABLE r DROP COLUMN code",
        "",
        "batches, and what is approved",
    ),
    (
        "ALTER TABLE t ADD z uuid DEFAULT gen_random_uuid() NOT NULL",
        "ALTER TABLE t DROP COLUMN z",
        "a volatile default",
    ),
    (
        "-- Order.\nALTER TABLE public.t ADD COLUMN \"Z z\" text COLLATE \"C\" DEFAULT random()::text CHECK (\"Z z\" <> '') UNIQUE, ADD y int, ADD CHECK (y > 0)",
        "ALTER TABLE t DROP COLUMN y, DROP COLUMN \"Z z\"",
        "a volatile default among others",
    ),
    ("ALTER TABLE t ADD z serial", "ALTER TABLE t DROP COLUMN z", "a serial column"),
    (
        "ALTER TABLE ul ADD z int GENERATED BY DEFAULT AS IDENTITY (START WITH 10 INCREMENT BY 2) PRIMARY KEY",
        "ALTER TABLE ul DROP COLUMN z",
        "an identity column",
    ),
    (
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS z serial; ALTER TABLE IF EXISTS t ADD y serial; \
         ALTER TABLE t ADD x bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME own)",
        "",
        "columns that batches can't fill",
    ),
];

#[test]
fn each_kind_has_its_safe_version() {
    let mut found = String::new();
    for (up, down, about) in CASES {
        let down = (!down.is_empty()).then_some(*down);
        let [old, new] = [15, 18].map(|version| {
            let rewrite = rewrite(up, down, version);
            assert_eq!(dangers(&rewrite, version), [""; 0], "{up}: {}", shown(&rewrite));
            shown(&rewrite)
        });
        found.push_str(&format!("==== {about}\n{up}\n"));
        if old == new {
            found.push_str(&format!("---- 15 and 18\n{old}\n"));
        } else {
            found.push_str(&format!("---- 15\n{old}---- 18\n{new}\n"));
        }
    }
    let snapshot = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixes.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(snapshot, &found).unwrap();
    }
    let expected = std::fs::read_to_string(snapshot).unwrap_or_default();
    assert!(found == expected, "{snapshot} differs (UPDATE_SNAPSHOTS=1 rewrites it):\n{found}");
}

#[test]
fn what_is_not_dangerous_stays_as_it_is() {
    for up in ["CREATE TABLE a (id int); CREATE INDEX ON a (id)", "ALTER TABLE t ADD z int", "SELECT 1"] {
        let all = rewrites(&set(up, None), &options(15)).unwrap();
        assert!(all.is_empty(), "{up}: {all:?}");
    }
}

#[test]
fn what_is_applied_stays_as_it_is() {
    let options = options(15).since(Version::numeric("2"));
    let all = rewrites(&set("CREATE INDEX ON t (v)", None), &options).unwrap();
    assert!(all.is_empty(), "{all:?}");
}

/// The server truncates the longer of the table's and the column's name.
#[test]
fn a_constraint_without_a_name_gets_the_one_that_the_server_would_choose() {
    let column = "c".repeat(60);
    let rewrite = rewrite(&format!("ALTER TABLE ul ADD {column} int DEFAULT 1 UNIQUE"), None, 15);
    let name = format!("ul_{}_key", "c".repeat(56));
    assert!(
        rewrite.scripts[1].up.text.contains(&format!("CONCURRENTLY {name} ON ul")),
        "{}",
        shown(&rewrite)
    );
}
