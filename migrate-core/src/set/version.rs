//! Versions, and the order that their layout defines.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// The order of versions in a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum VersionOrder {
    /// As numbers, dotted versions part by part: `2` before `10`, `1.2` before `1.10`, `001` equal to `1`.
    Numeric,
    /// As text, byte by byte: Prisma and diesel order their folders this way.
    Text,
}

/// The prefix of a repeatable migration's version; no other version starts with it.
pub(crate) const REPEATABLE: &str = "R__";

/// The version of a migration: its identity and its position within a set.
///
/// Equality, order and hash follow the [`VersionOrder`]; [`Display`](fmt::Display) gives the canonical text,
/// which histories store.
///
/// A repeatable migration has a name instead of a version, such as `R__views`. Repeatable migrations come
/// after all versions, in the text order of their names.
///
/// # Examples
///
/// ```
/// use migrate_core::Version;
///
/// assert!(Version::numeric("2") < Version::numeric("0010"));
/// assert_eq!(Version::numeric("001"), Version::numeric("1"));
/// assert_eq!(Version::numeric("1.0").to_string(), "1");
/// // Prisma sorts `0` before `_`:
/// assert!(Version::text("20260222011200_add") < Version::text("20260222_move"));
/// assert!(Version::numeric("9999") < Version::numeric("R__views"));
/// ```
#[derive(Clone, Debug)]
pub struct Version {
    text: Cow<'static, str>,
    order: VersionOrder,
}

impl Version {
    /// Creates a version that compares as a number, or as dotted numbers part by part, of any length.
    ///
    /// Parts that are not digits compare as text, after all numbers, so any text makes a version; layouts
    /// accept only digits and dots.
    pub fn numeric(text: impl Into<Cow<'static, str>>) -> Version {
        Version { text: text.into(), order: VersionOrder::Numeric }
    }

    /// Creates a version that compares as text.
    pub fn text(text: impl Into<Cow<'static, str>>) -> Version {
        Version { text: text.into(), order: VersionOrder::Text }
    }

    /// Creates a version with the given order.
    pub fn new(text: impl Into<Cow<'static, str>>, order: VersionOrder) -> Version {
        Version { text: text.into(), order }
    }

    /// True if it belongs to a repeatable migration.
    pub fn is_repeatable(&self) -> bool {
        self.text.starts_with(REPEATABLE)
    }

    /// The version as its file name spells it, such as `0001`.
    pub fn as_written(&self) -> &str {
        &self.text
    }

    /// The order of this version.
    pub fn order(&self) -> VersionOrder {
        self.order
    }

    /// The text that equal versions share, such as `1` for `0001` and `1.0`.
    pub fn canonical(&self) -> Cow<'_, str> {
        match self.order {
            VersionOrder::Numeric if !self.is_repeatable() => canonical_number(&self.text),
            _ => Cow::Borrowed(&self.text),
        }
    }
}

fn canonical_number(text: &str) -> Cow<'_, str> {
    if !text.contains('.') {
        return Cow::Borrowed(without_leading_zeros(text));
    }
    let mut parts: Vec<&str> = text.split('.').map(without_leading_zeros).collect();
    while parts.len() > 1 && parts.last() == Some(&"0") {
        parts.pop();
    }
    if parts.len() == 1 { Cow::Borrowed(parts[0]) } else { Cow::Owned(parts.join(".")) }
}

fn without_leading_zeros(digits: &str) -> &str {
    let rest = digits.trim_start_matches('0');
    if rest.is_empty() && !digits.is_empty() { &digits[digits.len() - 1..] } else { rest }
}

/// Compares two canonical numbers part by part. The number with more digits is greater.
fn compare_numbers(a: &str, b: &str) -> Ordering {
    let key = |part: &str| (!part.bytes().all(|byte| byte.is_ascii_digit()), part.len());
    let (mut a_parts, mut b_parts) = (a.split('.'), b.split('.'));
    loop {
        return match (a_parts.next(), b_parts.next()) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(x), Some(y)) => match key(x).cmp(&key(y)).then_with(|| x.cmp(y)) {
                Ordering::Equal => continue,
                unequal => unequal,
            },
        };
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        let is_repeatable = self.is_repeatable();
        let by_kind = self.order.cmp(&other.order).then(is_repeatable.cmp(&other.is_repeatable()));
        by_kind.then_with(|| match self.order {
            VersionOrder::Numeric if !is_repeatable => compare_numbers(&self.canonical(), &other.canonical()),
            _ => self.text.cmp(&other.text),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.order.hash(state);
        self.canonical().hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_compare_as_numbers_whatever_their_length() {
        let sorted = [
            "0",
            "1",
            "1.0.1",
            "1.2",
            "1.10",
            "02",
            "9",
            "10",
            "20240101120000",
            "99999999999999999999999",
            "1a",
            "1a.2",
            "10a",
        ];
        for pair in sorted.windows(2) {
            assert!(Version::numeric(pair[0]) < Version::numeric(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn versions_that_differ_have_hashes_that_differ() {
        use std::hash::BuildHasher;
        let state = std::hash::RandomState::new();
        let versions = (0..100).map(|number: u32| Version::numeric(number.to_string()));
        let hashes: std::collections::HashSet<u64> =
            versions.map(|version| state.hash_one(version)).collect();
        assert_eq!(hashes.len(), 100);
    }

    #[test]
    fn the_name_of_a_repeatable_migration_is_its_version_as_it_is_written() {
        for order in [VersionOrder::Numeric, VersionOrder::Text] {
            assert_eq!(Version::new("R__0a.0", order).to_string(), "R__0a.0");
        }
        assert_eq!(Version::text("01.0").to_string(), "01.0");
        assert_eq!(Version::numeric("01.0").to_string(), "1");
    }

    #[test]
    fn leading_zeros_and_trailing_zero_parts_do_not_count() {
        for (a, b) in [("1", "0001"), ("1.0", "1"), ("01.02.0.0", "1.2"), ("0", "000"), ("0.0", "0")] {
            assert_eq!(Version::numeric(a), Version::numeric(b));
        }
    }

    #[test]
    fn repeatable_migrations_come_after_all_versions_in_the_order_of_their_names() {
        for order in [VersionOrder::Numeric, VersionOrder::Text] {
            let sorted = ["0", "9999", "R__a", "R__a.1", "R__aa", "R__b"];
            for pair in sorted.windows(2) {
                assert!(Version::new(pair[0], order) < Version::new(pair[1], order), "{pair:?}");
            }
        }
        assert_ne!(Version::numeric("R__a.0"), Version::numeric("R__a"));
    }

    proptest! {
        #[test]
        fn equal_versions_share_their_canonical_text(a in "(R__)?[0-9.]{0,6}", b in "(R__)?[0-9.]{0,6}") {
            let (a, b) = (Version::numeric(a), Version::numeric(b));
            prop_assert_eq!(a == b, a.canonical() == b.canonical());
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        }

        #[test]
        fn the_canonical_text_is_a_version_equal_to_itself(text in "[0-9]{1,5}(\\.[0-9]{1,3}){0,3}") {
            let version = Version::numeric(text);
            prop_assert_eq!(&Version::numeric(version.to_string()), &version);
        }
    }
}
