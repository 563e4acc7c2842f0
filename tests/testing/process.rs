//! This binary's tests as separate processes, one per test, as `cargo nextest` runs them. They share a
//! temporary folder, and so a server.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// The part that a process plays. A test that a person starts has none.
pub(crate) const PART: &str = "MIGRATE_TEST_PART";

/// The part that this process plays in another process's test.
pub(crate) fn part() -> Option<String> {
    env::var(PART).ok()
}

/// Sends a message to the other process.
pub(crate) fn say(what: &str, text: &str) {
    eprintln!("{PART} {what}={text}");
}

/// Waits for a condition that must become true, however slow the machine.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !holds() {
        assert!(Instant::now() < deadline, "not in two minutes: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// True if the process runs. A process that has ended but was not reaped does not.
pub(crate) fn is_alive(pid: &str) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

pub(crate) fn kill(pid: &str) {
    let status = Command::new("sh").args(["-c", r#"kill -s KILL "$1""#, "sh", pid]).status();
    assert!(status.unwrap().success());
}

/// A temporary folder for processes. Everything that runs in it ends with the value.
pub(crate) struct Temp(PathBuf);

impl Temp {
    pub(crate) fn new() -> Temp {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("migrate-test-{}-{}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Temp(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The command that runs one test of this binary as `part`.
    pub(crate) fn command(&self, test: &str, part: &str) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([test, "--exact", "--nocapture"])
            .env(PART, part)
            .env("TMPDIR", &self.0)
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, test: &str, part: &str) -> Process {
        Process::start(&mut self.command(test, part))
    }

    /// Runs one test to its end.
    pub(crate) fn run(&self, test: &str, part: &str) -> Ended {
        self.start(test, part).end()
    }

    /// The processes that were started for the folder.
    pub(crate) fn processes(&self) -> Vec<(String, String)> {
        let output = Command::new("ps").args(["-A", "-ww", "-o", "pid=", "-o", "args="]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter(|line| line.contains(self.0.to_str().unwrap()));
        lines
            .filter_map(|line| line.trim().split_once(' '))
            .map(|(pid, args)| (pid.into(), args.into()))
            .collect()
    }

    /// The watchdog of the shared server.
    pub(crate) fn watchdog(&self) -> Option<String> {
        let found = self.processes().into_iter().find(|(_, args)| args.contains("migrate-server-watchdog"));
        found.map(|(pid, _)| pid)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // A server whose pipe has no name is being stopped.
        for home in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            drop(fs::remove_file(home.path().join("users")));
        }
        if !thread::panicking() {
            eventually("its processes are gone", || self.processes().is_empty());
        }
        drop(fs::remove_dir_all(&self.0));
    }
}

/// A test in a separate process, killed on drop.
pub(crate) struct Process {
    process: Child,
    stderr: BufReader<ChildStderr>,
    heard: String,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        let mut process = command.spawn().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        Process { process, stderr, heard: String::new() }
    }

    /// Waits for its message about `what`.
    pub(crate) fn said(&mut self, what: &str) -> String {
        loop {
            if let Some(text) = words(&self.heard).remove(what) {
                return text;
            }
            let read = self.stderr.read_line(&mut self.heard).unwrap();
            assert_ne!(read, 0, "it ended without a word about {what}:\n{}", self.heard);
        }
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn end(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.heard).unwrap();
        let status = self.process.wait().unwrap();
        Ended { status, said: words(&self.heard), text: self.heard.clone() }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A completed test.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) said: HashMap<String, String>,
    pub(crate) text: String,
}

fn words(heard: &str) -> HashMap<String, String> {
    let said = heard.lines().filter_map(|line| line.strip_prefix(PART)?.trim_start().split_once('='));
    said.map(|(what, text)| (what.to_owned(), text.to_owned())).collect()
}
