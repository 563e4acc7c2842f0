//! Tables as text: with borders if they fit the terminal, as stacked rows if they don't, and as plain columns
//! elsewhere.

use super::{Piece, Table, Tone, styled, wrapped};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table as PrettyTable, presets};

/// The width of a cell's border and padding.
const AROUND_A_CELL: usize = 3;

/// Columns separated by two spaces, without a heading: for files, and for programs that read lines.
pub(super) fn columns(table: &Table) -> String {
    let widths = widths(table, |piece| length(&piece.text));
    let line = |row: &Vec<Piece>| {
        let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let cells = cells.map(|(piece, width)| format!("{:width$}", piece.text));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    table.rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// For a terminal of this width. Names, times and numbers are never broken.
pub(super) fn fitted(table: &Table, width: usize) -> String {
    let table = without_empty_columns(table);
    let natural = with_heads(&table, widths(&table, |piece| length(piece.short())));
    let least = with_heads(&table, widths(&table, |piece| longest_word(piece.short())));
    let room = width.saturating_sub(natural.len() * AROUND_A_CELL + 1);
    match shared(room, &least, &natural) {
        Some(widths) => bordered(&table, &widths),
        None => stacked(&table, width),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn longest_word(text: &str) -> usize {
    text.split_whitespace().map(length).max().unwrap_or(0)
}

/// The largest measure in each column.
fn widths(table: &Table, measure: impl Fn(&Piece) -> usize) -> Vec<usize> {
    let width =
        |column: usize| table.rows.iter().filter_map(|row| row.get(column)).map(&measure).max().unwrap_or(0);
    (0..table.head.len()).map(width).collect()
}

/// Headings are not broken either.
fn with_heads(table: &Table, widths: Vec<usize>) -> Vec<usize> {
    table.head.iter().zip(widths).map(|(head, width)| width.max(length(head))).collect()
}

fn without_empty_columns(table: &Table) -> Table {
    let is_used: Vec<bool> =
        widths(table, |piece| length(&piece.text)).into_iter().map(|width| width > 0).collect();
    let used = |row: &Vec<Piece>| {
        row.iter().zip(&is_used).filter(|(_, used)| **used).map(|(piece, _)| piece.clone()).collect()
    };
    let head = table.head.iter().zip(&is_used).filter(|(_, used)| **used).map(|(head, _)| *head).collect();
    Table { head, rows: table.rows.iter().map(used).collect() }
}

/// Distributes the width among the columns: each gets at least its longest word, and narrow columns get their
/// full width first. None if the words don't fit.
fn shared(room: usize, least: &[usize], natural: &[usize]) -> Option<Vec<usize>> {
    let mut left = room.checked_sub(least.iter().sum())?;
    let mut widths = least.to_vec();
    let mut columns: Vec<usize> = (0..least.len()).collect();
    columns.sort_by_key(|column| natural[*column] - least[*column]);
    for (index, column) in columns.iter().enumerate() {
        let share = left / (columns.len() - index);
        let more = share.min(natural[*column] - least[*column]);
        widths[*column] += more;
        left -= more;
    }
    Some(widths)
}

fn bordered(table: &Table, widths: &[usize]) -> String {
    let mut pretty = PrettyTable::new();
    pretty.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    // The output stream decides later if colors are used.
    pretty.enforce_styling();
    pretty.set_header(table.head.iter().map(|head| Cell::new(*head).add_attribute(Attribute::Bold)));
    for row in &table.rows {
        pretty.add_row(row.iter().zip(widths).map(|(piece, width)| cell(piece, *width)));
    }
    pretty.to_string()
}

fn cell(piece: &Piece, width: usize) -> Cell {
    let lines = wrapped(piece.short(), width, "");
    let cell = Cell::new(lines.join("\n"));
    match piece.tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Warning => cell.fg(Color::Yellow),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Strong => cell.add_attribute(Attribute::Bold),
    }
}

/// Each row as lines of words, with continuation lines indented: for a terminal that is too narrow for the
/// table's words.
fn stacked(table: &Table, width: usize) -> String {
    let row = |row: &Vec<Piece>| {
        let cells: Vec<&str> = row.iter().map(Piece::short).filter(|text| !text.is_empty()).collect();
        let strongest = row.iter().find(|piece| matches!(piece.tone, Tone::Bad | Tone::Warning));
        let tone = strongest.map_or(Tone::Plain, |piece| piece.tone);
        let lines = wrapped(&cells.join(" "), width, "  ");
        lines.iter().map(|line| styled(line, tone)).collect::<Vec<_>>().join("\n")
    };
    table.rows.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    const NAME: &str = "20260101090000_create_customers_and_their_addresses";

    fn table(names: &[&str]) -> Table {
        let mut table = Table::new(["migration", "state", "at", "reason", "by"]);
        for name in names {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_608_100);
            table.push([
                Piece::plain(*name),
                Piece::new("applied", Tone::Good),
                Piece::time(at),
                Piece::plain(""),
                Piece::plain("the program of a shop"),
            ]);
        }
        table
    }

    fn without_colors(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn no_word_is_broken_whatever_the_width() {
        for width in 1..200 {
            let text = without_colors(&fitted(&table(&["0001_a", NAME]), width));
            for word in [NAME, "0001_a", "applied", "2026-01-05T10:15Z", "program"] {
                assert!(text.contains(word), "{word} at {width}:\n{text}");
            }
            let is_fitting = text.lines().all(|line| length(line) <= width);
            assert!(is_fitting || width < NAME.len() + 2, "{width}:\n{text}");
        }
    }

    #[test]
    fn a_row_is_one_line_where_that_fits_and_a_column_that_is_empty_is_left_out() {
        let text = without_colors(&fitted(&table(&["0001_users", "0002_posts"]), 80));
        assert_eq!(text.lines().count(), 6, "{text}");
        assert!(!text.contains("reason"), "{text}");
    }

    #[test]
    fn the_room_goes_to_the_narrow_columns_first() {
        assert_eq!(shared(20, &[2, 5], &[3, 40]), Some(vec![3, 17]));
        assert_eq!(shared(6, &[2, 5], &[3, 40]), None);
        assert_eq!(shared(100, &[2, 5], &[3, 40]), Some(vec![3, 40]));
    }
}
