//! Statements that reach beyond their database: to roles, databases, tablespaces, subscriptions and parameters, which all
//! databases of a server share.
//!
//! A script that is replayed on a scratch database of the same server must not change any of them. These functions tell
//! which statements would, by their text, and edit the ones that name roles the server does not have.

use super::cursor::Cursor;
use super::lexer::tokens;
use super::token::{Token, TokenKind};
use std::borrow::Cow;
use std::ops::Range;

/// The kinds of objects that a server's databases share.
const SHARED: [&str; 6] = ["ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "SUBSCRIPTION"];

/// Functions that change what the databases share, or end other sessions.
const FUNCTIONS: [&str; 17] = [
    "pg_backup_start",
    "pg_backup_stop",
    "pg_cancel_backend",
    "pg_copy_logical_replication_slot",
    "pg_copy_physical_replication_slot",
    "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot",
    "pg_create_restore_point",
    "pg_drop_replication_slot",
    "pg_promote",
    "pg_reload_conf",
    "pg_replication_origin_advance",
    "pg_replication_origin_create",
    "pg_replication_origin_drop",
    "pg_replication_slot_advance",
    "pg_switch_wal",
    "pg_terminate_backend",
];

/// Whether the text of a statement says that it changes what all databases of the server share: roles, memberships and
/// settings of roles, databases, tablespaces, subscriptions, the server's parameters, replication slots and origins.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::is_cluster_wide;
///
/// assert!(is_cluster_wide("ALTER ROLE app PASSWORD 'x'"));
/// assert!(is_cluster_wide("GRANT app_reader TO app"));
/// assert!(is_cluster_wide("GRANT CONNECT ON DATABASE shop TO app"));
/// assert!(!is_cluster_wide("GRANT SELECT ON orders TO app"));
/// assert!(!is_cluster_wide("CREATE USER MAPPING FOR app SERVER s"));
/// ```
pub fn is_cluster_wide(statement: &str) -> bool {
    let mut cursor = Cursor::new(statement);
    if cursor.word("CREATE") || cursor.word("DROP") {
        return is_shared(&mut cursor);
    }
    if cursor.word("ALTER") {
        return cursor.sees("SYSTEM") || is_shared(&mut cursor);
    }
    if cursor.words(&["COMMENT", "ON"]) {
        return is_shared(&mut cursor);
    }
    if cursor.words(&["SECURITY", "LABEL"]) {
        while !cursor.at_end() && !cursor.word("ON") {
            cursor.take();
        }
        return is_shared(&mut cursor);
    }
    if cursor.word("GRANT") || cursor.word("REVOKE") {
        return is_grant_of_shared(&mut cursor);
    }
    runs_queries(statement) && calls_shared_function(statement)
}

/// Whether the next word is a kind of object that the databases share.
fn is_shared(cursor: &mut Cursor<'_>) -> bool {
    let is_mapping = cursor.clone().words(&["USER", "MAPPING"]);
    !is_mapping && SHARED.iter().any(|kind| cursor.sees(kind))
}

/// Whether a GRANT or REVOKE is one of roles, or of privileges on what the databases share.
fn is_grant_of_shared(cursor: &mut Cursor<'_>) -> bool {
    loop {
        if cursor.word("ON") {
            let kind = ["DATABASE", "TABLESPACE", "PARAMETER"].iter().any(|kind| cursor.word(kind));
            // A table may be called so.
            return kind
                && !cursor.sees("TO")
                && !cursor.sees("FROM")
                && !cursor.sign(",")
                && !cursor.sign(".");
        }
        if cursor.at_end() || cursor.sees("TO") || cursor.sees("FROM") {
            return !cursor.at_end();
        }
        if !cursor.parentheses() {
            cursor.take();
        }
    }
}

/// Whether a statement begins as a query does.
fn runs_queries(statement: &str) -> bool {
    let cursor = Cursor::new(statement);
    let begins = ["SELECT", "WITH", "VALUES", "TABLE", "EXECUTE"].iter().any(|word| cursor.sees(word));
    begins || cursor.peek().is_some_and(|token| token.kind == TokenKind::LeftParenthesis)
}

fn calls_shared_function(statement: &str) -> bool {
    tokens(statement).filter(|token| token.kind == TokenKind::Word).any(|token| {
        let word = token.text(statement);
        FUNCTIONS.iter().any(|function| word.eq_ignore_ascii_case(function))
    })
}

/// Whether a statement runs code that its text does not show, or takes away what a role owns wherever that is: it may
/// change what the databases share.
pub fn may_be_cluster_wide(statement: &str) -> bool {
    let mut cursor = Cursor::new(statement);
    let runs_code = ["DO", "CALL"].iter().any(|word| cursor.sees(word)) || runs_queries(statement);
    runs_code || is_of_owned(&mut cursor)
}

/// Whether it is `DROP OWNED` or `REASSIGN OWNED`.
fn is_of_owned(cursor: &mut Cursor<'_>) -> bool {
    cursor.words(&["DROP", "OWNED"]) || cursor.words(&["REASSIGN", "OWNED"])
}

/// Whether a statement changes what the databases share according to a text in it, a `DO` block's say: for where it can't
/// be tried.
pub fn quotes_cluster_wide(statement: &str) -> bool {
    let mut cursor = Cursor::new(statement);
    is_of_owned(&mut cursor)
        || words_of(statement).windows(2).any(|pair| {
            let [verb, object] = pair else { return false };
            let verb = ["create", "alter", "drop", "grant", "revoke"].contains(&verb.as_str());
            verb && (object == "system" || SHARED.iter().any(|kind| object.eq_ignore_ascii_case(kind)))
                || FUNCTIONS.contains(&object.as_str())
        })
}

/// The words of a text, in quotes or not, in lower case.
fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The roles that a statement makes: by `CREATE ROLE`, or in a text that it quotes, as a `DO` block does.
pub fn roles_made(statement: &str) -> Vec<String> {
    let own = significant(statement);
    let mut made = made_by(statement, &own);
    for quoted in own.iter().filter(|token| token.kind.is_string()) {
        // What a block executes may be a string in its text.
        made.extend(roles_made(inside(quoted.text(statement))));
    }
    made
}

/// What stands between the quotes of `'…'` or `$tag$…$tag$`: nothing where something stands before them.
fn inside(quoted: &str) -> &str {
    let quote = match quoted.strip_prefix('$') {
        Some(tag) => tag.find('$').map_or(0, |end| end + 2),
        None => usize::from(quoted.starts_with('\'')),
    };
    if quote == 0 { "" } else { quoted.get(quote..quoted.len().saturating_sub(quote)).unwrap_or_default() }
}

fn made_by(text: &str, tokens: &[Token]) -> Vec<String> {
    let is = |token: &Token, words: &[&str]| is_word(text, token, words);
    let made = tokens.windows(3).filter(|three| {
        is(&three[0], &["CREATE"])
            && is(&three[1], &["ROLE", "USER", "GROUP"])
            && !is(&three[2], &["MAPPING"])
    });
    made.filter_map(|three| role_name(text, &three[2])).collect()
}

fn significant(text: &str) -> Vec<Token> {
    tokens(text).filter(|token| !token.is_trivia()).collect()
}

fn is_word(text: &str, token: &Token, words: &[&str]) -> bool {
    token.kind == TokenKind::Word && words.iter().any(|word| token.text(text).eq_ignore_ascii_case(word))
}

/// The role that a token names; none where it is a word for one, `PUBLIC` say.
fn role_name(text: &str, token: &Token) -> Option<String> {
    const WORDS: [&str; 7] =
        ["CURRENT_ROLE", "CURRENT_USER", "DEFAULT", "GROUP", "NONE", "PUBLIC", "SESSION_USER"];
    let written = token.text(text);
    match token.kind {
        TokenKind::Word if is_word(text, token, &WORDS) => None,
        TokenKind::Word => Some(written.to_lowercase()),
        TokenKind::QuotedIdentifier => Some(written[1..written.len() - 1].replace("\"\"", "\"")),
        TokenKind::String => Some(written[1..written.len() - 1].replace("''", "'")),
        _ => None,
    }
}

/// What becomes of a statement without a role that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// It has nothing to do.
    Nothing,
    /// The role goes out of the list, and the statement with the last one.
    Shorter,
    /// The same out of the roles of a policy, which has some in any case.
    ShorterOrOurs,
    /// The role that runs it stands in.
    Ours,
}

/// A role that a statement names, or a list of them.
#[derive(Clone, Debug)]
struct Naming {
    /// The places among its tokens.
    tokens: Range<usize>,
    without: Without,
}

/// The roles that a statement names where it grants to them, gives them something, or becomes one of them.
pub fn roles_named(statement: &str) -> Vec<String> {
    if !may_name_roles(statement) {
        return Vec::new();
    }
    let tokens = significant(statement);
    let namings = namings(statement, &tokens);
    let named = namings.iter().flat_map(|naming| &tokens[naming.tokens.clone()]);
    named.filter_map(|token| role_name(statement, token)).collect()
}

/// The same statement without roles that are not there: a grant to them, or what makes them owners, is left out of it.
/// None where nothing is left of it.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::without_roles;
///
/// let gone = |role: &str| role == "gone";
/// assert_eq!(without_roles("GRANT SELECT ON t TO app, gone", &gone).unwrap(), "GRANT SELECT ON t TO app");
/// assert_eq!(without_roles("GRANT SELECT ON t TO gone", &gone), None);
/// assert_eq!(without_roles("ALTER TABLE t OWNER TO gone", &gone).unwrap(), "ALTER TABLE t OWNER TO CURRENT_USER");
/// ```
pub fn without_roles<'a>(statement: &'a str, is_missing: &dyn Fn(&str) -> bool) -> Option<Cow<'a, str>> {
    if !may_name_roles(statement) {
        return Some(Cow::Borrowed(statement));
    }
    let tokens = significant(statement);
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for Naming { tokens: range, without } in namings(statement, &tokens) {
        let named = tokens[range.clone()].iter().filter(|token| is_a_name(statement, token));
        let named: Vec<&Token> = named.collect();
        let missing = |token: &Token| role_name(statement, token).is_some_and(|role| is_missing(&role));
        if !named.iter().any(|token| missing(token)) {
            continue;
        }
        let left: Vec<&str> =
            named.iter().filter(|token| !missing(token)).map(|token| token.text(statement)).collect();
        let text = match (without, left.is_empty()) {
            (Without::Nothing, _) | (Without::Shorter, true) => return None,
            (Without::Ours, _) | (Without::ShorterOrOurs, true) => "CURRENT_USER".to_owned(),
            (Without::Shorter | Without::ShorterOrOurs, false) => left.join(", "),
        };
        edits.push((tokens[range.start].start..tokens[range.end - 1].end, text));
    }
    if edits.is_empty() {
        return Some(Cow::Borrowed(statement));
    }
    let mut edited = statement.to_owned();
    for (range, text) in edits.into_iter().rev() {
        edited.replace_range(range, &text);
    }
    Some(Cow::Owned(edited))
}

fn is_a_name(text: &str, token: &Token) -> bool {
    let named = matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier | TokenKind::String);
    named && !is_word(text, token, &["GROUP"])
}

/// Whether a statement is of those that name roles: the others are not read to their end.
fn may_name_roles(statement: &str) -> bool {
    const VERBS: [&str; 7] = ["ALTER", "CREATE", "DROP", "GRANT", "REASSIGN", "REVOKE", "SET"];
    let cursor = Cursor::new(statement);
    VERBS.iter().any(|verb| cursor.sees(verb))
}

/// Where a statement names roles.
fn namings(text: &str, tokens: &[Token]) -> Vec<Naming> {
    let sees = |at: usize, words: &[&str]| tokens.get(at).is_some_and(|token| is_word(text, token, words));
    let list = |at: usize, without| Naming { tokens: at..end_of_list(text, tokens, at), without };
    let after =
        |words: &[&str], from: usize| (from..tokens.len()).find(|at| sees(*at, words)).map(|at| at + 1);
    let mut found = Vec::new();
    if sees(0, &["GRANT", "REVOKE"]) {
        found.extend(after(&["TO", "FROM"], 1).map(|at| list(at, Without::Shorter)));
    } else if sees(0, &["ALTER"]) && sees(1, &["DEFAULT"]) && sees(2, &["PRIVILEGES"]) {
        if sees(3, &["FOR"]) {
            found.push(list(5, Without::Shorter));
        }
        found.extend(after(&["TO", "FROM"], 3).map(|at| list(at, Without::Shorter)));
    } else if sees(0, &["CREATE", "ALTER"]) && sees(1, &["POLICY"]) {
        found.extend(
            after(&["TO"], 2)
                .filter(|at| !sees(at - 2, &["RENAME"]))
                .map(|at| list(at, Without::ShorterOrOurs)),
        );
    } else if sees(0, &["CREATE"]) && sees(1, &["SCHEMA"]) {
        found.extend(after(&["AUTHORIZATION"], 3).map(|at| one(tokens, at)));
    } else if sees(0, &["CREATE", "ALTER", "DROP"]) && sees(1, &["USER"]) && sees(2, &["MAPPING"]) {
        found.extend(after(&["FOR"], 3).map(|at| one(tokens, at)));
    } else if sees(0, &["ALTER"]) {
        let owners = (1..tokens.len()).filter(|at| sees(*at, &["OWNER"]) && sees(at + 1, &["TO"]));
        found.extend(owners.map(|at| one(tokens, at + 2)));
    } else if sees(0, &["SET"]) {
        let at = (1..tokens.len()).find(|at| !sees(*at, &["SESSION", "LOCAL"])).unwrap_or(1);
        let at = if sees(at, &["ROLE", "AUTHORIZATION"]) { at + 1 } else { tokens.len() };
        let assigned = sees(at, &["TO"]) || tokens.get(at).is_some_and(|token| token.text(text) == "=");
        found.push(Naming { without: Without::Nothing, ..one(tokens, at + usize::from(assigned)) });
    } else if sees(0, &["DROP", "REASSIGN"]) && sees(1, &["OWNED"]) {
        found.push(Naming { without: Without::Nothing, ..list(3, Without::Shorter) });
        found.extend(after(&["TO"], 3).map(|at| Naming { without: Without::Nothing, ..one(tokens, at) }));
    }
    found.retain(|naming| naming.tokens.start < naming.tokens.end);
    found
}

/// One role at a place among the tokens.
fn one(tokens: &[Token], at: usize) -> Naming {
    let end = (at + 1).min(tokens.len());
    Naming { tokens: at.min(end)..end, without: Without::Ours }
}

/// Where a list of roles ends that begins at a place among the tokens. `GROUP`, which may stand before each, is no role.
fn end_of_list(text: &str, tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    loop {
        if tokens.get(at).is_some_and(|token| is_word(text, token, &["GROUP"])) {
            at += 1;
        }
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text(text) != ",") {
            return at.min(tokens.len());
        }
        at += 1;
    }
}
