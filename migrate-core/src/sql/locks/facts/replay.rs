//! Replay: the effect of a statement on the facts.

use super::{
    Column, ConstraintFacts, ConstraintFactsKind as Kind, Facts, FunctionFacts, ObjectName, Relation,
    RelationKind,
};
use crate::sql::locks::types::{SqlType, TypeKind};
use crate::sql::locks::volatile::FunctionVolatility;
use crate::sql::statement::{
    self, AlterDomain, ColumnDefinition, ConstraintKind, CreateDomain, CreateIndex, CreateRoutine,
    CreateTable, CreateView, DomainChange, Fragment, LexedStatement, ObjectChange, ParsedStatement,
    PartitionBound, Persistence, QualifiedName, RoutineBody, SetParameter, SettingTarget, StatementKind,
    TypeChange,
};
use crate::sql::token::TokenKind;

impl Facts {
    /// Adds the objects that a statement creates, and removes those that it drops. Facts that its text does
    /// not determine stay as they are.
    ///
    /// # Examples
    ///
    /// ```
    /// use migrate_core::sql::facts::Facts;
    /// use migrate_core::sql::locks_with;
    ///
    /// let mut facts = Facts::none();
    /// facts.apply("CREATE TABLE users (name varchar(20))");
    /// facts.apply("CREATE DOMAIN age AS int CHECK (VALUE >= 0)");
    /// let locks = |statement| locks_with(statement, &facts).known()[0].to_string();
    /// assert_eq!(locks("ALTER TABLE users ALTER name TYPE varchar(50)"), "users: ACCESS EXCLUSIVE");
    /// assert_eq!(
    ///     locks("ALTER TABLE users ADD age age"),
    ///     "users: ACCESS EXCLUSIVE, rewritten (its type is a domain with a constraint)"
    /// );
    /// ```
    pub fn apply(&mut self, statement: &str) {
        self.apply_parsed(&LexedStatement::new(statement).parse());
    }

    /// The same as [`Facts::apply`], for a statement that is parsed already.
    pub fn apply_parsed(&mut self, statement: &ParsedStatement<'_>) {
        if let (Some(kind), Some(name), true) =
            (statement.object_kind(), statement.target(), creates_new(statement))
        {
            self.made.insert((kind.as_sql(), name.folded()));
        }
        match &statement.kind {
            StatementKind::CreateTable(create) => self.create_table(create),
            StatementKind::CreateIndex(create) => self.create_index(create),
            StatementKind::CreateView(create) => self.create_view(create),
            StatementKind::CreateRoutine(create) => self.create_routine(create),
            StatementKind::CreateDomain(create) => self.create_domain(create),
            StatementKind::CreateType(create) => {
                let name = self.new_name(&create.name);
                self.types.insert(name, TypeKind::Other);
            }
            StatementKind::CreateSequence(create) => {
                let name = self.new_name(&create.name);
                self.add_relation(name, Relation::new(RelationKind::Sequence));
            }
            StatementKind::AlterRelation(alter) => self.alter_relation(alter),
            StatementKind::AlterDomain(alter) => self.alter_domain(alter),
            StatementKind::AlterType(alter) => {
                if let TypeChange::Object(change) = &alter.change {
                    self.alter_type(&alter.name, change);
                }
            }
            StatementKind::Drop(drop) => self.drop_objects(drop),
            StatementKind::Set(set) => self.set(set),
            // It may have created anything.
            StatementKind::Do(_) | StatementKind::Call(_) | StatementKind::Execute => {
                self.is_complete = false;
            }
            _ => {}
        }
    }

    /// The object that a statement creates; without a schema, it is in the first schema of the search path.
    fn new_name(&self, name: &QualifiedName<'_>) -> ObjectName {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        let first = || self.search_path.first().cloned().unwrap_or_default();
        ObjectName::new(schema.unwrap_or_else(first), name.name().folded())
    }

    pub(super) fn existing(&self, name: &QualifiedName<'_>) -> ObjectName {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        self.resolve(schema.as_deref(), &name.name().folded())
    }

    /// Adds a relation, unless it exists.
    fn add_relation(&mut self, name: ObjectName, relation: Relation) {
        self.fresh.push(name.clone());
        self.relations.entry(name).or_insert(relation);
    }

    /// Marks all objects that followed statements created as in use.
    pub(crate) fn settle(&mut self) {
        self.made.clear();
        for name in std::mem::take(&mut self.fresh) {
            if let Some(relation) = self.relations.get_mut(&name) {
                relation.columns.iter_mut().flatten().for_each(|column| column.is_new = false);
                relation.origin = Some(name);
            }
        }
    }

    /// Forgets what code may have changed whose statements are not known: it may have used every relation, filled it, changed its
    /// columns and constraints, and created others.
    pub fn forget(&mut self) {
        self.settle();
        self.is_complete = false;
        self.partial.clear();
        for relation in self.relations.values_mut() {
            relation.columns = None;
            relation.constraints.clear();
        }
    }

    fn create_table(&mut self, create: &CreateTable<'_>) {
        let name = self.new_name(&create.name);
        if self.relations.contains_key(&name) {
            return;
        }
        let kind = match (&create.partition_by, create.is_foreign) {
            (Some(_), _) => RelationKind::Partitioned,
            (None, true) => RelationKind::Foreign,
            (None, false) => RelationKind::Table,
        };
        let mut table = Relation::new(kind);
        table.is_unlogged = Some(create.persistence == Persistence::Unlogged);
        table.partition_key =
            create.partition_by.as_ref().map(|by| format!("{} ({})", by.strategy.written(), by.key.text()));
        let mut templates: Vec<ObjectName> =
            create.inherits.iter().map(|parent| self.existing(parent)).collect();
        if let Some(of) = &create.partition_of {
            templates.push(self.existing(&of.parent));
            table.is_default_partition = matches!(of.bound, PartitionBound::Default);
        }
        table.parents.clone_from(&templates);
        templates.extend(create.likes.iter().map(|like| self.existing(&like.table)));
        table.columns = self.columns_of_new(create, &templates);
        self.add_relation(name.clone(), table);
        for column in &create.columns {
            self.add_column_parts(&name, column);
        }
        for constraint in &create.constraints {
            self.add_constraint(&name, constraint, None);
        }
    }

    /// The columns of a new table; `None` if they are not known: from a query, from a type, from an unknown
    /// table.
    fn columns_of_new(&self, create: &CreateTable<'_>, templates: &[ObjectName]) -> Option<Vec<Column>> {
        if create.query.is_some() || create.of_type.is_some() {
            return None;
        }
        let mut columns = Vec::new();
        for template in templates {
            columns.extend(self.relations.get(template)?.columns.clone()?);
        }
        let own = create.columns.iter().filter(|column| column.type_name.is_some());
        columns.extend(own.map(new_column));
        Some(columns)
    }

    /// Adds the parts of a new column: its constraints and its sequence.
    pub(super) fn add_column_parts(&mut self, table: &ObjectName, column: &ColumnDefinition<'_>) {
        let name = column.name.folded().into_owned();
        let is_serial = column.type_name.as_ref().is_some_and(statement::TypeName::is_serial);
        if is_serial || column.identity.is_some() {
            let mut sequence = Relation::new(RelationKind::Sequence);
            sequence.table = Some(table.clone());
            sequence.table_columns = vec![name.clone()];
            let object = ObjectName::new(table.schema.clone(), format!("{}_{name}_seq", table.name));
            self.relations.remove(&object);
            self.add_relation(object, sequence);
        }
        for constraint in &column.constraints {
            self.add_constraint(table, constraint, Some(&name));
        }
    }

    /// Adds a constraint; `column` is the column to which a column constraint belongs.
    pub(super) fn add_constraint(
        &mut self,
        table: &ObjectName,
        written: &statement::Constraint<'_>,
        column: Option<&str>,
    ) {
        let (kind, mut columns) = kind_and_columns(&written.kind);
        columns.extend(column.map(str::to_owned));
        let mut constraint =
            ConstraintFacts::new(written.name.map(|name| name.folded().into_owned()), kind, columns);
        constraint.is_validated = written.not_valid.is_none() && written.enforced != Some(false);
        match &written.kind {
            ConstraintKind::Check { expression } => {
                constraint.expression = Some(expression.text().to_owned());
                constraint.columns = self.columns_named(table, *expression);
            }
            ConstraintKind::ForeignKey(key) => {
                constraint.references = Some(self.existing(&key.table));
                constraint.referenced_columns =
                    key.referenced_columns.iter().map(|name| name.folded().into_owned()).collect();
                constraint.is_match_full = key.is_match_full;
            }
            ConstraintKind::Unique(index) | ConstraintKind::PrimaryKey(index) => {
                if let Some(index) = index.using_index {
                    let object = ObjectName::new(table.schema.clone(), index.folded());
                    let name = constraint.name.clone().unwrap_or_else(|| object.name.clone());
                    constraint.columns = self
                        .relations
                        .get(&object)
                        .map(|index| index.table_columns.clone())
                        .unwrap_or_default();
                    self.rename(&object, &ObjectName::new(table.schema.clone(), name));
                }
            }
            _ => {}
        }
        let name =
            constraint.name.get_or_insert_with(|| chosen_name(table, kind, &constraint.columns)).clone();
        let is_index = matches!(kind, Kind::Unique | Kind::PrimaryKey | Kind::Exclusion);
        if is_index {
            let mut index = Relation::new(RelationKind::Index);
            index.table = Some(table.clone());
            index.table_columns.clone_from(&constraint.columns);
            index.is_unique = kind != Kind::Exclusion;
            self.add_relation(ObjectName::new(table.schema.clone(), name), index);
        }
        let Some(relation) = self.relations.get_mut(table) else { return };
        if matches!(kind, Kind::PrimaryKey | Kind::NotNull) && constraint.is_validated {
            for column in &constraint.columns {
                if let Some(column) = relation.column_mut(column) {
                    column.is_not_null = true;
                }
            }
        }
        relation.constraints.push(constraint);
    }

    /// The columns of a table that an expression mentions.
    fn columns_named(&self, table: &ObjectName, expression: Fragment<'_>) -> Vec<String> {
        let columns = self.relations.get(table).and_then(|relation| relation.columns.as_ref());
        let is_named = |column: &&Column| names_in(expression).any(|name| name == column.name);
        columns.into_iter().flatten().filter(is_named).map(|column| column.name.clone()).collect()
    }

    fn create_index(&mut self, create: &CreateIndex<'_>) {
        let table = self.existing(&create.table.name);
        if !self.relations.contains_key(&table) {
            return;
        }
        let columns: Vec<String> = create
            .elements
            .iter()
            .filter_map(|element| element.column)
            .map(|column| column.folded().into_owned())
            .collect();
        let name = create.name.as_ref().map(|name| name.name().folded().into_owned());
        let chosen = || format!("{}_{}_idx", table.name, columns.join("_"));
        let mut tables = vec![table.clone()];
        if !create.table.only {
            tables.extend(self.descendants(&table).into_iter().cloned());
        }
        for (at, of) in tables.into_iter().enumerate() {
            let mut index = Relation::new(RelationKind::Index);
            index.table_columns.clone_from(&columns);
            index.has_expression =
                create.condition.is_some() || create.elements.iter().any(|element| element.column.is_none());
            if index.has_expression {
                index.table_columns.extend(self.columns_named(&of, create.definition));
            }
            index.is_unique = create.is_unique;
            let name = match &name {
                Some(name) if at == 0 => name.clone(),
                _ if at == 0 => chosen(),
                _ => format!("{}_{}_idx", of.name, columns.join("_")),
            };
            let object = ObjectName::new(of.schema.clone(), name);
            index.table = Some(of);
            self.add_relation(object, index);
        }
    }

    fn create_view(&mut self, create: &CreateView<'_>) {
        let name = self.new_name(&create.name);
        let kind = if create.is_materialized { RelationKind::MaterializedView } else { RelationKind::View };
        let names: Vec<String> = names_in(create.query).collect();
        let takes_all = create.query.tokens().iter().any(|token| create.query.written(*token) == "*");
        let mut reads = Vec::new();
        for (object, relation) in &self.relations {
            let is_table = relation.table.is_none() && *object != name;
            if is_table && names.contains(&object.name) {
                let columns = relation.columns.iter().flatten().map(|column| &column.name);
                let read = columns.filter(|column| names.contains(column)).cloned();
                reads.push((object.clone(), if takes_all { Vec::new() } else { read.collect() }));
            }
        }
        self.add_relation(name.clone(), Relation::new(kind));
        if let Some(view) = self.relations.get_mut(&name) {
            view.reads = reads;
        }
    }

    fn create_routine(&mut self, create: &CreateRoutine<'_>) {
        let volatility = match create.volatility {
            Some(statement::Volatility::Immutable) => FunctionVolatility::Immutable,
            Some(statement::Volatility::Stable) => FunctionVolatility::Stable,
            _ => FunctionVolatility::Volatile,
        };
        let is_sql = create.language.as_deref().is_none_or(|language| language == "sql");
        let body = match &create.body {
            Some(RoutineBody::Text(text)) if is_sql && !create.is_security_definer => string(*text),
            Some(RoutineBody::Return(expression)) => Some(format!("SELECT {}", expression.text())),
            _ => None,
        };
        let name = self.new_name(&create.name);
        self.functions.insert(name, FunctionFacts::new(volatility, body));
    }

    fn create_domain(&mut self, create: &CreateDomain<'_>) {
        let name = self.new_name(&create.name);
        let base = SqlType::of(&create.type_name);
        let is_constrained = !create.constraints.is_empty();
        self.types.insert(name, TypeKind::Domain { base, is_constrained });
    }

    fn alter_domain(&mut self, alter: &AlterDomain<'_>) {
        let schema = alter.name.schema().map(|schema| schema.folded().into_owned());
        let name = self.domain(schema.as_deref(), &alter.name.name().folded());
        match &alter.change {
            DomainChange::SetNotNull | DomainChange::AddConstraint(_) => {
                if let Some(TypeKind::Domain { is_constrained, .. }) = self.types.get_mut(&name) {
                    *is_constrained = true;
                }
            }
            DomainChange::Object(change) => self.alter_type(&alter.name, change),
            _ => {}
        }
    }

    fn alter_type(&mut self, name: &QualifiedName<'_>, change: &ObjectChange<'_>) {
        let schema = name.schema().map(|schema| schema.folded().into_owned());
        let old = self.domain(schema.as_deref(), &name.name().folded());
        let Some(new) = changed_name(&old, change) else { return };
        if let Some(kind) = self.types.remove(&old) {
            self.types.insert(new, kind);
        }
    }

    fn set(&mut self, set: &SetParameter<'_>) {
        let is_path = match &set.target {
            SettingTarget::Parameter(name) => name.is_word() && name.is_called("search_path"),
            SettingTarget::Schema => true,
            _ => false,
        };
        if is_path {
            self.search_path = names_in(set.value).chain(strings_in(set.value)).collect();
        }
    }
}

/// True if a statement creates an object that did not exist before.
fn creates_new(statement: &ParsedStatement<'_>) -> bool {
    let words = statement.all.tokens().iter().take(7).map(|token| statement.all.written(*token));
    let may_exist = words.skip(1).any(|word| ["OR", "EXISTS"].iter().any(|of| word.eq_ignore_ascii_case(of)));
    statement.verb().eq_ignore_ascii_case("CREATE") && !may_exist
}

pub(super) fn new_column(definition: &ColumnDefinition<'_>) -> Column {
    let mut column = Column::new(definition.name.folded(), definition.type_name.as_ref().map(SqlType::of));
    column.is_new = true;
    column.is_virtual = definition.generated.as_ref().map(|generated| !generated.is_stored);
    column.collation = definition.collation.as_ref().map(|name| name.name().folded().into_owned());
    let is_serial = definition.type_name.as_ref().is_some_and(statement::TypeName::is_serial);
    column.is_not_null =
        definition.is_not_null() || definition.is_primary_key() || definition.identity.is_some() || is_serial;
    column
}

fn kind_and_columns(kind: &ConstraintKind<'_>) -> (Kind, Vec<String>) {
    let names = |names: &[statement::Name<'_>]| names.iter().map(|name| name.folded().into_owned()).collect();
    match kind {
        ConstraintKind::NotNull { column } => (Kind::NotNull, names(column.as_slice())),
        ConstraintKind::Check { .. } => (Kind::Check, Vec::new()),
        ConstraintKind::Unique(index) => (Kind::Unique, names(&index.columns)),
        ConstraintKind::PrimaryKey(index) => (Kind::PrimaryKey, names(&index.columns)),
        ConstraintKind::Exclude(_) => (Kind::Exclusion, Vec::new()),
        ConstraintKind::ForeignKey(key) => (Kind::ForeignKey, names(&key.columns)),
    }
}

/// The name that the server gives an unnamed constraint (`ChooseConstraintName`), unless it is taken.
fn chosen_name(table: &ObjectName, kind: Kind, columns: &[String]) -> String {
    let suffix = match kind {
        Kind::PrimaryKey => return format!("{}_pkey", table.name),
        Kind::Check => "check",
        Kind::NotNull => "not_null",
        Kind::Unique => "key",
        Kind::Exclusion => "excl",
        Kind::ForeignKey => "fkey",
    };
    let mut parts = vec![table.name.as_str()];
    // The name of a check on several columns contains none of them.
    if kind != Kind::Check || columns.len() == 1 {
        parts.extend(columns.iter().map(String::as_str));
    }
    parts.push(suffix);
    parts.join("_")
}

/// The words and quoted names of a fragment, as the server reads them.
fn names_in<'t>(fragment: Fragment<'t>) -> impl Iterator<Item = String> + use<'t> {
    fragment.tokens().iter().filter_map(move |token| {
        let written = fragment.written(*token);
        match token.kind {
            TokenKind::Word => Some(written.to_ascii_lowercase()),
            TokenKind::QuotedIdentifier => Some(written[1..written.len() - 1].replace("\"\"", "\"")),
            _ => None,
        }
    })
}

fn strings_in<'t>(fragment: Fragment<'t>) -> impl Iterator<Item = String> + use<'t> {
    let strings = fragment.tokens().iter().filter(|token| token.kind == TokenKind::String);
    strings.map(move |token| {
        let written = fragment.written(*token);
        written[1..written.len() - 1].replace("''", "'")
    })
}

/// The value of a string constant, for the kinds in which function bodies are written.
fn string(fragment: Fragment<'_>) -> Option<String> {
    let token = fragment.tokens().first()?;
    let written = fragment.written(*token);
    match token.kind {
        TokenKind::String => Some(written[1..written.len() - 1].replace("''", "'")),
        TokenKind::DollarString => {
            let tag = written[1..].find('$')? + 2;
            written.get(tag..written.len() - tag).map(str::to_owned)
        }
        _ => None,
    }
}

fn changed_name(old: &ObjectName, change: &ObjectChange<'_>) -> Option<ObjectName> {
    match change {
        ObjectChange::RenameTo { to } => Some(ObjectName::new(old.schema.clone(), to.folded())),
        ObjectChange::SetSchema { schema } => Some(ObjectName::new(schema.folded(), old.name.clone())),
        _ => None,
    }
}
