//! A token and its kinds.

use std::ops::Range;

/// One token of a script: its kind, and where it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What the token is.
    pub kind: TokenKind,
    /// The byte offset of its first byte.
    pub start: usize,
    /// The byte offset after its last byte.
    pub end: usize,
}

impl Token {
    /// The token's bytes as a range into the script.
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The token as it is written in `script`, the text that it was read from.
    pub fn text<'a>(&self, script: &'a str) -> &'a str {
        &script[self.range()]
    }

    /// Whether the server sees nothing of this token: white space, comments and the byte order mark.
    pub const fn is_trivia(&self) -> bool {
        use TokenKind::{BlockComment, ByteOrderMark, LineComment, Whitespace};
        matches!(
            self.kind,
            Whitespace
                | LineComment
                | BlockComment
                | ByteOrderMark
                | TokenKind::Unterminated(Construct::Comment)
        )
    }
}

/// What a [`Token`] is, by the rules of PostgreSQL's `scan.l`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// U+FEFF as the first character of the text, as some editors write it. Like psql, which skips it at the
    /// start of a file, we take it for nothing; anywhere else the server reads it as part of an identifier.
    ByteOrderMark,
    /// A run of spaces, tabs, newlines, carriage returns, form feeds and vertical tabs. (The last
    /// since PostgreSQL 16; before that, a vertical tab outside quotes is a syntax error.)
    Whitespace,
    /// `-- …` up to the end of the line, the newline excluded.
    LineComment,
    /// `/* … */`, with whatever comments are nested in it.
    BlockComment,
    /// A keyword or an identifier without quotes; which of the two is a question of grammar.
    Word,
    /// `"…"`.
    QuotedIdentifier,
    /// `U&"…"`. A `UESCAPE '!'` behind it is two tokens of its own, as in the server.
    UnicodeIdentifier,
    /// `'…'`, where a backslash is an ordinary character.
    String,
    /// `E'…'`, where a backslash escapes.
    EscapeString,
    /// `N'…'`.
    NationalString,
    /// `U&'…'`.
    UnicodeString,
    /// `B'…'`.
    BitString,
    /// `X'…'`.
    HexString,
    /// `$$…$$` or `$tag$…$tag$`.
    DollarString,
    /// `1`, `1.5e-3`, `0x1F`, `1_000`; also a number with letters stuck to it, which the server refuses.
    Number,
    /// `$1`.
    Parameter,
    /// One or more of ``+-*/<>=~!@#%^&|`?``, cut as the server cuts them.
    Operator,
    /// `,` `.` `..` `:` `::` `:=` `[` or `]`.
    Punctuation,
    /// `(`
    LeftParenthesis,
    /// `)`
    RightParenthesis,
    /// `;`
    Semicolon,
    /// `\`, which means something to psql and nothing to the server.
    Backslash,
    /// A character that the server has no use for: `{`, `}`, a lone `$`, a control character.
    Other,
    /// Something that begins and does not end. It is the last token, and reaches to the end of the text.
    Unterminated(Construct),
}

impl TokenKind {
    /// Whether this is a string constant of any kind, bit strings included.
    pub const fn is_string(self) -> bool {
        use TokenKind::{
            BitString, DollarString, EscapeString, HexString, NationalString, String, UnicodeString,
        };
        matches!(
            self,
            String | EscapeString | NationalString | UnicodeString | BitString | HexString | DollarString
        )
    }
}

/// What it is that begins and does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Construct {
    /// A string constant in single quotes.
    String,
    /// A bit string constant, `B'…'` or `X'…'`.
    BitString,
    /// A quoted identifier.
    Identifier,
    /// A dollar-quoted string constant.
    DollarString,
    /// A block comment.
    Comment,
}
