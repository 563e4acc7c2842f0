//! Placeholders: `${name}` in a script, for values that are known only at run time.
//!
//! Placeholders are off until a set declares names: `migrate!("migrations", placeholders = ["schema"])`. Then
//! every `${…}` in its scripts must be one of those names, which is checked when the set is read, and each
//! name needs a value before anything runs. A value is an identifier or a literal and includes its quotes, so
//! a placeholder stands alone, wherever such a token can:
//!
//! ```sql
//! CREATE TABLE ${schema}.users (id bigint, region text DEFAULT ${region});
//! ```
//!
//! | position | meaning of `${name}` |
//! |---|---|
//! | in SQL | replaced |
//! | in a dollar-quoted body, such as a function's | replaced by the same rules; the body is read as SQL |
//! | in a string or a quoted identifier | a problem: the value has its own quotes |
//! | in a comment | text |
//!
//! A value replaces one token by another, so statements begin and end where they did. The checksum covers the
//! script as written, and so does the stored copy in the history; errors give positions in the file.

use crate::advice::{Advice, Explain, Left, NextStep, Setting};
use crate::display::printable::Printable;
use crate::set::problem::PlaceholderFault;
use crate::sql::{self, Token, TokenKind};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// A `${name}` in a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholder {
    start: usize,
    end: usize,
    name: Cow<'static, str>,
    in_body: bool,
}

impl Placeholder {
    /// Creates the placeholder of an embedded script.
    pub(crate) fn from_static(range: Range<usize>, name: &'static str, in_body: bool) -> Placeholder {
        Placeholder { start: range.start, end: range.end, name: Cow::Borrowed(name), in_body }
    }

    /// Its byte range in the script's text.
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// True if it is inside a dollar-quoted body.
    pub fn in_body(&self) -> bool {
        self.in_body
    }
}

/// Returns true if a text is a valid placeholder name: letters, digits, `_`, `.`, `:` and `-`, starting with
/// a letter or `_`.
pub fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'))
}

/// The placeholders of a script, and the faults with their byte offsets.
#[derive(Debug, Default)]
pub(crate) struct Placeholders {
    pub(crate) found: Vec<Placeholder>,
    pub(crate) faults: Vec<(usize, String, PlaceholderFault)>,
}

/// The name of the placeholder that a script with the option `batch` has to use.
pub(crate) const BATCH: &str = "batch";

/// Finds the placeholders of a script: those of its set, if that declares any, and `${batch}` if the script
/// runs in batches.
pub(crate) fn of_script(text: &str, declared: Option<&[String]>, is_batched: bool) -> Placeholders {
    if !text.contains("${") || declared.is_none() && !is_batched {
        return Placeholders::default();
    }
    let own = is_batched.then(|| BATCH.to_owned());
    let names: Vec<String> = declared.unwrap_or_default().iter().cloned().chain(own).collect();
    let mut placeholders = find(text, &names);
    // In a set without placeholders, `${…}` is ordinary text.
    placeholders.faults.retain(|(_, text, _)| declared.is_some() || text == "${batch}");
    if is_batched {
        // A dollar-quoted string is not a body here: the statement is no function.
        let (found, quoted) = placeholders.found.into_iter().partition(|p| p.name() != BATCH || !p.in_body());
        placeholders.found = found;
        let quoted: Vec<Placeholder> = quoted;
        let faults =
            quoted.iter().map(|p| (p.range().start, format!("${{{BATCH}}}"), PlaceholderFault::Quoted));
        placeholders.faults.extend(faults);
    }
    placeholders
}

/// The offset of a `${batch}` outside of dollar-quoted bodies, in a script that does not run in batches.
pub(crate) fn stray_batch(text: &str, declared: Option<&[String]>) -> Option<usize> {
    if !text.contains("${batch}") || declared.is_some_and(|names| names.iter().any(|name| name == BATCH)) {
        return None;
    }
    let found = find(text, &[BATCH.to_owned()]).found;
    found.iter().find(|placeholder| !placeholder.in_body()).map(|placeholder| placeholder.range().start)
}

/// Finds placeholders with the declared names.
pub(crate) fn find(text: &str, declared: &[String]) -> Placeholders {
    let mut finder = Finder { text, declared, placeholders: Placeholders::default() };
    finder.sql(0..text.len(), false);
    finder.placeholders
}

struct Finder<'a> {
    text: &'a str,
    declared: &'a [String],
    placeholders: Placeholders,
}

impl Finder<'_> {
    /// Scans SQL: the script, or a body in it.
    fn sql(&mut self, range: Range<usize>, in_body: bool) {
        // Plain text starts at the end of the last token that is not plain.
        let mut plain = range.start;
        for token in sql::tokens(&self.text[range.clone()]) {
            let token = Token { start: range.start + token.start, end: range.start + token.end, ..token };
            if is_plain(token.kind) {
                continue;
            }
            self.plain(plain..token.start, in_body);
            plain = token.end;
            match token.kind {
                _ if token.is_trivia() => {}
                TokenKind::DollarString => {
                    let delimiter = self.text[token.start + 1..].find('$').map_or(0, |end| end + 2);
                    self.sql(token.start + delimiter..token.end - delimiter, true);
                }
                _ => self.quoted(token.range()),
            }
        }
        self.plain(plain..range.end, in_body);
    }

    fn plain(&mut self, range: Range<usize>, in_body: bool) {
        let mut at = range.start;
        while let Some(found) = self.text[at..range.end].find("${") {
            let start = at + found;
            let line_end = self.text[start..range.end].find('\n').map_or(range.end, |end| start + end);
            let Some(end) = self.text[start..line_end].find('}').map(|end| start + end + 1) else {
                let text = self.text[start..line_end].trim_end().to_owned();
                self.placeholders.faults.push((start, text, PlaceholderFault::Malformed));
                at = line_end;
                continue;
            };
            let name = &self.text[start + 2..end - 1];
            let fault = if !is_name(name) {
                Some(PlaceholderFault::Malformed)
            } else if !self.is_declared(name) {
                Some(self.unknown())
            } else if self.is_glued(start..end) {
                Some(PlaceholderFault::Glued)
            } else {
                None
            };
            match fault {
                Some(fault) => {
                    self.placeholders.faults.push((start, self.text[start..end].to_owned(), fault));
                }
                None => {
                    let name = Cow::Owned(name.to_owned());
                    self.placeholders.found.push(Placeholder { start, end, name, in_body });
                }
            }
            at = end;
        }
    }

    /// Scans a string or a quoted identifier, in which placeholders are not allowed.
    fn quoted(&mut self, range: Range<usize>) {
        for (offset, _) in self.text[range.clone()].match_indices("${") {
            let start = range.start + offset;
            let Some(end) = self.text[start..range.end].find('}').map(|end| start + end + 1) else {
                continue;
            };
            let name = &self.text[start + 2..end - 1];
            if is_name(name) {
                let fault = if self.is_declared(name) { PlaceholderFault::Quoted } else { self.unknown() };
                self.placeholders.faults.push((start, self.text[start..end].to_owned(), fault));
            }
        }
    }

    fn is_declared(&self, name: &str) -> bool {
        self.declared.iter().any(|declared| declared == name)
    }

    fn unknown(&self) -> PlaceholderFault {
        PlaceholderFault::Unknown { declared: self.declared.to_vec() }
    }

    /// Returns true if an adjacent token would merge with the value.
    fn is_glued(&self, range: Range<usize>) -> bool {
        let sticks = |c: char| c.is_alphanumeric() || !c.is_ascii() || matches!(c, '_' | '$' | '\'' | '"');
        let (before, after) = (&self.text[..range.start], &self.text[range.end..]);
        // `U&"…"` is one token, and so are two strings separated by a line feed.
        let has_line_feed = |space: &str| space.contains(['\n', '\r']);
        let string_before = before.trim_end();
        let string_after = after.trim_start();
        before.ends_with(sticks)
            || before.ends_with("U&")
            || before.ends_with("u&")
            || after.starts_with(sticks)
            || string_before.ends_with('\'') && has_line_feed(&before[string_before.len()..])
            || string_after.starts_with('\'') && has_line_feed(&after[..after.len() - string_after.len()])
    }
}

/// Returns true if a token is neither quoted nor trivia, or is trivia that does not separate tokens.
fn is_plain(kind: TokenKind) -> bool {
    !matches!(
        kind,
        TokenKind::LineComment
            | TokenKind::BlockComment
            | TokenKind::Unterminated(_)
            | TokenKind::QuotedIdentifier
            | TokenKind::UnicodeIdentifier
            | TokenKind::String
            | TokenKind::EscapeString
            | TokenKind::NationalString
            | TokenKind::UnicodeString
            | TokenKind::BitString
            | TokenKind::HexString
            | TokenKind::DollarString
    )
}

/// The values of placeholders, as SQL including quotes.
///
/// The `Debug` form lists only the names, because a value may be a secret.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Values(BTreeMap<Cow<'static, str>, String>);

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Values {
    /// No values.
    pub const NONE: Values = Values(BTreeMap::new());

    /// Sets the value of a placeholder: one SQL token, including quotes.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, sql: String) {
        self.0.insert(name.into(), sql);
    }

    /// The value of a placeholder.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names that have a value.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }
}

/// Returns true if a value could end a dollar-quoted body because it contains a delimiter.
pub(crate) fn may_end_body(value: &str) -> bool {
    let is_tag = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_' || !c.is_ascii());
    let parts: Vec<&str> = value.split('$').collect();
    parts.len() > 2 && parts[1..parts.len() - 1].iter().any(|part| is_tag(part))
}

/// A missing or invalid placeholder value. Nothing was run.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaceholderError {
    /// A declared placeholder has no value.
    NoValue {
        /// Its name.
        name: String,
    },
    /// A value for a placeholder that the set does not declare.
    Undeclared {
        /// The name.
        name: String,
        /// The declared names.
        declared: Vec<String>,
    },
    /// An empty identifier.
    Empty {
        /// Its name.
        name: String,
    },
    /// A value that could end the dollar-quoted body that contains its placeholder.
    EndsBody {
        /// Its name.
        name: String,
        /// The script.
        path: String,
    },
}

crate::display_as_explained!(PlaceholderError);

impl std::error::Error for PlaceholderError {}

impl Explain for PlaceholderError {
    fn fact(&self, f: &mut Printable<'_, '_>) -> fmt::Result {
        match self {
            PlaceholderError::NoValue { name } => write!(f, "the placeholder `{name}` has no value"),
            PlaceholderError::Undeclared { name, .. } => {
                write!(f, "the set declares no placeholder `{name}`")
            }
            PlaceholderError::Empty { name } => {
                write!(f, "the placeholder `{name}` is an empty identifier")
            }
            PlaceholderError::EndsBody { name, path } => write!(
                f,
                "the value of the placeholder `{name}` holds a delimiter like `$$`, and could end the dollar-quoted body that it \
                 stands in, in `{path}`"
            ),
        }
    }

    fn left(&self) -> Left {
        Left::Nothing
    }

    fn advice(&self) -> Advice {
        match self {
            PlaceholderError::NoValue { name } => {
                let setting = (Setting::Placeholder, Some(name.clone()));
                Advice::of(NextStep::settings(vec![setting], "give it a value, an identifier or a literal"))
            }
            PlaceholderError::Undeclared { declared, .. } if declared.is_empty() => {
                Advice::of(NextStep::set(Setting::Placeholders, "declare it"))
            }
            PlaceholderError::Undeclared { declared, .. } => {
                Advice::fix(format!("give values to {}", list(declared)))
            }
            PlaceholderError::Empty { .. } => Advice::fix("give it a name"),
            PlaceholderError::EndsBody { .. } => {
                Advice::fix("give it another value, or use it outside of the body only")
            }
        }
    }
}

/// Joins names for a message.
pub(crate) fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn declared() -> Vec<String> {
        ["a", "b", "flyway:schema"].map(str::to_owned).to_vec()
    }

    fn names(text: &str) -> Vec<String> {
        let Placeholders { found, faults } = find(text, &declared());
        assert_eq!(faults, [], "{text}");
        for placeholder in &found {
            assert_eq!(text[placeholder.range()], format!("${{{}}}", placeholder.name()));
        }
        found.iter().map(|p| format!("{}{}", p.name(), if p.in_body() { " in a body" } else { "" })).collect()
    }

    #[test]
    fn placeholders_are_found_in_sql_and_in_bodies_and_not_in_comments() {
        for (text, expected) in [
            ("CREATE TABLE ${a}.t (x int DEFAULT ${b}::int);", &["a", "b"][..]),
            ("-- ${nobody}\n/* ${knows */ SELECT ${flyway:schema}", &["flyway:schema"]),
            (
                "DO $x$ BEGIN -- ${c}\n PERFORM ${a}.f('it''s', $y$ ${b} $y$); END $x$;",
                &["a in a body", "b in a body"],
            ),
            ("DO $x$a$ ${a} ; $x$", &["a in a body"]),
            ("SELECT '{1,2}', '$', '${', '${not a name}', $1", &[]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_placeholder_that_is_known_is_a_fault() {
        use PlaceholderFault as F;
        for (text, at, shown) in [
            ("SELECT ${c}", 7, "${c}"),
            ("SELECT ${A}", 7, "${A}"),
            ("SELECT '${c}'", 8, "${c}"),
            ("DO $$ ${c} $$", 6, "${c}"),
        ] {
            let faults = find(text, &declared()).faults;
            assert_eq!(faults, [(at, shown.to_owned(), F::Unknown { declared: declared() })], "{text}");
        }
        for (text, fault) in [
            ("SELECT ${a", F::Malformed),
            ("SELECT ${}", F::Malformed),
            ("SELECT ${1}", F::Malformed),
            ("SELECT '${a}'", F::Quoted),
            ("SELECT \"${a}\"", F::Quoted),
            ("DO $$ SELECT '${a}' $$", F::Quoted),
            ("SELECT app_${a}", F::Glued),
            ("SELECT ${a}_app", F::Glued),
            ("SELECT x${a}", F::Glued),
            ("SELECT ${a}1", F::Glued),
            ("SELECT é${a}", F::Glued),
            ("SELECT \u{2013}${a}", F::Glued),
            ("SELECT ${a} \n'b'", F::Glued),
            ("SELECT ${a}''", F::Glued),
            ("SELECT U&${a}", F::Glued),
            ("SELECT ${a}$$b$$", F::Glued),
            ("SELECT ${a}\n  'b'", F::Glued),
            ("SELECT 'b'\r\n${a}", F::Glued),
        ] {
            let found = find(text, &declared());
            assert_eq!(
                found.faults.iter().map(|(_, _, fault)| fault).collect::<Vec<_>>(),
                [&fault],
                "{text}"
            );
            assert_eq!(found.found, [], "{text}");
        }
    }

    #[test]
    fn a_value_that_could_end_a_body_is_known() {
        for value in ["$$", "'a$$b'", "\"$x$\"", "$1$"] {
            assert!(may_end_body(value), "{value}");
        }
        for value in ["$", "'5 $'", "'$ and $'", "$ $a", "\"a$b\"", ""] {
            assert!(!may_end_body(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\$\\{|\\}|a|b|c|'|\"|\\$\\$|\\$x\\$|-- |/\\*|\\*/|\n|é| ){0,30}") {
            let found = find(&text, &declared());
            for (at, shown, _) in found.faults {
                prop_assert!(text[at..].starts_with(&shown));
            }
        }
    }
}
