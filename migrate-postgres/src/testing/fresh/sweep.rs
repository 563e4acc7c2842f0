//! The sweep: drops leftovers of killed processes, and unused templates.

use std::collections::HashSet;

use super::keeper::{Failed, Keeper};
use super::name::{self, FoundDatabase};
use crate::testing::TestingError;

/// The databases that this role may drop, with their comments, and the advisory locks of all connected
/// sessions. One statement, because its snapshot of the databases is older than its view of the locks.
const LOOK: &str = "SELECT datname::text, pg_catalog.shobj_description(oid, 'pg_database'), NULL::bigint, \
        pg_catalog.date_part('epoch', pg_catalog.now())::bigint \
    FROM pg_catalog.pg_database WHERE datname LIKE 'migrate\\_%' AND pg_catalog.pg_has_role(datdba, 'USAGE') \
    UNION ALL SELECT NULL, NULL, (classid::bigint << 32) | objid::bigint, 0 \
    FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted";

impl Keeper {
    /// Drops databases that are no longer needed. Returns their names.
    pub(in crate::testing) async fn sweep(&self) -> Result<Vec<String>, TestingError> {
        let (found, locks, now) = self.probe().await?;
        let stale = name::stale(&found, &locks, now);
        for name in &stale {
            // Another process may be sweeping too.
            drop(self.drop_database(name).await);
        }
        Ok(stale)
    }

    /// Drops the database that a test kept when it last failed.
    pub(in crate::testing) async fn forget(&self, test: &str) -> Result<(), TestingError> {
        let (found, _, _) = self.probe().await?;
        for found in found {
            if found.comment.as_deref().and_then(name::kept_by) == Some(test) {
                drop(self.drop_database(&found.name).await);
            }
        }
        Ok(())
    }

    async fn probe(&self) -> Result<(Vec<FoundDatabase>, HashSet<i64>, i64), TestingError> {
        let rows = self.with(async |client| client.query_typed(LOOK, &[]).await).await;
        let (mut found, mut locks, mut now) = (Vec::new(), HashSet::new(), 0);
        for row in rows.map_err(Failed::told("look for", "migrate_…"))? {
            match row.get(0) {
                Some(name) => found.push(FoundDatabase { name, comment: row.get(1) }),
                None => drop(locks.insert(row.get(2))),
            }
            now = now.max(row.get(3));
        }
        Ok((found, locks, now))
    }
}
