//! The record of the statements that a migration's code has sent. It outlives the code.

use crate::error::secrets::{clean, secrets};
use migrate_core::sql;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A record of what code has sent.
#[derive(Debug, Default)]
pub(crate) struct CodeRecord(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    statement: Option<LastStatement>,
    /// The command with which the code tried to end its transaction.
    ended: Option<(&'static str, &'static Location<'static>)>,
    /// The error of the last statement that the server refused.
    refused: Option<String>,
    /// The secrets of all statements, which any later message may repeat.
    secrets: BTreeSet<String>,
}

/// The last statement that was sent.
#[derive(Clone, Debug)]
pub(crate) struct LastStatement {
    pub(crate) text: String,
    pub(crate) at: &'static Location<'static>,
}

impl LastStatement {
    /// Its first line, without secrets.
    pub(crate) fn shown(&self) -> String {
        let redacted = sql::redact(&self.text);
        redacted.trim_start().lines().next().unwrap_or_default().to_owned()
    }
}

impl CodeRecord {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the secrets of a statement, whether it is sent or not.
    pub(super) fn hides(&self, text: &str) {
        let secrets = secrets(text);
        self.inner().secrets.extend(secrets);
    }

    /// The secrets of all statements.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.inner().secrets.iter().cloned().collect()
    }

    /// A text of the code without them.
    pub(crate) fn clean(&self, text: &str) -> String {
        clean(text, &self.secrets())
    }

    pub(super) fn sends(&self, text: &str, at: &'static Location<'static>) {
        self.inner().statement = Some(LastStatement { text: text.to_owned(), at });
    }

    pub(super) fn was_refused(&self, error: String) {
        self.inner().refused = Some(error);
    }

    pub(super) fn tried_to_end(&self, command: &'static str, at: &'static Location<'static>) {
        self.inner().ended.get_or_insert((command, at));
    }

    /// The last statement that was sent.
    pub(crate) fn statement(&self) -> Option<LastStatement> {
        self.inner().statement.clone()
    }

    /// The command with which the code tried to end its transaction, and the call.
    pub(crate) fn ended(&self) -> Option<(&'static str, &'static Location<'static>)> {
        self.inner().ended
    }

    /// The error of the last statement that the server refused, without secrets.
    pub(crate) fn refused(&self) -> Option<String> {
        let refused = self.inner().refused.clone()?;
        Some(self.clean(&refused))
    }
}
