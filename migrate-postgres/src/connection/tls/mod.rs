//! TLS for the connections that a run opens itself, with libpq's parameters and their meaning.
//!
//! Facts: <https://www.postgresql.org/docs/current/libpq-ssl.html>,
//! <https://www.postgresql.org/docs/current/libpq-connect.html>.

mod parameters;
#[cfg(feature = "rustls")]
mod rustls;
#[cfg(feature = "rustls")]
mod verify;

pub(crate) use parameters::TlsParameters;
#[cfg(any(feature = "cli", feature = "operate"))]
pub(crate) use parameters::VARIABLES;
#[cfg(feature = "rustls")]
pub(crate) use rustls::connector;

use std::path::PathBuf;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

/// `sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// No TLS.
    Disable,
    /// TLS only if the server accepts nothing else.
    Allow,
    /// TLS if the server supports it.
    Prefer,
    /// TLS, without verifying the server; with a root certificate like [`Mode::VerifyCa`].
    Require,
    /// TLS, with a certificate signed by a trusted authority.
    VerifyCa,
    /// Like [`Mode::VerifyCa`], with the host's name in the certificate.
    VerifyFull,
}

impl Mode {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Mode::Disable => "disable",
            Mode::Allow => "allow",
            Mode::Prefer => "prefer",
            Mode::Require => "require",
            Mode::VerifyCa => "verify-ca",
            Mode::VerifyFull => "verify-full",
        }
    }
}

/// `sslrootcert`: the trusted authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// `~/.postgresql/root.crt` if it exists; otherwise, for modes that verify, the system's trusted
    /// certificates. (libpq refuses these modes without a file.)
    Default,
    /// The system's trusted certificates, or the file that `SSL_CERT_FILE` names.
    System,
    /// A file.
    File(PathBuf),
}

/// The TLS options of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: Mode,
    pub(crate) roots: Roots,
    /// `sslcert`; by default `~/.postgresql/postgresql.crt` if it exists.
    pub(crate) certificate: Option<PathBuf>,
    /// `sslkey`; by default `~/.postgresql/postgresql.key`.
    pub(crate) key: Option<PathBuf>,
    /// `sslcrl`; by default `~/.postgresql/root.crl` if it exists.
    pub(crate) revoked: Option<PathBuf>,
    /// `sslcertmode=disable`.
    pub(crate) sends_no_certificate: bool,
    /// `sslsni`.
    pub(crate) names_host: bool,
    pub(crate) min_version: Version,
    pub(crate) max_version: Version,
}

/// A TLS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

impl TlsOptions {
    /// The TLS options in a configuration itself.
    pub(crate) fn of(config: &Config) -> TlsOptions {
        let mode = match config.get_ssl_mode() {
            SslMode::Disable => Mode::Disable,
            SslMode::Require => Mode::Require,
            _ => Mode::Prefer,
        };
        TlsOptions {
            mode,
            roots: Roots::Default,
            certificate: None,
            key: None,
            revoked: None,
            sends_no_certificate: false,
            names_host: true,
            min_version: Version::Tls12,
            max_version: Version::Tls13,
        }
    }

    #[cfg(feature = "operate")]
    /// The environment variables that pass the same options to libpq.
    pub(crate) fn variables(&self, config: &Config) -> Vec<(&'static str, String)> {
        let path = |path: &PathBuf| path.to_string_lossy().into_owned();
        let roots = match &self.roots {
            Roots::File(file) => Some(path(file)),
            Roots::System => Some(system_roots()),
            Roots::Default if self.mode >= Mode::VerifyCa && in_home("root.crt").is_none() => {
                Some(system_roots())
            }
            Roots::Default => None,
        };
        let version = |version: Version| match version {
            Version::Tls12 => "TLSv1.2".to_owned(),
            Version::Tls13 => "TLSv1.3".to_owned(),
        };
        let direct = matches!(config.get_ssl_negotiation(), tokio_postgres::config::SslNegotiation::Direct);
        let given = [
            ("PGSSLMODE", Some(self.mode.word().to_owned())),
            ("PGSSLROOTCERT", roots),
            ("PGSSLCERT", self.certificate.as_ref().map(path)),
            ("PGSSLKEY", self.key.as_ref().map(path)),
            ("PGSSLCRL", self.revoked.as_ref().map(path)),
            ("PGSSLCERTMODE", self.sends_no_certificate.then(|| "disable".to_owned())),
            ("PGSSLSNI", (!self.names_host).then(|| "0".to_owned())),
            ("PGSSLNEGOTIATION", direct.then(|| "direct".to_owned())),
            ("PGSSLMINPROTOCOLVERSION", Some(version(self.min_version))),
            ("PGSSLMAXPROTOCOLVERSION", Some(version(self.max_version))),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[cfg(any(feature = "operate", feature = "rustls"))]
/// A file of libpq in the home directory of the current user, if it exists.
fn in_home(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".postgresql").join(name)).filter(|path| path.is_file())
}

#[cfg(feature = "operate")]
/// The system's trusted certificates for libpq: a file, which its older releases can read too.
fn system_roots() -> String {
    let named = std::env::var("SSL_CERT_FILE").ok().filter(|file| !file.is_empty());
    let usual =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    let found = usual.into_iter().find(|file| std::path::Path::new(file).is_file());
    named.or(found.map(str::to_owned)).unwrap_or_else(|| "system".to_owned())
}
