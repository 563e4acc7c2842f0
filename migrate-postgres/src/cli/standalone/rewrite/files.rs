//! The files of a folder after the rewrite.

use super::super::renumber::{Name, with_version};
use super::super::stub::{ScriptHalf, Texts, files_with, halved};
use super::problem::RewriteProblem;
use super::versions::Numbered;
use super::{Contents, is_rewritten};
use migrate_core::lint::fix::{Rewrite, SafeScript, ScriptText};
use migrate_core::{Layout, Migration, Payload, Set, TransactionMode, sql};

/// The files of a folder in a layout.
pub(super) struct Files<'a> {
    pub(super) layout: Layout,
    pub(super) before: &'a Contents,
}

impl Files<'_> {
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
            let is_kept = numbered.names == [numbered.old.as_str()];
            if rewrite.is_none() && is_kept {
                continue;
            }
            let own = self.files_of(&numbered.old);
            for path in &own {
                after.remove(*path);
            }
            let mut made = match (rewrite, numbered.versions.first()) {
                (Some(rewrite), Some(version)) => {
                    self.first(migration, &own, version, &rewrite.scripts[0], numbered)?
                }
                (_, Some(version)) => self.renamed(&own, version),
                (_, None) => continue,
            };
            for (at, script) in rewrite.iter().flat_map(|rewrite| rewrite.scripts.iter().enumerate()).skip(1)
            {
                made.extend(self.new_files(&numbered.versions[at], &numbered.names[at], script)?);
            }
            if let Some(path) = made.keys().find(|path| after.contains_key(*path)) {
                return Err(RewriteProblem::Exists { path: path.clone() });
            }
            after.extend(made);
        }
        Ok(after)
    }

    /// The paths of a migration's files.
    fn files_of(&self, migration: &str) -> Vec<&String> {
        let is_of = |path: &&String| {
            let entry = path.split('/').next().unwrap_or_default();
            let stem = entry.trim_end_matches(".sql").trim_end_matches(".verify");
            Name::of(entry).is_some_and(|(name, _)| name.whole() == migration) || stem == migration
        };
        self.before.keys().filter(is_of).collect()
    }

    /// The files of a migration under another version.
    fn renamed(&self, own: &[&String], version: &str) -> Contents {
        own.iter().map(|path| (renamed(path, version), self.before[*path].clone())).collect()
    }

    /// The files of the first part, which keep their names as far as they can.
    fn first(
        &self,
        migration: &dyn Migration,
        own: &[&String],
        version: &str,
        script: &SafeScript,
        numbered: &Numbered,
    ) -> Result<Contents, RewriteProblem> {
        let mut files = self.renamed(own, version);
        let path_of = |payload: Option<Payload<'_>>| {
            payload.and_then(Payload::into_script).map(|script| renamed(script.path(), version))
        };
        let (up, down) = (path_of(Some(migration.up())), path_of(migration.down()));
        let verify = migration.verify().map(|script| renamed(script.path(), version));
        let texts = texts(self.layout, script);
        let new = self.new_files(version, &numbered.names[0], script)?;
        if let Some(up) = &up {
            let text = if self.is_halved() {
                halved(self.layout, &texts.up, texts.down.as_ref())
            } else {
                texts.up.text
            };
            files.insert(up.clone(), text.into_bytes());
        }
        if let (Some(path), Some(down), false) = (down, texts.down, self.is_halved()) {
            files.insert(path, down.text.into_bytes());
        }
        match (verify, texts.verify) {
            (Some(path), Some(text)) => drop(files.insert(path, text.into_bytes())),
            (Some(path), None) => drop(files.remove(&path)),
            (None, Some(_)) => files.extend(
                new.into_iter()
                    .filter(|(path, _)| path.ends_with(".verify.sql") || path.ends_with("/verify.sql")),
            ),
            (None, None) => {}
        }
        Ok(files)
    }

    /// The files of a new migration.
    fn new_files(&self, version: &str, name: &str, script: &SafeScript) -> Result<Contents, RewriteProblem> {
        let description = Name::of(name).map_or("", |(name, _)| name.description());
        let paths: Vec<String> = self.before.keys().cloned().collect();
        let files = files_with(self.layout, version, description, &paths, texts(self.layout, script));
        let files = files.ok_or_else(|| RewriteProblem::Layout { layout: self.layout.to_string() })?;
        Ok(files.into_iter().map(|file| (file.path, file.text.into_bytes())).collect())
    }

    fn is_halved(&self) -> bool {
        is_halved(self.layout)
    }
}

fn is_halved(layout: Layout) -> bool {
    matches!(layout, Layout::Goose | Layout::Dbmate | Layout::Tern)
}

/// A path whose first part has another version.
fn renamed(path: &str, version: &str) -> String {
    let (entry, rest) = path.split_once('/').map_or((path, None), |(entry, rest)| (entry, Some(rest)));
    let entry = with_version(entry, version).unwrap_or_else(|| entry.to_owned());
    rest.map_or(entry.clone(), |rest| format!("{entry}/{rest}"))
}

/// The texts of a script in a layout: marks in place of options where another tool has them.
fn texts(layout: Layout, script: &SafeScript) -> Texts {
    let up = half(layout, &script.up, false);
    // goose's mark applies to both halves.
    let is_marked = layout == Layout::Goose && up.is_marked_bare;
    let down = script.down.as_ref().map(|down| half(layout, down, layout == Layout::Goose && !is_marked));
    Texts { up, down, verify: script.verify.clone() }
}

/// One script; `keeps_option` if no mark can say that it runs outside of a transaction.
fn half(layout: Layout, script: &ScriptText, keeps_option: bool) -> ScriptHalf {
    let mut script = script.clone();
    let is_bare = script.options.transaction == Some(TransactionMode::None);
    let is_marked_bare = is_bare && is_halved(layout) && !keeps_option;
    if is_marked_bare {
        script.options.transaction = None;
    }
    if layout == Layout::Goose {
        script.text = with_statement_marks(&script.text);
    }
    ScriptHalf { text: script.to_string(), is_marked_bare }
}

/// Marks the statements that goose would cut at a semicolon.
fn with_statement_marks(text: &str) -> String {
    let mut marked = String::new();
    let mut from = 0;
    for statement in sql::split(text).statements {
        let range = statement.range();
        let end = text[range.end..].find(';').map_or(range.end, |at| range.end + at + 1);
        marked.push_str(&text[from..range.start]);
        if statement.text(text).contains(';') && !marked.trim_end().ends_with("StatementBegin") {
            marked.push_str(&format!(
                "-- +goose StatementBegin\n{}\n-- +goose StatementEnd",
                &text[range.start..end]
            ));
        } else {
            marked.push_str(&text[range.start..end]);
        }
        from = end;
    }
    marked.push_str(&text[from..]);
    marked
}
