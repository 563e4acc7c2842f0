//! The settings of a backfill.

use migrate_core::backfill::{BatchTarget, ThrottleLimits};
use std::time::{Duration, Instant};

/// The choices of a caller.
#[derive(Clone, Debug)]
pub(crate) struct RunnerSettings {
    /// The limits of a batch.
    pub(crate) target: BatchTarget,
    /// The limits beyond which it pauses.
    pub(crate) limits: ThrottleLimits,
    /// The `application_name` of each standby that is never a reason to pause.
    pub(crate) ignored_standbys: Vec<String>,
    /// The rows that may be set aside.
    pub(crate) quarantine: u64,
    /// The time for which the lease lasts without a batch.
    pub(crate) lease: Duration,
    /// The interval between looks while it pauses or waits.
    pub(crate) poll: Duration,
    /// The time to try for a connection after one was lost.
    pub(crate) reconnect: Duration,
    /// The time by which every statement has to end, if there is one.
    pub(crate) deadline: Option<Instant>,
}

impl RunnerSettings {
    pub(crate) const DEFAULT: RunnerSettings = RunnerSettings {
        target: BatchTarget::DEFAULT,
        limits: ThrottleLimits::DEFAULT,
        ignored_standbys: Vec::new(),
        quarantine: 100,
        lease: Duration::from_secs(30),
        poll: Duration::from_secs(1),
        reconnect: Duration::from_secs(60),
        deadline: None,
    };
}
