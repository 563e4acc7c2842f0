//! Facts about a database, for lint.

use super::explain::{catalog, quoted};
use super::sizes::{RelationSize, sizes};
use crate::connection::session::Session;
use crate::connection::target::Target;
use crate::error::Error;
use crate::migrator::Migrator;
use migrate_core::history::HistoryState;
use migrate_core::sql::facts::{Facts, ObjectName, RelationKind};

impl Migrator {
    /// Reads the facts about a database that [lint](crate::lint) uses: the server's version and time zone, the last
    /// applied migration, and of each table the columns with their types, the constraints, the indexes, the
    /// partitions and the size, rounded up to a power of ten. The facts have names and definitions, and no data.
    ///
    /// Nothing is written, and no lock is held on a table. With the feature `lint`, `Facts::to_json` writes them to
    /// the file that `migrate!("migrations", facts = "facts.json")` reads.
    ///
    /// # Errors
    ///
    /// The errors of reading: see [`Error`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use migrate_postgres::migrate;
    ///
    /// # async fn facts(url: &str) -> Result<(), migrate_postgres::Error> {
    /// let facts = migrate!("tests/fixtures/quickstart").facts(url).await?;
    /// println!("{} relations on PostgreSQL {:?}", facts.relations.len(), facts.server_version);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn facts<T: Target + ?Sized>(&self, target: &T) -> Result<Facts, Error> {
        let mut session = target.open().await?;
        let facts = self.facts_over(&mut session).await;
        session.close().await;
        facts
    }

    async fn facts_over(&self, session: &mut Session<'_>) -> Result<Facts, Error> {
        let (session_info, state) = self.state_over(session).await?;
        let patience = self.settings.lock_timeout;
        let mut facts = catalog::read_all(session, patience).await?;
        // Another tool's table, if it is kept as the history.
        let history = ObjectName::new(session_info.table.schema(), session_info.table.name());
        facts.relations.retain(|name, of| *name != history && of.table.as_ref() != Some(&history));
        let is_stored = |kind| {
            matches!(kind, RelationKind::Table | RelationKind::Partitioned | RelationKind::MaterializedView)
        };
        let tables = facts.relations.iter_mut().filter(|(_, relation)| is_stored(relation.kind));
        let tables: Vec<_> = tables.map(|(name, relation)| (quoted(name), relation)).collect();
        let sizes = sizes(session, tables.iter().map(|(name, _)| name.as_str()), patience).await?;
        for (name, relation) in tables {
            relation.size = sizes.get(&name).and_then(RelationSize::bucket);
        }
        facts.positions =
            last_applied(&state).map(|last| (self.set().name().to_owned(), last)).into_iter().collect();
        Ok(facts)
    }
}

/// The last version that is applied, without repeatable migrations.
fn last_applied(state: &HistoryState) -> Option<String> {
    let versions = state.applied.iter().map(|applied| &applied.version);
    versions.filter(|version| !version.is_repeatable()).max().map(|version| version.as_written().to_owned())
}
