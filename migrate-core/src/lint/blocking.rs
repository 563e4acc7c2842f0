//! Rules for statements that make others wait: as long as a table is large, or briefly.

use super::column;
use super::model::Model;
use super::rule::{Risk, Rule, family};
use super::script::{Found, Statement, locks_in_use};
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, ColumnChange, Constraint, ConstraintKind, ObjectKind,
    QualifiedName, Span, StatementKind as Kind,
};
use crate::sql::{RelationLock, TableScan};
use std::borrow::Cow;

family! {
    INDEX_NOT_CONCURRENT = "index-not-concurrent", Dangerous, "all",
        happens: "Everyone who writes to the table waits until the index is built.",
        why: "CREATE INDEX holds SHARE on the table, and reads all of it.",
        safe: "CREATE INDEX CONCURRENTLY in a script of its own; on a partitioned table CREATE INDEX ON ONLY it, CONCURRENTLY on each \
               partition, and ALTER INDEX … ATTACH PARTITION.",
        silent: "The table is new, or the index is made ON ONLY a partitioned table.";
    DROP_INDEX_NOT_CONCURRENT = "drop-index-not-concurrent", Careful, "all",
        happens: "Everyone who uses the table waits while the index is dropped, and for the longest query before that.",
        why: "DROP INDEX takes ACCESS EXCLUSIVE on the table too.",
        safe: "DROP INDEX CONCURRENTLY in a script of its own, one index a statement.",
        silent: "The index is new.";
    REINDEX_NOT_CONCURRENT = "reindex-not-concurrent", Dangerous, "all",
        happens: "Everyone who writes to the table waits until its indexes are built, and so do queries that would use them.",
        why: "REINDEX holds SHARE on the table and ACCESS EXCLUSIVE on the index.",
        safe: "REINDEX (CONCURRENTLY) in a script of its own.",
        silent: "The table is new.";
    UNIQUE_BUILDS_INDEX = "unique-builds-index", Dangerous, "all",
        happens: "Everyone who uses the table waits until the index of the constraint is built.",
        why: "ADD UNIQUE holds ACCESS EXCLUSIVE while it builds.",
        safe: "CREATE UNIQUE INDEX CONCURRENTLY in a script of its own, then ADD CONSTRAINT … UNIQUE USING INDEX.",
        silent: "The table is new, or the constraint takes an index that is there.";
    PRIMARY_KEY_BUILDS_INDEX = "primary-key-builds-index", Dangerous, "all",
        happens: "Everyone who uses the table waits until the index of the key is built and its columns are checked for nulls.",
        why: "ADD PRIMARY KEY holds ACCESS EXCLUSIVE while it builds.",
        safe: "Make the columns NOT NULL, CREATE UNIQUE INDEX CONCURRENTLY in a script of its own, then ADD PRIMARY KEY USING INDEX.",
        silent: "The table is new, or the key takes an index that is there.";
    PRIMARY_KEY_USING_NULLABLE = "primary-key-using-nullable", Dangerous, "all",
        happens: "Everyone who uses the table waits while its columns are checked for nulls.",
        why: "A primary key makes its columns NOT NULL, which reads all of the table under ACCESS EXCLUSIVE.",
        safe: "Make the columns NOT NULL first: a CHECK (… IS NOT NULL) NOT VALID, VALIDATE in a later script, SET NOT NULL.",
        silent: "The columns are known to be NOT NULL.";
    EXCLUDE_BUILDS_INDEX = "exclude-builds-index", Dangerous, "all",
        happens: "Everyone who uses the table waits until the index of the constraint is built.",
        why: "ADD EXCLUDE holds ACCESS EXCLUSIVE while it builds, and takes no index that is there.",
        safe: "There is no way around it: run it when traffic is low, or fill a new table that has the constraint.",
        silent: "The table is new.";
    CHECK_SCANS = "check-scans", Dangerous, "all",
        happens: "Everyone who uses the table waits while all of it is checked.",
        why: "A CHECK is verified under ACCESS EXCLUSIVE when it is added.",
        safe: "ADD CONSTRAINT … CHECK (…) NOT VALID, and VALIDATE CONSTRAINT in a later script.",
        silent: "The table is new, or the constraint is NOT VALID or NOT ENFORCED.";
    NOT_NULL_SCANS = "not-null-scans", Dangerous, "all",
        happens: "Everyone who uses the table waits while all of it is checked for nulls.",
        why: "SET NOT NULL reads the table under ACCESS EXCLUSIVE.",
        safe: "ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT in a later script, then SET NOT NULL; since \
               PostgreSQL 18 ADD CONSTRAINT … NOT NULL … NOT VALID and VALIDATE.",
        silent: "The table is new, or an earlier migration validated a CHECK that excludes nulls.";
    FOREIGN_KEY_SCANS = "foreign-key-scans", Dangerous, "all",
        happens: "Everyone who writes to either table waits while all rows are looked up in the other one.",
        why: "A foreign key is verified under SHARE ROW EXCLUSIVE on both tables when it is added.",
        safe: "ADD CONSTRAINT … FOREIGN KEY … NOT VALID, and VALIDATE CONSTRAINT in a later script.",
        silent: "The table is new, the key is NOT VALID, or it is of a new column without a default.";
    TYPE_REWRITES = "type-rewrites", Dangerous, "all",
        happens: "Everyone who uses the table waits while it and all its indexes are written anew.",
        why: "The stored values have to be converted, under ACCESS EXCLUSIVE.",
        safe: "Add a column of the new type, keep it equal by a trigger, fill it in batches, and swap the two.",
        silent: "The table is new, or the old type is stored as the new one is: varchar(50) to varchar(100) or text.";
    TYPE_REBUILDS_INDEX = "type-rebuilds-index", Dangerous, "all",
        happens: "Everyone who uses the table waits until the indexes on the column are built again.",
        why: "The rows stay, but they are in another order in the index, or the server can't see that they are not.",
        safe: "Drop the index CONCURRENTLY before, and create it CONCURRENTLY afterwards, each in a script of its own.",
        silent: "There is no index on the column, or it stays as it is.";
    TYPE_RESCANS_CHECKS = "type-rescans-checks", Dangerous, "all",
        happens: "Everyone who uses the table waits while a CHECK on the column is verified again.",
        why: "A change of type makes the checks anew, even if it is to the same type.",
        safe: "Drop the check, change the type, add the check NOT VALID, and VALIDATE it in a later script.",
        silent: "No check names the column.";
    TYPE_TIMEZONE = "type-timezone", Dangerous, "all",
        happens: "Everyone who uses the table waits while it is written anew, unless the time zone of the session is UTC.",
        why: "Times with and without a zone are stored alike only in UTC.",
        safe: "SET LOCAL timezone = 'UTC' before it, if the values are in UTC; else a new column, filled in batches.",
        silent: "The session's time zone is known to be UTC, and there is no index on the column.";
    TYPE_LOCKS_REFERENCED = "type-locks-referenced", Careful, "all",
        happens: "Everyone who uses the table at the other end of the foreign key waits, too.",
        why: "The key is made anew, under ACCESS EXCLUSIVE on both tables.",
        safe: "Drop the key before, add it NOT VALID afterwards, and VALIDATE it in a later script.",
        silent: "No foreign key is known on the column.";
    DOMAIN_CONSTRAINT = "domain-constraint", Dangerous, "all",
        happens: "Everyone who writes to a table that uses the domain waits while all of it is checked.",
        why: "The constraint is verified under SHARE on every such table.",
        safe: "ADD CONSTRAINT … CHECK (…) NOT VALID, and VALIDATE CONSTRAINT in a later script.",
        silent: "The constraint is NOT VALID, or only new tables use the domain.";
    ATTACH_PARTITION_SCANS = "attach-partition-scans", Dangerous, "all",
        happens: "Everyone who uses the partition or the default partition waits while all of it is checked.",
        why: "No row may be outside of the bounds, and none of the default partition inside of them.",
        safe: "Before it, in scripts of their own, add a CHECK with the bounds NOT VALID to the partition, one that excludes them to the \
               default partition, and VALIDATE both; drop them afterwards.",
        silent: "Checks that were validated imply it, or the partition is new and there is no default partition.";
    PARTITION_OF_WITH_DEFAULT = "partition-of-with-default", Dangerous, "all",
        happens: "Everyone who uses the partitioned table waits while all of its default partition is checked.",
        why: "No row of the default partition may belong to the new one; the parent is locked in ACCESS EXCLUSIVE mode meanwhile.",
        safe: "CREATE TABLE … (LIKE … INCLUDING ALL), exclude the bounds by a validated CHECK on the default partition, and ATTACH.",
        silent: "There is no default partition, or a validated CHECK excludes the bounds.";
    DETACH_NOT_CONCURRENT = "detach-not-concurrent", Careful, "all",
        happens: "Everyone who uses the partitioned table waits, and for the longest query before that.",
        why: "DETACH PARTITION takes ACCESS EXCLUSIVE on the parent, the partition and the default partition.",
        safe: "DETACH PARTITION … CONCURRENTLY in a script of its own, where there is no default partition.",
        silent: "The partitioned table is new.";
    SET_LOGGED = "set-logged", Dangerous, "all",
        happens: "Everyone who uses the table waits while it and its indexes are written anew; SET LOGGED sends all of it to replicas.",
        why: "SET LOGGED and SET UNLOGGED copy the table under ACCESS EXCLUSIVE.",
        safe: "Create the table as it should be and copy the rows in batches.",
        silent: "The table is new, or is as it is to be.";
    REWRITE_TABLE = "rewrite-table", Dangerous, "all",
        happens: "Everyone who uses the table waits while it is copied.",
        why: "CLUSTER, VACUUM FULL, SET TABLESPACE and SET ACCESS METHOD copy it under ACCESS EXCLUSIVE.",
        safe: "Use pg_repack, or fill a new table in batches.",
        silent: "The table is new.";
    REFRESH_BLOCKS_READS = "refresh-blocks-reads", Dangerous, "all",
        happens: "Everyone who reads the materialized view waits until its query is through.",
        why: "REFRESH holds ACCESS EXCLUSIVE while the query runs.",
        safe: "REFRESH MATERIALIZED VIEW CONCURRENTLY, for which the view needs a unique index without a condition.",
        silent: "The view is new.";
    SHORT_LOCK = "short-lock", Careful, "all",
        happens: "Everyone who uses the table waits for this statement, and while it waits itself for the longest query before it.",
        why: "It takes ACCESS EXCLUSIVE for a moment. The run's lock timeout bounds the wait, and the run tries again.",
        safe: "Run it when no query is long; keep other statements out of its transaction.",
        silent: "The table is new, or another rule says more.";
}

/// A part of a statement that is judged by itself: as a statement of its own, and the rule for what it costs.
pub(super) struct Part<'a> {
    pub(super) rule: &'static Rule,
    pub(super) statement: Cow<'a, str>,
    pub(super) span: Span,
    pub(super) subject: String,
}

pub(super) fn find(statement: &Statement<'_>, found: &mut Vec<Found>) {
    for part in parts(statement) {
        let locks = locks_in_use(&part.statement, statement.model);
        match locks {
            Some(locks) => {
                found.extend(other_ends(&part, &locks, statement.model));
                found.extend(judged(&part, &locks));
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

/// `REINDEX DATABASE`, and `VACUUM FULL` and `CLUSTER` of all tables.
fn is_about_everything(kind: &Kind<'_>) -> bool {
    matches!(kind, Kind::Reindex(_) | Kind::Vacuum(_) | Kind::Cluster(_))
}

fn judged(part: &Part<'_>, locks: &[RelationLock]) -> Option<Found> {
    let heavy: Vec<&RelationLock> = locks.iter().filter(|lock| lock.is_heavy()).collect();
    if !heavy.is_empty() {
        let message = heavy.iter().copied().map(waits).collect::<Vec<_>>().join("; ");
        return Some(Found::new(rule_of(part.rule, &heavy), part.span, part.subject.clone(), message));
    }
    let depends = |lock: &&RelationLock| {
        lock.mode.blocks_writes() && lock.otherwise.is_some_and(|scan| scan >= TableScan::Scan)
    };
    if let Some(lock) = locks.iter().find(depends) {
        let message = waits(lock);
        return Some(Found::new(part.rule, part.span, part.subject.clone(), message).at_risk(Risk::Careful));
    }
    let is_short = part.rule.risk == Risk::Careful
        || [&PARTITION_OF_WITH_DEFAULT, &ATTACH_PARTITION_SCANS].contains(&part.rule);
    let strong: Vec<&RelationLock> = locks.iter().filter(|lock| lock.mode.blocks_reads()).collect();
    (is_short && !strong.is_empty()).then(|| short(part.rule, part.span, &part.subject, &strong))
}

/// The tables that a change of a type locks because of foreign keys.
fn other_ends(part: &Part<'_>, locks: &[RelationLock], model: &Model) -> Option<Found> {
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

/// A change of a type does one of several things.
fn rule_of(rule: &'static Rule, heavy: &[&RelationLock]) -> &'static Rule {
    if rule != &TYPE_REWRITES {
        return rule;
    }
    match heavy.iter().map(|lock| lock.scan).max() {
        Some(TableScan::Build) => &TYPE_REBUILDS_INDEX,
        Some(TableScan::Scan) => &TYPE_RESCANS_CHECKS,
        _ if heavy.iter().any(|lock| lock.note.as_ref().is_some_and(|note| note.contains("time zone"))) => {
            &TYPE_TIMEZONE
        }
        _ => rule,
    }
}

/// Describes what a lock blocks: `nobody can write users while an index is built`
fn waits(lock: &RelationLock) -> String {
    let use_of = if lock.mode.blocks_reads() { "read or write" } else { "write" };
    let relation = &lock.relation;
    let note = lock.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let work = match lock.scan {
        TableScan::Scan => " while all of it is read",
        TableScan::Build => " while an index is built",
        TableScan::Rewrite => " while it is written anew",
        _ => " for a moment",
    };
    format!("nobody can {use_of} {relation}{work}{note}")
}

fn short(rule: &'static Rule, span: Span, subject: &str, locks: &[&RelationLock]) -> Found {
    let relations: Vec<&str> = locks.iter().map(|lock| lock.relation.as_str()).collect();
    let note = locks.iter().find_map(|lock| lock.note.as_ref());
    let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
    let message = format!("nobody can read or write {} for a moment{note}", relations.join(", "));
    Found::new(rule, span, subject, message).at_risk(Risk::Careful)
}

/// Finds a short lock that blocks reads and writes, for a statement that no other rule reports.
pub(super) fn short_lock(statement: &Statement<'_>) -> Option<Found> {
    let strong: Vec<&RelationLock> =
        statement.locks().iter().filter(|lock| lock.mode.blocks_reads()).collect();
    let first = strong.first()?;
    Some(short(&SHORT_LOCK, statement.span(), &first.relation, &strong))
}

fn parts<'a>(statement: &Statement<'a>) -> Vec<Part<'a>> {
    let whole = |rule, subject: String| {
        vec![Part { rule, statement: Cow::Borrowed(statement.text), span: statement.span(), subject }]
    };
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

/// Each change of an `ALTER TABLE` as one of its own.
fn altered<'a>(statement: &Statement<'a>, alter: &AlterRelation<'a>) -> Vec<Part<'a>> {
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
        let own = Cow::Owned(format!("{prefix}{}", action.span.text(statement.text)));
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

/// The rule for what it costs to add a constraint.
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
