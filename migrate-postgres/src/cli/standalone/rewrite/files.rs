//! The files of a folder after the rewrite.

use super::super::name::{Name, has_folders};
use super::super::stub::halved;
use super::super::waiting::wait_for;
use super::problem::RewriteProblem;
use super::texts::{is_halved, texts, without_request};
use super::versions::Numbered;
use super::{Contents, is_rewritten};
use migrate_core::directory::{self, MigrationFile, source::SourceFile};
use migrate_core::lint::fix::{Rewrite, SafeScript};
use migrate_core::set::Role;
use migrate_core::{Layout, Migration, Problems, Set, TransactionMode};

/// The files of a folder in a layout.
pub(super) struct Files<'a> {
    layout: Layout,
    before: &'a Contents,
    /// The files that belong to migrations.
    owned: Vec<MigrationFile>,
}

impl<'a> Files<'a> {
    pub(super) fn of(layout: Layout, before: &'a Contents) -> Result<Files<'a>, Problems> {
        let sources = before.iter().map(|(path, bytes)| SourceFile::new(path.clone(), bytes.clone()));
        let owned = directory::outline(sources.collect())?.files;
        Ok(Files { layout, before, owned })
    }

    pub(super) fn rewritten(
        &self,
        set: &Set,
        rewrites: &[Rewrite],
        versions: &[Numbered],
    ) -> Result<Contents, RewriteProblem> {
        let mut after = self.before.clone();
        // From the last one on, so that the files of one migration never replace those of another.
        for (migration, numbered) in set.iter().zip(versions).rev() {
            let rewrite = rewrites.iter().find(|of| of.version == *migration.version() && is_rewritten(of));
            let moved = moved_after(migration, set, versions);
            if rewrite.is_none() && moved.is_none() && numbered.names == [numbered.old.as_str()] {
                continue;
            }
            let files = self.owned.iter().filter(|file| file.version == *migration.version()).collect();
            let own = OwnFiles { layout: self.layout, files };
            for file in &own.files {
                after.remove(&file.path);
            }
            let parts = rewrite.into_iter().flat_map(|rewrite| &rewrite.scripts);
            let mut parts: Vec<SafeScript> = parts.map(|part| part.numbered(&numbered.versions)).collect();
            if let Some((old, new)) = &moved {
                let own = parts.iter_mut().map(|part| &mut part.up.options.after);
                own.filter(|after| after.as_deref() == Some(old))
                    .for_each(|after| *after = Some(new.clone().into()));
            }
            let mut made = self.made(&own, numbered, &parts);
            if let Some((old, new)) = moved.filter(|_| parts.is_empty()) {
                for bytes in made.values_mut() {
                    wait_for(bytes, &old, &new);
                }
            }
            if let Some(path) = made.keys().find(|path| after.contains_key(*path)) {
                return Err(RewriteProblem::Exists { path: path.clone() });
            }
            after.extend(made);
        }
        Ok(after)
    }

    /// The files in place of those of a migration: its own under the version of the first part, with the texts of
    /// that part, and the files of the other parts.
    fn made(&self, own: &OwnFiles<'_>, numbered: &Numbered, parts: &[SafeScript]) -> Contents {
        let version = &numbered.versions[0];
        let renamed =
            |file: &&MigrationFile| (own.with_version(file, version), self.before[&file.path].clone());
        let mut made: Contents = own.files.iter().map(renamed).collect();
        if let Some(first) = parts.first() {
            self.replace(&mut made, own, version, &numbered.names[0], first);
        }
        for (name, part) in numbered.names.iter().zip(parts).skip(1) {
            for (role, text) in self.scripts(part) {
                made.extend(own.new_path(role, name).map(|path| (path, text.into_bytes())));
            }
        }
        made
    }

    /// Puts the texts of the first part in the place of the migration's own.
    fn replace(&self, made: &mut Contents, own: &OwnFiles<'_>, version: &str, name: &str, part: &SafeScript) {
        let kept = |role| own.script(role).map(|file| own.with_version(file, version));
        if part.verify.is_none() {
            kept(Role::Verify).map(|path| made.remove(&path));
        }
        for (role, text) in self.scripts(part) {
            let path = kept(role).or_else(|| own.new_path(role, name));
            made.extend(path.map(|path| (path, text.into_bytes())));
        }
        let mut halves = [Some(&part.up), part.down.as_ref()].into_iter().flatten();
        if halves.any(|half| half.options.transaction == Some(TransactionMode::None)) {
            let settings = own.files.iter().filter(|file| file.role.is_none());
            for path in settings.map(|file| own.with_version(file, version)) {
                let left = made.remove(&path).and_then(without_request);
                made.extend(left.map(|text| (path, text)));
            }
        }
    }

    /// The texts of a part's files, each with the role of its file.
    fn scripts(&self, part: &SafeScript) -> Vec<(Role, String)> {
        let texts = texts(self.layout, part);
        let verify = texts.verify.map(|text| (Role::Verify, text));
        let (up, down) = if is_halved(self.layout) {
            (halved(self.layout, &texts.up, texts.down.as_ref()), None)
        } else {
            (texts.up.text, texts.down.map(|down| (Role::Down, down.text)))
        };
        [Some((Role::Up, up)), down, verify].into_iter().flatten().collect()
    }
}

/// The version for which a migration waits, as written, and the one that it gets, if that is another one.
fn moved_after(migration: &dyn Migration, set: &Set, versions: &[Numbered]) -> Option<(String, String)> {
    let after = migration.after()?;
    let (of, numbered) = set.iter().zip(versions).find(|(of, _)| *of.version() == after)?;
    let new = numbered.versions.first().filter(|_| !numbered.names.contains(&of.name().to_owned()))?;
    Some((after.as_written().to_owned(), new.clone()))
}

/// The files of a migration.
struct OwnFiles<'f> {
    layout: Layout,
    files: Vec<&'f MigrationFile>,
}

impl<'f> OwnFiles<'f> {
    fn script(&self, role: Role) -> Option<&'f MigrationFile> {
        self.files.iter().copied().find(|file| file.role == Some(role))
    }

    /// The path of a file under another version.
    fn with_version(&self, file: &MigrationFile, version: &str) -> String {
        let name = Name::of(&file.path, self.layout);
        name.map_or_else(|| file.path.clone(), |(name, behind)| name.with_version(version) + behind)
    }

    /// The path of a script of a new migration: beside the migration's own of this role, or else beside its up
    /// script.
    fn new_path(&self, role: Role, name: &str) -> Option<String> {
        let own = self.script(role);
        let (beside, behind) = Name::of(&own.or_else(|| self.script(Role::Up))?.path, self.layout)?;
        let behind = match own {
            Some(_) => behind,
            None if has_folders(self.layout) => "/verify.sql",
            None => ".verify.sql",
        };
        let bare = &name[beside.prefix.len()..];
        Some(format!("{}{}{bare}{behind}", beside.folder, beside.prefix))
    }
}
