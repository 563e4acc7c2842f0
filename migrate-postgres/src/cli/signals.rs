//! Signals that end a command: Ctrl-C, and what a supervisor or a closed terminal sends.

use futures_util::future::{Either, select};
use std::pin::pin;
#[cfg(unix)]
use std::task::Poll;

/// A signal that a command ends by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is closed.
    HangUp,
}

impl Signal {
    /// What happened to the command.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Signal::Interrupt => "interrupted",
            Signal::Terminate => "terminated by SIGTERM",
            Signal::HangUp => "ended by SIGHUP",
        }
    }
}

/// The signals, heard from the moment that this is made: one that comes before the command begins is not lost.
///
/// A signal that the process can't listen for ends it as it would end any other.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    listeners: Vec<(Signal, tokio::signal::unix::Signal)>,
}

impl Signals {
    /// Runs a command until it is done or a signal comes, which is looked for first. The command is dropped then: it is safe
    /// to drop at any point.
    pub(crate) async fn until_done<T>(&mut self, command: impl Future<Output = T>) -> Result<T, Signal> {
        match select(pin!(self.next()), pin!(command)).await {
            Either::Left((signal, _)) => Err(signal),
            Either::Right((done, _)) => Ok(done),
        }
    }
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen. `nohup` has a hangup ignored, and it stays ignored.
    pub(crate) fn listen() -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            (Signal::Interrupt, SignalKind::interrupt()),
            (Signal::Terminate, SignalKind::terminate()),
            (Signal::HangUp, SignalKind::hangup()),
        ];
        let heard = kinds.into_iter().filter(|(kind, _)| *kind != Signal::HangUp || !is_hangup_ignored());
        Signals { listeners: heard.filter_map(|(kind, number)| Some((kind, signal(number).ok()?))).collect() }
    }

    async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            for (signal, listener) in &mut self.listeners {
                if listener.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether this process was started with SIGHUP ignored, as Linux shows it: the first bit of `SigIgn`.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).is_some_and(|bits| bits & 1 == 1)
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> Signals {
        Signals {}
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn send(signal: &str) {
        let kill = format!("kill -s {signal} {}", std::process::id());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// One test, since signals are the process's.
    #[tokio::test]
    async fn a_signal_that_comes_before_the_command_is_done_ends_it() {
        for (name, signal) in
            [("INT", Signal::Interrupt), ("TERM", Signal::Terminate), ("HUP", Signal::HangUp)]
        {
            let mut signals = Signals::listen();
            send(name);
            let command = std::future::pending::<()>();
            assert_eq!(signals.until_done(command).await, Err(signal));
        }
        // Both are ready in the same turn of the runtime.
        let mut signals = Signals::listen();
        send("TERM");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(signals.until_done(async { 1 }).await, Err(Signal::Terminate));
        assert_eq!(Signals::listen().until_done(async { 1 }).await, Ok(1));
    }
}
