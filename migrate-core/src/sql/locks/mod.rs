//! Lock analysis: the locks that a statement takes, and the work it does on whole tables.
//!
//! The rules follow the manual's chapter "Explicit Locking" and `AlterTableGetLockLevel` in the server's
//! `tablecmds.c`, checked against `pg_locks` of real servers (`tests/it/shapes`). Questions that the text
//! leaves open are answered from [`Facts`]. If those have no answer, the result is the likely case, with a
//! note about its condition.

mod alter;
mod analysis;
mod column;
mod constraint;
mod create;
mod domain;
mod drop;
pub mod facts;
mod held;
mod loss;
mod maintain;
mod mode;
mod partition;
mod type_change;
mod types;
mod volatile;

pub(in crate::sql) use column::is_computed;
pub use held::{Held, HeldLocks};
pub(crate) use loss::changes_all;
pub use loss::{Loss, LossKind, losses, losses_of};
pub use mode::{LockMode, TableScan};
pub(in crate::sql) use partition::proves_bounds;

use super::statement::{
    AlterObject, LexedStatement, ObjectChange, ObjectKind, ParsedStatement, StatementKind, Wrapped,
};
use analysis::{Analysis, Cost};
use facts::{Facts, ObjectName};
use std::borrow::Cow;

/// A lock on a relation, and the work that a statement does while it holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationLock {
    /// The relation as written in the statement, including qualifiers and quotes, or as it would be written:
    /// for partitions, tables connected by foreign keys, and other relations locked along with it.
    pub relation: String,
    /// The relation, under the name that the database knew before the first statement that was followed, if
    /// known.
    pub origin: Option<ObjectName>,
    /// True if `relation` is a name; false if it describes relations that only the catalog knows.
    pub is_named: bool,
    /// True if an earlier followed statement certainly created the relation, so that no other session uses
    /// it.
    pub is_new: bool,
    /// The mode.
    pub mode: LockMode,
    /// The work on the whole relation.
    pub scan: TableScan,
    /// The alternative, if it depends on an unknown fact that the note names.
    pub otherwise: Option<TableScan>,
    /// The reason or the condition, if the statement alone does not show it.
    pub note: Option<Cow<'static, str>>,
    /// The unknown fact that decides between the work and the alternative, where callers tell it apart.
    pub condition: Option<Condition>,
}

/// An unknown fact that decides how much work a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The time zone of the session: in UTC the stored values stay as they are.
    TimeZone,
}

impl RelationLock {
    /// Returns true if other sessions wait for a time proportional to the size of the relation: at least
    /// writers, while all of it is read or written.
    pub fn is_heavy(&self) -> bool {
        self.mode.blocks_writes() && self.scan >= TableScan::Scan
    }
}

/// The locks of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Locks {
    /// Exactly these relations, apart from those that no other session uses; none if the statement only
    /// creates something new.
    Known(Vec<RelationLock>),
    /// The text does not show the locks: the statement runs code (`DO`, `CALL`, functions in a query), or it
    /// is not known here.
    Unknown,
}

impl Locks {
    /// The known locks.
    pub fn known(&self) -> &[RelationLock] {
        match self {
            Locks::Known(locks) => locks,
            Locks::Unknown => &[],
        }
    }
}

/// The locks, scans and rewrites of a statement, by its text alone.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::{LockMode, TableScan, locks};
///
/// let locks = locks("ALTER TABLE posts ADD FOREIGN KEY (author) REFERENCES users");
/// let shown: Vec<String> = locks.known().iter().map(|lock| lock.to_string()).collect();
/// assert_eq!(shown, ["posts: SHARE ROW EXCLUSIVE, scanned", "users: SHARE ROW EXCLUSIVE"]);
/// assert!(LockMode::ShareRowExclusive.blocks_writes() && !LockMode::ShareRowExclusive.blocks_reads());
/// ```
pub fn locks(statement: &str) -> Locks {
    locks_with(statement, &Facts::none())
}

/// The locks, scans and rewrites of a statement, given facts about the schema.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::facts::Facts;
/// use migrate_core::sql::{locks, locks_with};
///
/// let mut facts = Facts::none();
/// facts.apply("CREATE TABLE users (id bigint, CHECK (id IS NOT NULL))");
/// let statement = "ALTER TABLE users ALTER id SET NOT NULL";
/// assert!(locks(statement).known()[0].is_heavy());
/// assert!(!locks_with(statement, &facts).known()[0].is_heavy());
/// ```
pub fn locks_with(statement: &str, facts: &Facts) -> Locks {
    locks_of(&LexedStatement::new(statement).parse(), facts)
}

/// The same as [`locks_with`], for a statement that is parsed already.
pub fn locks_of(statement: &ParsedStatement<'_>, facts: &Facts) -> Locks {
    let mut analysis = Analysis::new(facts);
    for inner in statement.with_statements() {
        of_rows(&mut analysis, &inner.kind);
    }
    match of_kind(&mut analysis, &statement.kind) {
        Some(()) => Locks::Known(analysis.into_locks()),
        None => Locks::Unknown,
    }
}

fn of_kind(analysis: &mut Analysis<'_>, kind: &StatementKind<'_>) -> Option<()> {
    use StatementKind as Kind;
    match kind {
        Kind::CreateTable(create) => return create::table(analysis, create),
        Kind::CreateIndex(create) => create::index(analysis, create),
        Kind::CreateView(create) => return create::view(analysis, create),
        Kind::CreateTrigger(create) => create::trigger(analysis, create),
        Kind::CreateOnTable(create) => create::on_table(analysis, create),
        Kind::CreateStatistics(create) => create::statistics(analysis, create),
        Kind::CreatePublication(create) => create::publication(analysis, create),
        Kind::AlterRelation(alter) => return alter::relation(analysis, alter),
        Kind::AlterDomain(alter) => domain::alter(analysis, alter),
        Kind::AlterObject(alter) => return alter_object(analysis, alter),
        Kind::Drop(drop) => return drop::objects(analysis, drop),
        Kind::Truncate(truncate) => maintain::truncate(analysis, truncate),
        Kind::Insert(_) | Kind::Update(_) | Kind::Delete(_) | Kind::Merge(_) => of_rows(analysis, kind),
        Kind::Copy(copy) if copy.is_from => maintain::rows(analysis, copy.table.as_ref()?),
        Kind::Reindex(reindex) => return maintain::reindex(analysis, reindex),
        Kind::Cluster(cluster) => return maintain::cluster(analysis, cluster),
        Kind::Vacuum(vacuum) | Kind::Analyze(vacuum) => return maintain::vacuum(analysis, vacuum),
        Kind::Refresh(refresh) => maintain::refresh(analysis, refresh),
        Kind::Lock(lock) => maintain::lock(analysis, lock),
        Kind::Comment(comment) | Kind::SecurityLabel(comment) => return maintain::comment(analysis, comment),
        Kind::Explain(Wrapped { runs: true, statement, .. }) => {
            return of_kind(analysis, &statement.statement().kind);
        }
        // These run code, or act on all objects of a kind.
        Kind::Copy(_)
        | Kind::Query(_)
        | Kind::Execute
        | Kind::Do(_)
        | Kind::Call(_)
        | Kind::AlterAllInTablespace(_)
        | Kind::ReassignOwned { .. }
        | Kind::Other => return None,
        _ => {}
    }
    Some(())
}

/// Changes of rows, at the top or in a `WITH`.
fn of_rows(analysis: &mut Analysis<'_>, kind: &StatementKind<'_>) {
    let table = match kind {
        StatementKind::Insert(insert) => &insert.table,
        StatementKind::Update(update) => &update.table.name,
        StatementKind::Delete(delete) => &delete.table.name,
        StatementKind::Merge(merge) => &merge.table.name,
        _ => return,
    };
    maintain::rows(analysis, table);
}

/// Triggers, policies and rules are altered under their table's lock, publications under the locks of their
/// tables.
fn alter_object(analysis: &mut Analysis<'_>, alter: &AlterObject<'_>) -> Option<()> {
    if let Some(on) = &alter.on {
        let table = analysis.target(on);
        analysis.tree(&table, alter.kind != ObjectKind::Trigger, LockMode::AccessExclusive, &Cost::CATALOG);
        return Some(());
    }
    let change = match &alter.change {
        ObjectChange::Other(change) if alter.kind == ObjectKind::Publication => *change,
        _ => return Some(()),
    };
    for table in create::published(change) {
        let table = analysis.named(&table);
        analysis.catalog(&table, LockMode::ShareUpdateExclusive);
    }
    Some(())
}

impl std::fmt::Display for RelationLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.relation, self.mode)?;
        if self.scan != TableScan::Catalog {
            write!(f, ", {}", self.scan)?;
        }
        self.note.as_ref().map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}
