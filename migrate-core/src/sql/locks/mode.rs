//! Lock modes, and the work done under a lock.

use std::fmt;

/// A table-level lock mode, from the weakest to the strongest (manual, section 13.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Taken by `SELECT`.
    AccessShare,
    /// Taken by `SELECT … FOR UPDATE`.
    RowShare,
    /// Taken by `INSERT`, `UPDATE` and `DELETE`.
    RowExclusive,
    /// Taken by `VACUUM`, `ANALYZE`, `CREATE INDEX CONCURRENTLY` and `VALIDATE CONSTRAINT`.
    ShareUpdateExclusive,
    /// Taken by `CREATE INDEX`.
    Share,
    /// Taken by `CREATE TRIGGER` and by foreign keys.
    ShareRowExclusive,
    /// Taken by `REFRESH MATERIALIZED VIEW CONCURRENTLY`.
    Exclusive,
    /// Taken by most forms of `ALTER TABLE`.
    AccessExclusive,
}

impl LockMode {
    /// True if `SELECT` has to wait for it.
    pub const fn blocks_reads(self) -> bool {
        matches!(self, LockMode::AccessExclusive)
    }

    /// True if `INSERT`, `UPDATE` and `DELETE` have to wait for it.
    pub const fn blocks_writes(self) -> bool {
        matches!(
            self,
            LockMode::Share | LockMode::ShareRowExclusive | LockMode::Exclusive | LockMode::AccessExclusive
        )
    }

    /// Parses the mode as `pg_locks` spells it: `AccessExclusiveLock`.
    pub fn from_pg_locks(mode: &str) -> Option<LockMode> {
        Some(match mode {
            "AccessShareLock" => LockMode::AccessShare,
            "RowShareLock" => LockMode::RowShare,
            "RowExclusiveLock" => LockMode::RowExclusive,
            "ShareUpdateExclusiveLock" => LockMode::ShareUpdateExclusive,
            "ShareLock" => LockMode::Share,
            "ShareRowExclusiveLock" => LockMode::ShareRowExclusive,
            "ExclusiveLock" => LockMode::Exclusive,
            "AccessExclusiveLock" => LockMode::AccessExclusive,
            _ => return None,
        })
    }

    /// The mode as `LOCK TABLE` spells it: `ACCESS EXCLUSIVE`.
    pub const fn as_sql(self) -> &'static str {
        match self {
            LockMode::AccessShare => "ACCESS SHARE",
            LockMode::RowShare => "ROW SHARE",
            LockMode::RowExclusive => "ROW EXCLUSIVE",
            LockMode::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            LockMode::Share => "SHARE",
            LockMode::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            LockMode::Exclusive => "EXCLUSIVE",
            LockMode::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_sql())
    }
}

/// The work of a statement on a relation while it holds its lock, whose duration depends on the relation's
/// size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TableScan {
    /// Only the catalog changes.
    Catalog,
    /// Rows are read or changed, as many as the statement matches.
    Rows,
    /// A full scan.
    Scan,
    /// A full scan that builds an index.
    Build,
    /// A rewrite of the relation and its indexes.
    Rewrite,
}

impl fmt::Display for TableScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableScan::Catalog => "catalog only",
            TableScan::Rows => "rows",
            TableScan::Scan => "scanned",
            TableScan::Build => "index built",
            TableScan::Rewrite => "rewritten",
        })
    }
}
