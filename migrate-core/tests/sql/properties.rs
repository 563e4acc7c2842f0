//! Properties that hold for every text.

use migrate_core::Checksum;
use migrate_core::history::stored;
use migrate_core::sql::{
    Refusal, Statement, TokenKind, char_to_byte, is_session_setting, line_column, redact,
    same_but_for_comments, split, tokens,
};
use proptest::prelude::*;

/// Fragments that break a splitter without a real lexer.
const FRAGMENTS: &[&str] = &[
    "'",
    "''",
    "\"",
    "\"\"",
    "$$",
    "$a$",
    "$A$",
    "$",
    "$1",
    "a$b",
    "E'",
    "e'\\'",
    "U&'",
    "u&\"",
    "B'",
    "X'",
    "N'",
    "\\",
    "--",
    "/*",
    "*/",
    "/",
    "*",
    "-",
    "+",
    "=",
    "@",
    ";",
    "(",
    ")",
    ",",
    ".",
    "..",
    ":",
    "::",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "\u{B}",
    "\0",
    "\u{FEFF}",
    "ä",
    "\u{A0}",
    "😀",
    "1",
    "1.",
    "1e",
    "0x",
    "_",
    "a",
    "BEGIN",
    "ATOMIC",
    "END",
    "CASE",
    "CREATE",
    "OR",
    "REPLACE",
    "FUNCTION",
    "PROCEDURE",
    "RULE",
    "COMMIT",
    "ROLLBACK",
    "TO",
    "COPY t FROM stdin;",
    "\n\\.\n",
    "\\copy x from stdin\n",
    "\\gset\n",
    "INDEX",
    "CONCURRENTLY",
    "REINDEX",
    "VERBOSE",
    "CLUSTER",
    "SUBSCRIPTION",
    "WITH",
    "PASSWORD",
    "password=",
    "SET",
    "set_config(",
    "CONNECTION",
    "DO ",
    "ALTER ",
    "TABLE ",
];

fn texts() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        8 => proptest::sample::select(FRAGMENTS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    let spaced = (fragment, any::<bool>()).prop_map(|(text, space)| if space { text + " " } else { text });
    prop_oneof![
        1 => any::<String>(),
        4 => proptest::collection::vec(spaced, 0..40).prop_map(|pieces| pieces.concat()),
    ]
}

/// Complete tokens, so that the generated statements have no faults.
fn statements() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("'it''s;'".to_owned()),
        Just("E'\\';'".to_owned()),
        Just("\"a;\"\"b\"".to_owned()),
        Just("$$;'$$".to_owned()),
        Just("$x$;$$;$x$".to_owned()),
        Just("/* ; /* ' */ */".to_owned()),
        Just("-- ;'\n".to_owned()),
        Just("(1, (2))".to_owned()),
        Just("CASE WHEN x THEN 1 END".to_owned()),
        "[a-z]{1,8}",
        "[0-9]{1,4}(\\.[0-9]{1,3})?",
        "[-+*/<>=@?|]{1,2}".prop_filter("no comment", |operator| !["--", "/*"].contains(&operator.as_str())),
    ];
    let tail = proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.join(" "));
    prop_oneof![
        3 => tail.clone().prop_map(|tail| format!("SELECT x {tail}")),
        1 => tail.clone().prop_map(|tail| {
            format!("CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT x {tail}; SELECT 1; END")
        }),
        1 => tail.prop_map(|tail| format!("CREATE RULE r AS ON INSERT TO t DO (SELECT x {tail}; SELECT 1)")),
    ]
    // A comment at the end would not be part of the statement. A name after a rule or a routine is unusual,
    // but harmless.
    .prop_map(|statement| statement + " x")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn tokens_tile_the_text(text in texts()) {
        let mut at = 0;
        for token in tokens(&text) {
            prop_assert_eq!(token.start, at);
            prop_assert!(token.end > token.start);
            prop_assert!(text.is_char_boundary(token.end));
            at = token.end;
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn statements_are_in_order_and_hold_all_that_matters(text in texts()) {
        let split = split(&text);
        let (mut at, mut line) = (0, 1);
        for statement in &split.statements {
            let range = statement.range();
            prop_assert!(at <= range.start && range.start < range.end);
            prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
            prop_assert!(line <= statement.line());
            prop_assert_eq!(statement.line(), line_column(&text, range.start).line);
            prop_assert_eq!(statement.refuses(), Refusal::of(statement.text(&text)));
            (at, line) = (range.end, statement.line());
        }
        prop_assert!(at <= text.len());
        if split.faults.is_empty() {
            // Only white space, comments and semicolons separate the statements.
            let mut gaps = String::new();
            let mut at = 0;
            for range in split.statements.iter().map(Statement::range) {
                gaps.push_str(&text[at..range.start]);
                gaps.push('\n');
                at = range.end;
            }
            gaps.push_str(&text[at..]);
            prop_assert!(holds_nothing(&gaps), "{gaps:?}");
        }
    }

    #[test]
    fn faults_are_in_order_and_in_the_text(text in texts()) {
        let faults = split(&text).faults;
        prop_assert!(faults.is_sorted_by_key(|fault| fault.offset));
        for fault in faults {
            prop_assert!(text.is_char_boundary(fault.offset) && fault.offset < text.len());
            prop_assert!(!fault.to_string().is_empty() && !fault.help().is_empty());
        }
    }

    #[test]
    fn a_statement_is_split_into_itself(text in texts()) {
        let whole = split(&text);
        prop_assume!(whole.faults.is_empty());
        for statement in &whole.statements {
            let alone = statement.text(&text);
            // At the beginning of a text, it is not a letter.
            prop_assume!(!alone.starts_with('\u{FEFF}'));
            let again = split(alone);
            prop_assert_eq!(&again.faults, &[]);
            prop_assert_eq!(again.statements.len(), 1);
            prop_assert_eq!(again.statements[0].text(alone), alone);
        }
    }

    #[test]
    fn two_statements_are_split_into_both(a in statements(), b in statements(), gap in "[ \n;]{0,3}") {
        let script = format!("{a};{gap}{b}");
        let split = split(&script);
        prop_assert_eq!(&split.faults, &[]);
        let texts: Vec<_> = split.statements.iter().map(|statement| statement.text(&script)).collect();
        prop_assert_eq!(texts, [a, b]);
    }

    #[test]
    fn comments_between_statements_make_no_difference(a in statements(), b in statements()) {
        let plain = format!("{a};{b};");
        let commented = format!("\u{FEFF}-- it's;\n{a}\r\n/* ; */;\t{b} -- $$\n;");
        prop_assert!(same_but_for_comments(&plain, &commented));
        prop_assert_eq!(same_but_for_comments(&a, &b), a == b || squeezed(&a) == squeezed(&b));
    }

    #[test]
    fn nothing_panics(text in texts(), number in 0_usize..200) {
        let _ = (Refusal::of(&text), is_session_setting(&text));
        let _ = line_column(&text, number);
        prop_assert!(same_but_for_comments(&text, &text));
        prop_assert!(text.is_char_boundary(char_to_byte(&text, number)));
    }

    #[test]
    fn a_password_is_never_shown(text in texts(), before in "[ \n]{0,2}") {
        // If the text ends inside a construct, the words after it are not a password.
        let last = tokens(&text).last();
        prop_assume!(last.is_none_or(|token| !matches!(token.kind, TokenKind::Unterminated(_))));
        let statement = format!("{text}\nALTER ROLE a PASSWORD{before}'hunter2'");
        prop_assert!(!redact(&statement).contains("hunter2"));
    }

    #[test]
    fn a_literal_that_a_name_of_a_secret_governs_is_never_shown(statement in governing(), before in texts()) {
        let last = tokens(&before).last();
        prop_assume!(last.is_none_or(|token| !matches!(token.kind, TokenKind::Unterminated(_))));
        let shown = redact(&statement).into_owned();
        prop_assert!(!shown.contains("hunter2"), "{shown}");
        // The surrounding text does not matter.
        let behind = format!("{before}\n;{statement}; SELECT 1");
        prop_assert!(!redact(&behind).contains("hunter2"), "{behind}");
        let within = format!("DO $body$ BEGIN {statement}; END $body$");
        prop_assert!(!redact(&within).contains("hunter2"), "{within}");
    }

    #[test]
    fn an_edit_of_a_secret_is_an_edit(statement in governing()) {
        let edited = statement.replace("hunter2", "hunter3");
        prop_assert_eq!(stored::text(&statement), stored::text(&edited));
        prop_assert_ne!(Checksum::of(&statement), Checksum::of(&edited));
    }

    #[test]
    fn what_is_not_redacted_is_unchanged(text in texts()) {
        let shown = redact(&text);
        prop_assert!(shown.contains('…') || shown == text.as_str());
    }
}

/// An expression that contains a secret.
fn secret_expressions() -> impl Strategy<Value = String> {
    let literal = prop::sample::select(vec![
        "'hunter2'",
        "E'hunter2\\''",
        "U&'hunter2' UESCAPE '!'",
        "N'it''s hunter2'",
        "$$hunter2$$",
        "$q$hunter2$q$",
        "'a'\n  'hunter2'",
        "text 'hunter2'",
    ]);
    literal.prop_map(str::to_owned).prop_recursive(4, 16, 2, |inner| {
        let shapes = prop::sample::select(vec![
            "(@)",
            "@::text",
            "CAST(@ AS text)",
            "crypt(@, gen_salt('bf'))",
            "convert_to(left(@, 3), 'UTF8')",
            "a || @",
            "@ || 'x' || a",
            "CASE WHEN a = 'b' AND c THEN @ ELSE 'x' END",
            "CASE a WHEN 'b' THEN 'x' ELSE @ END",
            "coalesce(a, @, 'x')",
            "ARRAY[@, 'x']",
            "ROW(1, @)",
            "(SELECT @ FROM t WHERE a = 'b' ORDER BY 'c')",
            "substring(@ FROM 1 FOR 3)",
            "@ COLLATE \"C\"",
        ]);
        (shapes, inner).prop_map(|(shape, inner)| shape.replace('@', &inner))
    })
}

/// A statement in which the name of a secret governs an expression.
fn governing() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "password",
        "\"passWord\"",
        "secret_key",
        "api_token",
        "\"apiKey\"",
        "db_passwd",
        "passphrase",
        "private_key",
    ]);
    let shapes = prop::sample::select(vec![
        "UPDATE t SET # = @",
        "UPDATE t SET a = 'b', # = @, c = 'd' WHERE e = 'f'",
        "UPDATE t SET (a, #) = ('b', @)",
        "UPDATE t SET (#, a) = ROW(@, 'b') WHERE c = 'd'",
        "UPDATE t SET (a, #) = (SELECT 'b', @ FROM c)",
        "INSERT INTO t (a, #) VALUES ('b', @), (DEFAULT, DEFAULT)",
        "INSERT INTO t (#) VALUES ('b'), (@) ON CONFLICT DO NOTHING",
        "INSERT INTO t (a, #, c) SELECT 'b', @, 'd' FROM e WHERE f = 'g'",
        "INSERT INTO t (a, #) SELECT * FROM (SELECT 'b', @) AS c",
        "WITH c AS (SELECT @) INSERT INTO t (#) SELECT * FROM c",
        "ALTER TABLE t ADD COLUMN # text NOT NULL DEFAULT @",
        "ALTER TABLE t ALTER COLUMN # SET DEFAULT @",
        "CREATE TABLE t (a int, # text DEFAULT @, b text)",
        "CREATE TABLE t (# text CHECK (# <> @))",
        "SELECT 1 FROM t WHERE # IN ('x', @)",
        "SELECT 1 FROM t WHERE t.# = @ OR a",
        "SELECT 1 FROM t WHERE # <> ALL (ARRAY['x', @])",
        "SELECT 1 FROM t WHERE @ = #",
        "SELECT 'x', @ AS #, a FROM t",
        "SELECT f(a => 'b', # => @)",
        "SELECT 1 FROM (VALUES ('x', @)) AS v (a, #)",
        "MERGE INTO t USING s ON a WHEN MATCHED THEN UPDATE SET # = @",
        "SELECT pgp_sym_encrypt(a, @)",
        "SELECT jsonb_build_object('#', @)",
    ]);
    (shapes, names, secret_expressions()).prop_map(|(shape, name, secret)| {
        let name = if shape.contains("'#'") { name.trim_matches('"') } else { name };
        shape.replace('#', name).replace('@', &secret)
    })
}

/// Returns true if the server sees only semicolons.
fn holds_nothing(gaps: &str) -> bool {
    tokens(gaps).all(|token| token.is_trivia() || token.kind == TokenKind::Semicolon)
}

/// The tokens that the server sees.
fn squeezed(text: &str) -> Vec<&str> {
    tokens(text).filter(|token| !token.is_trivia()).map(|token| token.text(text)).collect()
}
