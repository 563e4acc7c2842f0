//! Flyway: `V<version>__<name>.sql`, `U<version>__<name>.sql` to undo it, `R__<name>.sql` whenever it
//! changes.
//!
//! Versions are numbers with dots, or with underscores instead: `V1_1__a.sql` is 1.1. They compare part by
//! part (`MigrationVersion`). Flyway searches nested folders, so files may be at any depth; the folder does
//! not matter. A script may have a settings file beside it: `V1__a.sql.conf`. Prefixes and separators are
//! Flyway's defaults.
//!
//! Two kinds of files that Flyway does not have are accepted beside its own: `V1__a.verify.sql` and
//! `R__a.down.sql`.
//!
//! Flyway and refinery ignore files whose names don't match. Such a file is noted, unless its name nearly
//! matches.

use crate::directory::NoteKind;
use crate::directory::code::is_rust;
use crate::directory::layouts::refinery;
use crate::directory::layouts::rules::{FileKind, PLAIN, Rules, Stray, VERSION_LIMIT, check_length};
use crate::directory::place::FileLocation;
use crate::set::problem::ProblemKind;
use crate::set::version::Version;
use crate::set::{Layout, Role};

pub(in crate::directory) const RULES: Rules = Rules {
    layout: Layout::Flyway,
    shows: |look| {
        look.marks.is_none() && look.place.is_sql() && matches!(Name::of(look.place.file), Ok(Some(_)))
    },
    hints: |place| {
        let is_named = || matches!(Name::of(place.file), Ok(Some(_)));
        place.file.ends_with(".sql.conf") || is_rust(place.file) && is_named()
    },
    settle: Some(refinery::settle),
    classify,
    ..PLAIN
};

/// The kind that the first letter of a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::directory) enum Kind {
    Versioned,
    Undo,
    Repeatable,
}

/// The parsed name of a script.
#[derive(Clone, Debug)]
pub(in crate::directory) struct Name {
    pub(in crate::directory) kind: Kind,
    /// The version, with dots; empty for a repeatable migration.
    pub(in crate::directory) number: String,
    /// The name without its ending.
    pub(in crate::directory) stem: String,
    pub(in crate::directory) role: Role,
}

impl Name {
    /// Parses a name: `None` if it is not one of Flyway's, and a problem if it nearly is.
    pub(in crate::directory) fn of(file: &str) -> Result<Option<Name>, ProblemKind> {
        let Some(stem) = file.strip_suffix(".sql").or_else(|| file.strip_suffix(".rs")) else {
            return Ok(None);
        };
        let (stem, ending) = [".verify", ".down"]
            .into_iter()
            .find_map(|ending| Some((stem.strip_suffix(ending)?, ending)))
            .unwrap_or((stem, ""));
        let kind = match stem.chars().next() {
            Some('V') => Kind::Versioned,
            Some('U') => Kind::Undo,
            Some('R') => Kind::Repeatable,
            _ => return Ok(None),
        };
        let (number, name) = stem[1..].split_once("__").unwrap_or((&stem[1..], ""));
        let number = number.replace('_', ".");
        let role = match (kind, ending) {
            (_, ".verify") => Role::Verify,
            (Kind::Repeatable, ".down") => Role::Down,
            // Flyway names a down script `U<version>__`.
            (_, ".down") => return Ok(None),
            (Kind::Undo, _) => Role::Down,
            _ => Role::Up,
        };
        let is_number =
            number.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        match kind {
            Kind::Repeatable if stem == "R__" => {
                Err(ProblemKind::MissingName { example: "R__views.sql".into() })
            }
            Kind::Repeatable if !number.is_empty() || name.is_empty() => Ok(None),
            Kind::Versioned | Kind::Undo if !is_number => Ok(None),
            _ => {
                let limit = if kind == Kind::Repeatable { NAME_LIMIT } else { VERSION_LIMIT };
                check_length(if number.is_empty() { stem } else { &number }, limit)?;
                Ok(Some(Name { kind, number, stem: stem.to_owned(), role }))
            }
        }
    }

    pub(in crate::directory) fn version(&self) -> Version {
        match self.kind {
            Kind::Repeatable => Version::numeric(self.stem.clone()),
            _ => Version::numeric(self.number.clone()),
        }
    }
}

/// The length of `description VARCHAR(200)` in Flyway's history, which identifies a repeatable migration.
const NAME_LIMIT: usize = 200;

pub(in crate::directory) fn classify(place: FileLocation<'_>) -> FileKind {
    if matches!(place.file, "flyway.conf" | "flyway.toml") {
        return FileKind::Note(NoteKind::ToolSettings);
    }
    // An empty folder. Files in other folders are classified separately.
    if place.file.is_empty() || place.file.ends_with('/') {
        return FileKind::Nothing;
    }
    if let Some(script) = place.file.strip_suffix(".conf").filter(|script| script.ends_with(".sql")) {
        let folder = place.folder.map_or(String::new(), |folder| format!("{folder}/"));
        return FileKind::MetadataOf(format!("{folder}{script}"));
    }
    match Name::of(place.file) {
        Ok(Some(name)) => FileKind::Script(name.version(), name.stem, name.role),
        Err(kind) => FileKind::Problem(kind),
        Ok(None) => stranger(place),
    }
}

/// Returns true if a directory with these files is to be searched at every depth, as Flyway and refinery do.
pub(crate) fn has_depth<'p>(mut paths: impl Iterator<Item = &'p str>) -> bool {
    paths.any(|path| matches!(Name::of(FileLocation::of(path).file), Ok(Some(_))))
}

/// Classifies a file whose name is not a script's in Flyway.
fn stranger(place: FileLocation<'_>) -> FileKind {
    let other = |tool, what: &str, mend: &str| {
        FileKind::Problem(ProblemKind::OtherTool { tool, what: what.into(), mend: mend.into() })
    };
    let (stem, extension) = place.file.rsplit_once('.').unwrap_or((place.file, ""));
    let is_migration = |prefixes: &[char]| {
        let rest = stem.strip_prefix(prefixes);
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()) && rest.contains("__"))
    };
    match extension {
        "java" | "kt" | "class" if is_migration(&['V', 'U']) => other(
            "Flyway",
            "a migration in Java code",
            "write what it does as an SQL script of the same name",
        ),
        "sql" if is_migration(&['B']) => other(
            "Flyway",
            "a baseline migration",
            "name it `V<version>__<name>.sql` with a version after those that it replaces, and begin it with \
             `-- migrate: replaces=<first>..<last>`",
        ),
        "sql" if is_callback(stem) => {
            other("Flyway", "a callback", "put what it does into a migration, or into your program")
        }
        "sql" => {
            let names = "`V<version>__<name>.sql`, `U<version>__<name>.sql` or `R__<name>.sql`";
            let problem = ProblemKind::UnknownFile { layout: Layout::Flyway, names };
            let is_lost = is_nearly_a_name(stem);
            if is_lost {
                FileKind::Problem(problem)
            } else {
                Stray::ignored(NoteKind::NotAMigration, problem)
            }
        }
        _ => {
            let problem = ProblemKind::UnknownFile { layout: Layout::Flyway, names: "" };
            Stray::ignored(NoteKind::NotAMigration, problem)
        }
    }
}

/// Returns true if a name starts like Flyway's: a prefix letter in either case, then a version or a
/// separator.
fn is_nearly_a_name(stem: &str) -> bool {
    let rest = stem.strip_prefix(['V', 'v', 'U', 'u', 'R', 'r', 'B', 'b']);
    rest.is_some_and(|rest| rest.starts_with("__") || rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// `afterMigrate.sql`, `beforeEachMigrate__vacuum.sql`: `org.flywaydb.core.api.callback.Event`.
fn is_callback(stem: &str) -> bool {
    let event = stem.split("__").next().unwrap_or_default();
    let rest = event.strip_prefix("before").or_else(|| event.strip_prefix("after"));
    event == "createSchema" || rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
}
