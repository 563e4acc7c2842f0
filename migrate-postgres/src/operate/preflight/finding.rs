//! A finding: the check, the verdict, and the advice.

use migrate_core::advice::Advice;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreflightFinding {
    /// The check.
    pub check: Check,
    /// The consequence for a run.
    pub verdict: Verdict,
    /// The observation, in words.
    pub found: String,
    /// The next steps; empty if there is nothing to do.
    pub next: Advice,
}

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// The server can be reached.
    Connection,
    /// The history and the set match.
    Plan,
    /// The lint findings of the pending scripts.
    Findings,
    /// The server takes writes, and the role may write the history and change the tables.
    Rights,
    /// No other run is migrating.
    Lock,
    /// The sessions that use the tables the run will touch, and how long they have used them.
    Sessions,
    /// Indexes that are not valid.
    Indexes,
    /// Standbys, and slots that keep the log.
    Replication,
    /// The amount that will be written, as far as SQL can see it.
    Disk,
    /// The existing rows, which a pending constraint or type may exclude.
    Data,
    /// The age of the last backup, if this library made it.
    Backup,
}

impl Check {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Check::Connection => "connection",
            Check::Plan => "plan",
            Check::Findings => "findings",
            Check::Rights => "rights",
            Check::Lock => "lock",
            Check::Sessions => "sessions",
            Check::Indexes => "indexes",
            Check::Replication => "replication",
            Check::Disk => "disk",
            Check::Data => "data",
            Check::Backup => "backup",
        }
    }
}

/// The consequence of a finding for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is as it should be.
    Pass,
    /// A run may succeed, but check this first.
    Warning,
    /// A run would fail, or should not be started.
    Stop,
}

impl Verdict {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Warning => "warning",
            Verdict::Stop => "stop",
        }
    }
}
