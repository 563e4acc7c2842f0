//! The program's connection sources, and the secrets that it never prints.

use crate::stage::{Stage, TABLES};
use tokio_postgres::config::Host;

/// The parts of the stage's connection: host, port, user, database.
fn parts(stage: &Stage) -> (String, String, String, String) {
    let config = stage.database.config();
    let host = match &config.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.to_str().unwrap().to_owned(),
    };
    let port = config.get_ports()[0].to_string();
    (host, port, config.get_user().unwrap().to_owned(), stage.database.name().to_owned())
}

#[tokio::test]
async fn libpqs_variables_lead_to_the_database() {
    let stage = Stage::new(&TABLES).await;
    let (host, port, user, database) = parts(&stage);
    let mut command = stage.command("status");
    command.env_remove("DATABASE_URL");
    command.env("PGHOST", host).env("PGPORT", port).env("PGUSER", user).env("PGDATABASE", database);
    if let Some(password) = stage.database.config().get_password() {
        command.env("PGPASSWORD", std::str::from_utf8(password).unwrap());
    }
    assert_eq!(stage.ran(&command.output().unwrap()).code, 3);
}

#[tokio::test]
async fn a_service_leads_to_the_database_and_comes_before_database_url() {
    let stage = Stage::new(&TABLES).await;
    let (host, port, user, database) = parts(&stage);
    stage.write(
        ".pg_service.conf",
        &format!("[app]\nhost={host}\nport={port}\nuser={user}\ndbname={database}\n"),
    );
    let mut command = stage.command("status --service app");
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nowhere");
    if let Some(password) = stage.database.config().get_password() {
        command.env("PGPASSWORD", std::str::from_utf8(password).unwrap());
    }
    let ran = stage.ran(&command.output().unwrap());
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stdout.contains("\n  migrate --service app up  #"), "{ran:?}");
    let unknown = stage.run("status --service ap");
    assert_eq!(
        (unknown.code, unknown.stderr.contains("there is no service `ap` in `$DIR/.pg_service.conf`")),
        (1, true)
    );
}

#[tokio::test]
async fn a_password_is_never_shown() {
    let stage = Stage::new(&TABLES).await;
    let lines = [
        "status --database-url postgres://me:s3cr3t@127.0.0.1:1/db",
        "status --database-url postgres://me:s3cr3t@127.0.0.1:1/db --json",
        "status --database-url postgres://me:s3cr3t@host:port/db",
        "up --database-url 'host=127.0.0.1 port=1 password=s3cr3t'",
    ];
    for line in lines {
        let ran = stage.run(line);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(!format!("{ran:?}").contains("s3cr3t"), "{ran:?}");
    }
    let own = stage.run(&format!("status --database-url {}", stage.database.url()));
    assert!(own.stdout.contains("\n  migrate --database-url … up  #"), "{own:?}");
}

#[tokio::test]
async fn without_a_database_the_program_says_what_to_set() {
    let stage = Stage::new(&TABLES).await;
    let mut command = stage.command("status");
    command.env_remove("DATABASE_URL");
    let ran = stage.ran(&command.output().unwrap());
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.starts_with("error: no database is given\nnext: set DATABASE_URL, "), "{ran:?}");
}

#[tokio::test]
async fn a_file_env_names_the_database_where_the_environment_does_not() {
    let stage = Stage::new(&TABLES).await;
    stage.write(".env", &format!("# development\nexport DATABASE_URL=\"{}\"\n", stage.database.url()));
    let run = |line: &str| {
        let mut command = stage.command(line);
        stage.ran(&command.env_remove("DATABASE_URL").output().unwrap())
    };
    assert_eq!(run("status").code, 3);
    assert!(run("status --no-dotenv").stderr.contains("no database is given"));
    // The environment has priority.
    let mut command = stage.command("status");
    let ran = stage.ran(&command.env("DATABASE_URL", "postgres://a@127.0.0.1:1/b").output().unwrap());
    assert!(ran.code == 1 && ran.stderr.contains("127.0.0.1:1"), "{ran:?}");
    stage.write(".env", "PGPASSWORD='hunter2\n");
    let broken = run("status");
    assert!(broken.code == 1 && broken.stderr.contains("can't read `$DIR/.env`"), "{broken:?}");
    assert!(!broken.stderr.contains("hunter2"), "{broken:?}");
}

#[tokio::test]
async fn the_schema_of_a_prisma_url_is_the_search_path() {
    let stage = Stage::new(&TABLES).await;
    let client = stage.database.connect().await.unwrap();
    client.batch_execute("CREATE SCHEMA \"Shop\"").await.unwrap();
    let url = stage.database.url();
    let sign = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{sign}schema=Shop&connection_limit=5&pgbouncer=true");
    let mut command = stage.command("up");
    assert_eq!(stage.ran(&command.env("DATABASE_URL", url).output().unwrap()).code, 0);
    let tables =
        "SELECT string_agg(tablename::text, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'Shop'";
    let tables = stage.value(tables).await;
    assert!(tables.contains("migrate_history") && tables.contains("users"), "{tables}");
}

#[tokio::test]
async fn a_placeholder_is_given_its_value_and_suggested_commands_have_what_matters() {
    let stage = Stage::new(&[(
        "0001_tenant.sql",
        "CREATE SCHEMA ${tenant}; CREATE TABLE ${tenant}.t (region text DEFAULT ${region});",
    )])
    .await;
    let mut command = stage.command("plan --allow-out-of-order --lock-wait 5s --placeholder tenant=Tenant_7");
    let planned = stage.ran(&command.arg("--placeholder=region='eu'").output().unwrap());
    let up = "migrate --placeholder tenant=… --placeholder region=… up --lock-wait 5s --allow-out-of-order ";
    assert!(planned.code == 3 && planned.stdout.contains(up), "{planned:?}");
    let mut command = stage.command("up --placeholder tenant=Tenant_7");
    let applied = stage.ran(&command.arg("--placeholder=region='eu'").output().unwrap());
    assert_eq!(applied.code, 0, "{applied:?}");
    let default = "SELECT column_default FROM information_schema.columns WHERE table_schema = 'Tenant_7'";
    assert_eq!(stage.value(default).await, "'eu'::text");
    assert!(stage.run("status --placeholder tenant").stderr.contains("expected NAME=VALUE"));
}
