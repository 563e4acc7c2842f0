//! `0001_create_users.sql`, or `.up.sql` with optional `.down.sql` and `.verify.sql`, as sqlx, golang-migrate and tern name them.

use super::place::Place;
use super::rules::{FileKind, Rules, VERSION_LIMIT, check_length};
use super::{Layout, Role};
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
        return Err(flyway(stem).unwrap_or_else(|| ProblemKind::MissingVersion {
            example: example(stem.trim_start_matches('_')),
        }));
    }
    match rest.strip_prefix('_') {
        Some("") => Err(ProblemKind::MissingName { example: example("") }),
        None if rest.is_empty() => Err(ProblemKind::MissingName { example: example("") }),
        Some(_) => check_length(version, VERSION_LIMIT).map(|()| version),
        None => {
            let character = rest.chars().next().unwrap_or_default();
            // `2024-01-01_posts` has its version before the `_`, `0004-posts` before the `-`.
            let (odd, name) = stem.split_once('_').unwrap_or((stem, rest));
            let digits: String = odd.chars().filter(char::is_ascii_digit).collect();
            let name = name.trim_start_matches(|c: char| !c.is_alphabetic());
            let name = if name.is_empty() { "create_users" } else { name };
            let example = format!("{digits}_{name}.sql");
            Err(ProblemKind::OddVersion { version: odd.to_owned(), character, example })
        }
    }
}

/// `V1__name`, `U1.2__name`, `R__name`: names that refinery and Flyway give, told from mere misnomers.
fn flyway(stem: &str) -> Option<ProblemKind> {
    let (prefix, name) = stem.split_once("__").filter(|(_, name)| !name.is_empty())?;
    let version = prefix.strip_prefix(['V', 'U', 'R', 'B'])?;
    if !version.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let number = if version.is_empty() { "0001" } else { version };
    let ending = if prefix.starts_with('U') { "down.sql" } else { "up.sql" };
    Some(ProblemKind::OtherTool {
        tool: "refinery or Flyway",
        what: format!("the name `{stem}.sql`"),
        mend: format!("name it `{number}_{name}.{ending}`"),
    })
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
