//! diesel_migrations over libpq: `run_pending_migrations`.
//!
//! `FileBasedMigrations` reads its files while it runs; these are in memory, as those of `embed_migrations!` are.

use super::Place;
use crate::Result;
use crate::corpus::Corpus;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result as DieselResult,
};
use diesel::pg::Pg;
use diesel::{Connection as _, PgConnection};
use diesel_migrations::MigrationHarness as _;
use std::fmt;
use std::sync::Arc;
use tokio_postgres::Config;

pub(crate) type Loaded = Source;

/// Migrations in memory.
#[derive(Clone)]
pub(crate) struct Source(Arc<Vec<Script>>);

#[derive(Clone)]
struct Script {
    name: Name,
    up: Arc<str>,
}

#[derive(Clone)]
struct Name(String);

pub(crate) struct Session {
    source: Source,
    connection: PgConnection,
}

pub(super) fn load(corpus: &Corpus) -> Loaded {
    let script = |(index, up): (usize, &String)| Script {
        name: Name(format!("{:05}_account", index + 1)),
        up: up.as_str().into(),
    };
    Source(Arc::new(corpus.scripts.iter().enumerate().map(script).collect()))
}

pub(super) fn connect(loaded: &Loaded, config: &Config) -> Result<Session> {
    let keywords = Place::of(config)?.keywords();
    let connection = tokio::task::block_in_place(|| PgConnection::establish(&keywords))?;
    Ok(Session { source: loaded.clone(), connection })
}

impl Session {
    /// Blocks, beside the runtime's other tasks.
    pub(super) fn boot(&mut self) -> Result<()> {
        let run = || self.connection.run_pending_migrations(self.source.clone()).map(drop);
        tokio::task::block_in_place(run)
    }
}

impl MigrationSource<Pg> for Source {
    fn migrations(&self) -> DieselResult<Vec<Box<dyn Migration<Pg>>>> {
        Ok(self.0.iter().map(|script| Box::new(script.clone()) as Box<dyn Migration<Pg>>).collect())
    }
}

impl Migration<Pg> for Script {
    fn run(&self, connection: &mut dyn diesel::connection::BoxableConnection<Pg>) -> DieselResult<()> {
        Ok(connection.batch_execute(&self.up)?)
    }

    fn revert(&self, _: &mut dyn diesel::connection::BoxableConnection<Pg>) -> DieselResult<()> {
        Err("there is no down script".into())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &self.name
    }

    fn name(&self) -> &dyn MigrationName {
        &self.name
    }
}

impl MigrationMetadata for Name {
    fn run_in_transaction(&self) -> bool {
        true
    }
}

impl MigrationName for Name {
    fn version(&self) -> MigrationVersion<'_> {
        self.0.split('_').next().unwrap_or_default().to_owned().into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
