//! `reset`.

use crate::snapshot::assert_snapshot;
use crate::stage::{Stage, TABLES};
use migrate_postgres::testing;

#[tokio::test]
async fn a_database_that_nobody_marked_is_not_dropped() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    assert_snapshot(
        "reset_refused.txt",
        &stage.transcript(&["reset", "reset --json", "reset --confirm other"]),
    );
    assert_eq!(stage.value("to_regclass('users')").await, "users");
}

#[tokio::test]
async fn a_development_database_is_dropped_built_anew_and_seeded() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE SCHEMA \"Other one\"; CREATE TABLE \"Other one\".t (a int); CREATE VIEW public.v AS TABLE \"Other one\".t; \
             CREATE PUBLICATION p FOR TABLE \"Other one\".t; GRANT USAGE ON SCHEMA public TO PUBLIC",
        )
        .await
        .unwrap();
    let acl = "SELECT nspacl::text || nspowner FROM pg_namespace WHERE nspname = 'public'";
    let before = stage.value(acl).await;
    stage.write("seed.sql", "INSERT INTO posts VALUES (1);\nINSERT INTO posts VALUES (2);");
    assert_snapshot(
        "reset.txt",
        &stage.transcript(&["reset --mark-development", "reset", "status", "reset --no-seed"]),
    );
    assert_eq!(stage.value(acl).await, before, "public is as it was");
    assert_eq!(stage.value("to_regnamespace('\"Other one\"')").await, "");
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "0");
    stage.done("reset --unmark-development");
    assert_eq!(stage.run("reset").code, 5);
}

#[tokio::test]
async fn the_repeated_name_will_do_instead_of_a_mark() {
    let stage = Stage::new(&TABLES).await;
    stage.done(&format!("reset --confirm {}", stage.database.name()));
    stage.done("status");
}

#[tokio::test]
async fn a_seed_script_that_fails_says_where_and_leaves_nothing() {
    let stage = Stage::new(&TABLES).await;
    stage.done("reset --mark-development");
    stage.write("fixtures.sql", "INSERT INTO posts VALUES (1);\nINSERT INTO nothing VALUES (1);");
    assert_snapshot(
        "seed_failed.txt",
        &stage.transcript(&["reset --seed fixtures.sql", "reset --seed missing.sql"]),
    );
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "0");
}

/// The database is empty by then: no error may say that nothing was changed.
#[tokio::test]
async fn a_reset_that_fails_behind_the_emptying_says_so() {
    let failing = ("0003_tags.up.sql", "CREATE TABLE tags (id nope);");
    let stage = Stage::new(&[&TABLES[..], &[failing]].concat()).await;
    stage.done("reset --mark-development");
    assert_snapshot("reset_failed.txt", &stage.transcript(&["reset", "reset --json"]));
}

/// The database is not marked, so that the command without the options would be refused, or seed otherwise.
#[tokio::test]
async fn the_advice_after_a_reset_that_failed_repeats_its_options() {
    let failing = ("0003_tags.up.sql", "CREATE TABLE tags (id nope);");
    let stage = Stage::new(&[&TABLES[..], &[failing]].concat()).await;
    let name = stage.database.name();
    let advised = |line: &str| {
        let ran = stage.run(line);
        assert_eq!(ran.code, 7, "{ran:?}");
        let advised =
            ran.stderr.lines().find_map(|line| Some(line.trim_start().split_once("  # drops")?.0.to_owned()));
        advised.unwrap_or_else(|| panic!("{ran:?}")).trim_end().replace("$DATABASE", name)
    };
    let line = format!("reset --confirm {name} --no-seed");
    assert_eq!(advised(&line), format!("migrate {line}"));
    stage.write("migrations/0003_tags.up.sql", "SELECT 1;");
    stage.write("my seed.sql", "INSERT INTO nothing VALUES (1);");
    let line = format!("reset --confirm {name} --seed 'my seed.sql'");
    assert_eq!(advised(&line), format!("migrate {line}"));
}

/// Checks that need no database come before the emptying.
#[tokio::test]
async fn a_reset_without_the_value_of_a_placeholder_drops_nothing() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.done("reset --mark-development");
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE ${schema}.tags (id int);");
    let refused = stage.run("reset --placeholder schema=");
    assert_eq!(refused.code, 5, "{refused:?}");
    assert_eq!(stage.value("to_regclass('users')").await, "users", "{refused:?}");
}

/// A seed script that commits by itself may leave something.
#[tokio::test]
async fn a_seed_script_that_commits_is_not_called_rolled_back() {
    let stage = Stage::new(&TABLES).await;
    stage.done("reset --mark-development");
    stage.write(
        "fixtures.sql",
        "BEGIN; INSERT INTO posts VALUES (1); COMMIT; INSERT INTO nothing VALUES (1);",
    );
    let failed = stage.run("reset --seed fixtures.sql --json");
    assert!(failed.stdout.contains("statements of the seed script may be done"), "{failed:?}");
    assert!(failed.stdout.contains("\"state\": \"unknown\""), "{failed:?}");
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "1");
    stage.write("fixtures.sql", "INSERT INTO posts VALUES (1); INSERT INTO nothing VALUES (1);");
    let failed = stage.run("reset --seed fixtures.sql --json");
    assert!(failed.stdout.contains("\"state\": \"steps\""), "{failed:?}");
    assert_eq!(stage.value("SELECT count(*) FROM posts").await, "0");
}

#[tokio::test]
async fn nothing_is_dropped_under_a_run_of_somebody_else() {
    let slow = ("0003_slow.up.sql", "SELECT pg_sleep(600);");
    let stage = Stage::new(&[&TABLES[..], &[slow]].concat()).await;
    stage.done("reset --mark-development");
    let mut other = stage.spawn("up");
    stage.until_asleep().await;
    let refused = stage.run("reset --lock-wait 100ms");
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.stderr.contains("error: another run holds the migration lock"), "{refused:?}");
    assert_eq!(stage.value("SELECT count(*) FROM migrate_history WHERE live").await, "2", "all is there");
    // It continues when the other run has ended.
    stage.write("migrations/0003_slow.up.sql", "CREATE TABLE tags (id bigint);");
    // However long it waits, its sessions stay alive.
    let client = stage.database.connect().await.unwrap();
    let database = stage.value("current_database()").await;
    let hurry = format!("ALTER DATABASE {database} SET idle_session_timeout = '1s'");
    client.batch_execute(&hurry).await.unwrap();
    let waiting = stage.spawn("reset");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    stage.value(end).await;
    other.wait().unwrap();
    let reset = stage.ran(&waiting.wait_with_output().unwrap());
    assert_eq!(reset.code, 0, "{reset:?}");
    assert_eq!(stage.value("to_regclass('tags')").await, "tags");
}

#[tokio::test]
async fn a_mark_of_another_database_or_in_a_copy_is_none() {
    let stage = Stage::new(&TABLES).await;
    stage.done("reset --mark-development");
    let copy = format!("{}_copy", stage.database.name());
    let url = stage.database.url().replace(stage.database.name(), &copy);
    let other = testing::server().unwrap().database().await.unwrap();
    let admin = other.connect().await.unwrap();
    admin.batch_execute(&format!("CREATE DATABASE {copy} TEMPLATE {}", stage.database.name())).await.unwrap();
    let mut command = stage.command("reset");
    command.env("DATABASE_URL", url);
    assert_eq!(stage.ran(&command.output().unwrap()).code, 5);
    admin.batch_execute(&format!("DROP DATABASE {copy}")).await.unwrap();
}

/// At least one object of each catalog: in `public`, in another schema, and outside schemas.
const EVERYTHING: &str = "
    CREATE SCHEMA \"Own one\";
    CREATE TABLE \"Own one\".t (id int PRIMARY KEY, b text DEFAULT 'x');
    CREATE TABLE t (id serial PRIMARY KEY, b text DEFAULT 'x' CHECK (b <> ''), c int REFERENCES \"Own one\".t);
    CREATE INDEX ON t (b); CREATE STATISTICS s ON id, b FROM t; CREATE SEQUENCE seq;
    CREATE VIEW v AS SELECT id FROM t; CREATE MATERIALIZED VIEW m AS SELECT id FROM t;
    CREATE TABLE parts (a int) PARTITION BY RANGE (a); CREATE TABLE part PARTITION OF parts DEFAULT;
    CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING; CREATE POLICY p ON t USING (true);
    CREATE TYPE color AS ENUM ('red'); CREATE TYPE pair AS (a int, b int); CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
    CREATE TYPE span AS RANGE (subtype = float8);
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch();
    CREATE PROCEDURE nothing() LANGUAGE sql AS ''; CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int);
    CREATE FUNCTION pg_catalog.stray() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION to_pair(text) RETURNS pair LANGUAGE sql AS 'SELECT ROW(1, 2)::pair';
    CREATE CAST (text AS pair) WITH FUNCTION to_pair(text);
    CREATE CAST (int AS point) WITH INOUT;
    CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
    CREATE OPERATOR CLASS ops FOR TYPE pair USING btree AS STORAGE pair;
    CREATE OPERATOR CLASS int_ops FOR TYPE int USING btree AS OPERATOR 1 <, FUNCTION 1 btint4cmp(int, int);
    CREATE OPERATOR FAMILY family USING hash;
    CREATE COLLATION plain FROM \"C\"; CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
    CREATE TEXT SEARCH PARSER parser (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
    CREATE TEXT SEARCH TEMPLATE template (LEXIZE = dsimple_lexize, INIT = dsimple_init);
    CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = template); CREATE TEXT SEARCH CONFIGURATION search (PARSER = parser);
    CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE USER MAPPING FOR PUBLIC SERVER s;
    CREATE FOREIGN TABLE far (id int) SERVER s;
    CREATE LANGUAGE other HANDLER plpgsql_call_handler; CREATE ACCESS METHOD pile TYPE TABLE HANDLER heap_tableam_handler;
    CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
    CREATE EXTENSION citext; CREATE TABLE names (n citext);
    CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
    CREATE PUBLICATION pub FOR TABLE t;
    DO $$ BEGIN IF current_setting('server_version_num')::int >= 150000
        THEN EXECUTE 'CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA \"Own one\"'; END IF; END $$;
    SELECT lo_create(0);
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
    COMMENT ON SCHEMA public IS 'ours';
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = 77000', current_database());
        EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET lock_timeout = 77000', current_database()); END $$;
    CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION watch();
    CREATE FUNCTION keep() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'nothing is dropped'; END $$;
    CREATE EVENT TRIGGER keep ON sql_drop EXECUTE FUNCTION keep();
";

/// The number of rows in each catalog of the database that initdb did not create. Covers each catalog of
/// objects that the server lists, and the database's settings and comment.
async fn made(stage: &Stage) -> Vec<(String, i64)> {
    let client = stage.database.connect().await.unwrap();
    let catalogs = "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'oid' \
                    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind = 'r' AND NOT c.relisshared ORDER BY 1";
    let mut made = Vec::new();
    for row in client.query(catalogs, &[]).await.unwrap() {
        let catalog: String = row.get(0);
        let and = match &*catalog {
            // The history's own tables, with their dependent objects.
            "pg_namespace" => " AND nspname <> 'public' AND nspname !~ '^pg_'",
            _ => "",
        };
        let count = format!("SELECT count(*) FROM pg_catalog.{catalog} WHERE oid >= 16384{and}");
        made.push((catalog, client.query_one(&count, &[]).await.unwrap().get(0)));
    }
    let beside = "SELECT 'settings', count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase AND d.datname = current_database() \
                  UNION ALL SELECT 'comment', (obj_description('public'::regnamespace, 'pg_namespace') <> 'standard public schema')::int \
                  UNION ALL SELECT 'privileges', count(*) FROM pg_namespace WHERE nspname = 'public' AND nspacl IS NULL";
    for row in client.query(beside, &[]).await.unwrap() {
        made.push((row.get(0), row.get(1)));
    }
    made
}

#[tokio::test]
async fn whatever_the_server_has_catalogs_for_is_dropped_and_can_be_made_again() {
    let stage = Stage::new(&[]).await;
    stage.write("migrations/0001_nothing.sql", "SELECT 1;");
    stage.done("up");
    let nothing = made(&stage).await;
    stage.write("migrations/0002_everything.sql", EVERYTHING);
    stage.done("up");
    for ((catalog, before), (_, after)) in nothing.iter().zip(made(&stage).await) {
        assert!(
            after > *before || catalog == "privileges",
            "nothing was made in {catalog}: is it a new catalog?"
        );
    }
    let reset = format!("reset --confirm {}", stage.database.name());
    stage.done(&reset);
    stage.done(&reset);
    stage.done("drift");
    stage.remove("migrations/0002_everything.sql");
    stage.done(&reset);
    let left: Vec<_> =
        made(&stage).await.into_iter().zip(&nothing).filter(|(now, then)| now != *then).collect();
    assert_eq!(left, []);
    stage.done("drift");
}

/// If another role created the extension, its wrapper stays, so the servers must be dropped separately.
#[tokio::test]
async fn a_server_of_a_wrapper_that_stays_is_dropped() {
    let stage = Stage::new(&[(
        "0001_far.sql",
        "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw; CREATE USER MAPPING FOR PUBLIC SERVER far;",
    )])
    .await;
    let (admin, name) = (stage.database.connect().await.unwrap(), stage.database.name());
    let role = format!("owner_{name}");
    admin
        .batch_execute(&format!(
            "CREATE EXTENSION postgres_fdw; CREATE ROLE {role} LOGIN PASSWORD 'secret'; \
             GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO {role}; ALTER DATABASE {name} OWNER TO {role}; \
             GRANT ALL ON SCHEMA public TO {role}"
        ))
        .await
        .unwrap();
    let (_, host) = stage.database.url().split_once('@').unwrap();
    let url = format!("postgres://{role}:secret@{host}");
    for line in ["up".to_owned(), format!("reset --confirm {name}")] {
        let ran = stage.ran(&stage.command(&line).env("DATABASE_URL", &url).output().unwrap());
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
    }
    assert_eq!(stage.value("SELECT count(*) FROM pg_extension WHERE extname = 'postgres_fdw'").await, "1");
    admin
        .batch_execute(&format!(
            "ALTER DATABASE {name} OWNER TO CURRENT_USER; DROP OWNED BY {role} CASCADE; DROP ROLE {role}"
        ))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_schema_public_that_was_dropped_is_made_as_initdb_makes_it() {
    let stage = Stage::new(&TABLES).await;
    let acl = "SELECT concat_ws(' ', nspowner::regrole, nspacl, obj_description(oid, 'pg_namespace')) FROM pg_namespace WHERE nspname = 'public'";
    let before = stage.value(acl).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("DROP SCHEMA public CASCADE").await.unwrap();
    stage.done(&format!("reset --confirm {}", stage.database.name()));
    assert_eq!(stage.value(acl).await, before);
    stage.done("drift");
}

#[tokio::test]
async fn a_database_that_subscribes_is_not_dropped() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    let name = format!("sub_{}", stage.database.name());
    client
        .batch_execute(&format!(
            "CREATE SUBSCRIPTION {name} CONNECTION 'dbname=none' PUBLICATION p WITH (connect = false)"
        ))
        .await
        .unwrap();
    let refused = stage.run(&format!("reset --confirm {}", stage.database.name()));
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("DROP SUBSCRIPTION sub_"), "{refused:?}");
    client.batch_execute(&format!("ALTER SUBSCRIPTION {name} SET (slot_name = NONE)")).await.unwrap();
    client.batch_execute(&format!("DROP SUBSCRIPTION {name}")).await.unwrap();
}
