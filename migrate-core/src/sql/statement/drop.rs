//! `DROP` of objects of any kind.

use super::alter::cascade;
use super::fragment::Span;
use super::name::QualifiedName;
use super::object::{ObjectKind, object_kind};
use super::reader::Reader;

/// `DROP`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DropObjects<'t> {
    /// The kind of objects.
    pub kind: ObjectKind,
    /// The last word of the kind: `CONCURRENTLY` goes after `INDEX`.
    pub keyword: Span,
    /// `CONCURRENTLY`
    pub concurrently: Option<Span>,
    /// `IF EXISTS`
    pub if_exists: bool,
    /// The objects: functions without their parameters; for `DROP OWNED BY`, the roles. Empty for a cast, an
    /// operator, a transform or a user mapping.
    pub names: Vec<QualifiedName<'t>>,
    /// The table of a trigger, a policy or a rule. The access method of an operator class or family, which
    /// follows `USING`, is not included.
    pub on: Option<QualifiedName<'t>>,
    /// `CASCADE`
    pub cascade: bool,
}

/// Parses the rest after `DROP`.
pub(super) fn drop_objects<'t>(reader: &mut Reader<'t>) -> Option<DropObjects<'t>> {
    // As in CREATE, words that do not affect the kind may precede it.
    let _either = reader.word("TRUSTED") || reader.word("PROCEDURAL");
    let kind = object_kind(reader)?;
    let keyword = reader.last_span();
    // CONCURRENTLY can't be an index's name unless it is quoted (manual, appendix C).
    let concurrently = if kind == ObjectKind::Index { reader.word_span("CONCURRENTLY") } else { None };
    if kind == ObjectKind::Owned {
        reader.word("BY");
    }
    let if_exists = reader.words(&["IF", "EXISTS"]);
    use ObjectKind::{Cast, Operator, Transform, UserMapping};
    let has_names = !matches!(kind, Cast | Operator | Transform | UserMapping);
    let names = if has_names { reader.list(signature) } else { Vec::new() };
    if !has_names {
        reader.until_word(&["CASCADE", "RESTRICT"]);
    }
    let on = if reader.word("ON") { reader.qualified_name() } else { None };
    if reader.word("USING") {
        reader.name();
    }
    let cascade = cascade(reader);
    if kind == ObjectKind::Database {
        reader.word("WITH");
        reader.group();
    }
    Some(DropObjects { kind, keyword, concurrently, if_exists, names, on, cascade })
}

/// Parses a name and its parameter types, if given.
fn signature<'t>(reader: &mut Reader<'t>) -> Option<QualifiedName<'t>> {
    let name = reader.qualified_name()?;
    if reader.sees_sign("(") {
        reader.group();
    }
    Some(name)
}
