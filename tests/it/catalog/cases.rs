//! One change per kind of object.

/// A change, and the differences it causes.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    /// The first major version that supports it.
    pub(crate) since: u32,
    /// The statements that run before.
    pub(crate) setup: &'static str,
    /// The change.
    pub(crate) change: &'static str,
    /// All differences, without their diffs.
    pub(crate) seen: &'static [&'static str],
    /// A line of the diffs.
    pub(crate) line: &'static str,
}

const fn case(
    setup: &'static str,
    change: &'static str,
    seen: &'static [&'static str],
    line: &'static str,
) -> Case {
    Case { since: 14, setup, change, seen, line }
}

const fn since(since: u32, case: Case) -> Case {
    Case { since, ..case }
}

const T: &str = "CREATE TABLE t (id int, name text);";
const ADD: &str = "CREATE FUNCTION f(a int, b int) RETURNS int LANGUAGE sql RETURN a + b;";
const TRIGGER: &str = "CREATE TABLE t (id int); \
    CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
    CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g();";
const EVENT: &str = "CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
    CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION e();";
const PARTS: &str =
    "CREATE TABLE p (id int, at date) PARTITION BY RANGE (at); CREATE TABLE p1 (id int, at date);";
const SERVER: &str = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host 'a'); \
    CREATE FOREIGN TABLE ft (id int) SERVER s OPTIONS (name 'x');";

pub(crate) const CASES: &[Case] = &[
    // Schemas, and objects outside schemas.
    case("", "CREATE SCHEMA s", &["schema s: added"], "+SCHEMA"),
    case("", "CREATE EXTENSION pg_trgm", &["extension pg_trgm: added"], "+VERSION "),
    case(EVENT, "ALTER EVENT TRIGGER watch DISABLE", &["event trigger watch: changed"], "+DISABLED"),
    case(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub FOR TABLE t WITH (publish = 'insert')",
        "ALTER PUBLICATION pub SET (publish = 'insert, update')",
        &["publication pub: changed"],
        "+update true",
    ),
    case(
        "CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION pub",
        "ALTER PUBLICATION pub ADD TABLE t",
        &["publication pub: changed"],
        "+TABLE public.t",
    ),
    since(
        15,
        case(
            "CREATE SCHEMA s; CREATE PUBLICATION pub",
            "ALTER PUBLICATION pub ADD TABLES IN SCHEMA s",
            &["publication pub: changed"],
            "+TABLES IN SCHEMA s",
        ),
    ),
    since(
        15,
        case(
            "CREATE TABLE t (id int, x int); CREATE PUBLICATION pub FOR TABLE t",
            "ALTER PUBLICATION pub SET TABLE t (id) WHERE (id > 3)",
            &["publication pub: changed"],
            "+TABLE public.t (id) WHERE (id > 3)",
        ),
    ),
    since(
        15,
        case(
            "CREATE PUBLICATION pub FOR TABLES IN SCHEMA public",
            "CREATE SEQUENCE s; CREATE TABLE t ()",
            &["sequence public.s: added", "table public.t: added"],
            "",
        ),
    ),
    case(
        "CREATE TABLE p (id int) PARTITION BY LIST (id); CREATE PUBLICATION pub FOR TABLE p",
        "ALTER TABLE p ADD x int; CREATE TABLE p1 PARTITION OF p DEFAULT",
        &[
            "table public.p1: added",
            "column public.p.x: added",
            "column public.p1.id: added",
            "column public.p1.x: added",
        ],
        "+PARTITION OF public.p DEFAULT",
    ),
    case(
        SERVER,
        "ALTER SERVER s OPTIONS (SET host 'b')",
        &["foreign server s: changed"],
        "+OPTIONS (host=b)",
    ),
    case(SERVER, "ALTER SERVER s OPTIONS (ADD password 'p')", &[], ""),
    case(
        SERVER,
        "ALTER FOREIGN TABLE ft OPTIONS (SET name 'y')",
        &["foreign table public.ft: changed"],
        "+OPTIONS (name=y)",
    ),
    case(
        "CREATE FUNCTION c(bool) RETURNS date LANGUAGE sql RETURN now(); CREATE CAST (bool AS date) WITH FUNCTION c(bool)",
        "DROP CAST (bool AS date); CREATE CAST (bool AS date) WITH FUNCTION c(bool) AS ASSIGNMENT",
        &["cast boolean AS date: changed"],
        "+AS ASSIGNMENT",
    ),
    // Tables.
    case(T, "ALTER TABLE t SET UNLOGGED", &["table public.t: changed"], "+UNLOGGED TABLE"),
    case(
        T,
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        &["table public.t: changed"],
        "+ROW LEVEL SECURITY ENABLED",
    ),
    case(
        T,
        "ALTER TABLE t FORCE ROW LEVEL SECURITY",
        &["table public.t: changed"],
        "+ROW LEVEL SECURITY FORCED",
    ),
    case(T, "ALTER TABLE t SET (fillfactor = 70)", &["table public.t: changed"], "+WITH (fillfactor=70)"),
    case(
        T,
        "ALTER TABLE t SET (toast.autovacuum_enabled = false)",
        &["table public.t: changed"],
        "+WITH (toast.autovacuum_enabled=false)",
    ),
    case(T, "ALTER TABLE t REPLICA IDENTITY FULL", &["table public.t: changed"], "+REPLICA IDENTITY FULL"),
    case(
        PARTS,
        "ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        &["table public.p1: changed", "column public.p1.at: changed", "column public.p1.id: changed"],
        "+PARTITION OF public.p FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
    ),
    case(
        "CREATE TABLE p (id int) PARTITION BY LIST (id)",
        "DROP TABLE p; CREATE TABLE p (id int) PARTITION BY HASH (id)",
        &["table public.p: changed"],
        "+PARTITION BY HASH (id)",
    ),
    case("CREATE TABLE t (a int, b int, c int)", "ALTER TABLE t DROP a; ALTER TABLE t ADD a int", &[], ""),
    // Columns.
    case(T, "ALTER TABLE t ADD age int", &["column public.t.age: added"], "+integer"),
    case(T, "ALTER TABLE t DROP name", &["column public.t.name: removed"], "-text"),
    case(T, "ALTER TABLE t ALTER id TYPE bigint", &["column public.t.id: changed"], "+bigint"),
    case(
        T,
        "ALTER TABLE t ALTER name TYPE varchar(9)",
        &["column public.t.name: changed"],
        "+character varying(9)",
    ),
    case(T, "ALTER TABLE t ALTER id SET NOT NULL", &["column public.t.id: changed"], "+NOT NULL"),
    case(T, "ALTER TABLE t ALTER id SET DEFAULT 7", &["column public.t.id: changed"], "+DEFAULT 7"),
    case(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY)",
        "ALTER TABLE t ALTER id SET GENERATED BY DEFAULT",
        &["column public.t.id: changed"],
        "+GENERATED BY DEFAULT AS IDENTITY",
    ),
    case(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY)",
        "ALTER TABLE t ALTER id SET INCREMENT 5",
        &["column public.t.id: changed"],
        "+SEQUENCE t_id_seq AS integer START 1 INCREMENT 5",
    ),
    case(
        "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED)",
        "ALTER TABLE t DROP b; ALTER TABLE t ADD b int GENERATED ALWAYS AS (a + 2) STORED",
        &["column public.t.b: changed"],
        "+GENERATED ALWAYS AS ((a + 2)) STORED",
    ),
    since(
        18,
        case(
            "CREATE TABLE t (a int)",
            "ALTER TABLE t ADD b int GENERATED ALWAYS AS (a + 2) VIRTUAL",
            &["column public.t.b: added"],
            "+GENERATED ALWAYS AS ((a + 2)) VIRTUAL",
        ),
    ),
    since(
        18,
        case(
            T,
            "ALTER TABLE t ADD NOT NULL id NOT VALID",
            &["column public.t.id: changed"],
            "+NOT NULL NOT VALID",
        ),
    ),
    case(
        T,
        "ALTER TABLE t ALTER name TYPE text COLLATE \"C\"",
        &["column public.t.name: changed"],
        "+COLLATE \"C\"",
    ),
    case(
        T,
        "ALTER TABLE t ALTER name SET STORAGE EXTERNAL",
        &["column public.t.name: changed"],
        "+STORAGE EXTERNAL",
    ),
    case(
        T,
        "ALTER TABLE t ALTER name SET COMPRESSION pglz",
        &["column public.t.name: changed"],
        "+COMPRESSION pglz",
    ),
    case(
        T,
        "ALTER TABLE t ALTER name SET STATISTICS 50",
        &["column public.t.name: changed"],
        "+STATISTICS 50",
    ),
    case(
        T,
        "ALTER TABLE t ALTER name SET (n_distinct = 5)",
        &["column public.t.name: changed"],
        "+WITH (n_distinct=5)",
    ),
    since(
        18,
        case(
            "CREATE TABLE t (id int NOT NULL)",
            "ALTER TABLE t RENAME CONSTRAINT t_id_not_null TO other",
            &[],
            "",
        ),
    ),
    // Constraints and indexes.
    case(
        T,
        "ALTER TABLE t ADD CHECK (id > 0)",
        &["constraint public.t.t_id_check: added"],
        "+CHECK ((id > 0))",
    ),
    case(
        "CREATE TABLE t (id int); ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT c",
        &["constraint public.t.c: changed"],
        "-CHECK ((id > 0)) NOT VALID",
    ),
    case(
        T,
        "ALTER TABLE t ADD PRIMARY KEY (id)",
        &["column public.t.id: changed", "constraint public.t.t_pkey: added"],
        "+PRIMARY KEY (id)",
    ),
    case(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a)",
        "ALTER TABLE b DROP CONSTRAINT b_a_fkey; ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a ON DELETE CASCADE",
        &["constraint public.b.b_a_fkey: changed"],
        "+FOREIGN KEY (a) REFERENCES public.a(id) ON DELETE CASCADE",
    ),
    case(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a)",
        "ALTER TABLE b DISABLE TRIGGER ALL",
        &["constraint public.b.b_a_fkey: changed"],
        "+TRIGGERS DISABLED",
    ),
    case(
        T,
        "CREATE INDEX i ON t (name)",
        &["index public.i: added"],
        "+CREATE INDEX i ON public.t USING btree (name)",
    ),
    case(
        "CREATE TABLE t (id int); CREATE INDEX i ON t (id)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
        &["index public.i: changed"],
        "+INVALID",
    ),
    case(
        "CREATE TABLE t (id int NOT NULL); CREATE UNIQUE INDEX i ON t (id)",
        "ALTER TABLE t REPLICA IDENTITY USING INDEX i; CLUSTER t USING i",
        &["table public.t: changed"],
        "+CLUSTER ON i",
    ),
    case(
        T,
        "CREATE STATISTICS st ON id, name FROM t",
        &["statistics public.st: added"],
        "+CREATE STATISTICS public.st",
    ),
    // Views.
    case(
        "CREATE VIEW v AS SELECT 1 AS a",
        "CREATE OR REPLACE VIEW v AS SELECT 2 AS a",
        &["view public.v: changed"],
        "+ SELECT 2 AS a;",
    ),
    case(
        "CREATE VIEW v AS SELECT 1 AS a",
        "ALTER VIEW v SET (security_barrier = true)",
        &["view public.v: changed"],
        "+WITH (security_barrier=true)",
    ),
    case(
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a",
        "CREATE UNIQUE INDEX i ON m (a)",
        &["index public.i: added"],
        "+CREATE UNIQUE INDEX i ON public.m",
    ),
    case(
        "",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a",
        &["materialized view public.m: added"],
        "+column a integer",
    ),
    case(
        "CREATE MATERIALIZED VIEW m AS SELECT text 'x' AS a",
        "ALTER MATERIALIZED VIEW m ALTER a SET STORAGE EXTERNAL, ALTER a SET STATISTICS 5, ALTER a SET (n_distinct = 2)",
        &["materialized view public.m: changed"],
        "+column a text STORAGE EXTERNAL STATISTICS 5 WITH (n_distinct=2)",
    ),
    case(
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS a; CREATE INDEX i ON m (a)",
        "ALTER MATERIALIZED VIEW m CLUSTER ON i",
        &["materialized view public.m: changed"],
        "+CLUSTER ON i",
    ),
    // Routines.
    case(ADD, "ALTER FUNCTION f IMMUTABLE", &["function public.f(integer, integer): changed"], "+ IMMUTABLE"),
    case(
        ADD,
        "CREATE OR REPLACE FUNCTION f(a int, b int) RETURNS int LANGUAGE sql RETURN a - b",
        &["function public.f(integer, integer): changed"],
        "+RETURN (a - b)",
    ),
    case(
        "",
        "CREATE PROCEDURE p(a text) LANGUAGE sql AS 'SELECT 1'",
        &["procedure public.p(text): added"],
        "+CREATE OR REPLACE PROCEDURE public.p(IN a text)",
    ),
    case(
        "CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')",
        "CREATE OR REPLACE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '1')",
        &["aggregate public.total(integer): changed"],
        "+INITCOND '1'",
    ),
    // Triggers, rules, policies.
    case(TRIGGER, "ALTER TABLE t DISABLE TRIGGER touch", &["trigger public.t.touch: changed"], "+DISABLED"),
    case(
        TRIGGER,
        "CREATE OR REPLACE TRIGGER touch AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g()",
        &["trigger public.t.touch: changed"],
        "+CREATE TRIGGER touch AFTER UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.g()",
    ),
    case(
        T,
        "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
        &["rule public.t.r: added"],
        "ON DELETE TO public.t DO INSTEAD NOTHING;",
    ),
    case(
        "CREATE TABLE t (id int); CREATE POLICY p ON t USING (id > 0)",
        "ALTER POLICY p ON t USING (id > 1)",
        &["policy public.t.p: changed"],
        "+USING ((id > 1))",
    ),
    // Types and sequences.
    case(
        "CREATE TYPE e AS ENUM ('a', 'c')",
        "ALTER TYPE e ADD VALUE 'b' BEFORE 'c'",
        &["type public.e: changed"],
        "+'b'",
    ),
    case(
        "CREATE TYPE c AS (a int)",
        "ALTER TYPE c ADD ATTRIBUTE b text",
        &["type public.c: changed"],
        "+b text",
    ),
    case(
        "CREATE DOMAIN d AS int CHECK (VALUE > 0)",
        "ALTER DOMAIN d SET NOT NULL",
        &["domain public.d: changed"],
        "+NOT NULL",
    ),
    case(
        "CREATE DOMAIN d AS int",
        "ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE > 0)",
        &["domain public.d: changed"],
        "+CONSTRAINT k CHECK ((VALUE > 0))",
    ),
    case(
        "",
        "CREATE TYPE r AS RANGE (SUBTYPE = float8)",
        &["type public.r: added"],
        "+SUBTYPE double precision",
    ),
    case(
        "CREATE SEQUENCE s",
        "ALTER SEQUENCE s INCREMENT 2",
        &["sequence public.s: changed"],
        "+START 1 INCREMENT 2",
    ),
    case(
        "CREATE SEQUENCE s; CREATE TABLE t (id int)",
        "ALTER SEQUENCE s OWNED BY t.id",
        &["sequence public.s: changed"],
        "+OWNED BY public.t.id",
    ),
    case("CREATE SEQUENCE s", "SELECT nextval('s')", &[], ""),
    // Privileges and comments.
    case(T, "GRANT SELECT ON t TO PUBLIC", &["privileges on table public.t: added"], "+PUBLIC: SELECT"),
    case(T, "GRANT SELECT ON t TO PUBLIC; REVOKE SELECT ON t FROM PUBLIC", &[], ""),
    case(
        T,
        "GRANT UPDATE (name) ON t TO PUBLIC",
        &["privileges on column public.t.name: added"],
        "+PUBLIC: UPDATE",
    ),
    case(
        ADD,
        "REVOKE EXECUTE ON FUNCTION f FROM PUBLIC",
        &["privileges on function public.f(integer, integer): added"],
        "+(owner): EXECUTE",
    ),
    case(
        "CREATE SCHEMA s",
        "GRANT USAGE ON SCHEMA s TO PUBLIC",
        &["privileges on schema s: added"],
        "+PUBLIC: USAGE",
    ),
    case(
        "",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
        &["default privileges for postgres in public on tables: added"],
        "+PUBLIC: SELECT",
    ),
    case(
        "CREATE EXTENSION hstore",
        "REVOKE EXECUTE ON FUNCTION hstore(text, text) FROM PUBLIC; COMMENT ON FUNCTION hstore(text, text) IS 'x'",
        &["privileges on function public.hstore(text, text): added"],
        "+(owner): EXECUTE",
    ),
    case("", "CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8", &[], ""),
    case(T, "COMMENT ON TABLE t IS 'about t'", &["comment on table public.t: added"], "+about t"),
    case(
        "CREATE TABLE t (id int); COMMENT ON COLUMN t.id IS 'one'",
        "COMMENT ON COLUMN t.id IS 'two'",
        &["comment on column public.t.id: changed"],
        "+two",
    ),
    case(
        "CREATE DOMAIN d AS int CONSTRAINT k CHECK (VALUE > 0)",
        "COMMENT ON CONSTRAINT k ON DOMAIN d IS 'positive'",
        &["comment on constraint public.d.k: added"],
        "+positive",
    ),
    case(
        "CREATE VIEW v AS SELECT 1 AS a",
        "COMMENT ON COLUMN v.a IS 'one'",
        &["comment on column public.v.a: added"],
        "+one",
    ),
    case(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)",
        "COMMENT ON INDEX t_pkey IS 'key'; GRANT USAGE ON SEQUENCE t_id_seq TO PUBLIC",
        &["comment on index public.t_pkey: added", "privileges on sequence public.t_id_seq: added"],
        "+key",
    ),
    // The inexpensive ones.
    case(
        "",
        "CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)",
        &["operator public.|+|(integer, integer): added"],
        "+FUNCTION int4pl(integer,integer)",
    ),
    case(
        "CREATE OPERATOR FAMILY oc USING btree; \
         CREATE OPERATOR CLASS oc FOR TYPE int USING btree FAMILY oc AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int)",
        "DROP OPERATOR CLASS oc USING btree; \
         CREATE OPERATOR CLASS oc FOR TYPE int USING btree FAMILY oc AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int)",
        &["operator class public.oc USING btree: changed"],
        "+OPERATOR 3 =(integer,integer)",
    ),
    case("", "CREATE COLLATION co (LOCALE = 'C')", &["collation public.co: added"], "+collate C"),
    case(
        "CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple)",
        "ALTER TEXT SEARCH CONFIGURATION ts DROP MAPPING FOR email",
        &["text search configuration public.ts: changed"],
        "-MAPPING email simple",
    ),
    case(
        "",
        "CREATE TEXT SEARCH DICTIONARY td (TEMPLATE = simple, ACCEPT = false)",
        &["text search dictionary public.td: added"],
        "+OPTIONS (accept = 'false')",
    ),
];
