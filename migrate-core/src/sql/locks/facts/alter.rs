//! Replay of statements that change or drop relations.

use super::replay::new_column;
use super::{ConstraintFacts, ConstraintFactsKind as Kind, Facts, ObjectName, Relation, RelationKind};
use crate::sql::locks::types::SqlType;
use crate::sql::statement::{
    self, AlterActionKind as Action, AlterRelation, ColumnChange, ColumnDefinition, ConstraintKind,
    DropObjects, ObjectKind, PartitionBound,
};

impl Facts {
    pub(super) fn alter_relation(&mut self, alter: &AlterRelation<'_>) {
        let name = self.existing(&alter.relation.name);
        if !self.relations.contains_key(&name) {
            if !self.is_complete {
                self.alter_unknown(name, alter);
            }
            return;
        }
        for action in &alter.actions {
            let mut tables = vec![name.clone()];
            if !alter.relation.only {
                tables.extend(self.descendants(&name).into_iter().cloned());
            }
            self.alter(&name, &tables, &action.kind);
        }
    }

    /// Follows the checks of a table that followed statements did not create.
    fn alter_unknown(&mut self, name: ObjectName, alter: &AlterRelation<'_>) {
        let mut relation = self.partial.remove(&name).unwrap_or_else(|| Relation::new(RelationKind::Table));
        let checks = &mut relation.constraints;
        let mut new_name = name;
        for action in &alter.actions {
            match &action.kind {
                Action::AddConstraint(added) => checks.extend(check_of(added)),
                Action::ValidateConstraint { name } => validate_unknown(checks, &name.folded()),
                Action::DropConstraint { name, .. } => {
                    checks.retain(|of| of.name.as_deref() != Some(&*name.folded()));
                }
                Action::DropColumn { .. } | Action::RenameColumn { .. } | Action::RenameConstraint { .. } => {
                    checks.clear();
                }
                Action::RenameTo { to } => new_name = ObjectName::new(new_name.schema, to.folded()),
                Action::SetSchema { schema } => new_name = ObjectName::new(schema.folded(), new_name.name),
                _ => {}
            }
        }
        if !relation.constraints.is_empty() {
            self.partial.insert(new_name, relation);
        }
    }

    fn alter(&mut self, name: &ObjectName, tables: &[ObjectName], action: &Action<'_>) {
        match action {
            Action::AddColumn { column, .. } => {
                for table in tables {
                    self.add_column(table, column);
                }
            }
            Action::DropColumn { column, .. } => {
                for table in tables {
                    self.drop_column(table, &column.folded());
                }
            }
            Action::AlterColumn { column: Some(column), change } => {
                for table in tables {
                    self.change_column(table, &column.folded(), change);
                }
            }
            Action::AddConstraint(constraint) => {
                for table in tables {
                    self.add_constraint(table, constraint, None);
                }
            }
            Action::DropConstraint { name: constraint, .. } => {
                for table in tables {
                    self.drop_constraint(table, &constraint.folded());
                }
            }
            Action::ValidateConstraint { name: constraint } => {
                for table in tables {
                    self.validate(table, &constraint.folded());
                }
            }
            Action::AttachPartition { partition, bound } => {
                let partition = self.existing(partition);
                if let Some(partition) = self.relations.get_mut(&partition) {
                    partition.parents.push(name.clone());
                    partition.is_default_partition = matches!(bound, Some(PartitionBound::Default));
                }
            }
            Action::DetachPartition { partition: child, .. } => {
                let child = self.existing(child);
                self.leave(&child, name);
            }
            Action::Inherit { parent } => {
                let parent = self.existing(parent);
                if let Some(relation) = self.relations.get_mut(name) {
                    relation.parents.push(parent);
                }
            }
            Action::NoInherit { parent } => {
                let parent = self.existing(parent);
                self.leave(name, &parent);
            }
            Action::RenameTo { to } => self.rename(name, &ObjectName::new(name.schema.clone(), to.folded())),
            Action::SetSchema { schema } => {
                self.rename(name, &ObjectName::new(schema.folded(), name.name.clone()));
            }
            Action::RenameColumn { from, to } => {
                for table in tables {
                    self.rename_column(table, &from.folded(), &to.folded());
                }
            }
            Action::RenameConstraint { from, to } => {
                let relation = self.relations.get_mut(name);
                let mut constraints = relation.into_iter().flat_map(|relation| &mut relation.constraints);
                if let Some(constraint) = constraints.find(|of| of.name.as_deref() == Some(&*from.folded())) {
                    constraint.name = Some(to.folded().into_owned());
                }
            }
            Action::SetTablespace { tablespace } => {
                if let Some(relation) = self.relations.get_mut(name) {
                    relation.tablespace = Some(tablespace.folded().into_owned());
                }
            }
            Action::SetAccessMethod { method } => {
                if let Some(relation) = self.relations.get_mut(name) {
                    relation.access_method = Some(method.folded().into_owned());
                }
            }
            Action::SetLogged | Action::SetUnlogged => {
                if let Some(relation) = self.relations.get_mut(name) {
                    relation.is_unlogged = Some(matches!(action, Action::SetUnlogged));
                }
            }
            _ => {}
        }
    }

    fn add_column(&mut self, table: &ObjectName, column: &ColumnDefinition<'_>) {
        let Some(relation) = self.relations.get_mut(table) else { return };
        if relation.column(&column.name.folded()).is_some() {
            return;
        }
        if let Some(columns) = &mut relation.columns {
            columns.push(new_column(column));
            self.fresh.push(table.clone());
        }
        self.add_column_parts(table, column);
    }

    fn drop_column(&mut self, table: &ObjectName, column: &str) {
        let Some(relation) = self.relations.get_mut(table) else { return };
        relation.columns.iter_mut().for_each(|columns| columns.retain(|of| of.name != column));
        relation.constraints.retain(|constraint| !constraint.columns.iter().any(|of| of == column));
        self.relations.retain(|_, of| {
            of.table.as_ref() != Some(table) || !of.table_columns.iter().any(|indexed| indexed == column)
        });
    }

    fn change_column(&mut self, table: &ObjectName, column: &str, change: &ColumnChange<'_>) {
        let column = self.relations.get_mut(table).and_then(|relation| relation.column_mut(column));
        let Some(column) = column else { return };
        match change {
            ColumnChange::SetType { type_name, collation, .. } => {
                column.data_type = Some(SqlType::of(type_name));
                column.collation = collation.as_ref().map(|name| name.name().folded().into_owned());
            }
            ColumnChange::SetNotNull => column.is_not_null = true,
            ColumnChange::DropNotNull => column.is_not_null = false,
            _ => {}
        }
    }

    fn drop_constraint(&mut self, table: &ObjectName, name: &str) {
        if let Some(relation) = self.relations.get_mut(table) {
            relation.constraints.retain(|constraint| constraint.name.as_deref() != Some(name));
        }
        self.relations.remove(&ObjectName::new(table.schema.clone(), name));
    }

    fn validate(&mut self, table: &ObjectName, name: &str) {
        let Some(relation) = self.relations.get_mut(table) else { return };
        let mut constraints = relation.constraints.iter_mut();
        let Some(constraint) = constraints.find(|of| of.name.as_deref() == Some(name)) else { return };
        constraint.is_validated = true;
        if constraint.kind == Kind::NotNull {
            let columns = constraint.columns.clone();
            for column in columns {
                if let Some(column) = relation.column_mut(&column) {
                    column.is_not_null = true;
                }
            }
        }
    }

    fn leave(&mut self, child: &ObjectName, parent: &ObjectName) {
        if let Some(child) = self.relations.get_mut(child) {
            child.parents.retain(|of| of != parent);
            child.is_default_partition = false;
        }
    }

    pub(super) fn rename(&mut self, old: &ObjectName, new: &ObjectName) {
        let Some(relation) = self.relations.remove(old) else { return };
        self.fresh.push(new.clone());
        self.relations.insert(new.clone(), relation);
        let replace = |name: &mut ObjectName| {
            if name == old {
                name.clone_from(new);
            }
        };
        for relation in self.relations.values_mut() {
            relation.parents.iter_mut().for_each(replace);
            relation.table.iter_mut().for_each(replace);
            relation.reads.iter_mut().for_each(|(name, _)| replace(name));
            let references = relation.constraints.iter_mut().filter_map(|of| of.references.as_mut());
            references.for_each(replace);
        }
    }

    fn rename_column(&mut self, table: &ObjectName, from: &str, to: &str) {
        let replace = |name: &mut String| {
            if name == from {
                to.clone_into(name);
            }
        };
        for (name, relation) in &mut self.relations {
            if name == table {
                relation.columns.iter_mut().flatten().for_each(|column| replace(&mut column.name));
                relation.constraints.iter_mut().flat_map(|of| &mut of.columns).for_each(replace);
            }
            if relation.table.as_ref() == Some(table) {
                relation.table_columns.iter_mut().for_each(replace);
            }
            for key in &mut relation.constraints {
                if key.references.as_ref() == Some(table) {
                    key.referenced_columns.iter_mut().for_each(replace);
                }
            }
        }
    }

    pub(super) fn drop_objects(&mut self, drop: &DropObjects<'_>) {
        for name in &drop.names {
            match drop.kind {
                ObjectKind::Table
                | ObjectKind::ForeignTable
                | ObjectKind::View
                | ObjectKind::MaterializedView
                | ObjectKind::Sequence
                | ObjectKind::Index => {
                    let name = self.existing(name);
                    self.drop_relation(&name);
                }
                ObjectKind::Schema => {
                    let schema = name.name().folded();
                    let gone: Vec<ObjectName> =
                        self.relations.keys().filter(|name| name.schema == schema).cloned().collect();
                    gone.iter().for_each(|name| self.drop_relation(name));
                }
                ObjectKind::Type | ObjectKind::Domain => {
                    let schema = name.schema().map(|schema| schema.folded().into_owned());
                    let name = self.domain(schema.as_deref(), &name.name().folded());
                    self.types.remove(&name);
                }
                _ => {}
            }
        }
    }

    /// Drops a relation, its partitions, indexes and sequences, the views that read it, and the foreign keys
    /// that reference it.
    fn drop_relation(&mut self, name: &ObjectName) {
        self.partial.remove(name);
        let mut gone: Vec<ObjectName> = vec![name.clone()];
        gone.extend(self.descendants(name).into_iter().cloned());
        gone.extend(self.readers(name, None).into_iter().cloned());
        self.relations.retain(|name, relation| {
            !gone.contains(name) && !relation.table.as_ref().is_some_and(|table| gone.contains(table))
        });
        for relation in self.relations.values_mut() {
            relation.constraints.retain(|of| !of.references.as_ref().is_some_and(|of| gone.contains(of)));
        }
    }
}

/// Marks a check as validated; one that followed statements did not add is known by its name only.
fn validate_unknown(checks: &mut Vec<ConstraintFacts>, name: &str) {
    match checks.iter_mut().find(|of| of.name.as_deref() == Some(name)) {
        Some(check) => check.is_validated = true,
        None => checks.push(ConstraintFacts::new(Some(name.to_owned()), Kind::Check, Vec::new())),
    }
}

/// The facts about a named CHECK, or about a named NOT NULL, which says the same.
fn check_of(added: &statement::Constraint<'_>) -> Option<ConstraintFacts> {
    let expression = match &added.kind {
        ConstraintKind::Check { expression } => expression.text().to_owned(),
        ConstraintKind::NotNull { column: Some(column) } => format!("{column} IS NOT NULL"),
        _ => return None,
    };
    let mut check = ConstraintFacts::new(Some(added.name?.folded().into_owned()), Kind::Check, Vec::new());
    check.is_validated = added.not_valid.is_none() && added.enforced != Some(false);
    check.expression = Some(expression);
    Some(check)
}
