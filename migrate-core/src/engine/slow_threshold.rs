//! The threshold for slow activities.

use std::time::Duration;

/// A threshold that is exceeded at a certain age, and again each time the age has doubled: an activity that
/// takes hours is reported a dozen times and not thousands of times.
#[derive(Clone, Copy, Debug)]
pub struct SlowThreshold {
    after: Option<Duration>,
    next: Option<Duration>,
}

impl SlowThreshold {
    /// Creates a threshold with this age; `None` for never.
    pub fn new(after: Option<Duration>) -> SlowThreshold {
        // Zero does not grow by doubling.
        let after = after.map(|after| after.max(Duration::from_millis(1)));
        SlowThreshold { after, next: after }
    }

    /// Starts over for another activity.
    pub fn reset(&mut self) {
        self.next = self.after;
    }

    /// Returns true if this age exceeds the threshold for the first time since the last report.
    pub fn is_exceeded(&mut self, age: Duration) -> bool {
        let Some(mut next) = self.next.filter(|next| age >= *next) else { return false };
        while next <= age {
            next = next.saturating_mul(2);
        }
        self.next = Some(next);
        true
    }

    /// The time until an activity of this age exceeds the threshold, but at most `most`.
    pub fn pause(&self, age: Duration, most: Duration) -> Duration {
        self.next.map_or(most, |next| next.saturating_sub(age).min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_rings_when_the_time_is_over_and_each_time_it_has_doubled() {
        let mut alarm = SlowThreshold::new(Some(SECOND * 10));
        let rung: Vec<u32> = (0..100).filter(|seconds| alarm.is_exceeded(SECOND * *seconds)).collect();
        assert_eq!(rung, [10, 20, 40, 80]);
        alarm.reset();
        assert!(!alarm.is_exceeded(SECOND * 9) && alarm.is_exceeded(SECOND * 10));
    }

    #[test]
    fn one_that_is_off_never_rings() {
        let mut alarm = SlowThreshold::new(None);
        assert!(!alarm.is_exceeded(Duration::MAX));
        assert_eq!(alarm.pause(SECOND, SECOND), SECOND);
    }

    proptest! {
        #[test]
        fn who_looks_when_it_says_so_hears_it_ring(after in 0_u64..10_000, looks in 1_usize..20) {
            let mut alarm = SlowThreshold::new(Some(Duration::from_millis(after)));
            let mut age = Duration::ZERO;
            for _ in 0..looks {
                age += alarm.pause(age, Duration::MAX);
                prop_assert!(alarm.is_exceeded(age));
                prop_assert!(!alarm.is_exceeded(age));
            }
        }
    }
}
