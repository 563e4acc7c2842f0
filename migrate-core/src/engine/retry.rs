//! Backoff between attempts.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Pauses that grow up to a limit. Each is shortened by a random amount, so that replicas do not retry in
/// step.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
    limit: Duration,
}

/// The growth of each pause. The event may occur right at the beginning of the last pause, whose rest is then
/// wasted: at most half of the earlier pauses' sum. With a factor of 2 it would be as much as their sum.
const GROWTH: f64 = 1.5;

impl Backoff {
    /// Creates pauses that start at `first` and do not exceed `limit`.
    pub fn new(first: Duration, limit: Duration) -> Backoff {
        let first = first.min(limit);
        Backoff { first, next: first, limit }
    }

    /// The next pause: between half and all of the current length.
    pub fn pause(&mut self) -> Duration {
        let full = self.next;
        self.next = full.mul_f64(GROWTH).min(self.limit);
        full / 2 + full.mul_f64(chance() / 2.0)
    }

    /// Starts again at the first pause.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A number from 0 to 1. The system seeds `RandomState`: good enough for jitter, without a dependency.
fn chance() -> f64 {
    let hash = RandomState::new().hash_one(0_u8);
    f64::from(u32::try_from(hash >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_limit() {
        let limit = Duration::from_millis(500);
        let mut backoff = Backoff::new(Duration::from_millis(20), limit);
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.pause()).collect();
        assert!(pauses[0] <= Duration::from_millis(20));
        assert!(pauses.iter().all(|pause| *pause <= limit && *pause >= Duration::from_millis(10)));
        assert!(pauses[19] >= limit / 2);
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(20));
    }
}
