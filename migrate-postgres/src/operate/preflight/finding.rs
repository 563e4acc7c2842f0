//! A finding: the check, the verdict, and the advice.

use migrate_core::advice::Advice;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// What that means for a run.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do; empty if there is nothing to do.
    pub next: Advice,
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Check {
    /// Whether the server can be reached.
    Connection,
    /// Whether history and set fit together.
    Plan,
    /// Whether the server takes writes, and the role may write the history and change the tables.
    Rights,
    /// Whether nobody else migrates.
    Lock,
    /// Who uses the tables that will be touched, and for how long already.
    Sessions,
    /// Indexes that are not valid.
    Indexes,
    /// Standbys, and slots that keep the log.
    Replication,
    /// What will be written, as far as SQL can see it.
    Disk,
    /// How old the last backup is, as far as this library made it.
    Backup,
}

impl Check {
    /// A word for it.
    pub fn word(self) -> &'static str {
        match self {
            Check::Connection => "connection",
            Check::Plan => "plan",
            Check::Rights => "rights",
            Check::Lock => "lock",
            Check::Sessions => "sessions",
            Check::Indexes => "indexes",
            Check::Replication => "replication",
            Check::Disk => "disk",
            Check::Backup => "backup",
        }
    }
}

/// What a finding means for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It is as it should be.
    Pass,
    /// A run may go well, and somebody should look first.
    Warning,
    /// A run would fail, or should not be begun.
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
