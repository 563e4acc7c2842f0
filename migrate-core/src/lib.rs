//! Migrations, plans and histories: the engine of `migrate-postgres`, without I/O.
//!
//! Three traits are the design: a [`Migration`] is one versioned change, a [`Plan`](plan::Plan) decides what to do
//! from a [`Set`] and what a database remembers, and a [`History`](history::History) is that memory and the lock that
//! guards it. The [`engine`] drives them. Users depend on `migrate-postgres`, which re-exports what they need.

pub mod advice;
pub mod build;
pub mod checksum;
mod debug;
pub mod digest;
#[doc(hidden)]
pub mod embedded;
pub mod engine;
pub mod error;
pub mod event;
mod filled;
pub mod foreign;
pub mod history;
pub mod kept;
pub mod layout;
pub mod migration;
pub mod options;
pub mod placeholder;
pub mod plan;
pub mod printable;
pub mod problem;
pub mod report;
pub mod script;
pub mod set;
pub mod source;
pub mod sql;
pub mod version;

pub use checksum::{Checksum, InvalidChecksum};
pub use digest::{Digest, DigestChain, InvalidDigest};
pub use error::{Error, Failure};
pub use event::{Event, Observer};
pub use layout::Layout;
pub use migration::{Migration, Payload, SqlMigration};
pub use options::{Options, Phase, Replaces, TransactionMode};
pub use placeholder::{Placeholder, PlaceholderError};
pub use problem::{MarkFault, PlaceholderFault, Problem, ProblemKind, Problems};
pub use report::{Report, StepReport};
pub use script::Script;
pub use set::{DEFAULT_SET, DuplicateVersion, Set};
pub use source::folder::FolderError;
pub use version::{Version, VersionOrder};
