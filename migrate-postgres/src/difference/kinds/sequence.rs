//! Sequences.

use super::{Written, owner};
use crate::difference::context::Context;
use crate::difference::statement::{Statement, Statements, literal};
use crate::objects::details::relation::{Sequence, SequenceOptions};
use crate::objects::object::Object;

impl Written for Sequence {
    fn create(&self, object: &Object, context: &Context<'_>) -> Statements {
        if context.created_with(object).is_some() {
            return Some(Vec::new());
        }
        let unlogged = if self.unlogged { "UNLOGGED " } else { "" };
        let options = &self.options;
        let mut sql = format!("CREATE {unlogged}SEQUENCE {}", object.identity());
        if options.sequence_type != "bigint" {
            sql += &format!(" AS {}", options.sequence_type);
        }
        for option in options.sql(&SequenceOptions::usual(&options.sequence_type, &options.increment)) {
            sql += &format!(" {option}");
        }
        let mut statements = vec![Statement::from(sql)];
        statements.extend(owner("SEQUENCE", object.identity(), &None, &self.owner).map(Statement::from));
        statements.extend(self.owned_by.as_ref().map(|column| owned_by(object, column)));
        Some(statements)
    }

    fn alter(&self, new: &Sequence, object: &Object, _: &Context<'_>) -> Statements {
        let mut changes = Vec::new();
        let (old, options) = (&self.options, &new.options);
        let mut base = old.clone();
        if old.sequence_type != options.sequence_type {
            changes.push(format!("AS {}", options.sequence_type));
            // A bound that was the old type's becomes the new type's.
            let (usual, other) = (
                SequenceOptions::usual(&old.sequence_type, &old.increment),
                SequenceOptions::usual(&options.sequence_type, &old.increment),
            );
            if base.minimum == usual.minimum {
                base.minimum = other.minimum;
            }
            if base.maximum == usual.maximum {
                base.maximum = other.maximum;
            }
        }
        changes.extend(options.sql(&base));
        let mut statements: Vec<Statement> = moved_into_bounds(object.identity(), old, options);
        if !changes.is_empty() {
            statements.push(format!("ALTER SEQUENCE {} {}", object.identity(), changes.join(" ")).into());
        }
        if self.unlogged != new.unlogged {
            let word = if new.unlogged { "UNLOGGED" } else { "LOGGED" };
            statements.push(format!("ALTER SEQUENCE {} SET {word}", object.identity()).into());
        }
        if self.owned_by != new.owned_by {
            statements.push(owned_by(object, new.owned_by.as_deref().unwrap_or("NONE")));
        }
        statements.extend(owner("SEQUENCE", object.identity(), &self.owner, &new.owner).map(Statement::from));
        Some(statements)
    }
}

/// The statement that moves the value of a sequence into its new bounds, if it may be outside of them.
pub(super) fn moved_into_bounds(name: &str, old: &SequenceOptions, new: &SequenceOptions) -> Vec<Statement> {
    let number = |text: &str| text.parse::<i128>().unwrap_or_default();
    let value = |bound: &str, sign: char| {
        let sql = format!(
            "SELECT setval({}, {bound}, false) FROM {name} WHERE last_value {sign} {bound}",
            literal(name)
        );
        let is_possible = (number(&old.minimum)..=number(&old.maximum)).contains(&number(bound));
        is_possible.then(|| Statement::from(sql))
    };
    let raised = (number(&new.minimum) > number(&old.minimum)).then(|| value(&new.minimum, '<')).flatten();
    let lowered = (number(&new.maximum) < number(&old.maximum)).then(|| value(&new.maximum, '>')).flatten();
    raised.into_iter().chain(lowered).collect()
}

fn owned_by(object: &Object, column: &str) -> Statement {
    Statement::late(format!("ALTER SEQUENCE {} OWNED BY {column}", object.identity()))
}
