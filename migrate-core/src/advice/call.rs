//! The calls that advice names: as a method, and as a command.

/// A call of the library named in advice, and its command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Apply pending migrations.
    Run,
    /// Revert.
    Down,
    /// The status of each migration.
    Status,
    /// The attempts, grouped by run.
    History,
    /// The verify scripts.
    Verify,
    /// The assertions.
    Assert,
    /// The seeds.
    Seed,
    /// Accept an edit of a migration.
    #[non_exhaustive]
    Accept {
        /// The migration's name.
        name: String,
        /// True if its statements changed.
        is_forced: bool,
    },
    /// Record that a migration is applied.
    #[non_exhaustive]
    Applied {
        /// The migration's name or version.
        migration: String,
    },
    /// Mark migrations whose objects exist as applied.
    Baseline,
    /// Adopt another tool's history.
    Adopt,
    /// Run the backfills that are not finished.
    Backfill,
    /// Compare with the schema that a run recorded.
    DriftKept,
    /// Continue a backfill that stopped, and try the rows again that it has set aside.
    #[non_exhaustive]
    RetryBackfill {
        /// The version of its migration.
        version: String,
    },
    /// Resume a backfill that was paused.
    #[non_exhaustive]
    ResumeBackfill {
        /// The version of its migration.
        version: String,
    },
    /// Watch the migration folder in `build.rs`.
    WatchFolder,
}

impl Call {
    /// The call that accepts an edit of a migration; forced if its statements changed.
    pub fn accept(name: impl Into<String>, is_forced: bool) -> Call {
        Call::Accept { name: name.into(), is_forced }
    }

    /// The call that records a migration as applied.
    pub fn applied(migration: impl Into<String>) -> Call {
        Call::Applied { migration: migration.into() }
    }

    /// The call that continues a backfill that stopped.
    pub fn retry_backfill(version: impl Into<String>) -> Call {
        Call::RetryBackfill { version: version.into() }
    }

    /// The call that resumes a backfill that was paused.
    pub fn resume_backfill(version: impl Into<String>) -> Call {
        Call::ResumeBackfill { version: version.into() }
    }

    /// The identifier for JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Call::Run => "run",
            Call::Down => "down",
            Call::Status => "status",
            Call::History => "history",
            Call::Verify => "verify",
            Call::Assert => "assert",
            Call::Seed => "seed",
            Call::Accept { .. } => "accept",
            Call::Applied { .. } => "resolve_applied",
            Call::Baseline => "baseline",
            Call::Adopt => "adopt",
            Call::Backfill => "backfill",
            Call::DriftKept => "drift_kept",
            Call::RetryBackfill { .. } => "retry_backfill",
            Call::ResumeBackfill { .. } => "resume_backfill",
            Call::WatchFolder => "watch_folder",
        }
    }

    /// The call in Rust.
    pub fn in_rust(&self) -> String {
        match self {
            Call::Run => "run".to_owned(),
            Call::Down => "down".to_owned(),
            Call::Status => "status".to_owned(),
            Call::History => "history".to_owned(),
            Call::Verify => "verify".to_owned(),
            Call::Assert => "assert".to_owned(),
            Call::Seed => "seed".to_owned(),
            Call::Accept { name, is_forced: false } => format!("Accept::each([{name:?}])"),
            Call::Accept { name, is_forced: true } => format!("Accept::each([{name:?}]).forced()"),
            Call::Applied { migration } => format!("resolve({migration:?}, Resolution::Applied, …)"),
            Call::Baseline => "baseline".to_owned(),
            Call::Adopt => "adopt".to_owned(),
            Call::Backfill => "backfill".to_owned(),
            Call::DriftKept => "drift_since_snapshot".to_owned(),
            Call::RetryBackfill { version } => format!("steer_backfill({version:?}, BackfillAction::Retry)"),
            Call::ResumeBackfill { version } => {
                format!("steer_backfill({version:?}, BackfillAction::Resume)")
            }
            Call::WatchFolder => "migrate_postgres::build::watch(\"migrations\")".to_owned(),
        }
    }

    /// The command, if any.
    pub fn command(&self) -> Option<String> {
        Some(match self {
            Call::Run => "up".to_owned(),
            Call::Down => "down".to_owned(),
            Call::Status => "status".to_owned(),
            Call::History => "history".to_owned(),
            Call::Verify => "verify".to_owned(),
            Call::Assert => "assert".to_owned(),
            Call::Seed => "seed".to_owned(),
            Call::Accept { name, is_forced: false } => format!("accept {name}"),
            Call::Accept { name, is_forced: true } => format!("accept {name} --force"),
            Call::Applied { migration } => format!("resolve {migration} --applied"),
            Call::Baseline => "baseline VERSION".to_owned(),
            Call::Adopt => "adopt".to_owned(),
            Call::Backfill => "backfill run".to_owned(),
            Call::DriftKept => "drift --kept".to_owned(),
            Call::RetryBackfill { version } => format!("backfill retry {version}"),
            Call::ResumeBackfill { version } => format!("backfill resume {version}"),
            Call::WatchFolder => return None,
        })
    }
}
