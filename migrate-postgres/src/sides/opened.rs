//! Sides as catalogs: each is read from its database, or run on a scratch database and read there.

use super::left_alone::{LeftAlone, LeftAloneReason, of_partman, take_out};
use super::plain;
use super::side::{Side, SideKind};
use crate::connection::protect;
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::{Error, ScratchError};
use crate::history::{HistoryTable, SessionInfo};
use crate::migrator::Migrator;
use crate::schema::catalog::{Catalog, Kind, Scope, read};
use crate::schema::drift::{Comparison, ComparisonPhase, as_applied, current_schema, made_by};
use crate::schema::scratch::{ReplaySource, Scratch};
use crate::sql::answers::text;
use crate::sql::quote::quote_literal;
use migrate_core::Set;

/// Reads sides with one migrator, one server for scratch databases and one comparison.
pub(super) struct Opener<'a, T: Target + ?Sized> {
    migrator: Migrator,
    /// The server of temporary scratch databases.
    target: &'a T,
    session: Session<'a>,
    table: HistoryTable,
    pub(super) comparison: &'a Comparison,
}

/// A side that was read.
pub(super) struct OpenedSide {
    pub(super) catalog: Catalog,
    pub(super) left_alone: Vec<LeftAlone>,
    /// Sets in its history beside the migrator's, each with its schema if its migrations could be run.
    pub(super) other_sets: Vec<(String, Option<Catalog>)>,
    /// The scratch database that still holds its schema.
    pub(super) scratch: Option<Scratch>,
}

impl OpenedSide {
    /// Drops or empties its scratch database.
    pub(super) async fn close(self) -> Result<(), Error> {
        match self.scratch {
            Some(scratch) => scratch.close().await,
            None => Ok(()),
        }
    }
}

impl<'a, T: Target + ?Sized> Opener<'a, T> {
    /// Connects to the server of scratch databases.
    pub(super) async fn new(
        migrator: &Migrator,
        target: &'a T,
        comparison: &'a Comparison,
    ) -> Result<Opener<'a, T>, Error> {
        let session = target.open().await?;
        let table = match SessionInfo::take(&session, &migrator.settings).await {
            Ok(session_info) => session_info.table,
            Err(error) => {
                session.close().await;
                return Err(error);
            }
        };
        let migrator = migrator.over(migrator.set().clone());
        #[cfg(feature = "histories")]
        let migrator = without_foreign_history(migrator);
        Ok(Opener { migrator, target, session, table, comparison })
    }

    /// The migrator of scratch databases.
    pub(super) fn migrator(&self) -> &Migrator {
        &self.migrator
    }

    pub(super) async fn close(self) {
        self.session.close().await;
    }

    /// Reads a side.
    pub(super) async fn open(&mut self, side: &Side) -> Result<OpenedSide, Error> {
        match side.as_database() {
            Some(endpoint) => self.read_database(endpoint).await,
            None => self.build(side).await,
        }
    }

    /// Runs a side on a scratch database, and reads it there.
    pub(super) async fn build(&mut self, side: &Side) -> Result<OpenedSide, Error> {
        let scratch = self.scratch().await?;
        match self.make(side, &scratch).await {
            Ok(()) => {}
            Err(error) => {
                scratch.close().await?;
                return Err(error);
            }
        }
        self.read_scratch(scratch).await
    }

    /// A scratch database.
    pub(super) async fn scratch(&self) -> Result<Scratch, Error> {
        Scratch::open(self.target, &self.session, self.comparison.scratch.as_deref()).await
    }

    /// Makes the schema of a side that is not a database.
    pub(super) async fn make(&self, side: &Side, scratch: &Scratch) -> Result<(), Error> {
        let told = &self.comparison.told;
        match &side.kind {
            SideKind::Empty | SideKind::Database(_) => Ok(()),
            SideKind::Plain(files) => plain::run(files, &self.migrator, scratch, told).await,
            SideKind::Migrations { set, versions } => {
                let source =
                    |version: &migrate_core::Version| ReplaySource::OfSet(set.clone(), version.clone());
                let sources = versions.iter().map(source).collect();
                self.replay(set, sources, scratch).await
            }
        }
    }

    /// Runs migrations.
    async fn replay(&self, set: &Set, sources: Vec<ReplaySource>, scratch: &Scratch) -> Result<(), Error> {
        let current = current_schema(&self.session).await?;
        let schema = self.comparison.schema.as_deref().filter(|schema| current.as_deref() == Some(*schema));
        let mut migrator = self.migrator.over(set.clone());
        migrator.settings.history_schema = Some(self.table.schema().to_owned().into());
        made_by(&migrator, set.name(), sources, scratch, schema, &self.comparison.told).await
    }

    /// Reads a scratch database, which is closed after an error.
    pub(super) async fn read_scratch(&self, scratch: Scratch) -> Result<OpenedSide, Error> {
        match self.catalog_of(&scratch).await {
            Ok(catalog) => Ok(OpenedSide {
                catalog,
                left_alone: Vec::new(),
                other_sets: Vec::new(),
                scratch: Some(scratch),
            }),
            Err(error) => {
                scratch.close().await?;
                Err(error)
            }
        }
    }

    pub(super) async fn catalog_of(&self, scratch: &Scratch) -> Result<Catalog, Error> {
        self.comparison.told.tell(&ComparisonPhase::Reading);
        let mut session = scratch.config().open().await?;
        let catalog = read(&mut session, &self.scope()).await;
        session.close().await;
        Ok(self.comparison.of(catalog?))
    }

    /// The scope, without the histories of other tools, which are known in a database alone.
    pub(super) fn scope(&self) -> Scope {
        self.comparison.scope().with_dependencies()
    }

    async fn read_database(
        &mut self,
        endpoint: &crate::connection::endpoint::Endpoint,
    ) -> Result<OpenedSide, Error> {
        let mut session = endpoint.open().await?;
        let read = self.read_live(&mut session).await;
        session.close().await;
        read
    }

    async fn read_live(&mut self, session: &mut Session<'_>) -> Result<OpenedSide, Error> {
        let table = SessionInfo::take(session, &self.migrator.settings).await?.table;
        let scope = self.scope().without_histories(session, &table).await?;
        self.comparison.told.tell(&ComparisonPhase::Reading);
        let catalog = self.comparison.of(read(session, &scope).await?);
        let partitions = of_partman(session, self.comparison.schema.is_some()).await?;
        let is_partition = |object: &crate::schema::catalog::Object| {
            matches!(object.kind(), Kind::Table | Kind::ForeignTable)
                && partitions.contains(object.identity())
        };
        let (catalog, left_alone) = take_out(&catalog, &is_partition, &LeftAloneReason::Partman);
        let other_sets = self.other_sets(session, &table).await?;
        Ok(OpenedSide { catalog, left_alone, other_sets, scratch: None })
    }

    /// The other sets in a database's history.
    async fn other_sets(
        &mut self,
        session: &mut Session<'_>,
        table: &HistoryTable,
    ) -> Result<Vec<(String, Option<Catalog>)>, Error> {
        if table.keeps().is_some() {
            return Ok(Vec::new());
        }
        let failed = |source| Error::server("reading the sets in the history", source);
        let qualified = table.qualified();
        let exists = format!("SELECT pg_catalog.to_regclass({})", quote_literal(&qualified));
        let rows = protect::ask(session, &exists).await.map_err(failed)?;
        if rows.first().and_then(|row| text(row, 0)).is_none() {
            return Ok(Vec::new());
        }
        let own = quote_literal(self.migrator.set().name());
        let sql =
            format!("SELECT DISTINCT set_name FROM {qualified} WHERE live AND set_name <> {own} ORDER BY 1");
        let rows = protect::ask(session, &sql).await.map_err(failed)?;
        let names: Vec<String> = rows.iter().filter_map(|row| text(row, 0).map(str::to_owned)).collect();
        let mut sets = Vec::new();
        for name in names {
            let catalog = self.of_other_set(session, &name).await?;
            sets.push((name, catalog));
        }
        Ok(sets)
    }

    /// The schema that another set made, from the scripts in the history; none if they do not run alone.
    async fn of_other_set(
        &mut self,
        session: &mut Session<'_>,
        name: &str,
    ) -> Result<Option<Catalog>, Error> {
        let set = Set::new(name.to_owned(), Vec::new()).expect("no version twice");
        let (_, state) = self.migrator.over(set.clone()).state_over(session).await?;
        let sources: Result<Vec<ReplaySource>, ScratchError> =
            state.applied.iter().map(|applied| as_applied(&set, applied)).collect();
        let Ok(sources) = sources else { return Ok(None) };
        let scratch = self.scratch().await?;
        let made = self.replay(&set, sources, &scratch).await;
        let catalog = match made {
            Ok(()) => self.catalog_of(&scratch).await.map(Some),
            Err(Error::Scratch(ScratchError::Migrating { .. } | ScratchError::Shared { .. })) => Ok(None),
            Err(error) => Err(error),
        };
        scratch.close().await?;
        catalog
    }
}

/// A scratch database has no history of another tool.
#[cfg(feature = "histories")]
fn without_foreign_history(mut migrator: Migrator) -> Migrator {
    migrator.settings.keeping = None;
    migrator.settings.adopting = None;
    migrator
}
