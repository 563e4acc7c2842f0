//! Partition keys and bounds as conditions on rows.

use super::statement::{Fragment, LexedStatement, StatementKind};
use super::token::TokenKind;

/// The key of a partitioned table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionKey {
    /// `range`, `list` or `hash`
    pub(crate) strategy: String,
    /// The columns and expressions, in order.
    pub(crate) parts: Vec<PartitionKeyPart>,
}

/// A column or an expression of a partition key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartitionKeyPart {
    /// The text, with its collation.
    pub(crate) text: String,
    /// True for a column without a collation.
    pub(crate) is_column: bool,
}

impl PartitionKey {
    /// Parses a key as `pg_get_partkeydef` writes it: `RANGE (id)`. `None` if a part has an operator class,
    /// whose operators may compare in another order than `<`.
    pub(crate) fn read(key: &str) -> Option<PartitionKey> {
        let statement = format!("CREATE TABLE t () PARTITION BY {key}");
        let lexed = LexedStatement::new(&statement);
        let StatementKind::CreateTable(table) = lexed.parse().kind else { return None };
        let by = table.partition_by?;
        let parts: Option<Vec<PartitionKeyPart>> = by.key.items().into_iter().map(part).collect();
        Some(PartitionKey { strategy: by.strategy.folded().to_ascii_lowercase(), parts: parts? })
    }

    /// The condition that exactly the rows within the bounds of a partition meet. `parent` is the partitioned
    /// table as an expression of type `regclass`. It is true or false for every row, never unknown (null).
    pub(crate) fn condition(&self, parent: &str, bounds: Fragment<'_>) -> Option<String> {
        match (self.strategy.as_str(), groups(bounds).as_slice()) {
            ("range", [from, to]) => self.range(&items(from), &items(to)),
            ("list", [values]) => self.list(&items(values)),
            ("hash", [numbers]) => {
                let number = |word: &str| {
                    let lexed = LexedStatement::new(numbers);
                    let mut items = lexed.expression().items().into_iter();
                    items.find_map(|item| {
                        let mut reader = item.reader();
                        reader.word(word).then(|| reader.rest().text().to_owned())
                    })
                };
                let parts: Vec<&str> = self.parts.iter().map(|part| part.text.as_str()).collect();
                Some(format!(
                    "pg_catalog.satisfies_hash_partition({parent}, {}, {}, {})",
                    number("MODULUS")?,
                    number("REMAINDER")?,
                    parts.join(", ")
                ))
            }
            _ => None,
        }
    }

    /// Rows are compared part by part, as `(a, b) >= (1, 2)` compares them. A range has no row with a null.
    fn range(&self, from: &[String], to: &[String]) -> Option<String> {
        if from.len() != self.parts.len() || to.len() != self.parts.len() {
            return None;
        }
        let not_null: Vec<String> =
            self.parts.iter().map(|part| format!("({}) IS NOT NULL", part.text)).collect();
        let from = compared(&self.parts, from, &Side { strict: ">", last: ">=", always: "minvalue" });
        let to = compared(&self.parts, to, &Side { strict: "<", last: "<", always: "maxvalue" });
        Some(format!("{} AND {from} AND {to}", not_null.join(" AND ")))
    }

    fn list(&self, values: &[String]) -> Option<String> {
        let [part] = self.parts.as_slice() else { return None };
        let part = &part.text;
        let (nulls, values): (Vec<&String>, Vec<&String>) =
            values.iter().partition(|value| value.eq_ignore_ascii_case("null"));
        let values: Vec<&str> = values.into_iter().map(String::as_str).collect();
        let is_one = format!("({part}) IN ({})", values.join(", "));
        Some(match (nulls.is_empty(), values.is_empty()) {
            (true, false) => format!("({part}) IS NOT NULL AND {is_one}"),
            (false, true) => format!("({part}) IS NULL"),
            (false, false) => format!("(({part}) IS NULL OR {is_one})"),
            (true, true) => return None,
        })
    }
}

/// One end of a range.
struct Side {
    /// The comparison that decides before the last part.
    strict: &'static str,
    /// The comparison of the last part.
    last: &'static str,
    /// The word for an end that every value is within.
    always: &'static str,
}

fn compared(parts: &[PartitionKeyPart], ends: &[String], side: &Side) -> String {
    let [(part, end), rest @ ..] = &parts.iter().zip(ends).collect::<Vec<_>>()[..] else {
        return "false".to_owned();
    };
    let is_unbounded = |word: &str| end.eq_ignore_ascii_case(word);
    if is_unbounded("minvalue") || is_unbounded("maxvalue") {
        return is_unbounded(side.always).to_string();
    }
    let part = &part.text;
    if rest.is_empty() {
        return format!("({part}) {} ({end})", side.last);
    }
    let rest = compared(&parts[1..], &ends[1..], side);
    format!("(({part}) {} ({end}) OR ({part}) = ({end}) AND {rest})", side.strict)
}

/// A column or an expression with its collation; `None` with an operator class.
fn part(item: Fragment<'_>) -> Option<PartitionKeyPart> {
    let mut reader = item.reader();
    let mark = reader.mark();
    let mut ahead = reader;
    let is_name = ahead.name().is_some() && !ahead.sees_sign("(") && !ahead.sees_sign(".");
    if is_name {
        reader = ahead;
    } else {
        if !reader.sees_sign("(") {
            reader.qualified_name()?;
        }
        reader.group()?;
    }
    let is_column = is_name && reader.is_exhausted();
    if reader.word("COLLATE") {
        reader.qualified_name()?;
    }
    let text = reader.since(mark).text().to_owned();
    reader.is_exhausted().then_some(PartitionKeyPart { text, is_column })
}

/// The texts in the outermost parentheses.
pub(crate) fn groups(fragment: Fragment<'_>) -> Vec<String> {
    let (mut groups, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    let offset = fragment.span().start;
    for token in fragment.tokens() {
        match token.kind {
            TokenKind::LeftParenthesis => {
                depth += 1;
                if depth == 1 {
                    start = token.end;
                }
            }
            TokenKind::RightParenthesis => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    groups.push(fragment.text()[start - offset..token.start - offset].trim().to_owned());
                }
            }
            _ => {}
        }
    }
    groups
}

fn items(list: &str) -> Vec<String> {
    LexedStatement::new(list).expression().items().iter().map(|item| item.text().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(key: &str, bounds: &str) -> Option<String> {
        PartitionKey::read(key)?.condition("'p'::regclass", LexedStatement::new(bounds).expression())
    }

    #[test]
    fn bounds_are_a_condition_on_rows() {
        let is = |key: &str, bounds: &str, wanted: &str| {
            assert_eq!(condition(key, bounds).as_deref(), Some(wanted), "{key} {bounds}");
        };
        is("RANGE (id)", "FROM (1) TO (9)", "(id) IS NOT NULL AND (id) >= (1) AND (id) < (9)");
        is("RANGE (\"At\")", "FROM (MINVALUE) TO ('2024-01-01')", {
            "(\"At\") IS NOT NULL AND true AND (\"At\") < ('2024-01-01')"
        });
        is("range (lower(a) COLLATE \"C\")", "FROM ('a') TO (maxvalue)", {
            "(lower(a) COLLATE \"C\") IS NOT NULL AND (lower(a) COLLATE \"C\") >= ('a') AND true"
        });
        is("RANGE (a, b)", "FROM (1, 2) TO (1, MAXVALUE)", {
            "(a) IS NOT NULL AND (b) IS NOT NULL AND ((a) > (1) OR (a) = (1) AND (b) >= (2)) \
             AND ((a) < (1) OR (a) = (1) AND true)"
        });
        is("RANGE (a, b)", "FROM (1, MAXVALUE) TO (MAXVALUE, MAXVALUE)", {
            "(a) IS NOT NULL AND (b) IS NOT NULL AND ((a) > (1) OR (a) = (1) AND false) AND true"
        });
        is("LIST (k)", "IN ('a', 'b')", "(k) IS NOT NULL AND (k) IN ('a', 'b')");
        is("LIST (k)", "IN ('a', NULL)", "((k) IS NULL OR (k) IN ('a'))");
        is("LIST ((a + b))", "IN (null)", "((a + b)) IS NULL");
        is("HASH (a, b)", "WITH (REMAINDER 3, MODULUS 4)", {
            "pg_catalog.satisfies_hash_partition('p'::regclass, 4, 3, a, b)"
        });
    }

    #[test]
    fn an_operator_class_and_odd_bounds_have_no_condition() {
        for (key, bounds) in [
            ("RANGE (a text_pattern_ops)", "FROM ('a') TO ('b')"),
            ("RANGE (lower(a) text_pattern_ops)", "FROM ('a') TO ('b')"),
            ("RANGE (a, b)", "FROM (1) TO (2)"),
            ("RANGE (a)", "FROM (1) TO (2, 3)"),
            ("RANGE (a)", "IN (1)"),
            ("LIST (a)", "IN ()"),
            ("HASH (a)", "WITH (MODULUS 4)"),
            ("", "IN (1)"),
        ] {
            assert_eq!(condition(key, bounds), None, "{key} {bounds}");
        }
    }

    #[test]
    fn only_a_column_without_a_collation_is_one() {
        let is_column = |key: &str| PartitionKey::read(key).unwrap().parts[0].is_column;
        assert!(is_column("LIST (a)") && is_column("LIST (\"a b\")"));
        assert!(!is_column("LIST (a COLLATE \"C\")") && !is_column("LIST (lower(a))"));
        assert!(!is_column("LIST (pg_catalog.lower(a))") && !is_column("LIST ((a))"));
    }
}
