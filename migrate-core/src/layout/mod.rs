//! What a migration directory may look like, and the one reader of all that it may.
//!
//! [`read`] takes the files of a directory, looks which layout they follow, and gives its migrations in order, or
//! [everything](Problems) that is wrong with them. A layout is a file of this folder and a line in [`LAYOUTS`]: it says
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
//! Files that show two layouts are a [problem](ProblemKind::MixedLayouts) which names one of each, a file `0003_fix.sql`
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
//! wrong one, and a [problem](ProblemKind::NoMigrations).
//!
//! # Which scripts belong together
//!
//! Those of one folder, and in the flat layout those of one version: `0001_create_users.up.sql` and
//! `1_drop_users.down.sql` are one migration, named after its up script.

mod flat;
mod folders;
mod prisma;
mod script;
mod settings;
#[cfg(test)]
mod tests;

use crate::migration::SqlMigration;
use crate::options::TransactionMode;
use crate::problem::{Problem, ProblemKind, Problems};
use crate::script::Script;
use crate::set::{DEFAULT_SET, Set};
use crate::source::SourceFile;
use crate::version::{Version, VersionOrder};
use std::collections::BTreeMap;
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

/// Whether any layout may read a file of this name.
pub(crate) fn may_read(path: &str) -> bool {
    matches!(extension(path).to_ascii_lowercase().as_str(), "sql" | "toml")
}

fn extension(path: &str) -> &str {
    path.rsplit(['/', '.']).next().filter(|_| path.contains('.')).unwrap_or_default()
}

/// A file's place: its name, and the folder that it is in.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    folder: Option<&'a str>,
    /// Ends in `/` when it is a folder in a folder, and is empty for an empty folder.
    file: &'a str,
}

impl<'a> Place<'a> {
    fn of(path: &'a str) -> Place<'a> {
        match path.split_once('/') {
            Some((folder, file)) => Place { folder: Some(folder), file },
            None => Place { folder: None, file: path },
        }
    }

    fn is_hidden(self) -> bool {
        self.folder.is_some_and(|folder| folder.starts_with('.')) || self.file.starts_with('.')
    }

    /// Whether it stands in migration directories of every kind and means nothing.
    fn is_known(self) -> bool {
        let documentation = matches!(self.file, "README" | "LICENSE")
            || matches!(extension(self.file), "md" | "txt" | "rst" | "adoc");
        let left_by_an_editor = self.file.ends_with('~')
            || self.file.len() > 1 && self.file.starts_with('#') && self.file.ends_with('#');
        self.is_hidden() || documentation || left_by_an_editor
    }

    fn is_sql(self) -> bool {
        extension(self.file).eq_ignore_ascii_case("sql")
    }
}

/// A layout: how it is told from others, and what its files are.
struct Rules {
    layout: Layout,
    /// The name of the up script, where it is the same for every migration.
    up: Option<&'static str>,
    /// Whether a file, looked at alone, shows that the directory follows this layout.
    shows: fn(Place<'_>) -> bool,
    /// Whether a file would do so where nothing else shows a layout: a down script, say, whose up script is missing.
    hints: fn(Place<'_>) -> bool,
    /// What a file is. Not asked about files that are known everywhere.
    classify: fn(Place<'_>) -> FileKind,
}

/// What a layout says of a file.
enum FileKind {
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
    let rules = detect(&files)?;
    let mut reader = Reader::default();
    for file in files {
        reader.file(rules, file);
    }
    reader.finish(rules)
}

/// The layout that the files show.
fn detect(files: &[SourceFile]) -> Result<&'static Rules, Problems> {
    let unknown = || files.iter().map(|file| Place::of(&file.path)).filter(|place| !place.is_known());
    let shown: Vec<(&Rules, &SourceFile)> = LAYOUTS
        .iter()
        .filter_map(|rules| {
            let is_shown = |file: &&SourceFile| {
                let place = Place::of(&file.path);
                !place.is_known() && (rules.shows)(place)
            };
            files.iter().find(is_shown).map(|file| (rules, file))
        })
        .collect();
    match *shown {
        [(rules, _)] => return Ok(rules),
        [] => {}
        [(first, first_file), ..] => {
            let mixed = |(second, second_file): &(&Rules, &SourceFile)| {
                Problem::of_file(
                    second_file.path.clone(),
                    ProblemKind::MixedLayouts {
                        first: first.layout,
                        first_path: first_file.path.clone(),
                        second: second.layout,
                        second_path: second_file.path.clone(),
                    },
                )
            };
            return Err(Problems::of(shown[1..].iter().map(mixed)));
        }
    }
    if let Some(rules) = LAYOUTS.iter().find(|rules| unknown().any(rules.hints)) {
        return Ok(rules);
    }
    let has_known = unknown().count() < files.len();
    if has_known || unknown().any(|place| place.folder.is_none() && place.is_sql()) {
        return Ok(&LAYOUTS[0]);
    }
    let mut found: Vec<String> = unknown()
        .map(|place| place.folder.map_or(place.file.to_owned(), |folder| format!("{folder}/")))
        .collect();
    found.dedup();
    found.truncate(5);
    Err(Problems::of([Problem::of_file("", ProblemKind::NoMigrations { found })]))
}

/// The files of one migration, as far as they were found.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    ups: Vec<SourceFile>,
    downs: Vec<SourceFile>,
    verifies: Vec<SourceFile>,
}

#[derive(Default)]
struct Reader {
    /// By version, and by folder in the layouts that have them: two folders are two migrations.
    drafts: BTreeMap<(Version, Option<String>), Draft>,
    /// Folders with what their metadata says.
    folders: BTreeMap<String, Folder>,
    settings: Vec<String>,
    notes: Vec<Note>,
    problems: Problems,
}

#[derive(Default)]
struct Folder {
    transaction: Option<TransactionMode>,
    has_script: bool,
    /// Its name was found wanting, so that it lacks an up script need not be said too.
    is_refused: bool,
}

impl Reader {
    fn file(&mut self, rules: &Rules, file: SourceFile) {
        let place = Place::of(&file.path);
        let folder = place.folder.map(str::to_owned);
        if let Some(folder) = folder.clone().filter(|_| rules.up.is_some() && !place.is_hidden()) {
            self.folders.entry(folder).or_default();
        }
        if place.is_known() {
            return;
        }
        if let Some(character) =
            file.path.chars().find(|c| c.is_control() || *c == char::REPLACEMENT_CHARACTER)
        {
            self.problems.push(Problem::of_file(
                file.path.escape_debug().to_string(),
                ProblemKind::OddCharacter { character },
            ));
            return;
        }
        match (rules.classify)(place) {
            FileKind::Script(version, name, role) => {
                if let Some(folder) = folder.as_ref().and_then(|folder| self.folders.get_mut(folder)) {
                    folder.has_script = true;
                }
                let draft = self.drafts.entry((version, folder)).or_default();
                match role {
                    Role::Up => {
                        draft.name.get_or_insert(name);
                        draft.ups.push(file);
                    }
                    Role::Down => draft.downs.push(file),
                    Role::Verify => draft.verifies.push(file),
                }
            }
            FileKind::Metadata => {
                let transaction = settings::run_in_transaction(&file, &mut self.problems);
                self.folders.entry(folder.unwrap_or_default()).or_default().transaction = transaction;
                self.settings.push(file.path);
            }
            FileKind::Lock => {
                settings::check_provider(&file, &mut self.problems);
                self.settings.push(file.path);
            }
            FileKind::Nothing => {}
            FileKind::Note(why) => self.notes.push(Note { path: file.path, why }),
            FileKind::Problem(kind) => self.problems.push(Problem::of_file(file.path, kind)),
            FileKind::FolderProblem(kind) => {
                let folder = folder.unwrap_or_default();
                self.problems.push(Problem::of_file(format!("{folder}/"), kind));
                self.folders.entry(folder).or_default().is_refused = true;
            }
        }
    }

    fn finish(mut self, rules: &Rules) -> Result<Directory, Problems> {
        self.check_folders(rules);
        self.check_names();
        let mut migrations = Vec::new();
        for ((version, folder), draft) in std::mem::take(&mut self.drafts) {
            let transaction =
                folder.as_ref().and_then(|folder| Some((folder, self.folders.get(folder)?.transaction?)));
            let transaction = transaction.map(|(folder, mode)| (format!("{folder}/metadata.toml"), mode));
            migrations.extend(draft.read(rules, version, transaction.as_ref(), &mut self.problems));
        }
        if self.problems.is_empty() {
            Ok(Directory { layout: rules.layout, migrations, settings: self.settings, notes: self.notes })
        } else {
            Err(self.problems.sorted())
        }
    }

    /// A folder without scripts, in layouts where each is a migration.
    fn check_folders(&mut self, rules: &Rules) {
        let Some(expected) = rules.up else { return };
        for (name, folder) in &self.folders {
            if !folder.has_script && !folder.is_refused {
                let kind = ProblemKind::FolderWithoutUp { expected };
                self.problems.push(Problem::of_file(format!("{name}/"), kind));
            }
        }
    }

    /// Two migrations with one version, or with names that are one on some systems.
    fn check_names(&mut self) {
        let mut previous: Option<(&Version, &Draft)> = None;
        let mut by_lower_case: BTreeMap<String, (&Version, &SourceFile)> = BTreeMap::new();
        for ((version, _), draft) in &self.drafts {
            if let Some((_, first)) = previous.filter(|(other, _)| *other == version) {
                if let (Some(first), Some(second)) = (first.ups.first(), draft.ups.first()) {
                    let kind =
                        ProblemKind::DuplicateVersion { version: version.clone(), other: first.path.clone() };
                    self.problems.push(Problem::of_file(second.path.clone(), kind));
                }
            } else {
                previous = Some((version, draft));
            }
            for file in &draft.ups {
                let (first_version, first) =
                    by_lower_case.entry(file.path.to_lowercase()).or_insert((version, file));
                if *first_version != version {
                    let kind = ProblemKind::SameButForCase { other: first.path.clone() };
                    self.problems.push(Problem::of_file(file.path.clone(), kind));
                }
            }
        }
    }
}

impl Draft {
    /// The migration, if nothing is wrong with it.
    fn read(
        self,
        rules: &Rules,
        version: Version,
        transaction: Option<&(String, TransactionMode)>,
        problems: &mut Problems,
    ) -> Option<SqlMigration> {
        for second in self.ups.iter().skip(1) {
            let other = self.ups[0].path.clone();
            let kind = ProblemKind::DuplicateVersion { version: version.clone(), other };
            problems.push(Problem::of_file(second.path.clone(), kind));
        }
        for (role, files) in [(Role::Down, &self.downs), (Role::Verify, &self.verifies)] {
            for second in files.iter().skip(1).filter(|_| self.ups.len() == 1) {
                let kind = ProblemKind::DuplicateScript { role, other: files[0].path.clone() };
                problems.push(Problem::of_file(second.path.clone(), kind));
            }
            for file in files.iter().filter(|_| self.ups.is_empty()) {
                let expected = match (rules.up, Place::of(&file.path).folder) {
                    (Some(up), Some(folder)) => format!("{folder}/{up}"),
                    _ => file.path.replace(&format!(".{role}.sql"), ".up.sql"),
                };
                problems.push(Problem::of_file(file.path.clone(), ProblemKind::WithoutUp { role, expected }));
            }
        }
        let mut scripts = |role, files: Vec<SourceFile>| -> Vec<Script> {
            files.into_iter().filter_map(|file| script::read(file, role, transaction, problems)).collect()
        };
        let ups = scripts(Role::Up, self.ups);
        let downs = scripts(Role::Down, self.downs);
        let verifies = scripts(Role::Verify, self.verifies);
        let mut migration = SqlMigration::new(version, self.name?, ups.into_iter().next()?);
        if let Some(down) = downs.into_iter().next() {
            migration = migration.with_down(down);
        }
        if let Some(verify) = verifies.into_iter().next() {
            migration = migration.with_verify(verify);
        }
        Some(migration)
    }
}

/// The most characters of a version, as diesel's and Flyway's histories have it.
const VERSION_LIMIT: usize = 50;

/// Whether a version fits into every history.
fn check_length(version: &str, limit: usize) -> Result<(), ProblemKind> {
    let length = version.chars().count();
    if length > limit { Err(ProblemKind::LongVersion { length, limit }) } else { Ok(()) }
}
