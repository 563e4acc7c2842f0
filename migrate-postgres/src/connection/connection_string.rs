//! Connection strings: the syntax that tokio-postgres reads, and the URL parameters of other tools.
//!
//! Prisma's `?schema=app` is the search path, and so is the `?search_path=app` of drivers that pass on the
//! parameters they don't know. The parameters of Prisma's pool and statement cache mean nothing to a run,
//! which has neither.

use crate::sql::quote::quote_ident;
use tokio_postgres::Config;

/// The parameters of Prisma's pool, which a run ignores.
///
/// Facts: <https://www.prisma.io/docs/orm/core-concepts/supported-databases/postgresql>.
const OF_A_POOL: [&str; 5] =
    ["connection_limit", "pgbouncer", "pool_timeout", "socket_timeout", "statement_cache_size"];

/// Reads a connection string.
///
/// # Errors
///
/// Those of tokio-postgres.
pub(crate) fn config(text: &str) -> Result<Config, tokio_postgres::Error> {
    let Some((url, search_path)) = without_foreign(text) else { return text.parse() };
    let mut config: Config = url.parse()?;
    if let Some(path) = search_path {
        let options = config.get_options().map_or_else(String::new, |options| format!("{options} "));
        config.options(format!("{options}-csearch_path={}", escaped(&path)));
    }
    Ok(config)
}

/// Returns a URL without the parameters that tokio-postgres does not know, and the search path that one of
/// them named. None if it has no such parameters, or if its apparent parameters may be part of a password.
fn without_foreign(text: &str) -> Option<(String, Option<String>)> {
    let (place, query) = text.split_once('?')?;
    let is_url = place.starts_with("postgres://") || place.starts_with("postgresql://");
    if !is_url || query.contains(['@', '?']) {
        return None;
    }
    let mut search_path = None;
    let mut is_ours = |parameter: &&str| match parameter.split_once('=') {
        Some(("schema", value)) => decoded(value).filter(|name| !name.is_empty()).is_some_and(|name| {
            search_path = Some(quote_ident(&name));
            true
        }),
        Some(("search_path", value)) => decoded(value).filter(|path| !path.is_empty()).is_some_and(|path| {
            search_path = Some(path);
            true
        }),
        Some((name, _)) => OF_A_POOL.contains(&name),
        None => false,
    };
    let rest: Vec<&str> = query.split('&').filter(|parameter| !is_ours(parameter)).collect();
    let url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
    Some((url, search_path))
}

/// Percent-decodes a value; none if the result is not text.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

/// Escapes a value for the server's `options`: a backslash before each white space and backslash.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for character in value.chars() {
        if character == '\\' || character.is_whitespace() {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Option<String> {
        config(url).unwrap().get_options().map(str::to_owned)
    }

    #[test]
    fn a_schema_is_the_search_path() {
        for (query, expected) in [
            ("schema=app", Some(r#"-csearch_path="app""#)),
            ("schema=My%20Shop", Some(r#"-csearch_path="My\ Shop""#)),
            ("search_path=app,public&connect_timeout=3", Some("-csearch_path=app,public")),
            (
                "options=-cstatement_timeout%3D5s&schema=app",
                Some(r#"-cstatement_timeout=5s -csearch_path="app""#),
            ),
            ("connection_limit=5&pgbouncer=true&pool_timeout=2", None),
            ("schema=", None),
        ] {
            let url = format!("postgres://u:p@h/d?{query}");
            match query {
                // An empty schema is a mistake.
                "schema=" => assert!(config(&url).is_err()),
                _ => assert_eq!(options(&url).as_deref(), expected, "{query}"),
            }
        }
    }

    #[test]
    fn what_may_be_a_password_is_left_as_it_is() {
        for url in ["postgres://u:a?schema=b@h/d", "postgres://u:a?b?schema=c", "host=h schema=x"] {
            assert_eq!(without_foreign(url), None, "{url}");
        }
        assert_eq!(
            config("postgres://u:p@h/d?application_name=x").unwrap().get_application_name(),
            Some("x")
        );
    }
}
