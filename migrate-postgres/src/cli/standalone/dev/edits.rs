//! Migrations that were edited after they were applied.

use crate::Migrator;
use crate::connection::endpoint::Endpoint;
use crate::error::Error;
use migrate_core::Migration;
use migrate_core::history::{Applied, HistoryState};
use migrate_core::plan::{Policies, Refused, check};
use std::fmt;

/// The edited migrations, and the number of migrations to take back for them.
pub(super) struct Edits {
    /// In the order of application; never empty.
    pub(super) edited: Vec<Edit>,
    /// The number of applied migrations from the first edited one on.
    pub(super) count: usize,
}

/// An edited migration.
pub(super) struct Edit {
    pub(super) name: String,
    /// The file of its up script, relative to the folder.
    pub(super) path: String,
}

impl Edits {
    pub(super) fn first(&self) -> &str {
        self.edited.first().map_or("", |edit| &edit.name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.edited.iter().map(|edit| edit.name.as_str())
    }
}

impl fmt::Display for Edits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().collect();
        let were = if names.len() == 1 { "was" } else { "were" };
        let names = names.join(", ");
        write!(f, "{names} {were} edited after being applied: taken back and applied again")
    }
}

/// Finds the edits that change a statement.
pub(super) async fn find(migrator: &Migrator, target: &Endpoint) -> Result<Option<Edits>, Error> {
    let (_, state) = migrator.state(target).await?;
    let versioned = || state.applied.iter().filter(|applied| !applied.version.is_repeatable());
    let edited: Vec<(usize, Edit)> = versioned()
        .enumerate()
        .filter(|(_, applied)| is_edited(migrator, applied))
        .filter_map(|(place, applied)| Some((place, edit(migrator.set().find(&applied.version)?))))
        .collect();
    let Some((first, _)) = edited.first() else { return Ok(None) };
    let count = versioned().count() - first;
    Ok(Some(Edits { edited: edited.into_iter().map(|(_, edit)| edit).collect(), count }))
}

/// True if the set has another text with other statements.
fn is_edited(migrator: &Migrator, applied: &Applied) -> bool {
    let alone = HistoryState { applied: vec![applied.clone()], ..HistoryState::EMPTY };
    let policies = Policies { allow_missing: true, allow_out_of_order: true, ..Policies::DEFAULT };
    matches!(check(migrator.set(), &alone, &policies), Err(Refused::Edited { .. }))
}

fn edit(migration: &dyn Migration) -> Edit {
    let path = match migration.up().into_script() {
        Some(script) => script.path().to_owned(),
        None => format!("{}.rs", migration.name()),
    };
    Edit { name: migration.name().to_owned(), path }
}
