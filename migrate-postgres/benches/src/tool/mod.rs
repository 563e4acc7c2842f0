//! The tools, each loaded and connected, so that all that is left is to boot.

mod diesel;
mod ours;
mod refinery;
mod sqlx;

use crate::corpus::{Corpus, Scratch};
use crate::{Problem, Result};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The tools that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Ours,
    Sqlx,
    Refinery,
    Diesel,
}

impl Tool {
    pub(crate) const ALL: [Tool; 4] = [Tool::Ours, Tool::Sqlx, Tool::Refinery, Tool::Diesel];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Ours => "**migrate-postgres**",
            Tool::Sqlx => "sqlx",
            Tool::Refinery => "refinery",
            Tool::Diesel => "diesel_migrations",
        }
    }
}

/// A tool's migrations, read from files: reading them is no part of what is measured.
#[derive(Clone)]
pub(crate) enum Loaded {
    Ours(ours::Loaded),
    Sqlx(sqlx::Loaded),
    Refinery(refinery::Loaded),
    Diesel(diesel::Loaded),
}

/// A tool with its migrations and a connection of its own.
pub(crate) enum Session {
    Ours(ours::Session),
    Sqlx(sqlx::Session),
    Refinery(refinery::Session),
    Diesel(diesel::Session),
}

impl Loaded {
    /// Writes the corpus in the tool's layout, and lets the tool read it.
    pub(crate) async fn load(tool: Tool, corpus: &Corpus) -> Result<Loaded> {
        let folder = Scratch::new()?;
        Ok(match tool {
            Tool::Ours => Loaded::Ours(ours::load(corpus, folder.path())?),
            Tool::Sqlx => Loaded::Sqlx(sqlx::load(corpus, folder.path()).await?),
            Tool::Refinery => Loaded::Refinery(refinery::load(corpus, folder.path())?),
            Tool::Diesel => Loaded::Diesel(diesel::load(corpus)),
        })
    }

    /// Connects.
    pub(crate) async fn connect(&self, config: &Config) -> Result<Session> {
        Ok(match self {
            Loaded::Ours(loaded) => Session::Ours(ours::connect(loaded, config).await?),
            Loaded::Sqlx(loaded) => Session::Sqlx(sqlx::connect(loaded, config).await?),
            Loaded::Refinery(loaded) => Session::Refinery(refinery::connect(loaded, config).await?),
            Loaded::Diesel(loaded) => Session::Diesel(diesel::connect(loaded, config)?),
        })
    }
}

impl Session {
    /// Runs what a service calls at boot.
    pub(crate) async fn boot(&mut self) -> Result<()> {
        match self {
            Session::Ours(session) => session.boot().await,
            Session::Sqlx(session) => session.boot().await,
            Session::Refinery(session) => session.boot().await,
            Session::Diesel(session) => session.boot(),
        }
    }
}

/// The address of a server, in the terms that all clients share.
pub(crate) struct Place<'c> {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: &'c str,
    pub(crate) database: &'c str,
}

impl Place<'_> {
    pub(crate) fn of(config: &Config) -> Result<Place<'_>> {
        let host = match config.get_hosts().first() {
            Some(Host::Unix(folder)) => folder.to_string_lossy().into_owned(),
            Some(Host::Tcp(name)) => name.clone(),
            None => return Err(Problem::from("a configuration without a host")),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let user = config.get_user().unwrap_or("postgres");
        Ok(Place { host, port, user, database: config.get_dbname().unwrap_or(user) })
    }

    /// As libpq takes it.
    pub(crate) fn keywords(&self) -> String {
        format!(
            "host='{}' port={} user='{}' dbname='{}' sslmode=disable",
            self.host, self.port, self.user, self.database
        )
    }
}
