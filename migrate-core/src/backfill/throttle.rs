//! Throttling: the load of the server, and the reasons to pause before the next batch.

use crate::display::printable::Printable;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// The limits beyond which a backfill pauses. `None` turns one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleLimits {
    /// The time that a standby may be behind in replay.
    pub lag: Option<Duration>,
    /// The bytes of WAL that a replication slot may retain.
    pub retained: Option<u64>,
    /// The bytes of WAL that may wait to be archived.
    pub unarchived: Option<u64>,
    /// True if a session that waits for a lock on the table, or for one of the last batch, is a reason.
    pub lock_waits: bool,
    /// True if a vacuum against transaction ID wraparound at the table is a reason.
    pub wraparound_vacuum: bool,
}

impl ThrottleLimits {
    /// Standbys 5 s behind, 4 GiB retained by a slot, 1 GiB to be archived, any waiting session, and a vacuum
    /// against wraparound.
    pub const DEFAULT: ThrottleLimits = ThrottleLimits {
        lag: Some(Duration::from_secs(5)),
        retained: Some(4 << 30),
        unarchived: Some(1 << 30),
        lock_waits: true,
        wraparound_vacuum: true,
    };

    /// No limits.
    pub const OFF: ThrottleLimits = ThrottleLimits {
        lag: None,
        retained: None,
        unarchived: None,
        lock_waits: false,
        wraparound_vacuum: false,
    };
}

impl Default for ThrottleLimits {
    fn default() -> ThrottleLimits {
        ThrottleLimits::DEFAULT
    }
}

/// A standby, as the primary sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standby {
    /// Its `application_name`.
    pub name: String,
    /// The time that it takes to replay, by the server's own measure.
    pub replay_lag: Option<Duration>,
    /// The position in the WAL up to which it has replayed; none if this role may not see it.
    pub replayed: Option<u64>,
}

/// The load of the server between two batches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Load {
    /// The standbys that stream.
    pub standbys: Vec<Standby>,
    /// The replication slots and the bytes of WAL that each retains.
    pub slots: Vec<(String, u64)>,
    /// The bytes of WAL that wait to be archived.
    pub unarchived: u64,
    /// The sessions that wait for a lock on the table.
    pub table_waiters: u64,
    /// True if a vacuum against wraparound is at the table.
    pub wraparound_vacuum: bool,
    /// The current position in the WAL.
    pub position: u64,
}

impl Load {
    /// The number of standbys whose lag this role may not see.
    pub fn hidden_standbys(&self) -> usize {
        self.standbys.iter().filter(|standby| standby.replayed.is_none()).count()
    }

    /// The reasons to pause.
    pub fn reasons(&self, limits: &ThrottleLimits, clock: &WalClock, now: Duration) -> Vec<Throttle> {
        let lagging = self.standbys.iter().filter_map(|standby| {
            let limit = limits.lag?;
            let lag = clock.lag(standby, now);
            (lag > limit).then(|| Throttle::StandbyLag { standby: standby.name.clone(), lag, limit })
        });
        let retaining = self.slots.iter().filter_map(|(slot, bytes)| {
            let limit = limits.retained?;
            (*bytes > limit).then(|| Throttle::SlotRetains { slot: slot.clone(), bytes: *bytes, limit })
        });
        let unarchived = limits.unarchived.filter(|limit| self.unarchived > *limit);
        let unarchived = unarchived.map(|limit| Throttle::Unarchived { bytes: self.unarchived, limit });
        let waiters = (limits.lock_waits && self.table_waiters > 0)
            .then_some(Throttle::LockWaiters { sessions: self.table_waiters });
        let vacuum =
            (limits.wraparound_vacuum && self.wraparound_vacuum).then_some(Throttle::WraparoundVacuum);
        lagging.chain(retaining).chain(unarchived).chain(waiters).chain(vacuum).collect()
    }
}

/// A reason to pause before the next batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Throttle {
    /// A standby is behind.
    #[non_exhaustive]
    StandbyLag {
        /// Its `application_name`.
        standby: String,
        /// Its lag.
        lag: Duration,
        /// The largest lag allowed.
        limit: Duration,
    },
    /// A replication slot retains WAL.
    #[non_exhaustive]
    SlotRetains {
        /// The slot.
        slot: String,
        /// The bytes that it retains.
        bytes: u64,
        /// The bytes that it may retain.
        limit: u64,
    },
    /// WAL waits to be archived.
    #[non_exhaustive]
    Unarchived {
        /// The bytes that wait.
        bytes: u64,
        /// The bytes that may wait.
        limit: u64,
    },
    /// Sessions wait for a lock on the table.
    #[non_exhaustive]
    LockWaiters {
        /// The number of sessions.
        sessions: u64,
    },
    /// Sessions waited for the locks of the last batch.
    #[non_exhaustive]
    BatchBlocked {
        /// The number of sessions.
        sessions: u64,
    },
    /// A vacuum against transaction ID wraparound is at the table.
    WraparoundVacuum,
}

impl Throttle {
    /// Sessions waited for the locks of the last batch.
    pub fn batch_blocked(sessions: u64) -> Throttle {
        Throttle::BatchBlocked { sessions }
    }

    /// A stable word for logs, metrics and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Throttle::StandbyLag { .. } => "standby_lag",
            Throttle::SlotRetains { .. } => "slot_retains",
            Throttle::Unarchived { .. } => "unarchived",
            Throttle::LockWaiters { .. } => "lock_waiters",
            Throttle::BatchBlocked { .. } => "batch_blocked",
            Throttle::WraparoundVacuum => "wraparound_vacuum",
        }
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        match self {
            Throttle::StandbyLag { standby, lag, limit } => {
                write!(f, "the standby {standby} is {lag:.1?} behind (limit: {limit:.1?})")
            }
            Throttle::SlotRetains { slot, bytes, limit } => write!(
                f,
                "the replication slot {slot} retains {} of WAL (limit: {})",
                Size(*bytes),
                Size(*limit)
            ),
            Throttle::Unarchived { bytes, limit } => {
                write!(f, "{} of WAL is waiting to be archived (limit: {})", Size(*bytes), Size(*limit))
            }
            Throttle::LockWaiters { sessions } => {
                write!(f, "{} for a lock on the table", Waiting(*sessions))
            }
            Throttle::BatchBlocked { sessions } => {
                write!(f, "{} for the locks of the last batch", Waiting(*sessions))
            }
            Throttle::WraparoundVacuum => {
                f.write_str("a vacuum to prevent transaction ID wraparound is running on the table")
            }
        }
    }
}

/// The sessions that wait.
struct Waiting(u64);

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 session is waiting"),
            sessions => write!(f, "{sessions} sessions are waiting"),
        }
    }
}

/// A size in mebibytes.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 >> 20 {
            0 => write!(f, "{} kB", self.0 >> 10),
            megabytes => write!(f, "{megabytes} MB"),
        }
    }
}

/// The longest memory of a [`WalClock`].
const MOST_MEMORY: usize = 4_096;

/// The times at which the WAL reached its positions, sampled between batches.
///
/// The server's own `replay_lag` is the delay of the last position that a standby reported. It stands still, or is
/// empty, while a standby replays nothing. With this, a standby is behind by the age of the oldest position that
/// it has not replayed.
#[derive(Clone, Debug, Default)]
pub struct WalClock {
    seen: VecDeque<(Duration, u64)>,
}

impl WalClock {
    /// Remembers a position. Times are those since the backfill began.
    pub fn see(&mut self, now: Duration, position: u64) {
        if self.seen.back().is_none_or(|(_, last)| *last < position) {
            self.seen.push_back((now, position));
        }
        if self.seen.len() > MOST_MEMORY {
            self.seen.pop_front();
        }
    }

    /// The lag of a standby.
    pub fn lag(&self, standby: &Standby, now: Duration) -> Duration {
        let Some(replayed) = standby.replayed else { return standby.replay_lag.unwrap_or_default() };
        let missing = self.seen.iter().find(|(_, position)| *position > replayed);
        let Some((since, _)) = missing else { return Duration::ZERO };
        now.saturating_sub(*since).max(standby.replay_lag.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn standby(replayed: u64) -> Standby {
        Standby { name: "one".to_owned(), replay_lag: None, replayed: Some(replayed) }
    }

    #[test]
    fn a_standby_that_replays_nothing_falls_behind_with_time() {
        let mut clock = WalClock::default();
        (0..10).for_each(|second| clock.see(Duration::from_secs(second), 100 + second));
        let lag = |replayed, now| clock.lag(&standby(replayed), Duration::from_secs(now));
        assert_eq!(lag(109, 60), Duration::ZERO, "it has replayed all, however long ago that was written");
        assert_eq!(lag(104, 10), Duration::from_secs(5));
        assert_eq!(lag(104, 60), Duration::from_secs(55));
    }

    #[test]
    fn a_lag_that_is_past_is_no_reason() {
        let caught_up = Standby { replay_lag: Some(Duration::from_secs(60)), ..standby(7) };
        let mut clock = WalClock::default();
        clock.see(Duration::ZERO, 7);
        assert_eq!(clock.lag(&caught_up, Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn each_reason_is_named_with_its_limit() {
        let load = Load {
            standbys: vec![standby(1)],
            slots: vec![("slot".to_owned(), 5 << 30), ("near".to_owned(), 5)],
            unarchived: 2 << 30,
            table_waiters: 2,
            wraparound_vacuum: true,
            position: 2,
        };
        let mut clock = WalClock::default();
        clock.see(Duration::ZERO, 2);
        let reasons = |limits| load.reasons(limits, &clock, Duration::from_secs(6));
        let named = reasons(&ThrottleLimits::DEFAULT);
        let words: Vec<&str> = named.iter().map(Throttle::word).collect();
        assert_eq!(words, ["standby_lag", "slot_retains", "unarchived", "lock_waiters", "wraparound_vacuum"]);
        assert_eq!(named[0].to_string(), "the standby one is 6.0s behind (limit: 5.0s)");
        assert_eq!(named[1].to_string(), "the replication slot slot retains 5120 MB of WAL (limit: 4096 MB)");
        assert_eq!(named[3].to_string(), "2 sessions are waiting for a lock on the table");
        assert_eq!(reasons(&ThrottleLimits::OFF), []);
    }

    proptest! {
        #[test]
        fn a_standby_is_behind_by_the_age_of_the_oldest_position_that_it_lacks(
            steps in prop::collection::vec((1_u64..1_000, 0_u64..100), 1..100),
            replayed in 0_u64..5_000,
        ) {
            let (mut clock, mut now, mut position, mut oldest) = (WalClock::default(), 0, 0, None);
            for (pause, written) in steps {
                now += pause;
                position += written;
                clock.see(Duration::from_millis(now), position);
                if position > replayed {
                    oldest.get_or_insert(now);
                }
            }
            let lag = oldest.map_or(0, |oldest| now - oldest);
            prop_assert_eq!(clock.lag(&standby(replayed), Duration::from_millis(now)), Duration::from_millis(lag));
        }
    }
}
