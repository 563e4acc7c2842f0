//! A test's private schema, in a database that all tests of one set share.
//!
//! PostgreSQL copies databases but not schemas, so the scripts make each schema. They are executed as in a
//! run, in as few messages, but not recorded; the history is copied from the template's schema, which a real
//! run has made. If that does not work for a set, each schema gets a real run.

use std::sync::Arc;
use std::time::Duration;

use migrate_core::plan::Step;
use migrate_core::{Migration, TransactionMode};
use tokio_postgres::{Client, Config};

use super::keeper::{Failed, Keeper};
use super::key::Key;
use super::name;
use super::template::seed;
use crate::error::Error;
use crate::execute::{Context, Mode, apply_unrecorded};
use crate::history::{HistoryTable, SessionInfo};
use crate::migrator::Migrator;
use crate::sql::quote::{quote_ident, quote_literal};
use crate::sql::transaction::BEGIN;
use crate::testing::TestingError;

/// The schema that a real run has made.
const TEMPLATE: &str = "template";

/// Objects that the set makes outside a test's schema: the next test would find them already made.
const OUTSIDE: &str = "SELECT min(what) FROM ( \
    SELECT 'the schema ' || quote_ident(nspname) AS what FROM pg_catalog.pg_namespace \
      WHERE oid >= 16384 AND nspname <> 'template' AND nspname NOT LIKE 'pg\\_%' \
    UNION ALL SELECT 'the extension ' || quote_ident(extname) FROM pg_catalog.pg_extension WHERE oid >= 16384 \
    UNION ALL SELECT c.oid::regclass::text FROM pg_catalog.pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p') \
      AND c.relnamespace::regnamespace::text NOT IN ('template', 'pg_toast') \
    UNION ALL SELECT p.oid::regprocedure::text FROM pg_catalog.pg_proc p WHERE p.oid >= 16384 \
      AND p.pronamespace <> 'template'::regnamespace \
    UNION ALL SELECT t.oid::regtype::text FROM pg_catalog.pg_type t WHERE t.oid >= 16384 AND t.typtype IN ('e', 'd', 'r') \
      AND t.typnamespace <> 'template'::regnamespace) found";

/// Schemas, and the owner numbers whose lock is held; as with databases, the schemas are read first.
const LOOK: &str = "SELECT nspname::text, pg_catalog.obj_description(oid, 'pg_namespace'), NULL::bigint \
    FROM pg_catalog.pg_namespace WHERE nspname LIKE 'test\\_%' \
    UNION ALL SELECT NULL, NULL, (classid::bigint << 32) | objid::bigint \
    FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted";

/// A test's private schema.
#[derive(Clone, Debug)]
pub(in crate::testing) struct Schema {
    pub(in crate::testing) database: String,
    pub(in crate::testing) name: String,
}

impl Keeper {
    /// A private schema with the set of `migrator` applied. Drops the schema that `test` kept when it last
    /// failed.
    pub(in crate::testing) async fn schema(
        self: &Arc<Self>,
        migrator: &Migrator,
        test: Option<&str>,
    ) -> Result<Schema, TestingError> {
        let key = Key::of(migrator, &self.role);
        let database = name::schemas(key);
        if !self.exists(&database).await? {
            self.ensure(key, &database, async |name| self.fill_schemas(name, migrator).await).await?;
        }
        self.use_once(key, &database);
        let schema = Schema { name: self.own_schema(), database };
        let config = in_schema(self.config(&schema.database), &schema.name);
        let client = self.connect_to(&without_limits(config.clone())).await?;
        self.sweep_schemas(&client, &schema.database, test).await?;
        let known = probe(&client, &schema.database).await?;
        match unrecorded(migrator).filter(|_| known.does_replay) {
            Some(history) => {
                let made = make(&client, known.server_version, migrator, history, &schema.name).await;
                made.map_err(|error| TestingError::Migrate { source: Arc::new(error) })?;
            }
            None => {
                let problem = Failed::told("make a schema in", &schema.database);
                let sql = format!("CREATE SCHEMA {}", quote_ident(&schema.name));
                client.batch_execute(&sql).await.map_err(Failed::Refused).map_err(problem)?;
                run(migrator, &config, &schema.name).await?;
            }
        }
        seed(&in_schema_of(migrator, &schema.name), &config).await?;
        Ok(schema)
    }

    /// Makes the template's schema in a new database, and finds out if the scripts alone suffice.
    async fn fill_schemas(&self, database: &str, migrator: &Migrator) -> Result<(), TestingError> {
        let config = in_schema(self.config(database), TEMPLATE);
        let client = self.connect_to(&config).await?;
        let told = |failed| Failed::told("make a schema in", database)(Failed::Refused(failed));
        client.batch_execute(&format!("CREATE SCHEMA {TEMPLATE}")).await.map_err(told)?;
        run(migrator, &config, TEMPLATE).await?;
        if let Some(object) = client.query_typed_one(OUTSIDE, &[]).await.map_err(told)?.get(0) {
            return Err(TestingError::OutsideSchema { object });
        }
        let trial = self.connect_to(&without_limits(in_schema(self.config(database), "trial"))).await?;
        let server_version = probe(&client, database).await?.server_version;
        let works = match unrecorded(migrator) {
            Some(history) => make(&trial, server_version, migrator, history, "trial").await.is_ok(),
            None => false,
        };
        drop(trial);
        let comment = if works { "replayed" } else { "run" };
        let finish =
            format!("DROP SCHEMA IF EXISTS trial CASCADE; COMMENT ON SCHEMA {TEMPLATE} IS '{comment}'");
        client.batch_execute(&finish).await.map_err(told)
    }

    /// Drops a schema with its contents.
    pub(in crate::testing) async fn drop_schema(&self, schema: &Schema) -> Result<(), TestingError> {
        let client = self.connect_to(&self.config(&schema.database)).await?;
        let told = |failed| Failed::told("drop a schema in", &schema.database)(Failed::Refused(failed));
        // Remaining connections of the test may hold locks. Their application name identifies them.
        let sessions = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = {} AND pid <> pg_backend_pid()",
            quote_literal(&schema.name)
        );
        client.batch_execute(&sessions).await.map_err(told)?;
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", quote_ident(&schema.name));
        client.batch_execute(&drop).await.map_err(told)
    }

    /// Protects the schema of a failed test from sweeps.
    pub(in crate::testing) async fn keep_schema(
        &self,
        schema: &Schema,
        test: &str,
    ) -> Result<(), TestingError> {
        let client = self.connect_to(&self.config(&schema.database)).await?;
        let sql = name::comment("SCHEMA", &schema.name, "kept", test);
        let kept = client.batch_execute(&sql).await.map_err(Failed::Refused);
        kept.map_err(Failed::told("keep a schema in", &schema.database))
    }

    /// Drops the schemas of killed processes, and the one that a test kept when it last failed.
    async fn sweep_schemas(
        &self,
        client: &Client,
        database: &str,
        test: Option<&str>,
    ) -> Result<(), TestingError> {
        let rows = client.query_typed(LOOK, &[]).await.map_err(Failed::Refused);
        let rows = rows.map_err(Failed::told("look for schemas in", database))?;
        let locks = rows.iter().filter_map(|row| row.get(2)).collect();
        let found = rows.iter().filter_map(|row| {
            let name: Option<String> = row.get(0);
            Some(name::FoundDatabase { name: name?, comment: row.get(1) })
        });
        let found: Vec<_> = found.collect();
        for name in name::stale_schemas(&found, &locks, test) {
            // Another process may be sweeping too.
            drop(
                client.batch_execute(&format!("DROP SCHEMA IF EXISTS {} CASCADE", quote_ident(&name))).await,
            );
        }
        Ok(())
    }
}

/// A configuration with the schema as the search path. The sessions are named after it, too.
pub(in crate::testing) fn in_schema(mut config: Config, schema: &str) -> Config {
    config.application_name(schema);
    config.options(options(config.get_options(), schema));
    config
}

/// The connection options, with a search path appended.
pub(in crate::testing) fn options(before: Option<&str>, schema: &str) -> String {
    format!("{} -c search_path={schema}", before.unwrap_or_default()).trim_start().to_owned()
}

/// A role's limits are for an application's statements, and return with each `RESET ALL`.
fn without_limits(mut config: Config) -> Config {
    let before = config.get_options().unwrap_or_default();
    config.options(format!("{before} -c statement_timeout=0 -c lock_timeout=0"));
    config
}

/// The migrator of one schema, with its own history.
fn in_schema_of(migrator: &Migrator, schema: &str) -> Migrator {
    migrator.clone().history_schema(schema.to_owned()).ignore_foreign_history()
}

/// Runs the migrations. Other schemas of the database may belong to other tests, with their own histories, so
/// the history is in the test's schema, whichever schema the set names for it.
async fn run(migrator: &Migrator, config: &Config, schema: &str) -> Result<(), TestingError> {
    match in_schema_of(migrator, schema).run(config).await {
        Ok(_) => Ok(()),
        Err(error) => Err(TestingError::Migrate { source: Arc::new(error) }),
    }
}

/// The facts about a database of test schemas.
struct Known {
    /// True if the scripts alone suffice for the set.
    does_replay: bool,
    server_version: i32,
}

async fn probe(client: &Client, database: &str) -> Result<Known, TestingError> {
    let sql = format!(
        "SELECT coalesce(obj_description('{TEMPLATE}'::regnamespace, 'pg_namespace') = 'replayed', false), \
         current_setting('server_version_num')::int"
    );
    let row = client.query_typed_one(&sql, &[]).await.map_err(Failed::Refused);
    let row = row.map_err(Failed::told("inspect a schema in", database))?;
    Ok(Known { does_replay: row.get(0), server_version: row.get(1) })
}

/// The history table of a set whose scripts may suffice: each of them runs in a transaction.
fn unrecorded(migrator: &Migrator) -> Option<&str> {
    let history = migrator.history_table_of_whole_set()?;
    let is_block = |migration: &dyn Migration| migration.up().transaction() == TransactionMode::Block;
    migrator.set().iter().all(is_block).then_some(history)
}

/// Makes a schema from the scripts, with the template's history.
async fn make(
    client: &Client,
    server_version: i32,
    migrator: &Migrator,
    history: &str,
    schema: &str,
) -> Result<(), Error> {
    let session_info = SessionInfo::of_new_session(HistoryTable::new(schema, history), server_version);
    let mut settings = migrator.settings.clone();
    // Tests that start together wait for each other.
    (settings.lock_timeout, settings.statement_timeout) = (Duration::ZERO, Duration::ZERO);
    let steps: Vec<Step<'_>> = migrator.set().iter().map(unverified).collect();
    let create = create(migrator.set().name(), history, schema);
    let context = Context::unrecorded(client, &session_info, &settings);
    match apply_unrecorded(context, Some(create), &steps, Mode::Commit).await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.into_failure().map_or_else(Error::from, Error::Failed)),
    }
}

/// No verify script runs, because the template was verified.
fn unverified(migration: &dyn Migration) -> Step<'_> {
    let mut step = Step::apply(migration);
    step.verify = None;
    step
}

/// Statements that make a schema with the template's history in it.
fn create(set: &str, history: &str, schema: &str) -> Vec<String> {
    let (name, quoted) = (quote_ident(schema), quote_ident(history));
    let head = HistoryTable::new(schema, history).head();
    let mut create = vec![
        BEGIN.to_owned(),
        format!("CREATE SCHEMA {name}"),
        format!("CREATE TABLE {name}.{quoted} (LIKE {TEMPLATE}.{quoted} INCLUDING ALL)"),
        format!("INSERT INTO {name}.{quoted} SELECT * FROM {TEMPLATE}.{quoted}"),
    ];
    create.extend(head.create());
    create.extend([head.write(set), "COMMIT".to_owned()]);
    create
}
