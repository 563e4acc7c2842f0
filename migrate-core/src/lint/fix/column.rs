//! `ADD COLUMN`: its constraints are added after it, and the values of its rows.

use super::alter::{Changed, Table, add_constraint, without};
use super::constraint::{Added, rule};
use super::context::{Context, merge};
use super::fill;
use super::unique::is_not_null;
use crate::sql::statement::{ColumnDefinition, ConstraintKind, Span};

/// Adds a column without the constraints that block for long, and these after it.
pub(super) fn change(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    action: Span,
    column: &ColumnDefinition<'_>,
    if_not_exists: bool,
    as_is: Changed,
) -> Changed {
    let mut changed = as_is;
    let found = context.found(action, &fill::RULES);
    if !found.is_empty() {
        match fill::change(context, table, action, column, if_not_exists) {
            Ok(filled) => return Changed { keys: changed.keys, ..filled },
            Err(reason) => {
                changed.refused.extend(found.into_iter().map(|finding| (finding.clone(), reason.clone())));
            }
        }
    }
    let mut cut = Vec::new();
    let mut added_actions = Vec::new();
    let mut is_key = false;
    for constraint in &column.constraints {
        let found = context.found(constraint.span, &[rule(&constraint.kind)]);
        if found.is_empty() {
            continue;
        }
        let added = Added::of_column(context.text, constraint, column.name);
        let result = if if_not_exists {
            Err("whether the column exists is not known".to_owned())
        } else {
            add_constraint(context, table, &added)
        };
        match result {
            Ok(added) => {
                cut.push(constraint.span);
                added_actions.extend(added.actions);
                changed.undo.splice(0..0, added.undo);
                merge(&mut changed.validations, added.validations);
                merge(&mut changed.uniques, added.uniques);
                merge(&mut changed.primary, added.primary);
                is_key |= matches!(constraint.kind, ConstraintKind::PrimaryKey(_));
            }
            Err(reason) => {
                let refused = found.into_iter().map(|finding| (finding.clone(), reason.clone()));
                changed.refused.extend(refused);
            }
        }
    }
    if !cut.is_empty() {
        let mut text = without(context.text, action, &cut);
        if is_key && !is_not_null(column) {
            text.push_str(" NOT NULL");
        }
        changed.actions = vec![text];
        changed.actions.extend(added_actions);
    }
    changed
}
