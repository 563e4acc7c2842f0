//! Secrets: the constants of statements that no message repeats.

use migrate_core::sql;

/// The constants of a statement that are kept out of messages: those that nothing else in it shows.
pub(crate) fn secrets(statement: &str) -> Vec<String> {
    let secrets = sql::secrets(statement);
    if secrets.is_empty() {
        return secrets;
    }
    let redacted = sql::redact(statement);
    secrets.into_iter().filter(|secret| !redacted.contains(secret.as_str())).collect()
}

/// Returns a message without the secrets of the script and of the statements that the message quotes.
/// It also quotes the statements of a function's body: `SQL statement "ALTER ROLE …"`.
pub(crate) fn clean(said: &str, secrets: &[String]) -> String {
    let said = secrets.iter().fold(said.to_owned(), |said, secret| said.replace(secret.as_str(), "…"));
    match said.split_once('"') {
        Some((before, quoted)) => format!("{before}\"{}", sql::redact(quoted)),
        None => sql::redact(&said).into_owned(),
    }
}
