//! `CREATE INDEX`

use super::constraint::nulls_not_distinct;
use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName, RelationRef};
use super::options::{ListedOption, with_options};
use super::reader::Reader;

/// `CREATE INDEX`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreateIndex<'t> {
    /// `UNIQUE`
    pub is_unique: bool,
    /// The word `INDEX`: `CONCURRENTLY` goes after it.
    pub keyword: Span,
    /// `CONCURRENTLY`
    pub concurrently: Option<Span>,
    /// `IF NOT EXISTS`
    pub if_not_exists: Option<Span>,
    /// The index, if named.
    pub name: Option<QualifiedName<'t>>,
    /// The table.
    pub table: RelationRef<'t>,
    /// The access method, if given.
    pub method: Option<Name<'t>>,
    /// The indexed columns and expressions, in order.
    pub elements: Vec<IndexElement<'t>>,
    /// The columns of `INCLUDE`.
    pub include: Vec<Name<'t>>,
    /// `NULLS NOT DISTINCT`
    pub nulls_not_distinct: bool,
    /// `WITH (…)`
    pub options: Vec<ListedOption<'t>>,
    /// `TABLESPACE`
    pub tablespace: Option<Name<'t>>,
    /// The predicate after `WHERE`.
    pub condition: Option<Fragment<'t>>,
    /// The rest after the table and the method: columns, parameters, predicate.
    pub definition: Fragment<'t>,
}

/// A column or an expression of an index, with its collation, operator class and order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexElement<'t> {
    /// The column; `None` for an expression.
    pub column: Option<Name<'t>>,
    /// The whole element.
    pub definition: Fragment<'t>,
}

impl<'t> IndexElement<'t> {
    pub(in crate::sql) fn of(definition: Fragment<'t>) -> IndexElement<'t> {
        let mut reader = definition.reader();
        // A name followed by a parenthesis or a dot belongs to a function.
        let column = reader.name().filter(|_| !reader.sees_sign("(") && !reader.sees_sign("."));
        IndexElement { column, definition }
    }
}

/// Parses the rest after `CREATE [UNIQUE] INDEX`, given the span of its last word.
pub(super) fn create_index<'t>(
    reader: &mut Reader<'t>,
    is_unique: bool,
    keyword: Span,
) -> Option<CreateIndex<'t>> {
    // CONCURRENTLY can't be an index's name unless it is quoted (manual, appendix C).
    let concurrently = reader.word_span("CONCURRENTLY");
    let if_not_exists = reader.words_span(&["IF", "NOT", "EXISTS"]);
    // ON is reserved: it can't be an index's name unless it is quoted.
    let name = if reader.sees("ON") { None } else { reader.qualified_name() };
    reader.word("ON").then_some(())?;
    let table = reader.relation()?;
    let method = if reader.word("USING") { reader.name() } else { None };
    let mark = reader.mark();
    let elements = if reader.sees_sign("(") { elements(reader) } else { Vec::new() };
    let include = if reader.word("INCLUDE") { reader.columns() } else { Vec::new() };
    let nulls_not_distinct = nulls_not_distinct(reader);
    let options = with_options(reader);
    let tablespace = if reader.word("TABLESPACE") { reader.name() } else { None };
    let condition = reader.word("WHERE").then(|| reader.until_word(&[]));
    let mut whole = *reader;
    whole.rest();
    let definition = whole.since(mark);
    Some(CreateIndex {
        is_unique,
        keyword,
        concurrently,
        if_not_exists,
        name,
        table,
        method,
        elements,
        include,
        nulls_not_distinct,
        options,
        tablespace,
        condition,
        definition,
    })
}

fn elements<'t>(reader: &mut Reader<'t>) -> Vec<IndexElement<'t>> {
    let inside = reader.group().map(|inside| inside.items()).unwrap_or_default();
    inside.into_iter().map(IndexElement::of).collect()
}
