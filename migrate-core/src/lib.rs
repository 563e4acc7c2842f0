//! Migrations, plans and histories: the engine of `migrate-postgres`, without I/O.

pub mod checksum;
pub mod digest;
pub mod migration;
pub mod options;
pub mod script;
pub mod set;
pub mod sql;
pub mod version;

pub use checksum::{Checksum, InvalidChecksum};
pub use digest::{Digest, DigestChain, InvalidDigest};
pub use migration::{Migration, SqlMigration, Work};
pub use options::{Options, Phase, TransactionMode};
pub use script::Script;
pub use set::{DEFAULT_SET, DuplicateVersion, Set};
pub use version::{Version, VersionOrder};
