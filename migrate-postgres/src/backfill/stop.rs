//! The caller's request to stop at the end of a batch.

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use std::pin::Pin;
use std::time::Duration;

/// A future of the caller's; when it is done, the runner stops at the end of the batch.
pub(crate) struct Stop<'s> {
    future: Option<Pin<Box<dyn Future<Output = ()> + Send + 's>>>,
    is_told: bool,
}

impl<'s> Stop<'s> {
    /// Never stops.
    pub(crate) fn never() -> Stop<'s> {
        Stop { future: None, is_told: false }
    }

    /// Stops when a future is done.
    pub(crate) fn when(future: impl Future<Output = ()> + Send + 's) -> Stop<'s> {
        Stop { future: Some(Box::pin(future)), is_told: false }
    }

    /// True if the caller has requested a stop.
    pub(crate) fn is_told(&mut self) -> bool {
        if !self.is_told
            && let Some(future) = &mut self.future
        {
            self.is_told = future.as_mut().now_or_never().is_some();
        }
        self.is_told
    }

    /// Waits for a duration, or until the caller requests a stop.
    pub(crate) async fn sleep(&mut self, duration: Duration) {
        if self.is_told() || duration.is_zero() {
            return;
        }
        let sleep = tokio::time::sleep(duration);
        match &mut self.future {
            None => sleep.await,
            Some(future) => {
                if let Either::Left(((), _)) = select(future.as_mut(), std::pin::pin!(sleep)).await {
                    self.is_told = true;
                }
            }
        }
    }
}
