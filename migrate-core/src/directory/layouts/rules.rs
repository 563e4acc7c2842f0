//! Layout rules: the table that each layout fills in.

use crate::directory::NoteKind;
use crate::directory::layouts::halves::Halves;
use crate::directory::layouts::marks;
use crate::directory::place::FileLocation;
use crate::directory::source::SourceFile;
use crate::set::problem::{Problem, ProblemKind};
use crate::set::version::Version;
use crate::set::{Layout, Role};

/// A layout: its distinguishing features, and the classification of its files.
pub(in crate::directory) struct Rules {
    pub(in crate::directory) layout: Layout,
    /// The name of the up script, if it is the same in every migration's folder.
    pub(in crate::directory) up: Option<&'static str>,
    /// Returns true if a file, taken alone, identifies this layout.
    pub(in crate::directory) shows: fn(FileMatch<'_>) -> bool,
    /// Returns true if a file suggests the layout when no file identifies one, such as a down script without
    /// its up script.
    pub(in crate::directory) hints: fn(FileLocation<'_>) -> bool,
    /// Returns true if this layout accepts a file that identifies another layout.
    pub(in crate::directory) takes: fn(FileMatch<'_>) -> bool,
    /// Returns true if the layout's tool ignores a file that identifies another layout.
    pub(in crate::directory) ignores: fn(FileMatch<'_>) -> bool,
    /// Returns true if a file proves the layout, however many files identify another one.
    pub(in crate::directory) proves: fn(FileLocation<'_>) -> bool,
    /// Chooses between two layouts that share file names.
    pub(in crate::directory) settle: Option<Settle>,
    /// Classifies a file. Not called for files that are known in every layout.
    pub(in crate::directory) classify: fn(FileLocation<'_>) -> FileKind,
    /// Divides the file of an up script, in layouts whose files hold the down script, too.
    pub(in crate::directory) divide: Option<fn(&str) -> Halves>,
    /// True if the tool runs an empty script as one that does nothing.
    pub(in crate::directory) runs_empty: bool,
    /// True if an empty down half counts as missing, because it is a template or because the tool refuses to
    /// run it.
    pub(in crate::directory) needs_down: bool,
}

/// Tells two layouts apart by all files of a directory.
pub(in crate::directory) type Settle = fn(&[FileMatch<'_>]) -> Result<&'static Rules, Problem>;

/// The defaults that most layouts share.
pub(in crate::directory) const PLAIN: Rules = Rules {
    layout: Layout::Flat,
    up: None,
    shows: |_| false,
    hints: |_| false,
    takes: |_| false,
    ignores: |_| false,
    proves: |_| false,
    settle: None,
    classify: |_| FileKind::Nothing,
    divide: None,
    runs_empty: true,
    needs_down: false,
};

/// A file during layout detection.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct FileMatch<'a> {
    pub(in crate::directory) path: &'a str,
    pub(in crate::directory) place: FileLocation<'a>,
    /// The layout whose marks it contains.
    pub(in crate::directory) marks: Option<Layout>,
}

impl<'a> FileMatch<'a> {
    pub(in crate::directory) fn at(file: &'a SourceFile) -> FileMatch<'a> {
        let place = FileLocation::of(&file.path);
        let marks = if place.is_sql() && !place.is_known() { marks::layout(&file.bytes) } else { None };
        FileMatch { path: &file.path, place, marks }
    }
}

/// The classification of a file.
pub(in crate::directory) enum FileKind {
    /// A script of the migration of this version and name.
    Script(Version, String, Role),
    /// Settings for the migration in the same folder.
    Metadata,
    /// Settings for the script at this path.
    MetadataOf(String),
    /// Settings for the whole directory.
    Lock,
    /// No meaning by itself; its folder is checked as a whole.
    Nothing,
    /// A file to skip, with a note.
    Note(NoteKind),
    /// A file to skip with a note in a directory with migrations; a problem in one without.
    Stray(Stray),
    /// A misnamed or misplaced file.
    Problem(ProblemKind),
    /// A misnamed or misplaced folder.
    FolderProblem(ProblemKind),
}

/// A file whose name is not a migration's.
pub(in crate::directory) struct Stray {
    pub(in crate::directory) note: NoteKind,
    pub(in crate::directory) problem: ProblemKind,
    /// True if sqlx rejects the file, although golang-migrate ignores it.
    pub(in crate::directory) is_refused_by_sqlx: bool,
}

impl Stray {
    /// Creates a stray file that all tools of the layout ignore.
    pub(in crate::directory) fn ignored(note: NoteKind, problem: ProblemKind) -> FileKind {
        FileKind::Stray(Stray { note, problem, is_refused_by_sqlx: false })
    }
}

/// The maximum length of a version in characters, from diesel's and Flyway's histories.
pub(in crate::directory) const VERSION_LIMIT: usize = 50;

/// Checks that a version fits into every history.
pub(in crate::directory) fn check_length(version: &str, limit: usize) -> Result<(), ProblemKind> {
    let length = version.chars().count();
    if length > limit { Err(ProblemKind::LongVersion { length, limit }) } else { Ok(()) }
}
