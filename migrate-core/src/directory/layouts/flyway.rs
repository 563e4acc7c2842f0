//! Flyway: `V<version>__<name>.sql`, `U<version>__<name>.sql` to undo it, `R__<name>.sql` whenever it changes.
//!
//! Versions are numbers with dots, or underscores in their place: `V1_1__a.sql` is 1.1. They compare part by part
//! (`MigrationVersion`). Flyway looks into folders, so files may stand in them here, to any depth; which one does not matter. Beside a script there may be a
//! settings file: `V1__a.sql.conf`. Prefixes and separators are Flyway's defaults.
//!
//! Two things that Flyway has not may stand beside its files: `V1__a.verify.sql`, and `R__a.down.sql`.
//!
//! Flyway leaves alone what its names don't fit, and so does refinery: such a file is noted, unless it is nearly a name of theirs.

use crate::directory::NoteKind;
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
    hints: |place| place.file.ends_with(".sql.conf"),
    settle: Some(refinery::settle),
    classify,
    ..PLAIN
};

/// What the first letter of a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::directory) enum Kind {
    Versioned,
    Undo,
    Repeatable,
}

/// The name of a script, taken apart.
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
    /// The parts of a name; none when it is no name of Flyway's, and what is wrong with it when it is nearly one.
    pub(in crate::directory) fn of(file: &str) -> Result<Option<Name>, ProblemKind> {
        let Some(stem) = file.strip_suffix(".sql") else { return Ok(None) };
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
            // `U<version>__` it is called here.
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

/// `description VARCHAR(200)` of Flyway's history, which a repeatable migration is known by.
const NAME_LIMIT: usize = 200;

pub(in crate::directory) fn classify(place: FileLocation<'_>) -> FileKind {
    if matches!(place.file, "flyway.conf" | "flyway.toml") {
        return FileKind::Note(NoteKind::ToolSettings);
    }
    // An empty folder; what is in others was looked at.
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

/// Whether a directory in which these files were found is one to look into to its depth, as Flyway and refinery do.
pub(crate) fn has_depth<'p>(mut paths: impl Iterator<Item = &'p str>) -> bool {
    paths.any(|path| matches!(Name::of(FileLocation::of(path).file), Ok(Some(_))))
}

/// What a file is whose name is none of Flyway's for scripts.
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
        "rs" if is_migration(&['V', 'U']) => other(
            "refinery",
            "a migration in Rust code",
            "write what it returns as an SQL script of the same name",
        ),
        "java" | "kt" | "class" if is_migration(&['V', 'U']) => other(
            "Flyway",
            "a migration in Java code",
            "write what it does as an SQL script of the same name",
        ),
        "sql" if is_migration(&['B']) => other(
            "Flyway",
            "a baseline migration",
            "name it `V<version>__<name>.sql` with a version after those that it stands for, and begin it with \
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

/// Whether a name begins as Flyway's do: with a letter of theirs, in upper or lower case, and a version or a separator.
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
