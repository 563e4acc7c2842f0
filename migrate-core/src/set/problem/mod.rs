//! The problems of a migration directory: all of them at once, each with its position and a fix.

mod fault;
mod help;
mod kind;

pub use fault::{BatchFault, CodeFault, CompanionFault, MarkFault, PlaceholderFault};
pub use kind::ProblemKind;

use crate::display::printable::Printable;
use crate::set::companion::BESIDE;
use std::fmt;

/// A problem in a migration directory.
///
/// [`Display`](fmt::Display) gives two lines: `path:line:column: problem`, then the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, or the folder with a trailing `/`; relative to the migration directory until
    /// [`Problems::under`] prepends the directory. Empty for the directory itself.
    pub path: String,
    /// The line in the file, starting at 1; also 1 if the problem is the file's name or its absence.
    pub line: u32,
    /// The column in the line, in characters, starting at 1.
    pub column: u32,
    /// The kind of problem.
    pub kind: ProblemKind,
}

impl Problem {
    /// Creates a problem of a file as a whole.
    pub(crate) fn of_file(path: impl Into<String>, kind: ProblemKind) -> Problem {
        Problem { path: path.into(), line: 1, column: 1, kind }
    }

    /// How to fix it.
    pub fn help(&self) -> String {
        self.kind.help()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "." } else { &self.path };
        let f = &mut Printable(f);
        write!(f, "{path}:{}:{}: {}", self.line, self.column, self.kind)?;
        let help = self.help();
        if help.is_empty() { Ok(()) } else { write!(f, "\n    help: {help}") }
    }
}

/// All problems of a migration directory, in the order of its files.
///
/// Never empty when it is an error.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

crate::debug_as_display!(Problems);

impl Problems {
    pub(crate) fn of(problems: impl IntoIterator<Item = Problem>) -> Problems {
        Problems(problems.into_iter().collect())
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Sorted and without duplicates.
    pub(crate) fn sorted(mut self) -> Problems {
        self.0.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        self.0.dedup();
        self
    }

    /// Prepends the directory to each path, so that an editor can open the files.
    pub fn under(mut self, directory: &str) -> Problems {
        let directory = directory.trim_end_matches('/');
        for problem in &mut self.0 {
            problem.path = match (problem.path.as_str(), directory.rsplit_once('/')) {
                ("", _) => directory.to_owned(),
                (path, parent) if path.starts_with(BESIDE) && is_named(directory) => {
                    let path = &path[BESIDE.len()..];
                    parent.map_or_else(|| path.to_owned(), |(parent, _)| format!("{parent}/{path}"))
                }
                (path, _) => format!("{directory}/{path}"),
            };
        }
        self
    }

    /// The problems, ordered by path and line.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// The number of problems.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns true if the last component of a path is a name, so that the folder above it is what precedes it.
fn is_named(directory: &str) -> bool {
    !matches!(directory.rsplit('/').next(), Some("" | "." | "..") | None)
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
