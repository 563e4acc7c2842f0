//! `check --fix`: the files of a folder with the safe versions of its scripts.

mod files;
mod page;
mod problem;
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
use migrate_core::{FolderError, Layout, Set};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

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
        if self.options.since.is_none() && self.options.facts.is_none() {
            return Err(RewriteProblem::NothingApplied.into());
        }
        let rewrites = rewrites(self.set, self.options).map_err(migrate_core::config::JudgeError::from)?;
        let before = contents(self.folder, sources)?;
        let versions = versions::assign(self.set, self.layout, self.options, &rewrites)?;
        let after =
            Files { layout: self.layout, before: &before }.rewritten(self.set, &rewrites, &versions)?;
        self.check(&after, &versions)?;
        let changes = Changes { before, after };
        if !self.only_diff {
            changes.write(self.folder)?;
        }
        Ok(page::answer(self, &rewrites, &changes))
    }

    /// Reads the result as the folder would be read: it has to be a set with the migrations in their order.
    fn check(&self, after: &Contents, versions: &[versions::Numbered]) -> Result<(), Problem> {
        let files = after.iter().map(|(path, bytes)| SourceFile::new(path.clone(), bytes.clone())).collect();
        let read = self.reading.read(files).map_err(|problems| FolderError::Problems {
            path: self.folder.to_owned(),
            problems: problems.under(&self.folder.to_string_lossy()),
        })?;
        let found = names(&read);
        let expected: Vec<&str> =
            versions.iter().flat_map(|of| of.names.iter().map(String::as_str)).collect();
        if found == expected {
            return Ok(());
        }
        Err(RewriteProblem::Order { found: found.join(", "), expected: expected.join(", ") }.into())
    }
}

/// The contents of the files, those that no layout reads included: they may move with a folder.
fn contents(folder: &Path, sources: Vec<SourceFile>) -> Result<Contents, Problem> {
    let mut contents = Contents::new();
    for SourceFile { path, bytes } in sources.into_iter().filter(|file| !file.path.ends_with('/')) {
        let whole = folder.join(&path);
        let is_unread = bytes.is_empty() && whole.is_file();
        let failed = |source| Problem::File { what: "read", path: whole.clone(), source };
        let bytes = if is_unread { fs::read(&whole).map_err(failed)? } else { bytes.into_owned() };
        contents.insert(path, bytes);
    }
    Ok(contents)
}

fn names(directory: &Directory) -> Vec<&str> {
    directory.migrations.iter().map(migrate_core::Migration::name).collect()
}

impl Changes {
    /// Writes the changed files, then removes the files that are gone.
    fn write(&self, folder: &Path) -> Result<(), Problem> {
        for (path, bytes) in self.after.iter().filter(|(path, bytes)| self.before.get(*path) != Some(bytes)) {
            let path = folder.join(path);
            let failed = |source| Problem::File { what: "write", path: path.clone(), source };
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            fs::write(&path, bytes).map_err(failed)?;
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
}

/// True if a rewrite replaces the migration's files.
fn is_rewritten(rewrite: &Rewrite) -> bool {
    !rewrite.scripts.is_empty()
}
