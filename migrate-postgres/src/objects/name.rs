//! The parts of an identity: `public.users.email`, `public.add(integer, integer)`.

/// The parts of a name that dots separate outside of quotes, up to a parenthesis or a space.
fn parts(identity: &str) -> (Vec<&str>, &str) {
    let mut parts = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, character) in identity.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.push(&identity[start..at]);
                start = at + 1;
            }
            '(' | ' ' if !quoted => {
                parts.push(&identity[start..at]);
                return (parts, &identity[at..]);
            }
            _ => {}
        }
    }
    parts.push(&identity[start..]);
    (parts, "")
}

/// The last part of a name, quoted where necessary: `email`, `add`.
pub(crate) fn last(identity: &str) -> &str {
    parts(identity).0.last().copied().unwrap_or_default()
}

/// The rest of an identity after its name: `(integer, integer)`, ` USING btree`.
pub(crate) fn rest(identity: &str) -> &str {
    parts(identity).1
}

/// The schema of an object in a schema; none where the scope is one schema.
pub(crate) fn schema(identity: &str) -> Option<&str> {
    let (parts, _) = parts(identity);
    (parts.len() > 1).then(|| parts[0])
}

/// The text of a quoted or unquoted identifier.
pub(crate) fn unquoted(name: &str) -> String {
    match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_in_quotes_separates_nothing() {
        assert_eq!(last("public.users"), "users");
        assert_eq!(last("\"a.b\".\"c \"\".d\"\"\".e"), "e");
        assert_eq!(last("\"a.b\".\"c \"\".d\"\"\""), "\"c \"\".d\"\"\"");
        assert_eq!(schema("\"a.b\".c"), Some("\"a.b\""));
        assert_eq!(schema("c"), None);
        assert_eq!(last("public.\"f(x)\"(integer, public.t)"), "\"f(x)\"");
        assert_eq!(rest("public.\"f(x)\"(integer, public.t)"), "(integer, public.t)");
        assert_eq!(rest("public.oc USING btree"), " USING btree");
        assert_eq!(unquoted("\"c \"\".d\""), "c \".d");
    }
}
