//! The specification of a backfill, read from its script.

use crate::display::printable::Printable;
use crate::set::options::Batch;
use crate::set::script::Script;
use crate::sql::statement::{
    Fragment, InsertSource, LexedStatement, Name, ParsedStatement, QualifiedName, StatementKind,
};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// The table and the key of a backfill, and what else its statement tells.
///
/// # Examples
///
/// ```
/// use migrate_core::Script;
/// use migrate_core::backfill::Specification;
///
/// let text = "-- migrate: batch=users(id) rows=500\nUPDATE app.users u SET slug = lower(name) WHERE slug IS NULL AND ${batch}";
/// let script = Script::of_up_text("0043_slugs.sql", text.to_owned())?;
/// let specification = Specification::of(&script).unwrap();
/// assert_eq!(specification.relation, "app.users");
/// assert_eq!(specification.key, ["id"]);
/// assert_eq!(specification.qualifier.as_deref(), Some("u"));
/// assert_eq!(specification.assigned, ["slug"]);
/// assert_eq!(specification.condition.as_deref(), Some("slug IS NULL AND true"));
///
/// let batch = script.in_batch("(u.id) > (4) AND (u.id) <= (9)");
/// assert!(batch.text().ends_with("WHERE slug IS NULL AND (u.id) > (4) AND (u.id) <= (9)"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Specification {
    /// The kind of statement.
    pub statement: BatchedStatement,
    /// The table, as SQL: with the schema that `batch=` gives, or else as the statement names it.
    pub relation: String,
    /// The columns of the key, as the server reads them; none if the catalog is to decide.
    pub key: Vec<String>,
    /// The name that stands for the table in the statement, as SQL: its alias, or its own name. `None` if the
    /// statement names the table several times; then its columns stand alone.
    pub qualifier: Option<String>,
    /// The columns of the table that the statement assigns, as the server reads them.
    pub assigned: Vec<String>,
    /// The statement's condition with `true` for `${batch}`, if it alone decides which rows of the table are
    /// changed, and is more than `${batch}`.
    pub condition: Option<String>,
    /// The table that an `INSERT` writes, as SQL.
    pub into: Option<String>,
    /// The number of rows in the first batch, if the header gives it.
    pub rows: Option<NonZeroU32>,
    /// The pause between two batches, if the header gives it.
    pub pause: Option<Duration>,
}

/// The kinds of statements that run in batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchedStatement {
    /// `UPDATE`
    Update,
    /// `DELETE`
    Delete,
    /// `INSERT … SELECT`
    Insert,
}

impl Specification {
    /// Reads the specification of a script, whatever stands for its `${batch}`. `None` if the script is not
    /// one that runs in batches.
    pub fn of(script: &Script) -> Option<Specification> {
        let batch = script.options().batch.as_ref()?;
        let whole = script.in_batch("true");
        let statement = whole.statements().get(0)?;
        let lexed = LexedStatement::new(statement.text(whole.text()));
        let parsed = lexed.parse();
        let places = places(&parsed, batch)?;
        let first = places.first()?;
        let is_target = places.iter().any(|place| place.is_target);
        let (kind, assigned, condition) = match &parsed.kind {
            StatementKind::Update(update) => {
                let condition = update.condition.filter(|_| is_target && update.from.is_none());
                let assigned = update.columns.iter().filter(|_| is_target).map(folded).collect();
                (BatchedStatement::Update, assigned, condition)
            }
            StatementKind::Delete(delete) => {
                let condition = delete.condition.filter(|_| is_target && delete.using.is_none());
                (BatchedStatement::Delete, Vec::new(), condition)
            }
            StatementKind::Insert(insert) if matches!(insert.source, InsertSource::Query(_)) => {
                (BatchedStatement::Insert, Vec::new(), None)
            }
            _ => return None,
        };
        let into = match &parsed.kind {
            StatementKind::Insert(insert) => Some(insert.table.to_sql()?),
            _ => None,
        };
        let own = LexedStatement::new(&batch.table);
        let (table, _) = own.parse_relation_key()?;
        let relation =
            if table.schema().is_some() { batch.table.to_string() } else { first.name.to_sql()? };
        let key = batch.key.iter().map(|column| column_name(column)).collect::<Option<_>>()?;
        let qualifier = match places.as_slice() {
            [place] => place.alias.unwrap_or(place.name.name()).to_sql().map(Cow::into_owned),
            _ => None,
        };
        Some(Specification {
            statement: kind,
            relation,
            key,
            qualifier,
            assigned,
            condition: condition.filter(is_own).map(|condition| condition.text().to_owned()),
            into,
            rows: script.options().rows,
            pause: script.options().pause,
        })
    }
}

/// `a backfill of users by (id)`, `a backfill of users`
impl fmt::Display for Specification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = &mut Printable(f);
        write!(f, "a backfill of {}", self.relation)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, " by ({})", self.key.join(", ")) }
    }
}

/// The name of a column as the server reads it.
fn column_name(written: &str) -> Option<String> {
    let lexed = LexedStatement::new(written);
    lexed.parse_relation_key().map(|(name, _)| name.folded())
}

fn folded(name: &Name<'_>) -> String {
    name.folded().into_owned()
}

/// Returns true if a condition is more than the `true` that stands for `${batch}`.
fn is_own(condition: &Fragment<'_>) -> bool {
    let is_nothing =
        |word: &str| matches!(word.to_ascii_lowercase().as_str(), "true" | "and" | "(" | ")" | ";");
    condition.tokens().iter().any(|token| !is_nothing(condition.written(*token)))
}

/// A place in a statement that names the table of a backfill.
struct TablePlace<'t> {
    name: QualifiedName<'t>,
    alias: Option<Name<'t>>,
    /// True if the rows of this place are changed.
    is_target: bool,
}

/// The places where a statement names the table of a backfill; `None` if there is none.
fn places<'t>(parsed: &ParsedStatement<'t>, batch: &Batch) -> Option<Vec<TablePlace<'t>>> {
    let own = LexedStatement::new(&batch.table);
    let (table, _) = own.parse_relation_key()?;
    let is_table = |name: &QualifiedName<'_>| {
        let schemas = name.schema().zip(table.schema());
        name.name().folded() == table.name().folded()
            && schemas.is_none_or(|(one, other)| one.folded() == other.folded())
    };
    let relations = parsed.all.relations().into_iter().filter(|relation| is_table(&relation.name));
    let target = match &parsed.kind {
        StatementKind::Update(update) => Some(update.table.name.span()),
        StatementKind::Delete(delete) => Some(delete.table.name.span()),
        _ => None,
    };
    let place = |relation: crate::sql::statement::RelationUse<'t>| TablePlace {
        is_target: target == Some(relation.name.span()),
        name: relation.name,
        alias: relation.alias,
    };
    let places: Vec<_> = relations.map(place).collect();
    (!places.is_empty()).then_some(places)
}

/// Returns true if a statement names the table of a backfill.
pub(crate) fn names_table(parsed: &ParsedStatement<'_>, batch: &Batch) -> bool {
    places(parsed, batch).is_some()
}

/// The column that a statement changes although it belongs to the key, if there is one.
pub(crate) fn changed_key<'t>(parsed: &ParsedStatement<'t>, batch: &Batch) -> Option<Name<'t>> {
    let StatementKind::Update(update) = &parsed.kind else { return None };
    let is_target = places(parsed, batch)?.iter().any(|place| place.is_target);
    let key: Vec<String> = batch.key.iter().filter_map(|column| column_name(column)).collect();
    update.columns.iter().copied().find(|column| is_target && key.contains(&folded(column)))
}
