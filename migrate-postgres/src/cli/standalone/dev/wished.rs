//! `dev --to`: the migration that keeps up with a file of the whole schema, rewritten as the file changes.

use super::super::FolderArgs;
use super::super::new::{layout_of, write};
use super::super::stub;
use super::super::written::{Place, stubs};
use super::problem::DevProblem;
use crate::cli::context::Context;
use crate::cli::problem::Problem;
use crate::cli::sides::{self, RenameArgs};
use crate::schema::drift::Comparison;
use crate::sides::Side;
use migrate_core::{Layout, Set, Version};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The line that marks an up script to rewrite.
const MARK: &str = "-- Written by `migrate dev --to`, which replaces it while this line stands here.\n";

/// Writes the next migration, if the folder does not make the schema of the file. True if files changed.
pub(super) async fn write_next(
    folder: &FolderArgs,
    context: &Context,
    to: &str,
    name: &str,
    comparison: &Comparison,
) -> Result<bool, Problem> {
    let (layout, names, paths) = layout_of(&folder.folder, Layout::Flat)?;
    let set = context.migrator.set();
    let (kept, marked) = divided(set);
    let is_marked = |migration: &str| marked.iter().any(|(name, _)| name == migration);
    let of_marked: Vec<&String> =
        paths.iter().filter(|path| marked.iter().any(|(_, own)| belongs(path, own))).collect();
    let place = Place {
        folder: &folder.folder,
        name: stub::name(name).ok_or_else(|| Problem::NewName { name: name.to_owned() })?,
        layout,
        first_version: "0001".to_owned(),
        names: names.iter().filter(|name| !is_marked(name)).cloned().collect(),
        paths: paths.iter().filter(|path| !of_marked.contains(path)).cloned().collect(),
        mark: MARK,
    };
    let from = Side::of_versions(set, kept, format!("the migrations of {}", set.name()));
    let to = sides::side(to, context)?;
    let written = sides::written(context, (&from, &to), comparison, &RenameArgs::default()).await?;
    if !written.proof.is_proved() && !written.compared.differences.is_empty() {
        return Err(DevProblem::Unproved { reasons: written.proof.reasons() }.into());
    }
    let new: BTreeMap<String, String> =
        stubs(&place, &written.scripts)?.into_iter().map(|stub| (stub.path, stub.text)).collect();
    let text = |path: &str| fs::read_to_string(folder.folder.join(path)).unwrap_or_default();
    let old: BTreeMap<String, String> = of_marked.iter().map(|path| ((*path).clone(), text(path))).collect();
    if is_same(&old, &new) {
        return Ok(false);
    }
    for path in old.keys() {
        remove(&folder.folder, path)?;
    }
    for (path, text) in &new {
        write(&folder.folder.join(path), text)?;
    }
    Ok(true)
}

/// The versions that stay, and the names and paths of the up scripts that are marked: at the end of the set.
fn divided(set: &Set) -> (Vec<Version>, Vec<(String, String)>) {
    let (mut kept, mut marked) = (Vec::new(), Vec::new());
    for migration in set.iter() {
        let script = migration.up().into_script();
        match script.filter(|script| script.text().contains(MARK.trim_end())) {
            Some(script) => marked.push((migration.name().to_owned(), script.path().to_owned())),
            None => kept.push(migration.version().clone()),
        }
    }
    (kept, marked)
}

/// True if a file is one of the migration with this up script.
fn belongs(path: &str, up: &str) -> bool {
    match up.split_once('/') {
        Some((folder, _)) => path.split_once('/').is_some_and(|(other, _)| other == folder),
        None => path.split('.').next() == up.split('.').next(),
    }
}

/// True if the texts are the same. The versions may be times, and so differ.
fn is_same(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> bool {
    old.len() == new.len() && old.values().eq(new.values())
}

fn remove(folder: &Path, path: &str) -> Result<(), Problem> {
    let whole = folder.join(path);
    fs::remove_file(&whole).map_err(|source| Problem::File {
        what: "remove",
        path: whole.clone(),
        source,
    })?;
    // The folder of a migration is empty when its last file is gone.
    if let Some(parent) = whole.parent().filter(|parent| *parent != folder) {
        let _is_empty = fs::remove_dir(parent);
    }
    Ok(())
}
