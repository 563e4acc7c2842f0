//! Comparison of scripts.

use super::lexer::tokens;
use super::token::{Token, TokenKind};

/// Returns true if two scripts are the same to the server: equal token by token, whatever the comments and
/// white space between tokens. A byte order mark does not matter, and neither does CR LF in one script and LF
/// in the other, even inside quotes.
///
/// Other differences in quoted text do matter, such as a comment in a function's body. So do the case of
/// keywords and the white space between the parts of a string constant that continues on the next line.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::same_but_for_comments;
///
/// assert!(same_but_for_comments("SELECT 1; -- one", "SELECT /* one */\r\n  1;"));
/// assert!(!same_but_for_comments("SELECT '--'", "SELECT '-- one'"));
/// ```
pub fn same_but_for_comments(a: &str, b: &str) -> bool {
    all_same((meant(a), a), (meant(b), b), same)
}

/// Returns true if two scripts consist of the same statements in a different spelling: in addition to
/// [`same_but_for_comments`], the case of keywords and unquoted names does not matter, and neither do
/// semicolons at the end.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::same_but_for_writing;
///
/// assert!(same_but_for_writing("CREATE TABLE Users (id int)", "create table users (\n  id INT\n);"));
/// assert!(!same_but_for_writing("SELECT 'A'", "SELECT 'a'"));
/// assert!(!same_but_for_writing("CREATE TABLE \"Users\" ()", "CREATE TABLE \"users\" ()"));
/// ```
pub fn same_but_for_writing(a: &str, b: &str) -> bool {
    let statements = |text| {
        let mut tokens: Vec<Token> = meant(text).collect();
        while tokens.last().is_some_and(|token| token.kind == TokenKind::Semicolon) {
            tokens.pop();
        }
        tokens.into_iter()
    };
    all_same((statements(a), a), (statements(b), b), same_written_otherwise)
}

/// The tokens of a script that the server sees.
fn meant(text: &str) -> impl Iterator<Item = Token> {
    tokens(text).filter(|token| !token.is_trivia())
}

fn all_same(
    (mut left, a): (impl Iterator<Item = Token>, &str),
    (mut right, b): (impl Iterator<Item = Token>, &str),
    same: fn((Token, &str), (Token, &str)) -> bool,
) -> bool {
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) if same((x, a), (y, b)) => {}
            _ => return false,
        }
    }
}

/// Letters outside ASCII are compared exactly, because the server folds their case depending on its encoding.
/// So is the name of a placeholder, `${name}`.
fn same_written_otherwise(x: (Token, &str), y: (Token, &str)) -> bool {
    let is_word = x.0.kind == TokenKind::Word && y.0.kind == TokenKind::Word;
    let is_placeholder = x.1[..x.0.start].ends_with("${");
    same(x, y) || (is_word && !is_placeholder && x.0.text(x.1).eq_ignore_ascii_case(y.0.text(y.1)))
}

fn same((x, a): (Token, &str), (y, b): (Token, &str)) -> bool {
    let (a, b) = (x.text(a), y.text(b));
    x.kind == y.kind && (a == b || a.replace("\r\n", "\n") == b.replace("\r\n", "\n"))
}
