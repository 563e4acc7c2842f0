//! The range of keys of a batch, as SQL.

/// The predicate that takes the place of `${batch}`: above the last key of the batch before it, if there was
/// one, up to the last key of this one. Columns and values are SQL, the values with the type of their column.
///
/// # Examples
///
/// ```
/// use migrate_core::backfill::predicate;
///
/// let sql = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
/// assert_eq!(predicate(&sql(&["id"]), None, &sql(&["'9'::bigint"])), "(id <= '9'::bigint)");
/// let (columns, from, to) = (sql(&["a", "b"]), sql(&["1", "2"]), sql(&["3", "4"]));
/// assert_eq!(predicate(&columns, Some(&from), &to), "((a, b) > (1, 2) AND (a, b) <= (3, 4))");
/// ```
pub fn predicate(columns: &[String], after: Option<&[String]>, until: &[String]) -> String {
    let upper = compare(columns, "<=", until);
    match after {
        Some(after) => format!("({} AND {upper})", compare(columns, ">", after)),
        None => format!("({upper})"),
    }
}

/// A comparison of the key. With several columns it is one of rows, which an index serves.
pub fn compare(columns: &[String], operator: &str, values: &[String]) -> String {
    format!("{} {operator} {}", row(columns), row(values))
}

fn row(parts: &[String]) -> String {
    match parts {
        [only] => only.clone(),
        several => format!("({})", several.join(", ")),
    }
}
