//! Parsing of statements.

use super::fragment::{Fragment, Span, is_word};
use super::kind::{StatementKind, kind};
use super::name::{Name, QualifiedName};
use super::object::ObjectKind;
use super::reader::Reader;
use super::rows::{self, CommonTable, Query};
use super::types::{TypeName, type_name};
use crate::sql::lexer::tokens;
use crate::sql::token::{Token, TokenKind};

/// The tokens of one statement, without white space and comments.
///
/// # Examples
///
/// ```
/// use migrate_core::sql::statement::{LexedStatement, StatementKind};
///
/// let text = "DROP TABLE IF EXISTS app.users, posts CASCADE";
/// let lexed = LexedStatement::new(text);
/// let StatementKind::Drop(drop) = lexed.parse().kind else { panic!() };
/// assert!(drop.cascade && drop.if_exists);
/// assert_eq!(drop.names[0].to_string(), "app.users");
/// assert_eq!(drop.names[1].span().text(text), "posts");
/// ```
#[derive(Clone, Debug)]
pub struct LexedStatement<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl<'a> LexedStatement<'a> {
    /// Reads the tokens of a statement, except for the rows of an `INSERT … VALUES`.
    pub fn new(text: &'a str) -> LexedStatement<'a> {
        let mut kept = StatementTokens::default();
        for token in tokens(text).filter(|token| !token.is_trivia()) {
            if !kept.push(text, token) {
                break;
            }
        }
        LexedStatement { text, tokens: kept.tokens }
    }

    /// Parses the statement.
    pub fn parse(&self) -> ParsedStatement<'_> {
        ParsedStatement::of_tokens(self.text, &self.tokens)
    }

    /// Parses the text as a type, as in a column definition or in the output of `format_type`.
    pub fn parse_type(&self) -> Option<TypeName<'_>> {
        let mut reader = Reader::new(self.text, &self.tokens);
        type_name(&mut reader).filter(|_| reader.at_end())
    }

    /// Parses the text as a relation, with the columns of a key in parentheses if it has them.
    pub fn parse_relation_key(&self) -> Option<(QualifiedName<'_>, Vec<Name<'_>>)> {
        let mut reader = Reader::new(self.text, &self.tokens);
        let relation = reader.qualified_name()?;
        if reader.is_exhausted() {
            return Some((relation, Vec::new()));
        }
        let inside = reader.group().filter(|_| reader.is_exhausted() && self.text.ends_with(')'))?;
        if inside.tokens().last().is_none_or(|last| inside.written(*last) == ",") {
            return None;
        }
        let columns: Option<Vec<_>> = inside.items().iter().map(Fragment::name).collect();
        Some((relation, columns?))
    }

    /// The text as an expression.
    pub fn expression(&self) -> Fragment<'_> {
        Reader::new(self.text, &self.tokens).rest()
    }
}

/// Collects the tokens of a statement, except for the rows of an `INSERT … VALUES`: nothing needs them, and
/// they are far more numerous than any other tokens.
#[derive(Clone, Debug, Default)]
pub(in crate::sql) struct StatementTokens {
    pub(in crate::sql) tokens: Vec<Token>,
    depth: usize,
    is_insert: bool,
    has_all: bool,
    keeps_rows: bool,
}

impl StatementTokens {
    /// Creates an empty collection; `keeps_rows` includes the rows.
    pub(in crate::sql) fn new(keeps_rows: bool) -> StatementTokens {
        StatementTokens { keeps_rows, ..StatementTokens::default() }
    }

    /// Adds the next token. Returns true if more tokens are wanted.
    pub(in crate::sql) fn push(&mut self, text: &str, token: Token) -> bool {
        if self.has_all {
            return false;
        }
        match token.kind {
            TokenKind::LeftParenthesis => self.depth += 1,
            TokenKind::RightParenthesis => self.depth = self.depth.saturating_sub(1),
            TokenKind::Word if self.tokens.is_empty() => self.is_insert = is_word(text, token, "INSERT"),
            TokenKind::Word if self.is_insert && self.depth == 0 => {
                self.has_all = !self.keeps_rows && is_word(text, token, "VALUES");
            }
            _ => {}
        }
        self.tokens.push(token);
        !self.has_all
    }

    /// Removes the tokens.
    pub(in crate::sql) fn clear(&mut self) {
        self.tokens.clear();
        (self.depth, self.is_insert, self.has_all) = (0, false, false);
    }
}

/// A parsed statement: the operation and its objects, with the span of each part.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParsedStatement<'t> {
    /// The kind of statement.
    pub kind: StatementKind<'t>,
    /// The tables of a preceding `WITH`.
    pub with: Vec<CommonTable<'t>>,
    /// All tokens, except for a final semicolon and the rows of an `INSERT … VALUES`.
    pub all: Fragment<'t>,
    /// The span of a rest that was not understood.
    pub unread: Option<Span>,
}

impl<'t> ParsedStatement<'t> {
    /// Parses the tokens of a statement, without white space and comments, given the text that they were read
    /// from.
    pub(in crate::sql) fn of_tokens(text: &'t str, tokens: &'t [Token]) -> ParsedStatement<'t> {
        let mut reader = Reader::new(text, tokens);
        let all = {
            let mut whole = reader;
            whole.rest()
        };
        let with = rows::common_tables(&mut reader);
        let first = reader;
        const AFTER_WITH: [&str; 7] = ["SELECT", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE", "MERGE"];
        let is_alone = with.is_empty() || reader.sees_any(&AFTER_WITH) || reader.sees_sign("(");
        let kind = if is_alone { kind(&mut reader) } else { None };
        let kind = kind.unwrap_or_else(|| {
            reader = first;
            StatementKind::Other
        });
        let unread =
            if reader.at_end() || kind == StatementKind::Other { None } else { Some(reader.rest().span()) };
        ParsedStatement { kind, with, all, unread }
    }

    /// The statements of a preceding `WITH`, which may change rows.
    pub(crate) fn with_statements(&self) -> impl Iterator<Item = ParsedStatement<'t>> {
        self.with.iter().map(|table| table.query.statement())
    }

    /// Its first word as written; empty if it starts with something else.
    pub fn verb(&self) -> &'t str {
        let first = self.all.tokens().first().filter(|token| token.kind == TokenKind::Word);
        first.map_or("", |token| self.all.written(*token))
    }

    /// The kind of object that it creates, changes or drops; `None` for other statements.
    pub fn object_kind(&self) -> Option<ObjectKind> {
        use StatementKind as Kind;
        Some(match &self.kind {
            Kind::CreateTable(table) if table.is_foreign => ObjectKind::ForeignTable,
            Kind::CreateTable(_) => ObjectKind::Table,
            Kind::CreateIndex(_) => ObjectKind::Index,
            Kind::CreateView(view) if view.is_materialized => ObjectKind::MaterializedView,
            Kind::CreateView(_) => ObjectKind::View,
            Kind::CreateRoutine(routine) if routine.is_procedure => ObjectKind::Procedure,
            Kind::CreateRoutine(_) => ObjectKind::Function,
            Kind::CreateTrigger(_) => ObjectKind::Trigger,
            Kind::CreateType(_) | Kind::AlterType(_) => ObjectKind::Type,
            Kind::CreateDomain(_) | Kind::AlterDomain(_) => ObjectKind::Domain,
            Kind::CreateSequence(_) => ObjectKind::Sequence,
            Kind::CreateSchema(_) => ObjectKind::Schema,
            Kind::CreateExtension(_) => ObjectKind::Extension,
            Kind::CreateOnTable(made) => made.kind,
            Kind::CreateStatistics(_) => ObjectKind::Statistics,
            Kind::CreatePublication(_) => ObjectKind::Publication,
            Kind::CreateSubscription(_) | Kind::AlterSubscription(_) => ObjectKind::Subscription,
            Kind::CreateDatabase(_) | Kind::AlterDatabase(_) => ObjectKind::Database,
            Kind::CreateTablespace(_) => ObjectKind::Tablespace,
            Kind::CreateObject(made) => made.kind,
            Kind::AlterRelation(alter) => alter.kind,
            Kind::AlterAllInTablespace(alter) => alter.kind,
            Kind::AlterSystem(_) => ObjectKind::System,
            Kind::DefaultPrivileges(_) => ObjectKind::DefaultPrivileges,
            Kind::AlterObject(alter) => alter.kind,
            Kind::Drop(drop) => drop.kind,
            Kind::Refresh(_) => ObjectKind::MaterializedView,
            _ => return None,
        })
    }

    /// The name of the first object that it creates, changes, drops or fills, if named.
    pub fn target(&self) -> Option<QualifiedName<'t>> {
        use StatementKind as Kind;
        let of_name = |name: Name<'t>| Some(QualifiedName::new(vec![name]));
        match &self.kind {
            Kind::CreateTable(table) => Some(table.name.clone()),
            Kind::CreateIndex(index) => index.name.clone(),
            Kind::CreateView(view) => Some(view.name.clone()),
            Kind::CreateRoutine(routine) => Some(routine.name.clone()),
            Kind::CreateTrigger(trigger) => of_name(trigger.name),
            Kind::CreateType(made) => Some(made.name.clone()),
            Kind::CreateDomain(domain) => Some(domain.name.clone()),
            Kind::CreateSequence(sequence) => Some(sequence.name.clone()),
            Kind::CreateSchema(schema) => schema.name.and_then(of_name),
            Kind::CreateExtension(extension) => of_name(extension.name),
            Kind::CreateOnTable(made) => of_name(made.name),
            Kind::CreateStatistics(statistics) => statistics.name.clone(),
            Kind::CreatePublication(publication) => of_name(publication.name),
            Kind::CreateSubscription(subscription) => of_name(subscription.name),
            Kind::CreateDatabase(database) => of_name(database.name),
            Kind::CreateTablespace(tablespace) => of_name(tablespace.name),
            Kind::CreateObject(made) => made.name.clone(),
            Kind::AlterRelation(alter) => Some(alter.relation.name.clone()),
            Kind::AlterType(alter) => Some(alter.name.clone()),
            Kind::AlterDomain(alter) => Some(alter.name.clone()),
            Kind::AlterSubscription(alter) => of_name(alter.name),
            Kind::AlterDatabase(alter) => of_name(alter.name),
            Kind::AlterObject(alter) => alter.name.clone(),
            Kind::Drop(drop) => drop.names.first().cloned(),
            Kind::Truncate(truncate) => truncate.tables.first().map(|table| table.name.clone()),
            Kind::Insert(insert) => Some(insert.table.clone()),
            Kind::Update(update) => Some(update.table.name.clone()),
            Kind::Delete(delete) => Some(delete.table.name.clone()),
            Kind::Merge(merge) => Some(merge.table.name.clone()),
            Kind::Refresh(refresh) => Some(refresh.name.clone()),
            _ => None,
        }
    }

    /// True if it is a query that returns rows and makes nothing: no `SELECT … INTO`, and no `INSERT` in a
    /// `WITH`. The functions that it calls may still change something.
    pub fn is_query(&self) -> bool {
        let reads = |query: &Query<'_>| query.into.is_none();
        matches!(&self.kind, StatementKind::Query(query) if reads(query))
            && self.with_statements().all(|statement| statement.is_query())
    }

    /// True if it was understood completely.
    pub fn is_complete(&self) -> bool {
        self.unread.is_none() && self.kind != StatementKind::Other
    }
}
