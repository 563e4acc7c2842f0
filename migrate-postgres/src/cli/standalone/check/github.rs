//! Annotations of GitHub Actions: commands in the log of a job.

use migrate_core::Problems;
use migrate_core::display::printable::printable;
use migrate_core::lint::{Finding, Risk};
use migrate_core::sql::LineColumn;

/// The annotation of a finding. One that is denied is an error, as it fails the job.
pub(super) fn annotation(finding: &Finding, path: &str, end: LineColumn, is_denied: bool) -> String {
    let level = match finding.risk {
        _ if is_denied => "error",
        Risk::Safe | Risk::Careful => "notice",
        _ => "warning",
    };
    let Finding { place, rule, risk, message, safe, .. } = finding;
    let title = format!("{risk}: {}", rule.id);
    let text = format!("{message}\n{}\nSafe way: {safe}", rule.why);
    let region =
        format!("line={},endLine={},col={},endColumn={}", place.line, end.line, place.column, end.column);
    command(level, path, &region, &title, &text)
}

/// The annotations of a folder's problems.
pub(super) fn of_problems(problems: &Problems) -> String {
    let annotation = |problem: &migrate_core::Problem| {
        let region = format!("line={},col={}", problem.line, problem.column);
        let text = format!("{}\n{}", problem.kind, problem.help());
        command("error", &problem.path, &region, "migration", &text)
    };
    problems.iter().map(annotation).collect()
}

fn command(level: &str, path: &str, region: &str, title: &str, text: &str) -> String {
    let (path, title, text) = (property(path), property(title), data(text.trim_end()));
    format!("::{level} file={path},{region},title={title}::{text}\n")
}

/// Escapes the text of a command, which ends at the end of the line.
fn data(text: &str) -> String {
    printable(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property of a command, which ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
