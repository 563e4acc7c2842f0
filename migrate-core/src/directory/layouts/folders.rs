//! `<version>_<name>/up.sql` with optional `down.sql`, `verify.sql` and `metadata.toml`: diesel's layout.
//!
//! The version is the folder's name up to its first `_`, without dashes, and compares as text
//! (`MigrationVersion`). diesel ignores everything beside its folders, and reads only these files in them
//! (`migrations_internals`). It refuses to run an empty script.

use crate::directory::NoteKind;
use crate::directory::layouts::flat::{self, takes_repeatable};
use crate::directory::layouts::rules::{FileKind, PLAIN, Rules, Stray, VERSION_LIMIT, check_length};
use crate::directory::place::FileLocation;
use crate::set::problem::ProblemKind;
use crate::set::version::Version;
use crate::set::{Layout, Role};

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Folders,
    up: Some("up.sql"),
    shows: |look| look.place.folder.is_some() && matches!(look.place.file, "up.sql" | "up.rs"),
    hints: |place| {
        place.folder.is_some() && matches!(place.file, "down.sql" | "verify.sql" | "metadata.toml")
    },
    takes: takes_repeatable,
    ignores: |look| look.place.folder.is_none(),
    classify,
    runs_empty: false,
    ..PLAIN
};

fn classify(place: FileLocation<'_>) -> FileKind {
    let Some(folder) = place.folder else {
        let problem =
            ProblemKind::UnknownFile { layout: Layout::Folders, names: "`<version>_<name>/up.sql`" };
        return flat::repeatable(place, Layout::Folders)
            .unwrap_or_else(|| Stray::ignored(NoteKind::BesideFolders, problem));
    };
    let version = match version(folder) {
        Ok(version) => Version::text(version),
        Err(kind) => return FileKind::FolderProblem(kind),
    };
    let script = |role| FileKind::Script(version, folder.to_owned(), role);
    match place.file {
        "up.sql" | "up.rs" => script(Role::Up),
        "down.sql" => script(Role::Down),
        "verify.sql" => script(Role::Verify),
        "metadata.toml" => FileKind::Metadata,
        "" => FileKind::Nothing,
        _ => FileKind::Note(NoteKind::InMigrationFolder),
    }
}

/// The version of a folder: its name before the first `_`, without dashes (`version_from_string`). diesel
/// requires no digit.
fn version(folder: &str) -> Result<String, ProblemKind> {
    let version = folder.split('_').next().unwrap_or_default().replace('-', "");
    let example = || format!("0001_{}/up.sql", folder.trim_start_matches(['_', '-']));
    // A name `R__…` belongs to a repeatable migration, and no history accepts an empty version.
    if version.is_empty() || folder.starts_with(crate::set::version::REPEATABLE) {
        return Err(ProblemKind::MissingVersion { example: example() });
    }
    check_length(&version, VERSION_LIMIT).map(|()| version)
}
