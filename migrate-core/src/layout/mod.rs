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
//! Some layouts have room for files of another: tern's for files without its mark, and those of numbered files for
//! `R__<name>.sql`.
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
//! - Settings of a tool (`tern.conf`, `flyway.conf`, `flyway.toml`) are allowed in its layout, and listed in [`Directory::notes`].
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
//! Those of one folder where each migration has one, and elsewhere those of one version: `0001_create_users.up.sql` and
//! `1_drop_users.down.sql` are one migration, named after its up script. A file of goose, dbmate or tern holds both: two scripts
//! that [know their place](crate::Script::part) in it.
//!
//! A migration that [replaces](crate::options) others stands aside of them: [`Directory::replaced`].
//!
//! # Scripts that do nothing
//!
//! A script of comments is applied and does nothing; [`Directory::notes`] lists it. A file without a statement and without a
//! comment is a [problem](crate::ProblemKind::Empty), and so is one [as `migrate new` makes it](UNWRITTEN). A down half of comments
//! is none, and so is a down script as sqlx or diesel makes it: a revert would take nothing back and say that it did.

mod dbmate;
mod detect;
mod flat;
mod flyway;
mod folders;
mod goose;
mod halves;
mod marks;
mod parallel;
mod place;
mod prisma;
mod reader;
mod refinery;
mod rules;
mod script;
mod settings;
mod tern;
#[cfg(test)]
mod tests;
mod wordless;

pub(crate) use self::flyway::has_depth;
pub(crate) use self::place::may_read;

use self::reader::Reader;
use self::rules::Rules;
pub use self::wordless::UNWRITTEN;
use crate::migration::SqlMigration;
use crate::problem::Problems;
use crate::set::{DEFAULT_SET, Set};
use crate::source::SourceFile;
use crate::version::VersionOrder;
use std::fmt;
use std::sync::Arc;

/// The layouts that are looked for. refinery's is found among Flyway's.
const LAYOUTS: [Rules; 7] =
    [flat::RULES, flyway::RULES, folders::RULES, prisma::RULES, goose::RULES, dbmate::RULES, tern::RULES];

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
    /// `V<version>__<name>.sql` with `U<version>__<name>.sql`, and `R__<name>.sql`: Flyway; refinery, where it has `V` only.
    Flyway,
    /// `V<version>__<name>.sql`, and `U<version>__<name>.sql` as migrations of their own: refinery.
    Refinery,
    /// `<version>_<name>.sql` with `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// `<version>_<name>.sql` with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// `<version>_<name>.sql` with `---- create above / drop below ----`.
    Tern,
}

impl Layout {
    /// How the versions of its migrations compare.
    pub fn order(self) -> VersionOrder {
        match self {
            Layout::Flat | Layout::Flyway | Layout::Refinery | Layout::Goose | Layout::Tern => {
                VersionOrder::Numeric
            }
            Layout::Folders | Layout::Prisma | Layout::Dbmate => VersionOrder::Text,
        }
    }
}

impl Layout {
    /// Its name.
    fn tool(self) -> &'static str {
        match self {
            Layout::Flat => "flat",
            Layout::Folders => "folders",
            Layout::Prisma => "Prisma",
            Layout::Flyway => "Flyway",
            Layout::Refinery => "refinery",
            Layout::Goose => "goose",
            Layout::Dbmate => "dbmate",
            Layout::Tern => "tern",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tool())
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
        let all = directory.migrations.into_iter().chain(directory.replaced);
        let migrations = all.map(|m| Arc::new(m) as _).collect();
        Set::new(DEFAULT_SET, migrations)
            .expect("a directory is read without duplicate versions")
            .ordered(directory.layout.order())
            .declaring(directory.placeholders)
    }
}

/// A file that was left alone, or that does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The file, relative to the directory.
    pub path: String,
    /// What there is to say of it.
    pub why: NoteKind,
}

/// Why a file was left alone, or does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// It stands loose beside Prisma's folders.
    BesidePrismaFolders,
    /// It stands in one of Prisma's folders and is no SQL.
    InPrismaFolder,
    /// It holds another tool's settings, `tern.conf` say.
    ToolSettings,
    /// It is a script of comments, which is applied and does nothing.
    OnlyComments,
    /// It is a down script as sqlx or diesel made it, and nobody has written it: it counts as none.
    UnwrittenDown,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            NoteKind::BesidePrismaFolders => {
                "stands beside the folders of migrations, where Prisma reads nothing"
            }
            NoteKind::InPrismaFolder => "is no SQL, and Prisma does not read it",
            NoteKind::ToolSettings => "holds settings of another tool, and says nothing of a migration",
            NoteKind::OnlyComments => "has comments only, and does nothing",
            NoteKind::UnwrittenDown => "is as its tool made it, and counts as no down script",
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
pub fn read(files: Vec<SourceFile>) -> Result<Directory, Problems> {
    Reading::default().read(files)
}

/// How a directory is read, where something is to be other than usual.
///
/// # Examples
///
/// ```
/// use migrate_core::layout::Reading;
/// use migrate_core::source::SourceFile;
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
}

impl Reading {
    /// The same with [placeholders](crate::placeholder) of these names. Without, `${name}` is text like any other.
    pub fn placeholders(self, names: impl IntoIterator<Item = impl Into<String>>) -> Reading {
        Reading { placeholders: Some(names.into_iter().map(Into::into).collect()) }
    }

    /// Reads the files of a directory.
    ///
    /// # Errors
    ///
    /// As [`read`].
    pub fn read(&self, mut files: Vec<SourceFile>) -> Result<Directory, Problems> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let rules = detect::layout(&files)?;
        Reader::new(rules, self.placeholders.as_deref()).read(files)
    }
}
