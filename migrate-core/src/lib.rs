//! Migrations, plans and histories: the engine of `migrate-postgres`, without I/O.
//!
//! Three traits are the design: a [`Migration`] is one versioned change, a [`Plan`](plan::Plan) decides what to do
//! from a [`Set`] and what a database remembers, and a [`History`](engine::History) is that memory and the lock that
//! guards it. The [`engine`] drives them. Users depend on `migrate-postgres`, which re-exports what they need.

pub mod advice;
pub mod build;
pub mod directory;
pub mod display;
pub mod engine;
pub mod history;
pub mod plan;
pub mod set;
pub mod sql;

pub use advice::{Advice, Left};
pub use directory::source::folder::FolderError;
pub use engine::error::Failure;
pub use engine::event::{Event, Observer};
pub use engine::report::{Report, StepReport};
pub use set::Layout;
pub use set::checksum::{Checksum, InvalidChecksum};
pub use set::digest::{Digest, DigestChain, InvalidDigest};
pub use set::migration::{Migration, Payload, SqlMigration};
pub use set::options::{Options, Phase, Replaces};
pub use set::placeholder::{Placeholder, PlaceholderError};
pub use set::problem::{MarkFault, PlaceholderFault, Problem, ProblemKind, Problems};
pub use set::script::Script;
pub use set::version::{Version, VersionOrder};
pub use set::{DEFAULT_SET, DuplicateVersion, Set};
pub use sql::TransactionMode;
