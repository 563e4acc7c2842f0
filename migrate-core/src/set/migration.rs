//! One versioned change.

use crate::set::checksum::Checksum;
use crate::set::script::Script;
use crate::set::version::Version;
use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// One versioned change: what takes a schema forward, and optionally what takes it back and what proves it right.
///
/// Implemented by [`SqlMigration`], which is what `migrate!` embeds and what a folder read at run time gives.
pub trait Migration: Debug + Send + Sync {
    /// Its identity within the set, and its place there.
    fn version(&self) -> &Version;

    /// Its name as people know it: the file's name without endings, or the folder's: `0001_create_users`.
    fn name(&self) -> &str;

    /// What identifies [`Migration::up`]: an applied migration whose checksum changes was edited.
    fn checksum(&self) -> Checksum;

    /// The versions that it replaces, the last one included: it is run where none of them is applied, and recorded
    /// without being run where all of them are.
    fn replaces(&self) -> Option<RangeInclusive<Version>> {
        None
    }

    /// What takes the schema forward.
    fn up(&self) -> Payload<'_>;

    /// What takes the schema back, if there is such a thing.
    fn down(&self) -> Option<Payload<'_>>;

    /// Queries that prove the migration right: each returns no row, or a single true.
    fn verify(&self) -> Option<&Script>;
}

/// What a step does: an open choice, more kinds will come. What needs a script asks for one, and says what it does without.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// SQL: borrowed from the set, or owned when it was kept by a history.
    Script(Cow<'a, Script>),
}

impl<'a> Payload<'a> {
    /// The script that it is, if it is one.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Payload::Script(script) => Some(script),
        }
    }

    /// The same, borrowed from the set where it can be.
    pub fn into_script(self) -> Option<Cow<'a, Script>> {
        match self {
            Payload::Script(script) => Some(script),
        }
    }
}

/// A migration made of SQL scripts.
#[derive(Clone, Debug)]
#[must_use = "each setting returns the migration"]
pub struct SqlMigration {
    version: Version,
    name: Cow<'static, str>,
    checksum: Checksum,
    up: Script,
    down: Option<Box<Script>>,
    verify: Option<Box<Script>>,
}

impl SqlMigration {
    /// A migration of an up script, identified by the checksum of its text.
    pub fn new(version: Version, name: impl Into<Cow<'static, str>>, up: Script) -> SqlMigration {
        let checksum = Checksum::of(up.source());
        SqlMigration { version, name: name.into(), checksum, up, down: None, verify: None }
    }

    /// The same migration with a down script.
    pub fn with_down(self, down: Script) -> SqlMigration {
        SqlMigration { down: Some(Box::new(down)), ..self }
    }

    /// The same migration with a verify script.
    pub fn with_verify(self, verify: Script) -> SqlMigration {
        SqlMigration { verify: Some(Box::new(verify)), ..self }
    }

    /// An embedded one.
    pub(crate) fn from_static(
        version: Version,
        name: &'static str,
        checksum: [u8; 32],
        up: Script,
        down: Option<Script>,
        verify: Option<Script>,
    ) -> SqlMigration {
        let checksum = Checksum::Sha256(checksum);
        let (down, verify) = (down.map(Box::new), verify.map(Box::new));
        SqlMigration { version, name: Cow::Borrowed(name), checksum, up, down, verify }
    }

    /// The up script.
    pub fn up_script(&self) -> &Script {
        &self.up
    }

    /// The down script, if there is one.
    pub fn down_script(&self) -> Option<&Script> {
        self.down.as_deref()
    }

    /// The verify script, if there is one.
    pub fn verify_script(&self) -> Option<&Script> {
        self.verify.as_deref()
    }
}

impl Migration for SqlMigration {
    fn version(&self) -> &Version {
        &self.version
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn checksum(&self) -> Checksum {
        self.checksum
    }

    fn replaces(&self) -> Option<RangeInclusive<Version>> {
        let range = self.up.options().replaces.as_ref()?;
        let version = |text: &Cow<'static, str>| Version::new(text.clone(), self.version.order());
        Some(version(&range.first)..=version(&range.last))
    }

    fn up(&self) -> Payload<'_> {
        Payload::Script(Cow::Borrowed(&self.up))
    }

    fn down(&self) -> Option<Payload<'_>> {
        self.down.as_deref().map(|script| Payload::Script(Cow::Borrowed(script)))
    }

    fn verify(&self) -> Option<&Script> {
        self.verify.as_deref()
    }
}
