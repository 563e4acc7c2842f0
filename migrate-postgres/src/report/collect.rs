//! Collecting the contents of a report.

use super::{DatabaseReport, Diagram, ReportOptions};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::connection::url;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::schema::catalog::read;
use crate::sql::answers::{parsed, text};
use migrate_core::advice;
use std::time::{Duration, SystemTime};
use tokio_postgres::{Client, Config};

impl Migrator {
    /// Reports the state of a database and its history: the status of each migration, all attempts, pending
    /// migrations with their locks and table sizes, the results of the [assertions](Migrator::assert), the tables
    /// with their foreign keys, and drift if requested.
    ///
    /// Nothing is written, and only read locks are taken. During a run, sizes, tables and drift may be of a
    /// later moment than the history.
    ///
    /// # Errors
    ///
    /// The errors of reading: see [`Error`]. A run that would be refused, and drift that can't be determined,
    /// are not errors: the report states them.
    ///
    /// # Examples
    ///
    /// See [the module](crate::report).
    pub async fn database_report<T: Target + ?Sized>(
        &self,
        target: &T,
        options: &ReportOptions,
    ) -> Result<DatabaseReport, Error> {
        let config = target.to_config()?.map(|endpoint| (*endpoint).clone());
        let mut session = target.open().await?;
        let report = self.report_over(target, &mut session, config, options).await;
        session.close().await;
        report
    }

    async fn report_over<T: Target + ?Sized>(
        &self,
        target: &T,
        session: &mut Session<'_>,
        config: Option<Config>,
        options: &ReportOptions,
    ) -> Result<DatabaseReport, Error> {
        let place = ask(session, config).await;
        let place = place.map_err(|source| Error::server("reading the name of the database", source))?;
        let snapshot = self.snapshot_over(session).await?;
        let pending = match self.explain_snapshot(session, &snapshot, &*self.forward()).await {
            Ok(explanation) => Ok(explanation),
            Err(Error::Refused(refused)) => Err(refused),
            Err(error) => return Err(error),
        };
        let catalog = read(session, &options.comparison.scope()).await?;
        let diagram = Diagram::of(&options.comparison.of(catalog));
        let (drift, drift_unknown) = match options.drift {
            false => (None, None),
            true => match self.drift_over(target, session, &options.comparison).await {
                Ok(drift) => (Some(drift), None),
                Err(error) => (None, Some(advice::fact(&error).to_string())),
            },
        };
        let assertions = self.assert_over(session).await?;
        let accepted = self.accepted(&snapshot);
        let (status, attempts) = (snapshot.status(self.set()), snapshot.attempts);
        let DatabaseIdentity { url, database, bytes, server_version, made_at } = place;
        Ok(DatabaseReport {
            url,
            database,
            bytes,
            server_version,
            made_at,
            status,
            attempts,
            accepted,
            pending,
            drift,
            drift_unknown,
            assertions,
            diagram,
        })
    }
}

/// The identity of the database.
struct DatabaseIdentity {
    url: String,
    database: String,
    bytes: u64,
    server_version: String,
    made_at: SystemTime,
}

/// A role that may connect with another role's privileges may not be allowed to measure sizes.
const PLACE: &str = "SELECT pg_catalog.current_database(), current_user, pg_catalog.current_setting('server_version'), \
                     pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.inet_server_port(), \
                     CASE WHEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CONNECT') \
                          THEN pg_catalog.pg_database_size(pg_catalog.current_database()) END, \
                     extract(epoch FROM pg_catalog.now())";

async fn ask(client: &Client, config: Option<Config>) -> Result<DatabaseIdentity, tokio_postgres::Error> {
    let rows = protect::ask(client, PLACE).await?;
    let row = rows.first();
    let value = |column| row.and_then(|row| text(row, column)).unwrap_or_default().to_owned();
    let database = value(0);
    // A client or a pool does not expose its address, but the server knows the one it was reached at.
    let config = config.unwrap_or_else(|| {
        let mut config = Config::new();
        config.user(value(1));
        if let Some(address) = row.and_then(|row| text(row, 3)) {
            config.host(address).port(row.and_then(|row| parsed(row, 4)).unwrap_or(5432));
        }
        config
    });
    let since_epoch =
        row.and_then(|row| parsed(row, 6)).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok(DatabaseIdentity {
        url: url::public(&config, &database),
        database,
        bytes: row.and_then(|row| parsed(row, 5)).unwrap_or(0),
        server_version: value(2),
        made_at: SystemTime::UNIX_EPOCH + since_epoch.unwrap_or_default(),
    })
}
