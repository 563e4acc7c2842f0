//! Settings of a migrator, as data.

#[cfg(feature = "operate")]
mod backups;
mod inspect;
mod lock_kind;

#[cfg(feature = "operate")]
pub use backups::Backups;
pub(crate) use inspect::Inspect;
pub use lock_kind::LockKind;
