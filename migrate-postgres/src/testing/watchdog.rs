//! Cleans up after a test process however it ends, SIGKILL included.
//!
//! No code of a killed process runs, and asking the system for a signal at the parent's death takes unsafe
//! code. But the system closes a dead process's pipes: a small `sh` reads from a pipe whose only writer is
//! the test process, and at its end stops the server and removes the folder. It stands in a process group of
//! its own, so that what kills the tests' group (Ctrl-C, a test runner's timeout) leaves it to its work.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Stdio};

use super::TestingError;
use super::folder::LockedFolder;
use super::user::{User, command};

pub(super) const SHELL: &str = "/bin/sh";

/// Each line of standard input is the pid of the server to stop, or `-` while there is none.
///
/// A killed process that nobody waits for keeps its pid, as under an init that doesn't reap, so the
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
        // The standard library opens both ends close-on-exec, so no other child inherits the writing one.
        // As the tests' own user: it takes one who may write to the temporary folder to remove ours from it.
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

    /// From now on, this process is to be stopped.
    pub(super) fn guard(&mut self, pid: u32) {
        self.tell(&pid.to_string());
    }

    /// From now on, there is no process to be stopped.
    pub(super) fn release(&mut self) {
        self.tell("-");
    }

    fn tell(&mut self, line: &str) {
        // If the watchdog was killed, the next start's sweep does its work.
        let _ = self.pipe.as_mut().map(|pipe| writeln!(pipe, "{line}"));
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.shell.wait();
    }
}

/// Sends `signal` (a name without SIG) as the user whom the server runs as, so that a wrong pid in a file
/// of that user's can't hit a process of root's. The shell's own `kill`: slim images have no other.
pub(super) fn signal(signal: &str, pid: u32, user: Option<&User>) {
    let _ = command(SHELL, user)
        .args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, &pid.to_string()])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}
