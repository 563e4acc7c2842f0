//! Listeners of a run: the callback, and those of the features `tracing` and `metrics`.

#[cfg(feature = "metrics")]
mod backfill_meter;
pub(crate) mod caller;
#[cfg(feature = "metrics")]
pub(crate) mod meter;
#[cfg(any(feature = "metrics", feature = "tracing"))]
pub(crate) mod outcome;
#[cfg(feature = "tracing")]
pub(crate) mod trace;

use migrate_core::backfill::BackfillEvent;
use migrate_core::engine::event::{Event, Observer};

/// Passes the events of a run to all listeners.
pub(crate) struct Listeners<'c> {
    pub(crate) callback: Callback<'c>,
    #[cfg(feature = "tracing")]
    pub(crate) trace: crate::observe::trace::Trace,
    #[cfg(feature = "metrics")]
    pub(crate) meter: crate::observe::meter::Meter<'c>,
}

/// Passes the events of backfills to all listeners.
pub(crate) struct BackfillListeners<'c> {
    pub(crate) callback: Callback<'c>,
    #[cfg(feature = "tracing")]
    pub(crate) trace: crate::observe::trace::Trace,
    #[cfg(feature = "metrics")]
    pub(crate) set: &'c migrate_core::Set,
}

impl BackfillListeners<'_> {
    pub(crate) fn event(&mut self, event: &BackfillEvent<'_>) {
        #[cfg(feature = "metrics")]
        crate::observe::backfill_meter::event(self.set, event);
        let event = Event::Backfill(event);
        #[cfg(feature = "tracing")]
        self.trace.event(&event);
        self.callback.event(&event);
    }
}

/// A caller's callback.
pub(crate) type OnEvent = dyn Fn(&Event<'_>) + Send + Sync;

/// The caller's callback, if any.
pub(crate) struct Callback<'c>(pub(crate) Option<&'c OnEvent>);

impl Observer for Callback<'_> {
    fn event(&mut self, event: &Event<'_>) {
        if let Some(callback) = self.0 {
            callback(event);
        }
    }

    fn is_listening(&self) -> bool {
        self.0.is_some()
    }
}

impl Observer for Listeners<'_> {
    fn event(&mut self, event: &Event<'_>) {
        #[cfg(feature = "tracing")]
        self.trace.event(event);
        #[cfg(feature = "metrics")]
        self.meter.event(event);
        self.callback.event(event);
    }

    fn is_listening(&self) -> bool {
        #[cfg(feature = "tracing")]
        if crate::observe::trace::is_listening() {
            return true;
        }
        #[cfg(feature = "metrics")]
        if crate::observe::meter::is_listening() {
            return true;
        }
        self.callback.is_listening()
    }
}
