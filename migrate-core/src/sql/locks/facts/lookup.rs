//! Lookups in the facts.

use super::{ConstraintFacts, ConstraintFactsKind, Facts, FunctionFacts, ObjectName, Relation, RelationKind};
use crate::sql::locks::types::{SqlType, TypeKind};
use crate::sql::locks::volatile::{FunctionVolatility, inlined, is_volatile_built_in};
use crate::sql::statement::{LexedStatement, ObjectKind, QualifiedName};
use std::collections::BTreeSet;

/// A limit for nested domains and nested function calls that no real schema exceeds.
const DEEPEST: usize = 16;

/// So many steps lead from a relation to those that a statement on it locks: to its view, and to the view of
/// that; to its partition, and to the index of that. A longer chain of foreign keys does not count.
const NEAR: usize = 2;

/// The result of looking up a name.
#[derive(Clone, Copy, Debug)]
pub(in crate::sql::locks) enum Presence<'f> {
    Known(&'f Relation),
    /// The relation does not exist.
    Missing,
    Unknown,
}

impl Facts {
    /// No facts: only a statement's own text counts.
    pub fn none() -> Facts {
        Facts::default()
    }

    /// True if nobody uses this object: a followed statement created it, or it certainly does not exist.
    pub(crate) fn is_made(&self, kind: ObjectKind, name: &QualifiedName<'_>) -> bool {
        let relation = || {
            let schema = name.schema().map(|schema| schema.folded().into_owned());
            self.relations.get(&self.resolve(schema.as_deref(), &name.name().folded()))
        };
        let is_unused = || relation().map_or(self.is_complete, |relation| relation.origin.is_none());
        self.made.contains(&(kind.as_sql(), name.folded())) || kind.is_relation() && is_unused()
    }

    /// The object that a name refers to, whether it exists or not. A name without a schema is looked up in
    /// the search path.
    pub fn resolve(&self, schema: Option<&str>, name: &str) -> ObjectName {
        self.found(schema, name, |object| self.relations.contains_key(object))
    }

    fn found(&self, schema: Option<&str>, name: &str, exists: impl Fn(&ObjectName) -> bool) -> ObjectName {
        if let Some(schema) = schema {
            return ObjectName::new(schema, name);
        }
        let mut places = self.search_path.iter().map(|schema| ObjectName::new(schema, name));
        let first = || ObjectName::new(self.search_path.first().map_or("", String::as_str), name);
        places.find(exists).unwrap_or_else(first)
    }

    pub(in crate::sql::locks) fn presence(&self, name: &ObjectName) -> Presence<'_> {
        match self.relations.get(name) {
            Some(relation) => Presence::Known(relation),
            None if self.is_complete => Presence::Missing,
            None => Presence::Unknown,
        }
    }

    /// The facts about the relations with these names, and about those that statements on them may concern.
    pub(crate) fn around(&self, names: &BTreeSet<String>) -> Facts {
        let mut near: BTreeSet<&ObjectName> =
            self.relations.keys().filter(|of| names.contains(&of.name)).collect();
        for _ in 0..NEAR {
            let mut next = BTreeSet::new();
            for (name, relation) in &self.relations {
                let of_constraints = relation.constraints.iter().filter_map(|of| of.references.as_ref());
                let others = relation.parents.iter().chain(&relation.table).chain(of_constraints);
                let mut others = others.chain(relation.reads.iter().map(|(read, _)| read));
                let is_near = near.contains(name);
                if is_near {
                    next.extend(others.filter(|other| !near.contains(other)));
                } else if others.any(|other| near.contains(other)) {
                    next.insert(name);
                }
            }
            near.extend(next);
        }
        let of = |name: &ObjectName| Some((name.clone(), self.relations.get(name)?.clone()));
        Facts {
            relations: near.into_iter().filter_map(of).collect(),
            types: self.types.clone(),
            functions: self.functions.clone(),
            search_path: self.search_path.clone(),
            server_version: self.server_version,
            is_utc: self.is_utc,
            is_complete: self.is_complete,
            partial: self.partial.clone(),
            made: self.made.clone(),
            fresh: self.fresh.clone(),
            ..Facts::default()
        }
    }

    /// A name as a statement may write it: with its schema, unless the search path finds it.
    pub(crate) fn shown(&self, object: &ObjectName) -> String {
        let name = quoted(&object.name);
        let is_visible = self.resolve(None, &object.name) == *object;
        if is_visible { name } else { format!("{}.{name}", quoted(&object.schema)) }
    }

    pub(crate) fn indexes<'f>(
        &'f self,
        table: &ObjectName,
    ) -> impl Iterator<Item = (&'f ObjectName, &'f Relation)> {
        self.relations.iter().filter(move |(_, relation)| {
            relation.kind == RelationKind::Index && relation.table.as_ref() == Some(table)
        })
    }

    /// The sequences that a table owns.
    pub(in crate::sql::locks) fn sequences<'f>(
        &'f self,
        table: &ObjectName,
    ) -> impl Iterator<Item = (&'f ObjectName, &'f Relation)> {
        self.relations.iter().filter(move |(_, relation)| {
            relation.kind == RelationKind::Sequence && relation.table.as_ref() == Some(table)
        })
    }

    /// The foreign keys that reference a table, with their tables.
    pub(in crate::sql::locks) fn referencing<'f>(
        &'f self,
        table: &ObjectName,
    ) -> impl Iterator<Item = (&'f ObjectName, &'f ConstraintFacts)> {
        self.relations.iter().flat_map(move |(name, relation)| {
            let refers = move |constraint: &&ConstraintFacts| constraint.references.as_ref() == Some(table);
            relation.constraints.iter().filter(refers).map(move |constraint| (name, constraint))
        })
    }

    pub(crate) fn children<'f>(
        &'f self,
        parent: &ObjectName,
    ) -> impl Iterator<Item = (&'f ObjectName, &'f Relation)> {
        self.relations.iter().filter(move |(_, relation)| relation.parents.contains(parent))
    }

    /// The partitions and inheriting tables, at any depth.
    pub(in crate::sql::locks) fn descendants(&self, table: &ObjectName) -> Vec<&ObjectName> {
        let mut found: Vec<&ObjectName> = Vec::new();
        let mut next: Vec<&ObjectName> = self.children(table).map(|(name, _)| name).collect();
        while let Some(name) = next.pop() {
            if !found.contains(&name) {
                found.push(name);
                next.extend(self.children(name).map(|(name, _)| name));
            }
        }
        found.sort();
        found
    }

    pub(crate) fn default_partition(&self, parent: &ObjectName) -> Option<&ObjectName> {
        self.children(parent).find(|(_, child)| child.is_default_partition).map(|(name, _)| name)
    }

    /// The views that read a relation or one of its columns, and the views that read those.
    pub(in crate::sql::locks) fn readers(
        &self,
        of: &ObjectName,
        column: Option<&str>,
    ) -> BTreeSet<&ObjectName> {
        let mut found = BTreeSet::new();
        let mut next: Vec<(&ObjectName, Option<&str>)> = vec![(of, column)];
        while let Some((of, column)) = next.pop() {
            for (name, relation) in &self.relations {
                let reads = relation.reads.iter().any(|(read, columns)| {
                    read == of
                        && column
                            .is_none_or(|column| columns.is_empty() || columns.iter().any(|c| c == column))
                });
                if reads && found.insert(name) {
                    next.push((name, None));
                }
            }
        }
        found
    }

    /// The tables that reference these by foreign keys, directly or indirectly: those that
    /// `TRUNCATE … CASCADE` empties.
    pub(in crate::sql::locks) fn referencing_tables(&self, tables: &[ObjectName]) -> Vec<ObjectName> {
        let mut found: Vec<ObjectName> = tables.to_vec();
        let mut at = 0;
        while let Some(table) = found.get(at).cloned() {
            at += 1;
            for (child, _) in self.referencing(&table) {
                if !found.contains(child) {
                    found.push(child.clone());
                }
            }
            for descendant in self.descendants(&table) {
                if !found.contains(descendant) {
                    found.push(descendant.clone());
                }
            }
        }
        found.split_off(tables.len())
    }

    pub(in crate::sql::locks) fn type_kind(&self, data_type: &SqlType) -> Option<&TypeKind> {
        let (schema, name) = data_type.name();
        self.types.get(&self.found(schema, name, |object| self.types.contains_key(object)))
    }

    /// The type under a domain, and whether the domain has a constraint; `None` if the type may be an unknown
    /// domain.
    pub(in crate::sql::locks) fn without_domains(&self, data_type: &SqlType) -> Option<(SqlType, bool)> {
        let (mut data_type, mut is_constrained) = (data_type.clone(), false);
        for _ in 0..DEEPEST {
            match self.type_kind(&data_type) {
                Some(TypeKind::Domain { base, is_constrained: own }) if !data_type.is_array() => {
                    is_constrained |= own;
                    data_type = base.clone();
                }
                Some(_) => return Some((self.with_schema(&data_type), is_constrained)),
                None if data_type.is_built_in() || self.is_complete => {
                    return Some((self.with_schema(&data_type), is_constrained));
                }
                None => return None,
            }
        }
        None
    }

    /// The stored type of a column's values before a change of type.
    pub(in crate::sql::locks) fn stored_type(&self, data_type: &SqlType) -> Option<SqlType> {
        let (base, _) = self.without_domains(data_type)?;
        Some(if base == self.with_schema(data_type) { base } else { base.without_modifiers() })
    }

    /// A type that is not built in, with its schema: `mood` and `public.mood` are the same type.
    pub(in crate::sql::locks) fn with_schema(&self, data_type: &SqlType) -> SqlType {
        let (schema, name) = data_type.name();
        let object = self.found(schema, name, |object| self.types.contains_key(object));
        if data_type.has_built_in_name() && !self.types.contains_key(&object) {
            return data_type.clone();
        }
        data_type.clone().in_schema(object.schema)
    }

    /// The tables and materialized views with a column of this domain, or of a domain over it.
    pub(in crate::sql::locks) fn tables_with(&self, domain: &ObjectName) -> Vec<(&ObjectName, &Relation)> {
        let uses = |column: &super::Column| {
            column.data_type.as_ref().is_some_and(|data_type| self.is_over(data_type, domain))
        };
        let stores = |kind| matches!(kind, RelationKind::Table | RelationKind::MaterializedView);
        let relations = self.relations.iter();
        relations
            .filter(|(_, relation)| stores(relation.kind) && relation.columns.iter().flatten().any(uses))
            .collect()
    }

    /// The columns of this domain, or of a domain over it, with their tables and materialized views.
    pub(in crate::sql) fn columns_over(
        &self,
        domain: &ObjectName,
    ) -> impl Iterator<Item = (&ObjectName, &super::Column)> {
        let is_over = move |column: &&super::Column| {
            let data_type = column.data_type.as_ref();
            data_type.is_some_and(|data_type| !data_type.is_array() && self.is_over(data_type, domain))
        };
        let tables = self.tables_with(domain).into_iter();
        tables.flat_map(move |(table, relation)| {
            relation.columns.iter().flatten().filter(is_over).map(move |column| (table, column))
        })
    }

    fn is_over(&self, data_type: &SqlType, domain: &ObjectName) -> bool {
        let mut data_type = data_type;
        for _ in 0..DEEPEST {
            let (schema, name) = data_type.name();
            let object = self.found(schema, name, |object| self.types.contains_key(object));
            if object == *domain {
                return true;
            }
            match self.types.get(&object) {
                Some(TypeKind::Domain { base, .. }) => data_type = base,
                _ => return false,
            }
        }
        false
    }

    /// The columns of a type, with their tables.
    pub(in crate::sql::locks) fn columns_of(
        &self,
        schema: Option<&str>,
        name: &str,
    ) -> Vec<(&ObjectName, &str)> {
        let found = |written: (Option<&str>, &str)| {
            self.found(written.0, written.1, |object| self.types.contains_key(object))
        };
        let wanted = found((schema, name));
        let mut columns = Vec::new();
        for (table, relation) in &self.relations {
            for column in relation.columns.iter().flatten() {
                let is_of = column.data_type.as_ref().is_some_and(|of| found(of.name()) == wanted);
                if is_of && relation.table.is_none() && relation.reads.is_empty() {
                    columns.push((table, column.name.as_str()));
                }
            }
        }
        columns
    }

    /// The domain that a name refers to.
    pub(in crate::sql) fn domain(&self, schema: Option<&str>, name: &str) -> ObjectName {
        self.found(schema, name, |object| self.types.contains_key(object))
    }

    /// Determines whether an expression is volatile. If it calls an unknown function, the result names that
    /// function.
    pub(in crate::sql::locks) fn volatile(&self, expression: &str) -> Volatile {
        self.volatile_within(expression, DEEPEST)
    }

    fn volatile_within(&self, expression: &str, depth: usize) -> Volatile {
        let mut unknown = None;
        for call in LexedStatement::new(expression).expression().calls() {
            match self.call(&call, depth) {
                Volatile::Yes => return Volatile::Yes,
                Volatile::No => {}
                Volatile::If(function) => unknown = unknown.or(Some(function)),
            }
        }
        unknown.map_or(Volatile::No, Volatile::If)
    }

    fn call(&self, call: &QualifiedName<'_>, depth: usize) -> Volatile {
        let (schema, name) = (call.schema().map(|schema| schema.folded()), call.name().folded());
        if is_volatile_built_in(schema.as_deref(), &name) {
            return Volatile::Yes;
        }
        let object = self.found(schema.as_deref(), &name, |object| self.functions.contains_key(object));
        match self.functions.get(&object) {
            Some(function) if function.volatility < FunctionVolatility::Volatile => Volatile::No,
            Some(function) => self.inlined(function, depth).unwrap_or(Volatile::Yes),
            None if self.is_complete || schema.as_deref() == Some("pg_catalog") => Volatile::No,
            None => Volatile::If(call.written()),
        }
    }

    /// The volatility of a function's body, if the server inlines it.
    #[cfg(feature = "facts")]
    pub(super) fn volatile_body(&self, function: &FunctionFacts) -> Option<Volatile> {
        self.inlined(function, DEEPEST)
    }

    fn inlined(&self, function: &FunctionFacts, depth: usize) -> Option<Volatile> {
        let body = function.body.as_deref().and_then(inlined)?;
        (depth > 0).then(|| self.volatile_within(body, depth - 1))
    }

    /// Returns true if a column contains no null, as far as its own constraint and its checks show.
    pub(crate) fn is_proven_not_null(relation: &Relation, column: &str) -> bool {
        relation.column(column).is_some_and(|column| column.is_not_null)
            || relation
                .constraints
                .iter()
                .filter(|constraint| constraint.kind == ConstraintFactsKind::Check && constraint.is_validated)
                .filter_map(|constraint| constraint.expression.as_deref())
                .any(|expression| super::proof::excludes_null(expression, column))
    }
}

/// The volatility of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sql::locks) enum Volatile {
    Yes,
    No,
    /// Volatile if this function is.
    If(String),
}

/// A name quoted as a statement requires.
pub(crate) fn quoted(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
