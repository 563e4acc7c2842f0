//! Whether two scripts say the same.

use super::lexer::tokens;
use super::token::{Token, TokenKind};

/// Whether two scripts are the same to the server: token by token, whatever the comments and the white space between the
/// tokens. A byte order mark does not count, and neither does CR LF in one where the other has LF, in quotes too.
///
/// Quoted text is otherwise compared as it stands, and so a comment in a function's body does count. So
/// does the case of keywords, and the white space inside a string constant that goes on on the next line.
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

/// Whether two scripts are the same statements, written otherwise: [`same_but_for_comments`], and whatever the case of keywords and of
/// names without quotes, and the semicolons at the end.
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

/// What the server sees of a script.
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

/// Letters other than those of ASCII count as they stand: whether the server folds them is a question of its encoding. So does the
/// name of a placeholder, `${name}`.
fn same_written_otherwise(x: (Token, &str), y: (Token, &str)) -> bool {
    let is_word = x.0.kind == TokenKind::Word && y.0.kind == TokenKind::Word;
    let is_placeholder = x.1[..x.0.start].ends_with("${");
    same(x, y) || (is_word && !is_placeholder && x.0.text(x.1).eq_ignore_ascii_case(y.0.text(y.1)))
}

fn same((x, a): (Token, &str), (y, b): (Token, &str)) -> bool {
    let (a, b) = (x.text(a), y.text(b));
    x.kind == y.kind && (a == b || a.replace("\r\n", "\n") == b.replace("\r\n", "\n"))
}
