//! Session settings changed by code: a `DO` or a `CALL` that is sent alone. The text of such a statement does
//! not show its settings, so the session is queried before and after it. The differences are set again for
//! the statements after it, as they would apply in a session that sends the script by itself.

use crate::history::CHANGED;
use crate::sql::quote::{quote_ident, quote_literal};
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::SimpleQueryRow;

/// A query for what is set for the session, one row for each name. The server lists no parameters that the application has made
/// up (`app.tenant`), so those are asked for whose names stand in the code's text.
pub(super) fn question(code: &str) -> String {
    let names: Vec<String> = custom_names(code).iter().map(|name| quote_literal(name)).collect();
    format!(
        "SELECT name, setting, 'set' FROM pg_catalog.pg_settings WHERE {CHANGED} \
         UNION ALL SELECT 'session_authorization', session_user, 'set' \
         UNION ALL SELECT 'role', pg_catalog.current_setting('role'), 'set' \
         UNION ALL SELECT n, pg_catalog.current_setting(n, true), 'set' FROM unnest(ARRAY[{}]::text[]) n",
        names.join(", ")
    )
}

/// Words with a point in them: names of parameters, and of much else, which are no parameters and have no value.
fn custom_names(code: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    let is_name = |word: &&str| {
        let mut parts = word.split('.');
        parts.clone().count() > 1
            && parts.all(|part| part.starts_with(|c: char| c.is_alphabetic() || c == '_'))
    };
    code.split(|c| !is_part(c)).filter(is_name).collect()
}

/// The statements that set for another session what differs between two answers, which may have rows of something else.
pub(super) fn changes(before: &[SimpleQueryRow], after: &[SimpleQueryRow]) -> Vec<String> {
    let read = |rows: &[SimpleQueryRow]| -> BTreeMap<String, Option<String>> {
        rows.iter()
            .filter(|row| row.len() == 3 && row.get(2) == Some("set"))
            .filter_map(|row| Some((row.get(0)?.to_owned(), row.get(1).map(str::to_owned))))
            .collect()
    };
    let (before, after) = (read(before), read(after));
    let reset = before.keys().filter(|name| !after.contains_key(*name)).map(|name| reset(name));
    // Session authorization is restored before the role.
    let is_session = |name: &str| name == "session_authorization";
    let mut set: Vec<(&String, &String)> = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value))
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .collect();
    set.sort_by_key(|(name, _)| !is_session(name));
    reset.chain(set.into_iter().map(|(name, value)| setting(name, value))).collect()
}

fn reset(name: &str) -> String {
    let parts: Vec<String> = name.split('.').map(quote_ident).collect();
    format!("RESET {}", parts.join("."))
}

/// A statement that sets a parameter to its value as the server shows it, and gives no row.
fn setting(name: &str, value: &str) -> String {
    match (name, value) {
        ("role", "none") => "SET ROLE NONE".to_owned(),
        ("role", role) => format!("SET ROLE {}", quote_ident(role)),
        ("session_authorization", role) => format!("SET SESSION AUTHORIZATION {}", quote_ident(role)),
        (name, value) => format!(
            "SELECT WHERE pg_catalog.set_config({}, {}, false) IS NULL",
            quote_literal(name),
            quote_literal(value)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_are_found_in_code() {
        let code = "DO $$ BEGIN PERFORM set_config('app.tenant', 'x', false); SET my.x_1 = 1.5; SELECT public.f(1.2); END $$";
        assert_eq!(custom_names(code).into_iter().collect::<Vec<_>>(), ["app.tenant", "my.x_1", "public.f"]);
    }

    #[test]
    fn roles_and_parameters_are_set_in_their_own_ways() {
        assert_eq!(setting("role", "none"), "SET ROLE NONE");
        assert_eq!(setting("role", "No"), "SET ROLE \"No\"");
        assert_eq!(reset("app.x"), "RESET \"app\".\"x\"");
        assert!(setting("search_path", "a, 'b").contains("'a, ''b'"));
    }
}
