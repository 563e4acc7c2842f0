//! What tells two catalogs apart.

use crate::objects::object::{Object, is_column};
use migrate_core::sql;
use similar::{ChangeTag, TextDiff};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// How many lines of a definition are shown around a change of it.
const CONTEXT: usize = 2;

/// What became of an object.
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

/// One object that two catalogs do not have alike; [`Display`](fmt::Display) gives a line about the object and, indented
/// below it, what changed in its definition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What became of it.
    pub change: Change,
    /// The object: as it is now, where it is not removed.
    pub object: Object,
    /// The change of its definition, line by line: `+` before what is new, `-` before what is gone, a space before what
    /// is shown for orientation, and `…` where lines are left out. Passwords and the like are left out, too.
    pub diff: String,
}

/// All that two catalogs do not have alike, sorted by kind and identity; [`Display`](fmt::Display) gives one after the
/// other, nothing if there is none. It is a slice of [`Difference`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences(Vec<Difference>);

impl Differences {
    /// Leaves out the others.
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

/// Walks through two sorted lists at once.
pub(crate) fn differences(before: &[Object], after: &[Object]) -> Differences {
    let mut found = Vec::new();
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
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
            (before, after) = in_common(&before, &after);
        }
        (before != after || change != Change::Changed).then(|| Difference {
            change,
            object: object.clone(),
            diff: shown(&before, &after),
        })
    }
}

/// The diff without what looks like a secret: it may turn up in logs.
fn shown(before: &str, after: &str) -> String {
    match diff(&sql::redact(before), &sql::redact(after)) {
        diff if diff.is_empty() && before != after => "(in a secret, which is not shown)".to_owned(),
        diff => diff,
    }
}

/// The definitions of a table without the columns that only one of them has: those are objects of their own, and what is
/// left tells whether the others are in the same order.
fn in_common(before: &str, after: &str) -> (String, String) {
    let columns =
        |text: &str| text.lines().filter(|line| is_column(line)).map(str::to_owned).collect::<Vec<_>>();
    let (old, new) = (columns(before), columns(after));
    let keep = |text: &str, others: &[String]| {
        let kept = text.lines().filter(|line| !is_column(line) || others.iter().any(|other| other == line));
        kept.collect::<Vec<_>>().join("\n")
    };
    (keep(before, &new), keep(after, &old))
}

/// What leads from one text to the other, line by line.
fn diff(before: &str, after: &str) -> String {
    // The last line has its line feed too, so that it is the same line with and without others behind it.
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
