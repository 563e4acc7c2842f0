//! Steps: the statements of a rewritten script, and the statements that undo them.

use crate::lint::model::Model;
use crate::sql::facts::ObjectName;
use crate::sql::statement::{
    AlterActionKind as Action, ColumnChange, LexedStatement, Name, ObjectKind, ParsedStatement,
    QualifiedName, StatementKind as Kind,
};

/// The kind of script in which a step may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In one transaction with others.
    Block,
    /// It reads a whole table under a lock that blocks nobody: with others of its kind only, so that a lock
    /// that is not granted does not make the run read the table again.
    Slow,
    /// It writes all rows of a table: in a script of its own, so that no lock is waited for after it.
    Rows,
    /// It writes all rows of a table in batches: the only statement of its script.
    Batches,
    /// Outside of transactions, with others of its kind only.
    Concurrent,
    /// In a script of its own.
    Alone,
}

/// A statement of a rewritten script.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The comments above it, each line complete.
    pub(super) comments: String,
    /// The statement, without its semicolon.
    pub(super) text: String,
    /// The comment after its semicolon, on the same line.
    pub(super) trailing: String,
    pub(super) place: Place,
    /// True if it has to start a script: what precedes it has to be committed.
    pub(super) is_first: bool,
    /// The statements that undo it, in order.
    pub(super) undo: Vec<Undo>,
    /// The changes that a statement of the original down script may revert.
    pub(super) keys: Vec<Key>,
    /// A query that verifies it.
    pub(super) verify: Option<String>,
    /// The rules whose findings in it are accepted.
    pub(super) approved: &'static [&'static str],
    /// True if the original has another statement here.
    pub(super) is_new: bool,
}

/// A statement that undoes a step, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undo {
    pub(super) text: String,
    /// The change that it reverts; a statement of the original down script that reverts the same replaces it.
    pub(super) key: Option<Key>,
}

impl Undo {
    pub(super) fn new(text: impl Into<String>) -> Undo {
        Undo { text: text.into(), key: None }
    }

    pub(super) fn of(key: Key, text: impl Into<String>) -> Undo {
        Undo { text: text.into(), key: Some(key) }
    }
}

impl Step {
    pub(super) fn new(text: impl Into<String>, place: Place) -> Step {
        Step {
            comments: String::new(),
            text: text.into(),
            trailing: String::new(),
            place,
            is_first: false,
            undo: Vec::new(),
            keys: Vec::new(),
            verify: None,
            approved: &[],
            is_new: true,
        }
    }

    pub(super) fn undone_by(self, undo: impl IntoIterator<Item = Undo>) -> Step {
        Step { undo: undo.into_iter().collect(), ..self }
    }

    /// The changes that statements of a down script may revert.
    pub(super) fn all_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().chain(self.undo.iter().filter_map(|undo| undo.key.as_ref()))
    }
}

/// A change of the schema, whatever its direction: `ADD COLUMN` and `DROP COLUMN` have the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// An object that is no part of a table.
    Object(ObjectKind, String),
    /// A relation.
    Relation(ObjectName),
    /// A trigger, a policy or a rule of a table.
    Part(ObjectKind, ObjectName, String),
    /// A constraint of a table.
    Constraint(ObjectName, String),
    /// A column of a table.
    Column(ObjectName, String),
    /// The `NOT NULL` of a column.
    NotNull(ObjectName, String),
    /// The default of a column.
    Default(ObjectName, String),
    /// The type of a column.
    Type(ObjectName, String),
    /// A table and its partition.
    Partition(ObjectName, ObjectName),
    /// The two names of a column or a constraint.
    Rename(ObjectName, [String; 2]),
    /// The rows of a table.
    Rows(ObjectName),
}

/// The changes of a statement: one for each action of an `ALTER TABLE` and each object of a `DROP`. `None`
/// stands for a change that no other statement reverts by itself.
pub(super) fn keys(text: &str, model: &Model) -> Vec<Option<Key>> {
    let lexed = LexedStatement::new(text);
    let parsed = lexed.parse();
    match &parsed.kind {
        Kind::AlterRelation(alter) if alter.kind == ObjectKind::Table => {
            let table = model.object(&alter.relation.name);
            alter.actions.iter().map(|action| of_action(&action.kind, &table, model)).collect()
        }
        Kind::Drop(drop) => {
            let part = drop.on.as_ref().map(|table| model.object(table));
            drop.names.iter().map(|name| Some(of_object(drop.kind, name, part.as_ref(), model))).collect()
        }
        _ => vec![of_whole(&parsed, model)],
    }
}

fn of_whole(parsed: &ParsedStatement<'_>, model: &Model) -> Option<Key> {
    let rows = |name: &QualifiedName<'_>| Some(Key::Rows(model.object(name)));
    match &parsed.kind {
        Kind::CreateIndex(index) => {
            let name = index.name.as_ref()?.name().folded().into_owned();
            Some(Key::Relation(ObjectName::new(model.object(&index.table.name).schema, name)))
        }
        Kind::CreateTrigger(trigger) => {
            let table = model.object(&trigger.table);
            Some(Key::Part(ObjectKind::Trigger, table, trigger.name.folded().into_owned()))
        }
        Kind::CreateOnTable(made) => {
            let table = model.object(&made.table);
            Some(Key::Part(made.kind, table, made.name.folded().into_owned()))
        }
        Kind::Insert(insert) => rows(&insert.table),
        Kind::Update(update) => rows(&update.table.name),
        Kind::Delete(delete) => rows(&delete.table.name),
        _ if parsed.verb().eq_ignore_ascii_case("CREATE") => {
            Some(of_object(parsed.object_kind()?, &parsed.target()?, None, model))
        }
        _ => None,
    }
}

fn of_object(kind: ObjectKind, name: &QualifiedName<'_>, part: Option<&ObjectName>, model: &Model) -> Key {
    match part {
        Some(table) => Key::Part(kind, table.clone(), name.name().folded().into_owned()),
        None if kind.is_relation() => Key::Relation(model.object(name)),
        None => Key::Object(kind, name.folded()),
    }
}

fn of_action(action: &Action<'_>, table: &ObjectName, model: &Model) -> Option<Key> {
    let table = table.clone();
    let owned = |name: &Name<'_>| name.folded().into_owned();
    Some(match action {
        Action::AddColumn { column, .. } => Key::Column(table, owned(&column.name)),
        Action::DropColumn { column, .. } => Key::Column(table, owned(column)),
        Action::AddConstraint(constraint) => Key::Constraint(table, owned(constraint.name.as_ref()?)),
        Action::DropConstraint { name, .. } => Key::Constraint(table, owned(name)),
        Action::AlterColumn { column: Some(column), change } => match change {
            ColumnChange::SetNotNull | ColumnChange::DropNotNull => Key::NotNull(table, owned(column)),
            ColumnChange::SetDefault(_) | ColumnChange::DropDefault => Key::Default(table, owned(column)),
            ColumnChange::SetType { .. } => Key::Type(table, owned(column)),
            _ => return None,
        },
        Action::AttachPartition { partition, .. } | Action::DetachPartition { partition, .. } => {
            Key::Partition(table, model.object(partition))
        }
        Action::RenameColumn { from, to } | Action::RenameConstraint { from, to } => {
            let mut names = [owned(from), owned(to)];
            names.sort();
            Key::Rename(table, names)
        }
        _ => return None,
    })
}
