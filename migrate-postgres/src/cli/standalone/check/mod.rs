//! `check`.

mod complete;
mod findings;
mod github;
mod rules;
mod sarif;

pub(crate) use complete::{Incomplete, Part};

use crate::Reading;
use crate::cli::answer::Answer;
use crate::cli::exit::Exit;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::error::Error;
use clap::ValueEnum;
use findings::Findings;
use migrate_core::directory::Directory;
use migrate_core::directory::source::folder;
use migrate_core::lint::{LintOptions, OptIn, Risk};
use migrate_core::sql::facts::Facts;
use migrate_core::{FolderError, Problems, Set, Version};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Check the folder as `migrate!` does, and find dangerous migrations
///
/// Needs no database. Shows all problems at once, each with file, line and column; then the findings: statements
/// that lose data, block other sessions, or break running code, each with the reason and the safe way.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = super::unused_over_files(&["folder", "placeholder", "json", "color"]),
    after_help = "Exit code 5 means that there is a problem, or that a migration lacks what --require names; 12 that there is a finding which --deny names.\n\nExamples:\n  migrate check --since 0042 --deny dangerous\n  migrate check --format github --deny very-risky\n  migrate check --explain drop-column\n  migrate check --json | jq .findings"
)]
pub(super) struct Args {
    /// Fail if there is a finding of at least this risk
    #[arg(long, value_name = "RISK")]
    deny: Option<Denied>,
    /// Judge only the migrations after this one, as those of one deployment
    #[arg(long, value_name = "VERSION")]
    since: Option<String>,
    /// Judge with these facts about the database, which `facts` has written
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Apply these rules, too, which are off by default; `all` for all of them
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    opt_in: Vec<String>,
    /// Judge for this major version of PostgreSQL, 14 to 18 [default: for all of them]
    #[arg(long, value_name = "MAJOR", value_parser = clap::value_parser!(u32).range(14..=18))]
    pg: Option<u32>,
    /// Refuse migrations without these scripts
    #[arg(long, value_name = "SCRIPTS", value_delimiter = ',')]
    require: Vec<Part>,
    /// How to print the findings
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "json")]
    format: Format,
    /// Explain a rule instead
    #[arg(long, value_name = "RULE", conflicts_with_all = ["rules", "format"])]
    explain: Option<String>,
    /// List the rules instead
    #[arg(long, conflicts_with = "format")]
    rules: bool,
}

/// The risk from which on findings fail the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Denied {
    /// Short locks, too
    Careful,
    /// What blocks other sessions for long, or breaks running code
    Dangerous,
    /// What loses data
    VeryRisky,
}

impl From<Denied> for Risk {
    fn from(denied: Denied) -> Risk {
        match denied {
            Denied::Careful => Risk::Careful,
            Denied::Dangerous => Risk::Dangerous,
            Denied::VeryRisky => Risk::VeryRisky,
        }
    }
}

/// The format of the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: the line of the script, the reason, the safe way
    Text,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of GitHub Actions
    Github,
}

impl Args {
    pub(super) fn run(&self, folder: &Path, reading: &Reading) -> Result<Answer, Problem> {
        if let Some(id) = &self.explain {
            return rules::explain(id);
        }
        if self.rules {
            return Ok(rules::list());
        }
        match (read(folder, reading), self.format) {
            (Ok(directory), _) => self.judge(directory, folder),
            (Err(FolderError::Problems { problems, .. }), Format::Sarif) => {
                Ok(refused(sarif::document(&sarif::of_problems(&problems))))
            }
            (Err(FolderError::Problems { problems, .. }), Format::Github) => {
                Ok(refused(github::of_problems(&problems)))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    fn judge(&self, directory: Directory, folder: &Path) -> Result<Answer, Problem> {
        let found = found(&directory);
        let notes: Vec<String> = directory.notes.iter().map(ToString::to_string).collect();
        let layout = directory.layout;
        let set = Set::from(directory);
        let since = self.since.as_deref().map(|since| version(&set, since)).transpose()?;
        complete::check(&set, since.as_ref(), &self.require)?;
        let findings = Findings::of(&set, &self.options(since)?, self.deny.map(Risk::from), folder)?;
        let page = findings.page();
        let tone = if findings.is_empty() { Tone::Good } else { Tone::Plain };
        let page = page
            .toned(format!("{found}{}", findings.summary()), tone)
            .lines(notes.iter().map(|note| format!("note: {note}")));
        let data = json!({
            "layout": layout.to_string(),
            "migrations": set.iter().map(migrate_core::Migration::name).collect::<Vec<_>>(),
            "notes": notes,
            "deny": self.deny.map(|risk| Risk::from(risk).word()),
            "findings": findings.json(),
            "approved": findings.approved_json(),
        });
        let raw = match self.format {
            Format::Text => None,
            Format::Sarif => Some(sarif::document(&findings.sarif())),
            Format::Github => Some(findings.github()),
        };
        let exit = if findings.is_denied() { Exit::Findings } else { Exit::Done };
        Ok(Answer { exit, raw, ..Answer::done(page, data) })
    }

    fn options(&self, since: Option<Version>) -> Result<LintOptions, Problem> {
        let mut options = LintOptions::new();
        options.since = since;
        options.server_version = self.pg;
        options.facts = self.facts.as_deref().map(facts).transpose()?.map(Arc::new);
        options.opt_in = match self.opt_in.as_slice() {
            [] => OptIn::None,
            [all] if all == "all" => OptIn::All,
            rules => OptIn::rules(rules),
        };
        Ok(options)
    }
}

fn facts(path: &Path) -> Result<Facts, Problem> {
    let unreadable = |source| Problem::File { what: "read", path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Facts::from_json(&text).map_err(|error| Problem::Facts { path: path.to_owned(), error })
}

/// Reads a folder; the paths of its problems begin with it.
fn read(folder: &Path, reading: &Reading) -> Result<Directory, FolderError> {
    let problems = |problems: Problems| FolderError::Problems {
        path: folder.to_owned(),
        problems: problems.under(&folder.to_string_lossy()),
    };
    reading.read(folder::collect(folder)?).map_err(problems)
}

/// The answer about a folder with problems, in a format for other programs.
fn refused(raw: String) -> Answer {
    Answer { exit: Exit::Refused, raw: Some(raw), ..Answer::done(Page::default(), json!({})) }
}

fn found(directory: &Directory) -> String {
    let count = directory.migrations.len();
    let migrations = if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") };
    format!("{migrations} in the {} layout, no problems", directory.layout)
}

/// The version of a migration that is named by its version or its name.
fn version(set: &Set, text: &str) -> Result<Version, Problem> {
    let found = set.named_as(text).map(|migration| migration.version().clone());
    found.ok_or_else(|| {
        let last = set.iter().next_back().map(|last| last.name().to_owned());
        let version = Version::new(text.to_owned(), set.order());
        Error::Refused(crate::Refused::UnknownVersion { version, last }).into()
    })
}
