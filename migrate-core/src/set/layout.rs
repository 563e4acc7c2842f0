//! The layout of the directory that a set came from.

use crate::set::version::VersionOrder;
use std::fmt;

/// A directory convention for migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// `0001_create_users.sql`, or `.up.sql` with `.down.sql` and `.verify.sql`: sqlx, golang-migrate.
    Flat,
    /// `<version>_<name>/up.sql` with `down.sql`, `verify.sql` and `metadata.toml`: diesel.
    Folders,
    /// `<name>/migration.sql` with `rollback.sql` or `down.sql`, and `verify.sql`; `migration_lock.toml`.
    Prisma,
    /// `V<version>__<name>.sql` with `U<version>__<name>.sql`, and `R__<name>.sql`: Flyway, and refinery with
    /// only `V` files.
    Flyway,
    /// `V<version>__<name>.sql`, and `U<version>__<name>.sql` as separate migrations: refinery.
    Refinery,
    /// `<version>_<name>.sql` with `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// `<version>_<name>.sql` with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// `<version>_<name>.sql` with `---- create above / drop below ----`.
    Tern,
}

impl Layout {
    /// The order of the layout's versions.
    pub fn order(self) -> VersionOrder {
        match self {
            Layout::Flat | Layout::Flyway | Layout::Refinery | Layout::Goose | Layout::Tern => {
                VersionOrder::Numeric
            }
            Layout::Folders | Layout::Prisma | Layout::Dbmate => VersionOrder::Text,
        }
    }
}

impl Layout {
    /// The name of the tool.
    pub(crate) fn tool(self) -> &'static str {
        match self {
            Layout::Flat => "flat",
            Layout::Folders => "folders",
            Layout::Prisma => "Prisma",
            Layout::Flyway => "Flyway",
            Layout::Refinery => "refinery",
            Layout::Goose => "goose",
            Layout::Dbmate => "dbmate",
            Layout::Tern => "tern",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tool())
    }
}
