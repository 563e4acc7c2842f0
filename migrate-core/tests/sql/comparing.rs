//! Two scripts are the same if the server can't tell them apart.

use migrate_core::sql::same_but_for_comments;

#[test]
fn comments_and_white_space_make_no_difference() {
    let cases = [
        ("", "-- nothing\n"),
        ("SELECT 1;", "\u{FEFF}SELECT /* a /* b */ */ 1 ; -- c"),
        ("SELECT a+1", "SELECT a + 1"),
        ("SELECT a=-1", "SELECT a = - 1"),
        ("SELECT 'a\r\nb', $$\r\n$$, \"x\r\ny\"\r\n", "SELECT 'a\nb',$$\n$$,\"x\ny\""),
    ];
    for (a, b) in cases {
        assert!(same_but_for_comments(a, b), "{a:?} {b:?}");
        assert!(same_but_for_comments(b, a), "{b:?} {a:?}");
    }
}

#[test]
fn everything_else_does() {
    let cases = [
        ("SELECT 1", "SELECT 1;"),
        ("SELECT 1", "select 1"),
        ("SELECT 'a b'", "SELECT 'a  b'"),
        ("SELECT '--'", "SELECT '-- a'"),
        ("DO $$ -- a\n$$", "DO $$ -- b\n$$"),
        ("DO $$a$$", "DO $b$a$b$"),
        ("SELECT a b", "SELECT ab"),
        ("SELECT a < = b", "SELECT a <= b"),
        ("SELECT E 'a'", "SELECT E'a'"),
        ("SELECT 'a' 'b'", "SELECT 'a'\n'b'"),
        ("SELECT \"a\"", "SELECT a"),
        ("SELECT 1", "SELECT 1 2"),
    ];
    for (a, b) in cases {
        assert!(!same_but_for_comments(a, b), "{a:?} {b:?}");
    }
}
