//! `0001_create_users.sql`, or `.up.sql` with optional `.down.sql` and `.verify.sql`: sqlx and
//! golang-migrate.
//!
//! Both sort by number. sqlx ignores files that do not end in `.sql` or have no `_`, golang-migrate ignores
//! files that are neither `.up` nor `.down`, and both ignore folders. Such a file is noted here, unless its
//! name starts with a version: then it would be lost. sqlx rejects a name with a `_` and no version before it
//! (`resolve_blocking`). sqlx's `-- no-transaction` is read with [the options](crate::set::options).
//!
//! Layouts whose files hold two halves use the same names, so their names are read here, too.

use crate::directory::NoteKind;
use crate::directory::code::is_rust;
use crate::directory::layouts::flyway::{Kind, Name};
use crate::directory::layouts::rules::{
    FileKind, FileMatch, PLAIN, Rules, Stray, VERSION_LIMIT, check_length,
};
use crate::directory::place::FileLocation;
use crate::display::edits::edits;
use crate::set::problem::ProblemKind;
use crate::set::version::Version;
use crate::set::{Layout, Role};

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Flat,
    shows: |look| {
        let is_repeatable = is_repeatable(look.place);
        let is_script = || matches!(classify(look.place), FileKind::Script(..));
        let is_sql = !is_rust(look.place.file);
        look.place.folder.is_none() && look.marks.is_none() && is_sql && !is_repeatable && is_script()
    },
    hints: |place| is_rust(place.file) && matches!(classify(place), FileKind::Script(..)),
    takes: takes_repeatable,
    classify,
    ..PLAIN
};

/// Returns true for a repeatable migration, which layouts with numbered files accept in Flyway's naming.
pub(in crate::directory) fn takes_repeatable(look: FileMatch<'_>) -> bool {
    look.marks.is_none() && is_repeatable(look.place)
}

pub(in crate::directory) fn is_repeatable(place: FileLocation<'_>) -> bool {
    let name = Name::of(place.file).ok().flatten();
    place.folder.is_none() && name.is_some_and(|name| name.kind == Kind::Repeatable)
}

/// Classifies a file as a repeatable migration.
pub(in crate::directory) fn repeatable(place: FileLocation<'_>, layout: Layout) -> Option<FileKind> {
    let name = Name::of(place.file).ok().flatten().filter(|name| name.kind == Kind::Repeatable)?;
    Some(FileKind::Script(Version::new(name.stem.clone(), layout.order()), name.stem, name.role))
}

/// Longer endings first: `.sql` alone is an up script.
const ENDINGS: [(&str, Role); 5] = [
    (".up.sql", Role::Up),
    (".down.sql", Role::Down),
    (".verify.sql", Role::Verify),
    (".sql", Role::Up),
    (".rs", Role::Up),
];

fn classify(place: FileLocation<'_>) -> FileKind {
    classify_by(place, Layout::Flat, &ENDINGS)
}

/// Classifies a file in a layout of numbered files with two halves each.
pub(in crate::directory) fn classify_halves(place: FileLocation<'_>, layout: Layout) -> FileKind {
    classify_by(place, layout, &ENDINGS[2..])
}

fn classify_by(place: FileLocation<'_>, layout: Layout, endings: &[(&str, Role)]) -> FileKind {
    if place.folder.is_some() {
        return Stray::ignored(NoteKind::Subfolder, ProblemKind::InFolder { layout });
    }
    // tern's settings; a tern directory without down halves looks like a flat one.
    if place.file == "tern.conf" {
        return FileKind::Note(NoteKind::ToolSettings);
    }
    if let Some(repeatable) = repeatable(place, layout) {
        return repeatable;
    }
    let ending = endings.iter().find_map(|(ending, role)| Some((place.file.strip_suffix(ending)?, *role)));
    let Some((stem, role)) = ending else {
        let names = if place.is_sql() { "end in `.sql`" } else { "" };
        let problem = ProblemKind::UnknownFile { layout, names };
        let is_lost = place.is_sql() && begins_with_version(place.file);
        return if is_lost {
            FileKind::Problem(problem)
        } else {
            Stray::ignored(NoteKind::NotAMigration, problem)
        };
    };
    let version = match layout {
        Layout::Dbmate => digits(stem).map(|version| Version::text(version.to_owned())),
        _ => version(stem).map(|version| Version::numeric(version.to_owned())),
    };
    let (is_rust, extension) = (is_rust(place.file), if is_rust(place.file) { ".rs" } else { ".sql" });
    let is_plain = layout != Layout::Flat || place.file.len() == stem.len() + extension.len();
    match version
        .and_then(|version| if is_plain { check_ending(stem, extension) } else { Ok(()) }.map(|()| version))
    {
        Ok(version) => FileKind::Script(version, stem.to_owned(), role),
        Err(kind) if begins_with_version(stem) => FileKind::Problem(kind),
        Err(problem) => FileKind::Stray(Stray {
            note: NoteKind::NotAMigration,
            problem,
            is_refused_by_sqlx: layout == Layout::Flat && is_plain && !is_rust && stem.contains('_'),
        }),
    }
}

fn begins_with_version(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns true if a name without its ending starts with a version.
pub(in crate::directory) fn is_numbered(stem: &str) -> bool {
    version(stem).is_ok()
}

/// The leading digits of a dbmate file name, whatever follows them: `^(\d+).*\.sql$`.
fn digits(stem: &str) -> Result<&str, ProblemKind> {
    let rest = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    match &stem[..stem.len() - rest.len()] {
        "" => version(stem),
        digits => check_length(digits, VERSION_LIMIT).map(|()| digits),
    }
}

/// The leading digits of a name.
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

/// A down script with another ending, such as `0001_users.undo.sql` or a misspelled `.dwon.sql`, must not be
/// taken for an up script. Other words after a dot are part of the name, as for sqlx.
fn check_ending(stem: &str, extension: &str) -> Result<(), ProblemKind> {
    match stem.rsplit_once('.') {
        Some((_, word)) if is_like_a_role(&word.to_ascii_lowercase()) => {
            Err(ProblemKind::UnknownEnding { ending: format!(".{word}{extension}") })
        }
        _ => Ok(()),
    }
}

/// Returns true if a word is a synonym of `up`, `down` or `verify`, or resembles one of them.
fn is_like_a_role(word: &str) -> bool {
    const SYNONYMS: [&str; 9] =
        ["undo", "revert", "reverse", "rollback", "rolback", "back", "backward", "drop", "downgrade"];
    SYNONYMS.contains(&word)
        || [("up", 1), ("down", 2), ("verify", 2)].into_iter().any(|(role, most)| edits(word, role) <= most)
}
