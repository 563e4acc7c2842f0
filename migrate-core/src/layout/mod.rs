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
//! | [flat](Layout::Flat) | a file `<digits>_<name>.sql`, `.up.sql` in the directory itself | numeric version |
//! | [folders](Layout::Folders) | a folder with an `up.sql` | text of the version, dashes dropped |
//! | [Prisma](Layout::Prisma) | a folder with a `migration.sql`; a `migration_lock.toml` | text of the folder's name |
//!
//! Files that show two layouts are a [problem](crate::ProblemKind::MixedLayouts) which names one of each, a file `0003_fix.sql`
//! beside Prisma's folders included: Prisma would ignore it, and its author hardly means that.
//!
//! # Files that are no migrations
//!
//! None is silently taken for one or silently dropped:
//!
//! - Hidden files (`.gitkeep`, `.gitattributes`, `.DS_Store`), documentation (`README`, `LICENSE`, `*.md`, `*.txt`, `*.rst`, `*.adoc`) and
//!   what editors leave behind (`*~`, `#…#`) are known, in every layout, and mean nothing.
//! - Prisma ignores what stands loose beside its folders (`initial_schema.sql`, `seed.ts`), and what is no SQL inside
//!   of them. Those files are allowed there and listed in [`Directory::notes`].
//! - Everything else is a problem: a `.sql` file without a version, a script of another name in a migration's folder, a
//!   file of an unknown kind, a folder without its up script.
//!
//! A directory without any migration gives an empty set when a known file says that it is meant to be there (a
//! `.gitkeep`, which a new project needs anyway to commit it); a directory with nothing known in it is most likely the
//! wrong one, and a [problem](crate::ProblemKind::NoMigrations).
//!
//! # Which scripts belong together
//!
//! Those of one folder, and in the flat layout those of one version: `0001_create_users.up.sql` and
//! `1_drop_users.down.sql` are one migration, named after its up script.

mod detect;
mod flat;
mod folders;
mod parallel;
mod place;
mod prisma;
mod reader;
mod rules;
mod script;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use self::place::may_read;

use self::reader::Reader;
use self::rules::Rules;
use crate::migration::SqlMigration;
use crate::problem::Problems;
use crate::set::{DEFAULT_SET, Set};
use crate::source::SourceFile;
use crate::version::VersionOrder;
use std::fmt;
use std::sync::Arc;

/// The layouts that are looked for. Those still missing (refinery and Flyway, goose, dbmate, tern) go here.
const LAYOUTS: [Rules; 3] = [flat::RULES, folders::RULES, prisma::RULES];

/// A directory convention that migrations are read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// `0001_create_users.sql`, or `.up.sql` with `.down.sql` and `.verify.sql`: sqlx, golang-migrate.
    Flat,
    /// `<version>_<name>/up.sql` with `down.sql`, `verify.sql` and `metadata.toml`: diesel.
    Folders,
    /// `<name>/migration.sql` with `rollback.sql` or `down.sql`, and `verify.sql`; `migration_lock.toml`.
    Prisma,
}

impl Layout {
    /// How the versions of its migrations compare.
    pub fn order(self) -> VersionOrder {
        match self {
            Layout::Flat => VersionOrder::Numeric,
            Layout::Folders | Layout::Prisma => VersionOrder::Text,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Flat => "flat",
            Layout::Folders => "folders",
            Layout::Prisma => "Prisma",
        })
    }
}

/// What a script is to its migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// It takes the schema forward.
    Up,
    /// It takes the schema back.
    Down,
    /// It proves the migration right.
    Verify,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Up => "up",
            Role::Down => "down",
            Role::Verify => "verify",
        })
    }
}

/// What a migration directory was read into.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Directory {
    /// The layout that it follows.
    pub layout: Layout,
    /// Its migrations, in order.
    pub migrations: Vec<SqlMigration>,
    /// The files beside the scripts that were read too, `metadata.toml` say: a change of one changes the set.
    pub settings: Vec<String>,
    /// Files that were left alone, and are worth a word.
    pub notes: Vec<Note>,
}

impl From<Directory> for Set {
    fn from(directory: Directory) -> Set {
        let migrations = directory.migrations.into_iter().map(|m| Arc::new(m) as _).collect();
        Set::new(DEFAULT_SET, migrations)
            .expect("a directory is read without duplicate versions")
            .ordered(directory.layout.order())
    }
}

/// A file that was left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The file, relative to the directory.
    pub path: String,
    /// Why it was left alone.
    pub why: NoteKind,
}

/// Why a file was left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// It stands loose beside Prisma's folders.
    BesidePrismaFolders,
    /// It stands in one of Prisma's folders and is no SQL.
    InPrismaFolder,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            NoteKind::BesidePrismaFolders => {
                "stands beside the folders of migrations, where Prisma reads nothing"
            }
            NoteKind::InPrismaFolder => "is no SQL, and Prisma does not read it",
        };
        write!(f, "`{}` {why}", self.path)
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
/// use migrate_core::layout::{self, Layout};
/// use migrate_core::source::SourceFile;
///
/// let directory = layout::read(vec![
///     SourceFile::new("0002_posts.sql", b"CREATE TABLE posts (id bigint);"),
///     SourceFile::new("0001_users.sql", b"CREATE TABLE users (id bigint);"),
/// ])?;
/// assert_eq!(directory.layout, Layout::Flat);
/// assert_eq!(directory.migrations[0].up_script().path(), "0001_users.sql");
///
/// let problems = layout::read(vec![SourceFile::new("users.sql", b"SELECT 1")]).unwrap_err();
/// assert_eq!(problems.iter().next().unwrap().to_string(), "users.sql:1:1: the name has no version at its start
///     help: name it like `0001_users.sql`: digits, an underscore, what it does; or move it out of the directory");
/// # Ok::<(), migrate_core::Problems>(())
/// ```
pub fn read(mut files: Vec<SourceFile>) -> Result<Directory, Problems> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let rules = detect::layout(&files)?;
    Reader::new(rules).read(files)
}
