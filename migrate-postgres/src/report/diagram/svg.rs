//! Drawing a diagram.

use super::layout::{BoxPosition, Lane, Layout, Point, Size, layout};
use super::{Diagram, DiagramColumn, DiagramForeignKey, DiagramTable};
use crate::report::html::{count, shown};
use maud::{Markup, html};
use std::fmt::Write as _;

/// The height of a box's line and of its heading.
const LINE: i32 = 20;
const HEAD: i32 = 30;

/// The width of a character in the 12-pixel monospaced font, in tenths of a pixel.
const SIGN: i32 = 73;

/// The space before column names: room for `PK`.
const MARGIN: i32 = 34;

/// The margin around the drawing.
const FRAME: i32 = 28;

/// The number of characters shown of a name and of a type.
const NAME: usize = 28;
const TYPE: usize = 20;

/// The number of non-key columns shown per table, and the number shown if there are many tables.
const SHOWN: usize = 14;
const FEW: usize = 2;
const MANY_TABLES: usize = 80;

/// The drawing of a diagram.
pub(in crate::report) fn drawing(diagram: &Diagram) -> Markup {
    let beside = if diagram.tables.len() > MANY_TABLES { FEW } else { SHOWN };
    let boxes: Vec<TableBox<'_>> = diagram.tables.iter().map(|table| TableBox::of(table, beside)).collect();
    let sizes: Vec<Size> = boxes.iter().map(TableBox::size).collect();
    let edges: Vec<(usize, usize)> = diagram.foreign_keys.iter().map(|key| (key.from, key.to)).collect();
    let placed = layout(&sizes, &edges);
    let (width, height) = (placed.size.width + 2 * FRAME, placed.size.height + 2 * FRAME);
    let drawn = Drawn { boxes: &boxes, placed: &placed };
    html! {
        svg.diagram role="img" aria-labelledby="diagram-title" width=(width) height=(height)
            viewBox={ "-" (FRAME) " -" (FRAME) " " (width) " " (height) } {
            title #diagram-title {
                (diagram.tables.len()) " tables and " (diagram.foreign_keys.len()) " foreign keys; the list below has the same as text"
            }
            defs {
                marker #arrow viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" {
                    path d="M0 0.5 L7.5 4 L0 7.5 z" {}
                }
            }
            @for (index, key) in diagram.foreign_keys.iter().enumerate() { (drawn.edge(index, key, diagram)) }
            @for (table, place) in boxes.iter().zip(&placed.places) { (table.draw(*place)) }
        }
    }
}

/// A table as drawn.
struct TableBox<'d> {
    table: &'d DiagramTable,
    columns: Vec<&'d DiagramColumn>,
    left_out: usize,
}

impl<'d> TableBox<'d> {
    /// The key columns and this many others, in order.
    fn of(table: &'d DiagramTable, others: usize) -> TableBox<'d> {
        let mut left = others;
        let columns: Vec<&DiagramColumn> = table
            .columns
            .iter()
            .filter(|column| {
                let is_key = column.is_primary || column.refers;
                let is_shown = is_key || left > 0;
                left -= usize::from(!is_key && is_shown);
                is_shown
            })
            .collect();
        let left_out = table.columns.len() - columns.len();
        TableBox { table, columns, left_out }
    }

    fn size(&self) -> Size {
        let columns = self.columns.iter().map(|column| {
            let gap = if column.type_name.is_empty() { 0 } else { 2 };
            MARGIN + signs(&cut(&column.name, NAME)) + signs(&short(&column.type_name)) + gap * SIGN / 10
        });
        // The heading is bold, and therefore wider.
        let head = signs(&cut(&self.table.name, NAME + TYPE)) * 21 / 20 + 12;
        let width = columns.max().unwrap_or(0).max(head).max(140) + 14;
        Size { width, height: HEAD + LINE * self.lines() + 6 }
    }

    fn lines(&self) -> i32 {
        (self.columns.len() + usize::from(self.note().is_some())) as i32
    }

    /// The note below the columns.
    fn note(&self) -> Option<String> {
        let columns = (self.left_out > 0).then(|| count(self.left_out, "more column"));
        let partitions = (self.table.partitions > 0).then(|| count(self.table.partitions, "partition"));
        let notes: Vec<String> = columns.into_iter().chain(partitions).collect();
        (!notes.is_empty()).then(|| notes.join(", "))
    }

    /// The center of a column's line, from the top of the box; that of the heading if the column is not
    /// shown.
    fn line(&self, column: Option<&String>) -> i32 {
        let line = self.columns.iter().position(|shown| Some(&shown.name) == column);
        line.map_or(HEAD / 2, |line| HEAD + LINE * line as i32 + LINE / 2 + 2)
    }

    fn draw(&self, BoxPosition { x, y, width }: BoxPosition) -> Markup {
        let height = self.size().height;
        let below = HEAD + LINE * self.columns.len() as i32 + LINE - 4;
        html! {
            g.table transform={ "translate(" (x) " " (y) ")" } {
                title { (shown(&self.table.name)) }
                rect.box width=(width) height=(height) rx="6" {}
                path.head d={ "M0 " (HEAD) " V6 Q0 0 6 0 H" (width - 6) " Q" (width) " 0 " (width) " 6 V" (HEAD) " z" } {}
                text.name x="12" y="20" { (shown(&cut(&self.table.name, NAME + TYPE))) }
                @for (line, column) in self.columns.iter().enumerate() {
                    (draw_column(column, width, HEAD + LINE * line as i32 + LINE - 4))
                }
                @if let Some(note) = self.note() { text.note x=(MARGIN) y=(below) { (note) } }
            }
        }
    }
}

fn draw_column(column: &DiagramColumn, width: i32, y: i32) -> Markup {
    let mark = match (column.is_primary, column.refers) {
        (true, _) => Some("PK"),
        (false, true) => Some("FK"),
        _ => None,
    };
    let (name, type_name) = (cut(&column.name, NAME), short(&column.type_name));
    let cut_off = name != column.name || type_name.ends_with('…');
    html! {
        g {
            @if cut_off { title { (shown(&column.name)) " " (shown(&column.type_name)) } }
            @if let Some(mark) = mark { text.mark.(mark) x="10" y=(y) { (mark) } }
            text.column.required[!column.is_nullable] x=(MARGIN) y=(y) { (shown(&name)) }
            text.type x=(width - 12) y=(y) { (shown(&type_name)) }
        }
    }
}

/// Positioned boxes.
struct Drawn<'d> {
    boxes: &'d [TableBox<'d>],
    placed: &'d Layout,
}

impl Drawn<'_> {
    fn edge(&self, index: usize, key: &DiagramForeignKey, diagram: &Diagram) -> Markup {
        let (from, to) = (&diagram.tables[key.from].name, &diagram.tables[key.to].name);
        html! {
            path.edge d=(self.way(index, key)) marker-end="url(#arrow)" {
                title {
                    (shown(from)) " (" (shown(&key.columns.join(", "))) ") → " (shown(to)) " (" (shown(&key.referenced.join(", "))) ")"
                }
            }
        }
    }

    /// The path from the line of the referring column, through the lanes, to the line of the referenced
    /// column.
    fn way(&self, index: usize, key: &DiagramForeignKey) -> String {
        let [from, to] = [key.from, key.to].map(|index| self.placed.places[index]);
        let y = |table: usize, column: Option<&String>| {
            self.placed.places[table].y + self.boxes[table].line(column)
        };
        let (begin, end) = (y(key.from, key.columns.first()), y(key.to, key.referenced.first()));
        let right_of = |place: BoxPosition| place.x + place.width;
        if key.from == key.to {
            let (right, out) = (right_of(from), right_of(from) + 26);
            return format!("M{right} {begin} C{out} {begin} {out} {end} {right} {end}");
        }
        let goes_right = to.x > from.x;
        let (start, finish) = if goes_right { (right_of(from), to.x) } else { (from.x, right_of(to)) };
        path(Point { x: start, y: begin }, &self.placed.lanes[index], Point { x: finish, y: end })
    }
}

/// Straight in the lanes, with bends between them that start and end level.
fn path(from: Point, lanes: &[Lane], to: Point) -> String {
    let mut way = format!("M{} {}", from.x, from.y);
    let mut at = from;
    let mut bend = |at: Point, next: Point| {
        let middle = (at.x + next.x) / 2;
        _ = write!(way, " C{middle} {} {middle} {} {} {}", at.y, next.y, next.x, next.y);
    };
    let mut pieces = Vec::new();
    for lane in lanes {
        pieces.push((at, Point { x: lane.begin, y: lane.y }));
        at = Point { x: lane.end, y: lane.y };
    }
    pieces.push((at, to));
    for (index, (begin, end)) in pieces.into_iter().enumerate() {
        if index > 0 {
            // The straight segment of the previous lane is a bend without height.
            bend(Point { x: lanes[index - 1].begin, y: begin.y }, begin);
        }
        bend(begin, end);
    }
    way
}

/// The width of a text in pixels. East Asian characters and emoji are twice as wide.
fn signs(text: &str) -> i32 {
    let widths = shown(text).chars().map(|sign| if (sign as u32) < 0x1100 { 1 } else { 2 }).sum::<i32>();
    widths * SIGN / 10
}

/// The common name of a type, if the server prints the longer one of the standard.
fn short(type_name: &str) -> String {
    let mut name = type_name.to_owned();
    for (long, short) in [("character varying", "varchar"), ("character(", "char(")] {
        if let Some(rest) = type_name.strip_prefix(long) {
            name = format!("{short}{rest}");
        }
    }
    if name.starts_with("time") {
        for (what, zone) in [(" without time zone", ""), (" with time zone", "tz")] {
            if let Some((before, behind)) = name.split_once(what) {
                let (word, precision) = before.split_at(before.find('(').unwrap_or(before.len()));
                name = format!("{word}{zone}{precision}{behind}");
            }
        }
    }
    cut(&name, TYPE)
}

/// Truncates a text to this many characters.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_their_short_names() {
        let types = [
            ("timestamp with time zone", "timestamptz"),
            ("timestamp(3) without time zone[]", "timestamp(3)[]"),
            ("time(0) with time zone", "timetz(0)"),
            ("character varying(80)", "varchar(80)"),
            ("character(2)", "char(2)"),
            ("\"char\"", "\"char\""),
            ("timeline", "timeline"),
            ("app.a_type_with_a_rather_long_name", "app.a_type_with_a_r…"),
        ];
        for (long, expected) in types {
            assert_eq!(short(long), expected, "{long}");
        }
    }

    #[test]
    fn keys_are_shown_even_where_other_columns_are_left_out() {
        let column = |index: usize| DiagramColumn {
            name: format!("c{index}"),
            is_primary: index == 0,
            refers: index == 9,
            ..DiagramColumn::default()
        };
        let table =
            DiagramTable { columns: (0..10).map(column).collect(), partitions: 3, ..DiagramTable::default() };
        let shown = TableBox::of(&table, 2);
        let names: Vec<&str> = shown.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["c0", "c1", "c2", "c9"]);
        assert_eq!(shown.note().unwrap(), "6 more columns, 3 partitions");
    }
}
