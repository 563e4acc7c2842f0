//! Positions: bytes, characters, lines and columns.

use migrate_core::sql::{LineColumn, char_to_byte, line_column};

#[test]
fn columns_count_characters_and_lines_end_at_newlines() {
    let cases = [
        ("", 0, "1:1"),
        ("abc", 2, "1:3"),
        ("äöü x", 7, "1:5"),
        ("äöü x", 1, "1:1"),
        ("a\nb", 1, "1:2"),
        ("a\nb", 2, "2:1"),
        ("a\r\nb", 3, "2:1"),
        ("a\n\nb\n", 5, "4:1"),
        ("abc", 99, "1:4"),
        ("\u{FEFF}ab", 3, "1:1"),
        ("\u{FEFF}ab", 4, "1:2"),
        ("\u{FEFF}ab", 0, "1:1"),
    ];
    for (text, offset, expected) in cases {
        assert_eq!(line_column(text, offset).to_string(), expected, "{text:?} {offset}");
    }
}

#[test]
fn places_are_ordered() {
    assert!(LineColumn { line: 1, column: 9 } < LineColumn { line: 2, column: 1 });
}

#[test]
fn the_servers_positions_count_characters_from_1() {
    let cases =
        [("", 0, 0), ("", 1, 0), ("äb", 1, 0), ("äb", 2, 2), ("äb", 3, 3), ("äb", 9, 3), ("äb", 0, 0)];
    for (text, position, byte) in cases {
        assert_eq!(char_to_byte(text, position), byte, "{text:?} {position}");
    }
}
