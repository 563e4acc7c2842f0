//! What a statement locks, and what it does to whole tables.
//!
//! The rules are those of the manual's chapter "Explicit Locking" and of `AlterTableGetLockLevel` in the server's
//! `tablecmds.c`, checked against what real servers show in `pg_locks` (`tests/it/shapes`). What the text leaves open is looked
//! up among [`Facts`]; where they don't have it, what is likely is given, and what it depends on.

mod alter;
mod analysis;
mod column;
mod constraint;
mod create;
mod domain;
mod drop;
pub mod facts;
mod loss;
mod maintain;
mod mode;
mod partition;
mod types;
mod volatile;

pub use loss::{Loss, LossKind, losses};
pub use mode::{LockMode, TableScan};

use super::statement::{AlterObject, LexedStatement, ObjectChange, ObjectKind, StatementKind, Wrapped};
use analysis::{Analysis, Cost};
use facts::{Facts, ObjectName};
use std::borrow::Cow;

/// A lock on a relation, and what a statement does while it holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationLock {
    /// The relation as the statement writes it, qualifiers and quotes included, or as it might: partitions, tables joined by
    /// foreign keys and what else is locked beside it.
    pub relation: String,
    /// The relation as the database knew it before the first statement that was followed, where that is known.
    pub origin: Option<ObjectName>,
    /// Whether `relation` is a name, or else words for relations that only the catalog knows.
    pub is_named: bool,
    /// Whether it is known that an earlier statement of those that were followed has made it, so that nobody else uses it.
    pub is_new: bool,
    /// The mode.
    pub mode: LockMode,
    /// What is done to the whole of the relation.
    pub toll: TableScan,
    /// What is done instead, where that depends on what is not known: the note says on what.
    pub otherwise: Option<TableScan>,
    /// Why it is so, or what it depends on, where the statement alone does not show it.
    pub note: Option<Cow<'static, str>>,
}

impl RelationLock {
    /// Whether others wait for as long as the relation is large: writers at least, while all of it is read or written.
    pub fn is_heavy(&self) -> bool {
        self.mode.blocks_writes() && self.toll >= TableScan::Scan
    }
}

/// What a statement locks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Locks {
    /// These relations, and none that others use beside them; none at all for what only makes something new.
    Known(Vec<RelationLock>),
    /// What it locks can't be told from its text: it runs code (`DO`, `CALL`, functions in a query), or it is a statement
    /// that is not known here.
    Unknown,
}

impl Locks {
    /// The locks that are known.
    pub fn known(&self) -> &[RelationLock] {
        match self {
            Locks::Known(locks) => locks,
            Locks::Unknown => &[],
        }
    }
}

/// What a statement locks, and what it scans or rewrites, by its text alone.
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

/// What a statement locks, and what it scans or rewrites, by what is known of the schema.
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
    let lexed = LexedStatement::new(statement);
    let mut analysis = Analysis::new(facts);
    match of_kind(&mut analysis, &lexed.parse().kind) {
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
        Kind::Insert(insert) => maintain::rows(analysis, &insert.table),
        Kind::Update(update) => maintain::rows(analysis, &update.table.name),
        Kind::Delete(delete) => maintain::rows(analysis, &delete.table.name),
        Kind::Merge(merge) => maintain::rows(analysis, &merge.table.name),
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
        // They run code, or act on all that there is of something.
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

/// Triggers, policies and rules are altered under their table's lock, publications under that of the tables they name.
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
        if self.toll != TableScan::Catalog {
            write!(f, ", {}", self.toll)?;
        }
        self.note.as_ref().map_or(Ok(()), |note| write!(f, " ({note})"))
    }
}
