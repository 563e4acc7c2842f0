//! Probes: queries about existing rows that tell whether a pending statement will fail.
//!
//! `SET NOT NULL` fails if a row has a null, `ADD UNIQUE` if two rows are equal, a foreign key if a row has no
//! match, a `CHECK` if a row violates it, a narrower type if a value does not fit, a new partition if a row is on
//! the wrong side of its bounds. [`Probes`] follows the
//! pending statements in order and returns the probes of each. It runs no query: the result is data.

mod exclusion;
mod find;
mod fit;
mod partition;
#[cfg(test)]
mod tests;

pub use fit::Limit;

use super::facts::{Facts, ObjectName, Relation};
use super::locks::{LockMode, Locks, locks_with};
use super::statement::{AlterActionKind, ColumnChange, LexedStatement, Name, ParsedStatement, StatementKind};
use super::{TokenKind, tokens};
use std::collections::BTreeMap;

/// A query about the existing rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The table, under the name that the database knows now.
    pub table: ObjectName,
    /// The table as written in the statement.
    pub written: String,
    /// True for `ONLY`: rows of children are not meant.
    pub only: bool,
    /// The rows to look for. If there are any, the statement fails.
    pub rows: FailingRows,
    /// The columns of the primary key, which name a row; empty if the table has none.
    pub key: Vec<String>,
    /// The reason why the answer may no longer hold when the statement runs.
    pub obstacle: Option<ProbeObstacle>,
}

/// The rows that make a statement fail. Columns have their names in the catalog; expressions are SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailingRows {
    /// Rows with a null in one of these columns.
    Null {
        /// The columns.
        columns: Vec<String>,
    },
    /// Any row: this new column must not be null and has no default.
    Any {
        /// The new column.
        column: String,
    },
    /// Rows that equal another one.
    Duplicate {
        /// The values to compare.
        key: Vec<KeyPart>,
        /// The predicate of a partial index.
        condition: Option<String>,
        /// `NULLS NOT DISTINCT`
        nulls_are_equal: bool,
    },
    /// Rows that reference a missing row.
    Orphan {
        /// The columns of the foreign key.
        columns: Vec<String>,
        /// The referenced table, under the name that the database knows now.
        references: ObjectName,
        /// The referenced columns, in the same order.
        referenced_columns: Vec<String>,
        /// True for `MATCH FULL`: a row with nulls in some of the columns fails, too.
        is_match_full: bool,
    },
    /// Rows for which the expression of a CHECK is false.
    Violation {
        /// The expression.
        expression: String,
    },
    /// Rows for whose value the expression of a domain's CHECK is false.
    DomainViolation {
        /// The column of the domain.
        column: String,
        /// The expression, in which `VALUE` stands for the column.
        expression: String,
    },
    /// Rows that conflict with another one, by the operators of an exclusion constraint.
    Excluded {
        /// The values to compare. Two rows conflict if all comparisons are true.
        parts: Vec<ExclusionPart>,
        /// The predicate of the constraint.
        condition: Option<String>,
    },
    /// Rows of a table that becomes a partition which are outside of its bounds.
    OutsideBounds {
        /// The condition that the rows within the bounds meet.
        bounds: String,
        /// The partitioned table if it is itself a partition, whose bounds hold, too.
        within: Option<ObjectName>,
    },
    /// Rows of the default partition which are within the bounds of a new partition.
    WithinBounds {
        /// The condition that the rows within the bounds meet.
        bounds: String,
        /// The new partition, as written.
        partition: String,
    },
    /// Rows of a table that becomes the default partition which belong to another partition.
    OfPartitions {
        /// The other partitions, under the names that the database knows now.
        partitions: Vec<ObjectName>,
    },
    /// Rows whose value is outside of the new type.
    Misfit {
        /// The column.
        column: String,
        /// The new type, as written.
        type_name: String,
        /// The values that fit.
        limit: Limit,
    },
}

/// A value that a unique index compares.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyPart {
    /// A column.
    Column(String),
    /// An expression.
    Expression(String),
}

/// A value that an exclusion constraint compares, with its operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExclusionPart {
    /// The value.
    pub part: KeyPart,
    /// The operator, as written.
    pub operator: String,
}

/// The reason why the rows may be different when the statement runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProbeObstacle {
    /// An earlier pending statement writes rows of the table.
    Written {
        /// The table.
        table: ObjectName,
        /// The place of the statement.
        place: String,
    },
    /// An earlier pending statement adds or changes the column.
    Changed {
        /// The column.
        column: String,
        /// The place of the statement.
        place: String,
    },
    /// An earlier pending statement runs code, which may write any table.
    Code {
        /// The place of the statement.
        place: String,
    },
    /// A table that the answer depends on is created by an earlier pending statement.
    NewReference {
        /// The table.
        table: ObjectName,
    },
    /// The bounds of a partition can't be written as a condition: the key of the partitioned table has an
    /// operator class.
    PartitionKey {
        /// The partitioned table.
        table: ObjectName,
    },
}

/// Follows pending statements and returns the probes of each.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    /// The tables whose rows were written, with the place of the first statement that did.
    written: BTreeMap<ObjectName, String>,
    /// The columns that were added or changed.
    changed: BTreeMap<(ObjectName, String), String>,
    /// The first statement that runs code.
    code: Option<String>,
    /// The constraints that were added NOT VALID, by table and name.
    not_valid: BTreeMap<(ObjectName, String), Vec<FailingRows>>,
}

impl Probes {
    /// No statement was followed.
    pub fn new() -> Probes {
        Probes::default()
    }

    /// Returns the probes of the next statement. `facts` are those before it; `place` names it in
    /// [obstacles](ProbeObstacle).
    pub fn next(&mut self, statement: &str, facts: &Facts, place: &str) -> Vec<Probe> {
        let lexed = LexedStatement::new(statement);
        let parsed = lexed.parse();
        let found = find::failing(&parsed, facts, &mut self.not_valid);
        let probes = found.into_iter().filter_map(|found| self.probe(found, facts)).collect();
        self.follow(statement, &parsed, facts, place);
        probes
    }

    fn probe(&self, found: find::Found, facts: &Facts) -> Option<Probe> {
        let table = facts.relations.get(&found.table)?;
        let origin = table.origin.clone()?;
        let obstacle = self.obstacle(&origin, &found, facts);
        Some(Probe {
            table: origin,
            written: found.written,
            only: found.only,
            rows: found.rows,
            key: find::primary_key(table),
            obstacle,
        })
    }

    fn obstacle(&self, origin: &ObjectName, found: &find::Found, facts: &Facts) -> Option<ProbeObstacle> {
        if let Some(place) = &self.code {
            return Some(ProbeObstacle::Code { place: place.clone() });
        }
        if found.obstacle.is_some() {
            return found.obstacle.clone();
        }
        let references = match &found.rows {
            FailingRows::Orphan { references, .. } => Some(references),
            _ => None,
        };
        let is_new = |table: &ObjectName| {
            !facts.relations.values().any(|relation| relation.origin.as_ref() == Some(table))
        };
        if let Some(table) = references.filter(|table| is_new(table)) {
            return Some(ProbeObstacle::NewReference { table: table.clone() });
        }
        // Rows that are written to a partitioned table go to its partitions.
        let parents = facts.relations.get(&found.table).map(|table| table.parents.as_slice());
        for table in std::iter::once(origin).chain(references).chain(parents.unwrap_or_default()) {
            if let Some(place) = self.written.get(table) {
                return Some(ProbeObstacle::Written { table: table.clone(), place: place.clone() });
            }
        }
        found.rows.columns().into_iter().find_map(|column| {
            let place = self.changed.get(&(found.table.clone(), column.clone()))?.clone();
            Some(ProbeObstacle::Changed { column, place })
        })
    }

    /// Notes the effects of a statement on rows and columns.
    fn follow(&mut self, statement: &str, parsed: &ParsedStatement<'_>, facts: &Facts, place: &str) {
        let Locks::Known(locks) = locks_with(statement, facts) else {
            self.code.get_or_insert_with(|| place.to_owned());
            return;
        };
        let truncates = matches!(parsed.kind, StatementKind::Truncate(_));
        for lock in locks.into_iter().filter(|lock| truncates || lock.mode == LockMode::RowExclusive) {
            let Some(table) = lock.origin else { continue };
            for reader in read_by(facts, &table).chain([table.clone()]) {
                self.written.entry(reader).or_insert_with(|| place.to_owned());
            }
        }
        let StatementKind::AlterRelation(alter) = &parsed.kind else { return };
        let table = find::object(&alter.relation.name, facts);
        for action in &alter.actions {
            let Some(column) = made_column(&action.kind) else { continue };
            self.changed.insert((table.clone(), column.folded().into_owned()), place.to_owned());
        }
    }
}

/// The column that an action adds, converts or renames.
fn made_column<'a, 't>(action: &'a AlterActionKind<'t>) -> Option<&'a Name<'t>> {
    match action {
        AlterActionKind::AddColumn { column, .. } => Some(&column.name),
        AlterActionKind::AlterColumn { column, change: ColumnChange::SetType { .. } } => column.as_ref(),
        AlterActionKind::RenameColumn { to, .. } => Some(to),
        _ => None,
    }
}

/// The tables that a view reads: writing the view writes them.
fn read_by(facts: &Facts, table: &ObjectName) -> impl Iterator<Item = ObjectName> {
    let view: Option<&Relation> = facts.relations.get(table);
    view.into_iter().flat_map(|view| view.reads.iter().map(|(read, _)| read.clone()))
}

impl FailingRows {
    /// The columns whose values decide, as far as the names show it: for an expression, all its words.
    fn columns(&self) -> Vec<String> {
        match self {
            FailingRows::Null { columns } | FailingRows::Orphan { columns, .. } => columns.clone(),
            FailingRows::Any { .. } | FailingRows::OfPartitions { .. } => Vec::new(),
            FailingRows::Duplicate { key, condition, .. } => {
                let parts = key.iter().flat_map(KeyPart::columns);
                parts.chain(condition.iter().flat_map(|condition| words(condition))).collect()
            }
            FailingRows::Excluded { parts, condition } => {
                let parts = parts.iter().flat_map(|part| part.part.columns());
                parts.chain(condition.iter().flat_map(|condition| words(condition))).collect()
            }
            FailingRows::Violation { expression: condition }
            | FailingRows::OutsideBounds { bounds: condition, .. }
            | FailingRows::WithinBounds { bounds: condition, .. } => words(condition),
            FailingRows::DomainViolation { column, .. } | FailingRows::Misfit { column, .. } => {
                vec![column.clone()]
            }
        }
    }
}

impl KeyPart {
    /// The columns whose values decide, as far as the names show it.
    fn columns(&self) -> Vec<String> {
        match self {
            KeyPart::Column(column) => vec![column.clone()],
            KeyPart::Expression(expression) => words(expression),
        }
    }
}

fn words(expression: &str) -> Vec<String> {
    let words = tokens(expression).filter_map(|token| {
        let written = token.text(expression);
        match token.kind {
            TokenKind::Word => Some(written.to_ascii_lowercase()),
            TokenKind::QuotedIdentifier => Some(written[1..written.len() - 1].replace("\"\"", "\"")),
            _ => None,
        }
    });
    words.collect()
}
