//! Pages: tables and lines, as text for a terminal or a file. Data in, text out.

mod table;

use anstyle::{AnsiColor, Style};
use comfy_table::Table as PrettyTable;
use humantime::format_rfc3339_seconds;
use migrate_core::display::printable::printable;
use std::fmt::Write as _;
use std::time::SystemTime;

/// The meaning of a piece of text, which determines its color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// No special meaning.
    Plain,
    /// Success.
    Good,
    /// Deserves attention.
    Warning,
    /// An error.
    Bad,
    /// Less important than its surroundings.
    Faint,
    /// A heading.
    Strong,
}

/// A piece of text with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    text: String,
    tone: Tone,
    /// The shorter text for a table on a terminal.
    short: Option<String>,
}

impl Piece {
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Piece {
        // Names, texts and server messages may contain control characters that a terminal would obey.
        Piece { text: printable(&text.into()).into_owned(), tone, short: None }
    }

    /// A time in UTC; in a table on a terminal, to the minute.
    pub(super) fn time(at: SystemTime) -> Piece {
        let text = format_rfc3339_seconds(at).to_string();
        let short = text.get(..16).map(|minute| format!("{minute}Z"));
        Piece { text, tone: Tone::Faint, short }
    }

    fn short(&self) -> &str {
        self.short.as_deref().unwrap_or(&self.text)
    }

    pub(super) fn plain(text: impl Into<String>) -> Piece {
        Piece::new(text, Tone::Plain)
    }
}

/// Rows under a heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<Piece>>,
}

impl Table {
    pub(super) fn new(head: impl IntoIterator<Item = &'static str>) -> Table {
        Table { head: head.into_iter().collect(), rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: impl IntoIterator<Item = Piece>) {
        self.rows.push(row.into_iter().collect());
    }
}

/// Tables and lines, one below the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page(Vec<PagePart>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum PagePart {
    Table(Table),
    /// The steps of a run, which a log has already printed one by one.
    Steps(Table),
    /// Wrapped to the terminal's width, unless it is code or a command to copy.
    Line(Piece),
    /// Wrapped to the terminal's width.
    Prose(Piece),
}

/// The output medium of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Medium {
    /// True if tables have borders.
    pub(super) has_tables: bool,
    /// The width in characters, if it is limited.
    pub(super) width: Option<usize>,
    /// True if the steps of a run were already printed.
    pub(super) steps_told: bool,
}

impl Page {
    pub(super) fn table(mut self, table: Table) -> Page {
        if !table.rows.is_empty() {
            self.0.push(PagePart::Table(table));
        }
        self
    }

    /// The steps of a run.
    pub(super) fn steps(mut self, table: Table) -> Page {
        if !table.rows.is_empty() {
            self.0.push(PagePart::Steps(table));
        }
        self
    }

    pub(super) fn line(mut self, text: impl Into<String>) -> Page {
        self.0.push(PagePart::Line(Piece::plain(text)));
        self
    }

    pub(super) fn toned(mut self, text: impl Into<String>, tone: Tone) -> Page {
        self.0.push(PagePart::Line(Piece::new(text, tone)));
        self
    }

    /// A line of prose. If the terminal is too narrow, it wraps, indented by two.
    pub(super) fn prose(mut self, text: impl Into<String>, tone: Tone) -> Page {
        self.0.push(PagePart::Prose(Piece::new(text, tone)));
        self
    }

    pub(super) fn lines<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Page {
        texts.into_iter().fold(self, Page::line)
    }

    /// Appends the parts of another page.
    pub(super) fn append(mut self, other: Page) -> Page {
        self.0.extend(other.0);
        self
    }

    /// Renders the page as text.
    pub(super) fn render(&self, medium: Medium) -> String {
        self.0.iter().filter_map(|part| part.render(medium)).map(|text| text + "\n").collect()
    }
}

impl PagePart {
    /// Renders the lines, if there are any.
    fn render(&self, medium: Medium) -> Option<String> {
        let width = medium.width.unwrap_or(usize::MAX);
        let prose = |piece: &Piece| {
            let lines = wrapped(&piece.text, width, "  ");
            lines.iter().map(|line| styled(line, piece.tone)).collect::<Vec<_>>().join("\n")
        };
        Some(match self {
            PagePart::Steps(_) if medium.steps_told => return None,
            PagePart::Table(table) | PagePart::Steps(table) if medium.has_tables => {
                table::fitted(table, width)
            }
            PagePart::Table(table) | PagePart::Steps(table) => table::columns(table),
            PagePart::Line(piece) if is_prose(&piece.text) => prose(piece),
            PagePart::Line(piece) => styled(&piece.text, piece.tone),
            PagePart::Prose(piece) => prose(piece),
        })
    }
}

/// True if a line may be wrapped: it is not an indented command or line of a script, nor a line of a diff.
fn is_prose(line: &str) -> bool {
    !line.starts_with([' ', '+', '-', '@']) && line.split_whitespace().count() > 1 && !line.contains('\n')
}

/// The width of the terminal on standard output, in characters.
pub(super) fn width_of_output() -> Option<usize> {
    PrettyTable::new().width().map(usize::from)
}

/// The width of the terminal on standard error, in characters.
pub(super) fn width_of_progress() -> Option<usize> {
    PrettyTable::new().use_stderr().width().map(usize::from)
}

/// Wraps a line between words to this width. Continuation lines keep the line's indentation and add to it.
fn wrapped(text: &str, width: usize, further: &str) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    if length(text) <= width {
        return vec![text.to_owned()];
    }
    let margin = &text[..text.len() - text.trim_start().len()];
    let mut lines = Vec::new();
    let mut line = margin.to_owned();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 && length(&line) + 1 + length(word) > width {
            lines.push(std::mem::replace(&mut line, format!("{margin}{further}")));
        } else if index > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

fn styled(text: &str, tone: Tone) -> String {
    let style = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Good => Style::new().fg_color(Some(AnsiColor::Green.into())),
        Tone::Warning => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
        Tone::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
        Tone::Faint => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    };
    let mut styled = String::new();
    // Writing to a string can't fail.
    _ = write!(styled, "{style}{text}{style:#}");
    styled
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Medium = Medium { has_tables: false, width: None, steps_told: false };

    #[test]
    fn prose_fits_a_terminal_and_is_broken_between_words() {
        let lines = wrapped("  locks users, SHARE: nobody writes it", 20, "  ");
        assert_eq!(lines, ["  locks users,", "    SHARE: nobody", "    writes it"]);
        assert_eq!(wrapped("  as it is", usize::MAX, "  "), ["  as it is"]);
        assert_eq!(wrapped("a-word-that-is-too-long b", 5, "  "), ["a-word-that-is-too-long", "  b"]);
    }

    #[test]
    fn an_error_is_broken_between_words_and_a_command_or_a_script_is_not() {
        let page = Page::default().lines([
            "error: migration 0001_a failed at 0001_a.sql:1:1: no",
            " 1 | SELECT a_long_name FROM another_long_name",
            "  migrate up --to 0001  # continues with it there",
        ]);
        let text = page.render(Medium { width: Some(30), ..FILE });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["error: migration 0001_a failed", "  at 0001_a.sql:1:1: no", lines[2]]);
        assert_eq!(
            lines[2..],
            [
                " 1 | SELECT a_long_name FROM another_long_name",
                "  migrate up --to 0001  # continues with it there",
            ]
        );
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed_but_our_own_colours() {
        let hostile = "\u{1b}[2J\u{9b}31m\u{202e}x";
        let mut table = Table::new(["migration"]);
        table.push([Piece::new(hostile, Tone::Bad)]);
        let page =
            Page::default().table(table).line(hostile).toned(hostile, Tone::Bad).prose(hostile, Tone::Faint);
        let shown = anstream::adapter::strip_str(&page.render(FILE)).to_string();
        assert_eq!(shown.matches("\\u{1b}[2J\\u{9b}31m\\u{202e}x").count(), 4, "{shown}");
        let is_obeyed = |c: char| c != '\u{1b}' && migrate_core::display::printable::is_obeyed(c);
        let pretty = page.render(Medium { has_tables: true, width: Some(60), ..FILE });
        assert!(!pretty.chars().any(is_obeyed) && !pretty.contains("\u{1b}[2J"), "{pretty:?}");
    }

    #[test]
    fn elsewhere_than_on_a_terminal_a_table_is_columns() {
        let mut table = Table::new(["migration", "state"]);
        table.push([Piece::plain("0001_a"), Piece::new("applied", Tone::Good)]);
        table.push([Piece::plain("0002_long"), Piece::plain("pending")]);
        let page = Page::default().table(table).line("next: go");
        assert_eq!(page.render(FILE), "0001_a     applied\n0002_long  pending\nnext: go\n");
        let pretty = page.render(Medium { has_tables: true, ..FILE });
        assert!(pretty.contains("│") && pretty.contains("migration"), "{pretty}");
    }

    #[test]
    fn steps_that_a_log_has_told_are_not_told_again() {
        let mut table = Table::new(["migration"]);
        table.push([Piece::plain("0001_a")]);
        let page = Page::default().steps(table).line("done");
        assert_eq!(page.render(Medium { steps_told: true, ..FILE }), "done\n");
        assert_eq!(page.render(FILE), "0001_a\ndone\n");
    }
}
