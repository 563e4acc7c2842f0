//! Secrets are removed from text before it is shown.

use std::borrow::Cow;

use migrate_core::sql::{redact, redact_detail};

#[test]
fn secrets_are_taken_out() {
    let cases = [
        ("CREATE ROLE a PASSWORD 'x' VALID UNTIL 'y'", "CREATE ROLE a PASSWORD '…' VALID UNTIL 'y'"),
        ("alter user a encrypted password E'x'", "alter user a encrypted password '…'"),
        ("UPDATE t SET pin_secret = 1234, a = 5", "UPDATE t SET pin_secret = …, a = 5"),
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

/// Statements in which `§` stands for a secret and `°` for an unredacted word.
const GOVERNED: &[&str] = &[
    "UPDATE users SET password = crypt('§', gen_salt('bf')) WHERE name = '°'",
    "UPDATE users SET password = ('§'), kind = '°'",
    "UPDATE users SET password = CASE WHEN a THEN '§' ELSE E'§' END, kind = '°'",
    "UPDATE users SET password = CASE kind WHEN 'x' THEN '§' END WHERE name = '°' AND b BETWEEN '°' AND '°'",
    "UPDATE users SET password = left('§', 3), kind = '°'",
    "UPDATE users SET password = left('§' || right('§', 2), 3) WHERE a = '°'",
    "UPDATE users SET (name, password) = ('°', '§') WHERE a = '°'",
    "UPDATE users SET (name, password) = ROW ('°', crypt('§', '§')) WHERE a = '°'",
    "UPDATE users SET (name, password) = (SELECT '°', '§' FROM t WHERE a = '°')",
    "UPDATE users u SET password = v.p FROM (VALUES ('°', '§')) AS v(name, password) WHERE u.name = '°'",
    "WITH v(name, password) AS (VALUES ('°', '§'), ('°', U&'§')) SELECT '°' FROM v",
    "WITH v(name, password) AS MATERIALIZED (SELECT '°', '§' WHERE a = '°') SELECT '°' FROM v",
    "CREATE VIEW v (name, password) AS SELECT '°', '§' FROM t WHERE a = '°'",
    "ALTER TABLE t ADD COLUMN secret text DEFAULT ('§'::text), ADD COLUMN kind text DEFAULT '°'",
    "ALTER TABLE t ADD secret varchar(9) NOT NULL DEFAULT lower('§')",
    "CREATE TABLE t (kind text DEFAULT '°', api_key char(8) NOT NULL DEFAULT $$§$$, c text DEFAULT '°')",
    "CREATE TABLE t (kind text DEFAULT '°', \"apiKey\" text CHECK (\"apiKey\" <> '§'))",
    "ALTER TABLE t ALTER client_secret SET DEFAULT coalesce('§', '§')",
    "ALTER TABLE t ALTER COLUMN password TYPE bytea USING convert_to('§', '§')",
    "CREATE FUNCTION f(name text DEFAULT '°', password text DEFAULT '§') RETURNS text AS '°' LANGUAGE sql",
    "DO $$ DECLARE v_secret text := '§'; kind text := '°'; BEGIN v_token = lower('§'); RAISE '°'; END $$",
    "SELECT 1 FROM t WHERE password IN ('§', '§') AND name = '°'",
    "SELECT 1 FROM t WHERE token = ANY (ARRAY['§', '§']) OR name = '°'",
    "SELECT 1 FROM t WHERE (name, password) = ('°', '§')",
    "SELECT 1 FROM t WHERE (name, password) IN (('§', '§')) AND a = '°'",
    "SELECT 1 FROM t WHERE password BETWEEN '§' AND '§' AND name = '°'",
    "SELECT 1 FROM t WHERE password IS NOT DISTINCT FROM '§' AND name = '°'",
    "SELECT 1 FROM t WHERE '§' = t.password AND name = '°'",
    "SELECT 1 FROM t WHERE name = '°' AND lower('§') LIKE password",
    "SELECT CASE password WHEN '§' THEN '§' END, '°'",
    "SELECT '°', '§' AS password, '°' AS kind",
    "SELECT '°', crypt('§', '§')::text \"password\", '°' FROM t",
    "SELECT '°' AS kind, '§' || '§' AS secret FROM t WHERE a = '°'",
    "INSERT INTO users (name, password) VALUES ('°', '§'), ('°', crypt('§', '§')) ON CONFLICT (name) DO NOTHING",
    "INSERT INTO a.users AS u (name, \"passWord\", c) VALUES ('°', ('§'), '°') RETURNING '°'",
    "INSERT INTO users (name, password) OVERRIDING SYSTEM VALUE VALUES ('°', B'§')",
    "INSERT INTO users (name, password) SELECT '°', '§' FROM t WHERE a = '°'",
    "INSERT INTO users (name, password) SELECT DISTINCT '°', '§' UNION ALL SELECT '°', '§' ORDER BY '°'",
    "INSERT INTO users (name, password) SELECT '°' AS a, '§' AS b FROM t",
    "INSERT INTO users (name, password) SELECT * FROM (VALUES ('§', '§')) AS v(a, b) WHERE a = '°'",
    "WITH x AS (SELECT '§') INSERT INTO users (name, password) SELECT '°', x.a FROM x WHERE a = '°'",
    "INSERT INTO users (name) VALUES ('°') ON CONFLICT (name) DO UPDATE SET password = '§' WHERE a = '°'",
    "MERGE INTO users u USING t ON u.a = '°' WHEN NOT MATCHED THEN INSERT (name, password) VALUES ('°', '§')",
    "INSERT INTO api_tokens VALUES ('§', '§') RETURNING '°'",
    "INSERT INTO app.secrets (name, body) VALUES ('°', '§') ON CONFLICT DO NOTHING",
    "UPDATE secrets SET body = '§' WHERE name = '°'",
    "INSERT INTO settings (key, value) VALUES ('smtp_password', '§')",
    "UPDATE settings SET value = '§' WHERE key = 'smtp_password' AND kind = '°'",
    "SELECT pgp_sym_encrypt(x, '§'), '°'",
    "SELECT encode(hmac(x, '§', '§'), '°'), crypt('§', '§'), '°'",
    "SELECT jsonb_build_object('name', '°', 'password', lower('§'))",
    "SELECT vault.create_secret('§', '§'), '°'",
    "SELECT f(name => '°', password => lower('§'))",
    "SELECT dblink_connect('°', 'host=h password=§')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=§' PUBLICATION p WITH (slot_name = '°')",
    "ALTER SERVER s OPTIONS (SET host '°', ADD password '§')",
    "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host '°', token '§')",
    "COPY t FROM PROGRAM 'curl -H § https://h' WITH (FORMAT '°')",
    "COPY t (a, password) TO PROGRAM 'gpg -c §'",
    "ALTER ROLE r SET app.secret = '§', '§'; SELECT '°'",
    "DO $$ BEGIN EXECUTE 'INSERT INTO users (name, password) VALUES (''a'', ''§'')'; RAISE '°'; END $$",
    "DO $$ BEGIN SET LOCAL app.token = §; RAISE '°'; END $$",
    "SET app.jwt_secret TO §",
    "SET LOCAL app.pin_secret = -§",
    "ALTER SYSTEM SET app.token = '§', §",
    "ALTER DATABASE d SET app.secret TO §",
    "ALTER ROLE ALL IN DATABASE d SET app.secret TO §",
    "ALTER FUNCTION f(kind text) SET app.token TO § IMMUTABLE",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql SET app.token TO § RETURN a",
    "CREATE FUNCTION f() RETURNS text SET app.kind = '°' SET app.token = '§' AS '°' LANGUAGE sql",
    "ALTER SUBSCRIPTION s CONNECTION 'host=h user=§'",
    "ALTER FOREIGN DATA WRAPPER w HANDLER h OPTIONS (kind '°', DROP secret, SET token '§')",
    "CREATE FOREIGN TABLE f (a int OPTIONS (token '§', kind '°')) SERVER s OPTIONS (password '§', kind '°')",
    "ALTER FOREIGN TABLE f OPTIONS (ADD password '§'), ALTER a OPTIONS (SET token '§', SET kind '°')",
    "ALTER SERVER s OPTIONS (SET U&\"p\\0061ssword\" '§', SET kind '°')",
    "ALTER ROLE r SET app.U&\"p\\0061ssword\" = '§'",
    "INSERT INTO users (name, U&\"p\\0061ssword\") VALUES ('°', '§')",
    "SELECT set_config(setting_name => 'app.token', new_value => '§', is_local => true)",
    "SELECT set_config(new_value => '§', is_local => true, setting_name => 'app.token'), '°'",
    "ALTER ROLE r PASSWORD NULL SET app.token TO § app.kind",
];

#[test]
fn every_literal_of_an_expression_that_such_a_name_governs_goes_and_the_others_stay() {
    for statement in GOVERNED {
        let statement = statement.replace('§', "hunter2").replace('°', "open");
        let shown = redact(&statement);
        assert!(statement.contains("hunter2"), "{statement}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let open = |text: &str| text.matches("'open'").count();
        assert_eq!(open(&shown), open(&statement), "{statement}\n{shown}");
        assert_eq!(redact(&shown), shown, "again");
    }
}

#[test]
fn the_servers_detail_shows_no_value_of_such_a_column() {
    let cases = [
        ("23505", "Key (password)=(S) already exists.", "Key (password)=(…) already exists."),
        ("23505", "Key (name, api_key)=(a), S) already exists.", "Key (name, api_key)=(…) already exists."),
        ("23505", "Schlüssel »(token)=(S)« existiert bereits.", "Schlüssel »(token)=(…)« existiert bereits."),
        ("23505", "Key (name)=(ada) already exists.", "Key (name)=(ada) already exists."),
        (
            "23P01",
            "Key (a, token)=(1, S) conflicts with existing key (a, token)=(1, S).",
            "Key (a, token)=(…).",
        ),
        (
            "23503",
            "Key (user_id)=(7) is not present in table \"users\".",
            "Key (user_id)=(7) is not present in table \"users\".",
        ),
        ("23502", "Failing row contains (7, ada, S (x), null).", "Failing row contains (7, …)."),
        ("23514", "Failing row contains (S, ada).", "Failing row contains (…)."),
        ("22P04", "COPY users, line 3, column password: \"S\"", "COPY users, line 3, column password: \"…\""),
        ("42703", "There is a column named \"S\".", "There is a column named \"S\"."),
    ];
    for (code, detail, expected) in cases {
        assert_eq!(redact_detail(code, detail), expected);
    }
}

#[test]
fn the_rest_is_not_touched() {
    for statement in [
        "",
        "SELECT 'x'",
        "ALTER ROLE a PASSWORD NULL",
        "ALTER ROLE a SET app.token TO DEFAULT",
        "ALTER ROLE a SET app.token FROM CURRENT",
        "ALTER SERVER s OPTIONS (DROP password, SET host 'x')",
        "ALTER FOREIGN TABLE f OPTIONS (SET token_type 'x')",
        "ALTER ROLE a CONNECTION LIMIT 5 VALID UNTIL 'x'",
        "CREATE TABLE t (password text, name text DEFAULT 'x')",
        "CREATE TYPE e AS ENUM ('password', 'token', 'oauth')",
        "COMMENT ON COLUMN t.name IS 'shown next to the password'",
        "SELECT set_config('search_path', 'x', false)",
        "SET search_path TO 'a', b",
        "DO $$ BEGIN RAISE 'x'; END $$",
        "ALTER TABLE t RENAME COLUMN password TO pw",
        "ALTER TABLE secrets RENAME TO old_secrets",
        "UPDATE tokens_used SET token_count = 5, kind = 'x' WHERE password IS NULL AND name = 'y'",
        "SELECT a, password FROM t WHERE name = 'x'",
        "CREATE INDEX i ON t (token) WHERE kind = 'x'",
        "CREATE TABLE tokens (kind text DEFAULT 'x')",
        "ALTER TABLE tokens ADD COLUMN kind text DEFAULT 'x', ALTER kind SET DEFAULT 'y'",
        "ALTER TABLE t ADD CONSTRAINT token_kind CHECK (kind IN ('x', 'y'))",
        "CREATE POLICY token_policy ON t USING (kind = 'x')",
        "CREATE FUNCTION check_password(p text) RETURNS bool AS 'SELECT 1' LANGUAGE sql",
        "COMMENT ON FUNCTION check_password(text) IS 'x'",
        "SELECT t.* FROM (SELECT 'x') AS tokens JOIN u ON u.kind = 'y'",
        "INSERT INTO t (name, kind) VALUES ('x', 'y')",
        "INSERT INTO kinds (code, label) VALUES ('password', 'Log in with one')",
        "ALTER TABLE t ADD COLUMN scope \"ApiKeyScope\" NOT NULL DEFAULT 'x'",
        "INSERT INTO t (kind, token_type, tokenizer) VALUES ('x', 'bearer', 'y')",
        "UPDATE t SET prompt_tokens = (usage ->> 'promptTokens')::int WHERE token <> ''",
        "ALTER TABLE t ALTER token TYPE text USING encode(token, 'escape')",
        "ALTER TABLE t ADD COLUMN password_version varchar(16) DEFAULT 'sha256', ADD token text DEFAULT ''",
        "UPDATE t SET password_changed_at = '2024-01-01', token_expires_at = 'x'",
        "UPDATE llm_api_keys SET adapter = 'x' WHERE adapter = 'y'",
        "UPDATE t SET max_tokens = 1024",
        "ALTER TYPE permission ADD VALUE IF NOT EXISTS 'create_api_keys'",
        "SET password_encryption = 'scram-sha-256'",
        "SELECT CAST('x' AS token_type)",
        "GRANT SELECT (password) ON t TO r",
        "ALTER TABLE t ALTER token_count SET DEFAULT 0",
    ] {
        assert!(matches!(redact(statement), Cow::Borrowed(same) if same == statement), "{statement}");
    }
}

#[test]
fn what_is_quoted_too_deeply_is_hidden() {
    let nested = (0..20_000).map(|tag| format!("$t{tag}$")).collect::<String>();
    assert!(redact(&format!("{nested} PASSWORD 'x'")).ends_with("$t7$'…'"));
    // Nested brackets cost no more than the same number of brackets in a row.
    let brackets = format!("SELECT {}'x'{}", "(".repeat(20_000), " = password)".repeat(20_000));
    assert!(!redact(&brackets).contains("'x'"));
}
