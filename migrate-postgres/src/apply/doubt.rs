//! Statements in doubt: what became of one that refuses a transaction block, when nobody is left who could say.
//!
//! Such a statement can't be committed together with the checkpoint behind it. When its client was lost, it may have
//! been done, be half done, or still be running on the server. Whether it runs is seen in `pg_stat_activity`, and what
//! it left is seen in the catalog, for most of them.

use super::Context;
use crate::quote::quote_ident;
use migrate_core::engine::{Backoff, Progress};
use migrate_core::history::Holder;
use migrate_core::plan::Step;
use migrate_core::sql::{self, Refusal, Subject};
use std::time::{Duration, Instant};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

/// What is known of earlier tries of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// There were none.
    Nothing,
    /// The server answered the last one with an error.
    Failed,
    /// The last one may have been sent, and nobody has heard of it again.
    Unknown,
}

impl Before {
    /// The outcome that the history's row has.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Before::Failed => "failed",
            Before::Nothing | Before::Unknown => "unfinished",
        }
    }
}

/// What is to be done with a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not done: run it.
    Run,
    /// It is done.
    Done,
}

/// Why a statement can't be gone on with.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsettled {
    /// A session whose client is gone, or somebody else, still runs it.
    #[error("another session still runs this statement, and did not end it in {waited:.0?}")]
    Running {
        /// How long that was waited for.
        waited: Duration,
        /// Who they are.
        holders: Vec<Holder>,
    },
    /// Whether it was done can't be told.
    #[error("a run was interrupted at this statement, and it is in doubt whether it was done: {why}")]
    Undecidable {
        /// Why not.
        why: String,
    },
    /// This server must not run it, or has not done it well.
    #[error("{why}")]
    Unsafe {
        /// Why not.
        why: String,
    },
    /// The server said no, to a question or to clearing up.
    #[error(transparent)]
    Server(#[from] tokio_postgres::Error),
}

/// A statement that can't share a transaction with its checkpoint.
#[derive(Clone, Copy)]
pub(super) struct Doubtful<'d> {
    pub(super) context: Context<'d>,
    pub(super) step: &'d Step<'d>,
    /// Its place in the script, the first being 0.
    pub(super) index: usize,
    pub(super) text: &'d str,
    /// None for `CALL` and `DO`.
    pub(super) refuses: Option<Refusal>,
    /// The number of its migration's row in the history.
    pub(super) row: i64,
    pub(super) before: Before,
}

impl Doubtful<'_> {
    /// Finds out what is to be done with the statement, and clears away what an earlier try of it left.
    pub(super) async fn settle(&self, progress: &mut Progress<'_>) -> Result<Verdict, Unsettled> {
        let subject = sql::subject(self.text);
        if self.before == Before::Nothing && !matches!(subject, Some(Subject::CreateIndex { .. })) {
            return Ok(Verdict::Run);
        }
        self.wait_until_nobody_runs_it(subject.as_ref(), progress).await?;
        match subject {
            Some(subject) => self.look(&subject).await,
            // Of a CREATE or DROP that can't be read the server will say what is wrong with it.
            None if self.refuses.is_some() || self.before != Before::Unknown => Ok(Verdict::Run),
            None => self.undecidable("nothing in the catalog tells whether it was done"),
        }
    }

    async fn look(&self, subject: &Subject) -> Result<Verdict, Unsettled> {
        match subject {
            Subject::CreateIndex { name: Some(name), .. } => self.named_index(subject, name).await,
            Subject::CreateIndex { .. } => self.unnamed_index(subject).await,
            Subject::DropIndex { names } => self.dropped_indexes(names).await,
            Subject::ReindexIndex { name } => self.reindexed(name, true).await,
            Subject::ReindexTable { name } => self.reindexed(name, false).await,
            Subject::DetachPartition { table, partition } => self.detached(table, partition).await,
            Subject::CreateDatabase { name } => self.existence(DATABASE, name, true).await,
            Subject::DropDatabase { name } => self.existence(DATABASE, name, false).await,
            Subject::CreateTablespace { name } => self.existence(TABLESPACE, name, true).await,
            Subject::DropTablespace { name } => self.existence(TABLESPACE, name, false).await,
            Subject::CreateSubscription { name } => self.existence(SUBSCRIPTION, name, true).await,
            Subject::DropSubscription { name } => self.existence(SUBSCRIPTION, name, false).await,
            Subject::EndPrepared { transaction } => self.prepared(transaction).await,
            _ => self.undecidable("nothing in the catalog tells whether it was done"),
        }
    }

    /// What the catalog shows as done is done by the try that nobody has heard of. One that the server answered with an
    /// error has not done it: then it was there before, and the server is to say so again.
    fn done_if(&self, is_done: bool) -> Verdict {
        if is_done && self.before == Before::Unknown { Verdict::Done } else { Verdict::Run }
    }

    fn undecidable<T>(&self, why: impl Into<String>) -> Result<T, Unsettled> {
        Err(Unsettled::Undecidable { why: why.into() })
    }

    fn client(&self) -> &Client {
        self.context.client
    }
}

/// Waiting.
impl Doubtful<'_> {
    /// Waits until no other session runs the same statement: it will end, in one way or the other, though its client
    /// is gone. What is waited for must not wait for us, so there is no transaction while we wait.
    async fn wait_until_nobody_runs_it(
        &self,
        subject: Option<&Subject>,
        progress: &mut Progress<'_>,
    ) -> Result<(), Unsettled> {
        let settings = &self.context.settings.engine;
        let mut backoff = Backoff::new(Duration::from_millis(20), settings.poll);
        let (began, mut told) = (Instant::now(), None::<Instant>);
        loop {
            let holders = self.running(subject).await?;
            let waited = began.elapsed();
            let Some(first) = holders.first() else { return Ok(()) };
            if waited > settings.lock_wait {
                return Err(Unsettled::Running { waited, holders });
            }
            if told.is_none_or(|told| told.elapsed() > TELL_WAITING_EVERY) {
                progress.statement_awaited(self.step, self.index + 1, waited, first);
                told = Some(Instant::now());
            }
            tokio::time::sleep(backoff.pause()).await;
        }
    }

    /// The other sessions that run the statement.
    async fn running(&self, subject: Option<&Subject>) -> Result<Vec<Holder>, tokio_postgres::Error> {
        let (table, index) = match subject {
            Some(Subject::CreateIndex { table, name, .. }) => (Some(table.as_str()), name.as_deref()),
            _ => (None, None),
        };
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.text, Type::TEXT), (&table, Type::TEXT), (&index, Type::TEXT)];
        let rows = self.client().query_typed(RUNNING, &parameters).await?;
        Ok(rows.iter().map(holder).collect())
    }
}

const TELL_WAITING_EVERY: Duration = Duration::from_secs(10);

/// Parameters: the statement, and for a `CREATE INDEX` its table and the index as written.
///
/// `pg_stat_activity` shows the beginning of a query, as many bytes as `track_activity_query_size` says (100 at least). A
/// role that may not see another's queries sees who has the lock that building an index concurrently takes.
const RUNNING: &str = "\
    SELECT a.pid, a.application_name::text, \
      extract(epoch FROM pg_catalog.clock_timestamp() - a.query_start)::float8, left(a.query, 200) \
    FROM pg_catalog.pg_stat_activity a \
    WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() AND ( \
      a.state = 'active' AND (a.query = $1 OR octet_length(a.query) >= 96 AND starts_with($1, a.query)) \
      OR $2 IS NOT NULL AND a.query = '<insufficient privilege>' AND a.usesysid IS NOT NULL AND EXISTS ( \
        SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' \
          AND l.mode = 'ShareUpdateExclusiveLock' AND l.relation = pg_catalog.to_regclass($2)) \
      OR $3 IS NOT NULL AND EXISTS ( \
        SELECT FROM pg_catalog.pg_stat_progress_create_index p JOIN pg_catalog.pg_class c ON c.oid = p.index_relid \
        WHERE p.pid = a.pid AND p.relid = pg_catalog.to_regclass($2) \
          AND c.relname = (pg_catalog.parse_ident($3))[1]::name)) \
    ORDER BY a.query_start";

fn holder(row: &Row) -> Holder {
    let mut holder = Holder::default();
    holder.pid = row.get(0);
    holder.application = row.get(1);
    holder.age = row.get::<_, Option<f64>>(2).and_then(|age| Duration::try_from_secs_f64(age).ok());
    holder.query = row.get::<_, Option<&str>>(3).map(|query| sql::redact(query).into_owned());
    holder
}

/// An index that may be what a `CREATE INDEX CONCURRENTLY` has made.
struct Found {
    schema: String,
    name: String,
    is_valid: bool,
    is_unique: bool,
    /// Its `CREATE INDEX` as the server writes it.
    definition: String,
    /// Whether it was made, or changed, after the checkpoint was moved to where it is.
    is_newer: bool,
}

/// Indexes.
impl Doubtful<'_> {
    /// The indexes of a table, of one name if it is given; not those that somebody is building.
    async fn indexes(&self, table: &str, name: Option<&str>) -> Result<Vec<Found>, tokio_postgres::Error> {
        // An index made after the history's row was written has a younger transaction number.
        let sql = format!(
            "SELECT n.nspname::text, c.relname::text, i.indisvalid, i.indisunique, \
               pg_catalog.pg_get_indexdef(i.indexrelid), \
               pg_catalog.age(i.xmin) < (SELECT pg_catalog.age(h.xmin) FROM {} h WHERE {}) \
             FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE i.indrelid = pg_catalog.to_regclass($1) AND c.relkind = 'i' \
               AND ($2 IS NULL OR c.relname = (pg_catalog.parse_ident($2))[1]::name) \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p \
                 WHERE p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid())",
            self.context.table.qualified(),
            self.context.table.row_condition(self.context.run, self.row, self.step)
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table, Type::TEXT), (&name, Type::TEXT)];
        let rows = self.client().query_typed(&sql, &parameters).await?;
        let found = |row: &Row| Found {
            schema: row.get(0),
            name: row.get(1),
            is_valid: row.get(2),
            is_unique: row.get(3),
            definition: row.get(4),
            is_newer: row.get::<_, Option<bool>>(5).unwrap_or(true),
        };
        Ok(rows.iter().map(found).collect())
    }

    /// An index that is there and valid is done; an INVALID one, whoever left it, is of no use to anybody, and with
    /// IF NOT EXISTS it would stay for good.
    async fn named_index(&self, subject: &Subject, name: &str) -> Result<Verdict, Unsettled> {
        let Subject::CreateIndex { table, unique, .. } = subject else { return Ok(Verdict::Run) };
        let indexes = self.indexes(table, Some(name)).await?;
        let Some(found) = indexes.first() else { return Ok(Verdict::Run) };
        if found.is_valid {
            return Ok(self.done_if(found.is_unique == *unique));
        }
        self.drop_index(found).await?;
        Ok(Verdict::Run)
    }

    /// The server has given it a name that we don't know: what it could be is told by what it is made of, and by when.
    async fn unnamed_index(&self, subject: &Subject) -> Result<Verdict, Unsettled> {
        let Subject::CreateIndex { table, .. } = subject else { return Ok(Verdict::Run) };
        if self.before == Before::Nothing {
            return Ok(Verdict::Run);
        }
        let indexes = self.indexes(table, None).await?;
        let newer: Vec<&Found> = indexes.iter().filter(|found| found.is_newer).collect();
        let (valid, invalid): (Vec<&Found>, Vec<&Found>) =
            newer.into_iter().filter(|found| could_be(subject, found)).partition(|found| found.is_valid);
        match (valid.as_slice(), invalid.as_slice()) {
            ([], []) => Ok(Verdict::Run),
            ([], [left]) => {
                self.drop_index(left).await?;
                Ok(Verdict::Run)
            }
            (_, []) if self.before == Before::Failed => Ok(Verdict::Run),
            ([made], []) if is_same(subject, made) => Ok(Verdict::Done),
            (valid, invalid) => {
                let names: Vec<&str> = valid.iter().chain(invalid).map(|found| found.name.as_str()).collect();
                self.undecidable(format!(
                    "the index has no name of its own in the script, and {table} has more than one that it could be, or one \
                     that somebody else could have made: {}",
                    names.join(", ")
                ))
            }
        }
    }

    /// What the server reports as done should be valid; it is not where it met an INVALID one after our look.
    pub(super) async fn check_valid(&self) -> Result<(), Unsettled> {
        let Some(Subject::CreateIndex { name: Some(name), table, .. }) = sql::subject(self.text) else {
            return Ok(());
        };
        match self.indexes(&table, Some(&name)).await?.first() {
            Some(found) if !found.is_valid => Err(Unsettled::Unsafe {
                why: format!("the server reports it as done, but the index {name} is INVALID"),
            }),
            _ => Ok(()),
        }
    }

    async fn drop_index(&self, found: &Found) -> Result<(), tokio_postgres::Error> {
        let drop = format!(
            "DROP INDEX CONCURRENTLY IF EXISTS {}.{}",
            quote_ident(&found.schema),
            quote_ident(&found.name)
        );
        self.client().batch_execute(&drop).await
    }

    /// An index that is gone is done. One that is there is to be dropped, if it is the one that was: the name could mean
    /// another one now, further down the search path.
    async fn dropped_indexes(&self, names: &[String]) -> Result<Verdict, Unsettled> {
        if self.before != Before::Unknown {
            return Ok(Verdict::Run);
        }
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&names, Type::TEXT_ARRAY)];
        let rows = self.client().query_typed(INDEXES_LEFT, &parameters).await?;
        if rows.is_empty() {
            return Ok(Verdict::Done);
        }
        let another = rows.iter().find(|row| row.get(1));
        match another {
            None => Ok(Verdict::Run),
            Some(row) => {
                let name: &str = row.get(0);
                self.undecidable(format!(
                    "{name} may be another index than the one that was to be dropped, which could have stood in a schema \
                     before it in the search_path"
                ))
            }
        }
    }

    /// Runs again: what it rebuilds it can rebuild twice. But the new indexes of the first time are in the way of none, and
    /// cost every write.
    async fn reindexed(&self, name: &str, is_index: bool) -> Result<Verdict, Unsettled> {
        if self.refuses == Some(Refusal::ReindexConcurrently) {
            let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&is_index, Type::BOOL)];
            for row in self.client().query_typed(REINDEX_LEFT, &parameters).await? {
                let (schema, name): (&str, &str) = (row.get(0), row.get(1));
                let drop = format!(
                    "DROP INDEX CONCURRENTLY IF EXISTS {}.{}",
                    quote_ident(schema),
                    quote_ident(name)
                );
                self.client().batch_execute(&drop).await?;
            }
        }
        Ok(Verdict::Run)
    }
}

/// The indexes that the names mean now, and whether each may be another one than before: a name without a schema, and
/// an index that is as it was and not in the first schema of the search path.
const INDEXES_LEFT: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), i.indisvalid AND array_length(pg_catalog.parse_ident(w.name), 1) = 1 \
      AND n.nspname <> pg_catalog.current_schema() \
    FROM unnest($1) AS w (name) JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.name) \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid";

/// What `REINDEX CONCURRENTLY` leaves when it is cut short: `…_ccnew`, the new index, or `…_ccold`, the old one that has
/// been replaced (manual, REINDEX, "Rebuilding Indexes Concurrently": to be dropped both).
const REINDEX_LEFT: &str = "\
    WITH wanted AS (SELECT c.oid, c.relname::text AS name FROM pg_catalog.pg_class c \
      WHERE c.oid = pg_catalog.to_regclass($1)) \
    SELECT n.nspname::text, c.relname::text FROM wanted w \
    JOIN pg_catalog.pg_index i ON i.indrelid = CASE WHEN $2 \
      THEN (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = w.oid) ELSE w.oid END \
    JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$' \
      AND (NOT $2 OR starts_with(w.name, regexp_replace(c.relname::text, '_cc(new|old)[0-9]*$', ''))) \
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p \
        WHERE p.relid = i.indrelid AND p.pid <> pg_catalog.pg_backend_pid())";

/// An index's `CREATE INDEX`, as the server writes it, read as one of ours.
fn read(found: &Found) -> Option<Subject> {
    sql::subject(&found.definition.replacen("INDEX", "INDEX CONCURRENTLY", 1))
}

/// Whether an index may be what a statement makes: as unique, and by the same method.
fn could_be(statement: &Subject, found: &Found) -> bool {
    let method = |subject: &Subject| match subject {
        Subject::CreateIndex { method, .. } => {
            method.as_deref().unwrap_or("btree").trim_matches('"').to_ascii_lowercase()
        }
        _ => String::new(),
    };
    let is_unique = matches!(statement, Subject::CreateIndex { unique: true, .. });
    found.is_unique == is_unique && read(found).is_none_or(|made| method(&made) == method(statement))
}

/// Whether an index is made of the very words of a statement. The server writes most of them in its own way, so this says
/// yes for columns and little else.
fn is_same(statement: &Subject, found: &Found) -> bool {
    match (statement, read(found)) {
        (Subject::CreateIndex { definition: a, .. }, Some(Subject::CreateIndex { definition: b, .. })) => {
            sql::same_but_for_comments(&a.to_lowercase(), &b.to_lowercase())
        }
        _ => false,
    }
}

const DATABASE: &str = "\
    SELECT EXISTS (SELECT FROM pg_catalog.pg_database \
    WHERE datname = (pg_catalog.parse_ident($1))[1]::name AND datconnlimit <> -2)";
const TABLESPACE: &str = "\
    SELECT EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE spcname = (pg_catalog.parse_ident($1))[1]::name)";
const SUBSCRIPTION: &str = "\
    SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid \
    WHERE s.subname = (pg_catalog.parse_ident($1))[1]::name AND d.datname = pg_catalog.current_database())";

/// Everything else.
impl Doubtful<'_> {
    /// What a statement creates is done when it is there, and what it drops when it is not.
    async fn existence(&self, sql: &str, name: &str, creates: bool) -> Result<Verdict, Unsettled> {
        let row = self.client().query_typed_one(sql, &[(&name, Type::TEXT)]).await?;
        Ok(self.done_if(row.get::<_, bool>(0) == creates))
    }

    /// Detaching takes two transactions; what is between them is finished by a statement of its own.
    async fn detached(&self, table: &str, partition: &str) -> Result<Verdict, Unsettled> {
        let pending = "\
            SELECT inhdetachpending FROM pg_catalog.pg_inherits \
            WHERE inhparent = pg_catalog.to_regclass($1) AND inhrelid = pg_catalog.to_regclass($2)";
        let rows =
            self.client().query_typed(pending, &[(&table, Type::TEXT), (&partition, Type::TEXT)]).await?;
        match rows.first().map(|row| row.get::<_, bool>(0)) {
            None => Ok(self.done_if(true)),
            Some(false) => Ok(Verdict::Run),
            Some(true) => {
                let finalize = format!("ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE");
                self.client().batch_execute(&finalize).await?;
                Ok(Verdict::Done)
            }
        }
    }

    /// A prepared transaction that is gone has been committed or rolled back, by whom is all one: it can be done once.
    async fn prepared(&self, transaction: &str) -> Result<Verdict, Unsettled> {
        // The constant is one token of the script, so it can stand here as it stands there.
        let sql = format!(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts \
             WHERE gid = {transaction} AND database = pg_catalog.current_database())"
        );
        let row = self.client().query_typed_one(&sql, &[]).await?;
        Ok(self.done_if(!row.get::<_, bool>(0)))
    }

    /// Whether this server can be trusted with the statement.
    pub(super) fn check_server(&self) -> Result<(), Unsettled> {
        match self.refuses.and_then(|refusal| danger(refusal, self.context.survey.server_version)) {
            Some(why) => Err(Unsettled::Unsafe { why }),
            None => Ok(()),
        }
    }
}

/// Why a server of this version must not run a statement.
fn danger(refusal: Refusal, server_version: i32) -> Option<String> {
    let builds = matches!(refusal, Refusal::CreateIndexConcurrently | Refusal::ReindexConcurrently);
    // Release notes of 14.4: "Prevent possible corruption of indexes created or rebuilt with the CONCURRENTLY option".
    (builds && (140_000..140_004).contains(&server_version)).then(|| {
        format!(
            "PostgreSQL 14.{} can corrupt indexes that are built concurrently; update the server to 14.4 or later",
            server_version % 10_000
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_not_built_concurrently_on_servers_that_corrupt_them() {
        let create = Refusal::CreateIndexConcurrently;
        for version in 140_000..=140_003 {
            let why = danger(create, version).unwrap();
            assert!(why.starts_with(&format!("PostgreSQL 14.{}", version - 140_000)), "{why}");
            assert!(danger(Refusal::ReindexConcurrently, version).is_some());
            assert_eq!(danger(Refusal::DropIndexConcurrently, version), None);
            assert_eq!(danger(Refusal::Vacuum, version), None);
        }
        for version in [130_022, 140_004, 140_023, 150_000, 180_001] {
            assert_eq!(danger(create, version), None, "{version}");
        }
    }

    fn found(definition: &str) -> Found {
        Found {
            schema: "public".to_owned(),
            name: "t_a_idx".to_owned(),
            is_valid: true,
            is_unique: definition.starts_with("CREATE UNIQUE"),
            definition: definition.to_owned(),
            is_newer: true,
        }
    }

    #[test]
    fn an_index_without_a_name_is_known_by_what_it_is_made_of() {
        let statement = |text: &str| sql::subject(text).unwrap();
        let made = found("CREATE INDEX t_a_idx ON public.t USING btree (a, b) WHERE c");
        assert!(is_same(&statement("CREATE INDEX CONCURRENTLY ON t (A,b) where C;"), &made));
        assert!(!is_same(&statement("CREATE INDEX CONCURRENTLY ON t (b, a) WHERE c"), &made));
        assert!(could_be(&statement("CREATE INDEX CONCURRENTLY ON t (b, a)"), &made));
        assert!(!could_be(&statement("CREATE UNIQUE INDEX CONCURRENTLY ON t (a, b)"), &made));
        assert!(!could_be(&statement("CREATE INDEX CONCURRENTLY ON t USING hash (a)"), &made));
    }
}
