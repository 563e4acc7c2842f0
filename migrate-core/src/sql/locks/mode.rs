//! Lock modes, and what is done under them.

use std::fmt;

/// A table-level lock mode, from the weakest to the strongest (manual, section 13.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// What a `SELECT` takes.
    AccessShare,
    /// What `SELECT … FOR UPDATE` takes.
    RowShare,
    /// What `INSERT`, `UPDATE` and `DELETE` take.
    RowExclusive,
    /// What `VACUUM`, `ANALYZE`, `CREATE INDEX CONCURRENTLY` and `VALIDATE CONSTRAINT` take.
    ShareUpdateExclusive,
    /// What `CREATE INDEX` takes.
    Share,
    /// What `CREATE TRIGGER` and foreign keys take.
    ShareRowExclusive,
    /// What `REFRESH MATERIALIZED VIEW CONCURRENTLY` takes.
    Exclusive,
    /// What most forms of `ALTER TABLE` take.
    AccessExclusive,
}

impl LockMode {
    /// Whether `SELECT` has to wait for it.
    pub const fn blocks_reads(self) -> bool {
        matches!(self, LockMode::AccessExclusive)
    }

    /// Whether `INSERT`, `UPDATE` and `DELETE` have to wait for it.
    pub const fn blocks_writes(self) -> bool {
        matches!(
            self,
            LockMode::Share | LockMode::ShareRowExclusive | LockMode::Exclusive | LockMode::AccessExclusive
        )
    }

    /// The mode as `pg_locks` names it: `AccessExclusiveLock`.
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

    /// The mode as `LOCK TABLE` takes it: `ACCESS EXCLUSIVE`.
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

/// What a statement does to the whole of a relation while it holds its lock: how long that takes depends on its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TableScan {
    /// Only the catalog changes.
    Catalog,
    /// Rows are read or changed, as many as the statement finds.
    Rows,
    /// It is read from beginning to end.
    Scan,
    /// It is read, and an index is built.
    Build,
    /// It and its indexes are written anew.
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
