//! Indexes in doubt: the definition and the age of an index tell whether an earlier try of a statement made it.

use super::{Before, InDoubtStatement, RecoveryAction, Unsettled};
use crate::execute::history_error::is_contention;
use crate::sql::quote::{quote_ident, quote_literal};
use crate::sql::transaction::BEGIN;
use migrate_core::Options;
use migrate_core::sql::{self, Refusal, Subject};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::{Oid, ToSql, Type};

/// An index that may be what a `CREATE INDEX CONCURRENTLY` has made.
struct FoundIndex {
    oid: Oid,
    schema: String,
    name: String,
    is_valid: bool,
    /// True if it was made after the checkpoint came to the statement; none if that is unknown.
    is_newer: Option<bool>,
}

/// The indexes that are the same as the one that a statement makes, but for their names; or why that can't be told.
type Same = Result<Vec<Oid>, String>;

/// Which index of the same name or definition may be a statement's.
enum Likeness {
    Same,
    Different,
    Unknown(String),
}

fn likeness(same: &Same, found: &FoundIndex) -> Likeness {
    match same {
        Ok(same) if same.contains(&found.oid) => Likeness::Same,
        Ok(_) => Likeness::Different,
        Err(why) => Likeness::Unknown(why.clone()),
    }
}

/// The age of an index: that of the oldest of its rows. Renaming it, validating it and the like write only some of them.
const AGE: &str = "\
    SELECT max(pg_catalog.age(r.x)) FROM (SELECT i.xmin AS x UNION ALL SELECT c.xmin \
      UNION ALL SELECT a.xmin FROM pg_catalog.pg_attribute a WHERE a.attrelid = i.indexrelid \
      UNION ALL SELECT d.xmin FROM pg_catalog.pg_depend d \
        WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = i.indexrelid) r";

/// All that makes an index what it is, its name and table aside. `i` is its row of `pg_index`.
///
/// Of a column `pg_get_indexdef` prints its name or its expression. The columns' numbers are no measure: a table that has
/// lost a column numbers its columns differently from a copy.
fn shape(i: &str) -> String {
    format!(
        "(SELECT ROW(k.relam, k.reltablespace, k.reloptions, {i}.indisunique, {i}.indisexclusion, {i}.indisprimary, \
           {i}.indimmediate, {i}.indnkeyatts, {i}.indclass, {i}.indcollation, {i}.indoption, \
           pg_catalog.to_jsonb({i}) ->> 'indnullsnotdistinct', pg_catalog.pg_get_expr({i}.indpred, {i}.indrelid), \
           ARRAY(SELECT pg_catalog.pg_get_indexdef({i}.indexrelid, n, false) \
             FROM pg_catalog.generate_series(1, {i}.indnatts) n), \
           ARRAY(SELECT a.attoptions::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = {i}.indexrelid \
             ORDER BY a.attnum))::text \
         FROM pg_catalog.pg_class k WHERE k.oid = {i}.indexrelid)"
    )
}

impl InDoubtStatement<'_> {
    /// The indexes of a table, of one name if it is given; not those that another session is building.
    async fn indexes(
        &self,
        table: &str,
        name: Option<&str>,
    ) -> Result<Vec<FoundIndex>, tokio_postgres::Error> {
        let sql = format!(
            "SELECT i.indexrelid, n.nspname::text, c.relname::text, i.indisvalid, {is_newer} \
             FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE i.indrelid = pg_catalog.to_regclass($1) AND c.relkind = 'i' \
               AND ($2 IS NULL OR c.relname = (pg_catalog.parse_ident($2))[1]::name) \
               AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index p \
                 WHERE p.index_relid = i.indexrelid AND p.pid <> pg_catalog.pg_backend_pid()) \
             ORDER BY c.relname",
            is_newer = self.is_newer(AGE),
        );
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&table, Type::TEXT), (&name, Type::TEXT)];
        let rows = self.context.ask(&sql, &parameters).await?;
        let found = |row: &tokio_postgres::Row| FoundIndex {
            oid: row.get(0),
            schema: row.get(1),
            name: row.get(2),
            is_valid: row.get(3),
            is_newer: row.get(4),
        };
        Ok(rows.iter().map(found).collect())
    }

    /// Which of some indexes are the same as the one that the statement makes. The server says so: it builds that one on an
    /// empty copy of the table, in a transaction that is rolled back. The copy stands beside the table, since whoever may
    /// index a table may create in its schema.
    async fn same_as(&self, subject: &Subject, found: &[&FoundIndex]) -> Result<Same, tokio_postgres::Error> {
        let Subject::CreateIndex { table, unique, method, definition, .. } = subject else {
            return Ok(Ok(Vec::new()));
        };
        let Some(first) = found.first() else { return Ok(Ok(Vec::new())) };
        let copy = format!(
            "{}.{}",
            quote_ident(&first.schema),
            quote_ident(&format!("migrate_recovery_{}", self.context.run.run))
        );
        let unique = if *unique { "UNIQUE" } else { "" };
        let using = method.as_deref().map(|method| format!("USING {method}")).unwrap_or_default();
        let oids: Vec<String> = found.iter().map(|found| found.oid.to_string()).collect();
        let message = format!(
            "{BEGIN};\n{timeouts};\nCREATE TABLE {copy} (LIKE {table});\n\
             CREATE {unique} INDEX ON {copy} {using} {definition}\n;\n\
             SELECT f.indexrelid FROM pg_catalog.pg_index f, pg_catalog.pg_index m \
             WHERE m.indrelid = {copied}::regclass AND f.indexrelid IN ({oids}) AND {a} = {b};\nROLLBACK",
            timeouts = self.context.timeouts(&Options::NONE, true).join(";\n"),
            copied = quote_literal(&copy),
            oids = oids.join(", "),
            a = shape("f"),
            b = shape("m"),
        );
        let error = match self.client().simple_query(&message).await {
            Ok(answers) => return Ok(Ok(answers.iter().filter_map(oid).collect())),
            Err(error) => error,
        };
        if !self.client().is_closed() {
            self.client().batch_execute("ROLLBACK").await?;
        }
        match error.as_db_error() {
            Some(db) if !is_contention(&error) => Ok(Err(db.message().to_owned())),
            _ => Err(error),
        }
    }

    /// A valid index of the name and the definition that was made since is the one of an earlier try. An older one, or one
    /// of another definition, is not: the server says that it is in the way. An INVALID one that this statement would make
    /// is of no use, whoever left it, and with IF NOT EXISTS it would stay for good. The same holds for one that the wrong
    /// statement would make which this one corrects.
    pub(super) async fn named_index(
        &self,
        subject: &Subject,
        name: &str,
    ) -> Result<RecoveryAction, Unsettled> {
        let Subject::CreateIndex { table, .. } = subject else { return Ok(RecoveryAction::Run) };
        let indexes = self.indexes(table, Some(name)).await?;
        let Some(found) = indexes.first() else { return Ok(RecoveryAction::Run) };
        if found.is_valid && (self.before != Before::Unknown || found.is_newer == Some(false)) {
            return Ok(RecoveryAction::Run);
        }
        let likeness = likeness(&self.same_as(subject, &[found]).await?, found);
        if !found.is_valid && self.is_of_wrong(table, name, found).await? {
            self.drop_index(found).await?;
            return Ok(RecoveryAction::Run);
        }
        match (found.is_valid, likeness, found.is_newer) {
            (_, Likeness::Different, _) => Ok(RecoveryAction::Run),
            (true, Likeness::Same, Some(true)) => Ok(RecoveryAction::Done),
            (true, Likeness::Same, _) => {
                self.undecidable(format!("the index {name} exists, and it is unknown since when"))
            }
            (true, Likeness::Unknown(why), _) => self.undecidable(format!(
                "the index {name} was created since, and it is unknown whether this statement did so ({why})"
            )),
            (false, Likeness::Same, _) | (false, Likeness::Unknown(_), Some(true)) => {
                self.drop_index(found).await?;
                Ok(RecoveryAction::Run)
            }
            (false, Likeness::Unknown(_), _) => Ok(RecoveryAction::Run),
        }
    }

    /// True if an index is that of the failed statement, which this one corrects.
    async fn is_of_wrong(
        &self,
        table: &str,
        name: &str,
        found: &FoundIndex,
    ) -> Result<bool, tokio_postgres::Error> {
        let Some(wrong) = self.wrong.and_then(sql::subject) else { return Ok(false) };
        let is_meant = matches!(&wrong, Subject::CreateIndex { table: of, name: Some(called), .. } if of == table && called == name);
        Ok(is_meant && matches!(likeness(&self.same_as(&wrong, &[found]).await?, found), Likeness::Same))
    }

    /// The server has given it a name that we don't know: definition and age tell which one it could be.
    pub(super) async fn unnamed_index(&self, subject: &Subject) -> Result<RecoveryAction, Unsettled> {
        let Subject::CreateIndex { table, .. } = subject else { return Ok(RecoveryAction::Run) };
        if self.before == Before::Nothing {
            return Ok(RecoveryAction::Run);
        }
        let indexes = self.indexes(table, None).await?;
        let newer: Vec<&FoundIndex> = indexes.iter().filter(|found| found.is_newer != Some(false)).collect();
        let same = self.same_as(subject, &newer).await?;
        let could_be =
            newer.into_iter().filter(|found| !matches!(likeness(&same, found), Likeness::Different));
        let (valid, invalid): (Vec<&FoundIndex>, Vec<&FoundIndex>) =
            could_be.partition(|found| found.is_valid);
        let is_certain = |found: &FoundIndex| same.is_ok() && found.is_newer == Some(true);
        match (valid.as_slice(), invalid.as_slice()) {
            ([], []) => Ok(RecoveryAction::Run),
            ([], [left]) if is_certain(left) => {
                self.drop_index(left).await?;
                Ok(RecoveryAction::Run)
            }
            (_, []) if self.before == Before::Failed => Ok(RecoveryAction::Run),
            ([made], []) if is_certain(made) => Ok(RecoveryAction::Done),
            (valid, invalid) => {
                let names: Vec<&str> = valid.iter().chain(invalid).map(|found| found.name.as_str()).collect();
                self.undecidable(format!(
                    "the script does not name the index, and {table} has several that match, or one that another \
                     session may have created: {}",
                    names.join(", ")
                ))
            }
        }
    }

    /// Checks that an index which the server reports as done is valid. It is not if the statement met an
    /// INVALID one after our look.
    pub(in crate::execute) async fn check_valid(&self) -> Result<(), Unsettled> {
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

    async fn drop_index(&self, found: &FoundIndex) -> Result<(), tokio_postgres::Error> {
        self.drop_leftover(&found.schema, &found.name).await
    }

    async fn drop_leftover(&self, schema: &str, name: &str) -> Result<(), tokio_postgres::Error> {
        let drop = format!("DROP INDEX CONCURRENTLY IF EXISTS {}.{}", quote_ident(schema), quote_ident(name));
        self.context.run_alone(&drop).await
    }

    /// An index that is gone is done. One that is there is to be dropped, if it is the one that was: another one may have
    /// been made since, or the name could mean another one now, further down the search path.
    pub(super) async fn dropped_indexes(&self, names: &[String]) -> Result<RecoveryAction, Unsettled> {
        if self.before != Before::Unknown {
            return Ok(RecoveryAction::Run);
        }
        let sql = format!("{INDEXES_LEFT_BEGIN} {} {INDEXES_LEFT_END}", self.is_newer(AGE));
        let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&names, Type::TEXT_ARRAY)];
        let rows = self.context.ask(&sql, &parameters).await?;
        if rows.is_empty() {
            return Ok(RecoveryAction::Done);
        }
        for row in &rows {
            let (name, is_further, is_newer): (&str, bool, Option<bool>) =
                (row.get(0), row.get(1), row.get(2));
            if is_newer == Some(true) {
                return self.undecidable(format!(
                    "{name} was created since, so it is not the index that was to be dropped"
                ));
            }
            if is_further {
                return self.undecidable(format!(
                    "{name} may not be the index that was to be dropped, which may have been in an earlier schema of \
                     the search_path"
                ));
            }
        }
        Ok(RecoveryAction::Run)
    }

    /// Runs again: what it rebuilds it can rebuild twice. But the new indexes of the first time are in the way of none, and
    /// cost every write.
    pub(super) async fn reindexed(&self, name: &str, is_index: bool) -> Result<RecoveryAction, Unsettled> {
        if self.refuses != Some(Refusal::ReindexConcurrently) {
            return Ok(RecoveryAction::Run);
        }
        // The old index has been renamed since, the new one made.
        let is_newer = self.is_newer("pg_catalog.age(c.xmin)");
        let sql = format!("{REINDEX_LEFT} AND {is_newer}");
        let parameters: [(&(dyn ToSql + Sync), Type); 2] = [(&name, Type::TEXT), (&is_index, Type::BOOL)];
        for row in self.context.ask(&sql, &parameters).await? {
            self.drop_leftover(row.get(0), row.get(1)).await?;
        }
        Ok(RecoveryAction::Run)
    }
}

fn oid(message: &SimpleQueryMessage) -> Option<Oid> {
    match message {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    }
}

/// The indexes that the names mean now, and whether each may be another one than before: a name without a schema, and
/// an index that is as it was and not in the first schema of the search path; and whether each was made since.
const INDEXES_LEFT_BEGIN: &str = "\
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), i.indisvalid AND array_length(pg_catalog.parse_ident(w.name), 1) = 1 \
      AND n.nspname <> pg_catalog.current_schema(),";
const INDEXES_LEFT_END: &str = "\
    FROM unnest($1) AS w (name) JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(w.name) \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid";

/// The indexes that an interrupted `REINDEX CONCURRENTLY` leaves: `…_ccnew`, the new index, or `…_ccold`, the
/// old one that has been replaced. Both are to be dropped (manual, REINDEX, "Rebuilding Indexes
/// Concurrently").
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
