//! Statements with effects beyond their database, and the roles that they name.

use migrate_core::sql::{
    is_cluster_wide, may_be_cluster_wide, quotes_cluster_wide, roles_made, roles_named, without_roles,
};

#[test]
fn what_the_databases_of_a_server_share_is_known_by_the_statement() {
    for statement in [
        "CREATE ROLE app_reader NOLOGIN",
        "create /* a */ user app PASSWORD 'x'",
        "CREATE GROUP g",
        "ALTER ROLE app SET search_path = app",
        "ALTER USER ALL SET work_mem = '1MB'",
        "DROP ROLE IF EXISTS app",
        "GRANT app_reader TO app",
        "GRANT a, \"b\" TO c WITH ADMIN OPTION",
        "REVOKE ADMIN OPTION FOR a FROM b",
        "GRANT CONNECT ON DATABASE shop TO app",
        "REVOKE ALL PRIVILEGES ON DATABASE shop FROM PUBLIC",
        "GRANT CREATE ON TABLESPACE fast TO app",
        "GRANT SET ON PARAMETER work_mem TO app",
        "CREATE DATABASE other",
        "ALTER DATABASE shop SET timezone = 'UTC'",
        "CREATE TABLESPACE fast LOCATION '/x'",
        "ALTER SYSTEM SET work_mem = '1MB'",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "ALTER SUBSCRIPTION s DISABLE",
        "COMMENT ON ROLE app IS 'x'",
        "COMMENT ON DATABASE shop IS 'x'",
        "SECURITY LABEL FOR p ON ROLE app IS 'x'",
        "SELECT pg_catalog.pg_create_logical_replication_slot('s', 'pgoutput')",
        "SELECT pg_reload_conf()",
    ] {
        assert!(is_cluster_wide(statement), "{statement}");
    }
    for statement in [
        "CREATE TABLE role (id int)",
        "CREATE USER MAPPING FOR app SERVER s",
        "DROP USER MAPPING FOR app SERVER s",
        "ALTER USER MAPPING FOR app SERVER s OPTIONS (SET a 'b')",
        "ALTER TABLE t OWNER TO app",
        "GRANT SELECT ON orders TO app",
        "GRANT SELECT (a, b), UPDATE (c) ON TABLE orders TO app",
        "GRANT SELECT ON parameter TO app",
        "GRANT SELECT ON database, other TO app",
        "GRANT SELECT ON \"database\" TO app",
        "GRANT USAGE ON SCHEMA s TO app",
        "COMMENT ON TABLE role IS 'x'",
        "ALTER DEFAULT PRIVILEGES FOR ROLE app GRANT SELECT ON TABLES TO PUBLIC",
        "SELECT 'pg_reload_conf()'",
        "CREATE FUNCTION f() RETURNS bool LANGUAGE sql AS 'SELECT pg_reload_conf()'",
        "SET ROLE app",
        "",
    ] {
        assert!(!is_cluster_wide(statement), "{statement}");
    }
}

#[test]
fn code_that_the_text_does_not_show_may_reach_further() {
    let block = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles) THEN CREATE\n  ROLE app; END IF; END $$";
    let dynamic = "DO $a$ BEGIN EXECUTE format('ALTER DATABASE %I SET x = 1', current_database()); END $a$";
    for statement in [block, dynamic, "DROP OWNED BY app", "REASSIGN OWNED BY a TO b"] {
        assert!(may_be_cluster_wide(statement), "{statement}");
        assert!(quotes_cluster_wide(statement), "{statement}");
    }
    for statement in ["CALL p()", "SELECT f()", "(SELECT 1)", "WITH a AS (SELECT f()) SELECT * FROM a"] {
        assert!(may_be_cluster_wide(statement), "{statement}");
        assert!(!quotes_cluster_wide(statement), "{statement}");
    }
    assert!(!may_be_cluster_wide("CREATE TABLE t ()"));
    assert!(!quotes_cluster_wide("DO $$ BEGIN CREATE TABLE role (); END $$"));
}

#[test]
fn the_roles_that_statements_make_are_found_in_blocks_too() {
    assert_eq!(roles_made("CREATE ROLE App NOLOGIN"), ["app"]);
    assert_eq!(roles_made("CREATE USER \"App\"\"s\""), ["App\"s"]);
    assert_eq!(roles_made("DO $x$ BEGIN CREATE ROLE a; EXECUTE 'CREATE USER b'; END $x$"), ["a", "b"]);
    assert_eq!(roles_made("CREATE USER MAPPING FOR a SERVER s"), Vec::<String>::new());
    assert_eq!(roles_made("CREATE TABLE role (a int)"), Vec::<String>::new());
}

#[test]
fn a_statement_without_a_missing_role_does_the_rest() {
    let gone = |role: &str| ["gone", "Lost"].contains(&role);
    let cases = [
        ("GRANT SELECT ON t TO gone, app, \"Lost\"", Some("GRANT SELECT ON t TO app")),
        ("GRANT SELECT ON t TO gone WITH GRANT OPTION", None),
        ("GRANT SELECT ON t TO GROUP gone, GROUP app", Some("GRANT SELECT ON t TO app")),
        ("REVOKE ALL ON t FROM gone CASCADE", None),
        ("REVOKE ALL ON t FROM PUBLIC, gone CASCADE", Some("REVOKE ALL ON t FROM PUBLIC CASCADE")),
        ("ALTER DEFAULT PRIVILEGES FOR ROLE gone IN SCHEMA s GRANT SELECT ON TABLES TO app", None),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO gone", None),
        ("ALTER TABLE t ADD a int, OWNER TO Gone", Some("ALTER TABLE t ADD a int, OWNER TO CURRENT_USER")),
        ("CREATE SCHEMA s AUTHORIZATION gone", Some("CREATE SCHEMA s AUTHORIZATION CURRENT_USER")),
        ("CREATE SCHEMA AUTHORIZATION gone", Some("CREATE SCHEMA AUTHORIZATION gone")),
        (
            "ALTER OPERATOR @+@ (int, int) OWNER TO gone",
            Some("ALTER OPERATOR @+@ (int, int) OWNER TO CURRENT_USER"),
        ),
        (
            "ALTER OPERATOR FAMILY f USING hash OWNER TO gone",
            Some("ALTER OPERATOR FAMILY f USING hash OWNER TO CURRENT_USER"),
        ),
        ("ALTER LARGE OBJECT 42 OWNER TO gone", Some("ALTER LARGE OBJECT 42 OWNER TO CURRENT_USER")),
        (
            "CREATE POLICY p ON t FOR SELECT TO gone USING (true)",
            Some("CREATE POLICY p ON t FOR SELECT TO CURRENT_USER USING (true)"),
        ),
        ("CREATE POLICY p ON t TO gone, app USING (true)", Some("CREATE POLICY p ON t TO app USING (true)")),
        ("ALTER POLICY gone ON t RENAME TO gone", Some("ALTER POLICY gone ON t RENAME TO gone")),
        ("CREATE USER MAPPING FOR gone SERVER s", Some("CREATE USER MAPPING FOR CURRENT_USER SERVER s")),
        ("SET ROLE gone", None),
        ("SET SESSION ROLE 'gone'", None),
        ("SET LOCAL SESSION AUTHORIZATION gone", None),
        ("SET role TO gone", None),
        ("SET SESSION AUTHORIZATION DEFAULT", Some("SET SESSION AUTHORIZATION DEFAULT")),
        ("DROP OWNED BY gone", None),
        ("REASSIGN OWNED BY gone TO app", None),
        ("REASSIGN OWNED BY app TO gone", None),
        ("CREATE TABLE gone (gone int)", Some("CREATE TABLE gone (gone int)")),
        ("GRANT SELECT ON gone TO app", Some("GRANT SELECT ON gone TO app")),
        ("GRANT", Some("GRANT")),
        ("GRANT SELECT ON t TO", Some("GRANT SELECT ON t TO")),
        ("SET ROLE", Some("SET ROLE")),
        ("ALTER TABLE t OWNER TO", Some("ALTER TABLE t OWNER TO")),
    ];
    for (statement, expected) in cases {
        assert_eq!(without_roles(statement, &gone).as_deref(), expected, "{statement}");
    }
    assert_eq!(roles_named("GRANT SELECT ON t TO a, PUBLIC, \"B\""), ["a", "B"]);
    assert_eq!(roles_named("SET ROLE NONE"), Vec::<String>::new());
}
