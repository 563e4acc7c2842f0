//! Constraints of tables.

use super::Written;
use crate::difference::context::Context;
use crate::difference::statement::{Statements, one, with};
use crate::objects::details::attached::Constraint;
use crate::objects::name;
use crate::objects::object::Object;

const NOT_VALID: &str = " NOT VALID";

impl Written for Constraint {
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements {
        if context.created_with(object).is_some() || self.inherited {
            return Some(Vec::new());
        }
        let not_valid = if self.not_valid { NOT_VALID } else { "" };
        one(format!(
            "ALTER {} {} ADD {}{not_valid}",
            context.table_word(object),
            object.table()?,
            self.sql(object)
        ))
    }

    fn alter(&self, new: &Constraint, object: &Object, _: &Context<'_>) -> Statements {
        let valid = Constraint { inherited: new.inherited, not_valid: false, ..self.clone() };
        let definition = self.definition.strip_suffix(NOT_VALID).unwrap_or(&self.definition).to_owned();
        let valid = Constraint { definition, ..valid };
        let prefix = format!("ALTER TABLE {}", object.table()?);
        let name = name::last(object.identity());
        if (Constraint { inherited: new.inherited, ..self.clone() }) == *new {
            Some(Vec::new())
        } else if valid == *new {
            one(format!("{prefix} VALIDATE CONSTRAINT {name}"))
        } else if self.form == "f" && (Constraint { definition: new.definition.clone(), ..valid }) == *new {
            let (old, deferrability) = (undeferred(&self.definition), undeferred(&new.definition).1);
            let is_same = old.0 == undeferred(&new.definition).0;
            let deferrability = if deferrability.is_empty() { " NOT DEFERRABLE" } else { deferrability };
            is_same.then(|| vec![format!("{prefix} ALTER CONSTRAINT {name}{deferrability}").into()])
        } else {
            None
        }
    }

    fn drop(&self, object: &Object, context: &Context<'_>) -> Statements {
        let name = name::last(object.identity());
        one(format!("ALTER {} {} DROP CONSTRAINT {name}", context.table_word(object), object.table()?))
    }
}

impl Constraint {
    /// True if the rows that were there before it may break it.
    pub(in crate::difference) fn is_not_valid(&self) -> bool {
        self.not_valid || self.definition.ends_with(NOT_VALID)
    }

    /// The constraint as it stands in a statement.
    pub(in crate::difference) fn sql(&self, object: &Object) -> String {
        let (body, deferrability) = undeferred(&self.definition);
        // The parameters of an exclusion constraint's index come before its condition.
        let (body, condition) = match body.find(" WHERE (").filter(|_| self.form == "x") {
            Some(at) => body.split_at(at),
            None => (body, ""),
        };
        let tablespace = self.tablespace.as_ref().map(|name| format!(" USING INDEX TABLESPACE {name}"));
        let no_inherit = if self.no_inherit { " NO INHERIT" } else { "" };
        format!(
            "CONSTRAINT {} {body}{}{}{condition}{no_inherit}{deferrability}",
            name::last(object.identity()),
            with(&self.options),
            tablespace.unwrap_or_default(),
        )
    }
}

/// A definition without its deferrability, and that.
fn undeferred(definition: &str) -> (&str, &str) {
    let suffixes = [" DEFERRABLE INITIALLY DEFERRED", " DEFERRABLE"];
    let suffix = suffixes.into_iter().find(|suffix| definition.ends_with(suffix)).unwrap_or_default();
    definition.split_at(definition.len() - suffix.len())
}
