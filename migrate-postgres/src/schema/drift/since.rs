//! Drift without a scratch database: compared with the schema at the end of the last run.
//!
//! Only a digest of each object is stored, with its identity but not its definition.

use super::Comparison;
use crate::backend::PgHistory;
use crate::connection::target::Target;
use crate::error::Error;
use crate::history::{SessionInfo, make};
use crate::migrator::Migrator;
use crate::schema::catalog::{Catalog, Change, Kind, Object, Scope, read};
use crate::sql::quote::{quote_ident, quote_literal};
use migrate_core::Report;
use migrate_core::engine::History as _;
use migrate_core::history::Notice;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::time::SystemTime;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

/// The differences between a schema and its snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotDrift {
    /// The time of the snapshot, by the server's clock.
    pub kept_at: SystemTime,
    /// True if the applied migrations have changed since then: the changes then include those of a run that
    /// took no snapshot.
    pub outdated: bool,
    /// The changes, in catalog order.
    pub changes: Vec<SnapshotChange>,
}

/// A changed object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SnapshotChange {
    /// The change.
    pub change: Change,
    /// The kind.
    pub kind: Kind,
    /// The name, as in a catalog.
    pub identity: String,
}

impl fmt::Display for SnapshotChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Object::new(self.kind, &*self.identity, ""), self.change)
    }
}

/// Snapshots, with the feature `catalog`.
impl Migrator {
    /// Takes a snapshot of the schema at the end of each run that changed something, for
    /// [`drift_since_snapshot`](Migrator::drift_since_snapshot): a digest of each object of the database, in
    /// the table `migrate_schema` beside the history. This costs one read of the catalog after such a run,
    /// and nothing if there was nothing to do. If the snapshot can't be stored, a notice in the report says
    /// so.
    pub fn snapshot_schema(mut self) -> Migrator {
        self.settings.keeps_schema = true;
        self
    }

    /// Takes a snapshot of the schema now, drift included, and returns its number of objects.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn take_schema_snapshot<T: Target + ?Sized>(&self, target: &T) -> Result<usize, Error> {
        let mut history = PgHistory::open(target, &self.settings).await?;
        let kept = self.keep(&mut history).await;
        history.close().await;
        kept
    }

    /// The differences between the schema and its snapshot; none without a snapshot. Needs no scratch
    /// database and writes nothing. [`Comparison::schema`] and [`Comparison::scratch`] have no effect here:
    /// the snapshot covers the whole database.
    ///
    /// The changed objects are known, but not how they changed; [`drift`](Migrator::drift) shows that. If
    /// several sets share a database, changes made by runs of the others appear too, until this set takes its
    /// next snapshot. So does every object for which a newer release of this library, or a newer PostgreSQL,
    /// writes a different definition.
    ///
    /// # Errors
    ///
    /// The errors of reading: see [`Error`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::drift::Comparison;
    /// use migrate_postgres::migrate;
    ///
    /// # async fn probe(url: &str) -> Result<(), migrate_postgres::Error> {
    /// let migrator = migrate!("tests/fixtures/quickstart").snapshot_schema();
    /// migrator.run(url).await?;
    /// // Later:
    /// if let Some(since) = migrator.drift_since_snapshot(url, &Comparison::new()).await? {
    ///     since.changes.iter().for_each(|change| println!("{change}"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drift_since_snapshot<T: Target + ?Sized>(
        &self,
        target: &T,
        comparison: &Comparison,
    ) -> Result<Option<SnapshotDrift>, Error> {
        let mut history = PgHistory::open(target, &self.settings).await?;
        let since = self.since_kept(&mut history, comparison).await;
        history.close().await;
        since
    }

    /// Takes a snapshot after a run, if requested and if the run changed something.
    pub(crate) async fn snapshot_schema_after<T: Target + ?Sized>(
        &self,
        target: &T,
        mut report: Report,
    ) -> Report {
        if self.settings.keeps_schema
            && !report.is_noop()
            && let Err(error) = self.take_schema_snapshot(target).await
        {
            let what = format!("everything is done, but the schema could not be recorded: {error}");
            report.notices.push(Notice::Backend(what));
        }
        report
    }

    async fn keep<T: Target + ?Sized>(&self, history: &mut PgHistory<'_, T>) -> Result<usize, Error> {
        let session_info = history.session_info().await?;
        session_info.check_writable()?;
        let applied = history.load(self.set()).await?.digest().to_string();
        let objects = digests(history, &session_info).await?;
        let table = table(&session_info);
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {table} (set_name text PRIMARY KEY, kept_at timestamptz NOT NULL, applied text NOT NULL, \
             kinds text[] NOT NULL, identities text[] NOT NULL, tables text[] NOT NULL, digests text[] NOT NULL)"
        );
        let failed = |source| Error::server("storing the schema snapshot", source);
        make(history.session(), &create).await.map_err(failed)?;
        let keep = format!(
            "INSERT INTO {table} VALUES ($1, pg_catalog.clock_timestamp(), $2, $3, $4, $5, $6) ON CONFLICT (set_name) DO UPDATE SET \
             (kept_at, applied, kinds, identities, tables, digests) = (EXCLUDED.kept_at, EXCLUDED.applied, EXCLUDED.kinds, \
             EXCLUDED.identities, EXCLUDED.tables, EXCLUDED.digests)"
        );
        let column = |of: fn(&Object) -> Option<&str>| objects.objects().iter().map(of).collect::<Vec<_>>();
        let kinds = column(|object| Some(object.kind().word()));
        let identities = column(|object| Some(object.identity()));
        let (tables, digests) = (column(Object::table), column(|object| Some(object.definition())));
        let texts = Type::TEXT_ARRAY;
        let name = self.set().name();
        let parameters: [(&(dyn ToSql + Sync), Type); 6] = [
            (&name, Type::TEXT),
            (&applied, Type::TEXT),
            (&kinds, texts.clone()),
            (&identities, texts.clone()),
            (&tables, texts.clone()),
            (&digests, texts),
        ];
        session_info.ask(history.session(), &keep, &parameters).await.map_err(failed)?;
        Ok(objects.objects().len())
    }

    async fn since_kept<T: Target + ?Sized>(
        &self,
        history: &mut PgHistory<'_, T>,
        comparison: &Comparison,
    ) -> Result<Option<SnapshotDrift>, Error> {
        let session_info = history.session_info().await?;
        let Some(kept) = SchemaSnapshot::load(history.session(), &session_info, self.set().name()).await?
        else {
            return Ok(None);
        };
        let applied = history.load(self.set()).await?.digest().to_string();
        let live = comparison.of(digests(history, &session_info).await?);
        let changes = comparison.of(kept.catalog).differences(&live);
        let change = |difference: &crate::schema::catalog::Difference| SnapshotChange {
            change: difference.change,
            kind: difference.object.kind(),
            identity: difference.object.identity().to_owned(),
        };
        Ok(Some(SnapshotDrift {
            kept_at: kept.at,
            outdated: kept.applied != applied,
            changes: changes.iter().map(change).collect(),
        }))
    }
}

/// The objects of the whole database, with a digest in place of the definition.
async fn digests<T: Target + ?Sized>(
    history: &mut PgHistory<'_, T>,
    session_info: &SessionInfo,
) -> Result<Catalog, Error> {
    let scope = Scope::database();
    let scope = scope.without_histories(history.session(), &session_info.table).await?;
    let catalog = read(history.session_mut(), &scope).await?;
    Ok(Catalog::of(catalog.objects().iter().map(digested)))
}

fn digested(object: &Object) -> Object {
    let digest = Sha256::digest(object.definition().as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let digested = Object::new(object.kind(), object.identity(), digest);
    object.table().map_or(digested.clone(), |table| digested.of(table))
}

/// The table of snapshots, beside the history's.
fn table(session_info: &SessionInfo) -> String {
    format!("{}.migrate_schema", quote_ident(session_info.table.schema()))
}

/// A stored snapshot.
struct SchemaSnapshot {
    at: SystemTime,
    applied: String,
    catalog: Catalog,
}

impl SchemaSnapshot {
    async fn load(
        client: &Client,
        session_info: &SessionInfo,
        set: &str,
    ) -> Result<Option<SchemaSnapshot>, Error> {
        let failed = |source| Error::server("reading the schema snapshot", source);
        let table = table(session_info);
        let there = format!("SELECT pg_catalog.to_regclass({}) IS NOT NULL", quote_literal(&table));
        let rows = session_info.ask(client, &there, &[]).await.map_err(failed)?;
        if !rows.first().is_some_and(|row| row.get::<_, bool>(0)) {
            return Ok(None);
        }
        let load = format!(
            "SELECT kept_at, applied, kinds, identities, tables, digests FROM {table} WHERE set_name = $1"
        );
        let rows = session_info.ask(client, &load, &[(&set, Type::TEXT)]).await.map_err(failed)?;
        let Some(row) = rows.first() else { return Ok(None) };
        let (kinds, identities): (Vec<String>, Vec<String>) = (row.get(2), row.get(3));
        let (tables, digests): (Vec<Option<String>>, Vec<String>) = (row.get(4), row.get(5));
        let objects = kinds.iter().zip(identities).zip(tables).zip(digests);
        // A kind that this release does not know counts as absent.
        let objects = objects.filter_map(|(((kind, identity), table), digest)| {
            let object = Object::new(Kind::of_word(kind)?, identity, digest);
            Some(table.map_or(object.clone(), |table| object.of(table)))
        });
        Ok(Some(SchemaSnapshot { at: row.get(0), applied: row.get(1), catalog: Catalog::of(objects) }))
    }
}
