//! `ALTER TABLE`: each action that blocks for long becomes one that does not, with later steps.

use super::column;
use super::constraint::{self, Added};
use super::context::{Context, Rewritten, merge, written};
use super::not_null;
use super::partition;
use super::step::{Key, Place, Step, Undo, keys};
use super::unique;
use crate::lint::finding::Finding;
use crate::sql::statement::{
    AlterAction, AlterActionKind as Action, AlterRelation, ColumnChange, ConstraintKind, ObjectKind, Span,
};
use crate::sql::{TokenKind, tokens};

/// An action of an `ALTER TABLE` after the rewrite.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// The actions in its place; none if all of it runs later.
    pub(super) actions: Vec<String>,
    /// Statements before the `ALTER TABLE`, and after it.
    pub(super) before: Vec<Step>,
    pub(super) behind: Vec<Step>,
    pub(super) undo: Vec<Undo>,
    pub(super) keys: Vec<Key>,
    /// Stages that read the table after the statement.
    pub(super) validations: Vec<Vec<Step>>,
    /// Stages that fill a column in batches, and constrain it.
    pub(super) fills: Vec<Vec<Step>>,
    /// Stages that build the indexes of unique constraints.
    pub(super) uniques: Vec<Vec<Step>>,
    /// Stages that make the primary key.
    pub(super) primary: Vec<Vec<Step>>,
    pub(super) refused: Vec<(Finding, String)>,
}

/// The `ALTER TABLE` that contains an action.
pub(super) struct Table<'a, 'c> {
    pub(super) alter: &'c AlterRelation<'a>,
    /// `ALTER TABLE t`, with a space after it.
    pub(super) head: String,
}

const PARTITION_RULES: [&str; 2] = ["attach-partition-scans", "detach-not-concurrent"];

pub(super) fn rewrite(context: &mut Context<'_>, alter: &AlterRelation<'_>) -> Rewritten {
    if alter.kind != ObjectKind::Table {
        return context.refused("only tables are handled");
    }
    if let [action] = alter.actions.as_slice()
        && !context.found(action.span, &PARTITION_RULES).is_empty()
    {
        return partition::alter(context, alter, &action.kind);
    }
    let if_exists = if alter.if_exists { "IF EXISTS " } else { "" };
    let relation = alter.relation.span.text(context.text);
    let table = Table { alter, head: format!("ALTER TABLE {if_exists}{relation} ") };
    let changed: Vec<Changed> = alter.actions.iter().map(|action| change(context, &table, action)).collect();
    assemble(context, alter, changed)
}

fn change(context: &mut Context<'_>, table: &Table<'_, '_>, action: &AlterAction<'_>) -> Changed {
    let text = action.span.text(context.text);
    let as_is = |context: &Context<'_>| Changed {
        actions: vec![text.to_owned()],
        keys: keys(&format!("{}{text}", table.head), context.model).into_iter().flatten().collect(),
        ..Changed::default()
    };
    let changed = match &action.kind {
        Action::AddColumn { column, if_not_exists } => {
            return column::change(context, table, action.span, column, *if_not_exists, as_is(context));
        }
        Action::AddConstraint(constraint) => {
            let found = context.found(action.span, &[constraint::rule(&constraint.kind)]);
            match found.is_empty() {
                true => return as_is(context),
                false => add_constraint(context, table, &Added::of_table(context.text, constraint)),
            }
        }
        Action::AlterColumn { column: Some(column), change: ColumnChange::SetNotNull } => {
            if context.found(action.span, &["not-null-scans"]).is_empty() {
                return as_is(context);
            }
            Ok(not_null::change(context, table, &written(column), &column.folded()))
        }
        _ => return as_is(context),
    };
    changed.unwrap_or_else(|reason| {
        let found = context.found(action.span, &constraint::RULES);
        let refused = found.into_iter().map(|finding| (finding.clone(), reason.clone())).collect();
        Changed { refused, ..as_is(context) }
    })
}

/// Adds a constraint without blocking.
pub(super) fn add_constraint(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    added: &Added<'_>,
) -> Result<Changed, String> {
    match added.kind {
        ConstraintKind::Check { .. } | ConstraintKind::ForeignKey(_) => {
            constraint::add(context, table, added)
        }
        ConstraintKind::NotNull { .. } => constraint::add(context, table, added),
        ConstraintKind::Unique(index) => unique::add_unique(context, table, added, index),
        ConstraintKind::PrimaryKey(index) => unique::add_primary(context, table, added, index),
        ConstraintKind::Exclude(_) => Err("no index that exists can enforce it".to_owned()),
    }
}

/// Joins the actions that stay into one statement, followed by the later stages.
fn assemble(context: &Context<'_>, alter: &AlterRelation<'_>, changed: Vec<Changed>) -> Rewritten {
    let mut rewritten = Rewritten::default();
    let mut step = Step::new(head(context.text, alter), Place::Block);
    let (mut fills, mut uniques, mut primary) = (Vec::new(), Vec::new(), Vec::new());
    let mut behind = Vec::new();
    let mut is_empty = true;
    for (at, changed) in changed.into_iter().enumerate() {
        let before = separator(context.text, alter, at);
        for (number, action) in changed.actions.iter().enumerate() {
            if !is_empty {
                step.text.push_str(if number == 0 { before } else { between(context.text, alter) });
            }
            step.text.push_str(action);
            is_empty = false;
        }
        if changed.actions.is_empty() || step.undo.is_empty() && at > 0 && is_empty {
            step.comments.push_str(&comments(before));
        }
        step.undo.splice(0..0, changed.undo);
        step.keys.extend(changed.keys);
        merge(&mut rewritten.later, changed.validations);
        merge(&mut fills, changed.fills);
        merge(&mut uniques, changed.uniques);
        merge(&mut primary, changed.primary);
        rewritten.first.extend(changed.before);
        behind.extend(changed.behind);
        rewritten.refused.extend(changed.refused);
    }
    rewritten.only_validates = fills.is_empty() && uniques.is_empty() && primary.is_empty();
    rewritten.later.extend(fills);
    rewritten.later.extend(uniques);
    rewritten.later.extend(primary);
    if is_empty {
        let comments = step.comments;
        if let Some(first) = rewritten.later.first_mut().and_then(|stage| stage.first_mut()) {
            first.comments.insert_str(0, &comments);
        }
    } else if step.text != context.text || !rewritten.later.is_empty() {
        rewritten.first.push(step);
    }
    rewritten.first.extend(behind);
    rewritten
}

/// The text of the statement before its first action.
fn head(text: &str, alter: &AlterRelation<'_>) -> String {
    text[..alter.actions.first().map_or(text.len(), |action| action.span.start)].to_owned()
}

/// The text between an action and the one before it.
fn separator<'t>(text: &'t str, alter: &AlterRelation<'_>, at: usize) -> &'t str {
    let Some(before) = at.checked_sub(1) else { return ", " };
    &text[alter.actions[before].span.end..alter.actions[at].span.start]
}

/// The text between an action and one that is added after it.
fn between<'t>(text: &'t str, alter: &AlterRelation<'_>) -> &'t str {
    let first = if alter.actions.len() > 1 { separator(text, alter, 1) } else { ", " };
    if tokens(first).any(|token| matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment)) {
        ", "
    } else {
        first
    }
}

/// The comments in a text, each on its own line.
pub(super) fn comments(text: &str) -> String {
    let is_comment = |kind| matches!(kind, TokenKind::LineComment | TokenKind::BlockComment);
    let comments = tokens(text).filter(|token| is_comment(token.kind));
    comments.map(|token| format!("{}\n", token.text(text).trim_end())).collect()
}

/// A part of the statement without some spans in it, and without the white space before those.
pub(super) fn without(text: &str, span: Span, cut: &[Span]) -> String {
    let mut kept = String::new();
    let mut from = span.start;
    for cut in cut {
        kept.push_str(text[from..cut.start].trim_end());
        from = cut.end;
    }
    kept.push_str(&text[from..span.end]);
    kept
}
