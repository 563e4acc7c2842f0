//! Constraints of tables, columns and domains.

use super::fragment::{Fragment, Span};
use super::name::{Name, QualifiedName};
use super::options::{ListedOption, with_options};
use super::reader::Reader;

/// A constraint of a table, a column or a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Constraint<'t> {
    /// The name, if given.
    pub name: Option<Name<'t>>,
    /// The kind of constraint.
    pub kind: ConstraintKind<'t>,
    /// `NOT VALID`: existing rows are not checked.
    pub not_valid: Option<Span>,
    /// `NO INHERIT`
    pub no_inherit: bool,
    /// `DEFERRABLE` or `NOT DEFERRABLE`, if given.
    pub deferrable: Option<bool>,
    /// `INITIALLY DEFERRED`
    pub initially_deferred: bool,
    /// `ENFORCED` or `NOT ENFORCED`, if given (since PostgreSQL 18).
    pub enforced: Option<bool>,
    /// The span from its name or its first word to its last attribute.
    pub span: Span,
}

/// The kinds of constraints. A column's own constraint lists no columns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstraintKind<'t> {
    /// `NOT NULL`, or since PostgreSQL 18 `NOT NULL c`.
    NotNull {
        /// The column, for a table constraint.
        column: Option<Name<'t>>,
    },
    /// `CHECK (…)`
    Check {
        /// The expression in the parentheses.
        expression: Fragment<'t>,
    },
    /// `UNIQUE`
    Unique(IndexConstraint<'t>),
    /// `PRIMARY KEY`
    PrimaryKey(IndexConstraint<'t>),
    /// `EXCLUDE`
    Exclude(Exclusion<'t>),
    /// `FOREIGN KEY … REFERENCES`, or `REFERENCES` alone
    ForeignKey(ForeignKey<'t>),
}

/// A constraint that an index enforces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexConstraint<'t> {
    /// The columns, for a table constraint.
    pub columns: Vec<Name<'t>>,
    /// The existing index of `USING INDEX`.
    pub using_index: Option<Name<'t>>,
    /// The columns of `INCLUDE`.
    pub include: Vec<Name<'t>>,
    /// `NULLS NOT DISTINCT`
    pub nulls_not_distinct: bool,
    /// `WITHOUT OVERLAPS` (since PostgreSQL 18)
    pub without_overlaps: bool,
    /// `WITH (…)`
    pub options: Vec<ListedOption<'t>>,
    /// `USING INDEX TABLESPACE`
    pub tablespace: Option<Name<'t>>,
}

/// `EXCLUDE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exclusion<'t> {
    /// The access method of the index.
    pub method: Option<Name<'t>>,
    /// The elements with their operators.
    pub elements: Fragment<'t>,
    /// The predicate.
    pub condition: Option<Fragment<'t>>,
}

/// `FOREIGN KEY`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignKey<'t> {
    /// The columns, for a table constraint.
    pub columns: Vec<Name<'t>>,
    /// The referenced table.
    pub table: QualifiedName<'t>,
    /// The referenced columns, if given.
    pub referenced_columns: Vec<Name<'t>>,
    /// `MATCH FULL`
    pub is_match_full: bool,
    /// `ON DELETE`, if given.
    pub on_delete: Option<ReferentialAction>,
    /// `ON UPDATE`, if given.
    pub on_update: Option<ReferentialAction>,
}

/// The action on referencing rows when the referenced row is deleted or updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferentialAction {
    /// `NO ACTION`
    NoAction,
    /// `RESTRICT`
    Restrict,
    /// `CASCADE`
    Cascade,
    /// `SET NULL`
    SetNull,
    /// `SET DEFAULT`
    SetDefault,
}

/// Returns true if a table constraint is next, and not a column or a `LIKE`.
pub(super) fn sees_table_constraint(reader: Reader<'_>) -> bool {
    let mut ahead = reader;
    if reader.sees_any(&["CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN"])
        || reader.sees_words(&["NOT", "NULL"])
    {
        return true;
    }
    // It may also be the name of a column.
    ahead.word("EXCLUDE") && (ahead.sees("USING") || ahead.sees_sign("("))
}

/// Parses a constraint of a table or a domain.
pub(super) fn table_constraint<'t>(reader: &mut Reader<'t>) -> Option<Constraint<'t>> {
    let mark = reader.mark();
    let name = constraint_name(reader);
    let kind = if reader.words(&["NOT", "NULL"]) {
        let ends = ["NO", "NOT", "DEFERRABLE", "INITIALLY", "ENFORCED"];
        let column = if reader.sees_any(&ends) { None } else { reader.name() };
        ConstraintKind::NotNull { column }
    } else if reader.word("CHECK") {
        ConstraintKind::Check { expression: reader.group()? }
    } else if reader.word("UNIQUE") {
        ConstraintKind::Unique(index_constraint(reader))
    } else if reader.words(&["PRIMARY", "KEY"]) {
        ConstraintKind::PrimaryKey(index_constraint(reader))
    } else if reader.word("EXCLUDE") {
        ConstraintKind::Exclude(exclusion(reader)?)
    } else if reader.words(&["FOREIGN", "KEY"]) {
        let columns = reader.columns();
        reader.word("REFERENCES").then_some(())?;
        ConstraintKind::ForeignKey(foreign_key(reader, columns)?)
    } else {
        return None;
    };
    Some(with_attributes(reader, mark, name, kind))
}

/// Parses a constraint of a column, if one is next.
pub(super) fn column_constraint<'t>(reader: &mut Reader<'t>) -> Option<Constraint<'t>> {
    let mark = reader.mark();
    let mut ahead = *reader;
    let name = constraint_name(&mut ahead);
    let kind = if ahead.words(&["NOT", "NULL"]) {
        ConstraintKind::NotNull { column: None }
    } else if ahead.word("CHECK") {
        ConstraintKind::Check { expression: ahead.group()? }
    } else if ahead.word("UNIQUE") {
        ConstraintKind::Unique(index_attributes(&mut ahead, Vec::new(), false))
    } else if ahead.words(&["PRIMARY", "KEY"]) {
        ConstraintKind::PrimaryKey(index_attributes(&mut ahead, Vec::new(), false))
    } else if ahead.word("REFERENCES") {
        ConstraintKind::ForeignKey(foreign_key(&mut ahead, Vec::new())?)
    } else {
        return None;
    };
    *reader = ahead;
    Some(with_attributes(reader, mark, name, kind))
}

pub(super) fn constraint_name<'t>(reader: &mut Reader<'t>) -> Option<Name<'t>> {
    if reader.word("CONSTRAINT") { reader.name() } else { None }
}

fn index_constraint<'t>(reader: &mut Reader<'t>) -> IndexConstraint<'t> {
    let nulls_not_distinct = nulls_not_distinct(reader);
    if reader.words(&["USING", "INDEX"]) {
        let using_index = reader.name();
        return IndexConstraint { using_index, nulls_not_distinct, ..IndexConstraint::default() };
    }
    let inside = reader.group();
    let items = inside.map(|inside| inside.items()).unwrap_or_default();
    let without_overlaps = items.last().is_some_and(|item| {
        let mut reader = item.reader();
        reader.name().is_some() && reader.words(&["WITHOUT", "OVERLAPS"])
    });
    let columns = items.into_iter().filter_map(|item| item.reader().name()).collect();
    let constraint = index_attributes(reader, columns, nulls_not_distinct);
    IndexConstraint { without_overlaps, ..constraint }
}

/// Takes `NULLS [NOT] DISTINCT`, if it is next; true for `NOT DISTINCT`.
pub(super) fn nulls_not_distinct(reader: &mut Reader<'_>) -> bool {
    reader.words(&["NULLS", "NOT", "DISTINCT"]) || {
        reader.words(&["NULLS", "DISTINCT"]);
        false
    }
}

/// Parses the attributes after the columns.
fn index_attributes<'t>(
    reader: &mut Reader<'t>,
    columns: Vec<Name<'t>>,
    nulls_not_distinct: bool,
) -> IndexConstraint<'t> {
    let nulls_not_distinct = nulls_not_distinct || self::nulls_not_distinct(reader);
    let include = if reader.word("INCLUDE") { reader.columns() } else { Vec::new() };
    let options = with_options(reader);
    let tablespace = if reader.words(&["USING", "INDEX", "TABLESPACE"]) { reader.name() } else { None };
    IndexConstraint {
        columns,
        include,
        nulls_not_distinct,
        options,
        tablespace,
        ..IndexConstraint::default()
    }
}

fn exclusion<'t>(reader: &mut Reader<'t>) -> Option<Exclusion<'t>> {
    let method = if reader.word("USING") { reader.name() } else { None };
    let elements = reader.group()?;
    index_attributes(reader, Vec::new(), false);
    let condition = if reader.word("WHERE") { reader.group() } else { None };
    Some(Exclusion { method, elements, condition })
}

/// Parses the rest after `REFERENCES`.
fn foreign_key<'t>(reader: &mut Reader<'t>, columns: Vec<Name<'t>>) -> Option<ForeignKey<'t>> {
    let table = reader.qualified_name()?;
    let referenced_columns = if reader.sees_sign("(") { reader.columns() } else { Vec::new() };
    let (mut on_delete, mut on_update, mut is_match_full) = (None, None, false);
    loop {
        if reader.words(&["MATCH", "FULL"]) {
            is_match_full = true;
        } else if reader.word("MATCH") {
            reader.take();
        } else if reader.words(&["ON", "DELETE"]) {
            on_delete = referential_action(reader);
        } else if reader.words(&["ON", "UPDATE"]) {
            on_update = referential_action(reader);
        } else {
            return Some(ForeignKey {
                columns,
                table,
                referenced_columns,
                is_match_full,
                on_delete,
                on_update,
            });
        }
    }
}

fn referential_action(reader: &mut Reader<'_>) -> Option<ReferentialAction> {
    Some(if reader.words(&["NO", "ACTION"]) {
        ReferentialAction::NoAction
    } else if reader.word("RESTRICT") {
        ReferentialAction::Restrict
    } else if reader.word("CASCADE") {
        ReferentialAction::Cascade
    } else {
        let action = if reader.words(&["SET", "NULL"]) {
            ReferentialAction::SetNull
        } else if reader.words(&["SET", "DEFAULT"]) {
            ReferentialAction::SetDefault
        } else {
            return None;
        };
        // The columns to set.
        if reader.sees_sign("(") {
            reader.group();
        }
        action
    })
}

fn with_attributes<'t>(
    reader: &mut Reader<'t>,
    mark: usize,
    name: Option<Name<'t>>,
    kind: ConstraintKind<'t>,
) -> Constraint<'t> {
    let mut constraint = Constraint {
        name,
        kind,
        not_valid: None,
        no_inherit: false,
        deferrable: None,
        initially_deferred: false,
        enforced: None,
        span: Span::new(0, 0),
    };
    loop {
        if let Some(span) = reader.words_span(&["NOT", "VALID"]) {
            constraint.not_valid = Some(span);
        } else if reader.words(&["NO", "INHERIT"]) {
            constraint.no_inherit = true;
        } else if reader.words(&["NOT", "DEFERRABLE"]) {
            constraint.deferrable = Some(false);
        } else if reader.word("DEFERRABLE") {
            constraint.deferrable = Some(true);
        } else if reader.words(&["INITIALLY", "DEFERRED"]) {
            constraint.initially_deferred = true;
        } else if reader.words(&["NOT", "ENFORCED"]) {
            constraint.enforced = Some(false);
        } else if reader.word("ENFORCED") {
            constraint.enforced = Some(true);
        } else if !reader.words(&["INITIALLY", "IMMEDIATE"]) {
            constraint.span = reader.span_since(mark);
            return constraint;
        }
    }
}
