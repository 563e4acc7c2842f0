//! Maintenance statements: `VACUUM`, `REINDEX`, `CLUSTER`, `REFRESH`, `LOCK`; and statements that contain
//! another one.

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
    /// The options in parentheses.
    pub options: Vec<ListedOption<'t>>,
    /// The kind: index, table, schema, database or system.
    pub kind: ObjectKind,
    /// The keyword of the kind: `CONCURRENTLY` goes after it.
    pub keyword: Span,
    /// True if it runs concurrently, by the keyword or by an enabled option.
    pub concurrently: bool,
    /// The object to rebuild; `None` for the database.
    pub name: Option<QualifiedName<'t>>,
}

/// `VACUUM` and `ANALYZE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vacuum<'t> {
    /// The options in parentheses.
    pub options: Vec<ListedOption<'t>>,
    /// True for an `ANALYZE` without `VACUUM`.
    pub is_analyze: bool,
    /// `FULL`, by the keyword or by an enabled option.
    pub is_full: bool,
    /// The tables; empty for all.
    pub tables: Vec<RelationRef<'t>>,
}

/// `CLUSTER`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClusterTable<'t> {
    /// The table; `None` for all tables that were clustered before.
    pub table: Option<QualifiedName<'t>>,
    /// The index.
    pub index: Option<Name<'t>>,
}

/// `REFRESH MATERIALIZED VIEW`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefreshView<'t> {
    /// The word `VIEW`: `CONCURRENTLY` goes after it.
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
    /// The mode; `ACCESS EXCLUSIVE` by default.
    pub mode: LockMode,
    /// `NOWAIT`
    pub no_wait: bool,
}

/// The server reads CONCURRENTLY before the kind of object (`ExecReindex` in indexcmds.c), and the keyword
/// after the kind counts after the options in parentheses (gram.y, ReindexStmt).
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

/// Parses the rest after `VACUUM`.
pub(super) fn vacuum<'t>(reader: &mut Reader<'t>) -> Vacuum<'t> {
    let listed = options(reader);
    let options = listed.unwrap_or_default();
    let is_full = reader.word("FULL") || last(&options, "full").is_some_and(ListedOption::is_on);
    let _ =
        reader.word("FREEZE") | reader.word("VERBOSE") | (reader.word("ANALYZE") || reader.word("ANALYSE"));
    Vacuum { options, is_analyze: false, is_full, tables: tables(reader) }
}

/// Parses the rest after `ANALYZE`.
pub(super) fn analyze<'t>(reader: &mut Reader<'t>) -> Vacuum<'t> {
    let options = options(reader).unwrap_or_default();
    reader.word("VERBOSE");
    Vacuum { options, is_analyze: true, is_full: false, tables: tables(reader) }
}

/// Parses tables, each with an optional list of columns.
fn tables<'t>(reader: &mut Reader<'t>) -> Vec<RelationRef<'t>> {
    reader.list(|reader| {
        let table = reader.relation()?;
        reader.group();
        Some(table)
    })
}

/// Parses the rest after `CLUSTER`. VERBOSE can't be a table's name unless it is quoted.
pub(super) fn cluster<'t>(reader: &mut Reader<'t>) -> ClusterTable<'t> {
    if options(reader).is_none() {
        reader.word("VERBOSE");
    }
    let mut table = reader.qualified_name();
    let mut index = None;
    if reader.word("USING") {
        index = reader.name();
    } else if reader.word("ON") {
        // The older syntax: CLUSTER index ON table.
        index = table.as_ref().map(QualifiedName::name);
        table = reader.qualified_name();
    }
    ClusterTable { table, index }
}

/// Parses the rest after `REFRESH MATERIALIZED VIEW`.
pub(super) fn refresh<'t>(reader: &mut Reader<'t>) -> Option<RefreshView<'t>> {
    let keyword = reader.last_span();
    let concurrently = reader.word_span("CONCURRENTLY");
    let name = reader.qualified_name()?;
    let with_no_data = reader.words(&["WITH", "NO", "DATA"]);
    reader.words(&["WITH", "DATA"]);
    Some(RefreshView { keyword, concurrently, name, with_no_data })
}

/// Parses the rest after `LOCK`.
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

/// `EXPLAIN`, `PREPARE` and `DECLARE`: a statement inside another one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrapped<'t> {
    /// True if the statement runs immediately, as with `EXPLAIN ANALYZE`.
    pub runs: bool,
    /// The statement; see [`Fragment::statement`].
    pub statement: Fragment<'t>,
}

/// Parses the rest after `EXPLAIN`.
pub(super) fn explain<'t>(reader: &mut Reader<'t>) -> Wrapped<'t> {
    // The parentheses may also contain a query.
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

/// Parses the rest after `PREPARE` or `DECLARE`.
pub(super) fn prepare<'t>(reader: &mut Reader<'t>, before: &[&str]) -> Option<Wrapped<'t>> {
    reader.name()?;
    reader.until_word(before);
    reader.any(&["AS", "FOR"])?;
    Some(Wrapped { runs: false, statement: reader.rest() })
}
