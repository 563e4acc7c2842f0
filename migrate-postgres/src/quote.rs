//! Names and texts as SQL: the one place where either is quoted.

/// `name` as a quoted identifier: `a"b` becomes `"a""b"`.
pub(crate) fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a string literal: `it's` becomes `'it''s'`.
///
/// A text with a backslash becomes an `E''` string with its backslashes doubled, which means the same
/// whatever `standard_conforming_strings` is.
pub(crate) fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::{quote_ident, quote_literal};

    #[test]
    fn an_identifier_keeps_case_spaces_and_quotes() {
        assert_eq!(quote_ident("Plain"), r#""Plain""#);
        assert_eq!(quote_ident(r#"a "b" c"#), r#""a ""b"" c""#);
        assert_eq!(quote_ident(""), r#""""#);
    }

    #[test]
    fn a_literal_doubles_its_quotes() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal(""), "''");
        assert_eq!(quote_literal(r#"a"b"#), r#"'a"b'"#);
    }

    #[test]
    fn a_literal_with_a_backslash_means_the_same_under_either_setting() {
        assert_eq!(quote_literal(r"C:\new"), r"E'C:\\new'");
        assert_eq!(quote_literal(r"\'"), r"E'\\'''");
    }
}
