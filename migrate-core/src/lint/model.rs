//! The model: the known state of the schema before a statement.

use super::LintOptions;
use super::dynamic::{self, Code};
use crate::set::script::Script;
use crate::sql::facts::{Facts, ObjectName, Relation, RelationKind, SizeBucket};
use crate::sql::statement::{LexedStatement, ObjectKind, ParsedStatement, QualifiedName, StatementKind};
use crate::sql::{RelationLock, Token, TokenKind, tokens};
use std::collections::{BTreeMap, BTreeSet};

/// The effects of the statements so far.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) facts: Facts,
    /// The code of functions and procedures, by their names without a schema.
    code: BTreeMap<String, Code>,
}

impl Model {
    pub(super) fn new(options: &LintOptions) -> Model {
        let mut facts = Facts::none();
        facts.search_path = vec!["public".to_owned()];
        facts.server_version = options.server_version_or_facts();
        facts.is_utc = options.is_utc;
        Model { facts, code: BTreeMap::new() }
    }

    /// The state of the target database, as far as the options have facts about it.
    pub(super) fn of_facts(options: &LintOptions) -> Model {
        let Some(facts) = &options.facts else { return Model::new(options) };
        let mut facts = Facts::clone(facts);
        facts.server_version = options.server_version_or_facts();
        facts.is_utc = options.is_utc.or(facts.is_utc);
        for (name, relation) in &mut facts.relations {
            relation.origin = Some(name.clone());
            relation.columns.iter_mut().flatten().for_each(|column| column.is_new = false);
        }
        let mut model = Model { facts, code: BTreeMap::new() };
        model.settle();
        model
    }

    /// Marks all objects created so far as in use.
    pub(super) fn settle(&mut self) {
        self.facts.settle();
    }

    /// The state for a script that runs some time later: what it names, and what depends on it.
    pub(super) fn for_later(&self, script: &Script) -> Model {
        let mut names: BTreeSet<String> = names(script.text()).into_iter().collect();
        let called = self.code.iter().filter(|(name, _)| names.contains(*name));
        let inside: Vec<String> = called.flat_map(|(_, code)| self::names(code.text())).collect();
        names.extend(inside);
        let mut model = Model { facts: self.facts.around(&names), code: self.code.clone() };
        model.settle();
        model
    }

    /// Applies the statements of a script.
    pub(super) fn follow(&mut self, script: &Script) {
        for statement in script.statements().iter() {
            self.apply(&LexedStatement::new(statement.text(script.text())).parse());
        }
    }

    /// Applies code whose statements are not known: it may have changed every relation, and created others.
    pub(super) fn follow_unknown(&mut self) {
        self.facts.forget();
    }

    /// Applies a statement.
    pub(super) fn apply(&mut self, parsed: &ParsedStatement<'_>) {
        self.facts.apply_parsed(parsed);
        if let StatementKind::CreateRoutine(create) = &parsed.kind {
            let body = create.body.as_ref().and_then(|body| Code::of(create.language.as_deref(), body));
            self.code.extend(body.map(|code| (create.name.name().folded().into_owned(), code)));
        }
        self.forget(parsed);
    }

    /// True if a function or a procedure with this name is known.
    pub(super) fn has_routine(&self, name: &QualifiedName<'_>) -> bool {
        let schema = name.schema().map(|schema| schema.folded());
        let name = name.name().folded();
        self.facts
            .functions
            .keys()
            .any(|of| of.name == name && schema.as_ref().is_none_or(|schema| of.schema == **schema))
    }

    /// Forgets the facts that code may have changed: the columns and constraints of the relations that it
    /// names, or of all if the names are known only when it runs. Adds the relations that it may have created.
    fn forget(&mut self, parsed: &ParsedStatement<'_>) {
        let code: Vec<String> = dynamic::code(parsed, self).into_iter().map(str::to_owned).collect();
        if code.is_empty() {
            return;
        }
        let inner = dynamic::statements(parsed, self);
        let before: BTreeSet<ObjectName> = self.facts.relations.keys().cloned().collect();
        for statement in &inner {
            let lexed = LexedStatement::new(&statement.text);
            let parsed = lexed.parse();
            if matches!(parsed.kind, StatementKind::CreateTable(_) | StatementKind::CreateIndex(_)) {
                self.facts.apply_parsed(&parsed);
            }
        }
        self.facts.is_complete = false;
        // Includes the names in string constants.
        let words: BTreeSet<String> = code.iter().flat_map(|code| names(code)).collect();
        let all = inner.iter().any(dynamic::may_change_any);
        self.facts.partial.retain(|name, _| !all && !words.contains(&name.name.to_ascii_lowercase()));
        for (name, relation) in &mut self.facts.relations {
            if !before.contains(name) {
                relation.origin = Some(name.clone());
            }
            if all || words.contains(&name.name.to_ascii_lowercase()) {
                relation.columns = None;
                relation.constraints.clear();
            }
        }
    }

    /// The code of a function or a procedure that the set created.
    pub(super) fn code(&self, name: &QualifiedName<'_>) -> Option<&Code> {
        self.code.get(&*name.name().folded())
    }

    pub(super) fn object(&self, name: &QualifiedName<'_>) -> ObjectName {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        self.facts.resolve(schema.as_deref(), &name.name().folded())
    }

    pub(super) fn relation(&self, name: &QualifiedName<'_>) -> Option<&Relation> {
        self.facts.relations.get(&self.object(name))
    }

    /// The size of a locked relation, or of the table of a locked index, if known.
    pub(super) fn size(&self, lock: &RelationLock) -> Option<SizeBucket> {
        let origin = lock.origin.as_ref()?;
        let relations = &self.facts.relations;
        let relation = relations.values().find(|relation| relation.origin.as_ref() == Some(origin))?;
        relation.size.or_else(|| relations.get(relation.table.as_ref()?)?.size)
    }

    /// The size of a table, if known.
    pub(super) fn size_of(&self, table: &QualifiedName<'_>) -> Option<SizeBucket> {
        self.relation(table)?.size
    }

    /// The indexes and constraints on a column, which are dropped with it.
    pub(super) fn on_column(&self, table: &QualifiedName<'_>, column: &str) -> BTreeSet<&str> {
        let object = self.object(table);
        let of = |columns: &[String]| columns.iter().any(|of| of == column);
        let indexes = self.facts.relations.iter().filter(|(_, index)| {
            index.kind == RelationKind::Index
                && index.table.as_ref() == Some(&object)
                && of(&index.table_columns)
        });
        let constraints = self.relation(table).into_iter().flat_map(|relation| &relation.constraints);
        let constraints = constraints.filter(|constraint| of(&constraint.columns));
        let names = constraints.filter_map(|constraint| constraint.name.as_deref());
        indexes.map(|(name, _)| name.name.as_str()).chain(names).collect()
    }

    /// True if nobody uses a relation: this script or this run created it, or it certainly does not exist.
    pub(super) fn is_new(&self, name: &QualifiedName<'_>) -> bool {
        self.relation(name).map_or(self.facts.is_complete, |relation| relation.origin.is_none())
    }

    /// True if an object is new: created by this script or this run, and not in use yet.
    pub(super) fn is_made(&self, kind: ObjectKind, name: &QualifiedName<'_>) -> bool {
        self.facts.is_made(kind, name)
    }
}

/// The words and quoted names of code, as written and in lower case, including those in its string constants.
fn names(code: &str) -> Vec<String> {
    let written = code.replace(['$', '\''], " ");
    let is_name = |token: &Token| matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier);
    let name = |token: Token| {
        let name = token.text(&written).trim_matches('"');
        [name.to_ascii_lowercase(), name.to_owned()]
    };
    tokens(&written).filter(is_name).flat_map(name).collect()
}
