//! Proofs from the text of CHECK constraints: the server's `predicate_implied_by` for common forms.

use crate::sql::lexer::tokens;
use crate::sql::token::{Token, TokenKind};

/// Returns true if a check fails for every row in which this column is null.
pub(in crate::sql::locks) fn excludes_null(expression: &str, column: &str) -> bool {
    let wanted = [column, "is", "not", "null"];
    conjuncts(&words(expression)).iter().any(|terms| terms.iter().map(String::as_str).eq(wanted))
}

/// Returns true if a condition excludes no row: `true`, `1 = 1`, `a > 0 OR true`, and `id IS NOT NULL` of a
/// column that is never null.
pub(in crate::sql::locks) fn is_always_true(condition: &str, is_never_null: &dyn Fn(&str) -> bool) -> bool {
    holds(&words(condition), is_never_null)
}

fn holds(terms: &[String], is_never_null: &dyn Fn(&str) -> bool) -> bool {
    let terms = without_parentheses(terms);
    let alternatives = split(terms, "or");
    if alternatives.len() > 1 {
        return alternatives.into_iter().any(|terms| holds(terms, is_never_null));
    }
    let joined = split(terms, "and");
    if joined.len() > 1 {
        return joined.into_iter().all(|terms| holds(terms, is_never_null));
    }
    let is_constant =
        |word: &str| word.starts_with(|c: char| c.is_ascii_digit() || c == '\'') || word == "true";
    match terms.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["true"] | ["not", "false"] => true,
        [left, "=", right] => left == right && is_constant(left),
        [column, "is", "not", "null"] => is_never_null(column),
        _ => false,
    }
}

/// The bounds of a partition of a table with a single partition column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql::locks) struct Bounds {
    pub(in crate::sql::locks) column: String,
    pub(in crate::sql::locks) from: Option<String>,
    pub(in crate::sql::locks) to: Option<String>,
    /// The values of a list.
    pub(in crate::sql::locks) values: Option<Vec<String>>,
}

impl Bounds {
    /// Parses a key such as `RANGE (id)` and bounds such as `FROM (200) TO (300)`, or `LIST (id)` and
    /// `IN (1, 2)`; `None` for other kinds of partitioning.
    pub(in crate::sql::locks) fn read(key: &str, bounds: &str) -> Option<Bounds> {
        let key = words(key);
        let [strategy, open, column, close] = key.as_slice() else { return None };
        if !["range", "list"].contains(&&**strategy) || open != "(" || close != ")" {
            return None;
        }
        let words = words(bounds);
        let bounds: Vec<&str> = words.iter().map(String::as_str).collect();
        let bounds = bounds.strip_prefix(&["for", "values"]).unwrap_or(&bounds);
        if strategy == "list" {
            let ["in", "(", .., ")"] = bounds else { return None };
            let values = listed(&words[words.len() - bounds.len() + 1..])?;
            return Some(Bounds { column: column.clone(), from: None, to: None, values: Some(values) });
        }
        let bound = |value: &str, open: &str| (value != open).then(|| value.to_owned());
        let ["from", "(", from @ .., ")"] = bounds else { return None };
        let at = from.windows(3).position(|window| window == [")", "to", "("])?;
        let (from, to) = (from[..at].concat(), from[at + 3..].concat());
        let (from, to) = (bound(&from, "minvalue"), bound(&to, "maxvalue"));
        Some(Bounds { column: column.clone(), from, to, values: None })
    }

    /// Returns true if a check proves that every row is within the bounds.
    pub(in crate::sql::locks) fn are_implied_by(&self, expression: &str) -> bool {
        let terms = conjuncts(&words(expression));
        if let Some(values) = &self.values {
            return terms.iter().any(|term| {
                let within = self.one_of(term, ["in", "="], "any");
                within.is_some_and(|within| within.iter().all(|value| values.contains(value)))
            });
        }
        let has = |signs: &[&str], wanted: &Option<String>, is_within: fn(i128, i128) -> bool| {
            wanted.as_ref().is_none_or(|wanted| {
                terms.iter().any(|term| {
                    compared(term, &self.column).is_some_and(|(sign, value)| {
                        signs.contains(&sign) && (value == *wanted || are_numbers(&value, wanted, is_within))
                    })
                })
            })
        };
        has(&[">=", ">"], &self.from, |value, from| value >= from)
            && has(&["<"], &self.to, |value, to| value <= to)
    }

    /// Returns true if a check proves that no row is within the bounds, as a default partition requires.
    pub(in crate::sql::locks) fn are_excluded_by(&self, expression: &str) -> bool {
        conjuncts(&words(expression)).iter().any(|term| self.excludes(term))
    }

    fn excludes(&self, term: &[String]) -> bool {
        let halves = split(term, "or");
        if let Some(values) = &self.values {
            let is_null = |half: &[String]| half.iter().map(String::as_str).eq([&*self.column, "is", "null"]);
            let excludes = |half: &[String]| {
                let outside = self.one_of(half, ["not", "<>"], "all");
                outside.is_some_and(|outside| values.iter().all(|value| outside.contains(value)))
            };
            return halves.iter().all(|half| {
                let half = without_parentheses(half);
                is_null(half) || excludes(half)
            });
        }
        let half = |sign: &str, wanted: &Option<String>, is_within: fn(i128, i128) -> bool| {
            wanted.as_ref().is_none_or(|wanted| {
                halves.iter().any(|half| {
                    compared(without_parentheses(half), &self.column).is_some_and(|(found, value)| {
                        found == sign && (value == *wanted || are_numbers(&value, wanted, is_within))
                    })
                })
            })
        };
        let is_outside = half("<", &self.from, |value, from| value <= from)
            && half(">=", &self.to, |value, to| value >= to);
        halves.len() <= 2 && is_outside || self.is_negated(term)
    }

    /// The constants that `column IN (…)`, `column = ANY (ARRAY[…])` or `column = …` compare the column with.
    fn one_of(&self, term: &[String], signs: [&str; 2], quantifier: &str) -> Option<Vec<String>> {
        let (column, rest) = term.split_first()?;
        let (sign, rest) = rest.split_first()?;
        if *column != self.column || !signs.contains(&&**sign) {
            return None;
        }
        let skipped = usize::from(rest.first().is_some_and(|word| word == quantifier || word == "in"));
        listed(&rest[skipped..])
    }

    /// `NOT (id >= 300 AND id < 400)`
    fn is_negated(&self, term: &[String]) -> bool {
        let Some((not, inner)) = term.split_first() else { return false };
        if not != "not" {
            return false;
        }
        let inner = conjuncts(inner);
        let same = |sign: &str, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| {
                inner.iter().any(|term| {
                    compared(term, &self.column)
                        .is_some_and(|(found, value)| found == sign && value == *wanted)
                })
            })
        };
        let is_known = inner.iter().all(|term| {
            compared(term, &self.column).is_some()
                || term.iter().map(String::as_str).eq([&*self.column, "is", "not", "null"])
        });
        is_known && same(">=", &self.from) && same("<", &self.to)
    }
}

fn are_numbers(value: &str, wanted: &str, holds: fn(i128, i128) -> bool) -> bool {
    matches!((value.parse(), wanted.parse()), (Ok(value), Ok(wanted)) if holds(value, wanted))
}

/// `column sign value`
fn compared<'t>(term: &'t [String], column: &str) -> Option<(&'t str, String)> {
    let (name, rest) = term.split_first()?;
    let (sign, value) = rest.split_first()?;
    (name == column && !value.is_empty()).then(|| (sign.as_str(), constant(value)))
}

/// A constant without the cast that `pg_get_constraintdef` appends.
fn constant(value: &[String]) -> String {
    let end = value.iter().position(|word| word == "::").unwrap_or(value.len());
    without_parentheses(&value[..end]).concat()
}

/// The constants of a list, without the casts that `pg_get_constraintdef` appends; `None` if it has anything
/// else.
fn listed(words: &[String]) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut is_cast = false;
    for word in words {
        match word.as_str() {
            "::" => is_cast = true,
            "," => is_cast = false,
            "(" | ")" | "[" | "]" | "array" | "-" => {}
            word if word.starts_with(|c: char| c == '\'' || c.is_ascii_digit()) => {
                if !is_cast {
                    values.push(word.to_owned());
                }
            }
            _ if is_cast => {}
            _ => return None,
        }
    }
    (!values.is_empty()).then_some(values)
}

/// The words of an expression, folded; strings and quoted names as the server reads them.
fn words(expression: &str) -> Vec<String> {
    let word = |token: Token| {
        let written = token.text(expression);
        match token.kind {
            TokenKind::QuotedIdentifier => written[1..written.len() - 1].replace("\"\"", "\""),
            TokenKind::Word => written.to_ascii_lowercase(),
            _ => written.to_owned(),
        }
    };
    tokens(expression).filter(|token| !token.is_trivia()).map(word).collect()
}

/// The terms joined by AND, without the parentheses around them.
fn conjuncts(terms: &[String]) -> Vec<Vec<String>> {
    let terms = without_parentheses(terms);
    let parts = split(terms, "and");
    if parts.len() == 1 {
        return vec![terms.to_vec()];
    }
    parts.into_iter().flat_map(conjuncts).collect()
}

fn split<'t>(terms: &'t [String], by: &str) -> Vec<&'t [String]> {
    let mut depth = 0_usize;
    terms
        .split(|word| {
            match word.as_str() {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && word == by
        })
        .collect()
}

fn without_parentheses(mut terms: &[String]) -> &[String] {
    while let [open, inner @ .., close] = terms {
        if open != "(" || close != ")" || !is_balanced(inner) {
            break;
        }
        terms = inner;
    }
    terms
}

/// Returns true if no parenthesis is closed that was not opened within these terms.
fn is_balanced(terms: &[String]) -> bool {
    let mut depth = 0_i32;
    terms.iter().all(|word| {
        depth += match word.as_str() {
            "(" => 1,
            ")" => -1,
            _ => 0,
        };
        depth >= 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_excludes_null_only_where_it_says_so() {
        assert!(excludes_null("((a IS NOT NULL) AND (b > 0))", "a"));
        assert!(!excludes_null("a IS NOT NULL OR b > 0", "a"));
        assert!(!excludes_null("a > 0", "a"));
        assert!(excludes_null("(\"A b\" IS NOT NULL)", "A b"));
    }

    #[test]
    fn a_condition_is_always_true_only_where_no_row_can_fail_it() {
        for condition in [
            "true",
            "(TRUE)",
            "1 = 1",
            "'x' = 'x'",
            "a > 0 OR true",
            "NOT false",
            "id IS NOT NULL",
            "(1 = 1) AND true",
        ] {
            assert!(is_always_true(condition, &|column| column == "id"), "{condition}");
        }
        for condition in [
            "a",
            "a = a",
            "a IS NOT NULL",
            "id IS NULL",
            "1 = 2",
            "a > 0 AND true",
            "NOT (a OR true)",
            "(a OR b) AND true",
        ] {
            assert!(!is_always_true(condition, &|column| column == "id"), "{condition}");
        }
    }

    #[test]
    fn a_check_implies_bounds() {
        let bounds = Bounds::read("RANGE (id)", "FOR VALUES FROM (300) TO (400)").unwrap();
        assert!(bounds.are_implied_by("((id >= 300) AND (id < 400))"));
        assert!(bounds.are_implied_by("id >= 310 AND id < 400 AND v > 0"));
        assert!(!bounds.are_implied_by("id >= 300"));
        assert!(!bounds.are_implied_by("id >= 200 AND id < 400"));
        assert!(bounds.are_excluded_by("((id < 300) OR (id >= 400))"));
        assert!(bounds.are_excluded_by("(NOT ((id >= 300) AND (id < 400)))"));
        assert!(!bounds.are_excluded_by("(id < 300)") && !bounds.are_excluded_by("(id < 350 OR id >= 400)"));
        let open = Bounds::read("RANGE (id)", "FROM (MINVALUE) TO (10)").unwrap();
        assert!(open.are_implied_by("id < 10") && open.are_excluded_by("id >= 10"));
        let date = Bounds::read("RANGE (at)", "FROM ('2024-01-01') TO ('2025-01-01')").unwrap();
        assert!(date.are_implied_by("((at >= '2024-01-01'::date) AND (at < '2025-01-01'::date))"));
        assert_eq!(Bounds::read("HASH (id)", "FOR VALUES WITH (MODULUS 2, REMAINDER 0)"), None);
    }

    #[test]
    fn a_check_implies_a_list() {
        let bounds = Bounds::read("LIST (k)", "FOR VALUES IN ('c', 'd')").unwrap();
        assert!(bounds.are_implied_by("((k IS NOT NULL) AND (k = ANY (ARRAY['c'::text, 'd'::text])))"));
        assert!(
            bounds.are_implied_by("k IS NOT NULL AND k IN ('d', 'c')") && bounds.are_implied_by("k = 'c'")
        );
        assert!(!bounds.are_implied_by("k IN ('c', 'e')") && !bounds.are_implied_by("k IN ('c', f())"));
        assert!(!bounds.are_implied_by("k NOT IN ('c', 'd')") && !bounds.are_implied_by("j IN ('c', 'd')"));
        assert!(
            bounds.are_excluded_by("((k IS NULL) OR (k <> ALL (ARRAY['c'::text, 'd'::text, 'e'::text])))")
        );
        assert!(bounds.are_excluded_by("k IS NULL OR k NOT IN ('c', 'd')"));
        assert!(
            !bounds.are_excluded_by("k IS NULL OR k NOT IN ('c')") && !bounds.are_excluded_by("k IN ('e')")
        );
        let one = Bounds::read("LIST (k)", "IN (1)").unwrap();
        assert!(one.are_implied_by("k = 1") && one.are_excluded_by("(k <> 1)"));
    }
}
