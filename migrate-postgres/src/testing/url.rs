//! Connection strings for a database of a server.

use crate::connection::url::encode;
pub(super) use crate::connection::url::public;
use std::fmt;

/// A connection string, kept out of `Debug` output because it may hold a password.
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Replaces the database in the connection string `text`, which tokio-postgres has parsed.
pub(super) fn with_database(text: &str, database: &str) -> String {
    let Some(start) =
        ["postgres://", "postgresql://"].iter().find(|s| text.starts_with(**s)).map(|s| s.len())
    else {
        // Keywords and values; the last value of a keyword wins.
        let value = database.replace('\\', r"\\").replace('\'', r"\'");
        return format!("{text} dbname='{value}'");
    };
    // Parsed like tokio-postgres: credentials up to the first `@`, hosts up to the next `/` or `?`.
    let hosts = text[start..].find('@').map_or(start, |at| start + at + 1);
    let hosts_end = text[hosts..].find(['/', '?']).map_or(text.len(), |end| hosts + end);
    let mut url = format!("{}/", &text[..hosts_end]);
    encode(&mut url, database.as_bytes());
    if let Some((_, parameters)) = text[hosts_end..].split_once('?') {
        let mut separator = '?';
        for parameter in parameters.split('&').filter(|p| !p.is_empty() && !p.starts_with("dbname=")) {
            url.push(separator);
            url.push_str(parameter);
            separator = '&';
        }
    }
    url
}

/// Replaces the server options in the connection string `text`.
pub(super) fn with_options(text: &str, options: &str) -> String {
    if !text.contains("://") {
        // The last value of a keyword wins.
        let value = options.replace('\\', r"\\").replace('\'', r"\'");
        return format!("{text} options='{value}'");
    }
    let mut url = text.to_owned();
    url.push(if text.contains('?') { '&' } else { '?' });
    url.push_str("options=");
    encode(&mut url, options.as_bytes());
    url
}

#[cfg(test)]
mod tests {
    use super::{with_database, with_options};
    use tokio_postgres::Config;

    #[test]
    fn the_last_options_of_a_connection_string_count() {
        for text in ["postgres://h/d", "postgres://h/d?options=-c%20a%3Db", "host=h options='-c a=b'"] {
            let read: Config = with_options(text, "-c search_path=x").parse().unwrap();
            assert_eq!(read.get_options(), Some("-c search_path=x"), "{text}");
        }
    }

    #[test]
    fn another_database_leaves_the_rest_as_it_was() {
        let cases = [
            ("postgres://u:p%2F@h:1/old?sslmode=disable", "postgres://u:p%2F@h:1/n?sslmode=disable"),
            ("postgresql://h", "postgresql://h/n"),
            ("postgres://u:a/b@h/old", "postgres://u:a/b@h/n"),
            ("postgres:///old?host=/tmp&dbname=old", "postgres:///n?host=/tmp"),
            ("postgres://h?user=u", "postgres://h/n?user=u"),
            ("host=h dbname=old", "host=h dbname=old dbname='n'"),
        ];
        for (text, expected) in cases {
            let url = with_database(text, "n");
            assert_eq!(url, expected);
            assert_eq!(url.parse::<Config>().unwrap().get_dbname(), Some("n"), "{url}");
        }
    }
}
