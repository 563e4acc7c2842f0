//! Migrations whose placeholders are replaced with values.

use crate::set::checksum::Checksum;
use crate::set::file_migration::FileMigration;
use crate::set::migration::{Migration, Payload};
use crate::set::placeholder::Values;
use crate::set::script::Script;
use crate::set::version::Version;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A migration whose scripts are filled when they are requested, so that a boot with nothing to do fills
/// none.
#[derive(Clone, Debug)]
pub(crate) struct Filled {
    base: Base,
    verify: Option<Script>,
    values: Arc<Values>,
}

/// The migration before its placeholders are filled.
#[derive(Clone, Debug)]
pub(crate) enum Base {
    Embedded(&'static FileMigration),
    Owned(Arc<dyn Migration>),
}

impl Base {
    fn migration(&self) -> &dyn Migration {
        match self {
            Base::Embedded(migration) => *migration,
            Base::Owned(migration) => &**migration,
        }
    }
}

impl Filled {
    pub(crate) fn new(base: Base, values: Arc<Values>) -> Filled {
        let verify = base.migration().verify().map(|script| script.filled(&values));
        Filled { base, verify, values }
    }

    /// The migration before its placeholders are filled.
    pub(crate) fn base(&self) -> Base {
        self.base.clone()
    }

    fn fill<'a>(&self, payload: Payload<'a>) -> Payload<'a> {
        match payload {
            Payload::Script(script) if script.placeholders().is_empty() => Payload::Script(script),
            Payload::Backfill(script) => Payload::Backfill(Cow::Owned(script.filled(&self.values))),
            Payload::Script(script) => Payload::Script(Cow::Owned(script.filled(&self.values))),
            code @ Payload::Code(_) => code,
        }
    }
}

impl Migration for Filled {
    fn version(&self) -> &Version {
        self.base.migration().version()
    }

    fn name(&self) -> &str {
        self.base.migration().name()
    }

    fn checksum(&self) -> Checksum {
        self.base.migration().checksum()
    }

    fn replaces(&self) -> Option<RangeInclusive<Version>> {
        self.base.migration().replaces()
    }

    fn after(&self) -> Option<Version> {
        self.base.migration().after()
    }

    fn up(&self) -> Payload<'_> {
        self.fill(self.base.migration().up())
    }

    fn down(&self) -> Option<Payload<'_>> {
        self.base.migration().down().map(|payload| self.fill(payload))
    }

    fn verify(&self) -> Option<&Script> {
        self.verify.as_ref()
    }
}
