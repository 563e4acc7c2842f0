//! An endpoint: the server to connect to, and its TLS parameters.

use crate::connection::tls::{TlsOptions, TlsParameters};
use crate::error::Error;
use crate::error::wording::url_problem;
use std::ops::{Deref, DerefMut};
use tokio_postgres::Config;

/// A configuration, with the TLS parameters of libpq that a `Config` can't hold.
#[derive(Clone, Debug)]
#[doc(hidden)]
#[allow(unreachable_pub, reason = "a hidden part of a sealed trait")]
pub struct Endpoint {
    config: Config,
    pub(crate) tls: TlsOptions,
}

impl Endpoint {
    pub(crate) fn new(config: Config, tls: TlsOptions) -> Endpoint {
        Endpoint { config, tls }
    }

    /// Reads a connection string.
    pub(crate) fn of_text(text: &str) -> Result<Endpoint, Error> {
        if text.trim().is_empty() {
            return Err(Error::Url { problem: "it is empty; perhaps a variable is not set".to_owned() });
        }
        let (others, parameters) = TlsParameters::take_from(text);
        let mut config = crate::connection::connection_string::config(&others)
            .map_err(|error| Error::Url { problem: url_problem(&error) })?;
        let tls = parameters.options(&mut config);
        Ok(Endpoint::new(config, tls.map_err(|problem| Error::Url { problem: problem.to_string() })?))
    }
}

impl From<Config> for Endpoint {
    fn from(config: Config) -> Endpoint {
        let tls = TlsOptions::of(&config);
        Endpoint { config, tls }
    }
}

impl Deref for Endpoint {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl DerefMut for Endpoint {
    fn deref_mut(&mut self) -> &mut Config {
        &mut self.config
    }
}
