//! Tokens end at the same bytes as in `scan.l`.

use migrate_core::sql::{Construct, TokenKind, tokens};

/// The tokens that the server sees, separated by ` | `.
fn read(text: &str) -> String {
    let tokens = tokens(text).filter(|token| !token.is_trivia());
    tokens.map(|token| token.text(text)).collect::<Vec<_>>().join(" | ")
}

fn kinds(text: &str) -> Vec<TokenKind> {
    tokens(text).filter(|token| !token.is_trivia()).map(|token| token.kind).collect()
}

#[test]
fn tokens_end_where_the_server_ends_them() {
    let cases = [
        (
            "words hold digits, dollar signs and letters beyond ASCII",
            "a1 a$b$c _x naïve",
            "a1 | a$b$c | _x | naïve",
        ),
        ("a no-break space is a letter to the server", "a\u{A0}b", "a\u{A0}b"),
        ("a quoted identifier holds doubled quotes", r#""a""b";"#, r#""a""b" | ;"#),
        ("a string holds doubled quotes", "'a''b';", "'a''b' | ;"),
        ("a backslash in a plain string is a character", r"'a\';", r"'a\' | ;"),
        ("a backslash in an E string escapes", r"E'a\'b\\';", r"E'a\'b\\' | ;"),
        ("an E string may hold a character beyond ASCII after a backslash", r"e'\ä';", r"e'\ä' | ;"),
        ("a prefix has to touch its quote", "E 'a'", "E | 'a'"),
        ("a prefix is a letter on its own, not the end of a word", "some'a'", "some | 'a'"),
        ("N, B, X and U& are prefixes too", r"n'a' b'0' X'F' u&'\0061'", r"n'a' | b'0' | X'F' | u&'\0061'"),
        ("U& without a quote is a word and an operator", "u&a", "u | & | a"),
        ("U& makes identifiers too", r#"U&"d\0061t" UESCAPE '!'"#, r#"U&"d\0061t" | UESCAPE | '!'"#),
        ("a bit string knows no doubled quote", "B'1''0'", "B'1' | '0'"),
        ("a string goes on across a newline", "'a'\n  'b;'", "'a'\n  'b;'"),
        ("a string goes on across a carriage return", "'a'\r'b;'", "'a'\r'b;'"),
        ("a string goes on across a line comment with its newline", "'a' -- c\n 'b'", "'a' -- c\n 'b'"),
        ("an E string that goes on is still an E string", "E'a'\n'\\';'", "E'a'\n'\\';'"),
        ("a string does not go on along the line", "'a' 'b'", "'a' | 'b'"),
        ("a string does not go on across a block comment", "'a' /* \n */ 'b'", "'a' | 'b'"),
        ("a dollar quote is ended by its own tag alone", "$a$ $$ $b$ $A$ ' $a$;", "$a$ $$ $b$ $A$ ' $a$ | ;"),
        ("a dollar quote may end in the middle of what looks like a tag", "$a$ $b$a$", "$a$ $b$a$"),
        ("a tag may hold letters beyond ASCII", "$ä$;$ä$", "$ä$;$ä$"),
        ("a tag does not begin with a digit", "$1$;", "$1 | $ | ;"),
        ("a dollar sign without a partner is itself", "$a b", "$ | a | b"),
        ("a dollar quote right behind a word is the word's", "a$$b", "a$$b"),
        ("a dollar quote right behind a number is one", "1$a$;$a$", "1 | $a$;$a$"),
        ("a parameter takes the letters that stick to it", "$1 $1a$b$;", "$1 | $1a$b$ | ;"),
        ("numbers", "1 1.5 .5 1. 1e5 1.5e-3 0x1F 1_000", "1 | 1.5 | .5 | 1. | 1e5 | 1.5e-3 | 0x1F | 1_000"),
        ("two dots are not part of a number", "1..10", "1 | .. | 10"),
        ("a number takes the letters that stick to it", "1a 1e$x 1e+a", "1a | 1e$x | 1e+a"),
        ("an operator ends before a comment", "a+--b\n*/* c */ 2", "a | + | * | 2"),
        ("an operator of SQL does not end in a sign", "a=-1 b<>+2", "a | = | - | 1 | b | <> | + | 2"),
        ("an operator with a foreign character may", "a?- b@+", "a | ?- | b | @+"),
        ("signs in a row are one each", "+-+", "+ | - | +"),
        ("a sign that was cut off is followed by a comment", "=+--c", "= | +"),
        ("colons", "a::b c:=d e:f", "a | :: | b | c | := | d | e | : | f"),
        ("comments nest", "a /* /* ; */ ' */ b", "a | b"),
        ("a slash does not close the comment it opens", "/*/ a */ b", "b"),
        ("stars may crowd a comment's end", "/***/ a /**/ b", "a | b"),
        ("a line comment ends at CR too", "-- a\rb", "b"),
        ("a line comment needs no newline", "a --", "a"),
        ("white space", "a\t\n\r\x0b\x0cb", "a | b"),
        ("what the server has no use for", "{ } \x01 \\", "{ | } | \x01 | \\"),
        ("a byte order mark begins a text", "\u{FEFF}a", "a"),
        ("a byte order mark further on is a letter", "a \u{FEFF}b", "a | \u{FEFF}b"),
    ];
    for (behaviour, text, expected) in cases {
        assert_eq!(read(text), expected, "{behaviour}");
    }
}

#[test]
fn each_kind_of_quote_has_its_name() {
    use TokenKind::{
        BitString, DollarString, EscapeString, HexString, NationalString, QuotedIdentifier, String,
        UnicodeIdentifier, UnicodeString,
    };
    assert_eq!(
        kinds(r#"'' E'' N'' U&'' B'' X'' $$$$ "a" U&"a""#),
        [
            String,
            EscapeString,
            NationalString,
            UnicodeString,
            BitString,
            HexString,
            DollarString,
            QuotedIdentifier,
            UnicodeIdentifier
        ]
    );
}

#[test]
fn what_does_not_end_reaches_to_the_end_of_the_text() {
    let cases = [
        ("'a;\n", Construct::String),
        ("'a''", Construct::String),
        (r"E'a\'", Construct::String),
        (r"E'\", Construct::String),
        ("N'", Construct::String),
        ("U&'", Construct::String),
        ("'a'\n'b", Construct::String),
        ("b'0", Construct::BitString),
        ("X'0", Construct::BitString),
        ("\"a;", Construct::Identifier),
        ("\"a\"\"", Construct::Identifier),
        ("U&\"", Construct::Identifier),
        ("$$ $a$", Construct::DollarString),
        ("$a$ $A$", Construct::DollarString),
        ("/* /* */", Construct::Comment),
        ("/*/", Construct::Comment),
    ];
    for (text, construct) in cases {
        let read: Vec<_> = tokens(text).collect();
        assert_eq!(read.len(), 1, "{text}");
        assert_eq!(read[0].kind, TokenKind::Unterminated(construct), "{text}");
        assert_eq!(read[0].range(), 0..text.len(), "{text}");
    }
}
