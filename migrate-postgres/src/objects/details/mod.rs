//! Details: the properties of each kind of object, as data, and the text form that comparisons show.
//!
//! Values are SQL, as the server prints them: names are quoted where necessary, literals have their quotes,
//! and types and expressions name other objects as the scope of the catalog does.

pub(crate) mod access;
pub(crate) mod attached;
pub(crate) mod attributes;
pub(crate) mod database;
mod lines;
pub(crate) mod relation;
pub(crate) mod routine;
pub(crate) mod text_search;
pub(crate) mod types;

use crate::objects::kind::Kind;
use access::{Comment, DefaultPrivileges, Noted, Privileges, SecurityLabel};
use attached::{Constraint, Index, Policy, Rule, Statistics, Trigger};
use attributes::Attributes;
use database::{EventTrigger, Extension, ForeignDataWrapper, ForeignServer, Publication, Schema};
use lines::Lines;
use relation::{Column, Sequence, Table, View};
use routine::{Aggregate, Cast, Operator, OperatorClass, Routine};
use text_search::{Collation, TextSearchConfiguration, TextSearchDictionary};
use types::{Domain, Type};

/// Defines [`Details`] with a variant for each struct, and the kinds that have it.
macro_rules! variants {
    ($($name:ident: $($kind:ident)|+,)+) => {
        /// The details of an object.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Details {
            $($name($name),)+
        }

        impl Details {
            /// The details of an object of this kind.
            pub(crate) fn of(kind: Kind, attributes: Attributes<'_>) -> Details {
                match kind {
                    $($(Kind::$kind)|+ => Details::$name($name::of(attributes)),)+
                }
            }

            /// The definition, as lines of text.
            pub(crate) fn text(&self, kind: Kind) -> String {
                let mut lines = Lines::default();
                match self {
                    $(Details::$name(details) => details.write(kind, &mut lines),)+
                }
                lines.into_text()
            }
        }
    };
}

variants! {
    Schema: Schema,
    Extension: Extension,
    Type: Type,
    Domain: Domain,
    Collation: Collation,
    Sequence: Sequence,
    Table: Table | ForeignTable,
    Column: Column,
    Constraint: Constraint,
    Index: Index,
    Statistics: Statistics,
    View: View | MaterializedView,
    Routine: Function | Procedure,
    Aggregate: Aggregate,
    Trigger: Trigger,
    Rule: Rule,
    Policy: Policy,
    EventTrigger: EventTrigger,
    Publication: Publication,
    ForeignDataWrapper: ForeignDataWrapper,
    ForeignServer: ForeignServer,
    Cast: Cast,
    Operator: Operator,
    OperatorClass: OperatorClass,
    TextSearchConfiguration: TextSearchConfiguration,
    TextSearchDictionary: TextSearchDictionary,
    Comment: Comment,
    Privileges: Privileges,
    DefaultPrivileges: DefaultPrivileges,
    SecurityLabel: SecurityLabel,
    Noted: UserMapping | Subscription | Settings | Unmodelled,
}
