//! Checksums: the identity of a migration's text.

use crate::rust::RustSource;
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The checksum of a migration's up script, together with the algorithm that computed it.
///
/// [`Checksum::of`] is SHA-256 over the text with a leading byte order mark removed and CRLF folded to LF, so
/// a checkout on Windows gives the same value as one on Linux. Its text form names the algorithm.
///
/// # Examples
///
/// ```
/// use migrate_core::Checksum;
///
/// let unix = Checksum::of("CREATE TABLE t ();\n");
/// assert_eq!(unix, Checksum::of("\u{feff}CREATE TABLE t ();\r\n"));
/// assert!(unix.to_string().starts_with("sha256:"));
/// assert_eq!(unix.to_string().parse::<Checksum>()?, unix);
/// # Ok::<(), migrate_core::InvalidChecksum>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Checksum {
    /// SHA-256 over the [`normalized`] text.
    Sha256([u8; 32]),
    /// SHA-256 over the tokens of Rust code, without comments and formatting.
    RustTokens([u8; 32]),
    /// sqlx's checksum: SHA-384 over the file, of which these are the first bytes.
    #[cfg(feature = "histories")]
    Sha384([u8; 32]),
    /// refinery's checksum: SipHash-1-3 over name, version and text.
    #[cfg(feature = "histories")]
    SipHash13([u8; 8]),
    /// Flyway's checksum: CRC32 over the lines.
    #[cfg(feature = "histories")]
    Crc32([u8; 4]),
}

impl Checksum {
    /// Computes the checksum of a script's text.
    pub fn of(text: &str) -> Checksum {
        Checksum::Sha256(Sha256::digest(normalized(text).as_bytes()).into())
    }

    /// Computes the checksum of Rust code from its tokens.
    pub(crate) fn of_tokens(source: &RustSource<'_>) -> Checksum {
        Checksum::RustTokens(Sha256::digest(source.canonical().as_bytes()).into())
    }

    /// Computes the checksum of Rust code from the text that its author gives it.
    pub(crate) fn of_revision(revision: &str) -> Checksum {
        // No token is empty.
        Checksum::RustTokens(Sha256::digest(format!("\n{revision}").as_bytes()).into())
    }

    /// True if it is that of a migration in Rust.
    pub fn is_of_code(&self) -> bool {
        matches!(self, Checksum::RustTokens(_))
    }

    /// The name of the algorithm, as used in the text form.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Checksum::Sha256(_) => "sha256",
            Checksum::RustTokens(_) => "rust-sha256",
            #[cfg(feature = "histories")]
            Checksum::Sha384(_) => "sha384",
            #[cfg(feature = "histories")]
            Checksum::SipHash13(_) => "siphash13",
            #[cfg(feature = "histories")]
            Checksum::Crc32(_) => "crc32",
        }
    }

    /// The raw value.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Checksum::Sha256(bytes) | Checksum::RustTokens(bytes) => bytes,
            #[cfg(feature = "histories")]
            Checksum::Sha384(bytes) => bytes,
            #[cfg(feature = "histories")]
            Checksum::SipHash13(bytes) => bytes,
            #[cfg(feature = "histories")]
            Checksum::Crc32(bytes) => bytes,
        }
    }
}

/// Normalizes a script's text: removes a leading byte order mark and turns CRLF into LF. Checksums cover this
/// form, and histories store it.
///
/// Borrows if the text needs no change.
pub fn normalized(text: &str) -> Cow<'_, str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Most texts have no carriage return at all, and a search for one byte is much faster than a search for
    // CRLF.
    if text.as_bytes().contains(&b'\r') && text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.algorithm())?;
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not a checksum.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::clean!("`{_0}` is not a checksum: expected `sha256:` and 64 hexadecimal digits"))]
pub struct InvalidChecksum(String);

crate::debug_as_display!(InvalidChecksum);

impl FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Checksum, InvalidChecksum> {
        let of = |prefix| text.strip_prefix(prefix).and_then(hex_32);
        of("sha256:")
            .map(Checksum::Sha256)
            .or_else(|| of("rust-sha256:").map(Checksum::RustTokens))
            .ok_or_else(|| InvalidChecksum(text.to_owned()))
    }
}

/// Decodes 64 hexadecimal digits into 32 bytes.
pub(crate) fn hex_32(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let (high, low) = ((pair[0] as char).to_digit(16)?, (pair[1] as char).to_digit(16)?);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prisma's SHA-256 of the same LF text gives this value, too.
    #[test]
    fn a_known_text_has_its_known_checksum() {
        let checksum = Checksum::of("CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\n");
        assert_eq!(
            checksum.to_string(),
            "sha256:ca2e30c7bf4ae893a75714da225cab24092983eef3fc4de5988d59bbf722acfb"
        );
    }

    #[test]
    fn a_lone_carriage_return_counts() {
        assert_ne!(Checksum::of("a\rb"), Checksum::of("a\nb"));
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in ["", "sha256:", "sha256:zz", "md5:00", &format!("sha256:{}g", "0".repeat(63))] {
            assert!(text.parse::<Checksum>().is_err(), "{text}");
        }
    }
}
