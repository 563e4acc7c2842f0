//! Files that hold both an up and a down script.

use crate::set::problem::MarkFault;
use crate::sql;
use crate::sql::TransactionMode;

/// The division of a file, and the requests of its marks. The up script precedes the down script.
#[derive(Debug, Default)]
pub(in crate::directory) struct Halves {
    /// The byte offset at which the down script begins.
    pub(in crate::directory) down_at: Option<usize>,
    /// The requests of the marks for the up script and the down script.
    pub(in crate::directory) modes: [Option<Mark>; 2],
    /// The offsets of repeated marks, of which only the first counts.
    pub(in crate::directory) repeated: Vec<usize>,
    /// The faults of marks: offset, mark and fault.
    pub(in crate::directory) faults: Vec<(usize, String, MarkFault)>,
}

/// A mark that requests a transaction mode.
#[derive(Clone, Debug)]
pub(in crate::directory) struct Mark {
    /// Its byte offset.
    pub(in crate::directory) at: usize,
    /// Its text.
    pub(in crate::directory) line: String,
    /// The requested mode.
    pub(in crate::directory) mode: TransactionMode,
}

impl Halves {
    /// Records a fault of a mark.
    pub(in crate::directory) fn fault(&mut self, at: usize, mark: &str, fault: MarkFault) {
        self.faults.push((at, mark.to_owned(), fault));
    }

    /// Checks that the up script has a mark, and that no statement precedes it.
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
