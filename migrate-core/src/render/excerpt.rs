//! The line of a script that a finding is about, and the mark below it.

use crate::display::printable::printable;
use crate::set::script::Script;
use crate::sql;
use std::ops::Range;

/// A line of a script, and the marks below it.
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) mark: String,
}

/// The most characters of a line that are shown before the marked ones, marked, and after them.
const MOST: [usize; 3] = [60, 80, 40];

impl Excerpt {
    /// The line in which a byte range of a script's text begins. Placeholders and secrets stay hidden.
    pub(super) fn of(script: &Script, span: &Range<usize>) -> Excerpt {
        let text = script.source();
        let written = script.written_range(span);
        let line = line_of(text, written.start);
        let marked = written.start..written.end.clamp(written.start, line.end);
        let secrets = sql::secret_ranges(text);
        let show = |range: Range<usize>| shown(text, &range, &secrets);
        let is_cut = written.end > line.end && !text[line.end..written.end].trim().is_empty();
        let [before, marked, after] =
            [show(line.start..marked.start), show(marked.clone()), show(marked.end..line.end)];
        let (before, marked, after) = (tail(&before, MOST[0]), head(&marked, MOST[1]), head(&after, MOST[2]));
        let length = |text: &str| text.chars().count();
        let mark = format!("{}{}", " ".repeat(length(&before)), "^".repeat(length(&marked).max(1)));
        let more = if is_cut { "…" } else { "" };
        Excerpt { line: format!("{before}{marked}{after}"), mark: format!("{mark}{more}") }
    }
}

/// The byte range of the line that contains a byte, without its end and without a byte order mark.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let start =
        if start == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8().min(at) } else { start };
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let end = if text[start..end].ends_with('\r') { (end - 1).max(at) } else { end };
    start..end
}

/// A piece of a text without its secrets, and without anything that a terminal would obey.
fn shown(text: &str, range: &Range<usize>, secrets: &[Range<usize>]) -> String {
    let mut shown = String::new();
    let mut at = range.start;
    for secret in secrets.iter().filter(|secret| secret.start < range.end && secret.end > range.start) {
        shown.push_str(&text[at..secret.start.max(at)]);
        shown.push_str("'…'");
        at = secret.end.clamp(at, range.end);
    }
    shown.push_str(&text[at..range.end]);
    printable(&shown.replace('\t', "    ")).into_owned()
}

/// The first characters of a text.
fn head(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The last characters of a text.
fn tail(text: &str, most: usize) -> String {
    match text.chars().count().checked_sub(most) {
        Some(more) if more > 0 => format!("…{}", text.chars().skip(more).collect::<String>()),
        _ => text.to_owned(),
    }
}
