//! Migrations, plans and histories: the engine of `migrate-postgres`, without I/O.
//!
//! The design rests on three traits: a [`Migration`] is one versioned change; a [`Plan`](plan::Plan) decides
//! the steps of a run from a [`Set`] and a database's history; and a [`History`](engine::History) is that
//! record, with the lock that guards it. The [`engine`] drives them. Users depend on `migrate-postgres`,
//! which re-exports the items they need.

pub mod advice;
pub mod backfill;
pub mod build;
pub mod config;
pub mod directory;
pub mod display;
pub mod engine;
pub mod history;
pub mod lint;
pub mod plan;
pub mod render;
#[doc(hidden)]
pub mod rust;
pub mod set;
pub mod sql;

pub use advice::{Advice, Left};
pub use directory::source::folder::FolderError;
pub use engine::error::Failure;
pub use engine::event::{Event, Observer};
pub use engine::report::{Report, StepReport};
pub use set::Layout;
pub use set::checksum::{Checksum, InvalidChecksum};
pub use set::code::{Code, CodeFunctions, CodeMigration};
pub use set::companion::{Assertion, Seed, UnusableCompanions};
pub use set::digest::{Digest, DigestChain, InvalidDigest};
pub use set::file_migration::FileMigration;
pub use set::migration::{Migration, Payload, SqlMigration};
pub use set::options::{Batch, Options, Phase, Replaces};
pub use set::placeholder::{Placeholder, PlaceholderError};
pub use set::problem::{
    BatchFault, CodeFault, CompanionFault, MarkFault, PlaceholderFault, Problem, ProblemKind, Problems,
};
pub use set::registered::{RegisteredCode, RegistrationError};
pub use set::script::Script;
pub use set::version::{Version, VersionOrder};
pub use set::{Approval, DEFAULT_SET, DuplicateVersion, ScriptApproval, Set};
pub use sql::TransactionMode;
