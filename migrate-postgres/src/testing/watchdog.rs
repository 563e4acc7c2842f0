//! The watchdog: cleans up after a test process however it ends, even by SIGKILL.
//!
//! A killed process runs no more code, and asking the system for a signal at the parent's death takes unsafe
//! code. But the system closes a dead process's pipes: a small `sh` reads from a pipe whose only writer is
//! the test process, and at end of file stops the server and removes the folder. It runs in its own process
//! group, so that a signal to the tests' group (Ctrl-C, a test runner's timeout) does not end it.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};

use super::TestingError;
use super::folder::LockedFolder;
use super::user::{User, command};

pub(super) const SHELL: &str = "/bin/sh";

/// Each line of standard input is the pid of the server to stop, or `-` if there is none.
///
/// A killed process that is never reaped keeps its pid, for example under an init that doesn't reap. So the
/// server also counts as gone a second after its pid file is.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
PATH=$PATH:/usr/bin:/bin
folder=$1
pid=-
while read -r line; do pid=$line; done
if [ "$pid" != - ]; then
    kill -s QUIT "$pid"
    n=0
    while kill -s 0 "$pid" && [ "$n" -lt 110 ]; do
        [ "$n" -lt 10 ] || [ -e "$folder/data/postmaster.pid" ] || break
        [ "$n" -ne 100 ] || kill -s KILL "$pid"
        n=$((n + 1))
        sleep 0.1 || sleep 1
    done
fi
rm -rf "$folder" || { sleep 1; rm -rf "$folder"; }
"#;

/// The watchdog of one folder. Dropping it lets the script run to its end.
#[derive(Debug)]
pub(super) struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    pub(super) fn spawn(folder: &LockedFolder) -> Result<Self, TestingError> {
        // The standard library opens both ends close-on-exec, so no other child inherits the writing one. The
        // script runs as the tests' own user, because removing the folder takes write access to the temporary
        // folder.
        let mut shell = command(SHELL, None)
            .args(["-c", SCRIPT, "migrate-pg-watchdog"])
            .arg(folder.path())
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(TestingError::io("run", SHELL.as_ref()))?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    /// Sets the process to stop.
    pub(super) fn guard(&mut self, pid: u32) {
        self.tell(&pid.to_string());
    }

    /// Clears the process to stop.
    pub(super) fn release(&mut self) {
        self.tell("-");
    }

    fn tell(&mut self, line: &str) {
        // If the watchdog was killed, the sweep of the next start cleans up.
        let _ = self.pipe.as_mut().map(|pipe| writeln!(pipe, "{line}"));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

/// Sends `signal` (a name without SIG) as the server's user, so that a wrong pid in one of that user's files
/// can't hit a process of root. Uses the shell's built-in `kill`, because slim images have no other.
pub(super) fn signal(signal: &str, pid: u32, user: Option<&User>) {
    let _ = command(SHELL, user)
        .args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, &pid.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
