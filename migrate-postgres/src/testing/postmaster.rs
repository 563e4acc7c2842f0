//! The server process: settings, start and shutdown.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::TestingError;
use super::binaries::Binaries;
use super::folder::{LockedFolder, ServerFolder, answers};
use super::server::{PORT, ShutdownMode};
use super::template;
use super::user::command;
use super::watchdog::{SHELL, Watchdog, signal};

/// Generous, because machines that run tests are busy.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

pub(super) const POLL: Duration = Duration::from_millis(10);

/// Waits for the word `go` and then becomes the server. So the watchdog knows the pid before the server
/// exists, and if the test process is killed in between, no server is started.
const STARTER: &str = r#"read -r word && [ "$word" = go ] && exec "$@" </dev/null"#;

/// A private server in its own folder. Dropping it stops the server and removes the folder.
#[derive(Debug)]
pub(super) struct Postmaster {
    binaries: Binaries,
    // Declared before the watchdog: it is dropped first, so the watchdog has nothing left to remove.
    folder: LockedFolder,
    state: Mutex<PostmasterState>,
}

#[derive(Debug)]
struct PostmasterState {
    child: Option<Child>,
    watchdog: Watchdog,
}

impl Postmaster {
    pub(super) fn start(binaries: Binaries, settings: &[(String, String)]) -> Result<Self, TestingError> {
        let folder = LockedFolder::create()?;
        let watchdog = Watchdog::spawn(&folder)?;
        make_data(&folder, &binaries, settings)?;
        let state = Mutex::new(PostmasterState { child: None, watchdog });
        let postmaster = Self { binaries, folder, state };
        postmaster.run(&mut postmaster.state())?;
        Ok(postmaster)
    }

    pub(super) fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn log(&self) -> String {
        read_log(&self.folder)
    }

    /// The server's pid, if it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        let mut state = self.state();
        let child = state.child.as_mut()?;
        let pid = child.id();
        if matches!(child.try_wait(), Ok(None)) {
            return Some(pid);
        }
        // It crashed and has been reaped; the pid may become another process's.
        state.child = None;
        state.watchdog.release();
        None
    }

    pub(super) fn stop(&self, mode: ShutdownMode) -> Result<(), TestingError> {
        self.end(&mut self.state(), mode)
    }

    pub(super) fn restart(&self) -> Result<(), TestingError> {
        let mut state = self.state();
        self.end(&mut state, ShutdownMode::Fast)?;
        self.run(&mut state)
    }

    fn state(&self) -> MutexGuard<'_, PostmasterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server and waits until it accepts connections.
    fn run(&self, state: &mut PostmasterState) -> Result<(), TestingError> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let logged = self.log().len();
            let mut child = spawn(&self.folder, &self.binaries, |pid| state.watchdog.guard(pid))?;
            let started = wait_ready(&self.folder, &mut child, deadline);
            state.child = Some(child);
            let error = match started {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            self.end(state, ShutdownMode::Immediate)?;
            // After a crash, the old sessions may take a moment to notice.
            let log = self.log();
            let sessions_left =
                log.get(logged..).is_some_and(|new| new.contains("pre-existing shared memory block"));
            if !sessions_left || Instant::now() > deadline {
                return Err(error);
            }
            thread::sleep(POLL);
        }
    }

    /// Stops the server if it runs, and waits for its end.
    fn end(&self, state: &mut PostmasterState, mode: ShutdownMode) -> Result<(), TestingError> {
        let Some(child) = state.child.as_mut() else { return Ok(()) };
        let pid_file = self.folder.data().join("postmaster.pid");
        let deadline = Instant::now() + DEADLINE;
        if ended(child, &pid_file)?.is_none() {
            // It has not been reaped yet, so the pid is still its own.
            signal(mode.signal(), child.id(), self.folder.user());
            while ended(child, &pid_file)?.is_none() {
                if Instant::now() > deadline {
                    let seconds = DEADLINE.as_secs();
                    return Err(TestingError::StopTimeout { mode, seconds, log: tail(&self.log()) });
                }
                thread::sleep(POLL);
            }
        }
        state.child = None;
        state.watchdog.release();
        Ok(())
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        let mut state = self.state();
        if self.end(&mut state, ShutdownMode::Immediate).is_err()
            && let Some(mut child) = state.child.take()
        {
            let _ = child.kill();
            let _ = child.wait();
            state.watchdog.release();
        }
    }
}

/// Creates the data folder.
pub(super) fn make_data(
    place: &ServerFolder,
    binaries: &Binaries,
    settings: &[(String, String)],
) -> Result<(), TestingError> {
    template::fill(place, binaries)?;
    let conf = place.data().join("postgresql.conf");
    // In the file, because options on the command line would take precedence over ALTER SYSTEM.
    OpenOptions::new()
        .append(true)
        .open(&conf)
        .and_then(|mut file| file.write_all(self::conf(place.path(), settings).as_bytes()))
        .map_err(TestingError::io("write to", &conf))
}

/// Starts the server, after `guard` has received its pid.
pub(super) fn spawn(
    place: &ServerFolder,
    binaries: &Binaries,
    guard: impl FnOnce(u32),
) -> Result<Child, TestingError> {
    let log_path = place.log();
    let open = || OpenOptions::new().append(true).create(true).open(&log_path);
    let log = open().and_then(|log| Ok((log.try_clone()?, log)));
    let (stdout, stderr) = log.map_err(TestingError::io("open", &log_path))?;
    let program = binaries.dir().join("postgres");
    let mut child = command(SHELL, place.user())
        .args(["-c", STARTER, "migrate-pg-starter"])
        .arg(&program)
        .arg("-D")
        .arg(place.data())
        // macOS: otherwise the server would start threads when it looks up the locale, and then refuse to
        // run.
        .env("LC_ALL", "C")
        .current_dir(place.path())
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(stderr)
        .spawn()
        .map_err(TestingError::io("run", &program))?;
    guard(child.id());
    // If this fails, the starter ends without a server, which the wait below reports.
    let _ = child.stdin.take().map(|mut pipe| pipe.write_all(b"go\n"));
    Ok(child)
}

/// Waits until a server accepts connections.
pub(super) fn wait_ready(
    place: &ServerFolder,
    child: &mut Child,
    deadline: Instant,
) -> Result<(), TestingError> {
    let pid_file = place.data().join("postmaster.pid");
    loop {
        if let Some(status) = ended(child, &pid_file)? {
            return Err(TestingError::Start { status, log: tail(&read_log(place)) });
        }
        if fs::read_to_string(&pid_file).is_ok_and(|text| is_ready(&text, child.id())) {
            return Ok(());
        }
        if Instant::now() > deadline {
            let seconds = DEADLINE.as_secs();
            return Err(TestingError::StartTimeout { seconds, log: tail(&read_log(place)) });
        }
        thread::sleep(POLL);
    }
}

/// True if the server in a folder accepts connections.
pub(super) fn is_running(place: &ServerFolder) -> bool {
    let pid_file = fs::read_to_string(place.data().join("postmaster.pid"));
    let says_so = pid_file.is_ok_and(|text| {
        let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
        pid.is_some_and(|pid| is_ready(&text, pid))
    });
    says_so && answers(place.path())
}

/// The log of the server in a folder.
pub(super) fn read_log(place: &ServerFolder) -> String {
    fs::read(place.log()).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
}

fn ended(child: &mut Child, path: &Path) -> Result<Option<ExitStatus>, TestingError> {
    child.try_wait().map_err(TestingError::io("wait for the server of", path))
}

/// True if a `postmaster.pid` says that the server `pid` accepts connections. The file of a crashed server
/// stays, with another pid.
fn is_ready(pid_file: &str, pid: u32) -> bool {
    let mut lines = pid_file.lines();
    lines.next().is_some_and(|line| line.trim() == pid.to_string())
        && lines.nth(6).is_some_and(|line| matches!(line.trim(), "ready" | "standby"))
}

/// Lines to append to `postgresql.conf`. The last value of a setting wins.
pub(super) fn conf(folder: &Path, settings: &[(String, String)]) -> String {
    let socket_dir = format!("\"{}\"", folder.display());
    let port = PORT.to_string();
    let ours = [
        ("listen_addresses", ""),
        ("unix_socket_directories", &socket_dir),
        ("port", &port),
        // No test data has to survive a crash of the machine. The order of commits, and what they wait for,
        // is unchanged.
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("shared_buffers", "16MB"),
        ("max_connections", "200"),
        ("max_prepared_transactions", "10"),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    let theirs = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut text = String::from("\n# migrate_postgres::testing\n");
    for (name, value) in ours.into_iter().chain(theirs) {
        let value = value.replace('\\', r"\\").replace('\'', "''").replace('\n', r"\n");
        let _ = writeln!(text, "{name} = '{value}'");
    }
    text
}

/// The last lines of a log.
pub(super) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.trim_end().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{conf, is_ready, tail};

    #[test]
    fn a_server_is_ready_when_its_own_pid_file_says_so() {
        let file = |status: &str| format!("42\n/d\n1700000000\n5432\n/s\n\n  123 456\n{status}\n");
        assert!(is_ready(&file("ready   "), 42));
        assert!(is_ready(&file("standby "), 42));
        assert!(!is_ready(&file("starting"), 42));
        assert!(!is_ready(&file("ready   "), 43));
        assert!(!is_ready("42\n/d\n", 42));
        assert!(!is_ready("", 42));
    }

    #[test]
    fn settings_are_quoted_and_come_last() {
        let settings = [("a.b".to_owned(), "it's\\\nso".to_owned()), ("fsync".to_owned(), "on".to_owned())];
        let text = conf(Path::new("/tmp/x"), &settings);
        assert!(text.contains("unix_socket_directories = '\"/tmp/x\"'\n"), "{text}");
        assert!(text.ends_with("a.b = 'it''s\\\\\\nso'\nfsync = 'on'\n"), "{text}");
    }

    #[test]
    fn the_tail_is_the_last_twenty_lines() {
        let log: String = (0..50).map(|n| format!("{n}\n")).collect();
        assert_eq!(tail(&log).lines().next(), Some("30"));
        assert_eq!(tail(&log).lines().count(), 20);
        assert_eq!(tail(""), "");
    }
}
