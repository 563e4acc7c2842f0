//! `CREATE TABLE`, including `CREATE TABLE … AS`.

use super::column::{ColumnDefinition, column_definition};
use super::constraint::{Constraint, sees_table_constraint, table_constraint};
use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName};
use super::object::Persistence;
use super::options::{ListedOption, foreign_options, with_options};
use super::reader::Reader;

/// `CREATE TABLE` and `CREATE FOREIGN TABLE`, including the form that fills the table from a query.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateTable<'t> {
    /// Temporary, unlogged or permanent.
    pub persistence: Persistence,
    /// `CREATE FOREIGN TABLE`
    pub is_foreign: bool,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// The table.
    pub name: QualifiedName<'t>,
    /// The columns, in order.
    pub columns: Vec<ColumnDefinition<'t>>,
    /// The table constraints, in order; those of columns are in `columns`.
    pub constraints: Vec<Constraint<'t>>,
    /// The tables of `LIKE`.
    pub likes: Vec<LikeClause<'t>>,
    /// The parents of `INHERITS`.
    pub inherits: Vec<QualifiedName<'t>>,
    /// `PARTITION OF`
    pub partition_of: Option<PartitionOf<'t>>,
    /// The type of `OF`.
    pub of_type: Option<QualifiedName<'t>>,
    /// `PARTITION BY`
    pub partition_by: Option<PartitionBy<'t>>,
    /// The access method of `USING`.
    pub access_method: Option<Name<'t>>,
    /// `WITH (…)`
    pub options: Vec<ListedOption<'t>>,
    /// `OPTIONS (…)` of a foreign table
    pub foreign_options: Vec<ListedOption<'t>>,
    /// `TABLESPACE`
    pub tablespace: Option<Name<'t>>,
    /// The query or the `EXECUTE` after `AS`.
    pub query: Option<Fragment<'t>>,
    /// `WITH NO DATA` after the query.
    pub with_no_data: bool,
}

/// `LIKE t INCLUDING …`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LikeClause<'t> {
    /// The table.
    pub table: QualifiedName<'t>,
    /// `INCLUDING …` and `EXCLUDING …`
    pub options: Fragment<'t>,
    /// The span of the whole clause.
    pub span: Span,
}

/// `PARTITION OF p FOR VALUES …`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionOf<'t> {
    /// The partitioned table.
    pub parent: QualifiedName<'t>,
    /// The bounds.
    pub bound: PartitionBound<'t>,
}

/// The bounds of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionBound<'t> {
    /// `DEFAULT`: rows that belong to no other partition.
    Default,
    /// `FOR VALUES …`: the tokens after these words.
    Values(Fragment<'t>),
}

/// `PARTITION BY RANGE (a)`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionBy<'t> {
    /// `RANGE`, `LIST` or `HASH`.
    pub strategy: Name<'t>,
    /// The key in the parentheses.
    pub key: Fragment<'t>,
}

/// Parses the rest after `CREATE … TABLE`.
pub(super) fn create_table<'t>(
    reader: &mut Reader<'t>,
    persistence: Persistence,
    is_foreign: bool,
) -> Option<CreateTable<'t>> {
    let if_not_exists = reader.words(&["IF", "NOT", "EXISTS"]);
    let name = reader.qualified_name()?;
    let mut table = CreateTable {
        persistence,
        is_foreign,
        if_not_exists,
        name,
        columns: Vec::new(),
        constraints: Vec::new(),
        likes: Vec::new(),
        inherits: Vec::new(),
        partition_of: None,
        of_type: None,
        partition_by: None,
        access_method: None,
        options: Vec::new(),
        foreign_options: Vec::new(),
        tablespace: None,
        query: None,
        with_no_data: false,
    };
    if reader.words(&["PARTITION", "OF"]) {
        let parent = reader.qualified_name()?;
        elements(reader, &mut table, false);
        table.partition_of = Some(PartitionOf { parent, bound: partition_bound(reader)? });
    } else if reader.word("OF") {
        table.of_type = reader.qualified_name();
        elements(reader, &mut table, false);
    } else {
        elements(reader, &mut table, true);
    }
    clauses(reader, &mut table);
    Some(table)
}

/// Parses `FOR VALUES …` or `DEFAULT`.
pub(super) fn partition_bound<'t>(reader: &mut Reader<'t>) -> Option<PartitionBound<'t>> {
    if reader.word("DEFAULT") {
        return Some(PartitionBound::Default);
    }
    if !reader.words(&["FOR", "VALUES"]) {
        return None;
    }
    let mark = reader.mark();
    // After other bounds, WITH begins the storage parameters.
    if reader.word("WITH") {
        reader.group();
    }
    while reader.any(&["IN", "FROM", "TO"]).is_some() {
        reader.group();
    }
    Some(PartitionBound::Values(reader.since(mark)))
}

/// Parses the elements in the parentheses after the name.
fn elements<'t>(reader: &mut Reader<'t>, table: &mut CreateTable<'t>, has_types: bool) {
    if !reader.sees_sign("(") {
        return;
    }
    let Some(inside) = reader.group() else { return };
    for item in inside.items() {
        let mut reader = item.reader();
        if sees_table_constraint(reader) {
            table.constraints.extend(table_constraint(&mut reader));
        } else if reader.word("LIKE") {
            let name = reader.qualified_name();
            let options = reader.rest();
            table.likes.extend(name.map(|table| LikeClause { table, options, span: item.span() }));
        } else {
            let is_typed = has_types && item.tokens().len() > 1;
            table.columns.extend(column_definition(&mut reader, is_typed));
        }
    }
}

/// Parses the clauses after the columns.
fn clauses<'t>(reader: &mut Reader<'t>, table: &mut CreateTable<'t>) {
    loop {
        if reader.word("INHERITS") {
            let inside = reader.group();
            table.inherits = inside.map(|inside| inside.reader().qualified_names()).unwrap_or_default();
        } else if reader.words(&["PARTITION", "BY"]) {
            let Some(strategy) = reader.name() else { return };
            let Some(key) = reader.group() else { return };
            table.partition_by = Some(PartitionBy { strategy, key });
        } else if reader.word("USING") {
            table.access_method = reader.name();
        } else if reader.word("TABLESPACE") {
            table.tablespace = reader.name();
        } else if reader.words(&["ON", "COMMIT"]) {
            let _either = reader.word("DROP")
                || reader.words(&["DELETE", "ROWS"])
                || reader.words(&["PRESERVE", "ROWS"]);
        } else if reader.words(&["WITHOUT", "OIDS"]) {
        } else if reader.word("SERVER") {
            reader.name();
            if reader.word("OPTIONS") {
                table.foreign_options = foreign_options(reader).unwrap_or_default();
            }
        } else if reader.word("AS") {
            (table.query, table.with_no_data) = query_with_data(reader);
        } else {
            let options = with_options(reader);
            if options.is_empty() {
                return;
            }
            table.options = options;
        }
    }
}

/// Parses a query and the `WITH [NO] DATA` after it.
pub(super) fn query_with_data<'t>(reader: &mut Reader<'t>) -> (Option<Fragment<'t>>, bool) {
    let query = reader.until_words(&[&["WITH", "DATA"], &["WITH", "NO", "DATA"]]);
    let with_no_data = reader.words(&["WITH", "NO", "DATA"]);
    reader.words(&["WITH", "DATA"]);
    ((!query.is_empty()).then_some(query), with_no_data)
}
