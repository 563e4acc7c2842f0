//! The reading of the files that accompany the migrations: assertions and seeds.

use super::layouts::flyway::Name;
use super::layouts::rules::PLAIN;
use super::place::FileLocation;
use super::script::Scripts;
use crate::directory::source::SourceFile;
use crate::set::Role;
use crate::set::companion::{ASSERTIONS, BESIDE, CompanionFile, SEED_FILE, SEEDS};
use crate::set::options::{self, AssertionOptions, OptionName};
use crate::set::problem::{CompanionFault, Problem, ProblemKind, Problems};
use crate::set::script::Script;
use crate::set::version::Version;

/// The files with assertions and seeds, before they are read.
#[derive(Default)]
pub(super) struct Companions {
    assertions: Vec<SourceFile>,
    seeds: Vec<SourceFile>,
}

/// Takes the files with assertions and seeds out of those of a directory.
pub(super) fn take_from(files: &mut Vec<SourceFile>) -> Companions {
    let mut take = |folder: &str| {
        let prefixes = [format!("{folder}/"), format!("{BESIDE}{folder}/")];
        let [inside, beside] = prefixes.map(|prefix| extract(files, &prefix));
        // A folder without any SQL belongs to something else. In the directory, the layout decides about it, and about one of
        // migrations.
        let holds_companions = holds_sql(&inside) && !holds_only_migrations(&inside);
        let may_hold_sql = holds_sql(&beside) || beside.iter().any(|file| file.unread.is_some());
        match (holds_companions, may_hold_sql) {
            (true, _) => inside,
            (false, holds_beside) => {
                files.extend(inside);
                if holds_beside { beside } else { Vec::new() }
            }
        }
    };
    let (assertions, mut seeds) = (take(ASSERTIONS), take(SEEDS));
    let first = extract(files, &format!("{BESIDE}{SEED_FILE}"));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    // Those of all environments run first.
    seeds.sort_by_key(|file| in_subfolder(&file.path));
    Companions { assertions, seeds: first.into_iter().chain(seeds).collect() }
}

fn extract(files: &mut Vec<SourceFile>, prefix: &str) -> Vec<SourceFile> {
    files.extract_if(.., |file| file.path.starts_with(prefix)).collect()
}

fn holds_sql(files: &[SourceFile]) -> bool {
    sql_files(files).next().is_some()
}

/// Returns true for a folder of a tree that is searched at every depth: all of its scripts are named like migrations.
fn holds_only_migrations(files: &[SourceFile]) -> bool {
    sql_files(files).all(|file| is_named_like_migration(location(&file.path).file))
}

fn sql_files(files: &[SourceFile]) -> impl Iterator<Item = &SourceFile> {
    files.iter().filter(|file| location(&file.path).is_sql() && !location(&file.path).is_known())
}

/// The location of a file, without what leads out of the directory.
fn location(path: &str) -> FileLocation<'_> {
    FileLocation::of(path.strip_prefix(BESIDE).unwrap_or(path))
}

/// The path below the folder of the role.
fn below(path: &str) -> &str {
    let path = path.strip_prefix(BESIDE).unwrap_or(path);
    path.split_once('/').map_or(path, |(_, below)| below)
}

fn in_subfolder(path: &str) -> bool {
    below(path).contains('/')
}

/// The companions of a directory, as read.
#[derive(Default)]
pub(super) struct ReadCompanions {
    pub(super) assertions: Vec<CompanionFile>,
    pub(super) seeds: Vec<CompanionFile>,
}

/// Reads assertions and seeds.
pub(super) struct CompanionReader<'r> {
    pub(super) placeholders: Option<&'r [String]>,
    pub(super) problems: &'r mut Problems,
    /// Returns true if the set has a version.
    pub(super) has_version: &'r dyn Fn(&str) -> bool,
}

impl CompanionReader<'_> {
    pub(super) fn read(&mut self, companions: Companions) -> ReadCompanions {
        let Companions { assertions, seeds } = companions;
        ReadCompanions {
            assertions: self.read_all(assertions, Role::Assertion),
            seeds: self.read_all(seeds, Role::Seed),
        }
    }

    fn read_all(&mut self, files: Vec<SourceFile>, role: Role) -> Vec<CompanionFile> {
        let mut read: Vec<CompanionFile> = Vec::new();
        let is_ours = |file: &SourceFile| !location(&file.path).is_known() && !is_anothers(&file.path, role);
        for file in files.into_iter().filter(is_ours) {
            let (path, is_readable) = (file.path.clone(), file.unread.is_none());
            let mut problems = Problems::default();
            match self.read_one(file, role, &read, &mut problems) {
                Some(file) => read.push(file),
                // Migrations do without it: the calls that use it refuse it.
                None if path.starts_with(BESIDE) => {
                    read.push(CompanionFile::faulty(path, problems.sorted(), is_readable));
                }
                None => problems.into_iter().for_each(|problem| self.problems.push(problem)),
            }
        }
        read
    }

    /// Reads one file; `None` if it has a problem.
    fn read_one(
        &self,
        file: SourceFile,
        role: Role,
        read: &[CompanionFile],
        problems: &mut Problems,
    ) -> Option<CompanionFile> {
        let same = || read.iter().find(|other| other.path().to_lowercase() == file.path.to_lowercase());
        let fault = match &file.unread {
            Some(reason) => {
                let fault = CompanionFault::Unreadable { reason: reason.clone() };
                Some(ProblemKind::Companion { fault })
            }
            None => fault_of_name(&file.path, role)
                .or_else(|| Some(ProblemKind::SameButForCase { other: same()?.path().to_owned() })),
        };
        if let Some(kind) = fault {
            problems.push(Problem::of_file(file.path, kind));
            return None;
        }
        let script = self.script(file, role, problems)?;
        Some(CompanionFile::new(script.path().to_owned(), script.text().to_owned()))
    }

    fn script(&self, file: SourceFile, role: Role, problems: &mut Problems) -> Option<Script> {
        let mut notes = Vec::new();
        let mut scripts = Scripts {
            rules: &PLAIN,
            placeholders: self.placeholders,
            leaves_out_unwritten: false,
            problems,
            notes: &mut notes,
        };
        let script = scripts.read(file, role, None)?;
        let conditions = script.options().condition.clone().unwrap_or_default();
        self.check_versions(&script, &conditions, problems).then_some(script)
    }

    /// Reports a condition on a version that the set does not have.
    fn check_versions(
        &self,
        script: &Script,
        conditions: &AssertionOptions,
        problems: &mut Problems,
    ) -> bool {
        let given = [(OptionName::Since, &conditions.since), (OptionName::Until, &conditions.until)];
        let unknown = given.into_iter().filter_map(|(option, version)| Some((option, version.as_ref()?)));
        let unknown: Vec<_> = unknown.filter(|(_, version)| !(self.has_version)(version)).collect();
        for (option, version) in &unknown {
            let at = script.line_column(options::read_header(script.text(), Role::Assertion).at(*option));
            let fault = CompanionFault::UnknownVersion { option: option.text(), version: (*version).clone() };
            let kind = ProblemKind::Companion { fault };
            let path = script.path().to_owned();
            problems.push(Problem { path, line: at.line, column: at.column, kind });
        }
        unknown.is_empty()
    }
}

/// Returns true for a file beside the directory that can only be another tool's, such as a script that makes rows or
/// a table of them.
fn is_anothers(path: &str, role: Role) -> bool {
    let below = below(path);
    path.starts_with(BESIDE)
        && !below.is_empty()
        && (is_deep(below, role) || !FileLocation::of(below).is_sql())
}

fn is_deep(below: &str, role: Role) -> bool {
    below.ends_with('/') || below.matches('/').count() > usize::from(role == Role::Seed)
}

/// The fault of a file's name or place.
fn fault_of_name(path: &str, role: Role) -> Option<ProblemKind> {
    if let Some(character) = path.chars().find(|c| c.is_control() || *c == char::REPLACEMENT_CHARACTER) {
        return Some(ProblemKind::OddCharacter { character });
    }
    let below = below(path);
    let file = below.rsplit_once('/').map_or(below, |(_, file)| file);
    let fault = if is_deep(below, role) {
        CompanionFault::Deep { role }
    } else if !FileLocation::of(below).is_sql() {
        CompanionFault::NotSql { role }
    } else if is_named_like_migration(file) && !path.starts_with(BESIDE) {
        CompanionFault::NamedLikeMigration { role }
    } else {
        return None;
    };
    Some(ProblemKind::Companion { fault })
}

/// Returns true if a layout with folders would take a file of this name for a migration's script.
fn is_named_like_migration(file: &str) -> bool {
    matches!(file, "up.sql" | "down.sql" | "migration.sql" | "rollback.sql")
        || !matches!(Name::of(file), Ok(None))
}

/// Returns true if a set with these versions and replaced ranges has a version.
pub(super) fn has_version<'v>(
    text: &str,
    versions: impl IntoIterator<Item = &'v Version>,
    ranges: &[std::ops::RangeInclusive<Version>],
) -> bool {
    let mut versions = versions.into_iter().peekable();
    let Some(order) = versions.peek().map(|version| version.order()) else { return false };
    let sought = Version::new(text.to_owned(), order);
    versions.any(|version| *version == sought) || ranges.iter().any(|range| range.contains(&sought))
}
