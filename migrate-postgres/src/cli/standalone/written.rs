//! The files of a migration that is written from a difference.

use super::check::{Findings, read};
use super::rewrite::Rewriting;
use super::stub::{self, Last, ScriptHalf, Stub};
use super::{project, reading};
use crate::cli::answer::Answer;
use crate::cli::commands::comparison::ComparisonArgs;
use crate::cli::commands::diff::{left_alone, proof, put_written};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::next::Next;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::cli::sides::{self, RenameArgs};
use crate::sides::{Side, WrittenDifference, WrittenScript};
use migrate_core::directory::source::folder;
use migrate_core::{Layout, Set};
use serde_json::json;
use std::path::Path;
use std::time::SystemTime;

/// The source of a migration that `new` writes.
#[derive(Clone, clap::Args)]
#[command(next_help_heading = "Written from a difference")]
pub(super) struct Source {
    /// Write the migration that makes this schema of the folder's: a file or folder of plain SQL
    #[arg(long, value_name = "SIDE", group = "written")]
    to: Option<String>,
    /// The same for the schema of this database
    #[arg(long, value_name = "URL", group = "written")]
    to_database: Option<String>,
    /// Write the inverse of this migration
    #[arg(long, value_name = "VERSION", group = "written")]
    revert_of: Option<String>,
    /// Write the first migration of an empty folder from the configured database
    #[arg(long, group = "written")]
    baseline: bool,
    /// Write the statements as they are, without their safe versions
    #[arg(long, requires = "written")]
    as_is: bool,
    #[command(flatten)]
    renames: RenameArgs,
    #[command(flatten)]
    comparison: ComparisonArgs,
}

/// Leaves URLs out, which may hold a password.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("revert_of", &self.revert_of).finish_non_exhaustive()
    }
}

/// The place of the files to write.
pub(super) struct Place<'a> {
    pub(super) folder: &'a Path,
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) first_version: String,
    /// The names of the migrations that are there.
    pub(super) names: Vec<String>,
    /// The paths of the files that are there.
    pub(super) paths: Vec<String>,
    /// The first line of each up script, if there is one.
    pub(super) mark: &'static str,
}

impl Source {
    /// True if a migration is to be written.
    pub(super) fn is_given(&self) -> bool {
        self.to.is_some() || self.to_database.is_some() || self.revert_of.is_some() || self.baseline
    }

    /// Writes the files.
    pub(super) async fn write(&self, place: &Place<'_>, context: &Context) -> Result<Answer, Problem> {
        let set = context.migrator.set();
        let (from, to) = self.sides(set, context)?;
        let comparison = self.comparison.comparison(context);
        let written = sides::written(context, (&from, &to), &comparison, &self.renames).await?;
        if written.scripts.is_empty() && written.unwritten.is_empty() {
            let page = Page::default()
                .toned(format!("nothing to write: no difference from {from} to {to}"), Tone::Good);
            return Ok(Answer::done(page, json!({ "files": [], "proof": proof(&written.proof) })));
        }
        if !written.proof.is_proved() {
            return Ok(unproved(&written));
        }
        let stubs = stubs(place, &written.scripts)?;
        for stub in &stubs {
            super::new::write(&place.folder.join(&stub.path), &stub.text)?;
        }
        let rewritten = if self.as_is { None } else { rewrite(place, set, context)? };
        self.answer(place, &written, &stubs, rewritten, context)
    }

    fn sides(&self, set: &Set, context: &Context) -> Result<(Side, Side), Problem> {
        let all = Side::migrations(set);
        match self {
            Source { to: Some(to), .. } => Ok((all, sides::side(to, context)?)),
            Source { to_database: Some(url), .. } => Ok((all, Side::database(url)?)),
            Source { revert_of: Some(version), .. } => {
                let without = Side::migrations_without(set, version)?;
                Ok((all, without))
            }
            _ if !set.is_empty() => Err(Problem::NotEmptyFolder { count: set.len() }),
            _ => Ok((Side::empty(), Side::endpoint(context.target()?))),
        }
    }

    fn answer(
        &self,
        place: &Place<'_>,
        written: &WrittenDifference,
        stubs: &[Stub],
        rewritten: Option<Vec<String>>,
        context: &Context,
    ) -> Result<Answer, Problem> {
        let paths = rewritten.unwrap_or_else(|| stubs.iter().map(|stub| stub.path.clone()).collect());
        let paths: Vec<String> =
            paths.iter().map(|path| place.folder.join(path).to_string_lossy().into_owned()).collect();
        let lost: Vec<&String> = written.scripts.iter().flat_map(|script| &script.loses).collect();
        let mut page = Page::default().lines(paths.iter().map(|path| format!("created {path}")));
        page = page.toned(written.proof.to_string(), Tone::Good);
        page = lost.iter().fold(page, |page, lost| page.toned(format!("loses {lost}"), Tone::Warning));
        for object in &written.compared.left_alone {
            page = page.toned(format!("left alone: {object}"), Tone::Faint);
        }
        let reading = reading(&context.options);
        let set = Set::from(read(place.folder, &reading)?).named(context.migrator.set().name().to_owned());
        let mut config = project(place.folder)?.lint;
        config.since = match place.names.last() {
            Some(last) => migrate_core::config::Since::Every(last.clone()),
            None => migrate_core::config::Since::Unset,
        };
        let findings = Findings::of(&set, &config, place.folder)?;
        if !findings.is_empty() && !place.names.is_empty() {
            page = page.append(findings.page(false));
        }
        let data = json!({
            "files": paths,
            "loses": lost,
            "left_alone": written.compared.left_alone.iter().map(left_alone).collect::<Vec<_>>(),
            "proof": proof(&written.proof),
            "findings": findings.json(),
        });
        let next = Next::advice("read them").or(context.invocation.command("up"), "applies them");
        let next = match self.baseline {
            true => Next::advice("read it").or(
                context.invocation.command(&format!("baseline {}", place.first_version)),
                "marks it as applied in the database",
            ),
            false => next,
        };
        Ok(Answer { next, ..Answer::done(page, data) })
    }
}

/// Replaces the new scripts with their safe versions, if the folder had migrations before: a new table is not in
/// use yet. Returns the paths that are there afterwards.
fn rewrite(place: &Place<'_>, before: &Set, context: &Context) -> Result<Option<Vec<String>>, Problem> {
    let Some(last) = before.last_version() else { return Ok(None) };
    let reading = reading(&context.options);
    let set = Set::from(read(place.folder, &reading)?).named(before.name().to_owned());
    let mut options = project(place.folder)?.lint.options(&set)?;
    options.since = Some(last.clone());
    let rewriting = Rewriting {
        folder: place.folder,
        layout: place.layout,
        set: &set,
        options: &options,
        reading: &reading,
        only_diff: false,
    };
    rewriting.run(folder::collect(place.folder)?)?;
    let files = folder::collect(place.folder)?;
    let new = files.into_iter().map(|file| file.path).filter(|path| !place.paths.contains(path));
    Ok(Some(new.filter(|path| !path.ends_with('/')).collect()))
}

/// The files of the scripts: each a migration, those that lose data by a name that says so.
pub(super) fn stubs(place: &Place<'_>, scripts: &[WrittenScript]) -> Result<Vec<Stub>, Problem> {
    let mut version = match Last::of(&place.names, place.layout) {
        Some(last) => last.next(&place.name, SystemTime::now()),
        None => place.first_version.clone(),
    };
    let mut stubs = Vec::new();
    for (index, script) in scripts.iter().enumerate() {
        let name = match index {
            _ if scripts.len() > 1 && !script.loses.is_empty() => format!("{}_contract", place.name),
            0 => place.name.clone(),
            index => format!("{}_{}", place.name, index + 1),
        };
        let phase = if script.loses.is_empty() { "" } else { "-- migrate: phase=contract\n" };
        let up = half(place.layout, &format!("{phase}{}", place.mark), &script.up);
        let down = (place.layout != Layout::Refinery).then(|| half(place.layout, "", &script.down));
        let refused = || Problem::NewLayout { layout: place.layout.to_string(), down: false };
        let files = stub::files_with(place.layout, &version, &name, &place.paths, (up, down, None));
        stubs.extend(files.ok_or_else(refused)?);
        version = stub::following(&version);
    }
    Ok(stubs)
}

/// A script, with goose's marks around a statement that has semicolons in it.
fn half(layout: Layout, header: &str, text: &str) -> ScriptHalf {
    let text = match layout {
        Layout::Goose if text.contains('$') => {
            format!("{header}-- +goose StatementBegin\n{text}-- +goose StatementEnd\n")
        }
        _ => format!("{header}{text}"),
    };
    ScriptHalf { text, is_marked_bare: false }
}

/// The answer of a difference that is not proved: nothing is written.
fn unproved(written: &WrittenDifference) -> Answer {
    let mut page = Page::default().toned("not proved; no file was written:", Tone::Bad);
    page = page.lines(written.proof.reasons());
    page = page.lines(written.unwritten.iter().map(ToString::to_string));
    page = written.scripts.iter().fold(page, |page, script| page.lines(script.up.lines()));
    let mut data = json!({ "files": [] });
    put_written(&mut data, written);
    Answer { exit: Exit::Unproved, ..Answer::done(page, data) }
}
