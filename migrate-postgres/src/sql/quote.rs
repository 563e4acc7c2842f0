//! The one place where names and texts become SQL.

/// A name as an SQL identifier: always in double quotes, those in it doubled.
///
/// PostgreSQL has no identifier with a NUL byte; one is left out, so that the rest still is one token.
pub(crate) fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('\0', "").replace('"', "\"\""))
}

/// A name as a person would write it in SQL: in double quotes only where it needs them. For messages, where a keyword
/// without them does no harm.
pub(crate) fn quote_if_needed(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_plain = name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_plain && !name.is_empty() { name.to_owned() } else { quote_ident(name) }
}

/// A text as an SQL string constant that means the same whatever `standard_conforming_strings` is.
pub(crate) fn quote_literal(text: &str) -> String {
    let text = text.replace('\0', "").replace('\'', "''");
    if text.contains('\\') { format!(" E'{}'", text.replace('\\', "\\\\")) } else { format!("'{text}'") }
}

/// A text as an SQL string constant, or `NULL`.
pub(crate) fn quote_nullable(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_owned(), quote_literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_a_name_or_a_text_does_not_end_it() {
        assert_eq!(quote_ident("a\"; DROP TABLE b; --"), "\"a\"\"; DROP TABLE b; --\"");
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\'b"), " E'a\\\\''b'");
        assert_eq!(quote_ident("\0"), "\"\"");
    }
}
