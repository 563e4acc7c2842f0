//! Faults that are detected in a script before a server sees it.

use std::borrow::Cow;

use super::invisible_name;
use thiserror::Error;

/// A fault in a script, with its position.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{}", crate::clean!("{kind}"))]
pub struct Fault {
    /// The kind of fault.
    pub kind: FaultKind,
    /// The byte offset of the fault; [`line_column`](super::line_column) converts it to a line and a column.
    pub offset: usize,
}

crate::debug_as_display!(Fault);

impl Fault {
    /// How to fix it; see [`FaultKind::help`].
    pub fn help(&self) -> Cow<'static, str> {
        self.kind.help()
    }
}

/// The kinds of faults.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FaultKind {
    /// A string constant without its end; the fault is at its beginning.
    #[error("this string has no closing quote")]
    UnterminatedString,
    /// A bit string constant without its end.
    #[error("this bit string has no closing quote")]
    UnterminatedBitString,
    /// A quoted identifier without its end.
    #[error("this quoted identifier has no closing quote")]
    UnterminatedIdentifier,
    /// A dollar-quoted string constant without its end.
    #[error("{}", crate::clean!("this dollar-quoted string has no closing ${tag}$"))]
    UnterminatedDollarQuote {
        /// The text between the dollar signs; often empty.
        tag: String,
    },
    /// A block comment without its end.
    #[error("this comment has no closing */")]
    UnterminatedComment,
    /// The `BEGIN ATOMIC` of a function or procedure whose body has no end.
    #[error("this BEGIN ATOMIC has no END")]
    UnterminatedBody,
    /// An unmatched parenthesis.
    #[error("{}", crate::clean!("this {parenthesis} is unmatched"))]
    UnbalancedParenthesis {
        /// The unmatched one: `(` or `)`.
        parenthesis: char,
    },
    /// `PREPARE TRANSACTION`.
    #[error("PREPARE TRANSACTION leaves the migration's transaction open on the server, with all its locks")]
    PrepareTransaction,
    /// A psql command.
    #[error("{}", crate::clean!("{command} is a psql command, which the server does not know"))]
    PsqlMetaCommand {
        /// The command, including its backslash.
        command: String,
    },
    /// `COPY … FROM STDIN`.
    #[error("COPY FROM STDIN waits for rows that a migration can't send")]
    CopyFromStdin,
    /// `COPY … TO STDOUT`.
    #[error("COPY TO STDOUT sends rows that a migration can't receive")]
    CopyToStdout,
    /// A backslash in a plain string while `standard_conforming_strings` may be off.
    #[error(
        "the meaning of a backslash in this string depends on standard_conforming_strings, which the script turns off before it"
    )]
    EscapesInString,
    /// A character outside ASCII while `client_encoding` may differ from UTF-8.
    #[error(
        "this character depends on client_encoding, which the script sets to something other than UTF8 before it"
    )]
    OtherEncoding,
    /// A zero byte. The text after it was not read.
    #[error("a zero byte can't be sent to the server")]
    NulByte,
    /// An invisible character in a word that then matches no keyword.
    #[error("{}", crate::clean!("this word contains the invisible character {}, which the server refuses", character_text(*character)))]
    InvisibleCharacter {
        /// The character.
        character: char,
    },
    /// A script of 4 GiB or more. It was not read.
    #[error("the script is 4 GiB or larger")]
    TooLarge,
}

crate::debug_as_display!(FaultKind);

impl FaultKind {
    /// How to fix it, in one or two sentences.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::sql::split;
    ///
    /// let fault = &split("COPY t FROM stdin;").faults[0];
    /// assert_eq!(fault.to_string(), "COPY FROM STDIN waits for rows that a migration can't send");
    /// assert_eq!(fault.help(), "write the rows as INSERT statements; pg_dump does so with --rows-per-insert");
    /// ```
    pub fn help(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::UnterminatedString => {
                "close it with '; write a ' inside as '': a backslash before it does not escape it unless the string begins with E'"
            }
            Self::UnterminatedBitString => "close it with '",
            Self::UnterminatedIdentifier => "close it with \"; write a \" inside as \"\"",
            Self::UnterminatedDollarQuote { tag } => {
                return Cow::Owned(format!("close it with ${tag}$, in the same case"));
            }
            Self::UnterminatedComment => "close it with */; comments nest, so each /* inside needs its own",
            Self::UnterminatedBody => "close the body with END; each statement in it ends with a semicolon",
            Self::UnbalancedParenthesis { parenthesis: '(' } => "close it before the statement's semicolon",
            Self::UnbalancedParenthesis { .. } => "remove it, or open it earlier in the statement",
            Self::PrepareTransaction => {
                "write COMMIT instead: a prepared transaction has no effect and keeps its locks until it is committed by hand"
            }
            Self::PsqlMetaCommand { command } => meta_command_help(command),
            Self::CopyFromStdin => {
                "write the rows as INSERT statements; pg_dump does so with --rows-per-insert"
            }
            Self::CopyToStdout => "remove it, or copy to a file on the server",
            Self::EscapesInString => {
                "write E'…' if a backslash escapes, or SET standard_conforming_strings = on before it: a migration is sent as a \
                 whole, so the setting would come too late here"
            }
            Self::OtherEncoding => {
                "remove the setting: scripts are UTF-8 whatever the database's encoding is, and the server converts them"
            }
            Self::NulByte => "save the script as UTF-8; UTF-16 is full of zero bytes",
            Self::InvisibleCharacter { .. } => "replace it with a space, or remove it",
            Self::TooLarge => "split the script into several migrations",
        })
    }
}

/// An invisible character by its code point and name.
pub(crate) fn character_text(character: char) -> String {
    let name = invisible_name(character).unwrap_or("without a name");
    format!("U+{:04X} {name}", u32::from(character))
}

/// The replacement for a psql command.
fn meta_command_help(command: &str) -> &'static str {
    match command {
        "\\i" | "\\ir" | "\\include" | "\\include_relative" => "paste the other file's text here",
        "\\c" | "\\connect" => "remove it: a migration stays in the database that it is run against",
        "\\copy" => "write the rows as INSERT statements",
        "\\." => "remove it and the rows before it, and write the rows as INSERT statements",
        "\\restrict" | "\\unrestrict" => "remove it: pg_dump writes it for psql only",
        "\\g" | "\\gx" | "\\;" => "write a semicolon instead",
        "\\gexec" => "run the generated statements with EXECUTE in a DO block",
        "\\set" | "\\gset" | "\\getenv" => "write the values themselves, or compute them in a DO block",
        "\\if" | "\\elif" | "\\else" | "\\endif" => "decide in a DO block",
        _ => "remove it",
    }
}
