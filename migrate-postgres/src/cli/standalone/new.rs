//! `new`.

use super::stub::{self, Stub};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::page::Page;
use crate::cli::problem::Problem;
use clap::ValueEnum;
use migrate_core::source::folder;
use migrate_core::{FolderError, Layout, Migration as _, SqlMigration, layout};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

/// Make the files of a new migration
///
/// In the folder's own layout and with the next version in its own style, each with a comment that says what belongs there. A
/// script with this comment only is an error of the build, so that none is forgotten: write it, or delete the file. One that is to
/// do nothing says so in another comment.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Example:\n  migrate new create_users")]
pub(super) struct Args {
    /// What it does: create_users
    #[arg(value_name = "NAME")]
    name: String,
    /// The layout of a folder that is still empty
    #[arg(long, value_name = "LAYOUT", default_value = "flat")]
    layout: EmptyLayout,
    /// The versions of a folder that is still empty
    #[arg(long, value_name = "STYLE", default_value = "sequence")]
    versions: EmptyVersions,
}

/// The layouts that a new folder may be given.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmptyLayout {
    /// 0001_create_users.up.sql, .down.sql, .verify.sql
    Flat,
    /// <version>_create_users/up.sql, down.sql, verify.sql, as diesel has it
    Folders,
    /// <version>_create_users/migration.sql, rollback.sql, verify.sql
    Prisma,
}

/// The styles of versions that a new folder may be given.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmptyVersions {
    /// 0001, 0002
    Sequence,
    /// 20260105101500
    Timestamp,
}

impl Args {
    pub(super) fn run(&self, folder: &Path, context: &Context) -> Result<Answer, Problem> {
        let stubs = self.stubs(folder)?;
        for stub in &stubs {
            write(&folder.join(&stub.path), &stub.text)?;
        }
        let paths: Vec<String> =
            stubs.iter().map(|stub| folder.join(&stub.path).to_string_lossy().into_owned()).collect();
        let next = Next::advice("write them, and delete those that it does not need")
            .or(context.invocation.command("check"), "checks them without a build");
        let page = Page::default().lines(paths.iter().map(|path| format!("made {path}")));
        Ok(Answer { next, ..Answer::done(page, json!({ "files": paths })) })
    }

    fn stubs(&self, folder: &Path) -> Result<Vec<Stub>, Problem> {
        let name = stub::name(&self.name).ok_or_else(|| Problem::NewName { name: self.name.clone() })?;
        let files = match folder::collect(folder) {
            Err(FolderError::NotFound { .. }) => Vec::new(),
            files => files?,
        };
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        let read = layout::read(files);
        let found = read.as_ref().ok().filter(|directory| !directory.migrations.is_empty());
        // A folder with something wrong in it is no reason not to write the next migration, as long as its layout shows.
        let layout = match (found, &read) {
            (Some(directory), _) => directory.layout,
            (None, Err(problems)) if !is_empty(problems) => {
                let problems = problems.clone().under(&folder.to_string_lossy());
                return Err(FolderError::Problems { path: folder.to_owned(), problems }.into());
            }
            (None, _) => self.layout.layout(),
        };
        let migrations = found.iter().flat_map(|directory| directory.migrations.iter());
        let versions: Vec<&str> = migrations.filter_map(|m| version_as_named(m, layout)).collect();
        let first = match self.versions {
            EmptyVersions::Sequence => "0000",
            EmptyVersions::Timestamp => "00000000000000",
        };
        let last = versions.last().copied().unwrap_or(first);
        let version = stub::next_version(last, SystemTime::now());
        stub::files(layout, &version, &name, &paths)
            .ok_or_else(|| Problem::NewLayout { layout: layout.to_string() })
    }
}

impl EmptyLayout {
    fn layout(self) -> Layout {
        match self {
            EmptyLayout::Flat => Layout::Flat,
            EmptyLayout::Folders => Layout::Folders,
            EmptyLayout::Prisma => Layout::Prisma,
        }
    }
}

/// Whether all that is wrong is that there is nothing yet.
fn is_empty(problems: &migrate_core::Problems) -> bool {
    problems.iter().all(|problem| matches!(problem.kind, migrate_core::ProblemKind::NoMigrations { .. }))
}

/// The version as the name of its file or folder has it, dashes and underscores included; none for one that is repeatable.
fn version_as_named(migration: &SqlMigration, layout: Layout) -> Option<&str> {
    let name = migration.name();
    let (version, _) = match layout {
        Layout::Flyway | Layout::Refinery => name.trim_start_matches(['V', 'U']).split_once("__")?,
        _ => name.split_once('_')?,
    };
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

/// Writes a file that must not be there.
fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => Problem::Exists { path: path.to_owned() },
        _ => Problem::File { what: "write", path: path.to_owned(), source },
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
