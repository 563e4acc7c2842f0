//! Migrations in Rust: the program `migrate` was not compiled with them, a service was.

use crate::stage::{Stage, TABLES};
use clap::Parser as _;
use migrate_postgres::cli::{Cli, Exit};
use migrate_postgres::code::{Context, Registration};
use migrate_postgres::testing::{self, Database};
use migrate_postgres::{Migrator, code_functions, migrate};
use serde_json::Value;

const CODE: (&str, &str) = (
    "0003_slugs.rs",
    "use migrate_postgres::code::{Context, Result};\n\npub async fn up(context: &mut Context<'_>) -> Result {\n    \
     context.batch_execute(\"SELECT 1\").await?;\n    Ok(())\n}\n",
);

async fn stage() -> Stage {
    let stage = Stage::new(&TABLES).await;
    stage.write(&format!("migrations/{}", CODE.0), CODE.1);
    stage.write("migrations/0004_tags.up.sql", "CREATE TABLE tags ();");
    stage
}

#[tokio::test]
async fn the_program_refuses_code_by_name_before_anything_is_run() {
    let stage = stage().await;
    let ran = stage.run("up");
    assert_ne!(ran.code, 0);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    assert!(text.contains("0003_slugs (0003_slugs.rs) is Rust code"), "{text}");
    assert!(text.contains("run it with the service"), "{text}");
    assert_eq!(
        stage.value("to_regclass('users') IS NULL AND to_regclass('migrate_history') IS NULL").await,
        "true"
    );
    let document: Value = serde_json::from_str(&stage.run("up --json").stdout).unwrap();
    assert_eq!(document["error"]["kind"], "code_missing", "{document}");
    // What comes before it can be applied.
    stage.done("up --to 0002");
    assert_ne!(stage.run("up").code, 0);
    assert_eq!(stage.value("to_regclass('tags')").await, "");
}

async fn badges(context: &mut Context<'_>) -> migrate_postgres::code::Result {
    context.batch_execute("CREATE TABLE badges ()").await?;
    Ok(())
}

#[tokio::test]
async fn the_program_says_that_a_service_has_registered_what_it_does_not_contain() {
    let stage = Stage::new(&TABLES).await;
    let set = migrate_postgres::Set::from_folder(stage.path().join("migrations")).unwrap();
    let registration = Registration::new("1.5", "badges", "1", code_functions!(up = badges));
    let service = Migrator::new(set).with_code(registration).unwrap();
    service.run(stage.database.url()).await.unwrap();
    stage.write("migrations/0003_tags.up.sql", "CREATE TABLE tags ();");
    let ran = stage.run("up");
    assert_eq!(ran.code, 5, "{ran:?}");
    assert!(ran.stderr.contains("1.5_badges is applied, but it is missing"), "{ran:?}");
    assert!(ran.stderr.contains("it is Rust code, which this program does not contain"), "{ran:?}");
    assert!(ran.stderr.contains("run it with the service"), "{ran:?}");
    assert_eq!(stage.value("to_regclass('tags')").await, "");
}

#[tokio::test]
async fn what_only_reads_works_on_a_folder_with_code() {
    let stage = stage().await;
    assert_eq!(stage.run("status").code, Exit::Pending as i32);
    let plan = stage.run("plan");
    assert!(plan.stdout.contains("Rust code: its statements are not known before it runs"), "{plan:?}");
    assert!(plan.stdout.contains("apply  0003_slugs  Rust code "), "{plan:?}");
    let document: Value = serde_json::from_str(&stage.run("plan --json").stdout).unwrap();
    let steps = document["steps"].as_array().unwrap();
    let code: Vec<bool> = steps.iter().map(|step| step["code"] == true).collect();
    assert_eq!(code, [false, false, true, false], "{document}");
    assert_eq!(steps[2]["mode"], "one transaction");
    let check = stage.run("check --all");
    assert!(
        check.stdout.contains("careful[dynamic-sql]: the statements that the Rust code sends"),
        "{check:?}"
    );
    assert!(check.stdout.contains("// migrate: allow=dynamic-sql"), "{check:?}");
    stage.write("migrations/0003_slugs.rs", &CODE.1.replace("pub async", "async"));
    let check = stage.run("check");
    assert!(check.stderr.contains("migrations/0003_slugs.rs:3:7: the function `up` is private"), "{check:?}");
}

#[tokio::test]
async fn a_migration_in_rust_is_renumbered_with_its_scripts() {
    let stage = stage().await;
    stage.write("migrations/0003_slugs.down.sql", "SELECT 1;");
    stage.done("renumber 0003_slugs --unchecked");
    let names = std::fs::read_dir(stage.path().join("migrations")).unwrap();
    let names: Vec<String> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for file in ["0005_slugs.rs", "0005_slugs.down.sql"] {
        assert!(names.iter().any(|name| name == file), "{names:?}");
    }
    assert!(!names.iter().any(|name| name.starts_with("0003")), "{names:?}");
}

/// A service with the commands.
#[derive(clap::Parser)]
enum Service {
    /// Manages the schema.
    Migrate(Box<Cli>),
}

static SERVICE: Migrator = migrate!("tests/fixtures/coded");

async fn run(database: &Database, line: &str) -> Exit {
    let words = ["service", "migrate", "--quiet"].into_iter().chain(line.split(' '));
    let Service::Migrate(cli) = Service::parse_from(words);
    cli.database(database.config()).run_to_exit(&SERVICE).await
}

#[tokio::test]
async fn the_commands_of_a_service_run_its_code() {
    let database = testing::server().unwrap().database().await.unwrap();
    for (line, exit) in
        [("status", Exit::Pending), ("plan", Exit::Pending), ("up", Exit::Done), ("up", Exit::Done)]
    {
        assert_eq!(run(&database, line).await, exit, "{line}");
    }
    for line in ["status", "verify", "history", "preflight", "drift", "down --yes", "up", "test"] {
        assert_eq!(run(&database, line).await, Exit::Done, "{line}");
    }
    let client = database.connect().await.unwrap();
    let slug: String = client.query_one("SELECT slug FROM users", &[]).await.unwrap().get(0);
    assert_eq!(slug, "ada");
}
