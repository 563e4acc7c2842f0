//! Taking secrets out of a statement that is to be shown.

mod detail;
mod names;
mod rules;
mod strings;
mod tree;

use std::borrow::Cow;

use super::lexer::tokens;
use super::token::{Construct, Token, TokenKind};
use rules::Rules;
use tree::Tree;

pub use detail::redact_detail;

/// Takes secrets out of a statement that is to be shown in an error or a log, and puts `'…'` in their place.
///
/// A name speaks of a secret if it contains `password`, `passwd`, `pwd`, `passfile`, `passphrase`, `passcode`, `secret`,
/// `token`, `credential`, or `key` behind `api`, `private`, `access`, `signing` or `encryption`, in any spelling (`apiKey`,
/// `api_key`). Every string constant goes, of whatever kind, that stands in
///
/// - the expression that such a name governs: `PASSWORD '…'`, `OPTIONS (sslpassword '…')`, `password = crypt('…', …)`,
///   `secret IN ('…')`, `'…' = token`, `secret text DEFAULT '…'`, `'…' AS password`; in a `SET` also a value without quotes;
/// - a row at the place of such a column: `(name, password) VALUES ('a', '…')`, `… SELECT 'a', '…'`, `= ('a', '…')`;
/// - a row of a table that such a name is the name of: `INSERT INTO secrets VALUES ('…')`;
/// - a column `value` of a statement in which a string is such a name: `(key, value) VALUES ('smtp_password', '…')`;
/// - a call of a function that such a name is the name of, or of one that takes a key: `pgp_sym_encrypt`, `crypt`, `hmac`;
/// - the value that goes with such a name in `set_config`, `jsonb_build_object` and their like;
/// - a subscription's `CONNECTION '…'`, and a command line behind `PROGRAM`.
///
/// So does a string that holds a secret itself (`'host=db password=…'`, `'postgres://me:…@db'`, `'… PASSWORD ''…'''`), and
/// every further string of a statement in which a string asks for one, as `format('… PASSWORD %L', '…')` does. A number goes
/// where it is all that such a name is set to or compared with: `pin_secret = 1234`.
///
/// The bodies of dollar-quoted strings are read in the same way.
///
/// Rather too much is taken than too little; but a secret that nothing around it names, as in
/// `INSERT INTO users VALUES ('me', '…')` or in a comment, is not recognised.
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

/// The same for a text that is kept, in whatever encoding a database has: with `'[redacted]'`.
pub(crate) fn redact_in_ascii(statement: &str) -> Cow<'_, str> {
    redact_nested(statement, 0, RedactionMark::KEPT)
}

/// The text that stands for a secret.
#[derive(Clone, Copy, Debug)]
struct RedactionMark {
    string: &'static str,
    bare: &'static str,
}

impl RedactionMark {
    const SHOWN: RedactionMark = RedactionMark { string: "'…'", bare: "…" };
    const KEPT: RedactionMark = RedactionMark { string: "'[redacted]'", bare: "'[redacted]'" };
}

/// How many strings may stand within each other before the innermost are hidden unread. It keeps the stack and the time
/// within bounds.
const DEEPEST: usize = 8;

/// The secrets that [`redact`] takes out of a statement, without their quotes.
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

fn redact_nested(text: &str, nesting: usize, mark: RedactionMark) -> Cow<'_, str> {
    Redaction::read(text, nesting, mark).into_text()
}

/// A text that is copied without its secrets.
struct Redaction<'a> {
    text: &'a str,
    /// How many strings are around the text.
    nesting: usize,
    mark: RedactionMark,
    shown: String,
    copied: usize,
    /// The tokens that were left out, as they are written.
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
        // The body of a string is looked at by itself, but this look sees it too.
        if !names::is_suspect(&self.text[first.start..last.end]) && self.nesting < DEEPEST {
            return;
        }
        if !tokens.iter().any(|token| is_string(token.kind) || token.kind == TokenKind::Number)
            && !tokens.first().is_some_and(|first| can_set(first.text(self.text)))
        {
            return;
        }
        let tree = Tree::new(self.text, tokens);
        let rules = Rules::read(&tree);
        // A string asked for a secret, so every further one of the statement might be it.
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

    /// The text to show instead of a token, if not the token itself.
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

    /// A body is read as SQL, if it is to be shown at all.
    fn dollar_string(
        &mut self,
        written: &'a str,
        is_hidden: bool,
        is_asked: &mut bool,
    ) -> Option<Cow<'a, str>> {
        let range = strings::dollar_body(written);
        let body = &written[range.clone()];
        // Without a semicolon the body may well be no SQL at all, but a connection string.
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

    /// Whether a string in single quotes is SQL that holds a secret in quotes of its own.
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

/// Whether a statement that begins with this word may set something to a value without quotes.
fn can_set(first: &str) -> bool {
    ["SET", "ALTER", "BEGIN", "THEN", "ELSE", "LOOP"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Whether a token is a string constant, one that breaks off included.
fn is_string(kind: TokenKind) -> bool {
    kind.is_string()
        || matches!(
            kind,
            TokenKind::Unterminated(Construct::String | Construct::BitString | Construct::DollarString)
        )
}
