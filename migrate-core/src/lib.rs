//! Migrations, plans and histories: the engine of `migrate-postgres`, without I/O.

pub mod build;
pub mod checksum;
pub mod digest;
pub mod layout;
pub mod migration;
pub mod options;
pub mod problem;
pub mod script;
pub mod set;
pub mod source;
pub mod sql;
pub mod version;

pub use checksum::{Checksum, InvalidChecksum};
pub use digest::{Digest, DigestChain, InvalidDigest};
pub use layout::Layout;
pub use migration::{Migration, SqlMigration, Work};
pub use options::{Options, Phase, TransactionMode};
pub use problem::{Problem, ProblemKind, Problems};
pub use script::Script;
pub use set::{DEFAULT_SET, DuplicateVersion, Set};
pub use source::folder::FolderError;
pub use version::{Version, VersionOrder};
