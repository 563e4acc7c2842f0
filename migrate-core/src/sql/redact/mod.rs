//! Redaction: removes secrets from statements before they are shown.
//!
//! The [parsed form](super::statement) of a statement contains the values that it gives to options and
//! parameters: role passwords, subscription connections, `COPY` programs, options of foreign objects, and
//! parameters in `SET`, `ALTER … SET` and functions. For these values, redaction judges only the names.
//!
//! Everything else has no parsed form. Redaction reads it as tokens of the same lexer and judges each token
//! by the words and signs around it:
//!
//! - expressions, rows and queries, which are runs of tokens in the parsed form too: `password = …`,
//!   `'…' AS password`, calls;
//! - broken or cut text, such as an excerpt in an error message, whose beginning or end is missing;
//! - PL/pgSQL bodies, in which only the first statement after `BEGIN`, `THEN`, `ELSE` or `LOOP` is in the
//!   server's grammar, and format strings, which are pieces of SQL;
//! - options and parameters whose value does not follow the grammar. The server refuses these and shows
//!   them.

mod detail;
mod names;
mod rows;
mod rules;
mod strings;
mod tree;

use std::borrow::Cow;

use super::lexer::tokens;
use super::statement::ParsedStatement;
use super::token::{Construct, Token, TokenKind};
use rules::Rules;
use tree::Tree;

pub use detail::redact_detail;

/// Replaces the secrets in a statement with `'…'`, so that an error or a log can show it.
///
/// A name denotes a secret if it contains `password`, `passwd`, `pwd`, `passfile`, `passphrase`, `passcode`,
/// `secret`, `token`, `credential`, or `key` after `api`, `private`, `access`, `signing` or `encryption`, in
/// any spelling (`apiKey`, `api_key`). String constants of every kind are redacted in
///
/// - the expression that such a name governs: `PASSWORD '…'`, `OPTIONS (sslpassword '…')`,
///   `password = crypt('…', …)`, `secret IN ('…')`, `'…' = token`, `secret text DEFAULT '…'`,
///   `'…' AS password`; in a `SET`, an unquoted value, too;
/// - a row, at the position of such a column: `(name, password) VALUES ('a', '…')`, `… SELECT 'a', '…'`,
///   `= ('a', '…')`;
/// - a row of a table with such a name: `INSERT INTO secrets VALUES ('…')`;
/// - a column `value` in a statement with a string that is such a name:
///   `(key, value) VALUES ('smtp_password', '…')`;
/// - a call of a function with such a name, or of one that takes a key: `pgp_sym_encrypt`, `crypt`, `hmac`;
/// - the value paired with such a name in `set_config`, `jsonb_build_object` and similar functions;
/// - a subscription's `CONNECTION '…'`, and a command line after `PROGRAM`.
///
/// A string that itself contains a secret (`'host=db password=…'`, `'postgres://me:…@db'`,
/// `'… PASSWORD ''…'''`) is redacted, too, and so is every further string in a statement in which a string
/// expects one, as `format('… PASSWORD %L', '…')` does. A number is redacted if it is the whole value to
/// which such a name is set or compared: `pin_secret = 1234`.
///
/// The bodies of dollar-quoted strings are read in the same way.
///
/// It rather removes too much than too little. But it does not recognize a secret without a name near it, as
/// in `INSERT INTO users VALUES ('me', '…')` or in a comment.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::redact;
///
/// assert_eq!(redact("CREATE ROLE app LOGIN PASSWORD 'hunter2'"), "CREATE ROLE app LOGIN PASSWORD '…'");
/// assert_eq!(redact("SELECT 'hunter2'"), "SELECT 'hunter2'");
/// ```
pub fn redact(statement: &str) -> Cow<'_, str> {
    redact_nested(statement, 0, RedactionMark::SHOWN)
}

/// Does the same for stored text, in any encoding that a database may have: with `'[redacted]'`.
pub(crate) fn redact_in_ascii(statement: &str) -> Cow<'_, str> {
    redact_nested(statement, 0, RedactionMark::KEPT)
}

/// The replacement for a secret.
#[derive(Clone, Copy, Debug)]
struct RedactionMark {
    string: &'static str,
    bare: &'static str,
}

impl RedactionMark {
    const SHOWN: RedactionMark = RedactionMark { string: "'…'", bare: "…" };
    const KEPT: RedactionMark = RedactionMark { string: "'[redacted]'", bare: "'[redacted]'" };
}

/// The nesting depth of strings from which on they are hidden unread. It bounds the stack and the time.
const DEEPEST: usize = 8;

/// The secrets that [`redact`] removes from a statement, without their quotes.
///
/// # Examples
///
/// ```
/// assert_eq!(migrate_core::sql::secrets("ALTER ROLE a PASSWORD 'hunter2'"), ["hunter2"]);
/// ```
pub fn secrets(statement: &str) -> Vec<String> {
    let contents =
        Redaction::read(statement, 0, RedactionMark::SHOWN).secrets.into_iter().map(strings::any_content);
    contents.filter(|content| !content.is_empty()).map(|content| content.replace("''", "'")).collect()
}

/// The byte ranges of the tokens that [`redact`] replaces.
pub(crate) fn secret_ranges(text: &str) -> Vec<std::ops::Range<usize>> {
    let secrets = Redaction::read(text, 0, RedactionMark::SHOWN).secrets;
    // Each is a part of the text, so its address tells its place.
    let range = |secret: &str| {
        let start = secret.as_ptr().addr() - text.as_ptr().addr();
        start..start + secret.len()
    };
    secrets.into_iter().map(range).collect()
}

fn redact_nested(text: &str, nesting: usize, mark: RedactionMark) -> Cow<'_, str> {
    Redaction::read(text, nesting, mark).into_text()
}

/// A text that is copied without its secrets.
struct Redaction<'a> {
    text: &'a str,
    /// The number of strings around the text.
    nesting: usize,
    mark: RedactionMark,
    shown: String,
    copied: usize,
    /// The removed tokens as written.
    secrets: Vec<&'a str>,
}

impl<'a> Redaction<'a> {
    fn read(text: &'a str, nesting: usize, mark: RedactionMark) -> Redaction<'a> {
        let (shown, secrets) = (String::new(), Vec::new());
        let mut redaction = Redaction { text, nesting, mark, shown, copied: 0, secrets };
        if !names::is_suspect(text) && nesting < DEEPEST {
            return redaction;
        }
        let mut statement = Vec::new();
        for token in tokens(text).filter(|token| !token.is_trivia()) {
            if token.kind == TokenKind::Semicolon {
                redaction.statement(&statement);
                statement.clear();
            } else {
                statement.push(token);
            }
        }
        redaction.statement(&statement);
        redaction
    }

    fn statement(&mut self, tokens: &[Token]) {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
        // The body of a string is checked separately, but this check covers it, too.
        if !names::is_suspect(&self.text[first.start..last.end]) && self.nesting < DEEPEST {
            return;
        }
        if !tokens.iter().any(|token| is_string(token.kind) || token.kind == TokenKind::Number)
            && !tokens.first().is_some_and(|first| can_set(first.text(self.text)))
        {
            return;
        }
        let tree = Tree::new(self.text, tokens);
        let first = tokens.iter().position(|token| !leads_in(token.text(self.text))).unwrap_or(tokens.len());
        let parsed = ParsedStatement::of_tokens(self.text, &tokens[first..]);
        let rules = Rules::read(&tree, &parsed.given_values());
        // A string expected a secret, so every further one in the statement might be it.
        let mut is_asked = false;
        for (index, token) in tokens.iter().enumerate() {
            let is_hidden = rules.is_hidden(index) || is_asked && is_string(token.kind);
            if let Some(replacement) = self.replacement(*token, is_hidden, &mut is_asked) {
                self.shown.push_str(&self.text[self.copied..token.start]);
                self.shown.push_str(&replacement);
                self.copied = token.end;
            }
        }
    }

    /// The replacement for a token, if it is not shown itself.
    fn replacement(&mut self, token: Token, is_hidden: bool, is_asked: &mut bool) -> Option<Cow<'a, str>> {
        let written = token.text(self.text);
        match token.kind {
            kind if !is_string(kind) => is_hidden.then(|| self.hide(written, self.mark.bare)),
            TokenKind::DollarString | TokenKind::Unterminated(Construct::DollarString) => {
                self.dollar_string(written, is_hidden, is_asked)
            }
            _ => {
                let content = strings::content(written);
                *is_asked |= strings::asks_for_secret(content);
                let is_hidden =
                    is_hidden || strings::holds_secret(content) || self.is_sql_with_secret(content);
                is_hidden.then(|| self.hide(written, self.mark.string))
            }
        }
    }

    fn hide(&mut self, written: &'a str, replacement: &'static str) -> Cow<'a, str> {
        self.secrets.push(written);
        Cow::Borrowed(replacement)
    }

    /// Reads a body as SQL, unless it is hidden altogether.
    fn dollar_string(
        &mut self,
        written: &'a str,
        is_hidden: bool,
        is_asked: &mut bool,
    ) -> Option<Cow<'a, str>> {
        let range = strings::dollar_body(written);
        let body = &written[range.clone()];
        // A body without a semicolon may well be something other than SQL, such as a connection string.
        if is_hidden || self.nesting == DEEPEST || !body.contains(';') && strings::holds_value(body) {
            return Some(self.hide(written, self.mark.string));
        }
        *is_asked |= strings::asks_for_secret(body);
        let mut inner = Redaction::read(body, self.nesting + 1, self.mark);
        self.secrets.append(&mut inner.secrets);
        match inner.into_text() {
            Cow::Owned(shown) => {
                Some(Cow::Owned([&written[..range.start], &shown, &written[range.end..]].concat()))
            }
            Cow::Borrowed(_) => None,
        }
    }

    /// Returns true if a single-quoted string is SQL that contains a quoted secret.
    fn is_sql_with_secret(&self, content: &str) -> bool {
        if !content.contains('\'') {
            return false;
        }
        let sql = content.replace("''", "'").replace("\\'", "'");
        self.nesting == DEEPEST || matches!(redact_nested(&sql, self.nesting + 1, self.mark), Cow::Owned(_))
    }

    fn into_text(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.shown.push_str(&self.text[self.copied..]);
        Cow::Owned(self.shown)
    }
}

/// Returns true if a statement that begins with this word might set something to an unquoted value.
fn can_set(first: &str) -> bool {
    leads_in(first) || ["SET", "ALTER", "CREATE"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Returns true for a word that can stand before the first statement of a PL/pgSQL block.
fn leads_in(word: &str) -> bool {
    ["BEGIN", "THEN", "ELSE", "LOOP"].iter().any(|leading| word.eq_ignore_ascii_case(leading))
}

/// Returns true for string constants, including unterminated ones.
fn is_string(kind: TokenKind) -> bool {
    kind.is_string()
        || matches!(
            kind,
            TokenKind::Unterminated(Construct::String | Construct::BitString | Construct::DollarString)
        )
}
