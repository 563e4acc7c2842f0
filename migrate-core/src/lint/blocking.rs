//! Rules for statements that block other sessions: for a time proportional to the size of a table, or briefly.

use super::column;
use super::model::Model;
use super::rule::{Risk, Rule, family};
use super::script::{Found, Statement, locks_in_use};
use crate::sql::facts::SizeBucket;
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, ColumnChange, Constraint, ConstraintKind, LexedStatement,
    ObjectKind, QualifiedName, Span, StatementKind as Kind,
};
use crate::sql::{Condition, RelationLock, TableScan};

family! {
    Blocking, default;
    INDEX_NOT_CONCURRENT = "index-not-concurrent", Dangerous, "all",
        happens: "Blocks writes to the table until the index is built.",
        why: "CREATE INDEX holds SHARE on the table while it reads every row.",
        safe: "Run CREATE INDEX CONCURRENTLY in its own script. For a partitioned table, run CREATE INDEX … ON ONLY on it, \
               CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX … ATTACH PARTITION.",
        silent: "The table is new, or the index is created with ON ONLY on a partitioned table.";
    DROP_INDEX_NOT_CONCURRENT = "drop-index-not-concurrent", Careful, "all",
        happens: "Blocks all access to the table while the index is dropped, and while the statement waits for the longest \
                  running query.",
        why: "DROP INDEX takes ACCESS EXCLUSIVE on the table as well as the index.",
        safe: "Run DROP INDEX CONCURRENTLY in its own script, with one index per statement.",
        silent: "The index is new.";
    REINDEX_NOT_CONCURRENT = "reindex-not-concurrent", Dangerous, "all",
        happens: "Blocks writes to the table, and queries that would use its indexes, until the indexes are rebuilt.",
        why: "REINDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index.",
        safe: "Run REINDEX (CONCURRENTLY) in its own script.",
        silent: "The table is new.";
    UNIQUE_BUILDS_INDEX = "unique-builds-index", Dangerous, "all",
        happens: "Blocks all access to the table until the constraint's index is built.",
        why: "ADD UNIQUE holds ACCESS EXCLUSIVE while it builds the index.",
        safe: "Run CREATE UNIQUE INDEX CONCURRENTLY in its own script, then ADD CONSTRAINT … UNIQUE USING INDEX.",
        silent: "The table is new, or the constraint uses an existing index.";
    PRIMARY_KEY_BUILDS_INDEX = "primary-key-builds-index", Dangerous, "all",
        happens: "Blocks all access to the table until the key's index is built and its columns are checked for nulls.",
        why: "ADD PRIMARY KEY holds ACCESS EXCLUSIVE while it builds the index.",
        safe: "Make the columns NOT NULL, run CREATE UNIQUE INDEX CONCURRENTLY in its own script, then ADD PRIMARY KEY USING INDEX.",
        silent: "The table is new, or the key uses an existing index.";
    PRIMARY_KEY_USING_NULLABLE = "primary-key-using-nullable", Dangerous, "all",
        happens: "Blocks all access to the table while its columns are checked for nulls.",
        why: "A primary key makes its columns NOT NULL. The check reads the whole table under ACCESS EXCLUSIVE.",
        safe: "Make the columns NOT NULL first: add a CHECK (… IS NOT NULL) NOT VALID, validate it in a later script, then SET NOT NULL.",
        silent: "The columns are known to be NOT NULL.";
    EXCLUDE_BUILDS_INDEX = "exclude-builds-index", Dangerous, "all",
        happens: "Blocks all access to the table until the constraint's index is built.",
        why: "ADD EXCLUDE holds ACCESS EXCLUSIVE while it builds the index. It cannot use an existing index.",
        safe: "There is no online alternative. Run it during low traffic, or fill a new table that has the constraint.",
        silent: "The table is new.";
    CHECK_SCANS = "check-scans", Dangerous, "all",
        happens: "Blocks all access to the table while every row is checked.",
        why: "Adding a CHECK verifies it under ACCESS EXCLUSIVE.",
        safe: "Run ADD CONSTRAINT … CHECK (…) NOT VALID, then VALIDATE CONSTRAINT in a later script.",
        silent: "The table is new, or the constraint is NOT VALID or NOT ENFORCED.";
    NOT_NULL_SCANS = "not-null-scans", Dangerous, "all",
        happens: "Blocks all access to the table while every row is checked for nulls.",
        why: "SET NOT NULL reads the table under ACCESS EXCLUSIVE.",
        safe: "Run ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT in a later script, then SET NOT \
               NULL. Since PostgreSQL 18, ADD CONSTRAINT … NOT NULL … NOT VALID and VALIDATE CONSTRAINT are enough.",
        silent: "The table is new, or an earlier migration validated a CHECK that excludes nulls.";
    FOREIGN_KEY_SCANS = "foreign-key-scans", Dangerous, "all",
        happens: "Blocks writes to both tables while every row is looked up in the referenced table.",
        why: "Adding a foreign key verifies it under SHARE ROW EXCLUSIVE on both tables.",
        safe: "Run ADD CONSTRAINT … FOREIGN KEY … NOT VALID, then VALIDATE CONSTRAINT in a later script.",
        silent: "The table is new, the key is NOT VALID, or the key is on a new column without a default.";
    TYPE_REWRITES = "type-rewrites", Dangerous, "all",
        happens: "Blocks all access to the table until it and all its indexes are rewritten.",
        why: "The stored values are converted under ACCESS EXCLUSIVE.",
        safe: "Add a column of the new type, keep it in sync with a trigger, fill it in batches, then swap the two columns.",
        silent: "The table is new, or both types have the same stored form: varchar(50) to varchar(100) or text.";
    TYPE_REBUILDS_INDEX = "type-rebuilds-index", Dangerous, "all",
        happens: "Blocks all access to the table until the indexes on the column are rebuilt.",
        why: "The rows are not rewritten, but their order in the index changes, or the server cannot tell that it stays the same.",
        safe: "Drop the index CONCURRENTLY first, and create it CONCURRENTLY afterwards, each in its own script.",
        silent: "The column has no index, or the index stays as it is.";
    TYPE_RESCANS_CHECKS = "type-rescans-checks", Dangerous, "all",
        happens: "Blocks all access to the table while a CHECK on the column is verified again.",
        why: "Changing the type recreates the column's checks, even if the new type is the same.",
        safe: "Drop the check, change the type, add the check NOT VALID, then validate it in a later script.",
        silent: "No check names the column.";
    TYPE_TIMEZONE = "type-timezone", Dangerous, "all",
        happens: "Blocks all access to the table until it is rewritten, unless the session's time zone is UTC.",
        why: "Times with and without a time zone have the same stored form only in UTC.",
        safe: "If the values are in UTC, run SET LOCAL timezone = 'UTC' first. Otherwise, add a new column and fill it in batches.",
        silent: "The session's time zone is known to be UTC, and the column has no index.";
    TYPE_LOCKS_REFERENCED = "type-locks-referenced", Careful, "all",
        happens: "Also blocks all access to the table at the other end of the foreign key.",
        why: "Changing the type recreates the foreign key, under ACCESS EXCLUSIVE on both tables.",
        safe: "Drop the key first, add it NOT VALID afterwards, and validate it in a later script.",
        silent: "No foreign key on the column is known.";
    DOMAIN_CONSTRAINT = "domain-constraint", Dangerous, "all",
        happens: "Blocks writes to each table that uses the domain while every row of it is checked.",
        why: "The constraint is verified under SHARE on each of these tables.",
        safe: "Run ADD CONSTRAINT … CHECK (…) NOT VALID, then VALIDATE CONSTRAINT in a later script.",
        silent: "The constraint is NOT VALID, or only new tables use the domain.";
    ATTACH_PARTITION_SCANS = "attach-partition-scans", Dangerous, "all",
        happens: "Blocks all access to the partition or the default partition while every row of it is checked.",
        why: "Every row of the partition must be within its bounds, and no row of the default partition may be.",
        safe: "Before attaching, add two NOT VALID checks in scripts of their own: one with the bounds on the partition, and \
               one that excludes them on the default partition. Validate both, and drop them after ATTACH PARTITION.",
        silent: "Validated checks imply the bounds, or the partition is new and there is no default partition.";
    PARTITION_OF_WITH_DEFAULT = "partition-of-with-default", Dangerous, "all",
        happens: "Blocks all access to the partitioned table while every row of its default partition is checked.",
        why: "No row of the default partition may belong to the new partition. The check runs under ACCESS EXCLUSIVE on the parent.",
        safe: "Run CREATE TABLE … (LIKE … INCLUDING ALL), exclude the bounds with a validated CHECK on the default partition, \
               then ATTACH PARTITION.",
        silent: "There is no default partition, or a validated CHECK excludes the bounds.";
    DETACH_NOT_CONCURRENT = "detach-not-concurrent", Careful, "all",
        happens: "Blocks all access to the partitioned table, including while the statement waits for the longest running query.",
        why: "DETACH PARTITION takes ACCESS EXCLUSIVE on the parent, the partition and the default partition.",
        safe: "Run DETACH PARTITION … CONCURRENTLY in its own script, if there is no default partition.",
        silent: "The partitioned table is new.";
    SET_LOGGED = "set-logged", Dangerous, "all",
        happens: "Blocks all access to the table until it and its indexes are rewritten. SET LOGGED also sends all of it to replicas.",
        why: "SET LOGGED and SET UNLOGGED copy the table under ACCESS EXCLUSIVE.",
        safe: "Create a table with the intended persistence, then copy the rows in batches.",
        silent: "The table is new, or already has the intended persistence.";
    REWRITE_TABLE = "rewrite-table", Dangerous, "all",
        happens: "Blocks all access to the table while it is copied.",
        why: "CLUSTER, VACUUM FULL, SET TABLESPACE and SET ACCESS METHOD copy the table under ACCESS EXCLUSIVE.",
        safe: "Use pg_repack, or fill a new table in batches.",
        silent: "The table is new.";
    REFRESH_BLOCKS_READS = "refresh-blocks-reads", Dangerous, "all",
        happens: "Blocks reads of the materialized view until its query has finished.",
        why: "REFRESH holds ACCESS EXCLUSIVE while the query runs.",
        safe: "Run REFRESH MATERIALIZED VIEW CONCURRENTLY. It requires a unique index without a WHERE clause on the view.",
        silent: "The view is new.";
    SHORT_LOCK = "short-lock", Careful, "all",
        happens: "Blocks all access to the table for a moment, and while the statement waits for the longest running query.",
        why: "The statement takes ACCESS EXCLUSIVE for a moment. The run's lock timeout bounds the wait, and the run retries.",
        safe: "Run it when there are no long-running queries, and keep other statements out of its transaction.",
        silent: "The table is new, or another rule reports the statement.";
}

/// A part of a statement, and the rule for its cost.
pub(super) struct Part {
    pub(super) rule: &'static Rule,
    /// The part as a separate statement, unless it is the whole statement.
    pub(super) statement: Option<String>,
    pub(super) span: Span,
    pub(super) subject: String,
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    for part in parts(statement) {
        let locks = match &part.statement {
            Some(text) => locks_in_use(&LexedStatement::new(text).parse(), statement.model),
            None => statement.locks.clone(),
        };
        match locks {
            Some(locks) => {
                found.extend(other_ends(&part, &locks, statement.model));
                found.extend(judged(&part, &locks, statement.model));
            }
            None if is_about_everything(&statement.parsed.kind) => {
                found.push(Found::new(
                    part.rule,
                    part.span,
                    part.subject,
                    part.rule.happens.trim_end_matches('.').to_owned(),
                ));
            }
            None => {}
        }
    }
}

/// True for the kinds of statements that may affect all tables: `REINDEX DATABASE`, and `VACUUM FULL` and
/// `CLUSTER` without a table.
fn is_about_everything(kind: &Kind<'_>) -> bool {
    matches!(kind, Kind::Reindex(_) | Kind::Vacuum(_) | Kind::Cluster(_))
}

fn judged(part: &Part, locks: &[RelationLock], model: &Model) -> Option<Found> {
    let heavy: Vec<&RelationLock> = locks.iter().filter(|lock| lock.is_heavy()).collect();
    if !heavy.is_empty() {
        let message = heavy.iter().map(|lock| waits(lock, model.size(lock))).collect::<Vec<_>>().join("; ");
        let found = Found::new(rule_of(part.rule, &heavy), part.span, part.subject.clone(), message);
        let is_small = heavy.iter().all(|lock| model.size(lock).is_some_and(SizeBucket::is_small));
        return Some(if is_small { found.at_risk(Risk::Careful) } else { found });
    }
    let depends = |lock: &&RelationLock| {
        lock.mode.blocks_writes() && lock.otherwise.is_some_and(|scan| scan >= TableScan::Scan)
    };
    if let Some(lock) = locks.iter().find(depends) {
        let message = waits(lock, model.size(lock));
        return Some(Found::new(part.rule, part.span, part.subject.clone(), message).at_risk(Risk::Careful));
    }
    let is_short = part.rule.risk == Risk::Careful
        || [&PARTITION_OF_WITH_DEFAULT, &ATTACH_PARTITION_SCANS].contains(&part.rule);
    let strong: Vec<&RelationLock> = locks.iter().filter(|lock| lock.mode.blocks_reads()).collect();
    (is_short && !strong.is_empty()).then(|| short(part.rule, part.span, &part.subject, &strong))
}

/// Finds the tables that a type change locks because of foreign keys.
fn other_ends(part: &Part, locks: &[RelationLock], model: &Model) -> Option<Found> {
    if part.rule != &TYPE_REWRITES {
        return None;
    }
    let is_child = |lock: &RelationLock| {
        let relation = lock.origin.as_ref().and_then(|name| model.facts.relations.get(name));
        relation.is_some_and(|relation| !relation.parents.is_empty())
    };
    let others: Vec<&RelationLock> =
        locks.iter().skip(1).filter(|lock| !lock.is_heavy() && !is_child(lock)).collect();
    (!others.is_empty()).then(|| short(&TYPE_LOCKS_REFERENCED, part.span, &part.subject, &others))
}

/// Returns the rule for the work of a part; a type change has one of several rules.
fn rule_of(rule: &'static Rule, heavy: &[&RelationLock]) -> &'static Rule {
    if rule != &TYPE_REWRITES {
        return rule;
    }
    match heavy.iter().map(|lock| lock.scan).max() {
        Some(TableScan::Build) => &TYPE_REBUILDS_INDEX,
        Some(TableScan::Scan) => &TYPE_RESCANS_CHECKS,
        _ if heavy.iter().any(|lock| lock.condition == Some(Condition::TimeZone)) => &TYPE_TIMEZONE,
        _ => rule,
    }
}

/// Describes the effect of a lock: `nobody can write users while an index is built`.
fn waits(lock: &RelationLock, size: Option<SizeBucket>) -> String {
    let use_of = if lock.mode.blocks_reads() { "read or write" } else { "write" };
    let relation = match size {
        Some(size) => format!("{} ({size})", lock.relation),
        None => lock.relation.clone(),
    };
    let note = lock.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let work = match lock.scan {
        TableScan::Scan => " while all of it is read",
        TableScan::Build => " while an index is built",
        TableScan::Rewrite => " while it is rewritten",
        _ => " for a moment",
    };
    format!("nobody can {use_of} {relation}{work}{note}")
}

fn short(rule: &'static Rule, span: Span, subject: &str, locks: &[&RelationLock]) -> Found {
    let relations: Vec<&str> = locks.iter().map(|lock| lock.relation.as_str()).collect();
    let note = locks.iter().find_map(|lock| lock.note.as_ref());
    let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
    let message = format!("reads and writes of {} are blocked for a moment{note}", relations.join(", "));
    Found::new(rule, span, subject, message).at_risk(Risk::Careful)
}

/// Finds a short lock that blocks reads and writes, for a statement that no other rule reports.
pub(super) fn short_lock(statement: &Statement<'_>) -> Option<Found> {
    let strong: Vec<&RelationLock> =
        statement.locks().iter().filter(|lock| lock.mode.blocks_reads()).collect();
    let first = strong.first()?;
    Some(short(&SHORT_LOCK, statement.span(), &first.relation, &strong))
}

fn parts(statement: &Statement<'_>) -> Vec<Part> {
    let whole = |rule, subject: String| vec![Part { rule, statement: None, span: statement.span(), subject }];
    match &statement.parsed.kind {
        Kind::CreateIndex(index) if index.concurrently.is_none() => {
            whole(&INDEX_NOT_CONCURRENT, index.table.name.written())
        }
        Kind::Drop(drop) if drop.kind == ObjectKind::Index && drop.concurrently.is_none() => {
            let names: Vec<String> = drop.names.iter().map(QualifiedName::written).collect();
            whole(&DROP_INDEX_NOT_CONCURRENT, names.join(", "))
        }
        Kind::Reindex(reindex) if !reindex.concurrently => whole(
            &REINDEX_NOT_CONCURRENT,
            reindex.name.as_ref().map(QualifiedName::written).unwrap_or_default(),
        ),
        Kind::Cluster(cluster) => {
            whole(&REWRITE_TABLE, cluster.table.as_ref().map(QualifiedName::written).unwrap_or_default())
        }
        Kind::Vacuum(vacuum) if vacuum.is_full => {
            let names: Vec<String> = vacuum.tables.iter().map(|table| table.name.written()).collect();
            whole(&REWRITE_TABLE, names.join(", "))
        }
        Kind::Refresh(refresh) if refresh.concurrently.is_none() => {
            whole(&REFRESH_BLOCKS_READS, refresh.name.written())
        }
        Kind::AlterDomain(alter) => whole(&DOMAIN_CONSTRAINT, alter.name.written()),
        Kind::CreateTable(create) => match &create.partition_of {
            Some(of) => whole(&PARTITION_OF_WITH_DEFAULT, of.parent.written()),
            None => Vec::new(),
        },
        Kind::AlterRelation(alter) => altered(statement, alter),
        _ => Vec::new(),
    }
}

/// Splits an `ALTER TABLE` into a statement for each of its actions.
fn altered(statement: &Statement<'_>, alter: &AlterRelation<'_>) -> Vec<Part> {
    let Some(first) = alter.actions.first() else { return Vec::new() };
    let prefix = &statement.text[..first.span.start];
    let table = alter.relation.name.written();
    let mut parts = Vec::new();
    for action in &alter.actions {
        if let Action::AddColumn { column, if_not_exists } = &action.kind {
            parts.extend(column::parts(statement.text, prefix, &table, column, *if_not_exists));
            continue;
        }
        let Some(rule) = rule_for(&action.kind) else { continue };
        let subject = match &action.kind {
            Action::AlterColumn { column: Some(column), .. } => format!("{table}.{column}"),
            _ => table.clone(),
        };
        let is_alone = alter.actions.len() == 1;
        let own = (!is_alone).then(|| format!("{prefix}{}", action.span.text(statement.text)));
        parts.push(Part { rule, statement: own, span: action.span, subject });
    }
    parts
}

fn rule_for(action: &Action<'_>) -> Option<&'static Rule> {
    Some(match action {
        Action::AddConstraint(constraint) => of_constraint(constraint),
        Action::AlterColumn { change, .. } => match change {
            ColumnChange::SetType { .. } => &TYPE_REWRITES,
            ColumnChange::SetNotNull => &NOT_NULL_SCANS,
            ColumnChange::SetExpression(_) => &column::STORED_GENERATED_COLUMN,
            _ => return None,
        },
        Action::AttachPartition { bound: Some(_), .. } => &ATTACH_PARTITION_SCANS,
        Action::DetachPartition { concurrently: None, finalize: false, .. } => &DETACH_NOT_CONCURRENT,
        Action::SetLogged | Action::SetUnlogged => &SET_LOGGED,
        Action::SetAccessMethod { .. } | Action::SetTablespace { .. } => &REWRITE_TABLE,
        _ => return None,
    })
}

/// Returns the rule for the cost of adding a constraint.
pub(super) fn of_constraint(constraint: &Constraint<'_>) -> &'static Rule {
    match &constraint.kind {
        ConstraintKind::NotNull { .. } => &NOT_NULL_SCANS,
        ConstraintKind::Check { .. } => &CHECK_SCANS,
        ConstraintKind::Unique(_) => &UNIQUE_BUILDS_INDEX,
        ConstraintKind::PrimaryKey(index) if index.using_index.is_some() => &PRIMARY_KEY_USING_NULLABLE,
        ConstraintKind::PrimaryKey(_) => &PRIMARY_KEY_BUILDS_INDEX,
        ConstraintKind::Exclude(_) => &EXCLUDE_BUILDS_INDEX,
        ConstraintKind::ForeignKey(_) => &FOREIGN_KEY_SCANS,
    }
}
