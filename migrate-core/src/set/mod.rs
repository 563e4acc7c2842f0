//! Migration sets: the ordered migrations that one `migrate!()` embeds.

pub(crate) mod approval;
pub mod checksum;
pub mod code;
pub mod companion;
pub mod digest;
#[doc(hidden)]
pub mod embedded;
pub mod file_migration;
pub(crate) mod filled;
pub(crate) mod layout;
pub mod migration;
pub mod options;
pub mod placeholder;
pub mod problem;
pub mod registered;
mod role;
pub mod script;
pub mod version;

pub use approval::{Approval, ScriptApproval};
pub use layout::Layout;
pub use role::Role;

use crate::set::companion::{Assertion, CompanionFile, Seed, UnusableCompanions};
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

/// The name of a set that was given none.
pub const DEFAULT_SET: &str = "default";

static NO_VALUES: Values = Values::NONE;

/// A named, ordered collection of migrations. Because sets have names, several of them (an application's and
/// its libraries') can live in one database.
///
/// A `Set` is always sorted, and no two of its migrations share a version.
#[derive(Clone, Debug)]
pub struct Set {
    name: Cow<'static, str>,
    order: VersionOrder,
    members: Members,
    /// Migrations that other members of the set replace. They are not applied to a database that has none of
    /// their range.
    replaced: Members,
    digests: DigestChain,
    folder: Option<Cow<'static, str>>,
    /// The names of the placeholders that the scripts may use.
    placeholders: Cow<'static, [Cow<'static, str>]>,
    /// The values of the placeholders, if given.
    values: Option<Arc<Values>>,
    /// Remarks about the files that the set was read from.
    notices: Cow<'static, [Cow<'static, str>]>,
    /// The files with assertions and seeds. They are read when they are asked for.
    assertions: Cow<'static, [CompanionFile]>,
    seeds: Cow<'static, [CompanionFile]>,
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
    /// The shared version.
    pub version: Version,
    /// The name of one migration.
    pub first: String,
    /// The name of the other migration.
    pub second: String,
}

crate::debug_as_display!(DuplicateVersion);

impl Set {
    /// Creates a set from the given migrations, sorted by version.
    ///
    /// # Errors
    ///
    /// If two migrations have the same version.
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
            assertions: Cow::Borrowed(&[]),
            seeds: Cow::Borrowed(&[]),
        })
    }

    /// Creates the set that `migrate!` emits: packed migrations, already sorted; a cell for each one that is
    /// unpacked on demand; the digests of all prefixes; and the source folder on the build machine.
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
            assertions: Cow::Borrowed(literals.assertions),
            seeds: Cow::Borrowed(literals.seeds),
        }
    }

    /// Adds a migration, in the order of the versions.
    ///
    /// # Errors
    ///
    /// If the set has a migration of this version.
    pub(crate) fn with(self, migration: Arc<dyn Migration>) -> Result<Set, DuplicateVersion> {
        let members = self.members.owned().chain(self.replaced.owned()).chain([migration]);
        let Set { members, replaced, digests, .. } = Set::new(DEFAULT_SET, members.collect())?;
        let (members, replaced) = match &self.values {
            Some(values) => (members.filled(values), replaced.filled(values)),
            None => (members, replaced),
        };
        Ok(Set { members, replaced, digests, ..self })
    }

    /// Renames the set.
    pub fn named(self, name: impl Into<Cow<'static, str>>) -> Set {
        Set { name: name.into(), ..self }
    }

    /// Sets the version order of the layout, which an empty set has, too.
    pub(crate) fn ordered(self, order: VersionOrder) -> Set {
        Set { order, ..self }
    }

    /// Declares the names of the placeholders.
    pub(crate) fn declaring(self, placeholders: Vec<String>) -> Set {
        Set { placeholders: placeholders.into_iter().map(Cow::Owned).collect(), ..self }
    }

    /// Attaches remarks about the files.
    pub(crate) fn noting(self, notices: Vec<String>) -> Set {
        Set { notices: notices.into_iter().map(Cow::Owned).collect(), ..self }
    }

    /// Attaches the files with assertions and seeds.
    pub(crate) fn accompanied(self, assertions: Vec<CompanionFile>, seeds: Vec<CompanionFile>) -> Set {
        Set { assertions: Cow::Owned(assertions), seeds: Cow::Owned(seeds), ..self }
    }

    /// The [assertions](crate::set::companion) beside the migrations, in the order of their names, with the
    /// values of the placeholders.
    pub fn assertions(&self) -> impl Iterator<Item = Assertion> {
        usable(&self.assertions).map(|file| Assertion::new(self.companion(file, Role::Assertion)))
    }

    /// The [seeds](crate::set::companion) beside the migrations, in the order in which they run, with the
    /// values of the placeholders.
    pub fn seeds(&self) -> impl Iterator<Item = Seed> {
        usable(&self.seeds).map(|file| Seed::new(self.companion(file, Role::Seed)))
    }

    /// Checks that no assertion beside the migrations has a fault.
    ///
    /// # Errors
    ///
    /// All that have one.
    pub fn check_assertions(&self) -> Result<(), UnusableCompanions> {
        UnusableCompanions::of(&self.assertions, Role::Assertion)
    }

    /// Checks that no seed beside the migrations has a fault.
    ///
    /// # Errors
    ///
    /// All that have one.
    pub fn check_seeds(&self) -> Result<(), UnusableCompanions> {
        UnusableCompanions::of(&self.seeds, Role::Seed)
    }

    /// The paths of the assertions and seeds, relative to the folder above the migrations' folder or to that
    /// folder itself. Nothing is parsed.
    pub fn companion_paths(&self) -> impl Iterator<Item = &str> {
        self.assertions.iter().chain(&*self.seeds).map(CompanionFile::shown_path)
    }

    fn companion(&self, file: &CompanionFile, role: Role) -> Script {
        let names: Vec<String> = self.placeholders().map(str::to_owned).collect();
        let script = file.script(role, &names);
        match self.values.as_deref() {
            Some(values) if !script.placeholders().is_empty() => script.filled(values),
            _ => script,
        }
    }

    /// Remarks about the files that the set was read from, one line each: files that were skipped because
    /// they are not migrations, scripts that do nothing, invisible characters in names. A macro can't emit
    /// warnings, so they are shown when the set runs.
    pub fn notices(&self) -> impl ExactSizeIterator<Item = &str> {
        self.notices.iter().map(AsRef::as_ref)
    }

    /// The names of the [placeholders](crate::set::placeholder) that the scripts may use.
    pub fn placeholders(&self) -> impl ExactSizeIterator<Item = &str> {
        self.placeholders.iter().map(AsRef::as_ref)
    }

    /// Returns the set with these placeholder values, replacing any earlier ones. Versions, checksums and
    /// digests stay the same.
    pub fn filled(&self, values: Values) -> Set {
        let values = Arc::new(values);
        let (members, replaced) = (self.members.filled(&values), self.replaced.filled(&values));
        Set { members, replaced, values: Some(values), ..self.clone() }
    }

    /// Checks that each placeholder has a valid value.
    ///
    /// # Errors
    ///
    /// The first invalid value. A set without placeholders is always valid.
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
        let check = |script: &Script| {
            let in_body = |p: &&Placeholder| p.in_body() && ends_body.contains(&p.name());
            match script.placeholders().iter().find(in_body) {
                Some(found) => {
                    let (name, path) = (found.name().to_owned(), script.path().to_owned());
                    Err(PlaceholderError::EndsBody { name, path })
                }
                None => Ok(()),
            }
        };
        self.iter().chain(self.replaced()).try_for_each(|migration| {
            let scripts = [Some(migration.up()), migration.down()];
            let mut scripts = scripts.into_iter().flatten().filter_map(Payload::into_script);
            scripts.try_for_each(|script| check(&script))?;
            migration.verify().map_or(Ok(()), check)
        })?;
        self.assertions().try_for_each(|assertion| check(assertion.script()))?;
        self.seeds().try_for_each(|seed| check(seed.script()))
    }

    /// Fills a script stored by a history with the values of this set.
    ///
    /// # Errors
    ///
    /// The fault in its placeholders.
    pub fn fill_kept(&self, script: Script) -> Result<Script, String> {
        if self.placeholders.is_empty() {
            return Ok(script);
        }
        let names: Vec<String> = self.placeholders().map(str::to_owned).collect();
        let is_batched = script.options().batch.is_some();
        let Placeholders { found, faults } = placeholder::of_script(script.text(), Some(&names), is_batched);
        match faults.first() {
            Some((_, text, fault)) => Err(format!("`{text}`: {fault}")),
            None => {
                let values = self.values.as_deref().unwrap_or(&NO_VALUES);
                Ok(script.with_placeholders(found).filled(values))
            }
        }
    }

    /// The set's name, which separates its history from those of other sets in the same database.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The order of its versions.
    pub fn order(&self) -> VersionOrder {
        self.order
    }

    /// The number of migrations, not counting those that others replace.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// True if the set has no migrations.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The migration at an index, starting at 0.
    pub fn get(&self, index: usize) -> Option<&dyn Migration> {
        self.members.get(index)
    }

    /// The migrations, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &dyn Migration> + ExactSizeIterator {
        (0..self.len()).map(|index| self.get(index).expect("an index below the length"))
    }

    /// The migrations that others replace, in order. They are applied only to a database that has applied
    /// part of their range.
    pub fn replaced(&self) -> impl Iterator<Item = &dyn Migration> {
        (0..self.replaced.len()).filter_map(|index| self.replaced.get(index))
    }

    /// The index of a version.
    pub fn position(&self, version: &Version) -> Option<usize> {
        self.members.position(version)
    }

    /// The migration with this version, including replaced ones.
    pub fn find(&self, version: &Version) -> Option<&dyn Migration> {
        let of = |members: &'_ Members| members.position(version);
        match of(&self.members) {
            Some(index) => self.members.get(index),
            None => of(&self.replaced).and_then(|index| self.replaced.get(index)),
        }
    }

    /// The migration that a text names by its version or its full name.
    pub fn named_as(&self, text: &str) -> Option<&dyn Migration> {
        let version = Version::new(text.to_owned(), self.order);
        let by_name = || self.iter().find(|migration| migration.name() == text);
        self.position(&version).and_then(|index| self.get(index)).or_else(by_name)
    }

    /// The last version, ignoring repeatable migrations.
    pub fn last_version(&self) -> Option<&Version> {
        self.iter().rev().map(Migration::version).find(|version| !version.is_repeatable())
    }

    /// The digests of its prefixes.
    pub fn digests(&self) -> &DigestChain {
        &self.digests
    }

    /// The folder that `migrate!` read on the build machine. `None` in a release build, which reveals nothing
    /// about that machine.
    pub fn folder(&self) -> Option<&str> {
        self.folder.as_deref().filter(|folder| !folder.is_empty())
    }
}

/// The files without a fault.
fn usable(files: &[CompanionFile]) -> impl Iterator<Item = &CompanionFile> {
    files.iter().filter(|file| file.faults().is_none())
}

impl Members {
    fn len(&self) -> usize {
        match self {
            Members::Embedded(migrations) => migrations.len(),
            Members::Owned(migrations) => migrations.len(),
            Members::Filled(migrations) => migrations.len(),
        }
    }

    /// The migrations before their placeholders are filled.
    fn bases(&self) -> Vec<Base> {
        match self {
            Members::Embedded(migrations) => migrations.iter().map(Base::Embedded).collect(),
            Members::Owned(migrations) => migrations.iter().cloned().map(Base::Owned).collect(),
            Members::Filled(migrations) => migrations.iter().map(Filled::base).collect(),
        }
    }

    /// The same as values of their own.
    fn owned(&self) -> impl Iterator<Item = Arc<dyn Migration>> {
        self.bases().into_iter().map(|base| match base {
            Base::Embedded(migration) => Arc::new(migration.clone()),
            Base::Owned(migration) => migration,
        })
    }

    /// Fills the placeholders of all members.
    fn filled(&self, values: &Arc<Values>) -> Members {
        let bases = self.bases().into_iter();
        Members::Filled(bases.map(|base| Filled::new(base, Arc::clone(values))).collect())
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

/// Divides sorted migrations into active and replaced ones. A migration that replaces others may itself be
/// replaced; then its own range no longer counts.
pub fn divide<M>(migrations: Vec<M>, of: impl Fn(&M) -> &dyn Migration) -> (Vec<M>, Vec<M>) {
    let mut ranges: Vec<RangeInclusive<Version>> = Vec::new();
    let (mut count, mut replaced) = (Vec::new(), Vec::new());
    // Iterate from the end: a range precedes the migration that replaces it.
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
