//! Plans: the statements that turn one schema into another, as data.

use super::rename::RenameCandidate;
use crate::objects::kind::Kind;
use std::fmt;

/// Statements that turn one schema into another, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaPlan {
    /// The statements.
    pub steps: Vec<SchemaStep>,
    /// The changes that no statement was written for.
    pub unwritten: Vec<Unwritten>,
    /// Objects that may have been renamed: the steps drop one and create the other.
    pub renames: Vec<RenameCandidate>,
}

impl SchemaPlan {
    /// True if the schemas are equal.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.unwritten.is_empty()
    }
}

/// The statements, one after the other, each with its semicolon.
impl fmt::Display for SchemaPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{};", step.sql))
    }
}

/// One statement of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchemaStep {
    /// The statement, without a semicolon.
    pub sql: String,
    /// The kind of the object that it is about.
    pub kind: Kind,
    /// The identity of that object.
    pub identity: String,
    /// Its purpose.
    pub action: SchemaAction,
    /// Its place in the plan.
    pub phase: SchemaPhase,
    /// The data that it deletes: `table public.users`, `column public.users.email`. Empty if it deletes none.
    pub loses: Vec<String>,
    /// True if the transaction must end before the next statement may use its result: a new value of an enum.
    pub commits: bool,
}

/// The purpose of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SchemaAction {
    /// It creates an object.
    Create,
    /// It changes an object in place.
    Alter,
    /// It drops an object.
    Drop,
}

/// A part of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SchemaPhase {
    /// Drops of objects that are replaced, or no longer needed and without data.
    Clear,
    /// The statements that create and alter.
    Build,
    /// Drops that lose data, and those of objects that need them to be gone.
    Contract,
}

/// A change that no statement was written for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unwritten {
    /// The kind of the object.
    pub kind: Kind,
    /// The identity of the object.
    pub identity: String,
    /// The purpose of the missing statement.
    pub action: SchemaAction,
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let act = match self.action {
            SchemaAction::Create => "creates",
            SchemaAction::Alter => "alters",
            SchemaAction::Drop => "drops",
        };
        write!(f, "no statement {act} {} {}", self.kind, self.identity)
    }
}
