//! `check --fix`: the files of a folder with the safe versions of its scripts.

mod files;
mod page;
mod problem;
#[cfg(test)]
mod tests;
mod texts;
mod versions;

pub(crate) use problem::RewriteProblem;

use crate::Reading;
use crate::cli::answer::Answer;
use crate::cli::problem::Problem;
use files::Files;
use migrate_core::directory::Directory;
use migrate_core::directory::source::SourceFile;
use migrate_core::lint::LintOptions;
use migrate_core::lint::fix::{Rewrite, rewrites};
use migrate_core::sql::facts::Facts;
use migrate_core::{FolderError, Layout, Problems, Set};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The files of a folder, by path.
type Contents = BTreeMap<String, Vec<u8>>;

/// A folder whose scripts are to be rewritten.
pub(super) struct Rewriting<'a> {
    pub(super) folder: &'a Path,
    pub(super) layout: Layout,
    pub(super) set: &'a Set,
    pub(super) options: &'a LintOptions,
    pub(super) reading: &'a Reading,
    /// True to show the changes and write nothing.
    pub(super) only_diff: bool,
}

/// The changes of a folder's files.
struct Changes {
    before: Contents,
    after: Contents,
}

impl Rewriting<'_> {
    pub(super) fn run(&self, sources: Vec<SourceFile>) -> Result<Answer, Problem> {
        if !self.knows_what_is_applied() {
            return Err(RewriteProblem::NothingApplied.into());
        }
        let rewrites = rewrites(self.set, self.options).map_err(migrate_core::config::JudgeError::from)?;
        let (before, others) = contents(self.folder, sources)?;
        let versions = versions::assign(self.set, self.layout, self.options, &rewrites)?;
        let files = Files::of(self.layout, &before).map_err(|problems| self.invalid(problems))?;
        let after = files.rewritten(self.set, &rewrites, &versions)?;
        self.check(&after, &versions)?;
        let changes = Changes { before, after };
        changes.check_moved(&others)?;
        if !self.only_diff {
            changes.write(self.folder)?;
        }
        Ok(page::answer(self, &rewrites, &changes))
    }

    /// True if `--since` or the facts tell. Facts that do not name the set may be about a database where another
    /// name, or another tool, has applied it; only those of an empty database say that nothing is applied.
    fn knows_what_is_applied(&self) -> bool {
        let names_set = |facts: &Facts| {
            facts.positions.contains_key(self.set.name())
                || facts.positions.is_empty() && facts.relations.is_empty()
        };
        self.options.since.is_some() || self.options.facts.as_deref().is_some_and(names_set)
    }

    /// Reads the result as the folder would be read: it has to be a set with the migrations in their order.
    fn check(&self, after: &Contents, versions: &[versions::Numbered]) -> Result<(), Problem> {
        let files = after.iter().map(|(path, bytes)| SourceFile::new(path.clone(), bytes.clone())).collect();
        let read = self.reading.read(files).map_err(|problems| self.invalid(problems))?;
        let found = names(&read);
        let expected: Vec<&str> =
            versions.iter().flat_map(|of| of.names.iter().map(String::as_str)).collect();
        if found == expected {
            return Ok(());
        }
        Err(RewriteProblem::Order { found: found.join(", "), expected: expected.join(", ") }.into())
    }

    fn invalid(&self, problems: Problems) -> FolderError {
        let problems = problems.under(&self.folder.to_string_lossy());
        FolderError::Problems { path: self.folder.to_owned(), problems }
    }
}

/// The contents of the files, those that no layout reads included: they may move with a folder. Then the paths that
/// are no files: folders and dangling links.
fn contents(folder: &Path, sources: Vec<SourceFile>) -> Result<(Contents, Vec<String>), Problem> {
    let (mut contents, mut others) = (Contents::new(), Vec::new());
    for SourceFile { path, bytes, .. } in sources {
        let whole = folder.join(&path);
        if path.ends_with('/') || !whole.is_file() {
            others.push(path);
            continue;
        }
        let is_unread = bytes.is_empty();
        let failed = |source| Problem::File { what: "read", path: whole.clone(), source };
        let bytes = if is_unread { fs::read(&whole).map_err(failed)? } else { bytes.into_owned() };
        contents.insert(path, bytes);
    }
    Ok((contents, others))
}

fn names(directory: &Directory) -> Vec<&str> {
    directory.migrations.iter().map(migrate_core::Migration::name).collect()
}

impl Changes {
    /// Only files are moved: a migration's folder with anything else in it would stay behind.
    fn check_moved(&self, others: &[String]) -> Result<(), RewriteProblem> {
        let top = |path: &str| path.split_once('/').map(|(folder, _)| folder.to_owned());
        let kept: BTreeSet<String> = self.after.keys().filter_map(|path| top(path)).collect();
        let is_moved = |path: &&String| {
            let folder = top(path);
            folder.is_some_and(|folder| {
                !kept.contains(&folder) && self.before.keys().any(|path| top(path).as_ref() == Some(&folder))
            })
        };
        match others.iter().find(is_moved) {
            Some(path) => Err(RewriteProblem::NotAFile { path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Writes the changed files, then removes the files that are gone. The new texts are complete on the disk beside
    /// their places before the first file is replaced, so that a failure loses no text.
    fn write(&self, folder: &Path) -> Result<(), Problem> {
        let mut written = Vec::new();
        if let Err(problem) = self.write_beside(folder, &mut written) {
            for (beside, _) in written {
                let _is_gone = fs::remove_file(beside);
            }
            return Err(problem);
        }
        // From the last one on: most texts move up by a version.
        for (beside, path) in written.iter().rev() {
            fs::rename(beside, path).map_err(|source| Problem::File {
                what: "replace",
                path: path.clone(),
                source,
            })?;
        }
        for path in self.before.keys().filter(|path| !self.after.contains_key(*path)) {
            let path = folder.join(path);
            fs::remove_file(&path).map_err(|source| Problem::File {
                what: "remove",
                path: path.clone(),
                source,
            })?;
            // The folder of a migration that was renamed is empty now.
            if let Some(parent) = path.parent().filter(|parent| *parent != folder) {
                let _is_empty = fs::remove_dir(parent);
            }
        }
        Ok(())
    }

    /// Writes each changed text to a hidden file beside its place; returns both paths.
    fn write_beside(&self, folder: &Path, written: &mut Vec<(PathBuf, PathBuf)>) -> Result<(), Problem> {
        for (path, bytes) in self.after.iter().filter(|(path, bytes)| self.before.get(*path) != Some(bytes)) {
            let path = folder.join(path);
            let failed = |source| Problem::File { what: "write", path: path.clone(), source };
            let parent = path.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(failed)?;
            let beside = parent.join(format!(".migrate-fix-{}", written.len() + 1));
            written.push((beside.clone(), path.clone()));
            let mut file = fs::File::create(&beside).map_err(failed)?;
            file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Ok(())
    }
}

/// True if a rewrite replaces the migration's files.
fn is_rewritten(rewrite: &Rewrite) -> bool {
    !rewrite.scripts.is_empty()
}
