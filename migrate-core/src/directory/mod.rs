//! What a migration directory may look like, and the one reader of all that it may.
//!
//! [`read`] takes the files of a directory, looks which layout they follow, and gives its migrations in order, or
//! [everything](Problems) that is wrong with them. A layout is a file of this folder and a line in `LAYOUTS`: it says
//! which file alone gives it away, and what each file is; all the rest stands here once.
//!
//! # Which layout
//!
//! | layout | shown by | order |
//! |---|---|---|
//! | [flat](Layout::Flat): sqlx, golang-migrate | a file `<digits>_<name>.sql`, `.up.sql` in the directory itself | numeric version |
//! | [Flyway](Layout::Flyway), [refinery](Layout::Refinery) | a file `V<version>__<name>.sql`, `U…`, `R__<name>.sql` | numeric, dotted versions part by part |
//! | [folders](Layout::Folders): diesel | a folder with an `up.sql` | text of the version, dashes dropped |
//! | [Prisma](Layout::Prisma) | a folder with a `migration.sql`; a `migration_lock.toml` | text of the folder's name |
//! | [goose](Layout::Goose) | `-- +goose …` in a file | numeric version |
//! | [dbmate](Layout::Dbmate) | `-- migrate:up` in a file | text of the version |
//! | [tern](Layout::Tern) | `---- create above / drop below ----` in a file | numeric version |
//!
//! Some layouts have room for files of another: tern's for files without its mark, and all but Flyway's for `R__<name>.sql`.
//!
//! Files that show two layouts are a [problem](crate::ProblemKind::MixedLayouts) which names one of each. Prisma and diesel read nothing
//! beside their folders, so a file `0003_fix.sql` there is no migration where the folders are clearly the layout: where there
//! are more of them than of such files, or a `migration_lock.toml` says so.
//!
//! # Files that are no migrations
//!
//! What a folder's own tool leaves alone is left alone. None is silently taken for a migration or silently dropped:
//!
//! - Hidden files (`.gitkeep`, `.gitattributes`, `.DS_Store`), documentation (`README`, `LICENSE`, `*.md`, `*.txt`, `*.rst`, `*.adoc`) and
//!   what editors leave behind (`*~`, `#…#`) are known, in every layout, and mean nothing.
//! - Settings of a tool (`tern.conf`, `flyway.toml`), files that the layout's tools ignore (`schema.sql`, `seed.sh`, a folder
//!   beside numbered files, whatever stands beside or in the folders of Prisma and diesel) are listed in [`Directory::notes`].
//! - What would be lost is a problem: a name that begins with a version and goes on as no tool reads it (`0004-posts.sql`), what
//!   another tool would run and this library can't (a migration in Go, a callback), a folder without its up script.
//! - Where there is no migration at all, everything is a problem.
//!
//! A directory without any migration gives an empty set when a known file says that it is meant to be there (a
//! `.gitkeep`, which a new project needs anyway to commit it); a directory with nothing known in it is most likely the
//! wrong one, and a [problem](crate::ProblemKind::NoMigrations).
//!
//! # Which scripts belong together
//!
//! Those of one folder where each migration has one, and elsewhere those of one version: `0001_create_users.up.sql` and
//! `1_drop_users.down.sql` are one migration, named after its up script. A file of goose, dbmate or tern holds both: two scripts
//! that [know their place](crate::Script::part) in it.
//!
//! A migration that [replaces](crate::set::options) others stands aside of them: [`Directory::replaced`].
//!
//! # Scripts that do nothing
//!
//! A script without a statement is applied and does nothing, as its tool has it; [`Directory::notes`] lists it. So a down script
//! without a statement is a revert that changes nothing. It counts as no down script where it is as its tool made it
//! (sqlx's and diesel's comment, dbmate's mark with nothing below), and where its tool refuses to run it (an empty file of
//! diesel's, an empty half of tern's). An empty `up.sql` of diesel's is a [problem](crate::ProblemKind::Empty), as it is for diesel, and so
//! is an empty verify script.
//!
//! A script [as `migrate new` makes it](UNWRITTEN) is a [problem](crate::ProblemKind::Unwritten), unless it is [left
//! out](Reading::without_unwritten).

mod empty_script;
mod layouts;
mod parallel;
mod place;
mod reader;
mod script;
mod settings;
pub mod source;
#[cfg(test)]
mod tests;

pub(crate) use self::layouts::flyway::has_depth;
pub(crate) use self::place::may_read;
pub(crate) use self::script::SIZE_LIMIT;

pub use self::empty_script::UNWRITTEN;
use self::layouts::rules::Rules;
use self::reader::Reader;
use crate::directory::source::SourceFile;
use crate::set::migration::SqlMigration;
use crate::set::problem::Problems;
use crate::set::{DEFAULT_SET, Layout, Set};
use crate::sql::{self, LineColumn};
use std::fmt;
use std::sync::Arc;

/// The layouts that are looked for. refinery's is found among Flyway's.
const LAYOUTS: [Rules; 7] = [
    layouts::flat::RULES,
    layouts::flyway::RULES,
    layouts::folders::RULES,
    layouts::prisma::RULES,
    layouts::goose::RULES,
    layouts::dbmate::RULES,
    layouts::tern::RULES,
];

/// What a migration directory was read into.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Directory {
    /// The layout that it follows.
    pub layout: Layout,
    /// Its migrations, in order, those left out that others replace.
    pub migrations: Vec<SqlMigration>,
    /// The migrations that others replace, in order.
    pub replaced: Vec<SqlMigration>,
    /// The names of the placeholders that its scripts may have.
    pub placeholders: Vec<String>,
    /// The files beside the scripts that were read too, `metadata.toml` say: a change of one changes the set.
    pub settings: Vec<String>,
    /// Files that were left alone or do nothing, and are worth a word.
    pub notes: Vec<Note>,
}

impl From<Directory> for Set {
    fn from(directory: Directory) -> Set {
        let notices = directory.notices();
        let all = directory.migrations.into_iter().chain(directory.replaced);
        let migrations = all.map(|m| Arc::new(m) as _).collect();
        Set::new(DEFAULT_SET, migrations)
            .expect("a directory is read without duplicate versions")
            .ordered(directory.layout.order())
            .declaring(directory.placeholders)
            .noting(notices)
    }
}

/// A file that was left alone, or that may surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The file, or the folder with a `/` at its end; relative to the directory.
    pub path: String,
    /// The line and the column in the file; none where the note is about the file as a whole.
    pub at: Option<LineColumn>,
    /// The reason.
    pub why: NoteKind,
}

impl Note {
    /// A note about a file as a whole.
    pub(crate) fn of_file(path: impl Into<String>, why: NoteKind) -> Note {
        Note { path: path.into(), at: None, why }
    }
}

/// Why a file was left alone, or may surprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// It stands beside the folders of migrations.
    BesideFolders,
    /// It stands in a migration's folder under a name that is none of a script's.
    InMigrationFolder,
    /// A folder beside numbered files.
    Subfolder,
    /// Its name is none of a migration's.
    NotAMigration,
    /// It holds another tool's settings, `tern.conf` say.
    ToolSettings,
    /// It is a script of comments, which is applied and does nothing.
    OnlyComments,
    /// It is an empty script, which is applied and does nothing.
    Empty,
    /// It is a down script without a statement.
    DownDoesNothing,
    /// It is a down script as sqlx or diesel made it, which counts as none.
    UnwrittenDown,
    /// It is an empty down script, which its tool refuses to run; it counts as none.
    EmptyDown,
    /// It is a down script without an up script.
    DownWithoutUp,
    /// It is as `migrate new` made it, and was left out.
    Unwritten,
    /// A mark of dbmate's that repeats an earlier one, which alone counts.
    RepeatedMark,
    /// An invisible character is part of a name.
    InvisibleCharacter {
        /// The character.
        character: char,
    },
    /// It sets a limit for a transaction that ends with the setting.
    IdleLocalSetting,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut crate::display::printable::Printable(f);
        write!(f, "`{}`: {}", place(self), self.why)
    }
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            NoteKind::BesideFolders => "not applied: it stands beside the folders of migrations",
            NoteKind::InMigrationFolder => "not applied: its name is none of a script's",
            NoteKind::Subfolder => "not applied: this layout has its migrations in one folder",
            NoteKind::NotAMigration => "not applied: its name is none of a migration's",
            NoteKind::ToolSettings => "settings of another tool, which are not read",
            NoteKind::OnlyComments => "does nothing: it has comments only",
            NoteKind::Empty => "does nothing: it is empty",
            NoteKind::DownDoesNothing => "reverting changes nothing: the down script has no statement",
            NoteKind::UnwrittenDown => "counts as no down script: it is as its tool made it",
            NoteKind::EmptyDown => "counts as no down script: it is empty, and its tool refuses that",
            NoteKind::DownWithoutUp => "never run: a down script without an up script",
            NoteKind::Unwritten => "left out: it is as `migrate new` made it, and not written yet",
            NoteKind::RepeatedMark => "a comment only: the first mark of its kind counts, as for dbmate",
            NoteKind::InvisibleCharacter { character } => {
                let character = sql::character_text(*character);
                return write!(f, "the invisible character {character} is part of a name here");
            }
            NoteKind::IdleLocalSetting => {
                "no effect: the script runs statement by statement; SET without LOCAL holds for the rest of it"
            }
        };
        f.write_str(text)
    }
}

/// The file of a note, with line and column where it has them.
fn place(note: &Note) -> String {
    match note.at {
        Some(at) => format!("{}:{}:{}", note.path, at.line, at.column),
        None => note.path.clone(),
    }
}

/// How many files a notice names.
const NAMED_FILES: usize = 3;

impl Directory {
    /// The notes in few lines: one for each kind, with the first few of its files.
    pub fn notices(&self) -> Vec<String> {
        let mut kinds: Vec<NoteKind> = Vec::new();
        for note in &self.notes {
            if !kinds.contains(&note.why) {
                kinds.push(note.why);
            }
        }
        kinds.into_iter().map(|why| self.notice(why)).collect()
    }

    fn notice(&self, why: NoteKind) -> String {
        let all: Vec<String> = self.notes.iter().filter(|note| note.why == why).map(place).collect();
        let named: Vec<String> = all.iter().take(NAMED_FILES).map(|file| format!("`{file}`")).collect();
        let more = match all.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}: {why}", named.join(", "))
    }
}

/// Reads the files of a directory: its layout, and its migrations in order.
///
/// # Errors
///
/// Everything that is wrong with them, and not only the first.
///
/// # Examples
///
/// ```
/// use migrate_core::{Layout, directory};
/// use migrate_core::directory::source::SourceFile;
///
/// let directory = directory::read(vec![
///     SourceFile::new("0002_posts.sql", b"CREATE TABLE posts (id bigint);"),
///     SourceFile::new("0001_users.sql", b"CREATE TABLE users (id bigint);"),
/// ])?;
/// assert_eq!(directory.layout, Layout::Flat);
/// assert_eq!(directory.migrations[0].up_script().path(), "0001_users.sql");
///
/// // Beside migrations, a file that the layout's tools ignore is noted. Alone it is a problem.
/// let problems = directory::read(vec![SourceFile::new("users.sql", b"SELECT 1")]).unwrap_err();
/// assert_eq!(problems.iter().next().unwrap().to_string(), "users.sql:1:1: the name does not start with a version
///     help: name it like `0001_users.sql`: digits, an underscore, what it does; or move it out of the directory");
/// # Ok::<(), migrate_core::Problems>(())
/// ```
pub fn read(files: Vec<SourceFile>) -> Result<Directory, Problems> {
    Reading::default().read(files)
}

/// How a directory is read, where something is to be other than usual.
///
/// # Examples
///
/// ```
/// use migrate_core::directory::Reading;
/// use migrate_core::directory::source::SourceFile;
///
/// let files = vec![SourceFile::new("0001_users.sql", b"CREATE TABLE ${schema}.users (id bigint);")];
/// let directory = Reading::default().placeholders(["schema"]).read(files.clone())?;
/// assert_eq!(directory.migrations[0].up_script().placeholders().len(), 1);
///
/// let problems = Reading::default().placeholders(["region"]).read(files).unwrap_err();
/// assert!(problems.to_string().starts_with("0001_users.sql:1:14: `${schema}`: there is no such placeholder"));
/// # Ok::<(), migrate_core::Problems>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is read until `read` is called"]
pub struct Reading {
    placeholders: Option<Vec<String>>,
    leaves_out_unwritten: bool,
}

/// The names of a directory's migrations, whatever is wrong with their scripts.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outline {
    /// The layout.
    pub layout: Layout,
    /// The names of the versioned migrations, in order: a file's without its ending, or a folder's.
    pub names: Vec<String>,
}

/// Reads the layout of a directory and the names of its migrations. Their scripts may have any fault.
///
/// # Errors
///
/// When no layout shows, or two.
pub fn outline(mut files: Vec<SourceFile>) -> Result<Outline, Problems> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let rules = layouts::detect::layout(&files)?;
    Ok(Reader::new(rules, &Reading::default()).outline(files))
}

impl Reading {
    /// The same with [placeholders](crate::set::placeholder) of these names. Without, `${name}` is text like any other.
    pub fn placeholders(self, names: impl IntoIterator<Item = impl Into<String>>) -> Reading {
        Reading { placeholders: Some(names.into_iter().map(Into::into).collect()), ..self }
    }

    /// The same without the scripts that are as `migrate new` made them, which are a problem otherwise. They are
    /// [noted](NoteKind::Unwritten). For what reads a directory and applies nothing of it.
    pub fn without_unwritten(self) -> Reading {
        Reading { leaves_out_unwritten: true, ..self }
    }

    /// Reads the files of a directory.
    ///
    /// # Errors
    ///
    /// As [`read`].
    pub fn read(&self, mut files: Vec<SourceFile>) -> Result<Directory, Problems> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let rules = layouts::detect::layout(&files)?;
        Reader::new(rules, self).read(files)
    }
}
