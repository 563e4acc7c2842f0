//! `0001_create_users.sql`, or `.up.sql` with optional `.down.sql` and `.verify.sql`, as sqlx, golang-migrate and tern name them.

use super::{FileKind, Layout, Place, Role, Rules, VERSION_LIMIT, check_length};
use crate::problem::ProblemKind;
use crate::version::Version;

pub(super) const RULES: Rules = Rules {
    layout: Layout::Flat,
    up: None,
    shows: |place| place.folder.is_none() && matches!(classify(place), FileKind::Script(..)),
    hints: |_| false,
    classify,
};

/// The longer ones first: `.sql` alone is an up script.
const ENDINGS: [(&str, Role); 4] =
    [(".up.sql", Role::Up), (".down.sql", Role::Down), (".verify.sql", Role::Verify), (".sql", Role::Up)];

fn classify(place: Place<'_>) -> FileKind {
    if place.folder.is_some() {
        return FileKind::Problem(ProblemKind::InFolder);
    }
    let ending = ENDINGS.iter().find_map(|(ending, role)| Some((place.file.strip_suffix(ending)?, *role)));
    let Some((stem, role)) = ending else {
        let names = if place.is_sql() { "end in `.sql`" } else { "" };
        return FileKind::Problem(ProblemKind::UnknownFile { layout: Layout::Flat, names });
    };
    match version(stem).and_then(|version| check_ending(stem).map(|()| version)) {
        Ok(version) => FileKind::Script(Version::numeric(version.to_owned()), stem.to_owned(), role),
        Err(kind) => FileKind::Problem(kind),
    }
}

/// The digits that the name starts with.
fn version(stem: &str) -> Result<&str, ProblemKind> {
    let rest = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    let version = &stem[..stem.len() - rest.len()];
    let example = |name: &str| {
        let name = if name.is_empty() { "create_users" } else { name };
        let version = if version.is_empty() { "0001" } else { version };
        format!("{version}_{name}.sql")
    };
    if version.is_empty() {
        return Err(match is_flyway(stem) {
            true => ProblemKind::OtherTool { tool: "refinery or Flyway", what: format!("the name `{stem}`") },
            false => ProblemKind::MissingVersion { example: example(stem.trim_start_matches('_')) },
        });
    }
    match rest.strip_prefix('_') {
        Some("") => Err(ProblemKind::MissingName { example: example("") }),
        None if rest.is_empty() => Err(ProblemKind::MissingName { example: example("") }),
        Some(_) => check_length(version, VERSION_LIMIT).map(|()| version),
        None => {
            let (version, name) = stem.split_once('_').unwrap_or((stem, ""));
            let character = rest.chars().next().unwrap_or_default();
            let digits: String = version.chars().filter(char::is_ascii_digit).collect();
            let name = if name.is_empty() { "create_users" } else { name };
            let example = format!("{digits}_{name}.sql");
            Err(ProblemKind::OddVersion { version: version.to_owned(), character, example })
        }
    }
}

/// `V1__name`, `U1.2__name`, `R__name`.
fn is_flyway(stem: &str) -> bool {
    let Some((prefix, name)) = stem.split_once("__") else { return false };
    let version = prefix.trim_start_matches(['V', 'U', 'R', 'B']);
    !name.is_empty()
        && version.len() + 1 == prefix.len()
        && version.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// A revert of another name, `0001_users.undo.sql` or a misspelt `.dwon.sql`, must not be taken for an up script.
fn check_ending(stem: &str) -> Result<(), ProblemKind> {
    match stem.rsplit_once('.') {
        Some((_, word)) if word.chars().all(|c| c.is_ascii_alphabetic()) => {
            Err(ProblemKind::UnknownEnding { ending: format!(".{word}.sql") })
        }
        _ => Ok(()),
    }
}
