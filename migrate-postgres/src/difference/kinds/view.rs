//! Views and materialized views.

use super::{Written, owner};
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, parameter_changes, with};
use crate::objects::details::relation::{View, ViewColumn};
use crate::objects::kind::Kind;
use crate::objects::object::Object;

impl Written for View {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let mut statements = vec![self.statement(object, "CREATE").into()];
        statements.extend(View::default().changes(self, object));
        Some(statements)
    }

    fn alter(&self, new: &View, object: &Object, _: &Context<'_>) -> Statements {
        let shape = |column: &ViewColumn| (column.column.clone(), column.data_type.clone());
        let columns = |view: &View| view.columns.iter().map(shape).collect::<Vec<_>>();
        let is_same = self.query == new.query && columns(self) == columns(new);
        let mut statements: Vec<Statement> = Vec::new();
        let word = object.kind().word().to_uppercase();
        if !is_same {
            if object.kind() == Kind::MaterializedView || !columns(new).starts_with(&columns(self)) {
                return None;
            }
            statements.push(new.statement(object, "CREATE OR REPLACE").into());
        } else {
            let changes = parameter_changes(&self.view_options, &new.view_options);
            let changes = changes.iter().map(|change| format!("ALTER {word} {} {change}", object.identity()));
            statements.extend(changes.map(Statement::from));
        }
        let old = View { view_options: new.view_options.clone(), ..self.clone() };
        if self.tablespace != new.tablespace {
            let tablespace = new.tablespace.as_deref().unwrap_or("pg_default");
            statements.push(format!("ALTER {word} {} SET TABLESPACE {tablespace}", object.identity()).into());
        }
        statements.extend(old.changes(new, object));
        Some(statements)
    }
}

impl View {
    fn statement(&self, object: &Object, create: &str) -> String {
        let word = object.kind().word().to_uppercase();
        let is_materialized = object.kind() == Kind::MaterializedView;
        let tablespace = self.tablespace.as_ref().filter(|_| is_materialized);
        let tablespace = tablespace.map(|name| format!(" TABLESPACE {name}")).unwrap_or_default();
        // A check option stands in the options, too.
        let (name, options) = (object.identity(), with(&self.view_options));
        format!("{create} {word} {name}{options}{tablespace} AS\n{}", self.query.trim_end_matches(';'))
    }

    /// The changes of columns, clustering and owner.
    fn changes(&self, new: &View, object: &Object) -> Vec<Statement> {
        let alter = format!("ALTER {} {}", object.kind().word().to_uppercase(), object.identity());
        let mut statements = Vec::new();
        for column in &new.columns {
            let plain = ViewColumn::default();
            let old = self.columns.iter().find(|old| old.column == column.column).unwrap_or(&plain);
            let changes = old.changes(column);
            statements.extend(
                changes.map(|change| format!("{alter} ALTER COLUMN {} {change}", column.column).into()),
            );
        }
        if self.cluster_on != new.cluster_on {
            let cluster = new.cluster_on.as_ref().map(|index| format!("CLUSTER ON {index}"));
            let cluster = cluster.unwrap_or_else(|| "SET WITHOUT CLUSTER".to_owned());
            statements.push(Statement::late(format!("{alter} {cluster}")));
        }
        let word = object.kind().word().to_uppercase();
        statements.extend(owner(&word, object.identity(), &self.owner, &new.owner).map(Statement::from));
        statements
    }
}

impl ViewColumn {
    fn changes(&self, new: &ViewColumn) -> impl Iterator<Item = String> + use<> {
        let mut changes = Vec::new();
        if self.expression != new.expression {
            let set = new.expression.as_ref().map(|expression| format!("SET DEFAULT {expression}"));
            changes.push(set.unwrap_or_else(|| "DROP DEFAULT".to_owned()));
        }
        for (word, old, value, usual) in [
            ("STORAGE", &self.storage, &new.storage, "DEFAULT"),
            ("COMPRESSION", &self.compression, &new.compression, "default"),
            ("STATISTICS", &self.statistics, &new.statistics, "-1"),
        ] {
            if old != value {
                changes.push(format!("SET {word} {}", value.as_deref().unwrap_or(usual)));
            }
        }
        let list = |options: &Option<String>| {
            options.iter().flat_map(|text| text.split(", ").map(str::to_owned)).collect::<Vec<_>>()
        };
        changes.extend(parameter_changes(&list(&self.options), &list(&new.options)));
        changes.into_iter()
    }
}
