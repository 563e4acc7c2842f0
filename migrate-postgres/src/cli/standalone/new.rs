//! `new`.

use super::stub::{self, Last, Parts, Stub};
use crate::cli::answer::Answer;
use crate::cli::context::Context;
use crate::cli::next::Next;
use crate::cli::page::Page;
use crate::cli::problem::Problem;
use clap::ValueEnum;
use migrate_core::directory::source::folder;
use migrate_core::{FolderError, Layout, directory};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;

/// Create the files of a new migration
///
/// Uses the folder's layout and the next version in its style. The up script holds a comment that says what
/// to write. Until you write it, it is a compile error and `up` refuses it, so that none is forgotten;
/// commands that apply nothing leave it out. If a script is meant to do nothing, say so in a comment of your
/// own.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = super::unused_over_files(&["folder", "json", "color"]),
    after_help = "Examples:\n  migrate new create_users\n  migrate new create_users --with-down --with-verify"
)]
pub(super) struct Args {
    /// What the migration does, for example create_users
    #[arg(value_name = "NAME")]
    name: String,
    /// Also create the down script
    #[arg(long)]
    with_down: bool,
    /// Also create the verify script
    #[arg(long)]
    with_verify: bool,
    /// The layout, if the folder is still empty
    #[arg(long, value_name = "LAYOUT", default_value = "flat")]
    layout: EmptyLayout,
    /// The style of versions, if the folder is still empty [default: sequence; timestamp for prisma]
    #[arg(long, value_name = "STYLE")]
    versions: Option<EmptyVersions>,
}

/// Layouts for a new folder.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmptyLayout {
    /// 0001_create_users.up.sql
    Flat,
    /// <version>_create_users/up.sql, as in diesel
    Folders,
    /// <version>_create_users/migration.sql
    Prisma,
}

/// Version styles for a new folder.
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
        let next = Next::advice(if paths.len() == 1 { "write it" } else { "write them" })
            .or(context.invocation.command("check"), "checks the folder without compiling");
        let page = Page::default().lines(paths.iter().map(|path| format!("created {path}")));
        Ok(Answer { next, ..Answer::done(page, json!({ "files": paths })) })
    }

    fn stubs(&self, folder: &Path) -> Result<Vec<Stub>, Problem> {
        let name = stub::name(&self.name).ok_or_else(|| Problem::NewName { name: self.name.clone() })?;
        let files = match folder::collect(folder) {
            Err(FolderError::NotFound { .. }) => Vec::new(),
            files => files?,
        };
        let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
        // A problem in the folder does not prevent the next migration, as long as the layout is clear.
        let outline = match directory::outline(files) {
            Ok(outline) => Some(outline).filter(|outline| !outline.names.is_empty()),
            Err(problems) if is_empty(&problems) => None,
            Err(problems) => {
                let problems = problems.under(&folder.to_string_lossy());
                return Err(FolderError::Problems { path: folder.to_owned(), problems }.into());
            }
        };
        let layout = outline.as_ref().map_or(self.layout.layout(), |outline| outline.layout);
        let names = outline.map(|outline| outline.names).unwrap_or_default();
        let version = match Last::of(&names, layout) {
            Some(last) => last.next(&name, SystemTime::now()),
            None => self.first_version(layout),
        };
        let parts = Parts { down: self.with_down, verify: self.with_verify };
        let refused = |down| Problem::NewLayout { layout: layout.to_string(), down };
        if self.with_down && layout == Layout::Refinery {
            return Err(refused(true));
        }
        stub::files(layout, &version, &name, &paths, parts).ok_or_else(|| refused(false))
    }

    fn first_version(&self, layout: Layout) -> String {
        let of_layout =
            if layout == Layout::Prisma { EmptyVersions::Timestamp } else { EmptyVersions::Sequence };
        match self.versions.unwrap_or(of_layout) {
            EmptyVersions::Sequence => "0001".to_owned(),
            EmptyVersions::Timestamp => stub::timestamp(SystemTime::now()),
        }
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

/// True if the only problem is that the folder is empty.
fn is_empty(problems: &migrate_core::Problems) -> bool {
    problems.iter().all(|problem| matches!(problem.kind, migrate_core::ProblemKind::NoMigrations { .. }))
}

/// Writes a file that must not exist yet.
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
