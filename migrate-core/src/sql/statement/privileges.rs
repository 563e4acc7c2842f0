//! `GRANT`, `REVOKE`, `COMMENT ON` and `SECURITY LABEL`.

use super::fragment::Fragment;
use super::name::QualifiedName;
use super::object::{ObjectKind, object_kind};
use super::reader::Reader;

/// `GRANT` and `REVOKE`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangePrivileges<'t> {
    /// True for `GRANT`, false for `REVOKE`.
    pub is_grant: bool,
    /// The privileges; the roles if there is no `ON`.
    pub privileges: Fragment<'t>,
    /// The objects; `None` for a membership in roles.
    pub on: Option<PrivilegeTarget<'t>>,
    /// The grantees, separated by commas.
    pub grantees: Fragment<'t>,
}

/// The objects of privileges.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivilegeTarget<'t> {
    /// The kind of objects; tables by default.
    pub kind: ObjectKind,
    /// True for `ALL TABLES IN SCHEMA` and similar forms, whose names are schemas.
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
    /// The object, for a column including its table; `None` for a cast, a transform or an operator.
    pub name: Option<QualifiedName<'t>>,
    /// The table after `ON`, for an object that belongs to one: a constraint, a trigger, a policy, a rule.
    pub on: Option<QualifiedName<'t>>,
}

/// Parses the rest after `GRANT` or `REVOKE`.
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
    // A kind of object may also be the name of a table.
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

/// Parses the rest after `COMMENT` or `SECURITY LABEL`.
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
