//! Who hears of a run: the callback, and what the features `tracing` and `metrics` add.

use migrate_core::event::{Event, Observer};

/// Passes the events of a run on.
pub(crate) struct Listeners<'c> {
    pub(crate) callback: Option<&'c OnEvent>,
    #[cfg(feature = "tracing")]
    pub(crate) trace: crate::trace::Trace,
    #[cfg(feature = "metrics")]
    pub(crate) meter: crate::meter::Meter<'c>,
}

/// A callback of the caller's.
pub(crate) type OnEvent = dyn Fn(&Event<'_>) + Send + Sync;

impl Observer for Listeners<'_> {
    fn event(&mut self, event: &Event<'_>) {
        #[cfg(feature = "tracing")]
        self.trace.event(event);
        #[cfg(feature = "metrics")]
        self.meter.event(event);
        if let Some(callback) = self.callback {
            callback(event);
        }
    }

    fn is_listening(&self) -> bool {
        #[cfg(feature = "tracing")]
        if crate::trace::is_listening() {
            return true;
        }
        #[cfg(feature = "metrics")]
        if crate::meter::is_listening() {
            return true;
        }
        self.callback.is_some()
    }
}
