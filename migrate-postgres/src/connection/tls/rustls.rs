//! The connector that rustls makes.

use super::verify::{Chain, Verifier};
use super::{Mode, Roots, TlsOptions, Version, in_home};
use crate::error::Error;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres::config::SslNegotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Returns the connector for the given options.
pub(crate) fn connector(options: &TlsOptions, config: &Config) -> Result<MakeRustlsConnect, Error> {
    // The provider is named, because a process may hold several, and then none is the default.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions: Vec<&SupportedProtocolVersion> =
        [(Version::Tls12, &rustls::version::TLS12), (Version::Tls13, &rustls::version::TLS13)]
            .into_iter()
            .filter(|(version, _)| (options.min_version..=options.max_version).contains(version))
            .map(|(_, version)| version)
            .collect();
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .map_err(|error| problem(error.to_string()))?;
    let verifier = Verifier {
        chain: chain(options, &provider)?,
        checks_host: options.mode == Mode::VerifyFull,
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
    let mut client = match client_certificate(options)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| problem(format!("sslcert and sslkey: {error}")))?,
    };
    client.enable_sni = options.names_host;
    if matches!(config.get_ssl_negotiation(), SslNegotiation::Direct) {
        client.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(client))
}

fn problem(problem: impl Into<String>) -> Error {
    Error::Tls { problem: problem.into() }
}

/// The chain that the server's certificate is verified against; none if any certificate is accepted.
fn chain(options: &TlsOptions, provider: &Arc<CryptoProvider>) -> Result<Option<Chain>, Error> {
    let Some(anchors) = anchors(options)? else { return Ok(None) };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(anchors.iter().cloned());
    if roots.is_empty() {
        return Err(problem("there is no certificate in sslrootcert, or in what the system trusts"));
    }
    let revoked = options.revoked.clone().or_else(|| in_home("root.crl"));
    let lists = match &revoked {
        None => Vec::new(),
        Some(file) => read_all::<CertificateRevocationListDer<'static>>(file, "sslcrl")?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .with_crls(lists)
        .build()
        .map_err(|error| problem(error.to_string()))?;
    Ok(Some(Chain { verifier, anchors }))
}

/// The trusted certificates; none if the mode needs none.
fn anchors(options: &TlsOptions) -> Result<Option<Vec<CertificateDer<'static>>>, Error> {
    let file = match (&options.roots, options.mode) {
        (_, Mode::Disable | Mode::Allow | Mode::Prefer) => return Ok(None),
        // Like libpq, which treats a missing file as none.
        (Roots::File(file), Mode::Require) if !file.exists() => return Ok(None),
        (Roots::File(file), _) => Some(file.clone()),
        (Roots::Default, _) => in_home("root.crt"),
        (Roots::System, _) => None,
    };
    match (file, options.mode) {
        (Some(file), _) => read_all(&file, "sslrootcert").map(Some),
        (None, Mode::Require) => Ok(None),
        (None, _) => Ok(Some(rustls_native_certs::load_native_certs().certs)),
    }
}

fn client_certificate(
    options: &TlsOptions,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, Error> {
    if options.sends_no_certificate {
        return Ok(None);
    }
    let Some(certificate) = options.certificate.clone().or_else(|| in_home("postgresql.crt")) else {
        return Ok(None);
    };
    let Some(key) = options.key.clone().or_else(|| in_home("postgresql.key")) else {
        return Err(problem(format!("{} is there, and no sslkey that belongs to it", certificate.display())));
    };
    check_private(&key)?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| {
        problem(format!(
            "{} (sslkey) is no PEM file with a key that is not encrypted: {error}",
            key.display()
        ))
    })?;
    Ok(Some((read_all(&certificate, "sslcert")?, private)))
}

/// libpq accepts no key that others can read: group and world have no permissions, or root owns the file and
/// the group may read it.
#[cfg(unix)]
fn check_private(key: &Path) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(key)
        .map_err(|error| problem(format!("{} (sslkey) can't be read: {error}", key.display())))?;
    let others = if metadata.uid() == 0 { 0o037 } else { 0o077 };
    if metadata.mode() & others == 0 {
        return Ok(());
    }
    Err(problem(format!("others may read {} (sslkey): chmod 0600 it", key.display())))
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), Error> {
    Ok(())
}

/// All items of a kind in a PEM file.
fn read_all<T: PemObject>(file: &PathBuf, parameter: &str) -> Result<Vec<T>, Error> {
    let failed =
        |error: rustls::pki_types::pem::Error| problem(format!("{} ({parameter}): {error}", file.display()));
    let items = T::pem_file_iter(file).map_err(failed)?.collect::<Result<Vec<T>, _>>().map_err(failed)?;
    if items.is_empty() {
        return Err(problem(format!(
            "{} ({parameter}) is no PEM file with what is looked for",
            file.display()
        )));
    }
    Ok(items)
}
