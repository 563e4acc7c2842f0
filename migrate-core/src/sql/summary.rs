//! What a statement does, in a few words.

use super::cursor::Cursor;
use super::token::TokenKind;

/// The longest summary, in characters. The conventions of OpenTelemetry give this limit.
const MOST: usize = 255;

/// What a statement does and to what, in a few words without any value: `CREATE INDEX posts_author`, `UPDATE posts`.
///
/// It follows OpenTelemetry's rules for `db.query.summary`: the operation, then its target as it is written. Statements whose
/// target can't be told from their beginning have the operation alone.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::summary;
///
/// assert_eq!(summary("create unique index concurrently if not exists i ON t (a)"), "CREATE INDEX i");
/// assert_eq!(summary("INSERT INTO app.users VALUES ('ada', 'hunter2')"), "INSERT app.users");
/// assert_eq!(summary("VACUUM (FULL) t"), "VACUUM");
/// ```
pub fn summary(statement: &str) -> String {
    let mut cursor = Cursor::new(statement);
    let Some(verb) = word(&mut cursor) else { return String::new() };
    let mut words = vec![verb];
    match words[0].as_str() {
        "CREATE" | "ALTER" | "DROP" => {
            words.extend(kind(&mut cursor));
            skip(&mut cursor, &["CONCURRENTLY", "IF", "NOT", "EXISTS", "ONLY", "ON"]);
            words.extend(target(&mut cursor));
        }
        "INSERT" | "MERGE" => {
            skip(&mut cursor, &["INTO", "ONLY"]);
            words.extend(target(&mut cursor));
        }
        "UPDATE" | "DELETE" | "TRUNCATE" => {
            skip(&mut cursor, &["FROM", "TABLE", "ONLY"]);
            words.extend(target(&mut cursor));
        }
        "REFRESH" => {
            words.extend(kind(&mut cursor));
            skip(&mut cursor, &["CONCURRENTLY"]);
            words.extend(target(&mut cursor));
        }
        _ => {}
    }
    words.join(" ").chars().take(MOST).collect()
}

/// Words between a verb and the kind of object, which say nothing of what kind that is.
const ADJECTIVES: &[&str] = &[
    "OR",
    "REPLACE",
    "UNIQUE",
    "GLOBAL",
    "LOCAL",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "RECURSIVE",
    "TRUSTED",
    "PROCEDURAL",
    "DEFAULT",
    "CONSTRAINT",
];

/// First words of kinds that have two, or three.
const LONG_KINDS: &[&[&str]] = &[
    &["MATERIALIZED", "VIEW"],
    &["FOREIGN", "TABLE"],
    &["FOREIGN", "DATA", "WRAPPER"],
    &["EVENT", "TRIGGER"],
    &["ACCESS", "METHOD"],
    &["OPERATOR", "CLASS"],
    &["OPERATOR", "FAMILY"],
    &["TEXT", "SEARCH", "CONFIGURATION"],
    &["TEXT", "SEARCH", "DICTIONARY"],
    &["TEXT", "SEARCH", "PARSER"],
    &["TEXT", "SEARCH", "TEMPLATE"],
    &["USER", "MAPPING"],
];

/// The kind of object: `TABLE`, `MATERIALIZED VIEW`.
fn kind(cursor: &mut Cursor<'_>) -> Option<String> {
    skip(cursor, ADJECTIVES);
    let long = LONG_KINDS.iter().find(|words| cursor.words(words));
    long.map(|words| words.join(" ")).or_else(|| word(cursor))
}

/// The next keyword, in capitals.
fn word(cursor: &mut Cursor<'_>) -> Option<String> {
    let token = cursor.peek().filter(|token| token.kind == TokenKind::Word)?;
    let word = cursor.written(token).to_uppercase();
    cursor.take();
    Some(word)
}

fn skip(cursor: &mut Cursor<'_>, words: &[&str]) {
    while words.iter().any(|word| cursor.word(word)) {}
}

/// The next name with its qualifiers, as it is written.
fn target(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut written = String::new();
    loop {
        let token = cursor.peek()?;
        if !matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier) {
            return None;
        }
        written.push_str(cursor.written(token));
        cursor.take();
        if !cursor.sign(".") {
            return Some(written);
        }
        written.push('.');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_operation_and_its_target_are_told_and_nothing_else() {
        for (statement, expected) in [
            (
                "/* a */ create or replace materialized view app.\"Daily Sums\" AS SELECT 1",
                "CREATE MATERIALIZED VIEW app.\"Daily Sums\"",
            ),
            ("ALTER TABLE IF EXISTS ONLY t ADD c int DEFAULT 7", "ALTER TABLE t"),
            ("CREATE INDEX ON t (a)", "CREATE INDEX t"),
            ("DROP INDEX CONCURRENTLY IF EXISTS i", "DROP INDEX i"),
            ("CREATE UNLOGGED TABLE t ()", "CREATE TABLE t"),
            ("CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)", "CREATE TEXT SEARCH CONFIGURATION c"),
            ("CREATE ROLE app PASSWORD 'hunter2'", "CREATE ROLE app"),
            ("DELETE FROM ONLY t WHERE a = 1", "DELETE t"),
            ("UPDATE t SET a = 'hunter2'", "UPDATE t"),
            ("TRUNCATE TABLE a, b", "TRUNCATE a"),
            ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REFRESH MATERIALIZED VIEW v"),
            ("SELECT set_config('app.token', 'hunter2', false)", "SELECT"),
            ("DO $$BEGIN END$$", "DO"),
            ("(SELECT 1)", ""),
            ("", ""),
        ] {
            assert_eq!(summary(statement), expected, "{statement}");
        }
        assert_eq!(summary(&format!("ALTER TABLE \"{}\" RENAME TO a", "ä".repeat(300))).chars().count(), 255);
    }

    proptest! {
        #[test]
        fn any_text_has_a_summary_without_its_strings(before in "\\PC{0,40}", secret in "[a-z]{12}") {
            let insert = format!("INSERT INTO t VALUES ('{secret}')");
            prop_assert!(!summary(&insert).contains(secret.as_str()));
            prop_assert!(summary(&before).chars().count() <= 255);
        }
    }
}
