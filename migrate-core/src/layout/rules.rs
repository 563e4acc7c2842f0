//! What a layout has to say: the table that each of them fills in.

use super::place::Place;
use super::{Layout, NoteKind, Role};
use crate::problem::ProblemKind;
use crate::version::Version;

/// A layout: how it is told from others, and what its files are.
pub(super) struct Rules {
    pub(super) layout: Layout,
    /// The name of the up script, where it is the same for every migration.
    pub(super) up: Option<&'static str>,
    /// Whether a file, looked at alone, shows that the directory follows this layout.
    pub(super) shows: fn(Place<'_>) -> bool,
    /// Whether a file would do so where nothing else shows a layout: a down script, say, whose up script is missing.
    pub(super) hints: fn(Place<'_>) -> bool,
    /// What a file is. Not asked about files that are known everywhere.
    pub(super) classify: fn(Place<'_>) -> FileKind,
}

/// What a layout says of a file.
pub(super) enum FileKind {
    /// A script of the migration of this version and name.
    Script(Version, String, Role),
    /// What says something of one migration.
    Metadata,
    /// What says something of all.
    Lock,
    /// Nothing by itself; the folder that it stands in is looked at as a whole.
    Nothing,
    /// A file to leave alone, with a word.
    Note(NoteKind),
    /// A file that should not be there under this name.
    Problem(ProblemKind),
    /// A folder that should not be there under this name.
    FolderProblem(ProblemKind),
}

/// The most characters of a version, as diesel's and Flyway's histories have it.
pub(super) const VERSION_LIMIT: usize = 50;

/// Whether a version fits into every history.
pub(super) fn check_length(version: &str, limit: usize) -> Result<(), ProblemKind> {
    let length = version.chars().count();
    if length > limit { Err(ProblemKind::LongVersion { length, limit }) } else { Ok(()) }
}
