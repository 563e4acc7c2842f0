//! Digests: one value that stands for all applied migrations.

use crate::set::checksum::hex_32;
use crate::{Checksum, Version};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// The digest of a set of applied migrations: the sum, modulo 2^256, of one SHA-256 per migration.
///
/// Each history row stores the digest of everything applied after it: the digest before it, plus (for a
/// revert, minus) the migration's own digest. So a single row tells whether anything is pending, and how
/// much. The digest is a sum and not a chain because the order does not matter: a database that received the
/// same migrations in another order is in the same state and deserves the same one-round-trip boot.
///
/// # Examples
///
/// ```
/// use migrate_core::{Checksum, Digest, Version};
///
/// let a = Digest::of_migration(&Version::numeric("1"), &Checksum::of("a"));
/// let b = Digest::of_migration(&Version::numeric("2"), &Checksum::of("b"));
/// assert_eq!(a + b, b + a);
/// assert_eq!(a + b - a, b);
/// assert_ne!(a, b);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of an empty set.
    pub const EMPTY: Digest = Digest([0; 32]);

    /// The digest of one migration: its version and the checksum of its up script.
    pub fn of_migration(version: &Version, checksum: &Checksum) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(version.canonical().as_bytes());
        hasher.update([0]);
        hasher.update(checksum.algorithm().as_bytes());
        hasher.update([0]);
        hasher.update(checksum.bytes());
        Digest(hasher.finalize().into())
    }

    /// The bytes, most significant first.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Creates a digest from the bytes of [`Digest::as_bytes`].
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }
}

impl Add for Digest {
    type Output = Digest;

    fn add(self, other: Digest) -> Digest {
        let mut sum = [0; 32];
        let mut carry = 0;
        for i in (0..32).rev() {
            let [high, low] = (u16::from(self.0[i]) + u16::from(other.0[i]) + carry).to_be_bytes();
            (sum[i], carry) = (low, u16::from(high));
        }
        Digest(sum)
    }
}

impl Sub for Digest {
    type Output = Digest;

    fn sub(self, other: Digest) -> Digest {
        // a - b = a + !b + 1 in two's complement.
        let one = {
            let mut bytes = [0; 32];
            bytes[31] = 1;
            Digest(bytes)
        };
        self + Digest(other.0.map(|byte| !byte)) + one
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A text that is not a digest.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::clean!("`{_0}` is not a digest: expected 64 hexadecimal digits"))]
pub struct InvalidDigest(String);

crate::debug_as_display!(InvalidDigest);

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Digest, InvalidDigest> {
        hex_32(text).map(Digest).ok_or_else(|| InvalidDigest(text.to_owned()))
    }
}

/// The digests of every prefix of a set: of no migration, of the first one, of the first two, and so on up to
/// all.
///
/// `migrate!` emits it as one constant, so a boot computes no hash.
#[derive(Clone, Debug)]
pub struct DigestChain(Cow<'static, [u8]>);

impl DigestChain {
    /// Computes the chain for migrations in the set's order.
    pub fn of<'a>(migrations: impl IntoIterator<Item = (&'a Version, Checksum)>) -> DigestChain {
        let mut digest = Digest::EMPTY;
        let mut bytes = digest.0.to_vec();
        for (version, checksum) in migrations {
            digest = digest + Digest::of_migration(version, &checksum);
            bytes.extend_from_slice(&digest.0);
        }
        DigestChain(Cow::Owned(bytes))
    }

    /// Wraps the constant that `migrate!` emits: the concatenated bytes of the digests.
    #[doc(hidden)]
    pub const fn from_static(bytes: &'static [u8]) -> DigestChain {
        DigestChain(Cow::Borrowed(bytes))
    }

    /// The number of migrations in the set.
    pub(crate) const fn migrations(&self) -> usize {
        let bytes = match &self.0 {
            Cow::Borrowed(bytes) => bytes.len(),
            Cow::Owned(bytes) => bytes.len(),
        };
        bytes / 32 - 1
    }

    /// The bytes of all digests, 32 bytes each.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The digest of the first `count` migrations.
    ///
    /// # Panics
    ///
    /// If the set has fewer migrations.
    pub fn of_first(&self, count: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(&self.0[count * 32..count * 32 + 32]);
        Digest(bytes)
    }

    /// The digest of the whole set.
    pub fn of_all(&self) -> Digest {
        self.of_first(self.0.len() / 32 - 1)
    }

    /// The number of leading migrations whose digest is `digest`, or `None` if it is not the digest of any
    /// prefix.
    pub fn position(&self, digest: &Digest) -> Option<usize> {
        // Search from the end, because a database is seldom far behind.
        self.0.chunks(32).rposition(|bytes| bytes == digest.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sum_carries_through_every_byte() {
        let max = Digest([0xff; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        assert_eq!(max + Digest(one), Digest::EMPTY);
        assert_eq!(Digest::EMPTY - Digest(one), max);
    }

    #[test]
    fn a_chain_knows_each_of_its_beginnings_and_no_other_digest() {
        let versions: Vec<Version> = (0..5).map(|n: u32| Version::numeric(n.to_string())).collect();
        let chain = DigestChain::of(versions.iter().map(|version| (version, Checksum::of("x"))));
        for count in 0..=5 {
            assert_eq!(chain.position(&chain.of_first(count)), Some(count));
        }
        assert_eq!(chain.of_all(), chain.of_first(5));
        assert_eq!(chain.position(&(chain.of_all() + chain.of_all())), None);
    }

    #[test]
    fn a_chains_bytes_are_the_digests_of_its_beginnings() {
        let versions = ["1", "2"].map(Version::numeric);
        let chain = DigestChain::of(versions.iter().map(|version| (version, Checksum::of("x"))));
        let bytes: Vec<u8> = (0..=2).flat_map(|count| *chain.of_first(count).as_bytes()).collect();
        assert_eq!((chain.as_bytes(), chain.migrations()), (&bytes[..], 2));
        let bytes: &'static [u8] = bytes.leak();
        assert_eq!(DigestChain::from_static(bytes).of_all(), chain.of_all());
    }

    #[test]
    fn a_digest_is_shown_in_hexadecimal_digits_to_people_and_developers() {
        let digits = format!("{}01", "0".repeat(62));
        let digest: Digest = digits.parse().unwrap();
        assert_eq!(
            (digest.to_string(), format!("{digest:?}")),
            (digits.clone(), format!("Digest({digits})"))
        );
    }

    proptest! {
        #[test]
        fn subtraction_undoes_addition(a: [u8; 32], b: [u8; 32]) {
            prop_assert_eq!(Digest(a) + Digest(b) - Digest(b), Digest(a));
        }

        #[test]
        fn the_text_form_reads_back(bytes: [u8; 32]) {
            prop_assert_eq!(Digest(bytes).to_string().parse(), Ok(Digest(bytes)));
        }
    }
}
