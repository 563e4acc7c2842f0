//! Types and domains.

use super::{Written, owner};
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, literal};
use crate::objects::dependency::Key;
use crate::objects::details::types::{Base, Domain, Range, Type, TypeAttribute, TypeForm};
use crate::objects::name;
use crate::objects::object::Object;

impl Written for Type {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let name = object.identity();
        let sql = match &self.form {
            TypeForm::Enum(labels) => format!("CREATE TYPE {name} AS ENUM ({})", labels.join(", ")),
            TypeForm::Composite(attributes) => {
                let attributes: Vec<String> = attributes.iter().map(TypeAttribute::sql).collect();
                format!("CREATE TYPE {name} AS ({})", attributes.join(", "))
            }
            TypeForm::Range(range) => format!("CREATE TYPE {name} AS RANGE ({})", range.sql(name)),
            TypeForm::Base(base) => format!("CREATE TYPE {name} ({})", base.sql()),
            TypeForm::Shell => format!("CREATE TYPE {name}"),
        };
        let owner = owner("TYPE", name, &None, &self.owner);
        Some([sql].into_iter().chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &Type, object: &Object, _: &Context<'_>) -> Statements {
        let mut statements: Vec<Statement> = match (&self.form, &new.form) {
            (old, new) if old == new => Vec::new(),
            (TypeForm::Enum(old), TypeForm::Enum(new)) => added_labels(old, new, object)?,
            (TypeForm::Composite(old), TypeForm::Composite(new)) => attribute_changes(old, new, object)?,
            _ => return None,
        };
        statements.extend(owner("TYPE", object.identity(), &self.owner, &new.owner).map(Statement::from));
        Some(statements)
    }
}

/// The statements that add labels to an enum; none if others are missing or in another order.
fn added_labels(old: &[String], new: &[String], object: &Object) -> Option<Vec<Statement>> {
    let kept: Vec<&String> = new.iter().filter(|label| old.contains(label)).collect();
    if kept != old.iter().collect::<Vec<_>>() {
        return None;
    }
    let add = |(index, label): (usize, &String)| {
        let place = match index.checked_sub(1) {
            Some(before) if new[index + 1..].iter().any(|later| old.contains(later)) => {
                format!(" AFTER {}", new[before])
            }
            Some(_) => String::new(),
            None => format!(" BEFORE {}", old.first()?),
        };
        let sql = format!("ALTER TYPE {} ADD VALUE {label}{place}", object.identity());
        Some(Statement { commits: true, ..Statement::early(sql) })
    };
    new.iter().enumerate().filter(|(_, label)| !old.contains(label)).map(add).collect()
}

/// The statement that changes the attributes of a composite type; none if their order differs.
fn attribute_changes(
    old: &[TypeAttribute],
    new: &[TypeAttribute],
    object: &Object,
) -> Option<Vec<Statement>> {
    let find = |list: &[TypeAttribute], name: &str| list.iter().find(|one| one.attribute == name).cloned();
    let dropped = old.iter().filter(|one| find(new, &one.attribute).is_none());
    let mut changes: Vec<String> = dropped.map(|one| format!("DROP ATTRIBUTE {}", one.attribute)).collect();
    let kept: Vec<&TypeAttribute> = old.iter().filter(|one| find(new, &one.attribute).is_some()).collect();
    for (index, attribute) in new.iter().enumerate() {
        match find(old, &attribute.attribute) {
            None if index < kept.len() => return None,
            None => changes.push(format!("ADD ATTRIBUTE {}", attribute.sql())),
            Some(_) if kept.get(index).map(|one| &one.attribute) != Some(&attribute.attribute) => {
                return None;
            }
            Some(before) if before != *attribute => {
                let collation = attribute.collation.as_ref().map(|name| format!(" COLLATE {name}"));
                let (name, data_type) = (&attribute.attribute, &attribute.data_type);
                changes.push(format!(
                    "ALTER ATTRIBUTE {name} TYPE {data_type}{}",
                    collation.unwrap_or_default()
                ));
            }
            Some(_) => {}
        }
    }
    Some(vec![format!("ALTER TYPE {} {}", object.identity(), changes.join(", ")).into()])
}

impl Range {
    fn sql(&self, name: &str) -> String {
        let mut options = vec![format!("SUBTYPE = {}", self.subtype)];
        for (word, value) in [
            ("SUBTYPE_OPCLASS", &self.operator_class),
            ("COLLATION", &self.collation),
            ("CANONICAL", &self.canonical),
            ("SUBTYPE_DIFF", &self.difference),
        ] {
            options.extend(value.as_ref().map(|value| format!("{word} = {value}")));
        }
        let schema = name::schema(name).map(|schema| format!("{schema}.")).unwrap_or_default();
        let base = name::unquoted(name::last(name));
        let usual = if base.contains("range") {
            base.replacen("range", "multirange", 1)
        } else {
            format!("{base}_multirange")
        };
        if self.multirange != format!("{schema}{}", crate::sql::quote::quote_if_needed(&usual)) {
            options.push(format!("MULTIRANGE_TYPE_NAME = {}", self.multirange));
        }
        options.join(", ")
    }
}

impl Base {
    fn sql(&self) -> String {
        let alignment = match self.alignment.as_str() {
            "c" => "char",
            "s" => "int2",
            "d" => "double",
            _ => "int4",
        };
        let storage = match self.storage.as_str() {
            "e" => "external",
            "x" => "extended",
            "m" => "main",
            _ => "plain",
        };
        let length = if self.length == "-1" { "VARIABLE" } else { &self.length };
        let mut options = vec![format!("INPUT = {}", self.input), format!("OUTPUT = {}", self.output)];
        options.extend(self.receive.as_ref().map(|function| format!("RECEIVE = {function}")));
        options.extend(self.send.as_ref().map(|function| format!("SEND = {function}")));
        options.extend([
            format!("INTERNALLENGTH = {length}"),
            format!("ALIGNMENT = {alignment}"),
            format!("STORAGE = {storage}"),
            format!("CATEGORY = {}", literal(&self.category)),
        ]);
        options.extend(self.by_value.then(|| "PASSEDBYVALUE".to_owned()));
        options.join(", ")
    }
}

impl Written for Domain {
    fn create(&self, object: &Object, _: &Context<'_>) -> Statements {
        let mut sql = format!("CREATE DOMAIN {} AS {}", object.identity(), self.data_type);
        if let Some(collation) = &self.collation {
            sql += &format!(" COLLATE {collation}");
        }
        if let Some(expression) = &self.expression {
            sql += &format!(" DEFAULT {expression}");
        }
        if self.not_null {
            sql += " NOT NULL";
        }
        let mut apart = Vec::new();
        for constraint in &self.constraints {
            let text = format!("CONSTRAINT {} {}", constraint.constraint, constraint.definition);
            if text.ends_with(" NOT VALID") {
                apart.push(format!("ALTER DOMAIN {} ADD {text}", object.identity()));
            } else {
                sql += &format!(" {text}");
            }
        }
        let owner = owner("DOMAIN", object.identity(), &None, &self.owner);
        Some([sql].into_iter().chain(apart).chain(owner).map(Statement::from).collect())
    }

    fn alter(&self, new: &Domain, object: &Object, _: &Context<'_>) -> Statements {
        if (&self.data_type, &self.collation) != (&new.data_type, &new.collation) {
            return None;
        }
        let alter = format!("ALTER DOMAIN {}", object.identity());
        let mut statements = Vec::new();
        if self.expression != new.expression {
            let set = new.expression.as_ref().map(|expression| format!("SET DEFAULT {expression}"));
            statements.push(format!("{alter} {}", set.unwrap_or_else(|| "DROP DEFAULT".to_owned())));
        }
        if self.not_null != new.not_null {
            statements.push(format!("{alter} {} NOT NULL", if new.not_null { "SET" } else { "DROP" }));
        }
        for constraint in self.constraints.iter().filter(|constraint| !new.constraints.contains(constraint)) {
            statements.push(format!("{alter} DROP CONSTRAINT {}", constraint.constraint));
        }
        for constraint in new.constraints.iter().filter(|constraint| !self.constraints.contains(constraint)) {
            statements
                .push(format!("{alter} ADD CONSTRAINT {} {}", constraint.constraint, constraint.definition));
        }
        statements.extend(owner("DOMAIN", object.identity(), &self.owner, &new.owner));
        Some(statements.into_iter().map(Statement::from).collect())
    }
}

/// The name of a type that is to be dropped once no column needs it.
fn name_away(key: &Key) -> String {
    crate::sql::quote::quote_if_needed(&format!("{}__old", name::unquoted(name::last(&key.identity))))
}

/// The statement that gives way to the new type of the same name.
pub(in crate::difference) fn rename_away(key: &Key) -> String {
    format!("ALTER {} {} RENAME TO {}", key.kind.word().to_uppercase(), key.identity, name_away(key))
}

/// The statement that drops the old type.
pub(in crate::difference) fn drop_renamed(key: &Key) -> String {
    let schema = name::schema(&key.identity).map(|schema| format!("{schema}.")).unwrap_or_default();
    format!("DROP {} {schema}{}", key.kind.word().to_uppercase(), name_away(key))
}
