//! The statements of each kind of object, one kind a file.

pub(super) mod access;
pub(super) mod column;
mod constraint;
mod database;
mod index;
mod policy;
mod routine;
mod sequence;
mod table;
mod text_search;
mod trigger;
pub(super) mod types;
mod view;

use super::context::Context;
use super::statement::{Statements, one};
use crate::objects::details::Details;
use crate::objects::object::Object;

/// The statements of a kind.
///
/// `None` says that a statement is missing, and for [`alter`](Written::alter) that the object is dropped and created
/// again. An empty list says that nothing is left to do: another statement does it.
pub(super) trait Written {
    /// Creates the object of the new schema.
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements;

    /// Changes the object in place: `self` is the old one, `object` the new one.
    fn alter(&self, new: &Self, object: &Object, context: &Context<'_>) -> Statements;

    /// Drops the object of the old schema.
    fn drop(&self, object: &Object, _: &Context<'_>) -> Statements {
        one(format!("DROP {} {}", object.kind().word().to_uppercase(), object.identity()))
    }
}

/// Calls [`Written`] for the details of any kind.
macro_rules! dispatch {
    ($($kind:ident)+) => {
        /// The statements that create an object.
        pub(super) fn create(object: &Object, context: &Context<'_>) -> Statements {
            match object.details()? {
                $(Details::$kind(details) => details.create(object, context),)+
            }
        }

        /// The statements that drop an object.
        pub(super) fn drop(object: &Object, context: &Context<'_>) -> Statements {
            match object.details()? {
                $(Details::$kind(details) => details.drop(object, context),)+
            }
        }

        /// The statements that change an object in place; none if it has to be replaced.
        pub(super) fn alter(old: &Object, new: &Object, context: &Context<'_>) -> Statements {
            match (old.details()?, new.details()?) {
                $((Details::$kind(old), Details::$kind(details)) => old.alter(details, new, context),)+
                _ => None,
            }
        }
    };
}

dispatch! {
    Schema Extension Type Domain Collation Sequence Table Column Constraint Index Statistics View Routine Aggregate
    Trigger Rule Policy EventTrigger Publication ForeignDataWrapper ForeignServer Cast Operator OperatorClass
    TextSearchConfiguration TextSearchDictionary Comment Privileges DefaultPrivileges SecurityLabel Noted
}

/// The statement that changes an owner, if it does.
fn owner(word: &str, name: &str, old: &Option<String>, new: &Option<String>) -> Option<String> {
    let new = new.as_ref().filter(|new| old.as_ref() != Some(*new))?;
    Some(format!("ALTER {word} {name} OWNER TO {new}"))
}
