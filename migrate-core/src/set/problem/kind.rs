//! The kinds of problems in a migration directory.

use super::fault::{BatchFault, CodeFault, CompanionFault, MarkFault, PlaceholderFault};
use crate::set::version::Version;
use crate::set::{Layout, Role};
use crate::sql::FaultKind;

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
    /// Rust code that can't be a migration.
    #[error("{}", crate::clean!("{_0}"))]
    Code(CodeFault),
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
    #[error("{}", crate::clean!("`{option}` has no meaning in {}", script(*role)))]
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
    /// A script that can't run in batches, or that waits for one that does not.
    #[error("{}", crate::clean!("{_0}"))]
    Batch(BatchFault),
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
    /// A file with an assertion or a seed, beside the migrations.
    #[error("{fault}")]
    Companion {
        /// The fault.
        fault: CompanionFault,
    },
}

crate::debug_as_display!(ProblemKind);

/// A script of a role, with its article.
fn script(role: Role) -> &'static str {
    match role {
        Role::Up => "an up script",
        Role::Down => "a down script",
        Role::Verify => "a verify script",
        Role::Assertion => "an assertion",
        Role::Seed => "a seed",
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
