//! The findings of a folder, in each format.

use super::{github, sarif};
use crate::cli::finding;
use crate::cli::page::{Page, Tone};
use crate::cli::problem::Problem;
use migrate_core::config::{JudgeError, LintConfig};
use migrate_core::display::printable::printable;
use migrate_core::lint::{Finding, Judgement, Risk, lint};
use migrate_core::render::{Rendered, RenderedPart, end, path};
use migrate_core::{Migration, Set};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The findings of a folder.
pub(in crate::cli::standalone) struct Findings<'s> {
    set: &'s Set,
    folder: String,
    deny: Option<Risk>,
    judgement: Judgement,
    /// True if only what is new is judged: the applied migrations are known.
    is_new: bool,
}

impl<'s> Findings<'s> {
    pub(in crate::cli::standalone) fn of(
        set: &'s Set,
        config: &LintConfig,
        folder: &Path,
    ) -> Result<Findings<'s>, Problem> {
        let folder = folder.to_string_lossy();
        let folder = folder.strip_prefix("./").unwrap_or(&folder).to_owned();
        let options = config.options(set)?;
        let judgement = lint(set, &options).map_err(JudgeError::from)?;
        let is_new = options.applied(set).is_some();
        Ok(Findings { set, folder, deny: config.deny, judgement, is_new })
    }

    pub(in crate::cli::standalone) fn is_empty(&self) -> bool {
        self.judgement.findings.is_empty()
    }

    fn denies(&self, finding: &Finding) -> bool {
        finding.is_error || self.deny.is_some_and(|deny| finding.risk >= deny)
    }

    pub(in crate::cli::standalone) fn is_denied(&self) -> bool {
        self.judgement.findings.iter().any(|finding| self.denies(finding))
    }

    /// The numbers, for the end of a sentence: `; 3 findings: 1 very risky, 2 dangerous`.
    pub(in crate::cli::standalone) fn summary(&self) -> String {
        let of = |risk: Risk| self.judgement.findings.iter().filter(|finding| finding.risk == risk).count();
        let counts = [Risk::VeryRisky, Risk::Dangerous, Risk::Careful].map(|risk| (of(risk), risk));
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, risk)| format!("{count} {}", risk.word().replace('-', " ")))
            .collect();
        let accepted = match self.judgement.approved.len() {
            0 => String::new(),
            count => format!("; {count} accepted"),
        };
        let findings = match self.judgement.findings.len() {
            0 => return accepted,
            1 => "1 finding".to_owned(),
            count => format!("{count} findings"),
        };
        let denied = match self.judgement.findings.iter().filter(|finding| self.denies(finding)).count() {
            0 => String::new(),
            count => format!("; {count} denied"),
        };
        format!("; {findings}: {}{denied}{accepted}", counts.join(", "))
    }

    /// For people. If it is not known which migrations are applied, most careful findings are about statements
    /// that ran long ago: they are counted by rule, unless all are asked for.
    pub(in crate::cli::standalone) fn page(&self, all: bool) -> Page {
        let is_full = |finding: &&Finding| {
            all || self.is_new || finding.risk >= Risk::Dangerous || self.denies(finding)
        };
        let (full, counted): (Vec<_>, Vec<_>) = self.judgement.findings.iter().partition(is_full);
        let page = full.into_iter().fold(Page::default(), |page, finding| self.in_full(page, finding));
        if counted.is_empty() { page } else { self.counted(page, &counted) }
    }

    fn in_full(&self, page: Page, finding: &Finding) -> Page {
        let tone = finding::tone(finding.risk);
        let rendered = Rendered::new(finding, self.set, &self.folder);
        let page = rendered.lines().iter().fold(page, |page, line| match line.part {
            RenderedPart::Message | RenderedPart::Mark => page.toned(line.text.clone(), tone),
            RenderedPart::Place => page.toned(line.text.clone(), Tone::Faint),
            RenderedPart::Note | RenderedPart::Help => page.prose(line.text.clone(), Tone::Plain),
            _ => page.line(line.text.clone()),
        });
        page.line("")
    }

    /// One line for each rule.
    fn counted(&self, page: Page, findings: &[&Finding]) -> Page {
        let mut rules: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
        for finding in findings {
            rules.entry(finding.rule.id).or_default().push(finding);
        }
        let page = rules.values().fold(page, |page, of| {
            let (first, count) = (of[0], of.len());
            let place = format!("{}:{}", printable(&path(first, &self.folder)), first.place);
            let found = match count {
                1 => format!("1 finding in {place}"),
                _ => format!("{count} findings, first in {place}"),
            };
            let line = format!("{}[{}]: {found}", first.risk.word(), first.rule.id);
            page.toned(line, finding::tone(first.risk))
        });
        page.line("--all shows each of these; --since VERSION judges only later migrations").line("")
    }

    pub(in crate::cli::standalone) fn json(&self) -> Vec<Value> {
        self.judgement.findings.iter().map(|finding| self.finding_json(finding)).collect()
    }

    /// The findings that the author has accepted.
    pub(in crate::cli::standalone) fn approved_json(&self) -> Vec<Value> {
        self.judgement
            .approved
            .iter()
            .map(|approved| finding::approved(approved, |of| self.finding_json(of)))
            .collect()
    }

    fn finding_json(&self, of: &Finding) -> Value {
        let end = end(of, self.set);
        let name = self.set.find(&of.version).map(Migration::name);
        let mut value = finding::json(of, name.unwrap_or_default());
        value["path"] = json!(path(of, &self.folder));
        value["end_line"] = json!(end.line);
        value["end_column"] = json!(end.column);
        value["denied"] = json!(self.denies(of));
        value
    }

    /// The results of a SARIF document.
    pub(in crate::cli::standalone) fn sarif(&self) -> Vec<Value> {
        let result = |finding: &Finding| {
            let region = sarif::Region { start: finding.place, end: end(finding, self.set) };
            sarif::result(finding, &path(finding, &self.folder), region)
        };
        let accepted = self.judgement.approved.iter().map(|approved| {
            let mut value = result(&approved.finding);
            value["suppressions"] = json!([sarif::suppression(approved)]);
            value
        });
        self.judgement.findings.iter().map(result).chain(accepted).collect()
    }

    /// An annotation for each.
    pub(in crate::cli::standalone) fn github(&self) -> String {
        let annotation = |finding: &Finding| {
            let path = path(finding, &self.folder);
            github::annotation(finding, &path, end(finding, self.set), self.denies(finding))
        };
        self.judgement.findings.iter().map(annotation).collect()
    }
}
