//! Causes that only the wording of a message shows. This is the one place that reads messages, all of them
//! from others.
//!
//! The server and its drivers have no code for these causes. A server message that is not in English is not
//! read, and the advice of its SQLSTATE applies. Messages of this library are never read.

use crate::sql::quote::quote_if_needed;
use migrate_core::advice::{Cause, MissingRight};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// The function of the server that reads the files of an extension: its name is the same in every language.
const READS_EXTENSION: &str = "parse_extension_control_file";

/// The cause of a server's error, if its SQLSTATE does not tell it.
pub(crate) fn cause(db: &DbError) -> Option<Cause> {
    let codes = [SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FILE];
    if db.routine() == Some(READS_EXTENSION) && codes.contains(db.code()) {
        return Some(Cause::MissingExtension);
    }
    cause_of_message(db.code().code(), db.message())
}

/// The classes of SQLSTATEs whose messages name objects, rights, settings and resources, and quote no row.
const WITHOUT_VALUES: [&str; 12] = ["0A", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"];

/// The server's message for readers who may not see values of rows: without it if it may quote one.
pub(crate) fn without_values(db: &DbError) -> String {
    message_without_values(db.code().code(), db.message())
}

fn message_without_values(code: &str, message: &str) -> String {
    let kind = match code.get(..2) {
        Some(class) if WITHOUT_VALUES.contains(&class) => {
            return migrate_core::sql::redact(message).into_owned();
        }
        Some("22") => "a value is not valid for its operation",
        Some("23") => "a constraint is violated",
        Some("P0") => "a function raised an error",
        _ => "an error was raised",
    };
    format!("{kind}; the server's message may hold a value and is left out")
}

/// The cause that a server's message tells.
fn cause_of_message(code: &str, message: &str) -> Option<Cause> {
    let is_extension = || {
        message.starts_with("extension \"") && message.ends_with(" is not available")
            || message.starts_with("could not open extension control file")
    };
    match code {
        "57014" if message.ends_with("due to statement timeout") => Some(Cause::StatementTimeout),
        "57014" if message.ends_with("due to user request") => Some(Cause::Canceled),
        "0A000" | "58P01" if is_extension() => Some(Cause::MissingExtension),
        _ => None,
    }
}

/// The right that a role lacks.
pub(crate) fn missing_right(code: &str, message: &str) -> Option<MissingRight> {
    if code != SqlState::INSUFFICIENT_PRIVILEGE.code() {
        return None;
    }
    if let Some(object) = message.strip_prefix("must be owner of ") {
        return Some(MissingRight::Ownership { object: object.to_owned() });
    }
    let object = message.strip_prefix("permission denied for ")?;
    let (name, privileges, on) = GRANTS
        .iter()
        .find_map(|(kind, privileges, on)| Some((object.strip_prefix(kind)?, *privileges, *on)))?;
    Some(MissingRight::Privileges { privileges, on: format!("{on}{}", quote_if_needed(name)) })
}

/// The server's word for a kind of object, the privileges on it, and the words of GRANT before its name.
const GRANTS: [(&str, &str, &str); 13] = [
    ("schema ", "USAGE, CREATE", "SCHEMA "),
    ("database ", "CREATE", "DATABASE "),
    ("function ", "EXECUTE", "FUNCTION "),
    ("aggregate ", "EXECUTE", "FUNCTION "),
    ("procedure ", "EXECUTE", "PROCEDURE "),
    ("sequence ", "USAGE, SELECT", "SEQUENCE "),
    ("type ", "USAGE", "TYPE "),
    ("language ", "USAGE", "LANGUAGE "),
    ("tablespace ", "CREATE", "TABLESPACE "),
    ("foreign server ", "USAGE", "FOREIGN SERVER "),
    ("foreign-data wrapper ", "USAGE", "FOREIGN DATA WRAPPER "),
    ("table ", "SELECT, INSERT, UPDATE, DELETE", ""),
    ("view ", "SELECT, INSERT, UPDATE, DELETE", ""),
];

/// True if the server asked for a password and there was none.
pub(crate) fn lacks_password(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "password missing")
}

/// True if the connection string asks for TLS, and the program has none.
pub(crate) fn lacks_tls(error: &Error) -> bool {
    causes(error).any(|cause| cause.to_string().contains("no TLS implementation configured"))
}

/// True if TLS could not be negotiated.
pub(crate) fn is_tls_handshake(error: &Error) -> bool {
    error.to_string().contains("TLS handshake")
}

/// True if PgBouncer has ended a wait for a server connection.
pub(crate) fn is_turned_away(error: &Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|db| *db.code() == SqlState::PROTOCOL_VIOLATION && db.message() == "query_wait_timeout")
}

/// The problem of a connection string. The usual cause is a password with special characters that are not encoded, so a piece of
/// the string may be a piece of a password: only known words are repeated.
pub(crate) fn url_problem(error: &Error) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    let quoted = |before| cause.strip_prefix(before).and_then(|rest| rest.strip_suffix('`'));
    match (quoted("unknown option `"), quoted("invalid value for option `")) {
        (Some(option), _) => unknown_option(option),
        (None, Some(option)) => format!("the value of {option} is not valid"),
        (None, None) => "unexpected end or character".to_owned(),
    }
}

fn unknown_option(option: &str) -> String {
    if PRISMA_OPTIONS.contains(&option) {
        let instead = match option {
            "schema" => "write options=-csearch_path=…",
            "sslaccept" => {
                "write sslmode=verify-full for strict, and sslmode=require for accept_invalid_certs"
            }
            _ => "leave it out",
        };
        return format!("the option {option} is Prisma's and is not supported: {instead}");
    }
    if LIBPQ_OPTIONS.contains(&option) {
        return format!("the option {option} is libpq's and is not supported");
    }
    "it has an unknown option, perhaps part of a password whose special characters (@ / ? # & and white space) \
     are not percent-encoded or quoted"
        .to_owned()
}

/// An error and its causes.
pub(super) fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let first: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(first), |error| error.source())
}

/// The options of Prisma's connection strings.
const PRISMA_OPTIONS: [&str; 9] = [
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "socket_timeout",
    "sslaccept",
    "sslidentity",
    "sslpassword",
    "statement_cache_size",
];

/// The options of libpq that tokio-postgres does not have.
const LIBPQ_OPTIONS: [&str; 20] = [
    "channel_binding",
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcompression",
    "sslcrl",
    "sslkey",
    "sslrootcert",
    "sslsni",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_read_from_english_words_of_the_server() {
        let [timeout, request] =
            ["statement timeout", "user request"].map(|why| format!("canceling statement due to {why}"));
        assert_eq!(cause_of_message("57014", &timeout), Some(Cause::StatementTimeout));
        assert_eq!(cause_of_message("57014", &request), Some(Cause::Canceled));
        assert_eq!(cause_of_message("57014", "storniere Anfrage wegen Zeitüberschreitung der Anfrage"), None);
        let vector = "extension \"vector\" is not available";
        assert_eq!(cause_of_message("0A000", vector), Some(Cause::MissingExtension));
        assert_eq!(cause_of_message("0A000", "cannot alter type of a column used by a view or rule"), None);
    }

    #[test]
    fn a_message_is_left_out_unless_its_class_is_known_to_quote_no_row() {
        for code in ["22P02", "23505", "P0001", "MY001", "ZZ999", "01000", "HV000", ""] {
            let shown = message_without_values(code, "ada@example.com is taken");
            assert!(!shown.contains("ada") && shown.ends_with("is left out"), "{code}: {shown}");
        }
        let named = "relation \"people\" does not exist";
        assert_eq!(message_without_values("42P01", named), named);
        assert_eq!(message_without_values("57014", "canceling statement"), "canceling statement");
    }

    #[test]
    fn the_grant_is_for_the_kind_of_object_that_the_server_names() {
        let grant = |message: &str| missing_right("42501", message).unwrap().advice();
        let text = |message: &str| grant(message).text(migrate_core::advice::Words::CommandLine);
        for (message, grant) in [
            ("permission denied for procedure fill", "GRANT EXECUTE ON PROCEDURE fill to"),
            ("permission denied for function f", "GRANT EXECUTE ON FUNCTION f to"),
            ("permission denied for foreign server far", "GRANT USAGE ON FOREIGN SERVER far to"),
            ("permission denied for schema My app", "GRANT USAGE, CREATE ON SCHEMA \"My app\" to"),
            ("permission denied for table users", "GRANT SELECT, INSERT, UPDATE, DELETE ON users to"),
        ] {
            assert!(text(message).starts_with(grant), "{}", text(message));
        }
        assert_eq!(missing_right("42501", "permission denied to create role"), None);
        assert_eq!(missing_right("42P01", "permission denied for schema app"), None);
    }

    #[test]
    fn no_cause_is_read_from_a_message_of_this_library() {
        let limit = std::time::Duration::from_secs(1);
        for cause in [Cause::MigrationLimit, Cause::RunLimit] {
            assert_eq!(cause_of_message("57014", &cause.over_limit(limit)), None);
        }
    }
}
