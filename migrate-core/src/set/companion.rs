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
//! A folder with one of these names that holds no `.sql` file belongs to something else, and is left alone.
//! In one that does, every other file is a problem, except for hidden files and documentation.
//!
//! `migrate!` embeds the texts as they are; they were checked when they were read, and are parsed again when
//! they are asked for, so that a boot parses none.

use crate::set::Role;
use crate::set::options::AssertionOptions;
use crate::set::placeholder;
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

/// A file with an assertion or a seed: its path and its text.
#[derive(Clone, PartialEq, Eq)]
pub struct CompanionFile {
    path: Cow<'static, str>,
    text: Cow<'static, str>,
}

impl CompanionFile {
    /// Creates the file that `migrate!` embeds.
    #[doc(hidden)]
    pub const fn from_static(path: &'static str, text: &'static str) -> CompanionFile {
        CompanionFile { path: Cow::Borrowed(path), text: Cow::Borrowed(text) }
    }

    pub(crate) fn new(path: String, text: String) -> CompanionFile {
        CompanionFile { path: Cow::Owned(path), text: Cow::Owned(text) }
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

    /// The name: `users.sql`, or `development/users.sql` for a seed of one environment.
    pub fn name(&self) -> &str {
        let path = self.script.path();
        path.strip_prefix(SEEDS).and_then(|path| path.strip_prefix('/')).unwrap_or(path)
    }

    /// The environment; `None` for a seed that runs in every one.
    pub fn environment(&self) -> Option<&str> {
        self.name().split_once('/').map(|(environment, _)| environment)
    }

    /// Its text and its statements. The path is relative to the folder with `seeds`.
    pub fn script(&self) -> &Script {
        &self.script
    }
}
