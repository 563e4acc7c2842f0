//! The ordered migrations that one `migrate!()` embeds.

pub mod checksum;
pub mod digest;
#[doc(hidden)]
pub mod embedded;
pub(crate) mod filled;
pub(crate) mod layout;
pub mod migration;
pub mod options;
pub mod placeholder;
pub mod problem;
mod role;
pub mod script;
pub mod version;

pub use layout::Layout;
pub use role::Role;

use crate::set::digest::DigestChain;
use crate::set::embedded::{Embedded, LazyMigration, Literals};
use crate::set::filled::{Base, Filled};
use crate::set::migration::{Migration, Payload};
use crate::set::placeholder::{Placeholder, PlaceholderError, Placeholders, Values};
use crate::set::script::Script;
use crate::set::version::{Version, VersionOrder};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The name of a set that was not given one.
pub const DEFAULT_SET: &str = "default";

static NO_VALUES: Values = Values::NONE;

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
    /// The names of the placeholders that its scripts may have.
    placeholders: Cow<'static, [Cow<'static, str>]>,
    /// Their values, where they were given.
    values: Option<Arc<Values>>,
    /// What may surprise about the files that it was read from.
    notices: Cow<'static, [Cow<'static, str>]>,
}

#[derive(Clone, Debug)]
enum Members {
    Embedded(Embedded),
    Owned(Vec<Arc<dyn Migration>>),
    Filled(Vec<Filled>),
}

/// Two migrations of one set have the same version.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", crate::clean!("version {version} is both `{first}` and `{second}`: give one of them another version"))]
pub struct DuplicateVersion {
    /// The version that both have.
    pub version: Version,
    /// The name of one of them.
    pub first: String,
    /// The name of the other.
    pub second: String,
}

crate::debug_as_display!(DuplicateVersion);

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
        let (name, placeholders) = (name.into(), Cow::Borrowed(&[][..]));
        Ok(Set {
            name,
            order,
            members,
            replaced,
            digests,
            folder: None,
            placeholders,
            values: None,
            notices: Cow::Borrowed(&[]),
        })
    }

    /// What `migrate!` emits: migrations in tables, already sorted, and a place for each that is looked at; the digests of all
    /// beginnings, and the folder that they came from on the machine that built them.
    #[doc(hidden)]
    pub const fn from_static(
        name: &'static str,
        literals: &'static Literals,
        made: &'static [LazyMigration],
        digests: &'static [u8],
        folder: &'static str,
        placeholders: &'static [Cow<'static, str>],
        notices: &'static [Cow<'static, str>],
    ) -> Set {
        let digests = DigestChain::from_static(digests);
        let (members, replaced) = Embedded::divided(literals, made, digests.migrations());
        Set {
            name: Cow::Borrowed(name),
            order: literals.order,
            members: Members::Embedded(members),
            replaced: Members::Embedded(replaced),
            digests,
            folder: Some(Cow::Borrowed(folder)),
            placeholders: Cow::Borrowed(placeholders),
            values: None,
            notices: Cow::Borrowed(notices),
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

    /// The same set with the names of its placeholders.
    pub(crate) fn declaring(self, placeholders: Vec<String>) -> Set {
        Set { placeholders: placeholders.into_iter().map(Cow::Owned).collect(), ..self }
    }

    /// The same set with what may surprise about its files.
    pub(crate) fn noting(self, notices: Vec<String>) -> Set {
        Set { notices: notices.into_iter().map(Cow::Owned).collect(), ..self }
    }

    /// What may surprise about the files that it was read from, a line each: files that are no migrations and were left alone, scripts
    /// that do nothing, invisible characters in names. A macro can't warn of it, so it is shown where the set is run.
    pub fn notices(&self) -> impl ExactSizeIterator<Item = &str> {
        self.notices.iter().map(AsRef::as_ref)
    }

    /// The names of the [placeholders](crate::set::placeholder) that its scripts may have.
    pub fn placeholders(&self) -> impl ExactSizeIterator<Item = &str> {
        self.placeholders.iter().map(AsRef::as_ref)
    }

    /// The same set with values in the place of its placeholders, instead of those that it had. Versions, checksums and digests stay.
    pub fn filled(&self, values: Values) -> Set {
        let values = Arc::new(values);
        let (members, replaced) = (self.members.filled(&values), self.replaced.filled(&values));
        Set { members, replaced, values: Some(values), ..self.clone() }
    }

    /// Whether each of its placeholders has a value that it can have.
    ///
    /// # Errors
    ///
    /// The first that is wrong. A set without placeholders has nothing to complain of.
    pub fn check_values(&self) -> Result<(), PlaceholderError> {
        let values = self.values.as_deref().unwrap_or(&NO_VALUES);
        if let Some(name) = values.names().find(|name| !self.placeholders().any(|declared| declared == *name))
        {
            let declared = self.placeholders().map(str::to_owned).collect();
            return Err(PlaceholderError::Undeclared { name: name.to_owned(), declared });
        }
        if let Some(name) = self.placeholders().find(|name| values.get(name).is_none()) {
            return Err(PlaceholderError::NoValue { name: name.to_owned() });
        }
        let ends_body: Vec<&str> =
            values.names().filter(|name| values.get(name).is_some_and(placeholder::may_end_body)).collect();
        if ends_body.is_empty() {
            return Ok(());
        }
        self.iter().chain(self.replaced()).try_for_each(|migration| {
            let scripts = [Some(migration.up()), migration.down()];
            let scripts = scripts.into_iter().flatten().filter_map(Payload::into_script);
            for script in scripts.chain(migration.verify().map(Cow::Borrowed)) {
                let in_body = |p: &&Placeholder| p.in_body() && ends_body.contains(&p.name());
                if let Some(found) = script.placeholders().iter().find(in_body) {
                    let (name, path) = (found.name().to_owned(), script.path().to_owned());
                    return Err(PlaceholderError::EndsBody { name, path });
                }
            }
            Ok(())
        })
    }

    /// A script that a history kept, with the values of this set.
    ///
    /// # Errors
    ///
    /// What is wrong with its placeholders.
    pub fn fill_kept(&self, script: Script) -> Result<Script, String> {
        if self.placeholders.is_empty() {
            return Ok(script);
        }
        let names: Vec<String> = self.placeholders().map(str::to_owned).collect();
        let Placeholders { found, faults } = placeholder::find(script.text(), &names);
        match faults.first() {
            Some((_, text, fault)) => Err(format!("`{text}`: {fault}")),
            None => {
                let values = self.values.as_deref().unwrap_or(&NO_VALUES);
                Ok(script.with_placeholders(found).filled(values))
            }
        }
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
            Members::Filled(migrations) => migrations.len(),
        }
    }

    /// The same with values.
    fn filled(&self, values: &Arc<Values>) -> Members {
        let fill = |base| Filled::new(base, Arc::clone(values));
        Members::Filled(match self {
            Members::Embedded(migrations) => migrations.iter().map(Base::Embedded).map(fill).collect(),
            Members::Owned(migrations) => migrations.iter().cloned().map(Base::Owned).map(fill).collect(),
            Members::Filled(migrations) => migrations.iter().map(Filled::base).map(fill).collect(),
        })
    }

    fn get(&self, index: usize) -> Option<&dyn Migration> {
        match self {
            Members::Embedded(migrations) => migrations.get(index).map(|m| m as &dyn Migration),
            Members::Owned(migrations) => migrations.get(index).map(|m| &**m),
            Members::Filled(migrations) => migrations.get(index).map(|m| m as &dyn Migration),
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
