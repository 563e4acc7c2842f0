//! Pauses between tries.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Pauses that grow up to a limit, each shortened by chance, so that many replicas do not try in step.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    next: Duration,
    limit: Duration,
}

/// How much longer each turn is. The last pause, in which what was waited for has ended already, is then at most half as long as all
/// before it; where pauses double it is as long as they are.
const GROWTH: f64 = 1.5;

impl Backoff {
    /// Pauses from `first` on, none longer than `limit`.
    pub fn new(first: Duration, limit: Duration) -> Backoff {
        let first = first.min(limit);
        Backoff { first, next: first, limit }
    }

    /// The next pause: between half and all of what its turn allows.
    pub fn pause(&mut self) -> Duration {
        let full = self.next;
        self.next = full.mul_f64(GROWTH).min(self.limit);
        full / 2 + full.mul_f64(chance() / 2.0)
    }

    /// Begins anew.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A number from 0 to 1. `RandomState` is seeded by the system: good enough for jitter, and no dependency.
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
