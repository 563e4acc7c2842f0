//! Statements that change rows.

use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName, RelationRef};
use super::options::{ListedOption, options};
use super::reader::Reader;

/// `INSERT`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InsertRows<'t> {
    /// The table.
    pub table: QualifiedName<'t>,
    /// The columns, if given.
    pub columns: Vec<Name<'t>>,
    /// The source of the rows.
    pub source: InsertSource<'t>,
}

/// The source of the rows of an `INSERT`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertSource<'t> {
    /// `VALUES`: the rows and everything after them are not included in the tokens of the statement.
    Values,
    /// `DEFAULT VALUES`
    DefaultValues,
    /// A query.
    Query(Fragment<'t>),
}

/// `UPDATE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdateRows<'t> {
    /// The table.
    pub table: RelationRef<'t>,
    /// The assigned columns, in order.
    pub columns: Vec<Name<'t>>,
    /// Everything between `SET` and the next clause.
    pub assignments: Fragment<'t>,
    /// The tables after `FROM`.
    pub from: Option<Fragment<'t>>,
    /// The condition after `WHERE`.
    pub condition: Option<Fragment<'t>>,
    /// `RETURNING`
    pub returning: bool,
}

/// `DELETE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeleteRows<'t> {
    /// The table.
    pub table: RelationRef<'t>,
    /// The tables after `USING`.
    pub using: Option<Fragment<'t>>,
    /// The condition after `WHERE`.
    pub condition: Option<Fragment<'t>>,
    /// `RETURNING`
    pub returning: bool,
}

/// `MERGE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeRows<'t> {
    /// The table.
    pub table: RelationRef<'t>,
    /// The source after `USING`.
    pub source: Fragment<'t>,
    /// The condition after `ON`.
    pub condition: Fragment<'t>,
    /// Everything from the first `WHEN` on.
    pub actions: Fragment<'t>,
}

/// `TRUNCATE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TruncateTables<'t> {
    /// The tables.
    pub tables: Vec<RelationRef<'t>>,
    /// `RESTART IDENTITY`
    pub restart_identity: bool,
    /// `CASCADE`
    pub cascade: bool,
}

/// `COPY`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CopyData<'t> {
    /// The table; `None` for a query.
    pub table: Option<QualifiedName<'t>>,
    /// The columns, if given.
    pub columns: Vec<Name<'t>>,
    /// The query, if it is used instead of a table.
    pub query: Option<Fragment<'t>>,
    /// True for `FROM`, false for `TO`.
    pub is_from: bool,
    /// The other end of the copy.
    pub endpoint: CopyEndpoint<'t>,
    /// The options: those of `WITH (…)`, or those without parentheses from before version 9.0.
    pub options: Vec<ListedOption<'t>>,
    /// The condition after `WHERE`.
    pub condition: Option<Fragment<'t>>,
}

/// The source or destination of a `COPY`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CopyEndpoint<'t> {
    /// `STDIN` or `STDOUT`, which are the same to the server (gram.y, `copy_file_name`).
    Client,
    /// A file on the server.
    File(Fragment<'t>),
    /// `PROGRAM`
    Program(Fragment<'t>),
}

/// Parses the rest after `INSERT INTO`.
pub(super) fn insert_rows<'t>(reader: &mut Reader<'t>) -> Option<InsertRows<'t>> {
    let table = reader.qualified_name()?;
    if reader.word("AS") {
        reader.name();
    }
    // The parentheses may also contain a query.
    let columns =
        if reader.sees_sign("(") && !begins_query(*reader) { target_columns(reader) } else { Vec::new() };
    if reader.word("OVERRIDING") {
        let _either = reader.word("SYSTEM") || reader.word("USER");
        reader.word("VALUE");
    }
    let source = if reader.words(&["DEFAULT", "VALUES"]) {
        InsertSource::DefaultValues
    } else if reader.word("VALUES") {
        InsertSource::Values
    } else {
        InsertSource::Query(reader.until_words(&[&["ON", "CONFLICT"], &["RETURNING"]]))
    };
    reader.rest();
    Some(InsertRows { table, columns, source })
}

fn begins_query(mut reader: Reader<'_>) -> bool {
    while reader.sign("(") {}
    reader.sees_any(&["SELECT", "VALUES", "WITH", "TABLE"])
}

/// Parses columns, each with optional fields and elements.
fn target_columns<'t>(reader: &mut Reader<'t>) -> Vec<Name<'t>> {
    let inside = reader.group().map(|inside| inside.items()).unwrap_or_default();
    inside.into_iter().filter_map(|item| item.reader().name()).collect()
}

fn returning(reader: &mut Reader<'_>) -> bool {
    let returning = reader.word("RETURNING");
    if returning {
        reader.rest();
    }
    returning
}

/// Skips the alias of the target table, if it has one.
fn alias(reader: &mut Reader<'_>, unless: &[&str]) {
    if reader.word("AS") || !reader.sees_any(unless) {
        reader.name();
    }
}

/// Parses the rest after `UPDATE`.
pub(super) fn update_rows<'t>(reader: &mut Reader<'t>) -> Option<UpdateRows<'t>> {
    let table = reader.relation()?;
    alias(reader, &["SET"]);
    reader.word("SET").then_some(())?;
    let assignments = reader.until_word(&["FROM", "WHERE", "RETURNING"]);
    let columns = assignments.items().into_iter().flat_map(|item| assigned(item)).collect();
    let from = reader.word("FROM").then(|| reader.until_word(&["WHERE", "RETURNING"]));
    let condition = condition(reader);
    Some(UpdateRows { table, columns, assignments, from, condition, returning: returning(reader) })
}

fn assigned(item: Fragment<'_>) -> Vec<Name<'_>> {
    let mut reader = item.reader();
    if reader.sees_sign("(") { reader.columns() } else { reader.name().into_iter().collect() }
}

fn condition<'t>(reader: &mut Reader<'t>) -> Option<Fragment<'t>> {
    reader.word("WHERE").then(|| reader.until_word(&["RETURNING"]))
}

/// Parses the rest after `DELETE FROM`.
pub(super) fn delete_rows<'t>(reader: &mut Reader<'t>) -> Option<DeleteRows<'t>> {
    let table = reader.relation()?;
    if !reader.at_end() {
        alias(reader, &["USING", "WHERE", "RETURNING"]);
    }
    let using = reader.word("USING").then(|| reader.until_word(&["WHERE", "RETURNING"]));
    let condition = condition(reader);
    Some(DeleteRows { table, using, condition, returning: returning(reader) })
}

/// Parses the rest after `MERGE INTO`.
pub(super) fn merge_rows<'t>(reader: &mut Reader<'t>) -> Option<MergeRows<'t>> {
    let table = reader.relation()?;
    alias(reader, &["USING"]);
    reader.word("USING").then_some(())?;
    let source = reader.until_word(&["ON"]);
    reader.word("ON");
    let condition = reader.until_word(&["WHEN"]);
    Some(MergeRows { table, source, condition, actions: reader.rest() })
}

/// Parses the rest after `TRUNCATE`.
pub(super) fn truncate_tables<'t>(reader: &mut Reader<'t>) -> Option<TruncateTables<'t>> {
    reader.word("TABLE");
    let tables = reader.list(Reader::relation);
    if tables.is_empty() {
        return None;
    }
    let restart_identity = reader.words(&["RESTART", "IDENTITY"]);
    reader.words(&["CONTINUE", "IDENTITY"]);
    Some(TruncateTables { tables, restart_identity, cascade: super::alter::cascade(reader) })
}

/// Parses the rest after `COPY`.
pub(super) fn copy_data<'t>(reader: &mut Reader<'t>) -> Option<CopyData<'t>> {
    // BINARY can't be a table's name unless it is quoted.
    reader.word("BINARY");
    let query = if reader.sees_sign("(") { reader.group() } else { None };
    let table = if query.is_none() { reader.qualified_name() } else { None };
    let columns = if reader.sees_sign("(") { reader.columns() } else { Vec::new() };
    let is_from = reader.word("FROM");
    if !is_from && !reader.word("TO") {
        return None;
    }
    let endpoint = if reader.word("STDIN") || reader.word("STDOUT") {
        CopyEndpoint::Client
    } else if reader.word("PROGRAM") {
        CopyEndpoint::Program(reader.string()?.hidden())
    } else {
        CopyEndpoint::File(reader.string()?)
    };
    reader.word("WITH");
    let options = options(reader).unwrap_or_default();
    reader.until_word(&["WHERE"]);
    let condition = condition(reader);
    Some(CopyData { table, columns, query, is_from, endpoint, options, condition })
}

/// A table of a `WITH`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommonTable<'t> {
    /// The name.
    pub name: Name<'t>,
    /// The query or data-modifying statement: see [`Fragment::statement`].
    pub query: Fragment<'t>,
}

/// Parses `WITH`, if it is next.
pub(super) fn common_tables<'t>(reader: &mut Reader<'t>) -> Vec<CommonTable<'t>> {
    if !reader.word("WITH") {
        return Vec::new();
    }
    reader.word("RECURSIVE");
    reader.list(|reader| {
        let name = reader.name()?;
        if reader.sees_sign("(") {
            reader.group();
        }
        reader.word("AS").then_some(())?;
        reader.word("NOT");
        reader.word("MATERIALIZED");
        let query = reader.group()?;
        search_and_cycle(reader);
        Some(CommonTable { name, query })
    })
}

/// Skips `SEARCH DEPTH FIRST BY a, b SET c` and `CYCLE a, b SET c TO 1 DEFAULT 0 USING d`, which may follow a
/// table of a `WITH`.
fn search_and_cycle(reader: &mut Reader<'_>) {
    if reader.word("SEARCH") {
        reader.until_word(&["SET"]);
        reader.take();
        reader.name();
    }
    if reader.word("CYCLE") {
        reader.until_word(&["USING"]);
        reader.take();
        reader.name();
    }
}

/// `SELECT`, `VALUES`, `TABLE` or a query in parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query<'t> {
    /// The whole query.
    pub all: Fragment<'t>,
    /// The new table of `SELECT … INTO`.
    pub into: Option<QualifiedName<'t>>,
    /// The calls of `set_config`, if the query selects nothing else.
    pub set_config: Vec<SetConfig<'t>>,
}

/// A call of `set_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetConfig<'t> {
    /// The name of the parameter.
    pub setting: Option<Fragment<'t>>,
    /// The value.
    pub value: Option<Fragment<'t>>,
    /// True if it applies to the transaction only. An argument that has to be computed counts as false.
    pub is_local: bool,
    /// The span of the call.
    pub span: Span,
}

pub(super) fn query<'t>(reader: &mut Reader<'t>) -> Query<'t> {
    let first = *reader;
    let all = reader.rest();
    let set_config = set_config_calls(first).unwrap_or_default();
    Query { all, into: select_into(first), set_config }
}

fn select_into(mut reader: Reader<'_>) -> Option<QualifiedName<'_>> {
    reader.word("SELECT").then_some(())?;
    reader.until_word(&["INTO", "FROM"]);
    reader.word("INTO").then_some(())?;
    while reader.any(&["TEMPORARY", "TEMP", "UNLOGGED", "LOCAL", "GLOBAL", "TABLE"]).is_some() {}
    reader.qualified_name()
}

/// The calls of `set_config`, if the query selects nothing else.
fn set_config_calls(mut reader: Reader<'_>) -> Option<Vec<SetConfig<'_>>> {
    reader.word("SELECT").then_some(())?;
    let mut calls = Vec::new();
    loop {
        let mark = reader.mark();
        if reader.word("pg_catalog") && !reader.sign(".") || !reader.word("set_config") {
            return None;
        }
        let open = reader.mark();
        let inside = reader.group()?;
        // The parenthesis must be closed.
        (reader.mark() - open == inside.tokens().len() + 2).then_some(())?;
        calls.push(set_config(inside, reader.span_since(mark)));
        if reader.word("AS") {
            reader.name();
        }
        if !reader.sign(",") {
            return reader.at_end().then_some(calls);
        }
    }
}

fn set_config(arguments: Fragment<'_>, span: Span) -> SetConfig<'_> {
    let mut call = SetConfig { setting: None, value: None, is_local: false, span };
    for (index, argument) in arguments.items().into_iter().enumerate() {
        let mut reader = argument.reader();
        let name = reader.name().filter(|_| reader.sign("=>") || reader.sign(":="));
        let (place, value) = match name {
            Some(name) => (name.folded().into_owned(), reader.rest()),
            None => (
                ["setting_name", "new_value", "is_local"].get(index).copied().unwrap_or_default().to_owned(),
                argument,
            ),
        };
        match place.as_str() {
            "setting_name" => call.setting = Some(value),
            "new_value" => call.value = Some(value),
            "is_local" => {
                let first = value.tokens().first();
                call.is_local =
                    first.is_some_and(|token| crate::sql::setting::is_true(value.written(*token)));
            }
            _ => {}
        }
    }
    call
}
