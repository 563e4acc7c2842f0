//! The locks and rewrites of a session, as the catalogs show them.

use crate::sql::answers::{Answers, parsed, text};
use migrate_core::sql::LockMode;
use std::collections::BTreeMap;
use std::fmt;
use tokio_postgres::{Client, SimpleQueryRow};

/// A lock that was actually taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TakenLock {
    /// The relation with its schema, unquoted.
    pub relation: String,
    /// The table, if the relation is one of its indexes.
    pub table: Option<String>,
    /// The strongest mode.
    pub mode: LockMode,
}

impl fmt::Display for TakenLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        match &self.table {
            Some(table) => write!(f, "{}, an index of {table}: {}", self.relation, self.mode),
            None => write!(f, "{}: {}", self.relation, self.mode),
        }
    }
}

/// A relation that existed before.
#[derive(Debug)]
struct Known {
    name: String,
    /// The table, if this is one of its indexes.
    table: Option<String>,
    filenode: u32,
}

/// The relations that existed before, and the locks and rewrites since.
#[derive(Debug)]
pub(super) struct Watch {
    known: BTreeMap<u32, Known>,
    held: BTreeMap<u32, LockMode>,
}

/// Users' relations, by oid: those of the system are below 16384 (`FirstNormalObjectId` in `transam.h`).
const KNOWN: &str = "SELECT c.oid, n.nspname || '.' || c.relname, c.relfilenode, tn.nspname || '.' || t.relname \
                     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                     LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
                     LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE c.oid >= 16384";

/// The locks of this session. They cover everything that it has rewritten.
pub(super) const HELD: &str = "SELECT l.relation, l.mode, c.relfilenode FROM pg_catalog.pg_locks l \
                    LEFT JOIN pg_catalog.pg_class c ON c.oid = l.relation \
                    WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation' AND l.granted \
                    AND l.relation >= 16384";

impl Watch {
    /// Reads the existing relations.
    pub(super) async fn begin(client: &Client) -> Result<Watch, tokio_postgres::Error> {
        let rows = Answers::of(client.simple_query(KNOWN).await?).next();
        let known = rows.iter().filter_map(|row| {
            let table = text(row, 3).map(str::to_owned);
            let known = Known { name: text(row, 1)?.to_owned(), table, filenode: parsed(row, 2)? };
            Some((parsed(row, 0)?, known))
        });
        Ok(Watch { known: known.collect(), held: BTreeMap::new() })
    }

    /// New or stronger locks, and rewrites, since the last call, from the answer to [`HELD`]. Relations
    /// created since the beginning are omitted: no other session can see them.
    pub(super) fn changes(&mut self, rows: &[SimpleQueryRow]) -> (Vec<TakenLock>, Vec<String>) {
        let (mut taken, mut rewritten) = (BTreeMap::new(), Vec::new());
        for row in rows {
            let (Some(oid), Some(mode)) = (parsed(row, 0), text(row, 1).and_then(LockMode::from_pg_locks))
            else {
                continue;
            };
            let Some(known) = self.known.get_mut(&oid) else { continue };
            if self.held.get(&oid).is_none_or(|held| mode > *held) {
                self.held.insert(oid, mode);
                taken.insert(
                    oid,
                    TakenLock { relation: known.name.clone(), table: known.table.clone(), mode },
                );
            }
            if let Some(filenode) = parsed(row, 2).filter(|filenode| *filenode != known.filenode) {
                known.filenode = filenode;
                rewritten.push(known.name.clone());
            }
        }
        (taken.into_values().collect(), rewritten)
    }
}
