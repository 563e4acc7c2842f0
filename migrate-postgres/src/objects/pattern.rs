//! Patterns of objects to ignore.

use crate::objects::kind::Kind;
use crate::objects::object::Object;
use std::fmt;
use std::str::FromStr;

/// Selects objects by identity: `public.tmp_*`, or of one kind only: `index:public.*_tmp_idx`,
/// `materialized_view:*`.
///
/// `*` matches any text, dots included; `?` matches any one character; a backslash escapes the character
/// after it. A pattern without a kind that matches a table also matches its columns, its indexes and
/// everything else that is part of it. Comments and privileges match by the identity of their object, with or
/// without its kind before it.
///
/// # Examples
///
/// ```
/// use migrate_postgres::catalog::{Kind, Object, Pattern};
///
/// let pattern: Pattern = "public.tmp_*".parse()?;
/// let index = Object::new(Kind::Index, "public.by_name", "CREATE INDEX …").of("public.tmp_users");
/// assert!(pattern.matches(&index));
/// assert!(!"table:public.tmp_*".parse::<Pattern>()?.matches(&index));
/// assert!("indx:public.*".parse::<Pattern>().is_err());
/// # Ok::<(), migrate_postgres::catalog::InvalidPattern>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    kind: Option<Kind>,
    glob: Vec<PatternPart>,
    text: String,
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatternPart {
    /// This character.
    Is(char),
    /// Any one character.
    One,
    /// Any text.
    Any,
}

/// A pattern names an unknown kind.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", migrate_core::clean!(
        "there is no kind of object called `{kind}` in the pattern `{pattern}`\n\
     next: take one of {}, or write \\: for a colon in a name",
    words()
    ))]
pub struct InvalidPattern {
    /// The whole pattern.
    pub pattern: String,
    /// The text before its colon.
    pub kind: String,
}

migrate_core::debug_as_display!(InvalidPattern);

fn words() -> String {
    let words: Vec<String> = Kind::ALL.iter().map(|kind| kind.word().replace(' ', "_")).collect();
    words.join(", ")
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Pattern, InvalidPattern> {
        let is_word = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ' ');
        let (kind, glob) = match text.split_once(':') {
            Some((word, glob)) if is_word(word) => {
                let unknown = || InvalidPattern { pattern: text.to_owned(), kind: word.to_owned() };
                (Some(Kind::of_word(word).ok_or_else(unknown)?), glob)
            }
            _ => (None, text),
        };
        Ok(Pattern { kind, glob: parts(glob), text: text.to_owned() })
    }
}

fn parts(glob: &str) -> Vec<PatternPart> {
    let mut parts = Vec::new();
    let mut characters = glob.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '*' => PatternPart::Any,
            '?' => PatternPart::One,
            '\\' => PatternPart::Is(characters.next().unwrap_or('\\')),
            character => PatternPart::Is(character),
        });
    }
    parts
}

impl Pattern {
    /// True if the pattern matches the object, or the object that it is part of.
    pub fn matches(&self, object: &Object) -> bool {
        if self.kind.is_some_and(|kind| kind != object.kind()) {
            return false;
        }
        let on = match object.kind() {
            Kind::Comment | Kind::Privileges => without_kind(object.identity()),
            _ => None,
        };
        let table = object.table().filter(|_| self.kind.is_none());
        [Some(object.identity()), on, table].into_iter().flatten().any(|text| self.matches_text(text))
    }

    /// The usual matching loop with one backtrack point: the last `*`, which takes one more character each
    /// time.
    fn matches_text(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut part) = (0, 0);
        let mut back = None;
        while at < text.len() {
            match self.glob.get(part) {
                Some(PatternPart::Any) => {
                    back = Some((at, part));
                    part += 1;
                    continue;
                }
                Some(PatternPart::One) => {}
                Some(PatternPart::Is(character)) if *character == text[at] => {}
                _ => {
                    let Some((from, any)) = back else { return false };
                    back = Some((from + 1, any));
                    (at, part) = (from + 1, any + 1);
                    continue;
                }
            }
            (at, part) = (at + 1, part + 1);
        }
        self.glob[part..].iter().all(|part| *part == PatternPart::Any)
    }
}

/// `public.users` of `table public.users`.
fn without_kind(identity: &str) -> Option<&str> {
    let kind = Kind::ALL
        .iter()
        .filter(|kind| identity.starts_with(kind.word()))
        .max_by_key(|kind| kind.word().len());
    kind.and_then(|kind| identity[kind.word().len()..].strip_prefix(' '))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
