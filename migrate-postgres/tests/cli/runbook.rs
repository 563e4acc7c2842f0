//! The runbook is correct: every file of the page is written, every command is run, and the output is
//! compared.

use crate::snapshot::normalized;
use crate::stage::strange_variables;
use migrate_postgres::testing::Server;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbook.md");

/// The page's name for its working folder.
const FOLDER: &str = "/srv/app";

/// A server with a database `app`, and a folder.
struct Host {
    server: Server,
    folder: PathBuf,
}

impl Host {
    async fn new() -> Host {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("migrate-runbook-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let server = Server::start().unwrap();
        let database = server.database().await.unwrap();
        database.connect().await.unwrap().batch_execute("CREATE DATABASE app").await.unwrap();
        Host { server, folder }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a command line as a shell does; returns the output of both streams.
    fn run(&self, line: &str) -> String {
        let programs = Path::new(env!("CARGO_BIN_EXE_migrate")).parent().unwrap().to_owned();
        let path = env::var_os("PATH").unwrap_or_default();
        let of_server = self.server.bin_dir().map(Path::to_owned);
        let path = std::iter::once(programs).chain(env::split_paths(&path)).chain(of_server);
        let path = env::join_paths(path).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(&self.folder).stdin(Stdio::null());
        strange_variables().for_each(|name| _ = command.env_remove(name));
        command.env_remove("DATABASE_URL").env("PATH", path).env("HOME", &self.folder).env("USER", "ada");
        command
            .env("PGHOST", self.server.socket_dir().unwrap())
            .env("PGPORT", self.server.port().to_string());
        command.env("PGUSER", "postgres").env("PGDATABASE", "app");
        let printed = String::from_utf8(command.output().unwrap().stdout).unwrap();
        printed.replace(self.folder.to_str().unwrap(), FOLDER)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Plays the page's files and commands in order; returns the page with the actual output.
fn play(page: &str, host: &Host) -> String {
    let mut played = String::new();
    let (mut block, mut file, mut text) = (None, None, String::new());
    for line in page.lines() {
        match (block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some(language),
            (Some(language), Some(_)) => {
                if language == "sql" {
                    host.write(file.take().expect("a line that names the file"), &text);
                }
                (block, text) = (None, String::new());
            }
            (None, None) => file = named(line).or(file),
            (Some("sql"), None) => text += &format!("{line}\n"),
            (Some("console"), None) => {
                if let Some(command) = line.strip_prefix("$ ") {
                    played += &format!("{line}\n{}", host.run(command));
                }
                continue;
            }
            (Some(language), None) => panic!("a block of {language}, which is not run"),
        }
        played += &format!("{line}\n");
    }
    played
}

/// The last file name in a line: `… in a transaction. ‘migrations/0003_note.up.sql’:`.
fn named(line: &str) -> Option<&str> {
    let is_file =
        |name: &&str| ["migrations/", "assertions/", "seeds/"].iter().any(|folder| name.starts_with(folder));
    line.split('`').skip(1).step_by(2).filter(is_file).last()
}

#[tokio::test]
async fn every_command_of_the_runbook_prints_what_the_page_says() {
    assert_played(PAGE).await;
}

#[tokio::test]
async fn every_command_of_the_page_about_drift_prints_what_it_says() {
    assert_played(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/runbook-drift.md")).await;
}

async fn assert_played(path: &str) {
    let page = fs::read_to_string(path).unwrap();
    let played = play(&page, &Host::new().await);
    if env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(path, played).unwrap();
        return;
    }
    let (expected, found) = (normalized(&page), normalized(&played));
    let difference = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
    assert!(
        difference.is_none() && expected == found,
        "first difference: {difference:?}\n--- found\n{found}"
    );
}
