//! Assertions and seeds: scripts that accompany the migrations without being one.
//!
//! An *assertion* states what is true of the database, whichever migration made it so; a verify script states
//! what is true at the moment of its migration. A *seed* fills the database with rows. Both are files in
//! folders of their own, beside the migration directory or in it; if both exist, the one in it counts.
//!
//! | file | is |
//! |---|---|
//! | `assertions/<name>.sql` | an assertion: each of its statements is a query that returns no row, or a single true |
//! | `seeds/<name>.sql` | a seed, run in every environment |
//! | `seeds/<environment>/<name>.sql` | a seed, run in one environment |
//! | `seed.sql` beside the migration directory | a seed, run first in every environment |
//!
//! A folder with one of these names that holds no `.sql` file belongs to something else, and is left alone; so does one in the
//! migration directory whose files are all named like migrations, `V2__users.sql`. In one that holds others, every other file is a
//! problem, except for hidden files and documentation. Beside the directory, a file
//! that is not `.sql` belongs to another tool.
//!
//! A file beside the directory that has a fault keeps no migration from running: the calls that use it refuse it.
//!
//! `migrate!` embeds the texts as they are; they were checked when they were read, and are parsed again when
//! they are asked for, so that a boot parses none.

use crate::set::Role;
use crate::set::options::AssertionOptions;
use crate::set::placeholder;
use crate::set::problem::Problems;
use crate::set::script::Script;
use std::borrow::Cow;
use std::fmt;

/// The folder of the assertions.
pub const ASSERTIONS: &str = "assertions";

/// The folder of the seeds.
pub const SEEDS: &str = "seeds";

/// The file beside the migration directory that is a seed, too.
pub const SEED_FILE: &str = "seed.sql";

/// The beginning of a path that is beside the migration directory, and not in it.
pub const BESIDE: &str = "../";

/// The name of the seed in that file: no file in the folder of the seeds has it.
const SEED_FILE_NAME: &str = "../seed.sql";

/// A file with an assertion or a seed: its path and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct CompanionFile {
    path: Cow<'static, str>,
    /// The text; of a file with faults, their text.
    text: Cow<'static, str>,
    state: CompanionState,
}

/// The use that can be made of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CompanionState {
    Usable,
    Faulty,
    Unreadable,
}

impl CompanionFile {
    /// Creates the file that `migrate!` embeds.
    #[doc(hidden)]
    pub const fn from_static(path: &'static str, text: &'static str) -> CompanionFile {
        CompanionFile { path: Cow::Borrowed(path), text: Cow::Borrowed(text), state: CompanionState::Usable }
    }

    /// Creates a file with faults that `migrate!` embeds.
    #[doc(hidden)]
    pub const fn faulty_from_static(path: &'static str, faults: &'static str) -> CompanionFile {
        CompanionFile {
            path: Cow::Borrowed(path),
            text: Cow::Borrowed(faults),
            state: CompanionState::Faulty,
        }
    }

    pub(crate) fn new(path: String, text: String) -> CompanionFile {
        CompanionFile { path: Cow::Owned(path), text: Cow::Owned(text), state: CompanionState::Usable }
    }

    /// A file beside the directory that can't be used.
    pub(crate) fn faulty(path: String, problems: Problems, is_readable: bool) -> CompanionFile {
        let shown = problems.into_iter().map(|mut problem| {
            problem.path = problem.path.strip_prefix(BESIDE).unwrap_or(&problem.path).to_owned();
            problem.to_string()
        });
        let text = shown.collect::<Vec<_>>().join("\n");
        let state = if is_readable { CompanionState::Faulty } else { CompanionState::Unreadable };
        CompanionFile { path: Cow::Owned(path), text: Cow::Owned(text), state }
    }

    /// The text of its faults, if it has any.
    #[doc(hidden)]
    pub fn faults(&self) -> Option<&str> {
        (self.state != CompanionState::Usable).then_some(&*self.text)
    }

    /// True if its bytes can be read.
    #[doc(hidden)]
    pub fn is_readable(&self) -> bool {
        self.state != CompanionState::Unreadable
    }

    /// The path relative to the migration directory; it begins with `../` if the file is beside it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path without that beginning.
    pub(crate) fn shown_path(&self) -> &str {
        self.path.strip_prefix(BESIDE).unwrap_or(&self.path)
    }

    /// Parses the text, which was checked when it was read.
    pub(crate) fn script(&self, role: Role, placeholders: &[String]) -> Script {
        let text = self.text.clone().into_owned();
        let script = Script::of_role(self.shown_path().to_owned(), text, role);
        let script = script.expect("the text was checked when it was read");
        if placeholders.is_empty() {
            return script;
        }
        let found = placeholder::find(script.text(), placeholders).found;
        script.with_placeholders(found)
    }
}

/// Shows no text, which may hold a password.
impl fmt::Debug for CompanionFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompanionFile").field(&self.path).finish()
    }
}

/// Assertions or seeds beside the migrations that have faults, so that no call uses any of their kind.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::clean!("{}:\n{}", self.heading(), problems.join("\n")))]
#[non_exhaustive]
pub struct UnusableCompanions {
    /// Assertions, or seeds.
    pub role: Role,
    /// The problems of each file: the place, the problem, and the fix.
    pub problems: Vec<String>,
}

crate::debug_as_display!(UnusableCompanions);

impl UnusableCompanions {
    /// The number of the files, in words.
    pub fn heading(&self) -> String {
        match self.problems.len() {
            1 => format!("1 {} can't be used", self.role),
            count => format!("{count} {}s can't be used", self.role),
        }
    }

    /// The error about the files of a role that have faults.
    pub(crate) fn of(files: &[CompanionFile], role: Role) -> Result<(), UnusableCompanions> {
        let problems: Vec<String> =
            files.iter().filter_map(|file| file.faults().map(str::to_owned)).collect();
        if problems.is_empty() { Ok(()) } else { Err(UnusableCompanions { role, problems }) }
    }
}

/// A truth about the database: queries that return no row, or a single true.
#[derive(Clone, Debug)]
pub struct Assertion {
    script: Script,
}

impl Assertion {
    pub(crate) fn new(script: Script) -> Assertion {
        Assertion { script }
    }

    /// The name: that of its file, without the ending.
    pub fn name(&self) -> &str {
        let file = self.script.path();
        let file = file.rsplit_once('/').map_or(file, |(_, file)| file);
        file.strip_suffix(".sql").unwrap_or(file)
    }

    /// Its text and its statements. The path is relative to the folder with `assertions`.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The version from which on it is checked, as written in its header.
    pub fn since(&self) -> Option<&str> {
        self.options()?.since.as_deref()
    }

    /// The version from which on it is no longer checked, as written in its header.
    pub fn until(&self) -> Option<&str> {
        self.options()?.until.as_deref()
    }

    /// The columns of its result whose values may be shown.
    pub fn key(&self) -> &[String] {
        self.options().map_or(&[], |options| &options.key)
    }

    fn options(&self) -> Option<&AssertionOptions> {
        self.script.options().condition.as_deref()
    }
}

/// A script that fills the database with rows. It is written to be run again.
#[derive(Clone, Debug)]
pub struct Seed {
    script: Script,
}

impl Seed {
    pub(crate) fn new(script: Script) -> Seed {
        Seed { script }
    }

    /// The name: `users.sql`, `development/users.sql` for a seed of one environment, or `../seed.sql` for the file beside the
    /// directory.
    pub fn name(&self) -> &str {
        let path = self.script.path();
        path.strip_prefix(SEEDS).and_then(|path| path.strip_prefix('/')).unwrap_or(SEED_FILE_NAME)
    }

    /// The environment; `None` for a seed that runs in every one.
    pub fn environment(&self) -> Option<&str> {
        self.name().split_once('/').map(|(environment, _)| environment).filter(|name| *name != "..")
    }

    /// Its text and its statements. The path is relative to the folder with `seeds`.
    pub fn script(&self) -> &Script {
        &self.script
    }
}
