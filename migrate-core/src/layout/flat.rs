//! `0001_create_users.sql`, or `.up.sql` with optional `.down.sql` and `.verify.sql`: sqlx and golang-migrate.
//!
//! Both sort by the number. sqlx leaves alone what does not end in `.sql` or has no `_`, golang-migrate what is neither `.up` nor
//! `.down`; here such a file is a problem. sqlx's `-- no-transaction` is read with [the options](crate::options).
//!
//! The layouts whose files hold two halves name them in the same way, so their names are read here too.

use super::flyway::{Kind, Name};
use super::place::Place;
use super::rules::{FileKind, Look, PLAIN, Rules, VERSION_LIMIT, check_length};
use super::{Layout, NoteKind, Role};
use crate::problem::ProblemKind;
use crate::version::Version;

pub(super) const RULES: Rules = Rules {
    layout: Layout::Flat,
    shows: |look| {
        let is_repeatable = is_repeatable(look.place);
        let is_script = || matches!(classify(look.place), FileKind::Script(..));
        look.place.folder.is_none() && look.marks.is_none() && !is_repeatable && is_script()
    },
    takes: takes_repeatable,
    classify,
    ..PLAIN
};

/// Whether a file is a repeatable migration, which the layouts of numbered files have besides Flyway's.
pub(super) fn takes_repeatable(look: Look<'_>) -> bool {
    look.marks.is_none() && is_repeatable(look.place)
}

fn is_repeatable(place: Place<'_>) -> bool {
    let name = Name::of(place.file).ok().flatten();
    place.folder.is_none() && name.is_some_and(|name| name.kind == Kind::Repeatable)
}

/// The repeatable migration that a file is.
fn repeatable(place: Place<'_>, layout: Layout) -> Option<FileKind> {
    let name = Name::of(place.file).ok().flatten().filter(|name| name.kind == Kind::Repeatable)?;
    Some(FileKind::Script(Version::new(name.stem.clone(), layout.order()), name.stem, name.role))
}

/// The longer ones first: `.sql` alone is an up script.
const ENDINGS: [(&str, Role); 4] =
    [(".up.sql", Role::Up), (".down.sql", Role::Down), (".verify.sql", Role::Verify), (".sql", Role::Up)];

fn classify(place: Place<'_>) -> FileKind {
    classify_by(place, Layout::Flat, &ENDINGS)
}

/// What a file is in a layout of numbered files that hold two halves each.
pub(super) fn classify_halves(place: Place<'_>, layout: Layout) -> FileKind {
    classify_by(place, layout, &ENDINGS[2..])
}

fn classify_by(place: Place<'_>, layout: Layout, endings: &[(&str, Role)]) -> FileKind {
    if place.folder.is_some() {
        return FileKind::Problem(ProblemKind::InFolder { layout });
    }
    // tern's, whose directory is a flat one where nothing goes back.
    if place.file == "tern.conf" {
        return FileKind::Note(NoteKind::ToolSettings);
    }
    if let Some(repeatable) = repeatable(place, layout) {
        return repeatable;
    }
    let ending = endings.iter().find_map(|(ending, role)| Some((place.file.strip_suffix(ending)?, *role)));
    let Some((stem, role)) = ending else {
        let names = if place.is_sql() { "end in `.sql`" } else { "" };
        return FileKind::Problem(ProblemKind::UnknownFile { layout, names });
    };
    let version = match layout {
        Layout::Dbmate => digits(stem).map(|version| Version::text(version.to_owned())),
        _ => version(stem).map(|version| Version::numeric(version.to_owned())),
    };
    match version.and_then(|version| check_ending(stem).map(|()| version)) {
        Ok(version) => FileKind::Script(version, stem.to_owned(), role),
        Err(kind) => FileKind::Problem(kind),
    }
}

/// Whether a name without its ending begins with a version.
pub(super) fn is_numbered(stem: &str) -> bool {
    version(stem).is_ok()
}

/// The digits that a name of dbmate's starts with, whatever follows them: its `^(\d+).*\.sql$`.
fn digits(stem: &str) -> Result<&str, ProblemKind> {
    let rest = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    match &stem[..stem.len() - rest.len()] {
        "" => version(stem),
        digits => check_length(digits, VERSION_LIMIT).map(|()| digits),
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
        return Err(ProblemKind::MissingVersion { example: example(stem.trim_start_matches('_')) });
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

/// A revert of another name, `0001_users.undo.sql` or a misspelt `.dwon.sql`, must not be taken for an up script.
fn check_ending(stem: &str) -> Result<(), ProblemKind> {
    match stem.rsplit_once('.') {
        Some((_, word)) if word.chars().all(|c| c.is_ascii_alphabetic()) => {
            Err(ProblemKind::UnknownEnding { ending: format!(".{word}.sql") })
        }
        _ => Ok(()),
    }
}
