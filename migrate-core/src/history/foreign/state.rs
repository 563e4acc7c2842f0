//! Another tool's table as the history of a set.

use super::{ForeignHistory, ForeignMigration, ForeignMigrationState};
use crate::history::foreign::{Obstacle, UnusableHistory};
use crate::history::{Applied, AppliedRef, HistoryHead, HistoryState, Interrupted};
use crate::set::Set;
use crate::set::checksum::Checksum;
use crate::set::digest::Digest;
use crate::set::migration::Migration;
use crate::set::version::Version;
use std::collections::HashMap;
use std::time::SystemTime;

impl ForeignHistory {
    /// The state of a set whose history is the tool's table.
    ///
    /// # Errors
    ///
    /// If a migration of the tool's has failed: then neither the tool nor this library continues.
    pub fn state(&self, set: &Set) -> Result<HistoryState, UnusableHistory> {
        let mut state = HistoryState::EMPTY;
        let mut obstacles = Vec::new();
        for found in &self.found {
            match &found.state {
                ForeignMigrationState::Applied | ForeignMigrationState::AppliedUpTo => {
                    state.applied.push(applied(set, found));
                }
                ForeignMigrationState::Interrupted { statements_done, failed } => {
                    let Applied { version, name, checksum, .. } = applied(set, found);
                    let interrupted = Interrupted::new(version, name, checksum, *statements_done);
                    state.interrupted = Some(if *failed { interrupted.failed() } else { interrupted });
                }
                ForeignMigrationState::Failed { logs } => {
                    obstacles.push(Obstacle::Failed { migration: found.clone(), logs: logs.clone() });
                }
                ForeignMigrationState::Reverted => {}
            }
        }
        if obstacles.is_empty() {
            return Ok(state);
        }
        Err(UnusableHistory { tool: self.tool, table: self.table.clone(), obstacles })
    }

    /// The end of the history, as [`History::head`](crate::engine::History::head) returns it. If a migration
    /// has failed, it is a head that matches no set, so that the caller loads the whole history.
    pub fn head(&self, set: &Set) -> HistoryHead {
        let Ok(state) = self.state(set) else {
            let digest = Digest::of_migration(&Version::text("failed"), &Checksum::of(&self.table));
            return HistoryHead { digest, ..HistoryHead::NONE };
        };
        let digest = state.digest();
        let interrupted = state.interrupted.as_ref().map(|interrupted| interrupted.version.clone());
        let applied: HashMap<_, _> =
            state.applied.iter().map(|applied| (&applied.version, applied.checksum)).collect();
        let is_ours = |m: &dyn Migration| applied.get(m.version()) == Some(&m.checksum());
        if set.digests().position(&digest).is_some() || !set.iter().all(is_ours) {
            return HistoryHead { digest, since: None, interrupted };
        }
        let newer = state.applied.into_iter().filter(|applied| set.find(&applied.version).is_none());
        let newer = newer.map(|Applied { version, name, .. }| AppliedRef { version, name });
        HistoryHead { digest, since: Some(newer.collect()), interrupted }
    }
}

/// Creates an applied migration, with the set's checksum if the tool's checksum matches the set's text.
fn applied(set: &Set, found: &ForeignMigration) -> Applied {
    let (at, took) = (found.at.unwrap_or(SystemTime::UNIX_EPOCH), found.took.unwrap_or_default());
    let applied = match (found.find(set), &found.checksum) {
        (Some(migration), Some(checksum)) if !checksum.is_of(migration) => {
            Applied::new(migration.version().clone(), migration.name(), checksum.to_checksum())
        }
        (Some(migration), _) => {
            Applied::new(migration.version().clone(), migration.name(), migration.checksum())
        }
        (None, checksum) => {
            let unknown = || Checksum::of(&found.version);
            let checksum = checksum.as_ref().map_or_else(unknown, super::ToolChecksum::to_checksum);
            Applied::new(Version::new(found.version.clone(), set.order()), found.to_string(), checksum)
        }
    };
    applied.with_run("", at, took)
}
