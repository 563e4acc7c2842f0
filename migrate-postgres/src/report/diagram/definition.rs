//! Parsing the definitions of tables and constraints, as the server prints them.

/// A parsed foreign key: `FOREIGN KEY (author) REFERENCES public.users(id) ON DELETE CASCADE`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reference<'d> {
    /// The referring columns, quoted where necessary.
    pub(super) columns: Vec<&'d str>,
    /// The referenced table, as the catalog identifies it.
    pub(super) table: &'d str,
    /// The referenced columns.
    pub(super) referenced: Vec<&'d str>,
}

/// Parses a foreign key's definition; none for other constraints.
pub(super) fn foreign_key(definition: &str) -> Option<Reference<'_>> {
    let (columns, rest) = list(definition.strip_prefix("FOREIGN KEY ")?)?;
    let (table, rest) = name(rest.strip_prefix(" REFERENCES ")?);
    let (referenced, _) = list(rest)?;
    Some(Reference { columns, table, referenced })
}

/// The columns of a primary key; none for other constraints.
pub(super) fn primary_key(definition: &str) -> Option<Vec<&str>> {
    Some(list(definition.strip_prefix("PRIMARY KEY ")?)?.0)
}

/// The parent table of a partition.
pub(super) fn parent(definition: &str) -> Option<&str> {
    definition.lines().find_map(|line| line.strip_prefix("PARTITION OF ")).map(|parent| name(parent).0)
}

/// The columns of a table, in their order.
pub(super) fn columns(definition: &str) -> impl Iterator<Item = &str> {
    definition.lines().filter_map(|line| line.strip_prefix("column "))
}

/// A parenthesized list of names, and the rest. PostgreSQL 18 writes `PERIOD` before the last column of a
/// temporal key, and `WITHOUT OVERLAPS` after it.
fn list(text: &str) -> Option<(Vec<&str>, &str)> {
    let (inside, rest) = split(text.strip_prefix('(')?, |sign| sign == ')');
    let mut names = Vec::new();
    let mut left = inside;
    while !left.is_empty() {
        let (item, behind) = split(left, |sign| sign == ',');
        names.push(name(item.strip_prefix("PERIOD ").unwrap_or(item)).0);
        left = behind.strip_prefix(',').unwrap_or(behind).trim_start();
    }
    Some((names, rest.strip_prefix(')')?))
}

/// A name with its schema, and the rest.
fn name(text: &str) -> (&str, &str) {
    split(text, |sign| matches!(sign, ' ' | '(' | ')' | ',' | '\n'))
}

/// Splits a text at the first matching character outside double quotes. A doubled quote closes and reopens.
fn split(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    let mut is_quoted = false;
    let end = text.char_indices().find(|(_, sign)| {
        is_quoted ^= *sign == '"';
        !is_quoted && is_end(*sign)
    });
    text.split_at(end.map_or(text.len(), |(end, _)| end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::quote::quote_ident;
    use proptest::prelude::*;

    #[test]
    fn keys_are_read_as_the_server_prints_them() {
        let key = foreign_key(
            "FOREIGN KEY (a, \"b, )\") REFERENCES app.\"T (x)\"(id, y) ON DELETE SET NULL (a)\nNOT VALID",
        );
        let (referring, referenced) = (vec!["a", "\"b, )\""], vec!["id", "y"]);
        assert_eq!(key, Some(Reference { columns: referring, table: "app.\"T (x)\"", referenced }));
        let temporal =
            foreign_key("FOREIGN KEY (id, PERIOD during) REFERENCES s.t(id, PERIOD during)").unwrap();
        assert_eq!(temporal.columns, ["id", "during"]);
        assert_eq!(
            primary_key("PRIMARY KEY (id, during WITHOUT OVERLAPS) INCLUDE (x)").unwrap(),
            ["id", "during"]
        );
        assert_eq!(primary_key("UNIQUE (id)"), None);
        assert_eq!(
            parent("TABLE\ncolumn id\nPARTITION OF app.\"a b\" FOR VALUES FROM (1) TO (2)"),
            Some("app.\"a b\"")
        );
        assert_eq!(columns("TABLE\ncolumn id\ncolumn \"x y\"").collect::<Vec<_>>(), ["id", "\"x y\""]);
    }

    proptest! {
        #[test]
        fn a_quoted_name_is_one_name_whatever_is_in_it(names in prop::collection::vec("[^\0]{1,8}", 3)) {
            let [a, b, table] = [0, 1, 2].map(|index| quote_ident(&names[index]));
            let definition = format!("FOREIGN KEY ({a}, {b}) REFERENCES {table}({b}) MATCH FULL");
            let key = foreign_key(&definition).unwrap();
            prop_assert_eq!(key.columns, [a.as_str(), b.as_str()]);
            prop_assert_eq!((key.table, key.referenced), (table.as_str(), vec![b.as_str()]));
        }
    }
}
