//! The problems of a migration directory: all of them at once, each with its position and a fix.

use crate::display::printable::Printable;
use crate::set::version::Version;
use crate::set::{Layout, Role};
use crate::sql::FaultKind;
use std::fmt;

/// A problem in a migration directory.
///
/// [`Display`](fmt::Display) gives two lines: `path:line:column: problem`, then the fix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, or the folder with a trailing `/`; relative to the migration directory until
    /// [`Problems::under`] prepends the directory. Empty for the directory itself.
    pub path: String,
    /// The line in the file, starting at 1; also 1 if the problem is the file's name or its absence.
    pub line: u32,
    /// The column in the line, in characters, starting at 1.
    pub column: u32,
    /// The kind of problem.
    pub kind: ProblemKind,
}

impl Problem {
    /// Creates a problem of a file as a whole.
    pub(crate) fn of_file(path: impl Into<String>, kind: ProblemKind) -> Problem {
        Problem { path: path.into(), line: 1, column: 1, kind }
    }

    /// How to fix it.
    pub fn help(&self) -> String {
        self.kind.help()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "." } else { &self.path };
        let f = &mut Printable(f);
        write!(f, "{path}:{}:{}: {}", self.line, self.column, self.kind)?;
        let help = self.help();
        if help.is_empty() { Ok(()) } else { write!(f, "\n    help: {help}") }
    }
}

/// The kinds of problems in a migration directory, with the data needed to act on them.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Neither a migration nor a file that is known to accompany migrations.
    #[error("{}", crate::clean!("there are no migrations here{}", found_text(found)))]
    NoMigrations {
        /// The first few names in the directory.
        found: Vec<String>,
    },
    /// The files follow two layouts.
    #[error("{}", crate::clean!(
        "two layouts in one directory: {first} (`{first_path}`{}) and {second} (`{second_path}`{})",
        more(*first_more), more(*second_more)
    ))]
    MixedLayouts {
        /// One layout.
        first: Layout,
        /// A file that follows it.
        first_path: String,
        /// The number of further files that follow it.
        first_more: usize,
        /// The other layout.
        second: Layout,
        /// A file that follows it.
        second_path: String,
        /// The number of further files that follow it.
        second_more: usize,
    },
    /// A name that does not start with a version.
    #[error("the name does not start with a version")]
    MissingVersion {
        /// A valid name.
        example: String,
    },
    /// A name that is only a version.
    #[error("the name is only a version")]
    MissingName {
        /// A valid name.
        example: String,
    },
    /// A version with a character that its layout does not allow.
    #[error("{}", crate::clean!("`{character}` is not allowed in the version `{version}`"))]
    OddVersion {
        /// The version as written.
        version: String,
        /// The character.
        character: char,
        /// A valid name.
        example: String,
    },
    /// A version that is too long for a history.
    #[error("{}", crate::clean!("the version has {length} characters; at most {limit} are allowed"))]
    LongVersion {
        /// The actual length.
        length: usize,
        /// The maximum length.
        limit: usize,
    },
    /// A control character, or bytes that are not UTF-8, in a name.
    #[error("{}", crate::clean!("the name contains {character:?}, which is not allowed in a name"))]
    OddCharacter {
        /// The character; U+FFFD if the bytes are not UTF-8.
        character: char,
    },
    /// An unknown ending, such as `.undo.sql`.
    #[error("{}", crate::clean!("`{ending}` is not a known ending"))]
    UnknownEnding {
        /// The ending.
        ending: String,
    },
    /// A file that is not part of the layout.
    #[error("{}", crate::clean!("not a file of the {layout} layout"))]
    UnknownFile {
        /// The layout of the directory.
        layout: Layout,
        /// Possible names, in case it is meant to be a script.
        names: &'static str,
    },
    /// A file in a subfolder, where the layout has none.
    #[error("{}", crate::clean!("in a subfolder, where the {layout} layout has no files"))]
    InFolder {
        /// The layout of the directory.
        layout: Layout,
    },
    /// A migration folder without its up script.
    #[error("{}", crate::clean!("no `{expected}` in this folder"))]
    FolderWithoutUp {
        /// The name of the missing file.
        expected: &'static str,
    },
    /// A down or verify script without an up script.
    #[error("{}", crate::clean!("a {role} script without an up script"))]
    WithoutUp {
        /// The script's role.
        role: Role,
        /// The missing file.
        expected: String,
    },
    /// Two migrations with the same version.
    #[error("{}", crate::clean!("version {version} is already used by `{other}`"))]
    DuplicateVersion {
        /// The version.
        version: Version,
        /// The up script of the other migration.
        other: String,
    },
    /// Two scripts with the same role in one migration.
    #[error("{}", crate::clean!("a second {role} script beside `{other}`"))]
    DuplicateScript {
        /// The role.
        role: Role,
        /// The other script.
        other: String,
    },
    /// Two names that Windows and macOS consider equal.
    #[error("{}", crate::clean!("differs from `{other}` only in upper and lower case"))]
    SameButForCase {
        /// The other name.
        other: String,
    },
    /// A feature of another tool that is not supported.
    #[error("{}", crate::clean!("{what} is for {tool} only, and is not read here"))]
    OtherTool {
        /// The tool.
        tool: &'static str,
        /// The feature.
        what: String,
        /// How to fix it.
        mend: String,
    },
    /// A mark that divides a file, and that its tool would reject or misread.
    #[error("{}", crate::clean!("{}{fault}", if mark.is_empty() { String::new() } else { format!("`{mark}`: ") }))]
    BadMark {
        /// The mark; empty if it is missing.
        mark: String,
        /// The fault.
        fault: MarkFault,
    },
    /// Versions in a different order than the names of their files, by which the tool sorts.
    #[error("{}", crate::clean!(
        "dbmate, which sorts by name, would apply it before `{other}`, which has an earlier version"
    ))]
    OrderByName {
        /// The up script that should come after it.
        other: String,
    },
    /// Settings for a script that does not exist.
    #[error("{}", crate::clean!("settings for `{script}`, which does not exist"))]
    WithoutScript {
        /// The script.
        script: String,
    },
    /// A script without a statement and without a comment that gives the reason.
    #[error("the script is empty")]
    Empty,
    /// A script that is still the stub made by `migrate new`.
    #[error("the script is not written yet: it is still the stub made by `migrate new`")]
    Unwritten,
    /// A script that is too large for one message to the server.
    #[error("{}", crate::clean!("the script has {length} bytes; at most {limit} are allowed"))]
    TooLarge {
        /// The actual size in bytes.
        length: usize,
        /// The maximum size in bytes.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("{}", crate::clean!("the file is not valid UTF-8 at byte {offset} (0x{byte:02x})"))]
    NotUtf8 {
        /// The number of valid bytes before it.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// SQL that can't be split into statements, or that is not allowed in a migration.
    #[error("{}", crate::clean!("{_0}"))]
    Sql(FaultKind),
    /// An unknown option.
    #[error("{}", crate::clean!("there is no option named `{name}`"))]
    UnknownOption {
        /// The name.
        name: String,
    },
    /// A word without `=` in a line of options.
    #[error("{}", crate::clean!("`{word}` is not an option: it lacks `=` and a value"))]
    NotAnOption {
        /// The word.
        word: String,
    },
    /// An invalid value of an option.
    #[error("{}", crate::clean!("`{value}` is not a valid value for `{option}`"))]
    BadValue {
        /// The option.
        option: &'static str,
        /// The value.
        value: String,
        /// The valid values.
        expected: &'static str,
    },
    /// An option given twice.
    #[error("{}", crate::clean!("`{option}` is already given in line {first_line}"))]
    DuplicateOption {
        /// The option.
        option: &'static str,
        /// The line of the first one.
        first_line: u32,
    },
    /// An option that has no meaning in its script.
    #[error("{}", crate::clean!("`{option}` has no meaning in a {role} script"))]
    OptionNotHere {
        /// The option.
        option: &'static str,
        /// The script's role.
        role: Role,
    },
    /// An invalid `${…}` in a set that has placeholders.
    #[error("{}", crate::clean!("`{text}`: {fault}"))]
    BadPlaceholder {
        /// The placeholder.
        text: String,
        /// The fault.
        fault: PlaceholderFault,
    },
    /// A range of versions that a migration can't replace.
    #[error("{}", crate::clean!("`replaces={}` can't be replaced by version {version}{}", crate::set::options::range_text(first, last), if version.is_repeatable() { ", which is repeatable" } else { "" }))]
    BadRange {
        /// The first version, as written.
        first: String,
        /// The last version, as written.
        last: String,
        /// The version of the migration.
        version: Version,
    },
    /// Options in a place where they would be ignored.
    #[error("options after the first statement would be ignored")]
    LateOptions,
    /// Options in a block comment.
    #[error("options in a block comment would be ignored")]
    OptionsInBlockComment,
    /// A statement that can't run in the transaction block that was requested.
    #[error("{}", crate::clean!("`{statement}` can't run in a transaction block, which {asked} asks for"))]
    RefusesBlock {
        /// The beginning of the statement.
        statement: String,
        /// Where the block was requested.
        asked: String,
    },
    /// A transaction-local setting in a transaction that ends right after it.
    #[error("{}", crate::clean!(
        "`{statement}` has no effect here, where each statement runs in its own transaction, but has one if a tool sends the \
         statements together"
    ))]
    LocalSetting {
        /// The beginning of the statement.
        statement: String,
    },
    /// A statement that can't run in a transaction block, inside the script's own block.
    #[error("{}", crate::clean!(
        "`{statement}` can't run in a transaction block, and the script's own BEGIN in line {begun} opens one"
    ))]
    RefusesOwnBlock {
        /// The beginning of the statement.
        statement: String,
        /// The line of the BEGIN.
        begun: u32,
    },
    /// A block without an end, in a script that runs statement by statement.
    #[error(
        "this BEGIN has no COMMIT: run statement by statement, the script would lose everything after it"
    )]
    UnendedBlock,
    /// A verify script that begins or ends a transaction.
    #[error("{}", crate::clean!(
        "{command} is not allowed in a verify script: it would end the transaction that the script decides about"
    ))]
    VerifyControl {
        /// The statement's command: `BEGIN`, `COMMIT` or `ROLLBACK`.
        command: &'static str,
    },
    /// A header that contradicts the other tool's file or mark.
    #[error("{}", crate::clean!("`transaction={header}` contradicts {other}"))]
    ContradictsMetadata {
        /// The header's value.
        header: &'static str,
        /// The contradicting setting with its file, or mark with its line.
        other: String,
    },
    /// An unknown line in a settings file.
    #[error("{}", crate::clean!("`{line}` is not a known setting"))]
    UnknownSetting {
        /// The line.
        line: String,
        /// The valid settings.
        expected: &'static str,
    },
    /// A setting given twice.
    #[error("{}", crate::clean!("`{key}` is set twice"))]
    DuplicateSetting {
        /// Its name.
        key: &'static str,
    },
    /// A settings file without its setting.
    #[error("{}", crate::clean!("`{key}` is not set"))]
    MissingSetting {
        /// Its name.
        key: &'static str,
        /// The required setting.
        expected: &'static str,
    },
    /// Migrations for another database.
    #[error("{}", crate::clean!("the migrations are for `{provider}`, not for PostgreSQL"))]
    OtherProvider {
        /// The provider that the file names.
        provider: String,
    },
}

crate::debug_as_display!(ProblemKind);

/// The faults of a mark that divides a file.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkFault {
    /// White space before it.
    #[error("a mark counts only at the beginning of its line")]
    Indented,
    /// A second mark where only one is allowed.
    #[error("{}", crate::clean!("it is already in line {first_line}"))]
    Again {
        /// The line of the first one.
        first_line: u32,
    },
    /// Not a mark of its tool.
    #[error("there is no such mark")]
    Unknown {
        /// The known marks.
        known: &'static str,
    },
    /// An option that the mark does not take.
    #[error("{}", crate::clean!("it takes no option `{option}`"))]
    BadOption {
        /// The option.
        option: String,
        /// The options that it takes.
        known: &'static str,
    },
    /// No mark for the up script.
    #[error("{}", crate::clean!("the file has no `{expected}`"))]
    NoUp {
        /// The mark that is missing.
        expected: &'static str,
    },
    /// The up script after the down script.
    #[error("the up script must come before the down script")]
    UpBehindDown,
    /// A statement before the first mark.
    #[error("a statement before this mark belongs to neither script")]
    StatementBefore,
    /// A `StatementBegin` without its end.
    #[error("no `-- +goose StatementEnd` follows it")]
    NotClosed,
    /// A `StatementEnd` without its beginning.
    #[error("no `-- +goose StatementBegin` precedes it")]
    NotOpen,
    /// goose's environment variables.
    #[error("environment variables are not substituted in scripts")]
    Substitution,
    /// One of tern's templates.
    #[error("templates are not evaluated")]
    Template,
}

crate::debug_as_display!(MarkFault);

impl MarkFault {
    fn help(&self) -> String {
        match self {
            MarkFault::Indented => "remove the white space before it".into(),
            MarkFault::Again { .. } => {
                "keep one of them, and move what belongs to neither half to a migration of its own".into()
            }
            MarkFault::Unknown { known } => format!("write {known}; a comment that is not a mark must not look like one"),
            MarkFault::BadOption { known, .. } => format!("write {known}, or remove it"),
            MarkFault::NoUp { expected } => format!("write `{expected}` on a line of its own above the up script"),
            MarkFault::UpBehindDown => "put the up script first".into(),
            MarkFault::StatementBefore => "move the mark to the top of the file, or the statement below it".into(),
            MarkFault::NotClosed => "write `-- +goose StatementEnd` below the statement, or remove the mark".into(),
            MarkFault::NotOpen => "remove it, or write `-- +goose StatementBegin` above the statement".into(),
            MarkFault::Substitution => {
                "declare a placeholder, `migrate!(…, placeholders = [\"name\"])`, and remove the mark".into()
            }
            MarkFault::Template => {
                "write the text that it produces, or declare a placeholder, `migrate!(…, placeholders = [\"name\"])`, \
                 for a value; an array of arrays can be written `ARRAY[[…], […]]`"
                    .into()
            }
        }
    }
}

/// The faults of a placeholder.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceholderFault {
    /// The name is not declared.
    #[error("there is no such placeholder")]
    Unknown {
        /// The declared names.
        declared: Vec<String>,
    },
    /// The end or the name is missing.
    #[error("this is not a placeholder")]
    Malformed,
    /// It is inside a string or a quoted identifier.
    #[error("a placeholder is not replaced inside quotes")]
    Quoted,
    /// It touches characters that would become one word with its value.
    #[error("a placeholder must be a whole word")]
    Glued,
}

crate::debug_as_display!(PlaceholderFault);

impl PlaceholderFault {
    fn help(&self) -> String {
        match self {
            PlaceholderFault::Unknown { declared } if declared.is_empty() => {
                "declare it: `migrate!(…, placeholders = [\"name\"])`".into()
            }
            PlaceholderFault::Unknown { declared } => {
                format!("the set declares {}; write other text as `'$' || '{{…}}'`", crate::set::placeholder::list(declared))
            }
            PlaceholderFault::Malformed => "write `${name}`: letters, digits, `_`, `.`, `:` and `-`, a letter or `_` first".into(),
            PlaceholderFault::Quoted => {
                "write it without the quotes, because its value has its own; join a part of a string with `||`".into()
            }
            PlaceholderFault::Glued => {
                "write a space between, or let the value be the whole name: `${name}` is replaced by an identifier or a \
                 literal with its quotes"
                    .into()
            }
        }
    }
}

fn more(files: usize) -> String {
    if files == 0 { String::new() } else { format!(" and {files} more") }
}

fn found_text(found: &[String]) -> String {
    match found {
        [] => ": the directory is empty".to_owned(),
        found => format!(
            ": found only {}",
            found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

impl ProblemKind {
    /// How to fix it.
    pub fn help(&self) -> String {
        use ProblemKind as K;
        match self {
            K::NoMigrations { .. } => "add `0001_name.sql`, `V1__name.sql`, `<version>_name/up.sql` or `<name>/migration.sql`; \
                a directory that is empty on purpose needs a `.gitkeep` or a `README.md`"
                .into(),
            K::MixedLayouts { .. } => {
                "keep one layout in a directory: rename the files of the other, or move them to a directory (and a \
                 set) of their own"
                    .into()
            }
            K::MissingVersion { example } => {
                format!("name it like `{example}`: digits, an underscore, what it does; or move it out of the directory")
            }
            K::MissingName { example } => format!("add what it does: `{example}`"),
            K::OddVersion { example, .. } => format!("name it like `{example}`"),
            K::LongVersion { .. } => "shorten it: a date with the time of day has 14 digits".into(),
            K::OddCharacter { .. } => "rename it with letters, digits, `_` and `-`".into(),
            K::UnknownEnding { .. } => {
                "end it in `.sql` or `.up.sql`, `.down.sql`, `.verify.sql`; the name itself must not have a dot before a letter".into()
            }
            K::UnknownFile { names: "", .. } => "move it out of the directory".into(),
            K::UnknownFile { names, .. } => format!("rename it to {names} if it is meant to be one, or move it out of the directory"),
            K::InFolder { .. } => "move it up, beside the other migrations, or out of the directory".into(),
            K::FolderWithoutUp { expected } => format!("add `{expected}`, or delete the folder"),
            K::WithoutUp { expected, .. } => format!("add `{expected}`, or delete this file"),
            K::DuplicateVersion { .. } => "give the newer of the two another version".into(),
            K::DuplicateScript { .. } => "keep one of the two".into(),
            K::SameButForCase { .. } => "rename one of them: Windows and macOS treat both as one file".into(),
            K::OtherTool { mend, .. } => mend.clone(),
            K::BadMark { fault, .. } => fault.help(),
            K::OrderByName { .. } => "give all versions the same number of digits; a date with the time of day has 14".into(),
            K::WithoutScript { .. } => "rename it after its script, or delete it".into(),
            K::Empty => {
                "write its statements, or delete the file".into()
            }
            K::Unwritten => {
                "write its statements, or delete the file; if there is nothing to do, say so in a comment of your own"
                    .into()
            }
            K::TooLarge { .. } => "split it into several migrations, or load the data in another way".into(),
            K::NotUtf8 { .. } => "save the file as UTF-8".into(),
            K::Sql(kind) => kind.help().into_owned(),
            K::UnknownOption { .. } => {
                "the options are `lock_timeout`, `statement_timeout`, `transaction`, `phase`, `allow` and `replaces`".into()
            }
            K::NotAnOption { .. } => {
                "write `option=value` without spaces, and separate several with a space; a comment that is \
                 not an option must not begin with `migrate:`"
                    .into()
            }
            K::BadValue { option, expected, .. } => format!("`{option}` takes {expected}"),
            K::DuplicateOption { .. } => "keep one of the two".into(),
            K::OptionNotHere { role: Role::Verify, .. } => {
                "a verify script takes only `lock_timeout` and `statement_timeout`".into()
            }
            K::OptionNotHere { option, .. } => format!("give `{option}` in the up script"),
            K::BadPlaceholder { fault, .. } => fault.help(),
            K::BadRange { .. } => {
                "name one version, or the first and the last of several, in this order; all must come before its own".into()
            }
            K::LateOptions => "move the line to the top of the file, above the first statement".into(),
            K::OptionsInBlockComment => "write them after `-- migrate:` on a line of their own".into(),
            K::RefusesBlock { .. } => {
                "remove `transaction`, and the script runs statement by statement; or move the statement to a migration of its own".into()
            }
            K::LocalSetting { .. } => {
                "remove `LOCAL`: a `SET` lasts for the rest of the script, and is undone after it".into()
            }
            K::RefusesOwnBlock { .. } => "end the block with a COMMIT above the statement".into(),
            K::UnendedBlock => "end the block with a COMMIT".into(),
            K::VerifyControl { .. } => {
                "remove it: a verify script runs in the migration's transaction, or in a read-only one of its own".into()
            }
            K::ContradictsMetadata { .. } => "set it in one place only".into(),
            K::UnknownSetting { expected, .. } => format!("the file may hold comments and {expected}"),
            K::DuplicateSetting { .. } => "keep one of the two".into(),
            K::MissingSetting { expected, .. } => format!("write {expected}, or delete the file"),
            K::OtherProvider { .. } => "the provider must be `postgresql`".into(),
        }
    }
}

/// All problems of a migration directory, in the order of its files.
///
/// Never empty when it is an error.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

crate::debug_as_display!(Problems);

impl Problems {
    pub(crate) fn of(problems: impl IntoIterator<Item = Problem>) -> Problems {
        Problems(problems.into_iter().collect())
    }

    pub(crate) fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Sorted and without duplicates.
    pub(crate) fn sorted(mut self) -> Problems {
        self.0.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        self.0.dedup();
        self
    }

    /// Prepends the directory to each path, so that an editor can open the files.
    pub fn under(mut self, directory: &str) -> Problems {
        let directory = directory.trim_end_matches('/');
        for problem in &mut self.0 {
            problem.path = match problem.path.as_str() {
                "" => directory.to_owned(),
                path => format!("{directory}/{path}"),
            };
        }
        self
    }

    /// The problems, ordered by path and line.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// The number of problems.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
