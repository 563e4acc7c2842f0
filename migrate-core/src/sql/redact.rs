//! Taking secrets out of a statement that is to be shown.

use std::borrow::Cow;

use super::lexer::tokens;
use super::token::{Construct, Token, TokenKind};

/// Takes secrets out of a statement that is to be shown in an error or a log, and puts `'…'` in their place.
///
/// These count as secrets:
///
/// - the string behind a name that speaks of one (`PASSWORD '…'`, `OPTIONS (sslpassword '…')`,
///   `SET app.token = '…'`, `WHERE secret = '…'`), and in a `SET` also a value without quotes;
/// - a subscription's `CONNECTION '…'`;
/// - the arguments of `set_config` behind such a name;
/// - a string that holds a secret itself: `'host=db password=…'`, `'postgres://me:…@db'`, `'… PASSWORD ''…'''`;
/// - every further string of a statement in which a string asks for one, as `format('… PASSWORD %L', '…')` does.
///
/// The bodies of dollar-quoted strings are read in the same way. A name speaks of a secret if it contains
/// `password`, `passwd`, `pwd`, `passfile`, `passphrase`, `secret`, `token`, `credential`, `api_key`, `apikey` or
/// `private_key`.
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
    redact_nested(statement, 0, Mark::SHOWN)
}

/// The same for a text that is kept, in whatever encoding a database has: with `'[redacted]'`.
pub(crate) fn redact_in_ascii(statement: &str) -> Cow<'_, str> {
    redact_nested(statement, 0, Mark::KEPT)
}

/// What stands for a secret.
#[derive(Clone, Copy, Debug)]
struct Mark {
    string: &'static str,
    bare: &'static str,
}

impl Mark {
    const SHOWN: Mark = Mark { string: "'…'", bare: "…" };
    const KEPT: Mark = Mark { string: "'[redacted]'", bare: "'[redacted]'" };
}

impl Default for Mark {
    fn default() -> Mark {
        Mark::SHOWN
    }
}

/// How many dollar-quoted strings may stand within each other before the innermost are hidden unread. It keeps
/// the stack and the time within bounds.
const DEEPEST: usize = 8;

fn redact_nested(statement: &str, nesting: usize, mark: Mark) -> Cow<'_, str> {
    let mut reader = Reader { nesting, mark, ..Reader::default() };
    let mut shown = String::new();
    let mut copied = 0;
    for token in tokens(statement).filter(|token| !token.is_trivia()) {
        if let Some(replacement) = reader.replacement(token, statement) {
            shown.push_str(&statement[copied..token.start]);
            shown.push_str(&replacement);
            copied = token.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(statement);
    }
    shown.push_str(&statement[copied..]);
    Cow::Owned(shown)
}

/// What a name contains that speaks of a secret.
const STEMS: [&str; 11] = [
    "password",
    "passwd",
    "pwd",
    "passfile",
    "passphrase",
    "secret",
    "token",
    "credential",
    "api_key",
    "apikey",
    "private_key",
];

/// What the tokens before say about the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    /// Nothing.
    #[default]
    Nothing,
    /// A name that speaks of a secret.
    Name,
    /// Such a name, and a dot.
    Dot,
    /// Such a name, and `=` or `TO`.
    Assignment,
    /// A secret.
    Secret,
    /// A secret, and a comma.
    Comma,
}

#[derive(Debug, Default)]
struct Reader {
    /// How many dollar-quoted strings are around the statement.
    nesting: usize,
    mark: Mark,
    before: Before,
    /// The statement began with SET or ALTER, where a value may stand without quotes.
    sets: bool,
    begun: bool,
    /// A string asked for a secret, so every further one might be it.
    asked: bool,
    /// How many parentheses are open.
    depth: usize,
    /// A secret has been assigned, so that further ones may follow behind commas.
    assigned: bool,
    /// In a call of `set_config`: how many parentheses are open around it, and whether its parameter is a secret.
    config: Option<(usize, bool)>,
}

impl Reader {
    /// What to show instead of a token, if not the token itself.
    fn replacement<'a>(&mut self, token: Token, statement: &'a str) -> Option<Cow<'a, str>> {
        let written = token.text(statement);
        match token.kind {
            TokenKind::Semicolon => {
                *self = Self { nesting: self.nesting, mark: self.mark, ..Self::default() }
            }
            TokenKind::DollarString | TokenKind::Unterminated(Construct::DollarString) => {
                return self.dollar_string(written);
            }
            kind if kind.is_string() => return self.string(written),
            TokenKind::Unterminated(Construct::String | Construct::BitString) => return self.string(written),
            TokenKind::Word | TokenKind::QuotedIdentifier | TokenKind::UnicodeIdentifier => {
                return self.name(token.kind, written);
            }
            TokenKind::Number => {
                let hidden = self.expects_value();
                self.assigned |= hidden;
                self.before = if hidden { Before::Secret } else { Before::Nothing };
                return hidden.then_some(Cow::Borrowed(self.mark.bare));
            }
            TokenKind::LeftParenthesis => {
                self.depth += 1;
                if self.before != Before::Name {
                    self.before = Before::Nothing;
                }
            }
            TokenKind::RightParenthesis => {
                self.depth = self.depth.saturating_sub(1);
                self.config = self.config.filter(|(around, _)| self.depth > *around);
                self.before = Before::Nothing;
            }
            _ => {
                self.before = match (self.before, written) {
                    (Before::Secret, ",") => Before::Comma,
                    (Before::Name, ".") => Before::Dot,
                    (Before::Name | Before::Assignment, "=" | ":=" | "=>") => Before::Assignment,
                    (Before::Name, sign) if sign != "," => Before::Name,
                    _ => Before::Nothing,
                };
            }
        }
        None
    }

    /// Whether the next token is a secret if it is a string.
    fn expects_string(&self) -> bool {
        self.asked || !matches!(self.before, Before::Nothing | Before::Secret)
    }

    /// Whether the next token is a secret also without quotes.
    fn expects_value(&self) -> bool {
        let assigned = match self.before {
            Before::Assignment => true,
            Before::Comma => self.assigned,
            _ => false,
        };
        self.sets && self.depth == 0 && assigned
    }

    fn name<'a>(&mut self, kind: TokenKind, written: &'a str) -> Option<Cow<'a, str>> {
        let is = |keyword: &str| kind == TokenKind::Word && written.eq_ignore_ascii_case(keyword);
        if !self.begun {
            self.begun = true;
            self.sets = is("SET") || is("ALTER");
        }
        if self.expects_value() && !is("DEFAULT") && !is("NULL") {
            (self.before, self.assigned) = (Before::Secret, true);
            return Some(Cow::Borrowed(self.mark.bare));
        }
        if is("set_config") {
            self.config = Some((self.depth, false));
        }
        self.assigned = false;
        self.before = match self.before {
            _ if speaks_of_secret(written) || is("CONNECTION") => Before::Name,
            Before::Dot => Before::Name,
            Before::Name if is("TO") => Before::Assignment,
            Before::Name if is("SET") || is("DEFAULT") => Before::Name,
            _ => Before::Nothing,
        };
        None
    }

    fn string<'a>(&mut self, written: &'a str) -> Option<Cow<'a, str>> {
        let expected = self.expects_string();
        let content = written.split_once('\'').map_or(written, |(_, content)| content);
        let content = content.strip_suffix('\'').unwrap_or(content);
        let mut hidden = expected || holds_secret(content);
        self.asked |= asks_for_secret(content);
        if let Some((_, secret)) = &mut self.config {
            hidden |= *secret;
            *secret |= speaks_of_secret(content);
        }
        self.assigned |= self.before == Before::Assignment;
        self.before = if expected { Before::Secret } else { Before::Nothing };
        hidden.then_some(Cow::Borrowed(self.mark.string))
    }

    /// A body is read as SQL, if it is to be shown at all.
    fn dollar_string<'a>(&mut self, written: &'a str) -> Option<Cow<'a, str>> {
        let delimiter = written[1..].find('$').map_or(written.len(), |end| end + 2);
        let body_end = if written.len() >= 2 * delimiter && written.ends_with(&written[..delimiter]) {
            written.len() - delimiter
        } else {
            written.len()
        };
        let body = &written[delimiter..body_end];
        let expected = self.expects_string();
        self.before = if expected { Before::Secret } else { Before::Nothing };
        // Without a semicolon the body may well be no SQL at all, but a connection string.
        if expected || self.nesting == DEEPEST || !body.contains(';') && holds_value(body) {
            return Some(Cow::Borrowed(self.mark.string));
        }
        self.asked |= asks_for_secret(body);
        match redact_nested(body, self.nesting + 1, self.mark) {
            Cow::Owned(shown) => {
                Some(Cow::Owned([&written[..delimiter], &shown, &written[body_end..]].concat()))
            }
            Cow::Borrowed(_) => None,
        }
    }
}

/// Whether a name, or a string that is one, speaks of a secret.
fn speaks_of_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    STEMS.iter().any(|stem| name.contains(stem))
}

/// Whether a string holds a secret: with its name, in a URL, or in a piece of SQL.
fn holds_secret(string: &str) -> bool {
    holds_value(string) || behind_stems(string).any(|(_, rest)| rest.starts_with('\''))
}

/// Whether a string holds a secret with its name, or a URL with a password in it.
fn holds_value(string: &str) -> bool {
    behind_stems(string).any(|(_, rest)| rest.starts_with(['=', '"', ':']))
        || string.match_indices("://").any(|(at, _)| {
            let authority = string[at + 3..].split(['/', '?', '#', ' ']).next().unwrap_or_default();
            authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
        })
}

/// Whether a string is a piece of SQL that wants a secret put in or behind it.
fn asks_for_secret(string: &str) -> bool {
    behind_stems(string)
        .any(|(before, rest)| before.contains(' ') && (rest.is_empty() || rest.starts_with('%')))
}

/// For each stem in a string: what stands before it, and behind its word and the white space there.
fn behind_stems(string: &str) -> impl Iterator<Item = (&str, &str)> {
    let lower = string.to_ascii_lowercase();
    let ends: Vec<(usize, usize)> = STEMS
        .iter()
        .flat_map(|stem| lower.match_indices(stem).map(|(at, _)| (at, at + stem.len())).collect::<Vec<_>>())
        .collect();
    ends.into_iter().map(move |(at, end)| {
        let rest = string[end..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        (&string[..at], rest.trim_start())
    })
}
