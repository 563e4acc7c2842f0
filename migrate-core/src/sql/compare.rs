//! Whether two scripts say the same.

use super::lexer::tokens;
use super::token::Token;

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
    let mut left = tokens(a).filter(|token| !token.is_trivia());
    let mut right = tokens(b).filter(|token| !token.is_trivia());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(x), Some(y)) if same((x, a), (y, b)) => {}
            _ => return false,
        }
    }
}

fn same((x, a): (Token, &str), (y, b): (Token, &str)) -> bool {
    let (a, b) = (x.text(a), y.text(b));
    x.kind == y.kind && (a == b || a.replace("\r\n", "\n") == b.replace("\r\n", "\n"))
}
