//! The reader: turns the files of a directory into migrations by the rules of its layout.

use super::code::{is_helper, is_rust};
use super::companions::{self, CompanionReader, Companions, ReadCompanions};
use super::layouts::rules::{FileKind, Rules, Stray};
use super::place::FileLocation;
use super::script::Scripts;
use super::settings::{self, Asked};
use super::{Directory, MigrationFile, Note, NoteKind, Outline, Reading, batch, parallel};
use crate::directory::source::SourceFile;
use crate::set::code::CodeMigration;
use crate::set::divide;
use crate::set::file_migration::FileMigration;
use crate::set::migration::{Migration, SqlMigration};
use crate::set::options::{self, OptionName, Replaces};
use crate::set::problem::{CodeFault, Problem, ProblemKind, Problems};
use crate::set::script::Script;
use crate::set::version::Version;
use crate::set::{Layout, Role};
use std::collections::{BTreeMap, BTreeSet};

/// The files of one migration that were found so far.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    ups: Vec<SourceFile>,
    downs: Vec<SourceFile>,
    verifies: Vec<SourceFile>,
}

/// The state of a directory while its files are turned into migrations.
pub(super) struct Reader<'r> {
    rules: &'static Rules,
    reading: &'r Reading,
    /// Keyed by version, and by folder in layouts with a folder for each migration: two folders are two
    /// migrations.
    drafts: BTreeMap<(Version, Option<String>), Draft>,
    folders: BTreeMap<String, MigrationFolder>,
    /// The requests of settings files for a folder or a script, keyed by its path.
    asked: BTreeMap<String, Asked>,
    /// The settings files of scripts, each with its script.
    settings_of: Vec<(String, String)>,
    settings: Vec<String>,
    notes: Vec<Note>,
    strays: Vec<(String, Stray)>,
    problems: Problems,
}

#[derive(Default)]
struct MigrationFolder {
    has_script: bool,
    /// Its name was already reported, so a missing up script need not be reported, too.
    is_refused: bool,
}

impl Reader<'_> {
    pub(super) fn new<'r>(rules: &'static Rules, reading: &'r Reading) -> Reader<'r> {
        Reader {
            rules,
            reading,
            drafts: BTreeMap::new(),
            folders: BTreeMap::new(),
            asked: BTreeMap::new(),
            settings_of: Vec::new(),
            settings: Vec::new(),
            notes: Vec::new(),
            strays: Vec::new(),
            problems: Problems::default(),
        }
    }

    /// Returns the migrations of a directory, or every problem with its files.
    pub(super) fn read(
        mut self,
        files: Vec<SourceFile>,
        companions: Companions,
    ) -> Result<Directory, Problems> {
        let paths: BTreeSet<String> = files.iter().map(|file| file.path.clone()).collect();
        files.into_iter().for_each(|file| self.file(file));
        self.place_strays();
        self.check_folders();
        self.check_names();
        self.check_order();
        for (path, script) in self.settings_of.iter().filter(|(_, script)| !paths.contains(script)) {
            let kind = ProblemKind::WithoutScript { script: script.clone() };
            self.problems.push(Problem::of_file(path.clone(), kind));
        }
        let notes_lone_downs = self.rules.layout == Layout::Flat && self.has_ups();
        let versions: Vec<Version> = self.drafts.keys().map(|(version, _)| version.clone()).collect();
        let drafts: Vec<_> = std::mem::take(&mut self.drafts).into_iter().collect();
        let read = parallel::map(drafts, |((version, _), mut draft)| {
            let mut problems = Problems::default();
            let mut notes = Vec::new();
            if notes_lone_downs && draft.ups.is_empty() {
                // golang-migrate and sqlx ignore such a file.
                let lone =
                    draft.downs.drain(..).map(|file| Note::of_file(file.path, NoteKind::DownWithoutUp));
                notes.extend(lone);
            }
            let mut scripts = Scripts {
                rules: self.rules,
                placeholders: self.reading.placeholders.as_deref(),
                leaves_out_unwritten: self.reading.leaves_out_unwritten,
                problems: &mut problems,
                notes: &mut notes,
            };
            (draft.read(self.rules, version, &self.asked, &mut scripts), problems, notes)
        });
        let mut migrations = Vec::with_capacity(read.len());
        for (migration, problems, notes) in read {
            migrations.extend(migration);
            self.notes.extend(notes);
            problems.into_iter().for_each(|problem| self.problems.push(problem));
        }
        let ranges: Vec<_> = migrations.iter().filter_map(Migration::replaces).collect();
        let mut companion_reader = CompanionReader {
            placeholders: self.reading.placeholders.as_deref(),
            problems: &mut self.problems,
            has_version: &|text| companions::has_version(text, &versions, &ranges),
        };
        let ReadCompanions { assertions, seeds } = companion_reader.read(companions);
        if self.problems.is_empty() {
            batch::check_after(&migrations, &mut self.problems);
        }
        if self.problems.is_empty() {
            let (migrations, replaced) = divide(migrations, |migration: &FileMigration| migration);
            Ok(Directory {
                layout: self.rules.layout,
                migrations,
                replaced,
                placeholders: self.reading.placeholders.clone().unwrap_or_default(),
                settings: self.settings,
                notes: self.notes,
                assertions,
                seeds,
            })
        } else {
            Err(self.problems.sorted())
        }
    }

    fn file(&mut self, file: SourceFile) {
        let place = FileLocation::of(&file.path);
        let folder = place.folder.map(str::to_owned);
        if let Some(folder) = folder.clone().filter(|_| self.rules.up.is_some() && !place.is_hidden()) {
            self.folders.entry(folder).or_default();
        }
        if place.is_known() {
            return;
        }
        if let Some(character) =
            file.path.chars().find(|c| c.is_control() || *c == char::REPLACEMENT_CHARACTER)
        {
            self.problems.push(Problem::of_file(
                file.path.escape_debug().to_string(),
                ProblemKind::OddCharacter { character },
            ));
            return;
        }
        match kind_of(self.rules, &file) {
            FileKind::Script(version, name, role) => {
                if let Some(folder) = folder.as_ref().and_then(|folder| self.folders.get_mut(folder)) {
                    folder.has_script = true;
                }
                let of_its_own = folder.filter(|_| self.rules.up.is_some());
                let draft = self.drafts.entry((version, of_its_own)).or_default();
                match role {
                    Role::Up => {
                        draft.name.get_or_insert(name);
                        draft.ups.push(file);
                    }
                    Role::Down => draft.downs.push(file),
                    Role::Verify => draft.verifies.push(file),
                    // No layout has them: they are taken out of the files before.
                    Role::Assertion | Role::Seed => {}
                }
            }
            FileKind::Metadata => {
                let asked = settings::run_in_transaction(&file, &mut self.problems);
                self.asked.extend(folder.zip(asked));
                self.settings.push(file.path);
            }
            FileKind::MetadataOf(script) => {
                let asked = settings::execute_in_transaction(&file, &mut self.problems);
                self.asked.extend(asked.map(|asked| (script.clone(), asked)));
                self.settings_of.push((file.path.clone(), script));
                self.settings.push(file.path);
            }
            FileKind::Lock => {
                settings::check_provider(&file, &mut self.problems);
                self.settings.push(file.path);
            }
            FileKind::Nothing => {}
            FileKind::Note(why) => self.notes.push(Note::of_file(file.path, why)),
            FileKind::Stray(stray) => self.strays.push((file.path, stray)),
            FileKind::Problem(kind) => self.problems.push(Problem::of_file(file.path, kind)),
            FileKind::FolderProblem(kind) => {
                let folder = folder.unwrap_or_default();
                self.problems.push(Problem::of_file(format!("{folder}/"), kind));
                self.folders.entry(folder).or_default().is_refused = true;
            }
        }
    }

    /// Returns the names and the files of the migrations.
    pub(super) fn outline(mut self, files: Vec<SourceFile>) -> Outline {
        let of_migrations = migration_files(self.rules, &files);
        files.into_iter().for_each(|file| self.file(file));
        let drafts = self.drafts.into_iter().filter(|((version, _), _)| !version.is_repeatable());
        Outline {
            layout: self.rules.layout,
            names: drafts.filter_map(|(_, draft)| draft.name).collect(),
            files: of_migrations,
        }
    }

    fn has_ups(&self) -> bool {
        self.drafts.values().any(|draft| !draft.ups.is_empty())
    }

    /// Notes the files that the layout's tools ignore. In a directory without migrations, they are problems.
    fn place_strays(&mut self) {
        let has_ups = self.has_ups();
        let ups = || self.drafts.values().flat_map(|draft| &draft.ups);
        let may_be_sqlxs = ups().any(|file| !file.path.ends_with(".up.sql"));
        for (path, stray) in std::mem::take(&mut self.strays) {
            if !has_ups || stray.is_refused_by_sqlx && may_be_sqlxs {
                self.problems.push(Problem::of_file(path, stray.problem));
                continue;
            }
            let folder = path.split_once('/').map(|(folder, _)| format!("{folder}/"));
            let path = folder.filter(|_| stray.note == NoteKind::Subfolder).unwrap_or(path);
            let note = Note::of_file(path, stray.note);
            if self.notes.last() != Some(&note) {
                self.notes.push(note);
            }
        }
    }

    /// Reports folders without scripts, in layouts where each folder is a migration.
    fn check_folders(&mut self) {
        let Some(expected) = self.rules.up else { return };
        for (name, folder) in &self.folders {
            if !folder.has_script && !folder.is_refused {
                let kind = ProblemKind::FolderWithoutUp { expected };
                self.problems.push(Problem::of_file(format!("{name}/"), kind));
            }
        }
    }

    /// Reports names in an order other than their versions': dbmate sorts by name, and a run by version.
    fn check_order(&mut self) {
        let ups = self.drafts.values().filter_map(|draft| draft.ups.first());
        let mut last: Option<&SourceFile> = None;
        for file in ups.filter(|_| self.rules.layout == Layout::Dbmate) {
            if last.is_some_and(|last| file.path < last.path) {
                let other = last.map(|last| last.path.clone()).unwrap_or_default();
                self.problems.push(Problem::of_file(file.path.clone(), ProblemKind::OrderByName { other }));
            } else {
                last = Some(file);
            }
        }
    }

    /// Reports two migrations with one version, or with names that some file systems consider equal.
    fn check_names(&mut self) {
        let mut previous: Option<(&Version, &Draft)> = None;
        let mut by_lower_case: BTreeMap<String, (&Version, &SourceFile)> = BTreeMap::new();
        for ((version, _), draft) in &self.drafts {
            if let Some((_, first)) = previous.filter(|(other, _)| *other == version) {
                if let (Some(first), Some(second)) = (first.ups.first(), draft.ups.first()) {
                    let kind =
                        ProblemKind::DuplicateVersion { version: version.clone(), other: first.path.clone() };
                    self.problems.push(Problem::of_file(second.path.clone(), kind));
                }
            } else {
                previous = Some((version, draft));
            }
            for file in &draft.ups {
                let (first_version, first) =
                    by_lower_case.entry(file.path.to_lowercase()).or_insert((version, file));
                if *first_version != version {
                    let kind = ProblemKind::SameButForCase { other: first.path.clone() };
                    self.problems.push(Problem::of_file(file.path.clone(), kind));
                }
            }
        }
    }
}

impl Draft {
    /// Builds the migration, unless it has a problem.
    fn read(
        self,
        rules: &Rules,
        version: Version,
        asked: &BTreeMap<String, Asked>,
        scripts: &mut Scripts<'_>,
    ) -> Option<FileMigration> {
        let problems = &mut *scripts.problems;
        for second in self.ups.iter().skip(1) {
            let other = self.ups[0].path.clone();
            let kind = ProblemKind::DuplicateVersion { version: version.clone(), other };
            problems.push(Problem::of_file(second.path.clone(), kind));
        }
        for (role, files) in [(Role::Down, &self.downs), (Role::Verify, &self.verifies)] {
            for second in files.iter().skip(1).filter(|_| self.ups.len() == 1) {
                let kind = ProblemKind::DuplicateScript { role, other: files[0].path.clone() };
                problems.push(Problem::of_file(second.path.clone(), kind));
            }
            for file in files.iter().filter(|_| self.ups.is_empty()) {
                let expected = expected_up(rules, role, &file.path);
                problems.push(Problem::of_file(file.path.clone(), ProblemKind::WithoutUp { role, expected }));
            }
        }
        if self.ups.first().is_some_and(|up| is_rust(&up.path)) {
            return self.read_code(version, asked, scripts);
        }
        let (up, down) = match rules.divide.filter(|_| !version.is_repeatable()) {
            Some(divide) => {
                let read = |file| scripts.read_halves(file, divide);
                let halves: Vec<_> = self.ups.iter().map(read).collect();
                halves.into_iter().flatten().next().map_or((None, None), |(up, down)| (Some(up), down))
            }
            None => {
                let up = first_script(self.ups, Role::Up, asked, scripts);
                let down = first_script(self.downs, Role::Down, asked, scripts);
                (up, down)
            }
        };
        if let Some(up) = &up {
            check_range(&version, up, scripts.problems);
            batch::check_repeatable(&version, up, scripts.problems);
        }
        let verify = first_script(self.verifies, Role::Verify, asked, scripts);
        let mut migration = SqlMigration::new(version, self.name?, up?);
        if let Some(down) = down {
            migration = migration.with_down(down);
        }
        if let Some(verify) = verify {
            migration = migration.with_verify(verify);
        }
        Some(FileMigration::Sql(migration))
    }

    /// Builds a migration in Rust, unless it has a problem.
    fn read_code(
        self,
        version: Version,
        asked: &BTreeMap<String, Asked>,
        scripts: &mut Scripts<'_>,
    ) -> Option<FileMigration> {
        let up = self.ups.into_iter().next()?;
        if version.is_repeatable() {
            scripts.problems.push(Problem::of_file(up.path, ProblemKind::Code(CodeFault::Repeatable)));
            return None;
        }
        let read = scripts.read_code(&up);
        let down = first_script(self.downs, Role::Down, asked, scripts);
        let verify = first_script(self.verifies, Role::Verify, asked, scripts);
        let (code, checksum) = read?;
        if let Some(range) =
            code.options().replaces.as_ref().filter(|range| !range.may_be_replaced_by(&version))
        {
            let (first, last) = (range.first.to_string(), range.last.to_string());
            let kind = ProblemKind::BadRange { first, last, version: version.clone() };
            scripts.problems.push(Problem::of_file(code.path(), kind));
        }
        let migration = CodeMigration::new(version, self.name?, checksum, code);
        Some(FileMigration::Code(migration.with_scripts(down, verify)))
    }
}

/// Classifies a file. In layouts whose files begin with a number, code without a function `up` may be named
/// like a migration.
fn kind_of(rules: &Rules, file: &SourceFile) -> FileKind {
    match (rules.classify)(FileLocation::of(&file.path)) {
        FileKind::Script(..) if is_numbered(rules.layout) && is_helper(file) => {
            Stray::ignored(NoteKind::CodeWithoutUp, ProblemKind::Code(CodeFault::NoUp))
        }
        kind => kind,
    }
}

fn is_numbered(layout: Layout) -> bool {
    matches!(layout, Layout::Flat | Layout::Goose | Layout::Dbmate | Layout::Tern)
}

/// The files that belong to migrations: scripts, their settings, and in layouts with a folder for each migration
/// all files in it.
fn migration_files(rules: &Rules, files: &[SourceFile]) -> Vec<MigrationFile> {
    let kind = |file: &SourceFile| {
        if FileLocation::of(&file.path).is_known() { FileKind::Nothing } else { kind_of(rules, file) }
    };
    let script = |path: &str| match kind(files.iter().find(|file| file.path == path)?) {
        FileKind::Script(version, _, role) => Some((version, role)),
        _ => None,
    };
    let folder =
        |path: &str| path.split_once('/').filter(|_| rules.up.is_some()).map(|(folder, _)| folder.to_owned());
    let folders: BTreeMap<String, Version> =
        files.iter().filter_map(|file| Some((folder(&file.path)?, script(&file.path)?.0))).collect();
    let of_migration = |file: &SourceFile| {
        let (version, role) = match kind(file) {
            FileKind::Script(version, _, role) => (version, Some(role)),
            FileKind::MetadataOf(of) => (script(&of)?.0, None),
            _ => (folders.get(&folder(&file.path)?)?.clone(), None),
        };
        Some(MigrationFile { path: file.path.clone(), version, role })
    };
    files.iter().filter_map(of_migration).collect()
}

/// Checks that the range that a migration replaces precedes it.
fn check_range(version: &Version, up: &Script, problems: &mut Problems) {
    let Some(range @ Replaces { first, last }) = &up.options().replaces else { return };
    if !range.may_be_replaced_by(version) {
        let at = up.line_column(options::read_header(up.text(), Role::Up).at(OptionName::Replaces));
        let (first, last) = (first.to_string(), last.to_string());
        let kind = ProblemKind::BadRange { first, last, version: version.clone() };
        problems.push(Problem { path: up.path().to_owned(), line: at.line, column: at.column, kind });
    }
}

/// Reads all the given files, to report their problems, and returns the script of the first.
fn first_script(
    files: Vec<SourceFile>,
    role: Role,
    asked: &BTreeMap<String, Asked>,
    scripts: &mut Scripts<'_>,
) -> Option<Script> {
    let mut read = |file: SourceFile| {
        let folder = FileLocation::of(&file.path).folder.and_then(|folder| asked.get(folder));
        let asked = asked.get(&file.path).or(folder);
        scripts.read(file, role, asked)
    };
    let read: Vec<Option<Script>> = files.into_iter().map(&mut read).collect();
    read.into_iter().flatten().next()
}

/// The name of the up script that a script of another role is missing.
fn expected_up(rules: &Rules, role: Role, path: &str) -> String {
    match (rules.up, FileLocation::of(path).folder) {
        (Some(up), Some(folder)) => format!("{folder}/{up}"),
        _ if rules.layout == Layout::Flyway => {
            let (folder, file) =
                path.rsplit_once('/').map_or((None, path), |(folder, file)| (Some(folder), file));
            let file = file.replace(".verify.sql", ".sql").replacen('U', "V", 1);
            folder.map_or(file.clone(), |folder| format!("{folder}/{file}"))
        }
        _ => path.replace(&format!(".{role}.sql"), if rules.divide.is_some() { ".sql" } else { ".up.sql" }),
    }
}
