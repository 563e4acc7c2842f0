//! Schemas with rows, and scripts that change them.

use proptest::prelude::*;
use proptest::sample::subsequence;

/// A schema with rows, and a script that changes it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) before: String,
    pub(crate) up: String,
    /// The script that reverts it; none if one of its statements can't be reverted.
    pub(crate) down: Option<String>,
    /// True if the down scripts of the rewrite restore the state before each of its scripts.
    pub(crate) is_exact: bool,
    /// True if the script itself can't run in one transaction.
    pub(crate) is_divided: bool,
}

/// The relations that every schema has.
const BASE: &str = "
    CREATE SEQUENCE counter;
    CREATE TYPE mood AS ENUM ('a', 'b');
    CREATE TABLE r (id bigint PRIMARY KEY, code text UNIQUE);
    INSERT INTO r SELECT g, g::text FROM generate_series(1, 20) g;
    CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, c int NOT NULL DEFAULT 1, v text, m mood);
    INSERT INTO t (id, a, b, v) SELECT g, g, g, g::text FROM generate_series(1, 20) g;
    CREATE TABLE ul (x int, y int); INSERT INTO ul SELECT g, g FROM generate_series(1, 20) g;
    CREATE TABLE p (id int NOT NULL, v text DEFAULT 'x', w int CHECK (w >= 0), CONSTRAINT named CHECK (v <> '')) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
    INSERT INTO p SELECT g, g::text, g FROM generate_series(1, 20) g;
    CREATE TABLE px (id int NOT NULL, v text DEFAULT 'x', w int CHECK (w >= 0), CONSTRAINT named CHECK (v <> ''));
    ALTER TABLE px RENAME CONSTRAINT px_w_check TO p_w_check;
    INSERT INTO px SELECT g, g::text, g FROM generate_series(200, 220) g;
    CREATE TABLE q (k text, n int) PARTITION BY LIST (k);
    CREATE TABLE q1 PARTITION OF q FOR VALUES IN ('a', 'b'); INSERT INTO q VALUES ('a', 1), ('b', 2);
    CREATE TABLE qx (k text, n int); INSERT INTO qx VALUES ('c', 3);
    CREATE MATERIALIZED VIEW mv AS SELECT id, a FROM t; CREATE UNIQUE INDEX mv_id ON mv (id);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';";

/// Further parts of a schema.
const PARTS: &[&str] = &[
    "ALTER TABLE t ADD fk bigint REFERENCES r; UPDATE t SET fk = id;",
    "CREATE VIEW vw AS SELECT id, a, v FROM t; CREATE VIEW wv AS SELECT id FROM vw;",
    "CREATE TRIGGER touched BEFORE UPDATE OF a ON t FOR EACH ROW EXECUTE FUNCTION touch();",
    "CREATE TRIGGER touched AFTER INSERT ON p FOR EACH ROW EXECUTE FUNCTION touch();",
    "CREATE INDEX t_b ON t (b); CREATE INDEX t_expression ON t ((a + b)) WHERE c > 0;",
    "CREATE INDEX t_v_idx ON t (a, v); ALTER TABLE r ADD CONSTRAINT t_a_key CHECK (id > 0);",
    "CREATE TABLE child () INHERITS (t); INSERT INTO child (id, a, b, v) SELECT g, g, g, 'x' FROM generate_series(50, 55) g;",
    "ALTER TABLE t ADD CONSTRAINT t_a_check CHECK (a < 1000);",
    "CREATE TABLE pd PARTITION OF p DEFAULT; INSERT INTO p SELECT g, g::text FROM generate_series(1000, 1005) g;",
    "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200) PARTITION BY LIST (w);
     CREATE TABLE p2a PARTITION OF p2 FOR VALUES IN (1, 2); INSERT INTO p VALUES (150, 'y', 1);",
    "CREATE INDEX p_w ON p (w);",
    "COMMENT ON COLUMN p.v IS 'words'; CREATE STATISTICS ps ON id, w FROM p;",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (a > 0);",
    "CREATE TABLE s (a_very_long_name_of_a_column_that_is_truncated_in_the_name_of_a_key int, \"Strange Name\" int);
     INSERT INTO s VALUES (1, 1), (2, 2);",
];

/// A change, its reversal, and the part of the schema that it needs.
struct Change {
    up: &'static str,
    down: Option<&'static str>,
    part: Option<usize>,
    /// Of the changes of a group, a script has one at most: a partition that is attached needs what its table
    /// requires.
    group: &'static str,
    is_exact: bool,
    is_divided: bool,
}

const fn change(group: &'static str, up: &'static str, down: &'static str) -> Change {
    Change { up, down: Some(down), part: None, group, is_exact: true, is_divided: false }
}

impl Change {
    const fn with(self, part: usize) -> Change {
        Change { part: Some(part), ..self }
    }

    const fn irreversible(self) -> Change {
        Change { down: None, ..self }
    }

    const fn divided(self) -> Change {
        Change { is_divided: true, ..self }
    }

    const fn inexact(self) -> Change {
        Change { is_exact: false, ..self }
    }
}

const CHANGES: &[Change] = &[
    change("1", "ALTER TABLE t ADD CONSTRAINT k1 CHECK (a > 0)", "ALTER TABLE t DROP CONSTRAINT k1"),
    change("2", "ALTER TABLE t ADD CHECK (a < b + 1000)", "ALTER TABLE t DROP CONSTRAINT t_check"),
    change("3", "ALTER TABLE t ADD CHECK (a >= 0)", "").irreversible(),
    change("4", "ALTER TABLE ONLY ul ADD CONSTRAINT \"K 4\" CHECK (x > 0) NO INHERIT", "ALTER TABLE ul DROP CONSTRAINT \"K 4\""),
    change("5", "ALTER TABLE ul ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES r ON DELETE CASCADE", "ALTER TABLE ul DROP CONSTRAINT f"),
    change("6", "ALTER TABLE public.ul ADD FOREIGN KEY (x, y) REFERENCES r2 MATCH FULL", "ALTER TABLE ul DROP CONSTRAINT ul_x_y_fkey"),
    change("7", "ALTER TABLE t ADD z1 bigint DEFAULT 1 REFERENCES r (id) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED", "ALTER TABLE t DROP COLUMN z1"),
    change("8", "ALTER TABLE t ADD COLUMN z2 int DEFAULT 1 CHECK (z2 > 0) CONSTRAINT z2_small CHECK (z2 < 10) NOT NULL", "ALTER TABLE t DROP COLUMN z2"),
    change("9", "ALTER TABLE ul ADD z3 int UNIQUE", "ALTER TABLE ul DROP COLUMN z3"),
    change("10", "ALTER TABLE t ADD UNIQUE (a)", "").irreversible(),
    change("11", "ALTER TABLE t ADD CONSTRAINT u2 UNIQUE (b) INCLUDE (c) WITH (fillfactor = 70) DEFERRABLE INITIALLY DEFERRED", "ALTER TABLE t DROP CONSTRAINT u2"),
    change("12", "ALTER TABLE t ADD CONSTRAINT u3 UNIQUE (a, b), ADD CONSTRAINT u4 UNIQUE (b, a)", "ALTER TABLE t DROP CONSTRAINT u4, DROP CONSTRAINT u3"),
    change("13", "ALTER TABLE ul ADD PRIMARY KEY (x)", "ALTER TABLE ul DROP CONSTRAINT ul_pkey; ALTER TABLE ul ALTER x DROP NOT NULL"),
    change("13", "ALTER TABLE ul ADD CONSTRAINT \"Key\" PRIMARY KEY (y, x)", "ALTER TABLE ul DROP CONSTRAINT \"Key\", ALTER x DROP NOT NULL, ALTER y DROP NOT NULL"),
    change("13", "ALTER TABLE ul ALTER x SET NOT NULL, ADD PRIMARY KEY (x)", "ALTER TABLE ul DROP CONSTRAINT ul_pkey; ALTER TABLE ul ALTER x DROP NOT NULL"),
    change("13", "ALTER TABLE ul ADD z4 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "ALTER TABLE ul DROP COLUMN z4"),
    change("14", "ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a DROP NOT NULL"),
    change("15", "ALTER TABLE t ALTER COLUMN v SET NOT NULL, ALTER b SET NOT NULL, ADD CONSTRAINT k5 CHECK (v <> '')", "ALTER TABLE t DROP CONSTRAINT k5; ALTER TABLE t ALTER b DROP NOT NULL; ALTER TABLE t ALTER v DROP NOT NULL"),
    change("16", "CREATE INDEX i1 ON t (v) WHERE a > 3", "DROP INDEX i1"),
    change("17", "CREATE UNIQUE INDEX ON t (v, lower(v))", "DROP INDEX t_v_lower_idx"),
    change("18", "DROP INDEX t_b", "CREATE INDEX t_b ON t (b)").with(4),
    change("19", "CREATE INDEX ON p (v)", "DROP INDEX p_v_idx"),
    change("20", "CREATE UNIQUE INDEX pi ON p (id, w)", "DROP INDEX pi"),
    change("21", "ALTER TABLE p ATTACH PARTITION px FOR VALUES FROM (200) TO (300)", "ALTER TABLE p DETACH PARTITION px").inexact(),
    change("22", "CREATE TABLE p3 PARTITION OF p FOR VALUES FROM (300) TO (400) WITH (fillfactor = 80)", "DROP TABLE p3"),
    change("23", "ALTER TABLE q ATTACH PARTITION qx FOR VALUES IN ('c', 'd')", "ALTER TABLE q DETACH PARTITION qx"),
    change("24", "ALTER TABLE q DETACH PARTITION q1", "ALTER TABLE q ATTACH PARTITION q1 FOR VALUES IN ('a', 'b')").inexact(),
    change("25", "ALTER TYPE mood ADD VALUE 'z'; UPDATE t SET m = 'z' WHERE id = 1", "").irreversible().divided(),
    change("26", "REFRESH MATERIALIZED VIEW mv", "REFRESH MATERIALIZED VIEW mv"),
    change("27", "REINDEX TABLE t", "SELECT 1"),
    change("28", "ALTER TABLE t ADD z9 text", "ALTER TABLE t DROP z9"),
    change("29", "CREATE TABLE nt (id int PRIMARY KEY, r bigint REFERENCES r); CREATE INDEX ON nt (r); INSERT INTO nt VALUES (1, 1)", "DROP TABLE nt"),
    change("30", "CREATE VIEW v2 AS SELECT id, v FROM r JOIN t USING (id); COMMENT ON VIEW v2 IS 'two'", "DROP VIEW v2"),
    change("31", "INSERT INTO r VALUES (100, 'x')", "DELETE FROM r WHERE id = 100"),
    change("32", "ALTER TABLE s ADD UNIQUE (a_very_long_name_of_a_column_that_is_truncated_in_the_name_of_a_key, \"Strange Name\")", "").with(13).irreversible(),
    change("33", "ALTER TABLE s ALTER \"Strange Name\" SET NOT NULL, ADD CHECK (\"Strange Name\" > 0)", "ALTER TABLE s DROP CONSTRAINT \"s_Strange Name_check\", ALTER \"Strange Name\" DROP NOT NULL").with(13),
    change("21", "ALTER TABLE p ADD CONSTRAINT pk CHECK (w < 1000)", "ALTER TABLE p DROP CONSTRAINT pk"),
    change("21", "ALTER TABLE p ALTER v SET NOT NULL", "ALTER TABLE p ALTER v DROP NOT NULL"),
    change("36", "ALTER TABLE p1 ADD UNIQUE (w)", "ALTER TABLE p1 DROP CONSTRAINT p1_w_key"),
    change("37", "CREATE INDEX ON ONLY p (w, v)", "DROP INDEX p_w_v_idx"),
    change("38", "ALTER TABLE r ADD CHECK (length(code) > 0), ADD z5 int", "ALTER TABLE r DROP z5, DROP CONSTRAINT r_code_check"),
    change("39", "SET LOCAL lock_timeout = '3s'; ALTER TABLE r ADD CHECK (id > 0)", "ALTER TABLE r DROP CONSTRAINT r_id_check"),
    change("41", "ALTER TABLE t ADD z10 bigint DEFAULT nextval('counter') NOT NULL", "ALTER TABLE t DROP COLUMN z10"),
    change("41", "ALTER TABLE public.ul ADD COLUMN \"Z 10\" bigint DEFAULT nextval('counter') NOT NULL CHECK (\"Z 10\" > 0) UNIQUE", "ALTER TABLE ul DROP COLUMN \"Z 10\""),
    change("41", "ALTER TABLE p ADD z10 int DEFAULT nextval('counter') CHECK (z10 > 0)", "ALTER TABLE p DROP COLUMN z10"),
    change("42", "ALTER TABLE t ADD z11 bigserial", "ALTER TABLE t DROP COLUMN z11"),
    change("42", "ALTER TABLE r ADD z11 serial UNIQUE, ADD z12 smallserial", "ALTER TABLE r DROP COLUMN z12, DROP COLUMN z11"),
    change("13", "ALTER TABLE ul ADD z4 serial PRIMARY KEY", "ALTER TABLE ul DROP COLUMN z4"),
    change("13", "ALTER TABLE ul ADD z4 serial8 CONSTRAINT \"Key\" PRIMARY KEY", "ALTER TABLE ul DROP COLUMN z4"),
    change("43", "ALTER TABLE r2 ADD z13 int GENERATED BY DEFAULT AS IDENTITY (START WITH 10 INCREMENT BY 5 CACHE 3)", "ALTER TABLE r2 DROP COLUMN z13"),
    change("43", "ALTER TABLE public.r ADD \"Z 13\" bigint GENERATED ALWAYS AS IDENTITY UNIQUE", "ALTER TABLE r DROP COLUMN \"Z 13\""),
    change("44", "UPDATE t SET c = c + 1; ALTER TABLE t ALTER c SET DEFAULT 2", "ALTER TABLE t ALTER c SET DEFAULT 1; UPDATE t SET c = c - 1"),
    change("44", "UPDATE t SET c = 5", "").irreversible(),
    change("45", "DELETE FROM r2", "").irreversible(),
    change("45", "DELETE FROM ONLY public.r2 AS old WHERE true OR i > 3; ALTER TABLE r2 ADD z14 int CHECK (z14 > 0)", "").irreversible(),
    change("40", "ALTER TABLE r ADD z6 int DEFAULT 1 CHECK (z6 > 0 AND id > 0)", "ALTER TABLE r DROP COLUMN z6"),
];

/// A table that a foreign key with two columns references.
const KEYED: &str = "CREATE TABLE r2 (i int, j int, PRIMARY KEY (i, j)); INSERT INTO r2 SELECT g, g FROM generate_series(1, 20) g;";

prop_compose! {
    pub(crate) fn case()(
        parts in subsequence((0..PARTS.len()).collect::<Vec<_>>(), 0..=6),
        changes in subsequence((0..CHANGES.len()).collect::<Vec<_>>(), 1..=4).prop_shuffle(),
        separator in prop::sample::select(vec![";\n", "; -- behind\n", ";\n-- above\n", ";\n/* a */ "]),
    ) -> Case {
        of(&parts, &changes, separator)
    }
}

/// Every change by itself, with every part of the schema.
pub(crate) fn each() -> impl Iterator<Item = Case> {
    let parts: Vec<usize> = (0..PARTS.len()).collect();
    (0..CHANGES.len()).map(move |change| of(&parts, &[change], ";\n"))
}

fn of(parts: &[usize], changes: &[usize], separator: &str) -> Case {
    let mut parts = parts.to_vec();
    let mut chosen: Vec<&Change> = Vec::new();
    for change in changes.iter().map(|at| &CHANGES[*at]) {
        if chosen.iter().all(|other| other.group != change.group) {
            parts.extend(change.part.filter(|part| !parts.contains(part)));
            chosen.push(change);
        }
    }
    parts.sort_unstable();
    let before = std::iter::once(BASE).chain([KEYED]).chain(parts.iter().map(|part| PARTS[*part]));
    let up = chosen.iter().map(|change| change.up).collect::<Vec<_>>().join(separator);
    let down: Option<Vec<&str>> = chosen.iter().rev().map(|change| change.down).collect();
    Case {
        before: before.collect::<Vec<_>>().join("\n"),
        up: format!("{up};"),
        down: down.map(|down| format!("{};", down.join(";\n"))),
        is_exact: chosen.iter().all(|change| change.is_exact),
        is_divided: chosen.iter().any(|change| change.is_divided),
    }
}
