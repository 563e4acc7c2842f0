//! Two scripts are the same if the server can't tell them apart.

use migrate_core::sql::{same_but_for_comments, same_but_for_writing};

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

#[test]
fn the_case_of_words_and_the_last_semicolon_are_writing() {
    let cases = [
        ("CREATE TABLE A (id int)", "create table a (\n  ID int\n);"),
        ("SELECT 1;;", "select 1"),
        ("ALTER TYPE e ADD VALUE 'X' -- why", "alter type E add value 'X'"),
    ];
    for (a, b) in cases {
        assert!(same_but_for_writing(a, b) && same_but_for_writing(b, a), "{a:?} {b:?}");
    }
}

#[test]
fn what_is_in_quotes_is_not_writing() {
    let cases = [
        ("SELECT 'A'", "SELECT 'a'"),
        ("SELECT \"A\"", "SELECT \"a\""),
        ("SELECT \"a\"", "SELECT a"),
        ("DO $$ SELECT A $$", "DO $$ SELECT a $$"),
        ("SELECT E'A'", "SELECT E'a'"),
        ("SELECT 1; SELECT 2", "SELECT 1 SELECT 2"),
        ("SELECT É", "SELECT é"),
        ("CREATE SCHEMA ${App}", "CREATE SCHEMA ${app}"),
        ("SELECT 1", "SELECT 1.0"),
    ];
    for (a, b) in cases {
        assert!(!same_but_for_writing(a, b) && !same_but_for_writing(b, a), "{a:?} {b:?}");
    }
}
