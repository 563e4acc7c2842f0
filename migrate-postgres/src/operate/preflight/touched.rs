//! The relations that the pending migrations touch.

use crate::RunningAttempt;
use crate::operate::explain::Explanation;
use crate::sql::answers::parsed;
use migrate_core::sql::{self, LockMode, Subject};
use std::collections::BTreeMap;
use tokio_postgres::SimpleQueryRow;

/// The relations that will be touched, by number: the strongest mode for each.
pub(super) struct Touched {
    pub(super) modes: BTreeMap<u32, LockMode>,
    pub(super) concurrently: bool,
    /// The run under way. Its sessions do not block a run that waits for its end.
    running: Option<RunningAttempt>,
    /// The index that a resumed run builds, as its statement names it. If it is INVALID, the run itself drops
    /// and rebuilds it.
    rebuilt: Option<String>,
}

impl Touched {
    pub(super) fn of(explanation: &Explanation) -> Touched {
        let mut modes = BTreeMap::new();
        for lock in explanation.locks() {
            let Some(size) = &lock.size else { continue };
            let mode = modes.entry(size.oid).or_insert(lock.mode);
            *mode = lock.mode.max(*mode);
        }
        let mut statements = explanation.steps.iter().flat_map(|step| &step.statements);
        let concurrently =
            statements.any(|s| s.refuses.is_some_and(|command| command.contains("CONCURRENTLY")));
        let resumed = explanation.steps.first().filter(|step| step.is_resumed);
        let subject = resumed.and_then(|step| sql::subject(&step.statements.first()?.text));
        let rebuilt = match subject {
            Some(Subject::CreateIndex { name, .. }) => name,
            _ => None,
        };
        Touched { modes, concurrently, running: explanation.running.clone(), rebuilt }
    }

    /// True if a resumed run rebuilds an index.
    pub(super) fn rebuilds(&self, index: &str) -> bool {
        let last = |name: &str| name.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned();
        self.rebuilt.as_deref().is_some_and(|name| last(name) == last(index))
    }

    /// True if a server process belongs to the run under way.
    pub(super) fn is_of_run(&self, row: &SimpleQueryRow, column: usize) -> bool {
        self.running.as_ref().zip(parsed(row, column)).is_some_and(|(running, pid)| running.is_of_run(pid))
    }

    /// The numbers as a list of SQL, never an empty one.
    pub(super) fn oids(&self) -> String {
        let oids: Vec<String> =
            std::iter::once(0).chain(self.modes.keys().copied()).map(|oid| oid.to_string()).collect();
        oids.join(", ")
    }
}

/// True if two modes exclude each other (manual, table "Conflicting Lock Modes").
pub(super) fn conflict(one: LockMode, other: LockMode) -> bool {
    use LockMode::{
        AccessExclusive, AccessShare, Exclusive, RowExclusive, RowShare, Share, ShareUpdateExclusive,
    };
    let (weak, strong) = if one <= other { (one, other) } else { (other, one) };
    match (weak, strong) {
        (Share, Share) => false,
        (_, AccessExclusive) => true,
        (AccessShare, _) => false,
        (_, Exclusive) => true,
        (RowShare, _) => false,
        (RowExclusive, strong) => strong >= Share,
        (ShareUpdateExclusive, _) => true,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's table "Conflicting Lock Modes", row by row.
    #[test]
    fn modes_conflict_as_the_manual_has_it() {
        let modes = [
            "AccessShareLock",
            "RowShareLock",
            "RowExclusiveLock",
            "ShareUpdateExclusiveLock",
            "ShareLock",
            "ShareRowExclusiveLock",
            "ExclusiveLock",
            "AccessExclusiveLock",
        ]
        .map(|mode| LockMode::from_pg_locks(mode).unwrap());
        let table =
            ["       X", "      XX", "    XXXX", "   XXXXX", "  XX XXX", "  XXXXXX", " XXXXXXX", "XXXXXXXX"];
        for (one, row) in modes.iter().zip(table) {
            let found: String =
                modes.iter().map(|other| if conflict(*one, *other) { 'X' } else { ' ' }).collect();
            assert_eq!(found, row, "{one}");
        }
    }
}
