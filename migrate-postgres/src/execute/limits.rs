//! Limits: the time that a migration and its run may take, kept by the server.
//!
//! A statement's `statement_timeout` is set to what is left of the limits, so that a limit holds where the client is gone or the
//! connection hangs, and over a single `Client`. A message of several statements computes what is left on the server, by a query
//! before each of them: the transaction's begin is `now()`, the message's arrival `statement_timestamp()`. It needs no round trip.

use crate::history::settings::RunSettings;
use migrate_core::advice::Cause;
use migrate_core::engine::Progress;
use migrate_core::engine::error::Failure;
use migrate_core::{Options, Script};
use std::time::Duration;
use tokio_postgres::SimpleQueryRow;
use tokio_postgres::error::SqlState;

/// The time left to a migration and to its run when a message is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    migration: Option<Duration>,
    run: Option<Duration>,
}

impl Limits {
    /// For a message in which migrations begin: each of them has all of its limit.
    pub(super) fn of_run(settings: &RunSettings, progress: &Progress<'_>) -> Limits {
        let left = |limit: Duration| limit.saturating_sub(progress.age());
        Limits { migration: settings.engine.migration_limit, run: settings.engine.run_limit.map(left) }
    }

    /// For a message within the migration under way.
    pub(super) fn of_step(settings: &RunSettings, progress: &Progress<'_>) -> Limits {
        let left = |limit: Duration| limit.saturating_sub(progress.step_age());
        let migration = settings.engine.migration_limit.map(left);
        Limits { migration, ..Limits::of_run(settings, progress) }
    }

    /// The limits after some time.
    pub(super) fn after(self, time: Duration) -> Limits {
        let left = |limit: Duration| limit.saturating_sub(time);
        Limits { migration: self.migration.map(left), run: self.run.map(left) }
    }

    /// The time left until the first limit.
    pub(super) fn soonest(self) -> Option<Duration> {
        self.first().map(|(left, _)| left)
    }

    pub(super) fn is_off(self) -> bool {
        self == Limits::default()
    }

    /// The limit that has passed already.
    pub(super) fn passed(self) -> Option<Cause> {
        let is_passed = |left: Option<Duration>| left.is_some_and(|left| left.is_zero());
        match self {
            Limits { run, .. } if is_passed(run) => Some(Cause::RunLimit),
            Limits { migration, .. } if is_passed(migration) => Some(Cause::MigrationLimit),
            _ => None,
        }
    }

    /// The limit that passes first.
    pub(super) fn first_cause(self) -> Cause {
        self.first().map_or(Cause::MigrationLimit, |(_, cause)| cause)
    }

    /// The time left until the first limit, and its cause.
    fn first(self) -> Option<(Duration, Cause)> {
        let limits = [(self.migration, Cause::MigrationLimit), (self.run, Cause::RunLimit)];
        limits.into_iter().filter_map(|(left, cause)| Some((left?, cause))).min_by_key(|(left, _)| *left)
    }

    /// A script's options with a `statement_timeout` that ends at the first limit.
    pub(super) fn bound(self, options: &Options, settings: &RunSettings) -> Options {
        let mut options = options.clone();
        if self.governs(&options, settings).is_some()
            && let Some((left, _)) = self.first()
        {
            options.statement_timeout = Some(left.max(Duration::from_millis(1)));
        }
        options
    }

    /// The timer of a script's statements that were sent so long ago.
    pub(super) fn timer(self, script: &Script, settings: &RunSettings, age: Duration) -> Timer {
        let Timer { timeout, governs, .. } = self.timer_of(script.options(), settings, age);
        // A script's own setting is not known here: then the age decides nothing.
        let sets_own = script.text().to_ascii_lowercase().contains("statement_timeout");
        let (timeout, age) = if sets_own { (Duration::MAX, Duration::MAX) } else { (timeout, age) };
        Timer { governs, timeout, age }
    }

    /// The timer of statements under these options that were sent so long ago.
    pub(super) fn timer_of(self, options: &Options, settings: &RunSettings, age: Duration) -> Timer {
        let timeout = self.bound(options, settings).statement_timeout.unwrap_or(settings.statement_timeout);
        Timer { governs: self.governs(options, settings), timeout, age }
    }

    /// The limit that [`Limits::bound`] ends a statement at; none where the statement's own timeout comes first.
    pub(super) fn governs(self, options: &Options, settings: &RunSettings) -> Option<Cause> {
        let own = options.statement_timeout.unwrap_or(settings.statement_timeout);
        self.first().filter(|(left, _)| own.is_zero() || *left < own).map(|(_, cause)| cause)
    }

    /// A query that sets `statement_timeout` to what is left, where the statements so far have not set a shorter one. It fails
    /// by a division by zero where nothing is left, and else returns which limit comes first: see [`Limits::read`].
    pub(super) fn query(self, is_local: bool) -> String {
        let since = |left: Option<Duration>, begin: &str| {
            left.map_or_else(
                || "NULL::double precision".to_owned(),
                |left| {
                    let left = left.as_millis();
                    format!("{left} - 1000 * extract(epoch FROM pg_catalog.clock_timestamp() - {begin})::double precision")
                },
            )
        };
        let migration = since(self.migration, "pg_catalog.now()");
        let run = since(self.run, "pg_catalog.statement_timestamp()");
        format!(
            "SELECT CASE WHEN own <= least(migration, run) THEN 'own' WHEN run <= coalesce(migration, run) THEN 'run' \
             ELSE 'migration' END, pg_catalog.set_config('statement_timeout', ((pg_catalog.ceil(least(own, migration, run)) \
             / (least(migration, run) > 0)::int)::bigint)::pg_catalog.text, {is_local}) \
             FROM (SELECT nullif(1000 * extract(epoch FROM pg_catalog.current_setting('statement_timeout')::interval), 0)\
             ::double precision AS own, {migration} AS migration, {run} AS run) AS left_over"
        )
    }

    /// The answer to [`Limits::query`]: the limit that ends the next statement, or none where its own timeout does.
    pub(super) fn read(row: &SimpleQueryRow) -> Option<Cause> {
        match row.try_get(0).ok().flatten() {
            Some("run") => Some(Cause::RunLimit),
            Some("migration") => Some(Cause::MigrationLimit),
            _ => None,
        }
    }
}

/// Makes the server's error that of a limit.
pub(super) fn over_limit(failure: &mut Failure, cause: Cause, settings: &RunSettings) {
    let limit = match cause {
        Cause::RunLimit => settings.engine.run_limit,
        _ => settings.engine.migration_limit,
    };
    failure.message = cause.over_limit(limit.unwrap_or_default());
    failure.cause = Some(cause);
    failure.code = Some(SqlState::QUERY_CANCELED.code().to_owned());
    (failure.detail, failure.hint) = (None, None);
}

/// The timer that a canceled statement ran under.
#[derive(Clone, Copy)]
pub(super) struct Timer {
    /// The limit that set it; none where it is a `statement_timeout`.
    pub(super) governs: Option<Cause>,
    /// Its time; zero where there was none.
    pub(super) timeout: Duration,
    /// For how long the statement can have run at most.
    pub(super) age: Duration,
}

impl Timer {
    /// Tells a timeout from another session's cancel: all that the server's error has for it is a message in a language of the
    /// server's choice. Where the message is not in English, a statement without a timeout was canceled by others, and so was
    /// one that is younger than its timeout; else the cause stays open.
    pub(super) fn explain(self, failure: &mut Failure, settings: &RunSettings) {
        if failure.code.as_deref() != Some(SqlState::QUERY_CANCELED.code()) {
            return;
        }
        if failure.cause.is_none() && (self.timeout.is_zero() || self.age < self.timeout) {
            failure.cause = Some(Cause::Canceled);
        }
        if let Some(cause) = self.governs.filter(|_| failure.cause != Some(Cause::Canceled)) {
            over_limit(failure, cause, settings);
        }
    }
}
