//! Findings as text: the line of the script with the place marked, the reason, and the safe way, as rustc
//! shows its diagnostics.
//!
//! ```
//! use migrate_core::lint::{LintOptions, lint};
//! use migrate_core::render::Rendered;
//! use migrate_core::{Migration, Script, Set, SqlMigration, Version};
//! use std::sync::Arc;
//!
//! let text = "-- Nobody calls anymore.\nALTER TABLE users DROP COLUMN phone;";
//! let script = Script::of_up_text("0001_phone.sql", text.to_owned())?;
//! let migration = SqlMigration::new(Version::numeric("0001"), "0001_phone", script);
//! let set = Set::new("app", vec![Arc::new(migration) as Arc<dyn Migration>]).unwrap();
//!
//! let judgement = lint(&set, &LintOptions::new()).unwrap();
//! let shown = Rendered::new(&judgement.findings[0], &set, "migrations").to_string();
//! assert_eq!(
//!     shown.lines().take(5).collect::<Vec<_>>(),
//!     [
//!         "very-risky[drop-column]: the column users.phone and its values are gone",
//!         "  --> migrations/0001_phone.sql:2:19",
//!         "   |",
//!         " 2 | ALTER TABLE users DROP COLUMN phone;",
//!         "   |                   ^^^^^^^^^^^^^^^^^",
//!     ]
//! );
//! # Ok::<(), String>(())
//! ```

mod excerpt;

use crate::display::printable::printable;
use crate::lint::{Family, Finding};
use crate::set::script::Script;
use crate::set::{Role, Set};
use crate::sql::LineColumn;
use excerpt::Excerpt;
use std::borrow::Cow;
use std::fmt;

/// A finding with the line of its script, as lines of text. Nothing that a terminal would obey is left in
/// them, and no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    lines: Vec<RenderedLine>,
}

/// A line of a rendered finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenderedLine {
    /// The part of the finding that it shows.
    pub part: RenderedPart,
    /// The text.
    pub text: String,
}

/// The part of a finding that a line shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RenderedPart {
    /// The risk, the rule and the message.
    Message,
    /// The path, the line and the column.
    Place,
    /// The line of the script.
    Source,
    /// The mark below it.
    Mark,
    /// The reason, or how to accept the finding.
    Note,
    /// The safe way.
    Help,
}

impl Rendered {
    /// Renders a finding in a set whose scripts are in `folder`. If the set lacks the script, its line is left
    /// out.
    pub fn new(finding: &Finding, set: &Set, folder: &str) -> Rendered {
        Rendered::with_script(finding, script(finding, set).as_deref(), folder)
    }

    /// Renders a finding in a script.
    fn with_script(finding: &Finding, script: Option<&Script>, folder: &str) -> Rendered {
        let mut rendered = Rendered { lines: Vec::new() };
        let Finding { rule, risk, message, place, .. } = finding;
        // A quoted name may contain a line feed.
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let risk = if finding.is_error { "error" } else { risk.word() };
        rendered.push(RenderedPart::Message, format!("{risk}[{}]: {message}", rule.id));
        let margin = " ".repeat(place.line.to_string().len() + 1);
        rendered.push(RenderedPart::Place, format!("{margin}--> {}:{place}", path(finding, folder)));
        if let Some(script) = script {
            let Excerpt { line, mark } = Excerpt::of(script, &finding.span);
            rendered.push(RenderedPart::Source, format!("{margin} |"));
            rendered.push(RenderedPart::Source, format!(" {} | {line}", place.line));
            rendered.push(RenderedPart::Mark, format!("{margin} | {mark}"));
        }
        if !rule.why.is_empty() {
            rendered.push(RenderedPart::Note, format!("{margin} = note: {}", rule.why));
        }
        if !finding.safe.is_empty() {
            rendered.push(RenderedPart::Help, format!("{margin} = help: {}", finding.safe));
        }
        if rule.family != Family::Approvals {
            let id = rule.id;
            let (comment, place) = if finding.path.ends_with(".rs") {
                ("//", "at the top of the file")
            } else {
                ("--", "above the statement")
            };
            let allow = format!("accept it with `{comment} migrate: allow={id} reason=\"…\"` {place}");
            rendered.push(RenderedPart::Note, format!("{margin} = note: {allow}"));
        }
        rendered
    }

    fn push(&mut self, part: RenderedPart, text: impl AsRef<str>) {
        self.lines.push(RenderedLine { part, text: printable(text.as_ref()).trim_end().to_owned() });
    }

    /// The lines.
    pub fn lines(&self) -> &[RenderedLine] {
        &self.lines
    }
}

/// The path of a finding's script: in `folder`, unless that is empty.
pub fn path(finding: &Finding, folder: &str) -> String {
    match folder.trim_end_matches('/') {
        "" => finding.path.clone(),
        folder => format!("{folder}/{}", finding.path),
    }
}

/// The script of a finding.
fn script<'s>(finding: &Finding, set: &'s Set) -> Option<Cow<'s, Script>> {
    let migration = set.find(&finding.version)?;
    match finding.role {
        Role::Down => migration.down()?.into_script(),
        _ => migration.up().into_script(),
    }
}

/// The line and column in the file after the last byte of a finding; its first, if the set lacks the script.
pub fn end(finding: &Finding, set: &Set) -> LineColumn {
    script(finding, set).map_or(finding.place, |script| script.line_column(finding.span.end))
}

impl fmt::Display for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.lines.iter().enumerate() {
            let line_feed = if index > 0 { "\n" } else { "" };
            write!(f, "{line_feed}{}", line.text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
