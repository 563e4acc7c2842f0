//! The faults of a mark and of a placeholder.

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
