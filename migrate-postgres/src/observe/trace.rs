//! Runs, migrations and statements as spans of `tracing`, and their events.
//!
//! The fields have the names of OpenTelemetry's conventions for database clients
//! (<https://opentelemetry.io/docs/specs/semconv/db/postgresql/>), where those define one.

use crate::connection::target::Target;
use crate::error::Error;
use crate::observe::outcome::Outcome;
use migrate_core::backfill::BackfillEvent;
use migrate_core::engine::error::Failure;
use migrate_core::engine::event::{Activity, Event, RunningStatement, ServerMessage, Severity};
use migrate_core::{Report, Set};
use std::future::Future;
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::Host;
use tracing::field::Empty;
use tracing::{Instrument, Span, debug, debug_span, error, info, info_span, warn};

/// The target of all spans and events.
const TARGET: &str = "migrate_postgres";

/// The server and the database, as far as they are known without a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Address {
    database: Option<String>,
    server: Option<String>,
    port: Option<u16>,
}

impl Address {
    /// The address of a target, if it has one. With several servers, the one that will answer is unknown.
    fn of<T: Target + ?Sized>(target: &T) -> Address {
        // An invalid URL is reported when it is opened.
        let config = target.to_config().ok().flatten();
        config.map_or_else(Address::default, |config| Address::of_config(&config))
    }

    fn of_config(config: &Config) -> Address {
        if crate::connection::url::uncertain_part(config).is_some() {
            return Address::default();
        }
        let database = config.get_dbname().map(str::to_owned);
        let [host] = config.get_hosts() else {
            return Address { database, ..Address::default() };
        };
        let server = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Address { database, server: Some(server), port: Some(port) }
    }
}

/// A span with the fields that all spans of a run share, and the given ones.
macro_rules! database_span {
    ($span:ident, $address:expr, $parent:expr, $name:literal, $($fields:tt)*) => {
        $span!(
            target: TARGET,
            parent: $parent,
            $name,
            db.system.name = "postgresql",
            db.namespace = $address.database,
            server.address = $address.server,
            server.port = $address.port,
            db.response.status_code = Empty,
            "error.type" = Empty,
            otel.status_code = Empty,
            $($fields)*
        )
    };
}

/// The span of a run, and the fields that it shares with the spans of its migrations.
pub(crate) struct RunSpan {
    span: Span,
    address: Arc<Address>,
}

impl RunSpan {
    pub(crate) fn new<T: Target + ?Sized>(set: &Set, target: &T) -> RunSpan {
        let address = Arc::new(Address::of(target));
        let parent = Span::current();
        let span = database_span!(
            info_span,
            address,
            &parent,
            "migrate",
            migrate.set = set.name(),
            migrate.migrations = set.len(),
            migrate.waited_seconds = Empty
        );
        RunSpan { span, address }
    }

    /// The listener for the run's events.
    pub(crate) fn trace(&self, shows_text: bool) -> Trace {
        let (run, address) = (self.span.clone(), self.address.clone());
        Trace { run, address, shows_text, step: None, statement: None }
    }

    /// Executes the run within its span, and records the outcome there.
    pub(crate) async fn enclose(
        self,
        run: impl Future<Output = Result<Report, Error>>,
    ) -> Result<Report, Error> {
        let span = self.span.clone();
        let outcome = self.observe(run).await;
        if let Ok(report) = &outcome {
            span.record("migrate.waited_seconds", report.waited.as_secs_f64());
        }
        outcome
    }

    /// Executes a call within its span, and records an error there.
    pub(crate) async fn observe<R>(self, call: impl Future<Output = Result<R, Error>>) -> Result<R, Error> {
        let outcome = call.instrument(self.span.clone()).await;
        if let Err(error) = &outcome {
            fail(&self.span, error.sqlstate(), Outcome::of_error(error).word());
        }
        outcome
    }
}

/// Marks a span as failed: with the server's SQLSTATE, or else a word for the kind of failure.
fn fail(span: &Span, sqlstate: Option<&str>, kind: &str) {
    if let Some(code) = sqlstate {
        span.record("db.response.status_code", code);
    }
    span.record("error.type", sqlstate.unwrap_or(kind));
    span.record("otel.status_code", "ERROR");
}

/// Makes spans of migrations and statements from a run's events, and emits the events inside them.
pub(crate) struct Trace {
    run: Span,
    address: Arc<Address>,
    shows_text: bool,
    step: Option<Span>,
    statement: Option<Span>,
}

impl Trace {
    /// Handles an event.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::StepStarted { name, action, .. } => self.begin_step(name, action.word()),
            Event::StatementStarted { statement, .. } => self.begin_statement(statement),
            Event::Failed { failure, .. } | Event::Retrying { failure, .. } => self.fail(failure),
            _ => {}
        }
        let within = self.statement.as_ref().or(self.step.as_ref()).unwrap_or(&self.run);
        within.in_scope(|| tell(event));
        match event {
            Event::StatementDone { .. } => self.statement = None,
            Event::StepDone { .. } | Event::Retrying { .. } => self.end_step(),
            _ => {}
        }
    }

    fn begin_step(&mut self, name: &str, action: &str) {
        self.end_step();
        let span = database_span!(
            info_span,
            self.address,
            &self.run,
            "migration",
            otel.name = format!("{action} {name}"),
            db.operation.name = action,
            migrate.migration = name
        );
        self.step = Some(span);
    }

    fn begin_statement(&mut self, statement: &RunningStatement<'_>) {
        self.statement = None;
        let parent = self.step.as_ref().unwrap_or(&self.run);
        let summary = statement.text.summary();
        let text = self.shows_text.then(|| statement.text.redacted().into_owned());
        let span = database_span!(
            debug_span,
            self.address,
            parent,
            "statement",
            otel.name = summary,
            otel.kind = "client",
            db.query.summary = summary,
            db.query.text = text,
            migrate.migration = statement.name,
            migrate.statement = statement.number,
            migrate.pid = statement.pid
        );
        self.statement = Some(span);
    }

    fn fail(&self, failure: &Failure) {
        for span in [&self.statement, &self.step].into_iter().flatten() {
            fail(span, failure.code.as_deref(), Outcome::Failed.word());
        }
    }

    fn end_step(&mut self) {
        self.statement = None;
        self.step = None;
    }
}

/// Emits an event.
fn tell(event: &Event<'_>) {
    match event {
        Event::StepStarted { name, .. } => {
            debug!(target: TARGET, { migrate.migration = name }, "{event}");
        }
        Event::StatementStarted { statement, .. } => {
            let RunningStatement { name, number, .. } = statement;
            debug!(target: TARGET, { migrate.migration = name, migrate.statement = number }, "{event}");
        }
        Event::StatementDone { name, number, took, .. } => debug!(
            target: TARGET,
            {
                migrate.migration = name,
                migrate.statement = number,
                migrate.seconds = took.map(|took| took.as_secs_f64()),
            },
            "{event}"
        ),
        Event::ServerSaid { message, name, statement, .. } => {
            server_said(message, name, statement.as_ref(), event);
        }
        Event::StepDone { step, .. } => info!(
            target: TARGET,
            { migrate.migration = step.name, migrate.seconds = step.took.as_secs_f64() },
            "{event}"
        ),
        Event::Slow { work, age, .. } => {
            let (name, number) = place(work);
            warn!(
                target: TARGET,
                {
                    migrate.slow = true,
                    migrate.work = work.word(),
                    migrate.migration = name,
                    migrate.statement = number,
                    migrate.seconds = age.as_secs_f64(),
                },
                "{event}"
            );
        }
        Event::WaitingForLock { waited, .. } => {
            warn!(target: TARGET, { migrate.seconds = waited.as_secs_f64() }, "{event}");
        }
        Event::WaitingForStatement { name, waited, .. } | Event::Blocked { name, waited, .. } => warn!(
            target: TARGET,
            { migrate.migration = name, migrate.seconds = waited.as_secs_f64() },
            "{event}"
        ),
        Event::Retrying { failure, .. } => warn!(
            target: TARGET,
            { migrate.migration = failure.name, db.response.status_code = failure.code },
            "{event}"
        ),
        Event::Failed { failure, .. } => error!(
            target: TARGET,
            {
                migrate.migration = failure.name,
                db.response.status_code = failure.code,
                "error.type" = failure.code.as_deref().unwrap_or(Outcome::Failed.word()),
            },
            "{event}"
        ),
        Event::Backfill(backfill) => tell_backfill(backfill, event),
        Event::Stopped { .. } => error!(target: TARGET, "{event}"),
        _ => info!(target: TARGET, "{event}"),
    }
}

/// Emits an event of a backfill. There are many batches.
fn tell_backfill(backfill: &BackfillEvent<'_>, event: &Event<'_>) {
    let (name, word) = (backfill.name(), backfill.word());
    match backfill {
        BackfillEvent::Batch { batch, .. } => debug!(
            target: TARGET,
            {
                migrate.migration = name,
                migrate.backfill = word,
                migrate.rows = batch.rows,
                migrate.seconds = batch.took.as_secs_f64(),
            },
            "{event}"
        ),
        BackfillEvent::Throttled { .. }
        | BackfillEvent::Unseen { .. }
        | BackfillEvent::Retrying { .. }
        | BackfillEvent::Quarantined { .. }
        | BackfillEvent::Reconnecting { .. } => {
            warn!(target: TARGET, { migrate.migration = name, migrate.backfill = word }, "{event}");
        }
        _ => info!(target: TARGET, { migrate.migration = name, migrate.backfill = word }, "{event}"),
    }
}

/// Emits a server message; a warning is emitted as a warning.
fn server_said(
    message: &ServerMessage,
    name: &str,
    statement: Option<&RunningStatement<'_>>,
    event: &Event<'_>,
) {
    let number = statement.map(|statement| statement.number);
    macro_rules! pass_on {
        ($level:ident) => {
            $level!(
                target: TARGET,
                {
                    migrate.severity = message.severity.word(),
                    migrate.migration = name,
                    migrate.statement = number,
                    db.response.status_code = message.code,
                },
                "{event}"
            )
        };
    }
    match message.severity {
        Severity::Warning => pass_on!(warn),
        Severity::Notice | Severity::Info => pass_on!(info),
        _ => pass_on!(debug),
    }
}

/// The migration and the statement that an activity is about.
fn place<'a>(work: &Activity<'a>) -> (Option<&'a str>, Option<usize>) {
    match work {
        Activity::Statement(running) => (Some(running.name), Some(running.number)),
        Activity::Around { name, .. } | Activity::Migration { name, .. } | Activity::Batch { name, .. } => {
            (Some(name), None)
        }
        _ => (None, None),
    }
}

/// True if a subscriber listens to any warning.
pub(crate) fn is_listening() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::WARN)
}
