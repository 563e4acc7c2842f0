//! `NOT NULL`: proven by a constraint that is validated before.

use super::alter::{Changed, Table};
use super::constraint::validation;
use super::context::Context;
use super::names::sql;
use super::step::{Key, Place, Step, Undo};

/// Makes a column `NOT NULL`: since PostgreSQL 18 by a constraint that is added `NOT VALID`, before by a
/// CHECK that proves it.
pub(super) fn change(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    column: &str,
    folded: &str,
) -> Changed {
    let object = context.model.object(&table.alter.relation.name);
    let key = Key::NotNull(object.clone(), folded.to_owned());
    let facts = context.facts();
    let head = &table.head;
    if context.is_at_least(18) {
        let name = sql(&context.names.constraint(facts, &object, Some(folded), "not_null"));
        let action = format!("ADD CONSTRAINT {name} NOT NULL {column} NOT VALID");
        return Changed {
            undo: vec![Undo::of(key, format!("{head}DROP CONSTRAINT {name}"))],
            validations: vec![vec![validation(head, &name, &action)]],
            actions: vec![action],
            ..Changed::default()
        };
    }
    let name = sql(&context.names.constraint(facts, &object, Some(folded), "is_not_null"));
    let action = format!("ADD CONSTRAINT {name} CHECK ({column} IS NOT NULL) NOT VALID");
    let set =
        Step::new(format!("{head}ALTER COLUMN {column} SET NOT NULL, DROP CONSTRAINT {name}"), Place::Block)
            .undone_by([
                Undo::of(key, format!("{head}ALTER COLUMN {column} DROP NOT NULL")),
                Undo::new(format!("{head}{action}")),
                Undo::new(format!("{head}VALIDATE CONSTRAINT {name}")),
            ]);
    Changed {
        undo: vec![Undo::new(format!("{head}DROP CONSTRAINT {name}"))],
        validations: vec![vec![validation(head, &name, &action)], vec![set]],
        actions: vec![action],
        ..Changed::default()
    }
}
