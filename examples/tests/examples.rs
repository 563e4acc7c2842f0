//! The examples, run as readers run them.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// The example with a test of its own.
#[allow(dead_code, reason = "its main function is run as a program")]
#[path = "../lint/main.rs"]
mod lint;

/// The other one.
#[allow(dead_code, reason = "its main function is run as a program")]
#[path = "../schema_file/main.rs"]
mod schema_file;

/// The example as built by `cargo test`.
fn example(name: &str) -> Command {
    let test = env::current_exe().unwrap();
    let path: PathBuf = test.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(path.is_file(), "{} is not built: cargo build --examples", path.display());
    let mut command = Command::new(path);
    // Each example gets its own server and database.
    command.env_remove("DATABASE_URL");
    command
}

fn output(name: &str) -> String {
    let output = example(name).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} failed: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn quickstart_shows_what_was_done_and_a_boot_with_nothing_to_do() {
    let output = output("quickstart");
    assert!(output.contains("applied 3 migrations in "), "{output}");
    assert!(output.contains(": nothing to do; at 0003_index_posts (3 applied)"), "{output}");
    assert!(output.lines().any(|line| line.starts_with("│ 0002_create_posts ")), "{output}");
}

#[test]
fn lint_shows_what_is_accepted_and_what_is_denied() {
    let output = output("lint");
    let accepted: Vec<&str> = output.lines().filter(|line| line.starts_with("accepted: ")).collect();
    assert_eq!(accepted.len(), 2, "{output}");
    assert!(accepted[0].ends_with(": unused since 2.0, and exported to the archive"), "{output}");
    assert!(accepted[1].contains("a migration grants a privilege"), "{output}");
    assert!(
        output.contains("careful[") && output.contains(" 1 | ALTER TABLE users ADD country text;"),
        "{output}"
    );
}

#[test]
fn a_schema_file_is_compared_and_its_next_migration_is_written() {
    let output = output("schema_file");
    assert!(output.starts_with("differences: 0\n"), "{output}");
    assert!(output.contains("ADD COLUMN summary text"), "{output}");
    assert!(output.trim_end().ends_with("proved on a copy, up and down"), "{output}");
}

#[test]
fn a_librarys_migrations_live_beside_the_applications() {
    let output = output("library");
    assert!(output.contains("entries in the audit log: 1"), "{output}");
    assert!(
        output.contains("audit_log\n0001_create_entries  applied\n0002_index_entries   applied\n"),
        "{output}"
    );
    assert!(output.contains("default\n0001_create_accounts  applied\n"), "{output}");
}

#[test]
fn an_alert_is_sent_while_a_migration_is_slow_and_when_one_fails() {
    let output = example("alerts").output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{stderr}");
    let mut alerts = stderr.lines().filter(|line| line.starts_with("ALERT "));
    let slow = alerts.next().unwrap();
    let place = "0002_add_currency: statement 2 of 2 at 0002_add_currency.sql:2, ALTER TABLE orders, for ";
    assert!(slow.starts_with(&format!("ALERT slow: {place}")), "{slow}");
    assert!(slow.contains("; blocked by: pid ") && slow.contains("(nightly report)"), "{slow}");
    let failed = alerts.find(|line| line.contains("failed")).unwrap();
    assert!(
        failed.starts_with("ALERT migration 0003_check_prices failed at 0003_check_prices.sql:1:1"),
        "{failed}"
    );
    let rules: Vec<&str> = stdout.lines().filter(|line| line.starts_with("rule fires: ")).collect();
    let expected = [
        "rule fires: migrate_failures_total{set=\"default\", migration=\"0003_check_prices\"}",
        "rule fires: migrate_pending_migrations{set=\"default\"}",
        "rule fires: migrate_slow_total{set=\"default\", work=\"statement\"}",
    ];
    assert_eq!(rules, expected);
    assert!(stdout.contains("applied 1 migration in "), "{stdout}");
}

#[test]
fn a_backfill_shows_its_progress() {
    let output = output("backfill");
    assert!(output.contains("0002_fill_slugs: backfilled 100000 rows"), "{output}");
    assert!(output.lines().filter(|line| line.contains(" % ")).count() > 3, "{output}");
}

#[tokio::test]
async fn ctrl_c_stops_a_backfill_at_the_end_of_a_batch_and_another_start_goes_on() {
    let database = migrate_postgres::testing::server().unwrap().database().await.unwrap();
    let mut command = example("backfill");
    command.env("DATABASE_URL", database.url()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    lines.find(|line| line.contains(" % ")).unwrap();
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert!(child.wait().unwrap().success());
    let last = rest.last().unwrap();
    let outcome = ["stopped after", "backfilled 100000 rows"].iter().any(|text| last.contains(text));
    assert!(outcome, "{rest:?}");
    let again = example("backfill").env("DATABASE_URL", database.url()).output().unwrap();
    assert!(again.status.success());
    let client = database.connect().await.unwrap();
    let sql = "SELECT count(*) FROM users WHERE slug = 'user-' || id";
    assert_eq!(client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 100_000);
}

#[tokio::test]
async fn a_service_carries_the_commands_with_it() {
    let database = migrate_postgres::testing::server().unwrap().database().await.unwrap();
    let run = |line: &str| {
        let mut service = example("service_with_cli");
        let output = service.args(line.split(' ')).env("DATABASE_URL", database.url()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, status) = run("migrate status");
    assert_eq!(code, 3, "{status}");
    assert!(status.contains("\n  service_with_cli migrate up  # applies pending migrations\n"), "{status}");
    assert_eq!(run("serve").0, 0);
    assert_eq!(run("migrate status").0, 0);
    assert_eq!(run("migrate down 2 --yes").0, 0);
    let (code, reset) = run(&format!("migrate reset --confirm {}", database.name()));
    assert!(code == 0 && reset.contains("seeded by the program's seed script"), "{reset}");
    assert!(run("completions bash").1.contains("service_with_cli"));
}

#[test]
fn the_service_migrates_then_listens_then_stops_when_told_to() {
    let child = example("axum_service").env("PORT", "0").stdout(Stdio::piped()).spawn().unwrap();
    let mut service = Service(child);
    let mut lines = BufReader::new(service.0.stdout.take().unwrap()).lines().map(Result::unwrap);

    let report = lines.next().unwrap();
    assert!(report.starts_with("applied 2 migrations in "), "{report}");
    let listening = lines.next().unwrap();
    let address = listening.strip_prefix("listening on http://").unwrap();

    let ready = get(address, "/ready");
    assert!(ready.starts_with("HTTP/1.1 200 OK"), "{ready}");
    assert!(
        ready.ends_with(r#"{"broken":[],"pending":0,"ready":true,"schema":"0002_greet_the_world"}"#),
        "{ready}"
    );
    let greetings = get(address, "/greetings");
    assert!(greetings.ends_with(r#"["Hello, world"]"#), "{greetings}");

    service.terminate();
    assert_eq!(lines.next().as_deref(), Some("stopped"));
    assert!(service.0.wait().unwrap().success());
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Stopped even if the test fails.
struct Service(Child);

impl Service {
    fn terminate(&self) {
        let kill = format!("kill -TERM {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.0.try_wait().unwrap().is_none() {
            self.terminate();
            drop(self.0.wait());
        }
    }
}
