//! `ALTER TABLE … ALTER COLUMN`

use super::column::IdentityClause;
use super::fragment::Fragment;
use super::name::QualifiedName;
use super::options::{ListedOption, foreign_options, options};
use super::reader::Reader;
use super::types::{TypeName, type_name};

/// The changes of an `ALTER COLUMN`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnChange<'t> {
    /// `[SET DATA] TYPE`
    SetType {
        /// The new type.
        type_name: TypeName<'t>,
        /// `COLLATE`
        collation: Option<QualifiedName<'t>>,
        /// `USING`
        using: Option<Fragment<'t>>,
    },
    /// `SET DEFAULT`
    SetDefault(Fragment<'t>),
    /// `DROP DEFAULT`
    DropDefault,
    /// `SET NOT NULL`
    SetNotNull,
    /// `DROP NOT NULL`
    DropNotNull,
    /// `SET EXPRESSION AS (…)`
    SetExpression(Fragment<'t>),
    /// `DROP EXPRESSION`
    DropExpression,
    /// `ADD GENERATED … AS IDENTITY`
    AddIdentity(IdentityClause<'t>),
    /// `SET GENERATED …`, `RESTART` and the options of an identity column's sequence
    SetIdentity(Fragment<'t>),
    /// `DROP IDENTITY`
    DropIdentity,
    /// `SET STATISTICS`
    SetStatistics,
    /// `SET STORAGE`
    SetStorage,
    /// `SET COMPRESSION`
    SetCompression,
    /// `SET (…)`
    SetOptions(Vec<ListedOption<'t>>),
    /// `RESET (…)`
    ResetOptions(Vec<ListedOption<'t>>),
    /// `OPTIONS (…)` of a foreign table's column
    ForeignOptions(Vec<ListedOption<'t>>),
    /// An unknown change.
    Other(Fragment<'t>),
}

pub(super) fn column_change<'t>(reader: &mut Reader<'t>) -> ColumnChange<'t> {
    let mut ahead = *reader;
    match known_column_change(&mut ahead) {
        Some(change) => {
            *reader = ahead;
            change
        }
        None => ColumnChange::Other(reader.item()),
    }
}

fn known_column_change<'t>(reader: &mut Reader<'t>) -> Option<ColumnChange<'t>> {
    if reader.word("TYPE") || reader.words(&["SET", "DATA", "TYPE"]) {
        let type_name = type_name(reader)?;
        let collation = if reader.word("COLLATE") { reader.qualified_name() } else { None };
        let using = reader.word("USING").then(|| reader.item());
        return Some(ColumnChange::SetType { type_name, collation, using });
    }
    let first = *reader;
    if reader.word("SET") {
        return Some(if reader.word("DEFAULT") {
            ColumnChange::SetDefault(reader.item())
        } else if reader.words(&["NOT", "NULL"]) {
            ColumnChange::SetNotNull
        } else if reader.words(&["EXPRESSION", "AS"]) {
            ColumnChange::SetExpression(reader.group()?)
        } else if reader.word("STATISTICS") {
            reader.item();
            ColumnChange::SetStatistics
        } else if reader.word("STORAGE") {
            reader.item();
            ColumnChange::SetStorage
        } else if reader.word("COMPRESSION") {
            reader.item();
            ColumnChange::SetCompression
        } else if reader.sees_sign("(") {
            ColumnChange::SetOptions(options(reader)?)
        } else {
            *reader = first;
            ColumnChange::SetIdentity(reader.item())
        });
    }
    if reader.word("DROP") {
        return Some(if reader.word("DEFAULT") {
            ColumnChange::DropDefault
        } else if reader.words(&["NOT", "NULL"]) {
            ColumnChange::DropNotNull
        } else if reader.word("EXPRESSION") {
            reader.words(&["IF", "EXISTS"]);
            ColumnChange::DropExpression
        } else {
            reader.word("IDENTITY").then_some(())?;
            reader.words(&["IF", "EXISTS"]);
            ColumnChange::DropIdentity
        });
    }
    if reader.word("ADD") {
        let mark = reader.mark();
        reader.word("GENERATED").then_some(())?;
        let is_always = reader.word("ALWAYS");
        reader.words(&["BY", "DEFAULT"]);
        reader.words(&["AS", "IDENTITY"]).then_some(())?;
        let options = if reader.sees_sign("(") { reader.group() } else { None };
        return Some(ColumnChange::AddIdentity(IdentityClause {
            is_always,
            options,
            span: reader.span_since(mark),
        }));
    }
    if reader.word("RESET") {
        return Some(ColumnChange::ResetOptions(options(reader)?));
    }
    if reader.word("OPTIONS") {
        return Some(ColumnChange::ForeignOptions(foreign_options(reader)?));
    }
    reader.sees("RESTART").then(|| ColumnChange::SetIdentity(reader.item()))
}
