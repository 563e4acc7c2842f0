//! Names in statements.

/// The parts of a name in a statement, folded and unquoted as the server reads them: `App."By name"` is `app`
/// and `By name`. None for anything else, including `U&"…"`.
pub(super) fn parts(written: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = written;
    loop {
        let (part, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted)?,
            None => plain_part(rest)?,
        };
        parts.push(part);
        match behind.strip_prefix('.') {
            Some(behind) => rest = behind,
            None => return behind.is_empty().then_some(parts),
        }
    }
}

/// A part up to its closing quote, and the rest.
fn quoted_part(quoted: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"')?;
        part.push_str(before);
        match behind.strip_prefix('"') {
            Some(behind) => {
                part.push('"');
                rest = behind;
            }
            None => return (!part.is_empty()).then_some((part, behind)),
        }
    }
}

/// An unquoted part: only ASCII is folded in UTF-8 databases (`downcase_identifier` in the server's
/// `scansup.c`).
fn plain_part(rest: &str) -> Option<(String, &str)> {
    let end = rest.find(['.', '"', '&']).unwrap_or(rest.len());
    let (part, behind) = rest.split_at(end);
    (!part.is_empty()).then(|| (part.to_ascii_lowercase(), behind))
}

#[cfg(test)]
mod tests {
    use super::parts;
    use crate::sql::quote::quote_ident;
    use proptest::prelude::*;

    #[test]
    fn names_are_folded_and_quotes_taken_off() {
        assert_eq!(parts("App.\"By name\"").unwrap(), ["app", "By name"]);
        assert_eq!(parts("\"a\"\"b.c\"").unwrap(), ["a\"b.c"]);
        for wrong in ["", "a.", ".a", "\"a", "\"\"", "a\"b\"", "U&\"a\""] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_was_quoted_is_read_as_it_was(names in prop::collection::vec("[^\0]{1,8}", 1..4)) {
            let written: Vec<String> = names.iter().map(|name| quote_ident(name)).collect();
            prop_assert_eq!(parts(&written.join(".")), Some(names));
        }
    }
}
