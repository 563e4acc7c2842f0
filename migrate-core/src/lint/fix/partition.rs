//! Partitions: attached, created and detached without a scan under a lock; indexes of partitioned tables.

use super::concurrently::chosen;
use super::constraint::{folded, validation};
use super::context::{Context, Rewritten, path};
use super::names::{addition, index_columns, sql};
use super::step::{Key, Place, Step, Undo};
use crate::sql::facts::{ConstraintFactsKind, ObjectName, Relation, RelationKind};
use crate::sql::partition::{PartitionKey, groups};
use crate::sql::statement::{
    AlterActionKind as Action, AlterRelation, CreateIndex, CreateTable, Fragment, LexedStatement,
    PartitionBound, Persistence, QualifiedName,
};

const NO_BOUNDS: &str =
    "bounds are rewritten as a CHECK only for one column with constant FROM and TO, or with IN";

/// `ATTACH PARTITION` and `DETACH PARTITION`
pub(super) fn alter(context: &mut Context<'_>, alter: &AlterRelation<'_>, action: &Action<'_>) -> Rewritten {
    let parent = &alter.relation.name;
    match action {
        Action::AttachPartition { partition, bound: Some(PartitionBound::Values(bound)) } => {
            attach(context, parent, partition, *bound)
        }
        Action::AttachPartition { .. } => {
            context.refused("a default partition is scanned for rows of the other partitions")
        }
        Action::DetachPartition { partition, .. } => detach(context, parent, partition),
        _ => Rewritten::default(),
    }
}

/// The bounds of a partition as conditions on its rows.
struct Bounds {
    /// The condition that every row meets.
    inside: String,
    /// The condition that no row meets, for the default partition.
    outside: String,
}

/// The bounds of a new partition; `None` if there is no CHECK for them.
fn bounds(parent: &Relation, bound: Fragment<'_>) -> Option<Bounds> {
    let (strategy, columns) = key(parent)?;
    let [column] = columns.as_slice() else { return None };
    match (strategy.as_str(), groups(bound).as_slice()) {
        ("range", [from, to]) if !has_comma(from) && !has_comma(to) => range(column, from, to),
        ("list", [values]) => {
            let lexed = LexedStatement::new(values);
            let items = lexed.expression().items();
            let has_null = items.iter().any(|value| value.text().eq_ignore_ascii_case("null"));
            (!has_null).then(|| Bounds {
                inside: format!("{column} IS NOT NULL AND {column} IN ({values})"),
                outside: format!("{column} IS NULL OR {column} NOT IN ({values})"),
            })
        }
        _ => None,
    }
}

/// The strategy in lowercase and the columns of a partition key; `None` if it has an expression.
fn key(parent: &Relation) -> Option<(String, Vec<String>)> {
    let PartitionKey { strategy, parts } = PartitionKey::read(parent.partition_key.as_deref()?)?;
    let columns: Option<Vec<String>> =
        parts.into_iter().map(|part| part.is_column.then_some(part.text)).collect();
    Some((strategy, columns?))
}

fn has_comma(values: &str) -> bool {
    LexedStatement::new(values).expression().items().len() > 1
}

fn range(column: &str, from: &str, to: &str) -> Option<Bounds> {
    let from = Some(from).filter(|from| !from.eq_ignore_ascii_case("minvalue"));
    let to = Some(to).filter(|to| !to.eq_ignore_ascii_case("maxvalue"));
    let above = from.map(|from| (format!("{column} >= {from}"), format!("{column} < {from}")));
    let below = to.map(|to| (format!("{column} < {to}"), format!("{column} >= {to}")));
    let both: Vec<(String, String)> = above.into_iter().chain(below).collect();
    let inside: Vec<&str> = both.iter().map(|(inside, _)| inside.as_str()).collect();
    let outside: Vec<&str> = both.iter().map(|(_, outside)| outside.as_str()).collect();
    (!both.is_empty()).then(|| Bounds {
        inside: format!("{column} IS NOT NULL AND {}", inside.join(" AND ")),
        outside: outside.join(" OR "),
    })
}

/// A CHECK that is validated before a statement and dropped after it.
struct Proof {
    head: String,
    name: String,
    action: String,
}

impl Proof {
    fn new(context: &mut Context<'_>, table: &ObjectName, label: &str, condition: &str) -> Proof {
        let facts = context.facts();
        let name = sql(&context.names.constraint(facts, table, None, label));
        let head = format!("ALTER TABLE {} ", context.shown(table));
        let action = format!("ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID");
        Proof { head, name, action }
    }

    fn add(&self) -> Step {
        Step::new(format!("{}{}", self.head, self.action), Place::Block)
            .undone_by([Undo::new(format!("{}DROP CONSTRAINT {}", self.head, self.name))])
    }

    fn validate(&self) -> Step {
        validation(&self.head, &self.name, &self.action)
    }

    fn drop(&self) -> Step {
        Step::new(format!("{}DROP CONSTRAINT {}", self.head, self.name), Place::Block).undone_by([
            Undo::new(format!("{}{}", self.head, self.action)),
            Undo::new(format!("{}VALIDATE CONSTRAINT {}", self.head, self.name)),
        ])
    }
}

/// The default partition of a table, if it has one.
fn default_of(context: &Context<'_>, parent: &ObjectName) -> Option<ObjectName> {
    context.facts().default_partition(parent).cloned()
}

fn attach(
    context: &mut Context<'_>,
    parent: &QualifiedName<'_>,
    partition: &QualifiedName<'_>,
    bound: Fragment<'_>,
) -> Rewritten {
    let (Some(table), Some(child)) = (context.relation(parent), context.relation(partition)) else {
        return context.refused("the partition key is known only from a CREATE TABLE or from facts");
    };
    let Some(bounds) = bounds(table, bound) else { return context.refused(NO_BOUNDS) };
    if child.kind != RelationKind::Table {
        return context.refused("the partition is itself partitioned");
    }
    let parent = context.model.object(parent);
    let child = context.model.object(partition);
    if let Some(reason) = lacks(context, &parent, &child) {
        return context.refused(&reason);
    }
    let attach = Step::new(context.text, Place::Block).undone_by([Undo::of(
        Key::Partition(parent.clone(), child.clone()),
        format!("ALTER TABLE {} DETACH PARTITION {}", context.shown(&parent), context.shown(&child)),
    )]);
    let mut proofs = vec![Proof::new(context, &child, "is_within_bounds", &bounds.inside)];
    proofs.extend(outside(context, &parent, &child, &bounds));
    with_proofs(Vec::new(), &proofs, attach)
}

/// The CHECK that proves that no row of the default partition belongs to a new one.
fn outside(
    context: &mut Context<'_>,
    parent: &ObjectName,
    child: &ObjectName,
    bounds: &Bounds,
) -> Option<Proof> {
    let default = default_of(context, parent)?;
    let label = format!("excludes_{}", child.name);
    let label = if label.len() > 30 { "excludes_partition" } else { label.as_str() };
    Some(Proof::new(context, &default, label, &bounds.outside))
}

/// The statement after its proofs are validated.
fn with_proofs(before: Vec<Step>, proofs: &[Proof], statement: Step) -> Rewritten {
    let first = before.into_iter().chain(proofs.iter().map(Proof::add)).collect();
    let validated = proofs.iter().map(Proof::validate).collect();
    let last = std::iter::once(statement).chain(proofs.iter().map(Proof::drop)).collect();
    Rewritten { first, later: vec![validated, last], ..Rewritten::default() }
}

/// The missing index or constraint that makes attaching a partition slow, even if its bounds are proven.
fn lacks(context: &Context<'_>, parent: &ObjectName, child: &ObjectName) -> Option<String> {
    let facts = context.facts();
    let table = facts.relations.get(parent)?;
    let has_key = table.constraints.iter().any(|of| of.kind == ConstraintFactsKind::ForeignKey);
    if has_key {
        return Some("the foreign keys of the partitioned table are verified for the partition".to_owned());
    }
    let missing = facts.indexes(parent).find(|(_, wanted)| {
        let same = |index: &Relation| {
            index.table_columns == wanted.table_columns && index.is_unique == wanted.is_unique
        };
        wanted.has_expression || !facts.indexes(child).any(|(_, index)| same(index))
    });
    let (index, _) = missing?;
    Some(format!("the partition has no index like {}: create it CONCURRENTLY first", context.shown(index)))
}

/// `CREATE TABLE … PARTITION OF` beside a default partition
pub(super) fn create(context: &mut Context<'_>, create: &CreateTable<'_>) -> Rewritten {
    let Some(of) = &create.partition_of else { return Rewritten::default() };
    let Some(parent) = context.relation(&of.parent) else {
        return context.refused("the partition key is known only from a CREATE TABLE or from facts");
    };
    let PartitionBound::Values(bound) = of.bound else { return Rewritten::default() };
    let Some(bounds) = bounds(parent, bound) else { return context.refused(NO_BOUNDS) };
    if !create.columns.is_empty() || !create.constraints.is_empty() || create.if_not_exists {
        return context.refused("the partition has columns, constraints or IF NOT EXISTS of its own");
    }
    let parent = context.model.object(&of.parent);
    let child = context.model.object(&create.name);
    let persistence = match create.persistence {
        Persistence::Unlogged => "UNLOGGED ",
        Persistence::Permanent => "",
        _ => return context.refused("the partition is temporary"),
    };
    let (name, shown) = (path(&create.name), path(&of.parent));
    let rest = &context.text[bound.span().end..];
    // A partition has the comments, the statistics and the identity of its parent only there.
    let text = format!(
        "CREATE {persistence}TABLE {name} (LIKE {shown} INCLUDING ALL EXCLUDING COMMENTS EXCLUDING IDENTITY EXCLUDING STATISTICS){rest}"
    );
    let made = Step::new(text, Place::Block)
        .undone_by([Undo::of(Key::Relation(child.clone()), format!("DROP TABLE {name}"))]);
    let attach = Step::new(
        format!("ALTER TABLE {shown} ATTACH PARTITION {name} FOR VALUES {}", bound.text()),
        Place::Block,
    )
    .undone_by([Undo::new(format!("ALTER TABLE {shown} DETACH PARTITION {name}"))]);
    let proofs: Vec<Proof> = outside(context, &parent, &child, &bounds).into_iter().collect();
    with_proofs(vec![made], &proofs, attach)
}

fn detach(context: &mut Context<'_>, parent: &QualifiedName<'_>, partition: &QualifiedName<'_>) -> Rewritten {
    let (Some(table), Some(child)) = (context.relation(parent), context.relation(partition)) else {
        return context
            .refused("whether there is a default partition is not known, and CONCURRENTLY refuses one");
    };
    let (parent, object) = (context.model.object(parent), context.model.object(partition));
    if default_of(context, &parent).is_some() {
        return context.refused("DETACH PARTITION CONCURRENTLY refuses a table with a default partition");
    }
    let has_check = child.constraints.iter().any(|of| of.kind == ConstraintFactsKind::Check);
    let Some(name) = left_check(context, table, &object).filter(|_| !has_check) else {
        return context.refused("CONCURRENTLY leaves a CHECK on the partition, whose name is not known");
    };
    let text = format!("{} CONCURRENTLY", context.text);
    let detach =
        Step { keys: vec![Key::Partition(parent, object.clone())], ..Step::new(text, Place::Concurrent) };
    // The server leaves the bounds as a CHECK (`DetachAddConstraintIfNeeded`).
    let head = format!("ALTER TABLE {} ", context.shown(&object));
    let drop = Step::new(format!("{head}DROP CONSTRAINT {name}"), Place::Block);
    Rewritten { first: vec![detach], later: vec![vec![drop]], ..Rewritten::default() }
}

/// The name of the CHECK that `DETACH PARTITION CONCURRENTLY` leaves on a partition.
fn left_check(context: &mut Context<'_>, parent: &Relation, child: &ObjectName) -> Option<String> {
    let (strategy, columns) = key(parent)?;
    let column = match columns.as_slice() {
        _ if strategy == "hash" => return None,
        [column] => Some(folded(column)),
        _ => None,
    };
    let facts = context.facts();
    Some(sql(&context.names.constraint(facts, child, column.as_deref(), "check")))
}

/// `CREATE INDEX` on a partitioned table: on the table alone, then on each partition.
pub(super) fn create_index(context: &mut Context<'_>, index: &CreateIndex<'_>) -> Rewritten {
    let table = context.model.object(&index.table.name);
    if index.if_not_exists.is_some() {
        return context.refused("IF NOT EXISTS would accept an index without those of the partitions");
    }
    if index_columns(index).is_none() {
        return context.refused("the names of the partitions' indexes are not known");
    }
    let mut stages = IndexStages::default();
    let name = match &index.name {
        Some(name) => name.name().folded().into_owned(),
        None => chosen(context, index, &table).unwrap_or_default(),
    };
    let shown = in_schema(context, &table, &name);
    let mut text = context.text.to_owned();
    text.insert_str(index.table.span.start, "ONLY ");
    if index.name.is_none() {
        text.insert_str(index.keyword.end, &format!(" {}", sql(&name)));
    }
    let undo =
        Undo::of(Key::Relation(ObjectName::new(&*table.schema, &*name)), format!("DROP INDEX {shown}"));
    stages.only.push(Step::new(text, Place::Block).undone_by([undo]));
    if !below(context, index, &table, &shown, &mut stages) {
        return context.refused("a partition is a foreign table, which has no indexes");
    }
    if let Some(last) = stages.attach.last_mut() {
        let name = shown.replace('\'', "''");
        last.verify = Some(format!("SELECT indisvalid FROM pg_index WHERE indexrelid = '{name}'::regclass"));
    }
    let IndexStages { only, build, mut attach } = stages;
    // The index of a partition can't be detached: all of them are dropped and built again.
    if let Some(last) = attach.last_mut() {
        let again = only.iter().chain(&build).map(|step| Undo::new(&*step.text));
        last.undo = std::iter::once(Undo::new(format!("DROP INDEX {shown}"))).chain(again).collect();
    }
    Rewritten { first: only, later: vec![build, attach], ..Rewritten::default() }
}

#[derive(Default)]
struct IndexStages {
    only: Vec<Step>,
    build: Vec<Step>,
    attach: Vec<Step>,
}

/// Adds the indexes of the partitions of a table; false for a foreign one.
fn below(
    context: &mut Context<'_>,
    index: &CreateIndex<'_>,
    table: &ObjectName,
    parent_index: &str,
    stages: &mut IndexStages,
) -> bool {
    let children: Vec<(ObjectName, RelationKind)> =
        context.facts().children(table).map(|(name, child)| (name.clone(), child.kind)).collect();
    let definition = index.definition.text();
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let using = index.method.map(|method| format!("USING {method} ")).unwrap_or_default();
    for (child, kind) in children {
        let columns = index_columns(index).unwrap_or_default();
        let middle = addition(columns.iter().map(String::as_str));
        let facts = context.facts();
        let name = context.names.index(facts, &child, Some(&middle), "idx", false);
        let (shown, own) = (context.shown(&child), in_schema(context, &child, &name));
        let name = sql(&name);
        match kind {
            RelationKind::Table => {
                let text = format!("CREATE {unique}INDEX CONCURRENTLY {name} ON {shown} {using}{definition}");
                let undo = [Undo::new(format!("DROP INDEX CONCURRENTLY {own}"))];
                stages.build.push(Step::new(text, Place::Concurrent).undone_by(undo));
            }
            RelationKind::Partitioned => {
                let text = format!("CREATE {unique}INDEX {name} ON ONLY {shown} {using}{definition}");
                let undo = [Undo::new(format!("DROP INDEX {own}"))];
                stages.only.push(Step::new(text, Place::Block).undone_by(undo));
                if !below(context, index, &child, &own, stages) {
                    return false;
                }
            }
            _ => return false,
        }
        let text = format!("ALTER INDEX {parent_index} ATTACH PARTITION {own}");
        stages.attach.push(Step::new(text, Place::Block));
    }
    true
}

/// An index of a table as a statement may write it.
fn in_schema(context: &Context<'_>, table: &ObjectName, name: &str) -> String {
    let shown = context.shown(table);
    let is_visible = !shown.contains('.') || shown == sql(&table.name);
    if is_visible { sql(name) } else { format!("{}.{}", sql(&table.schema), sql(name)) }
}
