//! Whatever the text: a parse never fails, and every place is within it.

use super::*;

#[test]
fn what_is_not_understood_is_left_and_the_rest_stays_known() {
    let text = "DROP TABLE a, b FROBNICATE now";
    let lexed = LexedStatement::new(text);
    let statement = lexed.parse();
    assert_eq!(statement.unread.unwrap().text(text), "FROBNICATE now");
    let StatementKind::Drop(drop) = statement.kind else { panic!() };
    assert_eq!(drop.names.len(), 2);
    for text in [
        "",
        ";",
        "FROBNICATE t",
        "CREATE",
        "CREATE INDEX",
        "ALTER TABLE",
        "DROP",
        "GRANT",
        "COPY t",
        "$1",
        "'x'",
    ] {
        let lexed = LexedStatement::new(text);
        let statement = lexed.parse();
        assert!(!statement.is_complete() || text == "GRANT", "{text}: {statement:?}");
    }
}

/// The words and signs from which statements are generated.
const PIECES: &[&str] = &[
    "ALTER",
    "CREATE",
    "DROP",
    "TABLE",
    "INDEX",
    "VIEW",
    "MATERIALIZED",
    "SEQUENCE",
    "TYPE",
    "DOMAIN",
    "COLUMN",
    "ADD",
    "CONSTRAINT",
    "CHECK",
    "UNIQUE",
    "PRIMARY KEY",
    "FOREIGN KEY",
    "REFERENCES",
    "DEFAULT",
    "NOT NULL",
    "NOT VALID",
    "GENERATED ALWAYS AS",
    "IDENTITY",
    "IF EXISTS",
    "IF NOT EXISTS",
    "ONLY",
    "USING",
    "ON",
    "CONCURRENTLY",
    "CASCADE",
    "SET",
    "RENAME TO",
    "ATTACH PARTITION",
    "FOR VALUES",
    "VALIDATE",
    "INSERT INTO",
    "UPDATE",
    "DELETE FROM",
    "MERGE INTO",
    "WITH",
    "AS",
    "SELECT",
    "VALUES",
    "FROM",
    "WHERE",
    "RETURNING",
    "set_config",
    "GRANT",
    "REVOKE",
    "TO",
    "COMMENT ON",
    "COPY",
    "STDIN",
    "REINDEX",
    "VACUUM",
    "FULL",
    "CLUSTER",
    "LOCK",
    "IN",
    "MODE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "PREPARED",
    "RESET",
    "EXPLAIN",
    "DO",
    "CALL",
    "FUNCTION",
    "BEGIN ATOMIC",
    "END",
    "LANGUAGE",
    "TRIGGER",
    "EXECUTE",
    "ENUM",
    "OPTIONS",
    "ROLE",
    "DATABASE",
    "SUBSCRIPTION",
    "PUBLICATION",
    "OWNED BY",
    "CASE",
    "WHEN",
    "t",
    "app.t",
    "\"T\"",
    "U&\"\\0061\"",
    "UESCAPE",
    "'!'",
    "'a'",
    "E'\\''",
    "$$ $$",
    "1",
    "int",
    "numeric",
    "timestamp",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    ";",
    "*",
    "=",
    "::",
    "%",
    "$1",
    "\"",
    "'",
    "/*",
    "--\n",
    "é",
    "\\",
];

fn soups() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_soup_is_parsed_and_every_place_is_in_it(text in soups()) {
        let lexed = LexedStatement::new(&text);
        let statement = lexed.parse();
        check_spans(&text, &format!("{statement:?}"))?;
        if let Some(unread) = statement.unread {
            prop_assert!(text.get(unread.range()).is_some());
        }
        for with in &statement.with {
            let _ = with.query.statement();
        }
        let _ = (statement.all.calls(), statement.all.items(), statement.verb());
    }

    #[test]
    fn white_space_and_comments_change_nothing(text in soups()) {
        let pieces: Vec<Token> = tokens(&text).filter(|token| !token.is_trivia()).collect();
        let gap = " /* ; */ -- x\n ";
        let wide: String = pieces.iter().map(|token| format!("{gap}{}", token.text(&text))).collect();
        let again: Vec<_> = tokens(&wide).filter(|token| !token.is_trivia()).map(|token| token.text(&wide).to_owned()).collect();
        // An unclosed construct swallows everything after it.
        prop_assume!(again == pieces.iter().map(|token| token.text(&text).to_owned()).collect::<Vec<_>>());
        let (a, b) = (LexedStatement::new(&text), LexedStatement::new(&wide));
        let (a, b) = (a.parse(), b.parse());
        prop_assert_eq!(a.is_complete(), b.is_complete());
        prop_assert_eq!(std::mem::discriminant(&a.kind), std::mem::discriminant(&b.kind));
    }
}

/// Checks every `Span { start: a, end: b }` in the debug form.
fn check_spans(text: &str, shown: &str) -> Result<(), TestCaseError> {
    for part in shown.split("Span { start: ").skip(1) {
        let numbers = part.split(" }").next().unwrap_or_default();
        let Some((start, end)) = numbers.split_once(", end: ") else { continue };
        let (Ok(start), Ok(end)) = (start.parse::<usize>(), end.parse::<usize>()) else { continue };
        prop_assert!(text.get(start..end).is_some(), "{}..{} of {:?}", start, end, text);
    }
    Ok(())
}
