//! TLS for connections that a run opens itself, by libpq's parameters and with their meaning.
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
    /// TLS where the server takes nothing else.
    Allow,
    /// TLS where the server has it.
    Prefer,
    /// TLS, whoever the server is; with a root certificate like [`Mode::VerifyCa`].
    Require,
    /// TLS, with a certificate that an authority vouches for.
    VerifyCa,
    /// The same, with the host's name in the certificate.
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

/// `sslrootcert`: who vouches for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Roots {
    /// `~/.postgresql/root.crt` where it is there; else, for modes that verify, what the system trusts. (libpq refuses these
    /// without a file.)
    Default,
    /// What the system trusts, or the file that `SSL_CERT_FILE` names.
    System,
    /// A file.
    File(PathBuf),
}

/// How TLS is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    pub(crate) mode: Mode,
    pub(crate) roots: Roots,
    /// `sslcert`; `~/.postgresql/postgresql.crt` where it is there.
    pub(crate) certificate: Option<PathBuf>,
    /// `sslkey`; `~/.postgresql/postgresql.key`.
    pub(crate) key: Option<PathBuf>,
    /// `sslcrl`; `~/.postgresql/root.crl` where it is there.
    pub(crate) revoked: Option<PathBuf>,
    /// `sslcertmode=disable`.
    pub(crate) sends_no_certificate: bool,
    /// `sslsni`.
    pub(crate) names_host: bool,
    pub(crate) min_version: Version,
    pub(crate) max_version: Version,
}

/// A version of TLS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    Tls12,
    Tls13,
}

impl TlsOptions {
    /// What a configuration says of TLS by itself.
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
    /// The variables that tell libpq the same.
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
/// A file of libpq's in the home of whoever runs this, where it is there.
fn in_home(name: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".postgresql").join(name)).filter(|path| path.is_file())
}

#[cfg(feature = "operate")]
/// What the system trusts, for libpq: a file that older releases of it can read, too.
fn system_roots() -> String {
    let named = std::env::var("SSL_CERT_FILE").ok().filter(|file| !file.is_empty());
    let usual =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    let found = usual.into_iter().find(|file| std::path::Path::new(file).is_file());
    named.or(found.map(str::to_owned)).unwrap_or_else(|| "system".to_owned())
}
