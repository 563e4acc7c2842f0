//! Files that hold an up and a down script.

use crate::options::TransactionMode;
use crate::problem::MarkFault;
use crate::sql;

/// Where a file is divided, and what its marks ask for. The up script is what stands before the down script.
#[derive(Debug, Default)]
pub(super) struct Halves {
    /// Where the down script begins.
    pub(super) down_at: Option<usize>,
    /// What the marks ask for the up script and for the down script.
    pub(super) modes: [Option<Mark>; 2],
    /// Where a mark is repeated that counts once.
    pub(super) repeated: Vec<usize>,
    /// What is wrong with a mark, and its place.
    pub(super) faults: Vec<(usize, String, MarkFault)>,
}

/// A mark that asks for a transaction mode.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// Where it stands.
    pub(super) at: usize,
    /// The mark itself.
    pub(super) line: String,
    /// What it asks for.
    pub(super) mode: TransactionMode,
}

impl Halves {
    /// Adds a fault of a mark.
    pub(super) fn fault(&mut self, at: usize, mark: &str, fault: MarkFault) {
        self.faults.push((at, mark.to_owned(), fault));
    }

    /// Looks whether the up script is marked, and marked before anything else.
    pub(super) fn check_up(&mut self, text: &str, expected: &'static str, up: Option<usize>) {
        let line = |at: usize| text[at..].lines().next().unwrap_or_default().trim_end();
        match (up, self.down_at) {
            (None, down) => {
                let at = down.unwrap_or(0);
                self.fault(at, line(at), MarkFault::NoUp { expected });
            }
            (Some(up), Some(down)) if up > down => self.fault(up, line(up), MarkFault::UpBehindDown),
            (Some(up), _) => {
                let first = sql::tokens(text).find(|token| !token.is_trivia());
                if let Some(first) = first.filter(|token| token.start < up) {
                    self.fault(first.start, line(up), MarkFault::StatementBefore);
                }
            }
        }
    }
}
