//! Verification of a server's certificate by libpq's modes, which differ from a browser's rules.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;

/// A certificate verifier for one of the modes.
#[derive(Debug)]
pub(super) struct Verifier {
    /// The chain that the certificate is verified against; none if any certificate is accepted.
    pub(super) chain: Option<Chain>,
    /// True if the certificate has to match the host.
    pub(super) checks_host: bool,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// A verifier and the trusted certificates it is built from.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) verifier: Arc<WebPkiServerVerifier>,
    pub(super) anchors: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// Checks that the host's name is in the certificate: among its alternative names, or, if it has none, as
    /// its common name. The second is obsolete elsewhere, but is libpq's rule.
    fn check_host(end: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), Error> {
        let certificate = ParsedCertificate::try_from(end)?;
        let error = match verify_server_name(&certificate, host) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let has_names = match &error {
            Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
                !presented.is_empty()
            }
            _ => true,
        };
        match (has_names, common_name(end)) {
            (false, Some(name)) if matches(&name, &host.to_str()) => Ok(()),
            _ => Err(error),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(Chain { verifier, anchors }) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match verifier.verify_server_cert(end, intermediates, host, ocsp, now) {
            Ok(verified) => return Ok(verified),
            // The name is checked after the chain.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => {}
            // A self-signed certificate in the form of an authority, as `openssl req -x509` makes it: if it
            // is itself trusted, it is valid. Its dates were checked before its form.
            Err(error) if is_authority(&error) && anchors.iter().any(|anchor| anchor == end) => {}
            Err(error) => return Err(error),
        }
        if self.checks_host {
            Verifier::check_host(end, host)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.chain {
            // Any server is accepted, so the signature of an unknown one proves nothing.
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(_) => verify_tls12_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.chain {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(_) => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// True if a certificate was refused because it is an authority's. The error type is internal to a
/// dependency.
fn is_authority(error: &Error) -> bool {
    format!("{error:?}").contains("CaUsedAsEndEntity")
}

/// True if a common name matches a host. A leading `*.` matches one label.
fn matches(name: &str, host: &str) -> bool {
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
        None => name == host,
    }
}

/// The last common name of a certificate's subject.
///
/// `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject, … } … }`
fn common_name(certificate: &CertificateDer<'_>) -> Option<String> {
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let (_, outer, _) = element(certificate)?;
    let (_, mut fields, _) = element(outer)?;
    if let (0xa0, _, after) = element(fields)? {
        fields = after;
    }
    for _ in ["serialNumber", "signature", "issuer", "validity"] {
        (_, _, fields) = element(fields)?;
    }
    let (_, subject, _) = element(fields)?;
    let at = subject.windows(COMMON_NAME.len()).rposition(|window| window == COMMON_NAME)?;
    let (_, name, _) = element(&subject[at + COMMON_NAME.len()..])?;
    String::from_utf8(name.to_vec()).ok().filter(|name| !name.contains('\0'))
}

/// The first DER element: its tag, its content and the rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(length) {
        short if short < 0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long & 0x7f).filter(|(bytes, _)| bytes.len() <= 4)?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
