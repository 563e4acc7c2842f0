//! A process's lease of a shared server.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tokio::net::unix::pipe;

use super::home::{Home, remove};
use super::watchdog;
use crate::testing::TestingError;
use crate::testing::binaries::Binaries;
use crate::testing::database::block_on;
use crate::testing::folder::{ServerFolder, pid, stop_orphan};
use crate::testing::postmaster::{self, DEADLINE, POLL, is_running};

/// The system's error for a pipe without a reader.
const ENXIO: i32 = 6;

/// Keeps a shared server running until it is dropped.
#[derive(Debug)]
pub(in crate::testing) struct Lease {
    home: Home,
    binaries: Binaries,
    pipe: Mutex<File>,
}

impl Lease {
    /// Joins the server of these programs, or starts it.
    pub(in crate::testing) fn join(binaries: Binaries) -> Result<Lease, TestingError> {
        let home = Home::open(&binaries)?;
        // Held until the end of this call; the system releases it if the process is killed.
        let _gate = home.gate()?;
        let deadline = Instant::now() + DEADLINE;
        loop {
            match open(&home.users()) {
                Opened::Pipe(pipe) if is_running(&home.place) => return Lease::of(home, binaries, pipe),
                // The server crashed, or its starter was killed. No other process can be recovering it,
                // because we hold the gate.
                Opened::Pipe(mut pipe) => {
                    drop(pipe.write_all(b"end\n"));
                    drop(pipe);
                    // The server may become ready in the meantime; it is ended nevertheless.
                    while home.users().exists() && Instant::now() < deadline {
                        thread::sleep(POLL);
                    }
                }
                // The watchdog was killed. If the server runs, it gets a new one.
                Opened::NoReader if is_running(&home.place) => {
                    watchdog::spawn(&home, pid(home.place.path()))?;
                    let pipe = open_soon(&home, deadline)?;
                    return Lease::of(home, binaries, pipe);
                }
                Opened::NoReader => remove(&home.users())?,
                Opened::Nothing => match open(&home.closing()) {
                    Opened::Nothing => {
                        let pipe = start(&home, &binaries, deadline)?;
                        return Lease::of(home, binaries, pipe);
                    }
                    // The watchdog was killed while it stopped the server.
                    Opened::NoReader => {
                        stop_orphan(home.place.path(), home.place.user());
                        remove(&home.closing())?;
                    }
                    Opened::Pipe(pipe) => drop(pipe),
                    Opened::Failed(error) => return Err(TestingError::io("open", &home.closing())(error)),
                },
                Opened::Failed(error) => return Err(TestingError::io("open", &home.users())(error)),
            }
            if Instant::now() > deadline {
                let seconds = DEADLINE.as_secs();
                let log = postmaster::tail(&postmaster::read_log(&home.place));
                return Err(TestingError::StartTimeout { seconds, log });
            }
            thread::sleep(POLL);
        }
    }

    fn of(home: Home, binaries: Binaries, pipe: File) -> Result<Lease, TestingError> {
        let lease = Lease { home, binaries, pipe: Mutex::new(pipe) };
        lease.tell("+").map_err(TestingError::io("write to", &lease.home.users()))?;
        Ok(lease)
    }

    /// Lets the server run for a quarter of an hour after the last process.
    pub(in crate::testing) fn stay(&self) {
        // Without a watchdog it keeps running anyway.
        drop(self.tell("keep"));
    }

    pub(in crate::testing) fn place(&self) -> &ServerFolder {
        &self.home.place
    }

    pub(in crate::testing) fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    pub(in crate::testing) fn pid(&self) -> Option<u32> {
        pid(self.home.place.path())
    }

    fn tell(&self, line: &str) -> io::Result<()> {
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        // A line is shorter than a pipe's atomic write.
        pipe.write_all(format!("{line}\n").as_bytes())
    }
}

/// Starts the server with its watchdog.
fn start(home: &Home, binaries: &Binaries, deadline: Instant) -> Result<File, TestingError> {
    stop_orphan(home.place.path(), home.place.user());
    home.make_data(binaries)?;
    home.make_users()?;
    watchdog::spawn(home, None)?;
    let mut pipe = open_soon(home, deadline)?;
    let started = postmaster::spawn(&home.place, binaries, |pid| drop(writeln!(pipe, "{pid}")))
        .and_then(|mut child| postmaster::wait_ready(&home.place, &mut child, deadline));
    match started {
        Ok(()) => Ok(pipe),
        Err(error) => {
            drop(pipe.write_all(b"end\n"));
            Err(error)
        }
    }
}

/// The result of opening the pipe for writing.
enum Opened {
    Pipe(File),
    NoReader,
    Nothing,
    Failed(io::Error),
}

fn open(path: &Path) -> Opened {
    let opened = block_on(async {
        // A non-blocking open; with the standard library alone it would need a system-specific flag.
        let sender = pipe::OpenOptions::new().open_sender(path)?;
        sender.into_nonblocking_fd().map(File::from)
    });
    match opened.flatten() {
        Ok(pipe) => Opened::Pipe(pipe),
        Err(error) if error.kind() == ErrorKind::NotFound => Opened::Nothing,
        Err(error) if error.raw_os_error() == Some(ENXIO) => Opened::NoReader,
        Err(error) => Opened::Failed(error),
    }
}

/// Opens the pipe once the watchdog reads from it.
fn open_soon(home: &Home, deadline: Instant) -> Result<File, TestingError> {
    loop {
        match open(&home.users()) {
            Opened::Pipe(pipe) => return Ok(pipe),
            Opened::NoReader if Instant::now() < deadline => thread::sleep(POLL / 5),
            Opened::NoReader => {
                return Err(TestingError::io("open", &home.users())(ErrorKind::TimedOut.into()));
            }
            Opened::Nothing => {
                return Err(TestingError::io("open", &home.users())(ErrorKind::NotFound.into()));
            }
            Opened::Failed(error) => return Err(TestingError::io("open", &home.users())(error)),
        }
    }
}
