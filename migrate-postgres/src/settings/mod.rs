//! Settings of a migrator, as data.

mod backfills;
#[cfg(feature = "operate")]
mod backups;
mod inspect;
mod lock_kind;
mod set_settings;
mod values;

pub(crate) use backfills::BackfillSettings;
#[cfg(feature = "operate")]
pub use backups::Backups;
pub(crate) use inspect::Inspect;
pub use lock_kind::LockKind;
pub use set_settings::SetSettings;
pub(crate) use values::CodeValues;
