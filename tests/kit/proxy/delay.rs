//! Messages in transit over a long line.

use super::message::Message;
use std::collections::VecDeque;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc as async_mpsc;

/// Messages that were read together, with their bytes.
pub(super) type Together = Vec<(Message, Vec<u8>)>;

/// Messages to forward later, in order of arrival.
#[derive(Default)]
pub(super) struct Delayed {
    line: VecDeque<Together>,
    clock: Option<Clock>,
}

impl Delayed {
    /// True if nothing is in transit.
    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Adds messages in transit.
    pub(super) fn push(&mut self, together: Together, latency: Duration) {
        self.line.push_back(together);
        self.clock.get_or_insert_with(Clock::start).ring_at(Instant::now() + latency);
    }

    /// Waits for the first messages in transit to arrive. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Together {
        if let Some(clock) = &mut self.clock {
            clock.rung().await;
        }
        self.line.pop_front().unwrap_or_default()
    }
}

/// A thread that signals when a time is reached. tokio's own clock ticks once per millisecond, and rounds up.
struct Clock {
    times: mpsc::Sender<Instant>,
    rings: async_mpsc::UnboundedReceiver<()>,
}

impl Clock {
    fn start() -> Clock {
        let (times, asked) = mpsc::channel::<Instant>();
        let (ring, rings) = async_mpsc::unbounded_channel();
        // It ends with the value, which drops the sender.
        std::thread::spawn(move || {
            for time in asked {
                std::thread::sleep(time.saturating_duration_since(Instant::now()));
                if ring.send(()).is_err() {
                    return;
                }
            }
        });
        Clock { times, rings }
    }

    fn ring_at(&self, time: Instant) {
        // The thread lives as long as the value.
        let _ = self.times.send(time);
    }

    async fn rung(&mut self) {
        self.rings.recv().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Side;
    use super::*;

    fn numbered(number: u8) -> Together {
        vec![(Message::typed(Side::Client, &[number, 0, 0, 0, 4]), vec![number])]
    }

    #[tokio::test]
    async fn messages_keep_their_order_and_none_is_lost_with_a_future() {
        let mut delayed = Delayed::default();
        for number in 0..100 {
            delayed.push(numbered(number), Duration::from_millis(u64::from(number % 3)));
        }
        drop(delayed.next());
        for number in 0..100 {
            assert_eq!(delayed.next().await, numbered(number));
        }
        assert!(delayed.is_empty());
    }
}
