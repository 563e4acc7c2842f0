//! Measuring a statement's effects on a server, in a transaction that is rolled back.

use super::Told;
use migrate_core::sql::{LockMode, RelationLock, TableScan};
use migrate_postgres::testing::Database;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// A session that measures statements.
pub(super) struct Server {
    client: Client,
    /// The server's messages about its work.
    said: Arc<Mutex<Vec<String>>>,
    pub(super) version: u32,
}

/// The effects on an existing relation.
#[derive(Clone, Debug)]
struct Measured {
    kind: String,
    /// The table, if the relation is an index.
    table: Option<String>,
    mode: LockMode,
    scan: TableScan,
}

/// The effects of a statement.
pub(super) struct AttemptOutcome {
    relations: BTreeMap<String, Measured>,
    /// True if foreign keys were checked; the referenced table is then read, too.
    checks_keys: bool,
    changes_rows: bool,
}

const KNOWN: &str = "CREATE TEMP TABLE there AS SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind::text, c.relfilenode, \
                     (SELECT n.nspname || '.' || t.relname FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid \
                      WHERE i.indexrelid = c.oid) AS of \
                     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'other')";

const HELD: &str = "SELECT o.name, o.relkind, o.of, l.mode, c.relfilenode IS DISTINCT FROM o.relfilenode AND c.oid IS NOT NULL \
                    FROM pg_locks l JOIN there o ON o.oid = l.relation LEFT JOIN pg_class c ON c.oid = o.oid \
                    WHERE l.pid = pg_backend_pid() AND l.granted";

const SCANS: &str =
    "SELECT o.name, pg_stat_get_xact_numscans(o.oid) FROM there o WHERE o.relkind IN ('r', 'm')";

impl Server {
    pub(super) async fn connect(database: &Database) -> Server {
        let (client, mut connection) = database.config().connect(NoTls).await.unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        tokio::spawn(async move {
            while let Some(Ok(message)) =
                std::future::poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notice(notice) = message {
                    heard.lock().unwrap().push(notice.message().to_owned());
                }
            }
        });
        client.batch_execute(KNOWN).await.unwrap();
        let version: String = client.query_one("SHOW server_version_num", &[]).await.unwrap().get(0);
        Server { client, said, version: version.parse::<u32>().unwrap() / 10_000 }
    }

    pub(super) async fn measure(&self, statement: &str) -> AttemptOutcome {
        let failed = |error: tokio_postgres::Error| -> ! {
            panic!(
                "{statement}: {}",
                error.as_db_error().map_or(error.to_string(), |error| error.message().to_owned())
            )
        };
        self.client.batch_execute("BEGIN").await.unwrap();
        let before = self.scans().await;
        self.client.batch_execute("SET LOCAL client_min_messages = debug1").await.unwrap();
        self.said.lock().unwrap().clear();
        self.client.batch_execute(statement).await.unwrap_or_else(|error| failed(error));
        self.client.batch_execute("SET LOCAL client_min_messages = error").await.unwrap();
        let said = std::mem::take(&mut *self.said.lock().unwrap());
        let held = self.client.query(HELD, &[]).await.unwrap();
        let after = self.scans().await;
        self.client.batch_execute("ROLLBACK").await.unwrap();

        let changes_rows =
            ["UPDATE", "DELETE", "INSERT", "ANALYZE", "MERGE"].iter().any(|verb| statement.starts_with(verb));
        let empties = statement.starts_with("TRUNCATE");
        let mut relations: BTreeMap<String, Measured> = BTreeMap::new();
        for row in &held {
            let name: String = row.get(0);
            let mode = LockMode::from_pg_locks(row.get(3)).unwrap();
            let (kind, table): (String, Option<String>) = (row.get(1), row.get(2));
            let is_rewritten = row.get::<_, bool>(4) && ["r", "m"].contains(&kind.as_str()) && !empties;
            let bare = name.rsplit('.').next().unwrap_or_default();
            let is_said = |what: &str| {
                said.iter().any(|line| line.starts_with(what) && line.contains(&format!("table \"{bare}\"")))
            };
            let is_scanned = after.get(&name) > before.get(&name);
            let scan = if is_rewritten {
                TableScan::Rewrite
            } else if is_said("building index") && !empties {
                TableScan::Build
            } else if is_said("verifying") || is_scanned && !changes_rows && !empties {
                TableScan::Scan
            } else {
                TableScan::Catalog
            };
            let found = relations.entry(name).or_insert(Measured { kind, table, mode, scan });
            found.mode = found.mode.max(mode);
        }
        let checks_keys = said.iter().any(|line| line.starts_with("validating foreign key"));
        AttemptOutcome { relations, checks_keys, changes_rows }
    }

    async fn scans(&self) -> BTreeMap<String, i64> {
        let rows = self.client.query(SCANS, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get::<_, Option<i64>>(1).unwrap_or_default())).collect()
    }
}

impl AttemptOutcome {
    /// The differences between prediction and measurement.
    pub(super) fn problems(&self, told: &[Told]) -> Vec<String> {
        let names: BTreeSet<&str> = self
            .relations
            .keys()
            .map(String::as_str)
            .chain(told.iter().map(|lock| lock.relation.as_str()))
            .collect();
        names
            .into_iter()
            .filter_map(|name| self.problem(name, told.iter().find(|lock| lock.relation == name)))
            .collect()
    }

    /// The predictions from the text alone that contradict the measurement, and strong locks that they do not
    /// mention.
    pub(super) fn contradictions(&self, locks: &[RelationLock]) -> Vec<String> {
        let is_noted = locks.iter().any(|lock| lock.note.is_some() || !lock.is_named);
        let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned();
        let wrong = |lock: &RelationLock| {
            let found = self.relations.get(&format!("public.{}", bare(&lock.relation)))?;
            let told = Told { relation: lock.relation.clone(), mode: lock.mode, scan: lock.scan };
            let is_open = lock.otherwise == Some(found.scan) || lock.note.is_some();
            let is_wrong = lock.mode != found.mode || self.differs(&told, found) && !is_open;
            is_wrong.then(|| format!("{lock}, but {found:?}"))
        };
        let unmentioned = |(name, found): (&String, &Measured)| {
            let is_told = locks.iter().any(|lock| bare(&lock.relation) == bare(name));
            // Partitions and inheriting tables are implied by their parent.
            let is_part = ["p1", "pd", "q1", "inh_child"].contains(&bare(name).as_str());
            let is_main = !["i", "S"].contains(&found.kind.as_str());
            let is_strong = found.mode > LockMode::RowExclusive && is_main;
            (is_strong && !is_told && !is_noted && !is_part)
                .then(|| format!("nothing is told of {name}: {found:?}"))
        };
        let wrong = locks.iter().filter(|lock| lock.is_named).filter_map(wrong);
        wrong.chain(self.relations.iter().filter_map(unmentioned)).collect()
    }

    fn problem(&self, name: &str, told: Option<&Told>) -> Option<String> {
        let Some(found) = self.relations.get(name) else {
            return told
                .filter(|lock| lock.mode > LockMode::AccessShare)
                .map(|lock| format!("{lock:?}, but no lock is held"));
        };
        match told {
            None if self.goes_without_saying(found) => None,
            None => Some(format!("nothing is told of {name}: {found:?}")),
            Some(lock) if lock.mode != found.mode => Some(format!("{lock:?}, but {found:?}")),
            Some(lock) if self.differs(lock, found) => Some(format!("{lock:?}, but {found:?}")),
            Some(_) => None,
        }
    }

    /// Read locks, row locks, and locks on the indexes of a table that is locked as strongly.
    fn goes_without_saying(&self, found: &Measured) -> bool {
        let is_weak = found.mode <= LockMode::RowShare
            || found.mode == LockMode::RowExclusive
                && (self.changes_rows || found.kind == "S" || found.table.is_some());
        let table = found.table.as_ref().and_then(|table| self.relations.get(table));
        is_weak || table.is_some_and(|table| table.mode >= found.mode)
    }

    fn differs(&self, told: &Told, found: &Measured) -> bool {
        let has_rows = ["r", "m"].contains(&found.kind.as_str());
        let is_read_for_key =
            self.checks_keys && told.scan == TableScan::Catalog && found.scan == TableScan::Scan;
        let is_of_rows = told.scan == TableScan::Rows && self.changes_rows;
        has_rows && told.scan != found.scan && !is_read_for_key && !is_of_rows
    }
}
