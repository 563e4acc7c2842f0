//! Tables.

use super::column::serial_type;
use super::{Written, owner};
use crate::difference::context::Context;
use crate::difference::kinds::column::late_default;
use crate::difference::statement::{Statement, Statements, option_changes, options, parameter_changes, with};
use crate::objects::dependency::Key;
use crate::objects::details::Details;
use crate::objects::details::attached::Constraint;
use crate::objects::details::relation::{Column, Table};
use crate::objects::kind::Kind;
use crate::objects::name;
use crate::objects::object::Object;

impl Written for Table {
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements {
        let word = object.kind().word().to_uppercase();
        let columns = Context::columns(context.to, object, self);
        let mut statements: Vec<Statement> = vec![self.statement(object, context, &columns).into()];
        let prefix = format!("ALTER {word} {}", object.identity());
        let mut changes: Vec<String> = Vec::new();
        for (column, details) in &columns {
            changes.extend(details.after_creation(column));
        }
        let plain = Table::default();
        changes.extend(plain.security_changes(self));
        if !changes.is_empty() {
            statements.push(format!("{prefix} {}", changes.join(", ")).into());
        }
        statements.extend(owner(&word, object.identity(), &None, &self.owner).map(Statement::from));
        for (column, _) in &columns {
            if context.apart.contains(&Key::of(column)) {
                statements.extend(late_default(column, context));
            }
        }
        if !self.is_plain_partition(object, context) {
            statements.extend(self.attach(object).map(Statement::late));
        }
        statements.extend(plain.index_changes(self, object).map(Statement::late));
        Some(statements)
    }

    fn alter(&self, new: &Table, object: &Object, _: &Context<'_>) -> Statements {
        let fixed = |table: &Table| (table.partition_by.clone(), table.server.clone());
        if fixed(self) != fixed(new) {
            return None;
        }
        let word = object.kind().word().to_uppercase();
        let prefix = format!("ALTER {word} {}", object.identity());
        let mut statements: Vec<Statement> = Vec::new();
        let membership = (&self.partition_of, &self.bound) != (&new.partition_of, &new.bound);
        if let Some(parent) = self.partition_of.as_ref().filter(|_| membership) {
            statements.push(format!("ALTER TABLE {parent} DETACH PARTITION {}", object.identity()).into());
        }
        let changes = self.changes(new);
        if !changes.is_empty() {
            statements.push(format!("{prefix} {}", changes.join(", ")).into());
        }
        if self.tablespace != new.tablespace {
            let tablespace = new.tablespace.as_deref().unwrap_or("pg_default");
            statements.push(format!("{prefix} SET TABLESPACE {tablespace}").into());
        }
        statements.extend(owner(&word, object.identity(), &self.owner, &new.owner).map(Statement::from));
        if membership {
            statements.extend(new.attach(object).map(Statement::late));
        }
        statements.extend(self.index_changes(new, object).map(Statement::late));
        Some(statements)
    }
}

impl Table {
    /// `CREATE TABLE`.
    fn statement(&self, object: &Object, context: &Context<'_>, columns: &[(&Object, &Column)]) -> String {
        let unlogged = if self.unlogged { "UNLOGGED " } else { "" };
        let mut sql =
            format!("CREATE {unlogged}{} {}", object.kind().word().to_uppercase(), object.identity());
        if self.is_plain_partition(object, context) {
            let (parent, bound) = (self.partition_of.as_deref(), self.bound.as_deref());
            sql += &format!(" PARTITION OF {} {}", parent.unwrap_or_default(), bound.unwrap_or_default());
        } else {
            let mut lines: Vec<String> = Vec::new();
            if let Some(of_type) = &self.of_type {
                sql += &format!(" OF {of_type}");
            } else {
                let local =
                    columns.iter().filter(|(_, column)| !column.inherited || self.partition_of.is_some());
                lines.extend(local.map(|(object, column)| column_line(object, column, context)));
            }
            lines.extend(self.constraint_lines(object, context));
            if !lines.is_empty() || self.of_type.is_none() {
                sql += &list(&lines);
            }
        }
        if !self.inherits.is_empty() {
            sql += &format!(" INHERITS ({})", self.inherits.join(", "));
        }
        for (word, value) in
            [("PARTITION BY", &self.partition_by), ("SERVER", &self.server), ("USING", &self.access_method)]
        {
            if let Some(value) = value {
                sql += &format!(" {word} {value}");
            }
        }
        sql += &options(&self.foreign_options);
        sql += &with(&self.options);
        if let Some(tablespace) = &self.tablespace {
            sql += &format!(" TABLESPACE {tablespace}");
        }
        sql
    }

    fn constraint_lines(&self, object: &Object, context: &Context<'_>) -> Vec<String> {
        let constraints = constraints(object, context).filter(|(constraint, details)| {
            let is_inherited = details.inherited && self.partition_of.is_none();
            !is_inherited && context.created_with(constraint).is_some()
        });
        constraints.map(|(constraint, details)| details.sql(constraint)).collect()
    }

    /// True if a partition says nothing that its parent does not say.
    fn is_plain_partition(&self, object: &Object, context: &Context<'_>) -> bool {
        let Some(parent) = &self.partition_of else { return false };
        let Some(parent) = context.to.find(Kind::Table, parent) else { return false };
        let Some(Details::Table(table)) = parent.details() else { return false };
        let of_parent = Context::columns(context.to, parent, table);
        let own = Context::columns(context.to, object, self);
        let equal = |((_, old), (_, new)): (&(&Object, &Column), &(&Object, &Column))| {
            new.inherited && old.as_local() == new.as_local()
        };
        let has_index = context.to.objects().iter().any(|other| {
            let is_index = matches!(other.kind(), Kind::Index | Kind::Comment);
            is_index && other.table() == Some(object.identity())
        });
        own.len() == of_parent.len()
            && of_parent.iter().zip(&own).all(equal)
            && constraints(object, context).all(|(_, constraint)| constraint.inherited)
            && !has_index
    }

    fn attach(&self, object: &Object) -> Option<String> {
        let (parent, bound) = (self.partition_of.as_ref()?, self.bound.as_ref()?);
        Some(format!("ALTER TABLE {parent} ATTACH PARTITION {} {bound}", object.identity()))
    }

    /// The subcommands that fit into one statement.
    fn changes(&self, new: &Table) -> Vec<String> {
        let mut changes = Vec::new();
        if self.unlogged != new.unlogged {
            changes.push(if new.unlogged { "SET UNLOGGED" } else { "SET LOGGED" }.to_owned());
        }
        if self.of_type != new.of_type {
            changes.push(new.of_type.as_ref().map_or("NOT OF".to_owned(), |name| format!("OF {name}")));
        }
        let without = |one: &Table, other: &Table| {
            let names = one.inherits.iter().filter(|name| !other.inherits.contains(name));
            names.cloned().collect::<Vec<_>>()
        };
        changes.extend(without(self, new).iter().map(|parent| format!("NO INHERIT {parent}")));
        changes.extend(without(new, self).iter().map(|parent| format!("INHERIT {parent}")));
        if self.access_method != new.access_method {
            changes.push(format!("SET ACCESS METHOD {}", new.access_method.as_deref().unwrap_or("heap")));
        }
        changes.extend(option_changes(&self.foreign_options, &new.foreign_options));
        changes.extend(parameter_changes(&self.options, &new.options));
        changes.extend(self.security_changes(new));
        changes
    }

    fn security_changes(&self, new: &Table) -> Vec<String> {
        let mut changes = Vec::new();
        if self.row_security != new.row_security {
            changes.push(if new.row_security {
                "ENABLE ROW LEVEL SECURITY"
            } else {
                "DISABLE ROW LEVEL SECURITY"
            });
        }
        if self.forced_row_security != new.forced_row_security {
            let forced = new.forced_row_security;
            changes.push(if forced { "FORCE ROW LEVEL SECURITY" } else { "NO FORCE ROW LEVEL SECURITY" });
        }
        changes.into_iter().map(str::to_owned).collect()
    }

    /// The subcommands that name an index of the table; the index has to exist.
    fn index_changes(&self, new: &Table, object: &Object) -> Option<String> {
        let mut changes = Vec::new();
        if object.kind() == Kind::ForeignTable {
            return None;
        }
        if self.replica_identity != new.replica_identity {
            changes
                .push(format!("REPLICA IDENTITY {}", new.replica_identity.as_deref().unwrap_or("DEFAULT")));
        }
        if self.cluster_on != new.cluster_on {
            let cluster = new.cluster_on.as_ref().map(|index| format!("CLUSTER ON {index}"));
            changes.push(cluster.unwrap_or_else(|| "SET WITHOUT CLUSTER".to_owned()));
        }
        (!changes.is_empty()).then(|| format!("ALTER TABLE {} {}", object.identity(), changes.join(", ")))
    }
}

/// The column's line in `CREATE TABLE`.
fn column_line(object: &Object, column: &Column, context: &Context<'_>) -> String {
    let owns = |sequence: &&Object| {
        sequence.kind() == Kind::Sequence
            && context.serial_column(sequence).is_some_and(|owner| owner.identity() == object.identity())
    };
    if context.to.objects().iter().any(|object| owns(&object)) {
        return format!("{} {}", name::last(object.identity()), serial_type(&column.data_type));
    }
    column.sql(object, !context.apart.contains(&Key::of(object)))
}

fn constraints<'c>(
    table: &Object,
    context: &Context<'c>,
) -> impl Iterator<Item = (&'c Object, &'c Constraint)> + use<'c> {
    let identity = table.identity().to_owned();
    context.to.objects().iter().filter_map(move |object| match object.details() {
        Some(Details::Constraint(constraint)) if object.table() == Some(&identity) => {
            Some((object, constraint))
        }
        _ => None,
    })
}

fn list(lines: &[String]) -> String {
    if lines.is_empty() { " ()".to_owned() } else { format!(" (\n    {}\n)", lines.join(",\n    ")) }
}
