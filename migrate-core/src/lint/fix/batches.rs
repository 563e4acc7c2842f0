//! `UPDATE` and `DELETE` of all rows: in batches.

use super::context::{Context, Rewritten, path};
use super::step::{Place, Step, keys};
use crate::lint::model::Model;
use crate::set::options::Batch;
use crate::sql::facts::{ConstraintFactsKind, Facts, ObjectName, RelationKind};
use crate::sql::statement::{Fragment, LexedStatement, QualifiedName, StatementKind as Kind};
use std::borrow::Cow;

/// The rules whose findings batches remove. A down script has none.
pub(super) const RULES: [&str; 4] =
    ["backfill-in-transaction", "volatile-default", "serial-column", "identity-column"];

/// Puts the statement into a script of its own, which runs in batches.
pub(super) fn rewrite(context: &Context<'_>) -> Rewritten {
    match unsound(context).or_else(|| unfit(context)) {
        Some(reason) => context.refused(&reason),
        None => {
            let keys = keys(context.text, context.model).into_iter().flatten().collect();
            Rewritten::one(Step { keys, ..Step::new(context.text, Place::Batches) })
        }
    }
}

/// The reason why a script in batches can't have the statements that a rewrite puts into it.
pub(super) fn unfit(context: &Context<'_>) -> Option<String> {
    if let Some(line) = context.setting {
        return Some(format!(
            "a script in batches is one statement, without the setting in line {line}: a timeout may be an option \
             of the header"
        ));
    }
    let is_placeholder = context.text.contains("${");
    is_placeholder.then(|| "the statement has placeholders".to_owned())
}

/// The reason why the statement may have another effect when it runs in batches.
fn unsound(context: &Context<'_>) -> Option<String> {
    let (table, joined, returning) = match &context.parsed.kind {
        Kind::Update(update) => (&update.table.name, update.from.map(|_| "FROM"), update.returning),
        Kind::Delete(delete) => (&delete.table.name, delete.using.map(|_| "USING"), delete.returning),
        _ => return Some("a statement in WITH can't be divided".to_owned()),
    };
    let all = context.parsed.all;
    let clause = match joined {
        _ if context.parsed.verb().eq_ignore_ascii_case("WITH") => Some("WITH"),
        None if returning => Some("RETURNING"),
        None if all.has_word("SELECT") => Some("a subquery"),
        joined => joined,
    };
    if let Some(clause) = clause {
        return Some(format!("it has {clause}, which may give other rows in each batch"));
    }
    let object = context.model.object(table);
    let Some(key) = key(context.model, &object) else {
        let shown = context.shown(&object);
        return Some(format!(
            "no key of {shown} is known: without one, batches need a condition that is false for the rows that are done"
        ));
    };
    let Kind::Update(update) = &context.parsed.kind else { return None };
    let changed = update.columns.iter().find(|column| key.iter().any(|of| *of == column.folded()));
    changed.map(|column| format!("it changes {column}, by which the table would be divided into batches"))
}

/// The columns by which a run would divide a table: the primary key, or else a unique index without nulls.
pub(super) fn key<'m>(model: &'m Model, table: &ObjectName) -> Option<&'m [String]> {
    let relation = model.facts.relations.get(table)?;
    let mut constraints = relation.constraints.iter();
    let primary = constraints.find(|constraint| constraint.kind == ConstraintFactsKind::PrimaryKey);
    let is_key = |index: &crate::sql::facts::Relation| {
        let mut columns = index.table_columns.iter();
        index.kind == RelationKind::Index
            && index.table.as_ref() == Some(table)
            && index.is_unique
            && !index.has_expression
            && columns.all(|column| Facts::is_proven_not_null(relation, column))
    };
    let unique = || model.facts.relations.values().find(|index| is_key(index));
    match primary.filter(|key| !key.columns.is_empty()) {
        Some(primary) => Some(&primary.columns),
        None => unique().map(|index| index.table_columns.as_slice()),
    }
}

/// The table of a statement that runs in batches, as an option of the header.
pub(super) fn batch_of(text: &str) -> Option<Batch> {
    let lexed = LexedStatement::new(text);
    let table = path(target(&lexed.parse().kind)?);
    Some(Batch { table: Cow::Owned(table), key: Cow::Borrowed(&[]) })
}

/// The table of a statement that runs in batches, as the server reads its name.
pub(super) fn table_of(text: &str) -> Option<String> {
    let lexed = LexedStatement::new(text);
    Some(target(&lexed.parse().kind)?.name().folded().into_owned())
}

/// True if a text has this name, as the server reads it.
pub(super) fn names(text: &str, name: &str) -> bool {
    crate::sql::tokens(text).any(|token| token.text(text).trim_matches('"').eq_ignore_ascii_case(name))
}

fn target<'s, 't>(kind: &'s Kind<'t>) -> Option<&'s QualifiedName<'t>> {
    match kind {
        Kind::Update(update) => Some(&update.table.name),
        Kind::Delete(delete) => Some(&delete.table.name),
        _ => None,
    }
}

/// The statement with `${batch}` in its condition.
pub(super) fn with_placeholder(text: &str) -> String {
    let lexed = LexedStatement::new(text);
    let parsed = lexed.parse();
    let condition: Option<Fragment<'_>> = match &parsed.kind {
        Kind::Update(update) => update.condition,
        Kind::Delete(delete) => delete.condition,
        _ => None,
    };
    let Some(condition) = condition else {
        let end = parsed.all.tokens().last().map_or(text.len(), |token| token.end);
        return format!("{} WHERE ${{batch}}{}", &text[..end], &text[end..]);
    };
    let span = condition.span();
    let own = span.text(text);
    let own = if condition.has_word("OR") { format!("({own})") } else { own.to_owned() };
    format!("{}{own} AND ${{batch}}{}", &text[..span.start], &text[span.end..])
}
