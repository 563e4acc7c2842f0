//! Dependencies between the objects of a catalog.

use crate::objects::kind::Kind;
use crate::objects::object::Object;

/// The key of an object in its catalog.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) identity: String,
}

impl Key {
    pub(crate) fn new(kind: Kind, identity: impl Into<String>) -> Key {
        Key { kind, identity: identity.into() }
    }

    pub(crate) fn of(object: &Object) -> Key {
        Key::new(object.kind(), object.identity())
    }
}

/// One object that needs another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependency {
    /// The object that needs the other one.
    pub(crate) dependent: Key,
    /// The object that it needs.
    pub(crate) on: Key,
    /// True if dropping the other object drops this one with it, without `CASCADE`.
    pub(crate) is_automatic: bool,
    /// True if the default of a column, or the expression of a generated column, needs it, and not its type.
    pub(crate) of_expression: bool,
}
