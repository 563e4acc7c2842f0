//! `<version>_<name>/up.sql` with optional `down.sql`, `verify.sql` and `metadata.toml`, as diesel has it.
//!
//! The version is the folder's name up to its first `_`, without dashes, and compares as text: diesel's `MigrationVersion`.

use super::place::Place;
use super::rules::{FileKind, PLAIN, Rules, VERSION_LIMIT, check_length};
use super::{Layout, Role};
use crate::problem::ProblemKind;
use crate::version::Version;

pub(super) const RULES: Rules = Rules {
    layout: Layout::Folders,
    up: Some("up.sql"),
    shows: |look| look.place.folder.is_some() && look.place.file == "up.sql",
    hints: |place| {
        place.folder.is_some() && matches!(place.file, "down.sql" | "verify.sql" | "metadata.toml")
    },
    classify,
    ..PLAIN
};

fn classify(place: Place<'_>) -> FileKind {
    let unknown = |names| FileKind::Problem(ProblemKind::UnknownFile { layout: Layout::Folders, names });
    let Some(folder) = place.folder else {
        return unknown(if place.is_sql() { "`<version>_<name>/up.sql`" } else { "" });
    };
    let version = match version(folder) {
        Ok(version) => Version::text(version),
        Err(kind) => return FileKind::FolderProblem(kind),
    };
    let script = |role| FileKind::Script(version, folder.to_owned(), role);
    match place.file {
        "up.sql" => script(Role::Up),
        "down.sql" => script(Role::Down),
        "verify.sql" => script(Role::Verify),
        "metadata.toml" => FileKind::Metadata,
        "" => FileKind::Nothing,
        _ => unknown(if place.is_sql() { "`up.sql`, `down.sql` or `verify.sql`" } else { "" }),
    }
}

fn version(folder: &str) -> Result<String, ProblemKind> {
    let (version, name) = folder.split_once('_').unwrap_or((folder, ""));
    if !version.starts_with(|c: char| c.is_ascii_digit()) {
        let example = format!("0001_{}/up.sql", folder.trim_start_matches('_'));
        return Err(ProblemKind::MissingVersion { example });
    }
    if let Some(character) = version.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        let digits: String = version.chars().filter(char::is_ascii_digit).collect();
        let example = format!("{digits}_{}/up.sql", if name.is_empty() { "create_users" } else { name });
        return Err(ProblemKind::OddVersion { version: version.to_owned(), character, example });
    }
    if name.is_empty() {
        return Err(ProblemKind::MissingName { example: format!("{version}_create_users/up.sql") });
    }
    let version = version.replace('-', "");
    check_length(&version, VERSION_LIMIT).map(|()| version)
}
