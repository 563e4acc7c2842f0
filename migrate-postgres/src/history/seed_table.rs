//! The seed table, beside the history: one row for each seed that has run. It is created with the first of
//! them; no run of migrations reads it.

use crate::error::Error;
use crate::history::{SessionInfo, format, head_table, make};
use crate::sql::quote::{quote_ident, quote_literal, quote_nullable};
use migrate_core::{Checksum, Seed};
use std::collections::BTreeMap;
use tokio_postgres::Client;

/// The columns of the table.
const COLUMNS: [&str; 6] = ["set_name", "name", "environment", "checksum", "program", "seeded_at"];

/// The comment of the table.
const COMMENT: &str =
    "The seeds that have run, by migrate-postgres. Without its row, a seed runs again the next time.";

/// The table's name.
pub(crate) fn name(history: &str) -> String {
    head_table::beside_named(history, "_seed")
}

/// The seed table of a history, as SQL text.
#[derive(Clone, Debug)]
pub(crate) struct SeedTable {
    table: String,
    shown: String,
    set: String,
    program: String,
}

impl SeedTable {
    /// The table beside the history of a session.
    pub(crate) fn beside(session_info: &SessionInfo, set: &str, program: &str) -> SeedTable {
        let (schema, name) = (session_info.table.schema(), name(session_info.table.name()));
        SeedTable {
            table: format!("{}.{}", quote_ident(schema), quote_ident(&name)),
            shown: format!("{schema}.{name}"),
            set: quote_literal(set),
            program: quote_literal(program),
        }
    }

    /// Creates the table, and its schema, unless they exist, and returns the checksums of the seeds that have
    /// run.
    pub(crate) async fn open(
        &self,
        client: &Client,
        session_info: &SessionInfo,
    ) -> Result<BTreeMap<String, String>, Error> {
        let failed = |source| Error::server("reading which seeds have run", source);
        let columns = format!(
            "SELECT attname::text FROM pg_catalog.pg_attribute \
             WHERE attrelid = pg_catalog.to_regclass({}) AND attnum > 0 AND NOT attisdropped",
            quote_literal(&self.table)
        );
        let columns = session_info.ask(client, &columns, &[]).await.map_err(failed)?;
        if columns.is_empty() {
            let created = make(client, &self.create(session_info)).await;
            created.map_err(|error| {
                session_info.write_error("creating the table of the seeds that have run", error)
            })?;
            return Ok(BTreeMap::new());
        }
        let has = |name: &&str| columns.iter().any(|row| row.get::<_, &str>(0) == *name);
        let missing: Vec<String> =
            COLUMNS.iter().filter(|name| !has(name)).map(|name| (*name).to_owned()).collect();
        if !missing.is_empty() {
            return Err(Error::NotOurTable { table: self.shown.clone(), missing });
        }
        let rows = format!("SELECT name, checksum FROM {} WHERE set_name = {}", self.table, self.set);
        let rows = session_info.ask(client, &rows, &[]).await.map_err(failed)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    fn create(&self, session_info: &SessionInfo) -> String {
        let schema = quote_ident(session_info.table.schema());
        let schema = (!session_info.schema_exists).then(|| format!("CREATE SCHEMA IF NOT EXISTS {schema}; "));
        format!(
            "{}CREATE TABLE IF NOT EXISTS {} (set_name text NOT NULL, name text NOT NULL, environment text, \
             checksum text NOT NULL, program text NOT NULL, \
             seeded_at timestamp with time zone NOT NULL DEFAULT pg_catalog.clock_timestamp(), \
             PRIMARY KEY (set_name, name)); {}",
            schema.unwrap_or_default(),
            self.table,
            format::comment(&self.table, COMMENT)
        )
    }

    /// Records that a seed has run.
    pub(crate) fn record(&self, seed: &Seed, checksum: Checksum) -> String {
        let SeedTable { table, set, program, .. } = self;
        format!(
            "INSERT INTO {table} (set_name, name, environment, checksum, program) \
             VALUES ({set}, {}, {}, '{checksum}', {program}) \
             ON CONFLICT (set_name, name) DO UPDATE SET (environment, checksum, program, seeded_at) = \
             (excluded.environment, excluded.checksum, excluded.program, excluded.seeded_at)",
            quote_literal(seed.name()),
            quote_nullable(seed.environment()),
        )
    }
}
