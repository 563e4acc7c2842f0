//! What can be wrong with a script before a server sees it.

use std::borrow::Cow;

use super::invisible_name;
use thiserror::Error;

/// Something wrong with a script, and where.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{}", crate::clean!("{kind}"))]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The byte offset of what is wrong; [`line_column`](super::line_column) makes a line and a column of it.
    pub offset: usize,
}

crate::debug_as_display!(Fault);

impl Fault {
    /// How to mend it; see [`FaultKind::help`].
    pub fn help(&self) -> Cow<'static, str> {
        self.kind.help()
    }
}

/// What is wrong with a script.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// A string constant that begins here and does not end.
    #[error("this string has no closing quote")]
    UnterminatedString,
    /// A bit string constant that begins here and does not end.
    #[error("this bit string has no closing quote")]
    UnterminatedBitString,
    /// A quoted identifier that begins here and does not end.
    #[error("this quoted identifier has no closing quote")]
    UnterminatedIdentifier,
    /// A dollar-quoted string constant that begins here and does not end.
    #[error("{}", crate::clean!("this dollar-quoted string has no closing ${tag}$"))]
    UnterminatedDollarQuote {
        /// What stands between the dollar signs; often nothing.
        tag: String,
    },
    /// A block comment that begins here and does not end.
    #[error("this comment has no closing */")]
    UnterminatedComment,
    /// The `BEGIN ATOMIC` of a function or procedure whose body does not end.
    #[error("this BEGIN ATOMIC has no END")]
    UnterminatedBody,
    /// A parenthesis without its partner.
    #[error("{}", crate::clean!("this {parenthesis} has no partner"))]
    UnbalancedParenthesis {
        /// The one that is there: `(` or `)`.
        parenthesis: char,
    },
    /// `PREPARE TRANSACTION`.
    #[error("PREPARE TRANSACTION leaves the migration's transaction open on the server, with all its locks")]
    PrepareTransaction,
    /// A command for psql.
    #[error("{}", crate::clean!("{command} is a command for psql, and the server does not know it"))]
    PsqlMetaCommand {
        /// The command, its backslash included.
        command: String,
    },
    /// `COPY … FROM STDIN`.
    #[error("COPY FROM STDIN waits for rows that a migration can't send")]
    CopyFromStdin,
    /// `COPY … TO STDOUT`.
    #[error("COPY TO STDOUT sends rows that a migration can't receive")]
    CopyToStdout,
    /// A backslash in a plain string, where `standard_conforming_strings` is not on.
    #[error(
        "what a backslash means in this string depends on standard_conforming_strings, which the script turns off before it"
    )]
    EscapesInString,
    /// A character outside of ASCII, where `client_encoding` is not UTF-8.
    #[error(
        "what this character is depends on client_encoding, which the script sets to another one than UTF8 before it"
    )]
    OtherEncoding,
    /// A byte 0. What stands behind it was not read.
    #[error("a byte 0 can't be sent to the server")]
    NulByte,
    /// A word that no statement has, since an invisible character is part of it.
    #[error("{}", crate::clean!("the invisible character {} is part of a word here, which the server refuses", character_text(*character)))]
    InvisibleCharacter {
        /// The character.
        character: char,
    },
    /// A script of 4 GiB or more. It was not read.
    #[error("the script has 4 GiB or more")]
    TooLarge,
}

crate::debug_as_display!(FaultKind);

impl FaultKind {
    /// How to mend it, in one sentence or two.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::sql::split;
    ///
    /// let fault = &split("COPY t FROM stdin;").faults[0];
    /// assert_eq!(fault.to_string(), "COPY FROM STDIN waits for rows that a migration can't send");
    /// assert_eq!(fault.help(), "write the rows as INSERT statements; pg_dump does with --rows-per-insert");
    /// ```
    pub fn help(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::UnterminatedString => {
                "close it with '; a ' inside is written '', and a backslash before it does not help unless \
                 the string begins with E'"
            }
            Self::UnterminatedBitString => "close it with '",
            Self::UnterminatedIdentifier => "close it with \"; a \" inside is written \"\"",
            Self::UnterminatedDollarQuote { tag } => {
                return Cow::Owned(format!("close it with ${tag}$, in the same case"));
            }
            Self::UnterminatedComment => "close it with */; comments nest, so each /* inside needs one too",
            Self::UnterminatedBody => "close the body with END; each statement in it ends with a semicolon",
            Self::UnbalancedParenthesis { parenthesis: '(' } => "close it before the statement's semicolon",
            Self::UnbalancedParenthesis { .. } => "remove it, or open it earlier in the statement",
            Self::PrepareTransaction => {
                "write COMMIT instead: what is prepared does not count, and keeps its locks, until it is committed by hand"
            }
            Self::PsqlMetaCommand { command } => meta_command_help(command),
            Self::CopyFromStdin => "write the rows as INSERT statements; pg_dump does with --rows-per-insert",
            Self::CopyToStdout => "remove it, or copy to a file of the server",
            Self::EscapesInString => {
                "write E'…' where a backslash escapes, or SET standard_conforming_strings = on before it: a migration is sent as \
                 a whole, so the setting would come too late here"
            }
            Self::OtherEncoding => {
                "remove the setting: scripts are UTF-8, whatever the database's encoding is, and the server converts them"
            }
            Self::NulByte => "save the script as UTF-8; UTF-16 is full of such bytes",
            Self::InvisibleCharacter { .. } => "write a space in its place, or remove it",
            Self::TooLarge => "divide the script among several migrations",
        })
    }
}

/// A character that can't be seen, by its number and name.
pub(crate) fn character_text(character: char) -> String {
    let name = invisible_name(character).unwrap_or("without a name");
    format!("U+{:04X} {name}", u32::from(character))
}

/// What to write instead of a psql command.
fn meta_command_help(command: &str) -> &'static str {
    match command {
        "\\i" | "\\ir" | "\\include" | "\\include_relative" => "put the other file's text here",
        "\\c" | "\\connect" => "remove it: a migration stays in the database that it is run against",
        "\\copy" => "write the rows as INSERT statements",
        "\\." => "remove it and the rows before it, and write the rows as INSERT statements",
        "\\restrict" | "\\unrestrict" => "remove it: pg_dump writes it for psql alone",
        "\\g" | "\\gx" | "\\;" => "write a semicolon instead",
        "\\gexec" => "run the texts with EXECUTE in a DO block",
        "\\set" | "\\gset" | "\\getenv" => "write the values themselves, or compute them in a DO block",
        "\\if" | "\\elif" | "\\else" | "\\endif" => "decide in a DO block",
        _ => "remove it",
    }
}
