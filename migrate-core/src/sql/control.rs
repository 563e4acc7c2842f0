//! Statements that a migration can't hold, although the server would take them.

use super::cursor::Cursor;
use super::fault::FaultKind;
use super::token::TokenKind;

/// Why this statement has no place in a migration.
pub(super) fn misplaced(statement: &str) -> Option<FaultKind> {
    let cursor = Cursor::new(statement);
    match transaction_control(cursor.clone()) {
        Some(command) => Some(FaultKind::TransactionControl { command }),
        None => copy(cursor),
    }
}

/// The command, if it begins or ends a transaction. Savepoints are fine, and so `ROLLBACK TO` is; what is done
/// to prepared transactions leaves the one around it alone, or rather refuses it (see `Refusal`).
fn transaction_control(mut cursor: Cursor<'_>) -> Option<&'static str> {
    let endings = ["COMMIT", "END", "ABORT", "ROLLBACK"];
    if cursor.word("BEGIN") {
        Some("BEGIN")
    } else if cursor.words(&["START", "TRANSACTION"]) {
        Some("START TRANSACTION")
    } else if cursor.words(&["PREPARE", "TRANSACTION"]) {
        Some("PREPARE TRANSACTION")
    } else {
        let command = endings.into_iter().find(|ending| cursor.word(ending))?;
        let _either = cursor.word("WORK") || cursor.word("TRANSACTION");
        (!cursor.sees("TO") && !cursor.sees("PREPARED")).then_some(command)
    }
}

/// `COPY` from or to the client. The server takes STDIN and STDOUT for the same thing (gram.y, `copy_file_name`).
fn copy(mut cursor: Cursor<'_>) -> Option<FaultKind> {
    if !cursor.word("COPY") {
        return None;
    }
    // BINARY can't be a table's name unless it is quoted.
    cursor.word("BINARY");
    if !cursor.parentheses() {
        cursor.qualified_name();
        if cursor.peek()?.kind == TokenKind::LeftParenthesis {
            cursor.parentheses();
        }
    }
    let fault = if cursor.word("FROM") {
        FaultKind::CopyFromStdin
    } else if cursor.word("TO") {
        FaultKind::CopyToStdout
    } else {
        return None;
    };
    (cursor.word("STDIN") || cursor.word("STDOUT")).then_some(fault)
}
