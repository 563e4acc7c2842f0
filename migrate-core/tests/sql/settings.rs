//! Session settings are determined from the text.

use migrate_core::sql::is_session_setting;

#[test]
fn these_are_set_for_the_session() {
    for statement in [
        "SET search_path TO a, b",
        "set session search_path = a;",
        "SET TIME ZONE 'UTC'",
        "SET ROLE r",
        "SET SESSION AUTHORIZATION r",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "-- a\nSET x.y = 1",
        "RESET ALL",
        "RESET SESSION AUTHORIZATION",
        "SELECT set_config('a.b', 'c', false)",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "SELECT set_config('a.b', 'c', 'off') AS x, set_config('a.d', 'e', true)",
        "SELECT set_config('a.b', concat('c', 'd', 'e'), is_local => false)",
        "SELECT set_config('a.b', 'c', current_user = 'x')",
    ] {
        assert!(is_session_setting(statement), "{statement}");
    }
}

#[test]
fn these_are_not() {
    for statement in [
        "",
        "SET LOCAL search_path TO a",
        "SET TRANSACTION READ ONLY",
        "SET SESSION TRANSACTION READ ONLY",
        "SET CONSTRAINTS ALL DEFERRED",
        "SELECT set_config('a.b', 'c', true)",
        "SELECT set_config('a.b', 'c', 'YES')",
        "SELECT set_config(is_local => true, setting_name => 'a.b', new_value => 'c')",
        "SELECT set_config('a.b', 'c', false) FROM t",
        "SELECT set_config('a.b', 'c', false) || f()",
        "SELECT f(), set_config('a.b', 'c', false)",
        "SELECT set_config",
        "SELECT set_config('a",
        "SELECT 'SET x = 1'",
        "ALTER ROLE r SET search_path TO a",
        "UPDATE t SET a = 1",
        "DISCARD ALL",
    ] {
        assert!(!is_session_setting(statement), "{statement}");
    }
}
