//! `check`.

mod complete;
mod findings;
mod github;
mod rules;
mod sarif;

pub(crate) use complete::{Incomplete, Part};

use super::rewrite::Rewriting;
use crate::Reading;
use crate::cli::answer::Answer;
use crate::cli::exit::Exit;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use crate::error::Error;
use clap::ValueEnum;
pub(super) use findings::Findings;
use migrate_core::config::{LintConfig, Since};
use migrate_core::directory::Directory;
use migrate_core::directory::source::folder;
use migrate_core::lint::{OptIn, Risk};
use migrate_core::{FolderError, Problems, Set};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Check the folder as `migrate!` does, and find dangerous migrations
///
/// Needs no database. Shows all problems at once, each with file, line and column; then the findings: statements
/// that lose data, block other sessions, or break running code, each with the reason and the safe way. Options
/// that are not given are read from migrate.toml beside the folder's Cargo.toml.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args = super::unused_over_files(&["folder", "set", "placeholder", "json", "color"]),
    after_help = "Exit code 5 means that there is a problem, or that a migration lacks what --require names; 12 that there is a finding which --deny names.\n\nExamples:\n  migrate check --since 0042 --deny dangerous\n  migrate check --format github --deny very-risky\n  migrate check --since 0042 --fix --diff\n  migrate check --explain drop-column\n  migrate check --json | jq .findings"
)]
pub(super) struct Args {
    /// Fail if there is a finding of at least this risk
    #[arg(long, value_name = "RISK")]
    deny: Option<Denied>,
    /// Judge only the migrations after this one, as those of one deployment
    #[arg(long, value_name = "VERSION")]
    since: Option<String>,
    /// Use the facts about the database in this file, which `facts` has written
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Also apply these rules, which are off by default, or `all`
    #[arg(long, value_name = "RULES", value_delimiter = ',')]
    opt_in: Vec<String>,
    /// Judge for this major version of PostgreSQL, 14 to 18 [default: for all of them]
    #[arg(long, value_name = "MAJOR", value_parser = clap::value_parser!(u32).range(14..=18))]
    pg: Option<u32>,
    /// Show every careful finding in full, even if it is not known which migrations are applied
    #[arg(long, conflicts_with_all = ["format", "explain", "rules", "fix"])]
    all: bool,
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
    /// Rewrite the scripts after --since as their safe versions, which may take several migrations each
    #[arg(long, conflicts_with_all = ["format", "explain", "rules", "require", "deny"])]
    fix: bool,
    /// With --fix: show the changes, and write nothing
    #[arg(long, requires = "fix")]
    diff: bool,
}

/// The minimum risk of findings that fail the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Denied {
    /// Short locks, too
    Careful,
    /// Statements that block other sessions for long, or break running code
    Dangerous,
    /// Statements that lose data
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
    pub(super) fn run(&self, folder: &Path, name: &str, reading: &Reading) -> Result<Answer, Problem> {
        if let Some(id) = &self.explain {
            return rules::explain(id);
        }
        if self.rules {
            return Ok(rules::list());
        }
        if self.fix {
            return self.rewrite(folder, name, reading);
        }
        match (read(folder, reading), self.format) {
            (Ok(directory), _) => self.judge(directory, folder, name),
            (Err(FolderError::Problems { problems, .. }), Format::Sarif) => {
                Ok(refused(sarif::document(&sarif::of_problems(&problems))))
            }
            (Err(FolderError::Problems { problems, .. }), Format::Github) => {
                Ok(refused(github::of_problems(&problems)))
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    fn judge(&self, directory: Directory, folder: &Path, name: &str) -> Result<Answer, Problem> {
        let found = found(&directory);
        let notes: Vec<String> = directory.notes.iter().map(ToString::to_string).collect();
        let layout = directory.layout;
        let set = Set::from(directory).named(name.to_owned());
        set.check_assertions().and_then(|()| set.check_seeds()).map_err(Error::from)?;
        let config = self.config(folder)?;
        complete::check(&set, config.since_version(&set)?.as_ref(), &self.require)?;
        let findings = Findings::of(&set, &config, folder)?;
        let page = findings.page(self.all);
        let tone = if findings.is_empty() { Tone::Good } else { Tone::Plain };
        let page = page
            .toned(format!("{found}{}", findings.summary()), tone)
            .lines(notes.iter().map(|note| format!("note: {note}")));
        let data = json!({
            "layout": layout.to_string(),
            "migrations": set.iter().map(migrate_core::Migration::name).collect::<Vec<_>>(),
            "notes": notes,
            "deny": config.deny.map(Risk::word),
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

    /// Replaces scripts with their safe versions.
    fn rewrite(&self, folder: &Path, name: &str, reading: &Reading) -> Result<Answer, Problem> {
        let directory = read(folder, reading)?;
        let layout = directory.layout;
        let set = Set::from(directory).named(name.to_owned());
        let mut config = self.config(folder)?;
        if self.since.is_none() {
            // The project's `since` tells what is judged, and more than that may be applied.
            config.since = Since::Unset;
        }
        let mut options = config.options(&set)?;
        // The later of the two, where both the command line and the facts tell.
        let last = options.applied(&set).max(options.included_in_facts(&set));
        if let Some(last) = last.and_then(|count| set.get(count.checked_sub(1)?)) {
            options.since = Some(last.version().clone());
        }
        let rewriting =
            Rewriting { folder, layout, set: &set, options: &options, reading, only_diff: self.diff };
        rewriting.run(folder::collect(folder)?)
    }

    /// The configuration of the project that the folder belongs to, with the options of the command line.
    fn config(&self, folder: &Path) -> Result<LintConfig, Problem> {
        let mut config = super::project(folder)?.lint;
        config.deny = self.deny.map(Risk::from).or(config.deny);
        config.pg = self.pg.or(config.pg);
        config.facts = self.facts.clone().or(config.facts);
        if let Some(since) = &self.since {
            config.since = Since::Every(since.clone());
        }
        match self.opt_in.as_slice() {
            [] => {}
            [all] if all == "all" => config.opt_in = OptIn::All,
            rules => config.opt_in = OptIn::rules(rules),
        }
        Ok(config)
    }
}

/// Reads a folder; the paths of its problems begin with it.
pub(super) fn read(folder: &Path, reading: &Reading) -> Result<Directory, FolderError> {
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
