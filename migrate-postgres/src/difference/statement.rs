//! A statement as a kind writes it.

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    /// Its text, without a semicolon.
    pub(super) sql: String,
    /// Its place among the statements about other objects.
    pub(super) place: Place,
    /// True if the transaction must end after it.
    pub(super) commits: bool,
}

/// The place of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before anything is created, because it makes way: `DROP IDENTITY`.
    Early,
    /// In the order of the dependencies.
    Usual,
    /// After all others, because it needs them: `OWNED BY`.
    Late,
}

impl Statement {
    pub(super) fn early(sql: String) -> Statement {
        Statement { place: Place::Early, ..Statement::from(sql) }
    }

    pub(super) fn late(sql: String) -> Statement {
        Statement { place: Place::Late, ..Statement::from(sql) }
    }
}

impl From<String> for Statement {
    fn from(sql: String) -> Statement {
        Statement { sql, place: Place::Usual, commits: false }
    }
}

/// Statements, or none where the kind has no such statement.
pub(super) type Statements = Option<Vec<Statement>>;

/// One statement.
pub(super) fn one(sql: String) -> Statements {
    Some(vec![sql.into()])
}

/// A text as a literal.
pub(super) use crate::sql::quote::quote_literal as literal;

/// The options of `ALTER … OPTIONS (…)` that turn one list of `name=value` into another; none if they are equal.
pub(super) fn option_changes(old: &[String], new: &[String]) -> Option<String> {
    let (old, new) = (named(old), named(new));
    let dropped = old.iter().filter(|(name, _)| !new.iter().any(|(other, _)| other == name));
    let dropped = dropped.map(|(name, _)| format!("DROP {}", quoted(name)));
    let set = new.iter().filter_map(|(name, value)| match old.iter().find(|(other, _)| other == name) {
        Some((_, before)) if before == value => None,
        Some(_) => Some(format!("SET {} {}", quoted(name), literal(value).trim_start())),
        None => Some(format!("ADD {} {}", quoted(name), literal(value).trim_start())),
    });
    let changes: Vec<String> = dropped.chain(set).collect();
    (!changes.is_empty()).then(|| format!("OPTIONS ({})", changes.join(", ")))
}

/// ` OPTIONS (…)` for a new object, or nothing.
pub(super) fn options(values: &[String]) -> String {
    let values = named(values);
    let values =
        values.iter().map(|(name, value)| format!("{} {}", quoted(name), literal(value).trim_start()));
    let values = values.collect::<Vec<_>>().join(", ");
    if values.is_empty() { values } else { format!(" OPTIONS ({values})") }
}

/// The subcommands `SET (…)` and `RESET (…)` that turn one list of storage parameters into another.
pub(super) fn parameter_changes(old: &[String], new: &[String]) -> Vec<String> {
    let name = |parameter: &str| parameter.split_once('=').map_or(parameter, |(name, _)| name).to_owned();
    let set: Vec<&String> = new.iter().filter(|parameter| !old.contains(parameter)).collect();
    let reset: Vec<String> = old
        .iter()
        .map(|parameter| name(parameter))
        .filter(|old| !new.iter().any(|parameter| name(parameter) == *old))
        .collect();
    let set = (!set.is_empty()).then(|| format!("SET ({})", parameters(&set)));
    let reset = (!reset.is_empty()).then(|| format!("RESET ({})", reset.join(", ")));
    set.into_iter().chain(reset).collect()
}

/// Storage parameters as they stand in parentheses.
pub(super) fn parameters<S: AsRef<str>>(values: &[S]) -> String {
    let values = values.iter().map(|value| match value.as_ref().split_once('=') {
        Some((name, value)) => format!("{name} = {}", parameter_value(value)),
        None => value.as_ref().to_owned(),
    });
    values.collect::<Vec<_>>().join(", ")
}

/// ` WITH (…)`, or nothing.
pub(super) fn with(values: &[String]) -> String {
    if values.is_empty() { String::new() } else { format!(" WITH ({})", parameters(values)) }
}

fn parameter_value(value: &str) -> String {
    let is_plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if is_plain && !value.starts_with('-') {
        value.to_owned()
    } else {
        literal(value).trim_start().to_owned()
    }
}

fn named(values: &[String]) -> Vec<(&str, &str)> {
    values.iter().map(|value| value.split_once('=').unwrap_or((value, ""))).collect()
}

fn quoted(name: &str) -> String {
    crate::sql::quote::quote_if_needed(name)
}
