//! A database to try migrations on: one that is made and dropped, or an empty one that is given and emptied again.

mod emptying;
mod error;
mod given;
mod made;
mod replay;

#[cfg(feature = "cli")]
pub(crate) use emptying::drops;
pub use error::ScratchError;
#[cfg(feature = "testing")]
pub(crate) use given::{empty_all, is_empty};
pub(crate) use replay::{Replay, Replayed, Source};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::target::Target;
use given::Given;
use made::Made;
use tokio_postgres::Client;

/// A database to try migrations on.
///
/// # Cancel safety
///
/// Dropped before [`Scratch::close`] it is dropped or emptied by a task of its own on the tokio runtime: a runtime that ends
/// at once may leave it.
#[derive(Debug)]
pub(crate) struct Scratch {
    config: Endpoint,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Made(Box<Made>),
    Given(Box<Given>),
}

impl Scratch {
    /// The database that `url` leads to, or else one that is made on the server of `target`, alike in what the catalog
    /// depends on. `live` is a connection to the target.
    pub(crate) async fn open<T: Target + ?Sized>(
        target: &T,
        live: &Client,
        url: Option<&str>,
    ) -> Result<Scratch, Error> {
        if let Some(url) = url {
            let config = url.to_config()?.ok_or(ScratchError::NoUrl)?;
            let given = Given::take(&config, live).await?;
            return Ok(Scratch { config: given.marked(config), kind: Kind::Given(Box::new(given)) });
        }
        let admin = target.to_config()?.ok_or(ScratchError::NoUrl)?;
        let (made, config) = Made::create(admin, live).await?;
        Ok(Scratch { config, kind: Kind::Made(Box::new(made)) })
    }

    /// How to connect to it.
    pub(crate) fn config(&self) -> &Endpoint {
        &self.config
    }

    /// Drops or empties it.
    pub(crate) async fn close(self) -> Result<(), Error> {
        match self.kind {
            Kind::Made(made) => made.drop_now().await,
            Kind::Given(given) => given.empty_now().await,
        }
    }
}

/// Runs what clears up after a call that was cancelled, where that can still be done.
fn clear_up(clearing: impl Future<Output = Result<(), Error>> + Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        // Nobody is left to be told of an error.
        runtime.spawn(async move { drop(clearing.await) });
    }
}
