//! The phases of work on a scratch database.

use migrate_core::Event;
use std::fmt;
use std::sync::Arc;

/// The current phase of work on a scratch database; [`Display`](fmt::Display) describes it in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ComparisonPhase {
    /// A migration is being run.
    Replaying {
        /// Its name.
        name: String,
        /// Its number among the migrations to run, from 1.
        number: usize,
        /// The number of migrations to run.
        of: usize,
    },
    /// The catalogs are being read and compared.
    Reading,
}

impl fmt::Display for ComparisonPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match self {
            ComparisonPhase::Replaying { name, number, of } => {
                write!(f, "on a scratch database: {number} of {of}: {name}")
            }
            ComparisonPhase::Reading => f.write_str("reading the catalogs"),
        }
    }
}

type OnPhase = dyn Fn(&ComparisonPhase) + Send + Sync;

/// The callback for phases.
#[derive(Clone, Default)]
pub(crate) struct PhaseCallback(Option<Arc<OnPhase>>);

impl fmt::Debug for PhaseCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told")
    }
}

impl PhaseCallback {
    pub(crate) fn new(callback: impl Fn(&ComparisonPhase) + Send + Sync + 'static) -> PhaseCallback {
        PhaseCallback(Some(Arc::new(callback)))
    }

    pub(crate) fn tell(&self, phase: &ComparisonPhase) {
        if let Some(callback) = &self.0 {
            callback(phase);
        }
    }

    /// Reports a step that a run begins.
    pub(crate) fn event(&self, event: &Event<'_>) {
        if let Event::StepStarted { name, number, of, .. } = event {
            self.tell(&ComparisonPhase::Replaying { name: (*name).to_owned(), number: *number, of: *of });
        }
    }
}
