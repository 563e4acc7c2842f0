//! Migrations of a directory: SQL scripts, or Rust code.

use crate::set::checksum::Checksum;
use crate::set::code::CodeMigration;
use crate::set::migration::{Migration, Payload, SqlMigration};
use crate::set::script::Script;
use crate::set::version::Version;
use std::ops::RangeInclusive;

/// A migration that was read from files.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FileMigration {
    /// In SQL.
    Sql(SqlMigration),
    /// In Rust.
    Code(CodeMigration),
}

impl FileMigration {
    fn migration(&self) -> &dyn Migration {
        match self {
            FileMigration::Sql(migration) => migration,
            FileMigration::Code(migration) => migration,
        }
    }

    /// The up script, if it is in SQL.
    pub fn up_script(&self) -> Option<&Script> {
        match self {
            FileMigration::Sql(migration) => Some(migration.up_script()),
            FileMigration::Code(_) => None,
        }
    }

    /// The down script, if there is one in SQL.
    pub fn down_script(&self) -> Option<&Script> {
        match self {
            FileMigration::Sql(migration) => migration.down_script(),
            FileMigration::Code(migration) => migration.down_script(),
        }
    }

    /// The verify script, if there is one in SQL.
    pub fn verify_script(&self) -> Option<&Script> {
        match self {
            FileMigration::Sql(migration) => migration.verify_script(),
            FileMigration::Code(migration) => migration.verify_script(),
        }
    }
}

impl Migration for FileMigration {
    fn version(&self) -> &Version {
        self.migration().version()
    }

    fn name(&self) -> &str {
        self.migration().name()
    }

    fn checksum(&self) -> Checksum {
        self.migration().checksum()
    }

    fn replaces(&self) -> Option<RangeInclusive<Version>> {
        self.migration().replaces()
    }

    fn after(&self) -> Option<Version> {
        self.migration().after()
    }

    fn up(&self) -> Payload<'_> {
        self.migration().up()
    }

    fn down(&self) -> Option<Payload<'_>> {
        self.migration().down()
    }

    fn verify(&self) -> Option<&Script> {
        self.migration().verify()
    }
}
