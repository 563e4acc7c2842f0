//! Runs and migrations as counters and histograms of `metrics`. `docs/observability.md` explains each of
//! them.

use crate::error::Error;
use crate::observe::outcome::Outcome;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use migrate_core::engine::event::{Event, Severity};
use migrate_core::history::SetPosition;
use migrate_core::{Report, Set};
use std::time::{Duration, Instant, SystemTime};

const RUNS: &str = "migrate_runs_total";
const RUN_DURATION: &str = "migrate_run_duration_seconds";
const LOCK_WAIT: &str = "migrate_lock_wait_seconds";
const MIGRATIONS: &str = "migrate_migrations_total";
const FAILURES: &str = "migrate_failures_total";
const MIGRATION_DURATION: &str = "migrate_migration_duration_seconds";
const STATEMENT_DURATION: &str = "migrate_statement_duration_seconds";
const RETRIES: &str = "migrate_retries_total";
const SLOW: &str = "migrate_slow_total";
const RUN_STARTED: &str = "migrate_run_started_timestamp_seconds";
const MIGRATION_STARTED: &str = "migrate_migration_started_timestamp_seconds";
const SERVER_MESSAGES: &str = "migrate_server_messages_total";
const PENDING: &str = "migrate_pending_migrations";

/// Describes the metrics to the recorder. Each run does so, because a recorder may be installed at any time.
fn describe() {
    describe_counter!(RUNS, Unit::Count, "Completed runs, by outcome.");
    describe_histogram!(RUN_DURATION, Unit::Seconds, "Duration of runs, including waits.");
    describe_histogram!(LOCK_WAIT, Unit::Seconds, "Time that runs waited for the migration lock.");
    describe_counter!(
        MIGRATIONS,
        Unit::Count,
        "Migrations that were applied, reverted or marked, or that failed."
    );
    describe_counter!(FAILURES, Unit::Count, "Runs that ended with a failed migration, by migration.");
    describe_histogram!(MIGRATION_DURATION, Unit::Seconds, "Duration of migrations, by the server's clock.");
    describe_histogram!(STATEMENT_DURATION, Unit::Seconds, "Duration of migration statements.");
    describe_counter!(RETRIES, Unit::Count, "Attempts at migrations that hit a lock timeout or a deadlock.");
    describe_counter!(SLOW, Unit::Count, "Activities reported as slow.");
    describe_counter!(SERVER_MESSAGES, Unit::Count, "Notices and warnings from the server, by severity.");
    describe_gauge!(
        RUN_STARTED,
        Unit::Seconds,
        "Time when the current run got the lock, in seconds since 1970; 0 without a run."
    );
    describe_gauge!(
        MIGRATION_STARTED,
        Unit::Seconds,
        "Start time of the current migration, in seconds since 1970; 0 without one."
    );
    describe_gauge!(PENDING, Unit::Count, "Unapplied migrations of the set, as last read.");
}

/// Measures a run.
pub(crate) struct Meter<'s> {
    set: &'s Set,
    began: Instant,
    has_ended: bool,
}

impl<'s> Meter<'s> {
    pub(crate) fn new(set: &'s Set) -> Meter<'s> {
        describe();
        let meter = Meter { set, began: Instant::now(), has_ended: false };
        meter.begin_at_zero();
        meter
    }

    /// Counters are registered at zero: a counter that first appears as 1 shows no increase.
    fn begin_at_zero(&self) {
        for outcome in Outcome::ALL {
            counter!(RUNS, "set" => self.set(), "outcome" => outcome.word()).increment(0);
        }
        for work in WORK {
            counter!(SLOW, "set" => self.set(), "work" => *work).increment(0);
        }
        counter!(RETRIES, "set" => self.set()).increment(0);
        for severity in [Severity::Notice, Severity::Warning] {
            counter!(SERVER_MESSAGES, "set" => self.set(), "severity" => severity.word()).increment(0);
        }
    }

    fn set(&self) -> String {
        self.set.name().to_owned()
    }

    /// The name of a migration as a label. Only the set bounds the number of labels; a migration of a newer
    /// release that an older binary reverts is not in it.
    fn label(&self, name: &str) -> String {
        let is_known = self.set.iter().any(|migration| migration.name() == name);
        if is_known { name.to_owned() } else { "other".to_owned() }
    }

    /// Handles an event.
    pub(crate) fn event(&self, event: &Event<'_>) {
        let set = self.set();
        match event {
            Event::StatementDone { took: Some(took), .. } => {
                histogram!(STATEMENT_DURATION, "set" => set).record(*took);
            }
            Event::Started { .. } => set_started(RUN_STARTED, &set),
            Event::StepStarted { .. } => set_started(MIGRATION_STARTED, &set),
            Event::ServerSaid { message, .. } => {
                let severity = message.severity.word();
                counter!(SERVER_MESSAGES, "set" => set, "severity" => severity).increment(1);
            }
            Event::StepDone { step, .. } => {
                set_ended(MIGRATION_STARTED, &set);
                let action = step.action.word();
                histogram!(MIGRATION_DURATION, "set" => set.clone(), "action" => action).record(step.took);
                counter!(MIGRATIONS, "set" => set, "action" => action, "outcome" => "done").increment(1);
            }
            Event::Failed { failure, .. } => {
                let (action, migration) = (failure.action.word(), self.label(&failure.name));
                counter!(FAILURES, "set" => set.clone(), "migration" => migration).increment(1);
                counter!(MIGRATIONS, "set" => set, "action" => action, "outcome" => "failed").increment(1);
            }
            Event::Retrying { .. } => {
                set_ended(MIGRATION_STARTED, &set);
                counter!(RETRIES, "set" => set).increment(1);
            }
            Event::Slow { work, .. } => {
                counter!(SLOW, "set" => set, "work" => work.word()).increment(1);
            }
            _ => {}
        }
    }

    /// Records the outcome of the run.
    pub(crate) fn end(&mut self, run: &Result<Report, Error>) {
        self.has_ended = true;
        self.count(Outcome::of(run));
        let (waited, report) = match run {
            Ok(report) => (report.waited, Some(report)),
            Err(Error::LockWait { waited, .. }) => (*waited, None),
            Err(error) => (error.report().map_or(Duration::ZERO, |report| report.waited), error.report()),
        };
        // A boot with nothing to do neither takes the lock nor waits for it.
        if !waited.is_zero() || report.is_some_and(|report| !report.is_noop()) {
            histogram!(LOCK_WAIT, "set" => self.set()).record(waited);
        }
        if let Some(report) = report {
            set_pending(self.set, self.set.len().saturating_sub(report.applied));
        }
    }

    fn count(&self, outcome: Outcome) {
        let (set, outcome) = (self.set(), outcome.word());
        set_ended(RUN_STARTED, &set);
        set_ended(MIGRATION_STARTED, &set);
        histogram!(RUN_DURATION, "set" => set.clone(), "outcome" => outcome).record(self.began.elapsed());
        counter!(RUNS, "set" => set, "outcome" => outcome).increment(1);
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.count(Outcome::Dropped);
        }
    }
}

/// Records the position of a database.
pub(crate) fn position(set: &Set, position: &SetPosition) {
    describe();
    match position {
        SetPosition::Behind { pending, .. } => set_pending(set, *pending),
        SetPosition::UpToDate { .. } | SetPosition::Ahead { .. } => set_pending(set, 0),
        _ => {}
    }
}

/// Records when something began. An alert rule subtracts it from its own clock's time.
fn set_started(name: &'static str, set: &str) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    gauge!(name, "set" => set.to_owned()).set(now.as_secs_f64());
}

fn set_ended(name: &'static str, set: &str) {
    gauge!(name, "set" => set.to_owned()).set(0.0);
}

#[allow(clippy::cast_precision_loss, reason = "no set has 2^52 migrations")]
fn set_pending(set: &Set, pending: usize) {
    gauge!(PENDING, "set" => set.name().to_owned()).set(pending as f64);
}

/// The labels of activities that may be slow.
const WORK: &[&str] = &["lock", "statement", "around", "migration", "run", "batch"];

/// True if a recorder is installed. The default one does nothing, and costs nothing.
pub(crate) fn is_listening() -> bool {
    metrics::with_recorder(|recorder| size_of_val(recorder) > 0)
}
