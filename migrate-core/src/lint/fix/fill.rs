//! A new column with a value of its own in each row: the column with its default, the rows in batches, then
//! the constraints.

use super::alter::{Changed, Table, add_constraint, without};
use super::batches::{key, unfit};
use super::constraint::Added;
use super::context::{Context, merge, path, written};
use super::names::sql;
use super::not_null;
use super::step::{Place, Step, Undo};
use super::unique::is_not_null;
use crate::sql::statement::{ColumnDefinition, ConstraintKind, Fragment, Span, TypeName};

/// The rules about the cost of the values.
pub(super) const RULES: [&str; 3] = ["volatile-default", "serial-column", "identity-column"];

/// Adds a column, whose existing rows get their values in batches.
pub(super) fn change(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    action: Span,
    column: &ColumnDefinition<'_>,
    if_not_exists: bool,
) -> Result<Changed, String> {
    let kind = checked(context, table, column, if_not_exists)?;
    let name = written(&column.name);
    let source = Source::new(context, table, column)?;
    let mut cut: Vec<Span> = column.constraints.iter().map(|constraint| constraint.span).collect();
    cut.extend(column.default.iter().map(|default| default.span));
    cut.extend(column.identity.iter().map(|identity| identity.span));
    cut.sort_by_key(|span| span.start);
    let rest = Span { start: kind.span.end, end: action.end };
    let column_text = format!(
        "{}{}{}",
        Span { start: action.start, end: kind.span.start }.text(context.text),
        plain_type(context.text, kind),
        without(context.text, rest, &cut).trim_end()
    );
    let mut changed = Changed {
        actions: vec![column_text, format!("ALTER COLUMN {name} SET DEFAULT {}", source.default(context))],
        ..Changed::default()
    };
    let relation = path(&table.alter.relation.name);
    if let Source::Serial(sequence) | Source::Identity { sequence, .. } = &source {
        changed.before.push(Step::new(sequence.creation(), Place::Block));
        changed.behind.push(Step::new(sequence.ownership(&relation, &name), Place::Block));
    }
    let rows = format!("UPDATE {relation} SET {name} = DEFAULT WHERE {name} IS NULL");
    changed.fills.push(vec![Step::new(rows, Place::Batches)]);
    constrain(context, table, column, &mut changed)?;
    if let Source::Identity { sequence, clause } = &source {
        changed.fills.push(identity(table, column, sequence, clause));
    }
    Ok(changed)
}

/// The type of the column, if the column is one that can be filled.
fn checked<'c, 't>(
    context: &Context<'_>,
    table: &Table<'_, '_>,
    column: &'c ColumnDefinition<'t>,
    if_not_exists: bool,
) -> Result<&'c TypeName<'t>, String> {
    if if_not_exists {
        return Err("whether the column exists is not known".to_owned());
    }
    if table.alter.if_exists {
        return Err("whether the table exists is not known, and UPDATE has no IF EXISTS".to_owned());
    }
    let relation = context.relation(&table.alter.relation.name);
    if relation.is_some_and(|relation| relation.is_unlogged == Some(true)) {
        return Err("the table is unlogged, and so would have to be the sequence".to_owned());
    }
    let object = context.model.object(&table.alter.relation.name);
    if context.is_partitioned(&table.alter.relation.name) && key(context.model, &object).is_none() {
        let shown = context.shown(&object);
        return Err(format!(
            "no key of {shown} is known, by which a partitioned table can be divided into batches"
        ));
    }
    if let Some(reason) = unfit(context) {
        return Err(reason);
    }
    let is_named = |of: &crate::sql::statement::Constraint<'_>| {
        of.name.is_some() && matches!(of.kind, ConstraintKind::NotNull { .. })
    };
    if context.is_at_least(18) && column.constraints.iter().any(is_named) {
        return Err("its NOT NULL has a name: add it by SET NOT NULL".to_owned());
    }
    let kind = column.type_name.as_ref().filter(|_| column.is_complete);
    kind.ok_or_else(|| "the definition of the column is not understood".to_owned())
}

/// Where the values come from.
enum Source<'t> {
    Default(Fragment<'t>),
    Serial(Sequence),
    /// An identity column counts by a sequence of its own, which a column with values can't take over: until all
    /// rows have one, new rows get theirs from another sequence.
    Identity {
        sequence: Sequence,
        clause: String,
    },
}

impl<'t> Source<'t> {
    fn new(
        context: &mut Context<'_>,
        table: &Table<'_, '_>,
        column: &ColumnDefinition<'t>,
    ) -> Result<Source<'t>, String> {
        if let Some(identity) = &column.identity {
            let options = identity.options.map_or("", |options| options.text()).trim();
            if identity.options.is_some_and(|options| options.has_word("NAME")) {
                return Err("its sequence has a name of its own".to_owned());
            }
            let options = options.trim_start_matches('(').trim_end_matches(')').trim();
            let sequence = Sequence::new(context, table, column, "fill_seq", options);
            let clause = identity.span.text(context.text).to_owned();
            return Ok(Source::Identity { sequence, clause });
        }
        match &column.default {
            Some(default) => Ok(Source::Default(default.expression)),
            None => Ok(Source::Serial(Sequence::new(context, table, column, "seq", ""))),
        }
    }

    fn default(&self, context: &Context<'_>) -> String {
        match self {
            Source::Default(expression) => expression.span().text(context.text).to_owned(),
            Source::Serial(sequence) | Source::Identity { sequence, .. } => sequence.next(),
        }
    }
}

/// A sequence beside the table.
struct Sequence {
    /// The name as SQL, with the schema if the table has it.
    name: String,
    /// `AS bigint START 5`
    definition: String,
}

impl Sequence {
    fn new(
        context: &mut Context<'_>,
        table: &Table<'_, '_>,
        column: &ColumnDefinition<'_>,
        label: &str,
        options: &str,
    ) -> Sequence {
        let relation = &table.alter.relation.name;
        let object = context.model.object(relation);
        let facts = context.facts();
        let name = sql(&context.names.index(facts, &object, Some(&column.name.folded()), label, false));
        let name = match relation.schema() {
            Some(schema) => format!("{}.{name}", written(&schema)),
            None => name,
        };
        let kind = column.type_name.as_ref().map_or("bigint", |kind| plain_type(context.text, kind));
        let options = if options.is_empty() { String::new() } else { format!(" {options}") };
        Sequence { name, definition: format!("AS {kind}{options}") }
    }

    fn creation(&self) -> String {
        format!("CREATE SEQUENCE {} {}", self.name, self.definition)
    }

    fn ownership(&self, relation: &str, column: &str) -> String {
        format!("ALTER SEQUENCE {} OWNED BY {relation}.{column}", self.name)
    }

    fn next(&self) -> String {
        format!("nextval({})", literal(&self.name))
    }
}

/// The type of a column without its sequence.
fn plain_type<'t>(text: &'t str, kind: &TypeName<'_>) -> &'t str {
    let written = kind.span.text(text);
    match kind.name.as_ref().filter(|_| kind.is_serial()) {
        Some(name) => match name.name().folded().as_ref() {
            "bigserial" | "serial8" => "bigint",
            "smallserial" | "serial2" => "smallint",
            _ => "integer",
        },
        None => written,
    }
}

/// Adds the constraints after the rows have their values. Earlier, they would reject every update of a row
/// without one.
fn constrain(
    context: &mut Context<'_>,
    table: &Table<'_, '_>,
    column: &ColumnDefinition<'_>,
    changed: &mut Changed,
) -> Result<(), String> {
    let mut all = Vec::new();
    if is_not_null(column) || column.is_primary_key() {
        all.push(not_null::change(context, table, &written(&column.name), &column.name.folded()));
    }
    for constraint in &column.constraints {
        if !matches!(constraint.kind, ConstraintKind::NotNull { .. }) {
            let added = Added::of_column(context.text, constraint, column.name);
            all.push(add_constraint(context, table, &added)?);
        }
    }
    let (mut actions, mut undo, mut validations) = (Vec::new(), Vec::new(), Vec::new());
    for of in all {
        actions.extend(of.actions);
        undo.splice(0..0, of.undo);
        merge(&mut validations, of.validations);
        merge(&mut changed.uniques, of.uniques);
        merge(&mut changed.primary, of.primary);
    }
    if !actions.is_empty() {
        let text = format!("{}{}", table.head, actions.join(", "));
        changed.fills.push(vec![Step::new(text, Place::Block).undone_by(undo)]);
    }
    changed.fills.extend(validations);
    Ok(())
}

/// Gives the column its identity, which continues after the last value.
fn identity(
    table: &Table<'_, '_>,
    column: &ColumnDefinition<'_>,
    sequence: &Sequence,
    clause: &str,
) -> Vec<Step> {
    let Table { head, .. } = table;
    let (name, folded) = (written(&column.name), column.name.folded());
    let relation = path(&table.alter.relation.name);
    let own = format!("pg_get_serial_sequence({}, {})", literal(&relation), literal(&folded));
    let fill = &sequence.name;
    let mut add = Step::new(
        format!("{head}ALTER COLUMN {name} DROP DEFAULT, ALTER COLUMN {name} ADD {clause}"),
        Place::Block,
    )
    .undone_by([
        Undo::new(sequence.creation()),
        Undo::new(format!("SELECT setval({}, nextval({own}), false)", literal(fill))),
        Undo::new(format!("{head}ALTER COLUMN {name} DROP IDENTITY")),
        Undo::new(format!("{head}ALTER COLUMN {name} SET DEFAULT {}", sequence.next())),
        Undo::new(sequence.ownership(&relation, &name)),
    ]);
    add.approved = &["drop-default", "drop-sequence"];
    let set = format!("SELECT setval({own}, last_value, is_called) FROM {fill}");
    let drop = format!("DROP SEQUENCE {fill}");
    vec![add, Step::new(set, Place::Block), Step::new(drop, Place::Block)]
}

/// A text as an SQL literal.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
