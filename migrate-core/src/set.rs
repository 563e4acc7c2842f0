//! The ordered migrations that one `migrate!()` embeds.

use crate::digest::DigestChain;
use crate::migration::{Migration, SqlMigration};
use crate::version::{Version, VersionOrder};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The name of a set that was not given one.
pub const DEFAULT_SET: &str = "default";

/// Ordered migrations with a name, so that several sets (an application's, its libraries') live in one database.
///
/// A `Set` is always sorted, and no two of its migrations share a version.
#[derive(Clone, Debug)]
pub struct Set {
    name: Cow<'static, str>,
    order: VersionOrder,
    members: Members,
    /// What other migrations of the set replace: not to be applied where nothing of it is applied yet.
    replaced: Members,
    digests: DigestChain,
    folder: Option<Cow<'static, str>>,
}

#[derive(Clone, Debug)]
enum Members {
    Embedded(&'static [SqlMigration]),
    Owned(Vec<Arc<dyn Migration>>),
}

/// Two migrations of one set have the same version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version {version} is both `{first}` and `{second}`: give one of them another version")]
pub struct DuplicateVersion {
    /// The version that both have.
    pub version: Version,
    /// The name of one of them.
    pub first: String,
    /// The name of the other.
    pub second: String,
}

impl Set {
    /// A set of the given migrations, sorted by version.
    ///
    /// # Errors
    ///
    /// When two of them have the same version.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::{Options, Script, Set, SqlMigration, Version, sql};
    /// use std::sync::Arc;
    ///
    /// let text = "CREATE TABLE users (id bigint PRIMARY KEY);";
    /// let up = Script::new("0001_users.sql", text, sql::split(text).statements, Options::NONE);
    /// let set = Set::new("app", vec![Arc::new(SqlMigration::new(Version::numeric("0001"), "0001_users", up))])?;
    /// assert_eq!(set.len(), 1);
    /// # Ok::<(), migrate_core::DuplicateVersion>(())
    /// ```
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        mut migrations: Vec<Arc<dyn Migration>>,
    ) -> Result<Set, DuplicateVersion> {
        migrations.sort_by(|a, b| a.version().cmp(b.version()));
        for pair in migrations.windows(2) {
            if pair[0].version() == pair[1].version() {
                return Err(DuplicateVersion {
                    version: pair[0].version().clone(),
                    first: pair[0].name().to_owned(),
                    second: pair[1].name().to_owned(),
                });
            }
        }
        let order = migrations.first().map_or(VersionOrder::Numeric, |m| m.version().order());
        let (migrations, replaced) = divide(migrations, |migration| &**migration);
        let digests = DigestChain::of(migrations.iter().map(|m| (m.version(), m.checksum())));
        let (members, replaced) = (Members::Owned(migrations), Members::Owned(replaced));
        Ok(Set { name: name.into(), order, members, replaced, digests, folder: None })
    }

    /// What `migrate!` emits: migrations already sorted, with the digests of all their beginnings, and the folder
    /// that they came from on the machine that built them.
    #[doc(hidden)]
    pub const fn from_static(
        name: &'static str,
        order: VersionOrder,
        migrations: &'static [SqlMigration],
        replaced: &'static [SqlMigration],
        digests: &'static [u8],
        folder: &'static str,
    ) -> Set {
        Set {
            name: Cow::Borrowed(name),
            order,
            members: Members::Embedded(migrations),
            replaced: Members::Embedded(replaced),
            digests: DigestChain::from_static(digests),
            folder: Some(Cow::Borrowed(folder)),
        }
    }

    /// The same set under another name.
    pub fn named(self, name: impl Into<Cow<'static, str>>) -> Set {
        Set { name: name.into(), ..self }
    }

    /// The same set with the order of its layout, which an empty one has too.
    pub(crate) fn ordered(self, order: VersionOrder) -> Set {
        Set { order, ..self }
    }

    /// The name that tells this set's history from those of other sets in the same database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its versions compare.
    pub fn order(&self) -> VersionOrder {
        self.order
    }

    /// How many migrations it has, those left out that others of it replace.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The migration at a place, the first being 0.
    pub fn get(&self, index: usize) -> Option<&dyn Migration> {
        self.members.get(index)
    }

    /// Its migrations, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Migration> + ExactSizeIterator {
        (0..self.len()).map(|index| self.get(index).expect("an index below the length"))
    }

    /// The migrations that others of it replace, in order. They are applied only where the database stands in the
    /// midst of them.
    pub fn replaced(&self) -> impl Iterator<Item = &dyn Migration> {
        (0..self.replaced.len()).filter_map(|index| self.replaced.get(index))
    }

    /// The place of a version.
    pub fn position(&self, version: &Version) -> Option<usize> {
        self.members.position(version)
    }

    /// The migration of a version, also one that another one replaces.
    pub fn find(&self, version: &Version) -> Option<&dyn Migration> {
        let of = |members: &'_ Members| members.position(version);
        match of(&self.members) {
            Some(index) => self.members.get(index),
            None => of(&self.replaced).and_then(|index| self.replaced.get(index)),
        }
    }

    /// The last version, if there is any migration that is not repeatable.
    pub fn last_version(&self) -> Option<&Version> {
        self.iter().rev().map(Migration::version).find(|version| !version.is_repeatable())
    }

    /// The digests of its beginnings.
    pub fn digests(&self) -> &DigestChain {
        &self.digests
    }

    /// The folder that `migrate!` read on the machine that built the binary; none in a release build, which says
    /// nothing of that machine.
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref().filter(|folder| !folder.is_empty())
    }
}

impl Members {
    fn len(&self) -> usize {
        match self {
            Members::Embedded(migrations) => migrations.len(),
            Members::Owned(migrations) => migrations.len(),
        }
    }

    fn get(&self, index: usize) -> Option<&dyn Migration> {
        match self {
            Members::Embedded(migrations) => migrations.get(index).map(|m| m as &dyn Migration),
            Members::Owned(migrations) => migrations.get(index).map(|m| &**m),
        }
    }

    fn position(&self, version: &Version) -> Option<usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.get(middle)?.version().cmp(version) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Divides sorted migrations into those that count and those that others replace. What replaces others may be replaced in its turn;
/// then its range counts no more.
pub fn divide<M>(migrations: Vec<M>, of: impl Fn(&M) -> &dyn Migration) -> (Vec<M>, Vec<M>) {
    let mut ranges: Vec<RangeInclusive<Version>> = Vec::new();
    let (mut count, mut replaced) = (Vec::new(), Vec::new());
    // From the end: a range lies before what replaces it.
    for migration in migrations.into_iter().rev() {
        let version = of(&migration).version();
        if ranges.iter().any(|range| range.contains(version)) {
            replaced.push(migration);
        } else {
            ranges.extend(of(&migration).replaces());
            count.push(migration);
        }
    }
    count.reverse();
    replaced.reverse();
    (count, replaced)
}
