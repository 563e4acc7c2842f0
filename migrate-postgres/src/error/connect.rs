//! The errors of connecting: their kind, and the advice.

use super::{Error, wording};
use migrate_core::advice::{self, Advice, NextStep, Words};
use std::fmt;
use tokio_postgres::error::SqlState;

/// The owner of a limit of connections. Names are quoted where they have to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitOwner {
    /// A role.
    Role(String),
    /// A database.
    Database(String),
}

impl LimitOwner {
    /// The statement that gives it a limit.
    pub(super) fn alter(&self, limit: u32) -> String {
        match self {
            LimitOwner::Role(name) => format!("ALTER ROLE {name} CONNECTION LIMIT {limit}"),
            LimitOwner::Database(name) => format!("ALTER DATABASE {name} CONNECTION LIMIT {limit}"),
        }
    }
}

impl fmt::Display for LimitOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LimitOwner::Role(name) => write!(f, "role {name}"),
            LimitOwner::Database(name) => write!(f, "database {name}"),
        }
    }
}

/// The error of a failed connection to `target`.
pub(crate) fn connect_error(target: String, source: tokio_postgres::Error) -> Error {
    let login = [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ];
    if source.code().is_some_and(|code| login.contains(code)) || wording::lacks_password(&source) {
        Error::Login { target, source }
    } else {
        Error::Connect { target, source }
    }
}

pub(super) fn after_login(error: &tokio_postgres::Error) -> Advice {
    Advice::fix(match error.code() {
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => "GRANT CONNECT ON that database to the role",
        _ if wording::lacks_password(error) => {
            "give the password in the connection string or the configuration"
        }
        _ => "check the user, the password and the server's pg_hba.conf",
    })
}

pub(super) fn after_connect(error: &tokio_postgres::Error) -> Advice {
    if wording::lacks_tls(error) {
        return Advice::NONE
            .or_for(Words::Library, NextStep::fix("build with `features = [\"rustls\"]`"))
            .or_for(Words::Library, NextStep::fix("pass a pool or a `Client` with a connector of your own"))
            .or_for(Words::CommandLine, NextStep::fix("install the program with the feature rustls"))
            .or_for(
                Words::Service,
                NextStep::fix("build the service with the feature rustls of migrate-postgres"),
            );
    }
    if wording::is_tls_handshake(error) {
        return Advice::fix(
            "check that sslrootcert names the authority of the server's certificate, that the certificate is for this host, and that \
             sslcert and sslkey are given if the server asks for them; sslmode=require encrypts without verifying",
        );
    }
    by_code(error.code())
        .unwrap_or_else(|| Advice::fix("check that the server runs there and accepts connections"))
}

/// The advice for a SQLSTATE, from the table.
pub(super) fn by_code(code: Option<&SqlState>) -> Option<Advice> {
    advice::find(code?.code()).map(|advice| advice.advice(false))
}
