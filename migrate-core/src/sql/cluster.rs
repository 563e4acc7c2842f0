//! Statements with effects beyond their database: on roles, databases, tablespaces, subscriptions and
//! parameters, which all databases of a server share.
//!
//! A script that is replayed on a scratch database of the same server must not change any of these. The
//! functions here detect such statements by their text, and edit statements that name roles the server does
//! not have.

use super::lexer::tokens;
use super::statement::{
    AlterActionKind, AlterRelation, DomainChange, Fragment, LexedStatement, Name, ObjectChange, ObjectKind,
    ParsedStatement, SetParameter, SettingTarget, Span, StatementKind, SubscriptionChange, TypeChange,
};
use super::token::{Token, TokenKind};
use std::borrow::Cow;

/// The kinds of objects that all databases of a server share.
const SHARED: [&str; 6] = ["ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "SUBSCRIPTION"];

/// Functions that change shared objects or end other sessions.
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

/// Returns true if a statement's text shows that it changes something shared by all databases of the server:
/// roles, role memberships and settings, databases, tablespaces, subscriptions, server parameters,
/// replication slots and origins.
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
    use ObjectKind::{Database, Parameter, Tablespace};
    let lexed = LexedStatement::new(statement);
    let statement = lexed.parse();
    match &statement.kind {
        StatementKind::AlterSystem(_) => true,
        StatementKind::Comment(comment) | StatementKind::SecurityLabel(comment) => comment.kind.is_shared(),
        // A grant of role membership has no object after ON.
        StatementKind::Privileges(change) => match &change.on {
            Some(on) => matches!(on.kind, Database | Tablespace | Parameter),
            None => !change.grantees.is_empty(),
        },
        _ => {
            statement.object_kind().is_some_and(ObjectKind::is_shared)
                || runs_queries(&statement) && calls_shared_function(statement.all)
        }
    }
}

/// Returns true if a statement starts like a query.
fn runs_queries(statement: &ParsedStatement<'_>) -> bool {
    let begins = matches!(statement.kind, StatementKind::Query(_) | StatementKind::Execute);
    begins || statement.verb().eq_ignore_ascii_case("WITH")
}

fn calls_shared_function(statement: Fragment<'_>) -> bool {
    let words = statement.tokens().iter().filter(|token| token.kind == TokenKind::Word);
    words
        .map(|token| statement.written(*token))
        .any(|word| FUNCTIONS.iter().any(|function| word.eq_ignore_ascii_case(function)))
}

/// Returns true if a statement runs code that its text does not contain, or drops a role's objects wherever
/// they are: it might change shared objects.
pub fn may_be_cluster_wide(statement: &str) -> bool {
    let lexed = LexedStatement::new(statement);
    let statement = lexed.parse();
    let runs_code = matches!(statement.kind, StatementKind::Do(_) | StatementKind::Call(_));
    runs_code || runs_queries(&statement) || is_of_owned(&statement)
}

/// Returns true for `DROP OWNED` and `REASSIGN OWNED`.
fn is_of_owned(statement: &ParsedStatement<'_>) -> bool {
    match &statement.kind {
        StatementKind::Drop(drop) => drop.kind == ObjectKind::Owned,
        kind => matches!(kind, StatementKind::ReassignOwned { .. }),
    }
}

/// Returns true if a statement changes shared objects according to a text that it quotes, such as a `DO`
/// block's: for callers that can't try the statement.
pub fn quotes_cluster_wide(statement: &str) -> bool {
    is_of_owned(&LexedStatement::new(statement).parse())
        || words_of(statement).windows(2).any(|pair| {
            let [verb, object] = pair else { return false };
            let verb = ["create", "alter", "drop", "grant", "revoke"].contains(&verb.as_str());
            verb && (object == "system" || SHARED.iter().any(|kind| object.eq_ignore_ascii_case(kind)))
                || FUNCTIONS.contains(&object.as_str())
        })
}

/// The words of a text, quoted or not, in lowercase.
fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'));
    words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// The roles that a statement creates, with `CREATE ROLE` itself or in a quoted text such as a `DO` block's.
pub fn roles_made(statement: &str) -> Vec<String> {
    let own = significant(statement);
    let mut made = made_by(statement, &own);
    for quoted in own.iter().filter(|token| token.kind.is_string()) {
        // A block may execute a string inside its text.
        made.extend(roles_made(inside(quoted.text(statement))));
    }
    made
}

/// The text inside the quotes of `'…'` or `$tag$…$tag$`; empty if anything precedes the quotes.
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

/// The role that a token names; `None` for keywords such as `PUBLIC`.
fn role_name(text: &str, token: &Token) -> Option<String> {
    let written = token.text(text);
    match token.kind {
        TokenKind::String => Some(written[1..written.len() - 1].replace("''", "'")),
        TokenKind::Word | TokenKind::QuotedIdentifier => role_of(Name::new(text, *token)),
        _ => None,
    }
}

fn role_of(name: Name<'_>) -> Option<String> {
    const WORDS: [&str; 7] =
        ["CURRENT_ROLE", "CURRENT_USER", "DEFAULT", "GROUP", "NONE", "PUBLIC", "SESSION_USER"];
    let is_word_for_one = WORDS.iter().any(|word| name.is_keyword(word));
    (!is_word_for_one).then(|| name.folded().into_owned())
}

/// The effect of a missing role on a statement that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Without {
    /// The statement is dropped.
    Nothing,
    /// The role is removed from the list; if it was the last one, the statement is dropped.
    Shorter,
    /// The same for the roles of a policy, which needs at least one.
    ShorterOrOurs,
    /// The executing role takes its place.
    Ours,
}

/// A mention of one role or of a list of roles.
#[derive(Clone, Debug)]
struct Naming<'t> {
    roles: Vec<NamedRole<'t>>,
    /// The span of the whole list.
    span: Span,
    without: Without,
}

#[derive(Clone, Debug)]
struct NamedRole<'t> {
    written: &'t str,
    /// `None` for a keyword.
    name: Option<String>,
}

/// The roles that a statement names as grantees, as owners, or as the role to become.
pub fn roles_named(statement: &str) -> Vec<String> {
    let lexed = LexedStatement::new(statement);
    let namings = namings(&lexed.parse());
    namings.into_iter().flat_map(|naming| naming.roles).filter_map(|role| role.name).collect()
}

/// Removes missing roles from a statement: grants to them, and clauses that make them owners. Returns `None`
/// if nothing of the statement remains.
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
    let lexed = LexedStatement::new(statement);
    let mut edits: Vec<(Span, String)> = Vec::new();
    for Naming { roles, span, without } in namings(&lexed.parse()) {
        let missing = |role: &&NamedRole<'_>| role.name.as_deref().is_some_and(is_missing);
        if !roles.iter().any(|role| missing(&role)) {
            continue;
        }
        let left: Vec<&str> = roles.iter().filter(|role| !missing(role)).map(|role| role.written).collect();
        let text = match (without, left.is_empty()) {
            (Without::Nothing, _) | (Without::Shorter, true) => return None,
            (Without::Ours, _) | (Without::ShorterOrOurs, true) => "CURRENT_USER".to_owned(),
            (Without::Shorter | Without::ShorterOrOurs, false) => left.join(", "),
        };
        edits.push((span, text));
    }
    if edits.is_empty() {
        return Some(Cow::Borrowed(statement));
    }
    let mut edited = statement.to_owned();
    for (span, text) in edits.into_iter().rev() {
        edited.replace_range(span.range(), &text);
    }
    Some(Cow::Owned(edited))
}

/// The mentions of roles in a statement, in the order of its text.
fn namings<'t>(statement: &ParsedStatement<'t>) -> Vec<Naming<'t>> {
    let mut found = Vec::new();
    match &statement.kind {
        StatementKind::Privileges(change) => found.push(list(change.grantees, Without::Shorter)),
        StatementKind::DefaultPrivileges(change) => {
            found.extend(change.creators.map(|creators| list(creators, Without::Shorter)));
            found.push(list(change.grantees, Without::Shorter));
        }
        StatementKind::CreateOnTable(made) if made.kind == ObjectKind::Policy => {
            found.extend(made.definition.roles_behind("TO").map(|roles| list(roles, Without::ShorterOrOurs)));
        }
        // A schema without a name is named after its owner.
        StatementKind::CreateSchema(schema) => found.extend(schema.name.and(schema.owner).map(one)),
        StatementKind::AlterRelation(alter) => found.extend(owners(alter)),
        StatementKind::AlterType(alter) => {
            if let TypeChange::Object(change) = &alter.change {
                found.extend(owner(change));
            }
        }
        StatementKind::AlterDomain(alter) => {
            if let DomainChange::Object(change) = &alter.change {
                found.extend(owner(change));
            }
        }
        StatementKind::AlterSubscription(alter) => {
            if let SubscriptionChange::Object(change) = &alter.change {
                found.extend(owner(change));
            }
        }
        StatementKind::AlterDatabase(alter) => found.extend(owner(&alter.change)),
        StatementKind::AlterObject(alter) => match (&alter.change, alter.kind) {
            (ObjectChange::Other(change), ObjectKind::Policy) => {
                found.extend(change.roles_behind("TO").map(|roles| list(roles, Without::ShorterOrOurs)));
            }
            (_, ObjectKind::UserMapping) => found.extend(of_mapping(statement)),
            (change, _) => found.extend(owner(change)),
        },
        StatementKind::Set(set) => found.extend(becomes(set)),
        StatementKind::Drop(drop) if drop.kind == ObjectKind::Owned => {
            let roles = drop.names.iter().map(|name| named(name.name())).collect();
            found.extend(drop.names.first().zip(drop.names.last()).map(|(first, last)| {
                let span = Span { start: first.span().start, end: last.span().end };
                Naming { roles, span, without: Without::Nothing }
            }));
        }
        StatementKind::ReassignOwned { from, to } => {
            found.extend([list(*from, Without::Nothing), list(*to, Without::Nothing)]);
        }
        _ if statement.object_kind() == Some(ObjectKind::UserMapping) => found.extend(of_mapping(statement)),
        _ => {}
    }
    found.retain(|naming| !naming.roles.is_empty());
    found
}

/// A list of roles. `GROUP` may precede each of them and is not a role.
fn list(roles: Fragment<'_>, without: Without) -> Naming<'_> {
    let is_role = |token: &&Token| {
        let named = matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier | TokenKind::String);
        named && !roles.written(**token).eq_ignore_ascii_case("GROUP")
    };
    let written = roles.tokens().iter().filter(is_role);
    let written = written
        .map(|token| NamedRole { written: roles.written(*token), name: role_name(roles.source(), token) });
    Naming { roles: written.collect(), span: roles.span(), without }
}

/// A single role.
fn one(name: Name<'_>) -> Naming<'_> {
    Naming { roles: vec![named(name)], span: name.span(), without: Without::Ours }
}

fn named(name: Name<'_>) -> NamedRole<'_> {
    NamedRole { written: name.written(), name: role_of(name) }
}

fn owners<'t>(alter: &AlterRelation<'t>) -> Vec<Naming<'t>> {
    let owners = alter.actions.iter().filter_map(|action| match action.kind {
        AlterActionKind::OwnerTo { role } => Some(one(role)),
        _ => None,
    });
    owners.collect()
}

fn owner<'t>(change: &ObjectChange<'t>) -> Option<Naming<'t>> {
    match change {
        ObjectChange::OwnerTo { role } => Some(one(*role)),
        _ => None,
    }
}

/// The role of a user mapping.
fn of_mapping<'t>(statement: &ParsedStatement<'t>) -> Option<Naming<'t>> {
    statement.all.roles_behind("FOR").map(|roles| list(roles, Without::Ours))
}

/// The role that the session becomes.
fn becomes<'t>(set: &SetParameter<'t>) -> Option<Naming<'t>> {
    let is_role = match &set.target {
        SettingTarget::Role | SettingTarget::SessionAuthorization => true,
        SettingTarget::Parameter(name) => ["role", "session_authorization"].contains(&name.folded().as_str()),
        _ => false,
    };
    is_role.then(|| list(set.value, Without::Nothing))
}
