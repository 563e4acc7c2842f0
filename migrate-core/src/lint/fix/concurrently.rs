//! Statements with a `CONCURRENTLY`: indexes and materialized views.

use super::context::{Context, Rewritten, path};
use super::names::{addition, index_columns, sql};
use super::partition;
use super::step::{Key, Place, Step, Undo};
use crate::sql::facts::{ObjectName, RelationKind};
use crate::sql::statement::{
    CreateIndex, DropObjects, LexedStatement, ObjectKind, RefreshView, Reindex, StatementKind as Kind,
};

/// `CREATE INDEX`
pub(super) fn create_index(context: &mut Context<'_>, index: &CreateIndex<'_>) -> Rewritten {
    if context.is_partitioned(&index.table.name) {
        return partition::create_index(context, index);
    }
    let mut text = context.text.to_owned();
    let is_missing = index.name.as_ref().is_some_and(|name| {
        let schema = context.model.object(&index.table.name).schema;
        let object = ObjectName::new(schema, name.name().folded());
        context.facts().is_complete && !context.facts().relations.contains_key(&object)
    });
    if let Some(span) = index.if_not_exists.filter(|_| is_missing) {
        let end = text[span.end..].find(|c: char| !c.is_whitespace()).map_or(span.end, |at| span.end + at);
        text.replace_range(span.start..end, "");
    }
    text.insert_str(index.keyword.end, " CONCURRENTLY");
    let undo = undo(context, index);
    Rewritten::one(Step::new(text, Place::Concurrent).undone_by(undo))
}

/// The statement that drops a new index, if its name is known.
fn undo(context: &mut Context<'_>, index: &CreateIndex<'_>) -> Option<Undo> {
    let table = context.model.object(&index.table.name);
    let name = match &index.name {
        Some(name) => name.name().folded().into_owned(),
        None => chosen(context, index, &table)?,
    };
    let object = ObjectName::new(table.schema, &*name);
    let qualifier = index.table.name.qualifier().map(|schema| format!("{}.", path(&schema)));
    let shown = format!("{}{}", qualifier.unwrap_or_default(), sql(&name));
    Some(Undo::of(Key::Relation(object), format!("DROP INDEX CONCURRENTLY {shown}")))
}

/// The name that the server chooses for an index.
pub(super) fn chosen(
    context: &mut Context<'_>,
    index: &CreateIndex<'_>,
    table: &ObjectName,
) -> Option<String> {
    let columns = index_columns(index)?;
    let middle = addition(columns.iter().map(String::as_str));
    let facts = context.facts();
    Some(context.names.index(facts, table, Some(&middle), "idx", false))
}

/// `DROP INDEX`: one index per statement.
pub(super) fn drop_index(context: &Context<'_>, drop: &DropObjects<'_>) -> Rewritten {
    if drop.cascade {
        return context.refused("DROP INDEX CONCURRENTLY has no CASCADE");
    }
    let of_partitioned = drop.names.iter().any(|name| {
        let table = context.relation(name).and_then(|index| index.table.as_ref());
        let table = table.and_then(|table| context.facts().relations.get(table));
        table.is_some_and(|table| table.kind == RelationKind::Partitioned)
    });
    if of_partitioned {
        return context.refused("an index of a partitioned table can't be dropped concurrently");
    }
    let if_exists = if drop.if_exists { "IF EXISTS " } else { "" };
    let steps = drop.names.iter().map(|name| {
        let step = Step::new(format!("DROP INDEX CONCURRENTLY {if_exists}{}", path(name)), Place::Concurrent);
        Step { keys: vec![Key::Relation(context.model.object(name))], ..step }
    });
    Rewritten { first: steps.collect(), ..Rewritten::default() }
}

/// `REINDEX`
pub(super) fn reindex(context: &Context<'_>, reindex: &Reindex<'_>) -> Rewritten {
    if reindex.kind == ObjectKind::System {
        return context.refused("system catalogs can't be rebuilt concurrently");
    }
    let mut text = context.text.to_owned();
    match reindex.options.iter().rfind(|option| option.name == "concurrently") {
        Some(option) => text.replace_range(option.span.range(), "CONCURRENTLY"),
        None => text.insert_str(reindex.keyword.end, " CONCURRENTLY"),
    }
    Rewritten::one(Step::new(text, Place::Concurrent))
}

/// `REFRESH MATERIALIZED VIEW`
pub(super) fn refresh(context: &Context<'_>, refresh: &RefreshView<'_>) -> Rewritten {
    if refresh.with_no_data {
        return context.refused("WITH NO DATA can't be combined with CONCURRENTLY");
    }
    let view = context.model.object(&refresh.name);
    let has_index = context.facts().relations.values().any(|index| {
        index.kind == RelationKind::Index
            && index.table.as_ref() == Some(&view)
            && index.is_unique
            && !index.has_expression
    });
    if !has_index {
        return context
            .refused("no unique index on the view's columns is known, and CONCURRENTLY requires one");
    }
    let mut text = context.text.to_owned();
    text.insert_str(refresh.keyword.end, " CONCURRENTLY");
    Rewritten::one(Step::new(text, Place::Alone))
}

/// A statement that creates or drops one index, with `CONCURRENTLY`; any other statement as it is.
pub(super) fn concurrent(text: &str) -> String {
    let lexed = LexedStatement::new(text);
    let keyword = match &lexed.parse().kind {
        Kind::CreateIndex(index) if index.concurrently.is_none() => index.keyword,
        Kind::Drop(drop)
            if drop.kind == ObjectKind::Index && drop.concurrently.is_none() && !drop.cascade =>
        {
            drop.keyword
        }
        _ => return text.to_owned(),
    };
    format!("{} CONCURRENTLY{}", &text[..keyword.end], &text[keyword.end..])
}
