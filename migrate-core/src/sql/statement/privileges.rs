//! `GRANT`, `REVOKE`, `COMMENT ON` and `SECURITY LABEL`.

use super::fragment::Fragment;
use super::name::QualifiedName;
use super::object::{ObjectKind, object_kind};
use super::reader::Reader;

/// `GRANT` and `REVOKE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangePrivileges<'t> {
    /// `GRANT`, or not: `REVOKE`.
    pub is_grant: bool,
    /// The privileges, or where nothing is behind `ON` the roles.
    pub privileges: Fragment<'t>,
    /// What they are of. None where it is about the membership in roles.
    pub on: Option<PrivilegeTarget<'t>>,
    /// The roles that they are given to or taken from, with commas between them.
    pub grantees: Fragment<'t>,
}

/// What privileges are of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivilegeTarget<'t> {
    /// The kind of objects: tables where nothing is said.
    pub kind: ObjectKind,
    /// `ALL TABLES IN SCHEMA` and its like: the names are schemas.
    pub in_schema: bool,
    /// The objects.
    pub names: Vec<QualifiedName<'t>>,
}

/// `COMMENT ON` and `SECURITY LABEL ON`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommentOn<'t> {
    /// The kind of object.
    pub kind: ObjectKind,
    /// The object, of a column with its table; none of a cast, a transform or an operator.
    pub name: Option<QualifiedName<'t>>,
    /// The table, where it is a part of one that `ON` names: a constraint, a trigger, a policy, a rule.
    pub on: Option<QualifiedName<'t>>,
}

/// `GRANT` or `REVOKE` has been taken.
pub(super) fn change_privileges<'t>(reader: &mut Reader<'t>, is_grant: bool) -> Option<ChangePrivileges<'t>> {
    let ends = if is_grant { "TO" } else { "FROM" };
    let privileges = reader.until_word(&["ON", "TO", "FROM"]);
    let on = if reader.word("ON") { Some(target(reader, ends)?) } else { None };
    let _either = reader.word("TO") || reader.word("FROM");
    let grantees = reader.roles();
    reader.rest();
    Some(ChangePrivileges { is_grant, privileges, on, grantees })
}

fn target<'t>(reader: &mut Reader<'t>, ends: &str) -> Option<PrivilegeTarget<'t>> {
    let in_schema = reader.word("ALL");
    if in_schema {
        let kind = match reader.keyword().as_str() {
            "tables" => ObjectKind::Table,
            "sequences" => ObjectKind::Sequence,
            "functions" => ObjectKind::Function,
            "procedures" => ObjectKind::Procedure,
            "routines" => ObjectKind::Routine,
            _ => return None,
        };
        reader.take();
        reader.words(&["IN", "SCHEMA"]);
        return Some(PrivilegeTarget { kind, in_schema, names: reader.qualified_names() });
    }
    // A table may be called as a kind of object is.
    let mut ahead = *reader;
    let kind = object_kind(&mut ahead).filter(|_| {
        !ahead.sees(ends)
            && !ahead.sees("TO")
            && !ahead.sees("FROM")
            && !ahead.sees_sign(",")
            && !ahead.sees_sign(".")
    });
    if kind.is_some() {
        *reader = ahead;
    }
    let names = reader.list(|reader| {
        if kind == Some(ObjectKind::LargeObject) {
            reader.take();
            return None;
        }
        let name = reader.qualified_name()?;
        if reader.sees_sign("(") {
            reader.group();
        }
        Some(name)
    });
    reader.until_word(&["TO", "FROM"]);
    Some(PrivilegeTarget { kind: kind.unwrap_or(ObjectKind::Table), in_schema, names })
}

/// `COMMENT` or `SECURITY LABEL` has been taken.
pub(super) fn comment_on<'t>(reader: &mut Reader<'t>) -> Option<CommentOn<'t>> {
    reader.until_word(&["ON"]);
    reader.word("ON").then_some(())?;
    reader.word("PROCEDURAL");
    let kind = object_kind(reader)?;
    let name = reader.qualified_name();
    reader.until_word(&["ON", "IS"]);
    let on = if reader.word("ON") {
        reader.word("DOMAIN");
        reader.qualified_name()
    } else {
        None
    };
    reader.rest();
    Some(CommentOn { kind, name, on })
}
