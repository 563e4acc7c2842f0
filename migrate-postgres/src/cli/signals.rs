//! Signals that end a command: Ctrl-C, a supervisor's signal, or a closed terminal's.

use futures_util::future::{Either, select};
use std::pin::pin;
#[cfg(unix)]
use std::task::Poll;

/// A signal that ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal was closed.
    HangUp,
}

impl Signal {
    /// The result for the command, as a participle.
    pub(crate) fn past(self) -> &'static str {
        match self {
            Signal::Interrupt => "interrupted",
            Signal::Terminate => "terminated by SIGTERM",
            Signal::HangUp => "ended by SIGHUP",
        }
    }
}

/// The signals, received from the moment of creation: one that arrives before the command starts is not lost.
///
/// If the process can't listen for a signal, the signal ends it in the default way.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    listeners: Vec<(Signal, tokio::signal::unix::Signal)>,
}

impl Signals {
    /// Runs a command until it is done or a signal arrives; signals have priority. On a signal the command is
    /// dropped, which is safe at any point.
    pub(crate) async fn until_done<T>(&mut self, command: impl Future<Output = T>) -> Result<T, Signal> {
        match select(pin!(self.next()), pin!(command)).await {
            Either::Left((signal, _)) => Err(signal),
            Either::Right((done, _)) => Ok(done),
        }
    }
}

#[cfg(unix)]
impl Signals {
    /// Starts listening. `nohup` makes processes ignore SIGHUP, and it stays ignored.
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

/// True if this process was started with SIGHUP ignored, according to Linux: the first bit of `SigIgn`.
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

    /// One test, because signals affect the whole process.
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
        // Both are ready in the same poll.
        let mut signals = Signals::listen();
        send("TERM");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(signals.until_done(async { 1 }).await, Err(Signal::Terminate));
        assert_eq!(Signals::listen().until_done(async { 1 }).await, Ok(1));
    }
}
