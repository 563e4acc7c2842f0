//! Column definitions.

use super::constraint::{Constraint, ConstraintKind, column_constraint, constraint_name};
use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName};
use super::options::{ListedOption, foreign_options};
use super::reader::Reader;
use super::types::{TypeName, type_name};

/// A column definition, in `CREATE TABLE` or after `ADD COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnDefinition<'t> {
    /// The column.
    pub name: Name<'t>,
    /// The type. `None` if it comes from elsewhere: in a partition, in a table of a type, in
    /// `CREATE TABLE … AS`.
    pub type_name: Option<TypeName<'t>>,
    /// `OPTIONS (…)` of a foreign table's column
    pub foreign_options: Vec<ListedOption<'t>>,
    /// `COLLATE`
    pub collation: Option<QualifiedName<'t>>,
    /// `DEFAULT`
    pub default: Option<DefaultClause<'t>>,
    /// `GENERATED ALWAYS AS (…)`
    pub generated: Option<GeneratedClause<'t>>,
    /// `GENERATED … AS IDENTITY`
    pub identity: Option<IdentityClause<'t>>,
    /// Its constraints, in order.
    pub constraints: Vec<Constraint<'t>>,
    /// The span of the whole definition.
    pub span: Span,
    /// True if it was understood completely.
    pub is_complete: bool,
}

impl<'t> ColumnDefinition<'t> {
    /// True if it has `NOT NULL`. A primary key and an identity column are not null even without it.
    pub fn is_not_null(&self) -> bool {
        self.has(|kind| matches!(kind, ConstraintKind::NotNull { .. }))
    }

    /// True if it has `PRIMARY KEY`.
    pub fn is_primary_key(&self) -> bool {
        self.has(|kind| matches!(kind, ConstraintKind::PrimaryKey(_)))
    }

    fn has(&self, is: impl Fn(&ConstraintKind<'t>) -> bool) -> bool {
        self.constraints.iter().any(|constraint| is(&constraint.kind))
    }
}

/// `DEFAULT …`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DefaultClause<'t> {
    /// The expression.
    pub expression: Fragment<'t>,
    /// The span of the expression, including `DEFAULT`.
    pub span: Span,
}

/// `GENERATED ALWAYS AS (…)`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GeneratedClause<'t> {
    /// The expression in the parentheses.
    pub expression: Fragment<'t>,
    /// True for `STORED`, false for `VIRTUAL`, which is the default since PostgreSQL 18.
    pub is_stored: bool,
    /// The span of the whole clause.
    pub span: Span,
}

/// `GENERATED { ALWAYS | BY DEFAULT } AS IDENTITY`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentityClause<'t> {
    /// True for `ALWAYS`, false for `BY DEFAULT`.
    pub is_always: bool,
    /// The options of its sequence.
    pub options: Option<Fragment<'t>>,
    /// The span of the whole clause.
    pub span: Span,
}

/// The clauses after the type of a column.
#[derive(Default)]
struct Clauses<'t> {
    collation: Option<QualifiedName<'t>>,
    default: Option<DefaultClause<'t>>,
    generated: Option<GeneratedClause<'t>>,
    identity: Option<IdentityClause<'t>>,
    constraints: Vec<Constraint<'t>>,
}

/// Parses `columnDef` of the server's grammar, and its forms without a type.
pub(super) fn column_definition<'t>(reader: &mut Reader<'t>, has_type: bool) -> Option<ColumnDefinition<'t>> {
    let mark = reader.mark();
    let name = reader.name()?;
    let type_name = if has_type { type_name(reader) } else { None };
    reader.words(&["WITH", "OPTIONS"]);
    for word in ["STORAGE", "COMPRESSION"] {
        if reader.word(word) {
            reader.take();
        }
    }
    let listed = if reader.word("OPTIONS") { foreign_options(reader) } else { None };
    let mut clauses = Clauses::default();
    while clause(reader, &mut clauses) {}
    let is_complete = reader.at_end() || reader.sees_sign(",");
    if !is_complete {
        reader.item();
    }
    let Clauses { collation, default, generated, identity, constraints } = clauses;
    let span = reader.span_since(mark);
    Some(ColumnDefinition {
        name,
        type_name,
        foreign_options: listed.unwrap_or_default(),
        collation,
        default,
        generated,
        identity,
        constraints,
        span,
        is_complete,
    })
}

/// Parses the default and the constraints of a domain, which are written like those of a column.
pub(super) fn domain_clauses<'t>(
    reader: &mut Reader<'t>,
) -> (Option<DefaultClause<'t>>, Vec<Constraint<'t>>) {
    let mut clauses = Clauses::default();
    while clause(reader, &mut clauses) {}
    (clauses.default, clauses.constraints)
}

/// Parses one of the clauses after the type, if one is next.
fn clause<'t>(reader: &mut Reader<'t>, column: &mut Clauses<'t>) -> bool {
    if let Some(constraint) = column_constraint(reader) {
        column.constraints.push(constraint);
        return true;
    }
    let mark = reader.mark();
    if reader.word("COLLATE") {
        column.collation = reader.qualified_name();
        return column.collation.is_some();
    }
    // The other clauses may have a name, as well.
    let mut ahead = *reader;
    constraint_name(&mut ahead);
    if ahead.word("NULL") {
    } else if let Some(default) = default_clause(&mut ahead, mark) {
        column.default = Some(default);
    } else if let Some((generated, identity)) = generated_clause(&mut ahead, mark) {
        (column.generated, column.identity) = (generated, identity);
    } else {
        return false;
    }
    *reader = ahead;
    true
}

fn default_clause<'t>(reader: &mut Reader<'t>, mark: usize) -> Option<DefaultClause<'t>> {
    if !reader.word("DEFAULT") {
        return None;
    }
    let expression = restricted_expression(reader);
    Some(DefaultClause { expression, span: reader.span_since(mark) })
}

type Generated<'t> = (Option<GeneratedClause<'t>>, Option<IdentityClause<'t>>);

fn generated_clause<'t>(reader: &mut Reader<'t>, mark: usize) -> Option<Generated<'t>> {
    if !reader.word("GENERATED") {
        return None;
    }
    let is_always = reader.word("ALWAYS");
    if !is_always && !reader.words(&["BY", "DEFAULT"]) || !reader.word("AS") {
        return None;
    }
    if reader.word("IDENTITY") {
        let options = if reader.sees_sign("(") { reader.group() } else { None };
        return Some((None, Some(IdentityClause { is_always, options, span: reader.span_since(mark) })));
    }
    let expression = reader.group()?;
    let is_stored = reader.word("STORED");
    if !is_stored {
        reader.word("VIRTUAL");
    }
    Some((Some(GeneratedClause { expression, is_stored, span: reader.span_since(mark) }), None))
}

/// Parses `b_expr` of the server's grammar: it ends before the next part of a column definition.
fn restricted_expression<'t>(reader: &mut Reader<'t>) -> Fragment<'t> {
    const ENDS: [&str; 10] = [
        "CONSTRAINT",
        "NOT",
        "UNIQUE",
        "PRIMARY",
        "CHECK",
        "REFERENCES",
        "DEFERRABLE",
        "INITIALLY",
        "COLLATE",
        "DEFAULT",
    ];
    let mark = reader.mark();
    // The first token is an operand: for example NULL, or DEFAULT in an invalid statement.
    if !reader.at_end() && !reader.sees_sign(",") && !reader.sees_sign(")") && !reader.sees("CASE") {
        reader.skip();
    }
    reader.until(|reader| {
        let before = reader.last_token();
        let is_operand = before.is_some_and(|written| {
            written.bytes().all(|byte| b"+-*/<>=~!@#%^&|`?".contains(&byte)) || written == "::"
        });
        let distinct = before.is_some_and(|word| word.eq_ignore_ascii_case("IS"));
        !is_operand
            && !distinct
            && (reader.sees_any(&ENDS)
                || reader.sees("NULL")
                || reader.sees_words(&["GENERATED", "ALWAYS"])
                || reader.sees_words(&["GENERATED", "BY"])
                || reader.sees("ENFORCED"))
    });
    reader.since(mark)
}
