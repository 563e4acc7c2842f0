//! Runs and their events for `tracing`.

use migrate_core::Set;
use migrate_core::event::Event;
use std::future::Future;
use tracing::{Instrument, debug, error, info, info_span, warn};

/// Runs a future in a span of its own.
pub(crate) async fn in_span<F: Future>(set: &Set, run: F) -> F::Output {
    let span = info_span!("migrate", set = set.name(), migrations = set.len());
    run.instrument(span).await
}

/// Passes an event on.
pub(crate) fn event(event: &Event<'_>) {
    match event {
        Event::StepStarted { name, .. } => debug!(migration = name, "{event}"),
        Event::StatementDone { name, number, .. } => debug!(migration = name, statement = number, "{event}"),
        Event::StepDone { step, .. } => {
            info!(migration = step.name, seconds = step.took.as_secs_f64(), "{event}");
        }
        Event::WaitingForLock { .. }
        | Event::WaitingForStatement { .. }
        | Event::Blocked { .. }
        | Event::Retrying { .. } => warn!("{event}"),
        Event::Failed { failure, .. } => error!(migration = failure.name, sqlstate = failure.code, "{event}"),
        _ => info!("{event}"),
    }
}

/// Whether anybody hears the least of the warnings.
pub(crate) fn is_listening() -> bool {
    tracing::enabled!(tracing::Level::WARN)
}
