//! `new`.

use super::fill::Fill;
use super::stub::{self, Last, Parts, Stub};
use super::written::{Place, Source};
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
    after_help = "Examples:\n  migrate new create_users\n  migrate new create_users --with-down --with-verify\n  migrate new slugs --rust\n  migrate new --fill users.slug --as 'lower(name)'\n  migrate new add_email --to schema.sql\n  migrate new take_email_back --revert-of 0042"
)]
pub(super) struct Args {
    /// What the migration does, for example create_users
    #[arg(value_name = "NAME", required_unless_present = "fill")]
    name: Option<String>,
    /// Write the migrations that add this column and fill it in batches while the service writes
    #[arg(long, value_name = "TABLE.COLUMN", requires = "expression", conflicts_with_all = ["with_down", "with_verify"])]
    fill: Option<String>,
    /// The value of the column to fill, an expression over the other columns
    #[arg(long = "as", id = "expression", value_name = "EXPRESSION", requires = "fill")]
    expression: Option<String>,
    /// The type of the column to fill
    #[arg(long = "type", id = "column_type", value_name = "TYPE", default_value = "text", requires = "fill")]
    column_type: String,
    /// Write the migration in Rust
    #[arg(long, conflicts_with = "fill")]
    rust: bool,
    /// Also create the down script, or function
    #[arg(long)]
    with_down: bool,
    /// Also create the verify script, or function
    #[arg(long)]
    with_verify: bool,
    /// The layout, if the folder is still empty
    #[arg(long, value_name = "LAYOUT", default_value = "flat")]
    layout: EmptyLayout,
    /// The style of versions, if the folder is still empty [default: sequence; timestamp for prisma]
    #[arg(long, value_name = "STYLE")]
    versions: Option<EmptyVersions>,
    #[command(flatten)]
    source: Source,
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
    /// True if the migration is written from a difference.
    pub(super) fn is_written(&self) -> bool {
        self.source.is_given()
    }

    pub(super) async fn run(&self, folder: &Path, context: &Context) -> Result<Answer, Problem> {
        if self.is_written() {
            return self.source.write(&self.place(folder)?, context).await;
        }
        let fill = self.fill()?;
        let stubs = self.stubs(folder, fill.as_ref())?;
        for stub in &stubs {
            write(&folder.join(&stub.path), &stub.text)?;
        }
        let paths: Vec<String> =
            stubs.iter().map(|stub| folder.join(&stub.path).to_string_lossy().into_owned()).collect();
        let what = match (&fill, paths.len()) {
            (Some(_), _) => "read them",
            (None, 1) => "write it",
            (None, _) => "write them",
        };
        let next =
            Next::advice(what).or(context.invocation.command("check"), "checks the folder without compiling");
        let page = Page::default().lines(paths.iter().map(|path| format!("created {path}")));
        let removal = fill.as_ref().map(Fill::removal);
        let page = match &removal {
            Some(removal) => page
                .line("When every running release writes the column, a migration takes the trigger away:")
                .lines(removal.lines().map(|line| format!("  {line}"))),
            None => page,
        };
        let mut data = json!({ "files": paths });
        if let Some(removal) = removal {
            data["later"] = json!(removal);
        }
        Ok(Answer { next, ..Answer::done(page, data) })
    }

    /// The column to fill, if there is one.
    fn fill(&self) -> Result<Option<Fill>, Problem> {
        let Some((column, expression)) = self.fill.as_deref().zip(self.expression.as_deref()) else {
            return Ok(None);
        };
        let fill = Fill::parse(column, &self.column_type, expression);
        fill.map(Some).map_err(|expected| Problem::NewFill { expected })
    }

    /// The place of the files of a migration that is written.
    fn place<'f>(&self, folder: &'f Path) -> Result<Place<'f>, Problem> {
        let given = self.name.clone().unwrap_or_default();
        let name = stub::name(&given).ok_or(Problem::NewName { name: given })?;
        let (layout, names, paths) = layout_of(folder, self.layout.layout())?;
        let first_version = self.first_version(layout);
        Ok(Place { folder, name, layout, first_version, names, paths, mark: "" })
    }

    fn stubs(&self, folder: &Path, fill: Option<&Fill>) -> Result<Vec<Stub>, Problem> {
        let given = self.name.clone().or_else(|| fill.map(Fill::name)).unwrap_or_default();
        let name = stub::name(&given).ok_or(Problem::NewName { name: given })?;
        let (layout, names, paths) = layout_of(folder, self.layout.layout())?;
        let version = match Last::of(&names, layout) {
            Some(last) => last.next(&name, SystemTime::now()),
            None => self.first_version(layout),
        };
        if let Some(fill) = fill {
            return filled(fill, layout, version, &name, &paths);
        }
        let parts = Parts { down: self.with_down, verify: self.with_verify };
        let refused = |down| Problem::NewLayout { layout: layout.to_string(), down };
        if self.rust {
            let file = stub::code_file(layout, &version, &name, parts);
            return file.map(|file| vec![file]).ok_or_else(|| refused(false));
        }
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

/// The layout of a folder, the names of its migrations and the paths of its files.
pub(super) fn layout_of(
    folder: &Path,
    of_empty: Layout,
) -> Result<(Layout, Vec<String>, Vec<String>), Problem> {
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
    let layout = outline.as_ref().map_or(of_empty, |outline| outline.layout);
    Ok((layout, outline.map(|outline| outline.names).unwrap_or_default(), paths))
}

/// The files that add and fill a column, the first one with this version.
fn filled(
    fill: &Fill,
    layout: Layout,
    version: String,
    name: &str,
    paths: &[String],
) -> Result<Vec<Stub>, Problem> {
    let mut version = version;
    let backfill = stub::following(&version);
    // With Prisma, the whole name is the version.
    let named = match layout {
        Layout::Prisma => format!("{backfill}_fill_{name}"),
        _ => backfill,
    };
    let mut files = Vec::new();
    for step in fill.steps(name, &named, layout) {
        let texts = (step.up, step.down, None);
        let written = stub::files_with(layout, &version, &step.name, paths, texts);
        let refused = || Problem::NewLayout { layout: layout.to_string(), down: false };
        files.extend(written.ok_or_else(refused)?);
        version = stub::following(&version);
    }
    Ok(files)
}

/// True if the only problem is that the folder is empty.
fn is_empty(problems: &migrate_core::Problems) -> bool {
    problems.iter().all(|problem| matches!(problem.kind, migrate_core::ProblemKind::NoMigrations { .. }))
}

/// Writes a file that must not exist yet.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Problem> {
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
