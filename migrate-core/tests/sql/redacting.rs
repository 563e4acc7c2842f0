//! Secrets are taken out of what is shown.

use std::borrow::Cow;

use migrate_core::sql::redact;

#[test]
fn secrets_are_taken_out() {
    let cases = [
        ("CREATE ROLE a PASSWORD 'x' VALID UNTIL 'y'", "CREATE ROLE a PASSWORD '…' VALID UNTIL 'y'"),
        ("alter user a encrypted password E'x'", "alter user a encrypted password '…'"),
        ("ALTER ROLE a PASSWORD $$x$$", "ALTER ROLE a PASSWORD '…'"),
        ("ALTER ROLE a PASSWORD /* 'y' */ 'x", "ALTER ROLE a PASSWORD /* 'y' */ '…'"),
        (
            "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password 'x', sslpassword 'y')",
            "CREATE USER MAPPING FOR u SERVER s OPTIONS (user 'u', password '…', sslpassword '…')",
        ),
        (
            "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET \"password\" 'x', ADD passfile 'y', SET user 'z')",
            "ALTER USER MAPPING FOR u SERVER s OPTIONS (SET \"password\" '…', ADD passfile '…', SET user 'z')",
        ),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'host=h' PUBLICATION p WITH (slot_name = 'n')",
            "CREATE SUBSCRIPTION s CONNECTION '…' PUBLICATION p WITH (slot_name = 'n')",
        ),
        ("SET app.token = 'x', 'y'", "SET app.token = '…', '…'"),
        ("SET app.secret.key TO x", "SET app.secret.key TO …"),
        ("SET SESSION app.password = 123", "SET SESSION app.password = …"),
        (
            "ALTER ROLE a SET app.api_key TO 'x'; SELECT 'y'",
            "ALTER ROLE a SET app.api_key TO '…'; SELECT 'y'",
        ),
        ("SELECT set_config('app.secret', 'x', false)", "SELECT set_config('app.secret', '…', false)"),
        (
            "SELECT set_config('app.secret', concat('x', 'y'), false), 'z'",
            "SELECT set_config('app.secret', concat('…', '…'), false), 'z'",
        ),
        ("UPDATE t SET password = 'x' WHERE name = 'y'", "UPDATE t SET password = '…' WHERE name = 'y'"),
        ("UPDATE t SET password = other WHERE a = 1", "UPDATE t SET password = other WHERE a = 1"),
        (
            "ALTER TABLE t ALTER client_secret SET DEFAULT 'x'",
            "ALTER TABLE t ALTER client_secret SET DEFAULT '…'",
        ),
        ("SELECT dblink('host=h password=x', 'SELECT 1')", "SELECT dblink('…', 'SELECT 1')"),
        ("SELECT dblink('postgres://me:x@h/d', 'y')", "SELECT dblink('…', 'y')"),
        ("SELECT dblink($$host=h password=x$$, 'y')", "SELECT dblink('…', 'y')"),
        ("SELECT 'https://h/a:b@c'", "SELECT 'https://h/a:b@c'"),
        ("INSERT INTO t VALUES ('{\"password\": \"x\"}')", "INSERT INTO t VALUES ('…')"),
        (
            "SELECT 'a'; ALTER ROLE a PASSWORD 'ä'; SELECT 'b'",
            "SELECT 'a'; ALTER ROLE a PASSWORD '…'; SELECT 'b'",
        ),
        (
            "DO $$ BEGIN CREATE ROLE a PASSWORD 'x'; RAISE 'y'; END $$",
            "DO $$ BEGIN CREATE ROLE a PASSWORD '…'; RAISE 'y'; END $$",
        ),
        (
            "DO $a$ BEGIN EXECUTE $b$ALTER ROLE a PASSWORD 'x'$b$; END $a$",
            "DO $a$ BEGIN EXECUTE $b$ALTER ROLE a PASSWORD '…'$b$; END $a$",
        ),
        ("EXECUTE 'ALTER ROLE a PASSWORD ''x'''", "EXECUTE '…'"),
        (
            "EXECUTE format('ALTER ROLE a PASSWORD %L', 'x')",
            "EXECUTE format('ALTER ROLE a PASSWORD %L', '…')",
        ),
        (
            "EXECUTE 'ALTER ROLE a PASSWORD ' || quote_literal('x')",
            "EXECUTE 'ALTER ROLE a PASSWORD ' || quote_literal('…')",
        ),
    ];
    for (statement, expected) in cases {
        assert_eq!(redact(statement), expected);
        assert_eq!(redact(&redact(statement)), expected, "again");
    }
}

#[test]
fn the_rest_is_not_touched() {
    for statement in [
        "",
        "SELECT 'x'",
        "ALTER ROLE a PASSWORD NULL",
        "ALTER ROLE a CONNECTION LIMIT 5 VALID UNTIL 'x'",
        "CREATE TABLE t (password text, name text DEFAULT 'x')",
        "CREATE TYPE e AS ENUM ('password', 'token', 'oauth')",
        "COMMENT ON COLUMN t.name IS 'shown next to the password'",
        "SELECT set_config('search_path', 'x', false)",
        "SET search_path TO 'a', b",
        "DO $$ BEGIN RAISE 'x'; END $$",
    ] {
        assert!(matches!(redact(statement), Cow::Borrowed(same) if same == statement), "{statement}");
    }
}

#[test]
fn what_is_quoted_too_deeply_is_hidden() {
    let nested = (0..50_000).map(|tag| format!("$t{tag}$")).collect::<String>();
    assert!(redact(&nested).ends_with("$t7$'…'"));
}
