//! Files that hold an up and a down script.

use crate::set::problem::MarkFault;
use crate::sql;
use crate::sql::TransactionMode;

/// Where a file is divided, and what its marks ask for. The up script is what stands before the down script.
#[derive(Debug, Default)]
pub(in crate::directory) struct Halves {
    /// Where the down script begins.
    pub(in crate::directory) down_at: Option<usize>,
    /// What the marks ask for the up script and for the down script.
    pub(in crate::directory) modes: [Option<Mark>; 2],
    /// Where a mark is repeated that counts once.
    pub(in crate::directory) repeated: Vec<usize>,
    /// What is wrong with a mark, and its place.
    pub(in crate::directory) faults: Vec<(usize, String, MarkFault)>,
}

/// A mark that asks for a transaction mode.
#[derive(Clone, Debug)]
pub(in crate::directory) struct Mark {
    /// Where it stands.
    pub(in crate::directory) at: usize,
    /// The mark itself.
    pub(in crate::directory) line: String,
    /// What it asks for.
    pub(in crate::directory) mode: TransactionMode,
}

impl Halves {
    /// Adds a fault of a mark.
    pub(in crate::directory) fn fault(&mut self, at: usize, mark: &str, fault: MarkFault) {
        self.faults.push((at, mark.to_owned(), fault));
    }

    /// Looks whether the up script is marked, and marked before anything else.
    pub(in crate::directory) fn check_up(&mut self, text: &str, expected: &'static str, up: Option<usize>) {
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
