//! What is shown: tables and lines, as text for a terminal or for a file. Data in, text out.

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell as TableCell, Color, ContentArrangement, Table as PrettyTable, presets};
use std::fmt::Write as _;

/// What a piece of text means, from which its colour follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// All is well.
    Good,
    /// Worth a look.
    Warning,
    /// Something is wrong.
    Bad,
    /// Less important than what is around it.
    Faint,
    /// The heading of what is below it.
    Strong,
}

/// A piece of text with what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    text: String,
    tone: Tone,
}

impl Piece {
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Piece {
        Piece { text: text.into(), tone }
    }

    pub(super) fn plain(text: impl Into<String>) -> Piece {
        Piece::new(text, Tone::Plain)
    }
}

/// Rows below a heading.
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
pub(crate) struct Page(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Table(Table),
    /// As it is, so that a command can be copied from it.
    Line(Piece),
    /// Fitted to the terminal's width.
    Prose(Piece),
}

impl Page {
    pub(super) fn table(mut self, table: Table) -> Page {
        if !table.rows.is_empty() {
            self.0.push(Part::Table(table));
        }
        self
    }

    pub(super) fn line(mut self, text: impl Into<String>) -> Page {
        self.0.push(Part::Line(Piece::plain(text)));
        self
    }

    pub(super) fn toned(mut self, text: impl Into<String>, tone: Tone) -> Page {
        self.0.push(Part::Line(Piece::new(text, tone)));
        self
    }

    /// A line that goes on below its beginning, two further in, where a terminal is too narrow for it.
    pub(super) fn prose(mut self, text: impl Into<String>, tone: Tone) -> Page {
        self.0.push(Part::Prose(Piece::new(text, tone)));
        self
    }

    pub(super) fn lines<T: Into<String>>(self, texts: impl IntoIterator<Item = T>) -> Page {
        texts.into_iter().fold(self, Page::line)
    }

    /// The parts of another page below those of this one.
    pub(super) fn append(mut self, other: Page) -> Page {
        self.0.extend(other.0);
        self
    }

    /// The page as text. For a terminal, tables have borders and fit its width; elsewhere they are columns.
    pub(super) fn render(&self, is_terminal: bool) -> String {
        let width = PrettyTable::new().width().filter(|_| is_terminal).map_or(usize::MAX, usize::from);
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Table(table) if is_terminal => text.push_str(&pretty(table)),
                Part::Table(table) => text.push_str(&columns(table)),
                Part::Line(piece) => text.push_str(&styled(&piece.text, piece.tone)),
                Part::Prose(piece) => {
                    let lines = wrapped(&piece.text, width);
                    let lines: Vec<String> = lines.iter().map(|line| styled(line, piece.tone)).collect();
                    text.push_str(&lines.join("\n"));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// How many characters fit beside each other on the terminal that standard error is.
pub(super) fn width_of_progress() -> Option<usize> {
    PrettyTable::new().use_stderr().width().map(usize::from)
}

/// Columns with two spaces between, without a heading: for a file, and for programs that read lines.
fn columns(table: &Table) -> String {
    let width = |column: usize| {
        table.rows.iter().filter_map(|row| row.get(column)).map(|p| p.text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let line = |row: &Vec<Piece>| {
        let cells = row.iter().zip(&widths).map(|(piece, width)| format!("{:width$}", piece.text));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn pretty(table: &Table) -> String {
    let mut pretty = PrettyTable::new();
    pretty.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    // Whether there is to be colour is decided at the stream that it is written to.
    pretty.enforce_styling();
    pretty.set_header(table.head.iter().map(|head| TableCell::new(*head).add_attribute(Attribute::Bold)));
    for row in &table.rows {
        pretty.add_row(row.iter().map(|piece| {
            let cell = TableCell::new(&piece.text);
            match piece.tone {
                Tone::Plain => cell,
                Tone::Good => cell.fg(Color::Green),
                Tone::Warning => cell.fg(Color::Yellow),
                Tone::Bad => cell.fg(Color::Red),
                Tone::Faint => cell.add_attribute(Attribute::Dim),
                Tone::Strong => cell.add_attribute(Attribute::Bold),
            }
        }));
    }
    pretty.to_string()
}

/// A line as lines of at most so many characters, broken between words; those after the first are two further in than it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let indent = " ".repeat(text.len() - text.trim_start().len() + 2);
    let mut lines = Vec::new();
    let mut line = text[..indent.len() - 2].to_owned();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 && length(&line) + 1 + length(word) > width {
            lines.push(std::mem::replace(&mut line, indent.clone()));
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
    // Writing into a string does not fail.
    _ = write!(styled, "{style}{text}{style:#}");
    styled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_fits_a_terminal_and_is_broken_between_words() {
        let lines = wrapped("  locks users, SHARE: nobody writes it", 20);
        assert_eq!(lines, ["  locks users,", "    SHARE: nobody", "    writes it"]);
        assert_eq!(wrapped("  as it is", usize::MAX), ["  as it is"]);
        assert_eq!(wrapped("a-word-that-is-too-long b", 5), ["a-word-that-is-too-long", "  b"]);
    }

    #[test]
    fn elsewhere_than_on_a_terminal_a_table_is_columns() {
        let mut table = Table::new(["migration", "state"]);
        table.push([Piece::plain("0001_a"), Piece::new("applied", Tone::Good)]);
        table.push([Piece::plain("0002_long"), Piece::plain("pending")]);
        let page = Page::default().table(table).line("next: go");
        assert_eq!(page.render(false), "0001_a     applied\n0002_long  pending\nnext: go\n");
        let pretty = page.render(true);
        assert!(pretty.contains("│") && pretty.contains("migration"), "{pretty}");
    }
}
