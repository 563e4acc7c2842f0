//! The `tracing` subscriber and span that a thread inherits from the thread that starts it.

/// The subscriber and the span of the current thread.
pub(crate) struct Caller {
    #[cfg(feature = "tracing")]
    dispatch: tracing::Dispatch,
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Caller {
    /// Those of this thread.
    pub(crate) fn current() -> Caller {
        Caller {
            #[cfg(feature = "tracing")]
            dispatch: tracing::dispatcher::get_default(Clone::clone),
            #[cfg(feature = "tracing")]
            span: tracing::Span::current(),
        }
    }

    /// Calls a function on another thread as if it were called on the caller's.
    pub(crate) fn observes<T>(&self, function: impl FnOnce() -> T) -> T {
        #[cfg(feature = "tracing")]
        return tracing::dispatcher::with_default(&self.dispatch, || self.span.in_scope(function));
        #[cfg(not(feature = "tracing"))]
        function()
    }
}
