//! What a layout has to say: the table that each of them fills in.

use crate::directory::NoteKind;
use crate::directory::layouts::halves::Halves;
use crate::directory::layouts::marks;
use crate::directory::place::FileLocation;
use crate::directory::source::SourceFile;
use crate::set::problem::{Problem, ProblemKind};
use crate::set::version::Version;
use crate::set::{Layout, Role};

/// A layout: how it is told from others, and what its files are.
pub(in crate::directory) struct Rules {
    pub(in crate::directory) layout: Layout,
    /// The name of the up script, where it is the same for every migration and each has a folder of its own.
    pub(in crate::directory) up: Option<&'static str>,
    /// Whether a file, looked at alone, shows that the directory follows this layout.
    pub(in crate::directory) shows: fn(FileMatch<'_>) -> bool,
    /// Whether a file would do so where nothing else shows a layout: a down script, say, whose up script is missing.
    pub(in crate::directory) hints: fn(FileLocation<'_>) -> bool,
    /// Whether a file that shows another layout is at home in this one too.
    pub(in crate::directory) takes: fn(FileMatch<'_>) -> bool,
    /// Whether its tool ignores a file that shows another layout.
    pub(in crate::directory) ignores: fn(FileMatch<'_>) -> bool,
    /// Whether a file proves the layout, however many files show another one.
    pub(in crate::directory) proves: fn(FileLocation<'_>) -> bool,
    /// For a layout that shares its files' names with another one: which of the two it is.
    pub(in crate::directory) settle: Option<Settle>,
    /// What a file is. Not asked about files that are known everywhere.
    pub(in crate::directory) classify: fn(FileLocation<'_>) -> FileKind,
    /// Where an up script's file is divided, in the layouts whose files hold the down script too.
    pub(in crate::directory) divide: Option<fn(&str) -> Halves>,
    /// Whether its tool runs an empty script, as one that does nothing.
    pub(in crate::directory) runs_empty: bool,
    /// Whether a down half with nothing below its mark is one that nobody wrote, or that its tool refuses to run.
    pub(in crate::directory) needs_down: bool,
}

/// Tells two layouts apart by all files of a directory.
pub(in crate::directory) type Settle = fn(&[FileMatch<'_>]) -> Result<&'static Rules, Problem>;

/// What most layouts have in common.
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

/// A file as the search for a layout sees it.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct FileMatch<'a> {
    pub(in crate::directory) path: &'a str,
    pub(in crate::directory) place: FileLocation<'a>,
    /// The layout whose marks stand in it.
    pub(in crate::directory) marks: Option<Layout>,
}

impl<'a> FileMatch<'a> {
    pub(in crate::directory) fn at(file: &'a SourceFile) -> FileMatch<'a> {
        let place = FileLocation::of(&file.path);
        let marks = if place.is_sql() && !place.is_known() { marks::layout(&file.bytes) } else { None };
        FileMatch { path: &file.path, place, marks }
    }
}

/// What a layout says of a file.
pub(in crate::directory) enum FileKind {
    /// A script of the migration of this version and name.
    Script(Version, String, Role),
    /// What says something of the migration in the same folder.
    Metadata,
    /// What says something of the script of this path.
    MetadataOf(String),
    /// What says something of all.
    Lock,
    /// Nothing by itself; the folder that it stands in is looked at as a whole.
    Nothing,
    /// A file to leave alone, with a note.
    Note(NoteKind),
    /// A file to leave alone beside migrations, with a note; a problem where there is none.
    Stray(Stray),
    /// A file that should not be there under this name.
    Problem(ProblemKind),
    /// A folder that should not be there under this name.
    FolderProblem(ProblemKind),
}

/// A file that is no migration by its name.
pub(in crate::directory) struct Stray {
    pub(in crate::directory) note: NoteKind,
    pub(in crate::directory) problem: ProblemKind,
    /// Whether sqlx refuses it, which golang-migrate ignores.
    pub(in crate::directory) is_refused_by_sqlx: bool,
}

impl Stray {
    /// A file that all tools of the layout ignore.
    pub(in crate::directory) fn ignored(note: NoteKind, problem: ProblemKind) -> FileKind {
        FileKind::Stray(Stray { note, problem, is_refused_by_sqlx: false })
    }
}

/// The most characters of a version, as diesel's and Flyway's histories have it.
pub(in crate::directory) const VERSION_LIMIT: usize = 50;

/// Whether a version fits into every history.
pub(in crate::directory) fn check_length(version: &str, limit: usize) -> Result<(), ProblemKind> {
    let length = version.chars().count();
    if length > limit { Err(ProblemKind::LongVersion { length, limit }) } else { Ok(()) }
}
