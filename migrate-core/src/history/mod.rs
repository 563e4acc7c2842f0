//! The history: a database's record of the migrations applied to it.

pub mod foreign;
mod notice;
mod state;
pub mod stored;

pub use notice::Notice;
pub(crate) use notice::{list, numbered};
pub use state::{
    Applied, AppliedRef, HistoryHead, HistoryState, HistoryTail, Interrupted, Kept, LostRows, SetPosition,
};
