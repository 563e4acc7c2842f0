//! Servers and processes for the tests of the test kit.

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, process, thread};

use migrate_postgres::testing::Server;
use tokio_postgres::{Client, NoTls};

/// The part that a process of this binary plays. The parent's own tests have none.
pub(crate) const PART: &str = "MIGRATE_TEST_PART";

pub(crate) fn say(what: &str, text: &str) {
    eprintln!("{PART} {what}={text}");
}

pub(crate) async fn connect(server: &Server) -> Client {
    let (client, connection) = server.config("postgres").connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Runs a statement on a connection that is closed afterwards.
pub(crate) async fn run(server: &Server, sql: &str) {
    let (client, connection) = server.config("postgres").connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

pub(crate) async fn show(server: &Server, setting: &str) -> String {
    let sql = "SELECT current_setting($1)";
    connect(server).await.query_one(sql, &[&setting]).await.unwrap().get(0)
}

pub(crate) async fn exists(server: &Server, database: &str) -> bool {
    let sql = "SELECT FROM pg_database WHERE datname = $1";
    connect(server).await.query_opt(sql, &[&database]).await.unwrap().is_some()
}

pub(crate) fn kill(signal: &str, pid: &str) {
    let status = Command::new("sh").args(["-c", r#"kill -s "$1" -- "$2""#, "sh", signal, pid]).status();
    assert!(status.unwrap().success());
}

/// The processes with this path in their command line.
pub(crate) fn processes_with(path: &Path) -> Vec<(u32, String)> {
    let output = Command::new("ps").args(["-A", "-ww", "-o", "pid=", "-o", "args="]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let processes = text.lines().filter(|line| line.contains(path.to_str().unwrap()));
    let processes = processes.filter_map(|line| line.trim().split_once(' '));
    processes.map(|(pid, command)| (pid.parse().unwrap(), command.to_owned())).collect()
}

/// True if the process runs. A process that has ended but was not reaped does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Waits for a condition that must become true, however slow the machine.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "not in two minutes: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A temporary folder for other processes.
pub(crate) struct Temp {
    pub(crate) path: PathBuf,
}

impl Temp {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("migrate-test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        DirBuilder::new().mode(0o755).create(&path).unwrap();
        Self { path }
    }

    /// The servers' folders in it.
    pub(crate) fn entries(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.path).unwrap().flatten().map(|entry| entry.path());
        entries
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("migrate-pg-"))
            .collect()
    }

    pub(crate) fn part(&self, part: &str) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args(["another_process", "--exact", "--nocapture"])
            .env(PART, part)
            .env("TMPDIR", &self.path)
            .env_remove("DATABASE_URL")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn play(&self, part: &str) -> Player {
        self.part(part).play()
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !thread::panicking() {
            eventually("the folders of servers are gone", || self.entries().is_empty());
        }
        let _ = fs::remove_dir_all(&self.path);
    }
}

pub(crate) trait Play {
    fn play(&mut self) -> Player;
}

impl Play for Command {
    fn play(&mut self) -> Player {
        let mut process = self.spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        Player { process, stderr, heard: String::new() }
    }
}

/// Another process of this binary, killed on drop.
pub(crate) struct Player {
    pub(crate) process: Child,
    stderr: BufReader<ChildStderr>,
    heard: String,
}

impl Player {
    /// Waits for its message about `what`.
    pub(crate) fn said(&mut self, what: &str) -> String {
        let start = format!("{PART} {what}=");
        loop {
            if let Some(text) = self.heard.lines().find_map(|line| line.strip_prefix(&start)) {
                return text.to_owned();
            }
            let read = self.stderr.read_line(&mut self.heard).unwrap();
            assert_ne!(read, 0, "it ended without a word about {what}:\n{}", self.heard);
        }
    }

    /// Waits for its end, and returns all its messages.
    pub(crate) fn rest(&mut self) -> String {
        self.stderr.read_to_string(&mut self.heard).unwrap();
        self.process.wait().unwrap();
        self.heard.clone()
    }

    pub(crate) fn status(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
