//! Writing options in the syntax of a header.

use super::duration::duration_text;
use super::{Options, Phase, Replaces};
use crate::set::approval;
use crate::sql::TransactionMode;
use std::fmt;

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        words.extend(self.lock_timeout.map(|timeout| format!("lock_timeout={}", duration_text(timeout))));
        words.extend(
            self.statement_timeout.map(|timeout| format!("statement_timeout={}", duration_text(timeout))),
        );
        words.extend(self.transaction.map(|mode| format!("transaction={}", transaction_word(mode))));
        words.extend(self.phase.map(|phase| match phase {
            Phase::Expand => "phase=expand".to_owned(),
            Phase::Contract => "phase=contract".to_owned(),
        }));
        if !self.allow.is_empty() {
            words.push(approval::words(&self.allow));
        }
        if let Some(Replaces { first, last }) = &self.replaces {
            words.push(format!("replaces={}", range_text(first, last)));
        }
        words.extend(self.batch.as_ref().map(|batch| format!("batch={batch}")));
        words.extend(self.rows.map(|rows| format!("rows={rows}")));
        words.extend(self.pause.map(|pause| format!("pause={}", duration_text(pause))));
        words.extend(self.after.as_ref().map(|version| format!("after={version}")));
        words.extend(self.condition.iter().flat_map(|condition| condition.words()));
        f.write_str(&words.join(" "))
    }
}

/// Formats the value of `replaces=`.
pub(crate) fn range_text(first: &str, last: &str) -> String {
    if first == last { first.to_owned() } else { format!("{first}..{last}") }
}

/// Formats the value of `transaction=`.
pub(crate) fn transaction_word(mode: TransactionMode) -> &'static str {
    match mode {
        TransactionMode::Block => "block",
        TransactionMode::None => "none",
        TransactionMode::Own => "own",
    }
}
