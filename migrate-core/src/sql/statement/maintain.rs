//! Statements that look after tables: `VACUUM`, `REINDEX`, `CLUSTER`, `REFRESH`, `LOCK`.

use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName, RelationRef};
use super::object::{ObjectKind, object_kind};
use super::options::{ListedOption, last, options};
use super::reader::Reader;
use crate::sql::LockMode;

/// `REINDEX`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reindex<'t> {
    /// What stands in parentheses.
    pub options: Vec<ListedOption<'t>>,
    /// An index, a table, a schema, a database or a system.
    pub kind: ObjectKind,
    /// The word for the kind: `CONCURRENTLY` goes behind it.
    pub keyword: Span,
    /// Whether it runs concurrently: by the word, or by an option that is on.
    pub concurrently: bool,
    /// What is built anew. None where it is the database.
    pub name: Option<QualifiedName<'t>>,
}

/// `VACUUM` and `ANALYZE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vacuum<'t> {
    /// What stands in parentheses.
    pub options: Vec<ListedOption<'t>>,
    /// Whether it is an `ANALYZE` alone.
    pub is_analyze: bool,
    /// `FULL`, by the word or by an option that is on.
    pub is_full: bool,
    /// The tables; all where there are none.
    pub tables: Vec<RelationRef<'t>>,
}

/// `CLUSTER`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterTable<'t> {
    /// The table; all that were clustered before where there is none.
    pub table: Option<QualifiedName<'t>>,
    /// The index.
    pub index: Option<Name<'t>>,
}

/// `REFRESH MATERIALIZED VIEW`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshView<'t> {
    /// The word `VIEW`: `CONCURRENTLY` goes behind it.
    pub keyword: Span,
    /// `CONCURRENTLY`
    pub concurrently: Option<Span>,
    /// The view.
    pub name: QualifiedName<'t>,
    /// `WITH NO DATA`
    pub with_no_data: bool,
}

/// `LOCK TABLE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockTables<'t> {
    /// The tables.
    pub tables: Vec<RelationRef<'t>>,
    /// The mode: `ACCESS EXCLUSIVE` where nothing is said.
    pub mode: LockMode,
    /// `NOWAIT`
    pub no_wait: bool,
}

/// CONCURRENTLY is looked at before the kind of thing that is reindexed (`ExecReindex` in indexcmds.c), and
/// the word behind the kind counts after the options in parentheses (gram.y, ReindexStmt).
pub(super) fn reindex<'t>(reader: &mut Reader<'t>) -> Option<Reindex<'t>> {
    let options = options(reader).unwrap_or_default();
    let kind = object_kind(reader)?;
    use ObjectKind::{Database, Index, Schema, System, Table};
    if !matches!(kind, Index | Table | Schema | Database | System) {
        return None;
    }
    let keyword = reader.last_span();
    let concurrently =
        reader.word("CONCURRENTLY") || last(&options, "concurrently").is_some_and(ListedOption::is_on);
    Some(Reindex { options, kind, keyword, concurrently, name: reader.qualified_name() })
}

/// `VACUUM` has been taken.
pub(super) fn vacuum<'t>(reader: &mut Reader<'t>) -> Vacuum<'t> {
    let listed = options(reader);
    let options = listed.unwrap_or_default();
    let is_full = reader.word("FULL") || last(&options, "full").is_some_and(ListedOption::is_on);
    let _ =
        reader.word("FREEZE") | reader.word("VERBOSE") | (reader.word("ANALYZE") || reader.word("ANALYSE"));
    Vacuum { options, is_analyze: false, is_full, tables: tables(reader) }
}

/// `ANALYZE` has been taken.
pub(super) fn analyze<'t>(reader: &mut Reader<'t>) -> Vacuum<'t> {
    let options = options(reader).unwrap_or_default();
    reader.word("VERBOSE");
    Vacuum { options, is_analyze: true, is_full: false, tables: tables(reader) }
}

/// Tables, each with the columns that are meant.
fn tables<'t>(reader: &mut Reader<'t>) -> Vec<RelationRef<'t>> {
    reader.list(|reader| {
        let table = reader.relation()?;
        reader.group();
        Some(table)
    })
}

/// `CLUSTER` has been taken. VERBOSE can't be a table's name unless it is quoted.
pub(super) fn cluster<'t>(reader: &mut Reader<'t>) -> ClusterTable<'t> {
    if options(reader).is_none() {
        reader.word("VERBOSE");
    }
    let mut table = reader.qualified_name();
    let mut index = None;
    if reader.word("USING") {
        index = reader.name();
    } else if reader.word("ON") {
        // The older way: CLUSTER index ON table.
        index = table.as_ref().map(QualifiedName::name);
        table = reader.qualified_name();
    }
    ClusterTable { table, index }
}

/// `REFRESH MATERIALIZED VIEW` has been taken.
pub(super) fn refresh<'t>(reader: &mut Reader<'t>) -> Option<RefreshView<'t>> {
    let keyword = reader.last_span();
    let concurrently = reader.word_span("CONCURRENTLY");
    let name = reader.qualified_name()?;
    let with_no_data = reader.words(&["WITH", "NO", "DATA"]);
    reader.words(&["WITH", "DATA"]);
    Some(RefreshView { keyword, concurrently, name, with_no_data })
}

/// `LOCK` has been taken.
pub(super) fn lock_tables<'t>(reader: &mut Reader<'t>) -> Option<LockTables<'t>> {
    reader.word("TABLE");
    let tables = reader.list(Reader::relation);
    let mode = if reader.word("IN") { lock_mode(reader)? } else { LockMode::AccessExclusive };
    (!tables.is_empty()).then(|| LockTables { tables, mode, no_wait: reader.word("NOWAIT") })
}

fn lock_mode(reader: &mut Reader<'_>) -> Option<LockMode> {
    use LockMode::{
        AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareRowExclusive,
        ShareUpdateExclusive,
    };
    let modes = [
        AccessShare,
        RowShare,
        RowExclusive,
        ShareUpdateExclusive,
        ShareRowExclusive,
        AccessExclusive,
        Share,
        Exclusive,
    ];
    modes.into_iter().find(|mode| {
        let words: Vec<&str> = mode.as_sql().split(' ').chain(["MODE"]).collect();
        reader.words(&words)
    })
}

/// `EXPLAIN`, `PREPARE` and `DECLARE`: a statement within another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrapped<'t> {
    /// Whether the statement runs now: `EXPLAIN ANALYZE`.
    pub runs: bool,
    /// The statement; see [`Fragment::statement`].
    pub statement: Fragment<'t>,
}

/// `EXPLAIN` has been taken.
pub(super) fn explain<'t>(reader: &mut Reader<'t>) -> Wrapped<'t> {
    // A query may stand in parentheses, too.
    let mut ahead = *reader;
    let listed = options(&mut ahead).filter(|_| !ahead.at_end());
    let mut runs = false;
    if let Some(options) = listed {
        runs = last(&options, "analyze").is_some_and(ListedOption::is_on);
        *reader = ahead;
    } else {
        runs |= reader.word("ANALYZE") || reader.word("ANALYSE");
        reader.word("VERBOSE");
    }
    Wrapped { runs, statement: reader.rest() }
}

/// `PREPARE` or `DECLARE` has been taken.
pub(super) fn prepare<'t>(reader: &mut Reader<'t>, before: &[&str]) -> Option<Wrapped<'t>> {
    reader.name()?;
    reader.until_word(before);
    reader.any(&["AS", "FOR"])?;
    Some(Wrapped { runs: false, statement: reader.rest() })
}
