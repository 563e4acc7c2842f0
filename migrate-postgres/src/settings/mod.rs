//! Choices of a builder, as data.

#[cfg(feature = "operate")]
mod backups;
mod lock_kind;

#[cfg(feature = "operate")]
pub use backups::Backups;
pub use lock_kind::LockKind;
