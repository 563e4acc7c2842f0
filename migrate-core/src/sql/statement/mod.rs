//! The parsed form of a statement, shared by all code that needs to know what a statement does.
//!
//! [`LexedStatement::parse`] turns a statement's tokens into a [`ParsedStatement`]. It never fails: the
//! [kind](StatementKind) of an unknown statement is [`StatementKind::Other`], [`AlterAction`] and
//! [`ColumnChange`] have a variant `Other`, and an unread rest is in [`ParsedStatement::unread`]. It does not
//! check the grammar, because the server does.
//!
//! - A [`Name`] is stored as written; [`Name::folded`] is the name as the server reads it. A
//!   [`QualifiedName`] includes the qualifiers.
//! - Expressions, queries and everything else without a specific form are [`Fragment`]s: tokens, with a text
//!   and a position. [`Fragment::calls`] lists the functions in an expression, and [`Fragment::statement`]
//!   parses a query or the body of a `WITH`.
//! - Each part that an edit may concern has a [`Span`]: a byte range in the text of the tokens. For a keyword
//!   that may be inserted, such as `CONCURRENTLY`, the form contains the word before it (`keyword`).
//!
//! # Examples
//!
//! ```
//! use migrate_core::sql::statement::{AlterActionKind, ColumnChange, LexedStatement, StatementKind};
//!
//! let text = "ALTER TABLE ONLY app.Users ADD COLUMN age int DEFAULT f(1) NOT NULL, ALTER b TYPE numeric(10, 2)";
//! let lexed = LexedStatement::new(text);
//! let StatementKind::AlterRelation(alter) = lexed.parse().kind else { panic!() };
//! assert!(alter.relation.only);
//! assert_eq!(alter.relation.name.folded(), "app.users");
//!
//! let AlterActionKind::AddColumn { column, .. } = &alter.actions[0].kind else { panic!() };
//! assert_eq!(column.type_name.as_ref().unwrap().base(), "int4");
//! assert_eq!(column.default.as_ref().unwrap().expression.calls()[0].to_string(), "f");
//! assert!(column.is_not_null());
//!
//! let AlterActionKind::AlterColumn { change, .. } = &alter.actions[1].kind else { panic!() };
//! let ColumnChange::SetType { type_name, .. } = change else { panic!() };
//! assert_eq!((type_name.base().as_ref(), type_name.modifiers[1].text()), ("numeric", "2"));
//! assert_eq!(alter.actions[1].span.text(text), "ALTER b TYPE numeric(10, 2)");
//! ```

mod alter;
mod alter_column;
mod alter_other;
mod column;
mod constraint;
mod create;
mod drop;
mod fragment;
mod given;
mod index;
mod kind;
mod maintain;
mod name;
mod object;
pub(in crate::sql) mod options;
mod parse;
mod privileges;
mod reader;
mod relations;
mod routine;
mod rows;
mod session;
mod table;
#[cfg(test)]
mod tests;
mod types;

pub use alter::{AlterAction, AlterActionKind, AlterRelation, RowSecurity, SequenceOptions};
pub use alter_column::ColumnChange;
pub use alter_other::{
    AlterAllInTablespace, AlterDatabase, AlterDomain, AlterObject, AlterSubscription, AlterType,
    DefaultPrivileges, DomainChange, ObjectChange, SubscriptionChange, TypeChange,
};
pub use column::{ColumnDefinition, DefaultClause, GeneratedClause, IdentityClause};
pub use constraint::{Constraint, ConstraintKind, Exclusion, ForeignKey, IndexConstraint, ReferentialAction};
pub use create::{
    CreateDatabase, CreateDomain, CreateExtension, CreateObject, CreateOnTable, CreatePublication,
    CreateSchema, CreateSequence, CreateStatistics, CreateSubscription, CreateTablespace, CreateType,
    CreateView, TypeDefinition,
};
pub use drop::DropObjects;
pub use fragment::{Fragment, Span};
pub(in crate::sql) use given::{GivenValue, Taker};
pub use index::{CreateIndex, IndexElement};
pub use kind::StatementKind;
pub use maintain::{ClusterTable, LockTables, RefreshView, Reindex, Vacuum, Wrapped};
pub use name::{Name, QualifiedName, RelationRef};
pub use object::{ObjectKind, Persistence};
pub use options::ListedOption;
pub(in crate::sql) use parse::StatementTokens;
pub use parse::{LexedStatement, ParsedStatement};
pub use privileges::{ChangePrivileges, CommentOn, PrivilegeTarget};
pub use relations::RelationUse;
pub use routine::{CreateRoutine, CreateTrigger, RoutineBody, Volatility};
pub use rows::{
    CommonTable, CopyData, CopyEndpoint, DeleteRows, InsertRows, InsertSource, MergeRows, Query, SetConfig,
    TruncateTables, UpdateRows,
};
pub use session::{
    ResetParameter, SetParameter, SettingScope, SettingTarget, TransactionControl, TransactionModes,
};
pub use table::{CreateTable, LikeClause, PartitionBound, PartitionBy, PartitionOf};
pub use types::{IntervalField, TypeName};
