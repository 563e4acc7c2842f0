//! TLS for connections that a run opens itself.

use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The connector for a configuration, unless it wants no TLS.
///
/// Certificates are checked against those that the system trusts, or those in the file that `SSL_CERT_FILE` names.
pub(crate) fn connector(config: &Config) -> Option<MakeRustlsConnect> {
    let over_network = config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)));
    if config.get_ssl_mode() == SslMode::Disable || !over_network {
        return None;
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    // Named, because a process may hold several providers, and then none is the default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth()))
}
