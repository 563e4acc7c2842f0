//! The faults of a mark, of a placeholder, of Rust code, and of an assertion or a seed.

use crate::rust::RustFault;
use crate::set::Role;

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

/// The faults of a script that runs in batches, or that waits for one that does.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchFault {
    /// The statement does not say which rows belong to a batch.
    #[error("a script with `batch=` needs a `${{batch}}`, which stands for the rows of one batch")]
    NoPlaceholder,
    /// `${batch}` in a script that does not run in batches.
    #[error("`${{batch}}` has a meaning only in a script with `batch=`")]
    NotRequested,
    /// More than one statement.
    #[error("{}", crate::clean!("a script with `batch=` has one statement, and this one has {count}"))]
    SeveralStatements {
        /// The number of statements.
        count: usize,
    },
    /// A statement that can't run in batches.
    #[error("{}", crate::clean!("`{statement}` can't run in batches"))]
    OtherStatement {
        /// The beginning of the statement.
        statement: String,
    },
    /// The statement does not read the table.
    #[error("{}", crate::clean!("the statement does not name the table `{table}` that `batch=` gives"))]
    NoTable {
        /// The table, as written.
        table: String,
    },
    /// The statement changes a column of the key.
    #[error("{}", crate::clean!("the statement changes `{column}`, a column of the key that divides the table into batches"))]
    ChangesKey {
        /// The column, as written.
        column: String,
    },
    /// A request for no transaction.
    #[error("`transaction=none` contradicts `batch=`: each batch is a transaction")]
    WithoutTransaction,
    /// An option that only a script with `batch=` takes.
    #[error("{}", crate::clean!("`{option}` has a meaning only beside `batch=`"))]
    WithoutBatch {
        /// The option.
        option: &'static str,
    },
    /// A repeatable migration that runs in batches or waits for one.
    #[error("{}", crate::clean!("`{option}` has no meaning in a repeatable migration"))]
    Repeatable {
        /// The option.
        option: &'static str,
    },
    /// A migration that waits for an unknown version.
    #[error("{}", crate::clean!("`after={version}`: there is no such version"))]
    AfterUnknown {
        /// The version, as written.
        version: String,
    },
    /// A migration that waits for itself or for a later one.
    #[error("{}", crate::clean!("`after={version}`: a migration can wait only for an earlier one"))]
    AfterLater {
        /// The version, as written.
        version: String,
    },
    /// A migration that waits for one that is no backfill.
    #[error("{}", crate::clean!("`after={version}`: `{name}` is not a backfill, and is done when it is applied"))]
    AfterOther {
        /// The version, as written.
        version: String,
        /// The name of the migration with that version.
        name: String,
    },
}

crate::debug_as_display!(BatchFault);

/// The faults of a migration in Rust.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeFault {
    /// No function `up`.
    #[error("a migration in Rust needs a function `up`, and this file has none")]
    NoUp,
    /// A function that the macro can't call, because it is private.
    #[error("{}", crate::clean!("the function `{function}` is private"))]
    Private {
        /// The function.
        function: &'static str,
    },
    /// A function that is not `async`.
    #[error("{}", crate::clean!("the function `{function}` is not `async`"))]
    NotAsync {
        /// The function.
        function: &'static str,
    },
    /// A repeatable migration.
    #[error("a repeatable migration can't be in Rust")]
    Repeatable,
    /// An option of backfills in SQL.
    #[error("{}", crate::clean!("`{option}` has no meaning in Rust code"))]
    OptionOfScripts {
        /// The option.
        option: &'static str,
    },
    /// A text that is not Rust.
    #[error("{}", crate::clean!("not valid Rust: {_0}"))]
    Syntax(RustFault),
}

crate::debug_as_display!(CodeFault);

/// The faults of a file with an assertion or a seed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompanionFault {
    /// A file that is not SQL.
    #[error("{}", crate::clean!("not {role}: its name does not end in `.sql`", role = with_article(*role)))]
    NotSql {
        /// The role of the files in its folder.
        role: Role,
    },
    /// A folder that is deeper than the files that are read.
    #[error("{}", crate::clean!("a folder in which no {role} is read"))]
    Deep {
        /// The role of the files around it.
        role: Role,
    },
    /// The name of a migration's script.
    #[error("{}", crate::clean!("named like the script of a migration, in a folder of {role}s"))]
    NamedLikeMigration {
        /// The role of the files in its folder.
        role: Role,
    },
    /// A statement of an assertion that is not a query, or that changes something.
    #[error("{}", crate::clean!("`{statement}` is not a query; an assertion only reads"))]
    NotAQuery {
        /// The beginning of the statement.
        statement: String,
    },
    /// A statement of a seed that begins or ends a transaction.
    #[error("{}", crate::clean!("{command} is not allowed in a seed, which runs in one transaction"))]
    Control {
        /// The statement's command: `BEGIN`, `COMMIT` or `ROLLBACK`.
        command: &'static str,
    },
    /// A statement of a seed that can't run in a transaction block.
    #[error("{}", crate::clean!("`{statement}` can't run in a transaction block, and a seed runs in one"))]
    RefusesBlock {
        /// The beginning of the statement.
        statement: String,
    },
    /// A file or a folder that can't be read.
    #[error("{}", crate::clean!("it can't be read: {reason}"))]
    Unreadable {
        /// The reason.
        reason: String,
    },
    /// A condition on a version that the set does not have.
    #[error("{}", crate::clean!("`{option}={version}`: there is no such migration"))]
    UnknownVersion {
        /// The option.
        option: &'static str,
        /// The version, as written.
        version: String,
    },
}

crate::debug_as_display!(CompanionFault);

fn with_article(role: Role) -> &'static str {
    if role == Role::Assertion { "an assertion" } else { "a seed" }
}
