//! Steps: the statements of all changes, in order.

use super::changes::Changes;
use super::drops::Drops;
use super::kinds;
use super::order::sort;
use super::plan::{SchemaAction, SchemaPhase, SchemaPlan, SchemaStep, Unwritten};
use super::scripts::UNCHECKED_BODIES;
use super::statement::{Place, Statement, Statements};
use crate::objects::dependency::Key;
use crate::objects::kind::Kind;
use crate::objects::name;
use std::collections::{BTreeMap, BTreeSet};

/// A node of the order of creation: the rank of its kind, and its key.
type Node = (u8, Key);

/// Writes the statements of all changes.
pub(super) fn steps(changes: &Changes<'_>) -> SchemaPlan {
    let drops = Drops::of(changes);
    let mut writer = Writer { changes, plan: SchemaPlan::default(), late: Vec::new() };
    for (key, statements) in &changes.altered {
        let early = statements.iter().filter(|statement| statement.place == Place::Early);
        writer.push(key, SchemaAction::Alter, SchemaPhase::Clear, Some(early.cloned().collect()));
    }
    for column in &drops.defaults {
        let sql = kinds::column::drop_default(column, &changes.context);
        writer.push(column, SchemaAction::Alter, SchemaPhase::Clear, sql);
    }
    for key in &drops.first {
        writer.drop(key, SchemaPhase::Clear);
    }
    writer.unchecked_bodies();
    for (_, key) in creations(changes) {
        writer.build(&key);
    }
    let late = std::mem::take(&mut writer.late);
    writer.plan.steps.extend(late);
    for key in &changes.context.replaced_types {
        let sql = kinds::types::drop_renamed(key);
        writer.push(key, SchemaAction::Drop, SchemaPhase::Build, Some(vec![sql.into()]));
    }
    for key in &drops.last {
        writer.drop(key, SchemaPhase::Contract);
    }
    writer.plan.steps = joined(writer.plan.steps);
    writer.plan
}

/// Joins neighboring changes of different columns of one table into one statement.
fn joined(steps: Vec<SchemaStep>) -> Vec<SchemaStep> {
    let mut joined: Vec<SchemaStep> = Vec::with_capacity(steps.len());
    for step in steps {
        let rest = joined.last().and_then(|last| rest_of_same_table(last, &step));
        match (rest.map(str::to_owned), joined.last_mut()) {
            (Some(rest), Some(last)) => {
                last.sql = format!("{}, {rest}", last.sql);
                last.loses.extend(step.loses);
                last.identity = step.identity;
            }
            _ => joined.push(step),
        }
    }
    joined
}

/// The subcommands of a step that may stand in the statement before it.
fn rest_of_same_table<'s>(last: &SchemaStep, step: &'s SchemaStep) -> Option<&'s str> {
    let of_columns = last.kind == Kind::Column && step.kind == Kind::Column;
    let table = |identity: &str| identity.strip_suffix(name::last(identity)).map(str::to_owned);
    let is_same = of_columns
        && last.phase == step.phase
        && !last.commits
        && !step.commits
        && last.identity != step.identity
        && table(&last.identity) == table(&step.identity);
    let table = table(&step.identity)?;
    let prefix = ["ALTER TABLE ", "ALTER FOREIGN TABLE "].into_iter().find_map(|alter| {
        let prefix = format!("{alter}{} ", table.trim_end_matches('.'));
        (last.sql.starts_with(&prefix) && step.sql.starts_with(&prefix)).then_some(prefix.len())
    });
    step.sql.get(prefix.filter(|_| is_same)?..)
}

/// The objects to create and alter, in the order of the new schema's dependencies.
fn creations(changes: &Changes<'_>) -> Vec<Node> {
    let context = &changes.context;
    let whole = |key: &Key| {
        let object = context.to.get(key).filter(|_| context.is_created(key));
        object.and_then(|object| context.created_with(object)).unwrap_or_else(|| key.clone())
    };
    let node = |key: Key| (rank(&key), key);
    let changed = context.created.iter().chain(changes.altered.keys()).chain(&changes.undefaulted);
    let mut parts: Vec<(Key, Key)> = changed.map(|key| (whole(key), key.clone())).collect();
    parts.sort_unstable();
    parts.dedup();
    let nodes: BTreeSet<Node> = parts.iter().map(|(whole, _)| node(whole.clone())).collect();
    let needs = |(_, key): &Node| {
        let start = parts.partition_point(|(whole, _)| whole < key);
        let mine = parts[start..].iter().take_while(|(whole, _)| whole == key).map(|(_, part)| part);
        let apart = |part: &Key| context.apart.contains(part);
        let edges = mine.flat_map(|part| {
            let is_inline = *part != *key;
            let edges = changes.after.needs(part).iter();
            edges.filter(move |edge| !(is_inline && apart(part) && edge.of_expression))
        });
        edges.map(|edge| node(whole(&edge.key))).collect()
    };
    let names = names(changes);
    let wishes = |(_, key): &Node| {
        let text = context.to.get(key).filter(|_| is_routine(key)).map_or("", |object| object.definition());
        let body = text.split_once("\nAS $").map_or("", |(_, body)| body);
        let words = body.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect::<BTreeSet<&str>>();
        words.into_iter().filter_map(|word| names.get(word)).flatten().cloned().map(node).collect()
    };
    sort(&nodes, needs, wishes)
}

fn is_routine(key: &Key) -> bool {
    matches!(key.kind, Kind::Function | Kind::Procedure)
}

/// The routines and views to create, by their names: bodies of functions, which are texts, may mention them.
fn names<'k>(changes: &'k Changes<'_>) -> BTreeMap<&'k str, Vec<Key>> {
    let mut names: BTreeMap<&str, Vec<Key>> = BTreeMap::new();
    let created = changes.context.created.iter().chain(changes.altered.keys());
    for key in
        created.filter(|key| is_routine(key) || matches!(key.kind, Kind::View | Kind::MaterializedView))
    {
        names.entry(name::last(&key.identity)).or_default().push(key.clone());
    }
    names
}

/// The order among objects that do not depend on each other.
fn rank(key: &Key) -> u8 {
    match key.kind {
        Kind::Schema => 0,
        Kind::Extension => 1,
        Kind::Collation | Kind::Type | Kind::Domain => 2,
        Kind::ForeignDataWrapper | Kind::ForeignServer => 3,
        Kind::Sequence => 4,
        Kind::Table | Kind::ForeignTable => 5,
        Kind::Column => 6,
        Kind::Function | Kind::Procedure | Kind::Aggregate => 7,
        Kind::Cast | Kind::Operator | Kind::OperatorClass => 8,
        Kind::TextSearchConfiguration | Kind::TextSearchDictionary => 8,
        Kind::View | Kind::MaterializedView => 9,
        Kind::Constraint => 10,
        Kind::Index | Kind::Statistics => 11,
        Kind::Trigger | Kind::Rule | Kind::Policy | Kind::EventTrigger | Kind::Publication => 12,
        Kind::Comment => 13,
        // Revoking a privilege on a table also revokes it on the columns.
        Kind::Privileges if key.identity.starts_with("column ") => 15,
        Kind::Privileges => 14,
        Kind::DefaultPrivileges => 16,
        Kind::SecurityLabel | Kind::UserMapping | Kind::Subscription | Kind::Settings | Kind::Unmodelled => {
            17
        }
    }
}

struct Writer<'w, 'c> {
    changes: &'w Changes<'c>,
    plan: SchemaPlan,
    late: Vec<SchemaStep>,
}

impl Writer<'_, '_> {
    /// Creates or alters an object.
    fn build(&mut self, key: &Key) {
        let context = &self.changes.context;
        let Some(object) = context.to.get(key) else { return };
        if context.is_created(key) {
            self.push(key, SchemaAction::Create, SchemaPhase::Build, kinds::create(object, context));
            let reset = kinds::access::reset(object, context);
            self.push(key, SchemaAction::Create, SchemaPhase::Build, Some(reset));
        } else if let Some(statements) = self.changes.altered.get(key) {
            let undefaulted = self.changes.undefaulted.contains(key) && !self.changes.retyped.contains(key);
            let again = undefaulted.then(|| kinds::column::alter_undefaulted(key, context)).flatten();
            let statements = again.unwrap_or_else(|| statements.clone());
            let usual = statements.into_iter().filter(|statement| statement.place != Place::Early);
            self.push(key, SchemaAction::Alter, SchemaPhase::Build, Some(usual.collect()));
        } else {
            self.push(key, SchemaAction::Alter, SchemaPhase::Build, kinds::column::set_default(object));
        }
    }

    fn drop(&mut self, key: &Key, phase: SchemaPhase) {
        let context = &self.changes.context;
        if context.replaced_types.contains(key) {
            let sql = kinds::types::rename_away(key);
            return self.push(key, SchemaAction::Alter, phase, Some(vec![sql.into()]));
        }
        let statements = context.from.get(key).and_then(|object| kinds::drop(object, context));
        self.push(key, SchemaAction::Drop, phase, statements);
    }

    /// Bodies of functions that are texts may name objects that are created later.
    fn unchecked_bodies(&mut self) {
        let context = &self.changes.context;
        let routines = context.created.iter().chain(self.changes.altered.keys());
        let routine = routines.filter(|key| is_routine(key)).find(|key| {
            let text = context.to.get(key).map_or("", |object| object.definition());
            text.contains("\nAS $")
        });
        if let Some(key) = routine.filter(|_| context.created.len() > 1) {
            let sql = UNCHECKED_BODIES.to_owned();
            self.push(&key.clone(), SchemaAction::Create, SchemaPhase::Build, Some(vec![sql.into()]));
        }
    }

    fn push(&mut self, key: &Key, action: SchemaAction, phase: SchemaPhase, statements: Statements) {
        let Some(statements) = statements else {
            let (kind, identity) = (key.kind, key.identity.clone());
            return self.plan.unwritten.push(Unwritten { kind, identity, action });
        };
        let loses = match key.kind {
            Kind::Table | Kind::Column if action == SchemaAction::Drop => {
                vec![format!("{} {}", key.kind, key.identity)]
            }
            _ => Vec::new(),
        };
        for Statement { sql, place, commits } in statements {
            let (kind, identity) = (key.kind, key.identity.clone());
            let mapping =
                sql.strip_prefix("DROP USER MAPPING FOR ").map(|mapping| format!("user mapping {mapping}"));
            let loses = loses.iter().cloned().chain(mapping).collect();
            let step = SchemaStep { sql, kind, identity, action, phase, loses, commits };
            if place == Place::Late { self.late.push(step) } else { self.plan.steps.push(step) }
        }
    }
}
