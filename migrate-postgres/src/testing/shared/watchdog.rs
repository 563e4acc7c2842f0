//! The watchdog of a shared server: stops it after its last user.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use super::home::Home;
use crate::testing::TestingError;
use crate::testing::user::command;
use crate::testing::watchdog::SHELL;

/// Reads lines from the pipe: `+` when a process joins, `keep` when a failed test keeps its database for
/// inspection, `end` when the server is unusable, and otherwise the server's pid.
///
/// A read blocks while any process has the pipe open, and returns end of file when none has. Other processes
/// then have two seconds to join (a quarter of an hour after `keep`), because test runners start one process
/// after another. Once the pipe has been renamed no process can join; a process that opened it before has
/// left a line in it, or is about to.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
PATH=$PATH:/usr/bin:/bin
cd "$1" || exit
pid=$2
# The first keeps the second from waiting for a process that may be dead.
exec 4<>users
exec 3<users
exec 4>&-
hear() {
    read -r line <&3 || return 1
    n=0
    case $line in
        +) ;;
        keep) limit=920 ;;
        end) return 2 ;;
        *) pid=$line ;;
    esac
}
n=0
limit=20
heard=0
while [ -e users ]; do
    hear
    heard=$?
    [ "$heard" -ne 0 ] || continue
    [ "$heard" -ne 2 ] || { mv users closing; break; }
    if [ "$n" -ge "$limit" ] || { [ "$pid" != - ] && ! kill -s 0 "$pid"; }; then
        mv users closing
        hear || break
        mv closing users
    fi
    n=$((n + 1))
    if [ "$n" -le 20 ]; then sleep 0.1 3<&- || sleep 1 3<&-; else sleep 1 3<&-; fi
done
# The pipe may have lost its name before its lines, and the pid among them, were read.
[ "$heard" -eq 2 ] || while hear; do :; done
gone() {
    n=0
    while kill -s 0 "$pid" && [ -e run/data/postmaster.pid ]; do
        [ "$n" -lt "$1" ] || return 1
        n=$((n + 1))
        sleep 0.05 3<&- || sleep 1 3<&-
    done
}
if [ "$pid" != - ]; then
    # With its folder removed a server can't end in good order, and tries to.
    if [ -e run/data ]; then kill -s INT "$pid"; fi
    if [ -e run/data ] && gone 200; then
        printf %s "$3" >clean
    else
        kill -s QUIT "$pid"
        gone 100 || kill -s KILL "$pid"
    fi
fi
rm -f closing
"#;

/// Starts the watchdog of a server. `pid` is the server's, if it runs.
pub(super) fn spawn(home: &Home, pid: Option<u32>) -> Result<(), TestingError> {
    // It runs in its own process group, so that a signal to the tests' group does not end it, and as the
    // tests' own user, because it creates and removes files in that user's folder.
    let spawned = command(SHELL, None)
        .args(["-c", SCRIPT, "migrate-server-watchdog"])
        .arg(&home.path)
        .arg(pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()))
        .arg(&home.key)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    // It outlives this process; the process that inherits it reaps it.
    spawned.map(drop).map_err(TestingError::io("run", SHELL.as_ref()))
}
