//! `<name>/migration.sql` with optional `rollback.sql` or `down.sql`, and `verify.sql`;
//! `migration_lock.toml`.
//!
//! Prisma applies its folders in the text order of their full names and has no rules for those: `0_init`, its
//! own baseline, `20250125_initial` and `20260126014942_add_models` may coexist. So the full name is the
//! version.

use crate::directory::NoteKind;
use crate::directory::layouts::flat::{self, takes_repeatable};
use crate::directory::layouts::rules::{FileKind, PLAIN, Rules, check_length};
use crate::directory::place::FileLocation;
use crate::set::problem::ProblemKind;
use crate::set::version::Version;
use crate::set::{Layout, Role};

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Prisma,
    up: Some("migration.sql"),
    shows: |look| match look.place.folder {
        Some(_) => matches!(look.place.file, "migration.sql" | "migration.rs"),
        None => look.place.file == "migration_lock.toml",
    },
    hints: |place| place.folder.is_some() && place.file == "rollback.sql",
    takes: takes_repeatable,
    ignores: |look| look.place.folder.is_none(),
    proves: |place| place.folder.is_none() && place.file == "migration_lock.toml",
    classify,
    ..PLAIN
};

/// The length of `migration_name varchar(255)` in Prisma's own history.
const NAME_LIMIT: usize = 255;

fn classify(place: FileLocation<'_>) -> FileKind {
    let Some(folder) = place.folder else {
        return match place.file {
            "migration_lock.toml" => FileKind::Lock,
            _ => flat::repeatable(place, Layout::Prisma).unwrap_or(FileKind::Note(NoteKind::BesideFolders)),
        };
    };
    if let Err(kind) = check_length(folder, NAME_LIMIT) {
        return FileKind::FolderProblem(kind);
    }
    if let Some(name) = folder.strip_prefix(crate::set::version::REPEATABLE) {
        return FileKind::FolderProblem(ProblemKind::MissingVersion {
            example: format!("0001_{name}/migration.sql"),
        });
    }
    let script = |role| FileKind::Script(Version::text(folder.to_owned()), folder.to_owned(), role);
    match place.file {
        "migration.sql" | "migration.rs" => script(Role::Up),
        "rollback.sql" | "down.sql" => script(Role::Down),
        "verify.sql" => script(Role::Verify),
        "" => FileKind::Nothing,
        _ => FileKind::Note(NoteKind::InMigrationFolder),
    }
}
