//! Migrations: one versioned change each.

use crate::set::checksum::Checksum;
use crate::set::code::Code;
use crate::set::options::Options;
use crate::set::script::Script;
use crate::set::version::Version;
use crate::sql::TransactionMode;
use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::RangeInclusive;

/// One versioned change: an up script, and optionally a down script and queries that verify the result.
///
/// [`SqlMigration`] implements it; `migrate!` embeds those, and a folder read at run time yields them.
pub trait Migration: Debug + Send + Sync {
    /// The version: the migration's identity and its position within the set.
    fn version(&self) -> &Version;

    /// The display name: the file name without its endings, or the folder name, such as `0001_create_users`.
    fn name(&self) -> &str;

    /// The checksum of [`Migration::up`]. If it differs from the recorded one, an applied migration was
    /// edited.
    fn checksum(&self) -> Checksum;

    /// The range of versions that this migration replaces, inclusive. It runs where none of them is applied,
    /// and is recorded without running where all of them are.
    fn replaces(&self) -> Option<RangeInclusive<Version>> {
        None
    }

    /// The version of a backfill that must be finished before this migration is applied.
    fn after(&self) -> Option<Version> {
        None
    }

    /// Takes the schema forward.
    fn up(&self) -> Payload<'_>;

    /// Takes the schema back, if the migration supports that.
    fn down(&self) -> Option<Payload<'_>>;

    /// Queries that verify the migration: each must return no row, or a single `true`.
    fn verify(&self) -> Option<&Script>;
}

/// The work of a step: an open choice, to which kinds other than SQL can be added.
///
/// Outside of the executors, ask the methods here: each decides for every kind.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Payload<'a> {
    /// SQL, borrowed from the set or owned if a history stored it.
    Script(Cow<'a, Script>),
    /// SQL with `${batch}`, which runs over a table in batches: a [backfill](crate::backfill).
    Backfill(Cow<'a, Script>),
    /// Rust code, which the program was compiled with.
    Code(&'a Code),
}

impl<'a> Payload<'a> {
    /// The work of a script, whose options say of which kind it is.
    pub fn of_script(script: Cow<'a, Script>) -> Payload<'a> {
        if script.options().batch.is_some() { Payload::Backfill(script) } else { Payload::Script(script) }
    }

    /// The same work with nothing left to choose: `${batch}` is `true`, so that a backfill runs as a whole.
    pub(crate) fn whole(self) -> Payload<'a> {
        match self {
            Payload::Backfill(script) => Payload::Backfill(Cow::Owned(script.in_batch("true"))),
            whole @ (Payload::Script(_) | Payload::Code(_)) => whole,
        }
    }

    /// The number of its statements, which progress and checkpoints count; none of code, whose statements are not known.
    pub fn statement_count(&self) -> usize {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => script.statements().len(),
            Payload::Code(_) => 0,
        }
    }

    /// The way it is committed: as a whole, or in parts.
    pub fn transaction(&self) -> TransactionMode {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => script.transaction(),
            Payload::Code(code) => code.transaction(),
        }
    }

    /// True if there is nothing to run.
    pub fn is_empty(&self) -> bool {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => script.statements().is_empty(),
            Payload::Code(_) => false,
        }
    }

    /// The options in its header.
    pub fn options(&self) -> &Options {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => script.options(),
            Payload::Code(code) => code.options(),
        }
    }

    /// The file that it was read from, relative to the migration directory.
    pub fn path(&self) -> &str {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => script.path(),
            Payload::Code(code) => code.path(),
        }
    }

    /// The code, if this payload is Rust code.
    pub fn code(&self) -> Option<&'a Code> {
        match self {
            Payload::Script(_) | Payload::Backfill(_) => None,
            Payload::Code(code) => Some(code),
        }
    }

    /// The text as it is written, which a checksum identifies and a history stores, if it has one.
    pub fn source(&self) -> Option<&str> {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => Some(script.source()),
            Payload::Code(_) => None,
        }
    }

    /// The text with the values of its placeholders, if it has one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => Some(script.text()),
            Payload::Code(_) => None,
        }
    }

    /// The texts of its SQL statements; none if it has no SQL.
    pub fn statement_texts(&self) -> Vec<&str> {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => {
                script.statements().iter().map(|statement| statement.text(script.text())).collect()
            }
            Payload::Code(_) => Vec::new(),
        }
    }

    /// The SQL that a history stores beside the checksum, so that a release without the migration can revert it.
    /// None of code, which only a program contains.
    pub fn stored(self) -> Option<Cow<'a, Script>> {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => Some(script),
            Payload::Code(_) => None,
        }
    }

    /// The same kind of work with another text. Code stays as it is.
    pub fn with_sql<'s>(self, sql: &'s Script) -> Payload<'s>
    where
        'a: 's,
    {
        match self {
            Payload::Script(_) => Payload::Script(Cow::Borrowed(sql)),
            Payload::Backfill(_) => Payload::Backfill(Cow::Borrowed(sql)),
            Payload::Code(code) => Payload::Code(code),
        }
    }

    /// The script, if this payload is one.
    pub fn script(&self) -> Option<&Script> {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => Some(script),
            Payload::Code(_) => None,
        }
    }

    /// The script, borrowed from the set where possible.
    pub fn into_script(self) -> Option<Cow<'a, Script>> {
        match self {
            Payload::Script(script) | Payload::Backfill(script) => Some(script),
            Payload::Code(_) => None,
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
    /// Creates a migration from an up script, identified by the checksum of its text.
    pub fn new(version: Version, name: impl Into<Cow<'static, str>>, up: Script) -> SqlMigration {
        let checksum = Checksum::of(up.source());
        SqlMigration { version, name: name.into(), checksum, up, down: None, verify: None }
    }

    /// Adds a down script.
    pub fn with_down(self, down: Script) -> SqlMigration {
        SqlMigration { down: Some(Box::new(down)), ..self }
    }

    /// Adds a verify script.
    pub fn with_verify(self, verify: Script) -> SqlMigration {
        SqlMigration { verify: Some(Box::new(verify)), ..self }
    }

    /// Creates an embedded migration.
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

    /// The down script, if any.
    pub fn down_script(&self) -> Option<&Script> {
        self.down.as_deref()
    }

    /// The verify script, if any.
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
        self.up.options().replaced_by(&self.version)
    }

    fn after(&self) -> Option<Version> {
        self.up.options().awaited_by(&self.version)
    }

    fn up(&self) -> Payload<'_> {
        Payload::of_script(Cow::Borrowed(&self.up))
    }

    fn down(&self) -> Option<Payload<'_>> {
        self.down.as_deref().map(|script| Payload::Script(Cow::Borrowed(script)))
    }

    fn verify(&self) -> Option<&Script> {
        self.verify.as_deref()
    }
}
