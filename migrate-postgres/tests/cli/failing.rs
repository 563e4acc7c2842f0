//! After a failure, the error, `status` and `resolve` agree.

use crate::snapshot::assert_snapshot;
use crate::stage::{HALF, Stage, TABLES};
use std::time::Duration;

#[tokio::test]
async fn a_migration_that_failed_left_nothing_and_says_how_to_go_on() {
    let failing = ("0003_count.up.sql", "ALTER TABLE users ADD n int;\nUPDATE users SET n = nope;\n");
    let stage = Stage::new(&[&TABLES[..], &[failing]].concat()).await;
    assert_snapshot("failed.txt", &stage.transcript(&["up", "status", "up --json", "status --json"]));
    stage.write("migrations/0003_count.up.sql", "ALTER TABLE users ADD n int;");
    stage.done("up");
    stage.done("status");
}

#[tokio::test]
async fn a_migration_that_stopped_between_its_statements_is_settled_by_hand() {
    let stage = Stage::new(&[&TABLES[..], &[HALF]].concat()).await;
    let lines = [
        "up",
        "status",
        "down",
        "resolve 0003 --resume --reason 'it was not run'",
        "resolve 0003 --resume=9 --reason 'there is none'",
        "resolve 0003 --reverted --reason 'it is not'",
        "resolve 0003 --applied --reason 'there is but one index'",
        "history",
        "status",
    ];
    assert_snapshot("half_done.txt", &stage.transcript(&lines));
}

/// `up` refuses a migration that is half reverted, so nothing may advise it.
#[tokio::test]
async fn a_revert_that_stopped_between_its_statements_goes_on_as_a_revert() {
    let up = ("0003_index.up.sql", "CREATE INDEX CONCURRENTLY a ON users (id);\n");
    let down = "DROP INDEX CONCURRENTLY a;\nALTER TABLE posts DROP COLUMN nope;\nVACUUM posts;\n";
    let down = format!("-- migrate: transaction=none\n{down}");
    let stage = Stage::new(&[&TABLES[..], &[up, ("0003_index.down.sql", &down)]].concat()).await;
    stage.done("up");
    let lines = [
        "down --yes",
        "status",
        "status --json",
        "up",
        "resolve 0003 --resume --reason 'the column is gone'",
        "status",
    ];
    assert_snapshot("half_reverted.txt", &stage.transcript(&lines));
    stage.write("migrations/0003_index.down.sql", &down.replace("DROP COLUMN nope", "ADD COLUMN nope int"));
    stage.done("down --yes");
    assert_eq!(stage.run("status").code, 3, "pending");
}

/// The history keeps the cause that the run has found, because the server's words are the same for all of them.
#[tokio::test]
async fn status_knows_which_limit_ended_a_migration() {
    let slow = ("0003_slow.up.sql", "SELECT pg_sleep(600);");
    let limits = [
        ("--migration-limit", "migration_limit"),
        ("--run-limit", "run_limit"),
        ("--statement-timeout", "statement_timeout"),
    ];
    for (option, cause) in limits {
        let stage = Stage::new(&[&TABLES[..], &[slow]].concat()).await;
        stage.done("up --to 0002");
        let failed = stage.run(&format!("up {option} 300ms"));
        assert!(failed.stderr.contains(&format!("(`{option}`)")), "{failed:?}");
        let status = stage.run("status");
        assert!(status.stdout.contains(&format!("(`{option}`)")), "{status:?}");
        let status = stage.run("status --json");
        assert!(status.stdout.contains(&format!("\"cause\": \"{cause}\"")), "{status:?}");
    }
}

#[tokio::test]
async fn who_settled_it_and_why_is_kept() {
    let stage = Stage::new(&[&TABLES[..], &[HALF]].concat()).await;
    assert_eq!(stage.run("up").code, 7);
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE INDEX b ON users (id)").await.unwrap();
    stage.done("resolve 0003 --applied --reason 'made by hand'");
    stage.done("status");
    let kept = stage
        .value("SELECT reason || ', ' || application_name FROM migrate_history WHERE reason IS NOT NULL")
        .await;
    assert_eq!(kept, "made by hand, migrate (ada)");
}

#[tokio::test]
async fn a_statement_that_nobody_can_look_up_is_in_doubt() {
    let procedure = "CREATE PROCEDURE fill() LANGUAGE plpgsql AS \
                     $$ BEGIN INSERT INTO users VALUES (1); COMMIT; PERFORM pg_sleep(600); END $$;";
    let script = "-- migrate: transaction=none\nCALL fill();\nANALYZE users;\n";
    let last = [("0003_fill.up.sql", procedure), ("0004_data.up.sql", script)];
    let stage = Stage::new(&[&TABLES[..], &last].concat()).await;
    let mut child = stage.spawn("up");
    let asleep = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    while stage.value(asleep).await != "true" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() \
               AND pid <> pg_backend_pid()";
    stage.value(end).await;
    while stage.value(asleep).await == "true" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let lines = [
        "status",
        "up",
        "up --json",
        "status",
        "resolve 0004 --resume=3 --reason 'the script has two'",
        "resolve 0004 --applied --reason 'I looked: the row is there'",
        "status",
    ];
    assert_snapshot("in_doubt.txt", &stage.transcript(&lines));
}

#[tokio::test]
async fn a_history_that_contradicts_the_folder_is_refused_with_a_diff() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    stage.write("migrations/0001_users.up.sql", "CREATE TABLE users (id int);");
    assert_snapshot("edited.txt", &stage.transcript(&["up", "status", "verify", "up --json"]));
}

#[tokio::test]
async fn a_verify_script_that_refutes_its_migration_fails_the_command() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1)").await.unwrap();
    assert_snapshot("refuted.txt", &stage.transcript(&["verify", "verify --json"]));
}

#[tokio::test]
async fn no_command_goes_over_what_another_tool_has_applied() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE users (id bigint); CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL); \
             INSERT INTO schema_migrations VALUES (1, false)",
        )
        .await
        .unwrap();
    let lines = [
        "status",
        "plan",
        "plan --rehearse",
        "preflight",
        "up",
        "up --dry-run",
        "down --yes",
        "redo --yes",
        "verify",
        "drift",
        "report --html a.html",
    ];
    for line in lines {
        let ran = stage.run(line);
        assert_eq!(ran.code, 5, "{line}: {ran:?}");
        for part in [
            "public.schema_migrations lists 1 of this set's 2 migrations",
            "`--ignore-foreign-history`",
            "migrate adopt --dry-run",
        ] {
            assert!(ran.stderr.contains(part), "{line}: {part}: {ran:?}");
        }
    }
    assert_eq!(stage.value("to_regclass('migrate_history')").await, "");
    assert_eq!(stage.run("status --ignore-foreign-history").code, 3);
    assert_eq!(stage.run("status --json").code, 5);
    stage.done("adopt");
    stage.done("up");
    stage.done("drift");
}

#[tokio::test]
async fn the_table_of_another_tool_can_be_the_history() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up --history sqlx");
    assert_eq!(stage.value("SELECT count(*) FROM _sqlx_migrations").await, "2");
    assert_eq!(stage.value("to_regclass('migrate_history')").await, "");
    stage.done("status --history sqlx");
    assert_eq!(stage.run("status").code, 5);
}

/// The script was edited since then, and the next person needs the server's message about the failed version.
#[tokio::test]
async fn status_shows_the_statement_that_failed_and_all_that_the_server_said() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let wrong =
        "INSERT INTO users VALUES (1);\nCREATE UNIQUE INDEX u ON users ((1)); INSERT INTO users VALUES (7);";
    stage.write("migrations/0003_more.up.sql", wrong);
    assert_eq!(stage.run("up").code, 7);
    stage.write("migrations/0003_more.up.sql", "SELECT 1;\nSELECT 2;\nSELECT 3;");
    let said = stage.run("status").stdout;
    assert!(said.contains("INSERT INTO users VALUES (7)") && !said.contains("SELECT 3"), "{said}");
    assert!(said.contains("detail: Key ") && said.contains("already exists"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&stage.run("status --json").stdout).unwrap();
    let last = &json["migrations"][2]["last_attempt"];
    assert!(last["detail"].as_str().is_some_and(|detail| detail.contains("already exists")), "{json}");
}

/// The exit code tells scripts if the server failed or the history is unusable.
#[tokio::test]
async fn a_history_that_is_not_to_be_used_is_refused_under_its_own_name() {
    let view = "TRUNCATE migrate_history_head; ALTER TABLE migrate_history RENAME TO there; \
                CREATE VIEW migrate_history AS TABLE there";
    let cases = [
        (
            "other_schema",
            "CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO $ROLE; ALTER DATABASE $DATABASE SET search_path = other, public",
        ),
        ("row_security", "ALTER TABLE migrate_history ENABLE ROW LEVEL SECURITY"),
        ("damaged_table", "TRUNCATE migrate_history_head; ALTER TABLE migrate_history DROP COLUMN reason"),
        ("not_a_table", view),
    ];
    for (kind, damage) in cases {
        let stage = Stage::new(&TABLES).await;
        stage.done("up");
        let (admin, name) = (stage.database.connect().await.unwrap(), stage.database.name());
        let role = format!("reader_{name}");
        let grants = format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO {role}; \
             GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}; "
        );
        let damage = damage.replace("$DATABASE", name).replace("$ROLE", &role);
        admin.batch_execute(&(grants + &damage)).await.unwrap();
        stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags ();");
        let (_, host) = stage.database.url().split_once('@').unwrap();
        for line in ["status --json", "up --json"] {
            let mut command = stage.command(line);
            command.env("DATABASE_URL", format!("postgres://{role}:secret@{host}"));
            let ran = stage.ran(&command.output().unwrap());
            let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
            assert_eq!((ran.code, &json["error"]["kind"]), (5, &kind.into()), "{line}: {ran:?}");
        }
        let drop = format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}");
        admin.batch_execute(&drop).await.unwrap();
    }
}

#[tokio::test]
async fn a_verify_script_that_refutes_its_migration_says_that_it_is_applied() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1)").await.unwrap();
    let json: serde_json::Value = serde_json::from_str(&stage.run("verify --json").stdout).unwrap();
    assert_eq!(json["error"]["failure"]["left"]["state"], "applied", "{json}");
}

/// One outdated repeatable migration will be applied again, and counts once.
#[tokio::test]
async fn status_and_page_count_alike() {
    let stage =
        Stage::new(&[("V1__users.sql", "CREATE TABLE users ();"), ("R__views.sql", "SELECT 1;")]).await;
    stage.done("up");
    stage.write("migrations/R__views.sql", "SELECT 2;");
    let said = stage.run("status").stdout;
    assert!(said.contains("1 applied, 1 pending"), "{said}");
    let said = stage.run("report --html page.html").stdout;
    assert!(said.contains("1 applied, 1 pending"), "{said}");
}

/// `up` drops and rebuilds it by itself.
#[tokio::test]
async fn preflight_leaves_the_invalid_index_of_an_interrupted_migration_to_the_run() {
    let stage = Stage::new(&TABLES).await;
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("INSERT INTO users VALUES (1), (1)").await.unwrap();
    stage.write("migrations/0003_index.up.sql", "CREATE UNIQUE INDEX CONCURRENTLY u ON users (id);");
    assert_eq!(stage.run("up").code, 7);
    let said = stage.run("preflight").stdout;
    assert!(!said.contains("REINDEX"), "{said}");
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("is invalid; the run rebuilds it"), "{said}");
}

/// Its row was deleted by hand: `up` would apply the migration a second time.
#[tokio::test]
async fn a_history_that_lacks_a_row_is_not_called_fine() {
    let stage = Stage::new(&TABLES).await;
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags ();");
    stage.done("up");
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("DELETE FROM migrate_history WHERE version = '2'").await.unwrap();
    stage.write("migrations/0004_more.up.sql", "CREATE TABLE more ();");
    for line in ["status", "plan", "up", "up --allow-out-of-order", "verify", "preflight", "down --all --yes"]
    {
        let ran = stage.run(line);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(ran.code == 5 || line == "preflight" && ran.code != 0, "{line}: {ran:?}");
        assert!(said.contains("row 2 of the history public.migrate_history, which said that 0002_posts was applied, was deleted"), "{line}: {said}");
    }
    let said = stage.run("status").stdout;
    assert!(said.contains("resolve 0002_posts --applied --reason"), "{said}");
    stage.done("resolve 0002_posts --applied --reason 'its row was deleted'");
    let said = stage.run("status").stdout;
    assert!(said.contains("notice: row 2 of the history public.migrate_history was deleted"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&stage.run("status --json").stdout).unwrap();
    assert_eq!(json["notices"].as_array().map(Vec::len), Some(1), "{json}");
    stage.done("up");
}
