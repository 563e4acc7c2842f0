//! Tokens and their kinds.

use std::ops::Range;

/// One token of a script: its kind and its position in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The kind.
    pub kind: TokenKind,
    /// The byte offset of its first byte.
    pub start: usize,
    /// The byte offset after its last byte.
    pub end: usize,
}

impl Token {
    /// The token's byte range in the script.
    pub const fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// The token's text in `script`, from which it was read.
    pub fn text<'a>(&self, script: &'a str) -> &'a str {
        &script[self.range()]
    }

    /// True if the server ignores the token: white space, comments and the byte order mark.
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

/// The kinds of tokens, following PostgreSQL's `scan.l`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// U+FEFF as the first character of the text, as some editors write it. Like psql, which skips it at the
    /// start of a file, the lexer ignores it; anywhere else the server reads it as part of an identifier.
    ByteOrderMark,
    /// A run of spaces, tabs, newlines, carriage returns, form feeds and vertical tabs. (The last
    /// since PostgreSQL 16; before that, a vertical tab outside quotes is a syntax error.)
    Whitespace,
    /// `-- …` up to the end of the line, without the newline.
    LineComment,
    /// `/* … */`, including nested comments.
    BlockComment,
    /// A keyword or an unquoted identifier; the grammar decides which.
    Word,
    /// `"…"`.
    QuotedIdentifier,
    /// `U&"…"`. A `UESCAPE '!'` after it is two separate tokens, as in the server.
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
    /// `1`, `1.5e-3`, `0x1F`, `1_000`; also a number directly followed by letters, which the server rejects.
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
    /// `\`, which has a meaning in psql and none in the server.
    Backslash,
    /// A character that the server does not accept: `{`, `}`, a lone `$`, a control character.
    Other,
    /// An unterminated construct. It is the last token and extends to the end of the text.
    Unterminated(Construct),
}

impl TokenKind {
    /// True for string constants of any kind, including bit strings.
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

/// A construct without its end.
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
