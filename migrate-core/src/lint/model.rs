//! The model: the known state of the schema before a statement.

use super::LintOptions;
use crate::set::script::Script;
use crate::sql::facts::{Facts, ObjectName, Relation};
use crate::sql::statement::{
    Fragment, LexedStatement, ObjectKind, ParsedStatement, QualifiedName, StatementKind,
};
use crate::sql::{TokenKind, tokens};
use std::collections::BTreeSet;

/// The effects of the statements so far.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) facts: Facts,
    /// New objects that are not relations, by kind and folded name.
    made: BTreeSet<(String, String)>,
}

impl Model {
    pub(super) fn new(options: &LintOptions) -> Model {
        let mut facts = Facts::none();
        facts.search_path = vec!["public".to_owned()];
        facts.server_version = options.server_version_or_facts();
        facts.is_utc = options.is_utc;
        Model { facts, made: BTreeSet::new() }
    }

    /// The state of the target database, as far as the options have facts about it.
    pub(super) fn of_facts(options: &LintOptions) -> Model {
        let Some(facts) = &options.facts else { return Model::new(options) };
        let mut facts = Facts::clone(facts);
        facts.server_version = options.server_version_or_facts();
        facts.is_utc = options.is_utc.or(facts.is_utc);
        let mut model = Model { facts, made: BTreeSet::new() };
        model.settle();
        model
    }

    /// Marks all objects created so far as in use.
    pub(super) fn settle(&mut self) {
        self.made.clear();
        for (name, relation) in &mut self.facts.relations {
            relation.origin = Some(name.clone());
            relation.columns.iter_mut().flatten().for_each(|column| column.is_new = false);
        }
    }

    /// Applies the statements of a script.
    pub(super) fn follow(&mut self, script: &Script) {
        for statement in script.statements().iter() {
            let text = statement.text(script.text());
            self.apply(text, &LexedStatement::new(text).parse());
        }
    }

    /// Applies a statement.
    pub(super) fn apply(&mut self, text: &str, parsed: &ParsedStatement<'_>) {
        self.facts.apply(text);
        if let (Some(kind), Some(name), true) = (parsed.object_kind(), parsed.target(), creates_new(parsed)) {
            self.made.insert((kind.as_sql(), name.folded()));
        }
        if let StatementKind::Do(Some(code)) = &parsed.kind {
            self.forget(*code);
        }
    }

    /// Forgets the facts that code may have changed: the columns and constraints of the relations that it
    /// names.
    fn forget(&mut self, code: Fragment<'_>) {
        // Includes the names in string constants.
        let written = code.text().replace(['$', '\''], " ");
        let words: BTreeSet<String> = tokens(&written)
            .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::QuotedIdentifier))
            .map(|token| token.text(&written).trim_matches('"').to_ascii_lowercase())
            .collect();
        for (name, relation) in &mut self.facts.relations {
            if words.contains(&name.name.to_ascii_lowercase()) {
                relation.columns = None;
                relation.constraints.clear();
            }
        }
    }

    pub(super) fn object(&self, name: &QualifiedName<'_>) -> ObjectName {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        self.facts.resolve(schema.as_deref(), &name.name().folded())
    }

    pub(super) fn relation(&self, name: &QualifiedName<'_>) -> Option<&Relation> {
        self.facts.relations.get(&self.object(name))
    }

    /// True if a relation is new: created by this script or this run, and not in use yet.
    pub(super) fn is_new(&self, name: &QualifiedName<'_>) -> bool {
        self.relation(name).is_some_and(|relation| relation.origin.is_none())
    }

    /// True if an object is new: created by this script or this run, and not in use yet.
    pub(super) fn is_made(&self, kind: ObjectKind, name: &QualifiedName<'_>) -> bool {
        self.made.contains(&(kind.as_sql(), name.folded())) || kind.is_relation() && self.is_new(name)
    }
}

/// True if a statement creates an object that did not exist before.
fn creates_new(parsed: &ParsedStatement<'_>) -> bool {
    let words = parsed.all.tokens().iter().take(7).map(|token| parsed.all.written(*token));
    let may_exist = words.skip(1).any(|word| ["OR", "EXISTS"].iter().any(|of| word.eq_ignore_ascii_case(of)));
    parsed.verb().eq_ignore_ascii_case("CREATE") && !may_exist
}
