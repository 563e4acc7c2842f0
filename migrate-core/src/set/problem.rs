//! What is wrong with a migration directory: everything at once, each with its place and a way to mend it.

use crate::display::printable::Printable;
use crate::set::version::Version;
use crate::set::{Layout, Role};
use crate::sql::FaultKind;
use std::fmt;

/// One thing that is wrong with a migration directory.
///
/// [`Display`](fmt::Display) gives two lines: `path:line:column: what is wrong`, and below it how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, or the folder with a `/` at its end; relative to the migration directory until [`Problems::under`]
    /// puts that before it. Empty for the directory itself.
    pub path: String,
    /// The line in the file, the first being 1; 1 when the problem is the file's name or its absence.
    pub line: u32,
    /// The column in the line, in characters, the first being 1.
    pub column: u32,
    /// What is wrong.
    pub kind: ProblemKind,
}

impl Problem {
    /// A problem of a file as a whole.
    pub(crate) fn of_file(path: impl Into<String>, kind: ProblemKind) -> Problem {
        Problem { path: path.into(), line: 1, column: 1, kind }
    }

    /// How to mend it.
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

/// What can be wrong with a migration directory, with the data to act on.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Neither a migration nor a file that is known to stand beside migrations.
    #[error("{}", crate::clean!("there is no migration here{}", found_text(found)))]
    NoMigrations {
        /// The first few names that were found.
        found: Vec<String>,
    },
    /// The files follow two conventions.
    #[error("{}", crate::clean!(
        "two layouts in one directory: {first} (`{first_path}`{}) and {second} (`{second_path}`{})",
        more(*first_more), more(*second_more)
    ))]
    MixedLayouts {
        /// One layout.
        first: Layout,
        /// A file that shows it.
        first_path: String,
        /// How many more do.
        first_more: usize,
        /// The other layout.
        second: Layout,
        /// A file that shows that one.
        second_path: String,
        /// How many more do.
        second_more: usize,
    },
    /// A name that starts with no version.
    #[error("the name has no version at its start")]
    MissingVersion {
        /// A name that would do.
        example: String,
    },
    /// A version and nothing else.
    #[error("the name is a version only")]
    MissingName {
        /// A name that would do.
        example: String,
    },
    /// A version with a character that its layout does not take.
    #[error("{}", crate::clean!("`{character}` can't be part of the version `{version}`"))]
    OddVersion {
        /// The version as written.
        version: String,
        /// The character.
        character: char,
        /// A name that would do.
        example: String,
    },
    /// A version that no history could keep.
    #[error("{}", crate::clean!("the version has {length} characters, of at most {limit}"))]
    LongVersion {
        /// How many it has.
        length: usize,
        /// How many it may have.
        limit: usize,
    },
    /// A control character, or bytes that are no UTF-8, in a name.
    #[error("{}", crate::clean!("the name holds {character:?}, which is no character for a name"))]
    OddCharacter {
        /// The character; U+FFFD for what is not UTF-8.
        character: char,
    },
    /// An ending such as `.undo.sql`.
    #[error("{}", crate::clean!("`{ending}` is not an ending that is known"))]
    UnknownEnding {
        /// The ending.
        ending: String,
    },
    /// A file that the layout knows nothing of.
    #[error("{}", crate::clean!("not a file that the {layout} layout knows"))]
    UnknownFile {
        /// The layout of the directory.
        layout: Layout,
        /// What it could be called, if it is meant to be a script.
        names: &'static str,
    },
    /// A file in a folder, where the layout has none.
    #[error("{}", crate::clean!("in a folder, where the {layout} layout has no files"))]
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
    /// A down or verify script alone.
    #[error("{}", crate::clean!("a {role} script without an up script"))]
    WithoutUp {
        /// What the script is.
        role: Role,
        /// The file that is missing.
        expected: String,
    },
    /// Two migrations with one version.
    #[error("{}", crate::clean!("version {version} is `{other}` already"))]
    DuplicateVersion {
        /// The version.
        version: Version,
        /// The up script of the other migration.
        other: String,
    },
    /// Two scripts of one kind in one migration.
    #[error("{}", crate::clean!("a second {role} script beside `{other}`"))]
    DuplicateScript {
        /// What both are.
        role: Role,
        /// The other one.
        other: String,
    },
    /// Two names that are one on Windows and macOS.
    #[error("{}", crate::clean!("differs from `{other}` by upper and lower case only"))]
    SameButForCase {
        /// The other one.
        other: String,
    },
    /// Something of another tool that is not read.
    #[error("{}", crate::clean!("{what} is for {tool} alone, and is not read here"))]
    OtherTool {
        /// The tool.
        tool: &'static str,
        /// What shows it.
        what: String,
        /// What to do.
        mend: String,
    },
    /// A mark that divides a file, and that its tool would not take, or not as meant.
    #[error("{}", crate::clean!("{}{fault}", if mark.is_empty() { String::new() } else { format!("`{mark}`: ") }))]
    BadMark {
        /// The mark; empty where there is none.
        mark: String,
        /// What is wrong with it.
        fault: MarkFault,
    },
    /// Versions that come in another order than the names of their files, by which the tool sorts.
    #[error("{}", crate::clean!(
        "dbmate, which sorts by name, would apply it before `{other}`, whose version comes before this one's"
    ))]
    OrderByName {
        /// The up script that would come after it.
        other: String,
    },
    /// Settings of a script that is not there.
    #[error("{}", crate::clean!("settings of `{script}`, which is not there"))]
    WithoutScript {
        /// The script.
        script: String,
    },
    /// A script without a statement, and without a comment that says why.
    #[error("the script is empty")]
    Empty,
    /// A script that is as `migrate new` made it.
    #[error("the script is not written yet: it is as `migrate new` made it")]
    Unwritten,
    /// More than a server takes in one message.
    #[error("{}", crate::clean!("the script has {length} bytes, of at most {limit}"))]
    TooLarge {
        /// How many it has.
        length: usize,
        /// How many it may have.
        limit: usize,
    },
    /// Bytes that are not UTF-8.
    #[error("{}", crate::clean!("the file is not UTF-8 from byte {offset} on (0x{byte:02x})"))]
    NotUtf8 {
        /// How many bytes before it are UTF-8.
        offset: usize,
        /// The byte.
        byte: u8,
    },
    /// SQL that can't be split into statements, or that no migration may hold.
    #[error("{}", crate::clean!("{_0}"))]
    Sql(FaultKind),
    /// A name before `=` that is no option.
    #[error("{}", crate::clean!("there is no option `{name}`"))]
    UnknownOption {
        /// The name.
        name: String,
    },
    /// A word without `=` in a line of options.
    #[error("{}", crate::clean!("`{word}` is not an option: it has no `=` and value"))]
    NotAnOption {
        /// The word.
        word: String,
    },
    /// A value that its option does not take.
    #[error("{}", crate::clean!("`{value}` is no value for `{option}`"))]
    BadValue {
        /// The option.
        option: &'static str,
        /// The value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// An option given twice.
    #[error("{}", crate::clean!("`{option}` is given in line {first_line} already"))]
    DuplicateOption {
        /// The option.
        option: &'static str,
        /// Where it was given first.
        first_line: u32,
    },
    /// An option in a script that it means nothing to.
    #[error("{}", crate::clean!("`{option}` means nothing in a {role} script"))]
    OptionNotHere {
        /// The option.
        option: &'static str,
        /// What the script is.
        role: Role,
    },
    /// A `${…}` in a set that has placeholders, which is none that it could be.
    #[error("{}", crate::clean!("`{text}`: {fault}"))]
    BadPlaceholder {
        /// The placeholder.
        text: String,
        /// What is wrong with it.
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
    /// Options where they would be ignored.
    #[error("options after the first statement would be ignored")]
    LateOptions,
    /// Options in a block comment.
    #[error("options in a block comment would be ignored")]
    OptionsInBlockComment,
    /// A transaction block asked for, and a statement that refuses one.
    #[error("{}", crate::clean!("`{statement}` refuses a transaction block, which {asked} asks for"))]
    RefusesBlock {
        /// The beginning of the statement.
        statement: String,
        /// Where the block was asked for.
        asked: String,
    },
    /// A setting for a transaction that ends with the setting.
    #[error("{}", crate::clean!(
        "`{statement}` has no effect where each statement runs in a transaction of its own, and has one where a tool sends \
         them together"
    ))]
    LocalSetting {
        /// The beginning of the statement.
        statement: String,
    },
    /// A statement that refuses a transaction block, inside a block of the script's own.
    #[error("{}", crate::clean!(
        "`{statement}` refuses a transaction block, and the script's own BEGIN in line {begun} opens one"
    ))]
    RefusesOwnBlock {
        /// The beginning of the statement.
        statement: String,
        /// The line of the BEGIN.
        begun: u32,
    },
    /// A block of a script that runs statement by statement does not end.
    #[error(
        "this BEGIN has no COMMIT: run statement by statement, the script would lose what stands behind it"
    )]
    UnendedBlock,
    /// A verify script that begins or ends a transaction.
    #[error("{}", crate::clean!(
        "{command} has no place in a verify script: it would end the transaction that the verdict decides about"
    ))]
    VerifyControl {
        /// The statement's command: `BEGIN`, `COMMIT` or `ROLLBACK`.
        command: &'static str,
    },
    /// A header that contradicts what the other tool's file or mark says.
    #[error("{}", crate::clean!("`transaction={header}` contradicts {other}"))]
    ContradictsMetadata {
        /// What the header says.
        header: &'static str,
        /// What it contradicts: a setting and its file, or a mark and its line.
        other: String,
    },
    /// A line of a settings file that is not one of those it may have.
    #[error("{}", crate::clean!("`{line}` is not a setting that is known here"))]
    UnknownSetting {
        /// The line.
        line: String,
        /// What the file may hold.
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
        /// What the file must hold.
        expected: &'static str,
    },
    /// Migrations for another database.
    #[error("{}", crate::clean!("the migrations are for `{provider}`, not for PostgreSQL"))]
    OtherProvider {
        /// What the file names.
        provider: String,
    },
}

crate::debug_as_display!(ProblemKind);

/// What is wrong with a mark that divides a file.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MarkFault {
    /// White space before it.
    #[error("a mark counts at the beginning of its line only")]
    Indented,
    /// A second one where there may be one.
    #[error("{}", crate::clean!("it stands in line {first_line} already"))]
    Again {
        /// Where the first one stands.
        first_line: u32,
    },
    /// No mark of its tool.
    #[error("there is no such mark")]
    Unknown {
        /// The marks that there are.
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
    #[error("{}", crate::clean!("no `{expected}` stands in the file"))]
    NoUp {
        /// The mark that is missing.
        expected: &'static str,
    },
    /// The up script behind the down script.
    #[error("the up script stands before the down script")]
    UpBehindDown,
    /// A statement before the first mark.
    #[error("a statement before this mark belongs to neither script")]
    StatementBefore,
    /// A `StatementBegin` without its end.
    #[error("no `-- +goose StatementEnd` follows it")]
    NotClosed,
    /// A `StatementEnd` without its beginning.
    #[error("no `-- +goose StatementBegin` stands before it")]
    NotOpen,
    /// goose's variables of the environment.
    #[error("variables of the environment are not put into scripts")]
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
                "keep one of them, and put what belongs to neither half into a migration of its own".into()
            }
            MarkFault::Unknown { known } => format!("write {known}; a comment that is no mark must not look like one"),
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
                "write the text that it stands for, or declare a placeholder, `migrate!(…, placeholders = [\"name\"])`, \
                 for a value; an array of arrays can be written `ARRAY[[…], […]]`"
                    .into()
            }
        }
    }
}

/// What is wrong with a placeholder.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceholderFault {
    /// Its name is not declared.
    #[error("there is no such placeholder")]
    Unknown {
        /// The names that are.
        declared: Vec<String>,
    },
    /// It has no end, or no name.
    #[error("this is no placeholder")]
    Malformed,
    /// It stands in a string or a quoted identifier.
    #[error("a placeholder is not replaced in quotes")]
    Quoted,
    /// It touches what would become one word with its value.
    #[error("a placeholder stands for a whole word")]
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
                format!("the set declares {}; text that is no placeholder is written `'$' || '{{…}}'`", crate::set::placeholder::list(declared))
            }
            PlaceholderFault::Malformed => "write `${name}`: letters, digits, `_`, `.`, `:` and `-`, a letter or `_` first".into(),
            PlaceholderFault::Quoted => {
                "write it without the quotes, since its value brings its own; a part of a string is joined with `||`".into()
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
            ": found {} only",
            found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

impl ProblemKind {
    /// How to mend it.
    pub fn help(&self) -> String {
        use ProblemKind as K;
        match self {
            K::NoMigrations { .. } => "add `0001_name.sql`, `V1__name.sql`, `<version>_name/up.sql` or `<name>/migration.sql`; \
                an empty directory that is meant to be here needs a `.gitkeep` or a `README.md`"
                .into(),
            K::MixedLayouts { .. } => {
                "keep one layout in a directory: rename the files of the other, or move them to a directory (and a \
                 set) of their own"
                    .into()
            }
            K::MissingVersion { example } => {
                format!("name it like `{example}`: digits, an underscore, what it does; or move it out of the directory")
            }
            K::MissingName { example } => format!("say what it does: `{example}`"),
            K::OddVersion { example, .. } => format!("name it like `{example}`"),
            K::LongVersion { .. } => "shorten it: a date with the time of day has 14 digits".into(),
            K::OddCharacter { .. } => "rename it with letters, digits, `_` and `-`".into(),
            K::UnknownEnding { .. } => {
                "end it in `.sql` or `.up.sql`, `.down.sql`, `.verify.sql`; a name itself has no dots before letters".into()
            }
            K::UnknownFile { names: "", .. } => "move it out of the directory".into(),
            K::UnknownFile { names, .. } => format!("rename it to {names} if it is meant to be one, or move it out of the directory"),
            K::InFolder { .. } => "move it up, beside the other migrations, or out of the directory".into(),
            K::FolderWithoutUp { expected } => format!("add `{expected}`, or delete the folder"),
            K::WithoutUp { expected, .. } => format!("add `{expected}`, or delete this file"),
            K::DuplicateVersion { .. } => "give the newer of the two a version of its own".into(),
            K::DuplicateScript { .. } => "keep one of the two".into(),
            K::SameButForCase { .. } => "rename one of them: Windows and macOS take both for one file".into(),
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
                "write `option=value` without spaces inside, several of them with a space between; a comment that is \
                 no option must not begin with `migrate:`"
                    .into()
            }
            K::BadValue { option, expected, .. } => format!("`{option}` takes {expected}"),
            K::DuplicateOption { .. } => "keep one of the two".into(),
            K::OptionNotHere { role: Role::Verify, .. } => {
                "a verify script takes `lock_timeout` and `statement_timeout` only".into()
            }
            K::OptionNotHere { option, .. } => format!("give `{option}` in the up script"),
            K::BadPlaceholder { fault, .. } => fault.help(),
            K::BadRange { .. } => {
                "name one version, or the first and the last of several, in this order; all come before its own".into()
            }
            K::LateOptions => "move the line to the top of the file, above the first statement".into(),
            K::OptionsInBlockComment => "write them behind `-- migrate:` on a line of their own".into(),
            K::RefusesBlock { .. } => {
                "leave `transaction` out, and the script runs statement by statement; or move the statement to a migration of its own".into()
            }
            K::LocalSetting { .. } => {
                "leave `LOCAL` out: a `SET` holds for the rest of the script, and is undone behind it".into()
            }
            K::RefusesOwnBlock { .. } => "end the block with a COMMIT above the statement".into(),
            K::UnendedBlock => "end the block with a COMMIT".into(),
            K::VerifyControl { .. } => {
                "remove it: a verify script runs in the migration's transaction, or in a read-only one of its own".into()
            }
            K::ContradictsMetadata { .. } => "say it in one place".into(),
            K::UnknownSetting { expected, .. } => format!("the file may hold comments and {expected}"),
            K::DuplicateSetting { .. } => "keep one of the two".into(),
            K::MissingSetting { expected, .. } => format!("write {expected}, or delete the file"),
            K::OtherProvider { .. } => "the provider must be `postgresql`".into(),
        }
    }
}

/// Everything that is wrong with a migration directory, in the order of its files.
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

    /// Sorted, and each once.
    pub(crate) fn sorted(mut self) -> Problems {
        self.0.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
        self.0.dedup();
        self
    }

    /// The same problems with the directory before each path, so that an editor finds the files.
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

    /// The problems, by path and line.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
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
