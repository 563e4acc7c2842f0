//! Scratch databases: temporary ones that are created and dropped, and given ones that are emptied again.

mod borrowed;
mod emptying;
mod guard;
mod marker;
mod owned;
mod phase;
mod replay;

#[cfg(feature = "testing")]
pub(crate) use borrowed::{empty_all, is_empty};
#[cfg(feature = "cli")]
pub(crate) use emptying::drops;
pub use phase::ComparisonPhase;
pub(crate) use phase::PhaseCallback;
pub(crate) use replay::{Replay, ReplaySource, Replayed};

use crate::connection::endpoint::Endpoint;
use crate::connection::target::Target;
use crate::error::{Error, ScratchError};
use borrowed::BorrowedScratch;
use owned::OwnedScratch;
use std::sync::atomic::{AtomicUsize, Ordering};
#[cfg(feature = "cli")]
use std::time::Duration;
use tokio_postgres::Client;

/// A database to try migrations on.
///
/// # Cancel safety
///
/// If it is dropped before [`Scratch::close`], a separate task on the tokio runtime drops or empties the
/// database. If the runtime ends at once, the database may remain.
#[derive(Debug)]
pub(crate) struct Scratch {
    config: Endpoint,
    kind: ScratchKind,
}

#[derive(Debug)]
enum ScratchKind {
    OwnedScratch(Box<OwnedScratch>),
    BorrowedScratch(Box<BorrowedScratch>),
}

impl Scratch {
    /// Opens the database of `url`, or creates one on the server of `target` with the same properties that
    /// the catalog depends on. `live` is a connection to the target.
    pub(crate) async fn open<T: Target + ?Sized>(
        target: &T,
        live: &Client,
        url: Option<&str>,
    ) -> Result<Scratch, Error> {
        if let Some(url) = url {
            let config = url.to_config()?.ok_or(ScratchError::NoUrl)?;
            let given = BorrowedScratch::take(&config, live).await?;
            return Ok(Scratch {
                config: given.marked(config),
                kind: ScratchKind::BorrowedScratch(Box::new(given)),
            });
        }
        let admin = target.to_config()?.ok_or(ScratchError::NoUrl)?;
        let (made, config) = OwnedScratch::create(admin, live).await?;
        Ok(Scratch { config, kind: ScratchKind::OwnedScratch(Box::new(made)) })
    }

    /// The configuration of the scratch database.
    pub(crate) fn config(&self) -> &Endpoint {
        &self.config
    }

    /// Drops or empties it.
    pub(crate) async fn close(self) -> Result<(), Error> {
        match self.kind {
            ScratchKind::OwnedScratch(made) => made.drop_now().await,
            ScratchKind::BorrowedScratch(given) => given.empty_now().await,
        }
    }
}

/// Counts this process's remaining scratch databases.
#[derive(Debug)]
struct Counted;

static THERE: AtomicUsize = AtomicUsize::new(0);

impl Counted {
    fn new() -> Counted {
        THERE.fetch_add(1, Ordering::SeqCst);
        Counted
    }
}

impl Clone for Counted {
    fn clone(&self) -> Counted {
        Counted::new()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        THERE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until the scratch databases of canceled calls are dropped or emptied, before the process ends.
#[cfg(feature = "cli")]
pub(crate) async fn cleared() {
    while THERE.load(Ordering::SeqCst) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs the cleanup after a canceled call, if a runtime is available.
fn clear_up(counted: Counted, clearing: impl Future<Output = Result<(), Error>> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        // No caller is left to receive an error.
        runtime.spawn(async move {
            drop(clearing.await);
            drop(counted);
        });
    }
}
