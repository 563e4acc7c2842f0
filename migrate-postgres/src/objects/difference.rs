//! Differences between two catalogs.

use crate::objects::object::{Object, is_column};
use migrate_core::sql;
use similar::{ChangeTag, TextDiff};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// Lines of context around a change in a definition.
const CONTEXT: usize = 2;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// Only the second catalog has it.
    Added,
    /// Only the first catalog has it.
    Removed,
    /// Both have it, with different definitions.
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Change::Added => "added",
            Change::Removed => "removed",
            Change::Changed => "changed",
        })
    }
}

/// One object that differs between two catalogs. [`Display`](fmt::Display) prints a line about the object
/// and, indented below it, the changes in its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The kind of the change.
    pub change: Change,
    /// The object: the new one, unless it was removed.
    pub object: Object,
    /// The change of its definition, line by line: `+` before new lines, `-` before removed lines, a space
    /// before context, and `…` where lines are omitted. Passwords and other secrets are omitted, too.
    pub diff: String,
}

/// All differences between two catalogs, sorted by kind and identity. It is a slice of [`Difference`]s;
/// [`Display`](fmt::Display) prints one after the other, or nothing if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences(Vec<Difference>);

impl Differences {
    /// Keeps only the differences that `keep` selects.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Difference) -> bool) {
        self.0.retain(keep);
    }
}

impl Deref for Differences {
    type Target = [Difference];

    fn deref(&self) -> &[Difference] {
        &self.0
    }
}

impl IntoIterator for Differences {
    type Item = Difference;
    type IntoIter = std::vec::IntoIter<Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Differences {
    type Item = &'a Difference;
    type IntoIter = std::slice::Iter<'a, Difference>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// Merges two sorted lists.
pub(crate) fn differences<'o>(
    before: impl Iterator<Item = &'o Object>,
    after: impl Iterator<Item = &'o Object>,
) -> Differences {
    let mut found = Vec::new();
    let (mut before, mut after) = (before.peekable(), after.peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return Differences(found),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.key().cmp(&new.key()),
        };
        let old = before.next_if(|_| order != Ordering::Greater);
        let new = after.next_if(|_| order != Ordering::Less);
        found.extend(Difference::between(old, new));
    }
}

impl Difference {
    fn between(old: Option<&Object>, new: Option<&Object>) -> Option<Difference> {
        let (change, object) = match (old, new) {
            (None, None) => return None,
            (None, Some(new)) => (Change::Added, new),
            (Some(old), None) => (Change::Removed, old),
            (Some(_), Some(new)) => (Change::Changed, new),
        };
        let definition = |object: Option<&Object>| object.map_or("", Object::definition).to_owned();
        let (mut before, mut after) = (definition(old), definition(new));
        if change == Change::Changed && object.kind().has_columns() {
            (before, after) = (without_columns(&before), without_columns(&after));
        }
        (before != after || change != Change::Changed).then(|| Difference {
            change,
            object: object.clone(),
            diff: redacted_diff(&before, &after),
        })
    }
}

/// The diff without anything that looks like a secret, because it may end up in logs.
fn redacted_diff(before: &str, after: &str) -> String {
    match diff(&sql::redact(before), &sql::redact(after)) {
        diff if diff.is_empty() && before != after => "(in a secret, which is not shown)".to_owned(),
        diff => diff,
    }
}

/// The definition of a table without its columns. They are objects of their own, and their order, which no
/// statement changes, is not a difference: [`Catalog::reordered`](crate::objects::object::Catalog::reordered).
pub(crate) fn without_columns(definition: &str) -> String {
    definition.lines().filter(|line| !is_column(line)).collect::<Vec<_>>().join("\n")
}

/// A line diff of two texts.
fn diff(before: &str, after: &str) -> String {
    // The last line gets its line feed too, so that it is the same line with and without others after it.
    let [before, after] = [before, after]
        .map(|text| if text.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!("{text}\n")) });
    let compared = TextDiff::from_lines(&*before, &*after);
    let mut lines = Vec::new();
    for (index, group) in compared.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push("…".to_owned());
        }
        for change in group.iter().flat_map(|op| compared.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Insert => '+',
                ChangeTag::Delete => '-',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign}{}", change.value().trim_end_matches('\n')));
        }
    }
    lines.join("\n")
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        write!(f, "{}: {}", self.object, self.change)?;
        self.diff.lines().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut migrate_core::display::printable::Printable(f);
        for (index, difference) in self.0.iter().enumerate() {
            let line_feed = if index == 0 { "" } else { "\n" };
            write!(f, "{line_feed}{difference}")?;
        }
        Ok(())
    }
}
