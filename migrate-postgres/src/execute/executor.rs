//! The choice of an executor for a step.

use migrate_core::plan::Step;
use migrate_core::{Code, Payload, TransactionMode};

/// The way in which a step is executed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Executor<'s> {
    /// Together with others, in a transaction of its own.
    Batch,
    /// By itself, committed in parts.
    Stepwise,
    /// By itself, in a transaction that Rust code works in.
    Code(&'s Code),
}

impl<'s> Executor<'s> {
    /// The executor of a step.
    pub(crate) fn of(step: &Step<'s>) -> Executor<'s> {
        match &step.payload {
            None => Executor::Batch,
            Some(payload) if payload.transaction() != TransactionMode::Block => Executor::Stepwise,
            Some(Payload::Code(code)) => Executor::Code(code),
            Some(_) => Executor::Batch,
        }
    }

    /// True if steps may be executed together.
    pub(crate) fn is_batch(self) -> bool {
        matches!(self, Executor::Batch)
    }
}
