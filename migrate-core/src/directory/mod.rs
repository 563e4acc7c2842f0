//! Migration directories: the layouts, and the one reader for all of them.
//!
//! [`read`] takes the files of a directory, detects the layout, and returns the migrations in order or [every
//! problem](Problems) with the files. A layout is a file in this folder and a line in `LAYOUTS`: it names the
//! files that identify the layout and classifies each file. Everything else is implemented once, here.
//!
//! # Layouts
//!
//! | layout | identified by | order |
//! |---|---|---|
//! | [flat](Layout::Flat): sqlx, golang-migrate | a file `<digits>_<name>.sql`, `.up.sql` in the directory itself | numeric version |
//! | [Flyway](Layout::Flyway), [refinery](Layout::Refinery) | a file `V<version>__<name>.sql`, `U…`, `R__<name>.sql` | numeric, dotted versions part by part |
//! | [folders](Layout::Folders): diesel | a folder with an `up.sql` | text of the version, dashes dropped |
//! | [Prisma](Layout::Prisma) | a folder with a `migration.sql`; a `migration_lock.toml` | text of the folder's name |
//! | [goose](Layout::Goose) | `-- +goose …` in a file | numeric version |
//! | [dbmate](Layout::Dbmate) | `-- migrate:up` in a file | text of the version |
//! | [tern](Layout::Tern) | `---- create above / drop below ----` in a file | numeric version |
//!
//! Some layouts accept files of another layout: tern accepts files without its mark, and all but Flyway
//! accept `R__<name>.sql`.
//!
//! Files of two layouts are a [problem](crate::ProblemKind::MixedLayouts), which names one file of each.
//! Prisma and diesel ignore files beside their folders, so a file `0003_fix.sql` there is not a migration if
//! the folders are clearly the layout: if they outnumber such files, or if a `migration_lock.toml` says so.
//!
//! # Other files
//!
//! A file that the layout's own tool ignores is ignored here, too. No file is silently read as a migration or
//! silently dropped:
//!
//! - Hidden files (`.gitkeep`, `.gitattributes`, `.DS_Store`), documentation (`README`, `LICENSE`, `*.md`,
//!   `*.txt`, `*.rst`, `*.adoc`) and editors' leftovers (`*~`, `#…#`) are known in every layout and have no
//!   effect.
//! - Settings of a tool (`tern.conf`, `flyway.toml`) and files that the layout's tools ignore (`schema.sql`,
//!   `seed.sh`, a folder beside numbered files, other files beside or in the folders of Prisma and diesel)
//!   are listed in [`Directory::notes`].
//! - A file that would be lost is a problem: a name that starts with a version but that no tool reads
//!   (`0004-posts.sql`), a file that another tool would run and this library can't (a migration in Go, a
//!   callback), a folder without its up script.
//! - In a directory without migrations, every file is a problem.
//!
//! Folders `assertions` and `seeds` with SQL, in the directory or beside it, hold no migrations in any layout, unless all of
//! their files are named like Flyway's: see [`crate::set::companion`].
//!
//! A directory without migrations gives an empty set if a known file shows that the directory is intended (a
//! `.gitkeep`, which a new project needs anyway to commit it). A directory without any known file is most
//! likely the wrong one, and a [problem](crate::ProblemKind::NoMigrations).
//!
//! # Scripts of one migration
//!
//! Scripts in one folder belong together in layouts with a folder for each migration; elsewhere, scripts with
//! the same version do. `0001_create_users.up.sql` and `1_drop_users.down.sql` are one migration, named after
//! its up script. A file of goose, dbmate or tern holds both: two scripts that [know their
//! part](crate::Script::part) of it.
//!
//! # Migrations in Rust
//!
//! An up script may be Rust code instead: `0042_slugs.rs` where scripts are numbered, `V42__slugs.rs` with Flyway's names,
//! `up.rs` in diesel's folders, `migration.rs` in Prisma's. The file has `pub async fn up`, and may have `down` and `verify`; the
//! down and the verify script may be SQL files beside it. Options stand in comments at its top, `// migrate: transaction=none`.
//! Its checksum covers its tokens, without comments and formatting. A file `mod.rs` is no migration, and neither is a numbered
//! one without a function `up`, which is noted.
//!
//! A file of refinery's with a function `migration`, which returns SQL, is a [problem](crate::ProblemKind::OtherTool).
//!
//! Migrations that another one [replaces](crate::set::options) are listed separately, in
//! [`Directory::replaced`].
//!
//! # Scripts that do nothing
//!
//! A script without a statement is applied and does nothing, as with its tool; [`Directory::notes`] lists it.
//! So a down script without a statement is a revert that changes nothing. It counts as missing if it is still
//! its tool's template (sqlx's and diesel's comment, dbmate's mark with nothing below), or if its tool
//! refuses to run it (an empty file of diesel's, an empty half of tern's). An empty `up.sql` of diesel's is a
//! [problem](crate::ProblemKind::Empty), as it is for diesel, and so is an empty verify script.
//!
//! A [stub made by `migrate new`](UNWRITTEN) is a [problem](crate::ProblemKind::Unwritten), unless it is
//! [left out](Reading::without_unwritten).

mod batch;
mod code;
mod companions;
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
pub(crate) use self::layouts::marks::is_mark;
use self::layouts::rules::Rules;
use self::reader::Reader;
use crate::directory::source::SourceFile;
use crate::set::companion::CompanionFile;
use crate::set::file_migration::FileMigration;
use crate::set::problem::Problems;
use crate::set::version::Version;
use crate::set::{DEFAULT_SET, Layout, Role, Set};
use crate::sql::{self, LineColumn};
use std::fmt;
use std::sync::Arc;

/// The layouts to detect. refinery's is told apart from Flyway's afterwards.
const LAYOUTS: [Rules; 7] = [
    layouts::flat::RULES,
    layouts::flyway::RULES,
    layouts::folders::RULES,
    layouts::prisma::RULES,
    layouts::goose::RULES,
    layouts::dbmate::RULES,
    layouts::tern::RULES,
];

/// The contents of a migration directory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Directory {
    /// The layout.
    pub layout: Layout,
    /// The migrations, in order, without those that others replace.
    pub migrations: Vec<FileMigration>,
    /// The migrations that others replace, in order.
    pub replaced: Vec<FileMigration>,
    /// The names of the placeholders that the scripts may use.
    pub placeholders: Vec<String>,
    /// Further files that were read, such as `metadata.toml`: a change to one of them changes the set.
    pub settings: Vec<String>,
    /// Files that were skipped, do nothing or may surprise.
    pub notes: Vec<Note>,
    /// The files with [assertions](crate::set::companion), in the order of their names.
    pub assertions: Vec<CompanionFile>,
    /// The files with [seeds](crate::set::companion), in the order in which they run.
    pub seeds: Vec<CompanionFile>,
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
            .accompanied(directory.assertions, directory.seeds)
            .noting(notices)
    }
}

/// A file that was skipped or that may surprise.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The file, or the folder with a trailing `/`; relative to the directory.
    pub path: String,
    /// The line and the column in the file; `None` if the note is about the file as a whole.
    pub at: Option<LineColumn>,
    /// The reason.
    pub why: NoteKind,
}

impl Note {
    /// Creates a note about a file as a whole.
    pub(crate) fn of_file(path: impl Into<String>, why: NoteKind) -> Note {
        Note { path: path.into(), at: None, why }
    }
}

/// The reason why a file was skipped or may surprise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// It is beside the folders of migrations.
    BesideFolders,
    /// It is in a migration's folder, but its name is not a script's.
    InMigrationFolder,
    /// A folder beside numbered files.
    Subfolder,
    /// Its name is not a migration's.
    NotAMigration,
    /// It is Rust code without a function `up`.
    CodeWithoutUp,
    /// It holds another tool's settings, such as `tern.conf`.
    ToolSettings,
    /// It is a script that consists of comments; it is applied and does nothing.
    OnlyComments,
    /// It is an empty script; it is applied and does nothing.
    Empty,
    /// It is a down script without a statement.
    DownDoesNothing,
    /// It is a down script that still holds sqlx's or diesel's template, and counts as missing.
    UnwrittenDown,
    /// It is an empty down script, which its tool refuses to run; it counts as missing.
    EmptyDown,
    /// It is a down script without an up script.
    DownWithoutUp,
    /// It is still the stub made by `migrate new`, and was left out.
    Unwritten,
    /// A mark of dbmate's that repeats an earlier one; only the first one counts.
    RepeatedMark,
    /// An invisible character is part of a name.
    InvisibleCharacter {
        /// The character.
        character: char,
    },
    /// It sets a transaction-local limit in a transaction that ends right after the setting.
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
            NoteKind::BesideFolders => "not applied: it is beside the migration folders, not in one of them",
            NoteKind::InMigrationFolder => "not applied: it is not named like a script",
            NoteKind::Subfolder => "not applied: it is in a subfolder, which this layout does not have",
            NoteKind::NotAMigration => "not applied: it is not named like a migration",
            NoteKind::CodeWithoutUp => "not applied: it is Rust code without a function `up`",
            NoteKind::ToolSettings => "another tool's settings, which are ignored",
            NoteKind::OnlyComments => "does nothing: it contains only comments",
            NoteKind::Empty => "does nothing: it is empty",
            NoteKind::DownDoesNothing => "reverting changes nothing: the down script has no statement",
            NoteKind::UnwrittenDown => "not used as a down script: it is still its tool's stub",
            NoteKind::EmptyDown => "not used as a down script: it is empty, and its tool refuses empty ones",
            NoteKind::DownWithoutUp => "never run: it is a down script without an up script",
            NoteKind::Unwritten => "left out: it is still the stub made by `migrate new`",
            NoteKind::RepeatedMark => {
                "treated as a comment: only the first mark of each kind counts, as in dbmate"
            }
            NoteKind::InvisibleCharacter { character } => {
                let character = sql::character_text(*character);
                return write!(f, "the invisible character {character} is part of a name here");
            }
            NoteKind::IdleLocalSetting => {
                "has no effect: the script runs statement by statement; SET without LOCAL lasts to its end"
            }
        };
        f.write_str(text)
    }
}

/// The file of a note, with line and column if it has them.
fn place(note: &Note) -> String {
    match note.at {
        Some(at) => format!("{}:{}:{}", note.path, at.line, at.column),
        None => note.path.clone(),
    }
}

/// The number of files that a notice names.
const NAMED_FILES: usize = 3;

impl Directory {
    /// Summarizes the notes: one line for each kind, with the first few files.
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

/// Reads the files of a directory: the layout, and the migrations in order.
///
/// # Errors
///
/// Every problem with the files, not only the first.
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
/// assert_eq!(directory.migrations[0].up_script().unwrap().path(), "0001_users.sql");
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

/// Options for reading a directory.
///
/// # Examples
///
/// ```
/// use migrate_core::directory::Reading;
/// use migrate_core::directory::source::SourceFile;
///
/// let files = vec![SourceFile::new("0001_users.sql", b"CREATE TABLE ${schema}.users (id bigint);")];
/// let directory = Reading::default().placeholders(["schema"]).read(files.clone())?;
/// assert_eq!(directory.migrations[0].up_script().unwrap().placeholders().len(), 1);
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

/// The names of a directory's migrations, even if their scripts have faults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outline {
    /// The layout.
    pub layout: Layout,
    /// The names of the versioned migrations, in order: a file's name without its ending, or a folder's name.
    pub names: Vec<String>,
    /// The files of the migrations, in the order of their paths.
    pub files: Vec<MigrationFile>,
}

/// A file of a migration, even if it counts as missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationFile {
    /// The path, relative to the directory.
    pub path: String,
    /// The version of the migration.
    pub version: Version,
    /// The role of a script; `None` for settings, and for any other file in the folder of the migration.
    pub role: Option<Role>,
}

/// Detects the layout of a directory and lists the names of its migrations. The scripts themselves are not
/// checked.
///
/// # Errors
///
/// If the files follow no layout, or two.
pub fn outline(mut files: Vec<SourceFile>) -> Result<Outline, Problems> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    companions::take_from(&mut files);
    let rules = layouts::detect::layout(&files)?;
    Ok(Reader::new(rules, &Reading::default()).outline(files))
}

impl Reading {
    /// Declares [placeholders](crate::set::placeholder) with these names. Without this call, `${name}` is
    /// ordinary text.
    pub fn placeholders(self, names: impl IntoIterator<Item = impl Into<String>>) -> Reading {
        Reading { placeholders: Some(names.into_iter().map(Into::into).collect()), ..self }
    }

    /// Leaves out stubs made by `migrate new`, which are a problem otherwise, and
    /// [notes](NoteKind::Unwritten) them. For callers that read a directory without applying it.
    pub fn without_unwritten(self) -> Reading {
        Reading { leaves_out_unwritten: true, ..self }
    }

    /// Reads the files of a directory.
    ///
    /// # Errors
    ///
    /// As for [`read`].
    pub fn read(&self, mut files: Vec<SourceFile>) -> Result<Directory, Problems> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let companions = companions::take_from(&mut files);
        let rules = layouts::detect::layout(&files)?;
        Reader::new(rules, self).read(files, companions)
    }
}
