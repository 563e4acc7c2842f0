//! The sides of a difference, as the command line names them.

use super::consent;
use super::context::Context;
use super::problem::Problem;
use crate::connection::endpoint::Endpoint;
use crate::schema::drift::Comparison;
use crate::sides::{Side, WrittenDifference};
use migrate_core::directory;
use migrate_core::directory::source::folder;
use migrate_core::{FolderError, Set};
use std::io::IsTerminal as _;
use std::path::Path;

/// Reads a side.
pub(super) fn side(text: &str, context: &Context) -> Result<Side, Problem> {
    match text {
        "empty" => return Ok(Side::empty()),
        "database" => return Ok(Side::endpoint(context.target()?)),
        _ if is_url(text) => return Ok(Side::database(text)?),
        _ => {}
    }
    let (path, version) = match text.rsplit_once('@') {
        Some((path, version)) if !Path::new(text).exists() => (path, Some(version)),
        _ => (text, None),
    };
    match (set(path, context)?, version) {
        (Some(set), None) => Ok(Side::migrations(&set)),
        (Some(set), Some(version)) => Ok(Side::migrations_up_to(&set, version)?),
        (None, _) if Path::new(text).is_dir() => Ok(Side::folder(text)?),
        (None, _) => Ok(Side::file(text)?),
    }
}

/// True for a connection string: a URL, or `key=value` pairs.
fn is_url(text: &str) -> bool {
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    is_url || text.split_whitespace().any(|word| word.starts_with("dbname=") || word.starts_with("host="))
}

/// The set that a path names, if it names one.
fn set(path: &str, context: &Context) -> Result<Option<Set>, Problem> {
    let own = context.migrator.set();
    if path == "migrations" || context.folder.as_deref().is_some_and(|folder| folder == Path::new(path)) {
        return Ok(Some(own.clone()));
    }
    if !Path::new(path).is_dir() {
        return Ok(None);
    }
    let files = folder::collect(Path::new(path))?;
    let is_numbered = files.iter().any(|file| {
        let name = file.path.rsplit('/').next().unwrap_or_default().trim_start_matches('V');
        name.starts_with(|c: char| c.is_ascii_digit())
    });
    match directory::outline(files) {
        Ok(outline) if !outline.names.is_empty() => {
            Ok(Some(Set::from_folder(path)?.named(own.name().to_owned())))
        }
        // A file that is not named like a migration, among others that are.
        Err(problems) if is_numbered => {
            Err(FolderError::Problems { path: Path::new(path).to_owned(), problems }.into())
        }
        _ => Ok(None),
    }
}

/// The server of scratch databases: the configured one, or else that of a side.
pub(super) fn server(context: &Context, sides: &[&Side]) -> Result<Endpoint, Problem> {
    context.target().or_else(|problem| {
        let of_side = sides.iter().find_map(|side| side.as_database()).cloned();
        of_side.ok_or(problem)
    })
}

/// The user's decisions about renames.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Comparison")]
pub(crate) struct RenameArgs {
    /// The object has this new name, for example users.mail=email; may be repeated
    #[arg(long, value_name = "OBJECT=NAME", value_parser = renaming)]
    rename: Vec<(String, String)>,
    /// Drop the one and create the other where a rename is possible
    #[arg(long)]
    no_renames: bool,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(from, to)| !from.is_empty() && !to.is_empty());
    pair.map(|(from, to)| (from.to_owned(), to.to_owned())).ok_or_else(|| "expected OBJECT=NAME".to_owned())
}

/// Writes a difference. A possible rename is a question on a terminal, and an error elsewhere.
pub(super) async fn written(
    context: &Context,
    (from, to): (&Side, &Side),
    comparison: &Comparison,
    args: &RenameArgs,
) -> Result<WrittenDifference, Problem> {
    let server = server(context, &[from, to])?;
    let mut renames = args.rename.clone();
    let written = context.migrator.write_difference(&server, from, to, comparison, &renames).await?;
    if written.renames.is_empty() || args.no_renames {
        return Ok(written);
    }
    context.ui.end();
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let renames = written.renames.iter();
        let renames = renames.map(|one| (one.kind.to_string(), one.from.clone(), one.to.clone())).collect();
        return Err(Problem::PerhapsRenamed { renames });
    }
    let before = renames.len();
    for one in &written.renames {
        let is_taken = renames.iter().any(|(from, to)| *from == one.from || *to == one.to);
        let question = format!(
            "{} {} is gone, and {} is new and alike. Was it renamed? [y/N] ",
            one.kind, one.from, one.to
        );
        if !is_taken && consent::ask(&question).await {
            renames.push((one.from.clone(), one.to.clone()));
        }
    }
    if renames.len() == before {
        return Ok(written);
    }
    Ok(context.migrator.write_difference(&server, from, to, comparison, &renames).await?)
}
