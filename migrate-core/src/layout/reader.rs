//! From the files of a directory, and the rules of its layout, to its migrations.

use super::place::Place;
use super::rules::{FileKind, Rules};
use super::{Directory, Note, Role, parallel, script, settings};
use crate::migration::SqlMigration;
use crate::options::TransactionMode;
use crate::problem::{Problem, ProblemKind, Problems};
use crate::script::Script;
use crate::source::SourceFile;
use crate::version::Version;
use std::collections::BTreeMap;

/// The files of one migration, as far as they were found.
#[derive(Default)]
struct Draft {
    name: Option<String>,
    ups: Vec<SourceFile>,
    downs: Vec<SourceFile>,
    verifies: Vec<SourceFile>,
}

/// Files on their way to migrations.
pub(super) struct Reader {
    rules: &'static Rules,
    /// By version, and by folder in the layouts that have them: two folders are two migrations.
    drafts: BTreeMap<(Version, Option<String>), Draft>,
    /// Folders with what their metadata says.
    folders: BTreeMap<String, Folder>,
    settings: Vec<String>,
    notes: Vec<Note>,
    problems: Problems,
}

#[derive(Default)]
struct Folder {
    transaction: Option<TransactionMode>,
    has_script: bool,
    /// Its name was found wanting, so that it lacks an up script need not be said too.
    is_refused: bool,
}

impl Reader {
    pub(super) fn new(rules: &'static Rules) -> Reader {
        Reader {
            rules,
            drafts: BTreeMap::new(),
            folders: BTreeMap::new(),
            settings: Vec::new(),
            notes: Vec::new(),
            problems: Problems::default(),
        }
    }

    /// The migrations of a directory, or all that is wrong with its files.
    pub(super) fn read(mut self, files: Vec<SourceFile>) -> Result<Directory, Problems> {
        files.into_iter().for_each(|file| self.file(file));
        self.check_folders();
        self.check_names();
        let drafts: Vec<_> = std::mem::take(&mut self.drafts).into_iter().collect();
        let read = parallel::map(drafts, |((version, folder), draft)| {
            let folder = folder.and_then(|name| Some((self.folders.get(&name)?.transaction?, name)));
            let metadata = folder.map(|(mode, name)| (format!("{name}/metadata.toml"), mode));
            let mut problems = Problems::default();
            (draft.read(self.rules, version, metadata.as_ref(), &mut problems), problems)
        });
        let mut migrations = Vec::with_capacity(read.len());
        for (migration, problems) in read {
            migrations.extend(migration);
            problems.into_iter().for_each(|problem| self.problems.push(problem));
        }
        if self.problems.is_empty() {
            Ok(Directory {
                layout: self.rules.layout,
                migrations,
                settings: self.settings,
                notes: self.notes,
            })
        } else {
            Err(self.problems.sorted())
        }
    }

    fn file(&mut self, file: SourceFile) {
        let place = Place::of(&file.path);
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
        match (self.rules.classify)(place) {
            FileKind::Script(version, name, role) => {
                if let Some(folder) = folder.as_ref().and_then(|folder| self.folders.get_mut(folder)) {
                    folder.has_script = true;
                }
                let draft = self.drafts.entry((version, folder)).or_default();
                match role {
                    Role::Up => {
                        draft.name.get_or_insert(name);
                        draft.ups.push(file);
                    }
                    Role::Down => draft.downs.push(file),
                    Role::Verify => draft.verifies.push(file),
                }
            }
            FileKind::Metadata => {
                let transaction = settings::run_in_transaction(&file, &mut self.problems);
                self.folders.entry(folder.unwrap_or_default()).or_default().transaction = transaction;
                self.settings.push(file.path);
            }
            FileKind::Lock => {
                settings::check_provider(&file, &mut self.problems);
                self.settings.push(file.path);
            }
            FileKind::Nothing => {}
            FileKind::Note(why) => self.notes.push(Note { path: file.path, why }),
            FileKind::Problem(kind) => self.problems.push(Problem::of_file(file.path, kind)),
            FileKind::FolderProblem(kind) => {
                let folder = folder.unwrap_or_default();
                self.problems.push(Problem::of_file(format!("{folder}/"), kind));
                self.folders.entry(folder).or_default().is_refused = true;
            }
        }
    }

    /// A folder without scripts, in layouts where each is a migration.
    fn check_folders(&mut self) {
        let Some(expected) = self.rules.up else { return };
        for (name, folder) in &self.folders {
            if !folder.has_script && !folder.is_refused {
                let kind = ProblemKind::FolderWithoutUp { expected };
                self.problems.push(Problem::of_file(format!("{name}/"), kind));
            }
        }
    }

    /// Two migrations with one version, or with names that are one on some systems.
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
    /// The migration, if nothing is wrong with it.
    fn read(
        self,
        rules: &Rules,
        version: Version,
        metadata: Option<&(String, TransactionMode)>,
        problems: &mut Problems,
    ) -> Option<SqlMigration> {
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
                let expected = match (rules.up, Place::of(&file.path).folder) {
                    (Some(up), Some(folder)) => format!("{folder}/{up}"),
                    _ => file.path.replace(&format!(".{role}.sql"), ".up.sql"),
                };
                problems.push(Problem::of_file(file.path.clone(), ProblemKind::WithoutUp { role, expected }));
            }
        }
        let mut scripts = |role, files: Vec<SourceFile>| -> Vec<Script> {
            files.into_iter().filter_map(|file| script::read(file, role, metadata, problems)).collect()
        };
        let ups = scripts(Role::Up, self.ups);
        let downs = scripts(Role::Down, self.downs);
        let verifies = scripts(Role::Verify, self.verifies);
        let mut migration = SqlMigration::new(version, self.name?, ups.into_iter().next()?);
        if let Some(down) = downs.into_iter().next() {
            migration = migration.with_down(down);
        }
        if let Some(verify) = verifies.into_iter().next() {
            migration = migration.with_verify(verify);
        }
        Some(migration)
    }
}
